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
/// Every range passed to `f` stays valid for reads by a device, and is not put to another use,
/// until `self` is dropped. Moving `self` does not change its ranges.
pub unsafe trait PhysRanges {
    /// Calls `f` with each range, in the order of the data, until `f` fails.
    ///
    /// # Errors
    ///
    /// Returns the first error of `f`.
    fn for_each_range<E>(&self, f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E>;
}

/// An owner of memory that a device may also write.
///
/// # Safety
///
/// The ranges of [`PhysRanges`] are valid for writes by a device until `self` is dropped, and
/// no reference to that memory is alive while the device may write it.
pub unsafe trait DeviceWritable: PhysRanges {}

/// Joins pieces of memory that follow each other, and cuts what gets longer than `max` bytes.
///
/// Any way to cut a run of memory into pieces of at most `max` bytes has at least as many pieces as
/// this one.
pub struct JoinRanges<F> {
    addr: u64,
    /// Bytes of the run that was not passed on yet, at most `max`.
    len: u32,
    max: u32,
    f: F,
}

impl<E, F: FnMut(PhysRange) -> Result<(), E>> JoinRanges<F> {
    /// Passes ranges of at most `max` bytes, and at least 1, to `f`.
    #[inline]
    pub fn new(max: u32, f: F) -> Self {
        Self {
            addr: 0,
            len: 0,
            max: if max == 0 { 1 } else { max },
            f,
        }
    }

    /// Adds `len` bytes at `addr`, perhaps none.
    ///
    /// # Safety
    ///
    /// `addr..addr + len` is memory that may be lent to a device, and physically contiguous with
    /// what was added before if it follows that.
    ///
    /// # Errors
    ///
    /// Returns an error of `f`.
    #[inline(always)] // Once for each piece of data: the call costs more than what it does.
    pub unsafe fn add(&mut self, addr: u64, len: u32) -> Result<(), E> {
        let follows = addr == self.addr.wrapping_add(self.len.into());
        if !follows && len <= self.max && len > 0 {
            self.flush()?;
            (self.addr, self.len) = (addr, len);
            return Ok(());
        }
        self.join(addr, len)
    }

    /// Adds what follows the run, or is too long for one range.
    #[inline(always)] // As above.
    fn join(&mut self, mut addr: u64, mut len: u32) -> Result<(), E> {
        while len > 0 {
            let room = self.max - self.len;
            if room == 0 || addr.wrapping_sub(self.addr) != u64::from(self.len) {
                self.flush()?;
                self.addr = addr;
                continue;
            }
            let take = if len < room { len } else { room };
            self.len += take;
            addr = addr.wrapping_add(take.into());
            len -= take;
        }
        Ok(())
    }

    /// Passes on what is left.
    ///
    /// # Errors
    ///
    /// Returns an error of `f`.
    #[inline]
    pub fn finish(mut self) -> Result<(), E> {
        self.flush()
    }

    #[inline]
    fn flush(&mut self) -> Result<(), E> {
        let len = core::mem::take(&mut self.len);
        if len == 0 {
            return Ok(());
        }
        // SAFETY: At least one byte, and contiguous as the callers of `add` guarantee.
        (self.f)(unsafe { PhysRange::new(self.addr, len) })
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_phys))]
mod tests {
    use super::*;

    /// Joins `pieces` and compares with `expected`.
    fn joined(max: u32, pieces: &[(u64, u32)], expected: &[(u64, u32)]) -> bool {
        let mut left = expected.iter();
        let mut join = JoinRanges::new(max, |range: PhysRange| match left.next() {
            Some(&(addr, len)) if range.addr() == addr && range.len() == len => Ok(()),
            _ => Err(()),
        });
        let added = pieces.iter().try_for_each(|&(addr, len)| {
            // SAFETY: No device is told of these ranges.
            unsafe { join.add(addr, len) }
        });
        added.is_ok() && join.finish().is_ok() && left.next().is_none()
    }

    #[test]
    fn neighbours_become_one_range() {
        assert!(joined(u32::MAX, &[], &[]));
        assert!(joined(u32::MAX, &[(0x1000, 0)], &[]));
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
}
