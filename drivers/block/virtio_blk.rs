// SPDX-License-Identifier: GPL-2.0

//! Driver for legacy virtio block devices (VIRTIO 1.3, section 5.2).
//!
//! - [`module`] registers the driver;
//! - [`device`] binds to a PCI function, brings it up and makes a disk of it;
//! - [`config`] turns the device's configuration into limits of the block layer;
//! - [`queues`] is what the block layer and the interrupt handlers call: all queues of a device;
//! - [`queue`] puts requests into a virtqueue and takes them out again;
//! - [`request`] says what a request is on the wire;
//! - [`cache`] is the disk's cache mode, in sysfs too;
//! - [`rescue`] resets a device that stopped working, and sends requests again;
//! - [`resize`] follows the device's capacity;
//! - [`serial`] is the disk's serial number in sysfs;
//! - [`index`] numbers and names the disks.

#[path = "../../rust/kernel/lib.rs"]
mod kernel_ext;
#[path = "../virtio/virtio.rs"]
mod virtio;

mod cache;
mod config;
mod device;
mod index;
mod module;
mod queue;
mod queues;
mod request;
mod rescue;
mod resize;
mod serial;

kernel::prelude::module! {
    type: module::BlockModule,
    name: "rvirtio_blk",
    authors: ["the rvirtio authors"],
    description: "Legacy virtio block device",
    license: "GPL",
    params: {
        num_request_queues: u32 {
            default: 0,
            description: "Most request queues of a disk; 0 for one each CPU",
        },
        poll_queues: u32 {
            default: 0,
            description: "How many of a disk's request queues are polled and do not interrupt",
        },
        disable_features: u32 {
            default: 0,
            description: "Feature bits that are not used, though offered; a mask",
        },
        force_legacy: bool {
            default: false,
            description: "Drive devices that have the modern interface, too",
        },
        queue_depth: u32 {
            default: 0,
            description: "Most requests in flight of a queue; 0 for what its ring has room for",
        },
        timeout: u32 {
            default: 30,
            description: "Seconds after which a device that does not answer is reset; 0 for never",
        },
        on_timeout: u32 {
            default: 0,
            description: "What happens to requests of a device that is reset: 0 replay, 1 fail",
        },
    },
}
