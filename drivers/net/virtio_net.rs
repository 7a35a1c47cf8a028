// SPDX-License-Identifier: GPL-2.0

//! Network driver for legacy virtio PCI devices (VIRTIO 1.3, section 5.1).
//!
//! | Room            | What is in it                                              |
//! |-----------------|------------------------------------------------------------|
//! | [`device`]      | probe, set-up, teardown                                    |
//! | [`nic`]         | the interface: callbacks of the network core, interrupts   |
//! | [`rx`]          | receiving: buffers, packets, the receive poll              |
//! | [`tx`]          | sending: packets, stop and wake, the transmit poll         |
//! | [`control`]     | the control queue: commands and their answers              |
//! | [`filter`]      | which frames the device is to pass on                      |
//! | [`announce`]    | the device asks for an announcement                        |
//! | [`offload`]     | checksums and segmentation, the device's work and ours     |
//! | [`framing`]     | where a packet's header goes                               |
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
mod control;
mod device;
mod ethtool;
mod filter;
mod framing;
mod link;
mod nic;
mod offload;
mod rx;
mod stats;
mod tx;

kernel::module_pci_driver! {
    type: device::NetDriver,
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
    },
}
