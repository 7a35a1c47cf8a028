// SPDX-License-Identifier: GPL-2.0

//! Writing over what only the driver, or nobody, may write.

use super::{
    table::{
        Kind,
        Row, //
    },
    Faults, //
};
use crate::{
    memory::View,
    queue::Ring, //
};

/// What is written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scribble {
    /// Every byte of the descriptor table.
    Descriptors,
    /// The flags of every descriptor: these bits are set.
    Flags,
    /// Every byte of the descriptor table, with noise.
    DescriptorNoise,
    /// Every byte of the available ring.
    Avail,
    /// Every byte of the used ring but its flags and its index.
    Used,
    /// Every byte of the indirect table of the chain.
    Indirect,
    /// Every byte of the whole ring, with noise.
    Noise,
    /// 16 bits at a byte of the ring.
    Raw,
    /// 16 bits at a byte of the used ring.
    RawUsed,
}

impl Scribble {
    /// Whether it writes what the driver has told the device: where buffers are, and which of them are
    /// the device's. A device that believes what it has written there itself may write to memory that
    /// nobody has lent to it, which no driver survives.
    pub fn is_of_the_driver(self) -> bool {
        !matches!(self, Self::Used | Self::Indirect | Self::RawUsed)
    }
}

/// Faults of shared memory.
pub(super) const ROWS: &[Row] = &[
    Row::any(
        "scribble-table",
        Kind::Scribble(Scribble::Descriptors),
        0xff,
        "every byte of the descriptor table becomes VALUE (0xff)",
        "H7 H8 T71 T72",
    ),
    Row::any(
        "scribble-zero",
        Kind::Scribble(Scribble::Descriptors),
        0,
        "every byte of the descriptor table becomes VALUE (0)",
        "H7 H8 T71 T72",
    ),
    Row::any(
        "scribble-next",
        Kind::Scribble(Scribble::Flags),
        1,
        "the flags of every descriptor get VALUE's bits (NEXT)",
        "H8 T72",
    ),
    Row::any(
        "scribble-indirect",
        Kind::Scribble(Scribble::Flags),
        4,
        "the flags of every descriptor get VALUE's bits (INDIRECT)",
        "H8 H9 T72",
    ),
    Row::any(
        "scribble-noise",
        Kind::Scribble(Scribble::DescriptorNoise),
        0,
        "the descriptor table becomes noise",
        "H7 H8 T71",
    ),
    Row::any(
        "scribble-avail",
        Kind::Scribble(Scribble::Avail),
        0xff,
        "every byte of the available ring becomes VALUE (0xff)",
        "T71",
    ),
    Row::any(
        "scribble-used",
        Kind::Scribble(Scribble::Used),
        0xff,
        "every byte of the used ring behind the index becomes VALUE (0xff), before the entry is written",
        "T89",
    ),
    Row::any(
        "scribble-list",
        Kind::Scribble(Scribble::Indirect),
        0xff,
        "every byte of the chain's indirect table becomes VALUE (0xff)",
        "H9 T71",
    ),
    Row::any(
        "scribble-all",
        Kind::Scribble(Scribble::Noise),
        0,
        "the whole ring becomes noise",
        "T71 T89 T93",
    ),
    Row::any(
        "raw",
        Kind::Scribble(Scribble::Raw),
        0xffff,
        "16 bits of the ring at the byte AT (0) become VALUE (all ones)",
        "T71 T89",
    ),
    Row::any(
        "raw-used",
        Kind::Scribble(Scribble::RawUsed),
        0xffff,
        "16 bits of the used ring at the byte AT (0) become VALUE (all ones)",
        "T71 T89",
    ),
];

impl Faults {
    /// Writes over parts of a ring, before its next used entry is written; `list` is the indirect
    /// table of the chain, by address and bytes.
    pub fn scribble(&self, queue: u16, view: &View<'_>, ring: &Ring, list: Option<(u64, u64)>) {
        let [table, avail, used] = ring.parts();
        let size = u64::from(ring.size());
        for blow in self.blows(queue, |kind| matches!(kind, Kind::Scribble(_))) {
            let Kind::Scribble(part) = blow.kind else {
                continue;
            };
            // CAST: The low byte or 16 bits of the value.
            let (byte, word) = (blow.value as u8, blow.value as u16);
            match part {
                Scribble::Descriptors => fill(view, table, 16 * size, || byte),
                Scribble::DescriptorNoise => fill(view, table, 16 * size, || self.draw() as u8),
                Scribble::Avail => fill(view, avail, 6 + 2 * size, || byte),
                Scribble::Used => fill(view, used + 4, 8 * size + 2, || byte),
                Scribble::Noise => {
                    fill(view, table, used + 6 + 8 * size - table, || {
                        self.draw() as u8
                    });
                }
                Scribble::Indirect => {
                    let (at, bytes) = list.unwrap_or_default();
                    fill(view, at, bytes, || byte);
                }
                Scribble::Flags => {
                    for at in (table..table + 16 * size)
                        .step_by(16)
                        .map(|entry| entry + 12)
                    {
                        let flags = view.load_u16(at).unwrap_or_default();
                        view.store_u16(at, flags | word);
                    }
                }
                Scribble::Raw => {
                    let bytes = used + 6 + 8 * size - table;
                    view.write(table + blow.at % (bytes - 1), &word.to_le_bytes());
                }
                Scribble::RawUsed => {
                    view.write(used + blow.at % (5 + 8 * size), &word.to_le_bytes());
                }
            }
        }
    }
}

fn fill(view: &View<'_>, at: u64, bytes: u64, mut byte: impl FnMut() -> u8) {
    let new: Vec<u8> = (0..bytes).map(|_| byte()).collect();
    view.write(at, &new);
}
