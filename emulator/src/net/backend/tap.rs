// SPDX-License-Identifier: GPL-2.0

//! A tap interface of the host: packets keep their headers, so that the host's own stack completes
//! checksums and cuts segments, and leaves both to the driver where that has said it can.

use std::io;

use crate::{
    net::{
        offer::{
            F_GUEST_ECN,
            F_GUEST_TSO4,
            F_GUEST_TSO6,
            F_GUEST_UFO, //
        },
        packet::Packet,
        Net,
        MAX_FRAME, //
    },
    sys::{
        self,
        TUN_F_CSUM,
        TUN_F_TSO4,
        TUN_F_TSO6,
        TUN_F_TSO_ECN,
        TUN_F_UFO, //
    },
    virtio::{
        features::Features,
        net::{
            F_GUEST_CSUM,
            HEADER_BYTES, //
        },
    },
};

/// What a driver takes, and what the interface may leave to it then.
const OFFLOADS: [(Features, u32); 5] = [
    (F_GUEST_CSUM, TUN_F_CSUM),
    (F_GUEST_TSO4, TUN_F_TSO4),
    (F_GUEST_TSO6, TUN_F_TSO6),
    (F_GUEST_ECN, TUN_F_TSO_ECN),
    (F_GUEST_UFO, TUN_F_UFO),
];

/// A tap interface.
pub struct Tap(sys::Tap);

impl Tap {
    /// Opens the interface of that name, or makes it.
    ///
    /// # Errors
    ///
    /// When it cannot be had.
    pub fn open(name: &str) -> io::Result<Self> {
        // CAST: It is 10.
        let tap = sys::Tap::open(name, HEADER_BYTES as u8)?;
        tap.set_offloads(0)?;
        Ok(Self(tap))
    }

    /// Takes the driver's word for what it can do; `offloads` are features.
    pub(super) fn set_offloads(&self, offloads: u32) {
        let wanted = OFFLOADS
            .iter()
            .filter(|(feature, _)| offloads & feature.bits() != 0)
            .fold(0, |all, (_, offload)| all | offload);
        if self.0.set_offloads(wanted).is_err() {
            // Not every kernel knows this one. What the driver cannot take is completed before it
            // gets there, so that nothing is lost in either case.
            let _ = self.0.set_offloads(wanted & !TUN_F_UFO);
        }
    }

    /// Sends a packet as it is.
    pub(super) fn send(&self, packet: &Packet) {
        // While the interface is down frames are lost, as on a wire.
        let _ = self.0.send(&packet.encode());
    }

    /// Delivers what the host sends, until [`Tap::stop`]. The host waits while the driver has no room.
    pub(super) fn receive(&self, net: &Net) -> io::Result<()> {
        let mut buffer = vec![0; HEADER_BYTES + MAX_FRAME + 1];
        while let Some(len) = self.0.receive(&mut buffer)? {
            net.deliver_in_time(Packet::decode(&buffer[..len]));
        }
        Ok(())
    }

    /// Ends [`Tap::receive`], from any thread.
    pub(super) fn stop(&self) {
        self.0.stop();
    }
}
