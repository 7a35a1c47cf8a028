// SPDX-License-Identifier: GPL-2.0

//! The interface: what the network core and the device's interrupts call.

use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};

use crate::{
    announce::Announcer,
    control::Control,
    filter::Filter,
    kernel_ext::{
        net::{
            addr_list::RxMode,
            napi::Napi,
            netdev::{
                net_ratelimit,
                netdev_warn,
                NetDevice,
                ETH_ALEN, //
            },
            ops::Operations,
            rx_queue::RxQueueAttribute,
            skb::SkBuff,
            stats::LinkStats,
            tx::Transmit,
        },
        workqueue::{
            Deferred,
            Task, //
        },
    },
    link::Link,
    offload::Switch,
    rx::Receiver,
    stats::RxStats,
    tx::{
        Transmitter,
        TxPoll, //
    },
    virtio::{
        core::net::{
            config,
            control::MAC_ADDR_SET, //
        },
        device::{
            Config,
            Events, //
        },
        transport::Quiesced,
        virtqueue::Progress,
    },
};

/// Queues of a pair: the receive queue comes first.
const QUEUES_PER_PAIR: u16 = 2;

/// A receive and a transmit queue, which share nothing with other pairs.
pub(crate) struct Pair {
    pub(crate) rx: Arc<Napi<Receiver>>,
    pub(crate) rx_progress: Progress,
    pub(crate) rx_stats: Arc<RxStats>,
    /// Entries of the receive ring.
    pub(crate) rx_size: u16,
    pub(crate) tx: Arc<Transmitter>,
    pub(crate) tx_poll: Arc<Napi<TxPoll>>,
    pub(crate) tx_progress: Progress,
}

impl Pair {
    /// The number of the receive queue of pair `pair`.
    pub(crate) fn rx_queue(pair: u16) -> u16 {
        pair * QUEUES_PER_PAIR
    }

    /// The number of the transmit queue of pair `pair`.
    pub(crate) fn tx_queue(pair: u16) -> u16 {
        pair * QUEUES_PER_PAIR + 1
    }

    /// The number of the control queue of a device with so many pairs.
    pub(crate) fn control_queue(pairs: u16) -> u16 {
        pairs * QUEUES_PER_PAIR
    }
}

/// How the device learns the address of the interface.
pub(crate) enum Address {
    /// By a command.
    Command(Arc<Control>),
    /// From its configuration, which a legacy driver may write (VIRTIO 1.3, section 5.1.4.3).
    Config(Config),
    /// Not at all.
    Untold,
}

/// A network interface.
pub(crate) struct Nic {
    pub(crate) dev: Arc<NetDevice>,
    pub(crate) pairs: KVec<Pair>,
    pub(crate) link: Arc<Link>,
    pub(crate) link_work: Pin<KBox<Deferred<LinkTask>>>,
    pub(crate) address: Address,
    pub(crate) control: Option<Arc<Control>>,
    pub(crate) filter: Option<Filter>,
    /// For a device that can be told what not to leave to us.
    pub(crate) offloads: Option<Switch>,
    /// For a device that may ask for announcements.
    pub(crate) announce: Option<Pin<KBox<Deferred<Announcer>>>>,
    /// The name of the PCI function.
    pub(crate) bus: CString,
}

/// The link, as the workqueue knows it.
pub(crate) struct LinkTask(pub(crate) Arc<Link>);

impl Task for LinkTask {
    fn run(&self) {
        self.0.update_if_open();
    }
}

impl Nic {
    /// Tells the device its address.
    ///
    /// # Errors
    ///
    /// See [`Control::send`].
    pub(crate) fn tell_address(&self, address: &[u8; ETH_ALEN]) -> Result {
        match &self.address {
            Address::Command(control) => return control.send(MAC_ADDR_SET, [address, &[]]),
            Address::Config(config) => config.write_bytes(config::MAC, address),
            Address::Untold => {}
        }
        Ok(())
    }

    /// Looks soon whether the device asks for an announcement.
    fn look_for_announcement(&self) {
        if let Some(announce) = &self.announce {
            announce.schedule();
        }
    }

    /// Takes every queue out of service.
    ///
    /// Called when the device is unregistered, so that no poll runs.
    pub(crate) fn break_queues(&self) {
        for pair in &self.pairs {
            pair.tx.break_queue();
            // Polls are disabled, so this cannot fail.
            let _ = pair.rx.with_disabled(|rx, _| rx.break_queue());
        }
        if let Some(control) = &self.control {
            control.break_queue();
        }
    }

    /// Frees what was in the queues, after the device was reset.
    pub(crate) fn take_back(&self, proof: &Quiesced) {
        self.link_work.cancel();
        if let Some(announce) = &self.announce {
            announce.cancel();
        }
        for pair in &self.pairs {
            pair.tx.take_back(proof);
            // As above.
            let _ = pair.rx.with_disabled(|rx, _| rx.take_back(proof));
        }
        if let Some(control) = &self.control {
            control.take_back(proof);
        }
    }
}

impl Events for Nic {
    #[inline]
    fn queue_interrupt(&self, queue: u16) -> bool {
        let Some(pair) = self.pairs.get(usize::from(queue / QUEUES_PER_PAIR)) else {
            return false;
        };
        let (progress, poll) = if queue % QUEUES_PER_PAIR == 0 {
            (&pair.rx_progress, pair.rx.handle())
        } else {
            (&pair.tx_progress, pair.tx_poll.handle())
        };
        let found = progress.more_used();
        if found {
            poll.schedule();
        }
        found
    }

    fn config_changed(&self) {
        self.link_work.schedule();
        self.look_for_announcement();
    }
}

#[vtable]
impl Operations for Nic {
    fn open(&self) -> Result {
        for pair in &self.pairs {
            // What there is no memory for now, the first poll asks for again.
            let _ = pair.rx.with_disabled(|rx, owner| rx.refill(owner))?;
            pair.rx.enable();
            pair.tx_poll.enable();
            // The device may have filled the ring before polls were enabled.
            pair.rx.kick();
            pair.tx_poll.kick();
        }
        self.link.update();
        self.look_for_announcement();
        Ok(())
    }

    fn stop(&self) {
        self.link_work.cancel();
        for pair in &self.pairs {
            pair.tx_poll.disable();
            pair.rx.disable();
        }
        self.dev.set_carrier(false);
    }

    #[inline]
    fn start_xmit(&self, skb: SkBuff, queue: &mut Transmit<'_>) {
        if let Some(pair) = self.pairs.get(usize::from(queue.queue())) {
            pair.tx.send(skb, queue);
        }
    }

    fn get_stats64(&self) -> LinkStats {
        let mut sum = LinkStats::default();
        for pair in &self.pairs {
            let (rx, tx) = (&pair.rx_stats, pair.tx.stats());
            sum.rx_packets += rx.packets.get();
            sum.rx_bytes += rx.bytes.get();
            sum.rx_dropped += rx.drops.get();
            sum.rx_length_errors += rx.length_errors.get();
            sum.rx_frame_errors += rx.frame_errors.get();
            sum.tx_packets += tx.packets.get();
            sum.tx_bytes += tx.bytes.get();
            sum.tx_dropped += tx.drops.get();
            sum.tx_fifo_errors += tx.fifo_errors.get();
            sum.tx_errors += tx.timeouts.get();
        }
        sum
    }

    fn set_mac_address(&self, address: &[u8; ETH_ALEN]) -> Result {
        self.tell_address(address)
    }

    fn set_rx_mode(&self, mode: &RxMode<'_>) -> Result {
        if let Some(filter) = &self.filter {
            filter.set_mode(mode);
        }
        Ok(())
    }

    fn add_vlan(&self, id: u16) -> Result {
        if let Some(filter) = &self.filter {
            filter.set_vlan(id, true);
        }
        Ok(())
    }

    fn remove_vlan(&self, id: u16) -> Result {
        if let Some(filter) = &self.filter {
            filter.set_vlan(id, false);
        }
        Ok(())
    }

    fn set_features(&self, current: u64, wanted: u64) -> Result {
        match &self.offloads {
            Some(switch) => switch.set(current, wanted),
            None => Ok(()),
        }
    }

    fn tx_timeout(&self, queue: u16) {
        if let Some(pair) = self.pairs.get(usize::from(queue)) {
            pair.tx.stats().timeouts.inc();
        }
        if net_ratelimit() {
            netdev_warn!(self.dev, "the device does not send on queue {}\n", queue);
        }
    }
}

impl RxQueueAttribute for Nic {
    const DIRECTORY: &'static CStr = c"virtio_net";
    const NAME: &'static CStr = c"mergeable_rx_buffer_size";

    fn show(&self, queue: u16) -> u32 {
        // CAST: A buffer is no larger than a few pages.
        self.pairs
            .get(usize::from(queue))
            .map_or(0, |pair| pair.rx_stats.buffer_size.get() as u32)
    }
}
