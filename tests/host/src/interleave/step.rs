// SPDX-License-Identifier: GPL-2.0

//! The steps of a run, for the report when it has failed.

use std::fmt::{
    self,
    Display,
    Formatter, //
};

use emulator::memory::stand_in::Barrier;

use super::{
    Place,
    Who, //
};

/// What a side has done.
#[derive(Clone, Copy)]
pub enum Step {
    /// A load, and whether it saw an older value than there was.
    Load { at: u64, value: u64, late: bool },
    /// A store, into its buffer.
    Store { at: u64, value: u64 },
    /// A barrier.
    Barrier(Barrier, Place),
    /// This many of its stores are visible from now on.
    Release(usize),
    /// It wakes the other side.
    Wake,
    /// It has nothing to do.
    Sleep,
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load { at, value, late } => {
                let how = if *late { "sees late" } else { "sees" };
                write!(f, "{how} {value:#x} at {at:#x}")
            }
            Self::Store { at, value } => write!(f, "writes {value:#x} at {at:#x}"),
            Self::Barrier(kind, (file, line)) => write!(f, "{kind:?} barrier at {file}:{line}"),
            Self::Release(count) => write!(f, "{count} of its stores become visible"),
            Self::Wake => write!(f, "wakes the other side"),
            Self::Sleep => write!(f, "sleeps"),
        }
    }
}

/// A line about a failure, and the steps that led there.
pub fn report(what: &str, steps: &[(Who, Step)]) -> String {
    let mut report = what.to_string();
    for (who, step) in steps {
        report += &format!("\n  {who:?}: {step}");
    }
    report
}

/// The first eight bytes, as a little-endian number.
pub fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
