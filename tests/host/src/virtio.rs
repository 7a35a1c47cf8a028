// SPDX-License-Identifier: GPL-2.0

//! `drivers/virtio`, without the bus.

#[path = "../../../drivers/virtio/core.rs"]
pub mod core;
pub mod platform;
#[path = "../../../drivers/virtio/shared.rs"]
pub mod shared;
#[path = "../../../drivers/virtio/transport.rs"]
pub mod transport;
#[path = "../../../drivers/virtio/virtqueue.rs"]
pub mod virtqueue;
