// SPDX-License-Identifier: GPL-2.0

//! Reads a trace, line by line.

use std::{
    fs::File,
    io::{
        BufRead,
        BufReader,
        Read, //
    },
    path::Path,
};

use super::{
    entry::Entry,
    json, //
};
use crate::observe::Moment;

/// Most bytes of a line: far more than the longest chain takes.
const LONGEST: u64 = 1 << 20;

/// One end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Microseconds since the device was made.
    Micros(u64),
    /// The number of an event.
    Sequence(u64),
}

impl Mark {
    /// Reads what a person types: microseconds, or `#` and the number of an event.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix('#') {
            Some(number) => number.parse().ok().map(Self::Sequence),
            None => text.parse().ok().map(Self::Micros),
        }
    }

    fn value(self, moment: Moment) -> (u64, u64) {
        match self {
            Self::Micros(micros) => (moment.micros, micros),
            Self::Sequence(sequence) => (moment.sequence, sequence),
        }
    }
}

/// A part of a trace; both ends belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Where it begins; None for the start of the trace.
    pub from: Option<Mark>,
    /// Where it ends; None for the end of the trace.
    pub to: Option<Mark>,
}

impl Window {
    /// Whether an event is in it.
    pub fn has(&self, moment: Moment) -> bool {
        let begins = self.from.is_none_or(|mark| {
            let (found, limit) = mark.value(moment);
            found >= limit
        });
        let ends = self.to.is_none_or(|mark| {
            let (found, limit) = mark.value(moment);
            found <= limit
        });
        begins && ends
    }
}

/// Calls `each` with every entry of the trace in `path`, in order.
///
/// # Errors
///
/// A line about the file or about the first of its lines that is not one of a trace, by its number.
pub fn read(path: &Path, mut each: impl FnMut(Entry)) -> Result<(), String> {
    let name = path.display();
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    lines(BufReader::new(file), &mut each).map_err(|why| format!("{name} {why}"))
}

/// The same from any source.
pub(super) fn lines(mut source: impl BufRead, each: &mut dyn FnMut(Entry)) -> Result<(), String> {
    let mut line = Vec::new();
    let mut last = None;
    for number in 1_u64.. {
        let at = |why: String| format!("line {number}: {why}");
        line.clear();
        let mut limited = (&mut source).take(LONGEST);
        if limited
            .read_until(b'\n', &mut line)
            .map_err(|error| at(error.to_string()))?
            == 0
        {
            break;
        }
        let entry = entry(&line).map_err(at)?;
        if last.is_some_and(|last| entry.moment.sequence <= last) {
            return Err(at(format!(
                "event {} comes after event {}",
                entry.moment.sequence,
                last.unwrap_or_default()
            )));
        }
        last = Some(entry.moment.sequence);
        each(entry);
    }
    match last {
        Some(_) => Ok(()),
        None => Err("is empty".into()),
    }
}

fn entry(line: &[u8]) -> Result<Entry, String> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not text".to_string())?;
    let value = json::parse(text)?;
    if !text.ends_with('\n') {
        return Err("the line has no end".into());
    }
    Entry::new(&value)
}
