// SPDX-License-Identifier: GPL-2.0

//! Frames go into the buffers that the driver has lent (VIRTIO 1.3, section 5.1.6.4).

use std::{
    ops::Range,
    time::Duration, //
};

use super::{
    count,
    packet::Packet,
    Net, //
};
use crate::{
    fault::{
        Faults,
        Kind, //
    },
    observe::Event,
    queue::{
        Chain,
        Violation, //
    },
    virtio::{
        net::{
            Header,
            F_MRG_RXBUF, //
        },
        service::Service, //
    },
};

impl Net {
    /// Moves packets from a pair's inbox to the driver while there are both packets and buffers.
    pub(super) fn receive(&self, pair: u16, service: &mut Service<'_, '_>) {
        let Some(inbox) = self.inboxes.get(usize::from(pair)) else {
            return;
        };
        loop {
            // Held until the packet is there: what a command switches off is off when it is done.
            let rules = self.rules();
            if pair >= rules.pairs {
                break;
            }
            let Some(packet) = inbox.pop() else {
                break;
            };
            if !packet.suits(rules.offloads) {
                inbox.put_back(packet.into_complete());
                continue;
            }
            match self.place(pair, service, &packet) {
                Placed::Done => count(&self.counters.received),
                Placed::TooLong => count(&self.counters.lost),
                Placed::NoRoom => {
                    inbox.put_back(vec![packet]);
                    break;
                }
            }
        }
        self.gate.nudge();
    }

    /// Puts one packet into as many buffers as it takes.
    fn place(&self, pair: u16, service: &mut Service<'_, '_>, packet: &Packet) -> Placed {
        let header_len = self.header_len();
        let needed = header_len + packet.frame.len();
        let mut chains: Vec<Chain<'_>> = Vec::new();
        let mut room = 0;
        while room < needed {
            // CAST: At most as many as the ring has entries.
            let taken = chains.len() as u16;
            let most = if self.has(F_MRG_RXBUF) {
                self.settings.queue_size
            } else {
                1
            };
            if taken == most {
                service.put_back(taken);
                return Placed::TooLong;
            }
            let Some(chain) = service.next() else {
                service.put_back(taken);
                return Placed::NoRoom;
            };
            if chain.writable.len() < header_len {
                service.violate(Violation::Request(
                    "a receive buffer without room for the header",
                ));
                return Placed::NoRoom;
            }
            room += chain.writable.len();
            chains.push(chain);
        }
        // CAST: As above.
        let used = chains.len() as u16;
        let mut header = Header {
            num_buffers: used,
            ..packet.header
        };
        if service.faults().any() {
            service.faults().header(2 * pair, &mut header);
        }
        let frame = &packet.frame[..];
        service.observe(|_| Event::Frame { sent: false, frame });
        service.observe(|queue| Event::Header {
            queue,
            sent: false,
            header: &header,
            bytes: frame.len(),
        });
        let bytes = [&header.encode()[..header_len], frame].concat();
        let mut done = 0;
        let mut used: Vec<(u16, u32)> = chains
            .iter()
            .map(|chain| {
                let written = chain.writable.write(0, &bytes[done..]);
                done += written;
                // CAST: At most a frame and its header.
                (chain.head, written as u32)
            })
            .collect();
        if let Some(len) = service.faults().value(Kind::FrameLen, 2 * pair) {
            if let Some((_, written)) = used.last_mut() {
                // CAST: A used length has 32 bits.
                *written = len as u32;
            }
        }
        service.give_all(&used);
        if let Some(millis) = service.faults().value(Kind::HeaderFlips, 2 * pair) {
            self.flip(service, &header, &chains, Duration::from_millis(millis));
        }
        Placed::Done
    }

    /// Turns the end of a header to wrong and back, while the driver looks at it. It stays wrong.
    fn flip(
        &self,
        service: &mut Service<'_, '_>,
        header: &Header,
        chains: &[Chain<'_>],
        time: Duration,
    ) {
        let ends = [*header, Faults::flipped(header)].map(|header| header.encode());
        service.interrupt();
        service.repeat(time, || {
            for end in &ends {
                if let (Some(chain), Some(end)) = (chains.first(), end.get(FLIPPING)) {
                    chain.writable.write(FLIPPING.start, end);
                }
            }
        });
    }
}

/// The bytes of a header that flip.
const FLIPPING: Range<usize> = 8..12;

/// What became of a packet.
enum Placed {
    Done,
    /// The buffer is too short, and only one may be used, or all of them are: the packet is lost.
    TooLong,
    /// The driver has to lend more first.
    NoRoom,
}
