// SPDX-License-Identifier: GPL-2.0

//! The PCI functions a driver is offered: every legacy id of the vendor.
//!
//! What kind of device a function is stands in its subsystem id, which the table of a PCI driver
//! cannot name here: each driver is offered them all, and leaves those of another kind alone.

use kernel::pci::{
    DeviceId,
    Vendor, //
};

/// A function with the vendor of virtio and this device id.
pub const fn legacy_id(device: u32) -> DeviceId {
    DeviceId::from_id(Vendor::REDHAT_QUMRANET, device)
}

/// Declares the table of a driver: the device ids 0x1000 to 0x103f (VIRTIO 1.3, section 4.1.2).
#[macro_export]
macro_rules! legacy_device_table {
    ($name:ident, $info:ty) => {
        ::kernel::pci_device_table!(
            $name,
            $info,
            [
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1000), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1001), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1002), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1003), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1004), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1005), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1006), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1007), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1008), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1009), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x100a), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x100b), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x100c), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x100d), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x100e), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x100f), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1010), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1011), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1012), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1013), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1014), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1015), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1016), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1017), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1018), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1019), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x101a), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x101b), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x101c), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x101d), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x101e), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x101f), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1020), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1021), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1022), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1023), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1024), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1025), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1026), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1027), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1028), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1029), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x102a), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x102b), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x102c), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x102d), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x102e), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x102f), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1030), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1031), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1032), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1033), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1034), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1035), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1036), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1037), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1038), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x1039), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x103a), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x103b), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x103c), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x103d), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x103e), ()),
                ($crate::virtio::pci_legacy::ids::legacy_id(0x103f), ()),
            ]
        );
    };
}
