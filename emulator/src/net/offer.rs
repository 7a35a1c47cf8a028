// SPDX-License-Identifier: GPL-2.0

//! Which features a network device offers (VIRTIO 1.3, sections 5.1.3 and 5.1.3.1).

pub use crate::virtio::net::{
    F_CTRL_GUEST_OFFLOADS,
    F_CTRL_MAC_ADDR, //
    F_CTRL_RX,
    F_CTRL_RX_EXTRA,
    F_CTRL_VLAN,
    F_CTRL_VQ,
    F_GSO,
    F_GUEST_ANNOUNCE,
    F_GUEST_ECN,
    F_GUEST_TSO4,
    F_GUEST_TSO6,
    F_GUEST_UFO,
    F_HOST_ECN,
    F_HOST_TSO4,
    F_HOST_TSO6,
    F_HOST_UFO,
};
use crate::virtio::{
    features::{
        self,
        Features, //
    },
    net::{
        F_CSUM,
        F_GUEST_CSUM,
        F_MAC,
        F_MQ,
        F_MRG_RXBUF,
        F_STATUS, //
    },
};

/// All kinds of segmentation that a driver may leave to the device.
pub(super) const HOST_GSO: Features = F_HOST_TSO4
    .with(F_HOST_TSO6)
    .with(F_HOST_ECN)
    .with(F_HOST_UFO);

/// What a driver may take that is not complete.
pub(super) const GUEST_OFFLOADS: Features = F_GUEST_CSUM
    .with(F_GUEST_TSO4)
    .with(F_GUEST_TSO6)
    .with(F_GUEST_ECN)
    .with(F_GUEST_UFO);

/// A feature, and those of which one at least has to be there, too. What is required stands in rows
/// above those that require it.
const REQUIREMENTS: &[(Features, Features)] = &[
    (F_GUEST_TSO4, F_GUEST_CSUM),
    (F_GUEST_TSO6, F_GUEST_CSUM),
    (F_GUEST_UFO, F_GUEST_CSUM),
    (F_GUEST_ECN, F_GUEST_TSO4.with(F_GUEST_TSO6)),
    (F_HOST_TSO4, F_CSUM),
    (F_HOST_TSO6, F_CSUM),
    (F_HOST_UFO, F_CSUM),
    (F_HOST_ECN, F_HOST_TSO4.with(F_HOST_TSO6)),
    (F_GSO, F_CSUM),
    (F_CTRL_RX, F_CTRL_VQ),
    (F_CTRL_RX_EXTRA, F_CTRL_VQ),
    (F_CTRL_VLAN, F_CTRL_VQ),
    (F_GUEST_ANNOUNCE, F_CTRL_VQ),
    (F_MQ, F_CTRL_VQ),
    (F_CTRL_MAC_ADDR, F_CTRL_VQ),
    (F_CTRL_GUEST_OFFLOADS, F_CTRL_VQ),
];

/// The set without the features that lack what they require.
pub(super) fn consistent(mut set: u32) -> u32 {
    for (feature, required) in REQUIREMENTS {
        if set & required.bits() == 0 {
            set &= !feature.bits();
        }
    }
    set
}

/// What a device offers that is told nothing else.
///
/// Receive offloads make sense only for a back end that has frames which are not complete.
pub(super) fn usual(incomplete_frames: bool) -> Features {
    let offered = features::RING
        | features::NOTIFY_ON_EMPTY
        | features::ANY_LAYOUT
        | features::BAD_FEATURE
        | F_CSUM
        | F_GSO
        | HOST_GSO
        | F_MAC
        | F_MRG_RXBUF
        | F_STATUS
        | F_CTRL_VQ
        | F_CTRL_RX
        | F_CTRL_VLAN
        | F_CTRL_RX_EXTRA
        | F_GUEST_ANNOUNCE
        | F_CTRL_MAC_ADDR;
    if incomplete_frames {
        offered | GUEST_OFFLOADS | F_CTRL_GUEST_OFFLOADS
    } else {
        offered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtio::net::F_MTU;

    #[test]
    fn the_usual_offer_lacks_nothing_it_requires() {
        for incomplete in [false, true] {
            let offered = usual(incomplete).bits();
            assert_eq!(consistent(offered), offered);
            assert_eq!(offered & F_GUEST_TSO4.bits() != 0, incomplete);
        }
    }

    #[test]
    fn what_lacks_something_is_left_out_to_the_end_of_the_line() {
        let all = usual(true).bits() | F_MQ.bits() | F_MTU.bits();
        let left = |without: Features| consistent(all & !without.bits());
        assert_eq!(
            left(F_GUEST_CSUM),
            all & !GUEST_OFFLOADS.bits(),
            "no checksums, no segments"
        );
        assert_eq!(left(F_CSUM), all & !(F_CSUM | F_GSO | HOST_GSO).bits());
        assert_eq!(left(F_HOST_TSO4), all & !F_HOST_TSO4.bits());
        let neither = F_HOST_TSO4 | F_HOST_TSO6;
        assert_eq!(left(neither), all & !(neither | F_HOST_ECN).bits());
        assert_eq!(left(F_CTRL_VQ) & (F_MQ | F_CTRL_RX | F_CTRL_VLAN).bits(), 0);
        assert_ne!(left(F_CTRL_VQ) & F_MTU.bits(), 0);
    }
}
