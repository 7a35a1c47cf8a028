// SPDX-License-Identifier: GPL-2.0

//! A device that stopped working is reset and set up again, as it was; or given up. A device that is
//! stopped for a while, because the system sleeps or its function is reset, goes the same way, in two
//! steps.
//!
//! Packets that it had are lost, as networks lose them. What it was told of addresses, VLANs, receive
//! modes, pairs of queues and offloads it is told again.

use core::mem;

use kernel::{
    fmt,
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        Arc,
        Mutex, //
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
        device::{
            self,
            Attempts,
            Cause,
            Live, //
        },
        transport::Quiesced,
    },
};

/// A device that is up, and what it was through.
pub(crate) struct Held {
    pub(crate) live: Live<Nic>,
    attempts: Attempts,
    /// What [`Nic::progress`] was at the last recovery.
    progress: u64,
    is_given_up: bool,
    /// Stopped for a while.
    is_paused: bool,
}

impl Held {
    pub(crate) fn new(live: Live<Nic>) -> Self {
        Self {
            live,
            attempts: Attempts::new(),
            progress: 0,
            is_given_up: false,
            is_paused: false,
        }
    }

    /// What there is to do something about, if there is.
    fn cause(&self) -> Option<Cause> {
        if self.is_given_up || self.is_paused {
            return None;
        }
        let nic = self.live.events();
        let late = (nic.stuck.load(Relaxed) != 0).then_some("send");
        Cause::of(&self.live, nic.link.is_broken(), late)
    }

    /// Stops the device for a while. Packets that it had are lost; no others come until it
    /// [proceeds](Self::proceed).
    ///
    /// # Errors
    ///
    /// `EBUSY` if the device does not let go of its buffers.
    pub(crate) fn pause(&mut self, rtnl: &Rtnl<'_>) -> Result {
        if self.is_given_up || self.is_paused {
            return Ok(());
        }
        let nic = self.live.events().clone();
        nic.withdraw(rtnl);
        let proof = self.live.reset().ok_or(EBUSY)?;
        nic.take_back(&proof);
        self.is_paused = true;
        Ok(())
    }

    /// Starts a device again that was stopped for a while. It may have lost its state since, and
    /// others may have used it. One that was given up before stays so, and is told.
    pub(crate) fn proceed(&mut self, rtnl: &Rtnl<'_>) {
        if self.is_given_up {
            self.live.tell_failed();
            return;
        }
        if !mem::take(&mut self.is_paused) {
            return;
        }
        let nic = self.live.events().clone();
        let result = match self.live.reset() {
            Some(proof) => self.revive(&nic, &proof, rtnl),
            None => Err(Hopeless::KeepsMemory),
        };
        if let Err(why) = result {
            dev_err!(
                self.live.pdev(),
                "the device cannot be set up again; it is given up: {}\n",
                why
            );
            self.give_up(rtnl);
        }
    }

    /// Sets up a device that was reset, and from which everything was taken back, as it was.
    fn revive(&mut self, nic: &Nic, proof: &Quiesced, rtnl: &Rtnl<'_>) -> Result<(), Hopeless> {
        if !nic.restart(proof) {
            return Err(Hopeless::KeepsMemory);
        }
        self.live.set_up_again(proof)?;
        nic.stuck.store(0, Relaxed);
        nic.link.release();
        self.live.driver_ok();
        nic.replay(rtnl)?;
        nic.come_back(rtnl)?;
        Ok(())
    }

    /// Stops a device that will not work again.
    fn give_up(&mut self, rtnl: &Rtnl<'_>) {
        self.live.events().withdraw(rtnl);
        self.live.fail();
        self.stop();
    }

    /// Stops the device for good and frees what it had. No poll runs.
    ///
    /// If the device keeps its memory, that is left to it.
    pub(crate) fn stop(&mut self) {
        // Nobody is to set it up again who has heard of something before.
        self.is_given_up = true;
        let nic = self.live.events().clone();
        nic.break_queues();
        if let Some(proof) = self.live.shut_down() {
            nic.take_back(&proof);
        }
    }
}

/// A device until it is taken down for good. Its lock is taken inside the RTNL lock.
pub(crate) type Up = Arc<Mutex<Option<Held>>>;

/// Why the interface of a card does not come up again.
struct Interface(Error);

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the interface does not come up: {:?}", self.0)
    }
}

/// Why a card is given up.
type Hopeless = device::Hopeless<Interface>;

impl From<Error> for Hopeless {
    fn from(error: Error) -> Self {
        Self::Driver(Interface(error))
    }
}

/// Looks after a device of which something was heard: a queue broke, the configuration changed, a
/// queue has not sent for long.
pub(crate) struct Rescue {
    pub(crate) up: Up,
}

impl Task for Rescue {
    fn run(&self) {
        // Most of what is heard of is no reason to wait for the lock of all networking.
        let has_cause = |held: &Held| held.cause().is_some();
        if !self.up.lock().as_ref().is_some_and(has_cause) {
            return;
        }
        with_rtnl(|rtnl| {
            if let Some(held) = &mut *self.up.lock() {
                look_after(held, rtnl);
            }
        });
    }
}

fn look_after(held: &mut Held, rtnl: &Rtnl<'_>) {
    let Some(cause) = held.cause() else {
        return;
    };
    let nic = held.live.events().clone();
    nic.withdraw(rtnl);
    match recover(held, &nic, cause, rtnl) {
        Ok(()) => {
            dev_warn!(
                held.live.pdev(),
                "{}; it was reset and works again\n",
                cause
            );
        }
        Err(why) => {
            dev_err!(held.live.pdev(), "{}; it is given up: {}\n", cause, why);
            held.give_up(rtnl);
        }
    }
}

/// Resets the device and sets it up again. No packet comes in meanwhile, and no poll runs.
fn recover(held: &mut Held, nic: &Nic, cause: Cause, rtnl: &Rtnl<'_>) -> Result<(), Hopeless> {
    if cause == Cause::Gone {
        return Err(Hopeless::Gone);
    }
    let progress = nic.progress();
    if !held.attempts.may_try(progress != held.progress) {
        return Err(Hopeless::TooOften);
    }
    held.progress = progress;

    let proof = held.live.reset().ok_or(Hopeless::KeepsMemory)?;
    nic.take_back(&proof);
    held.revive(nic, &proof, rtnl)
}
