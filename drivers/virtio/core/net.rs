// SPDX-License-Identifier: GPL-2.0

//! The wire format of a network device (VIRTIO 1.3, section 5.1), as legacy devices have it.

#[path = "net/control.rs"]
pub mod control;
#[path = "net/long.rs"]
mod long;
#[path = "net/offer.rs"]
mod offer;
#[path = "net/offload.rs"]
mod offload;
#[path = "net/pairs.rs"]
pub mod pairs;
#[path = "net/xdp.rs"]
pub mod xdp;

#[allow(unused_imports)] // Shared source: each module uses a part of it.
pub use long::*;
#[allow(unused_imports)] // As above.
pub use offer::*;
#[allow(unused_imports)] // As above.
pub use offload::*;

/// Offsets in the device-specific configuration, in bytes (section 5.1.4).
pub mod config {
    /// MAC address, 6 bytes, with [`super::F_MAC`].
    pub const MAC: usize = 0;
    /// Link state, 2 bytes, with [`super::F_STATUS`].
    pub const STATUS: usize = 6;
    /// Most queue pairs, 2 bytes, with [`super::F_MQ`].
    pub const MAX_VIRTQUEUE_PAIRS: usize = 8;
    /// Maximum MTU, 2 bytes, with [`super::F_MTU`].
    pub const MTU: usize = 10;
}

/// Bit of the status word: the link is up.
pub const STATUS_LINK_UP: u16 = 1;
/// Bit of the status word: the driver is to announce itself, with [`F_GUEST_ANNOUNCE`].
pub const STATUS_ANNOUNCE: u16 = 2;

/// Bytes of the header without mergeable receive buffers.
pub const HEADER_BYTES: usize = 10;
/// Bytes of the header with mergeable receive buffers.
pub const MERGEABLE_HEADER_BYTES: usize = 12;

/// The header in front of every packet, fields in the guest's byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `HDR_F_*`.
    pub flags: u8,
    /// `GSO_*`.
    pub gso_type: u8,
    /// Bytes of the protocol headers of a segmentation-offload packet.
    pub hdr_len: u16,
    /// Bytes of each segment.
    pub gso_size: u16,
    /// Offset at which checksumming starts.
    pub csum_start: u16,
    /// Offset of the checksum from there.
    pub csum_offset: u16,
    /// Buffers the packet is spread over, with [`F_MRG_RXBUF`]; 0 when sending.
    pub num_buffers: u16,
}

impl Header {
    /// Bytes on the wire, by whether receive buffers are mergeable.
    pub const fn bytes(mergeable: bool) -> usize {
        if mergeable {
            MERGEABLE_HEADER_BYTES
        } else {
            HEADER_BYTES
        }
    }

    /// The header as it stands in memory; the last two bytes belong to the longer form alone.
    pub fn encode(&self) -> [u8; MERGEABLE_HEADER_BYTES] {
        let mut wire = [0; MERGEABLE_HEADER_BYTES];
        for (bytes, word) in wire.chunks_exact_mut(2).zip(self.words()) {
            bytes.copy_from_slice(&word.to_ne_bytes());
        }
        wire
    }

    /// The same as words, which are written with fewer instructions.
    #[inline]
    pub fn words(&self) -> [u16; MERGEABLE_HEADER_BYTES / 2] {
        let [first, hdr_len, gso_size, csum_start, csum_offset] = self.short_words();
        [
            first,
            hdr_len,
            gso_size,
            csum_start,
            csum_offset,
            self.num_buffers,
        ]
    }

    /// The words of the short form, without mergeable receive buffers.
    #[inline]
    pub fn short_words(&self) -> [u16; HEADER_BYTES / 2] {
        [
            u16::from_ne_bytes([self.flags, self.gso_type]),
            self.hdr_len,
            self.gso_size,
            self.csum_start,
            self.csum_offset,
        ]
    }

    /// Takes a header that was copied out of shared memory.
    #[inline]
    pub fn decode(wire: &[u8; MERGEABLE_HEADER_BYTES]) -> Self {
        let field = |at: usize| u16::from_ne_bytes([wire[at], wire[at + 1]]);
        Self {
            flags: wire[0],
            gso_type: wire[1],
            hdr_len: field(2),
            gso_size: field(4),
            csum_start: field(6),
            csum_offset: field(8),
            num_buffers: field(10),
        }
    }
}

/// How far a used receive buffer is filled, by what the device says.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// The bytes that the device claims to have written.
    pub claimed: u32,
    /// The bytes that it was allowed to write.
    pub writable: u32,
}

impl Fill {
    /// The bytes of the packet in its first buffer, behind a header of `header_bytes`.
    ///
    /// Returns `None` if they are more than the buffer holds, or less than an Ethernet header.
    #[inline]
    pub const fn first(self, header_bytes: u32) -> Option<u32> {
        match self.claimed.checked_sub(header_bytes) {
            Some(MIN_FRAME_BYTES..) if self.claimed <= self.writable => {
                Some(self.claimed - header_bytes)
            }
            _ => None,
        }
    }

    /// The bytes of the packet in one of its further buffers.
    ///
    /// Returns `None` if they are more than the buffer holds or none, or if it is neither full nor
    /// the last one.
    #[inline]
    pub const fn further(self, is_last: bool) -> Option<u32> {
        match self.claimed {
            1.. if self.is_full() || (is_last && self.claimed < self.writable) => {
                Some(self.claimed)
            }
            _ => None,
        }
    }

    /// Whether there is no room left in the buffer.
    #[inline]
    const fn is_full(self) -> bool {
        self.claimed == self.writable
    }
}

impl Header {
    /// How many buffers of a packet follow its first, with [`F_MRG_RXBUF`].
    ///
    /// All buffers of a packet but the last are full (section 5.1.6.4.1): a header that says
    /// otherwise is wrong, and the next buffers are not this packet's. Then, and if it counts not
    /// even the first, the answer is `None`.
    #[inline]
    pub const fn further_buffers(&self, first: Fill) -> Option<u16> {
        match self.num_buffers {
            0 => None,
            1 => Some(0),
            all if first.is_full() => Some(all - 1),
            _ => None,
        }
    }
}

/// The moving average of the length of packets, by which receive buffers are sized.
#[derive(Clone, Copy, Debug, Default)]
pub struct PacketLen {
    /// In bytes; 0 before the first packet.
    average: u32,
}

impl PacketLen {
    /// A new packet changes the average by 1/64 of the difference.
    const SHIFT: u32 = 6;
    /// What a longer packet counts as, so that nothing overflows.
    const MAX: u32 = 1 << 17;

    /// Takes the length of a packet into the average.
    #[inline]
    pub fn observe(&mut self, len: u32) {
        let len = len.min(Self::MAX);
        self.average = match self.average {
            0 => len,
            average => ((average << Self::SHIFT) - average + len) >> Self::SHIFT,
        };
    }

    /// The average in bytes, within limits.
    #[inline]
    pub fn clamped(&self, least: u32, most: u32) -> u32 {
        self.average.max(least).min(most)
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_net_wire))]
mod tests {
    use super::*;

    #[test]
    fn the_header_survives_the_wire() {
        let header = Header {
            flags: HDR_F_NEEDS_CSUM,
            gso_type: GSO_NONE,
            hdr_len: 0x1234,
            gso_size: 0x5678,
            csum_start: 34,
            csum_offset: 16,
            num_buffers: 3,
        };
        let wire = header.encode();
        assert_eq!(wire[..2], [HDR_F_NEEDS_CSUM, GSO_NONE]);
        assert_eq!(wire[6..10], [34, 0, 16, 0]);
        assert_eq!(wire[10..], [3, 0]);
        assert_eq!(Header::decode(&wire), header);
        assert_eq!(header.short_words()[..], header.words()[..5]);
    }

    #[test]
    fn a_sent_header_counts_no_buffers() {
        assert_eq!(Header::for_sending(None, None, 0).encode(), [0; 12]);
    }

    /// A buffer of 100 bytes of which the device claims to have written `claimed`.
    const fn fill(claimed: u32) -> Fill {
        Fill {
            claimed,
            writable: 100,
        }
    }

    #[test]
    fn the_first_buffer_holds_a_header_and_a_frame_and_no_more_than_it_can() {
        for header in [10, 12] {
            for claimed in 0..header + 14 {
                assert_eq!(fill(claimed).first(header), None);
            }
            for claimed in header + 14..=100 {
                assert_eq!(fill(claimed).first(header), Some(claimed - header));
            }
            for claimed in [101, 102, 1 << 31, u32::MAX] {
                assert_eq!(fill(claimed).first(header), None);
            }
        }
    }

    #[test]
    fn a_further_buffer_is_full_unless_it_is_the_last() {
        for claimed in 1..100 {
            assert_eq!(fill(claimed).further(false), None);
            assert_eq!(fill(claimed).further(true), Some(claimed));
        }
        for is_last in [false, true] {
            assert_eq!(fill(0).further(is_last), None);
            assert_eq!(fill(100).further(is_last), Some(100));
            for claimed in [101, u32::MAX] {
                assert_eq!(fill(claimed).further(is_last), None);
            }
        }
    }

    #[test]
    fn a_header_cannot_count_no_buffers_or_more_than_are_filled() {
        let further = |num_buffers, claimed| {
            Header {
                num_buffers,
                ..Header::default()
            }
            .further_buffers(fill(claimed))
        };
        for claimed in [26, 99, 100] {
            assert_eq!(further(0, claimed), None);
            assert_eq!(further(1, claimed), Some(0));
        }
        for num_buffers in 2..=u16::MAX {
            assert_eq!(further(num_buffers, 99), None);
            assert_eq!(further(num_buffers, 100), Some(num_buffers - 1));
        }
    }

    #[test]
    fn the_average_follows_the_packets() {
        let mut average = PacketLen::default();
        assert_eq!(average.clamped(1518, 4084), 1518);
        average.observe(60);
        assert_eq!(average.clamped(0, 4084), 60);
        for _ in 0..1000 {
            average.observe(u32::MAX);
        }
        assert_eq!(average.clamped(1518, 4084), 4084);
        for _ in 0..1000 {
            average.observe(60);
        }
        assert!(average.clamped(0, 4084) <= 60 + 64);
    }

    #[test]
    fn the_length_depends_on_mergeable_buffers() {
        assert_eq!(Header::bytes(false), 10);
        assert_eq!(Header::bytes(true), 12);
    }
}
