// SPDX-License-Identifier: GPL-2.0

//! From pages to where their memory is.
//!
//! Would go to `rust/kernel/page.rs`.
//!
//! C header: [`include/asm-generic/memory_model.h`](srctree/include/asm-generic/memory_model.h)

use super::direct_map;
use crate::kernel_ext::bindings;

/// The physical address of a page.
///
/// Where all `struct page` are one array at a known place, this is not a call, as `page_to_phys` is
/// from Rust.
///
/// # Safety
///
/// `page` is a page of memory that is there.
#[inline]
pub unsafe fn phys(page: *mut bindings::page) -> u64 {
    #[cfg(all(
        target_arch = "x86_64",
        CONFIG_SPARSEMEM_VMEMMAP,
        CONFIG_RANDOMIZE_MEMORY
    ))]
    {
        const PER_BYTE: usize = kernel::page::PAGE_SIZE / size_of::<bindings::page>();
        const {
            assert!(PER_BYTE * size_of::<bindings::page>() == kernel::page::PAGE_SIZE);
        }
        // CAST: Widening, both.
        // SAFETY: Set while the kernel starts, and not changed afterwards.
        let offset = (page.addr() as u64).wrapping_sub(unsafe { bindings::vmemmap_base } as u64);
        offset.wrapping_mul(PER_BYTE as u64)
    }
    #[cfg(not(all(
        target_arch = "x86_64",
        CONFIG_SPARSEMEM_VMEMMAP,
        CONFIG_RANDOMIZE_MEMORY
    )))]
    {
        // SAFETY: By the function's requirements.
        unsafe { bindings::page_to_phys(page) }
    }
}

/// Where the first byte of a page is in the kernel's direct mapping.
///
/// # Safety
///
/// `page` is a page of memory that is there, and not high memory.
#[inline]
pub unsafe fn address(page: *mut bindings::page) -> *mut u8 {
    // SAFETY: By the function's requirements; the memory is in the direct mapping then.
    unsafe { direct_map::address(phys(page)) }
}
