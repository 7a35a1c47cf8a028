// SPDX-License-Identifier: GPL-2.0

//! Fields of the configuration that say what cannot be, or something else at each look.

use std::sync::atomic::Ordering;

use super::{
    table::{
        Kind,
        Row, //
    },
    Faults, //
};
use crate::virtio::{
    blk::config as blk,
    net::config as net, //
};

/// Faults of the configuration.
pub(super) const ROWS: &[Row] = &[
    Row::disk(
        "capacity",
        Kind::Field(blk::CAPACITY, 8),
        0,
        "the capacity is VALUE (0)",
        "B43 H20",
    ),
    Row::disk(
        "size-max",
        Kind::Field(blk::SIZE_MAX, 4),
        1,
        "the longest segment is VALUE (1)",
        "B1 H20",
    ),
    Row::disk(
        "seg-max",
        Kind::Field(blk::SEG_MAX, 4),
        0,
        "the most segments is VALUE (0)",
        "B2 H20",
    ),
    Row::disk(
        "cylinders",
        Kind::Field(blk::CYLINDERS, 2),
        0xffff,
        "the cylinders is VALUE (all ones)",
        "B4 H20",
    ),
    Row::disk(
        "block-size",
        Kind::Field(blk::BLK_SIZE, 4),
        3,
        "the block size is VALUE (3)",
        "B42 H20",
    ),
    Row::disk(
        "block-exponent",
        Kind::Field(blk::PHYSICAL_BLOCK_EXP, 1),
        0xff,
        "the exponent of the physical block is VALUE (all ones)",
        "B42 H20",
    ),
    Row::disk(
        "alignment-offset",
        Kind::Field(blk::ALIGNMENT_OFFSET, 1),
        0xff,
        "the alignment is VALUE (all ones)",
        "B42 H20",
    ),
    Row::disk(
        "io-min",
        Kind::Field(blk::MIN_IO_SIZE, 2),
        0xffff,
        "the least I/O is VALUE (all ones)",
        "B42 H20",
    ),
    Row::disk(
        "io-best",
        Kind::Field(blk::OPT_IO_SIZE, 4),
        0xffff_ffff,
        "the best I/O is VALUE (all ones)",
        "B42 H20",
    ),
    Row::disk(
        "wce",
        Kind::Field(blk::WCE, 1),
        7,
        "the cache mode is VALUE (7)",
        "B47 H21",
    ),
    Row::disk(
        "disk-queues",
        Kind::Field(blk::NUM_QUEUES, 2),
        0,
        "the number of queues is VALUE (0)",
        "B12 H20",
    ),
    Row::disk(
        "discard-most",
        Kind::Field(blk::MAX_DISCARD_SECTORS, 4),
        0,
        "the most sectors of a discard is VALUE (0)",
        "B13 H20",
    ),
    Row::disk(
        "discard-ranges",
        Kind::Field(blk::MAX_DISCARD_SEG, 4),
        0,
        "the most ranges of a discard is VALUE (0)",
        "B13 H20",
    ),
    Row::disk(
        "discard-alignment",
        Kind::Field(blk::DISCARD_SECTOR_ALIGNMENT, 4),
        0xffff_ffff,
        "the alignment of a discard is VALUE (all ones)",
        "B13 H20",
    ),
    Row::disk(
        "zeroes-most",
        Kind::Field(blk::MAX_WRITE_ZEROES_SECTORS, 4),
        0,
        "the most sectors of zeroes is VALUE (0)",
        "B14 H20",
    ),
    Row::disk(
        "zeroes-ranges",
        Kind::Field(blk::MAX_WRITE_ZEROES_SEG, 4),
        0,
        "the most ranges of zeroes is VALUE (0)",
        "B14 H20",
    ),
    Row::disk(
        "erase-most",
        Kind::Field(blk::MAX_SECURE_ERASE_SECTORS, 4),
        0,
        "the most sectors of a secure erase is VALUE (0)",
        "B16 H20",
    ),
    Row::disk(
        "erase-ranges",
        Kind::Field(blk::MAX_SECURE_ERASE_SEG, 4),
        0,
        "the most ranges of a secure erase is VALUE (0)",
        "B16 H20",
    ),
    Row::disk(
        "erase-alignment",
        Kind::Field(blk::SECURE_ERASE_SECTOR_ALIGNMENT, 4),
        0xffff_ffff,
        "the alignment of a secure erase is VALUE (all ones)",
        "B16 H20",
    ),
    Row::disk(
        "capacity-torn",
        Kind::Torn(blk::CAPACITY, 8),
        0xffff_ffff,
        "the capacity grows by VALUE with each byte that is read of it",
        "T37 B43 H19",
    ),
    Row::disk(
        "capacity-flaps",
        Kind::Flaps(blk::CAPACITY, 8),
        0x8000,
        "the capacity has VALUE's bits turned at each look, and the driver is told",
        "T37 B44",
    ),
    Row::card(
        "mac",
        Kind::Field(net::MAC, 6),
        0,
        "the address is VALUE (0)",
        "N5 H20",
    ),
    Row::card(
        "link-status",
        Kind::Field(net::STATUS, 2),
        0xffff,
        "the link's status is VALUE (all ones)",
        "N72 H20",
    ),
    Row::card(
        "pairs",
        Kind::Field(net::MAX_VIRTQUEUE_PAIRS, 2),
        0,
        "the number of pairs is VALUE (0)",
        "N68 H20",
    ),
    Row::card(
        "mtu",
        Kind::Field(net::MTU, 2),
        0,
        "the MTU is VALUE (0)",
        "N70 H18 H20",
    ),
    Row::card(
        "link-flaps",
        Kind::Flaps(net::STATUS, 2),
        1,
        "the link's status has VALUE's bits turned at each look, and the driver is told",
        "N72 H39",
    ),
];

impl Faults {
    /// Puts wrong bytes into what is read of the configuration from `offset` on. Returns whether the
    /// driver is to be told that it has changed.
    pub fn configuration(&self, offset: usize, data: &mut [u8]) -> bool {
        let end = offset.saturating_add(data.len());
        let touches = |at: usize, len: usize| at < end && offset < at + len;
        let mut changed = false;
        for blow in self.blows(0, |kind| match kind {
            Kind::Field(at, len) | Kind::Torn(at, len) | Kind::Flaps(at, len) => touches(at, len),
            _ => false,
        }) {
            let (at, len, value) = match blow.kind {
                Kind::Field(at, len) => (at, len, blow.value),
                Kind::Torn(at, len) => (at, len, self.count().wrapping_mul(blow.value)),
                Kind::Flaps(at, len) => {
                    // A look begins with the first byte.
                    let begins = touches(at, 1);
                    changed |= begins;
                    let looks = self.looks.fetch_add(begins.into(), Ordering::Relaxed);
                    if (looks + u64::from(begins)) % 2 == 0 {
                        turn(at, len, blow.value, offset, data);
                    }
                    continue;
                }
                _ => continue,
            };
            let bytes = value.to_le_bytes();
            for (place, byte) in (offset..).zip(data.iter_mut()) {
                if let Some(new) = place.checked_sub(at).filter(|nth| *nth < len) {
                    *byte = bytes.get(new).copied().unwrap_or(0);
                }
            }
        }
        changed
    }
}

/// Turns those bits of the field at `at` that are in what is read from `offset` on.
fn turn(at: usize, len: usize, bits: u64, offset: usize, data: &mut [u8]) {
    for (nth, bits) in bits.to_le_bytes().iter().take(len).enumerate() {
        let byte = (at + nth)
            .checked_sub(offset)
            .and_then(|place| data.get_mut(place));
        if let Some(byte) = byte {
            *byte ^= bits;
        }
    }
}
