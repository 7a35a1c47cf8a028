// SPDX-License-Identifier: GPL-2.0

//! Accesses to BAR0: widths, places, directions, vectors, the configuration.

use super::{
    findings::Trace,
    needs::CTRL_MAC_ADDR,
    rules::life::*,
    State, //
};
use crate::virtio::{
    blk::{
        self,
        F_CONFIG_WCE, //
    },
    features::Features,
    net,
    pci::DeviceType,
};

/// What a vector register holds when no vector is assigned.
const NO_VECTOR: u16 = 0xffff;

/// What is remembered of accesses.
#[derive(Default)]
pub(super) struct Registers {
    pub msix: bool,
    /// The vector register that was written and not read since.
    unverified: Option<u64>,
    /// How often each byte of the capacity or the MAC address was read since it may have changed.
    reads: [u8; 8],
}

impl Registers {
    /// The driver has reset the device.
    pub fn restart(&mut self) {
        self.unverified = None;
    }
}

/// The bytes of BAR0's registers: where each begins and how long it is.
fn width(offset: u64, msix: bool) -> Option<usize> {
    match offset {
        0 | 4 | 8 => Some(4),
        12 | 14 | 16 => Some(2),
        18 | 19 => Some(1),
        20 | 22 if msix => Some(2),
        _ => None,
    }
}

/// Up to eight bytes as a number.
pub(super) fn number(data: &[u8]) -> u64 {
    data.iter()
        .take(8)
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

impl State {
    /// An access to BAR0.
    pub(super) fn access(&mut self, write: bool, offset: u64, config: Option<u64>, data: &[u8]) {
        let value = number(data);
        self.findings.remember(Trace::Register {
            write,
            offset,
            len: data.len(),
            value,
        });
        if let Some(at) = config {
            return self.config_accessed(write, at, data);
        }
        let Some(width) = width(offset, self.registers.msix) else {
            return self.found(ALIGNED, || {
                format!("{} bytes at {offset} of BAR0", data.len())
            });
        };
        if data.len() != width {
            self.found(WIDTH, || {
                format!("{} bytes at {offset} of BAR0", data.len())
            });
        }
        if write {
            self.register_written(offset, value);
        } else {
            self.register_read(offset, value);
        }
    }

    fn register_read(&mut self, offset: u64, value: u64) {
        match offset {
            0 => self.features_read(),
            8 => self.queue_register("QUEUE_PFN"),
            12 => self.size_read(),
            // CAST: The register's width.
            18 => self.status_read(value as u8),
            19 if self.registers.msix && self.life.is_live() => {
                self.found(NO_ISR, || "the ISR status was read with MSI-X on".into());
            }
            20 | 22 => {
                if offset == 22 {
                    self.queue_register("QUEUE_VECTOR");
                }
                if self.registers.unverified == Some(offset) {
                    self.registers.unverified = None;
                }
            }
            _ => {}
        }
    }

    fn register_written(&mut self, offset: u64, value: u64) {
        // CAST: Each register takes the low bits that it has room for.
        let (long, short, byte) = (value as u32, value as u16, value as u8);
        match offset {
            0 | 12 | 19 => self.found(READ_ONLY, || format!("{value:#x} was written to {offset}")),
            4 => self.features_written(long),
            8 => self.frame_written(long),
            14 => self.queue_selected(short),
            16 => self.notified(short),
            18 => self.status_written(byte),
            20 | 22 => self.vector_written(offset, short),
            _ => {}
        }
    }

    fn vector_written(&mut self, offset: u64, vector: u16) {
        if offset == 22 {
            self.queue_register("QUEUE_VECTOR");
        }
        self.vectors_settled();
        if vector == NO_VECTOR {
            return;
        }
        if self.life.status() == 0 {
            self.set_up_after_reset("a vector");
        }
        let vectors = self.facts.vectors;
        if vector >= vectors {
            self.found(VECTOR_EXISTS, || {
                format!("vector {vector} of {vectors} was assigned")
            });
        }
        self.registers.unverified = Some(offset);
    }

    /// What was assigned should have been read back by now.
    pub(super) fn vectors_settled(&mut self) {
        if let Some(offset) = self.registers.unverified.take() {
            self.found(VECTOR_VERIFIED, || {
                format!("the vector at {offset} was not read back")
            });
        }
    }

    fn config_accessed(&mut self, write: bool, at: u64, data: &[u8]) {
        // CAST: Widening; a data's length is small.
        let (len, end) = (
            self.facts.config as u64,
            at.saturating_add(data.len() as u64),
        );
        if end > len {
            return self.found(CONFIG_END, || {
                format!("{} bytes at {at} of a configuration of {len}", data.len())
            });
        }
        let touched = |start: u64, size: u64| at < start + size && start < end;
        if write {
            return self.config_written(at, end);
        }
        if let Some((start, _, _)) = self
            .optional_fields()
            .iter()
            .find(|(start, size, feature)| {
                touched(*start, *size) && self.facts.offered & feature.bits() == 0
            })
        {
            self.found(CONFIG_OPTIONAL, || {
                format!("the field at {start} was read, whose feature is not offered")
            });
        }
        for (reads, _) in self
            .registers
            .reads
            .iter_mut()
            .zip(0_u64..)
            .filter(|(_, byte)| touched(*byte, 1))
        {
            *reads = reads.saturating_add(1);
        }
    }

    /// Fields of the configuration: where, how long, and whose.
    fn optional_fields(&self) -> &'static [(u64, u64, Features)] {
        match self.facts.kind {
            DeviceType::Net => &[
                (0, 6, net::F_MAC),
                (6, 2, net::F_STATUS),
                (8, 2, net::F_MQ),
                (10, 2, net::F_MTU),
            ],
            DeviceType::Block => &[
                (8, 4, blk::F_SIZE_MAX),
                (12, 4, blk::F_SEG_MAX),
                (16, 4, blk::F_GEOMETRY),
                (20, 4, blk::F_BLK_SIZE),
                (24, 8, blk::F_TOPOLOGY),
                (32, 1, F_CONFIG_WCE),
                (34, 2, blk::F_MQ),
                (36, 12, blk::F_DISCARD),
                (48, 9, blk::F_WRITE_ZEROES),
                (60, 12, blk::F_SECURE_ERASE),
            ],
            _ => &[],
        }
    }

    fn config_written(&mut self, at: u64, end: u64) {
        match self.facts.kind {
            DeviceType::Net if end > 6 || self.life.has(CTRL_MAC_ADDR) => {
                self.found(NET_CONFIG_WRITE, || format!("a write at {at}"));
            }
            DeviceType::Block if (at, end) != (32, 33) || !self.may_set_cache_mode() => {
                self.found(BLOCK_CONFIG_WRITE, || format!("a write at {at}"));
            }
            _ => {}
        }
    }

    /// Before DRIVER_OK it is enough that the feature is offered (section 5.2.5.3).
    fn may_set_cache_mode(&self) -> bool {
        if self.life.is_live() {
            self.life.has(F_CONFIG_WCE)
        } else {
            self.facts.offered & F_CONFIG_WCE.bits() != 0
        }
    }

    /// The capacity or the MAC address may change now: what was read before should have been read
    /// until two readings agreed, so never once alone.
    pub(super) fn readings_settled(&mut self) {
        let field = match self.facts.kind {
            DeviceType::Net => 0..6,
            _ => 0..8,
        };
        let reads = std::mem::take(&mut self.registers.reads);
        if reads[field].contains(&1) {
            self.found(READ_TWICE, || {
                format!("its bytes were read {reads:?} times")
            });
        }
    }
}
