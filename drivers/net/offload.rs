// SPDX-License-Identifier: GPL-2.0

//! Checksums and segmentation: what the device does for us, what it leaves to us, and how the user
//! switches that.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    control::Control,
    kernel_ext::net::{
        netdev::{
            FEATURE_GRO_HW,
            FEATURE_GSO_ROBUST,
            FEATURE_HIGHDMA,
            FEATURE_HW_CSUM,
            FEATURE_RXCSUM,
            FEATURE_SG,
            FEATURE_TSO,
            FEATURE_TSO6,
            FEATURE_TSO_ECN,
            FEATURE_VLAN_FILTER, //
        },
        skb::{
            Gso,
            SkBuff,
            GSO_TCPV4,
            GSO_TCPV6,
            GSO_TCP_ECN, //
        },
    },
    virtio::core::{
        features::Features,
        net::{
            control::GUEST_OFFLOADS_SET,
            guest_offloads,
            Header,
            Left,
            Partial,
            Protocol,
            Segments,
            F_CSUM,
            F_CTRL_GUEST_OFFLOADS,
            F_CTRL_VLAN,
            F_GSO,
            F_GUEST_CSUM,
            F_HOST_ECN,
            F_HOST_TSO4,
            F_HOST_TSO6,
            GUEST_GSO, //
        },
    },
};

/// What the user wants to be on from the start.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    /// Checksums are left to the device, and with them segmentation.
    pub(crate) csum: bool,
    /// Segmentation is left to the device.
    pub(crate) gso: bool,
}

/// Features of the interface.
pub(crate) struct InterfaceFeatures {
    /// Those that are on.
    pub(crate) on: u64,
    /// Those that the user may switch.
    pub(crate) toggles: u64,
}

impl InterfaceFeatures {
    /// What follows from the features that were agreed upon with the device.
    pub(crate) fn new(agreed: Features, choice: Choice) -> Self {
        // A packet in pieces needs no checksum by the device: the stack fills it in there, too.
        let mut on = FEATURE_SG | FEATURE_HIGHDMA | FEATURE_RXCSUM;
        let mut toggles = FEATURE_SG;
        if agreed.contains(F_CTRL_VLAN) {
            on |= FEATURE_VLAN_FILTER;
        }
        if agreed.contains(F_CSUM) {
            let segmentation = segmentation(agreed);
            toggles |= FEATURE_HW_CSUM | segmentation;
            on |= FEATURE_GSO_ROBUST;
            if choice.csum {
                on |= FEATURE_HW_CSUM;
            }
            if choice.csum && choice.gso {
                on |= segmentation;
            }
        }
        if agreed.bits() & GUEST_GSO.bits() != 0 {
            on |= FEATURE_GRO_HW;
            if agreed.contains(F_CTRL_GUEST_OFFLOADS) {
                toggles |= FEATURE_GRO_HW;
            }
        }
        Self { on, toggles }
    }
}

/// The kinds of segmentation that the device does.
fn segmentation(agreed: Features) -> u64 {
    let kinds = [
        (F_HOST_TSO4, FEATURE_TSO),
        (F_HOST_TSO6, FEATURE_TSO6),
        (F_HOST_ECN, FEATURE_TSO_ECN),
    ];
    kinds
        .into_iter()
        .filter(|(bit, _)| agreed.contains(*bit) || agreed.contains(F_GSO))
        .fold(0, |set, (_, feature)| set | feature)
}

/// Switches what the device leaves to us.
pub(crate) struct Switch {
    control: Arc<Control>,
    agreed: Features,
}

impl Switch {
    /// For a device with these features; `None` if there is nothing to switch.
    pub(crate) fn new(control: Arc<Control>, agreed: Features) -> Option<Self> {
        let any = agreed.bits() & F_GUEST_CSUM.with(GUEST_GSO).bits() != 0;
        (any && agreed.contains(F_CTRL_GUEST_OFFLOADS)).then_some(Self { control, agreed })
    }

    /// The features of the interface become others. Packets that the device has handed in before
    /// are taken as they are.
    ///
    /// # Errors
    ///
    /// `EBUSY` while packets have to be complete; see [`Control::send`].
    pub(crate) fn set(&self, current: u64, wanted: u64, complete: bool) -> Result {
        if (current ^ wanted) & FEATURE_GRO_HW == 0 {
            return Ok(());
        }
        if complete {
            return Err(EBUSY);
        }
        self.tell(Self::left(wanted))
    }

    /// What an interface with these features takes.
    pub(crate) fn left(features: u64) -> Left {
        if features & FEATURE_GRO_HW != 0 {
            Left::All
        } else {
            Left::Checksums
        }
    }

    /// Tells the device, after a reset too, what is left to us.
    ///
    /// # Errors
    ///
    /// See [`Control::send`].
    pub(crate) fn tell(&self, left: Left) -> Result {
        let data = guest_offloads(self.agreed, left);
        self.control.send(GUEST_OFFLOADS_SET, [&data, &[]])
    }
}

/// The header of a packet that is to be sent; `None` if the device does not cut such packets.
#[inline]
pub(crate) fn header(skb: &SkBuff) -> Option<Header> {
    let checksum = skb
        .partial_checksum()
        .map(|(start, offset)| Partial { start, offset });
    let Some(gso) = skb.gso() else {
        return Some(Header::for_sending(checksum, None, 0));
    };
    let headers = skb.tcp_headers_len().unwrap_or_else(|| skb.head_len());
    // CAST: After the limit it fits.
    let headers = headers.min(u32::from(u16::MAX)) as u16;
    Some(Header::for_sending(checksum, Some(segments(gso)?), headers))
}

/// How the device is to cut a packet.
fn segments(gso: Gso) -> Option<Segments> {
    let protocol = if gso.kind & GSO_TCPV4 != 0 {
        Protocol::TcpV4
    } else if gso.kind & GSO_TCPV6 != 0 {
        Protocol::TcpV6
    } else {
        return None;
    };
    Some(Segments {
        protocol,
        ecn: gso.kind & GSO_TCP_ECN != 0,
        size: gso.size,
    })
}
