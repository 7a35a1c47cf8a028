// SPDX-License-Identifier: GPL-2.0

//! Physically contiguous memory of any number of pages, or of bytes.
//!
//! Would go to `rust/kernel/page.rs`, whose `Page` is a single page.
//!
//! C headers: [`include/linux/gfp.h`](srctree/include/linux/gfp.h),
//! [`include/linux/slab.h`](srctree/include/linux/slab.h)

use core::ptr::NonNull;

use kernel::alloc::AllocError;

use super::direct_map;
use crate::kernel_ext::bindings;

/// A block of zeroed, page-aligned, physically contiguous kernel memory.
///
/// # Invariants
///
/// `start` is the result of a successful `alloc_pages_exact` of `bytes` bytes, and this value is
/// its only owner.
pub struct ContiguousPages {
    start: NonNull<u8>,
    bytes: usize,
}

impl ContiguousPages {
    /// Allocates at least `bytes` bytes, rounded up to whole pages.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when no such block is to be had; nothing smaller is tried and nothing is
    /// logged, so that the caller can say what it was for.
    pub fn new(bytes: usize) -> Result<Self, AllocError> {
        let flags = bindings::GFP_KERNEL | bindings::__GFP_ZERO | bindings::__GFP_NOWARN;

        // SAFETY: `alloc_pages_exact_noprof` may be called with any size; the flags allow sleeping,
        // and callers are in process context, as for every allocation with `GFP_KERNEL`.
        let start = unsafe { bindings::alloc_pages_exact_noprof(bytes, flags) };

        // INVARIANT: `start` was just allocated with this size.
        Ok(Self {
            start: NonNull::new(start.cast()).ok_or(AllocError)?,
            bytes,
        })
    }

    /// The first byte. Valid for reads and writes of the bytes asked for while `self` lives.
    #[inline]
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The physical address of the first byte, a multiple of the page size.
    pub fn phys(&self) -> u64 {
        // SAFETY: `start` is memory of the page allocator, hence in the direct mapping.
        unsafe { bindings::virt_to_phys(self.start.as_ptr().cast()) }
    }
}

impl Drop for ContiguousPages {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the block was allocated with this size and is ours.
        unsafe { bindings::free_pages_exact(self.start.as_ptr().cast(), self.bytes) };
    }
}

// SAFETY: The block is plain memory without ties to the CPU or task that allocated it.
unsafe impl Send for ContiguousPages {}

// SAFETY: Through a shared reference only addresses can be had.
unsafe impl Sync for ContiguousPages {}

/// A block of physically contiguous kernel memory of any size, which is not initialised. It may be made
/// and dropped where nothing may sleep.
///
/// # Invariants
///
/// `start` is memory of the slab allocator, and this value is its only owner.
pub struct ContiguousBytes {
    start: NonNull<u8>,
}

impl ContiguousBytes {
    /// Allocates `bytes` bytes on an 8-byte boundary.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory at once.
    pub fn new(bytes: usize) -> Result<Self, AllocError> {
        let flags = bindings::GFP_ATOMIC | bindings::__GFP_NOWARN;
        // SAFETY: Any size may be asked for, in any context.
        let start = unsafe { bindings::kmalloc(bytes, flags) };
        // INVARIANT: Just allocated. What the slab allocator hands out is contiguous.
        Ok(Self {
            start: NonNull::new(start.cast()).ok_or(AllocError)?,
        })
    }

    /// The first byte. Valid for reads and writes of the bytes asked for while `self` lives.
    #[inline]
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The physical address of the first byte.
    #[inline]
    pub fn phys(&self) -> u64 {
        // SAFETY: Memory of the slab allocator is in the direct mapping.
        unsafe { direct_map::phys(self.start.as_ptr()) }
    }
}

impl Drop for ContiguousBytes {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::kfree(self.start.as_ptr().cast()) };
    }
}

// SAFETY: The block is plain memory without ties to the CPU or task that allocated it.
unsafe impl Send for ContiguousBytes {}

// SAFETY: Through a shared reference only addresses can be had.
unsafe impl Sync for ContiguousBytes {}
