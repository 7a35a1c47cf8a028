// SPDX-License-Identifier: GPL-2.0

//! The seam between the queues and drivers on one side and the bus on the other.
//!
//! [`Transport`] is the legacy register interface (VIRTIO 1.3, section 4.1.4.10) and nothing
//! more: no policy, no order. [`pci_legacy`](super::pci_legacy) implements it over BAR0; the
//! KUnit module and the host tests implement it with a fake device.

use super::{
    core::status::Status,
    platform::Flag, //
};

/// What a vector register reads when no vector is assigned (VIRTIO 1.3, section 4.1.5.1.2).
pub const NO_VECTOR: u16 = 0xffff;

/// The legacy virtio register file of one device.
///
/// Every value that is read here was written by the device and is hostile until checked.
///
/// Implementations take care of two things: each register is accessed with the width of its
/// field, and a queue's register is accessed under one lock together with the write of the queue
/// selector.
pub trait Transport: Send + Sync {
    /// The 32 feature bits the device offers.
    fn host_features(&self) -> u32;

    /// Tells the device which feature bits the driver accepts.
    fn set_guest_features(&self, features: u32);

    /// The device status, bits of [`Status`] and whatever else the device sets.
    fn status(&self) -> Status;

    /// Writes the device status. Zero would reset the device: that is [`Transport::reset`].
    fn set_status(&self, status: Status);

    /// Writes zero to the device status and waits, for a bounded time, for it to read zero.
    ///
    /// Returns whether the device took the reset.
    fn reset(&self) -> bool;

    /// Takes the device's access to memory away, where the bus can, for as long as the driver is
    /// bound. It will not work without.
    ///
    /// Returns whether the device cannot access memory any more.
    fn isolate(&self) -> bool {
        false
    }

    /// Reads `buf.len()` bytes of the device-specific configuration, one byte access each.
    ///
    /// `offset` is in bytes from the start of the device-specific part. Bytes beyond the end of
    /// the register file read as all ones.
    fn read_config(&self, offset: usize, buf: &mut [u8]);

    /// Writes `buf` to the device-specific configuration, first byte first, one access each.
    ///
    /// Bytes beyond the end of the register file are dropped.
    fn write_config(&self, offset: usize, buf: &[u8]);

    /// The number of entries of a queue; 0 when the queue does not exist.
    fn queue_size(&self, queue: u16) -> u16;

    /// The page frame number of a queue's ring; 0 when the queue is not active.
    fn queue_pfn(&self, queue: u16) -> u32;

    /// Hands a queue's ring to the device, by page frame number.
    ///
    /// Zero must not be written while anything is to survive: QEMU takes it for a reset of the
    /// whole device.
    fn set_queue_pfn(&self, queue: u16, pfn: u32);

    /// Tells the device that a queue has new buffers.
    fn notify(&self, queue: u16);

    /// Sets the vector for configuration changes and returns what the register then reads.
    ///
    /// The vector registers exist only while MSI-X is enabled.
    fn set_config_vector(&self, vector: u16) -> u16;

    /// Sets a queue's vector and returns what the register then reads.
    fn set_queue_vector(&self, queue: u16, vector: u16) -> u16;

    /// Reads the interrupt status, which clears it and deasserts INTx.
    fn isr(&self) -> u8;
}

/// Whether a device may access the memory of the queues that were given to it.
///
/// Raised when the first ring is handed over, lowered by the reset that takes it back; the queues
/// of one bring-up share it.
pub struct DeviceMemory(Flag);

impl DeviceMemory {
    /// For queues that no device knows of yet.
    pub const fn new() -> Self {
        Self(Flag::new(false))
    }

    /// Notes that a ring is about to be handed to the device.
    pub fn hand_over(&self) {
        self.0.set(true);
    }

    /// Whether a device has rings and has not been reset since.
    pub fn is_with_device(&self) -> bool {
        self.0.get()
    }

    /// Resets the device, so that it forgets every ring and buffer.
    ///
    /// One that does not take the reset loses its access to memory, if the bus can see to that. A
    /// device that is gone (its registers read all ones) has none.
    ///
    /// Returns `None`, and keeps the memory marked as the device's, when neither helped.
    pub fn take_over(&self, transport: &(impl Transport + ?Sized)) -> Option<Quiesced> {
        let was_reset = transport.reset();
        if !was_reset && !transport.isolate() && !transport.status().is_gone() {
            return None;
        }
        self.0.set(false);
        Some(Quiesced { was_reset })
    }
}

impl Default for DeviceMemory {
    fn default() -> Self {
        Self::new()
    }
}

/// Proof that a device has none of the driver's memory: it was reset, or has no access to any.
pub struct Quiesced {
    was_reset: bool,
}

impl Quiesced {
    /// Whether the device took a reset, and can be set up again.
    pub fn was_reset(&self) -> bool {
        self.was_reset
    }
}
