// SPDX-License-Identifier: GPL-2.0

//! What a driver does with the registers of a device that is up: configuration and notifications.

use kernel::sync::Arc;

use crate::virtio::{
    core::config::read_stable,
    pci_legacy::PciLegacy,
    transport::Transport, //
};

/// The device-specific configuration, in the guest's byte order.
///
/// The legacy interface has no way to tell that a field changed while it was read, so every field
/// of more than one byte is read until two readings agree (VIRTIO 1.3, section 2.5.1).
#[derive(Clone)]
pub struct Config(pub(super) Arc<PciLegacy>);

impl Config {
    /// Reads `N` bytes at `offset` until they are stable, as far as they ever are.
    pub fn read_bytes<const N: usize>(&self, offset: usize) -> [u8; N] {
        read_stable(|| {
            let mut bytes = [0; N];
            self.0.read_config(offset, &mut bytes);
            bytes
        })
    }

    /// Reads a byte.
    pub fn read_u8(&self, offset: usize) -> u8 {
        u8::from_ne_bytes(self.read_bytes(offset))
    }

    /// Reads a 16-bit field.
    pub fn read_u16(&self, offset: usize) -> u16 {
        u16::from_ne_bytes(self.read_bytes(offset))
    }

    /// Reads a 32-bit field.
    pub fn read_u32(&self, offset: usize) -> u32 {
        u32::from_ne_bytes(self.read_bytes(offset))
    }

    /// Reads a 64-bit field.
    pub fn read_u64(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(self.read_bytes(offset))
    }

    /// Writes bytes, the first one first: a device may act on the last.
    pub fn write_bytes(&self, offset: usize, bytes: &[u8]) {
        self.0.write_config(offset, bytes);
    }
}

/// Notifies the device of one queue.
#[derive(Clone)]
pub struct Notifier {
    pub(super) transport: Arc<PciLegacy>,
    pub(super) queue: u16,
}

impl Notifier {
    /// Tells the device that the queue has new buffers. Called without the queue's lock.
    #[inline]
    pub fn notify(&self) {
        self.transport.notify(self.queue);
    }
}
