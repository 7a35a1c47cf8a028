// SPDX-License-Identifier: GPL-2.0

//! A checked device and the driver's side of it, told exactly what to do.

use std::{
    cell::RefCell,
    sync::Arc, //
};

use crate::{
    blk::{
        config::Settings,
        disk::Disk,
        Block, //
    },
    check::Checker,
    net::{
        self,
        backend::Backend,
        Net, //
    },
    testing::{
        GuestRing,
        Ram,
        DATA,
        RAM,
        RAM_BYTES, //
    },
    virtio::{
        device::Device,
        model::Model,
        profile::{
            Profile,
            QEMU, //
        },
    },
};

/// Where free use of memory begins, behind eight rings.
pub const FREE: u64 = DATA;
/// Sectors of the disk.
pub const SECTORS: u64 = 64;
/// All features but the trap, the event index and indirect descriptors.
pub const PLAIN: u32 = !(7 << 28);
/// The same with indirect descriptors.
pub const INDIRECT: u32 = !(6 << 28);
/// The same with the event index.
pub const EVENT: u32 = !(5 << 28);
/// ANY_LAYOUT.
pub const ANY_LAYOUT: u32 = 1 << 27;

pub struct Bench {
    pub device: Arc<Device>,
    pub checker: Arc<Checker>,
    pub ram: Ram,
    avail: RefCell<Vec<u16>>,
}

impl Bench {
    pub fn new(model: Arc<dyn Model>, profile: &'static Profile) -> Self {
        let checker = Arc::new(Checker::new(model.clone(), 2));
        let device = Device::observed(
            model,
            2,
            profile,
            Arc::new(|_: &str| ()),
            vec![checker.clone()],
        );
        let ram = Ram::new();
        device
            .memory()
            .map(RAM, RAM_BYTES, Some((&ram.0, 0)), true)
            .unwrap();
        device.set_master(true);
        let avail = RefCell::new(vec![0; usize::from(device.queues())]);
        Self {
            device: Arc::new(device),
            checker,
            ram,
            avail,
        }
    }

    /// A disk with two queues and these features less.
    pub fn disk_without(without: u32, read_only: bool) -> Self {
        let settings = Settings {
            queues: 2,
            queue_size: GuestRing::SIZE,
            without,
            ..Settings::default()
        };
        let disk = Disk::memory(SECTORS * 512, read_only).unwrap();
        Self::new(Arc::new(Block::new(disk, settings)), QEMU)
    }

    pub fn disk() -> Self {
        Self::disk_without(0, false)
    }

    /// A card with two pairs of queues and every feature.
    pub fn card() -> Self {
        Self::card_on(Backend::Null)
    }

    /// The same, whose frames come back.
    pub fn looped() -> Self {
        Self::card_on(Backend::Loopback)
    }

    fn card_on(backend: Backend) -> Self {
        let settings = net::Settings {
            pairs: 2,
            queue_size: GuestRing::SIZE,
            mtu: Some(1500),
            with: 0x00ff_ffef,
            ..net::Settings::default()
        };
        Self::new(Arc::new(Net::new(backend, settings)), QEMU)
    }

    pub fn read(&self, offset: u64, width: usize) -> u32 {
        let mut wire = [0; 4];
        self.device.read_register(offset, &mut wire[..width]);
        u32::from_le_bytes(wire)
    }

    pub fn write(&self, offset: u64, width: usize, value: u32) {
        self.device
            .write_register(offset, &value.to_le_bytes()[..width]);
    }

    pub fn status(&self, value: u32) {
        self.write(18, 1, value);
    }

    /// A reset, and as far as the features.
    pub fn begin(&self) {
        self.status(0);
        self.read(18, 1);
        self.status(1);
        self.status(3);
        self.read(0, 4);
    }

    /// The same, and these features of what is offered.
    pub fn accept(&self, features: u32) -> u32 {
        self.begin();
        let features = self.read(0, 4) & features;
        self.write(4, 4, features);
        features
    }

    pub fn frame(queue: u16) -> u32 {
        (RAM / 4096) as u32 + 2 * u32::from(queue)
    }

    pub fn select(&self, queue: u16) {
        self.write(14, 2, queue.into());
        self.read(12, 2);
    }

    pub fn set_up(&self, queue: u16) {
        let start = RAM + 0x2000 * u64::from(queue);
        self.ram.put(start, &[0; 0x2000]);
        self.avail.borrow_mut()[usize::from(queue)] = 0;
        self.select(queue);
        self.write(8, 4, Self::frame(queue));
    }

    /// A whole start with these features of what is offered, and all queues.
    pub fn up(&self, features: u32) {
        self.accept(features);
        (0..self.device.queues()).for_each(|queue| self.set_up(queue));
        self.status(7);
    }

    pub fn disk_up(features: u32) -> Self {
        let bench = Self::disk();
        bench.up(features);
        bench
    }

    pub fn card_up(features: u32) -> Self {
        let bench = Self::card();
        bench.up(features);
        bench
    }

    /// Does something with the ring of a queue.
    pub fn ring<T>(&self, queue: u16, act: impl FnOnce(&mut GuestRing<'_>) -> T) -> T {
        let avail = &mut self.avail.borrow_mut()[usize::from(queue)];
        let mut ring = GuestRing::new(&self.ram, RAM + 0x2000 * u64::from(queue));
        ring.avail = *avail;
        let result = act(&mut ring);
        *avail = ring.avail;
        result
    }

    pub fn kick(&self, queue: u16) {
        self.write(16, 2, queue.into());
    }

    /// Offers a chain at a head, each part with its address, length and direction.
    pub fn offer(&self, queue: u16, head: u16, parts: &[(u64, u32, bool)]) {
        self.ring(queue, |ring| {
            ring.chain(head, parts);
            ring.offer(head);
        });
    }

    /// Offers a chain, notifies, and lets the device work.
    pub fn submit(&self, queue: u16, parts: &[(u64, u32, bool)]) {
        self.offer(queue, 0, parts);
        self.kick(queue);
        self.device.run(queue);
    }

    /// A block request with so many bytes of data.
    pub fn request(&self, kind: u32, sector: u64, data: u32, writable: bool) {
        let mut header = kind.to_le_bytes().to_vec();
        header.extend([0; 4]);
        header.extend(sector.to_le_bytes());
        self.ram.put(FREE, &header);
        let mut parts = vec![(FREE, 16, false)];
        if data > 0 {
            parts.push((FREE + 0x1000, data, writable));
        }
        parts.push((FREE + 0x800, 1, true));
        self.submit(0, &parts);
    }

    /// A request for ranges, each with its flags.
    pub fn ranges(&self, kind: u32, flags: &[u32]) {
        let mut wire = Vec::new();
        for flag in flags {
            wire.extend(0_u64.to_le_bytes());
            wire.extend(1_u32.to_le_bytes());
            wire.extend(flag.to_le_bytes());
        }
        self.ram.put(FREE + 0x1000, &wire);
        self.request(kind, 0, wire.len() as u32, false);
    }

    /// Sends 60 bytes behind a header of flags, type and the four lengths.
    pub fn send(&self, [flags, gso]: [u8; 2], lengths: [u16; 4], buffers: u16) {
        let mut header = vec![flags, gso];
        lengths
            .iter()
            .chain([&buffers])
            .for_each(|length| header.extend(length.to_le_bytes()));
        self.ram.put(FREE, &header);
        self.submit(1, &[(FREE, 12, false), (FREE + 0x1000, 60, false)]);
    }

    /// A command on the queue for them.
    pub fn command(&self, queue: u16, class: u8, command: u8, data: &[u8]) {
        self.ram.put(FREE, &[class, command]);
        self.ram.put(FREE + 0x100, data);
        let mut parts = vec![(FREE, 2, false)];
        if !data.is_empty() {
            parts.push((FREE + 0x100, data.len() as u32, false));
        }
        parts.push((FREE + 0x800, 1, true));
        self.submit(queue, &parts);
    }
}
