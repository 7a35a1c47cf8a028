// SPDX-License-Identifier: GPL-2.0

//! The drivers' queue against the emulator's device: registers, ring and interrupts, each side on
//! a thread of its own and woken only by the other, in every suppression mode (rows T74 to T81,
//! D14, D19, D20, D30, D31).

mod common;

use std::{
    sync::Arc,
    time::Duration, //
};

use common::Request;
use emulator::virtio::workers::Workers;
use virtio_host_tests::{
    bench::{
        Echo,
        Session, //
    },
    bus::{
        Bus,
        Wiring, //
    },
    virtio::{
        core::{
            features::{
                Features,
                EVENT_IDX,
                INDIRECT_DESC,
                NOTIFY_ON_EMPTY, //
            },
            status::Status, //
        },
        transport::Transport,
        virtqueue::Virtqueue, //
    },
};

const REQUESTS: u64 = 40_000;

/// Far beyond any pause of a busy machine.
const LOST: Duration = Duration::from_secs(20);

/// Bytes of the readable and of the writable part of a request: two segments each.
const BYTES: usize = 128;

/// What a request says, which no other one says.
fn pattern(tag: u64) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = (tag.wrapping_mul(31) >> (at % 8)) as u8 ^ at as u8;
    }
    bytes
}

struct Driver {
    bus: Arc<Bus>,
    wiring: Wiring,
    queue: Virtqueue<Request>,
    spare: Vec<Request>,
    sent: u64,
    received: u64,
    interrupts: u64,
    kicks: u64,
}

impl Driver {
    fn send(&mut self) {
        while self.sent < REQUESTS {
            let mut request = self.spare.pop().unwrap_or_else(|| Request::new(0, 2, 2));
            request.tag = self.sent;
            request.read.as_mut().unwrap().put(&pattern(self.sent));
            if let Err(error) = self.queue.add(request) {
                assert!(error.is_full());
                self.spare.push(error.token);
                break;
            }
            self.sent += 1;
        }
        if self.queue.kick_prepare() {
            self.kicks += 1;
            self.bus.notify(0);
        }
    }

    /// The callback: takes everything that was used.
    fn receive(&mut self) {
        loop {
            self.queue.disable_cb();
            while let Some(used) = self.queue.pop() {
                assert_eq!(used.checked_len(), Some(BYTES as u32));
                let (said, back) = (pattern(used.token.tag), used.token.write.as_ref().unwrap());
                assert!((0..BYTES).all(|at| back.byte(at) == said[at]));
                self.received += 1;
                self.spare.push(used.token);
            }
            assert_eq!(self.queue.broken(), None);
            if self.queue.enable_cb() {
                return;
            }
        }
    }

    fn wait(&mut self) {
        assert!(
            self.bus.interrupts[0].wait(LOST),
            "no interrupt, and {} of {} came back",
            self.received,
            self.sent
        );
        self.interrupts += 1;
        self.handle();
    }

    /// What a handler does with the line: the status says whose interrupt it is, and releases it.
    fn handle(&self) {
        if self.wiring == Wiring::Line {
            self.bus.isr();
            self.bus.unmask();
        }
    }
}

fn run(wiring: Wiring, features: Features, eager: bool) {
    let model = Echo {
        size: 32,
        features,
        eager: eager.then(|| Box::new(|| {}) as Box<_>),
    };
    let bus = Arc::new(Bus::new(Arc::new(model), wiring));
    let workers = Workers::start(&bus.device);
    // Twice: what the first life has left must not disturb the second.
    for _ in 0..2 {
        let session = Session::start(&bus, wiring, EVENT_IDX | INDIRECT_DESC);
        let mut driver = Driver {
            queue: session.queue(0, 4),
            bus: bus.clone(),
            wiring,
            spare: Vec::new(),
            sent: 0,
            received: 0,
            interrupts: 0,
            kicks: 0,
        };
        session.go_live();
        while driver.received < REQUESTS {
            driver.send();
            driver.receive();
            // Waits only when nothing can be done: nothing to send, or no room for it.
            let stuck = driver.sent == REQUESTS || driver.queue.free() < 4;
            if driver.received < REQUESTS && driver.queue.in_flight() > 0 && stuck {
                driver.wait();
            }
        }
        // Some of each were held back, else there was nothing to suppress.
        assert!(driver.kicks < REQUESTS && driver.interrupts < REQUESTS);
        let proof = session.end();
        assert!(driver.queue.take_back(&proof).is_none());
        assert_eq!(bus.status(), Status::RESET);
        assert_eq!(bus.queue_pfn(0), 0);
        // One that came late.
        if bus.interrupts[0].take() {
            driver.handle();
        }
    }
    drop(workers);
    assert_eq!(*bus.complaints.lock().unwrap(), [""; 0]);
}

#[test]
fn flags() {
    run(Wiring::Vectors, Features::NONE, false);
    run(Wiring::Line, Features::NONE, true);
}

#[test]
fn flags_and_notify_on_empty() {
    run(Wiring::Vectors, NOTIFY_ON_EMPTY, true);
}

#[test]
fn flags_and_indirect() {
    run(Wiring::Vectors, INDIRECT_DESC, true);
    run(Wiring::Line, INDIRECT_DESC, false);
}

#[test]
fn event_index() {
    run(Wiring::Vectors, EVENT_IDX, true);
    run(Wiring::Line, EVENT_IDX, false);
}

#[test]
fn event_index_and_indirect() {
    run(Wiring::Vectors, EVENT_IDX | INDIRECT_DESC, false);
    run(Wiring::Line, EVENT_IDX | INDIRECT_DESC, true);
}

#[test]
fn a_reset_in_the_middle_of_requests_gives_every_buffer_back() {
    let model = Echo {
        size: 32,
        features: EVENT_IDX | INDIRECT_DESC,
        eager: None,
    };
    let bus = Arc::new(Bus::new(Arc::new(model), Wiring::Vectors));
    let workers = Workers::start(&bus.device);
    for round in 0..300_u64 {
        let session = Session::start(&bus, Wiring::Vectors, EVENT_IDX);
        let mut queue: Virtqueue<Request> = session.queue(0, 0);
        session.go_live();
        for tag in 0..8 {
            let mut request = Request::new(tag, 2, 2);
            request.read.as_mut().unwrap().put(&pattern(round + 1));
            request.write.as_mut().unwrap().fill(0);
            assert!(queue.add(request).is_ok());
        }
        assert!(queue.kick_prepare());
        bus.notify(0);
        for _ in 0..round {
            std::hint::spin_loop();
        }
        let mut tags: Vec<u64> = std::iter::from_fn(|| queue.pop())
            .map(|used| used.token.tag)
            .collect();
        let proof = session.end();
        let back: Vec<Request> = std::iter::from_fn(|| queue.take_back(&proof)).collect();
        let writes: Vec<u8> = back.iter().map(last).collect();
        tags.extend(back.iter().map(|request| request.tag));
        tags.sort_unstable();
        assert_eq!(tags, [0, 1, 2, 3, 4, 5, 6, 7]);
        // After the reset nothing is written any more.
        std::thread::sleep(Duration::from_micros(20));
        assert_eq!(back.iter().map(last).collect::<Vec<u8>>(), writes);
    }
    drop(workers);
    assert_eq!(*bus.complaints.lock().unwrap(), [""; 0]);
}

/// The last byte that the device may write.
fn last(request: &Request) -> u8 {
    request.write.as_ref().unwrap().byte(BYTES - 1)
}
