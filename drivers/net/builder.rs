// SPDX-License-Identifier: GPL-2.0

//! The interface of a network device, made while the device is being brought up.

use kernel::{
    cpu::nr_cpu_ids,
    pci,
    prelude::*,
    str::CString,
    sync::{
        atomic::Atomic,
        Arc, //
    },
};

use crate::{
    announce::Announcer,
    channels::Channels,
    control::Control,
    filter::Filter,
    framing::Framing,
    kernel_ext::{
        net::{
            ethtool::LinkSettings,
            napi::{
                self,
                Napi, //
            },
            netdev::{
                NetDevice,
                Setup,
                ETH_ALEN,
                LIVE_ADDR_CHANGE,
                MAX_MTU,
                MIN_MTU,
                TX_SKB_NO_LINEAR,
                UNICAST_FILTER, //
            },
            tx::TxQueue,
            xdp::{
                ACT_BASIC,
                ACT_REDIRECT,
                ACT_RX_SG, //
            },
        },
        workqueue::{
            Deferred,
            Delayed, //
        },
    },
    link::Link,
    module_parameters,
    nic::{
        Address,
        LinkTask,
        Looked,
        Nic,
        Pair,
        Pulse, //
    },
    offload::{
        Choice,
        InterfaceFeatures,
        Switch, //
    },
    rx::{
        Parts,
        Receiver,
        Sizing,
        FRAME_OVERHEAD,
        GOOD_PACKET_LEN, //
    },
    stats::RxStats,
    tx::{
        Transmitter,
        TxPoll,
        MAX_DESCRIPTORS, //
    },
    virtio::{
        core::{
            features::{
                Features,
                INDIRECT_DESC, //
            },
            net::{
                config,
                pairs,
                F_CTRL_MAC_ADDR,
                F_CTRL_VQ,
                F_GUEST_ANNOUNCE,
                F_MAC,
                F_MQ,
                F_MTU,
                F_STATUS,
                GUEST_GSO,
                MAX_FRAME_BYTES, //
            },
        },
        device::{
            Config,
            QueueOptions,
            Session, //
        },
        queue_name::QueueName, //
    },
    xdp, //
};

/// Makes the interface while the device is being brought up.
pub(crate) struct Builder<'a> {
    pdev: &'a pci::Device,
    session: &'a Session<'a>,
    features: Features,
    framing: Framing,
    /// The MTU the device advises, in bytes.
    mtu: Option<u32>,
    /// The pairs of queues that the device has.
    pairs: u16,
}

impl<'a> Builder<'a> {
    /// Reads what the device has.
    ///
    /// # Errors
    ///
    /// `EINVAL` when it is not what it was when features were chosen.
    pub(crate) fn new(pdev: &'a pci::Device, session: &'a Session<'a>) -> Result<Self> {
        let features = session.features();
        let mtu = if features.contains(F_MTU) {
            let mtu = session.config().read_u16(config::MTU).into();
            if mtu < MIN_MTU {
                dev_err!(pdev, "the device's MTU has become {}\n", mtu);
                return Err(EINVAL);
            }
            Some(mtu)
        } else {
            None
        };
        let pairs = if features.contains(F_MQ) {
            session.config().read_u16(config::MAX_VIRTQUEUE_PAIRS)
        } else {
            1
        };
        if !pairs::can_be(pairs) {
            dev_err!(pdev, "the device's pairs of queues have become {}\n", pairs);
            return Err(EINVAL);
        }
        Ok(Self {
            pdev,
            session,
            features,
            framing: Framing::new(features),
            mtu,
            pairs,
        })
    }

    /// The configuration, if the device has a feature.
    fn config_with(&self, feature: Features) -> Option<Config> {
        self.features
            .contains(feature)
            .then(|| self.session.config())
    }

    /// Makes the interface with all its queues.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, and those of a queue that cannot be set up.
    pub(crate) fn nic(&self) -> Result<Arc<Nic>> {
        let dev = self.net_device()?;
        let link = Arc::new(
            Link::new(dev.clone(), self.config_with(F_STATUS)),
            GFP_KERNEL,
        )?;
        let mut pairs = KVec::with_capacity(dev.queues().into(), GFP_KERNEL)?;
        for number in 0..dev.queues() {
            pairs.push(self.pair(number, &dev, &link)?, GFP_KERNEL)?;
        }
        let control = self.control(&dev, &link)?;
        let several = self.features.contains(F_MQ);
        let mut transmitters = KVec::with_capacity(pairs.len(), GFP_KERNEL)?;
        let mut looked = KVec::with_capacity(pairs.len(), GFP_KERNEL)?;
        for pair in &pairs {
            transmitters.push(pair.tx.clone(), GFP_KERNEL)?;
            let looked_after = Looked {
                progress: [pair.rx_progress.clone(), pair.tx_progress.clone()],
                poll: pair.rx.handle().clone(),
            };
            looked.push(looked_after, GFP_KERNEL)?;
        }
        let nic = Nic {
            agreed: self.features,
            xdp: xdp::Queues::new(transmitters)?,
            channels: Channels::new(dev.clone(), control.clone().filter(|_| several))?,
            settings: LinkSettings::new(),
            stuck: Atomic::new(0),
            address: match &control {
                Some(control) if self.features.contains(F_CTRL_MAC_ADDR) => {
                    Address::Command(control.clone())
                }
                _ => self
                    .config_with(F_MAC)
                    .map_or(Address::Untold, Address::Config),
            },
            filter: control
                .as_ref()
                .map(|control| Filter::new(control.clone(), self.features))
                .transpose()?,
            offloads: control
                .as_ref()
                .and_then(|control| Switch::new(control.clone(), self.features)),
            announce: match (&control, self.config_with(F_GUEST_ANNOUNCE)) {
                (Some(control), Some(config)) => Some(KBox::pin_init(
                    Deferred::new(
                        Announcer {
                            dev: dev.clone(),
                            config,
                            control: control.clone(),
                        },
                        c"rvirtio_net::announce",
                        kernel::static_lock_class!(),
                    ),
                    GFP_KERNEL,
                )?),
                _ => None,
            },
            control,
            dev,
            pairs,
            link_work: KBox::pin_init(
                Deferred::new(
                    LinkTask(link.clone()),
                    c"rvirtio_net::link",
                    kernel::static_lock_class!(),
                ),
                GFP_KERNEL,
            )?,
            pulse: KBox::pin_init(
                Delayed::new(
                    Pulse {
                        link: link.clone(),
                        queues: looked,
                    },
                    c"rvirtio_net::pulse",
                    kernel::static_lock_class!(),
                    kernel::static_lock_class!(),
                ),
                GFP_KERNEL,
            )?,
            link,
            bus: CString::try_from_fmt(fmt!("{}", self.pdev.as_ref().name()))?,
        };
        Ok(Arc::new(nic, GFP_KERNEL)?)
    }

    /// Allocates the interface and says what it can.
    fn net_device(&self) -> Result<Arc<NetDevice>> {
        let mut setup = Setup::new(self.pdev.as_ref(), pairs::usable(self.pairs, nr_cpu_ids()))?;
        setup.add_priv_flags(LIVE_ADDR_CHANGE | TX_SKB_NO_LINEAR | UNICAST_FILTER);
        let choice = Choice {
            csum: crate::module_parameters::csum.value(),
            gso: crate::module_parameters::gso.value(),
        };
        let features = InterfaceFeatures::new(self.features, choice);
        setup.set_features(features.on, features.toggles);
        setup.set_mtu_range(MIN_MTU, self.mtu.unwrap_or(MAX_MTU));
        if let Some(mtu) = self.mtu {
            setup.set_mtu(mtu);
        }
        setup.set_xdp_features(ACT_BASIC | ACT_REDIRECT | ACT_RX_SG);
        if self.framing.any_layout {
            // CAST: 10 or 12.
            setup.set_needed_headroom(self.framing.header_len() as u16);
        }
        let address = self
            .config_with(F_MAC)
            .map(|config| config.read_bytes::<ETH_ALEN>(config::MAC));
        match address {
            Some(address) if is_station_address(&address) => setup.set_address(&address),
            _ => {
                setup.set_random_address();
                let dev = setup.share()?;
                dev_info!(
                    self.pdev,
                    "assigned random MAC address {}\n",
                    Printed(dev.address())
                );
                return Ok(dev);
            }
        }
        setup.share()
    }

    /// Makes the control queue, if there is one. It comes after all pairs and needs no interrupt.
    fn control(&self, dev: &Arc<NetDevice>, link: &Arc<Link>) -> Result<Option<Arc<Control>>> {
        if !self.features.contains(F_CTRL_VQ) {
            return Ok(None);
        }
        let queue = pairs::control_queue(self.pairs);
        let options = QueueOptions {
            name: QueueName::single("control"),
            callback: false,
            indirect: 0,
        };
        let vq = self.session.virtqueue(queue, &options)?;
        let notifier = self.session.notifier(queue);
        Control::new(dev.clone(), link.clone(), vq, notifier).map(Some)
    }

    /// The largest packet that is received, in bytes.
    fn packet_len(&self) -> u32 {
        if self.features.bits() & GUEST_GSO.bits() != 0 {
            MAX_FRAME_BYTES
        } else {
            self.mtu.map_or(GOOD_PACKET_LEN, |mtu| {
                GOOD_PACKET_LEN.max(mtu + FRAME_OVERHEAD)
            })
        }
    }

    /// Makes a pair of queues.
    fn pair(&self, number: u16, dev: &Arc<NetDevice>, link: &Arc<Link>) -> Result<Pair> {
        let tx_queue = pairs::tx_queue(number);
        let options = QueueOptions {
            name: QueueName::numbered("output", number),
            callback: true,
            indirect: MAX_DESCRIPTORS,
        };
        let vq = self.session.virtqueue(tx_queue, &options)?;
        let tx_progress = vq.progress();
        let tx_poll = Napi::new(
            dev.clone(),
            napi::Queue::Transmit(number),
            napi::WEIGHT,
            |napi| {
                let tx = Transmitter::new(
                    vq,
                    |state| TxQueue::new(dev.clone(), number, state),
                    napi,
                    self.session.notifier(tx_queue),
                    self.framing,
                    link.clone(),
                )?;
                Ok(TxPoll(tx))
            },
        )?;
        let tx = tx_poll.with_disabled(|poll, _| poll.0.clone())?;
        tx.set_polled(module_parameters::napi_tx.value());

        let rx_queue = pairs::rx_queue(number);
        let sizing = Sizing::new(
            self.framing,
            self.packet_len(),
            self.session.queue_size(rx_queue),
            self.features.contains(INDIRECT_DESC),
        );
        let options = QueueOptions {
            name: QueueName::numbered("input", number),
            callback: true,
            indirect: sizing.table_entries(),
        };
        let vq = self.session.virtqueue(rx_queue, &options)?;
        let rx_progress = vq.progress();
        let rx_size = vq.size();
        let rx_stats = Arc::new(RxStats::default(), GFP_KERNEL)?;
        let parts = Parts {
            dev: dev.clone(),
            pair: number,
            vq,
            notifier: self.session.notifier(rx_queue),
            framing: self.framing,
            accepted: self.features,
            sizing,
            link: link.clone(),
            tx: tx.clone(),
            stats: rx_stats.clone(),
        };
        let weight = u16::try_from(module_parameters::napi_weight.value()).unwrap_or(1);
        let rx = Napi::new(dev.clone(), napi::Queue::Receive(number), weight, |napi| {
            Receiver::new(parts, napi)
        })?;
        Ok(Pair {
            rx,
            rx_progress,
            rx_stats,
            rx_size,
            tx,
            tx_poll,
            tx_progress,
        })
    }
}

/// Whether an interface can have this address.
fn is_station_address(address: &[u8; ETH_ALEN]) -> bool {
    address[0] & 1 == 0 && *address != [0; ETH_ALEN]
}

/// An address, printed the usual way.
struct Printed([u8; ETH_ALEN]);

impl kernel::fmt::Display for Printed {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        let mut separator = "";
        for byte in self.0 {
            write!(f, "{separator}{byte:02x}")?;
            separator = ":";
        }
        Ok(())
    }
}
