// SPDX-License-Identifier: GPL-2.0

//! Pure logic: what the specification says, in types, without a kernel, memory or a device.
//!
//! Uses `core` alone: no `kernel`, no allocation, no `unsafe`. The same files are compiled into
//! the modules, the KUnit module and the host tests, and each carries its own tests.

#[path = "core/blk.rs"]
pub mod blk;
#[path = "core/config.rs"]
pub mod config;
#[path = "core/features.rs"]
pub mod features;
#[path = "core/layout.rs"]
pub mod layout;
#[path = "core/net.rs"]
pub mod net;
#[path = "core/notification.rs"]
pub mod notification;
#[path = "core/pci.rs"]
pub mod pci;
#[path = "core/recovery.rs"]
pub mod recovery;
#[path = "core/ring.rs"]
pub mod ring;
#[path = "core/status.rs"]
pub mod status;
#[path = "core/storm.rs"]
pub mod storm;
