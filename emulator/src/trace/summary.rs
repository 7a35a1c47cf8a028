// SPDX-License-Identifier: GPL-2.0

//! A trace as counts.
//!
//! Kicks and interrupts that were spared are counted by what they would have been for. A chain is
//! found without a kick if no kick since the ring is there had told of it; a kick says nothing new
//! if the device has already taken every chain that it tells of. Chains that were given back since
//! the last decision about an interrupt share one decision: it is sent or held back.

mod queue;

use std::{
    collections::BTreeMap,
    fmt::Write, //
};

pub use queue::QueueCounts;

use super::{
    entry::{
        Entry,
        What, //
    },
    names,
};
use crate::virtio::pci::DeviceType;

/// Counts of a trace.
#[derive(Default)]
pub struct Summary {
    kind: Option<DeviceType>,
    events: u64,
    first: u64,
    last: u64,
    /// Reads and writes by the offset in the configuration, and in BAR0.
    registers: BTreeMap<(Option<u64>, u64), [u64; 2]>,
    resets: u64,
    violations: u64,
    config_interrupts: u64,
    frames: [u64; 2],
    frame_bytes: [u64; 2],
    requests: BTreeMap<u32, [u64; 3]>,
    commands: u64,
    queues: BTreeMap<u16, QueueCounts>,
}

impl Summary {
    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry) {
        if self.events == 0 {
            self.first = entry.moment.micros;
        }
        self.events += 1;
        self.last = entry.moment.micros;
        match &entry.what {
            What::Device { kind, .. } => self.kind = Some(*kind),
            What::Register {
                write,
                offset,
                config,
                ..
            } => {
                self.registers.entry((*config, *offset)).or_default()[usize::from(*write)] += 1;
            }
            What::Reset(_) => {
                self.resets += 1;
                for counts in self.queues.values_mut() {
                    counts.forget();
                }
            }
            What::Violation { .. } => self.violations += 1,
            What::Frame { sent, bytes } => {
                self.frames[usize::from(*sent)] += 1;
                self.frame_bytes[usize::from(*sent)] += bytes;
            }
            What::Request {
                kind,
                bytes,
                status,
                ..
            } => {
                let counts = self.requests.entry(*kind).or_default();
                counts[0] += 1;
                counts[1] = counts[1].saturating_add(*bytes);
                counts[2] += u64::from(*status != 0);
            }
            What::Command { .. } => self.commands += 1,
            What::Interrupt { queue: None, .. } => self.config_interrupts += 1,
            what => {
                if let Some(queue) = queue_of(what) {
                    self.queues.entry(queue).or_default().add(what);
                }
            }
        }
    }

    /// What a queue has counted.
    pub fn queue(&self, queue: u16) -> Option<&QueueCounts> {
        self.queues.get(&queue)
    }

    /// The counts as lines.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.put(&mut text);
        text
    }

    fn put(&self, text: &mut String) -> std::fmt::Result {
        let Self { first, last, .. } = self;
        let kind = self.kind.map_or("?", DeviceType::name);
        writeln!(text, "device {kind}")?;
        writeln!(text, "  {:<28}{:>12}", "events", self.events)?;
        writeln!(
            text,
            "  {:<28}{:>12}",
            "microseconds",
            last - first.min(last)
        )?;
        for (name, count) in [
            ("resets", self.resets),
            ("violations", self.violations),
            ("configuration interrupts", self.config_interrupts),
        ] {
            writeln!(text, "  {name:<28}{count:>12}")?;
        }
        writeln!(text, "registers {:>32}{:>12}", "reads", "writes")?;
        for (name, [reads, writes]) in self.by_name() {
            writeln!(text, "  {name:<30}{reads:>10}{writes:>12}")?;
        }
        self.put_work(text)?;
        for (queue, counts) in &self.queues {
            writeln!(text, "queue {queue}")?;
            counts.put(text)?;
        }
        Ok(())
    }

    /// Accesses by the name of the register, in the order of BAR0.
    fn by_name(&self) -> Vec<(String, [u64; 2])> {
        let mut found: Vec<(String, [u64; 2])> = Vec::new();
        for ((config, offset), counts) in &self.registers {
            let name = names::register(self.kind, *offset, *config);
            match found.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => {
                    sum[0] += counts[0];
                    sum[1] += counts[1];
                }
                None => found.push((name, *counts)),
            }
        }
        found
    }

    fn put_work(&self, text: &mut String) -> std::fmt::Result {
        if !self.requests.is_empty() {
            writeln!(
                text,
                "requests {:>33}{:>12}{:>12}",
                "count", "bytes", "failed"
            )?;
        }
        for (kind, [count, bytes, failed]) in &self.requests {
            let name = names::request(*kind);
            writeln!(text, "  {name:<28}{count:>12}{bytes:>12}{failed:>12}")?;
        }
        if self.frames != [0, 0] {
            writeln!(text, "frames {:>35}{:>12}", "count", "bytes")?;
            for (name, way) in [("sent", 1), ("received", 0)] {
                let (count, bytes) = (self.frames[way], self.frame_bytes[way]);
                writeln!(text, "  {name:<28}{count:>12}{bytes:>12}")?;
            }
        }
        if self.commands > 0 {
            writeln!(text, "commands {:>33}", self.commands)?;
        }
        Ok(())
    }
}

/// The queue that an event belongs to.
fn queue_of(what: &What) -> Option<u16> {
    match what {
        What::QueueOn { queue, .. }
        | What::QueueOff { queue }
        | What::Kick { queue, .. }
        | What::Chain { queue, .. }
        | What::PutBack { queue, .. }
        | What::Done { queue, .. }
        | What::Wish { queue, .. }
        | What::Held { queue, .. }
        | What::Interrupt {
            queue: Some(queue), ..
        } => Some(*queue),
        _ => None,
    }
}
