// SPDX-License-Identifier: GPL-2.0

//! Where the fields of a legacy ring are in guest memory (VIRTIO 1.3, sections 2.7 and 2.7.2).
//!
//! All fields are little-endian: the guest is an x86 machine.

use super::Violation;
use crate::memory::View;

/// Alignment of a ring and of its used part.
const ALIGN: u64 = 4096;

/// Bytes of a descriptor.
pub(super) const DESCRIPTOR: u64 = 16;

/// The addresses of a ring's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    size: u16,
    table: u64,
    avail: u64,
    used: u64,
}

impl Ring {
    /// The ring of `size` entries, a power of two, that begins at page frame `pfn`.
    pub fn new(pfn: u32, size: u16) -> Self {
        let table = u64::from(pfn) * ALIGN;
        let avail = table + DESCRIPTOR * u64::from(size);
        // flags, idx, one entry each, used_event.
        let used = (avail + 2 * (3 + u64::from(size))).next_multiple_of(ALIGN);
        Self {
            size,
            table,
            avail,
            used,
        }
    }

    /// Entries of each part.
    pub fn size(&self) -> u16 {
        self.size
    }

    /// The addresses of the descriptor table, the available ring and the used ring.
    pub fn parts(&self) -> [u64; 3] {
        [self.table, self.avail, self.used]
    }

    /// The address of the descriptor table.
    pub(super) fn table(&self) -> u64 {
        self.table
    }

    fn slot(&self, index: u16) -> u64 {
        u64::from(index & (self.size - 1))
    }

    fn load(view: &View<'_>, at: u64) -> Result<u16, Violation> {
        view.load_u16(at).ok_or(Violation::Ring(at))
    }

    fn store(view: &View<'_>, at: u64, value: u16) -> Result<(), Violation> {
        if view.store_u16(at, value) {
            Ok(())
        } else {
            Err(Violation::Ring(at))
        }
    }

    /// `avail.flags`.
    pub fn avail_flags(&self, view: &View<'_>) -> Result<u16, Violation> {
        Self::load(view, self.avail)
    }

    /// `avail.idx`.
    pub fn avail_index(&self, view: &View<'_>) -> Result<u16, Violation> {
        Self::load(view, self.avail + 2)
    }

    /// The entry of the available ring for the free-running `index`.
    pub fn avail_entry(&self, view: &View<'_>, index: u16) -> Result<u16, Violation> {
        Self::load(view, self.avail + 4 + 2 * self.slot(index))
    }

    /// `used_event`, behind the available ring.
    pub fn used_event(&self, view: &View<'_>) -> Result<u16, Violation> {
        Self::load(view, self.avail + 4 + 2 * u64::from(self.size))
    }

    /// `used.flags`.
    pub fn write_used_flags(&self, view: &View<'_>, flags: u16) -> Result<(), Violation> {
        Self::store(view, self.used, flags)
    }

    /// `used.idx`.
    pub fn write_used_index(&self, view: &View<'_>, index: u16) -> Result<(), Violation> {
        Self::store(view, self.used + 2, index)
    }

    /// The entry of the used ring for the free-running `index`.
    pub fn write_used_entry(
        &self,
        view: &View<'_>,
        index: u16,
        id: u32,
        len: u32,
    ) -> Result<(), Violation> {
        let at = self.used + 4 + 8 * self.slot(index);
        let mut entry = [0; 8];
        entry[..4].copy_from_slice(&id.to_le_bytes());
        entry[4..].copy_from_slice(&len.to_le_bytes());
        if view.write(at, &entry) {
            Ok(())
        } else {
            Err(Violation::Ring(at))
        }
    }

    /// `avail_event`, behind the used ring.
    pub fn write_avail_event(&self, view: &View<'_>, event: u16) -> Result<(), Violation> {
        Self::store(view, self.used + 4 + 8 * u64::from(self.size), event)
    }
}
