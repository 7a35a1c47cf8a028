// SPDX-License-Identifier: GPL-2.0

//! A frame on its way through the device, with what is still to be done to it.

use super::{
    checksum,
    layout::Layout,
    offer::{
        F_GUEST_ECN,
        F_GUEST_TSO4,
        F_GUEST_TSO6,
        F_GUEST_UFO,
        F_HOST_ECN,
        F_HOST_TSO4,
        F_HOST_TSO6,
        F_HOST_UFO, //
    },
    segment, MAX_FRAME, MIN_FRAME,
};
use crate::virtio::{
    features::Features,
    net::{
        Header,
        F_GUEST_CSUM,
        GSO_NONE,
        HDR_F_DATA_VALID,
        HDR_F_NEEDS_CSUM,
        HEADER_BYTES,
        MERGEABLE_HEADER_BYTES, //
    },
};

/// Kinds of segmentation (VIRTIO 1.3, section 5.1.6).
pub(super) const GSO_TCPV4: u8 = 1;
pub(super) const GSO_UDP: u8 = 3;
pub(super) const GSO_TCPV6: u8 = 4;
/// Beside a kind: the sender has reduced its congestion window.
pub(super) const GSO_ECN: u8 = 0x80;

/// A frame with the header that says what is left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub(super) header: Header,
    pub(super) frame: Vec<u8>,
}

impl Packet {
    /// A frame that is complete.
    ///
    /// None if it is shorter than an Ethernet header, or longer than any frame.
    pub fn complete(frame: Vec<u8>) -> Option<Self> {
        Self::new(&Header::default(), frame)
    }

    /// A frame as its sender describes it; what the sender has no say in is left out of the header.
    ///
    /// None if the header asks for what cannot be.
    pub fn new(wire: &Header, frame: Vec<u8>) -> Option<Self> {
        if !(MIN_FRAME..=MAX_FRAME).contains(&frame.len()) {
            return None;
        }
        let mut header = Header {
            flags: wire.flags & (HDR_F_NEEDS_CSUM | HDR_F_DATA_VALID),
            ..Header::default()
        };
        if header.flags & HDR_F_NEEDS_CSUM != 0 {
            let end = usize::from(wire.csum_start) + usize::from(wire.csum_offset) + 2;
            if end > frame.len() {
                return None;
            }
            // One excludes the other.
            header.flags = HDR_F_NEEDS_CSUM;
            header.csum_start = wire.csum_start;
            header.csum_offset = wire.csum_offset;
        }
        if wire.gso_type != GSO_NONE {
            header.gso_type = wire.gso_type;
            header.gso_size = wire.gso_size;
            header.hdr_len = headers_to_repeat(&header, &frame)?;
        }
        Some(Self { header, frame })
    }

    /// A packet as a peer that knows of headers sends it: the header of 10 bytes, and the frame.
    ///
    /// None if that cannot be.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, frame) = bytes.split_at_checked(HEADER_BYTES)?;
        let mut wire = [0; MERGEABLE_HEADER_BYTES];
        wire[..HEADER_BYTES].copy_from_slice(header);
        Self::new(&Header::decode(&wire), frame.to_vec())
    }

    /// The same for such a peer.
    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.header.encode()[..HEADER_BYTES], &self.frame].concat()
    }

    /// The kinds of segmentation that a driver must have accepted to send it.
    pub(super) fn needs_of_device(&self) -> Features {
        gso_features(self.header.gso_type).map_or(Features::NONE, |(host, _)| host)
    }

    /// Whether a driver with these features takes it as it is.
    pub(super) fn suits(&self, accepted: u32) -> bool {
        let csum = if self.header.flags == 0 {
            Features::NONE
        } else {
            F_GUEST_CSUM
        };
        let gso = gso_features(self.header.gso_type).map_or(Features::NONE, |(_, guest)| guest);
        (csum | gso).bits() & !accepted == 0
    }

    /// It is to be cut into segments.
    pub(super) fn is_large(&self) -> bool {
        self.header.gso_type != GSO_NONE
    }

    /// What it stands for, with nothing left to do.
    pub(super) fn into_complete(self) -> Vec<Self> {
        self.into_frames()
            .into_iter()
            .filter_map(Self::complete)
            .collect()
    }

    /// The frames that it stands for, with nothing left to do.
    pub(super) fn into_frames(mut self) -> Vec<Vec<u8>> {
        let size = usize::from(self.header.gso_size);
        match self.header.gso_type & !GSO_ECN {
            GSO_NONE => {
                if self.header.flags & HDR_F_NEEDS_CSUM != 0 {
                    let (start, offset) = (self.header.csum_start, self.header.csum_offset);
                    // The field is in the frame: that was checked.
                    let _ = checksum::complete(&mut self.frame, start.into(), offset.into());
                }
                vec![self.frame]
            }
            GSO_UDP => segment::udp(&self.frame, size).unwrap_or_default(),
            _ => segment::tcp(&self.frame, size).unwrap_or_default(),
        }
    }
}

/// The features of a device and of a driver that have to do with a kind of segmentation; None for none.
fn gso_features(kind: u8) -> Option<(Features, Features)> {
    let (host, guest) = match kind & !GSO_ECN {
        GSO_TCPV4 => (F_HOST_TSO4, F_GUEST_TSO4),
        GSO_TCPV6 => (F_HOST_TSO6, F_GUEST_TSO6),
        GSO_UDP => (F_HOST_UFO, F_GUEST_UFO),
        _ => return None,
    };
    Some(if kind & GSO_ECN != 0 {
        (host | F_HOST_ECN, guest | F_GUEST_ECN)
    } else {
        (host, guest)
    })
}

/// Bytes of the headers that each segment repeats; None if the frame cannot be cut as the header says.
fn headers_to_repeat(header: &Header, frame: &[u8]) -> Option<u16> {
    let layout = Layout::of(frame)?;
    let (v6, end, offset) = match header.gso_type {
        kind if kind & !GSO_ECN == GSO_TCPV4 => {
            let end = segment::tcp_headers(frame, &layout)?;
            (false, end, segment::TCP_CHECKSUM)
        }
        kind if kind & !GSO_ECN == GSO_TCPV6 => {
            let end = segment::tcp_headers(frame, &layout)?;
            (true, end, segment::TCP_CHECKSUM)
        }
        GSO_UDP => {
            let end = segment::udp_headers(frame, &layout)?;
            (layout.v6, end, segment::UDP_CHECKSUM)
        }
        _ => return None,
    };
    let checksum = (layout.transport, offset)
        == (header.csum_start.into(), header.csum_offset.into())
        && header.flags & HDR_F_NEEDS_CSUM != 0;
    let least = if header.gso_type == GSO_UDP { 8 } else { 1 };
    if layout.v6 != v6 || !checksum || header.gso_size < least {
        return None;
    }
    u16::try_from(end).ok()
}
