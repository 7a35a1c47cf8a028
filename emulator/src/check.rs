// SPDX-License-Identifier: GPL-2.0

//! Whether a driver keeps the rules of the legacy interface, by what the device sees of it.
//!
//! The checker is a state machine over the events of [`crate::observe`]: it knows what the driver
//! has done and what the device has said, and touches neither memory nor device. It is strict where
//! the device is patient: what it finds does not change what the device does.
//!
//! What it keeps is bounded whatever a guest does: one finding a rule, a few events, and for each
//! descriptor of a ring at most one chain in flight.

mod block;
mod chains;
mod control;
mod findings;
mod frames;
mod life;
mod needs;
mod notices;
mod queues;
mod registers;
pub mod rules;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    Mutex,
    MutexGuard,
    PoisonError, //
};

use chains::Flights;
use findings::{
    Findings,
    Trace, //
};
use life::Life;
use queues::Queue;
use registers::Registers;

use rules::Rule;

use crate::{
    observe::{
        Cause,
        Event,
        Moment,
        Observer, //
    },
    virtio::{
        model::Model,
        pci::DeviceType, //
    },
};

/// What is known of the device.
struct Facts {
    kind: DeviceType,
    offered: u32,
    /// The size of each queue.
    queues: Vec<u16>,
    /// Bytes of its configuration.
    config: usize,
    vectors: u16,
    /// Pairs of queues of a network card.
    pairs: u16,
}

struct State {
    model: Arc<dyn Model>,
    facts: Facts,
    findings: Findings,
    life: Life,
    registers: Registers,
    /// What the driver has written to QUEUE_SEL since the reset.
    selected: Option<u16>,
    queues: Vec<Queue>,
    flights: Flights,
    /// The largest capacity that a disk has had, in sectors.
    capacity: u64,
}

impl State {
    /// A rule is broken; `detail` is asked for at the first time alone.
    fn found(&mut self, rule: &'static Rule, detail: impl FnOnce() -> String) {
        self.findings.found(rule, detail);
    }

    /// A field of the device's configuration; 0 for what it does not have.
    fn config<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut field = [0; N];
        if at + N <= self.facts.config {
            self.model.read_config(at, &mut field);
        }
        field
    }

    fn see(&mut self, event: &Event<'_>) {
        match *event {
            Event::Register {
                write,
                offset,
                config,
                data,
            } => self.access(write, offset, config, data),
            Event::Master(on) => {
                self.findings.remember(Trace::Master(on));
                self.master(on);
            }
            Event::Msix(on) => {
                self.findings.remember(Trace::Msix(on));
                self.registers.msix = on;
            }
            Event::Reset(cause) => self.reset(cause),
            Event::QueueOff { queue } => self.flights.forget(queue),
            Event::Interrupt { queue: None, .. } => self.readings_settled(),
            Event::Kick {
                queue, available, ..
            } => {
                self.findings.remember(Trace::Kick { queue, available });
                self.kicked(queue, available);
            }
            _ => self.see_queue(event),
        }
    }

    /// What a queue's worker does.
    fn see_queue(&mut self, event: &Event<'_>) {
        match *event {
            Event::Chain {
                queue,
                position,
                head,
                table,
                pieces,
                ..
            } => {
                self.findings.remember(Trace::Chain {
                    queue,
                    position,
                    head,
                });
                self.moved(queue);
                self.published(queue, position);
                self.chain_taken(queue, position, head, table, pieces);
            }
            Event::Done { queue, head, .. } => {
                self.findings.remember(Trace::Done { queue, head });
                self.moved(queue);
                self.flights.land(queue, head);
            }
            Event::Wish { queue, wish } => self.wished(queue, wish),
            Event::Violation { queue, violation } => self.violated(queue, violation),
            Event::Request {
                queue,
                kind,
                sector,
                ..
            } => self.requested(queue, kind, sector),
            Event::Header {
                sent: true,
                header,
                bytes,
                ..
            } => self.frame_sent(header, bytes),
            Event::Command {
                queue,
                class,
                command,
                bytes,
                ..
            } => self.commanded(queue, class, command, bytes),
            Event::Data { queue, data } => self.flights.note(queue, data),
            _ => {}
        }
    }

    fn reset(&mut self, cause: Cause) {
        self.flights = Flights::default();
        self.findings.remember(Trace::Reset(match cause {
            Cause::Status => "the status",
            Cause::Frame => "QUEUE_PFN",
            Cause::Bus => "the bus",
            Cause::Client => "the client",
        }));
        self.readings_settled();
        // A reset by the status is what the driver has just asked for.
        if cause != Cause::Status {
            self.life.restart(cause != Cause::Frame);
            self.registers.restart();
            self.queues_restart();
        }
    }
}

/// Watches a device, and says what its driver did wrong.
pub struct Checker(Mutex<State>);

impl Checker {
    /// A checker for a device with this model and so many MSI-X vectors.
    pub fn new(model: Arc<dyn Model>, vectors: u16) -> Self {
        let queues = model.queues();
        let facts = Facts {
            kind: model.kind(),
            offered: model.features(),
            config: model.config_len(),
            vectors,
            // CAST: No device has more queues than a 16-bit number can say.
            pairs: (queues.len() / 2) as u16,
            queues,
        };
        Self(Mutex::new(State {
            model,
            findings: Findings::default(),
            life: Life::default(),
            registers: Registers::default(),
            selected: None,
            queues: facts.queues.iter().map(|_| Queue::default()).collect(),
            flights: Flights::default(),
            capacity: 0,
            facts,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves a finding less at worst.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ids of the rules that were broken so far, in order.
    pub fn broken(&self) -> Vec<&'static str> {
        let mut state = self.state();
        state.readings_settled();
        let found = state.findings.in_order();
        found.iter().map(|finding| finding.rule.id).collect()
    }

    /// The verdict for people: a table of what was broken, and the events around each first time.
    pub fn report(&self) -> String {
        let mut state = self.state();
        state.readings_settled();
        findings::report(&state.findings)
    }
}

impl Observer for Checker {
    fn see(&self, moment: Moment, event: &Event<'_>) {
        let mut state = self.state();
        state.findings.at(moment);
        state.see(event);
    }
}
