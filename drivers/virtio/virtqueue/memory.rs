// SPDX-License-Identifier: GPL-2.0

//! The memory that driver and device share: one ring, and the tables of its indirect chains.
//!
//! All unsafe access to ring memory is in this file. Every accessor masks its index with the ring
//! size, so none can reach beyond the block, whatever the caller or the device says.
//!
//! What the device may write is read with a single volatile load by an accessor whose comment says
//! so; the driver never reads back what it has written itself.

use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    num::NonZero,
    ptr::NonNull, //
};

use crate::virtio::{
    core::layout::{
        Layout,
        DESC_BYTES,
        USED_ENTRY_BYTES, //
    },
    platform::{
        read_volatile,
        shared,
        table,
        write_volatile,
        AllocError,
        Arc,
        ContiguousPages,
        PhysRange,
        Table, //
    },
};

#[path = "memory/watch.rs"]
mod watch;

use self::watch::Counts;
pub use self::watch::{
    Progress,
    RingState,
    Watch, //
};

/// Bytes of the pages that indirect tables are packed into.
const PAGE_BYTES: usize = 4096;

/// A descriptor as it stands in memory (VIRTIO 1.3, section 2.7.5), in the guest's byte order: two
/// words, so that it is written with two stores.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawDescriptor {
    addr: u64,
    /// Length, flags, next.
    rest: u64,
}

/// Offset of a descriptor's flags.
const FLAGS_OFFSET: usize = 12;

impl RawDescriptor {
    #[inline]
    fn new(range: PhysRange, flags: u16, next: u16) -> Self {
        let (len, flags, next) = (u64::from(range.len()), u64::from(flags), u64::from(next));
        Self {
            addr: range.addr(),
            rest: if cfg!(target_endian = "little") {
                (next << 48) | (flags << 32) | len
            } else {
                (len << 32) | (flags << 16) | next
            },
        }
    }
}

/// A used entry as the device wrote it: nothing of it is checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct RawUsed {
    /// Claims to be the head of a chain.
    pub(super) id: u32,
    /// Claims to be the bytes written.
    pub(super) len: u32,
}

/// What the owner of a ring and those who only watch it have in common.
///
/// On cache lines of its own: two queues share nothing that is written.
#[repr(align(64))]
struct Block {
    pages: ContiguousPages,
    layout: Layout,
    counts: Counts,
}

/// The ring of one queue.
///
/// # Invariants
///
/// `start` is the first byte of the block's pages, which hold at least `layout.bytes()` bytes, and
/// `mask + 1` is the ring's size.
pub(super) struct RingMemory {
    start: NonNull<u8>,
    block: ManuallyDrop<Arc<Block>>,
    layout: Layout,
    mask: u16,
    abandoned: bool,
}

// SAFETY: `start` points into the block, which is plain memory and kept alive by `block`.
unsafe impl Send for RingMemory {}

// SAFETY: Through a shared reference the memory is only read, by volatile loads.
unsafe impl Sync for RingMemory {}

impl RingMemory {
    /// Allocates a zeroed ring.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no such block of memory; a smaller one is not tried.
    pub(super) fn new(layout: Layout) -> Result<Self, AllocError> {
        let block = shared(Block {
            pages: ContiguousPages::new(layout.bytes())?,
            layout,
            counts: Counts::default(),
        })?;
        // INVARIANT: The block has the layout's size, which is a power of two.
        Ok(Self {
            start: NonNull::new(block.pages.as_ptr()).ok_or(AllocError)?,
            block: ManuallyDrop::new(block),
            layout,
            mask: layout.size().wrapping_sub(1),
            abandoned: false,
        })
    }

    /// Makes the ring as it was when it was new.
    pub(super) fn clear(&mut self) {
        for offset in (0..self.layout.bytes()).step_by(2) {
            self.write_word(offset, 0);
        }
        self.block.counts.restart(self.layout.size());
    }

    /// Leaves the memory allocated for good.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// The physical address of the ring, a multiple of 4096.
    pub(super) fn phys(&self) -> u64 {
        self.block.pages.phys()
    }

    /// What the owner counts for those who watch.
    #[inline]
    pub(super) fn counts(&self) -> &Counts {
        &self.block.counts
    }

    /// A pointer to entry `index` of a part with entries of `bytes` bytes, wrapped to the ring.
    #[inline]
    fn entry<T>(&self, part: usize, index: u16, bytes: usize) -> *mut T {
        let offset = part + usize::from(index & self.mask) * bytes;
        // SAFETY: `part` is one of the layout's offsets and the index is below the ring's size, so
        // by the type invariant the entry is inside the block.
        unsafe { self.start.as_ptr().add(offset).cast() }
    }

    /// A pointer to the 16-bit word at an even offset within the layout.
    #[inline]
    fn word(&self, offset: usize) -> *mut u16 {
        // SAFETY: Only offsets below the layout's size are passed, which are inside the block.
        unsafe { self.start.as_ptr().add(offset).cast() }
    }

    #[inline]
    fn write_word(&mut self, offset: usize, value: u16) {
        // SAFETY: `word` is inside the block, and all offsets that are passed are even. The device
        // may read it meanwhile, so the store is volatile.
        unsafe { write_volatile(self.word(offset), value) };
    }

    #[inline]
    fn read_word(&self, offset: usize) -> u16 {
        // SAFETY: As in `write_word`; the device may write it meanwhile, so the load is volatile.
        unsafe { read_volatile(self.word(offset)) }
    }

    /// Writes descriptor `index`.
    #[inline]
    pub(super) fn write_descriptor(&mut self, index: u16, range: PhysRange, flags: u16, next: u16) {
        let at: *mut RawDescriptor = self.entry(0, index, DESC_BYTES);
        // SAFETY: `entry` is inside the block and a multiple of 16 bytes from its page-aligned
        // start.
        unsafe { write_volatile(at, RawDescriptor::new(range, flags, next)) };
    }

    /// Writes the flags of descriptor `index` alone.
    #[inline]
    pub(super) fn write_flags(&mut self, index: u16, flags: u16) {
        let offset = usize::from(index & self.mask) * DESC_BYTES + FLAGS_OFFSET;
        self.write_word(offset, flags);
    }

    /// Writes entry `position` of the available ring, counted modulo 65536.
    #[inline]
    pub(super) fn write_avail_entry(&mut self, position: u16, head: u16) {
        let at: *mut u16 = self.entry(self.layout.avail() + 4, position, 2);
        // SAFETY: `entry` is inside the block and even.
        unsafe { write_volatile(at, head) };
    }

    /// Writes `avail.idx`.
    #[inline]
    pub(super) fn write_avail_idx(&mut self, index: u16) {
        self.write_word(self.layout.avail() + 2, index);
    }

    /// Writes `avail.flags`.
    #[inline]
    pub(super) fn write_avail_flags(&mut self, flags: u16) {
        self.write_word(self.layout.avail(), flags);
    }

    /// Writes `used_event`.
    #[inline]
    pub(super) fn write_used_event(&mut self, index: u16) {
        self.write_word(self.layout.used_event(), index);
    }

    /// Reads `used.flags`. Written by the device; any value is possible.
    #[inline]
    pub(super) fn read_used_flags(&self) -> u16 {
        self.read_word(self.layout.used())
    }

    /// Reads `used.idx`. Written by the device; any value is possible.
    #[inline]
    pub(super) fn read_used_idx(&self) -> u16 {
        self.read_word(self.layout.used() + 2)
    }

    /// Reads `avail_event`. Written by the device; any value is possible.
    #[inline]
    pub(super) fn read_avail_event(&self) -> u16 {
        self.read_word(self.layout.avail_event())
    }

    /// Reads entry `position` of the used ring, counted modulo 65536. Written by the device; any
    /// value is possible.
    #[inline]
    pub(super) fn read_used_entry(&self, position: u16) -> RawUsed {
        let at: *const RawUsed = self.entry(self.layout.used() + 4, position, USED_ENTRY_BYTES);
        // SAFETY: `entry` is inside the block and a multiple of 4; any bits are a `RawUsed`.
        unsafe { read_volatile(at) }
    }
}

impl Drop for RingMemory {
    fn drop(&mut self) {
        if !self.abandoned {
            // SAFETY: Dropped here once, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.block) };
        }
    }
}

/// One indirect table for each descriptor of a ring, allocated once.
///
/// # Invariants
///
/// Each of `blocks` holds `1 << per_block_shift` tables of `1 << table_shift` bytes, and a table
/// has room for `entries` descriptors.
pub(super) struct Tables {
    blocks: Table<(ContiguousPages, u64)>,
    per_block_shift: u32,
    table_shift: u32,
    entries: u16,
}

impl Tables {
    /// Allocates `tables` tables of at least `entries` descriptors each.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    pub(super) fn new(tables: u16, entries: u16) -> Result<Self, AllocError> {
        let bytes = (usize::from(entries) * DESC_BYTES).next_power_of_two();
        let block_bytes = bytes.max(PAGE_BYTES);
        let table_shift = bytes.trailing_zeros();
        let per_block_shift = block_bytes.trailing_zeros() - table_shift;
        let count = (usize::from(tables) << table_shift).div_ceil(block_bytes);

        let blocks = table(count, |_| {
            let block = ContiguousPages::new(block_bytes)?;
            let phys = block.phys();
            Ok((block, phys))
        })?;

        // INVARIANT: Sizes as computed; `entries` descriptors fit `bytes` bytes.
        Ok(Self {
            blocks,
            per_block_shift,
            table_shift,
            entries,
        })
    }

    /// Descriptors in each table.
    #[inline]
    pub(super) fn entries(&self) -> u16 {
        self.entries
    }

    /// The table that belongs to descriptor `head`; `None` beyond the last.
    #[inline]
    pub(super) fn table(&mut self, head: u16) -> Option<IndirectTable<'_>> {
        let head = usize::from(head);
        let (block, phys) = self.blocks.get_mut(head >> self.per_block_shift)?;
        let offset = (head & ((1 << self.per_block_shift) - 1)) << self.table_shift;

        // SAFETY: By the type invariant the block holds the table at `offset`.
        let start = unsafe { block.as_ptr().add(offset) };
        // INVARIANT: The table has `entries` descriptors, and is borrowed with the set of tables.
        Some(IndirectTable {
            start: start.cast(),
            // CAST: Widening; an offset inside a block.
            phys: *phys + offset as u64,
            entries: self.entries,
            tables: PhantomData,
        })
    }
}

/// One indirect table, borrowed to be filled.
///
/// # Invariants
///
/// `start` points to `entries` descriptors of memory that nobody else in the kernel accesses
/// during `'a`; `phys` is its physical address.
pub(super) struct IndirectTable<'a> {
    start: *mut RawDescriptor,
    phys: u64,
    entries: u16,
    tables: PhantomData<&'a mut Tables>,
}

impl IndirectTable<'_> {
    /// Writes descriptor `index`; beyond the table's end nothing is written.
    #[inline]
    pub(super) fn write(&mut self, index: u16, range: PhysRange, flags: u16, next: u16) {
        if index >= self.entries {
            return;
        }
        // SAFETY: By the type invariant the table has more than `index` descriptors.
        unsafe {
            let at = self.start.add(usize::from(index));
            write_volatile(at, RawDescriptor::new(range, flags, next));
        }
    }

    /// Writes the flags of descriptor `index` alone; beyond the table's end nothing is written.
    #[inline]
    pub(super) fn write_flags(&mut self, index: u16, flags: u16) {
        if index >= self.entries {
            return;
        }
        // SAFETY: By the type invariant the table has more than `index` descriptors, and the
        // flags are inside of one, at an even offset.
        unsafe {
            let at = self.start.add(usize::from(index)).byte_add(FLAGS_OFFSET);
            write_volatile(at.cast(), flags);
        }
    }

    /// The first `count` descriptors of the table, as the ring's descriptor names them.
    #[inline]
    pub(super) fn range(&self, count: NonZero<u16>) -> PhysRange {
        // SAFETY: By the type invariant the table is contiguous memory at `phys`; it lives as long
        // as the queue, and `count` is at least 1.
        unsafe { PhysRange::new(self.phys, u32::from(count.get()) * DESC_BYTES as u32) }
    }
}
