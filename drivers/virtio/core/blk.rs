// SPDX-License-Identifier: GPL-2.0

//! The wire format of a block device (VIRTIO 1.3, section 5.2), as legacy devices have it.

use super::features::Features;

#[path = "blk/division.rs"]
pub mod division;

/// Bytes of a sector, the unit of every sector number on the wire.
pub const SECTOR_BYTES: u32 = 512;

/// Maximum size of a segment is in `size_max`.
pub const F_SIZE_MAX: Features = Features::bit(1);
/// Maximum number of segments of a request is in `seg_max`.
pub const F_SEG_MAX: Features = Features::bit(2);
/// Cylinders, heads and sectors are in the configuration.
pub const F_GEOMETRY: Features = Features::bit(4);
/// The disk is read-only.
pub const F_RO: Features = Features::bit(5);
/// The logical block size is in `blk_size`.
pub const F_BLK_SIZE: Features = Features::bit(6);
/// The device takes flush requests.
pub const F_FLUSH: Features = Features::bit(9);
/// Physical block size and alignment are in the configuration.
pub const F_TOPOLOGY: Features = Features::bit(10);
/// The cache mode can be read and set in `wce`.
pub const F_CONFIG_WCE: Features = Features::bit(11);
/// The number of request queues is in `num_queues`.
pub const F_MQ: Features = Features::bit(12);
/// The device takes discard requests.
pub const F_DISCARD: Features = Features::bit(13);
/// The device takes write-zeroes requests.
pub const F_WRITE_ZEROES: Features = Features::bit(14);
/// The device takes secure-erase requests.
pub const F_SECURE_ERASE: Features = Features::bit(16);

/// Offsets in the device-specific configuration, in bytes (section 5.2.4).
pub mod config {
    /// Capacity in sectors of 512 bytes, 8 bytes.
    pub const CAPACITY: usize = 0;
    /// Largest segment in bytes, 4 bytes, with [`super::F_SIZE_MAX`].
    pub const SIZE_MAX: usize = 8;
    /// Most segments in a request, 4 bytes, with [`super::F_SEG_MAX`].
    pub const SEG_MAX: usize = 12;
    /// Cylinders, 2 bytes, with [`super::F_GEOMETRY`].
    pub const CYLINDERS: usize = 16;
    /// Heads, 1 byte.
    pub const HEADS: usize = 18;
    /// Sectors per track, 1 byte.
    pub const SECTORS: usize = 19;
    /// Logical block size in bytes, 4 bytes, with [`super::F_BLK_SIZE`].
    pub const BLK_SIZE: usize = 20;
    /// Log2 of logical blocks per physical block, 1 byte, with [`super::F_TOPOLOGY`].
    pub const PHYSICAL_BLOCK_EXP: usize = 24;
    /// Offset of the first aligned logical block, 1 byte.
    pub const ALIGNMENT_OFFSET: usize = 25;
    /// Suggested minimum I/O size in logical blocks, 2 bytes.
    pub const MIN_IO_SIZE: usize = 26;
    /// Optimal I/O size in logical blocks, 4 bytes.
    pub const OPT_IO_SIZE: usize = 28;
    /// Cache mode, 0 for write-through and 1 for write-back, with [`super::F_CONFIG_WCE`].
    pub const WCE: usize = 32;
    /// Request queues, 2 bytes, with [`super::F_MQ`].
    pub const NUM_QUEUES: usize = 34;
    /// Largest discard range in sectors, 4 bytes, with [`super::F_DISCARD`].
    pub const MAX_DISCARD_SECTORS: usize = 36;
    /// Most ranges of a discard request, 4 bytes.
    pub const MAX_DISCARD_SEG: usize = 40;
    /// Alignment of discard ranges in sectors, 4 bytes.
    pub const DISCARD_SECTOR_ALIGNMENT: usize = 44;
    /// Largest write-zeroes range in sectors, 4 bytes, with [`super::F_WRITE_ZEROES`].
    pub const MAX_WRITE_ZEROES_SECTORS: usize = 48;
    /// Most ranges of a write-zeroes request, 4 bytes.
    pub const MAX_WRITE_ZEROES_SEG: usize = 52;
    /// Whether write-zeroes may deallocate, 1 byte.
    pub const WRITE_ZEROES_MAY_UNMAP: usize = 56;
    /// Largest secure-erase range in sectors, 4 bytes, with [`super::F_SECURE_ERASE`].
    pub const MAX_SECURE_ERASE_SECTORS: usize = 60;
    /// Most ranges of a secure-erase request, 4 bytes.
    pub const MAX_SECURE_ERASE_SEG: usize = 64;
    /// Alignment of secure-erase ranges in sectors, 4 bytes.
    pub const SECURE_ERASE_SECTOR_ALIGNMENT: usize = 68;
}

/// What a request asks for (section 5.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum RequestType {
    /// Read.
    In = 0,
    /// Write.
    Out = 1,
    /// Bring what was written to stable storage.
    Flush = 4,
    /// Read the 20-byte serial number.
    GetId = 8,
    /// Forget ranges.
    Discard = 11,
    /// Fill ranges with zeroes.
    WriteZeroes = 13,
    /// Erase ranges beyond recovery.
    SecureErase = 14,
}

/// The first descriptor of every request: 16 bytes, in the guest's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct RequestHeader {
    /// A [`RequestType`].
    pub kind: u32,
    /// I/O priority.
    pub ioprio: u32,
    /// First sector, in units of 512 bytes; 0 when the request has none.
    pub sector: u64,
}

/// One range of a discard, write-zeroes or secure-erase request, 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Range {
    /// First sector, in units of 512 bytes.
    pub sector: u64,
    /// Length in sectors.
    pub num_sectors: u32,
    /// [`RANGE_F_UNMAP`] or 0.
    pub flags: u32,
}

/// The range may be deallocated (write-zeroes only).
pub const RANGE_F_UNMAP: u32 = 1;

/// Most ranges in one request, as Linux's `MAX_DISCARD_SEGMENTS`.
pub const MAX_RANGES: u16 = 256;

/// Bytes of a serial number; it need not end in a zero.
pub const ID_BYTES: usize = 20;

/// Status byte: done.
pub const S_OK: u8 = 0;
/// Status byte: failed.
pub const S_IOERR: u8 = 1;
/// Status byte: the device does not know this request.
pub const S_UNSUPP: u8 = 2;
/// What the driver puts in the status byte before a request; no device answers with it, so it
/// betrays a completion without an answer.
pub const S_UNWRITTEN: u8 = 0xff;

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The data is right.
    Done,
    /// The device does not support the request.
    Unsupported,
    /// It failed, or the device did not say.
    Failed,
}

/// Whether the lengths that a device reports of reads can be relied on.
///
/// A read that went well has written all of its data. Legacy devices are known for lengths that say
/// nothing of that (VIRTIO 1.3, section 2.7.8.1): bhyve reports the status byte alone, OpenBSD's vmd
/// the length of the header. QEMU reports data and status, kvmtool the data. So the first read shows
/// of what kind a device is, and one that has reported all of that is held to it.
///
/// The length of other requests is not looked at: they bring no data, and some devices report how
/// much they have read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadLengths {
    /// There was no read yet.
    #[default]
    Unknown,
    /// They count the data.
    Exact,
    /// They say nothing.
    Meaningless,
}

impl ReadLengths {
    /// Whether the length that the device reports lets a read of `bytes` bytes pass for one that
    /// went well; `room` is all that the device was allowed to write, the status byte included.
    #[inline]
    pub fn allow(&mut self, reported: u32, bytes: u32, room: u32) -> bool {
        let whole = reported >= bytes && reported <= room;
        match self {
            Self::Exact => whole,
            Self::Meaningless => true,
            Self::Unknown => {
                *self = if whole {
                    Self::Exact
                } else {
                    Self::Meaningless
                };
                true
            }
        }
    }
}

/// What a status byte means. Anything but the two honest answers is a failure.
#[inline]
pub const fn outcome(status: u8) -> Outcome {
    match status {
        S_OK => Outcome::Done,
        S_UNSUPP => Outcome::Unsupported,
        _ => Outcome::Failed,
    }
}

/// Whether writes may stay in a cache until a flush (section 5.2.5).
///
/// `wce` reads [`config::WCE`]; it is only asked when the field is there. Any value but 0 is taken
/// for write-back, which is the safe reading.
pub fn is_write_back(features: Features, wce: impl FnOnce() -> u8) -> bool {
    if features.contains(F_CONFIG_WCE) {
        wce() != 0
    } else {
        features.contains(F_FLUSH)
    }
}

/// The smallest limit on segments that the block layer takes: a page.
const LEAST_SEGMENT_BYTES: u32 = 4096;

/// The largest segment in bytes, from [`config::SIZE_MAX`] if that is there; 0 is no limit either.
///
/// Returns `None` for a limit that the block layer cannot keep.
pub const fn segment_limit(size_max: Option<u32>) -> Option<u32> {
    match size_max {
        None | Some(0) => Some(u32::MAX),
        Some(bytes @ LEAST_SEGMENT_BYTES..) => Some(bytes),
        Some(_) => None,
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_blk_wire))]
mod tests {
    use super::*;

    #[test]
    fn only_zero_is_success() {
        assert_eq!(outcome(S_OK), Outcome::Done);
        assert_eq!(outcome(S_UNSUPP), Outcome::Unsupported);
        assert_eq!(outcome(S_IOERR), Outcome::Failed);
        for status in 3..=255_u8 {
            assert_eq!(outcome(status), Outcome::Failed);
        }
    }

    #[test]
    fn a_device_that_counts_what_it_reads_is_held_to_it() {
        for first in [4096, 4097] {
            let mut lengths = ReadLengths::default();
            assert!(lengths.allow(first, 4096, 4097));
            for (reported, whole) in [
                (0, false),
                (1, false),
                (2048, false),
                (4095, false),
                (4096, true),
                (4097, true),
                (4098, false),
                (u32::MAX, false),
            ] {
                assert_eq!(lengths.allow(reported, 4096, 4097), whole);
            }
            assert!(lengths.allow(8193, 8192, 8193));
        }
    }

    #[test]
    fn a_device_whose_lengths_say_nothing_is_not_judged_by_them() {
        // None, the status byte, the header, half of the data, all of the chain.
        for first in [0, 1, 16, 2048, 4113, u32::MAX] {
            let mut lengths = ReadLengths::default();
            for reported in [first, 1, 4096, 4097, 0, u32::MAX] {
                assert!(lengths.allow(reported, 4096, 4097));
            }
        }
    }

    #[test]
    fn every_cache_mode_field_means_one_of_two_modes() {
        let negotiated = [
            Features::NONE,
            F_FLUSH,
            F_CONFIG_WCE,
            F_FLUSH.with(F_CONFIG_WCE),
        ];
        for wce in 0..=u8::MAX {
            let modes = negotiated.map(|features| is_write_back(features, || wce));
            assert_eq!(modes, [false, true, wce != 0, wce != 0]);
        }
    }

    #[test]
    fn a_cache_mode_field_that_is_not_there_is_not_read() {
        let mut read = false;
        for features in [Features::NONE, F_FLUSH] {
            is_write_back(features, || {
                read = true;
                0
            });
        }
        assert!(!read);
    }

    #[test]
    fn a_segment_limit_below_a_page_makes_no_sense() {
        assert_eq!(segment_limit(None), Some(u32::MAX));
        assert_eq!(segment_limit(Some(0)), Some(u32::MAX));
        for bytes in 1..4096 {
            assert_eq!(segment_limit(Some(bytes)), None);
        }
        for bytes in [4096, 4097, 65_536, 1 << 31, u32::MAX] {
            assert_eq!(segment_limit(Some(bytes)), Some(bytes));
        }
    }

    #[test]
    fn the_structures_have_the_sizes_of_the_specification() {
        assert_eq!(core::mem::size_of::<RequestHeader>(), 16);
        assert_eq!(core::mem::offset_of!(RequestHeader, sector), 8);
        assert_eq!(core::mem::size_of::<Range>(), 16);
        assert_eq!(core::mem::offset_of!(Range, flags), 12);
    }
}
