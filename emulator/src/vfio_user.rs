// SPDX-License-Identifier: GPL-2.0

//! A vfio-user server: a device of this process as a PCI function of a virtual machine elsewhere.
//!
//! The client, QEMU's `vfio-user-pci`, connects to a unix socket and sends messages; every message
//! gets one answer, unless it wants none. What is wrong with a message is said in one line.
//!
//! ```text
//! socket -> connection: framing, descriptors -> session: meaning -> Device
//! ```

pub mod connection;
mod dma;
mod irqs;
pub mod server;
pub mod session;
pub mod wire;

use crate::{
    interrupts::Interrupts,
    memory::Memory, //
};

/// What a client can do to a device.
pub trait Device: Sync {
    /// Bytes of a region; 0 for one that does not exist.
    fn region_size(&self, region: u32) -> u64;

    /// Reads from a region, within its size.
    fn read(&self, region: u32, offset: u64, data: &mut [u8]);

    /// Writes to a region, within its size.
    fn write(&self, region: u32, offset: u64, data: &[u8]);

    /// Puts the function into the state after power-on.
    fn reset(&self);

    /// A client is there.
    fn connected(&self) {}

    /// The client is gone: as after power-on.
    fn disconnected(&self) {
        self.reset();
    }

    /// Whether the client is to be left without a word.
    fn leaves_client(&self) -> bool {
        false
    }

    /// The memory that the device may access.
    fn memory(&self) -> &Memory;

    /// The interrupts of the function.
    fn interrupts(&self) -> &Interrupts;
}
