// SPDX-License-Identifier: GPL-2.0

//! Where frames go to and come from.

mod capture;
mod datagram;
mod tap;

use std::io;

pub use capture::{
    Capture,
    Pace, //
};
pub use datagram::Datagram;
pub use tap::Tap;

use super::{
    packet::Packet,
    Net, //
};

/// What a network device is connected to.
pub enum Backend {
    /// Nothing.
    Null,
    /// Itself: each packet comes back, as it was sent.
    Loopback,
    /// A peer, with which it exchanges frames as datagrams.
    Datagram(Datagram),
    /// A tap interface of the host.
    Tap(Tap),
    /// A file of frames to receive; what is sent is lost.
    Capture(Capture),
}

impl Backend {
    /// Whether packets that are not complete can come from it.
    pub(super) fn has_incomplete_packets(&self) -> bool {
        match self {
            Self::Null | Self::Capture(_) => false,
            Self::Datagram(datagram) => datagram.has_headers(),
            Self::Loopback | Self::Tap(_) => true,
        }
    }

    /// Sends a packet; returns what comes back at once.
    pub(super) fn send(&self, packet: Packet) -> Option<Packet> {
        match self {
            Self::Null | Self::Capture(_) => None,
            Self::Loopback => Some(packet),
            Self::Datagram(datagram) => {
                datagram.send(packet);
                None
            }
            Self::Tap(tap) => {
                tap.send(&packet);
                None
            }
        }
    }

    /// The driver takes incomplete packets by these features.
    pub(super) fn set_offloads(&self, offloads: u32) {
        if let Self::Tap(tap) = self {
            tap.set_offloads(offloads);
        }
    }

    /// Delivers what arrives to `net`, until [`Net::stop`].
    ///
    /// # Errors
    ///
    /// When the other end is gone.
    pub(super) fn receive(&self, net: &Net) -> io::Result<()> {
        match self {
            Self::Null | Self::Loopback => {}
            Self::Datagram(datagram) => datagram.receive(net),
            Self::Tap(tap) => tap.receive(net)?,
            Self::Capture(capture) => capture.receive(net),
        }
        Ok(())
    }

    /// Ends [`Backend::receive`], from any thread.
    pub(super) fn stop(&self) {
        match self {
            // A capture waits at the gate.
            Self::Null | Self::Loopback | Self::Capture(_) => {}
            Self::Datagram(datagram) => datagram.stop(),
            Self::Tap(tap) => tap.stop(),
        }
    }
}
