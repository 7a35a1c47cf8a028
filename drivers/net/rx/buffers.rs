// SPDX-License-Identifier: GPL-2.0

//! Receive buffers: how large they are, and what of them the device may write.
//!
//! Without mergeable buffers each one holds the largest packet, with room around it so that the
//! packet can be used where it is. Mergeable buffers have the size packets have lately had.

use crate::{
    framing::Framing,
    kernel_ext::net::{
        napi::Owned,
        netdev::ETH_HLEN,
        page_pool::{
            LentBuffer,
            PagePool,
            PoolBuffer, //
        },
        skb::{
            HEADROOM,
            SHARED_INFO_SIZE, //
        },
    },
    virtio::{
        core::net::PacketLen,
        virtqueue::{
            Buffers,
            Chain,
            ChainError, //
        },
    },
};

/// Bytes of a machine page.
const PAGE: u32 = kernel::page::PAGE_SIZE as u32;
/// Bytes of a VLAN tag.
const VLAN_HLEN: u32 = 4;
/// Bytes of an Ethernet header with a VLAN tag.
pub(crate) const FRAME_OVERHEAD: u32 = ETH_HLEN as u32 + VLAN_HLEN;
/// Bytes of a packet of the usual size.
pub(crate) const GOOD_PACKET_LEN: u32 = FRAME_OVERHEAD + 1500;
/// Buffers end on this boundary, in bytes.
const ALIGN: u32 = 64;

/// A buffer in the ring.
pub(crate) struct Buffer(LentBuffer);

impl Buffer {
    /// The buffer, when the device is done with it.
    #[inline]
    pub(super) fn into_inner(self) -> PoolBuffer {
        self.0.into_buffer()
    }
}

impl Buffers for Buffer {
    #[inline]
    fn describe<'a>(&'a self, chain: &mut Chain<'a>) -> Result<(), ChainError> {
        chain.writable(&self.0)
    }
}

/// How large buffers are.
pub(super) struct Sizing {
    framing: Framing,
    /// The least length of a packet, or part of one, that a buffer has to hold, in bytes.
    least: u32,
    average: PacketLen,
}

impl Sizing {
    /// For packets of up to `packet_len` bytes and a ring of `entries`.
    pub(super) fn new(framing: Framing, packet_len: u32, entries: u32) -> Self {
        let least = if framing.mergeable {
            // A full ring has to hold the largest packet.
            let whole = packet_len + framing.header_len();
            let part = whole.div_ceil(entries.max(1));
            part.saturating_sub(framing.header_len())
                .clamp(GOOD_PACKET_LEN, PAGE - framing.header_len())
        } else {
            packet_len
        };
        Self {
            framing,
            least,
            average: PacketLen::default(),
        }
    }

    /// Descriptors a buffer takes.
    #[inline]
    pub(super) fn descriptors(&self) -> u16 {
        if self.framing.split() == 0 {
            1
        } else {
            2
        }
    }

    /// The order of the pages that buffers are cut from.
    pub(super) fn page_order(&self) -> u32 {
        self.size().div_ceil(PAGE).next_power_of_two().ilog2()
    }

    /// Bytes of the next buffer.
    #[inline]
    pub(super) fn size(&self) -> u32 {
        let header = self.framing.header_len();
        let size = if self.framing.mergeable {
            header + self.average.clamped(self.least, PAGE - header)
        } else {
            (HEADROOM + header + self.least).next_multiple_of(ALIGN) + SHARED_INFO_SIZE
        };
        size.next_multiple_of(ALIGN)
    }

    /// Takes a packet's length into the average.
    #[inline]
    pub(super) fn observe(&mut self, len: u32) {
        self.average.observe(len);
    }

    /// Where the header is in a buffer.
    #[inline]
    pub(super) fn header_offset(&self) -> u32 {
        if self.framing.mergeable {
            0
        } else {
            HEADROOM
        }
    }

    /// Allocates a buffer; `None` without memory.
    #[inline]
    pub(super) fn allocate(&self, pool: &mut PagePool, owner: &Owned<'_>) -> Option<Buffer> {
        let buffer = pool.alloc(self.size(), owner)?;
        let len = if self.framing.mergeable {
            buffer.size()
        } else {
            self.framing.header_len() + self.least
        };
        buffer
            .lend(self.header_offset(), len, self.framing.split())
            .ok()
            .map(Buffer)
    }
}
