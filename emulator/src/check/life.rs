// SPDX-License-Identifier: GPL-2.0

//! The device status and the feature bits: what a driver does from reset to DRIVER_OK.

use super::{
    needs,
    rules::life::*,
    State, //
};
use crate::virtio::{
    blk::F_RO,
    features::{
        ANY_LAYOUT,
        BAD_FEATURE, //
    },
    net::{
        F_MAC,
        F_MTU, //
    },
    pci::DeviceType,
    status::Status,
};

/// FEATURES_OK of later interfaces.
const FEATURES_OK: u8 = 8;
/// Bits that no driver sets: two that mean nothing, and the device's.
const NOT_A_DRIVERS: u8 = 0x70;

const ACKNOWLEDGE: u8 = Status::ACKNOWLEDGE.bits();
const DRIVER: u8 = Status::DRIVER.bits();
const DRIVER_OK: u8 = Status::DRIVER_OK.bits();
const NEEDS_RESET: u8 = Status::NEEDS_RESET.bits();
const FAILED: u8 = Status::FAILED.bits();

/// How far the driver has come.
#[derive(Default)]
pub(super) struct Life {
    /// It has reset the device since power-on.
    reset: bool,
    /// It has read the status as 0 since then.
    seen: bool,
    /// What it has written to the status.
    status: u8,
    /// It has read NEEDS_RESET, which it may write back.
    needs_reset: bool,
    features_read: bool,
    features_written: bool,
    /// What it has accepted of what is offered.
    features: u32,
}

impl Life {
    /// As after a reset that the driver has not asked for by the status.
    pub fn restart(&mut self, power_on: bool) {
        *self = Self {
            reset: self.reset && !power_on,
            seen: !power_on,
            ..Self::default()
        };
    }

    pub fn is_live(&self) -> bool {
        self.status & DRIVER_OK != 0
    }

    pub fn has(&self, feature: crate::virtio::features::Features) -> bool {
        self.features & feature.bits() != 0
    }

    pub fn features(&self) -> u32 {
        self.features
    }

    pub fn status(&self) -> u8 {
        self.status
    }

    pub fn has_written_features(&self) -> bool {
        self.features_written
    }
}

impl State {
    /// STATUS was read.
    pub(super) fn status_read(&mut self, value: u8) {
        self.life.seen |= value == 0;
        self.life.needs_reset |= value & NEEDS_RESET != 0;
    }

    /// STATUS was written.
    pub(super) fn status_written(&mut self, value: u8) {
        let before = self.life.status;
        if value == 0 {
            self.life = Life {
                reset: true,
                ..Life::default()
            };
            self.registers.restart();
            self.queues_restart();
            return;
        }
        if !self.life.reset {
            self.found(RESET_FIRST, || format!("the first status is {value:#x}"));
        }
        if before == 0 && self.life.reset && !self.life.seen {
            self.found(RESET_SEEN, || format!("status {value:#x} right after 0"));
        }
        // Each is said once.
        self.life.reset = true;
        self.life.seen = true;
        self.bits_written(before, value);
        self.life.status = value;
        if value & !before & DRIVER_OK != 0 {
            self.driver_ok(before);
        }
    }

    fn bits_written(&mut self, before: u8, value: u8) {
        let (added, removed) = (value & !before, before & !value & !NOT_A_DRIVERS);
        let allowed = if self.life.needs_reset {
            NEEDS_RESET
        } else {
            0
        };
        for (broken, rule) in [
            (removed != 0, STATUS_KEPT),
            (added & NOT_A_DRIVERS & !allowed != 0, STATUS_KNOWN),
            (added & FEATURES_OK != 0, NO_FEATURES_OK),
            (
                added & DRIVER != 0 && value & ACKNOWLEDGE == 0,
                ACKNOWLEDGE_FIRST,
            ),
            (added & DRIVER_OK != 0 && value & DRIVER == 0, DRIVER_FIRST),
            (
                // Whoever gives up may say again how far it had come.
                value & FAILED == 0
                    && (added & (ACKNOWLEDGE | DRIVER | DRIVER_OK)).count_ones() > 1,
                ONE_STEP,
            ),
            (
                before & FAILED != 0 && added & (DRIVER | DRIVER_OK) != 0,
                FAILED_IS_FINAL,
            ),
        ] {
            if broken {
                self.found(rule, || {
                    format!("status {value:#x} was written after {before:#x}")
                });
            }
        }
    }

    fn driver_ok(&mut self, before: u8) {
        if !self.life.features_written {
            self.found(FEATURES_WRITTEN, || {
                format!("DRIVER_OK after status {before:#x}, and no features")
            });
        }
        self.vectors_settled();
        let declined = self.facts.offered & !self.life.features;
        let is = |kind| self.facts.kind == kind;
        let (net, block) = (is(DeviceType::Net), is(DeviceType::Block));
        for (bit, here, rule) in [
            (ANY_LAYOUT, true, ANY_LAYOUT_TAKEN),
            (F_MAC, net, MAC_TAKEN),
            (F_MTU, net, MTU_TAKEN),
            (F_RO, block, RO_TAKEN),
        ] {
            if here && declined & bit.bits() != 0 {
                let features = self.life.features;
                self.found(rule, || format!("features {features:#010x} were accepted"));
            }
        }
    }

    /// HOST_FEATURES was read.
    pub(super) fn features_read(&mut self) {
        self.life.features_read = true;
    }

    /// GUEST_FEATURES was written.
    pub(super) fn features_written(&mut self, value: u32) {
        let offered = self.facts.offered;
        let (status, before) = (self.life.status, self.life.features);
        for (broken, rule) in [
            (!self.life.features_read, FEATURES_READ),
            (status != 0 && status & DRIVER == 0, FEATURES_IN_TURN),
            (
                self.life.is_live() && value & offered != before,
                FEATURES_KEPT,
            ),
            (value & !offered != 0, OFFERED_ONLY),
            (value & BAD_FEATURE.bits() != 0, NO_BIT_30),
        ] {
            if broken {
                self.found(rule, || {
                    format!("{value:#010x} was written, of {offered:#010x} offered, at status {status:#x}")
                });
            }
        }
        if self.facts.kind == DeviceType::Net {
            self.net_features_written(value);
        }
        if status == 0 {
            self.set_up_after_reset("features");
        }
        self.life.features_written = true;
        self.life.features = value & offered;
    }

    fn net_features_written(&mut self, value: u32) {
        if let Some((bit, _)) = needs::missing(value) {
            self.found(NET_NEEDS, || {
                format!("{value:#010x} was written: bit {bit} requires another")
            });
        }
        if needs::extra_without_queue(value) {
            self.found(NET_EXTRA_NEEDS, || format!("{value:#010x} was written"));
        }
    }

    /// Something is set up, and the status is 0.
    pub(super) fn set_up_after_reset(&mut self, what: &str) {
        self.found(NOTHING_AFTER_RESET, || format!("{what} at status 0"));
    }

    /// The device's access to memory is given or taken.
    pub(super) fn master(&mut self, master: bool) {
        if !master && self.life.is_live() {
            self.found(MASTER_KEPT, || "bus mastering off at DRIVER_OK".into());
        }
    }

    /// A queue is notified.
    pub(super) fn kicked_in_turn(&mut self, queue: u16) {
        let status = self.life.status;
        if status == 0 {
            self.set_up_after_reset("a notification");
        } else if !self.life.is_live() {
            self.found(NO_EARLY_KICK, || {
                format!("queue {queue} was notified at status {status:#x}")
            });
        }
    }
}
