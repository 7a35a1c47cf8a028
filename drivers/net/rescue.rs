// SPDX-License-Identifier: GPL-2.0

//! A device that stopped working is reset and set up again, as it was; or given up.
//!
//! Packets that it had are lost, as networks lose them. What it was told of addresses, VLANs, receive
//! modes, pairs of queues and offloads it is told again.

use kernel::{
    fmt,
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        Arc,
        Mutex, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};

use crate::{
    kernel_ext::{
        net::rtnl::{
            with_rtnl,
            Rtnl, //
        },
        workqueue::Task, //
    },
    nic::Nic,
    virtio::{
        core::recovery::Recoveries,
        device::{
            Changed,
            Live, //
        },
    },
};

/// A device that is up, and what it was through.
pub(crate) struct Held {
    pub(crate) live: Live<Nic>,
    recoveries: Recoveries,
    /// What [`Nic::progress`] was at the last recovery.
    progress: u64,
    given_up: bool,
}

impl Held {
    pub(crate) fn new(live: Live<Nic>) -> Self {
        Self {
            live,
            recoveries: Recoveries::new(),
            progress: 0,
            given_up: false,
        }
    }

    /// Stops the device for good and frees what it had. No poll runs.
    ///
    /// If the device keeps its memory, that is left to it.
    pub(crate) fn stop(&mut self) {
        let nic = self.live.events().clone();
        nic.break_queues();
        if let Some(proof) = self.live.shut_down() {
            nic.take_back(&proof);
        }
    }
}

/// A device until it is taken down for good. Its lock is taken inside the RTNL lock.
pub(crate) type Up = Arc<Mutex<Option<Held>>>;

/// What happened to a device.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Gone,
    NeedsReset,
    Broken,
    Stuck,
}

impl Cause {
    /// What there is to do something about, if there is.
    fn of(live: &Live<Nic>) -> Option<Self> {
        let nic = live.events();
        if live.is_gone() {
            Some(Self::Gone)
        } else if live.needs_reset() {
            Some(Self::NeedsReset)
        } else if nic.link.is_broken() {
            Some(Self::Broken)
        } else {
            (nic.stuck.load(Relaxed) != 0).then_some(Self::Stuck)
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the device is gone",
            Self::NeedsReset => "the device has stopped and asks to be reset",
            Self::Broken => "the device has broken a queue",
            Self::Stuck => "the device does not send",
        })
    }
}

/// Why a device is given up.
enum Hopeless {
    Gone,
    TooOften,
    KeepsMemory,
    Changed(Changed),
    Interface(Error),
}

impl From<Changed> for Hopeless {
    fn from(changed: Changed) -> Self {
        Self::Changed(changed)
    }
}

impl From<Error> for Hopeless {
    fn from(error: Error) -> Self {
        Self::Interface(error)
    }
}

impl fmt::Display for Hopeless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("nothing is left of it"),
            Self::TooOften => f.write_str("it was reset too often"),
            Self::KeepsMemory => f.write_str("it takes no reset and keeps its buffers"),
            Self::Changed(changed) => fmt::Display::fmt(changed, f),
            Self::Interface(error) => write!(f, "the interface does not come up: {error:?}"),
        }
    }
}

/// Looks after a device of which something was heard: a queue broke, the configuration changed, a
/// queue has not sent for long.
pub(crate) struct Rescue {
    pub(crate) up: Up,
    pub(crate) since: Instant<Monotonic>,
}

impl Task for Rescue {
    fn run(&self) {
        // Most of what is heard of is no reason to wait for the lock of all networking.
        let has_cause = |held: &Held| !held.given_up && Cause::of(&held.live).is_some();
        if !self.up.lock().as_ref().is_some_and(has_cause) {
            return;
        }
        with_rtnl(|rtnl| {
            if let Some(held) = &mut *self.up.lock() {
                self.look_after(held, rtnl);
            }
        });
    }
}

impl Rescue {
    fn look_after(&self, held: &mut Held, rtnl: &Rtnl<'_>) {
        let Some(cause) = Cause::of(&held.live).filter(|_| !held.given_up) else {
            return;
        };
        let nic = held.live.events().clone();
        nic.link.hold();
        nic.stop_polls(rtnl);
        nic.dev.detach(rtnl);
        nic.break_queues();
        match self.recover(held, &nic, cause, rtnl) {
            Ok(()) => {
                dev_warn!(
                    held.live.pdev(),
                    "{}; it was reset and works again\n",
                    cause
                );
            }
            Err(why) => {
                dev_err!(held.live.pdev(), "{}; it is given up: {}\n", cause, why);
                nic.link.hold();
                nic.stop_polls(rtnl);
                nic.dev.detach(rtnl);
                held.given_up = true;
                held.live.fail();
                held.stop();
            }
        }
    }

    /// Resets the device and sets it up again. No packet comes in meanwhile, and no poll runs.
    fn recover(
        &self,
        held: &mut Held,
        nic: &Nic,
        cause: Cause,
        rtnl: &Rtnl<'_>,
    ) -> Result<(), Hopeless> {
        if cause == Cause::Gone {
            return Err(Hopeless::Gone);
        }
        let progress = nic.progress();
        // CAST: A time since the device was bound is not negative.
        let now = self.since.elapsed().as_millis() as u64;
        if !held.recoveries.may_try(now, progress != held.progress) {
            return Err(Hopeless::TooOften);
        }
        held.progress = progress;

        let proof = held.live.reset().ok_or(Hopeless::KeepsMemory)?;
        nic.take_back(&proof);
        if !nic.restart(&proof) {
            return Err(Hopeless::KeepsMemory);
        }
        held.live.set_up_again(&proof)?;
        nic.stuck.store(0, Relaxed);
        nic.link.release();
        held.live.driver_ok();
        nic.replay(rtnl)?;
        if nic.dev.is_running() {
            nic.start_polls(rtnl)?;
            nic.dev.attach(rtnl);
            nic.link.update();
        } else {
            nic.dev.attach(rtnl);
        }
        Ok(())
    }
}
