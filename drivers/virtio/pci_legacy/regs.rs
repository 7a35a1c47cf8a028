// SPDX-License-Identifier: GPL-2.0

//! The legacy registers in BAR0 (VIRTIO 1.3, section 4.1.4.10).
//!
//! All of them are little endian, and each is accessed with exactly its own width: some hosts
//! (bhyve) refuse any other.
//!
//! ```text
//!      +-------------------------------------------+
//!   0  | HOST_FEATURES                        32 R |  what the device offers
//!   4  | GUEST_FEATURES                       32 W |  what the driver accepts
//!   8  | QUEUE_PFN                           32 RW |  ring of the selected queue, in pages
//!      +---------------------+---------------------+
//!  12  | QUEUE_NUM      16 R | QUEUE_SEL     16 RW |  its size          | which queue
//!      +---------------------+----------+----------+
//!  16  | QUEUE_NOTIFY  16 RW | STATUS 8 |   ISR  8 |  the kick          | state | read to clear
//!      +---------------------+----------+----------+
//!
//!      MSI-X disabled                               MSI-X enabled
//!      +---------------------+                      +---------------------+---------------------+
//!  20  | device-specific     |                  20  | CONFIG_VECTOR 16 RW | QUEUE_VECTOR  16 RW |
//!      | configuration       |                      +---------------------+---------------------+
//!      | (guest's byte order)|                  24  | device-specific configuration             |
//!      .                     .                      .                                           .
//! ```
//!
//! The device-specific part moves by 4 bytes the moment MSI-X is enabled or disabled, in both
//! directions, so its offset is computed anew on every access ([`config_offset`]).

use kernel::io::register;

/// Bytes of the register file that every device has to have: all of the registers below.
pub(super) const HEADER_SIZE: usize = 24;

/// Where the device-specific configuration begins.
pub(super) const fn config_offset(msix_enabled: bool) -> usize {
    if msix_enabled {
        24
    } else {
        20
    }
}

register! {
    /// The feature bits that the device offers. Read only.
    pub(super) HOST_FEATURES(u32) @ 0 {
        /// One bit a feature.
        31:0 features;
    }

    /// The feature bits that the driver accepts. Written once, between DRIVER and the queues.
    pub(super) GUEST_FEATURES(u32) @ 4 {
        /// One bit a feature.
        31:0 features;
    }

    /// The ring of the selected queue, by number of 4096-byte page; 0 while there is none.
    pub(super) QUEUE_PFN(u32) @ 8 {
        /// Physical address shifted right by 12.
        31:0 pfn;
    }

    /// The number of entries of the selected queue; 0 when it does not exist. Read only.
    pub(super) QUEUE_NUM(u16) @ 12 {
        /// A power of two up to 32768, if the device is honest.
        15:0 size;
    }

    /// Selects the queue that QUEUE_PFN, QUEUE_NUM and QUEUE_VECTOR are about.
    pub(super) QUEUE_SEL(u16) @ 14 {
        /// Index of a queue.
        15:0 index;
    }

    /// Tells the device that a queue has new buffers; takes no part in the selection.
    pub(super) QUEUE_NOTIFY(u16) @ 16 {
        /// Index of a queue.
        15:0 index;
    }

    /// The device status; writing zero resets the device.
    pub(super) STATUS(u8) @ 18 {
        /// Bits of [`Status`](super::Status).
        7:0 status;
    }

    /// Why INTx was raised. Reading clears the register and deasserts the line.
    pub(super) ISR(u8) @ 19 {
        /// A queue has used buffers.
        0:0 queue => bool;
        /// The configuration has changed.
        1:1 config => bool;
    }

    /// The MSI-X vector for configuration changes. There only while MSI-X is enabled.
    pub(super) CONFIG_VECTOR(u16) @ 20 {
        /// Index into the MSI-X table, or 0xffff for none.
        15:0 vector;
    }

    /// The MSI-X vector of the selected queue. There only while MSI-X is enabled.
    pub(super) QUEUE_VECTOR(u16) @ 22 {
        /// Index into the MSI-X table, or 0xffff for none.
        15:0 vector;
    }
}
