// SPDX-License-Identifier: GPL-2.0

//! What a network device is to receive: modes and lists of addresses.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)
//!
//! Would go to `rust/kernel/net/netdev.rs`.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use super::{
    super::bindings,
    netdev::ETH_ALEN, //
};

/// What a network device is to receive beside broadcasts and frames for its own address.
pub struct RxMode<'a> {
    /// Every frame.
    pub promiscuous: bool,
    /// Every multicast frame.
    pub all_multicast: bool,
    /// Frames for these addresses.
    pub unicast: AddressList<'a>,
    /// Frames for these groups.
    pub multicast: AddressList<'a>,
}

/// A list of addresses, `struct netdev_hw_addr_list`.
///
/// # Invariants
///
/// `list` is valid for `'a`, its entries are of an Ethernet device, and nobody changes it.
#[derive(Clone, Copy)]
pub struct AddressList<'a> {
    list: NonNull<bindings::netdev_hw_addr_list>,
    _life: PhantomData<&'a bindings::netdev_hw_addr_list>,
}

impl<'a> AddressList<'a> {
    /// # Safety
    ///
    /// Establishes the type invariant for the lifetime the caller picks.
    pub(super) unsafe fn new(list: NonNull<bindings::netdev_hw_addr_list>) -> Self {
        // INVARIANT: By the function's requirements.
        Self {
            list,
            _life: PhantomData,
        }
    }

    /// The addresses.
    pub fn iter(self) -> Addresses<'a> {
        // SAFETY: The list is valid by the type invariant.
        let head = unsafe { &raw mut (*self.list.as_ptr()).list };
        // INVARIANT: The first entry of the list, or its head.
        Addresses {
            head,
            // SAFETY: The head of a list is initialised.
            next: unsafe { (*head).next },
            _life: PhantomData,
        }
    }
}

/// Goes through the addresses of an [`AddressList`].
///
/// # Invariants
///
/// `next` is `head` or the `list` of an entry of the list, which nobody changes during `'a`.
pub struct Addresses<'a> {
    head: *mut bindings::list_head,
    next: *mut bindings::list_head,
    _life: PhantomData<&'a bindings::netdev_hw_addr_list>,
}

impl Iterator for Addresses<'_> {
    type Item = [u8; ETH_ALEN];

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.head {
            return None;
        }
        // SAFETY: By the type invariant this is the `list` of an entry.
        let entry = unsafe { kernel::container_of!(self.next, bindings::netdev_hw_addr, list) };
        // SAFETY: The entry is valid; its address has 32 bytes, six of which are used.
        let address = unsafe { (&raw const (*entry).addr).cast::<[u8; ETH_ALEN]>().read() };
        // SAFETY: As above. INVARIANT: The next of an entry is an entry or the head.
        self.next = unsafe { (*self.next).next };
        Some(address)
    }
}
