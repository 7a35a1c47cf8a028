// SPDX-License-Identifier: GPL-2.0

//! Frames of a network device (VIRTIO 1.3, sections 5.1.6.2.1, 5.1.6.3.1 and 5.1.6.6).

use super::{
    chains::Form,
    needs::{
        CSUM,
        CTRL_VQ,
        GSO,
        GUEST_TSO4,
        GUEST_TSO6,
        GUEST_UFO,
        HOST_ECN,
        HOST_TSO4,
        HOST_TSO6,
        HOST_UFO, //
    },
    rules::net::*,
    State, //
};
use crate::virtio::{
    features::ANY_LAYOUT,
    net::{
        config,
        Header,
        F_MQ,
        F_MRG_RXBUF,
        F_MTU,
        GSO_NONE,
        HDR_F_NEEDS_CSUM, //
    },
};

/// The longest frames, with and without segments put together: 64 KiB or 1500 bytes of payload.
const LONGEST: u64 = 65550;
const USUAL: u64 = 1514;

/// Bytes of an Ethernet header, and of a VLAN tag in it.
const ETHERNET: usize = 14;
const VLAN: usize = 4;

const GSO_ECN: u8 = 0x80;
const GSO_TCPV4: u8 = 1;
const GSO_UDP: u8 = 3;
const GSO_TCPV6: u8 = 4;

/// Bytes of the shortest header of a transport: UDP's.
const TRANSPORT: u16 = 8;

impl State {
    /// The number of the control queue, with the accepted features.
    pub(super) fn is_control(&self, queue: u16) -> bool {
        let pairs = if self.life.has(F_MQ) {
            self.facts.pairs
        } else {
            1
        };
        self.life.has(CTRL_VQ) && queue == pairs.saturating_mul(2)
    }

    /// Whether the device writes frames into the buffers of a queue.
    pub(super) fn is_receiving(&self, queue: u16) -> bool {
        queue % 2 == 0 && !self.is_control(queue)
    }

    /// A chain of a network card was taken.
    pub(super) fn net_chain(&mut self, queue: u16, head: u16, form: &Form) {
        if self.is_control(queue) {
            return self.command_framed(queue, head, form);
        }
        let header = Header::bytes(self.life.has(F_MRG_RXBUF)) as u64;
        let receives = self.is_receiving(queue);
        let (bytes, wrong, first, count) = if receives {
            (
                form.writable,
                form.readable,
                form.write.first(),
                form.writes,
            )
        } else {
            (form.readable, form.writable, form.read.first(), form.reads)
        };
        let alone = first.is_some_and(|first| u64::from(*first) == header) && count > 1;
        for (broken, rule) in [
            (wrong != 0, DIRECTION),
            (bytes < header, HEADER),
            (
                receives && !self.life.has(F_MRG_RXBUF) && bytes < header + self.longest(),
                ROOM,
            ),
            (
                !self.life.has(ANY_LAYOUT) && bytes >= header && !alone,
                FRAMING,
            ),
        ] {
            if broken {
                self.found(rule, || {
                    format!(
                        "queue {queue}, chain {head}: {} bytes to read, {} to write",
                        form.readable, form.writable
                    )
                });
            }
        }
    }

    /// The longest frame that can arrive.
    fn longest(&self) -> u64 {
        if [GUEST_TSO4, GUEST_TSO6, GUEST_UFO]
            .iter()
            .any(|feature| self.life.has(*feature))
        {
            LONGEST
        } else {
            USUAL
        }
    }

    /// The driver has sent a frame of `bytes` bytes.
    pub(super) fn frame_sent(&mut self, header: &Header, bytes: usize) {
        let flags = header.flags;
        let segments = header.gso_type & !GSO_ECN != GSO_NONE;
        let needs_checksum = flags & HDR_F_NEEDS_CSUM != 0;
        let mtu = usize::from(u16::from_le_bytes(self.config(config::MTU)));
        // CAST: Widening.
        let place = usize::from(header.csum_start) + usize::from(header.csum_offset) + 2;
        for (broken, rule) in [
            (header.num_buffers != 0, NO_BUFFERS),
            (flags != 0 && !self.life.has(CSUM), NO_FLAGS),
            (flags & !HDR_F_NEEDS_CSUM != 0, FLAGS_KNOWN),
            (needs_checksum && place > bytes, CHECKSUM_INSIDE),
            (!self.may_segment(header.gso_type), GSO_ACCEPTED),
            (segments && !needs_checksum, GSO_CHECKSUM),
            (segments && header.gso_size == 0, GSO_SIZE),
            (
                segments && header.hdr_len < header.csum_start.saturating_add(TRANSPORT),
                GSO_HEADERS,
            ),
            (
                self.life.has(F_MTU) && !segments && bytes > mtu + ETHERNET + VLAN,
                MTU,
            ),
        ] {
            if broken {
                self.found(rule, || format!("{bytes} bytes behind {header:?}"));
            }
        }
    }

    fn may_segment(&self, gso_type: u8) -> bool {
        let ecn = gso_type & GSO_ECN == 0 || self.life.has(HOST_ECN);
        // The old name for all of them at once.
        let any = self.life.has(GSO);
        (ecn || any)
            && match gso_type & !GSO_ECN {
                GSO_NONE => gso_type & GSO_ECN == 0,
                GSO_TCPV4 => any || self.life.has(HOST_TSO4),
                GSO_TCPV6 => any || self.life.has(HOST_TSO6),
                GSO_UDP => any || self.life.has(HOST_UFO),
                _ => false,
            }
    }
}
