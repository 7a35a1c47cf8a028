// SPDX-License-Identifier: GPL-2.0

//! Chains: their form, and what is in flight.

use std::collections::BTreeMap;

use super::{
    rules::{
        block,
        chains::*,
        net,
        queues,
        Rule, //
    },
    State,
};
use crate::{
    queue::{
        Piece,
        Table,
        Violation, //
    },
    virtio::pci::DeviceType,
};

/// Parameters of a request that are kept until its answer.
const NOTE: usize = 4096;

/// The form of a chain.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    /// Bytes that the device may read and write.
    pub readable: u64,
    pub writable: u64,
    /// The length of the first buffers, of each kind, until there are four, and how many there are.
    pub read: Vec<u32>,
    pub reads: usize,
    pub write: Vec<u32>,
    pub writes: usize,
    /// The length of the last writable buffer.
    pub last: u32,
}

/// Buffers of a kind whose length is kept.
const KEPT: usize = 4;

impl Form {
    fn of(pieces: &[Piece]) -> Self {
        let mut form = Self::default();
        for piece in pieces {
            let (bytes, kept, count) = if piece.writable {
                form.last = piece.len;
                (&mut form.writable, &mut form.write, &mut form.writes)
            } else {
                (&mut form.readable, &mut form.read, &mut form.reads)
            };
            // At most 2^16 buffers of 2^32 bytes.
            *bytes += u64::from(piece.len);
            if *count < KEPT {
                kept.push(piece.len);
            }
            *count += 1;
        }
        form
    }
}

/// A chain that the device has.
struct Flight {
    position: u16,
    /// Its descriptors in the ring; none but the head if it is in a table.
    descriptors: Vec<u16>,
    /// First addresses of its entries in the map of memory.
    memory: Vec<u64>,
}

/// All chains that the device has, and for each queue the last one.
#[derive(Default)]
pub(super) struct Flights {
    /// By queue and head.
    chains: BTreeMap<(u16, u16), Flight>,
    /// By queue and descriptor.
    descriptors: BTreeMap<(u16, u16), ()>,
    /// Memory that belongs to one chain alone: where it begins and ends.
    memory: BTreeMap<u64, u64>,
    /// The form of the last chain of a queue, and the parameters in it.
    last: BTreeMap<u16, (Form, Option<Vec<u8>>)>,
}

impl Flights {
    /// A chain is given back.
    pub fn land(&mut self, queue: u16, head: u16) {
        let Some(flight) = self.chains.remove(&(queue, head)) else {
            return;
        };
        for descriptor in flight.descriptors {
            self.descriptors.remove(&(queue, descriptor));
        }
        for at in flight.memory {
            self.memory.remove(&at);
        }
    }

    /// A queue has no ring any more.
    pub fn forget(&mut self, queue: u16) {
        let heads: Vec<u16> = (self.chains.range((queue, 0)..=(queue, u16::MAX)))
            .map(|((_, head), _)| *head)
            .collect();
        for head in heads {
            self.land(queue, head);
        }
    }

    /// The parameters of the last chain.
    pub fn note(&mut self, queue: u16, data: &[u8]) {
        if let Some((_, note)) = self.last.get_mut(&queue) {
            *note = Some(data[..data.len().min(NOTE)].to_vec());
        }
    }

    /// The last chain of a queue, and its parameters.
    pub fn last(&self, queue: u16) -> Option<(Form, Option<Vec<u8>>)> {
        self.last.get(&queue).cloned()
    }

    /// A chain is taken; returns whether its descriptors and its own memory were free.
    fn start(&mut self, queue: u16, position: u16, head: u16, parts: Parts) -> (bool, bool) {
        if (self.chains.get(&(queue, head))).is_some_and(|flight| flight.position == position) {
            // It was put back, and is taken again.
            self.land(queue, head);
        }
        let mut flight = Flight {
            position,
            descriptors: Vec::new(),
            memory: Vec::new(),
        };
        let (mut free, mut alone) = (true, true);
        for descriptor in parts.descriptors {
            if self.descriptors.insert((queue, descriptor), ()).is_some() {
                free = false;
            } else {
                flight.descriptors.push(descriptor);
            }
        }
        for (at, end) in parts.memory {
            let before = self.memory.range(..end).next_back();
            if before.is_some_and(|(_, other)| *other > at) {
                alone = false;
            } else {
                self.memory.insert(at, end);
                flight.memory.push(at);
            }
        }
        if let Some(lost) = self.chains.insert((queue, head), flight) {
            // The same head twice: what it had stays with the second.
            if let Some(flight) = self.chains.get_mut(&(queue, head)) {
                flight.descriptors.extend(lost.descriptors);
                flight.memory.extend(lost.memory);
            }
        }
        (free, alone)
    }
}

/// What belongs to one chain alone.
struct Parts {
    descriptors: Vec<u16>,
    memory: Vec<(u64, u64)>,
}

impl State {
    /// A chain was taken.
    pub(super) fn chain_taken(
        &mut self,
        queue: u16,
        position: u16,
        head: u16,
        table: Option<Table>,
        pieces: &[Piece],
    ) {
        let form = Form::of(pieces);
        self.chain_formed(queue, head, table, pieces.len(), &form);
        let parts = self.parts(queue, head, table, pieces);
        let (free, alone) = self.flights.start(queue, position, head, parts);
        for (kept, rule) in [(free, DESCRIPTOR_FREE), (alone, MEMORY_FREE)] {
            if !kept {
                self.found(rule, || format!("queue {queue}, chain {head}"));
            }
        }
        match self.facts.kind {
            DeviceType::Net => self.net_chain(queue, head, &form),
            _ => self.block_chain(queue, head, &form),
        }
        self.flights.last.insert(queue, (form, None));
    }

    fn chain_formed(
        &mut self,
        queue: u16,
        head: u16,
        table: Option<Table>,
        count: usize,
        form: &Form,
    ) {
        let size = self.facts.queues.get(usize::from(queue)).copied();
        let size = usize::from(size.unwrap_or(u16::MAX));
        let entries = table.map_or(0, |table| usize::from(table.entries));
        if count.max(entries) > size {
            self.found(LONG, || {
                format!("queue {queue}, chain {head}: {count} descriptors, {entries} in its table")
            });
        }
        let bytes = form.readable + form.writable;
        if bytes > 1 << 32 {
            self.found(HUGE, || {
                format!("queue {queue}, chain {head}: {bytes} bytes")
            });
        }
    }

    /// The descriptors of a chain in the ring, and the memory that no other chain may name: where a
    /// card receives, and a disk's status byte. Data may be read into one place twice.
    fn parts(&self, queue: u16, head: u16, table: Option<Table>, pieces: &[Piece]) -> Parts {
        let descriptors = match table {
            Some(_) => vec![head],
            None => pieces.iter().map(|piece| piece.index).collect(),
        };
        let extent = |piece: &Piece| (piece.at, piece.at.saturating_add(piece.len.into()));
        let mut writable = pieces.iter().filter(|piece| piece.writable);
        let memory = match self.facts.kind {
            DeviceType::Net if self.is_receiving(queue) => writable.map(extent).collect(),
            DeviceType::Net => Vec::new(),
            _ => (writable.next_back())
                .map(|piece| extent(piece).1)
                .map(|end| (end.saturating_sub(1), end))
                .into_iter()
                .collect(),
        };
        Parts {
            descriptors,
            memory,
        }
    }

    /// The device has met what it cannot go on with.
    pub(super) fn violated(&mut self, queue: u16, violation: Violation) {
        let rule: &'static Rule = match violation {
            Violation::Ring(_) => queues::RING_IN_MEMORY,
            Violation::AvailIndex { .. } => JUMP,
            Violation::Head(_) => HEAD,
            Violation::Next(_) => NEXT,
            Violation::Loop => LOOP,
            Violation::TooLong(_) => LONG,
            Violation::Empty => EMPTY,
            Violation::Buffer { .. } => BUFFER,
            Violation::Order => ORDER,
            Violation::IndirectNotAccepted => INDIRECT_ACCEPTED,
            Violation::IndirectNested => INDIRECT_NESTED,
            Violation::IndirectNext => INDIRECT_NEXT,
            Violation::IndirectLength(_) => INDIRECT_LENGTH,
            Violation::Request(_) => match self.facts.kind {
                DeviceType::Net if self.is_control(queue) => net::COMMAND_PARTS,
                DeviceType::Net => net::HEADER,
                _ => block::PARTS,
            },
        };
        self.found(rule, || format!("queue {queue}: {violation}"));
    }
}
