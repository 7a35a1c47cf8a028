// SPDX-License-Identifier: GPL-2.0

//! Where receive buffers come from, and where unused ones go.

use kernel::{
    alloc::flags::__GFP_NOWARN,
    prelude::*, //
};

use super::buffers::{
    Buffer,
    Pieces,
    Shape,
    Sizing,
    PAGE, //
};
use crate::kernel_ext::net::{
    napi::{
        Handle,
        Owned, //
    },
    page_pool::{
        PagePool,
        PoolBuffer, //
    },
    xdp::RxQueue,
};

/// The pages of a queue.
pub(super) struct Stock {
    pool: PagePool,
    /// Pieces of long buffers that packets have left unused.
    spares: KVec<Pieces>,
}

impl Stock {
    /// A stock for a ring of `entries`.
    pub(super) fn new(napi: &Handle, sizing: &Sizing, entries: u32) -> Result<Self> {
        let spares = if sizing.pieces() == 0 { 0 } else { entries };
        Ok(Self {
            pool: PagePool::new(napi, entries, sizing.page_order())?,
            spares: KVec::with_capacity(spares as usize, GFP_KERNEL)?,
        })
    }

    /// Tells XDP of the pages, as those of receive queue `index`.
    pub(super) fn register(&self, napi: &Handle, index: u16) -> Result<RxQueue> {
        RxQueue::new(napi, index, &self.pool)
    }

    /// Takes a page for a packet that is copied; `None` without memory.
    pub(super) fn page(&mut self, owner: &Owned<'_>) -> Option<PoolBuffer> {
        self.pool.alloc(PAGE, owner)
    }

    /// Makes a buffer of such a shape, with as many pieces behind the first one, of `size` bytes each;
    /// `None` without memory.
    #[inline]
    pub(super) fn buffer(
        &mut self,
        shape: Shape,
        pieces: u16,
        size: u32,
        owner: &Owned<'_>,
    ) -> Option<Buffer> {
        let further = match pieces {
            0 => Pieces::default(),
            count => self.pieces(size, count.into(), owner)?,
        };
        let first = self.pool.alloc(size, owner)?;
        shape.lend(first, further)
    }

    /// The pieces of a long buffer behind its first one, of `size` bytes each.
    #[inline(never)]
    fn pieces(&mut self, size: u32, count: usize, owner: &Owned<'_>) -> Option<Pieces> {
        let mut pieces = match self.spares.pop() {
            Some(spare) => spare,
            None => Pieces::with_capacity(count, GFP_ATOMIC | __GFP_NOWARN).ok()?,
        };
        while pieces.len() < count {
            let piece = self.pool.alloc(size, owner).and_then(|page| {
                let len = page.size();
                page.lend(0, len, 0).ok()
            });
            let Some(piece) = piece else {
                self.keep(pieces);
                return None;
            };
            if !pieces.push(piece) {
                break;
            }
        }
        Some(pieces)
    }

    /// Takes a buffer back that became no packet.
    #[inline]
    pub(super) fn recycle(&mut self, buffer: PoolBuffer, owner: &Owned<'_>) {
        self.pool.recycle(buffer, owner);
    }

    /// Takes pieces back that have no part of a packet.
    #[inline]
    pub(super) fn keep(&mut self, pieces: Pieces) {
        if !pieces.is_none() {
            // There is room for as many as are in the ring at most.
            let _ = self.spares.push_within_capacity(pieces);
        }
    }
}
