// SPDX-License-Identifier: GPL-2.0

//! The emulator's block device and the drivers' queue in one process: brought up by its registers,
//! every request kind of a plain disk on two queues, each with a thread and a vector of its own,
//! and back to reset (rows D3 to D8, D12, D17, D19, D20, D37).

mod common;

use std::{
    sync::Arc,
    thread,
    time::Duration, //
};

use common::Random;
use emulator::{
    blk::{
        config::Settings,
        disk::Disk,
        Block, //
    },
    virtio::workers::Workers, //
};
use virtio_host_tests::{
    bench::Session,
    bus::{
        Bus,
        Wiring, //
    },
    memory::Buffer,
    virtio::{
        core::{
            blk::{
                config::CAPACITY,
                RequestHeader,
                RequestType,
                F_FLUSH,
                F_MQ,
                SECTOR_BYTES, //
            },
            features::{
                Features,
                EVENT_IDX,
                INDIRECT_DESC,
                RING, //
            },
            status::Status, //
        },
        shared::Slot,
        transport::{
            Transport,
            NO_VECTOR, //
        },
        virtqueue::{
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

const QUEUES: u16 = 2;
/// Sectors of the disk; each queue has half of them for itself.
const SECTORS: u64 = 128;
/// Sectors of a read or write.
const LENGTH: u64 = 4;

/// A request as the driver lends it to the device.
struct Request {
    kind: RequestType,
    header: Slot<RequestHeader>,
    data: Option<Buffer>,
    status: Slot<u8>,
}

impl Request {
    fn new(kind: RequestType, sector: u64, data: Option<Buffer>) -> Self {
        let mut header = Slot::table(1).unwrap().pop().unwrap();
        header.write(RequestHeader {
            kind: kind as u32,
            ioprio: 0,
            sector,
        });
        let mut status: Slot<u8> = Slot::table(1).unwrap().pop().unwrap();
        status.write(0xff);
        Self {
            kind,
            header,
            data,
            status,
        }
    }
}

impl Buffers for Request {
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        chain.readable(&self.header)?;
        match &self.data {
            Some(data) if self.kind == RequestType::Out => chain.readable(data)?,
            Some(data) => chain.writable(data)?,
            None => {}
        }
        chain.writable(&self.status)
    }

    fn few(&self) -> Few<'_> {
        let data = match &self.data {
            Some(data) if self.kind == RequestType::Out => Single::readable(data),
            Some(data) => Single::writable(data),
            None => None,
        };
        let header = Single::readable(&self.header).unwrap();
        let status = Single::writable(&self.status).unwrap();
        data.map_or(Few::Unknown, |data| Few::Three([header, data, status]))
    }
}

/// One queue's driver, which waits for each request.
struct Driver {
    bus: Arc<Bus>,
    queue: Virtqueue<Request>,
}

impl Driver {
    /// Has a request done; returns its status, and its data.
    fn execute(&mut self, request: Request) -> (u8, Option<Buffer>) {
        assert!(self.queue.add(request).is_ok());
        if self.queue.kick_prepare() {
            self.bus.notify(self.queue.index());
        }
        loop {
            self.queue.disable_cb();
            if let Some(used) = self.queue.pop() {
                assert!(used.checked_len().is_some());
                return (used.token.status.read(), used.token.data);
            }
            assert_eq!(self.queue.broken(), None);
            if self.queue.enable_cb() {
                let interrupt = &self.bus.interrupts[usize::from(self.queue.index())];
                assert!(interrupt.wait(Duration::from_secs(20)), "no interrupt");
            }
        }
    }

    fn write(&mut self, sector: u64, byte: u8) {
        let mut data = Buffer::new(LENGTH as u32, SECTOR_BYTES);
        data.fill(byte);
        let (status, _) = self.execute(Request::new(RequestType::Out, sector, Some(data)));
        assert_eq!(status, 0);
    }

    /// Reads whole; every byte is to be `byte`.
    fn expect(&mut self, sector: u64, byte: u8) {
        let data = Buffer::new(LENGTH as u32, SECTOR_BYTES);
        let (status, data) = self.execute(Request::new(RequestType::In, sector, Some(data)));
        assert_eq!(status, 0);
        let data = data.unwrap();
        let bytes = (LENGTH * u64::from(SECTOR_BYTES)) as usize;
        assert!(
            (0..bytes).all(|at| data.byte(at) == byte),
            "sector {sector}"
        );
    }

    /// Writes and reads at random in the queue's half of the disk; then puts its own mark in all of
    /// it.
    fn work(&mut self) {
        let first = SECTORS / u64::from(QUEUES) * u64::from(self.queue.index());
        let places = SECTORS / u64::from(QUEUES) / LENGTH;
        let mut known = vec![None; places as usize];
        let mut random = Random(u64::from(self.queue.index()));
        for _ in 0..3000 {
            let place = random.below(places);
            let (sector, known) = (first + LENGTH * place, &mut known[place as usize]);
            match known {
                Some(byte) if random.below(2) == 0 => self.expect(sector, *byte),
                _ => {
                    let byte = random.below(256) as u8;
                    self.write(sector, byte);
                    *known = Some(byte);
                }
            }
        }
        for place in 0..places {
            self.write(first + LENGTH * place, self.queue.index() as u8 + 1);
        }
        assert_eq!(self.execute(Request::new(RequestType::Flush, 0, None)).0, 0);
    }
}

fn plug_in() -> Arc<Bus> {
    let disk = Disk::memory(SECTORS * u64::from(SECTOR_BYTES), false).unwrap();
    let mut serial = [0; 20];
    serial[..4].copy_from_slice(b"host");
    let settings = Settings {
        queues: QUEUES,
        serial,
        ..Settings::default()
    };
    Arc::new(Bus::new(
        Arc::new(Block::new(disk, settings)),
        Wiring::Vectors,
    ))
}

/// Brings the device up; gives back the driver of each queue.
fn bring_up(bus: &Arc<Bus>, features: Features) -> (Session, Vec<Driver>) {
    let session = Session::start(bus, Wiring::Vectors, features | F_FLUSH | F_MQ);
    assert!(session.features.contains(F_FLUSH | F_MQ));
    let drivers = (0..QUEUES)
        .map(|index| Driver {
            bus: bus.clone(),
            queue: session.queue(index, 8),
        })
        .collect();
    assert_eq!(bus.set_config_vector(QUEUES), QUEUES);
    session.go_live();
    (session, drivers)
}

#[test]
fn a_disk_keeps_what_two_queues_write_over_lives_and_modes() {
    let bus = plug_in();
    let workers = Workers::start(&bus.device);
    let mut capacity = [0; 8];
    for features in [Features::NONE, INDIRECT_DESC, EVENT_IDX, RING] {
        let (session, drivers) = bring_up(&bus, features);
        assert_eq!(session.features.bits() & RING.bits(), features.bits());
        bus.read_config(CAPACITY, &mut capacity);
        assert_eq!(u64::from_le_bytes(capacity), SECTORS);

        let threads: Vec<_> = drivers
            .into_iter()
            .map(|mut driver| {
                thread::spawn(move || {
                    driver.work();
                    driver
                })
            })
            .collect();
        let mut drivers: Vec<Driver> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        // Each queue sees what the other one has written.
        for driver in &mut drivers {
            driver.expect(0, 1);
            driver.expect(SECTORS - LENGTH, QUEUES as u8);
        }
        let _ = session.end();
        assert_eq!(bus.status(), Status::RESET);
    }
    drop(workers);
    assert_eq!(*bus.complaints.lock().unwrap(), [""; 0]);
}

#[test]
fn requests_that_cannot_be_done_fail_and_the_next_ones_do_not() {
    let bus = plug_in();
    let workers = Workers::start(&bus.device);
    let (session, mut drivers) = bring_up(&bus, RING);
    let driver = &mut drivers[0];

    let data = || Some(Buffer::new(1, SECTOR_BYTES));
    let beyond = driver.execute(Request::new(RequestType::In, SECTORS, data()));
    assert_eq!(beyond.0, 1);
    let (status, id) = driver.execute(Request::new(RequestType::GetId, 0, data()));
    let id = id.unwrap();
    assert_eq!(status, 0);
    assert_eq!([0, 1, 2, 3].map(|at| id.byte(at)), *b"host");
    let mut unknown = Request::new(RequestType::In, 0, data());
    unknown.header.write(RequestHeader {
        kind: 99,
        ioprio: 0,
        sector: 0,
    });
    assert_eq!(driver.execute(unknown).0, 2);
    driver.write(0, 7);
    driver.expect(0, 7);

    let _ = session.end();
    drop(workers);
}

#[test]
fn a_reset_leaves_nothing_behind() {
    let bus = plug_in();
    let (session, mut drivers) = bring_up(&bus, RING);
    let queue = &mut drivers[0].queue;
    let pfn = queue.pfn().unwrap();
    assert_eq!(bus.queue_pfn(0), pfn);
    // Made available, but the device has not been told.
    assert!(queue.add(Request::new(RequestType::Flush, 0, None)).is_ok());
    assert!(queue.kick_prepare());
    let proof = session.end();
    for queue in 0..QUEUES {
        assert_eq!(bus.queue_pfn(queue), 0);
        // A vector that does not exist reads back as none.
        assert_eq!(bus.set_queue_vector(queue, 99), NO_VECTOR);
    }
    // Nobody looks into the ring any more, whatever is said.
    bus.notify(0);
    bus.device.run(0);
    assert!(!bus.interrupts[0].take());
    assert_eq!(queue.take_back(&proof).unwrap().status.read(), 0xff);
}
