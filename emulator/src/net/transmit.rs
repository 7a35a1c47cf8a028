// SPDX-License-Identifier: GPL-2.0

//! Frames come out of the driver's buffers (VIRTIO 1.3, section 5.1.6.2).

use super::{
    count,
    offer::{
        F_GSO,
        HOST_GSO, //
    },
    packet::Packet,
    Net, MAX_FRAME,
};
use crate::{
    observe::Event,
    queue::{
        Chain,
        Violation, //
    },
    virtio::{
        net::{
            Header,
            HDR_F_NEEDS_CSUM,
            MERGEABLE_HEADER_BYTES, //
        },
        service::Service, //
    },
};

impl Net {
    /// Sends whatever the driver has made available in the transmit queue of a pair.
    pub(super) fn transmit(&self, pair: u16, service: &mut Service<'_, '_>) {
        while let Some(chain) = service.next() {
            if chain.readable.len() < self.header_len() {
                return service.violate(Violation::Request("a frame without a whole header"));
            }
            let header = self.header_of(&chain);
            service.observe(|queue| Event::Header {
                queue,
                sent: true,
                header: &header,
                bytes: chain.readable.len() - self.header_len(),
            });
            match self.packet_of(&chain, header) {
                Some(packet) => {
                    service.observe(|_| Event::Frame {
                        sent: true,
                        frame: &packet.frame,
                    });
                    count(&self.counters.sent);
                    self.send(pair, packet);
                }
                None => count(&self.counters.malformed),
            }
            service.give(chain, 0);
        }
    }

    fn header_of(&self, chain: &Chain<'_>) -> Header {
        let mut wire = [0; MERGEABLE_HEADER_BYTES];
        chain.readable.read(0, &mut wire[..self.header_len()]);
        Header::decode(&wire)
    }

    /// The packet; None if the header asks for what cannot be, or was not agreed upon.
    fn packet_of(&self, chain: &Chain<'_>, mut header: Header) -> Option<Packet> {
        let header_len = self.header_len();
        let len = chain.readable.len() - header_len;
        if len > MAX_FRAME {
            return None;
        }
        // A driver cannot vouch for what it sends.
        header.flags &= HDR_F_NEEDS_CSUM;
        let mut frame = vec![0; len];
        chain.readable.read(header_len, &mut frame);
        let packet = Packet::new(&header, frame)?;
        let may = if self.has(F_GSO) {
            HOST_GSO.bits()
        } else {
            self.accepted_bits()
        };
        (packet.needs_of_device().bits() & !may == 0).then_some(packet)
    }

    fn send(&self, pair: u16, packet: Packet) {
        if self.rules().pairs > 1 {
            self.steering.learn(&packet.frame, pair);
        }
        if !self.link.is_up() {
            return count(&self.counters.lost);
        }
        if let Some(echo) = self.backend.send(packet) {
            self.deliver_packet(echo, false);
        }
    }
}
