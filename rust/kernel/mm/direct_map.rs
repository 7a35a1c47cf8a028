// SPDX-License-Identifier: GPL-2.0

//! Between addresses in the direct mapping and physical addresses.
//!
//! Would go to `rust/kernel/page.rs`.
//!
//! C header: [`include/linux/io.h`](srctree/include/linux/io.h)

use crate::kernel_ext::bindings;

/// The physical address of what is at `address`.
///
/// Where it is known how to reckon, this is not a call, as `virt_to_phys` is from Rust.
///
/// # Safety
///
/// `address` is in the kernel's direct mapping.
#[inline]
pub unsafe fn phys(address: *const u8) -> u64 {
    #[cfg(all(target_arch = "x86_64", CONFIG_RANDOMIZE_MEMORY))]
    {
        // CAST: Widening.
        // SAFETY: Set while the kernel starts, and not changed afterwards.
        (address.addr() as u64).wrapping_sub(unsafe { bindings::page_offset_base } as u64)
    }
    #[cfg(not(all(target_arch = "x86_64", CONFIG_RANDOMIZE_MEMORY)))]
    {
        // SAFETY: By the function's requirements.
        unsafe { bindings::virt_to_phys(address.cast()) }
    }
}

/// Where in the direct mapping the physical address is.
///
/// # Safety
///
/// `phys` is the address of memory that is in the kernel's direct mapping.
#[inline]
pub unsafe fn address(phys: u64) -> *mut u8 {
    #[cfg(all(target_arch = "x86_64", CONFIG_RANDOMIZE_MEMORY))]
    {
        // CAST: Addresses have 64 bits.
        // SAFETY: As above. What is at an address of the direct mapping may be reached by it.
        let address = phys.wrapping_add(unsafe { bindings::page_offset_base } as u64) as usize;
        core::ptr::with_exposed_provenance_mut(address)
    }
    #[cfg(not(all(target_arch = "x86_64", CONFIG_RANDOMIZE_MEMORY)))]
    {
        // SAFETY: By the function's requirements.
        unsafe { bindings::phys_to_virt(phys).cast() }
    }
}
