// SPDX-License-Identifier: GPL-2.0

//! Interrupts and notifications that are lost, wrong or too many.

use super::{
    table::{
        Kind,
        Row, //
    },
    Faults, //
};

/// Faults of interrupts and notifications.
pub(super) const ROWS: &[Row] = &[
    Row::any(
        "interrupt-lost",
        Kind::InterruptLost,
        0,
        "an interrupt of a queue is not sent",
        "N41 H28",
    ),
    Row::any(
        "interrupt-spurious",
        Kind::InterruptSpurious,
        0,
        "a notification of a queue is answered with an interrupt for nothing",
        "T67",
    ),
    Row::any(
        "interrupt-wrong",
        Kind::InterruptWrong,
        0,
        "the configuration's interrupt is sent instead of a queue's",
        "T65 H28",
    ),
    Row::any(
        "interrupt-storm",
        Kind::InterruptStorm,
        2000,
        "a queue interrupts for VALUE (2000) ms without a pause",
        "T67 H39",
    ),
    Row::any(
        "interrupt-early",
        Kind::InterruptEarly,
        0,
        "every interrupt fires at each access to a register before DRIVER_OK",
        "T69 H15",
    ),
    Row::any(
        "config-interrupt",
        Kind::ConfigInterrupt,
        0,
        "the configuration's interrupt fires when a chain is taken; nothing has changed",
        "T39 H39",
    ),
    Row::any(
        "config-storm",
        Kind::ConfigStorm,
        2000,
        "the configuration's interrupt fires for VALUE (2000) ms without a pause",
        "H39",
    ),
    Row::any(
        "notify-lost",
        Kind::NotifyLost,
        0,
        "a notification is not heard",
        "H28",
    ),
    Row::any(
        "notify-unwanted",
        Kind::NotifyUnwanted,
        0,
        "the device says that it wants no notifications, and waits for one",
        "T78 H28",
    ),
];

impl Faults {
    /// Whether every interrupt is to fire before DRIVER_OK.
    pub fn is_early(&self) -> bool {
        self.strike(Kind::InterruptEarly, 0)
    }
}
