// SPDX-License-Identifier: GPL-2.0

//! What a device does wrong on purpose, to see what becomes of its driver.

use std::sync::atomic::{
    AtomicU64,
    Ordering, //
};

/// A kind of fault. Each has its occasions, which are counted for each fault that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An interrupt of a queue is not sent.
    InterruptLost,
    /// A queue interrupts when it is notified, before it has used anything.
    InterruptSpurious,
    /// The header of a received frame claims one more buffer than the device has used.
    NumBuffers,
    /// A command of the control queue is taken and never answered.
    Silence,
    /// The header of a received frame asks for a checksum behind the frame's end.
    Checksum,
    /// The header of a received frame asks for segments without a byte.
    Segments,
    /// A chain is given back under a number that no chain has.
    UsedId,
    /// The device stops at a request, and asks to be reset.
    NeedsReset,
    /// The device is gone from a request on: its registers read as ones.
    Gone,
    /// A reset is not obeyed.
    ResetRefused,
    /// A feature is not offered.
    FeatureLost,
    /// The length of what a read has written is said to be half of it.
    ReadShort,
    /// The status of a request is not written.
    StatusUnwritten,
    /// A register that is written before DRIVER_OK makes the device interrupt.
    InterruptEarly,
}

/// Name, kind, and a line that says what it does, with the behaviours that it is there to show.
pub const KINDS: &[(&str, Kind, &str)] = &[
    (
        "interrupt-lost",
        Kind::InterruptLost,
        "an interrupt of a queue is not sent (N41 H28)",
    ),
    (
        "interrupt-spurious",
        Kind::InterruptSpurious,
        "a notification of a queue is answered with an interrupt for nothing (T67)",
    ),
    (
        "num-buffers",
        Kind::NumBuffers,
        "a received frame claims one buffer more than were used (N94 H22)",
    ),
    (
        "silence",
        Kind::Silence,
        "a command of the control queue, or a request of a disk, is never answered (N65 H13 H28)",
    ),
    (
        "checksum",
        Kind::Checksum,
        "a received frame wants a checksum behind its end (N51 H23)",
    ),
    (
        "segments",
        Kind::Segments,
        "a received frame is to be cut into segments of no bytes (N52 H23)",
    ),
    (
        "used-id",
        Kind::UsedId,
        "a chain is given back under a number that no chain has (B68)",
    ),
    (
        "needs-reset",
        Kind::NeedsReset,
        "a disk stops at a request and asks to be reset (T23 H37)",
    ),
    (
        "gone",
        Kind::Gone,
        "a disk is gone from a request on: its registers read as ones (T105 B67)",
    ),
    (
        "reset-refused",
        Kind::ResetRefused,
        "a reset is not obeyed (T17)",
    ),
    (
        "feature-lost",
        Kind::FeatureLost,
        "indirect descriptors are not offered (T30)",
    ),
    (
        "read-short",
        Kind::ReadShort,
        "of a read half the length is said to have been written (B61 H5)",
    ),
    (
        "status-unwritten",
        Kind::StatusUnwritten,
        "the status of a request is not written (H6)",
    ),
    (
        "interrupt-early",
        Kind::InterruptEarly,
        "writing a register before DRIVER_OK causes interrupts (T69 H15)",
    ),
];

/// A fault that was asked for.
#[derive(Debug)]
pub struct Fault {
    kind: Kind,
    /// None: on every queue.
    queue: Option<u16>,
    /// Occasions to let pass first.
    after: u64,
    /// Occasions to take then.
    count: u64,
    occasions: AtomicU64,
}

impl Fault {
    /// Reads `NAME[:after=N][:count=N][:queue=Q]`.
    ///
    /// # Errors
    ///
    /// A line about the first part that makes no sense.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let (_, kind, _) = KINDS
            .iter()
            .find(|(known, ..)| *known == name)
            .ok_or_else(|| format!("{name} is no fault; --fault-list has them"))?;
        let mut fault = Self {
            kind: *kind,
            queue: None,
            after: 0,
            count: u64::MAX,
            occasions: AtomicU64::new(0),
        };
        for part in parts {
            let wrong = || format!("{part} is neither after=N, count=N nor queue=Q");
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            let number: u64 = value.parse().map_err(|_| wrong())?;
            match name {
                "after" => fault.after = number,
                "count" => fault.count = number,
                "queue" => fault.queue = Some(u16::try_from(number).map_err(|_| wrong())?),
                _ => return Err(wrong()),
            }
        }
        Ok(fault)
    }

    /// Whether it strikes on this occasion.
    fn strikes(&self, kind: Kind, queue: u16) -> bool {
        if self.kind != kind || self.queue.is_some_and(|wanted| wanted != queue) {
            return false;
        }
        let number = self.occasions.fetch_add(1, Ordering::Relaxed);
        number
            .checked_sub(self.after)
            .is_some_and(|past| past < self.count)
    }
}

/// All faults of a device.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// These, and no others.
    pub fn new(faults: Vec<Fault>) -> Self {
        Self(faults)
    }

    /// Whether one of them strikes on this occasion; each of them counts it.
    pub fn strike(&self, kind: Kind, queue: u16) -> bool {
        let mut struck = false;
        for fault in &self.0 {
            struck |= fault.strikes(kind, queue);
        }
        struck
    }
}

/// The faults for people, one a line: name, what it does.
pub fn list() -> String {
    let lines: Vec<String> = KINDS
        .iter()
        .map(|(name, _, what)| format!("{name:<20} {what}\n"))
        .collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_on_its_queue_after_and_as_often_as_it_was_asked_for() {
        let fault = Fault::parse("interrupt-lost:after=2:count=3:queue=1").unwrap();
        let faults = Faults::new(vec![fault]);
        assert!(!faults.strike(Kind::InterruptLost, 0));
        assert!(!faults.strike(Kind::NumBuffers, 1));
        let struck: Vec<bool> = (0..7)
            .map(|_| faults.strike(Kind::InterruptLost, 1))
            .collect();
        assert_eq!(struck, [false, false, true, true, true, false, false]);
    }

    #[test]
    fn without_limits_it_always_strikes() {
        let faults = Faults::new(vec![Fault::parse("num-buffers").unwrap()]);
        assert!((0..3).all(|queue| faults.strike(Kind::NumBuffers, queue)));
        assert!(!Faults::default().strike(Kind::NumBuffers, 0));
    }

    #[test]
    fn nonsense_is_told_in_one_line() {
        for (text, word) in [
            ("", "is no fault"),
            ("thunder", "thunder is no fault"),
            ("num-buffers:often", "often is neither"),
            ("num-buffers:after=x", "after=x is neither"),
            ("num-buffers:queue=65536", "queue=65536 is neither"),
            ("num-buffers:size=1", "size=1 is neither"),
        ] {
            let why = Fault::parse(text).err().unwrap_or_default();
            assert!(why.contains(word) && !why.contains('\n'), "{text}: {why}");
        }
    }

    #[test]
    fn every_kind_is_in_the_list() {
        for (name, ..) in KINDS {
            assert!(list().lines().any(|line| line.starts_with(name)));
            assert!(Fault::parse(name).is_ok());
        }
    }
}
