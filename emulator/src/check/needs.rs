// SPDX-License-Identifier: GPL-2.0

//! Network features by number, and which of them requires which (VIRTIO 1.3, section 5.1.3.1).

use crate::virtio::features::Features;

pub(super) const CSUM: Features = Features::bit(0);
pub(super) const CTRL_GUEST_OFFLOADS: Features = Features::bit(2);
pub(super) const GSO: Features = Features::bit(6);
pub(super) const GUEST_TSO4: Features = Features::bit(7);
pub(super) const GUEST_TSO6: Features = Features::bit(8);
pub(super) const GUEST_UFO: Features = Features::bit(10);
pub(super) const HOST_TSO4: Features = Features::bit(11);
pub(super) const HOST_TSO6: Features = Features::bit(12);
pub(super) const HOST_ECN: Features = Features::bit(13);
pub(super) const HOST_UFO: Features = Features::bit(14);
pub(super) const CTRL_VQ: Features = Features::bit(17);
pub(super) const CTRL_RX: Features = Features::bit(18);
pub(super) const CTRL_VLAN: Features = Features::bit(19);
pub(super) const CTRL_RX_EXTRA: Features = Features::bit(20);
pub(super) const GUEST_ANNOUNCE: Features = Features::bit(21);
pub(super) const CTRL_MAC_ADDR: Features = Features::bit(23);

const GUEST_CSUM: u32 = 1 << 1;
const GUEST_TSO: u32 = GUEST_TSO4.bits() | GUEST_TSO6.bits();
const HOST_TSO: u32 = HOST_TSO4.bits() | HOST_TSO6.bits();

/// The number of a bit, and the bits of which it requires one.
const NEEDS: [(u32, u32); 15] = [
    (7, GUEST_CSUM),
    (8, GUEST_CSUM),
    (9, GUEST_TSO),
    (10, GUEST_CSUM),
    (11, CSUM.bits()),
    (12, CSUM.bits()),
    (13, HOST_TSO),
    (14, CSUM.bits()),
    (18, CTRL_VQ.bits()),
    (19, CTRL_VQ.bits()),
    (21, CTRL_VQ.bits()),
    (22, CTRL_VQ.bits()),
    (23, CTRL_VQ.bits()),
    // What the text does not list: without the queue there is no way to use it.
    (2, CTRL_VQ.bits()),
    (25, CTRL_VQ.bits()),
];

/// The first accepted bit that lacks what it requires.
pub(super) fn missing(accepted: u32) -> Option<(u32, u32)> {
    NEEDS
        .into_iter()
        .find(|(bit, wanted)| accepted & (1 << bit) != 0 && accepted & wanted == 0)
}

/// CTRL_RX_EXTRA without CTRL_VQ, against which the text only advises.
pub(super) fn extra_without_queue(accepted: u32) -> bool {
    accepted & CTRL_RX_EXTRA.bits() != 0 && accepted & CTRL_VQ.bits() == 0
}
