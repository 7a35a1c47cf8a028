// SPDX-License-Identifier: GPL-2.0

//! The feature bits of a network device, and which of them need others (VIRTIO 1.3, sections
//! 5.1.3, 5.1.3.1 and 5.1.3.2).

use super::super::features::Features;

/// The device completes checksums of sent packets.
pub const F_CSUM: Features = Features::bit(0);
/// The driver takes packets with partial checksums.
pub const F_GUEST_CSUM: Features = Features::bit(1);
/// The driver can switch what it takes while it runs.
pub const F_CTRL_GUEST_OFFLOADS: Features = Features::bit(2);
/// The device's maximum MTU is in `mtu`.
pub const F_MTU: Features = Features::bit(3);
/// The MAC address is in `mac`.
pub const F_MAC: Features = Features::bit(5);
/// The device segments whatever TCP packet it gets: an older word for the three below.
pub const F_GSO: Features = Features::bit(6);
/// The driver takes TCP packets over IPv4 that are still to be segmented.
pub const F_GUEST_TSO4: Features = Features::bit(7);
/// The same over IPv6.
pub const F_GUEST_TSO6: Features = Features::bit(8);
/// The same with explicit congestion notification.
pub const F_GUEST_ECN: Features = Features::bit(9);
/// The driver takes UDP packets that are still to be fragmented.
pub const F_GUEST_UFO: Features = Features::bit(10);
/// The device segments TCP packets over IPv4.
pub const F_HOST_TSO4: Features = Features::bit(11);
/// The same over IPv6.
pub const F_HOST_TSO6: Features = Features::bit(12);
/// The same with explicit congestion notification.
pub const F_HOST_ECN: Features = Features::bit(13);
/// The device fragments UDP packets.
pub const F_HOST_UFO: Features = Features::bit(14);
/// A packet may be spread over several receive buffers; the header has 12 bytes.
pub const F_MRG_RXBUF: Features = Features::bit(15);
/// The link state is in `status`.
pub const F_STATUS: Features = Features::bit(16);
/// There is a control queue.
pub const F_CTRL_VQ: Features = Features::bit(17);
/// Receive modes and addresses are set by commands.
pub const F_CTRL_RX: Features = Features::bit(18);
/// VLANs are filtered by commands.
pub const F_CTRL_VLAN: Features = Features::bit(19);
/// There are more receive modes.
pub const F_CTRL_RX_EXTRA: Features = Features::bit(20);
/// The device may ask the driver to announce itself.
pub const F_GUEST_ANNOUNCE: Features = Features::bit(21);
/// The number of queue pairs is in `max_virtqueue_pairs`.
pub const F_MQ: Features = Features::bit(22);
/// The MAC address is set by a command.
pub const F_CTRL_MAC_ADDR: Features = Features::bit(23);

/// What the driver takes that is not cut into packets of the wire yet.
pub const GUEST_GSO: Features = F_GUEST_TSO4
    .with(F_GUEST_TSO6)
    .with(F_GUEST_ECN)
    .with(F_GUEST_UFO);

/// What the device cuts into packets of the wire.
pub const HOST_GSO: Features = F_HOST_TSO4
    .with(F_HOST_TSO6)
    .with(F_HOST_ECN)
    .with(F_HOST_UFO);

/// A bit, and those of which it needs one at least. What is needed stands in rows above those
/// that need it.
const REQUIREMENTS: [(Features, Features); 17] = [
    (F_GUEST_TSO4, F_GUEST_CSUM),
    (F_GUEST_TSO6, F_GUEST_CSUM),
    (F_GUEST_UFO, F_GUEST_CSUM),
    (F_GUEST_ECN, F_GUEST_TSO4.with(F_GUEST_TSO6)),
    (F_GSO, F_CSUM),
    (F_HOST_TSO4, F_CSUM),
    (F_HOST_TSO6, F_CSUM),
    (F_HOST_UFO, F_CSUM),
    (F_HOST_ECN, F_HOST_TSO4.with(F_HOST_TSO6)),
    (F_CTRL_RX, F_CTRL_VQ),
    (F_CTRL_VLAN, F_CTRL_VQ),
    (F_CTRL_RX_EXTRA, F_CTRL_RX),
    (F_GUEST_ANNOUNCE, F_CTRL_VQ),
    (F_GUEST_ANNOUNCE, F_STATUS),
    (F_MQ, F_CTRL_VQ),
    (F_CTRL_MAC_ADDR, F_CTRL_VQ),
    (F_CTRL_GUEST_OFFLOADS, F_CTRL_VQ),
];

/// The set without the bits that lack what they need.
///
/// A device that offers such a bit breaks a rule of its own; the bit is of no use, the others are.
pub fn consistent(offered: Features) -> Features {
    REQUIREMENTS.iter().fold(offered, |set, (bit, needed)| {
        if set.bits() & needed.bits() == 0 {
            set.without(*bit)
        } else {
            set
        }
    })
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_net_offer))]
mod tests {
    use super::*;

    const ALL: Features = Features::from_bits(!0);

    #[test]
    fn what_lacks_nothing_stays() {
        assert_eq!(consistent(ALL), ALL);
        assert_eq!(consistent(Features::NONE), Features::NONE);
    }

    #[test]
    fn commands_need_a_queue_for_them() {
        let left = consistent(ALL.without(F_CTRL_VQ));
        let gone = F_CTRL_RX
            | F_CTRL_VLAN
            | F_CTRL_RX_EXTRA
            | F_GUEST_ANNOUNCE
            | F_MQ
            | F_CTRL_MAC_ADDR
            | F_CTRL_GUEST_OFFLOADS;
        assert_eq!(left, ALL.without(F_CTRL_VQ).without(gone));
    }

    #[test]
    fn offloads_need_checksums_to_the_end_of_the_line() {
        let left = consistent(ALL.without(F_CSUM));
        let host = F_GSO | F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_ECN | F_HOST_UFO;
        assert_eq!(left, ALL.without(F_CSUM).without(host));
        let left = consistent(ALL.without(F_GUEST_CSUM));
        assert_eq!(left, ALL.without(F_GUEST_CSUM).without(GUEST_GSO));
        let left = consistent(ALL.without(F_GUEST_TSO6));
        assert!(left.contains(F_GUEST_ECN));
    }

    #[test]
    fn an_announcement_needs_a_status_to_be_asked_by() {
        let left = consistent(ALL.without(F_STATUS));
        assert_eq!(left, ALL.without(F_STATUS).without(F_GUEST_ANNOUNCE));
    }
}
