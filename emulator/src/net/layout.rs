// SPDX-License-Identifier: GPL-2.0

//! Where the headers of a frame are.

use super::checksum;

/// The protocols behind an IP header.
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// Types of a frame.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// VLAN tags: the usual one and that of a provider.
const TAGS: [u16; 2] = [0x8100, 0x88a8];
/// Most tags of a frame.
const MAX_TAGS: usize = 2;

/// IPv6 headers that say little: hop-by-hop and destination options.
const HOP_BY_HOP: u8 = 0;
const DESTINATION: u8 = 60;
/// Most of them.
const MAX_OPTIONS: usize = 8;

/// Bytes of an IPv4 header without options, and of an IPv6 header.
const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;

/// The headers of an IP packet in a frame. All of them are in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where the IP header starts.
    pub network: usize,
    /// It is one of IPv6.
    pub v6: bool,
    /// IPv6: where the headers end that each fragment needs.
    pub fragmentable: usize,
    /// IPv6: where the byte is that says what stands there.
    pub link: usize,
    /// What stands at `transport`.
    pub protocol: u8,
    /// Where the headers of IP end.
    pub transport: usize,
    /// It is a fragment already.
    pub is_fragment: bool,
}

/// A number of 16 bits in network order; None beyond the end.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

impl Layout {
    /// The layout of a frame; None if it has no IP packet with whole headers.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let mut at = 12;
        let mut kind = word(frame, at)?;
        for _ in 0..MAX_TAGS {
            if TAGS.contains(&kind) {
                at += 4;
                kind = word(frame, at)?;
            }
        }
        let network = at + 2;
        match (kind, frame.get(network)? >> 4) {
            (IPV4, 4) => Self::v4(frame, network),
            (IPV6, 6) => Self::v6(frame, network),
            _ => None,
        }
    }

    fn v4(frame: &[u8], network: usize) -> Option<Self> {
        let len = usize::from(frame[network] & 15) * 4;
        let header = frame.get(network..network + len)?;
        if len < IPV4_BYTES {
            return None;
        }
        let transport = network + len;
        Some(Self {
            network,
            v6: false,
            fragmentable: transport,
            link: network + 9,
            protocol: header[9],
            transport,
            // An offset, or more to come.
            is_fragment: word(header, 6)? & 0x3fff != 0,
        })
    }

    fn v6(frame: &[u8], network: usize) -> Option<Self> {
        let mut link = network + 6;
        let mut transport = network + IPV6_BYTES;
        let mut protocol = *frame.get(..transport)?.get(link)?;
        let (mut fragmentable, mut fragment_link) = (transport, link);
        for _ in 0..MAX_OPTIONS {
            if ![HOP_BY_HOP, DESTINATION].contains(&protocol) {
                break;
            }
            let len = 8 * (usize::from(*frame.get(transport + 1)?) + 1);
            let every_fragment = protocol == HOP_BY_HOP;
            link = transport;
            transport += len;
            protocol = *frame.get(..transport)?.get(link)?;
            if every_fragment {
                (fragmentable, fragment_link) = (transport, link);
            }
        }
        Some(Self {
            network,
            v6: true,
            fragmentable,
            link: fragment_link,
            protocol,
            transport,
            is_fragment: false,
        })
    }

    /// The two addresses, one behind the other.
    pub fn addresses<'f>(&self, frame: &'f [u8]) -> &'f [u8] {
        if self.v6 {
            &frame[self.network + 8..self.network + IPV6_BYTES]
        } else {
            &frame[self.network + 12..self.network + IPV4_BYTES]
        }
    }

    /// Makes the IP header one of a packet that ends with the frame. None if it is too long for that.
    pub fn set_length(&self, frame: &mut [u8]) -> Option<()> {
        let (at, counted) = if self.v6 {
            (self.network + 4, self.network + IPV6_BYTES)
        } else {
            (self.network + 2, self.network)
        };
        let len = u16::try_from(frame.len() - counted).ok()?;
        frame[at..at + 2].copy_from_slice(&len.to_be_bytes());
        Some(())
    }

    /// Counts the identification of an IPv4 packet up by `number`.
    pub fn count_up(&self, frame: &mut [u8], number: u16) {
        if self.v6 {
            return;
        }
        let at = self.network + 4;
        let first = u16::from_be_bytes([frame[at], frame[at + 1]]);
        frame[at..at + 2].copy_from_slice(&first.wrapping_add(number).to_be_bytes());
    }

    /// Fills in the checksum of an IPv4 header.
    pub fn sum_header(&self, frame: &mut [u8]) {
        if self.v6 {
            return;
        }
        let at = self.network + 10;
        frame[at..at + 2].fill(0);
        let checksum = checksum::fold(checksum::sum(&frame[self.network..self.transport]));
        frame[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Fills in the checksum of the transport protocol, `offset` bytes into its header and within the
    /// frame, over the pseudo header and everything up to the frame's end.
    pub fn sum_transport(&self, frame: &mut [u8], offset: usize) {
        let at = self.transport + offset;
        frame[at..at + 2].fill(0);
        let payload = &frame[self.transport..];
        // CAST: Widening.
        let sum = checksum::sum(self.addresses(frame))
            + u64::from(self.protocol)
            + payload.len() as u64
            + checksum::sum(payload);
        frame[at..at + 2].copy_from_slice(&checksum::fold_not_zero(sum).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, next, 64]);
        frame.extend([0; 32]);
        [&frame, rest].concat()
    }

    #[test]
    fn headers_are_found_behind_tags_and_options() {
        let mut frame = vec![0; 12];
        frame.extend([0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0, 0x46]);
        frame.resize(22 + 24, 0);
        frame[22 + 9] = TCP;
        let layout = Layout::of(&frame).unwrap();
        assert_eq!((layout.network, layout.transport), (22, 46));
        assert_eq!((layout.protocol, layout.is_fragment), (TCP, false));
        frame[22 + 6] = 0x20;
        assert!(Layout::of(&frame).unwrap().is_fragment);
        frame[22 + 6] = 0x40;
        assert!(!Layout::of(&frame).unwrap().is_fragment);
    }

    #[test]
    fn the_options_of_ipv6_are_walked_over() {
        let options = [
            &[DESTINATION, 0, 0, 0, 0, 0, 0, 0][..],
            &[UDP, 1],
            &[0; 14],
            &[9; 8],
        ]
        .concat();
        let layout = Layout::of(&v6(HOP_BY_HOP, &options)).unwrap();
        assert_eq!((layout.protocol, layout.transport), (UDP, 14 + 40 + 24));
        assert_eq!((layout.fragmentable, layout.link), (14 + 48, 14 + 40));
        let plain = Layout::of(&v6(UDP, &[9; 8])).unwrap();
        assert_eq!((plain.fragmentable, plain.link), (14 + 40, 20));
    }

    #[test]
    fn headers_that_are_not_whole_are_none() {
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45]);
        frame.resize(34, 0);
        assert!(Layout::of(&frame).is_some());
        for len in 0..34 {
            assert_eq!(Layout::of(&frame[..len]), None, "{len}");
        }
        frame[14] = 0x44;
        assert_eq!(Layout::of(&frame), None);
        frame[14] = 0x65;
        assert_eq!(Layout::of(&frame), None);
        let whole = v6(HOP_BY_HOP, &[UDP, 0, 0, 0, 0, 0, 0, 0]);
        assert!(Layout::of(&whole).is_some());
        for len in 0..whole.len() {
            assert_eq!(Layout::of(&whole[..len]), None, "{len}");
        }
        let endless = v6(HOP_BY_HOP, &[0; 8 * 20]);
        assert_eq!(Layout::of(&endless).map(|layout| layout.protocol), Some(0));
    }
}
