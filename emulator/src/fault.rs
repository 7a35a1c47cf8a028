// SPDX-License-Identifier: GPL-2.0

//! What a device does wrong on purpose, to see what becomes of its driver.
//!
//! [`TABLE`] has every fault, by subject: names are understood, listed and tested by it. A fault that
//! was asked for counts its occasions: it lets some pass, takes some, on every queue or on one.

mod block;
mod config;
mod net;
mod notices;
mod parse;
mod plight;
mod random;
mod registers;
mod ring;
mod scribble;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod timing;

use std::sync::{
    atomic::{
        AtomicU64,
        Ordering, //
    },
    Mutex, //
};

pub use block::Lie as BlockLie;
pub use parse::Fault;
pub use ring::{
    Given,
    Index, //
};
pub use scribble::Scribble;
pub use table::{
    list,
    Kind,
    Of,
    Register,
    Row,
    UsedLie,
    TABLE, //
};

use plight::Plight;
use ring::Memories;

/// All faults of a device, and what has become of it by them.
#[derive(Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
    plight: Plight,
    memories: Mutex<Memories>,
    /// Draws numbers for faults that need some.
    noise: AtomicU64,
    /// Looks at a field that turns.
    looks: AtomicU64,
}

/// A fault that strikes: what it does, and its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blow {
    /// What it does.
    pub kind: Kind,
    /// `value=`, or the table's.
    pub value: u64,
    /// `at=`.
    pub at: u64,
}

impl Faults {
    /// These, and no others.
    pub fn new(list: Vec<Fault>) -> Self {
        Self {
            list,
            ..Self::default()
        }
    }

    /// Whether there are any.
    #[inline]
    pub fn any(&self) -> bool {
        !self.list.is_empty()
    }

    /// Whether one of this kind strikes on this occasion; each of them counts it.
    pub fn strike(&self, kind: Kind, queue: u16) -> bool {
        self.value(kind, queue).is_some()
    }

    /// The same; the value of the last that strikes.
    pub fn value(&self, kind: Kind, queue: u16) -> Option<u64> {
        let blows = self.blows(queue, |known| known == kind);
        blows.last().map(|blow| blow.value)
    }

    /// Those that strike on an occasion for all kinds that are `meant`.
    pub fn blows(&self, queue: u16, meant: impl Fn(Kind) -> bool) -> Vec<Blow> {
        self.list
            .iter()
            .filter(|fault| meant(fault.kind()) && fault.strikes(queue))
            .map(Fault::blow)
            .collect()
    }

    /// The next of a reproducible row of numbers.
    fn draw(&self) -> u64 {
        random::mix(self.count())
    }

    /// How often a number was asked for before.
    fn count(&self) -> u64 {
        self.noise.fetch_add(1, Ordering::Relaxed)
    }
}
