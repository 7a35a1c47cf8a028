// SPDX-License-Identifier: GPL-2.0

//! From used buffers to a packet. Nothing the device says is believed unchecked; what is wrong
//! costs the packet it is said of.

use super::{
    buffers::{
        Buffer,
        Pieces, //
    },
    Receiver, //
};
use crate::{
    kernel_ext::net::{
        napi::Polling,
        netdev::{
            net_ratelimit,
            netdev_warn, //
        },
        page_pool::PoolBuffer,
        skb::{
            SkBuff,
            VirtioHeader, //
        },
    },
    virtio::{
        core::net::{
            BadHeader,
            Checksum,
            Fill,
            Header,
            Offload,
            MERGEABLE_HEADER_BYTES,
            MIN_FRAME_BYTES, //
        },
        virtqueue::Used,
    },
};

/// Packets of up to this many bytes are copied, so that their buffer can be used again at once.
const COPY_LEN: u32 = 128;

/// Why a packet was not taken.
pub(super) enum Reject {
    /// A length or a number of buffers cannot be.
    Length,
    /// The virtio header cannot be.
    Frame,
    /// There is no memory.
    Memory,
    /// A program of XDP has dropped it, or cannot see it.
    Program,
}

/// A used buffer, and how far it is filled.
pub(super) struct Filled {
    pub(super) buffer: PoolBuffer,
    /// Where in the buffer the device was allowed to write.
    pub(super) at: u32,
    /// How many bytes.
    pub(super) room: u32,
    pub(super) further: Pieces,
    pub(super) fill: Fill,
}

impl From<Used<Buffer>> for Filled {
    #[inline]
    fn from(used: Used<Buffer>) -> Self {
        let fill = Fill {
            claimed: used.claimed_len(),
            writable: used.writable(),
        };
        let (buffer, at, room, further) = used.token.into_inner();
        Self {
            buffer,
            at,
            room,
            further,
            fill,
        }
    }
}

impl Filled {
    /// The bytes of the packet behind the header, and the header, which is read once; `None` when
    /// the device has not filled as much.
    #[inline]
    pub(super) fn header(&self, header_len: u32) -> Option<(u32, Header)> {
        let len = self.fill.first(header_len)?;
        let wire = self.buffer.read::<MERGEABLE_HEADER_BYTES>(self.at)?;
        Some((len, Header::decode(&wire)))
    }
}

impl Receiver {
    /// Makes a packet of a used buffer and those that belong to it, and hands it to the stack.
    #[inline]
    pub(super) fn receive(&mut self, used: Used<Buffer>, poll: &Polling<'_>) {
        let result = self.packet(used.into(), poll).and_then(|(skb, header)| {
            let len = skb.len();
            self.finish(skb, &header, poll).map(|()| len)
        });
        match result {
            Ok(len) => {
                let stats = &self.parts.stats;
                stats.packets.inc();
                stats.bytes.add(len.into());
            }
            Err(reject) => self.count_reject(&reject),
        }
    }

    /// Counts a packet that was not taken.
    pub(super) fn count_reject(&self, reject: &Reject) {
        let stats = &self.parts.stats;
        match reject {
            Reject::Frame => stats.frame_errors.inc(),
            Reject::Length => {
                stats.drops.inc();
                stats.length_errors.inc();
            }
            Reject::Memory | Reject::Program => stats.drops.inc(),
        }
    }

    /// Collects the data of a packet.
    #[inline]
    fn packet(&mut self, first: Filled, poll: &Polling<'_>) -> Result<(SkBuff, Header), Reject> {
        let header_len = self.parts.framing.header_len();
        let header = first.header(header_len);
        let Filled {
            buffer,
            at,
            room,
            further,
            fill,
        } = first;
        let Some((len, mut header)) = header else {
            self.stock.recycle(buffer, poll);
            self.stock.keep(further);
            return Err(Reject::Length);
        };
        let data = at + header_len;

        if !self.parts.framing.mergeable {
            // The short header ends before the field.
            header.num_buffers = 0;
            let in_first = len.min(room.saturating_sub(header_len));
            let skb = self.whole(buffer, further, data, (in_first, len), poll)?;
            return Ok((skb, header));
        }
        let Some(further) = header.further_buffers(fill) else {
            self.stock.recycle(buffer, poll);
            return Err(Reject::Length);
        };
        let mut left = further;
        let skb = self
            .first_part(buffer, data, len, poll)
            .and_then(|skb| self.further_parts(skb, &mut left, poll))
            .inspect_err(|reject| {
                // They are the device's, as it says, but nobody's packet.
                if matches!(reject, Reject::Memory) {
                    self.skip_parts(left, poll);
                }
            })?;
        self.parts.sizing.observe(skb.len());
        Ok((skb, header))
    }

    /// Makes a packet of `len` bytes of a buffer that is not mergeable, `in_first` of which are at `data`
    /// of its first piece.
    #[inline]
    fn whole(
        &mut self,
        buffer: PoolBuffer,
        mut further: Pieces,
        data: u32,
        (in_first, len): (u32, u32),
        poll: &Polling<'_>,
    ) -> Result<SkBuff, Reject> {
        let result = match SkBuff::build(buffer, data, in_first, poll) {
            Ok(skb) => append_pieces(skb, &mut further, len - in_first),
            Err(buffer) => {
                self.stock.recycle(buffer, poll);
                Err(Reject::Memory)
            }
        };
        self.stock.keep(further);
        result
    }

    /// Starts a packet with `len` bytes at `data` of its first mergeable buffer.
    #[inline]
    fn first_part(
        &mut self,
        buffer: PoolBuffer,
        data: u32,
        len: u32,
        poll: &Polling<'_>,
    ) -> Result<SkBuff, Reject> {
        let buffer = if len > COPY_LEN {
            match SkBuff::build(buffer, data, len, poll) {
                Ok(skb) => return Ok(skb),
                Err(buffer) => buffer,
            }
        } else {
            buffer
        };
        let Some(mut skb) = SkBuff::alloc(COPY_LEN, poll) else {
            self.stock.recycle(buffer, poll);
            return Err(Reject::Memory);
        };
        let copied = if len <= COPY_LEN {
            len
        } else {
            MIN_FRAME_BYTES
        };
        if !skb.append_copy(&buffer, data, copied) {
            return Err(Reject::Memory);
        }
        if copied == len {
            self.stock.recycle(buffer, poll);
            return Ok(skb);
        }
        match skb.append_fragment(buffer, data + copied, len - copied) {
            Ok(()) => Ok(skb),
            Err(_) => Err(Reject::Memory),
        }
    }

    /// Appends the next `left` used buffers to a packet, and counts them down.
    #[inline]
    fn further_parts(
        &mut self,
        mut skb: SkBuff,
        left: &mut u16,
        poll: &Polling<'_>,
    ) -> Result<SkBuff, Reject> {
        while *left != 0 {
            let Some(used) = self.parts.vq.pop() else {
                return Err(Reject::Length);
            };
            *left -= 1;
            let Filled {
                buffer, at, fill, ..
            } = used.into();
            let Some(len) = fill.further(*left == 0) else {
                self.stock.recycle(buffer, poll);
                return Err(Reject::Length);
            };
            skb.append_fragment(buffer, at, len)
                .map_err(|_| Reject::Memory)?;
        }
        Ok(skb)
    }

    /// Takes the next `left` used buffers, as far as they are there, for a packet that there is no
    /// memory for.
    #[cold]
    pub(super) fn skip_parts(&mut self, left: u16, poll: &Polling<'_>) {
        for _ in 0..left {
            let Some(used) = self.parts.vq.pop() else {
                return;
            };
            self.stock.recycle(used.token.into_inner().0, poll);
        }
    }

    /// Takes what the header says about a packet.
    #[inline]
    fn apply(&self, skb: &mut SkBuff, header: &Header) -> Result<(), BadHeader> {
        let Offload { checksum, segments } = header.offload(self.parts.accepted, skb.len())?;
        if checksum == Checksum::Verified {
            skb.set_checksum_unnecessary();
        }
        if segments.is_none() && !matches!(checksum, Checksum::Partial(_)) {
            return Ok(());
        }
        let header = VirtioHeader {
            flags: header.flags,
            gso_type: header.gso_type,
            gso_size: header.gso_size,
            csum_start: header.csum_start,
            csum_offset: header.csum_offset,
        };
        if skb.set_virtio_header(&header, &self.parts.dev) {
            Ok(())
        } else {
            Err(BadHeader::Packet)
        }
    }

    /// Takes what the header says about a packet and hands it to the stack.
    #[inline]
    pub(super) fn finish(
        &mut self,
        mut skb: SkBuff,
        header: &Header,
        poll: &Polling<'_>,
    ) -> Result<(), Reject> {
        if let Err(error) = self.apply(&mut skb, header) {
            if net_ratelimit() {
                netdev_warn!(self.parts.dev, "bad header ({:?}): {:?}\n", error, header);
            }
            return Err(Reject::Frame);
        }
        let packet = skb
            .receive(&self.parts.dev, self.parts.pair)
            .ok_or(Reject::Length)?;
        poll.gro_receive(packet);
        Ok(())
    }
}

/// Appends the `left` bytes of a packet that are in the further pieces of its buffer.
fn append_pieces(mut skb: SkBuff, further: &mut Pieces, mut left: u32) -> Result<SkBuff, Reject> {
    while left != 0 {
        let Some(piece) = further.pop() else {
            return Err(Reject::Length);
        };
        let len = piece.len().min(left);
        left -= len;
        skb.append_fragment(piece.into_buffer(), 0, len)
            .map_err(|_| Reject::Memory)?;
    }
    Ok(skb)
}
