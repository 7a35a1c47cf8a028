// SPDX-License-Identifier: GPL-2.0

//! How a legacy PCI device interrupts (VIRTIO 1.3, sections 4.1.5.1.2 and 4.1.5.3 to 4.1.5.5).
//!
//! ```text
//!  Policy      vectors   name in /proc/interrupts   what runs
//!  PerQueue    0         rvirtio0-config            config_changed
//!              1...      rvirtio0-req.0 ...         the queue, one vector for each
//!  Shared      0         rvirtio0-config            config_changed
//!              1         rvirtio0-virtqueues        every queue
//!  Intx        (pin)     rvirtio0                   by the ISR: config_changed; every queue
//! ```
//!
//! A queue without a callback gets no vector. In the MSI-X policies the ISR is not read.

use kernel::{
    device::Bound,
    irq::{
        Handler,
        IrqReturn, //
    },
    pci,
    prelude::*,
    str::{
        CStr,
        CString, //
    },
    sync::Arc, //
};

use super::{
    counts::{
        DeviceInterrupts,
        QueueInterrupts, //
    },
    regs,
    PciLegacy, //
};
use crate::{
    kernel_ext::{
        irq::{
            affinity::Affinity,
            Registration,
            Sharing, //
        },
        pci::irq::{
            IrqType,
            IrqVectors, //
        }, //
    },
    virtio::{
        device::Events,
        queue_name::QueueName,
        transport::{
            Transport,
            NO_VECTOR, //
        }, //
    },
};

/// How interrupts are spread over vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// One vector for configuration changes and one for each queue with a callback.
    PerQueue,
    /// One vector for configuration changes and one for all queues.
    Shared,
    /// The interrupt pin, which other devices may share.
    Intx,
}

impl Policy {
    /// All policies, best first: what a device or a machine refuses, the next one may allow.
    pub const BEST_FIRST: [Self; 3] = [Self::PerQueue, Self::Shared, Self::Intx];

    /// The name used in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PerQueue => "per-queue",
            Self::Shared => "shared",
            Self::Intx => "INTx",
        }
    }
}

/// The vector for changes of the configuration.
const CONFIG_VECTOR: u16 = 0;

/// The vector of the first queue with a callback, or of all of them.
const FIRST_QUEUE_VECTOR: u16 = 1;

/// A queue whose interrupts are wanted.
#[derive(Clone)]
pub struct CallbackQueue {
    /// The index of the queue.
    pub index: u16,
    /// Its part of the name of a vector.
    pub name: QueueName,
    /// Where its interrupts are counted.
    pub counts: Arc<QueueInterrupts>,
}

impl CallbackQueue {
    /// Tells the driver of an interrupt that may be for this queue; returns whether it was.
    fn interrupt<E: Events>(&self, events: &E) -> bool {
        let found = events.queue_interrupt(self.index);
        self.counts.count(found);
        found
    }
}

/// The interrupts of one device: vectors, handlers, and what the device was told about them.
///
/// Dropping it frees the handlers, waits for those that are running, and frees the vectors. The
/// device is to be reset before, so that it has stopped interrupting.
pub struct Interrupts<E: Events> {
    policy: Policy,
    /// Queues, and the vector of each.
    vectors: KVec<(u16, u16)>,
    counts: Arc<DeviceInterrupts>,
    handlers: KVec<Registration<Source<E>>>,
}

impl<E: Events> Interrupts<E> {
    /// Sets up interrupts after `policy`; from then on they arrive at `events`.
    ///
    /// `name` is the device's, for instance `rvirtio0`.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: the device refused a vector, or the line is taken;
    /// - [`ENOSPC`] and others: there are not as many vectors.
    ///
    /// In each case the device has been reset, and another policy may be tried after a new
    /// negotiation.
    pub fn new(
        pdev: &pci::Device<Bound>,
        transport: &Arc<PciLegacy>,
        policy: Policy,
        name: &CStr,
        queues: &[CallbackQueue],
        events: &Arc<E>,
    ) -> Result<Self> {
        let mut this = Self {
            policy,
            vectors: KVec::new(),
            counts: Arc::new(DeviceInterrupts::default(), GFP_KERNEL)?,
            handlers: KVec::new(),
        };
        let setup = Setup {
            counts: this.counts.clone(),
            pdev,
            transport,
            name,
            queues,
            events,
        };
        let result = match policy {
            Policy::PerQueue => setup.per_queue(&mut this),
            Policy::Shared => setup.shared(&mut this),
            Policy::Intx => setup.intx(&mut this.handlers),
        };
        if let Err(error) = result.and_then(|()| this.assign(transport)) {
            transport.reset();
            return Err(error);
        }
        Ok(this)
    }

    /// Tells the device which vectors to use; it has forgotten them when it was reset.
    ///
    /// # Errors
    ///
    /// [`EBUSY`]: it refuses one.
    pub fn assign(&self, transport: &PciLegacy) -> Result {
        if self.policy == Policy::Intx {
            return Ok(());
        }
        accepted(transport.set_config_vector(CONFIG_VECTOR), CONFIG_VECTOR)?;
        for (queue, vector) in &self.vectors {
            accepted(transport.set_queue_vector(*queue, *vector), *vector)?;
        }
        Ok(())
    }

    /// The policy that is in effect.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// What is counted beside the interrupts of queues.
    pub fn counts(&self) -> &Arc<DeviceInterrupts> {
        &self.counts
    }

    /// The vector of the first queue, if the queues' vectors are spread over the CPUs; the other
    /// queues' follow in the order in which they were created.
    pub fn first_spread_vector(&self) -> Option<u16> {
        (E::SPREAD_QUEUES && self.policy == Policy::PerQueue).then_some(FIRST_QUEUE_VECTOR)
    }

    /// What says which CPUs handle the interrupts of a queue, if it has a vector of its own that
    /// the kernel does not manage.
    pub fn queue_affinity(&self, queue: u16) -> Option<&Arc<Affinity>> {
        if E::SPREAD_QUEUES || self.policy != Policy::PerQueue {
            return None;
        }
        let (_, vector) = self.vectors.iter().find(|(index, _)| *index == queue)?;
        // Handlers stand in the order of their vectors.
        Some(self.handlers.get(usize::from(*vector))?.affinity())
    }

    /// The number of vectors, or 1 for the interrupt pin.
    pub fn vectors(&self) -> usize {
        self.handlers.len()
    }

    /// Waits until no handler is running on another CPU.
    ///
    /// # Errors
    ///
    /// [`EINVAL`]: `pdev` is another device.
    pub fn synchronize(&self, pdev: &pci::Device<Bound>) -> Result {
        for handler in &self.handlers {
            handler.synchronize(pdev.as_ref())?;
        }
        Ok(())
    }
}

/// What setting up interrupts needs.
struct Setup<'a, E: Events> {
    pdev: &'a pci::Device<Bound>,
    transport: &'a Arc<PciLegacy>,
    name: &'a CStr,
    queues: &'a [CallbackQueue],
    events: &'a Arc<E>,
    counts: Arc<DeviceInterrupts>,
}

impl<E: Events> Setup<'_, E> {
    fn per_queue(&self, this: &mut Interrupts<E>) -> Result {
        let count = u32::try_from(self.queues.len())?
            .checked_add(1)
            .ok_or(EINVAL)?;
        let vectors = if E::SPREAD_QUEUES {
            IrqVectors::new_spread(self.pdev, count, FIRST_QUEUE_VECTOR.into())?
        } else {
            IrqVectors::new(self.pdev, count, IrqType::MsiX)?
        };
        self.config_handler(&mut this.handlers, &vectors)?;
        for (vector, queue) in (FIRST_QUEUE_VECTOR..).zip(self.queues) {
            let name = self.vector_name(queue.name)?;
            let source = Source::Queue(self.events.clone(), queue.clone());
            self.register(&mut this.handlers, &vectors, vector, name, source)?;
            this.vectors.push((queue.index, vector), GFP_KERNEL)?;
        }
        Ok(())
    }

    fn shared(&self, this: &mut Interrupts<E>) -> Result {
        let vectors = IrqVectors::new(self.pdev, 2, IrqType::MsiX)?;
        self.config_handler(&mut this.handlers, &vectors)?;
        let name = self.vector_name(QueueName::single("virtqueues"))?;
        let source = Source::Queues(self.events.clone(), self.all_queues()?);
        self.register(
            &mut this.handlers,
            &vectors,
            FIRST_QUEUE_VECTOR,
            name,
            source,
        )?;
        for queue in self.queues {
            this.vectors
                .push((queue.index, FIRST_QUEUE_VECTOR), GFP_KERNEL)?;
        }
        Ok(())
    }

    fn intx(&self, handlers: &mut KVec<Registration<Source<E>>>) -> Result {
        let vectors = IrqVectors::new(self.pdev, 1, IrqType::Intx)?;
        let name = CString::try_from_fmt(fmt!("{}", self.name))?;
        let source = Source::Pin(Pin {
            events: self.events.clone(),
            queues: self.all_queues()?,
            transport: self.transport.clone(),
            counts: self.counts.clone(),
        });
        self.register(handlers, &vectors, 0, name, source)
    }

    fn config_handler(
        &self,
        handlers: &mut KVec<Registration<Source<E>>>,
        vectors: &Arc<IrqVectors>,
    ) -> Result {
        let name = self.vector_name(QueueName::single("config"))?;
        let source = Source::Config(self.events.clone(), self.counts.clone());
        self.register(handlers, vectors, CONFIG_VECTOR, name, source)
    }

    fn register(
        &self,
        handlers: &mut KVec<Registration<Source<E>>>,
        vectors: &Arc<IrqVectors>,
        vector: u16,
        name: CString,
        source: Source<E>,
    ) -> Result {
        let sharing = match source {
            Source::Pin(..) => Sharing::Shared,
            _ => Sharing::Exclusive,
        };
        let line = vectors.line(self.pdev, vector.into())?;
        let handler = Registration::new(self.pdev.as_ref(), line, sharing, name, source)?;
        Ok(handlers.push(handler, GFP_KERNEL)?)
    }

    fn vector_name(&self, what: QueueName) -> Result<CString> {
        CString::try_from_fmt(fmt!("{}-{}", self.name, what))
    }

    fn all_queues(&self) -> Result<KVec<CallbackQueue>> {
        let mut queues = KVec::with_capacity(self.queues.len(), GFP_KERNEL)?;
        for queue in self.queues {
            queues.push(queue.clone(), GFP_KERNEL)?;
        }
        Ok(queues)
    }
}

/// Whether the device took a vector: it answers [`NO_VECTOR`] when it has no room for it.
///
/// Another answer than the vector that was written is a refusal too: it would interrupt somewhere
/// else than where it is listened for.
fn accepted(answer: u16, wanted: u16) -> Result {
    if answer == NO_VECTOR || answer != wanted {
        return Err(EBUSY);
    }
    Ok(())
}

/// What a vector stands for, and thus what happens when it fires.
enum Source<E: Events> {
    /// The configuration has changed.
    Config(Arc<E>, Arc<DeviceInterrupts>),
    /// One queue.
    Queue(Arc<E>, CallbackQueue),
    /// One of several queues.
    Queues(Arc<E>, KVec<CallbackQueue>),
    /// Whatever the ISR says, if it is this device at all.
    Pin(Pin<E>),
}

impl<E: Events> Handler for Source<E> {
    fn handle(&self) -> IrqReturn {
        match self {
            Self::Config(events, counts) => {
                counts.config.inc();
                events.config_changed();
                IrqReturn::Handled
            }
            Self::Queue(events, queue) => answer(queue.interrupt(&**events)),
            Self::Queues(events, queues) => answer(interrupt_all(&**events, queues)),
            Self::Pin(pin) => pin.interrupt(),
        }
    }
}

/// Asks every queue, so that the work of one does not hide that of the next.
#[inline(never)] // So that the handler of a single queue is short.
fn interrupt_all<E: Events>(events: &E, queues: &[CallbackQueue]) -> bool {
    let mut found = false;
    for queue in queues {
        found |= queue.interrupt(events);
    }
    found
}

/// The interrupt pin: its line is shared, and the ISR says whether this device raised it.
struct Pin<E: Events> {
    events: Arc<E>,
    queues: KVec<CallbackQueue>,
    transport: Arc<PciLegacy>,
    counts: Arc<DeviceInterrupts>,
}

impl<E: Events> Pin<E> {
    /// Reads the ISR, exactly once, and does what it says.
    ///
    /// The queues are scanned even if only the configuration bit is set: with event indices a
    /// device may have used buffers between the two.
    #[inline(never)] // As above.
    fn interrupt(&self) -> IrqReturn {
        let bits = self.transport.isr();
        // All ones is what a device that is no longer there reads as.
        if bits == 0 || bits == !0 {
            self.counts.foreign.inc();
            return IrqReturn::None;
        }
        if regs::ISR::from(bits).config() {
            self.counts.config.inc();
            self.events.config_changed();
        }
        interrupt_all(&*self.events, &self.queues);
        IrqReturn::Handled
    }
}

/// An interrupt without work is reported as such, so that the kernel can count spurious ones.
fn answer(found_work: bool) -> IrqReturn {
    if found_work {
        IrqReturn::Handled
    } else {
        IrqReturn::None
    }
}
