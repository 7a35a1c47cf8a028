// SPDX-License-Identifier: GPL-2.0

//! Requests that are looked for by who waits for them.
//!
//! C headers: [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h),
//! [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use super::{
    request::{
        extra,
        withhold, //
    },
    status::BlkStatus, //
};
use crate::kernel_ext::bindings;

/// Where [`Completed`](super::Completed) puts requests that have ended well and were
/// [polled](super::Operations::poll) for, so that the poller ends them all at once, `struct io_comp_batch`.
///
/// # Invariants
///
/// The pointer is null or to a batch that nobody else uses during `'a`.
pub struct CompletionBatch<'a>(
    *mut bindings::io_comp_batch,
    PhantomData<&'a mut bindings::io_comp_batch>,
);

impl CompletionBatch<'_> {
    /// Makes the batch of a poller; null stands for one that has none.
    ///
    /// # Safety
    ///
    /// The type invariant holds for `iob`.
    #[inline]
    pub(super) unsafe fn from_raw(iob: *mut bindings::io_comp_batch) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(iob, PhantomData)
    }

    /// Gives a request back to the block layer. It ends with the others of the batch, or at once if
    /// that cannot be.
    ///
    /// # Safety
    ///
    /// As for [`end`](super::request::end).
    #[inline]
    pub(super) unsafe fn end(&mut self, rq: NonNull<bindings::request>) {
        // SAFETY: By the function's requirements.
        if unsafe { withhold(rq) } {
            return;
        }
        let rq = rq.as_ptr();

        // SAFETY: By the function's requirements this function may complete the request, which is
        // done once: here or, when this returns true, on another CPU.
        if unsafe { bindings::blk_mq_complete_request_remote(rq) } {
            return;
        }
        // SAFETY: The request was completed and has not ended, so it is there, and nobody changes
        // its outcome.
        let status = unsafe { (*extra(rq)).status };
        let add = || {
            // SAFETY: By the type invariant the batch is null or ours. The request was completed
            // and has not ended, which nobody but the batch does if this returns true.
            unsafe {
                bindings::blk_mq_add_to_batch(
                    rq,
                    self.0,
                    false,
                    Some(bindings::blk_mq_end_request_batch),
                )
            }
        };
        if status != BlkStatus::OK || !add() {
            // SAFETY: The request was completed, and this is its end.
            unsafe { bindings::blk_mq_end_request(rq, status.as_raw()) };
        }
    }
}
