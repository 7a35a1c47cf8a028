// SPDX-License-Identifier: GPL-2.0

//! What the device's configuration means to the block layer (VIRTIO 1.3, section 5.2.4).
//!
//! Every value comes from the device and may be nonsense. What the block layer would warn about is
//! refused here, in a line of the log.

use kernel::{
    pci,
    prelude::*, //
};

use crate::{
    cache::is_write_back,
    kernel_ext::block::mq::{
        Geometry,
        QueueLimits, //
    },
    virtio::{
        core::{
            blk::{
                config,
                segment_limit,
                F_BLK_SIZE,
                F_CONFIG_WCE,
                F_DISCARD,
                F_FLUSH,
                F_GEOMETRY,
                F_MQ,
                F_RO,
                F_SECURE_ERASE,
                F_SEG_MAX,
                F_SIZE_MAX,
                F_TOPOLOGY,
                F_WRITE_ZEROES,
                MAX_RANGES,
                SECTOR_BYTES, //
            },
            features::{
                Features,
                ANY_LAYOUT,
                RING, //
            },
        },
        device::Config, //
    },
};

/// The feature bits that this driver supports.
pub(crate) const FEATURES: Features = RING
    .with(ANY_LAYOUT)
    .with(F_SIZE_MAX)
    .with(F_SEG_MAX)
    .with(F_GEOMETRY)
    .with(F_RO)
    .with(F_BLK_SIZE)
    .with(F_FLUSH)
    .with(F_TOPOLOGY)
    .with(F_CONFIG_WCE)
    .with(F_MQ)
    .with(F_DISCARD)
    .with(F_WRITE_ZEROES)
    .with(F_SECURE_ERASE);

/// Descriptors of a request that are not data.
pub(crate) const FRAME_DESCRIPTORS: u16 = 2;

/// Log2 of the bytes in a sector.
const SECTOR_SHIFT: u32 = SECTOR_BYTES.trailing_zeros();

/// The most sectors whose bytes the block layer can count.
const MAX_CAPACITY: u64 = i64::MAX as u64 / SECTOR_BYTES as u64;

/// The configuration of a device, with the features that were negotiated.
pub(crate) struct Reader<'a> {
    pub(crate) pdev: &'a pci::Device,
    pub(crate) features: Features,
    pub(crate) config: Config,
}

/// What is kept of the configuration to set up a disk.
pub(crate) struct Settings {
    /// For the block layer.
    pub(crate) limits: QueueLimits,
    /// Most ranges of a discard or secure-erase request; 1 if there are no such requests.
    pub(crate) ranges: u16,
    /// The capacity in sectors of 512 bytes.
    pub(crate) capacity: u64,
    /// Cylinders, heads and sectors, if the device says.
    pub(crate) geometry: Option<Geometry>,
    /// Bytes of a logical block, a power of two of at least 512.
    pub(crate) block_size: u32,
    /// Whether the disk is read-only.
    pub(crate) read_only: bool,
    /// Whether writes may stay in a cache until a flush.
    pub(crate) write_back: bool,
}

impl Settings {
    /// The capacity in logical blocks, the last one perhaps not whole.
    pub(crate) fn blocks(&self) -> u64 {
        let shift = self
            .block_size
            .trailing_zeros()
            .saturating_sub(SECTOR_SHIFT);

        self.capacity
            .checked_shr(shift)
            .unwrap_or(0)
            .saturating_add((self.capacity.trailing_zeros() < shift).into())
    }
}

impl Reader<'_> {
    /// Reads the configuration for a device whose chains have at most `chain_limit` descriptors.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it makes no sense.
    pub(crate) fn settings(&self, chain_limit: u16) -> Result<Settings> {
        let room = chain_limit.saturating_sub(FRAME_DESCRIPTORS).max(1);
        let segments = segments(self.features, &self.config).min(room);
        let block_size = self
            .with(F_BLK_SIZE, config::BLK_SIZE)
            .unwrap_or(SECTOR_BYTES);
        if !block_size.is_power_of_two() || block_size < SECTOR_BYTES {
            return Err(self.bad("block size", block_size.into()));
        }

        let write_back = is_write_back(self.features, &self.config);
        let limits = QueueLimits::new()
            .rotational(true)
            .write_cache(write_back)
            .logical_block_size(block_size)
            .max_hw_sectors(u32::MAX)
            .max_segments(segments)
            .max_segment_size(self.segment_size()?);
        let limits = self.topology(limits, block_size)?;
        let (limits, ranges) = self.discard(limits, block_size, segments)?;

        Ok(Settings {
            limits: self.write_zeroes(limits),
            ranges,
            capacity: self.capacity().map_err(|it| self.bad_capacity(it))?,
            geometry: self.geometry(),
            block_size,
            read_only: self.features.contains(F_RO),
            write_back,
        })
    }

    /// The capacity in sectors.
    ///
    /// # Errors
    ///
    /// The capacity, if it makes no sense.
    pub(crate) fn capacity(&self) -> Result<u64, u64> {
        match self.config.read_u64(config::CAPACITY) {
            capacity @ ..=MAX_CAPACITY => Ok(capacity),
            capacity => Err(capacity),
        }
    }

    /// Says that a capacity makes no sense.
    pub(crate) fn bad_capacity(&self, capacity: u64) -> Error {
        self.bad("capacity", capacity)
    }

    /// Cylinders, heads and sectors: whatever they are, nothing is computed from them here.
    fn geometry(&self) -> Option<Geometry> {
        self.features.contains(F_GEOMETRY).then(|| Geometry {
            cylinders: self.config.read_u16(config::CYLINDERS),
            heads: self.config.read_u8(config::HEADS),
            sectors: self.config.read_u8(config::SECTORS),
        })
    }

    /// The largest segment in bytes.
    fn segment_size(&self) -> Result<u32> {
        let size_max = self.with(F_SIZE_MAX, config::SIZE_MAX);
        segment_limit(size_max)
            .ok_or_else(|| self.bad("largest segment", size_max.unwrap_or(0).into()))
    }

    /// Physical blocks, alignment and preferred sizes.
    fn topology(&self, limits: QueueLimits, block_size: u32) -> Result<QueueLimits> {
        if !self.features.contains(F_TOPOLOGY) {
            return Ok(limits);
        }
        let exponent = self.config.read_u8(config::PHYSICAL_BLOCK_EXP);
        let physical = 1_u32
            .checked_shl(exponent.into())
            .and_then(|blocks| blocks.checked_mul(block_size))
            .ok_or_else(|| self.bad("physical block exponent", exponent.into()))?;
        let in_bytes = |blocks: u32| blocks.checked_mul(block_size).unwrap_or(0);

        Ok(limits
            .physical_block_size(physical)
            .alignment_offset(in_bytes(
                self.config.read_u8(config::ALIGNMENT_OFFSET).into(),
            ))
            .io_min(in_bytes(self.config.read_u16(config::MIN_IO_SIZE).into()))
            .io_opt(in_bytes(self.config.read_u32(config::OPT_IO_SIZE))))
    }

    /// Discard and secure erase, which share the block layer's limits on ranges.
    fn discard(
        &self,
        mut limits: QueueLimits,
        block_size: u32,
        segments: u16,
    ) -> Result<(QueueLimits, u16)> {
        let (discard, erase) = (
            self.features.contains(F_DISCARD),
            self.features.contains(F_SECURE_ERASE),
        );
        if !discard && !erase {
            return Ok((limits, 1));
        }
        let mut alignment = 0;
        let mut ranges = 0;

        if discard {
            alignment = self.config.read_u32(config::DISCARD_SECTOR_ALIGNMENT);
            ranges = self.config.read_u32(config::MAX_DISCARD_SEG);
            let sectors = self.config.read_u32(config::MAX_DISCARD_SECTORS);
            limits = limits.max_discard_sectors(or_unlimited(sectors));
        }
        if erase {
            let field = |name, offset| match self.config.read_u32(offset) {
                0 => Err(self.bad(name, 0)),
                value => Ok(value),
            };
            let erase_alignment = field(
                "alignment of secure erase",
                config::SECURE_ERASE_SECTOR_ALIGNMENT,
            )?;
            let erase_sectors = field("sectors of secure erase", config::MAX_SECURE_ERASE_SECTORS)?;
            let erase_ranges = field("ranges of secure erase", config::MAX_SECURE_ERASE_SEG)?;

            alignment = min_not_zero(alignment, erase_alignment);
            ranges = min_not_zero(ranges, erase_ranges);
            limits = limits.max_secure_erase_sectors(erase_sectors);
        }

        let ranges = match ranges {
            0 => segments,
            ranges => u16::try_from(ranges).unwrap_or(u16::MAX),
        }
        .min(MAX_RANGES);
        let granularity = match alignment.checked_mul(SECTOR_BYTES) {
            Some(0) => block_size,
            Some(bytes) => bytes,
            None => return Err(self.bad("alignment of discard", alignment.into())),
        };
        let limits = limits
            .max_discard_segments(ranges)
            .discard_granularity(granularity);
        Ok((limits, ranges))
    }

    fn write_zeroes(&self, limits: QueueLimits) -> QueueLimits {
        match self.with(F_WRITE_ZEROES, config::MAX_WRITE_ZEROES_SECTORS) {
            Some(sectors) => limits.max_write_zeroes_sectors(or_unlimited(sectors)),
            None => limits,
        }
    }

    /// A 32-bit field that is there with a feature.
    fn with(&self, feature: Features, offset: usize) -> Option<u32> {
        self.features
            .contains(feature)
            .then(|| self.config.read_u32(offset))
    }

    /// Says that a field makes no sense.
    fn bad(&self, what: &str, value: u64) -> Error {
        dev_err!(
            self.pdev,
            "the device's {} of {} makes no sense\n",
            what,
            value
        );
        EINVAL
    }
}

/// Most segments of a request that the device takes: one, if it does not say.
pub(crate) fn segments(features: Features, config: &Config) -> u16 {
    if !features.contains(F_SEG_MAX) {
        return 1;
    }
    u16::try_from(config.read_u32(config::SEG_MAX))
        .unwrap_or(u16::MAX)
        .max(1)
}

/// A limit, where 0 means that there is none.
fn or_unlimited(sectors: u32) -> u32 {
    if sectors == 0 {
        u32::MAX
    } else {
        sectors
    }
}

/// The smaller of two values, where 0 is no value.
fn min_not_zero(a: u32, b: u32) -> u32 {
    match (a, b) {
        (0, other) | (other, 0) => other,
        _ => a.min(b),
    }
}
