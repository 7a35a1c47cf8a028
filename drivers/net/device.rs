// SPDX-License-Identifier: GPL-2.0

//! The life of a network device: bound, live, an interface of the system, gone.

use kernel::{
    device::Core,
    new_mutex,
    pci,
    prelude::*,
    sync::Arc, //
};

use crate::{
    builder::Builder,
    channels::Channels,
    kernel_ext::{
        cpu::{
            hotplug::Watch,
            with_cpus_steady, //
        },
        irq::affinity::Affinity,
        net::{
            netdev::{
                Registration,
                MIN_MTU, //
            },
            rtnl::with_rtnl, //
        },
        pci::driver::Pausable,
        workqueue::Deferred, //
    },
    module::HOTPLUG,
    nic::Nic,
    rescue::{
        Held,
        Rescue,
        Up, //
    },
    virtio::{
        core::{
            features::{
                Features,
                ANY_LAYOUT,
                RING, //
            },
            net::{
                config,
                consistent,
                pairs,
                F_CSUM,
                F_CTRL_GUEST_OFFLOADS,
                F_CTRL_MAC_ADDR,
                F_CTRL_RX,
                F_CTRL_RX_EXTRA,
                F_CTRL_VLAN,
                F_CTRL_VQ,
                F_GSO,
                F_GUEST_ANNOUNCE,
                F_GUEST_CSUM,
                F_MAC,
                F_MQ,
                F_MRG_RXBUF,
                F_MTU,
                F_STATUS,
                GUEST_GSO,
                HOST_GSO, //
            },
            pci::DeviceType, //
        },
        device::{
            bring_up,
            Config,
            Events,
            Live,
            Wanted, //
        },
    },
};

/// The feature bits the driver supports.
const FEATURES: Features = RING
    .with(ANY_LAYOUT)
    .with(F_CSUM)
    .with(F_GSO)
    .with(HOST_GSO)
    .with(F_GUEST_CSUM)
    .with(GUEST_GSO)
    .with(F_CTRL_GUEST_OFFLOADS)
    .with(F_MTU)
    .with(F_MAC)
    .with(F_MRG_RXBUF)
    .with(F_STATUS)
    .with(F_CTRL_VQ)
    .with(F_CTRL_RX)
    .with(F_CTRL_VLAN)
    .with(F_CTRL_RX_EXTRA)
    .with(F_GUEST_ANNOUNCE)
    .with(F_MQ)
    .with(F_CTRL_MAC_ADDR);

/// A bound network device.
///
/// Dropped when the driver is unbound from it, or when it could not be set up altogether.
pub(crate) struct Card {
    /// Has the CPUs shared out anew when others are online.
    watch: Option<Pin<KBox<Watch<Channels>>>>,
    registration: Option<Registration<Nic>>,
    nic: Arc<Nic>,
    up: Up,
}

impl Card {
    /// Brings a device up and shows it to the system as an interface.
    fn new(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        let wanted = Wanted {
            driver: c"rvirtio_net",
            device: DeviceType::Net,
            features: FEATURES,
            disabled: Features::from_bits(crate::module_parameters::disable_features.value()),
            force_legacy: crate::module_parameters::force_legacy.value(),
            validate,
        };
        let live = bring_up(pdev, &wanted, |session| Builder::new(pdev, session)?.nic())?;
        let nic = live.events().clone();
        nic.channels.set_vectors(vectors(&live)?);
        let features = live.features();
        let mut card = Self {
            watch: None,
            registration: None,
            nic: nic.clone(),
            up: Arc::pin_init(new_mutex!(Some(Held::new(live)), "Card::up"), GFP_KERNEL)?,
        };
        nic.link.set_rescue(Arc::pin_init(
            Deferred::new(
                Rescue {
                    up: card.up.clone(),
                },
                c"rvirtio_net::rescue",
                kernel::static_lock_class!(),
            ),
            GFP_KERNEL,
        )?);
        // The interface can be opened as soon as it is registered.
        if let Some(held) = &*card.up.lock() {
            held.live.driver_ok();
        }
        with_rtnl(|rtnl| nic.channels.start(rtnl))?;
        nic.dev.set_carrier(false);
        if nic.dev.has_random_address() {
            // A device that does not take it may still pass frames for it on.
            let _ = nic.tell_address(&nic.dev.address());
        }
        let (dev, channels) = (nic.dev.clone(), nic.channels.clone());
        card.registration = Some(if features.contains(F_MRG_RXBUF) {
            Registration::with_rx_attribute(dev, nic)?
        } else {
            Registration::new(dev, nic)?
        });
        card.watch = Some(KBox::pin_init(
            Watch::new(&HOTPLUG, channels.clone()),
            GFP_KERNEL,
        )?);
        with_cpus_steady(|cpus| channels.spread(cpus));
        if let Some(held) = &mut *card.up.lock() {
            held.live.bound();
        }
        Ok(card)
    }
}

impl Card {
    /// Stops the device for a while: for a sleep of the system or a reset of its function.
    fn pause(&self) -> Result {
        let result = with_rtnl(|rtnl| match &mut *self.up.lock() {
            Some(held) => held.pause(rtnl),
            None => Ok(()),
        });
        // It would read the configuration of a device that is not awake.
        self.nic.end_work();
        if result.is_err() {
            self.nic.link.call_for_rescue();
        }
        result
    }

    /// Starts the device again.
    fn proceed(&self) {
        with_rtnl(|rtnl| {
            if let Some(held) = &mut *self.up.lock() {
                held.proceed(rtnl);
            }
        });
        // What there was to be told while it was stopped.
        self.nic.config_changed();
    }
}

/// What says which CPUs handle the interrupts of each pair; empty if they share a vector.
fn vectors(live: &Live<Nic>) -> Result<KVec<[Arc<Affinity>; 2]>> {
    let mut vectors = KVec::new();
    for pair in 0..live.events().channels.most() {
        let of = |queue| live.queue_affinity(queue).cloned();
        if let (Some(rx), Some(tx)) = (of(pairs::rx_queue(pair)), of(pairs::tx_queue(pair))) {
            vectors.push([rx, tx], GFP_KERNEL)?;
        }
    }
    Ok(vectors)
}

impl Drop for Card {
    /// The order of teardown: nobody who changes the queues, no packets any more, no use of the
    /// queues, reset, memory.
    fn drop(&mut self) {
        self.watch = None;
        self.registration = None;
        if let Some(held) = &mut *self.up.lock() {
            held.stop();
        }
        // No interrupt and no packet is left that could start them again.
        self.nic.link.end_rescue();
        self.nic.end_work();
        // The link knows the rescue, the rescue the device, and the device the link.
        let held = self.up.lock().take();
        drop(held);
    }
}

/// Leaves out an MTU that no interface can have, pairs of queues that no device can have, and what
/// lacks another feature that it needs.
///
/// Without MQ there is one pair, and the control queue comes right after it.
fn validate(features: Features, config: &Config) -> Features {
    let mut features = consistent(features);
    if features.contains(F_MTU) && u32::from(config.read_u16(config::MTU)) < MIN_MTU {
        features = features.without(F_MTU);
    }
    if features.contains(F_MQ) && !pairs::can_be(config.read_u16(config::MAX_VIRTQUEUE_PAIRS)) {
        features = features.without(F_MQ);
    }
    features
}

/// The PCI driver.
pub(crate) struct NetDriver;

crate::legacy_device_table!(IDS, <NetDriver as pci::Driver>::IdInfo);

impl pci::Driver for NetDriver {
    type IdInfo = ();
    type Data<'bound> = Card;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &IDS;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        Card::new(pdev)
    }
}

impl Pausable for NetDriver {
    fn pause(card: Pin<&Card>) -> Result {
        card.pause()
    }

    fn proceed(card: Pin<&Card>) {
        card.proceed();
    }

    /// Nobody uses the interface after this: the device must not touch memory that another kernel
    /// may own by then, and must not be notified.
    fn shut_down(card: Pin<&Card>) {
        // A device that does not let go is kept from memory by nobody else.
        let _ = card.pause();
    }
}
