// SPDX-License-Identifier: GPL-2.0

//! One go at a queue: chains are taken and given back, the driver is interrupted as it wishes.

use super::{
    device::Device,
    profile::Profile, //
};
use crate::{
    fault,
    memory::View,
    observe::Event,
    queue::{
        Chain,
        Queue,
        Violation, //
    },
};

/// Why a go at a queue has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// Somebody else needs the queue or the memory: there may be more to do.
    Wanted,
    /// The queue is empty, and the driver was not asked to notify.
    Empty,
    /// There is nothing to do until the bell rings.
    Done,
}

/// A queue that is being worked on, by one thread.
pub struct Service<'a, 'v> {
    device: &'a Device,
    index: u16,
    queue: &'a mut Queue,
    view: &'v View<'v>,
    /// Notifications are held back while chains are being taken.
    suppressed: bool,
    /// The driver is asked to notify when the queue is empty.
    asks: bool,
    /// Why it ends.
    pause: Pause,
}

impl<'a, 'v> Service<'a, 'v> {
    pub(super) fn new(
        device: &'a Device,
        index: u16,
        queue: &'a mut Queue,
        view: &'v View<'v>,
        asks: bool,
    ) -> Self {
        Self {
            device,
            index,
            queue,
            view,
            suppressed: false,
            asks,
            pause: Pause::Done,
        }
    }

    /// Begins the go.
    pub(super) fn begin(&self) {
        if self.strikes(fault::Kind::InterruptSpurious) {
            self.device.signals().queue(self.index);
        }
    }

    /// The next chain; None when there is none, or when it is time to pause.
    #[expect(
        clippy::should_implement_trait,
        reason = "it is not an iterator: chains are given back in between"
    )]
    pub fn next(&mut self) -> Option<Chain<'v>> {
        if self.device.is_broken() {
            return None;
        }
        if self.device.is_wanted(self.index) {
            self.pause = Pause::Wanted;
            return None;
        }
        let outcome = self.look();
        self.judge(outcome).flatten()
    }

    fn look(&mut self) -> Result<Option<Chain<'v>>, Violation> {
        loop {
            if let Some(chain) = self.queue.take(self.view)? {
                if !std::mem::replace(&mut self.suppressed, true) {
                    self.queue.suppress_notifications(self.view)?;
                }
                return Ok(Some(chain));
            }
            if !self.asks {
                self.pause = Pause::Empty;
                return Ok(None);
            }
            self.suppressed = false;
            if !self.queue.enable_notifications(self.view)? {
                return Ok(None);
            }
        }
    }

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        self.device.observers().any()
    }

    /// Tells who watches of an event in this queue, by its number.
    pub fn observe<'e>(&self, event: impl FnOnce(u16) -> Event<'e>) {
        self.device.observers().see(|| event(self.index));
    }

    /// The device's habits.
    pub fn profile(&self) -> &'static Profile {
        self.device.profile()
    }

    /// Gives a chain back; the device has written its first `written` writable bytes.
    pub fn give(&mut self, chain: Chain<'v>, written: u32) {
        let lie = u16::from(self.strikes(fault::Kind::UsedId)) << 15;
        self.give_all(&[(chain.head | lie, written)]);
    }

    /// The device stops, and asks to be reset.
    pub fn ask_for_reset(&self) {
        self.device.ask_for_reset();
    }

    /// The device is not there any more.
    pub fn vanish(&self) {
        self.device.vanish();
    }

    /// Gives chains back for the driver to see all at once, each by its head, likewise.
    pub fn give_all(&mut self, chains: &[(u16, u32)]) {
        let outcome = self.queue.give(self.view, chains);
        self.judge(outcome);
    }

    /// Puts back the last `count` chains that were taken; they will be the next again.
    pub fn put_back(&mut self, count: u16) {
        self.queue.put_back(count);
    }

    /// Interrupts the driver now, if it wants to be, and not only at the end.
    ///
    /// To be called before work that takes long.
    pub fn interrupt(&mut self) {
        let outcome = self.queue.wants_interrupt(self.view);
        if self.judge(outcome) == Some(true) && !self.strikes(fault::Kind::InterruptLost) {
            self.device.signals().queue(self.index);
        }
    }

    /// Whether the device does something wrong on this occasion.
    pub fn strikes(&self, kind: fault::Kind) -> bool {
        self.device.faults().strike(kind, self.index)
    }

    /// The driver has broken a rule of the device: everything stops until the next reset.
    pub fn violate(&mut self, violation: Violation) {
        self.judge::<()>(Err(violation));
    }

    fn judge<T>(&self, outcome: Result<T, Violation>) -> Option<T> {
        outcome
            .map_err(|violation| self.device.break_by(self.index, violation))
            .ok()
    }

    /// Ends the go; returns why.
    pub(super) fn finish(mut self) -> Pause {
        self.interrupt();
        self.pause
    }
}
