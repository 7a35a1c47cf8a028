// SPDX-License-Identifier: GPL-2.0

//! One go at a queue: chains are taken and given back, the driver is interrupted as it wishes.

use std::{
    thread,
    time::{
        Duration,
        Instant, //
    },
};

use super::{
    device::Device,
    profile::Profile, //
};
use crate::{
    fault::{
        Faults,
        Kind, //
    },
    memory::View,
    observe::Event,
    queue::{
        Chain,
        Queue,
        Violation, //
    },
};

/// Between two interrupts of a storm: no thread is to starve by it.
const STORM_PAUSE: Duration = Duration::from_micros(10);

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
        if self.strikes(Kind::InterruptSpurious) {
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
        if self.device.faults().is_stopped() {
            return Ok(None);
        }
        loop {
            if let Some(chain) = self.queue.take(self.view)? {
                if self.device.faults().any() && !self.goes_on() {
                    self.queue.put_back(1);
                    return Ok(None);
                }
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
            if self.strikes(Kind::NotifyUnwanted) {
                self.queue.want_nothing(self.view)?;
                return Ok(None);
            }
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
        self.give_listed(&[(chain.head, written)], chain.list());
    }

    /// Gives chains back for the driver to see all at once, each by its head, likewise.
    pub fn give_all(&mut self, chains: &[(u16, u32)]) {
        self.give_listed(chains, None);
    }

    /// The same, for a chain with an indirect table.
    fn give_listed(&mut self, chains: &[(u16, u32)], list: Option<(u64, u64)>) {
        let outcome = if self.device.faults().any() {
            self.give_wrongly(chains, list)
        } else {
            self.queue.give(self.view, chains)
        };
        self.judge(outcome);
    }

    fn give_wrongly(
        &mut self,
        chains: &[(u16, u32)],
        list: Option<(u64, u64)>,
    ) -> Result<(), Violation> {
        let faults = self.device.faults();
        if let Some(millis) = faults.value(Kind::Stall, self.index) {
            self.wait(Duration::from_millis(millis));
        }
        faults.scribble(self.index, self.view, self.queue.ring(), list);
        let given = faults.given(self.index, self.queue.ring().size(), chains);
        self.queue.give_wrongly(self.view, chains.len(), &given)
    }

    /// A chain was taken; whether the device goes on after that.
    fn goes_on(&self) -> bool {
        let faults = self.device.faults();
        let told = faults.needs_reset();
        let goes_on = faults.goes_on(self.index);
        if !told && faults.needs_reset() || self.strikes(Kind::ConfigInterrupt) {
            self.device.signals().config();
        }
        if let Some(millis) = faults.value(Kind::InterruptStorm, self.index) {
            self.storm(Some(self.index), millis);
        }
        if let Some(millis) = faults.value(Kind::ConfigStorm, self.index) {
            self.storm(None, millis);
        }
        goes_on
    }

    /// Interrupts without a pause while everything else goes on.
    fn storm(&self, queue: Option<u16>, millis: u64) {
        let signals = self.device.signals().clone();
        let end = Instant::now() + Duration::from_millis(millis);
        thread::spawn(move || {
            while Instant::now() < end {
                match queue {
                    Some(index) => signals.queue(index),
                    None => signals.config(),
                }
                thread::sleep(STORM_PAUSE);
            }
        });
    }

    /// Waits, unless somebody needs the queue.
    pub fn wait(&self, time: Duration) {
        self.repeat(time, || thread::sleep(Duration::from_millis(1)));
    }

    /// Does something again and again, unless somebody needs the queue.
    pub fn repeat(&self, time: Duration, act: impl Fn()) {
        let end = Instant::now() + time;
        while Instant::now() < end && !self.device.is_wanted(self.index) {
            act();
        }
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
        if self.judge(outcome) != Some(true) || self.strikes(Kind::InterruptLost) {
            return;
        }
        if self.strikes(Kind::InterruptWrong) {
            self.device.signals().config();
        } else {
            self.device.signals().queue(self.index);
        }
    }

    /// Whether the device does something wrong on this occasion.
    pub fn strikes(&self, kind: Kind) -> bool {
        self.device.faults().strike(kind, self.index)
    }

    /// The value of what it does wrong on this occasion, if it does.
    pub fn value(&self, kind: Kind) -> Option<u64> {
        self.device.faults().value(kind, self.index)
    }

    /// What the device does wrong on purpose.
    pub fn faults(&self) -> &'a Faults {
        self.device.faults()
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
