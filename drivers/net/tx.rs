// SPDX-License-Identifier: GPL-2.0

//! Sending: a packet becomes a chain, and its owner gets it back when the device has sent it.
//!
//! The queue is under the lock that the network core holds when it calls us. Interrupts of the
//! queue are off while packets are handed over and are asked for again, for when most of them are
//! sent, with each notification of the device.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc, //
    },
    transmute::AsBytes, //
};

use crate::{
    framing::Framing,
    kernel_ext::net::{
        napi::{
            Handle,
            Poll,
            Polled,
            Polling, //
        },
        skb::{
            Preceded,
            SkBuff,
            MAX_FRAGS, //
        },
        tx::{
            Transmit,
            TxGuard,
            TxQueue, //
        },
        xdp::{
            Frame,
            Frames, //
        },
    },
    link::Link,
    offload,
    stats::{
        Counter,
        TxStats, //
    },
    virtio::{
        core::net::{
            HEADER_BYTES,
            MERGEABLE_HEADER_BYTES, //
        },
        device::Notifier,
        transport::Quiesced,
        virtqueue::{
            AddError,
            AddReason,
            Buffers,
            Chain,
            ChainError,
            Descriptors,
            Few,
            Single,
            Virtqueue, //
        },
    },
};

/// Most descriptors a packet takes: header, linear part, fragments.
pub(crate) const MAX_DESCRIPTORS: u16 = MAX_FRAGS as u16 + 2;

/// Where the header of a packet is.
#[derive(Clone, Copy)]
pub(crate) enum HeaderPlace {
    /// In front of the data, in the same descriptor.
    Front,
    /// In the control buffer, 10 bytes.
    Control,
    /// In the control buffer, 12 bytes.
    MergeableControl,
}

/// Bytes of the header that a frame of XDP may have apart. Where it has to be and headers are longer
/// there is no XDP.
const SPLIT: u32 = HEADER_BYTES as u32;

/// A packet on its way through the queue.
pub(crate) enum Packet {
    /// One of the stack.
    Stack {
        packet: Preceded,
        header: HeaderPlace,
        /// Byte queue limits count it.
        limited: bool,
    },
    /// One of XDP, with its header in front; and bytes without header.
    Frame { frame: Frame, len: u32 },
    /// The same for a device that wants the header apart.
    SplitFrame { frame: Frame, len: u32 },
}

impl Packet {
    /// Gives a packet its header; `None`, and the packet is dropped, if there is none for it.
    #[inline]
    fn new(skb: SkBuff, framing: Framing, limited: bool) -> Option<Self> {
        let header = offload::header(&skb)?;
        let (packet, header) = if framing.mergeable {
            let header = header.words();
            let mut packet = place(skb, framing, header);
            if packet.has_header() {
                (packet, HeaderPlace::Front)
            } else {
                packet.write_control(header);
                (packet, HeaderPlace::MergeableControl)
            }
        } else {
            let header = header.short_words();
            let mut packet = place(skb, framing, header);
            if packet.has_header() {
                (packet, HeaderPlace::Front)
            } else {
                packet.write_control(header);
                (packet, HeaderPlace::Control)
            }
        };
        Some(Self::Stack {
            packet,
            header,
            limited,
        })
    }

    /// Gives a frame a header that says nothing; gives the frame back if there is no room for it.
    #[inline]
    fn of_frame(mut frame: Frame, framing: Framing) -> Result<Self, Frame> {
        let len = frame.len();
        if !frame.push_zeros(framing.header_len()) {
            return Err(frame);
        }
        match framing.split() {
            0 => Ok(Self::Frame { frame, len }),
            SPLIT => Ok(Self::SplitFrame { frame, len }),
            _ => Err(frame),
        }
    }

    /// The frame that it is, if it is one.
    fn into_frame(self) -> Option<Frame> {
        match self {
            Self::Stack { .. } => None,
            Self::Frame { frame, .. } | Self::SplitFrame { frame, .. } => Some(frame),
        }
    }

    /// Moves all of it into its linear part; false without memory for that.
    fn linearize(&mut self) -> bool {
        match self {
            Self::Stack { packet, .. } => packet.linearize(),
            Self::Frame { .. } | Self::SplitFrame { .. } => false,
        }
    }

    /// Bytes without header.
    #[inline]
    fn len(&self) -> u32 {
        match self {
            Self::Stack { packet, .. } => packet.skb().len(),
            Self::Frame { len, .. } | Self::SplitFrame { len, .. } => *len,
        }
    }
}

impl Buffers for Packet {
    #[inline(always)] // A chain that is lent to a function is kept in memory.
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        let (packet, header) = match self {
            Self::Stack { packet, header, .. } => (packet, header),
            Self::Frame { frame, .. } => return chain.readable(frame),
            Self::SplitFrame { frame, .. } => return chain.readable(frame.split::<SPLIT>()),
        };
        match header {
            HeaderPlace::Front => {}
            HeaderPlace::Control => chain.readable(packet.skb().control::<HEADER_BYTES>())?,
            HeaderPlace::MergeableControl => {
                chain.readable(packet.skb().control::<MERGEABLE_HEADER_BYTES>())?;
            }
        }
        chain.readable(packet)
    }

    #[inline]
    fn few(&self) -> Few<'_> {
        match self {
            Self::Stack {
                packet,
                header: HeaderPlace::Front,
                ..
            } => Single::readable(packet).map_or(Few::Unknown, Few::One),
            _ => Few::Unknown,
        }
    }

    #[inline]
    fn most(&self) -> u16 {
        match self {
            Self::Stack { packet, header, .. } => {
                let linear = match header {
                    HeaderPlace::Front => 1,
                    HeaderPlace::Control | HeaderPlace::MergeableControl => 2,
                };
                packet.skb().fragments().saturating_add(linear)
            }
            Self::Frame { frame, .. } => frame.fragments().saturating_add(1),
            Self::SplitFrame { frame, .. } => frame.fragments().saturating_add(2),
        }
    }
}

/// Puts a header in front of a packet, where the device and the packet allow that.
#[inline]
fn place<T: AsBytes>(skb: SkBuff, framing: Framing, header: T) -> Preceded {
    if framing.any_layout {
        skb.precede(header)
    } else {
        Preceded::new(skb)
    }
}

/// The queue and what only the holder of its lock may know.
pub(crate) struct State {
    vq: Virtqueue<Packet>,
    /// The break of the queue has been reported.
    reported: bool,
}

/// The sending half of a queue pair.
pub(crate) struct Transmitter {
    queue: TxQueue<State>,
    napi: Handle,
    notifier: Notifier,
    framing: Framing,
    /// Free descriptors that the next packet may need.
    reserve: u16,
    /// Entries of the ring.
    size: u16,
    /// Sent packets are given back by the poll. Otherwise they lose their owners when they are
    /// sent, and are given back with the next one. Changes while the interface is closed.
    polled: Counter,
    /// Packets that had been sent when the watchdog barked the last time.
    stuck_at: Atomic<u64>,
    link: Arc<Link>,
    stats: TxStats,
}

impl Transmitter {
    /// Makes the sending half around `vq`, which `queue` is to hold.
    pub(crate) fn new(
        vq: Virtqueue<Packet>,
        queue: impl FnOnce(State) -> Result<TxQueue<State>>,
        napi: &Handle,
        notifier: Notifier,
        framing: Framing,
        link: Arc<Link>,
    ) -> Result<Arc<Self>> {
        let size = vq.size();
        let this = Self {
            queue: queue(State {
                vq,
                reported: false,
            })?,
            napi: napi.clone(),
            notifier,
            framing,
            reserve: MAX_DESCRIPTORS.min(size),
            size,
            polled: Counter::new(),
            stuck_at: Atomic::new(u64::MAX),
            link,
            stats: TxStats::default(),
        };
        Ok(Arc::new(this, GFP_KERNEL)?)
    }

    /// The counters.
    pub(crate) fn stats(&self) -> &TxStats {
        &self.stats
    }

    /// Entries of the ring.
    pub(crate) fn size(&self) -> u16 {
        self.size
    }

    /// Whether sent packets are given back by the poll.
    #[inline]
    pub(crate) fn is_polled(&self) -> bool {
        self.polled.get() != 0
    }

    /// Says how sent packets are given back, while the interface is closed.
    pub(crate) fn set_polled(&self, polled: bool) {
        self.polled.set(polled.into());
    }

    /// Sends a packet, or drops it.
    #[inline]
    pub(crate) fn send(&self, mut skb: SkBuff, held: &mut Transmit<'_>) {
        let more = held.more();
        let Some(mut queue) = self.queue.enter(held) else {
            return;
        };
        queue.vq.disable_cb();
        let polled = self.is_polled();
        if !polled {
            self.clean(&mut queue, None);
        }
        skb.tx_timestamp();
        if !polled && !skb.orphan() {
            self.stats.drops.inc();
            return self.tell_after_all(queue, !more);
        }
        let packet = Packet::new(skb, self.framing, polled);
        let tell = match self.add(&mut queue, packet) {
            Some(len) => {
                if queue.vq.free() < self.reserve {
                    self.queue.stop();
                    self.stats.stops.inc();
                }
                if polled {
                    queue.sent(len, more)
                } else {
                    !more || self.queue.is_stopped()
                }
            }
            None => !more,
        };
        self.tell(queue, tell);
    }

    /// Sends frames, as far as there is room, and tells the device if they are the last for now.
    pub(crate) fn send_frames(&self, frames: &mut Frames<'_>, is_shared: bool) {
        let mut queue = self.queue.lock(frames);
        queue.vq.disable_cb();
        self.clean(&mut queue, None);
        frames.send_each(|frame| self.add_frame(&mut queue, frame));
        // CAST: Widening.
        self.count_frames(frames.len() as u64, frames.sent() as u64);
        self.end_frames(queue, frames.flush(), is_shared);
    }

    /// Sends a frame if there is room for it, or drops it. The device is told later, by
    /// [`Self::flush_frames`].
    pub(crate) fn send_frame(&self, frame: Frame, is_shared: bool, poll: &Polling<'_>) {
        let mut queue = self.queue.lock(poll);
        queue.vq.disable_cb();
        self.clean(&mut queue, Some(poll));
        let sent = self.add_frame(&mut queue, frame).is_ok();
        self.count_frames(1, sent.into());
        self.end_frames(queue, false, is_shared);
    }

    /// Tells the device of the frames that are in the queue.
    pub(crate) fn flush_frames(&self, poll: &Polling<'_>) {
        self.tell_after_all(self.queue.lock(poll), true);
    }

    /// Puts a frame into the queue, or gives it back.
    fn add_frame(&self, queue: &mut TxGuard<'_, State>, frame: Frame) -> Result<(), Frame> {
        let packet = Packet::of_frame(frame, self.framing)?;
        match add(&mut queue.vq, packet) {
            Ok(()) => Ok(()),
            Err(error) => error.token.into_frame().map_or(Ok(()), Err),
        }
    }

    fn count_frames(&self, all: u64, sent: u64) {
        self.stats.xdp_tx.add(all);
        self.stats.xdp_tx_drops.add(all.saturating_sub(sent));
    }

    /// Stops the stack from sending on a queue that is nearly full, and tells the device if it is time
    /// to.
    fn end_frames(&self, mut queue: TxGuard<'_, State>, flush: bool, is_shared: bool) {
        if self.check_broken(&mut queue) {
            return;
        }
        let is_full = is_shared && queue.vq.free() < self.reserve;
        if is_full {
            // The watchdog does not know what frames have been sent.
            queue.touch();
            self.queue.stop();
            self.stats.stops.inc();
        }
        self.tell_after_all(queue, flush || is_full);
    }

    /// As [`Self::tell`], where it does not have to be quick.
    #[inline(never)]
    fn tell_after_all(&self, queue: TxGuard<'_, State>, now: bool) {
        self.tell(queue, now);
    }

    /// Tells the device, if it is time to, of what is in the queue.
    #[inline(always)] // For each packet.
    fn tell(&self, mut queue: TxGuard<'_, State>, now: bool) {
        if !now {
            return;
        }
        if queue.vq.kick_prepare() {
            self.notifier.notify();
            self.stats.kicks.inc();
        }
        if self.wants_interrupt() && !queue.vq.enable_cb_delayed() {
            self.napi.schedule();
        }
    }

    /// Whether anybody waits for packets to be sent.
    #[inline]
    fn wants_interrupt(&self) -> bool {
        self.is_polled() || self.queue.is_stopped()
    }

    /// Puts a packet into the queue, and returns its length, or drops and counts it.
    #[inline]
    fn add(&self, queue: &mut TxGuard<'_, State>, packet: Option<Packet>) -> Option<u32> {
        if let Some(packet) = packet {
            let len = packet.len();
            let Err(error) = queue.vq.add(packet) else {
                return Some(len);
            };
            if add_linear(&mut queue.vq, error) {
                return Some(len);
            }
        }
        self.stats.drops.inc();
        self.stats.fifo_errors.inc();
        self.check_broken(queue);
        None
    }

    /// Takes what the device has sent out of the queue. As many rounds as packets were in it.
    #[inline]
    fn clean(&self, queue: &mut TxGuard<'_, State>, poll: Option<&Polling<'_>>) {
        let (mut packets, mut bytes) = (0_u32, 0_u32);
        let (mut limited, mut limited_bytes) = (0_u32, 0_u32);
        while let Some(used) = queue.vq.pop() {
            packets += 1;
            let len = used.token.len();
            bytes = bytes.wrapping_add(len);
            let Packet::Stack {
                packet,
                limited: is_limited,
                ..
            } = used.token
            else {
                // A frame, which goes back to where it came from.
                continue;
            };
            if is_limited {
                limited += 1;
                limited_bytes = limited_bytes.wrapping_add(len);
            }
            match poll {
                Some(poll) => poll.consume(packet.into_skb()),
                None => packet.into_skb().consume(),
            }
        }
        if packets != 0 {
            self.stats.packets.add(packets.into());
            self.stats.bytes.add(bytes.into());
        }
        if limited != 0 {
            queue.completed(limited, limited_bytes);
        }
        if !self.check_broken(queue) && queue.vq.free() >= self.reserve && self.queue.is_stopped() {
            self.stats.wakes.inc();
            self.queue.wake();
        }
    }

    /// Cleans the queue in passing, from the poll of the receiving half.
    #[inline]
    pub(crate) fn clean_in_passing(&self, poll: &Polling<'_>) {
        if !self.is_polled() {
            return;
        }
        let Some(mut queue) = self.queue.try_lock(poll) else {
            return;
        };
        if queue.vq.in_flight() == 0 {
            return;
        }
        queue.vq.disable_cb();
        self.clean(&mut queue, Some(poll));
        if !queue.vq.enable_cb_delayed() {
            self.napi.schedule();
        }
    }

    /// Whether the queue is broken; the first time it is seen, the stack and the log are told.
    #[inline]
    fn check_broken(&self, queue: &mut TxGuard<'_, State>) -> bool {
        let Some(violation) = queue.vq.broken() else {
            return false;
        };
        if !queue.reported {
            queue.reported = true;
            self.queue.stop();
            self.link
                .queue_broken(fmt!("output.{}", self.queue.index()), violation);
        }
        true
    }

    /// Takes the queue out of service, in process context.
    pub(crate) fn break_queue(&self) {
        let mut queue = self.queue.lock_bh();
        queue.reported = true;
        queue.vq.break_now();
    }

    /// Drops every packet that is still in the queue, after the device was reset.
    pub(crate) fn take_back(&self, proof: &Quiesced) {
        let mut queue = self.queue.lock_bh();
        while let Some(packet) = queue.vq.take_back(proof) {
            drop(packet);
        }
        queue.reset();
    }

    /// Makes the queue new, after everything was taken back; false if it has packets.
    pub(crate) fn restart(&self, proof: &Quiesced) -> bool {
        let mut queue = self.queue.lock_bh();
        queue.reported = false;
        queue.vq.restart(proof)
    }

    /// The queue was stopped for long: whether nothing was sent since the last time that it was.
    ///
    /// The first time, the queue is looked at: an interrupt may have been lost.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stats.timeouts.inc();
        let sent = self.stats.packets.get();
        if self.stuck_at.xchg(sent, Relaxed) == sent {
            return true;
        }
        self.napi.schedule();
        false
    }
}

/// Puts a packet into a queue, where it does not have to be quick.
#[inline(never)]
fn add(vq: &mut Virtqueue<Packet>, packet: Packet) -> Result<(), AddError<Packet>> {
    vq.add(packet)
}

/// Puts a packet into a queue after all, if it was not because it has more fragments than the ring is
/// large.
#[cold]
fn add_linear(vq: &mut Virtqueue<Packet>, error: AddError<Packet>) -> bool {
    let mut packet = error.token;
    error.reason == AddReason::Chain(ChainError::TooLong)
        && packet.linearize()
        && add(vq, packet).is_ok()
}

/// The poll of a transmit queue.
pub(crate) struct TxPoll(pub(crate) Arc<Transmitter>);

impl Poll for TxPoll {
    fn poll(&mut self, poll: &Polling<'_>) -> Polled {
        let mut queue = self.0.queue.lock(poll);
        queue.vq.disable_cb();
        self.0.clean(&mut queue, Some(poll));
        if !self.0.wants_interrupt() || queue.vq.enable_cb() {
            Polled::Done(0)
        } else {
            Polled::Again
        }
    }
}
