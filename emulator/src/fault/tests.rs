// SPDX-License-Identifier: GPL-2.0

//! Each fault of the table strikes, and does what it says.

mod cards;
mod disks;
mod notices;
mod registers;
mod rings;
mod typed;

use std::{
    cell::Cell,
    sync::Arc, //
};

use super::{
    table::rows,
    Fault,
    Faults, //
};
use crate::{
    blk::{
        config::Settings,
        disk::Disk,
        Block, //
    },
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
        pci::DeviceType,
        profile::QEMU, //
    },
};

/// What shows a fault, by its name.
type Show = (&'static str, fn());

const HEADER: u64 = DATA;
const STATUS: u64 = DATA + 32;
const BUFFER: u64 = DATA + 4096;
/// A request for 512 bytes.
const READ: u32 = 0;
/// A request for the serial number.
const GET_ID: u32 = 8;
const FLUSH: u32 = 4;
/// Neither the event index nor what must not be accepted.
const PLAIN: u32 = !(1 << 30) & !(1 << 29);

/// A device with faults and the memory of its driver.
struct Bench {
    device: Device,
    ram: Ram,
    avail: Cell<u16>,
}

impl Bench {
    fn new(model: Arc<dyn Model>, faults: &[&str], vectors: u16) -> Self {
        let kind = model.kind();
        let list = faults.iter().map(|text| Fault::parse(text, kind).unwrap());
        let device = Device::new(model, vectors, QEMU, Arc::new(|_: &str| ()));
        let device = device.with_faults(Arc::new(Faults::new(list.collect())));
        let ram = Ram::new();
        device
            .memory()
            .map(RAM, RAM_BYTES, Some((&ram.0, 0)), true)
            .unwrap();
        Self {
            device,
            ram,
            avail: Cell::new(0),
        }
    }

    /// A disk, which the driver has not looked at.
    fn disk(faults: &[&str]) -> Self {
        let settings = Settings {
            queue_size: GuestRing::SIZE,
            queues: 2,
            ..Settings::default()
        };
        let disk = Disk::memory(64 * 512, false).unwrap();
        Self::new(Arc::new(Block::new(disk, settings)), faults, 2)
    }

    /// A disk in use.
    fn live(fault: &str) -> Self {
        let bench = Self::disk(&[fault]);
        bench.start();
        bench
    }

    /// A card that hears itself, in use.
    fn card(fault: &str) -> Self {
        let settings = net::Settings {
            queue_size: GuestRing::SIZE,
            mtu: Some(1500),
            ..net::Settings::default()
        };
        let bench = Self::new(Arc::new(Net::new(Backend::Loopback, settings)), &[fault], 2);
        bench.start();
        bench
    }

    fn start(&self) {
        self.avail.set(0);
        self.ram.put(RAM, &[0; 0x8000]);
        self.device.set_master(true);
        self.write(18, 1, 0);
        self.write(18, 1, 3);
        self.write(4, 4, PLAIN);
        for queue in 0..self.device.queues().min(3) {
            self.write(14, 2, queue.into());
            self.write(8, 4, self.ring(queue).pfn());
        }
        self.write(18, 1, 7);
    }

    fn ring(&self, queue: u16) -> GuestRing<'_> {
        let base = RAM + 0x2000 * u64::from(queue);
        GuestRing {
            ram: &self.ram,
            base,
            avail: self.ram.get_u16(base + 130),
        }
    }

    fn read(&self, offset: u64, width: usize) -> u32 {
        let mut wire = [0; 4];
        self.device.read_register(offset, &mut wire[..width]);
        u32::from_le_bytes(wire)
    }

    fn write(&self, offset: u64, width: usize, value: u32) {
        self.device
            .write_register(offset, &value.to_le_bytes()[..width]);
    }

    /// `len` bytes of the configuration.
    fn config(&self, offset: usize, len: usize) -> u64 {
        let mut wire = [0; 8];
        for (at, byte) in (offset as u64..).zip(&mut wire[..len]) {
            self.device
                .read_register(20 + at, std::slice::from_mut(byte));
        }
        u64::from_le_bytes(wire)
    }

    /// ISR, which is cleared.
    fn isr(&self) -> u32 {
        self.read(19, 1)
    }

    /// Offers a chain in a queue, and lets the device work on it.
    fn chain(&self, queue: u16, head: u16, parts: &[(u64, u32, bool)]) {
        let mut ring = self.ring(queue);
        ring.chain(head, parts);
        ring.avail = self.avail.get().max(ring.avail);
        ring.offer(head);
        self.avail.set(if queue == 0 {
            ring.avail
        } else {
            self.avail.get()
        });
        self.device.run(queue);
    }

    /// A request of a disk for 512 bytes by this head; the buffers are full of 0xee before, the
    /// status is 0xff.
    fn ask(&self, head: u16, kind: u32) {
        let mut header = kind.to_le_bytes().to_vec();
        header.extend([0; 12]);
        self.ram.put(HEADER, &header);
        self.ram.put(BUFFER, &[0xee; 512]);
        self.ram.put(STATUS, &[0xff]);
        let data = (BUFFER, if kind == GET_ID { 20 } else { 512 }, true);
        let all = [(HEADER, 16, false), data, (STATUS, 1, true)];
        let parts: Vec<_> = all
            .into_iter()
            .filter(|part| kind != FLUSH || part.0 != BUFFER)
            .collect();
        self.chain(0, head, &parts);
    }

    /// The same; status byte, first and last byte of the data, used length.
    fn answer(&self, kind: u32) -> (u8, u8, u8, u32) {
        self.ask(0, kind);
        let data = self.ram.get(BUFFER, 512);
        let len = self.ring(0).used_entry(0).1;
        (self.ram.get(STATUS, 1)[0], data[0], data[511], len)
    }

    /// The used index of a queue, and its first three entries.
    fn used(&self, queue: u16) -> (u16, [(u32, u32); 3]) {
        let ring = self.ring(queue);
        (ring.used_index(), [0, 1, 2].map(|at| ring.used_entry(at)))
    }
}

/// Every way to show a fault.
fn shows() -> impl Iterator<Item = &'static Show> {
    [
        registers::SHOWS,
        rings::SHOWS,
        notices::SHOWS,
        disks::SHOWS,
        cards::SHOWS,
    ]
    .into_iter()
    .flatten()
}

#[test]
fn every_fault_of_the_table_is_shown_once() {
    let mut shown: Vec<&str> = shows().map(|(name, _)| *name).collect();
    let mut there: Vec<&str> = rows().map(|row| row.name).collect();
    shown.sort_unstable();
    there.sort_unstable();
    assert_eq!(shown, there);
    assert!(there.len() >= 60, "{}", there.len());
}

/// Shows all of these, each by its name in the output of a test that fails.
fn show(all: &[Show]) {
    for (name, show) in all {
        println!("{name}");
        show();
    }
}
