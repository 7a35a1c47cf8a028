// SPDX-License-Identifier: GPL-2.0

//! A driver for the legacy virtio entropy device (VIRTIO 1.3, section 5.4), whole.
//!
//! This is the text to read first: the smallest driver that uses everything a driver here has to
//! know. The device has one queue and no configuration. The driver puts an empty buffer into the
//! queue; the device fills it with random bytes, puts it back and interrupts; whoever reads
//! `/dev/hwrng` gets the bytes, and the buffer goes into the queue again. While the system sleeps the
//! device has no buffer.
//!
//! To make it probe: `-device virtio-rng-pci,disable-modern=on` on QEMU's command line, and no
//! other driver bound to the device.

use kernel::{
    device::Core,
    driver,
    new_condvar,
    new_spinlock_irq,
    pci,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        CondVar,
        CondVarTimeoutResult,
        SpinLockIrq, //
    },
    time::msecs_to_jiffies,
    InPlaceModule,
    ModuleMetadata, //
};

// The shared code is compiled into each driver: the queue and the life of a device, and what the
// kernel's own Rust interfaces lack.
#[path = "../rust/kernel/lib.rs"]
mod kernel_ext;
#[path = "../drivers/virtio/virtio.rs"]
mod virtio;

use kernel_ext::{
    hw_random,
    pci::driver::{
        Adapter,
        Pausable, //
    }, //
};
use virtio::{
    core::{
        features::{
            self,
            Features, //
        },
        pci::DeviceType, //
    },
    device::{
        bring_up,
        Events,
        Live,
        Notifier,
        QueueOptions,
        Session,
        Wanted, //
    },
    queue_name::QueueName,
    shared::Slot,
    transport::Quiesced,
    virtqueue::{
        Buffers,
        Chain,
        ChainError,
        Descriptors,
        Virtqueue, //
    },
};

/// The device's only queue (VIRTIO 1.3, section 5.4.2).
const QUEUE: u16 = 0;

/// Bytes asked for at a time: what the kernel's generator core reads at once.
const CHUNK: usize = 64;

/// Longest time a reader waits for the device before it gets nothing and may try again.
const PATIENCE_MS: u32 = 1000;

/// What goes into the queue: memory that the device may write, and nothing else.
///
/// The queue owns it while the device has it, so nobody can look at it too early.
struct Chunk {
    bytes: Slot<[u8; CHUNK]>,
}

impl Buffers for Chunk {
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        chain.writable(&self.bytes)
    }
}

/// What the interrupt handler and the readers share, under one lock.
struct State {
    queue: Virtqueue<Chunk>,
    /// A chunk that came back and the number of random bytes in it.
    filled: Option<(Chunk, usize)>,
    /// The device is going away.
    stopped: bool,
}

impl State {
    /// Puts a chunk into the queue, cleared so that no byte is ever handed out twice.
    ///
    /// Returns whether the device has to be notified, once the lock is no longer held.
    ///
    /// # Errors
    ///
    /// `EIO` if the queue takes nothing; the chunk stays with us, with no bytes in it.
    fn request(&mut self, mut chunk: Chunk) -> Result<bool> {
        chunk.bytes.write([0; CHUNK]);
        if let Err(refused) = self.queue.add(chunk) {
            self.filled = Some((refused.token, 0));
            return Err(EIO);
        }
        Ok(self.queue.kick_prepare())
    }

    /// Takes the chunk back from a device that was reset.
    fn take_back(&mut self, proof: &Quiesced) {
        while let Some(chunk) = self.queue.take_back(proof) {
            self.filled = Some((chunk, 0));
        }
    }
}

/// The part of a device that outlives its probe function.
#[pin_data]
struct Rng {
    #[pin]
    state: SpinLockIrq<State>,
    #[pin]
    changed: CondVar,
    notifier: Notifier,
}

impl Rng {
    /// Creates the queue and everything around it, while the device is being brought up.
    fn new(session: &Session<'_>) -> Result<Arc<Self>> {
        let options = QueueOptions {
            name: QueueName::single("input"),
            callback: true,
            indirect: 0,
        };
        let queue = session.virtqueue(QUEUE, &options)?;
        let init = pin_init!(Self {
            state <- new_spinlock_irq!(State {
                queue,
                filled: None,
                stopped: false,
            }),
            changed <- new_condvar!(),
            notifier: session.notifier(QUEUE),
        });
        Arc::pin_init(init, GFP_KERNEL)
    }

    /// Hands a chunk to the device.
    fn request(&self, chunk: Chunk) -> Result {
        let notify = self.state.lock().request(chunk)?;
        // A notification leaves the guest, so it is made without the lock.
        if notify {
            self.notifier.notify();
        }
        Ok(())
    }

    /// Sends readers away, now and from now on.
    fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }
}

/// Called in hard interrupt context.
impl Events for Rng {
    fn queue_interrupt(&self, _queue: u16) -> bool {
        let mut state = self.state.lock();
        let Some(used) = state.queue.pop() else {
            return false;
        };
        // The device says how much it wrote. It may lie; more than the buffer holds is no length.
        let len = used.checked_len().map_or(0, |len| len as usize);
        state.filled = Some((used.token, len.min(CHUNK)));
        drop(state);
        self.changed.notify_all();
        true
    }

    fn config_changed(&self) {
        // The device has no configuration.
    }
}

/// Called by whoever reads `/dev/hwrng`, and by the kernel for its own pool.
impl hw_random::Source for Rng {
    fn read(&self, buffer: &mut hw_random::Buffer<'_>, wait: bool) -> Result {
        let mut state = self.state.lock();
        let (chunk, len) = loop {
            if state.stopped {
                return Err(ENODEV);
            }
            if state.queue.broken().is_some() {
                return Err(EIO);
            }
            if let Some(filled) = state.filled.take() {
                break filled;
            }
            if !wait {
                return Ok(());
            }
            let patience = msecs_to_jiffies(PATIENCE_MS);
            match self
                .changed
                .wait_interruptible_timeout(&mut state, patience)
            {
                CondVarTimeoutResult::Woken { .. } => {}
                CondVarTimeoutResult::Timeout => return Ok(()),
                CondVarTimeoutResult::Signal { .. } => return Err(ERESTARTSYS),
            }
        };
        drop(state);

        // The device has given the chunk back: a copy of it cannot change any more.
        let bytes = chunk.bytes.read();
        buffer.append(bytes.get(..len).unwrap_or_default());
        self.request(chunk)
    }
}

/// A bound device. Dropped when the driver is unbound from it.
struct RngDevice {
    registration: Option<hw_random::Registration<Rng>>,
    live: Live<Rng>,
}

impl Drop for RngDevice {
    /// The order of teardown is the same in every driver: stop whoever makes requests, break the
    /// queues, reset the device; then nothing uses the buffers any more and they are freed, here
    /// together with the queue that holds them.
    fn drop(&mut self) {
        let rng = self.live.events();
        rng.stop();
        self.registration = None;
        rng.state.lock().queue.break_now();
        self.live.shut_down();
    }
}

impl RngDevice {
    fn new(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        let wanted = Wanted {
            driver: c"rvirtio_rng",
            device: DeviceType::Entropy,
            features: features::RING,
            disabled: Features::from_bits(module_parameters::disable_features.value()),
            force_legacy: module_parameters::force_legacy.value(),
            validate: Wanted::take_all,
        };
        let live = bring_up(pdev, &wanted, Rng::new)?;
        let rng = live.events().clone();
        let mut device = Self {
            registration: None,
            live,
        };
        device.live.driver_ok();

        let mut chunks = Slot::table(1)?;
        let bytes = chunks.pop().ok_or(ENOMEM)?;
        rng.request(Chunk { bytes })?;

        let name = CString::try_from_fmt(fmt!("rvirtio_rng-{}", pdev.as_ref().name()))?;
        device.registration = Some(hw_random::Registration::new(pdev.as_ref(), name, rng)?);
        device.live.bound();
        Ok(device)
    }
}

impl RngDevice {
    /// Stops the device for a while. Readers get nothing until it proceeds.
    fn pause(&self) -> Result {
        let rng = self.live.events();
        rng.state.lock().queue.break_now();
        let proof = self.live.reset().ok_or(EBUSY)?;
        rng.state.lock().take_back(&proof);
        Ok(())
    }

    /// Starts the device again, whatever state it is in.
    fn proceed(&self) -> Result {
        let rng = self.live.events();
        let proof = self.live.reset().ok_or(EIO)?;
        let mut state = rng.state.lock();
        state.take_back(&proof);
        if !state.queue.restart(&proof) {
            return Err(EIO);
        }
        let empty = state.filled.take_if(|(_, len)| *len == 0);
        drop(state);

        self.live.set_up_again(&proof).map_err(|_| EIO)?;
        self.live.driver_ok();
        // If there are bytes, whoever reads them asks for the next ones.
        if let Some((chunk, _)) = empty {
            rng.request(chunk)?;
        }
        // A reader may have asked before the device could hear of it.
        rng.notifier.notify();
        Ok(())
    }
}

struct Driver;

crate::legacy_device_table!(IDS, <Driver as pci::Driver>::IdInfo);

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = RngDevice;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &IDS;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<RngDevice, Error> + 'bound {
        RngDevice::new(pdev)
    }
}

/// The system sleeps, takes an image of its memory, resets the function, or ends: the device must
/// not know of our memory then. This needs more than `kernel::module_pci_driver!` knows of.
impl Pausable for Driver {
    fn pause(device: Pin<&RngDevice>) -> Result {
        device.pause()
    }

    fn proceed(device: Pin<&RngDevice>) {
        if let Err(error) = device.proceed() {
            let rng = device.live.events();
            rng.state.lock().queue.break_now();
            dev_err!(device.live.pdev(), "does not start again: {:?}\n", error);
        }
    }

    fn shut_down(device: Pin<&RngDevice>) {
        // A device that does not let go is kept from memory by nobody else.
        let _ = device.pause();
    }
}

#[pin_data]
struct RngModule {
    #[pin]
    driver: driver::Registration<Adapter<Driver>>,
}

impl InPlaceModule for RngModule {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            driver <- driver::Registration::new(Self::NAME, module),
        })
    }
}

module! {
    type: RngModule,
    name: "rvirtio_rng",
    authors: ["the rvirtio authors"],
    description: "Legacy virtio entropy device",
    license: "GPL",
    params: {
        disable_features: u32 {
            default: 0,
            description: "Feature bits that are not used, though offered; a mask",
        },
        force_legacy: bool {
            default: false,
            description: "Drive devices that have the modern interface, too",
        },
    },
}
