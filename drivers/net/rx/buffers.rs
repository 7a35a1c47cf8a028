// SPDX-License-Identifier: GPL-2.0

//! Receive buffers: how large they are, and what of them the device may write.
//!
//! Without mergeable buffers each one holds the largest packet, with room around it so that the
//! packet can be used where it is; where that is more than a page it goes on in further pieces.
//! Mergeable buffers have the size packets have lately had.

use kernel::{
    alloc::{
        AllocError,
        Flags, //
    },
    prelude::*, //
};

use crate::{
    framing::Framing,
    kernel_ext::net::{
        netdev::ETH_HLEN,
        page_pool::{
            LentBuffer,
            PoolBuffer, //
        },
        skb::{
            HEADROOM,
            SHARED_INFO_SIZE, //
        },
        xdp, //
    },
    virtio::{
        core::net::{
            LongBuffer,
            PacketLen,
            Room, //
        },
        virtqueue::{
            Buffers,
            Chain,
            ChainError,
            Descriptors,
            Few,
            Single, //
        },
    },
};

/// Bytes of a machine page.
pub(super) const PAGE: u32 = kernel::page::PAGE_SIZE as u32;
/// Bytes of a VLAN tag.
const VLAN_HLEN: u32 = 4;
/// Bytes of an Ethernet header with a VLAN tag.
pub(crate) const FRAME_OVERHEAD: u32 = ETH_HLEN as u32 + VLAN_HLEN;
/// Bytes of a packet of the usual size.
pub(crate) const GOOD_PACKET_LEN: u32 = FRAME_OVERHEAD + 1500;
/// Buffers end on this boundary, in bytes.
const ALIGN: u32 = 64;

/// The pieces of a long buffer behind its first one, the one that is filled first at the end; a
/// pointer, as it is moved with every buffer, and hardly any has such pieces.
#[derive(Default)]
pub(super) struct Pieces(Option<KBox<KVec<LentBuffer>>>);

impl Pieces {
    /// Room for `count` pieces.
    pub(super) fn with_capacity(count: usize, flags: Flags) -> Result<Self, AllocError> {
        let pieces = KVec::with_capacity(count, flags)?;
        Ok(Self(Some(KBox::new(pieces, flags)?)))
    }

    /// Whether there is room for none.
    #[inline]
    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// How many they are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |pieces| pieces.len())
    }

    /// Adds one that is filled before the others; false, and it is dropped, if there is no room.
    pub(super) fn push(&mut self, piece: LentBuffer) -> bool {
        let pieces = self.0.as_mut();
        pieces.is_some_and(|pieces| pieces.push_within_capacity(piece).is_ok())
    }

    /// Takes the one that is filled first.
    pub(super) fn pop(&mut self) -> Option<LentBuffer> {
        self.0.as_mut()?.pop()
    }

    /// They, in the order in which they are filled.
    #[inline]
    fn iter(&self) -> impl Iterator<Item = &LentBuffer> {
        self.0.iter().flat_map(|pieces| pieces.iter().rev())
    }
}

/// A buffer in the ring.
pub(crate) struct Buffer {
    first: LentBuffer,
    further: Pieces,
}

impl Buffer {
    /// The buffer and its further pieces, when the device is done with them; and where in the buffer the
    /// device was allowed to write, and how many bytes.
    #[inline]
    pub(super) fn into_inner(self) -> (PoolBuffer, u32, u32, Pieces) {
        let (at, room) = (self.first.offset(), self.first.len());
        (self.first.into_buffer(), at, room, self.further)
    }
}

impl Buffers for Buffer {
    #[inline(always)] // A chain that is lent to a function is kept in memory.
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        chain.writable(&self.first)?;
        for piece in self.further.iter() {
            chain.writable(piece)?;
        }
        Ok(())
    }

    #[inline]
    fn few(&self) -> Few<'_> {
        if self.further.is_none() {
            Single::writable(&self.first).map_or(Few::Unknown, Few::One)
        } else {
            Few::Unknown
        }
    }

    #[inline]
    fn most(&self) -> u16 {
        // CAST: A packet has no more pieces than a ring has entries.
        let further = self.further.len() as u16;
        further.saturating_add(self.first.ranges())
    }
}

/// How large buffers are.
pub(crate) struct Sizing {
    framing: Framing,
    /// The least length of a packet, or part of one, that a buffer has to hold, in bytes.
    least: u32,
    average: PacketLen,
    /// For buffers of more than a page.
    long: Option<LongBuffer>,
    /// A program of XDP is to find room around each packet.
    for_program: bool,
}

impl Sizing {
    /// For packets of up to `packet_len` bytes and a ring of `entries`, whose chains go into
    /// indirect `tables` if they have several descriptors.
    pub(crate) fn new(framing: Framing, packet_len: u32, entries: u16, tables: bool) -> Self {
        let mut sizing = Self {
            framing,
            least: packet_len,
            average: PacketLen::default(),
            long: None,
            for_program: true,
        };
        let header = framing.header_len();
        if framing.mergeable {
            // A full ring has to hold the largest packet.
            let part = (packet_len + header).div_ceil(u32::from(entries).max(1));
            sizing.least = part
                .saturating_sub(header)
                .clamp(GOOD_PACKET_LEN, PAGE - header);
        } else if sizing.size() > PAGE {
            // With the room that a program needs, so that none is too small when one is loaded.
            sizing.long = Some(LongBuffer::plan(Room {
                packet: packet_len,
                reserved: sizing.reserved(),
                split: framing.split() != 0,
                entries,
                tables,
                page: PAGE,
            }));
        }
        sizing.for_program = false;
        sizing
    }

    /// Says whether a program is to find room around the packets of buffers that are made from now on.
    pub(super) fn set_for_program(&mut self, for_program: bool) {
        self.for_program = for_program;
    }

    /// Pieces of a buffer behind its first one.
    #[inline]
    pub(super) fn pieces(&self) -> u16 {
        self.long.map_or(0, |plan| plan.further)
    }

    /// Descriptors of the ring that a buffer takes.
    #[inline]
    pub(super) fn descriptors(&self) -> u16 {
        match self.long {
            Some(plan) => plan.descriptors,
            None => 1 + u16::from(self.framing.split() != 0),
        }
    }

    /// Descriptors of a chain that is to go into an indirect table; 0 if none is.
    pub(crate) fn table_entries(&self) -> u16 {
        self.long
            .map_or(0, |plan| plan.chain(self.framing.split() != 0))
    }

    /// The order of the pages that buffers are cut from.
    pub(super) fn page_order(&self) -> u32 {
        self.size().div_ceil(PAGE).next_power_of_two().ilog2()
    }

    /// Bytes of the next buffer, or of each of its pieces.
    #[inline]
    pub(super) fn size(&self) -> u32 {
        let header = self.framing.header_len();
        let size = if self.framing.mergeable && self.for_program {
            PAGE
        } else if self.framing.mergeable {
            header + self.average.clamped(self.least, PAGE - header)
        } else if let Some(plan) = self.long {
            plan.piece
        } else {
            (self.header_offset() + header + self.least).next_multiple_of(ALIGN) + SHARED_INFO_SIZE
        };
        size.next_multiple_of(ALIGN)
    }

    /// Takes a packet's length into the average.
    #[inline]
    pub(super) fn observe(&mut self, len: u32) {
        self.average.observe(len);
    }

    /// Where the header is in a buffer. A program may use the room of the header, too.
    #[inline]
    fn header_offset(&self) -> u32 {
        if self.for_program {
            xdp::HEADROOM - self.framing.header_len()
        } else if self.framing.mergeable {
            0
        } else {
            HEADROOM
        }
    }

    /// Bytes of a buffer that are not for the packet, if it is to be used where it is.
    #[inline]
    fn reserved(&self) -> u32 {
        self.header_offset() + self.framing.header_len() + SHARED_INFO_SIZE
    }

    /// Where the device may write in buffers that are made now.
    #[inline]
    pub(super) fn shape(&self) -> Shape {
        let header = self.framing.header_len();
        let (fixed, reserved) = if self.framing.mergeable && !self.for_program {
            (0, 0)
        } else if self.framing.mergeable || self.long.is_some() {
            (0, self.reserved() - header)
        } else {
            (header + self.least, 0)
        };
        Shape {
            at: self.header_offset(),
            fixed,
            reserved,
            split: self.framing.split(),
        }
    }
}

/// What of a buffer the device may write, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Where it begins.
    at: u32,
    /// How many, if that does not depend on the buffer's size.
    fixed: u32,
    /// How many of a buffer it may not write otherwise.
    reserved: u32,
    /// How many of them are apart, for the header.
    split: u32,
}

impl Shape {
    /// Makes a buffer whose parts the device may write; `None` for one that is too small.
    #[inline]
    pub(super) fn lend(self, first: PoolBuffer, further: Pieces) -> Option<Buffer> {
        let len = if self.fixed != 0 {
            self.fixed
        } else {
            first.size().checked_sub(self.reserved)?
        };
        let first = first.lend(self.at, len, self.split).ok()?;
        Some(Buffer { first, further })
    }
}
