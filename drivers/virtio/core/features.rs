// SPDX-License-Identifier: GPL-2.0

//! Feature bits of the legacy interface (VIRTIO 1.3, sections 2.2, 5.1.3, 5.2.3 and 6).

use core::{
    fmt,
    ops::BitOr, //
};

use super::pci::DeviceType;

/// A set of feature bits; the legacy interface has 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features(u32);

impl Features {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The set that holds one bit, 0 to 31.
    pub const fn bit(bit: u32) -> Self {
        Self(1 << bit)
    }

    /// Takes the register's value.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The register's value.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether every bit of `other` is in the set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The union of two sets.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set without the bits of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What driver and device agree on: the bits that the device offers, the driver supports and
    /// the legacy interface allows a driver to accept.
    ///
    /// Bit 30 is never accepted: QEMU offers it to find drivers that accept whatever they see.
    /// Bit 31 and NOTIFY_ON_EMPTY, which neither of our drivers can use, are left out likewise.
    pub const fn negotiate(offered: Self, supported: Self) -> Self {
        Self(offered.0 & supported.0 & !(NEVER.0))
    }
}

impl BitOr for Features {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

/// The device interrupts when it has used all buffers even if interrupts are suppressed.
pub const NOTIFY_ON_EMPTY: Features = Features::bit(24);
/// Buffers may be split into descriptors in any way.
pub const ANY_LAYOUT: Features = Features::bit(27);
/// A descriptor may refer to a table of descriptors.
pub const INDIRECT_DESC: Features = Features::bit(28);
/// `used_event` and `avail_event` replace the suppression flags.
pub const EVENT_IDX: Features = Features::bit(29);
/// Offered by QEMU as a trap; never accepted.
pub const BAD_FEATURE: Features = Features::bit(30);

/// What no driver accepts, whatever it claims to support.
const NEVER: Features = BAD_FEATURE.with(Features::bit(31)).with(NOTIFY_ON_EMPTY);

/// The ring features that every driver on the shared queue supports.
pub const RING: Features = INDIRECT_DESC.with(EVENT_IDX);

/// The name of a feature bit, 0 to 31, as the specification spells it.
pub const fn name(kind: DeviceType, bit: u32) -> Option<&'static str> {
    match bit {
        24 => Some("NOTIFY_ON_EMPTY"),
        27 => Some("ANY_LAYOUT"),
        28 => Some("INDIRECT_DESC"),
        29 => Some("EVENT_IDX"),
        _ => match kind {
            DeviceType::Net => net_name(bit),
            DeviceType::Block => blk_name(bit),
            DeviceType::Entropy => None,
        },
    }
}

const fn net_name(bit: u32) -> Option<&'static str> {
    Some(match bit {
        0 => "CSUM",
        1 => "GUEST_CSUM",
        2 => "CTRL_GUEST_OFFLOADS",
        3 => "MTU",
        5 => "MAC",
        6 => "GSO",
        7 => "GUEST_TSO4",
        8 => "GUEST_TSO6",
        9 => "GUEST_ECN",
        10 => "GUEST_UFO",
        11 => "HOST_TSO4",
        12 => "HOST_TSO6",
        13 => "HOST_ECN",
        14 => "HOST_UFO",
        15 => "MRG_RXBUF",
        16 => "STATUS",
        17 => "CTRL_VQ",
        18 => "CTRL_RX",
        19 => "CTRL_VLAN",
        20 => "CTRL_RX_EXTRA",
        21 => "GUEST_ANNOUNCE",
        22 => "MQ",
        23 => "CTRL_MAC_ADDR",
        _ => return None,
    })
}

const fn blk_name(bit: u32) -> Option<&'static str> {
    Some(match bit {
        0 => "BARRIER",
        1 => "SIZE_MAX",
        2 => "SEG_MAX",
        4 => "GEOMETRY",
        5 => "RO",
        6 => "BLK_SIZE",
        7 => "SCSI",
        9 => "FLUSH",
        10 => "TOPOLOGY",
        11 => "CONFIG_WCE",
        12 => "MQ",
        13 => "DISCARD",
        14 => "WRITE_ZEROES",
        16 => "SECURE_ERASE",
        _ => return None,
    })
}

/// Writes the names of the bits of a set, lowest bit first, separated by spaces.
pub struct Names {
    /// Whose bits they are.
    pub kind: DeviceType,
    /// The set.
    pub features: Features,
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for bit in 0..32 {
            if !self.features.contains(Features::bit(bit)) {
                continue;
            }
            match name(self.kind, bit) {
                Some(name) => write!(f, "{separator}{name}")?,
                None => write!(f, "{separator}bit-{bit}")?,
            }
            separator = " ";
        }
        Ok(())
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_features))]
mod tests {
    use super::*;

    #[test]
    fn an_unoffered_bit_is_never_accepted() {
        // A walk through offers and drivers by a linear congruential generator.
        let mut seed = 1_u32;
        for _ in 0..10_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let offered = Features::from_bits(seed);
            let supported = Features::from_bits(seed.rotate_left(13) ^ 0x5a5a_5a5a);
            let agreed = Features::negotiate(offered, supported);
            assert!(offered.contains(agreed));
            assert!(supported.contains(agreed));
            assert_eq!(agreed.bits() & 0xc100_0000, 0);
        }
    }

    #[test]
    fn everything_both_sides_have_is_accepted() {
        let ours = RING | ANY_LAYOUT | Features::bit(5);
        assert_eq!(Features::negotiate(Features::from_bits(!0), ours), ours);
    }

    #[test]
    fn the_trap_bit_is_refused_even_if_a_driver_asks() {
        let all = Features::from_bits(!0);
        let agreed = Features::negotiate(all, all);
        assert!(!agreed.contains(BAD_FEATURE));
        assert!(!agreed.contains(NOTIFY_ON_EMPTY));
        assert!(agreed.contains(ANY_LAYOUT));
    }
}
