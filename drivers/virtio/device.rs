// SPDX-License-Identifier: GPL-2.0

//! The life of a device: bring it up, let it go live, shut it down.
//!
//! [`bring_up`] does what VIRTIO 1.3, section 3.1, asks of a driver, in the legacy form of section
//! 3.1.2, for every way of interrupting in turn, each from a fresh reset: a device that was set up
//! halfway keeps neither features nor queues.
//!
//! [`Live::shut_down`] is the one way back. The order of teardown is fixed: the driver stops
//! whoever produces requests and breaks its queues; the device is reset; handlers that still run
//! are waited for; then the driver takes back every buffer and memory is freed.

use core::cell::Cell;

use kernel::{
    device::Core,
    pci,
    prelude::*,
    str::{
        CStr,
        CString, //
    },
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

use super::{
    core::{
        config::read_stable,
        features::{
            self,
            Features,
            Names, //
        },
        layout::LayoutError,
        pci::DeviceType,
        status::Status, //
    },
    pci_legacy::{
        interrupts::{
            CallbackQueue,
            Interrupts,
            Policy, //
        },
        PciLegacy, //
    },
    transport::{
        DeviceMemory,
        Quiesced,
        Transport, //
    },
    virtqueue::{
        Buffers,
        Parameters,
        SetupError,
        Virtqueue, //
    },
};

/// What a driver's shared state does when its device interrupts.
///
/// Both functions run in hard interrupt context, possibly before [`bring_up`] has returned and
/// until [`Live::shut_down`] has, and must not trust that anything has happened.
pub trait Events: Send + Sync + 'static {
    /// Whether the vectors of the queues, if each has its own, are to be spread over the CPUs for
    /// good, so that each CPU has a queue whose interrupts it handles.
    const SPREAD_QUEUES: bool = false;

    /// A queue may have used buffers; returns whether it had any.
    fn queue_interrupt(&self, queue: u16) -> bool;

    /// The configuration has changed; reading it is for process context.
    fn config_changed(&self);
}

/// What a driver asks for.
pub struct Wanted {
    /// The driver's name, for the resources it takes.
    pub driver: &'static CStr,
    /// The kind of device it drives.
    pub device: DeviceType,
    /// The feature bits it supports.
    pub features: Features,
    /// Drops feature bits whose configuration fields make no sense, before they are accepted.
    pub validate: fn(Features, &Config) -> Features,
}

impl Wanted {
    /// A [`Wanted::validate`] that has nothing to object to.
    pub fn take_all(features: Features, _config: &Config) -> Features {
        features
    }
}

/// The device-specific configuration, in the guest's byte order.
///
/// The legacy interface has no way to tell that a field changed while it was read, so every field
/// of more than one byte is read until two readings agree (VIRTIO 1.3, section 2.5.1).
#[derive(Clone)]
pub struct Config(Arc<PciLegacy>);

impl Config {
    /// Reads `N` bytes at `offset` until they are stable, as far as they ever are.
    pub fn read_bytes<const N: usize>(&self, offset: usize) -> [u8; N] {
        read_stable(|| {
            let mut bytes = [0; N];
            self.0.read_config(offset, &mut bytes);
            bytes
        })
    }

    /// Reads a byte.
    pub fn read_u8(&self, offset: usize) -> u8 {
        u8::from_ne_bytes(self.read_bytes(offset))
    }

    /// Reads a 16-bit field.
    pub fn read_u16(&self, offset: usize) -> u16 {
        u16::from_ne_bytes(self.read_bytes(offset))
    }

    /// Reads a 32-bit field.
    pub fn read_u32(&self, offset: usize) -> u32 {
        u32::from_ne_bytes(self.read_bytes(offset))
    }

    /// Reads a 64-bit field.
    pub fn read_u64(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(self.read_bytes(offset))
    }

    /// Writes bytes, the first one first: a device may act on the last.
    pub fn write_bytes(&self, offset: usize, bytes: &[u8]) {
        self.0.write_config(offset, bytes);
    }
}

/// Notifies the device of one queue.
#[derive(Clone)]
pub struct Notifier {
    transport: Arc<PciLegacy>,
    queue: u16,
}

impl Notifier {
    /// Tells the device that the queue has new buffers. Called without the queue's lock.
    #[inline]
    pub fn notify(&self) {
        self.transport.notify(self.queue);
    }
}

/// How a queue is to be set up.
#[derive(Clone, Copy)]
pub struct QueueOptions {
    /// Its part of the name of an interrupt vector, for instance `req.0`.
    pub name: &'static CStr,
    /// Whether its interrupts are wanted.
    pub callback: bool,
    /// Most descriptors of an indirect chain, if INDIRECT_DESC is negotiated; 0 for none.
    pub indirect: u16,
}

/// A device with negotiated features, for which a driver creates its queues.
pub struct Session<'a> {
    pdev: &'a pci::Device,
    transport: &'a Arc<PciLegacy>,
    features: Features,
    memory: Arc<DeviceMemory>,
    queues: Cell<KVec<QueueSetup>>,
}

/// What the device is told of a queue once all of them exist.
struct QueueSetup {
    index: u16,
    pfn: u32,
    callback: Option<&'static CStr>,
}

impl Session<'_> {
    /// The negotiated features.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The device-specific configuration.
    pub fn config(&self) -> Config {
        Config(self.transport.clone())
    }

    /// What notifies the device of a queue.
    pub fn notifier(&self, queue: u16) -> Notifier {
        Notifier {
            transport: self.transport.clone(),
            queue,
        }
    }

    /// The entries of a queue as the device has it; 0 if there is no such queue.
    pub fn queue_size(&self, index: u16) -> u16 {
        self.transport.queue_size(index)
    }

    /// Creates a queue. The device is told of it when all queues exist.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: the device has no such queue, or has it in use already;
    /// - [`EINVAL`]: its size is not a power of two;
    /// - [`E2BIG`]: the ring's memory is beyond what the device can be told (2^44 bytes);
    /// - [`ENOMEM`]: there is no memory for it.
    pub fn virtqueue<T: Buffers>(
        &self,
        index: u16,
        options: &QueueOptions,
    ) -> Result<Virtqueue<T>> {
        let size = self.transport.queue_size(index);
        if size != 0 && self.transport.queue_pfn(index) != 0 {
            dev_err!(self.pdev, "queue {} is in use already\n", index);
            return Err(ENOENT);
        }
        let with = |feature| self.features.contains(feature);
        let parameters = Parameters {
            index,
            size,
            event_idx: with(features::EVENT_IDX),
            indirect: if with(features::INDIRECT_DESC) {
                options.indirect
            } else {
                0
            },
        };
        let queue = Virtqueue::new(&parameters, self.memory.clone())
            .map_err(|error| self.report(index, error))?;
        let pfn = queue
            .pfn()
            .map_err(|error| self.report(index, SetupError::Layout(error)))?;

        let mut queues = self.queues.take();
        let result = queues.push(
            QueueSetup {
                index,
                pfn,
                callback: options.callback.then_some(options.name),
            },
            GFP_KERNEL,
        );
        self.queues.set(queues);
        result?;
        Ok(queue)
    }

    /// Says in one line why a queue cannot be had.
    fn report(&self, index: u16, error: SetupError) -> Error {
        match error {
            SetupError::Layout(LayoutError::Missing) => {
                dev_err!(self.pdev, "the device has no queue {}\n", index);
                ENOENT
            }
            SetupError::Layout(LayoutError::Size(size)) => {
                dev_err!(self.pdev, "queue {} has bad size {}\n", index, size);
                EINVAL
            }
            SetupError::Layout(LayoutError::TooHigh) => {
                dev_err!(
                    self.pdev,
                    "queue {} is beyond 2^44 bytes, a limit of the legacy interface\n",
                    index
                );
                E2BIG
            }
            SetupError::NoMemory => {
                dev_err!(self.pdev, "no memory for queue {}\n", index);
                ENOMEM
            }
        }
    }

    /// Tells the device where its queues are; from here on it may access them.
    fn hand_over(&self, queues: &KVec<QueueSetup>) {
        self.memory.hand_over();
        for queue in queues {
            self.transport.set_queue_pfn(queue.index, queue.pfn);
        }
    }
}

/// Why a device was not brought up.
enum Failure {
    /// In no way of interrupting it will work.
    Final(Error),
    /// This way of interrupting did not work.
    Interrupts(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// Takes hold of a device and brings it up to the point where it can go live.
///
/// `build` creates the queues and whatever else the driver shares with its interrupt handlers. It
/// is called once for each way of interrupting that is tried: a vector per queue, one for all
/// queues, the interrupt pin.
///
/// # Errors
///
/// - [`ENODEV`]: the function is not a legacy device of this kind;
/// - [`EIO`]: it cannot be reset;
/// - what `build` returns, and what setting up registers and interrupts returns.
///
/// The device is left with FAILED set, unless it is not ours.
pub fn bring_up<E: Events>(
    pdev: &pci::Device<Core<'_>>,
    wanted: &Wanted,
    mut build: impl FnMut(&Session<'_>) -> Result<Arc<E>>,
) -> Result<Live<E>> {
    let transport = PciLegacy::new(pdev, wanted.device, wanted.driver)?;
    let mut failure = ENODEV;
    for policy in Policy::BEST_FIRST {
        match attempt(pdev, &transport, wanted, policy, &mut build) {
            Ok(live) => {
                live.announce();
                return Ok(live);
            }
            Err(Failure::Interrupts(error)) => failure = error,
            Err(Failure::Final(error)) => {
                failure = error;
                break;
            }
        }
    }
    transport.set_status(Status::ACKNOWLEDGE | Status::DRIVER | Status::FAILED);
    dev_err!(pdev, "cannot bring up the device: {:?}\n", failure);
    Err(failure)
}

/// One try to bring a device up, from its reset.
fn attempt<E: Events>(
    pdev: &pci::Device<Core<'_>>,
    transport: &Arc<PciLegacy>,
    wanted: &Wanted,
    policy: Policy,
    build: &mut impl FnMut(&Session<'_>) -> Result<Arc<E>>,
) -> Result<Live<E>, Failure> {
    if !transport.reset() {
        dev_err!(pdev, "the device does not take a reset\n");
        return Err(Failure::Final(EIO));
    }
    transport.set_status(Status::ACKNOWLEDGE);
    transport.set_status(Status::ACKNOWLEDGE | Status::DRIVER);

    let offered = Features::from_bits(transport.host_features());
    let features = (wanted.validate)(
        Features::negotiate(offered, wanted.features),
        &Config(transport.clone()),
    );
    transport.set_guest_features(features.bits());

    let memory = Arc::new(DeviceMemory::new(), GFP_KERNEL).map_err(Error::from)?;
    let session = Session {
        pdev,
        transport,
        features,
        memory: memory.clone(),
        queues: Cell::new(KVec::new()),
    };
    let events = build(&session)?;

    let queues = session.queues.take();
    session.hand_over(&queues);
    let mut live = Live {
        pdev: pdev.into(),
        transport: transport.clone(),
        kind: wanted.device,
        features,
        queues: queues.len(),
        memory,
        interrupts: None,
        events,
        bound: false,
    };
    // Should it fail, dropping `live` resets the device before the queues are freed.
    live.interrupts = Some(
        interrupts(pdev, transport, wanted, policy, &queues, &live.events)
            .map_err(Failure::Interrupts)?,
    );
    Ok(live)
}

/// Sets up the interrupts of the queues that want them.
fn interrupts<E: Events>(
    pdev: &pci::Device<Core<'_>>,
    transport: &Arc<PciLegacy>,
    wanted: &Wanted,
    policy: Policy,
    queues: &KVec<QueueSetup>,
    events: &Arc<E>,
) -> Result<Interrupts<E>> {
    let mut callbacks = KVec::with_capacity(queues.len(), GFP_KERNEL)?;
    for queue in queues {
        if let Some(name) = queue.callback {
            let index = queue.index;
            callbacks.push(CallbackQueue { index, name }, GFP_KERNEL)?;
        }
    }
    let device = pdev.as_ref();
    let name = CString::try_from_fmt(fmt!("{}-{}", wanted.driver, device.name()))?;
    Interrupts::new(pdev, transport, policy, &name, &callbacks, events)
}

/// A device that was brought up.
///
/// Dropping it shuts it down.
pub struct Live<E: Events> {
    pdev: ARef<pci::Device>,
    transport: Arc<PciLegacy>,
    kind: DeviceType,
    features: Features,
    queues: usize,
    memory: Arc<DeviceMemory>,
    interrupts: Option<Interrupts<E>>,
    events: Arc<E>,
    bound: bool,
}

impl<E: Events> Live<E> {
    /// The driver's shared state.
    pub fn events(&self) -> &Arc<E> {
        &self.events
    }

    /// The negotiated features.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The device-specific configuration.
    pub fn config(&self) -> Config {
        Config(self.transport.clone())
    }

    /// Whether the device is gone: unplugged, its registers read all ones.
    pub fn is_gone(&self) -> bool {
        self.transport.status().is_gone()
    }

    /// The vector of the first queue, if the queues' vectors are spread over the CPUs; see
    /// [`Events::SPREAD_QUEUES`].
    pub fn first_spread_vector(&self) -> Option<u16> {
        self.interrupts.as_ref()?.first_spread_vector()
    }

    /// The PCI function.
    pub fn pdev(&self) -> &pci::Device {
        &self.pdev
    }

    /// Tells the device that the driver is ready. From here on it uses the queues.
    pub fn driver_ok(&self) {
        self.transport
            .set_status(Status::ACKNOWLEDGE | Status::DRIVER | Status::DRIVER_OK);
    }

    /// Notes that the driver is bound: shutting the device down is no sign of a failure any more.
    pub fn bound(&mut self) {
        self.bound = true;
    }

    /// Says what was found and agreed, in one line of the log.
    fn announce(&self) {
        let (vectors, policy) = match &self.interrupts {
            Some(interrupts) => (
                interrupts.vectors(),
                match interrupts.policy() {
                    Policy::PerQueue => "per-queue",
                    Policy::Shared => "shared",
                    Policy::Intx => "INTx",
                },
            ),
            None => (0, "none"),
        };
        dev_info!(
            self.pdev,
            "legacy virtio-{}, {} vectors ({}), {} queues, features {:#010x}: {}\n",
            self.kind.name(),
            vectors,
            policy,
            self.queues,
            self.features.bits(),
            Names {
                kind: self.kind,
                features: self.features,
            }
        );
    }

    /// Stops the device: resets it, waits for running interrupt handlers and frees them.
    ///
    /// The driver has stopped its producers and broken its queues before, and takes back every
    /// buffer afterwards. The device is left acknowledged, as Linux leaves one without a driver, or
    /// failed if the driver was never [`bound`](Self::bound).
    ///
    /// Returns `None` if the device did not take the reset: then its memory must stay untouched,
    /// and the queues see to it that it does. May be called again.
    pub fn shut_down(&mut self) -> Option<Quiesced> {
        let quiesced = self.memory.take_over(&*self.transport);
        if quiesced.is_none() {
            dev_err!(self.pdev, "the device does not take a reset\n");
        }
        self.interrupts = None;
        if quiesced.is_some() {
            self.transport.set_status(if self.bound {
                Status::ACKNOWLEDGE
            } else {
                Status::ACKNOWLEDGE | Status::DRIVER | Status::FAILED
            });
        }
        quiesced
    }
}

impl<E: Events> Drop for Live<E> {
    fn drop(&mut self) {
        if self.interrupts.is_some() || self.memory.is_with_device() {
            self.shut_down();
        }
    }
}
