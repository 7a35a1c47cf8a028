// SPDX-License-Identifier: GPL-2.0

//! What a disk can do.
//!
//! C header: [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h)

use crate::kernel_ext::bindings;

/// The limits of a request queue, `struct queue_limits`, under construction.
///
/// What is not set gets the block layer's default. The block layer checks the whole when the disk
/// is allocated. Sizes are in bytes unless they say sectors, which have 512 bytes.
#[derive(Clone, Copy)]
pub struct QueueLimits(bindings::queue_limits);

impl Default for QueueLimits {
    fn default() -> Self {
        Self::new()
    }
}

impl QueueLimits {
    /// Only defaults.
    pub const fn new() -> Self {
        Self(pin_init::zeroed())
    }

    /// The smallest unit the disk can address.
    pub fn logical_block_size(mut self, bytes: u32) -> Self {
        self.0.logical_block_size = bytes;
        self
    }

    /// The smallest unit the disk can write without reading first.
    pub fn physical_block_size(mut self, bytes: u32) -> Self {
        self.0.physical_block_size = bytes;
        self
    }

    /// How far the first block is off the physical alignment.
    pub fn alignment_offset(mut self, bytes: u32) -> Self {
        self.0.alignment_offset = bytes;
        self
    }

    /// The preferred minimum of a request.
    pub fn io_min(mut self, bytes: u32) -> Self {
        self.0.io_min = bytes;
        self
    }

    /// The preferred size of a request.
    pub fn io_opt(mut self, bytes: u32) -> Self {
        self.0.io_opt = bytes;
        self
    }

    /// Most physically contiguous segments of a request.
    pub fn max_segments(mut self, segments: u16) -> Self {
        self.0.max_segments = segments;
        self
    }

    /// Largest segment.
    pub fn max_segment_size(mut self, bytes: u32) -> Self {
        self.0.max_segment_size = bytes;
        self
    }

    /// Largest request, in sectors.
    pub fn max_hw_sectors(mut self, sectors: u32) -> Self {
        self.0.max_hw_sectors = sectors;
        self
    }

    /// Largest discard request in sectors; 0 if the disk does not discard.
    pub fn max_discard_sectors(mut self, sectors: u32) -> Self {
        self.0.max_hw_discard_sectors = sectors;
        self
    }

    /// Most ranges of a discard request.
    pub fn max_discard_segments(mut self, ranges: u16) -> Self {
        self.0.max_discard_segments = ranges;
        self
    }

    /// The unit of discarding.
    pub fn discard_granularity(mut self, bytes: u32) -> Self {
        self.0.discard_granularity = bytes;
        self
    }

    /// Largest secure-erase request in sectors; 0 if the disk does not erase.
    pub fn max_secure_erase_sectors(mut self, sectors: u32) -> Self {
        self.0.max_secure_erase_sectors = sectors;
        self
    }

    /// Largest write-zeroes request in sectors; 0 if the disk has none.
    pub fn max_write_zeroes_sectors(mut self, sectors: u32) -> Self {
        self.0.max_write_zeroes_sectors = sectors;
        self
    }

    /// The disk has a volatile write cache, so it wants flushes.
    pub fn write_cache(self, on: bool) -> Self {
        self.feature(bindings::BLK_FEAT_WRITE_CACHE, on)
    }

    /// Seeking takes time, or nobody knows that it does not.
    pub fn rotational(self, on: bool) -> Self {
        self.feature(bindings::BLK_FEAT_ROTATIONAL, on)
    }

    fn feature(mut self, feature: bindings::blk_features_t, on: bool) -> Self {
        if on {
            self.0.features |= feature;
        } else {
            self.0.features &= !feature;
        }
        self
    }

    pub(super) fn from_raw(raw: bindings::queue_limits) -> Self {
        Self(raw)
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut bindings::queue_limits {
        &raw mut self.0
    }
}
