// SPDX-License-Identifier: GPL-2.0

//! The guest's memory: what the client has mapped, by guest-physical address.
//!
//! Nothing outside a mapped region is ever touched, and nothing read-only is written.

mod barrier;
#[cfg(feature = "stand-in")]
pub mod stand_in;

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{
        atomic::{
            AtomicUsize,
            Ordering, //
        },
        PoisonError,
        RwLock,
        RwLockReadGuard,
        RwLockWriteGuard, //
    },
};

pub use barrier::{
    full_barrier,
    read_barrier,
    write_barrier, //
};

use crate::sys::{
    Bytes,
    Mapping, //
};

/// The unit of every region's address, offset and size.
pub const PAGE: u64 = 4096;

/// Most regions a client may map; QEMU has a few dozen.
const MAX_REGIONS: usize = 1024;

/// Why a region cannot be mapped or unmapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// Address, offset or size is not a multiple of the page, the size is 0 or too large.
    Range,
    /// It overlaps a region that is there.
    Overlap,
    /// There are too many regions.
    TooMany,
    /// The file cannot be mapped: not mappable, or it ends before the region does.
    File,
    /// There is no such region.
    Missing,
}

/// A range of guest-physical addresses.
struct Region {
    size: u64,
    /// None for a region that came without memory: the device cannot reach it.
    mapping: Option<Mapping>,
}

type Regions = BTreeMap<u64, Region>;

/// All regions of one client.
#[derive(Default)]
pub struct Memory {
    regions: RwLock<Regions>,
    /// Threads that wait for those who use the memory to pause.
    waiting: AtomicUsize,
}

impl Memory {
    /// Adds a region at guest-physical address `at`: `size` bytes of `file` from `offset` on.
    ///
    /// # Errors
    ///
    /// See [`MapError`]; nothing has changed then.
    pub fn map(
        &self,
        at: u64,
        size: u64,
        file: Option<(&File, u64)>,
        writable: bool,
    ) -> Result<(), MapError> {
        let offset = file.map_or(0, |(_, offset)| offset);
        let end = at.checked_add(size).ok_or(MapError::Range)?;
        if size == 0 || [at, size, offset].iter().any(|number| number % PAGE != 0) {
            return Err(MapError::Range);
        }
        let mapping = match file {
            Some((file, offset)) => {
                Some(Mapping::new(file, offset, size, writable).map_err(|_| MapError::File)?)
            }
            None => None,
        };
        let mut regions = self.change();
        if regions.len() >= MAX_REGIONS {
            return Err(MapError::TooMany);
        }
        let before = regions.range(..end).next_back();
        if before.is_some_and(|(start, region)| start + region.size > at) {
            return Err(MapError::Overlap);
        }
        regions.insert(at, Region { size, mapping });
        Ok(())
    }

    /// Takes away the region that is exactly this one. Nobody uses it any more when this returns.
    ///
    /// # Errors
    ///
    /// [`MapError::Missing`] when there is none.
    pub fn unmap(&self, at: u64, size: u64) -> Result<(), MapError> {
        let mut regions = self.change();
        if regions.get(&at).is_none_or(|region| region.size != size) {
            return Err(MapError::Missing);
        }
        regions.remove(&at);
        Ok(())
    }

    /// Takes away every region.
    pub fn clear(&self) {
        self.change().clear();
    }

    /// The memory as it is; it does not change while this exists, so keep it for a short time.
    pub fn view(&self) -> View<'_> {
        View {
            // A panic elsewhere leaves the map in order: it is changed by single calls.
            regions: self.regions.read().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Whether somebody waits for all views to end.
    pub fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) != 0
    }

    fn change(&self) -> RwLockWriteGuard<'_, Regions> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let guard = self.regions.write().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }
}

/// The guest's memory at a time when no region comes or goes.
pub struct View<'a> {
    regions: RwLockReadGuard<'a, Regions>,
}

impl View<'_> {
    /// The bytes from `at` to the end of its region, `len` of them at most; None outside memory.
    pub fn bytes(&self, at: u64, len: usize) -> Option<Bytes<'_>> {
        let (start, region) = self.regions.range(..=at).next_back()?;
        let mapping = region.mapping.as_ref()?;
        let offset = usize::try_from(at - start).ok()?;
        let all = mapping.bytes();
        let left = all.len().checked_sub(offset).filter(|left| *left > 0)?;
        all.part(offset, len.min(left))
    }

    /// Reads from `at` on, over region borders; false when a byte is outside memory.
    pub fn read(&self, at: u64, into: &mut [u8]) -> bool {
        #[cfg(feature = "stand-in")]
        if let Some(stand_in) = stand_in::current() {
            stand_in.load(at, into);
            return true;
        }
        self.walk(at, into.len(), |bytes, done| {
            bytes.read(&mut into[done..done + bytes.len()])
        })
    }

    /// Writes from `at` on, over region borders; false when a byte is outside memory or read-only.
    pub fn write(&self, at: u64, from: &[u8]) -> bool {
        #[cfg(feature = "stand-in")]
        if let Some(stand_in) = stand_in::current() {
            stand_in.store(at, from);
            return true;
        }
        self.walk(at, from.len(), |bytes, done| {
            bytes.write(&from[done..done + bytes.len()])
        })
    }

    /// A 16-bit field, read at once.
    pub fn load_u16(&self, at: u64) -> Option<u16> {
        #[cfg(feature = "stand-in")]
        if let Some(stand_in) = stand_in::current() {
            let mut wire = [0; 2];
            stand_in.load(at, &mut wire);
            return Some(u16::from_le_bytes(wire));
        }
        self.bytes(at, 2)?.load_u16()
    }

    /// Writes a 16-bit field at once; false when it cannot be written.
    pub fn store_u16(&self, at: u64, value: u16) -> bool {
        #[cfg(feature = "stand-in")]
        if let Some(stand_in) = stand_in::current() {
            stand_in.store(at, &value.to_le_bytes());
            return true;
        }
        self.bytes(at, 2)
            .is_some_and(|bytes| bytes.store_u16(value))
    }

    /// Calls `step` with each part of a range and the bytes before it, until it returns false.
    pub fn walk<'s>(
        &'s self,
        at: u64,
        len: usize,
        mut step: impl FnMut(Bytes<'s>, usize) -> bool,
    ) -> bool {
        let mut done = 0;
        while done < len {
            // CAST: Widening.
            let Some(bytes) = at
                .checked_add(done as u64)
                .and_then(|at| self.bytes(at, len - done))
            else {
                return false;
            };
            if !step(bytes, done) {
                return false;
            }
            done += bytes.len();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scratch_file;

    #[test]
    fn bytes_are_found_across_adjacent_regions_and_nowhere_else() {
        let file = scratch_file(3 * PAGE);
        let memory = Memory::default();
        // The second region comes earlier in the file.
        memory
            .map(0x10_0000, PAGE, Some((&file, 2 * PAGE)), true)
            .unwrap();
        memory.map(0x10_1000, PAGE, Some((&file, 0)), true).unwrap();
        let view = memory.view();
        assert!(view.write(0x10_0ffe, &[1, 2, 3, 4]));
        let mut back = [0; 4];
        assert!(view.read(0x10_0ffe, &mut back));
        assert_eq!(back, [1, 2, 3, 4]);
        assert_eq!(view.load_u16(0x10_1000), Some(0x0403));
        for (at, len) in [(0xf_fff0, 32), (0x10_1ff0, 32), (u64::MAX - 3, 8), (0, 1)] {
            assert!(!view.read(at, &mut vec![0; len]), "{at:#x}");
            assert!(!view.write(at, &vec![0; len]), "{at:#x}");
        }
        assert_eq!(view.load_u16(0x10_1001), None);
        assert_eq!(view.load_u16(0x10_1fff), None);
    }

    #[test]
    fn a_read_only_region_is_not_written() {
        let file = scratch_file(PAGE);
        let memory = Memory::default();
        memory.map(0, PAGE, Some((&file, 0)), false).unwrap();
        assert!(memory.view().read(0, &mut [0; 8]));
        assert!(!memory.view().write(0, &[1; 8]));
        assert!(!memory.view().store_u16(0, 1));
    }

    #[test]
    fn impossible_regions_are_refused() {
        let file = scratch_file(2 * PAGE);
        let file = Some((&file, 0));
        let memory = Memory::default();
        memory.map(0x4000, 2 * PAGE, file, true).unwrap();
        for at in [0x3000, 0x4000, 0x5000] {
            assert_eq!(
                memory.map(at, 2 * PAGE, file, true),
                Err(MapError::Overlap),
                "{at:#x}"
            );
        }
        assert_eq!(memory.map(0, 0, file, true), Err(MapError::Range));
        assert_eq!(memory.map(1, PAGE, file, true), Err(MapError::Range));
        assert_eq!(memory.map(0, PAGE + 1, file, true), Err(MapError::Range));
        assert_eq!(
            memory.map(!0xfff, 2 * PAGE, file, true),
            Err(MapError::Range)
        );
        // Beyond the file's end, where an access would end the process.
        assert_eq!(memory.map(0, 3 * PAGE, file, true), Err(MapError::File));
    }

    #[test]
    fn only_the_exact_region_is_unmapped() {
        let file = scratch_file(2 * PAGE);
        let memory = Memory::default();
        memory
            .map(0x4000, 2 * PAGE, Some((&file, 0)), true)
            .unwrap();
        assert_eq!(memory.unmap(0x4000, PAGE), Err(MapError::Missing));
        assert_eq!(memory.unmap(0x5000, PAGE), Err(MapError::Missing));
        assert_eq!(memory.unmap(0x4000, 2 * PAGE), Ok(()));
        assert!(!memory.view().read(0x4000, &mut [0]));
    }

    #[test]
    fn a_region_without_memory_is_there_but_out_of_reach() {
        let memory = Memory::default();
        memory.map(0, PAGE, None, true).unwrap();
        assert_eq!(memory.map(0, PAGE, None, true), Err(MapError::Overlap));
        assert!(!memory.view().read(0, &mut [0]));
    }
}
