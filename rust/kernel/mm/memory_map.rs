// SPDX-License-Identifier: GPL-2.0

//! From pages to physical addresses.
//!
//! Would go to `rust/kernel/page.rs`.
//!
//! C header: [`include/asm-generic/memory_model.h`](srctree/include/asm-generic/memory_model.h)

use kernel::page::PAGE_SIZE;

use crate::kernel_ext::bindings;

/// Whether all `struct page` are one array, by the number of the page, so that a page's address can be
/// reckoned from where its `struct page` is: all but the memory models of old machines.
const IS_ARRAY: bool = (cfg!(CONFIG_SPARSEMEM_VMEMMAP) || cfg!(CONFIG_FLATMEM))
    && PAGE_SIZE % size_of::<bindings::page>() == 0;

/// The kernel's array of pages.
///
/// For who asks for many addresses: `page_to_phys` is a call from Rust.
#[derive(Clone, Copy)]
pub struct MemoryMap {
    /// Where the first page would be.
    start: usize,
}

impl MemoryMap {
    /// The map of this kernel.
    pub fn new() -> Self {
        Self {
            start: if IS_ARRAY {
                // SAFETY: Where there is one array, the function reckons with addresses alone.
                unsafe { bindings::pfn_to_page(0) }.addr()
            } else {
                0
            },
        }
    }

    /// The physical address of a page.
    ///
    /// # Safety
    ///
    /// `page` is a page of memory that is there.
    #[inline]
    pub unsafe fn phys(self, page: *mut bindings::page) -> u64 {
        if IS_ARRAY {
            let offset = page.addr().wrapping_sub(self.start);
            // CAST: Widening. The array's entries are a fixed part of a page's size.
            (offset as u64).wrapping_mul((PAGE_SIZE / size_of::<bindings::page>()) as u64)
        } else {
            // SAFETY: By the function's requirements.
            unsafe { bindings::page_to_phys(page) }
        }
    }
}
