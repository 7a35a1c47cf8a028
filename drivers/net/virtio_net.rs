// SPDX-License-Identifier: GPL-2.0

//! Network driver for legacy virtio PCI devices (VIRTIO 1.3, section 5.1).
//!
//! | Room            | What is in it                                              |
//! |-----------------|------------------------------------------------------------|
//! | [`module`]      | what exists once                                           |
//! | [`device`]      | probe, teardown, and what is between                       |
//! | [`builder`]     | set-up of the interface                                    |
//! | [`nic`]         | the interface: callbacks of the network core, interrupts   |
//! | [`rx`]          | receiving: buffers, packets, the receive poll              |
//! | [`tx`]          | sending: packets, stop and wake, the transmit poll         |
//! | [`channels`]    | pairs of queues in use, and the CPUs that use them         |
//! | [`control`]     | the control queue: commands and their answers              |
//! | [`filter`]      | which frames the device is to pass on                      |
//! | [`announce`]    | the device asks for an announcement                        |
//! | [`offload`]     | checksums and segmentation, the device's work and ours     |
//! | [`framing`]     | where a packet's header goes                               |
//! | [`xdp`]         | programs of XDP and their transmit queues                  |
//! | [`rescue`]      | a device that stopped working                              |
//! | [`link`]        | the state of the link                                      |
//! | [`stats`]       | counters                                                   |
//! | [`ethtool`]     | what `ethtool` asks                                        |

// Compiled into each driver: what the kernel's own Rust interfaces lack, and the queues and the
// life of a device.
#[path = "../../rust/kernel/lib.rs"]
mod kernel_ext;
#[path = "../virtio/virtio.rs"]
mod virtio;

mod announce;
mod builder;
mod channels;
mod control;
mod device;
mod ethtool;
mod filter;
mod framing;
mod link;
mod module;
mod nic;
mod offload;
mod rescue;
mod rx;
mod stats;
mod tx;
mod xdp;

kernel::prelude::module! {
    type: module::NetModule,
    name: "rvirtio_net",
    authors: ["The rvirtio developers"],
    description: "Network driver for legacy virtio PCI devices",
    license: "GPL",
    params: {
        csum: bool {
            default: true,
            description: "Leave checksums of sent packets to the device from the start",
        },
        gso: bool {
            default: true,
            description: "Leave segmentation of sent packets to the device from the start",
        },
        napi_weight: i32 {
            default: 64,
            description: "Most packets of a poll of a receive queue, 1 to 64",
        },
        napi_tx: bool {
            default: true,
            description: "Whether sent packets are given back by interrupt; else with the next one",
        },
        disable_features: u32 {
            default: 0,
            description: "Feature bits that are not used, though offered; a mask",
        },
        force_legacy: bool {
            default: false,
            description: "Drive devices that have the modern interface, too",
        },
    },
}
