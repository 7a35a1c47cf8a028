// SPDX-License-Identifier: GPL-2.0

//! What has become of a device by its faults.

use std::{
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Mutex,
        PoisonError, //
    },
    time::{
        Duration,
        Instant, //
    },
};

use super::{
    table::Kind,
    Blow,
    Faults, //
};

/// How far a device is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gone {
    /// Its configuration space, too.
    all: bool,
    /// None: for good.
    until: Option<Instant>,
}

/// What has become of a device.
#[derive(Debug, Default)]
pub(super) struct Plight {
    frozen: AtomicBool,
    dead: AtomicBool,
    needs_reset: AtomicBool,
    crashed: AtomicBool,
    gone: Mutex<Option<Gone>>,
}

impl Plight {
    fn gone(&self) -> Option<Gone> {
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fault strikes that lasts.
    pub(super) fn begin(&self, blow: &Blow) {
        let flag = match blow.kind {
            Kind::Freeze => &self.frozen,
            Kind::Dead => &self.dead,
            Kind::Crash => &self.crashed,
            Kind::NeedsReset => {
                self.frozen.fetch_or(blow.value == 0, Ordering::AcqRel);
                &self.needs_reset
            }
            kind => {
                let until = (blow.value != 0)
                    .then(|| Instant::now().checked_add(Duration::from_millis(blow.value)))
                    .flatten();
                *self.gone.lock().unwrap_or_else(PoisonError::into_inner) = Some(Gone {
                    all: kind == Kind::Vanish,
                    until,
                });
                return;
            }
        };
        flag.store(true, Ordering::Release);
    }

    /// Whether the device takes nothing from its queues.
    pub(super) fn is_stopped(&self) -> bool {
        let set = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        set(&self.frozen) || set(&self.dead) || set(&self.crashed) || self.gone().is_some()
    }
}

impl Faults {
    /// Whether the device takes nothing from its queues for now.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.any() && self.plight.is_stopped()
    }

    /// Whether NEEDS_RESET is set.
    pub fn needs_reset(&self) -> bool {
        self.plight.needs_reset.load(Ordering::Acquire)
    }

    /// Whether the process seems to be gone; it is back when this was asked.
    pub fn takes_crash(&self) -> bool {
        self.plight.crashed.swap(false, Ordering::AcqRel)
    }

    /// Whether the registers, or with `all` the configuration space, read as ones.
    pub fn is_gone(&self, all: bool) -> bool {
        self.any() && self.plight.gone().is_some_and(|gone| gone.all || !all)
    }

    /// Whether the device has been away long enough; it is as after power-on then.
    pub fn comes_back(&self) -> bool {
        let mut gone = self
            .plight
            .gone
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let back = gone
            .and_then(|gone| gone.until)
            .is_some_and(|until| Instant::now() >= until);
        if back {
            *gone = None;
        }
        back
    }

    /// The device is reset.
    pub fn reset(&self) {
        self.plight.frozen.store(false, Ordering::Release);
        self.plight.needs_reset.store(false, Ordering::Release);
        self.forget_entries();
    }
}
