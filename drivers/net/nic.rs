// SPDX-License-Identifier: GPL-2.0

//! The interface: what the network core and the device's interrupts call.

use kernel::{
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc, //
    },
    time::Msecs, //
};

use crate::{
    announce::Announcer,
    channels::Channels,
    control::Control,
    filter::Filter,
    kernel_ext::{
        net::{
            addr_list::RxMode,
            ethtool::LinkSettings,
            napi::{
                Handle,
                Napi, //
            },
            netdev::{
                net_ratelimit,
                netdev_warn,
                NetDevice,
                ETH_ALEN, //
            },
            ops::Operations,
            queue_stats::{
                QueueStats,
                RxQueueStats,
                TxQueueStats, //
            },
            rtnl::Rtnl,
            rx_queue::RxQueueAttribute,
            skb::SkBuff,
            stats::LinkStats,
            tx::Transmit,
            xdp::{
                ExtAck,
                Frames,
                Program, //
            },
        },
        workqueue::{
            Deferred,
            Delayed,
            DelayedTask,
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
        core::{
            features::Features,
            net::{
                config,
                control::MAC_ADDR_SET,
                pairs::pair_of,
                Left, //
            },
        },
        device::{
            Config,
            Events, //
        },
        transport::Quiesced,
        virtqueue::Progress,
    },
    xdp, //
};

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
    /// What the receive queue has counted, as netlink has it.
    fn rx_totals(&self) -> RxQueueStats {
        RxQueueStats {
            packets: self.rx_stats.packets.get(),
            bytes: self.rx_stats.bytes.get(),
        }
    }

    /// What the transmit queue has counted.
    fn tx_totals(&self) -> TxQueueStats {
        let stats = self.tx.stats();
        TxQueueStats {
            packets: stats.packets.get(),
            bytes: stats.bytes.get(),
            stop: stats.stops.get(),
            wake: stats.wakes.get(),
        }
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
    /// The features that were agreed upon with the device.
    pub(crate) agreed: Features,
    /// All pairs that can be used.
    pub(crate) pairs: KVec<Pair>,
    pub(crate) channels: Arc<Channels>,
    pub(crate) xdp: Arc<xdp::Queues>,
    pub(crate) settings: LinkSettings,
    /// The device has not sent for long.
    pub(crate) stuck: Atomic<u32>,
    pub(crate) link: Arc<Link>,
    pub(crate) link_work: Pin<KBox<Deferred<LinkTask>>>,
    pub(crate) pulse: Pin<KBox<Delayed<Pulse>>>,
    pub(crate) address: Address,
    pub(crate) control: Option<Arc<Control>>,
    pub(crate) filter: Option<Pin<KBox<Filter>>>,
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

/// Looks now and then after the device of an open interface, before the network core notices that nothing
/// is sent any more: whether it is still there, which nothing else may tell, and whether packets wait for an
/// interrupt that got lost.
pub(crate) struct Pulse {
    pub(crate) link: Arc<Link>,
    /// Of each pair.
    pub(crate) queues: KVec<Looked>,
}

/// A pair as it is looked after.
pub(crate) struct Looked {
    /// Of both queues.
    pub(crate) progress: [Progress; 2],
    /// The poll of the receiving half, which cleans the other in passing.
    pub(crate) poll: Handle,
}

/// How often, in milliseconds.
const PULSE_MS: Msecs = 2000;

impl DelayedTask for Pulse {
    fn run(&self) -> Option<Msecs> {
        self.link.call_for_rescue();
        for pair in &self.queues {
            if pair.progress.iter().any(Progress::more_used) {
                pair.poll.kick();
            }
        }
        Some(PULSE_MS)
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

    /// The pairs that are in use.
    pub(crate) fn pairs_in_use(&self) -> &[Pair] {
        let count = self.channels.in_use().into();
        self.pairs.get(..count).unwrap_or_default()
    }

    /// Uses another number of pairs.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] while a program of XDP is loaded, which has queues of its own; see
    /// [`Channels::set`].
    pub(crate) fn use_pairs(&self, wanted: u16, rtnl: &Rtnl<'_>) -> Result {
        if self.xdp.is_loaded() {
            return Err(EINVAL);
        }
        if self.dev.is_running() {
            // The poll fills the rings of those that were not in use.
            for pair in self.pairs.iter().take(wanted.into()) {
                pair.rx.handle().kick();
            }
        }
        self.channels.set(wanted, rtnl)
    }

    /// Looks soon whether the device asks for an announcement.
    fn look_for_announcement(&self) {
        if let Some(announce) = &self.announce {
            announce.schedule();
        }
    }

    /// Lets all queues be polled. All are, so that nothing is left in a queue that is not used any
    /// more.
    pub(crate) fn start_polls(&self, rtnl: &Rtnl<'_>) -> Result {
        for pair in self.pairs_in_use() {
            // What there is no memory for now, the first poll asks for again.
            let _ = pair.rx.with_disabled(|rx, owner| rx.refill(owner))?;
        }
        for pair in &self.pairs {
            pair.rx.enable(rtnl);
            pair.tx_poll.enable(rtnl);
        }
        // The device may have filled the rings before polls were enabled.
        for pair in self.pairs_in_use() {
            pair.rx.handle().kick();
            pair.tx_poll.handle().kick();
        }
        Ok(())
    }

    /// Lets no queue be polled, and waits for polls that are running.
    pub(crate) fn stop_polls(&self, rtnl: &Rtnl<'_>) {
        for pair in &self.pairs {
            pair.tx_poll.disable(rtnl);
            pair.rx.disable(rtnl);
        }
    }

    /// Takes the interface from its users, before its device is reset: no link, no poll, no packet to
    /// send, no command.
    pub(crate) fn withdraw(&self, rtnl: &Rtnl<'_>) {
        self.link.hold();
        self.stop_polls(rtnl);
        self.dev.detach(rtnl);
        self.break_queues();
    }

    /// Gives the interface back to its users.
    ///
    /// # Errors
    ///
    /// See [`Self::start_polls`].
    pub(crate) fn come_back(&self, rtnl: &Rtnl<'_>) -> Result {
        let is_open = self.dev.is_running();
        if is_open {
            self.start_polls(rtnl)?;
        }
        self.dev.attach(rtnl);
        if is_open {
            self.link.update();
        }
        Ok(())
    }

    /// Makes all queues new, after everything was taken back; false if one has buffers.
    pub(crate) fn restart(&self, proof: &Quiesced) -> bool {
        let pairs = self.pairs.iter().all(|pair| {
            pair.tx.restart(proof) && pair.rx.with_disabled(|rx, _| rx.restart(proof)) == Ok(true)
        });
        pairs && self.control.iter().all(|control| control.restart(proof))
    }

    /// Tells a device that was reset what it knew before. What it refuses stands in the log.
    ///
    /// # Errors
    ///
    /// See [`Channels::replay`].
    pub(crate) fn replay(&self, rtnl: &Rtnl<'_>) -> Result {
        self.channels.replay(rtnl)?;
        self.choose_lanes_again();
        let _ = self.tell_address(&self.dev.address());
        self.tell_offloads(rtnl);
        if let Some(filter) = &self.filter {
            filter.replay();
        }
        Ok(())
    }

    /// Tells the device what is left to us. What it refuses stands in the log.
    pub(crate) fn tell_offloads(&self, rtnl: &Rtnl<'_>) {
        if let Some(switch) = &self.offloads {
            let left = if self.xdp.is_loaded() {
                Left::Nothing
            } else {
                Switch::left(self.dev.features(rtnl))
            };
            let _ = switch.tell(left);
        }
    }

    /// Packets that the device has sent or handed in.
    pub(crate) fn progress(&self) -> u64 {
        self.pairs.iter().fold(0, |sum, pair| {
            sum.wrapping_add(pair.rx_stats.packets.get())
                .wrapping_add(pair.tx.stats().packets.get())
        })
    }

    /// Takes every queue out of service.
    ///
    /// Called when no poll can run.
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

    /// Ends what is done in the background; it stays so when no interrupt can start it again.
    pub(crate) fn end_work(&self) {
        self.link_work.cancel();
        if let Some(announce) = &self.announce {
            announce.cancel();
        }
    }

    /// Frees what was in the queues, after the device was reset.
    pub(crate) fn take_back(&self, proof: &Quiesced) {
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
        let (pair, receives) = pair_of(queue);
        let Some(pair) = self.pairs.get(usize::from(pair)) else {
            return false;
        };
        let (progress, poll) = if receives {
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
        // It may be that the device asks to be reset.
        self.link.call_for_rescue();
    }
}

#[vtable]
impl Operations for Nic {
    fn open(&self, rtnl: &Rtnl<'_>) -> Result {
        self.start_polls(rtnl)?;
        self.link.update();
        self.look_for_announcement();
        self.pulse.schedule(PULSE_MS);
        Ok(())
    }

    fn stop(&self, rtnl: &Rtnl<'_>) {
        self.pulse.cancel();
        self.link_work.cancel();
        self.stop_polls(rtnl);
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
            Some(switch) => switch.set(current, wanted, self.xdp.is_loaded()),
            None => Ok(()),
        }
    }

    fn set_xdp_program(
        &self,
        program: Option<Program>,
        reason: &mut ExtAck<'_>,
        rtnl: &Rtnl<'_>,
    ) -> Result {
        self.exchange_program(program, reason, rtnl)
    }

    fn xdp_xmit(&self, frames: &mut Frames<'_>) -> Result {
        let lane = self.xdp.here(frames).ok_or(ENXIO)?;
        lane.tx.send_frames(frames, lane.is_shared);
        Ok(())
    }

    fn tx_timeout(&self, queue: u16) {
        let Some(pair) = self.pairs.get(usize::from(queue)) else {
            return;
        };
        if pair.tx.is_stuck() {
            self.stuck.store(1, Relaxed);
            self.link.call_for_rescue();
        }
        if net_ratelimit() {
            netdev_warn!(self.dev, "the device does not send on queue {}\n", queue);
        }
    }
}

impl QueueStats for Nic {
    fn rx_queue(&self, queue: u16) -> RxQueueStats {
        let pair = self.pairs.get(usize::from(queue));
        pair.map_or_else(RxQueueStats::default, Pair::rx_totals)
    }

    fn tx_queue(&self, queue: u16) -> TxQueueStats {
        let pair = self.pairs.get(usize::from(queue));
        pair.map_or_else(TxQueueStats::default, Pair::tx_totals)
    }

    fn base(&self) -> (RxQueueStats, TxQueueStats) {
        let mut sum = (RxQueueStats::default(), TxQueueStats::default());
        for pair in self.pairs.iter().skip(self.pairs_in_use().len()) {
            let rx = pair.rx_totals();
            sum.0.packets += rx.packets;
            sum.0.bytes += rx.bytes;
        }
        for pair in self.pairs.iter().skip(self.channels.current().into()) {
            let tx = pair.tx_totals();
            sum.1.packets += tx.packets;
            sum.1.bytes += tx.bytes;
            sum.1.stop += tx.stop;
            sum.1.wake += tx.wake;
        }
        sum
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
