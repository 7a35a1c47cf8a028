// SPDX-License-Identifier: GPL-2.0

//! Small preallocated memory that driver and device share: request headers, status bytes, command
//! buffers.
//!
//! A driver allocates a table of [`Slot`]s once and moves them in and out of its tokens; nothing is
//! allocated per request.

use core::ptr::{
    self,
    NonNull, //
};

use super::{
    core::blk::{
        Range,
        RequestHeader, //
    },
    platform::{
        shared,
        table,
        AllocError,
        Arc,
        ContiguousPages,
        DeviceWritable,
        PhysRange,
        PhysRanges,
        Table, //
    },
};

/// Bytes of the blocks that slots are packed into, unless a single slot is larger.
const BLOCK_BYTES: usize = 4096;

/// Plain data that may stand in memory which a device writes.
///
/// # Safety
///
/// The type has no padding, and any bits are a value of it.
pub unsafe trait Wire: Copy + 'static {}

// SAFETY: Integers have neither padding nor invalid values.
unsafe impl Wire for u8 {}
// SAFETY: As above.
unsafe impl Wire for u16 {}
// SAFETY: As above.
unsafe impl Wire for u32 {}
// SAFETY: As above.
unsafe impl Wire for u64 {}
// SAFETY: Two 4-byte fields and an 8-byte one at offset 8: no padding, any bits are valid.
unsafe impl Wire for RequestHeader {}
// SAFETY: An 8-byte field and two 4-byte ones: no padding, any bits are valid.
unsafe impl Wire for Range {}
// SAFETY: An array has the padding and the valid values of its elements.
unsafe impl<T: Wire, const N: usize> Wire for [T; N] {}

/// One `T` of memory that a device may access, zeroed at first.
///
/// # Invariants
///
/// `at` points to a `T` inside `block`, aligned for it, which belongs to no other slot; `phys` is
/// its physical address.
pub struct Slot<T: Wire> {
    at: NonNull<T>,
    phys: u64,
    /// Keeps the memory allocated.
    _block: Arc<ContiguousPages>,
}

impl<T: Wire> Slot<T> {
    /// Its memory.
    #[inline]
    fn range(&self) -> PhysRange {
        // SAFETY: The slot is contiguous memory of at least one byte.
        // CAST: A slot is far smaller than 4 GiB.
        unsafe { PhysRange::new(self.phys, size_of::<T>() as u32) }
    }

    /// Allocates `count` slots.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    pub fn table(count: usize) -> Result<Table<Self>, AllocError> {
        const { assert!(size_of::<T>() > 0) };
        let per_block = (BLOCK_BYTES / size_of::<T>()).max(1);
        let block_bytes = BLOCK_BYTES.max(size_of::<T>());

        let mut block: Option<Arc<ContiguousPages>> = None;
        table(count, |number| {
            let place = number % per_block;
            let block = match &block {
                Some(block) if place != 0 => block.clone(),
                _ => block
                    .insert(shared(ContiguousPages::new(block_bytes)?)?)
                    .clone(),
            };
            let offset = place * size_of::<T>();
            // SAFETY: `place` is below `per_block`, so the slot is inside the block.
            let at = unsafe { block.as_ptr().add(offset) };
            // INVARIANT: Each place of each block is used once, and a multiple of the type's size
            // from the page-aligned start is aligned for the type.
            Ok(Self {
                at: NonNull::new(at.cast()).ok_or(AllocError)?,
                // CAST: Widening; an offset inside a block.
                phys: block.phys() + offset as u64,
                _block: block,
            })
        })
    }

    /// Writes the slot.
    #[inline]
    pub fn write(&mut self, value: T) {
        // SAFETY: By the type invariant `at` is valid and ours alone; the device may access it at
        // the same time, so the store is volatile.
        unsafe { ptr::write_volatile(self.at.as_ptr(), value) };
    }

    /// Reads the slot once. A device may have written it; any value is possible.
    #[inline]
    pub fn read(&self) -> T {
        // SAFETY: As in `write`; any bits are a `T`.
        unsafe { ptr::read_volatile(self.at.as_ptr()) }
    }
}

// SAFETY: The range is the slot, which by the type invariant stays allocated and belongs to nothing
// else while `self` lives. It does not move with `self`.
unsafe impl<T: Wire> PhysRanges for Slot<T> {
    #[inline]
    fn for_each_range<E>(&self, mut f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        f(self.range())
    }

    #[inline]
    fn single_range(&self) -> Option<PhysRange> {
        Some(self.range())
    }
}

// SAFETY: The slot is only accessed by volatile copies; no reference to it is ever made.
unsafe impl<T: Wire> DeviceWritable for Slot<T> {}

// SAFETY: A slot owns its memory, which has no ties to a CPU or task.
unsafe impl<T: Wire> Send for Slot<T> {}

// SAFETY: A shared slot can only be read, by volatile copies.
unsafe impl<T: Wire> Sync for Slot<T> {}
