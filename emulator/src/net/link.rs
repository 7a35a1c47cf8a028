// SPDX-License-Identifier: GPL-2.0

//! The state of the link, and whether the driver is to announce itself (VIRTIO 1.3, sections 5.1.4
//! and 5.1.6.5.4).

use std::sync::atomic::{
    AtomicBool,
    Ordering, //
};

use crate::virtio::net::STATUS_LINK_UP;

/// Bit of the status word: the driver is asked to announce itself.
const STATUS_ANNOUNCE: u16 = 2;

/// What the status word says. The link stays as it is over a reset.
#[derive(Default)]
pub(super) struct Link {
    down: AtomicBool,
    announce: AtomicBool,
}

impl Link {
    /// Whether frames get through.
    pub fn is_up(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }

    /// Pulls the cable, or plugs it in again.
    pub fn toggle(&self) {
        self.down.fetch_xor(true, Ordering::Relaxed);
    }

    /// Asks for an announcement, or has it.
    pub fn want_announcement(&self, wanted: bool) {
        self.announce.store(wanted, Ordering::Relaxed);
    }

    /// The status word.
    pub fn status(&self) -> u16 {
        let announce = if self.announce.load(Ordering::Relaxed) {
            STATUS_ANNOUNCE
        } else {
            0
        };
        let up = if self.is_up() { STATUS_LINK_UP } else { 0 };
        up | announce
    }
}
