// SPDX-License-Identifier: GPL-2.0

//! What every driver for a legacy virtio device shares; makes no module of its own.
//!
//! Each module compiles this tree into itself with `#[path]`, so that queues and device life are
//! inlined into the data path, and no module has to be loaded before another.

#![allow(dead_code, unreachable_pub)] // Shared source: each module uses a part of it.

pub mod core;
pub mod device;
pub mod inspect;
pub mod pci_legacy;
pub mod platform;
pub mod queue_name;
pub mod shared;
pub mod transport;
pub mod virtqueue;
