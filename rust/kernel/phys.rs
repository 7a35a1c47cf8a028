// SPDX-License-Identifier: GPL-2.0

//! Memory handed to a device by physical address.
//!
//! A legacy virtio device reads and writes guest-physical addresses and knows nothing of the DMA
//! API. The types here say which memory may be named to such a device and for how long, so that
//! the code which builds descriptors needs no `unsafe` of its own.
//!
//! Would go to `rust/kernel/mm/phys.rs`. Uses `core` alone, so the host tests compile it too.

/// A physically contiguous, non-empty range of memory that a device may be given.
///
/// # Invariants
///
/// `len` is at least 1 and `addr + len` does not overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhysRange {
    addr: u64,
    len: u32,
}

impl PhysRange {
    /// Names `len` bytes at the physical address `addr`.
    ///
    /// # Safety
    ///
    /// `len` is at least 1, and `addr..addr + len` is physically contiguous memory that the
    /// caller may lend to a device.
    #[inline]
    pub const unsafe fn new(addr: u64, len: u32) -> Self {
        // INVARIANT: The caller guarantees both parts.
        Self { addr, len }
    }

    /// The physical address of the first byte.
    #[inline]
    pub const fn addr(self) -> u64 {
        self.addr
    }

    /// The length in bytes, at least 1.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // Never empty, by the type invariant.
    pub const fn len(self) -> u32 {
        self.len
    }

    /// The first `bytes` bytes of the range, or all of it; `None` for none.
    #[inline]
    pub const fn prefix(self, bytes: u32) -> Option<Self> {
        if bytes == 0 {
            return None;
        }
        // INVARIANT: At least 1 byte, and no more than the range has.
        Some(Self {
            addr: self.addr,
            len: if bytes < self.len { bytes } else { self.len },
        })
    }
}

/// An owner of memory that can be lent to a device for reading.
///
/// # Safety
///
/// Every range that is passed to `f` or returned stays valid for reads by a device, and is not put to another use,
/// until `self` is dropped. Moving `self` does not change its ranges.
pub unsafe trait PhysRanges {
    /// Calls `f` with each range, in the order of the data, until `f` fails.
    ///
    /// # Errors
    ///
    /// Returns the first error of `f`.
    fn for_each_range<E>(&self, f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E>;

    /// The range, if there is one alone and that can be told at once.
    #[inline]
    fn single_range(&self) -> Option<PhysRange> {
        None
    }
}

/// An owner of memory that a device may also write.
///
/// # Safety
///
/// The ranges of [`PhysRanges`] are valid for writes by a device until `self` is dropped, and
/// no reference to that memory is alive while the device may write it.
pub unsafe trait DeviceWritable: PhysRanges {}

/// The ranges that pieces of memory are: those that follow each other are joined, and what is longer
/// than `max` bytes is cut.
///
/// Any way to cut a run of memory into pieces of at most `max` bytes has at least as many pieces as
/// this one.
///
/// # Invariants
///
/// The pieces that come, each an address and how many bytes, perhaps none, are physically contiguous memory
/// that may be lent to a device, and contiguous with the one before if they follow that. `start` and `len`
/// are such memory, or `len` is 0.
pub struct JoinRanges<I> {
    pieces: I,
    /// What has come and not been passed on, if `len` is not 0.
    start: u64,
    len: u64,
    max: u32,
}

impl<I: Iterator<Item = (u64, u32)>> JoinRanges<I> {
    /// Makes ranges of at most `max` bytes, and at least 1, of a first piece, an address and how many
    /// bytes, perhaps none, and of others.
    ///
    /// # Safety
    ///
    /// The type invariant holds for `first` and `pieces`.
    #[inline]
    pub unsafe fn new(max: u32, first: (u64, u32), pieces: I) -> Self {
        // INVARIANT: The caller guarantees it of the pieces.
        let mut new = Self {
            pieces,
            start: first.0,
            len: first.1.into(),
            max: if max == 0 { 1 } else { max },
        };
        if new.len == 0 {
            (new.start, new.len) = new.piece();
        }
        new
    }

    /// The next piece that is not empty; nothing at the end.
    #[inline(always)] // As below.
    fn piece(&mut self) -> (u64, u64) {
        loop {
            match self.pieces.next() {
                Some((_, 0)) => {}
                Some((addr, len)) => return (addr, len.into()),
                None => return (0, 0),
            }
        }
    }
}

impl<I> JoinRanges<I> {
    /// The longest range of what has come; `None` if nothing is left.
    #[inline(always)] // It would be kept in memory otherwise.
    fn longest(&mut self) -> Option<PhysRange> {
        let (start, len) = (self.start, self.max);
        if self.len == 0 {
            return None;
        }
        // INVARIANT: A part of memory that has come. There is more than that of it.
        self.start = start.wrapping_add(len.into());
        self.len = self.len.wrapping_sub(len.into());
        // SAFETY: At least one byte, and contiguous by the type invariant.
        Some(unsafe { PhysRange::new(start, len) })
    }
}

impl<I: Iterator<Item = (u64, u32)>> Iterator for JoinRanges<I> {
    type Item = PhysRange;

    #[inline(always)] // For each piece; there are few callers.
    fn next(&mut self) -> Option<PhysRange> {
        let (start, mut len) = (self.start, self.len);
        let max = u64::from(self.max);
        // Nothing here overflows but addresses, if whoever made the pieces is wrong. None and too much at
        // once: this is run for each piece.
        if len.wrapping_sub(1) >= max {
            return self.longest();
        }
        loop {
            let (addr, more) = self.piece();
            if more == 0 || addr != start.wrapping_add(len) {
                // INVARIANT: It has just come.
                (self.start, self.len) = (addr, more);
                break;
            }
            len = len.wrapping_add(more);
            if len > max {
                // INVARIANT: Memory that has come.
                (self.start, self.len) = (start, len);
                return self.longest();
            }
        }
        // CAST: Not beyond `max`.
        let len = len as u32;
        // SAFETY: At least one byte, and contiguous by the type invariant.
        Some(unsafe { PhysRange::new(start, len) })
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_phys))]
mod tests {
    use super::*;

    /// Joins `pieces` and compares with `expected`.
    fn joined(max: u32, pieces: &[(u64, u32)], expected: &[(u64, u32)]) -> bool {
        // SAFETY: No device is told of these ranges.
        let ranges = unsafe { JoinRanges::new(max, (0, 0), pieces.iter().copied()) };
        ranges
            .map(|range| (range.addr(), range.len()))
            .eq(expected.iter().copied())
    }

    #[test]
    fn neighbours_become_one_range() {
        assert!(joined(u32::MAX, &[], &[]));
        assert!(joined(u32::MAX, &[(0x1000, 0)], &[]));
        assert!(joined(
            u32::MAX,
            &[
                (0x1000, 0x800),
                (0, 0),
                (0x1800, 0x800),
                (0x9000, 0),
                (0x3000, 1)
            ],
            &[(0x1000, 0x1000), (0x3000, 1)]
        ));
        assert!(joined(
            u32::MAX,
            &[(0x1000, 0x1000), (0x2000, 0x800), (0x2800, 0x800)],
            &[(0x1000, 0x2000)],
        ));
        assert!(joined(
            u32::MAX,
            &[(0x1000, 0x1000), (0x3000, 0x1000), (0x2000, 0x1000)],
            &[(0x1000, 0x1000), (0x3000, 0x1000), (0x2000, 0x1000)],
        ));
    }

    #[test]
    fn long_runs_are_cut_as_late_as_possible() {
        assert!(joined(
            0x1800,
            &[(0x1000, 0x1000), (0x2000, 0x3000)],
            &[(0x1000, 0x1800), (0x2800, 0x1800), (0x4000, 0x1000)],
        ));
        assert!(joined(0x1000, &[(0x1000, 0x1000)], &[(0x1000, 0x1000)]));
        assert!(joined(
            u32::MAX,
            &[(0, u32::MAX), (0xffff_ffff, 1)],
            &[(0, u32::MAX), (0xffff_ffff, 1)],
        ));
    }

    #[test]
    fn ranges_behind_4_gib_are_joined_too() {
        assert!(joined(
            u32::MAX,
            &[(0xffff_f000, 0x1000), (0x1_0000_0000, 0x1000)],
            &[(0xffff_f000, 0x2000)],
        ));
    }

    #[test]
    fn a_first_piece_is_one_like_the_others() {
        let others = [(0x2000, 0x800), (0x3000, 0x800)];
        // SAFETY: No device is told of these ranges.
        let ranges = unsafe { JoinRanges::new(u32::MAX, (0x1000, 0x1000), others.into_iter()) };
        assert!(ranges
            .map(|range| (range.addr(), range.len()))
            .eq([(0x1000, 0x1800), (0x3000, 0x800)]));
        // SAFETY: As above.
        let ranges = unsafe { JoinRanges::new(0x800, (0x1000, 0xa00), [].into_iter()) };
        assert!(ranges
            .map(|range| (range.addr(), range.len()))
            .eq([(0x1000, 0x800), (0x1800, 0x200)]));
    }
}
