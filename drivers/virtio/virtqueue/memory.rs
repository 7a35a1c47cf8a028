// SPDX-License-Identifier: GPL-2.0

//! The memory that driver and device share: one ring, and the tables of its indirect chains.
//!
//! All unsafe access to ring memory is in this file and those below it. Every accessor masks its index with the ring
//! size, so none can reach beyond the block, whatever the caller or the device says.
//!
//! What the device may write is read with a single volatile load by an accessor whose comment says
//! so; the driver never reads back what it has written itself.

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use crate::virtio::{
    core::layout::{
        Layout,
        DESC_F_NEXT,
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

#[path = "memory/tables.rs"]
mod tables;
#[path = "memory/watch.rs"]
mod watch;

pub(super) use self::tables::Tables;
use self::watch::Counts;
pub use self::watch::{
    Progress,
    RingState,
    Watch, //
};

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
/// `descriptors`, `avail` and `used` are the beginnings of the three parts of a ring of `mask + 1`
/// entries, a power of two, in the block's pages; `links` has as many.
pub(super) struct RingMemory {
    descriptors: NonNull<RawDescriptor>,
    avail: NonNull<u16>,
    used: NonNull<u16>,
    /// What follows each descriptor, in its chain or in the list of free ones. Private.
    links: Table<u16>,
    mask: u16,
    abandoned: bool,
    block: ManuallyDrop<Arc<Block>>,
}

// SAFETY: The pointers are into the block, which is plain memory and kept alive by `block`.
unsafe impl Send for RingMemory {}

// SAFETY: Through a shared reference the memory is only read, by volatile loads.
unsafe impl Sync for RingMemory {}

/// Words of the available and of the used ring before their entries: flags and index.
const HEAD_WORDS: usize = 2;
/// Words of a used entry.
const USED_ENTRY_WORDS: usize = USED_ENTRY_BYTES / 2;

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
        let start = NonNull::new(block.pages.as_ptr()).ok_or(AllocError)?;
        let links = table(layout.size().into(), |_| Ok(0))?;
        // INVARIANT: The block has the layout's size, which is a power of two.
        //
        // SAFETY: The layout's offsets are inside the block.
        Ok(unsafe {
            Self {
                descriptors: start.cast(),
                avail: start.add(layout.avail()).cast(),
                used: start.add(layout.used()).cast(),
                links,
                mask: layout.size().wrapping_sub(1),
                abandoned: false,
                block: ManuallyDrop::new(block),
            }
        })
    }

    /// Makes the ring as it was when it was new.
    pub(super) fn clear(&mut self) {
        let layout = self.block.layout;
        for offset in (0..layout.bytes()).step_by(2) {
            // SAFETY: An even offset inside of the block. The device has no part in it any more.
            unsafe { write_volatile(self.descriptors.byte_add(offset).cast().as_ptr(), 0_u16) };
        }
        self.block.counts.restart(layout.size());
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

    /// An index of an entry, wrapped to the ring.
    #[inline]
    fn wrapped(&self, index: u16) -> usize {
        usize::from(index & self.mask)
    }

    /// Writes word `index` of the available ring: flags, index, entries, `used_event`.
    #[inline]
    fn write_avail(&mut self, index: usize, value: u16) {
        // SAFETY: Only words of the available ring are passed, which by the type invariant is in the
        // block. The device may read it meanwhile, so the store is volatile.
        unsafe { write_volatile(self.avail.as_ptr().wrapping_add(index), value) };
    }

    /// Reads word `index` of the used ring: flags, index, entries, `avail_event`.
    #[inline]
    fn read_used(&self, index: usize) -> u16 {
        // SAFETY: As in `write_avail`, for the used ring; the device may write it meanwhile, so the
        // load is volatile.
        unsafe { read_volatile(self.used.as_ptr().wrapping_add(index)) }
    }

    /// What follows each descriptor.
    #[inline]
    pub(super) fn links(&self) -> &[u16] {
        &self.links
    }

    /// As [`Self::links`], to be changed.
    #[inline]
    pub(super) fn links_mut(&mut self) -> &mut [u16] {
        &mut self.links
    }

    /// The descriptors, to make a chain of at most `room` of them that begins with `first`.
    #[inline]
    pub(super) fn descriptors(&mut self, first: u16, room: u16) -> RingDescriptors<'_> {
        // INVARIANT: The ring has as many descriptors as links, and is borrowed.
        RingDescriptors {
            start: self.descriptors.as_ptr(),
            links: &self.links,
            next: first,
            last: first & self.mask,
            left: room,
        }
    }

    /// Writes descriptor `index`, as one that none follows.
    #[inline]
    pub(super) fn write_descriptor(&mut self, index: u16, range: PhysRange, flags: u16) {
        let at = self.descriptors.as_ptr().wrapping_add(self.wrapped(index));
        // SAFETY: By the type invariant the ring has a descriptor of that index.
        unsafe { write_volatile(at, RawDescriptor::new(range, flags, 0)) };
    }

    /// Writes entry `position` of the available ring, counted modulo 65536.
    #[inline]
    pub(super) fn write_avail_entry(&mut self, position: u16, head: u16) {
        self.write_avail(HEAD_WORDS.wrapping_add(self.wrapped(position)), head);
    }

    /// Writes `avail.idx`.
    #[inline]
    pub(super) fn write_avail_idx(&mut self, index: u16) {
        self.write_avail(1, index);
    }

    /// Writes `avail.flags`.
    #[inline]
    pub(super) fn write_avail_flags(&mut self, flags: u16) {
        self.write_avail(0, flags);
    }

    /// Writes `used_event`, which is behind the last entry.
    #[inline]
    pub(super) fn write_used_event(&mut self, index: u16) {
        self.write_avail(usize::from(self.mask).wrapping_add(1 + HEAD_WORDS), index);
    }

    /// Reads `used.flags`. Written by the device; any value is possible.
    #[inline]
    pub(super) fn read_used_flags(&self) -> u16 {
        self.read_used(0)
    }

    /// Reads `used.idx`. Written by the device; any value is possible.
    #[inline]
    pub(super) fn read_used_idx(&self) -> u16 {
        self.read_used(1)
    }

    /// Reads `avail_event`, which is behind the last entry. Written by the device; any value is
    /// possible.
    #[inline]
    pub(super) fn read_avail_event(&self) -> u16 {
        let entries = usize::from(self.mask).wrapping_add(1);
        self.read_used(
            entries
                .wrapping_mul(USED_ENTRY_WORDS)
                .wrapping_add(HEAD_WORDS),
        )
    }

    /// Reads entry `position` of the used ring, counted modulo 65536. Written by the device; any
    /// value is possible.
    #[inline]
    pub(super) fn read_used_entry(&self, position: u16) -> RawUsed {
        let entries: *const RawUsed = self.used.as_ptr().wrapping_add(HEAD_WORDS).cast();
        // SAFETY: By the type invariant there is an entry of that index, a multiple of 4 bytes from
        // the page-aligned start; any bits are a `RawUsed`.
        unsafe { read_volatile(entries.wrapping_add(self.wrapped(position))) }
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

/// Descriptors that a chain is written to.
pub trait Descriptors {
    /// How many more may be written.
    fn left(&self) -> u16;

    /// The one that was written last.
    fn last(&self) -> u16;

    /// Writes the next descriptor, as one that another follows; false, and nothing is written, if
    /// none is left.
    fn write(&mut self, range: PhysRange, flags: u16) -> bool;

    /// Makes the last descriptor, which was written with these flags, the last of its chain.
    fn end(&mut self, flags: u16);
}

/// Writes a descriptor.
///
/// # Safety
///
/// `start` points to more than `index` descriptors, which nobody else in the kernel accesses.
#[inline]
unsafe fn write_at(start: *mut RawDescriptor, index: u16, raw: RawDescriptor) {
    // SAFETY: By the function's requirements. The device may read it meanwhile, so the store is
    // volatile.
    unsafe { write_volatile(start.add(usize::from(index)), raw) };
}

/// Gives a descriptor other flags.
///
/// # Safety
///
/// As for [`write_at`].
#[inline]
unsafe fn end_at(start: *mut RawDescriptor, index: u16, flags: u16) {
    // SAFETY: By the function's requirements; the flags are inside of the descriptor, at an even
    // offset.
    unsafe {
        let at = start.add(usize::from(index)).byte_add(FLAGS_OFFSET);
        write_volatile(at.cast(), flags);
    }
}

/// Free descriptors of a ring, in the order in which they are linked.
///
/// # Invariants
///
/// `start` points to `links.len()` descriptors, which nobody else in the kernel accesses during `'a`;
/// `last` is one of them.
pub(super) struct RingDescriptors<'a> {
    start: *mut RawDescriptor,
    /// What follows each of them.
    links: &'a [u16],
    /// The one that is written next.
    next: u16,
    /// The one that was written last.
    last: u16,
    /// How many may be written.
    left: u16,
}

impl Descriptors for RingDescriptors<'_> {
    #[inline]
    fn left(&self) -> u16 {
        self.left
    }

    #[inline]
    fn last(&self) -> u16 {
        self.last
    }

    #[inline(always)] // Once for each kind of buffer: the call costs more than what it does.
    fn write(&mut self, range: PhysRange, flags: u16) -> bool {
        let index = self.next;
        let (Some(&next), Some(left)) =
            (self.links.get(usize::from(index)), self.left.checked_sub(1))
        else {
            return false;
        };
        // INVARIANT: It has a link.
        (self.last, self.next, self.left) = (index, next, left);
        let raw = RawDescriptor::new(range, flags | DESC_F_NEXT, next);
        // SAFETY: By the type invariant, as it has a link.
        unsafe { write_at(self.start, index, raw) };
        true
    }

    #[inline]
    fn end(&mut self, flags: u16) {
        // SAFETY: By the type invariant.
        unsafe { end_at(self.start, self.last, flags) };
    }
}
