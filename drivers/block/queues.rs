// SPDX-License-Identifier: GPL-2.0

//! All queues of a device: what the block layer and the interrupt handlers share.
//!
//! The last ones may be polled: they have no interrupt, and take requests that somebody waits for in
//! a loop.

use kernel::{
    cpu,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SetOnce, //
    },
    time::Msecs, //
};

use crate::{
    cache::{
        is_write_back,
        set_write_back, //
    },
    config::{
        segments,
        FRAME_DESCRIPTORS, //
    },
    kernel_ext::{
        block::mq::{
            BlkStatus,
            CompletionBatch,
            HwQueue,
            Operations,
            Overdue,
            Refusal,
            Request, //
        },
        ratelimit::RateLimit,
        workqueue::Deferred, //
    },
    module_parameters,
    queue::Queue,
    rescue::Rescue,
    resize::Resize,
    virtio::{
        core::{
            blk::{
                config,
                division::Division,
                F_CONFIG_WCE,
                F_MQ, //
            },
            features::{
                Features,
                INDIRECT_DESC, //
            },
        },
        device::{
            Config,
            Events,
            Session, //
        },
        transport::Quiesced,
        virtqueue::Violation, //
    },
};

/// Most descriptors of an indirect chain, which is what each descriptor of the ring has a table
/// for: enough for 1 MiB in pages that are nowhere neighbours.
const MOST_INDIRECT: u16 = 256;

/// The least descriptors that a chain must be able to have: header, data and status.
const LEAST_CHAIN: u16 = 3;

/// The least requests that a queue must have room for: one, and one of the driver's own.
const LEAST_DEPTH: u16 = 2;

/// Most lines of the log of one kind that a device may cause,
pub(crate) const MOST_LINES: u16 = 10;

/// within so many milliseconds.
pub(crate) const A_MINUTE: Msecs = 60_000;

/// What the interrupt handlers and the block layer share: the request queues.
pub(crate) struct Queues {
    pdev: ARef<pci::Device>,
    features: Features,
    config: Config,
    queues: KVec<Pin<KBox<Queue>>>,
    division: Division,
    chain_limit: u16,
    depth: u16,
    /// A request takes too long.
    overdue: Atomic<bool>,
    /// The cache mode that the block layer reckons with.
    write_back: Atomic<bool>,
    /// What to do when the device stops working.
    rescue: SetOnce<Arc<Deferred<Rescue>>>,
    /// What to do when the configuration has changed.
    resize: SetOnce<Arc<Deferred<Resize>>>,
    /// Lines of the log about interrupts that were lost.
    lost_interrupts: Pin<KBox<RateLimit>>,
}

impl Queues {
    /// Creates the queues, while the device is being brought up.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the device has no queue, or one that is too small for a request.
    pub(crate) fn new(pdev: &pci::Device, session: &Session<'_>) -> Result<Arc<Self>> {
        let count = Self::count(pdev, session)?;
        let division = Division::new(count, module_parameters::poll_queues.value());
        let indirect = segments(session.features(), &session.config())
            .saturating_add(FRAME_DESCRIPTORS)
            .min(MOST_INDIRECT);
        let mut new = Self {
            pdev: pdev.into(),
            features: session.features(),
            config: session.config(),
            queues: KVec::with_capacity(count.into(), GFP_KERNEL)?,
            division,
            chain_limit: u16::MAX,
            depth: u16::MAX,
            overdue: Atomic::new(false),
            write_back: Atomic::new(true),
            rescue: SetOnce::new(),
            resize: SetOnce::new(),
            lost_interrupts: KBox::pin_init(
                RateLimit::new(c"rvirtio_blk: lost interrupts", A_MINUTE, MOST_LINES),
                GFP_KERNEL,
            )?,
        };

        for index in 0..count {
            let queue = Queue::new(session, index, indirect, division.is_polled(index))?;
            new.chain_limit = new.chain_limit.min(queue.chain_limit());
            new.depth = new.depth.min(depth(session, queue.size()));
            new.queues.push(queue, GFP_KERNEL)?;
        }
        if new.chain_limit < LEAST_CHAIN {
            dev_err!(
                new.pdev,
                "a ring of {} descriptors is too small for requests\n",
                new.chain_limit
            );
            return Err(EINVAL);
        }
        Ok(Arc::new(new, GFP_KERNEL)?)
    }

    /// How many queues to use: those of the device, up to one for each CPU and to what the module's
    /// parameter allows.
    fn count(pdev: &pci::Device, session: &Session<'_>) -> Result<u16> {
        if !session.features().contains(F_MQ) {
            return Ok(1);
        }
        let offered = session.config().read_u16(config::NUM_QUEUES);
        if offered == 0 {
            dev_err!(pdev, "MQ is offered, but no queue\n");
            return Err(EINVAL);
        }
        let cpus = u16::try_from(cpu::nr_cpu_ids()).unwrap_or(u16::MAX);
        let allowed = parameter(module_parameters::num_request_queues.value());
        Ok(offered.min(cpus).min(allowed))
    }

    /// The negotiated features.
    pub(crate) fn features(&self) -> Features {
        self.features
    }

    /// The device's configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The queues of each kind.
    pub(crate) fn division(&self) -> Division {
        self.division
    }

    /// Says how many queues are polled, if any was to be.
    pub(crate) fn announce_polled(&self) {
        let (wanted, polled) = (module_parameters::poll_queues.value(), self.division.polled);
        if u32::from(polled) != wanted {
            dev_warn!(
                self.pdev,
                "{} polled queues of {}, not {}: one interrupts at least\n",
                polled,
                self.division.total(),
                wanted
            );
        } else if polled > 0 {
            dev_info!(
                self.pdev,
                "{} polled queues of {}\n",
                polled,
                self.division.total()
            );
        }
    }

    /// Most descriptors of a request, header and status included.
    pub(crate) fn chain_limit(&self) -> u16 {
        self.chain_limit
    }

    /// Requests that each queue can have in flight.
    pub(crate) fn depth(&self) -> u16 {
        self.depth
    }

    /// The queue of a hardware queue.
    #[inline]
    fn queue(&self, hw_queue: &HwQueue) -> Option<&Queue> {
        let index = usize::try_from(hw_queue.index()).ok()?;
        Some(self.queues.get(index)?)
    }

    /// The queue of a hardware queue broke.
    fn broke_at(&self, hw_queue: &HwQueue, violation: Violation) {
        self.broke(number(hw_queue), violation);
    }

    /// Sets what to do when the device stops working from now on.
    pub(crate) fn set_rescue(&self, rescue: Arc<Deferred<Rescue>>) {
        self.rescue.populate(rescue);
    }

    /// Sets what to do when the configuration has changed from now on.
    pub(crate) fn set_resize(&self, resize: Arc<Deferred<Resize>>) {
        self.resize.populate(resize);
    }

    /// Has the rescue look at the device.
    fn call_rescue(&self) {
        if let Some(rescue) = self.rescue.as_ref() {
            rescue.schedule();
        }
    }

    /// Has the disk's size looked at.
    pub(crate) fn look_at_capacity(&self) {
        if let Some(resize) = self.resize.as_ref() {
            resize.schedule();
        }
    }

    /// A queue broke.
    fn broke(&self, queue: u16, violation: Violation) {
        dev_err!(self.pdev, "queue {} is broken: {}\n", queue, violation);
        self.call_rescue();
    }

    /// Whether a request took too long since this was last asked.
    pub(crate) fn take_overdue(&self) -> bool {
        self.overdue.xchg(false, Relaxed)
    }

    /// The cache mode that the block layer was told of.
    pub(crate) fn note_cache_mode(&self, write_back: bool) {
        self.write_back.store(write_back, Relaxed);
    }

    /// Changes the device's cache mode; returns what it is then.
    pub(crate) fn set_cache_mode(&self, wanted: bool) -> bool {
        let write_back = set_write_back(self.features, &self.config, wanted);
        self.note_cache_mode(write_back);
        write_back
    }

    /// Sets the cache mode of a device that was reset to what it was before.
    ///
    /// Returns false if the device caches writes now and the block layer does not know: it would
    /// not ask for flushes.
    pub(crate) fn restore_cache_mode(&self) -> bool {
        let wanted = self.write_back.load(Relaxed);
        let write_back = if self.features.contains(F_CONFIG_WCE) {
            set_write_back(self.features, &self.config, wanted)
        } else {
            is_write_back(self.features, &self.config)
        };
        wanted || !write_back
    }

    /// Whether a queue is broken.
    pub(crate) fn any_broken(&self) -> bool {
        self.queues.iter().any(|queue| queue.is_broken())
    }

    /// Whether the device will not work again.
    pub(crate) fn is_given_up(&self) -> bool {
        self.queues.iter().any(|queue| queue.is_given_up())
    }

    /// Completes what the device has used, in all queues.
    pub(crate) fn drain_all(&self) {
        for (index, queue) in (0..).zip(&self.queues) {
            queue.drain(|violation| self.broke(index, violation));
        }
    }

    /// Takes the queues out of service.
    pub(crate) fn break_all(&self) {
        for queue in &self.queues {
            queue.break_now();
        }
    }

    /// Takes the queues out of service for good; requests fail from now on.
    pub(crate) fn give_up(&self) {
        for queue in &self.queues {
            queue.give_up();
        }
    }

    /// Whether the device has finished a request since this was last asked.
    pub(crate) fn take_progress(&self) -> bool {
        let each = self.queues.iter().map(|queue| queue.take_progress());
        each.fold(false, |any, one| any | one)
    }

    /// Gives `then` the requests that the device had when it was reset.
    pub(crate) fn take_back(&self, proof: &Quiesced, mut then: impl FnMut(Request)) {
        for queue in &self.queues {
            queue.take_back(proof, &mut then);
        }
    }

    /// Puts the queues into service again, after everything was taken back; false if that cannot
    /// be done.
    pub(crate) fn restart(&self, proof: &Quiesced) -> bool {
        self.queues.iter().all(|queue| queue.restart(proof))
    }
}

impl Operations for Queues {
    type Module = crate::LocalModule;
    type QueueData = Self;

    #[inline]
    fn queue_rq(
        queues: &Self,
        hw_queue: &HwQueue,
        request: Request,
        is_last: bool,
    ) -> Result<(), Refusal> {
        match queues.queue(hw_queue) {
            Some(queue) => queue.submit(hw_queue, request, is_last),
            None => {
                request.complete(BlkStatus::IO_ERROR);
                Ok(())
            }
        }
    }

    #[inline]
    fn commit_rqs(queues: &Self, hw_queue: &HwQueue) {
        if let Some(queue) = queues.queue(hw_queue) {
            queue.commit();
        }
    }

    #[inline]
    fn poll(queues: &Self, hw_queue: &HwQueue, batch: &mut CompletionBatch<'_>) -> usize {
        match queues.queue(hw_queue) {
            Some(queue) => queue.poll(batch, |violation| queues.broke_at(hw_queue, violation)),
            None => 0,
        }
    }

    /// If only the interrupt is missing, or whoever was to poll, nothing else has to be done.
    fn timed_out(queues: &Self, hw_queue: &HwQueue, request: &Overdue) {
        let Some(queue) = queues.queue(hw_queue) else {
            return;
        };
        let found = queue.drain(|violation| queues.broke_at(hw_queue, violation));
        if request.has_ended() {
            let index = number(hw_queue);
            if found && !queues.division.is_polled(index) && queues.lost_interrupts.allows() {
                dev_warn!(queues.pdev, "queue {} has lost an interrupt\n", index);
            }
            return;
        }
        queues.overdue.store(true, Relaxed);
        queues.call_rescue();
    }
}

impl Events for Queues {
    const SPREAD_QUEUES: bool = true;

    fn queue_interrupt(&self, queue: u16) -> bool {
        match self.queues.get(usize::from(queue)) {
            Some(place) => place.drain(|violation| self.broke(queue, violation)),
            None => false,
        }
    }

    /// It may also be that the device asks to be reset.
    fn config_changed(&self) {
        self.call_rescue();
        self.look_at_capacity();
    }
}

/// The number of a hardware queue's virtqueue.
fn number(hw_queue: &HwQueue) -> u16 {
    u16::try_from(hw_queue.index()).unwrap_or(u16::MAX)
}

/// Requests that a ring of `size` descriptors can have in flight: each takes one of them with an
/// indirect table, and at least two without. The module's parameter may allow fewer.
fn depth(session: &Session<'_>, size: u16) -> u16 {
    let room = if session.features().contains(INDIRECT_DESC) {
        size
    } else {
        size / 2
    };
    room.min(parameter(module_parameters::queue_depth.value()).max(LEAST_DEPTH))
}

/// A limit that was set for the module, where 0 is none.
fn parameter(value: u32) -> u16 {
    match u16::try_from(value) {
        Ok(0) | Err(_) => u16::MAX,
        Ok(limit) => limit,
    }
}
