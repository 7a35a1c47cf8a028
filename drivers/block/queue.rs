// SPDX-License-Identifier: GPL-2.0

//! The way of a request through a virtqueue: in from the block layer, out in the interrupt or when
//! it is polled for.
//!
//! Each hardware queue of the block layer has a virtqueue, a lock and frames of its own; the
//! queues share nothing that is written. The lock is held while descriptors are written or used
//! entries taken, not while the device is notified or requests are completed.

use core::mem;

use kernel::{
    new_spinlock_irq,
    prelude::*,
    sync::SpinLockIrq, //
};

use crate::{
    kernel_ext::block::mq::{
        BlkStatus,
        Completed,
        CompletionBatch,
        HwQueue,
        Refusal,
        Request, //
    },
    request::{
        self,
        Frame,
        NotPrepared,
        Token, //
    },
    virtio::{
        core::blk::{
            ReadLengths,
            RequestHeader, //
        },
        device::{
            Notifier,
            QueueOptions,
            Session, //
        },
        queue_name::QueueName,
        transport::Quiesced,
        virtqueue::{
            AddReason,
            Progress,
            Violation,
            Virtqueue, //
        },
    },
};

/// One request queue.
#[pin_data]
pub(crate) struct Queue {
    #[pin]
    ring: SpinLockIrq<Ring>,
    notifier: Notifier,
    /// Whether there is something to take, as far as can be told without the lock.
    progress: Progress,
}

/// What a queue's lock protects.
struct Ring {
    virtqueue: Virtqueue<Token>,
    /// Interrupts are never wanted.
    polled: bool,
    /// The frames that are not in the virtqueue, by the tag of the requests they are for.
    frames: KVVec<Option<KBox<Frame>>>,
    /// The block layer was told to stop, for want of descriptors.
    stopped: bool,
    /// It is known why the queue is broken.
    reported: bool,
    /// What the lengths that the device reports are good for.
    lengths: ReadLengths,
    /// The device has finished a request since that was last asked.
    progress: bool,
    /// The device will not work again: requests fail.
    given_up: bool,
}

/// What was taken from a queue.
struct Taken {
    /// Requests.
    count: usize,
    /// There may be more.
    more: bool,
    /// Requests that the ring holds at most.
    ring_size: usize,
}

/// Why a request is not in the virtqueue.
enum NotAdded {
    /// It does not fit now; others are in flight.
    Full(Request),
    /// The device has stopped working, for the time being.
    Broken(Request),
    /// It never will.
    Failed(Request),
}

impl Queue {
    /// Creates the queue, for chains of at most `indirect` descriptors in indirect tables. One that
    /// is polled has no interrupt.
    pub(crate) fn new(
        session: &Session<'_>,
        index: u16,
        indirect: u16,
        polled: bool,
    ) -> Result<Pin<KBox<Self>>> {
        let options = QueueOptions {
            name: QueueName::numbered(if polled { "req_poll" } else { "req" }, index),
            callback: !polled,
            indirect,
        };
        let virtqueue = session.virtqueue(index, &options)?;
        let frames = Frame::table(virtqueue.size().into())?;
        let progress = virtqueue.progress();
        let init = pin_init!(Self {
            ring <- new_spinlock_irq!(Ring {
                virtqueue,
                polled,
                frames,
                stopped: false,
                reported: false,
                lengths: ReadLengths::default(),
                progress: false,
                given_up: false,
            }),
            notifier: session.notifier(index),
            progress,
        });
        KBox::pin_init(init, GFP_KERNEL)
    }

    /// Descriptors of the ring.
    pub(crate) fn size(&self) -> u16 {
        self.ring.lock().virtqueue.size()
    }

    /// Most descriptors of a chain.
    pub(crate) fn chain_limit(&self) -> u16 {
        self.ring.lock().virtqueue.chain_limit()
    }

    /// Whether the queue is out of service.
    pub(crate) fn is_broken(&self) -> bool {
        self.ring.lock().virtqueue.broken().is_some()
    }

    /// Takes the queue out of service.
    pub(crate) fn break_now(&self) {
        self.ring.lock().virtqueue.break_now();
    }

    /// Takes the queue out of service for good; requests fail from now on.
    pub(crate) fn give_up(&self) {
        let mut ring = self.ring.lock();
        ring.given_up = true;
        ring.virtqueue.break_now();
    }

    /// Whether requests fail, for good.
    pub(crate) fn is_given_up(&self) -> bool {
        self.ring.lock().given_up
    }

    /// Puts a queue that the device was given before into service again; false if it has memory or
    /// requests of the queue still.
    pub(crate) fn restart(&self, proof: &Quiesced) -> bool {
        let mut ring = self.ring.lock();
        ring.stopped = false;
        ring.reported = false;
        ring.virtqueue.restart(proof)
    }

    /// Whether the device has finished a request since this was last asked.
    pub(crate) fn take_progress(&self) -> bool {
        mem::take(&mut self.ring.lock().progress)
    }

    /// Gives a request to the device.
    #[inline]
    pub(crate) fn submit(
        &self,
        hw_queue: &HwQueue,
        mut request: Request,
        is_last: bool,
    ) -> Result<(), Refusal> {
        let header = match request::header(&mut request) {
            Ok(header) => header,
            Err(reason) => {
                if is_last {
                    self.commit();
                }
                return match reason {
                    NotPrepared::NoMemory => Err(Refusal::Resource(request)),
                    NotPrepared::Failed(status) => {
                        request.complete(status);
                        Ok(())
                    }
                };
            }
        };

        let mut ring = self.ring.lock();
        let added = ring.add(request, header);
        // What was put off before is told to the device at the latest when nothing more fits.
        let notify = (is_last || added.is_err()) && ring.virtqueue.kick_prepare();
        if let Err(NotAdded::Full(_)) = added {
            // Under the lock: the interrupt that makes room finds the queue stopped.
            hw_queue.stop();
            ring.stopped = true;
        }
        drop(ring);

        if notify {
            self.notifier.notify();
        }
        match added {
            Ok(()) => Ok(()),
            Err(NotAdded::Full(request)) => Err(Refusal::DeviceBusy(request)),
            // Until the rescue keeps requests away, they come again and again.
            Err(NotAdded::Broken(request)) => Err(Refusal::Resource(request)),
            Err(NotAdded::Failed(request)) => {
                request.complete(BlkStatus::IO_ERROR);
                Ok(())
            }
        }
    }

    /// Tells the device what was put off.
    #[inline]
    pub(crate) fn commit(&self) {
        let notify = self.ring.lock().virtqueue.kick_prepare();
        if notify {
            self.notifier.notify();
        }
    }

    /// Completes what the device has used; returns whether there was anything.
    ///
    /// If the queue breaks on the way, `broke` is told why, once.
    pub(crate) fn drain(&self, broke: impl Fn(Violation)) -> bool {
        let mut any = false;
        loop {
            let taken = self.take(Completed::give_back, &broke);
            any |= taken.count > 0;
            if !taken.more {
                return any;
            }
        }
    }

    /// Completes what the device has used, up to what the ring holds, together with what else the
    /// poller finds; returns how many requests that was.
    ///
    /// `broke` is as in [`Self::drain`]. A poller that comes in vain takes no lock.
    pub(crate) fn poll(
        &self,
        others: &mut CompletionBatch<'_>,
        broke: impl Fn(Violation),
    ) -> usize {
        let mut count = 0;
        while self.progress.more_used() {
            let taken = self.take(|done| done.give_back_with(others), &broke);
            count += taken.count;
            // However fast the device is, and whatever it says.
            if !taken.more || count >= taken.ring_size {
                break;
            }
        }
        count
    }

    /// Takes what the device has used, and has `give_back` give it back.
    #[inline]
    fn take(&self, give_back: impl FnOnce(Completed), broke: impl Fn(Violation)) -> Taken {
        let mut done = Completed::new();
        let mut ring = self.ring.lock();
        let more = ring.take_used(&mut done);
        let ring_size = ring.virtqueue.size().into();
        ring.restart(&done);
        let violation = ring.take_violation();
        drop(ring);

        let count = done.len();
        give_back(done);
        if let Some(violation) = violation {
            broke(violation);
        }
        Taken {
            count,
            more,
            ring_size,
        }
    }

    /// Gives `then` the requests that the device had when it was reset.
    pub(crate) fn take_back(&self, proof: &Quiesced, mut then: impl FnMut(Request)) {
        loop {
            let mut ring = self.ring.lock();
            let token = ring.virtqueue.take_back(proof);
            let request = token.map(|token| ring.take_apart(token));
            drop(ring);

            let Some(request) = request else {
                return;
            };
            // The block layer may be waiting to be run again.
            request.hw_queue().start();
            then(request);
        }
    }
}

impl Ring {
    /// Puts a request into the virtqueue.
    #[inline]
    fn add(&mut self, request: Request, header: RequestHeader) -> Result<(), NotAdded> {
        let frame = usize::try_from(request.tag())
            .ok()
            .and_then(|tag| self.frames.get_mut(tag)?.take());
        let Some(mut frame) = frame else {
            return Err(NotAdded::Failed(request));
        };
        frame.prepare(header);

        match self.virtqueue.add(Token { frame, request }) {
            Ok(()) => Ok(()),
            Err(error) => {
                // With nothing in flight there is no interrupt that would make room.
                let wait = error.is_full() && self.virtqueue.in_flight() > 0;
                let broken = error.reason == AddReason::Broken && !self.given_up;
                let request = self.take_apart(error.token);
                Err(if wait {
                    NotAdded::Full(request)
                } else if broken {
                    NotAdded::Broken(request)
                } else {
                    NotAdded::Failed(request)
                })
            }
        }
    }

    /// Puts the frame of a token back where it belongs.
    #[inline]
    fn take_apart(&mut self, token: Token) -> Request {
        let Token { frame, request } = token;
        let place = usize::try_from(request.tag())
            .ok()
            .and_then(|tag| self.frames.get_mut(tag));

        // Before the request is completed, and with it its tag.
        if let Some(place) = place {
            *place = Some(frame);
        }
        request
    }

    /// Takes what the device has used, which is at most what was in flight; returns whether there is
    /// more by now. Interrupts are enabled when there is not, unless the queue is polled.
    #[inline(always)] // For each interrupt; there are few callers.
    fn take_used(&mut self, done: &mut Completed) -> bool {
        self.virtqueue.disable_cb();
        while let Some(used) = self.virtqueue.pop() {
            self.progress = true;
            let status = request::result(&used, &mut self.lengths);
            let request = self.take_apart(used.token);
            done.push(request, status);
        }
        !self.polled && !self.virtqueue.enable_cb()
    }

    /// Has the block layer run the queue again if it was stopped and there is room now.
    #[inline]
    fn restart(&mut self, done: &Completed) {
        if !self.stopped {
            return;
        }
        if let Some(hw_queue) = done.hw_queue() {
            self.stopped = false;
            hw_queue.start();
        }
    }

    /// What the device did to break the queue, unless that was asked before.
    #[inline]
    fn take_violation(&mut self) -> Option<Violation> {
        let violation = self.virtqueue.broken()?;
        if violation == Violation::Stopped || mem::replace(&mut self.reported, true) {
            return None;
        }
        Some(violation)
    }
}
