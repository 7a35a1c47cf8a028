// SPDX-License-Identifier: GPL-2.0

//! Requests that the device has used, on their way from the queue to the block layer.

use crate::kernel_ext::block::mq::{
    BlkStatus,
    CompletionBatch,
    Request, //
};

/// Requests that are completed at a time.
const BATCH: usize = 16;

/// Requests that the device has used, on their way out of the lock.
pub(crate) struct Batch {
    requests: [Option<(Request, BlkStatus)>; BATCH],
    len: usize,
}

impl Batch {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            requests: [const { None }; BATCH],
            len: 0,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.len == BATCH
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<&Request> {
        match self.requests.first() {
            Some(Some((request, _))) => Some(request),
            _ => None,
        }
    }

    /// Adds a request; one for which there is no place fails, when it is dropped.
    #[inline]
    pub(crate) fn push(&mut self, request: Request, status: BlkStatus) {
        if let Some(place) = self.requests.get_mut(self.len) {
            *place = Some((request, status));
            self.len += 1;
        }
    }

    /// Completes the requests, each by itself.
    #[inline]
    pub(crate) fn complete(&mut self) {
        self.for_each(Request::complete);
    }

    /// Completes the requests together with others that their poller finds.
    #[inline]
    pub(crate) fn complete_with(&mut self, others: &mut CompletionBatch<'_>) {
        self.for_each(|request, status| others.complete(request, status));
    }

    #[inline]
    fn for_each(&mut self, mut complete: impl FnMut(Request, BlkStatus)) {
        for place in self.requests.iter_mut().take(self.len) {
            if let Some((request, status)) = place.take() {
                complete(request, status);
            }
        }
    }
}
