// SPDX-License-Identifier: GPL-2.0

//! The device's side of a split ring, as little of it as the suites need (VIRTIO 1.3, section 2.7).
//!
//! It finds the ring where the driver would tell a device that it is, by page frame number, and
//! computes every offset for itself.

use core::ptr;

use crate::kernel_ext::bindings;

/// A descriptor is followed by another.
pub(crate) const NEXT: u16 = 1;
/// The device writes the buffer.
pub(crate) const WRITE: u16 = 2;
/// The buffer is a table of descriptors.
pub(crate) const INDIRECT: u16 = 4;

/// A descriptor as it stands in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Descriptor {
    pub(crate) addr: u64,
    pub(crate) len: u32,
    pub(crate) flags: u16,
    pub(crate) next: u16,
}

/// Reads memory that the driver lent, by physical address.
pub(crate) fn load<T: Copy>(phys: u64) -> T {
    // SAFETY: The suites only pass addresses of kernel memory that a live owner has lent, aligned
    // for the integers and descriptors that are read.
    unsafe { ptr::read_volatile(bindings::phys_to_virt(phys).cast()) }
}

/// Writes memory that the driver lent, by physical address.
pub(crate) fn store<T: Copy>(phys: u64, value: T) {
    // SAFETY: As in `load`, and the memory was lent for writing or is part of the used ring.
    unsafe { ptr::write_volatile(bindings::phys_to_virt(phys).cast(), value) };
}

/// The device's view of one queue.
pub(crate) struct Device {
    ring: u64,
    size: u16,
    last_avail: u16,
    used_idx: u16,
}

impl Device {
    /// Takes over the ring with the given page frame number and size.
    pub(crate) fn new(pfn: u32, size: u16) -> Self {
        Self {
            ring: u64::from(pfn) << 12,
            size,
            last_avail: 0,
            used_idx: 0,
        }
    }

    fn avail_ring(&self) -> u64 {
        self.ring + 16 * u64::from(self.size)
    }

    fn used_ring(&self) -> u64 {
        let end_of_avail = self.avail_ring() + 6 + 2 * u64::from(self.size);
        end_of_avail.next_multiple_of(4096)
    }

    /// Bytes of the whole ring.
    pub(crate) fn bytes(&self) -> u64 {
        self.used_ring() + 6 + 8 * u64::from(self.size) - self.ring
    }

    /// A byte of the ring.
    pub(crate) fn byte(&self, at: u64) -> u8 {
        load(self.ring + at)
    }

    /// A descriptor of the ring.
    pub(crate) fn descriptor(&self, index: u16) -> Descriptor {
        load(self.ring + 16 * u64::from(index))
    }

    /// The driver's flags: 1 asks for no interrupts.
    pub(crate) fn avail_flags(&self) -> u16 {
        load(self.avail_ring())
    }

    /// How many chains the driver has made available, modulo 65536.
    pub(crate) fn avail_idx(&self) -> u16 {
        load(self.avail_ring() + 2)
    }

    /// The used index at which the driver wants an interrupt.
    pub(crate) fn used_event(&self) -> u16 {
        load(self.avail_ring() + 4 + 2 * u64::from(self.size))
    }

    /// Asks for a notification when the driver makes chain number `event` available.
    pub(crate) fn set_avail_event(&self, event: u16) {
        store(self.used_ring() + 4 + 8 * u64::from(self.size), event);
    }

    /// Sets the device's flags: 1 asks for no notifications.
    pub(crate) fn set_used_flags(&self, flags: u16) {
        store(self.used_ring(), flags);
    }

    /// Takes the next chain, by its head.
    pub(crate) fn take(&mut self) -> Option<u16> {
        if self.last_avail == self.avail_idx() {
            return None;
        }
        let slot = self.last_avail % self.size;
        self.last_avail = self.last_avail.wrapping_add(1);
        Some(load(self.avail_ring() + 4 + 2 * u64::from(slot)))
    }

    /// Claims to have used the chain `id` and to have written `len` bytes.
    pub(crate) fn give(&mut self, id: u32, len: u32) {
        let entry = self.used_ring() + 4 + 8 * u64::from(self.used_idx % self.size);
        store(entry, id);
        store(entry + 4, len);
        self.used_idx = self.used_idx.wrapping_add(1);
        store(self.used_ring() + 2, self.used_idx);
    }
}
