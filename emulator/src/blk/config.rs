// SPDX-License-Identifier: GPL-2.0

//! What a block device offers and what its configuration says (VIRTIO 1.3, sections 5.2.3 and 5.2.4).

use crate::virtio::{
    blk::{
        config::*,
        F_BLK_SIZE,
        F_CONFIG_WCE,
        F_DISCARD,
        F_FLUSH,
        F_GEOMETRY,
        F_MQ,
        F_RO,
        F_SECURE_ERASE,
        F_SEG_MAX,
        F_TOPOLOGY,
        F_WRITE_ZEROES,
        ID_BYTES,
        SECTOR_BYTES, //
    },
    features, //
};

/// Bytes of the configuration: up to the fields of SECURE_ERASE.
pub const LEN: usize = SECURE_ERASE_SECTOR_ALIGNMENT + 4;

/// Most ranges of a discard, write-zeroes or secure-erase request.
pub const MAX_RANGES: u32 = 64;

/// Most sectors of such a range.
pub const MAX_RANGE_SECTORS: u32 = 1 << 22;

/// Heads and sectors per track of a disk that has neither.
const GEOMETRY: [u8; 2] = [16, 63];

/// How a block device is to be.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Request queues, at least 1.
    pub queues: u16,
    /// Entries of each, a power of two.
    pub queue_size: u16,
    /// The serial number; what is left of it holds zeroes.
    pub serial: [u8; ID_BYTES],
    /// Features to offer in any case.
    pub with: u32,
    /// Features not to offer in any case.
    pub without: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queues: 1,
            queue_size: 256,
            serial: [0; ID_BYTES],
            with: 0,
            without: 0,
        }
    }
}

impl Settings {
    /// The features of the device.
    pub fn features(&self, read_only: bool) -> u32 {
        let mut offered = features::RING
            | features::NOTIFY_ON_EMPTY
            | features::ANY_LAYOUT
            | features::BAD_FEATURE
            | F_SEG_MAX
            | F_GEOMETRY
            | F_BLK_SIZE
            | F_FLUSH
            | F_TOPOLOGY
            | F_CONFIG_WCE
            | F_DISCARD
            | F_WRITE_ZEROES
            | F_SECURE_ERASE;
        if self.queues > 1 {
            offered = offered | F_MQ;
        }
        if read_only {
            offered = offered | F_RO;
        }
        (offered.bits() | self.with) & !self.without
    }

    /// The configuration of a disk with so many sectors.
    pub fn config(&self, sectors: u64, write_back: bool) -> [u8; LEN] {
        let mut config = [0; LEN];
        let mut put = |at: usize, bytes: &[u8]| config[at..at + bytes.len()].copy_from_slice(bytes);
        put(CAPACITY, &sectors.to_le_bytes());
        // Room for the header and the status in every chain.
        put(
            SEG_MAX,
            &u32::from(self.queue_size.saturating_sub(2).max(1)).to_le_bytes(),
        );
        let cylinders = sectors / GEOMETRY.iter().copied().map(u64::from).product::<u64>();
        put(
            CYLINDERS,
            &u16::try_from(cylinders).unwrap_or(u16::MAX).to_le_bytes(),
        );
        put(HEADS, &GEOMETRY);
        put(BLK_SIZE, &SECTOR_BYTES.to_le_bytes());
        // Pages of 4096 bytes are what the host's cache works in.
        put(PHYSICAL_BLOCK_EXP, &[3]);
        put(MIN_IO_SIZE, &1_u16.to_le_bytes());
        put(WCE, &[u8::from(write_back)]);
        put(NUM_QUEUES, &self.queues.to_le_bytes());
        for at in [
            MAX_DISCARD_SECTORS,
            MAX_WRITE_ZEROES_SECTORS,
            MAX_SECURE_ERASE_SECTORS,
        ] {
            put(at, &MAX_RANGE_SECTORS.to_le_bytes());
        }
        for at in [MAX_DISCARD_SEG, MAX_WRITE_ZEROES_SEG, MAX_SECURE_ERASE_SEG] {
            put(at, &MAX_RANGES.to_le_bytes());
        }
        for at in [DISCARD_SECTOR_ALIGNMENT, SECURE_ERASE_SECTOR_ALIGNMENT] {
            put(at, &1_u32.to_le_bytes());
        }
        put(WRITE_ZEROES_MAY_UNMAP, &[1]);
        config
    }
}
