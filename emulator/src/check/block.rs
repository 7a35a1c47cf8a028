// SPDX-License-Identifier: GPL-2.0

//! Requests of a block device (VIRTIO 1.3, sections 5.2.6.1 and 5.2.6.4).

use super::{
    chains::Form,
    rules::{
        block::*,
        Rule, //
    },
    State, //
};
use crate::virtio::{
    blk::{
        config,
        F_DISCARD,
        F_FLUSH,
        F_RO,
        F_SECURE_ERASE,
        F_SEG_MAX,
        F_WRITE_ZEROES,
        ID_BYTES,
        RANGE_F_UNMAP, //
    },
    features::{
        Features,
        ANY_LAYOUT, //
    },
};

/// Bytes of the header and of a range.
const HEADER: u64 = 16;
const RANGE: u64 = 16;

/// Features of the legacy interface alone.
const F_BARRIER: Features = Features::bit(0);
const F_SCSI: Features = Features::bit(7);
const F_LIFETIME: Features = Features::bit(15);

/// The bit of a type that asks for a barrier.
const BARRIER: u32 = 1 << 31;

/// What the data of a request is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Data {
    /// Sectors to write into memory.
    In,
    /// Sectors to read from memory.
    Out,
    None,
    /// Something that the device says.
    Answer,
    /// Ranges; at most as many as this field of the configuration says.
    Ranges(usize),
}

/// What a type of request needs and carries; None for one that is not known.
fn known(kind: u32) -> Option<(Features, Data)> {
    Some(match kind & !BARRIER {
        0 => (Features::NONE, Data::In),
        1 => (Features::NONE, Data::Out),
        2 | 3 => (F_SCSI, Data::Answer),
        4 | 5 => (F_FLUSH, Data::None),
        8 => (Features::NONE, Data::Answer),
        10 => (F_LIFETIME, Data::Answer),
        11 => (F_DISCARD, Data::Ranges(config::MAX_DISCARD_SEG)),
        13 => (F_WRITE_ZEROES, Data::Ranges(config::MAX_WRITE_ZEROES_SEG)),
        14 => (F_SECURE_ERASE, Data::Ranges(config::MAX_SECURE_ERASE_SEG)),
        _ => return None,
    })
}

const GET_ID: u32 = 8;
const DISCARD: u32 = 11;

impl State {
    /// A chain of a request was taken.
    pub(super) fn block_chain(&mut self, queue: u16, head: u16, form: &Form) {
        if self.life.has(ANY_LAYOUT) || form.readable < HEADER || form.writable == 0 {
            return;
        }
        // The text has a header of 8 bytes, which is not what it describes, nor what anyone does.
        if form.read.first() != Some(&16) || form.last != 1 {
            let (first, last) = (form.read.first().copied().unwrap_or(0), form.last);
            self.found(FRAMING, || {
                format!("queue {queue}, chain {head}: first {first} bytes, last {last} bytes")
            });
        }
    }

    /// A request was carried out, or not.
    pub(super) fn requested(&mut self, queue: u16, kind: u32, sector: u64) {
        let Some((form, ranges)) = self.flights.last(queue) else {
            return;
        };
        let mut broken: Vec<&'static Rule> = Vec::new();
        match known(kind) {
            None => broken.push(TYPE_KNOWN),
            Some((feature, data)) => {
                let barrier = kind & BARRIER != 0 && !self.life.has(F_BARRIER);
                if barrier || feature != Features::NONE && !self.life.has(feature) {
                    broken.push(TYPE_ACCEPTED);
                }
                self.data_checked(kind & !BARRIER, sector, data, &form, &mut broken);
                let asks = |range: &[u8]| {
                    u32::from_le_bytes([range[12], range[13], range[14], range[15]]) & RANGE_F_UNMAP
                        != 0
                };
                let ranges = ranges.unwrap_or_default();
                if kind & !BARRIER == DISCARD && ranges.chunks_exact(16).any(asks) {
                    broken.push(RANGE_UNMAP);
                }
            }
        }
        for rule in broken {
            self.found(rule, || {
                format!(
                    "queue {queue}, type {kind}, sector {sector}, {} bytes to read, {} to write",
                    form.readable, form.writable
                )
            });
        }
    }

    fn data_checked(
        &mut self,
        kind: u32,
        sector: u64,
        data: Data,
        form: &Form,
        broken: &mut Vec<&'static Rule>,
    ) {
        let (readable, writable) = (
            form.readable.saturating_sub(HEADER),
            form.writable.saturating_sub(1),
        );
        let mut rule = |broke: bool, rule| {
            if broke {
                broken.push(rule);
            }
        };
        match data {
            Data::In | Data::Out => {
                let (bytes, other) = if data == Data::In {
                    (writable, readable)
                } else {
                    (readable, writable)
                };
                rule(other != 0, DIRECTION);
                rule(bytes % 512 != 0, WHOLE_SECTORS);
                rule(!self.is_on_disk(sector, bytes), CAPACITY);
                rule(data == Data::Out && self.is_read_only(), READ_ONLY);
                rule(self.has_too_many_segments(form), SEGMENTS);
            }
            Data::None => {
                rule(sector != 0, FLUSH_SECTOR);
                rule(readable != 0 || writable != 0, FLUSH_DATA);
            }
            Data::Answer => {
                rule(kind == GET_ID && readable != 0, DIRECTION);
                rule(kind == GET_ID && writable != ID_BYTES as u64, ID_LENGTH);
                rule(sector != 0, NO_SECTOR);
            }
            Data::Ranges(most) => {
                let most = u32::from_le_bytes(self.config(most));
                rule(writable != 0, DIRECTION);
                rule(readable == 0 || readable % RANGE != 0, RANGE_LENGTH);
                rule(readable / RANGE > most.into(), RANGE_COUNT);
                rule(self.is_read_only(), READ_ONLY);
                rule(sector != 0, NO_SECTOR);
            }
        }
    }

    fn is_read_only(&self) -> bool {
        self.facts.offered & F_RO.bits() != 0
    }

    /// Within the largest capacity there was: the driver may not know yet of a smaller one.
    fn is_on_disk(&mut self, sector: u64, bytes: u64) -> bool {
        let now = u64::from_le_bytes(self.config(config::CAPACITY));
        self.capacity = self.capacity.max(now);
        let end = sector.checked_add(bytes.div_ceil(512));
        end.is_some_and(|end| end <= self.capacity)
    }

    /// Counted as if the header and the status had a buffer each, so low with another layout.
    fn has_too_many_segments(&self, form: &Form) -> bool {
        let most = u32::from_le_bytes(self.config(config::SEG_MAX));
        // CAST: Widening.
        self.life.has(F_SEG_MAX) && form.reads + form.writes > most as usize + 2
    }
}
