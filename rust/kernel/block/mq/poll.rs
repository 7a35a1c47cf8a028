// SPDX-License-Identifier: GPL-2.0

//! Requests that are looked for by who waits for them.
//!
//! C headers: [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h),
//! [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use core::marker::PhantomData;

use super::{
    request::Request,
    status::BlkStatus, //
};
use crate::kernel_ext::bindings;

/// Where [`Operations::poll`](super::Operations::poll) puts requests that have ended well, so that
/// the poller ends them all at once, `struct io_comp_batch`.
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

    /// Gives a request back to the block layer with its outcome. It ends with the others of the
    /// batch, or at once if that cannot be.
    #[inline]
    pub fn complete(&mut self, request: Request, status: BlkStatus) {
        let Some(rq) = request.into_completed(status) else {
            return;
        };
        let rq = rq.as_ptr();

        // SAFETY: The handle is gone, so its invariant lets this function complete the request,
        // which is done once: here or, when this returns true, on another CPU.
        if unsafe { bindings::blk_mq_complete_request_remote(rq) } {
            return;
        }
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
