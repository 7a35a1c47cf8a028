// SPDX-License-Identifier: GPL-2.0

//! The device status (VIRTIO 1.3, section 2.1).

use core::ops::BitOr;

/// Bits of the device status register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(u8);

impl Status {
    /// No bit: the device was reset.
    pub const RESET: Self = Self(0);
    /// The guest has noticed the device.
    pub const ACKNOWLEDGE: Self = Self(1);
    /// The guest has a driver for the device.
    pub const DRIVER: Self = Self(2);
    /// The driver is ready; the device may use the queues.
    pub const DRIVER_OK: Self = Self(4);
    /// The device has stopped and wants to be reset.
    pub const NEEDS_RESET: Self = Self(0x40);
    /// The driver has given up on the device.
    pub const FAILED: Self = Self(0x80);

    /// Takes a value read from the device.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The register's value.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the bits that are set, lowest first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (Self::ACKNOWLEDGE, "ACKNOWLEDGE"),
            (Self::DRIVER, "DRIVER"),
            (Self::DRIVER_OK, "DRIVER_OK"),
            (Self::NEEDS_RESET, "NEEDS_RESET"),
            (Self::FAILED, "FAILED"),
        ]
        .into_iter()
        .filter(move |(bit, _)| self.contains(*bit))
        .map(|(_, name)| name)
    }

    /// Whether the value can be that of a device that is still there.
    ///
    /// All ones is what a read from an unplugged device returns; bit 3 (FEATURES_OK) does not
    /// exist on the legacy interface, so an honest legacy device never shows it.
    pub const fn is_gone(self) -> bool {
        self.0 == 0xff
    }
}

impl BitOr for Status {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_status))]
mod tests {
    use super::*;

    #[test]
    fn bits_accumulate() {
        let status = Status::ACKNOWLEDGE | Status::DRIVER;
        assert_eq!(status.bits(), 3);
        assert!(status.contains(Status::ACKNOWLEDGE));
        assert!(!status.contains(Status::DRIVER_OK));
    }

    #[test]
    fn bits_have_names() {
        assert!(Status::RESET.names().next().is_none());
        assert!(Status::from_bits(0xc7).names().eq([
            "ACKNOWLEDGE",
            "DRIVER",
            "DRIVER_OK",
            "NEEDS_RESET",
            "FAILED"
        ]));
    }

    #[test]
    fn an_unplugged_device_is_recognised() {
        assert!(Status::from_bits(0xff).is_gone());
        assert!(!Status::from_bits(0x87).is_gone());
        assert!(!Status::RESET.is_gone());
    }
}
