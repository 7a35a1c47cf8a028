// SPDX-License-Identifier: GPL-2.0

//! What the driver has said about receiving: how many pairs of queues are in use, and which packets
//! it takes that are not complete (VIRTIO 1.3, sections 5.1.6.5.5 and 5.1.6.5.8).

use std::sync::{
    PoisonError,
    RwLockReadGuard, //
};

use super::{
    offer::{
        self,
        GUEST_OFFLOADS, //
    },
    Net, //
};

/// The rules by which packets get to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// Pairs of queues in use.
    pub pairs: u16,
    /// The features of the driver that have to do with incomplete packets.
    pub offloads: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            pairs: 1,
            offloads: 0,
        }
    }
}

impl Rules {
    /// The rules until the driver says otherwise, by the features that it has accepted.
    pub fn of(features: u32) -> Self {
        Self {
            // A driver of segments that does not take partial checksums cannot be served any.
            offloads: offer::consistent(features) & GUEST_OFFLOADS.bits(),
            ..Self::default()
        }
    }
}

impl Net {
    /// The rules; they do not change while the guard is there.
    pub(super) fn rules(&self) -> RwLockReadGuard<'_, Rules> {
        // They are replaced as a whole: a panic elsewhere leaves them in order.
        self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the rules; when it returns nothing happens by the old ones any more.
    pub(super) fn set_rules(&self, new: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = new;
        self.backend.set_offloads(new.offloads);
        self.gate.nudge();
    }

    /// The driver uses that many pairs from now on; false if it cannot.
    pub(super) fn set_pairs(&self, pairs: u16) -> bool {
        if pairs == 0 || pairs > self.settings.pairs {
            return false;
        }
        let rules = *self.rules();
        self.set_rules(Rules { pairs, ..rules });
        // What waits for a queue that is not in use any more finds another one.
        for inbox in self.inboxes.iter().skip(pairs.into()) {
            for packet in inbox.drain() {
                self.deliver_packet(packet, false);
            }
        }
        true
    }

    /// The driver takes incomplete packets of these sorts from now on; false if it never said that it
    /// could.
    pub(super) fn set_offloads(&self, offloads: u32) -> bool {
        let able = self.accepted_bits() & GUEST_OFFLOADS.bits();
        if offloads & !able != 0 {
            return false;
        }
        let rules = *self.rules();
        self.set_rules(Rules {
            offloads: offer::consistent(offloads),
            ..rules
        });
        true
    }
}
