// SPDX-License-Identifier: GPL-2.0

//! The life of a device: bring it up, let it go live, set it up again, shut it down.
//!
//! [`bring_up`] does what VIRTIO 1.3, section 3.1, asks of a driver, in the legacy form of section
//! 3.1.2, for every way of interrupting in turn, each from a fresh reset: a device that was set up
//! halfway keeps neither features nor queues.
//!
//! A device that stopped working, or that was asleep, is set up again in place: see [`Changed`] and
//! what stands beside it.
//!
//! [`Live::shut_down`] is the one way back. The order of teardown is fixed: the driver stops
//! whoever produces requests and breaks its queues; the device is reset; handlers that still run
//! are waited for; then the driver takes back every buffer and memory is freed.

use kernel::{
    device::Core,
    pci,
    prelude::*,
    str::{
        CStr,
        CString, //
    },
    sync::Arc, //
};

use super::{
    core::{
        features::Features,
        pci::DeviceType,
        status::Status, //
    },
    inspect::Agreement,
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
        Transport, //
    },
};

#[path = "device/live.rs"]
mod live;
#[path = "device/registers.rs"]
mod registers;
#[path = "device/rescue.rs"]
mod rescue;
#[path = "device/restart.rs"]
mod restart;
#[path = "device/session.rs"]
mod session;

#[allow(unused_imports)] // Shared source: each module uses a part of it.
pub use self::{
    live::Live,
    registers::{
        Config,
        Notifier, //
    },
    rescue::{
        Attempts,
        Cause,
        Hopeless, //
    },
    restart::Changed,
    session::{
        QueueOptions,
        Session, //
    },
};

use self::session::{
    greet,
    hand_over, //
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
    /// Of these, bits that are not to be used with any device, because the module's user says so.
    pub disabled: Features,
    /// Whether to drive a device through its legacy registers that has the modern ones, too.
    pub force_legacy: bool,
    /// Drops feature bits whose configuration fields make no sense, before they are accepted.
    pub validate: fn(Features, &Config) -> Features,
}

impl Wanted {
    /// A [`Wanted::validate`] that has nothing to object to.
    pub fn take_all(features: Features, _config: &Config) -> Features {
        features
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
    let transport = PciLegacy::new(pdev, wanted.device, wanted.force_legacy, wanted.driver)?;
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
    transport.set_master(pdev);
    greet(transport);

    let offered = Features::from_bits(transport.host_features());
    let features = (wanted.validate)(
        Features::negotiate(offered, wanted.features.without(wanted.disabled)),
        &Config(transport.clone()),
    );
    transport.set_guest_features(features.bits());

    let memory = Arc::new(DeviceMemory::new(), GFP_KERNEL).map_err(Error::from)?;
    let session = Session::new(pdev, transport, features, memory.clone());
    let events = build(&session)?;

    let queues = session.take_queues();
    let handed_over = hand_over(transport, &memory, &queues);
    let mut live = Live {
        pdev: pdev.into(),
        transport: transport.clone(),
        kind: wanted.device,
        features,
        queues,
        memory,
        interrupts: None,
        events,
        inspection: None,
        bound: false,
        failed: false,
    };
    // Should it fail, dropping `live` resets the device before the queues are freed.
    if let Err(queue) = handed_over {
        dev_err!(pdev, "queue {} does not take its address\n", queue);
        return Err(Failure::Final(EIO));
    }
    live.interrupts = Some(interrupts(pdev, wanted, policy, &live).map_err(Failure::Interrupts)?);
    let agreement = Agreement {
        kind: wanted.device,
        offered,
        disabled: wanted.disabled,
        negotiated: features,
    };
    // A device that cannot be looked at works all the same.
    live.inspection = live.inspect(wanted.driver, agreement).ok();
    Ok(live)
}

/// Sets up the interrupts of the queues that want them.
fn interrupts<E: Events>(
    pdev: &pci::Device<Core<'_>>,
    wanted: &Wanted,
    policy: Policy,
    live: &Live<E>,
) -> Result<Interrupts<E>> {
    let mut callbacks = KVec::with_capacity(live.queues.len(), GFP_KERNEL)?;
    for queue in &live.queues {
        if let Some(counts) = &queue.interrupts {
            let callback = CallbackQueue {
                index: queue.index,
                name: queue.name,
                counts: counts.clone(),
            };
            callbacks.push(callback, GFP_KERNEL)?;
        }
    }
    let name = device_name(wanted.driver, pdev)?;
    Interrupts::new(
        pdev,
        &live.transport,
        policy,
        &name,
        &callbacks,
        &live.events,
    )
}

/// What a device is called where the names of all drivers stand together.
fn device_name(driver: &CStr, pdev: &pci::Device) -> Result<CString> {
    CString::try_from_fmt(fmt!("{}-{}", driver, pdev.as_ref().name()))
}
