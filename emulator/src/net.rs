// SPDX-License-Identifier: GPL-2.0

//! The network device (VIRTIO 1.3, section 5.1): pairs of queues and a control queue.
//!
//! What arrives is a [`Packet`]: a frame, and what is still to be done to it. It waits in an inbox
//! until the driver has room for it.

pub mod backend;
mod checksum;
mod config;
mod control;
mod filter;
mod gate;
mod inbox;
mod layout;
mod link;
mod offer;
mod packet;
mod receive;
mod rules;
mod segment;
mod steering;
#[cfg(test)]
mod tests;
mod transmit;

use std::{
    io,
    sync::{
        atomic::{
            AtomicBool,
            AtomicU32,
            AtomicU64,
            Ordering, //
        },
        Arc,
        Mutex,
        MutexGuard,
        OnceLock,
        PoisonError,
        RwLock, //
    },
};

use backend::Backend;
pub use config::Settings;
use filter::Filter;
use gate::{
    Gate,
    Progress, //
};
use inbox::Inbox;
use link::Link;
use offer::{
    F_CTRL_MAC_ADDR,
    F_CTRL_VLAN,
    F_CTRL_VQ,
    F_GUEST_ANNOUNCE, //
};
pub use packet::Packet;
use rules::Rules;
use steering::Steering;

use crate::virtio::{
    features::Features,
    model::Model,
    net::{
        self as wire,
        F_CSUM,
        F_MAC,
        F_MQ,
        F_MRG_RXBUF,
        F_STATUS, //
    },
    pci::DeviceType,
    service::Service,
    workers::Bell, //
};

/// The longest frame: an IPv6 packet of the longest payload behind a VLAN tag.
const MAX_FRAME: usize = 14 + 4 + 40 + 65535;
/// The shortest: two addresses and a type.
const MIN_FRAME: usize = 14;

/// Counts of frames.
#[derive(Default)]
struct Counters {
    received: AtomicU64,
    sent: AtomicU64,
    filtered: AtomicU64,
    lost: AtomicU64,
    malformed: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What a queue is for; the number is that of its pair.
enum Role {
    Receive(u16),
    Transmit(u16),
    Control,
}

/// A network device.
pub struct Net {
    settings: Settings,
    backend: Backend,
    accepted: AtomicU32,
    /// The driver is there to take frames.
    running: AtomicBool,
    rules: RwLock<Rules>,
    filter: Mutex<Filter>,
    link: Link,
    steering: Steering,
    /// One for each pair of queues.
    inboxes: Vec<Inbox>,
    bells: OnceLock<Vec<Arc<Bell>>>,
    gate: Gate,
    counters: Counters,
}

impl Net {
    /// A device on a back end.
    pub fn new(backend: Backend, settings: Settings) -> Self {
        let inboxes = (0..settings.pairs).map(|_| Inbox::default()).collect();
        Self {
            filter: Mutex::new(Filter::new(settings.mac)),
            settings,
            backend,
            accepted: AtomicU32::new(0),
            running: AtomicBool::new(false),
            rules: RwLock::default(),
            link: Link::default(),
            steering: Steering::default(),
            inboxes,
            bells: OnceLock::new(),
            gate: Gate::default(),
            counters: Counters::default(),
        }
    }

    /// Takes what the back end has, until [`Net::stop`].
    ///
    /// # Errors
    ///
    /// When the back end is gone.
    pub fn attend(&self) -> io::Result<()> {
        self.backend.receive(self)
    }

    /// Ends [`Net::attend`], from any thread.
    pub fn stop(&self) {
        self.gate.stop();
        self.backend.stop();
    }

    /// Pulls the cable, or plugs it in again; returns whether the driver is to be told.
    pub fn toggle_link(&self) -> bool {
        self.link.toggle();
        self.has(F_STATUS)
    }

    /// Asks the driver to announce itself to the network; returns whether it is to be told.
    pub fn announce(&self) -> bool {
        let able = self.has(F_GUEST_ANNOUNCE);
        if able {
            self.link.want_announcement(true);
        }
        able
    }

    /// A complete frame has arrived.
    pub fn deliver(&self, frame: Vec<u8>) {
        match Packet::complete(frame) {
            Some(packet) => self.deliver_packet(packet, false),
            None => count(&self.counters.malformed),
        }
    }

    /// A packet has arrived, and may have waited for room in the inbox.
    fn deliver_packet(&self, packet: Packet, has_waited: bool) {
        if !self.filter().accepts(&packet.frame) || self.is_beyond_mtu(&packet) {
            return count(&self.counters.filtered);
        }
        if !self.is_running() || !self.link.is_up() {
            return count(&self.counters.lost);
        }
        // Held until the packet is in: nothing gets into the inbox of a pair that is not in use.
        let rules = self.rules();
        let pair = usize::from(self.steering.choose(&packet.frame, rules.pairs));
        let inbox = self.inboxes.get(pair);
        if !inbox.is_some_and(|inbox| inbox.push(packet, has_waited)) {
            return count(&self.counters.lost);
        }
        if let Some(bell) = self.bells.get().and_then(|bells| bells.get(2 * pair)) {
            bell.ring();
        }
    }

    /// A packet has arrived whose sender can wait; None is one that cannot be.
    fn deliver_in_time(&self, packet: Option<Packet>) {
        let Some(packet) = packet else {
            return count(&self.counters.malformed);
        };
        self.wait_for_room(&packet.frame);
        self.deliver_packet(packet, true);
    }

    /// Waits until there is room for a frame, or nobody to take it.
    fn wait_for_room(&self, frame: &[u8]) -> Progress {
        self.gate.wait(None, |_| {
            let pair = self.steering.choose(frame, self.rules().pairs);
            let inbox = self.inboxes.get(usize::from(pair));
            !self.is_running() || inbox.is_none_or(Inbox::has_room)
        })
    }

    fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    fn filter(&self) -> MutexGuard<'_, Filter> {
        // A panic elsewhere leaves it in order: it is changed by single assignments.
        self.filter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accepted_bits(&self) -> u32 {
        self.accepted.load(Ordering::Relaxed)
    }

    fn has(&self, feature: Features) -> bool {
        self.accepted_bits() & feature.bits() != 0
    }

    /// Bytes of the header in front of each frame.
    fn header_len(&self) -> usize {
        wire::Header::bytes(self.has(F_MRG_RXBUF))
    }

    /// What a queue is for, by what the driver has accepted (VIRTIO 1.3, section 5.1.2).
    fn role(&self, queue: u16) -> Option<Role> {
        let pairs = if self.has(F_MQ) {
            self.settings.pairs
        } else {
            1
        };
        if queue / 2 >= pairs {
            let control = self.features() & F_CTRL_VQ.bits() != 0 && queue == 2 * pairs;
            return control.then_some(Role::Control);
        }
        Some(if queue % 2 == 0 {
            Role::Receive(queue / 2)
        } else {
            Role::Transmit(queue / 2)
        })
    }
}

impl Model for Net {
    fn kind(&self) -> DeviceType {
        DeviceType::Net
    }

    fn features(&self) -> u32 {
        self.settings
            .features(self.backend.has_incomplete_packets())
    }

    fn features_of_the_careless(&self) -> u32 {
        (F_MAC | F_CSUM).bits() & self.features()
    }

    fn queues(&self) -> Vec<u16> {
        let features = self.features();
        let pairs = if features & F_MQ.bits() != 0 {
            self.settings.pairs
        } else {
            1
        };
        let control = u16::from(features & F_CTRL_VQ.bits() != 0);
        vec![self.settings.queue_size; usize::from(2 * pairs + control)]
    }

    fn has_queue(&self, queue: u16) -> bool {
        self.role(queue).is_some()
    }

    fn config_len(&self) -> usize {
        config::len(self.features())
    }

    fn read_config(&self, offset: usize, data: &mut [u8]) {
        let config = self.settings.config(self.filter().mac, self.link.status());
        data.copy_from_slice(&config[offset..offset + data.len()]);
    }

    fn write_config(&self, offset: usize, data: &[u8]) {
        // The one field a driver may write, as long as there is no command for it.
        if self.has(F_CTRL_MAC_ADDR) {
            return;
        }
        let mut filter = self.filter();
        for (place, byte) in filter.mac.iter_mut().skip(offset).zip(data) {
            *place = *byte;
        }
    }

    fn connect(&self, bells: &[Arc<Bell>]) {
        // A model belongs to one device.
        let _ = self.bells.set(bells.to_vec());
    }

    fn accepted(&self, features: u32) {
        self.accepted.store(features, Ordering::Relaxed);
        self.set_rules(Rules::of(features));
        let mut filter = self.filter();
        filter.vlans_are_filtered = self.has(F_CTRL_VLAN);
        // A driver that neither reads its address nor sets it has one that nobody knows.
        filter.address_is_known = features & (F_MAC | F_CTRL_MAC_ADDR).bits() != 0;
    }

    fn started(&self, _features: u32) {
        self.running.store(true, Ordering::Release);
        self.gate.start();
    }

    fn reset(&self) {
        self.running.store(false, Ordering::Release);
        self.accepted.store(0, Ordering::Relaxed);
        self.set_rules(Rules::default());
        *self.filter() = Filter::new(self.settings.mac);
        self.link.want_announcement(false);
        self.steering.clear();
        for inbox in &self.inboxes {
            inbox.drain();
        }
        self.gate.nudge();
    }

    fn serve(&self, queue: u16, service: &mut Service<'_, '_>) {
        match self.role(queue) {
            Some(Role::Receive(pair)) => self.receive(pair, service),
            Some(Role::Transmit(pair)) => self.transmit(pair, service),
            Some(Role::Control) => self.control(service),
            None => {}
        }
    }

    fn summary(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters {
            received,
            sent,
            filtered,
            lost,
            malformed,
        } = &self.counters;
        format!(
            "{} frames received, {} sent; {} filtered, {} lost, {} malformed",
            of(received),
            of(sent),
            of(filtered),
            of(lost),
            of(malformed)
        )
    }
}
