// SPDX-License-Identifier: GPL-2.0

//! Devices that are slow, stop, or go away.

use std::{
    thread,
    time::Duration, //
};

use super::{
    table::{
        Kind,
        Row, //
    },
    Faults, //
};

/// Faults in time.
pub(super) const ROWS: &[Row] = &[
    Row::any(
        "stall",
        Kind::Stall,
        200,
        "a chain is given back VALUE (200) ms late",
        "H28",
    ),
    Row::any(
        "slow-registers",
        Kind::Slow,
        20,
        "an access to a register takes VALUE (20) ms",
        "T17",
    ),
    Row::any(
        "silence",
        Kind::Silence,
        0,
        "a request of a disk or a command of a control queue is never answered",
        "N65 H13 H28 B62",
    ),
    Row::any(
        "freeze",
        Kind::Freeze,
        0,
        "the device takes nothing more until it is reset",
        "H28 B62",
    ),
    Row::any(
        "dead",
        Kind::Dead,
        0,
        "the device takes nothing more, reset or not",
        "H28 B62",
    ),
    Row::any(
        "vanish",
        Kind::Vanish,
        0,
        "everything reads as ones; the device is back after VALUE ms, if that is not 0",
        "H27 T105 B67",
    ),
    Row::any(
        "gone",
        Kind::VanishBar,
        0,
        "the registers read as ones; the device is back after VALUE ms, if that is not 0",
        "H27 T105 B67",
    ),
    Row::any(
        "crash",
        Kind::Crash,
        0,
        "the emulator leaves its client, as if it had died",
        "H27 B67",
    ),
];

impl Faults {
    /// A register is accessed, which may take long.
    pub fn linger(&self) {
        if let Some(millis) = self.value(Kind::Slow, 0) {
            thread::sleep(Duration::from_millis(millis));
        }
    }

    /// The device has taken a chain from a queue. Returns whether it goes on: else the chain is as
    /// if it had not been taken.
    pub fn goes_on(&self, queue: u16) -> bool {
        for blow in self.blows(queue, |kind| {
            matches!(
                kind,
                Kind::Freeze
                    | Kind::Dead
                    | Kind::Vanish
                    | Kind::VanishBar
                    | Kind::Crash
                    | Kind::NeedsReset
            )
        }) {
            self.plight.begin(&blow);
        }
        !self.plight.is_stopped()
    }
}
