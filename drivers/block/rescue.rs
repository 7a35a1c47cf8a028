// SPDX-License-Identifier: GPL-2.0

//! A device that stopped working is reset and set up again, with the requests that it had; or given
//! up. A device that is stopped for a while, because the system sleeps or its function is reset, goes
//! the same way, in two steps.
//!
//! # Why requests may be sent once more
//!
//! A request is sent again only if its end was never told to the block layer, and only after a
//! reset, when the device does nothing more about the first one. The device may have done all of
//! it, a part or nothing:
//!
//! - Doing the whole of it again leaves the same behind: data is read, written, zeroed or discarded
//!   at the same place, from and to the same memory, which is lent until the request ends.
//! - Another request for the same sectors, in between, can only be one that was in flight at the
//!   same time. Who wants an order among requests waits for the end of the first before sending the
//!   second; the block layer promises none among those that have not ended.
//! - A flush vouches for writes that had ended before it was sent. Those are not repeated, and are
//!   the device's still: a reset is no loss of power. The flush ends only when the device has done
//!   it after the reset.
//!
//! What keeps killing its device is failed in the end: see [`MOST_REPLAYS`] and [`Attempts`].

use kernel::{
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

use crate::{
    kernel_ext::{
        block::mq::{
            BlkStatus,
            Quiet,
            Request,
            TagSet, //
        },
        workqueue::Task, //
    },
    queues::Queues,
    resize::Place,
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

/// Why a disk is given up.
type Hopeless = device::Hopeless<&'static str>;

/// How often a request is sent again before it fails.
const MOST_REPLAYS: u32 = 3;

/// A device that is up, and what it was through.
pub(crate) struct Held {
    pub(crate) live: Live<Queues>,
    attempts: Attempts,
    /// Requests are kept away while the device is stopped for a while.
    paused: Option<Quiet<Queues>>,
}

impl Held {
    pub(crate) fn new(live: Live<Queues>) -> Self {
        Self {
            live,
            attempts: Attempts::new(),
            paused: None,
        }
    }

    /// Whether the device is stopped for a while.
    fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Stops the device for a while. The requests that it had are sent again when it
    /// [proceeds](Self::proceed), and others wait until then.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the device does not let go of its requests.
    pub(crate) fn pause(&mut self, tag_set: &Arc<TagSet<Queues>>) -> Result {
        let queues = self.live.events().clone();
        if self.is_paused() || queues.is_given_up() {
            return Ok(());
        }
        let quiet = tag_set.quiesce();
        queues.drain_all();
        queues.break_all();
        let proof = self.live.reset().ok_or(EBUSY)?;
        queues.take_back(&proof, Request::requeue);
        self.paused = Some(quiet);
        Ok(())
    }

    /// Starts a device again that was stopped for a while. It may have lost its state since, and
    /// others may have used it. One that was given up before stays so, and is told.
    pub(crate) fn proceed(&mut self) {
        let quiet = self.paused.take();
        let queues = self.live.events().clone();
        if queues.is_given_up() {
            self.live.tell_failed();
            return;
        }
        if quiet.is_none() {
            return;
        }
        let result = match self.live.reset() {
            Some(proof) => self.revive(&queues, &proof),
            None => Err(Hopeless::KeepsMemory),
        };
        if let Err(why) = result {
            dev_err!(
                self.live.pdev(),
                "the device cannot be set up again; it is given up: {}\n",
                why
            );
            self.give_up();
        }
    }

    /// Sets up a device that was reset, and from which everything was taken back.
    fn revive(&mut self, queues: &Queues, proof: &Quiesced) -> Result<(), Hopeless> {
        if !queues.restart(proof) {
            return Err(Hopeless::KeepsMemory);
        }
        self.live.set_up_again(proof)?;
        self.live.driver_ok();
        if !queues.restore_cache_mode() {
            return Err(Hopeless::Driver("it keeps writes in a cache again"));
        }
        Ok(())
    }

    /// Stops a device that will not work again.
    fn give_up(&mut self) {
        self.live.fail();
        self.stop();
    }

    /// Stops the device for good and fails the requests that it had; those that come later fail,
    /// too.
    ///
    /// If the device keeps its memory, it keeps the requests: their data must not be used for
    /// anything else.
    pub(crate) fn stop(&mut self) {
        self.live.events().give_up();
        if let Some(proof) = self.live.shut_down() {
            self.live
                .events()
                .take_back(&proof, |request| request.complete(BlkStatus::IO_ERROR));
        }
    }
}

/// A device until it is taken down for good.
pub(crate) type Up = Arc<Mutex<Option<Held>>>;

/// What became of the requests that a device had.
#[derive(Default)]
struct Outcome {
    replayed: u32,
    failed: u32,
}

impl Outcome {
    /// Sends a request again, when requests are let in, or fails it.
    fn add(&mut self, request: Request) {
        let replays = crate::module_parameters::on_timeout.value() == 0;
        if replays && request.requeued() < MOST_REPLAYS {
            self.replayed += 1;
            request.requeue();
        } else {
            self.failed += 1;
            request.complete(BlkStatus::IO_ERROR);
        }
    }
}

/// Looks after a device of which something was heard: a queue broke, the configuration changed, a
/// request took too long.
///
/// Runs where memory may be waiting to be written out to the disk: nothing is allocated.
pub(crate) struct Rescue {
    pub(crate) up: Up,
    pub(crate) place: Arc<Place>,
    pub(crate) tag_set: Arc<TagSet<Queues>>,
}

impl Task for Rescue {
    fn run(&self) {
        let mut up = self.up.lock();
        let Some(held) = &mut *up else {
            return;
        };
        let queues = held.live.events().clone();
        if held.is_paused() || queues.is_given_up() {
            return;
        }
        let late = queues.take_overdue().then_some("answer a request");
        let Some(cause) = Cause::of(&held.live, queues.any_broken(), late) else {
            return;
        };

        let quiet = self.tag_set.quiesce();
        let result = self.recover(held, &queues, cause);
        self.conclude(held, cause, result, quiet);
        drop(up);

        if cause == Cause::Gone {
            self.place.mark_dead();
        } else {
            queues.look_at_capacity();
        }
    }
}

impl Rescue {
    /// Resets the device and sets it up again. No requests come in meanwhile.
    fn recover(&self, held: &mut Held, queues: &Queues, cause: Cause) -> Result<Outcome, Hopeless> {
        // What is done is done, with or without an interrupt.
        queues.drain_all();
        queues.break_all();
        if cause == Cause::Gone {
            return Err(Hopeless::Gone);
        }
        if !held.attempts.may_try(queues.take_progress()) {
            return Err(Hopeless::TooOften);
        }

        let proof = held.live.reset().ok_or(Hopeless::KeepsMemory)?;
        let mut outcome = Outcome::default();
        queues.take_back(&proof, |request| outcome.add(request));
        // Whoever was late is not with the device any more.
        queues.take_overdue();
        held.revive(queues, &proof)?;
        Ok(outcome)
    }

    /// Says what happened, and lets requests in again: to the device, or to their failure.
    fn conclude(
        &self,
        held: &mut Held,
        cause: Cause,
        result: Result<Outcome, Hopeless>,
        quiet: Quiet<Queues>,
    ) {
        match result {
            Ok(Outcome { replayed, failed }) => dev_warn!(
                held.live.pdev(),
                "{}; it was reset and works again, {} requests sent again, {} failed\n",
                cause,
                replayed,
                failed
            ),
            Err(why) => {
                dev_err!(held.live.pdev(), "{}; it is given up: {}\n", cause, why);
                held.give_up();
            }
        }
        drop(quiet);
    }
}
