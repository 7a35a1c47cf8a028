// SPDX-License-Identifier: GPL-2.0

//! Why a device is rescued, why it is given up, and how often that is tried.

use kernel::{
    fmt,
    time::{
        Instant,
        Monotonic, //
    }, //
};

use super::{
    Changed,
    Events,
    Live, //
};
use crate::virtio::core::recovery::Recoveries;

/// What happened to a device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It was unplugged: its registers read as ones.
    Gone,
    /// It has set NEEDS_RESET.
    NeedsReset,
    /// It was reset, or was away, and knows nothing of its driver any more.
    Forgetful,
    /// One of its queues cannot be used any more.
    Broken,
    /// It is late with this: what it does not do, as `answer a request`.
    Late(&'static str),
}

impl Cause {
    /// What there is to do something about, if there is; of several, what rules out most.
    ///
    /// The driver knows whether a queue `is_broken`, and with what the device is `late`.
    pub fn of<E: Events>(
        live: &Live<E>,
        is_broken: bool,
        late: Option<&'static str>,
    ) -> Option<Self> {
        if live.is_gone() {
            Some(Self::Gone)
        } else if live.needs_reset() {
            Some(Self::NeedsReset)
        } else if live.has_forgotten() {
            Some(Self::Forgetful)
        } else if is_broken {
            Some(Self::Broken)
        } else {
            late.map(Self::Late)
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the device is gone"),
            Self::NeedsReset => f.write_str("the device has stopped and asks to be reset"),
            Self::Forgetful => f.write_str("the device has forgotten its driver"),
            Self::Broken => f.write_str("the device has broken a queue"),
            Self::Late(what) => write!(f, "the device does not {what}"),
        }
    }
}

/// Why a device is given up. `D` says what the driver itself may find wrong with it.
pub enum Hopeless<D> {
    /// See [`Cause::Gone`].
    Gone,
    /// See [`Recoveries`].
    TooOften,
    /// The device takes no reset, so that what it was given stays with it.
    KeepsMemory,
    /// It is not what it was.
    Changed(Changed),
    /// The driver cannot work with it.
    Driver(D),
}

impl<D> From<Changed> for Hopeless<D> {
    fn from(changed: Changed) -> Self {
        Self::Changed(changed)
    }
}

impl<D: fmt::Display> fmt::Display for Hopeless<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("nothing is left of it"),
            Self::TooOften => f.write_str("it was reset too often"),
            Self::KeepsMemory => f.write_str("it takes no reset and keeps its buffers"),
            Self::Changed(changed) => fmt::Display::fmt(changed, f),
            Self::Driver(what) => fmt::Display::fmt(what, f),
        }
    }
}

/// The attempts to set up a device again, since it was bound.
pub struct Attempts {
    recoveries: Recoveries,
    since: Instant<Monotonic>,
}

impl Attempts {
    /// None yet: the device was just bound.
    pub fn new() -> Self {
        Self {
            recoveries: Recoveries::new(),
            since: Instant::now(),
        }
    }

    /// Counts one more, if [`Recoveries::may_try`] lets it.
    pub fn may_try(&mut self, progress: bool) -> bool {
        // CAST: A time since the device was bound is not negative.
        let now = self.since.elapsed().as_millis() as u64;
        self.recoveries.may_try(now, progress)
    }
}
