// SPDX-License-Identifier: GPL-2.0

//! Chains that are given back wrongly.

use std::{
    collections::BTreeMap,
    sync::PoisonError, //
};

use super::{
    table::{
        Kind,
        Row,
        UsedLie, //
    },
    Blow,
    Faults, //
};

/// Faults of the used ring.
pub(super) const ROWS: &[Row] = &[
    Row::any(
        "used-id-range",
        Kind::Used(UsedLie::IdRange),
        0,
        "the used id is the number of entries of the ring",
        "H1 T89",
    ),
    Row::any(
        "used-id",
        Kind::Used(UsedLie::Id),
        0xffff_ffff,
        "the used id is VALUE (all ones)",
        "H1 T89",
    ),
    Row::any(
        "used-id-free",
        Kind::Used(UsedLie::IdFree),
        0,
        "the used id is half a ring away, where nothing is outstanding",
        "H2 T89",
    ),
    Row::any(
        "used-id-next",
        Kind::Used(UsedLie::IdNext),
        0,
        "the used id is that of the next descriptor",
        "H2 T89",
    ),
    Row::any(
        "used-twice",
        Kind::Used(UsedLie::Twice),
        0,
        "the same used entry twice at once",
        "H2 T92",
    ),
    Row::any(
        "used-again",
        Kind::Used(UsedLie::Again),
        0,
        "the used entry before this one once more, before it",
        "H2 T92",
    ),
    Row::any(
        "used-order",
        Kind::Used(UsedLie::Order),
        0,
        "a used entry comes after the next one",
        "T89",
    ),
    Row::any(
        "used-lost",
        Kind::Used(UsedLie::Lost),
        0,
        "a chain is done and never given back",
        "H28 B62",
    ),
    Row::any(
        "used-len",
        Kind::Used(UsedLie::Len),
        0xffff_ffff,
        "the used length is VALUE (all ones)",
        "H3 T90 N92",
    ),
    Row::any(
        "used-len-zero",
        Kind::Used(UsedLie::Len),
        0,
        "the used length is VALUE (0)",
        "H4 H5 T90 N92",
    ),
    Row::any(
        "used-len-more",
        Kind::Used(UsedLie::LenMore),
        1,
        "the used length is VALUE (1) more than it is",
        "H3 T90 N92",
    ),
    Row::any(
        "used-len-less",
        Kind::Used(UsedLie::LenLess),
        1,
        "the used length is VALUE (1) less than it is",
        "H5 T90 N92",
    ),
    Row::any(
        "used-index-jump",
        Kind::Used(UsedLie::IndexJump),
        40000,
        "the used index goes VALUE (40000) too far",
        "H10 T91",
    ),
    Row::any(
        "used-index-only",
        Kind::Used(UsedLie::IndexOnly),
        40000,
        "the used index goes VALUE (40000) too far, without an entry",
        "H10 T91",
    ),
    Row::any(
        "used-index-back",
        Kind::Used(UsedLie::IndexBack),
        2,
        "the used index goes back by VALUE (2)",
        "H10 T91",
    ),
    Row::any(
        "used-index-stays",
        Kind::Used(UsedLie::IndexStays),
        0,
        "the used index does not show the entry",
        "H28",
    ),
    Row::any(
        "used-early",
        Kind::UsedEarly,
        0,
        "five used entries of id VALUE (0) are there before DRIVER_OK",
        "T69 H15",
    ),
];

/// What a queue has to remember.
#[derive(Debug, Default)]
pub(super) struct Memories(BTreeMap<u16, Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// The entry before this one.
    last: Option<(u32, u32)>,
    /// An entry that was held back.
    held: Option<(u32, u32)>,
}

/// Where the used index is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// Behind the entries.
    Right,
    /// So much further, modulo 2^16.
    Further(u16),
    /// Nowhere: it is not written.
    Stays,
}

/// Chains as they are given back: entries, and the index.
#[derive(Debug, PartialEq, Eq)]
pub struct Given {
    /// Id and length of each entry.
    pub entries: Vec<(u32, u32)>,
    /// The index.
    pub index: Index,
}

impl Faults {
    /// How chains, each a head and a length, are given back in a ring of `size` entries.
    pub fn given(&self, queue: u16, size: u16, chains: &[(u16, u32)]) -> Given {
        let mut given = Given {
            entries: Vec::new(),
            index: Index::Right,
        };
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = memories.0.entry(queue).or_default();
        for (head, len) in chains {
            let honest = (u32::from(*head), *len);
            let mut entry = Some(honest);
            let late = memory.held.take();
            for blow in self.blows(queue, |kind| matches!(kind, Kind::Used(_))) {
                entry = lie(&blow, size, honest, entry, memory, &mut given);
            }
            given.entries.extend(entry);
            given.entries.extend(late);
            memory.last = entry.or(memory.last);
        }
        given
    }

    /// The device was reset: what was held back is gone.
    pub(super) fn forget_entries(&self) {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.0.clear();
    }
}

/// What one fault makes of an entry.
fn lie(
    blow: &Blow,
    size: u16,
    honest: (u32, u32),
    entry: Option<(u32, u32)>,
    memory: &mut Memory,
    given: &mut Given,
) -> Option<(u32, u32)> {
    let Kind::Used(lie) = blow.kind else {
        return entry;
    };
    let (id, len) = honest;
    // CAST: Ids and lengths have 32 bits, indices 16: the low ones of the value.
    let (value, steps) = (blow.value as u32, blow.value as u16);
    let ring = u32::from(size);
    let with_id = |id| entry.map(|(_, len)| (id, len));
    let with_len = |len| entry.map(|(id, _)| (id, len));
    match lie {
        UsedLie::IdRange => with_id(ring),
        UsedLie::Id => with_id(value),
        UsedLie::IdFree => with_id((id + ring / 2) % ring),
        UsedLie::IdNext => with_id((id + 1) % ring),
        UsedLie::Twice => {
            given.entries.extend(entry);
            entry
        }
        UsedLie::Again => {
            given.entries.extend(memory.last);
            entry
        }
        UsedLie::Order => {
            memory.held = entry;
            None
        }
        UsedLie::Lost => None,
        UsedLie::Len => with_len(value),
        UsedLie::LenMore => with_len(len.saturating_add(value)),
        UsedLie::LenLess => with_len(len.saturating_sub(value)),
        UsedLie::IndexJump => {
            given.index = Index::Further(steps);
            entry
        }
        UsedLie::IndexOnly => {
            given.index = Index::Further(steps);
            None
        }
        UsedLie::IndexBack => {
            given.index = Index::Further(steps.wrapping_neg());
            entry
        }
        UsedLie::IndexStays => {
            given.index = Index::Stays;
            entry
        }
    }
}
