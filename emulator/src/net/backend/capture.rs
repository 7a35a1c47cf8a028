// SPDX-License-Identifier: GPL-2.0

//! The frames of a capture file in pcap's format, sent to the driver each time it is ready.

use std::{
    fs, io,
    path::Path,
    time::{
        Duration,
        Instant, //
    },
};

use crate::net::{
    packet::Packet,
    Net,
    MAX_FRAME, //
};

/// The first word of a file with microseconds, and with nanoseconds.
const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;

/// Bytes of the file's header, and of that of each frame.
const FILE_HEADER: usize = 24;
const FRAME_HEADER: usize = 16;

/// The version of the format.
const MAJOR: u16 = 2;
/// The type of a link, in the low half of its word: Ethernet.
const ETHERNET: u32 = 1;

/// When frames are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As far apart as they were captured; those for which the driver has no room are lost.
    Captured,
    /// As fast as the driver takes them.
    Fast,
}

#[derive(Debug, PartialEq, Eq)]
struct Record {
    /// Time since the first one.
    after: Duration,
    frame: Vec<u8>,
}

/// A capture file.
pub struct Capture {
    records: Vec<Record>,
    pace: Pace,
}

impl Capture {
    /// Reads a whole file. Frames of which it has only the beginning are left out.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is malformed.
    pub fn open(path: &Path, pace: Pace) -> io::Result<Self> {
        let records = parse(&fs::read(path)?)
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))?;
        Ok(Self { records, pace })
    }

    /// Sends all frames each time a driver is ready, until the end.
    pub(super) fn receive(&self, net: &Net) {
        let mut starts = 0;
        loop {
            let progress = net.gate.wait(None, |progress| progress.starts != starts);
            if progress.stopped {
                return;
            }
            starts = progress.starts;
            self.replay(net, starts);
        }
    }

    /// Sends all frames once, unless the driver starts again or the end comes.
    fn replay(&self, net: &Net, starts: u64) {
        let begin = Instant::now();
        for Record { after, frame } in &self.records {
            let progress = match self.pace {
                Pace::Captured => {
                    // A time beyond all clocks never comes.
                    let due = begin.checked_add(*after);
                    net.gate.wait(due, |progress| {
                        progress.starts != starts || !net.is_running()
                    })
                }
                Pace::Fast => net.wait_for_room(frame),
            };
            if progress.stopped || progress.starts != starts || !net.is_running() {
                return;
            }
            match self.pace {
                Pace::Captured => net.deliver(frame.clone()),
                Pace::Fast => net.deliver_in_time(Packet::complete(frame.clone())),
            }
        }
    }
}

/// The numbers of a file, in the byte order of the machine that wrote it.
struct Reader<'f> {
    bytes: &'f [u8],
    swapped: bool,
}

impl Reader<'_> {
    /// A word; None beyond the end.
    fn word(&self, at: usize) -> Option<u32> {
        let word = self.bytes.get(at..)?.first_chunk().copied()?;
        Some(if self.swapped {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        })
    }

    /// Two words one behind the other.
    fn words<const N: usize>(&self, at: usize) -> Option<[u32; N]> {
        let mut words = [0; N];
        for (number, word) in words.iter_mut().enumerate() {
            *word = self.word(at.checked_add(4 * number)?)?;
        }
        Some(words)
    }
}

/// The frames of a file.
fn parse(bytes: &[u8]) -> Result<Vec<Record>, String> {
    let header = bytes
        .get(..FILE_HEADER)
        .ok_or("no capture in pcap's format")?;
    let little = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    let swapped = ![MICROS, NANOS].contains(&little);
    let magic = if swapped { little.swap_bytes() } else { little };
    // Nanoseconds of a unit, and units of a second.
    let (unit, units) = match magic {
        MICROS => (1000, 1_000_000),
        NANOS => (1, 1_000_000_000),
        _ => return Err("no capture in pcap's format".into()),
    };
    let major = [header[4], header[5]];
    let major = if swapped {
        u16::from_be_bytes(major)
    } else {
        u16::from_le_bytes(major)
    };
    if major != MAJOR {
        return Err(format!("version {major} of pcap's format is not known"));
    }
    let reader = Reader { bytes, swapped };
    let link = reader.word(20).unwrap_or_default() & 0xffff;
    if link != ETHERNET {
        return Err(format!("a capture of link type {link}, not of Ethernet"));
    }
    let mut records = Vec::new();
    let mut first = None;
    let mut at = FILE_HEADER;
    for number in 1_u64.. {
        if at == bytes.len() {
            break;
        }
        let broken = |why: &str| format!("frame {number}: {why}");
        let [seconds, fraction, captured, original] = reader
            .words(at)
            .ok_or_else(|| broken("the file ends in its header"))?;
        if fraction >= units {
            return Err(broken("its time has more than a second of fractions"));
        }
        // CAST: Widening.
        let len = captured as usize;
        if len > MAX_FRAME {
            return Err(broken("longer than any frame"));
        }
        at += FRAME_HEADER;
        let frame = bytes
            .get(at..at + len)
            .ok_or_else(|| broken("the file ends in it"))?;
        at += len;
        let time = Duration::new(seconds.into(), fraction * unit);
        let after = time.saturating_sub(*first.get_or_insert(time));
        if captured == original {
            records.push(Record {
                after,
                frame: frame.to_vec(),
            });
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three frames, the second one cut short; in the byte order of either machine.
    fn file(magic: u32, big: bool) -> Vec<u8> {
        let word = |value: u32| {
            if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        let version = if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
        let mut bytes = [word(magic), version].concat();
        for value in [0, 0, 65535, 1] {
            bytes.extend(word(value));
        }
        for (seconds, fraction, len, original) in
            [(7, 500, 60, 60), (8, 0, 20, 90), (9, 250, 14, 14)]
        {
            for value in [seconds, fraction, len, original] {
                bytes.extend(word(value));
            }
            bytes.extend(vec![len as u8; len as usize]);
        }
        bytes
    }

    #[test]
    fn all_four_sorts_of_files_are_read() {
        for (magic, unit) in [(MICROS, 1000), (NANOS, 1)] {
            for big in [false, true] {
                let wanted = [
                    Record {
                        after: Duration::ZERO,
                        frame: vec![60; 60],
                    },
                    Record {
                        after: Duration::new(1, 1_000_000_000 - 250 * unit),
                        frame: vec![14; 14],
                    },
                ];
                assert_eq!(parse(&file(magic, big)).unwrap(), wanted);
            }
        }
        assert_eq!(parse(&file(NANOS, true)[..FILE_HEADER]), Ok(Vec::new()));
    }

    #[test]
    fn a_malformed_file_is_told_in_one_line() {
        let good = file(MICROS, false);
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        for (bytes, word) in [
            (Vec::new(), "no capture"),
            (good[..23].to_vec(), "no capture"),
            (with(0, 0), "no capture"),
            (with(4, 3), "version 3"),
            (with(20, 101), "link type 101"),
            (with(31, 1), "frame 1: its time"),
            (with(34, 2), "frame 1: longer"),
            (good[..30].to_vec(), "frame 1: the file ends in its header"),
            (good[..90].to_vec(), "frame 1: the file ends in it"),
        ] {
            let why = parse(&bytes).unwrap_err();
            assert!(why.contains(word) && !why.contains('\n'), "{why}");
        }
        // Wherever it ends, nothing panics.
        for len in 0..good.len() {
            let _ = parse(&good[..len]);
        }
    }

    #[test]
    fn times_that_run_backwards_are_no_time_at_all() {
        let mut bytes = file(MICROS, false);
        bytes[24] = 200;
        let records = parse(&bytes).unwrap();
        assert!(records.iter().all(|record| record.after == Duration::ZERO));
    }
}
