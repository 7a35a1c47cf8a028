// SPDX-License-Identifier: GPL-2.0

//! Whether notifications are sent against the device's wish (VIRTIO 1.3, section 2.7.10.1).

use crate::queue::Wish;

/// The account of a queue's notifications.
///
/// A notification that arrives late may look unwanted, and none may be taken for wrong that is not:
/// between the driver's look at the device's wish and its write to QUEUE_NOTIFY any time can pass.
/// So it is not asked when one arrives, but how many. The driver looks once for each time it makes
/// chains available; a look leads to at most one notification; so there are at most as many of them
/// as there are looks that can have seen the wish for one. Those are counted too high at worst:
///
/// * With flags, each chain counts as one look. While the device asks for none, what was made
///   available since does not count. That begins when another event of the queue shows that the
///   flag is in memory; the available index of the second notification from then on, which was
///   read after that, is the end of what counts.
/// * With the event index, a look sees the wish for one if the chain at the event is new, and no
///   later look does; so each event that the device writes counts as one. It starts with the
///   zeroes of a new ring, and a ring that runs around to an old event is given that one again.
#[derive(Default)]
pub(super) struct Notices {
    /// Notifications so far.
    pub sent: u64,
    /// Chains made available so far.
    pub published: u64,
    /// Looks that can have led to a notification.
    pub allowed: u64,
    off: Off,
    /// The last event.
    event: u16,
    /// `published` when the last event was written.
    since: u64,
}

/// How certain it is that the driver sees that no notification is wanted.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Off {
    /// One may be wanted.
    #[default]
    No,
    /// The device is about to write the flag.
    Said,
    /// The flag is in memory.
    Written,
    /// The next available index was read after that.
    Dated,
    /// `allowed` is what was available then.
    Counted,
}

/// Rings that wrap around without a new event: each time round it may match again.
const ROUND: u64 = 1 << 16;

impl Notices {
    /// Of a queue with a new ring.
    pub fn new() -> Self {
        Self {
            // The zeroes of a new ring: an event for its first chain.
            allowed: 1,
            ..Self::default()
        }
    }

    /// The available index was this one.
    pub fn available(&mut self, index: u16) {
        // CAST: The low 16 bits count on.
        let new = index.wrapping_sub(self.published as u16);
        // An older index may be told later.
        if new < 1 << 15 {
            self.published += u64::from(new);
        }
    }

    /// The device is about to say whether it wants notifications.
    pub fn wished(&mut self, wish: Wish) {
        match wish {
            Wish::Off => self.off = Off::Said,
            Wish::On => self.off = Off::No,
            Wish::At(event) => {
                self.allowed += self.rounds();
                if event != self.event {
                    self.allowed += 1;
                }
                (self.event, self.since) = (event, self.published);
            }
        }
    }

    /// The worker of the queue has done something else.
    pub fn moved(&mut self) {
        if self.off == Off::Said {
            self.off = Off::Written;
        }
    }

    /// How often the ring has come round to the last event again. What is known of the chains may
    /// be old by as many as a ring has entries, so half a round counts as one.
    fn rounds(&self) -> u64 {
        (self.published - self.since + ROUND / 2) / ROUND
    }

    /// One was sent: whether it can be right.
    pub fn sent(&mut self, by_event: bool) -> bool {
        self.sent += 1;
        if by_event {
            return self.sent <= self.allowed + self.rounds();
        }
        self.off = match self.off {
            Off::Written => Off::Dated,
            Off::Dated => {
                self.allowed = self.published;
                Off::Counted
            }
            other => other,
        };
        self.off != Off::Counted || self.sent <= self.allowed
    }
}
