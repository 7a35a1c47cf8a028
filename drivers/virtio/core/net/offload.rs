// SPDX-License-Identifier: GPL-2.0

//! Checksums and segmentation that one side leaves to the other (VIRTIO 1.3, sections 5.1.6.2 and
//! 5.1.6.4).

use super::{
    super::features::Features,
    Header,
    F_GUEST_CSUM,
    F_GUEST_ECN,
    F_GUEST_TSO4,
    F_GUEST_TSO6,
    F_GUEST_UFO,
    GUEST_GSO, //
};

/// Header flag: the checksum from `csum_start` on is to be completed.
pub const HDR_F_NEEDS_CSUM: u8 = 1;
/// Header flag: the device has checked the checksum.
pub const HDR_F_DATA_VALID: u8 = 2;

/// `gso_type`: an ordinary packet.
pub const GSO_NONE: u8 = 0;
/// `gso_type`: TCP over IPv4.
pub const GSO_TCPV4: u8 = 1;
/// `gso_type`: UDP, to be cut into IP fragments.
pub const GSO_UDP: u8 = 3;
/// `gso_type`: TCP over IPv6.
pub const GSO_TCPV6: u8 = 4;
/// Beside a `gso_type` of TCP: the packet has the flag that says that congestion was noticed.
pub const GSO_ECN: u8 = 0x80;

/// Bytes of an Ethernet header, the least there is of a packet.
pub const MIN_FRAME_BYTES: u32 = 14;
/// Most bytes of a frame: an IP packet, an Ethernet header and a VLAN tag.
pub const MAX_FRAME_BYTES: u32 = 65535 + MIN_FRAME_BYTES + 4;

/// Bytes of a checksum.
const CHECKSUM_BYTES: u32 = 2;
/// A segment size that the kernel has another use for.
const NO_SEGMENT_SIZE: u16 = u16::MAX;

/// What a packet is to be cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP segments over IPv4.
    TcpV4,
    /// TCP segments over IPv6.
    TcpV6,
    /// IP fragments of a UDP datagram.
    Udp,
}

impl Protocol {
    /// Least bytes in front of the transport header.
    const fn transport_offset(self) -> u32 {
        MIN_FRAME_BYTES
            + match self {
                Self::TcpV4 | Self::Udp => 20,
                Self::TcpV6 => 40,
            }
    }

    /// Least bytes of the transport header.
    const fn transport_bytes(self) -> u32 {
        match self {
            Self::TcpV4 | Self::TcpV6 => 20,
            Self::Udp => 8,
        }
    }

    /// Where the checksum is in the transport header.
    const fn checksum_offset(self) -> u16 {
        match self {
            Self::TcpV4 | Self::TcpV6 => 16,
            Self::Udp => 6,
        }
    }

    /// The feature a driver accepts that takes such packets.
    const fn guest_feature(self) -> Features {
        match self {
            Self::TcpV4 => F_GUEST_TSO4,
            Self::TcpV6 => F_GUEST_TSO6,
            Self::Udp => F_GUEST_UFO,
        }
    }
}

/// How a packet is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// Into what.
    pub protocol: Protocol,
    /// It has the flag that says that congestion was noticed.
    pub ecn: bool,
    /// Bytes of data of each.
    pub size: u16,
}

impl Segments {
    /// The value of `gso_type`.
    const fn gso_type(self) -> u8 {
        let kind = match self.protocol {
            Protocol::TcpV4 => GSO_TCPV4,
            Protocol::TcpV6 => GSO_TCPV6,
            Protocol::Udp => GSO_UDP,
        };
        if self.ecn {
            kind | GSO_ECN
        } else {
            kind
        }
    }
}

/// A checksum that is still to be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Where checksumming starts, from the start of the packet.
    pub start: u16,
    /// Where the checksum is, from there.
    pub offset: u16,
}

/// What the device says about the checksums of a received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: the stack checks them.
    Unchecked,
    /// The device has checked them.
    Verified,
    /// The packet never left the machine: one is still to be filled in.
    Partial(Partial),
}

/// What is left to do with a received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// About its checksums.
    pub checksum: Checksum,
    /// How it would have to be cut for the wire.
    pub segments: Option<Segments>,
}

/// Why the header of a received packet cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// It asks for a kind of segments that there is not.
    Kind,
    /// It asks for a kind of segments that the driver has not accepted.
    NotAccepted,
    /// It asks for segments of a size that cannot be.
    SegmentSize,
    /// Its checksum is not in the packet, or not where the protocol has it.
    Checksum,
    /// The packet is not what it says.
    Packet,
}

impl Header {
    /// The header of a packet that is sent.
    ///
    /// `headers` is the length of all protocol headers of a packet that is to be cut, in bytes.
    #[inline]
    pub fn for_sending(
        checksum: Option<Partial>,
        segments: Option<Segments>,
        headers: u16,
    ) -> Self {
        let mut header = Self::default();
        if let Some(partial) = checksum {
            header.flags = HDR_F_NEEDS_CSUM;
            header.csum_start = partial.start;
            header.csum_offset = partial.offset;
        }
        if let Some(segments) = segments {
            header.gso_type = segments.gso_type();
            header.gso_size = segments.size;
            header.hdr_len = headers;
        }
        header
    }

    /// What the header of a received packet of `len` bytes says, after its checks.
    ///
    /// `accepted` are the features that the driver has accepted; larger packets than those allow
    /// for are refused. Whether the packet is what the header says it is, is for the stack to
    /// find out: here it was not looked at.
    ///
    /// # Errors
    ///
    /// What is wrong with the header; the packet is then to be dropped.
    #[inline]
    pub fn offload(&self, accepted: Features, len: u32) -> Result<Offload, BadHeader> {
        let segments = self.segments(accepted)?;
        let checksum = if self.flags & HDR_F_NEEDS_CSUM != 0 {
            let partial = Partial {
                start: self.csum_start,
                offset: self.csum_offset,
            };
            check_place(partial, segments, len)?;
            Checksum::Partial(partial)
        } else if self.flags & HDR_F_DATA_VALID != 0 {
            Checksum::Verified
        } else {
            Checksum::Unchecked
        };
        Ok(Offload { checksum, segments })
    }

    /// How the packet is to be cut.
    fn segments(&self, accepted: Features) -> Result<Option<Segments>, BadHeader> {
        if self.gso_type == GSO_NONE {
            return Ok(None);
        }
        let ecn = self.gso_type & GSO_ECN != 0;
        let protocol = match self.gso_type & !GSO_ECN {
            GSO_TCPV4 => Protocol::TcpV4,
            GSO_TCPV6 => Protocol::TcpV6,
            GSO_UDP if !ecn => Protocol::Udp,
            _ => return Err(BadHeader::Kind),
        };
        let needed = if ecn {
            protocol.guest_feature() | F_GUEST_ECN
        } else {
            protocol.guest_feature()
        };
        if !accepted.contains(needed) {
            return Err(BadHeader::NotAccepted);
        }
        if matches!(self.gso_size, 0 | NO_SEGMENT_SIZE) {
            return Err(BadHeader::SegmentSize);
        }
        Ok(Some(Segments {
            protocol,
            ecn,
            size: self.gso_size,
        }))
    }
}

/// What is left to the driver, of what was agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Everything.
    All,
    /// All but packets that are to be cut.
    Checksums,
    /// Nothing: packets are complete.
    Nothing,
}

/// The data of the command that says what is left to the driver from now on, in the guest's byte
/// order.
pub fn guest_offloads(agreed: Features, left: Left) -> [u8; 8] {
    let kinds = match left {
        Left::All => F_GUEST_CSUM.with(GUEST_GSO),
        Left::Checksums => F_GUEST_CSUM,
        Left::Nothing => Features::NONE,
    };
    u64::from(agreed.bits() & kinds.bits()).to_ne_bytes()
}

/// Checks that a checksum is in a packet of `len` bytes, and all of the transport header of one
/// that is to be cut.
fn check_place(partial: Partial, segments: Option<Segments>, len: u32) -> Result<(), BadHeader> {
    let start = u32::from(partial.start);
    let mut needed = u32::from(partial.offset) + CHECKSUM_BYTES;
    if let Some(Segments { protocol, .. }) = segments {
        needed = needed.max(protocol.transport_bytes());
        if partial.offset != protocol.checksum_offset() || start < protocol.transport_offset() {
            return Err(BadHeader::Checksum);
        }
    }
    if start + needed > len {
        return Err(BadHeader::Checksum);
    }
    Ok(())
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_net_offload))]
mod tests {
    use super::*;

    const TCP4: Segments = Segments {
        protocol: Protocol::TcpV4,
        ecn: false,
        size: 1448,
    };
    /// Of a packet with the usual headers.
    const TCP4_CHECKSUM: Partial = Partial {
        start: 34,
        offset: 16,
    };

    /// A header of a large packet with a checksum at its usual place.
    fn large(gso_type: u8, start: u16, offset: u16) -> Header {
        Header {
            flags: HDR_F_NEEDS_CSUM,
            gso_type,
            gso_size: 1448,
            csum_start: start,
            csum_offset: offset,
            ..Header::default()
        }
    }

    #[test]
    fn a_sent_header_has_what_was_left_and_nothing_else() {
        assert_eq!(Header::for_sending(None, None, 54), Header::default());
        let wanted = Header {
            flags: HDR_F_NEEDS_CSUM,
            csum_start: 34,
            csum_offset: 16,
            ..Header::default()
        };
        assert_eq!(Header::for_sending(Some(TCP4_CHECKSUM), None, 54), wanted);
        let wanted = Header {
            gso_type: GSO_TCPV4,
            gso_size: 1448,
            hdr_len: 66,
            ..wanted
        };
        let sent = Header::for_sending(Some(TCP4_CHECKSUM), Some(TCP4), 66);
        assert_eq!(sent, wanted);
        let v6 = Segments {
            protocol: Protocol::TcpV6,
            ecn: true,
            ..TCP4
        };
        let sent = Header::for_sending(Some(TCP4_CHECKSUM), Some(v6), 66);
        assert_eq!(sent.gso_type, 0x84);
        assert_eq!(sent.num_buffers, 0);
    }

    #[test]
    fn what_is_sent_is_understood_when_received() {
        for (protocol, start, offset) in [
            (Protocol::TcpV4, 34, 16),
            (Protocol::TcpV6, 54, 16),
            (Protocol::Udp, 34, 6),
        ] {
            for ecn in [false, protocol != Protocol::Udp] {
                let segments = Segments {
                    protocol,
                    ecn,
                    size: 1400,
                };
                let partial = Partial { start, offset };
                let sent = Header::for_sending(Some(partial), Some(segments), 66);
                let wanted = Offload {
                    checksum: Checksum::Partial(partial),
                    segments: Some(segments),
                };
                assert_eq!(sent.offload(GUEST_GSO, 60_000), Ok(wanted));
            }
        }
    }

    #[test]
    fn only_one_thing_is_said_about_checksums() {
        let partial = Checksum::Partial(TCP4_CHECKSUM);
        for (flags, checksum) in [
            (0, Checksum::Unchecked),
            (HDR_F_DATA_VALID, Checksum::Verified),
            (!HDR_F_NEEDS_CSUM, Checksum::Verified),
            (HDR_F_NEEDS_CSUM, partial),
            (!0, partial),
        ] {
            let header = Header {
                flags,
                csum_start: 34,
                csum_offset: 16,
                ..Header::default()
            };
            let wanted = Offload {
                checksum,
                segments: None,
            };
            assert_eq!(header.offload(Features::NONE, 60), Ok(wanted));
        }
    }

    #[test]
    fn only_what_was_agreed_upon_is_switched_on() {
        let of = |agreed, left| u64::from_ne_bytes(guest_offloads(agreed, left));
        let all = Features::from_bits(!0);
        assert_eq!(of(all, Left::All), 0x782);
        assert_eq!(of(all, Left::Checksums), 2);
        assert_eq!(of(all, Left::Nothing), 0);
        let some = F_GUEST_CSUM | F_GUEST_TSO6;
        assert_eq!(of(some, Left::All), 0x102);
        assert_eq!(of(some, Left::Checksums), 2);
        assert_eq!(of(some, Left::Nothing), 0);
        assert_eq!(of(Features::NONE, Left::All), 0);
    }

    #[test]
    fn a_checksum_is_in_the_packet() {
        let of = |start, offset, len| {
            let header = Header {
                flags: HDR_F_NEEDS_CSUM,
                csum_start: start,
                csum_offset: offset,
                ..Header::default()
            };
            header.offload(Features::NONE, len).is_ok()
        };
        assert!(of(34, 16, 52));
        assert!(!of(34, 16, 51));
        assert!(!of(u16::MAX, u16::MAX, 1514));
        assert!(of(u16::MAX, u16::MAX, 2 * 65535 + 2));
        assert!(!of(u16::MAX, u16::MAX, 2 * 65535 + 1));
        assert!(!of(0, u16::MAX, 1514));
        assert!(!of(u16::MAX, 0, 1514));
    }

    #[test]
    fn only_accepted_kinds_of_segments_are_taken() {
        let kinds = [
            (GSO_TCPV4, F_GUEST_TSO4, 34, 16),
            (GSO_TCPV6, F_GUEST_TSO6, 54, 16),
            (GSO_UDP, F_GUEST_UFO, 34, 6),
        ];
        for (kind, feature, start, offset) in kinds {
            let header = large(kind, start, offset);
            assert!(header.offload(feature, 60_000).is_ok());
            assert_eq!(
                header.offload(GUEST_GSO.without(feature), 60_000),
                Err(BadHeader::NotAccepted)
            );
            let ecn = large(kind | GSO_ECN, start, offset);
            let without_ecn = ecn.offload(GUEST_GSO.without(F_GUEST_ECN), 60_000);
            if kind == GSO_UDP {
                assert_eq!(without_ecn, Err(BadHeader::Kind));
            } else {
                assert_eq!(without_ecn, Err(BadHeader::NotAccepted));
                assert!(ecn.offload(GUEST_GSO, 60_000).is_ok());
            }
        }
        for kind in 1..=u8::MAX {
            if matches!(kind & !GSO_ECN, GSO_TCPV4 | GSO_TCPV6 | GSO_UDP) {
                continue;
            }
            let header = large(kind, 34, 16);
            assert_eq!(header.offload(GUEST_GSO, 60_000), Err(BadHeader::Kind));
        }
    }

    #[test]
    fn segments_have_a_size_that_can_be() {
        for size in [0, u16::MAX] {
            let header = Header {
                gso_size: size,
                ..large(GSO_TCPV4, 34, 16)
            };
            assert_eq!(
                header.offload(GUEST_GSO, 60_000),
                Err(BadHeader::SegmentSize)
            );
        }
        for size in [1, 8, 1448, u16::MAX - 1] {
            let header = Header {
                gso_size: size,
                ..large(GSO_TCPV4, 34, 16)
            };
            assert!(header.offload(GUEST_GSO, 60_000).is_ok());
        }
    }

    #[test]
    fn what_is_to_be_cut_has_whole_headers_where_they_belong() {
        let of = |kind, start, offset, len| large(kind, start, offset).offload(GUEST_GSO, len);
        assert!(of(GSO_TCPV4, 34, 16, 54).is_ok());
        assert_eq!(of(GSO_TCPV4, 34, 16, 53), Err(BadHeader::Checksum));
        assert_eq!(of(GSO_TCPV4, 33, 16, 1500), Err(BadHeader::Checksum));
        assert_eq!(of(GSO_TCPV4, 34, 6, 1500), Err(BadHeader::Checksum));
        assert!(of(GSO_TCPV6, 54, 16, 74).is_ok());
        assert_eq!(of(GSO_TCPV6, 53, 16, 1500), Err(BadHeader::Checksum));
        assert!(of(GSO_UDP, 34, 6, 42).is_ok());
        assert_eq!(of(GSO_UDP, 34, 16, 1500), Err(BadHeader::Checksum));
        assert_eq!(of(GSO_UDP, 34, 6, 41), Err(BadHeader::Checksum));
    }
}
