// SPDX-License-Identifier: GPL-2.0

//! The device's side of a legacy split virtqueue (VIRTIO 1.3, section 2.7).
//!
//! Written from the specification, separately from the drivers' queue, so that a misreading of one
//! does not hide in the other. Everything in memory is the guest's to change at any time: each
//! field is read once and checked, and what the queue needs to remember it keeps for itself.

mod chain;
mod ring;
#[cfg(test)]
mod tests;
mod violation;
mod watch;
mod wrongly;

pub use chain::{
    Chain,
    Segments, //
};
pub use ring::Ring;
pub use violation::Violation;
pub use watch::{
    Hold,
    Piece,
    Progress,
    Table,
    Watch,
    Wish, //
};

use crate::{
    memory::{
        full_barrier,
        read_barrier,
        write_barrier,
        View, //
    },
    virtio::features, //
};

/// `avail.flags`: the driver wants no interrupts.
const NO_INTERRUPT: u16 = 1;
/// `used.flags`: the device wants no notifications.
const NO_NOTIFY: u16 = 1;

/// A queue that the driver has set up.
pub struct Queue {
    ring: Ring,
    features: u32,
    /// The available index of the next chain to take.
    taken: u16,
    /// The used index, as the driver sees it.
    used: u16,
    /// Chains taken and not given back.
    in_flight: u16,
    /// The used index at the last decision about an interrupt; None before the first.
    signalled: Option<u16>,
    /// Whether chains were given back since that decision.
    undecided: bool,
    /// Told of everything, if there is anybody.
    watch: Option<Watch>,
}

impl Queue {
    /// A queue of `size` entries, a power of two, in page frame `pfn`.
    pub fn new(pfn: u32, size: u16, features: u32) -> Self {
        Self {
            ring: Ring::new(pfn, size),
            features,
            taken: 0,
            used: 0,
            in_flight: 0,
            signalled: None,
            undecided: false,
            watch: None,
        }
    }

    /// The same queue, which tells `watch` what happens.
    #[must_use]
    pub fn watched(mut self, watch: Option<Watch>) -> Self {
        if let Some(watch) = &watch {
            watch.progress.begin(Some(self.ring));
        }
        self.watch = watch;
        self
    }

    /// The driver has accepted these features.
    pub fn set_features(&mut self, features: u32) {
        self.features = features;
    }

    fn has(&self, feature: features::Features) -> bool {
        self.features & feature.bits() != 0
    }

    /// Whether everything that the driver has made available is taken.
    ///
    /// # Errors
    ///
    /// When the ring is not in memory any more.
    pub fn is_empty(&self, view: &View<'_>) -> Result<bool, Violation> {
        Ok(self.ring.avail_index(view)? == self.taken)
    }

    /// The next chain that the driver has made available.
    ///
    /// # Errors
    ///
    /// When the driver has broken a rule of the ring or of the chain.
    pub fn take<'v>(&mut self, view: &'v View<'_>) -> Result<Option<Chain<'v>>, Violation> {
        let available = self.ring.avail_index(view)?;
        let ahead = available.wrapping_sub(self.taken);
        if ahead > self.ring.size() {
            return Err(Violation::AvailIndex { ahead });
        }
        if ahead == 0 {
            return Ok(None);
        }
        // ORDERING: Pairs with the driver's barrier between writing the entry and the index.
        read_barrier();
        let head = self.ring.avail_entry(view, self.taken)?;
        let mut chain = Chain::new(head, self.watch.is_some());
        chain.walk(view, &self.ring, self.has(features::INDIRECT_DESC))?;
        if let Some(watch) = &self.watch {
            watch.chain(self.taken, available, &chain);
        }
        self.taken = self.taken.wrapping_add(1);
        self.in_flight = self.in_flight.wrapping_add(1);
        Ok(Some(chain))
    }

    /// Puts back the last `count` chains that were taken, as if they had not been.
    pub fn put_back(&mut self, count: u16) {
        self.taken = self.taken.wrapping_sub(count);
        self.in_flight = self.in_flight.wrapping_sub(count);
        if let Some(watch) = &self.watch {
            watch.put_back(count, self.taken);
        }
    }

    /// Gives chains back, all at once: the head of each and how many of its first writable bytes the
    /// device has written.
    ///
    /// # Errors
    ///
    /// When the ring is not in memory any more.
    pub fn give(&mut self, view: &View<'_>, chains: &[(u16, u32)]) -> Result<(), Violation> {
        for (head, written) in chains {
            self.ring
                .write_used_entry(view, self.used, (*head).into(), *written)?;
            if let Some(watch) = &self.watch {
                watch.done(self.used, *head, *written);
            }
            self.used = self.used.wrapping_add(1);
            self.in_flight = self.in_flight.wrapping_sub(1);
        }
        // ORDERING: The entries and the data before the index; pairs with the driver's barrier
        // between reading the index and the entries.
        write_barrier();
        self.ring.write_used_index(view, self.used)?;
        self.undecided = true;
        Ok(())
    }

    /// Where the parts of its ring are.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Whether the driver is to be interrupted for what was given back since the last question.
    ///
    /// # Errors
    ///
    /// When the ring is not in memory any more.
    pub fn wants_interrupt(&mut self, view: &View<'_>) -> Result<bool, Violation> {
        if !std::mem::take(&mut self.undecided) {
            return Ok(false);
        }
        // ORDERING: The used index is out before the driver's wish is read; pairs with the driver's
        // barrier between its wish and its last look at the used index.
        full_barrier();
        let before = self.signalled.replace(self.used);
        let empty = self.in_flight == 0 && self.is_empty(view)?;
        if empty && self.has(features::NOTIFY_ON_EMPTY) {
            return Ok(true);
        }
        let hold = if self.has(features::EVENT_IDX) {
            let event = self.ring.used_event(view)?;
            let passed = before.is_none_or(|before| passes(event, before, self.used));
            (!passed).then_some(Hold::Event(event))
        } else {
            let unwanted = self.ring.avail_flags(view)? & NO_INTERRUPT != 0;
            unwanted.then_some(Hold::Flags)
        };
        if let (Some(watch), Some(hold)) = (&self.watch, hold) {
            watch.held(hold);
        }
        Ok(hold.is_none())
    }

    /// Tells who watches what is about to be said about notifications.
    fn wish(&self, wish: Wish) {
        if let Some(watch) = &self.watch {
            watch.wish(wish);
        }
    }

    /// Asks the driver not to notify while chains are being taken anyway.
    ///
    /// With the event index nothing has to be said: the event stays behind.
    ///
    /// # Errors
    ///
    /// When the ring is not in memory any more.
    pub fn suppress_notifications(&self, view: &View<'_>) -> Result<(), Violation> {
        if self.has(features::EVENT_IDX) {
            return Ok(());
        }
        self.wish(Wish::Off);
        self.ring.write_used_flags(view, NO_NOTIFY)
    }

    /// Asks the driver to notify of the next chain. Returns true when one is there already.
    ///
    /// # Errors
    ///
    /// When the ring is not in memory any more.
    pub fn enable_notifications(&self, view: &View<'_>) -> Result<bool, Violation> {
        if self.has(features::EVENT_IDX) {
            self.wish(Wish::At(self.taken));
            self.ring.write_avail_event(view, self.taken)?;
        } else {
            self.wish(Wish::On);
            self.ring.write_used_flags(view, 0)?;
        }
        // ORDERING: The wish is out before the last look at the available index; pairs with the
        // driver's barrier between its index and its look at the wish.
        full_barrier();
        Ok(!self.is_empty(view)?)
    }
}

/// Whether the entry that `event` asks about is among those from `before` up to `now`.
fn passes(event: u16, before: u16, now: u16) -> bool {
    event.wrapping_sub(before) < now.wrapping_sub(before)
}
