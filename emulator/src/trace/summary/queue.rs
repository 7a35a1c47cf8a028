// SPDX-License-Identifier: GPL-2.0

//! What happened in one queue, as counts.

use std::fmt::Write;

use crate::{
    observe::Via,
    queue::{
        Hold,
        Wish, //
    },
    trace::entry::What,
};

/// More chains than a ring has entries: what is older cannot be put back.
const MOST_RECENT: usize = 1 << 17;

/// What happened in one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Kicks.
    pub kicks: u64,
    /// Kicks that told of nothing new.
    pub idle_kicks: u64,
    /// Chains that were taken and not put back.
    pub chains: u64,
    /// Chains that no kick had told of.
    pub unannounced: u64,
    /// Chains in indirect tables.
    pub indirect: u64,
    /// Buffers of all chains.
    pub buffers: u64,
    /// Bytes that the driver lent to be read.
    pub readable: u64,
    /// Bytes that the driver lent to be written.
    pub writable: u64,
    /// Chains given back.
    pub done: u64,
    /// Bytes that the device wrote.
    pub written: u64,
    /// Times the device said that it wants no kicks.
    pub silenced: u64,
    /// Interrupts by the line or a vector.
    pub interrupts: u64,
    /// Interrupts that went nowhere without a vector.
    pub nowhere: u64,
    /// Interrupts held back by the flag.
    pub held_by_flag: u64,
    /// Interrupts held back by the event index.
    pub held_by_event: u64,
    /// The available index behind what kicks have told of; None before the first one.
    told: Option<u16>,
    /// The chains that may still be put back, the last one last.
    recent: Vec<Taken>,
}

/// What counts of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Taken {
    unannounced: u64,
    indirect: u64,
    buffers: u64,
    readable: u64,
    writable: u64,
}

impl QueueCounts {
    pub(super) fn add(&mut self, what: &What) {
        match what {
            What::QueueOn { .. } | What::QueueOff { .. } => self.forget(),
            What::Kick {
                available, taken, ..
            } => {
                self.kicks += 1;
                self.idle_kicks += u64::from(available.is_none_or(|available| available == *taken));
                self.told = available.or(self.told);
            }
            What::Chain { .. } => self.chain(what),
            What::PutBack { count, .. } => {
                for _ in 0..*count {
                    if let Some(taken) = self.recent.pop() {
                        self.untake(&taken);
                    }
                }
            }
            What::Done { written, .. } => {
                self.done += 1;
                self.written += u64::from(*written);
            }
            What::Wish { wish, .. } => self.silenced += u64::from(*wish == Wish::Off),
            What::Interrupt { via, .. } => match via {
                Via::Nowhere => self.nowhere += 1,
                Via::Line | Via::Vector(_) => self.interrupts += 1,
            },
            What::Held { by, .. } => match by {
                Hold::Flags => self.held_by_flag += 1,
                Hold::Event(_) => self.held_by_event += 1,
            },
            _ => {}
        }
    }

    /// The ring is new, or gone.
    pub(super) fn forget(&mut self) {
        self.told = None;
        self.recent.clear();
    }

    fn chain(&mut self, what: &What) {
        let What::Chain {
            position,
            table,
            pieces,
            ..
        } = what
        else {
            return;
        };
        let bytes = |writable| {
            pieces
                .iter()
                .filter(|piece| piece.writable == writable)
                .map(|piece| u64::from(piece.len))
                .sum()
        };
        // What a kick tells of is behind the chain, by less than half of all numbers.
        let told = self
            .told
            .is_some_and(|told| (1..0x8000).contains(&told.wrapping_sub(*position)));
        let taken = Taken {
            unannounced: u64::from(!told),
            indirect: u64::from(table.is_some()),
            // CAST: Widening.
            buffers: pieces.len() as u64,
            readable: bytes(false),
            writable: bytes(true),
        };
        self.chains += 1;
        self.unannounced += taken.unannounced;
        self.indirect += taken.indirect;
        self.buffers += taken.buffers;
        self.readable += taken.readable;
        self.writable += taken.writable;
        if self.recent.len() >= MOST_RECENT {
            self.recent.drain(..MOST_RECENT / 2);
        }
        self.recent.push(taken);
    }

    fn untake(&mut self, taken: &Taken) {
        self.chains -= 1;
        self.unannounced -= taken.unannounced;
        self.indirect -= taken.indirect;
        self.buffers -= taken.buffers;
        self.readable -= taken.readable;
        self.writable -= taken.writable;
    }

    pub(super) fn put(&self, text: &mut String) -> std::fmt::Result {
        let Self {
            kicks,
            idle_kicks,
            chains,
            unannounced,
            indirect,
            buffers,
            readable,
            writable,
            done,
            written,
            silenced,
            interrupts,
            nowhere,
            held_by_flag,
            held_by_event,
            ..
        } = self;
        for (name, count) in [
            ("kicks", kicks),
            ("kicks with nothing new", idle_kicks),
            ("kicks silenced by flag", silenced),
            ("chains", chains),
            ("chains found without a kick", unannounced),
            ("chains in indirect tables", indirect),
            ("buffers", buffers),
            ("bytes lent to read", readable),
            ("bytes lent to write", writable),
            ("chains given back", done),
            ("bytes written", written),
            ("interrupts", interrupts),
            ("interrupts without vector", nowhere),
            ("interrupts held by flag", held_by_flag),
            ("interrupts held by event", held_by_event),
        ] {
            writeln!(text, "  {name:<28}{count:>12}")?;
        }
        let bytes = readable + written;
        for (name, what, per) in [
            ("chains per kick", *chains, *kicks),
            ("bytes per kick", bytes, *kicks),
            ("chains per interrupt", *done, *interrupts),
        ] {
            if per > 0 {
                writeln!(text, "  {name:<28}{:>12}", ratio(what, per))?;
            }
        }
        Ok(())
    }
}

/// A quotient with one digit behind the point.
fn ratio(what: u64, per: u64) -> String {
    let tenths = (u128::from(what) * 10 + u128::from(per) / 2) / u128::from(per.max(1));
    format!("{}.{}", tenths / 10, tenths % 10)
}
