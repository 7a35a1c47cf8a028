// SPDX-License-Identifier: GPL-2.0

//! The memory layout of a legacy split ring (VIRTIO 1.3, sections 2.7 and 2.7.2).
//!
//! ```text
//! descriptor table   16 bytes x size
//! available ring     flags, idx, ring[size], used_event      2 bytes each
//! padding            to a multiple of 4096
//! used ring          flags, idx  2 bytes each; ring[size]  8 bytes each; avail_event  2 bytes
//! ```

/// The alignment of a legacy ring and of its used part, in bytes; also the unit of QUEUE_PFN.
pub const ALIGN: usize = 4096;

/// The shift from a ring's address to its page frame number.
pub const PFN_SHIFT: u32 = 12;

/// The largest ring the specification allows, in entries.
pub const MAX_SIZE: u16 = 32768;

/// Bytes of one descriptor: address 8, length 4, flags 2, next 2.
pub const DESC_BYTES: usize = 16;

/// Bytes of one used entry: id 4, length 4.
pub const USED_ENTRY_BYTES: usize = 8;

/// Descriptor flag: the chain goes on at `next`.
pub const DESC_F_NEXT: u16 = 1;
/// Descriptor flag: the device writes the buffer.
pub const DESC_F_WRITE: u16 = 2;
/// Descriptor flag: the buffer is a table of descriptors.
pub const DESC_F_INDIRECT: u16 = 4;

/// Why a queue cannot be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// The device has no such queue (its size reads 0).
    Missing,
    /// The size is not a power of two, or beyond 32768.
    Size(u16),
    /// The ring starts beyond what 32 bits of page frame number reach (2^44 bytes).
    TooHigh,
}

/// The byte offsets of the parts of a ring, from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    size: u16,
    used: usize,
}

impl Layout {
    /// The layout of a ring with `size` entries, as read from the device.
    ///
    /// # Errors
    ///
    /// [`LayoutError::Missing`] for 0, [`LayoutError::Size`] for anything but a power of two up
    /// to 32768.
    pub const fn new(size: u16) -> Result<Self, LayoutError> {
        if size == 0 {
            return Err(LayoutError::Missing);
        }
        if !size.is_power_of_two() {
            return Err(LayoutError::Size(size));
        }
        let mut new = Self { size, used: 0 };
        // The only offset that takes more than an addition: each access to the used ring needs it.
        new.used = (new.used_event() + 2).next_multiple_of(ALIGN);
        Ok(new)
    }

    /// Entries in each of the three parts.
    pub const fn size(self) -> u16 {
        self.size
    }

    const fn entries(self) -> usize {
        // CAST: Widening; `usize::from` is not const.
        self.size as usize
    }

    /// Offset of the available ring.
    pub const fn avail(self) -> usize {
        DESC_BYTES * self.entries()
    }

    /// Offset of `used_event`, behind the available ring.
    pub const fn used_event(self) -> usize {
        self.avail() + 4 + 2 * self.entries()
    }

    /// Offset of the used ring.
    pub const fn used(self) -> usize {
        self.used
    }

    /// Offset of `avail_event`, behind the used ring.
    pub const fn avail_event(self) -> usize {
        self.used() + 4 + USED_ENTRY_BYTES * self.entries()
    }

    /// Bytes of the whole ring.
    pub const fn bytes(self) -> usize {
        self.avail_event() + 2
    }
}

/// The page frame number of a ring at physical address `address`, a multiple of 4096.
///
/// # Errors
///
/// [`LayoutError::TooHigh`] when it does not fit the 32-bit register.
pub const fn pfn(address: u64) -> Result<u32, LayoutError> {
    let frame = address >> PFN_SHIFT;
    if frame > 0xffff_ffff {
        return Err(LayoutError::TooHigh);
    }
    // CAST: Just checked to fit.
    Ok(frame as u32)
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_layout))]
mod tests {
    use super::*;

    #[test]
    fn only_powers_of_two_are_sizes() {
        assert_eq!(Layout::new(0), Err(LayoutError::Missing));
        for size in [3_u16, 6, 100, 0x7fff, 0x8001, 0xffff] {
            assert_eq!(Layout::new(size), Err(LayoutError::Size(size)));
        }
        let mut size = 1_u16;
        while size < MAX_SIZE {
            assert!(Layout::new(size).is_ok());
            size *= 2;
        }
        assert!(Layout::new(MAX_SIZE).is_ok());
    }

    #[test]
    fn the_parts_follow_each_other_at_every_size() {
        for shift in 0..16_u32 {
            let entries = 1_usize << shift;
            let Ok(layout) = Layout::new(1_u16 << shift) else {
                assert_eq!(shift, 16);
                continue;
            };
            assert_eq!(layout.avail(), 16 * entries);
            assert_eq!(layout.used_event(), 16 * entries + 4 + 2 * entries);
            let end_of_first = 16 * entries + 6 + 2 * entries;
            assert_eq!(layout.used() % 4096, 0);
            assert!(layout.used() >= end_of_first);
            assert!(layout.used() - end_of_first < 4096);
            assert_eq!(layout.avail_event(), layout.used() + 4 + 8 * entries);
            assert_eq!(layout.bytes(), layout.used() + 6 + 8 * entries);
        }
    }

    #[test]
    fn sizes_seen_on_qemu_match_its_arithmetic() {
        // 256 entries: 4096 + 518 -> 8192, then 6 + 2048.
        assert_eq!(
            Layout::new(256).map(|l| (l.used(), l.bytes())),
            Ok((8192, 10246))
        );
        assert_eq!(
            Layout::new(2).map(|l| (l.used(), l.bytes())),
            Ok((4096, 4118))
        );
    }

    #[test]
    fn a_frame_number_fits_or_is_refused() {
        assert_eq!(pfn(0x1000), Ok(1));
        assert_eq!(pfn((1 << 44) - 4096), Ok(0xffff_ffff));
        assert_eq!(pfn(1 << 44), Err(LayoutError::TooHigh));
        assert_eq!(pfn(u64::MAX), Err(LayoutError::TooHigh));
    }
}
