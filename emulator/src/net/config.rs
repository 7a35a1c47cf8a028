// SPDX-License-Identifier: GPL-2.0

//! How a network device is to be, and its configuration space (VIRTIO 1.3, section 5.1.4).

use super::{
    offer::{
        self,
        F_GSO,
        HOST_GSO, //
    },
    packet::Packet,
    Net, //
};
use crate::virtio::net::{
    config,
    F_MQ,
    F_MTU, //
};

/// Bytes of the configuration with all fields.
const BYTES: usize = 12;

/// Bytes of an Ethernet header, and of a VLAN tag in it.
const ETHERNET: usize = 14;
const TAG: usize = 4;
/// The type of a frame with a tag.
const TAGGED: [u8; 2] = [0x81, 0x00];

/// How a network device is to be.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pairs of queues, at least 1.
    pub pairs: u16,
    /// Entries of each queue, a power of two.
    pub queue_size: u16,
    /// The MAC address that the driver finds.
    pub mac: [u8; 6],
    /// The longest packet behind an Ethernet header in bytes, if the driver is to be told.
    pub mtu: Option<u16>,
    /// Features to offer in any case.
    pub with: u32,
    /// Features not to offer in any case.
    pub without: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pairs: 1,
            queue_size: 256,
            mac: [0x52, 0x54, 0, 0, 0, 1],
            mtu: None,
            with: 0,
            without: 0,
        }
    }
}

impl Settings {
    /// The features to be offered, on a back end with packets that are not complete or without.
    pub(super) fn features(&self, incomplete_packets: bool) -> u32 {
        let mut offered = offer::usual(incomplete_packets).bits();
        if self.pairs > 1 {
            offered |= F_MQ.bits();
        }
        if self.mtu.is_some() {
            offered |= F_MTU.bits();
        }
        offered = offer::consistent(offered & !self.without);
        if offered & HOST_GSO.bits() != HOST_GSO.bits() {
            // It stands for all of them.
            offered &= !F_GSO.bits();
        }
        (offered | self.with) & !self.without
    }

    /// The configuration, with what changes while the device runs.
    pub(super) fn config(&self, mac: [u8; 6], status: u16) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[config::MAC..][..6].copy_from_slice(&mac);
        for (at, word) in [
            (config::STATUS, status),
            (config::MAX_VIRTQUEUE_PAIRS, self.pairs),
            (config::MTU, self.mtu.unwrap_or(0)),
        ] {
            bytes[at..at + 2].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// Bytes of the configuration, by the features that are offered.
pub(super) fn len(features: u32) -> usize {
    if features & F_MTU.bits() != 0 {
        BYTES
    } else if features & F_MQ.bits() != 0 {
        config::MTU
    } else {
        config::MAX_VIRTQUEUE_PAIRS
    }
}

impl Net {
    /// Whether a packet is longer than a driver was promised (VIRTIO 1.3, section 5.1.4.1).
    pub(super) fn is_beyond_mtu(&self, packet: &Packet) -> bool {
        let (true, Some(mtu)) = (self.has(F_MTU), self.settings.mtu) else {
            return false;
        };
        let tagged = packet.frame.get(12..ETHERNET) == Some(&TAGGED);
        let headers = ETHERNET + if tagged { TAG } else { 0 };
        !packet.is_large() && packet.frame.len() > headers + usize::from(mtu)
    }
}
