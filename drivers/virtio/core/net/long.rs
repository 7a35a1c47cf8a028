// SPDX-License-Identifier: GPL-2.0

//! Receive buffers that hold the largest packet without being mergeable: what they are made of.

/// A plan for such buffers: each is a chain of pieces of one size, a power of two of pages.
///
/// Single pages can be had even when memory is short and fragmented, so that pieces are single
/// pages wherever the ring has room for enough of such chains, and larger only in small rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongBuffer {
    /// Bytes of each piece.
    pub piece: u32,
    /// Pieces behind the first one.
    pub further: u16,
    /// Descriptors of the ring that a buffer takes.
    pub descriptors: u16,
}

/// What decides about [`LongBuffer`]s.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes of a packet that have to fit.
    pub packet: u32,
    /// Bytes of the first piece that are for other things.
    pub reserved: u32,
    /// The virtio header has a descriptor of its own.
    pub split: bool,
    /// Entries of the ring.
    pub entries: u16,
    /// Chains go into indirect tables.
    pub tables: bool,
    /// Bytes of a page.
    pub page: u32,
}

impl LongBuffer {
    /// A ring should hold as many of them at least.
    const LEAST: u16 = 4;
    /// Pieces have at most so many times 2 pages.
    const LARGEST_ORDER: u32 = 5;

    /// The plan with the smallest pieces that will do, if any does; else with the largest ones.
    pub fn plan(room: Room) -> Self {
        let mut plan = Self::with_pieces(room, room.page);
        for order in 1..=Self::LARGEST_ORDER {
            let least = if room.tables { 1 } else { Self::LEAST };
            if plan.chain(room.split).saturating_mul(least) <= room.entries {
                break;
            }
            plan = Self::with_pieces(room, room.page << order);
        }
        if room.tables {
            plan.descriptors = 1;
        }
        plan
    }

    /// The plan with pieces of so many bytes.
    fn with_pieces(room: Room, piece: u32) -> Self {
        let first = piece.saturating_sub(room.reserved);
        let further = room.packet.saturating_sub(first).div_ceil(piece.max(1));
        let mut plan = Self {
            piece,
            // CAST: Few for the packets there are; after the limit it fits.
            further: further.min(u16::MAX.into()) as u16,
            descriptors: 0,
        };
        plan.descriptors = plan.chain(room.split);
        plan
    }

    /// Descriptors of a chain.
    pub fn chain(self, split: bool) -> u16 {
        self.further.saturating_add(1 + u16::from(split))
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_net_long))]
mod tests {
    use super::*;

    const PAGE: u32 = 4096;
    /// Headroom, header, and what the stack needs behind a packet.
    const RESERVED: u32 = 66 + 10 + 320;

    fn room(entries: u16, tables: bool, split: bool) -> Room {
        Room {
            packet: 65553,
            reserved: RESERVED,
            split,
            entries,
            tables,
            page: PAGE,
        }
    }

    #[test]
    fn pieces_are_pages_where_the_ring_is_large() {
        for (entries, tables, split, descriptors) in [
            (256, false, false, 17),
            (256, false, true, 18),
            (256, true, false, 1),
            (256, true, true, 1),
            (32, true, true, 1),
        ] {
            let wanted = LongBuffer {
                piece: PAGE,
                further: 16,
                descriptors,
            };
            assert_eq!(LongBuffer::plan(room(entries, tables, split)), wanted);
        }
    }

    #[test]
    fn every_ring_has_room_for_a_buffer_and_every_buffer_for_a_packet() {
        for shift in 1..=15 {
            let entries = 1_u16 << shift;
            for (tables, split) in [(false, false), (false, true), (true, false), (true, true)] {
                for packet in [3800, 9018, 65553] {
                    let room = Room {
                        packet,
                        ..room(entries, tables, split)
                    };
                    let plan = LongBuffer::plan(room);
                    let bytes = plan.piece * (u32::from(plan.further) + 1);
                    assert!(bytes >= packet + RESERVED);
                    assert!(plan.chain(split) <= entries);
                    assert!(plan.descriptors <= plan.chain(split));
                    if entries >= 8 {
                        let buffers = entries / plan.descriptors;
                        assert!(buffers >= LongBuffer::LEAST);
                    }
                    // No more fragments than the stack takes.
                    assert!(plan.further <= 17);
                }
            }
        }
    }

    #[test]
    fn no_piece_is_larger_than_it_has_to_be() {
        let piece = |entries, tables| LongBuffer::plan(room(entries, tables, false)).piece;
        assert_eq!(piece(128, false), PAGE);
        assert_eq!(piece(64, false), 2 * PAGE);
        assert_eq!(piece(16, false), 8 * PAGE);
        assert_eq!(piece(16, true), 2 * PAGE);
        assert_eq!(piece(2, false), 32 * PAGE);
    }
}
