// SPDX-License-Identifier: GPL-2.0

//! Hardware queues.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use kernel::types::Opaque;

use crate::kernel_ext::bindings;

/// One of a device's hardware queues, `struct blk_mq_hw_ctx`.
///
/// # Invariants
///
/// A reference is to a live hardware queue of a live request queue.
#[repr(transparent)]
pub struct HwQueue(Opaque<bindings::blk_mq_hw_ctx>);

impl HwQueue {
    /// Makes a reference from a raw pointer.
    ///
    /// # Safety
    ///
    /// `ptr` is a hardware queue that stays alive for `'a`.
    pub(super) unsafe fn from_raw<'a>(ptr: *mut bindings::blk_mq_hw_ctx) -> &'a Self {
        // SAFETY: `Self` is a transparent wrapper, and the caller vouches for the pointer.
        unsafe { &*ptr.cast() }
    }

    /// The number of this queue within its device, from 0.
    #[inline]
    pub fn index(&self) -> u32 {
        // SAFETY: By the type invariant the queue is alive; the field never changes.
        unsafe { (*self.0.get()).queue_num }
    }

    /// Stops the block layer from running this queue until [`HwQueue::start`].
    pub fn stop(&self) {
        // SAFETY: By the type invariant the queue is alive.
        unsafe { bindings::blk_mq_stop_hw_queue(self.0.get()) };
    }

    /// Runs this queue again if it was stopped; it runs elsewhere, so locks may be held.
    pub fn start(&self) {
        // SAFETY: By the type invariant the queue is alive.
        unsafe { bindings::blk_mq_start_stopped_hw_queue(self.0.get(), true) };
    }
}
