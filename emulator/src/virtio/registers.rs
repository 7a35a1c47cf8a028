// SPDX-License-Identifier: GPL-2.0

//! The legacy registers in BAR0 (VIRTIO 1.3, section 4.1.4.10).
//!
//! A register is found by its exact offset; at the edges the device's profile decides.
//!
//! ```text
//!  0 HOST_FEATURES  r    what the device offers
//!  4 GUEST_FEATURES rw   what the driver accepts, cut down to what is offered
//!  8 QUEUE_PFN      rw   ring of the selected queue; what writing 0 does differs
//! 12 QUEUE_NUM      r    its size, 0 if there is none
//! 14 QUEUE_SEL      rw
//! 16 QUEUE_NOTIFY    w
//! 18 STATUS         rw   writing 0 resets the device
//! 19 ISR            r    reading clears it
//! 20 CONFIG_VECTOR  rw   with MSI-X enabled; else the configuration begins here
//! 22 QUEUE_VECTOR   rw   of the selected queue
//! ```

use super::{
    device::Device,
    features,
    profile::{
        FrameZero,
        Selection, //
    },
    status::Status, //
};
use crate::{
    fault::Kind,
    observe::{
        Cause,
        Event, //
    },
};

/// Bytes before the device's configuration, without and with MSI-X.
pub const HEADER: u64 = 20;
/// See [`HEADER`].
pub const HEADER_MSIX: u64 = 24;

/// Bytes of the register at an offset; 0 where none begins.
fn width(offset: u64) -> usize {
    match offset {
        0 | 4 | 8 => 4,
        12 | 14 | 16 | 20 | 22 => 2,
        18 | 19 => 1,
        _ => 0,
    }
}

impl Device {
    fn header_len(&self) -> u64 {
        if self.signals().msix() {
            HEADER_MSIX
        } else {
            HEADER
        }
    }

    /// Reads from BAR0. What is not there reads as ones.
    pub fn read_register(&self, offset: u64, data: &mut [u8]) {
        self.suffer();
        if self.faults().is_gone(false) {
            data.fill(0xff);
        } else {
            self.fetch(offset, data);
        }
        self.observe_access(false, offset, data);
        self.meddle();
    }

    fn observe_access(&self, write: bool, offset: u64, data: &[u8]) {
        self.observers().see(|| Event::Register {
            write,
            offset,
            config: offset.checked_sub(self.header_len()),
            data,
        });
    }

    fn fetch(&self, offset: u64, data: &mut [u8]) {
        data.fill(0xff);
        let Some(config) = offset.checked_sub(self.header_len()) else {
            if self.profile().strict_widths && data.len() != width(offset) {
                return;
            }
            for (place, byte) in data.iter_mut().zip(self.register(offset).to_le_bytes()) {
                *place = byte;
            }
            return;
        };
        if let Some(offset) = self.config_offset(config, data.len()) {
            self.model().read_config(offset, data);
            if self.faults().any() && self.faults().configuration(offset, data) {
                self.config_changed();
            }
        }
    }

    /// Writes to BAR0. Returns whether the write makes the PCI function a bus master.
    ///
    /// Linux before 2.6.34 forgot to do that; QEMU does it when a driver shows up.
    pub fn write_register(&self, offset: u64, data: &[u8]) -> bool {
        self.suffer();
        self.observe_access(true, offset, data);
        if self.faults().is_gone(false) {
            return false;
        }
        let makes_master = self.store(offset, data);
        self.meddle();
        makes_master
    }

    fn store(&self, offset: u64, data: &[u8]) -> bool {
        if let Some(config) = offset.checked_sub(self.header_len()) {
            if let Some(offset) = self.config_offset(config, data.len()) {
                self.model().write_config(offset, data);
            }
            return false;
        }
        if self.profile().strict_widths && data.len() != width(offset) {
            return false;
        }
        let mut wire = [0; 4];
        for (place, byte) in wire.iter_mut().zip(data) {
            *place = *byte;
        }
        self.set_register(offset, u32::from_le_bytes(wire))
    }

    /// The offset of an access that is within the device's configuration.
    fn config_offset(&self, offset: u64, len: usize) -> Option<usize> {
        let offset = usize::try_from(offset).ok()?;
        (offset.checked_add(len)? <= self.model().config_len()).then_some(offset)
    }

    fn register(&self, offset: u64) -> u32 {
        let honest = self.honest_register(offset);
        if !self.faults().any() {
            return honest;
        }
        let selected = self.state().selected;
        let mut answer = self.faults().register(offset, selected, honest);
        match offset {
            12 => self.tell_size(selected, answer),
            18 => answer |= self.status_lie(answer),
            _ => {}
        }
        answer
    }

    fn honest_register(&self, offset: u64) -> u32 {
        if offset == 19 {
            return self.signals().take_isr().into();
        }
        let state = self.state();
        match offset {
            0 => self.model().features(),
            4 if self.profile().features_readable => state.features,
            8 => state
                .frames
                .get(usize::from(state.selected))
                .copied()
                .unwrap_or(self.profile().absent_frame),
            12 => self
                .slot(state.selected)
                .filter(|_| self.model().has_queue(state.selected))
                .map_or(0, |slot| slot.size.into()),
            14 => state.selected.into(),
            18 => state.status.into(),
            20 => self.signals().config_vector().into(),
            22 => self.signals().queue_vector(state.selected).into(),
            _ => u32::MAX,
        }
    }

    fn set_register(&self, offset: u64, value: u32) -> bool {
        // CAST: Each register takes the low bits that it has room for.
        let (low, byte) = (value as u16, value as u8);
        if offset == 16 {
            self.notify(low);
            return false;
        }
        let mut state = self.state();
        if self.faults().any() && self.ignores(offset, value, &state) {
            return false;
        }
        match offset {
            4 => {
                let accepted = if self.profile().traps_the_careless
                    && value & features::BAD_FEATURE.bits() != 0
                {
                    self.model().features_of_the_careless()
                } else {
                    value & self.model().features()
                };
                self.set_features(&mut state, accepted);
            }
            8 if value == 0 && self.profile().frame_zero != FrameZero::Map => {
                match self.profile().frame_zero {
                    FrameZero::ResetDevice => self.reset_locked(&mut state, Cause::Frame),
                    FrameZero::StopQueue => {
                        let selected = state.selected;
                        self.stop_queue(&mut state, selected);
                    }
                    FrameZero::Map | FrameZero::Ignore => {}
                }
            }
            8 => {
                let selected = state.selected;
                self.start_queue(&mut state, selected, value);
            }
            14 if self.can_select(low) => state.selected = low,
            18 if byte == 0 => self.reset_locked(&mut state, Cause::Status),
            18 => {
                if self.profile().keeps_status && state.status & !byte != 0 {
                    state.status |= Status::NEEDS_RESET.bits();
                    return false;
                }
                let starts = byte & !state.status & Status::DRIVER_OK.bits() != 0;
                state.status = byte;
                if starts {
                    self.model().started(state.features);
                }
                return self.profile().makes_master
                    && byte == (Status::ACKNOWLEDGE | Status::DRIVER).bits();
            }
            20 => self.signals().set_config_vector(low),
            22 => self.signals().set_queue_vector(state.selected, low),
            _ => {}
        }
        false
    }

    fn can_select(&self, queue: u16) -> bool {
        match self.profile().selection {
            Selection::Below(limit) => queue < limit,
            Selection::Present => queue < self.queues(),
            Selection::Any => true,
        }
    }

    /// The driver says that there is something in a queue. It may do so before DRIVER_OK
    /// (VIRTIO 1.3, section 3.1.2).
    fn notify(&self, index: u16) {
        let slot = self.slot(index);
        if self.faults().strike(Kind::NotifyLost, index) {
            return;
        }
        self.observers().see(|| Event::Kick {
            queue: index,
            available: slot.and_then(|slot| slot.progress.available(&self.memory().view())),
            taken: slot.map_or(0, |slot| slot.progress.taken()),
        });
        if let Some(slot) = slot {
            slot.bell.ring();
        }
    }
}
