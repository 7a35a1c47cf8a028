// SPDX-License-Identifier: GPL-2.0

//! All queues of a device: what the block layer and the interrupt handlers share.

use kernel::{
    cpu, pci,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        SetOnce, //
    },
};

use crate::{
    config::{
        segments,
        FRAME_DESCRIPTORS, //
    },
    device::Rescue,
    kernel_ext::{
        block::mq::{
            BlkStatus,
            HwQueue,
            Operations,
            Refusal,
            Request, //
        },
        workqueue::Deferred, //
    },
    queue::Queue,
    resize::Resize,
    virtio::{
        core::{
            blk::{
                config,
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

/// What the interrupt handlers and the block layer share: the request queues.
pub(crate) struct Queues {
    pdev: ARef<pci::Device>,
    features: Features,
    config: Config,
    queues: KVec<Pin<KBox<Queue>>>,
    chain_limit: u16,
    depth: u16,
    /// What to do when a queue breaks.
    rescue: SetOnce<Arc<Deferred<Rescue>>>,
    /// What to do when the configuration has changed.
    resize: SetOnce<Arc<Deferred<Resize>>>,
}

impl Queues {
    /// Creates the queues, while the device is being brought up.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the device has no queue, or one that is too small for a request.
    pub(crate) fn new(pdev: &pci::Device, session: &Session<'_>) -> Result<Arc<Self>> {
        let count = Self::count(pdev, session)?;
        let indirect = segments(session.features(), &session.config())
            .saturating_add(FRAME_DESCRIPTORS)
            .min(MOST_INDIRECT);
        let mut new = Self {
            pdev: pdev.into(),
            features: session.features(),
            config: session.config(),
            queues: KVec::with_capacity(count.into(), GFP_KERNEL)?,
            chain_limit: u16::MAX,
            depth: u16::MAX,
            rescue: SetOnce::new(),
            resize: SetOnce::new(),
        };

        for index in 0..count {
            let queue = Queue::new(session, index, indirect)?;
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
        let allowed = parameter(crate::module_parameters::num_request_queues.value());
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

    /// The number of queues.
    pub(crate) fn len(&self) -> usize {
        self.queues.len()
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

    /// Sets what to do when a queue breaks from now on.
    pub(crate) fn set_rescue(&self, rescue: Arc<Deferred<Rescue>>) {
        self.rescue.populate(rescue);
    }

    /// Sets what to do when the configuration has changed from now on.
    pub(crate) fn set_resize(&self, resize: Arc<Deferred<Resize>>) {
        self.resize.populate(resize);
    }

    /// A queue broke. What the device has is failed when it has been reset, which takes time.
    fn broke(&self, queue: u16, violation: Violation) {
        dev_err!(self.pdev, "queue {} is broken: {}\n", queue, violation);
        if let Some(rescue) = self.rescue.as_ref() {
            rescue.schedule();
        }
    }

    /// Whether a queue is broken.
    pub(crate) fn any_broken(&self) -> bool {
        self.queues.iter().any(|queue| queue.is_broken())
    }

    /// Takes the queues out of service; requests fail from now on.
    pub(crate) fn break_all(&self) {
        for queue in &self.queues {
            queue.break_now();
        }
    }

    /// Fails the requests that the device had when it was reset.
    pub(crate) fn fail_all(&self, proof: &Quiesced) {
        for queue in &self.queues {
            queue.fail_all(proof);
        }
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
}

impl Events for Queues {
    const SPREAD_QUEUES: bool = true;

    fn queue_interrupt(&self, queue: u16) -> bool {
        match self.queues.get(usize::from(queue)) {
            Some(place) => place.drain(|violation| self.broke(queue, violation)),
            None => false,
        }
    }

    fn config_changed(&self) {
        if let Some(resize) = self.resize.as_ref() {
            resize.schedule();
        }
    }
}

/// Requests that a ring of `size` descriptors can have in flight: each takes one of them with an
/// indirect table, and at least two without. The module's parameter may allow fewer.
fn depth(session: &Session<'_>, size: u16) -> u16 {
    let room = if session.features().contains(INDIRECT_DESC) {
        size
    } else {
        size / 2
    };
    room.min(parameter(crate::module_parameters::queue_depth.value()).max(LEAST_DEPTH))
}

/// A limit that was set for the module, where 0 is none.
fn parameter(value: u32) -> u16 {
    match u16::try_from(value) {
        Ok(0) | Err(_) => u16::MAX,
        Ok(limit) => limit,
    }
}
