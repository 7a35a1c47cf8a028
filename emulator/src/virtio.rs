// SPDX-License-Identifier: GPL-2.0

//! What all virtio devices have in common: registers, queues at work, interrupts.
//!
//! The numbers and layouts of the specification are the drivers' own (`drivers/virtio/core`).

#[path = "../../drivers/virtio/core/blk.rs"]
pub mod blk;
pub mod device;
#[path = "../../drivers/virtio/core/features.rs"]
pub mod features;
mod misconduct;
pub mod model;
#[path = "../../drivers/virtio/core/net.rs"]
pub mod net;
#[path = "../../drivers/virtio/core/pci.rs"]
pub mod pci;
pub mod profile;
pub mod registers;
pub mod service;
mod signals;
#[path = "../../drivers/virtio/core/status.rs"]
pub mod status;
#[cfg(test)]
mod tests;
pub mod workers;
