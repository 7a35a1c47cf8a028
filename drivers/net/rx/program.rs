// SPDX-License-Identifier: GPL-2.0

//! Received packets while a program of XDP is rig.
//!
//! The program finds each packet in one buffer with room in front of it, and what does not fit in
//! fragments, if it takes such. A packet in a buffer that the device was given before the program was
//! loaded is copied. Packets that are not complete, which may be on their way then, are dropped.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    buffers::Pieces,
    packet::{
        Filled,
        Reject, //
    },
    Receiver, //
};
use crate::{
    kernel_ext::net::{
        napi::Polling,
        page_pool::PoolBuffer,
        skb::{
            MAX_FRAGS,
            SHARED_INFO_SIZE, //
        },
        xdp::{
            Buff,
            Program,
            RxQueue,
            Verdict,
            HEADROOM, //
        },
    },
    virtio::core::net::{
        Header,
        GSO_NONE,
        HDR_F_DATA_VALID,
        HDR_F_NEEDS_CSUM, //
    },
    xdp::{
        Lane,
        Queues, //
    },
};

/// A program and what it runs with.
pub(super) struct Rig {
    pub(super) program: Program,
    /// Where what it sends goes.
    pub(super) sends_on: Arc<Queues>,
    pub(super) queue: Arc<RxQueue>,
}

/// What is to be done at the end of a poll.
#[derive(Default)]
struct Pending {
    redirected: bool,
    sent: bool,
}

/// The bytes of a buffer that belong to a packet.
struct Part {
    buffer: PoolBuffer,
    offset: u32,
    len: u32,
}

impl Part {
    /// Whether there is as much room around it as a program needs.
    fn has_room(&self) -> bool {
        let needed = u64::from(self.offset) + u64::from(self.len) + u64::from(SHARED_INFO_SIZE);
        self.offset >= HEADROOM && needed <= u64::from(self.buffer.size())
    }

    /// No bytes of a new buffer yet, with room in front.
    fn empty(buffer: Option<PoolBuffer>) -> Result<Self, Reject> {
        Ok(Self {
            buffer: buffer.ok_or(Reject::Memory)?,
            offset: HEADROOM,
            len: 0,
        })
    }

    /// Bytes that there is room for behind it.
    fn tailroom(&self) -> u32 {
        let end = self.buffer.size().saturating_sub(SHARED_INFO_SIZE);
        end.saturating_sub(self.offset + self.len)
    }

    /// Copies the first `len` bytes of another part behind this one, if there is room.
    fn append(&mut self, other: &Self, len: u32) -> Result<(), Reject> {
        let at = self.offset + self.len;
        if len > self.tailroom() || !self.buffer.copy_from(at, &other.buffer, other.offset, len) {
            return Err(Reject::Program);
        }
        self.len += len;
        Ok(())
    }
}

/// What there is of a packet behind its first part.
struct Rest {
    /// Used buffers, which come next in the ring.
    buffers: u16,
    /// Or the further pieces of the same buffer, and the bytes that are in them.
    pieces: Pieces,
    bytes: u32,
}

impl Rest {
    fn is_empty(&self) -> bool {
        self.buffers == 0 && self.bytes == 0
    }
}

impl Receiver {
    /// Has the program look at what the device has received, as far as the poll's budget goes.
    pub(super) fn run_program(&mut self, rig: &Rig, poll: &Polling<'_>) -> u32 {
        let lane = rig.sends_on.here(poll);
        let mut pending = Pending::default();
        let mut done = 0;
        while done < poll.budget() {
            let Some(used) = self.parts.vq.pop() else {
                break;
            };
            done += 1;
            let result = self.examine(rig, lane.as_ref(), used.into(), &mut pending, poll);
            if let Err(reject) = result {
                self.parts.stats.xdp_drops.inc();
                self.count_reject(&reject);
            }
        }
        if pending.redirected {
            poll.flush_redirected();
        }
        if let (true, Some(lane)) = (pending.sent, lane) {
            lane.tx.flush_frames(poll);
        }
        done
    }

    /// Has the program look at a packet, and does what it says.
    fn examine(
        &mut self,
        rig: &Rig,
        lane: Option<&Lane<'_>>,
        first: Filled,
        pending: &mut Pending,
        poll: &Polling<'_>,
    ) -> Result<(), Reject> {
        let (packet, header) = self.gather(rig, first, poll)?;
        let stats = &self.parts.stats;
        stats.packets.inc();
        stats.bytes.add(packet.len().into());
        stats.xdp_packets.inc();
        match packet.run(&rig.program) {
            Verdict::Pass(packet) => {
                let skb = packet.into_skb().ok_or(Reject::Memory)?;
                self.finish(skb, &header, poll)
            }
            Verdict::Transmit(packet) => {
                stats.xdp_tx.inc();
                let frame = packet.into_frame().ok_or(Reject::Program)?;
                let lane = lane.ok_or(Reject::Program)?;
                lane.tx.send_frame(frame, lane.is_shared, poll);
                pending.sent = true;
                Ok(())
            }
            Verdict::Redirected => {
                stats.xdp_redirects.inc();
                pending.redirected = true;
                Ok(())
            }
            Verdict::NotRedirected => {
                stats.xdp_redirects.inc();
                Err(Reject::Program)
            }
            Verdict::Dropped => Err(Reject::Program),
        }
    }

    /// Makes what a program sees of a used buffer and those that belong to it. With it comes what is
    /// left of the header: whether the device has checked the packet.
    fn gather<'a>(
        &mut self,
        rig: &'a Rig,
        first: Filled,
        poll: &'a Polling<'a>,
    ) -> Result<(Buff<'a>, Header), Reject> {
        let header_len = self.parts.framing.header_len();
        let Some((len, header)) = first.header(header_len) else {
            self.stock.keep(first.further);
            return Err(Reject::Length);
        };
        let Filled {
            buffer,
            at,
            room,
            further,
            fill,
        } = first;
        let mut rest = Rest {
            buffers: 0,
            pieces: further,
            bytes: 0,
        };
        let mut first = Part {
            buffer,
            offset: at + header_len,
            len,
        };
        if self.parts.framing.mergeable {
            rest.buffers = header.further_buffers(fill).ok_or(Reject::Length)?;
        } else {
            first.len = len.min(room.saturating_sub(header_len));
            rest.bytes = len - first.len;
        }
        let is_complete = header.gso_type == GSO_NONE && header.flags & HDR_F_NEEDS_CSUM == 0;
        let result = if is_complete && usize::from(rest.buffers) <= MAX_FRAGS {
            self.assemble(rig, first, &mut rest, poll)
        } else {
            Err(Reject::Program)
        };
        if matches!(result, Err(Reject::Program | Reject::Memory)) {
            // They are the device's, as it says, but nobody's packet.
            self.skip_parts(rest.buffers, poll);
        }
        self.stock.keep(rest.pieces);
        let header = Header {
            flags: header.flags & HDR_F_DATA_VALID,
            ..Header::default()
        };
        result.map(|packet| (packet, header))
    }

    /// Puts the parts of a packet together: in one buffer or, if the program takes fragments, as they
    /// are.
    fn assemble<'a>(
        &mut self,
        rig: &'a Rig,
        first: Part,
        rest: &mut Rest,
        poll: &'a Polling<'a>,
    ) -> Result<Buff<'a>, Reject> {
        let spread = rig.program.takes_fragments();
        let (first, mut next) = if first.has_room() && (spread || rest.is_empty()) {
            (first, None)
        } else if spread {
            self.copy_start(first, poll)?
        } else {
            (self.copy_all(first, rest, poll)?, None)
        };
        let mut packet = Buff::new(first.buffer, first.offset, first.len, &rig.queue, poll)
            .map_err(|_| Reject::Program)?;
        loop {
            let part = match next.take() {
                Some(part) => part,
                None => match self.next_part(rest)? {
                    Some(part) => part,
                    None => return Ok(packet),
                },
            };
            packet
                .append(part.buffer, part.offset, part.len)
                .map_err(|_| Reject::Program)?;
        }
    }

    /// Copies the start of a packet to a buffer with room in front; with it comes what did not fit.
    fn copy_start(
        &mut self,
        first: Part,
        poll: &Polling<'_>,
    ) -> Result<(Part, Option<Part>), Reject> {
        let mut copy = Part::empty(self.stock.page(poll))?;
        let len = first.len.min(copy.tailroom());
        copy.append(&first, len)?;
        if len == first.len {
            self.stock.recycle(first.buffer, poll);
            return Ok((copy, None));
        }
        let more = Part {
            offset: first.offset + len,
            len: first.len - len,
            ..first
        };
        Ok((copy, Some(more)))
    }

    /// Copies a packet to a buffer with room in front, if it fits.
    fn copy_all(
        &mut self,
        first: Part,
        rest: &mut Rest,
        poll: &Polling<'_>,
    ) -> Result<Part, Reject> {
        let mut copy = Part::empty(self.stock.page(poll))?;
        let mut next = Some(first);
        while let Some(part) = next {
            copy.append(&part, part.len)?;
            self.stock.recycle(part.buffer, poll);
            next = self.next_part(rest)?;
        }
        Ok(copy)
    }

    /// The next part of a packet.
    fn next_part(&mut self, rest: &mut Rest) -> Result<Option<Part>, Reject> {
        if rest.buffers != 0 {
            let used = self.parts.vq.pop().ok_or(Reject::Length)?;
            rest.buffers -= 1;
            let Filled {
                buffer, at, fill, ..
            } = used.into();
            let len = fill.further(rest.buffers == 0).ok_or(Reject::Length)?;
            return Ok(Some(Part {
                buffer,
                offset: at,
                len,
            }));
        }
        if rest.bytes != 0 {
            let piece = rest.pieces.pop().ok_or(Reject::Length)?;
            let (offset, len) = (piece.offset(), piece.len().min(rest.bytes));
            rest.bytes -= len;
            return Ok(Some(Part {
                buffer: piece.into_buffer(),
                offset,
                len,
            }));
        }
        Ok(None)
    }
}
