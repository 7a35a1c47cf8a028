// SPDX-License-Identifier: GPL-2.0

//! Requests on their way back to the block layer.

use core::ptr::{
    null_mut,
    NonNull, //
};

use super::{
    hw_queue::HwQueue,
    poll::CompletionBatch,
    request::{
        end,
        extra,
        Request, //
    },
    status::BlkStatus, //
};
use crate::kernel_ext::bindings;

/// Requests whose outcome is known, collected to be given back together, for instance after a lock
/// was dropped. They are given back in the order in which they were added, at the latest when the
/// collection is dropped.
///
/// The requests themselves are linked, so there is room for any number.
///
/// # Invariants
///
/// From `head` on, the `next` of each request's extra part is the one added after it, and null in
/// `tail`, the last; both are null when there is none. The collection owns these requests as a
/// [`Request`] does, and the outcome of each is set.
pub struct Completed {
    head: *mut bindings::request,
    tail: *mut bindings::request,
    len: usize,
}

impl Completed {
    /// A collection of none.
    #[inline]
    pub const fn new() -> Self {
        // INVARIANT: There is none.
        Self {
            head: null_mut(),
            tail: null_mut(),
            len: 0,
        }
    }

    /// How many they are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds a request with its outcome.
    #[inline]
    pub fn push(&mut self, request: Request, status: BlkStatus) {
        let rq = request.into_raw_with(status).as_ptr();

        // SAFETY: The handle's invariant makes the request, and with it its extra part, ours.
        unsafe { (*extra(rq)).next = null_mut() };
        // INVARIANT: The request is the last now, and the one before refers to it.
        if self.head.is_null() {
            self.head = rq;
        } else {
            // SAFETY: By the type invariant `tail` is a request of ours.
            unsafe { (*extra(self.tail)).next = rq };
        }
        self.tail = rq;
        self.len = self.len.wrapping_add(1);
    }

    /// The hardware queue that the first request came through.
    #[inline]
    pub fn hw_queue(&self) -> Option<&HwQueue> {
        let first = NonNull::new(self.head)?;
        // SAFETY: By the type invariant the request is started and ours while `self` is borrowed;
        // its hardware queue outlives it.
        Some(unsafe { HwQueue::from_raw((*first.as_ptr()).mq_hctx) })
    }

    /// Gives the requests back to the block layer, each by itself.
    #[inline]
    pub fn give_back(self) {
        drop(self);
    }

    /// Gives the requests back to the block layer, together with others that their poller finds.
    #[inline]
    pub fn give_back_with(mut self, others: &mut CompletionBatch<'_>) {
        // SAFETY: `take_each` passes requests of ours with an outcome, each once.
        self.take_each(|rq| unsafe { others.end(rq) });
    }

    /// Empties the collection and passes each request on.
    #[inline]
    fn take_each(&mut self, mut f: impl FnMut(NonNull<bindings::request>)) {
        let mut next = self.head;
        // INVARIANT: There is none any more.
        (self.head, self.tail) = (null_mut(), null_mut());
        while let Some(rq) = NonNull::new(next) {
            // SAFETY: By the type invariant the request is ours until it is passed on.
            next = unsafe { (*extra(rq.as_ptr())).next };
            f(rq);
        }
    }
}

impl Drop for Completed {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `take_each` passes requests of ours with an outcome, each once.
        self.take_each(|rq| unsafe { end(rq) });
    }
}
