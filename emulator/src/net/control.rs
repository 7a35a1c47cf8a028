// SPDX-License-Identifier: GPL-2.0

//! The control queue: a command, its data, and an answer of one byte (VIRTIO 1.3, section 5.1.6.5).

use std::time::Duration;

use super::{
    filter::Table,
    offer::{
        F_CTRL_GUEST_OFFLOADS,
        F_CTRL_MAC_ADDR,
        F_CTRL_RX,
        F_CTRL_RX_EXTRA,
        F_CTRL_VLAN,
        F_GUEST_ANNOUNCE, //
    },
    Net, //
};
use crate::{
    fault::Kind,
    observe::Event,
    queue::{
        Chain,
        Violation, //
    },
    virtio::{
        net::F_MQ,
        service::Service, //
    },
};

const OK: u8 = 0;
const ERROR: u8 = 1;

/// Classes of commands.
const CLASS_RX: u8 = 0;
const CLASS_MAC: u8 = 1;
const CLASS_VLAN: u8 = 2;
const CLASS_ANNOUNCE: u8 = 3;
const CLASS_MQ: u8 = 4;
const CLASS_GUEST_OFFLOADS: u8 = 5;

/// Longest data: two tables of more addresses than anyone has.
const MAX_DATA: usize = 1 << 16;

impl Net {
    /// Obeys whatever the driver has made available.
    pub(super) fn control(&self, service: &mut Service<'_, '_>) {
        while let Some(chain) = service.next() {
            if service.strikes(Kind::Silence) {
                continue;
            }
            if chain.readable.len() < 2 || chain.writable.is_empty() {
                return service.violate(Violation::Request("a command without its parts"));
            }
            let answer = if self.obey(&chain).is_some() {
                OK
            } else {
                ERROR
            };
            let mut head = [0; 2];
            chain.readable.read(0, &mut head);
            if service.is_watched() {
                let mut data = vec![0; (chain.readable.len() - head.len()).min(MAX_DATA)];
                chain.readable.read(head.len(), &mut data);
                service.observe(|queue| Event::Data { queue, data: &data });
            }
            service.observe(|queue| Event::Command {
                queue,
                class: head[0],
                command: head[1],
                bytes: chain.readable.len() - head.len(),
                answer,
            });
            if let Some(millis) = service.value(Kind::AnswerLate) {
                service.wait(Duration::from_millis(millis));
            }
            if !service.strikes(Kind::AnswerUnwritten) {
                // CAST: An answer is a byte.
                let lie = service.value(Kind::Answer).map(|lie| lie as u8);
                chain.writable.write(0, &[lie.unwrap_or(answer)]);
            }
            service.give(chain, 1);
        }
    }

    /// One command; None if it cannot be.
    fn obey(&self, chain: &Chain<'_>) -> Option<()> {
        if chain.readable.len() > MAX_DATA {
            return None;
        }
        let mut bytes = vec![0; chain.readable.len()];
        chain.readable.read(0, &mut bytes);
        let (head, data) = bytes.split_first_chunk()?;
        match *head {
            [CLASS_RX, command] => self.set_mode(command, data),
            [CLASS_MAC, 0] => self.set_tables(data),
            [CLASS_MAC, 1] => {
                self.needs(self.has(F_CTRL_MAC_ADDR))?;
                self.filter().mac = data.try_into().ok()?;
                Some(())
            }
            [CLASS_VLAN, command @ (0 | 1)] => {
                self.needs(self.has(F_CTRL_VLAN))?;
                let id = u16::from_le_bytes(data.try_into().ok()?);
                self.needs(self.filter().set_vlan(id, command == 0))
            }
            [CLASS_ANNOUNCE, 0] => {
                self.needs(self.has(F_GUEST_ANNOUNCE) && data.is_empty())?;
                self.link.want_announcement(false);
                Some(())
            }
            [CLASS_MQ, 0] => {
                self.needs(self.has(F_MQ))?;
                let pairs = u16::from_le_bytes(data.try_into().ok()?);
                self.needs(self.set_pairs(pairs))
            }
            [CLASS_GUEST_OFFLOADS, 0] => {
                self.needs(self.has(F_CTRL_GUEST_OFFLOADS))?;
                let offloads = u64::from_le_bytes(data.try_into().ok()?);
                self.needs(self.set_offloads(u32::try_from(offloads).ok()?))
            }
            _ => None,
        }
    }

    fn needs(&self, condition: bool) -> Option<()> {
        condition.then_some(())
    }

    fn set_mode(&self, command: u8, data: &[u8]) -> Option<()> {
        let [on] = data else {
            return None;
        };
        self.needs(self.has(if command < 2 {
            F_CTRL_RX
        } else {
            F_CTRL_RX_EXTRA
        }))?;
        let mut filter = self.filter();
        let modes = &mut filter.modes;
        let mode = match command {
            0 => &mut modes.promiscuous,
            1 => &mut modes.all_multicast,
            2 => &mut modes.all_unicast,
            3 => &mut modes.no_multicast,
            4 => &mut modes.no_unicast,
            5 => &mut modes.no_broadcast,
            _ => return None,
        };
        *mode = *on != 0;
        Some(())
    }

    /// Two tables one behind the other: a count of 32 bits, then the addresses.
    fn set_tables(&self, data: &[u8]) -> Option<()> {
        self.needs(self.has(F_CTRL_RX))?;
        let (unicast, rest) = table(data)?;
        let (multicast, rest) = table(rest)?;
        self.needs(rest.is_empty())?;
        let mut filter = self.filter();
        filter.unicast = unicast;
        filter.multicast = multicast;
        Some(())
    }
}

fn table(data: &[u8]) -> Option<(Table, &[u8])> {
    let (count, rest) = data.split_first_chunk()?;
    // CAST: Widening.
    let len = 6_usize.checked_mul(u32::from_le_bytes(*count) as usize)?;
    let (addresses, rest) = rest.split_at_checked(len)?;
    let addresses = addresses
        .chunks_exact(6)
        .filter_map(|address| address.try_into().ok())
        .collect();
    Some((Table::new(addresses), rest))
}
