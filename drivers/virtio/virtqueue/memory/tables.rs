// SPDX-License-Identifier: GPL-2.0

//! The indirect tables of a queue (VIRTIO 1.3, section 2.7.5.3).
//!
//! Most chains are short: for these each descriptor of the ring has a table of its own, so that
//! nothing is allocated for them. A longer chain gets a table for as long as it is in the ring, so that
//! no more memory is held than such chains need.

use core::{
    marker::PhantomData,
    num::NonZero, //
};

use super::{
    end_at,
    write_at,
    Descriptors,
    RawDescriptor, //
};
use crate::virtio::{
    core::layout::{
        DESC_BYTES,
        DESC_F_NEXT, //
    },
    platform::{
        table,
        AllocError,
        ContiguousBytes,
        ContiguousPages,
        PhysRange,
        Table, //
    },
};

/// Descriptors of a short table: enough for a request of the disk's, with header and status, that has two
/// segments, and for a packet with two fragments.
const SHORT: u16 = 4;
/// Bytes of the pages that short tables are packed into, and how many fit.
const PAGE_BYTES: usize = 4096;
const PER_PAGE: u16 = (PAGE_BYTES / (SHORT as usize * DESC_BYTES)) as u16;

/// The tables of a ring.
///
/// # Invariants
///
/// Each of `pages` is the address of [`PAGE_BYTES`] bytes in the one of `blocks` that has the same index,
/// and their physical address.
pub(in crate::virtio::virtqueue) struct Tables {
    pages: Table<(*mut RawDescriptor, u64)>,
    /// Those of chains that are too long for a short one, by their descriptor in the ring.
    long: Table<Option<ContiguousBytes>>,
    /// Most descriptors of a chain.
    limit: u16,
    /// Keeps the short tables allocated.
    _blocks: Table<ContiguousPages>,
}

// SAFETY: The pointers are into the blocks, which are plain memory and owned.
unsafe impl Send for Tables {}

// SAFETY: Through a shared reference nothing is accessed.
unsafe impl Sync for Tables {}

/// A table for a chain, and what it is.
pub(in crate::virtio::virtqueue) struct ForChain<'a> {
    pub(in crate::virtio::virtqueue) descriptors: TableDescriptors<'a>,
    pub(in crate::virtio::virtqueue) address: TableAddress,
    /// It is to be given up with the chain.
    pub(in crate::virtio::virtqueue) is_long: bool,
}

impl Tables {
    /// Makes tables for a ring of `size` descriptors, whose chains have at most `limit` descriptors each.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    pub(in crate::virtio::virtqueue) fn new(size: u16, limit: u16) -> Result<Self, AllocError> {
        let count = usize::from(size.div_ceil(PER_PAGE));
        let blocks = table(count, |_| ContiguousPages::new(PAGE_BYTES))?;
        let pages = table(count, |number| {
            let block = blocks.get(number).ok_or(AllocError)?;
            Ok((block.as_ptr().cast(), block.phys()))
        })?;
        // INVARIANT: As computed.
        Ok(Self {
            pages,
            long: table(size.into(), |_| Ok(None))?,
            limit,
            _blocks: blocks,
        })
    }

    /// Most descriptors of a chain.
    #[inline]
    pub(in crate::virtio::virtqueue) fn limit(&self) -> u16 {
        self.limit
    }

    /// A table for a chain of `most` descriptors at most that begins at `head` of the ring; `None` if there
    /// is none, or no memory for one.
    #[inline]
    pub(in crate::virtio::virtqueue) fn table(
        &mut self,
        head: u16,
        most: u16,
    ) -> Option<ForChain<'_>> {
        if most > SHORT {
            return self.long_table(head, most);
        }
        self.short(head)
    }

    /// The short table of `head`; `None` beyond the last.
    #[inline]
    pub(in crate::virtio::virtqueue) fn short(&mut self, head: u16) -> Option<ForChain<'_>> {
        let &(page, phys) = self.pages.get(usize::from(head / PER_PAGE))?;
        let first = usize::from(head % PER_PAGE) * usize::from(SHORT);
        // INVARIANT: A page has `PER_PAGE` tables of `SHORT` descriptors, and this one is borrowed with all
        // of them; that the address is theirs is known by the type invariant.
        Some(ForChain {
            descriptors: TableDescriptors {
                start: page.wrapping_add(first),
                next: 0,
                left: SHORT.min(self.limit),
                _tables: PhantomData,
            },
            // CAST: Widening; an offset in a page.
            address: TableAddress(phys.wrapping_add((first * DESC_BYTES) as u64)),
            is_long: false,
        })
    }

    /// As [`Self::table`], for a chain that is too long for a short one.
    #[inline(never)]
    fn long_table(&mut self, head: u16, most: u16) -> Option<ForChain<'_>> {
        let entries = most.min(self.limit);
        let place = self.long.get_mut(usize::from(head))?;
        let bytes = usize::from(entries).wrapping_mul(DESC_BYTES);
        let block = ContiguousBytes::new(bytes).ok()?;
        let block = place.insert(block);
        // INVARIANT: The block has as many descriptors, and is borrowed with all tables. It is kept until
        // the chain is not with the device any more.
        Some(ForChain {
            descriptors: TableDescriptors {
                start: block.as_ptr().cast(),
                next: 0,
                left: entries,
                _tables: PhantomData,
            },
            address: TableAddress(block.phys()),
            is_long: true,
        })
    }

    /// Gives up the long table of the chain that begins at `head` of the ring, which is not with the
    /// device any more.
    #[cold]
    pub(in crate::virtio::virtqueue) fn give_up(&mut self, head: u16) {
        if let Some(place) = self.long.get_mut(usize::from(head)) {
            *place = None;
        }
    }
}

/// The descriptors of an indirect table, one after the other.
///
/// # Invariants
///
/// `start` points to at least `next + left` descriptors, which nobody else in the kernel accesses during
/// `'a`.
pub(in crate::virtio::virtqueue) struct TableDescriptors<'a> {
    start: *mut RawDescriptor,
    next: u16,
    left: u16,
    _tables: PhantomData<&'a mut Tables>,
}

impl Descriptors for TableDescriptors<'_> {
    #[inline]
    fn left(&self) -> u16 {
        self.left
    }

    #[inline]
    fn last(&self) -> u16 {
        self.next.wrapping_sub(1)
    }

    #[inline(always)] // Once for each kind of buffer: the call costs more than what it does.
    fn write(&mut self, range: PhysRange, flags: u16) -> bool {
        let index = self.next;
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        // INVARIANT: The sum is the same.
        (self.next, self.left) = (index.wrapping_add(1), left);
        let raw = RawDescriptor::new(range, flags | DESC_F_NEXT, self.next);
        // SAFETY: By the type invariant there are more than `index` descriptors, as one was left.
        unsafe { write_at(self.start, index, raw) };
        true
    }

    #[inline]
    fn end(&mut self, flags: u16) {
        let Some(last) = self.next.checked_sub(1) else {
            return;
        };
        // SAFETY: It was written.
        unsafe { end_at(self.start, last, flags) };
    }
}

/// Where an indirect table is.
///
/// # Invariants
///
/// The physical address of a table that lives as long as the device has the chain it is for.
#[derive(Clone, Copy)]
pub(in crate::virtio::virtqueue) struct TableAddress(u64);

impl TableAddress {
    /// The first `count` descriptors of the table, as the ring's descriptor names them.
    #[inline]
    pub(in crate::virtio::virtqueue) fn range(self, count: NonZero<u16>) -> PhysRange {
        // CAST: 16.
        let bytes = u32::from(count.get()).wrapping_mul(DESC_BYTES as u32);
        // SAFETY: By the type invariant the table is contiguous memory, and `count` is at least 1.
        unsafe { PhysRange::new(self.0, bytes) }
    }
}
