// SPDX-License-Identifier: GPL-2.0

//! What faults do to the registers of a device.

use super::{
    device::{
        Device,
        State, //
    },
    status::Status, //
};
use crate::{
    fault::Kind,
    observe::Cause, //
};

/// Used entries that are there too early.
const EARLY_ENTRIES: u16 = 5;

impl Device {
    /// Before an access: it may take long, and a device that was gone may be back.
    pub(super) fn suffer(&self) {
        if self.faults().any() {
            self.faults().linger();
            if self.faults().comes_back() {
                self.reset(Cause::Bus);
            }
        }
    }

    /// After an access: what happens before DRIVER_OK, and should not.
    pub(super) fn meddle(&self) {
        if !self.faults().any() {
            return;
        }
        let status = self.state().status;
        let live = (Status::DRIVER | Status::DRIVER_OK).bits();
        if status & live != Status::DRIVER.bits() {
            return;
        }
        if self.faults().is_early() {
            self.interrupt_all();
        }
        for index in 0..self.queues() {
            if let Some(id) = self.faults().value(Kind::UsedEarly, index) {
                // CAST: An id has 32 bits.
                if self.give_early(index, id as u32) {
                    self.interrupt_all();
                }
            }
        }
    }

    fn interrupt_all(&self) {
        self.signals().config();
        for index in 0..self.queues() {
            self.signals().queue(index);
        }
    }

    /// Puts entries into a used ring that nothing was taken for; false if there is no ring.
    fn give_early(&self, index: u16, id: u32) -> bool {
        let Some(slot) = self.slot(index) else {
            return false;
        };
        let live = slot.lock();
        let Some(queue) = live.as_ref() else {
            return false;
        };
        let (ring, view) = (queue.ring(), self.memory().view());
        (0..EARLY_ENTRIES).all(|at| ring.write_used_entry(&view, at, id, 1).is_ok())
            && ring.write_used_index(&view, EARLY_ENTRIES).is_ok()
    }

    /// The size that a queue was said to have is the one it has, if it can be.
    pub(super) fn tell_size(&self, index: u16, size: u32) {
        let size = u16::try_from(size)
            .ok()
            .filter(|size| size.is_power_of_two());
        if let (Some(slot), Some(size)) = (self.slot(index), size) {
            slot.tell_size(size);
        }
    }

    /// Bits that STATUS reads beside `status`.
    pub(super) fn status_lie(&self, status: u32) -> u32 {
        let mut lie = 0;
        if status == 0 {
            if let Some(bits) = self.faults().value(Kind::ResetUnseen, 0) {
                // CAST: The register has 8 bits.
                lie = u32::from(bits as u8);
            }
        }
        if self.faults().needs_reset() {
            lie |= u32::from(Status::NEEDS_RESET.bits());
        }
        lie
    }

    /// Whether a write does nothing, for one reason or another.
    pub(super) fn ignores(&self, offset: u64, value: u32, state: &State) -> bool {
        let is_reset = offset == 18 && value & 0xff == 0;
        self.faults().is_deaf(offset, state.selected)
            || is_reset && self.faults().strike(Kind::ResetRefused, 0)
    }
}
