// SPDX-License-Identifier: GPL-2.0

//! Identity of a legacy virtio PCI function (VIRTIO 1.3, sections 4.1.2 and 4.1.2.3).

/// The PCI vendor of every virtio device.
pub const VENDOR: u16 = 0x1af4;

/// The PCI device ids of legacy and transitional devices.
pub const DEVICE_IDS: core::ops::RangeInclusive<u16> = 0x1000..=0x103f;

/// The PCI revision of a device with a legacy interface.
pub const REVISION: u8 = 0;

/// Where a vendor-specific capability of a virtio function says what it is about (VIRTIO 1.3,
/// section 4.1.4), counted from its start.
pub const CAP_CFG_TYPE: u8 = 3;

/// The capability that every function with the modern interface has (section 4.1.4.3).
pub const CAP_COMMON_CFG: u8 = 1;

/// What kind of device a function is: the virtio id, found in the PCI subsystem device id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceType {
    /// Network card (VIRTIO 1.3, section 5.1).
    Net,
    /// Block device (section 5.2).
    Block,
    /// Entropy device (section 5.4).
    Entropy,
}

impl DeviceType {
    /// The virtio id.
    pub const fn id(self) -> u16 {
        match self {
            Self::Net => 1,
            Self::Block => 2,
            Self::Entropy => 4,
        }
    }

    /// The name used in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Block => "blk",
            Self::Entropy => "rng",
        }
    }
}

/// The ids of a PCI function that decide whether it is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PCI vendor id.
    pub vendor: u16,
    /// PCI device id.
    pub device: u16,
    /// PCI revision id.
    pub revision: u8,
    /// PCI subsystem device id.
    pub subsystem_device: u16,
}

impl Identity {
    /// Whether this is a device of kind `kind` with the legacy interface.
    ///
    /// The PCI device id only has to be in the legacy range: what the device is stands in the
    /// subsystem id, as Linux's `vp_legacy_probe` has it.
    pub fn is_legacy(&self, kind: DeviceType) -> bool {
        self.vendor == VENDOR
            && DEVICE_IDS.contains(&self.device)
            && self.revision == REVISION
            && self.subsystem_device == kind.id()
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_pci_identity))]
mod tests {
    use super::*;

    fn block(device: u16, revision: u8) -> bool {
        Identity {
            vendor: VENDOR,
            device,
            revision,
            subsystem_device: 2,
        }
        .is_legacy(DeviceType::Block)
    }

    #[test]
    fn the_device_id_is_within_the_legacy_range() {
        assert!(!block(0x0fff, 0));
        assert!(block(0x1000, 0));
        assert!(block(0x1001, 0));
        assert!(block(0x103f, 0));
        assert!(!block(0x1040, 0));
        assert!(!block(0x1042, 0));
    }

    #[test]
    fn the_revision_is_zero() {
        assert!(!block(0x1001, 1));
    }

    #[test]
    fn the_kind_is_the_subsystem_id() {
        let net = Identity {
            vendor: VENDOR,
            device: 0x1001,
            revision: 0,
            subsystem_device: 1,
        };
        assert!(net.is_legacy(DeviceType::Net));
        assert!(!net.is_legacy(DeviceType::Block));
        let foreign = Identity {
            vendor: 0x8086,
            ..net
        };
        assert!(!foreign.is_legacy(DeviceType::Net));
    }
}
