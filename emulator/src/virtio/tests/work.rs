// SPDX-License-Identifier: GPL-2.0

//! When queues are worked on, and when not.

use std::{
    sync::atomic::{
        fence,
        Ordering, //
    },
    time::{
        Duration,
        Instant, //
    },
};

use super::*;
use crate::virtio::{
    service::Pause,
    workers::look_on, //
};

const EVENT_IDX: u32 = 1 << 29;

#[test]
fn the_device_works_before_driver_ok_and_not_without_bus_master() {
    let bench = Bench::new(0);
    let mut ring = bench.ring(0);
    bench.write(18, 1, 3);
    ring.describe(0, DATA, 1, 0, 0);
    ring.offer(0);
    bench.device.run(0);
    assert_eq!(ring.used_index(), 1);
    bench.write(18, 1, 7);
    bench.device.set_master(false);
    assert_eq!(bench.read(18, 1), 3);
    ring.offer(0);
    bench.device.run(0);
    assert_eq!(ring.used_index(), 1);
    bench.device.set_master(true);
    bench.device.run(0);
    assert_eq!(ring.used_index(), 2);
}

#[test]
fn a_violation_stops_the_device_until_reset() {
    let bench = Bench::new(0);
    let mut ring = bench.ring(0);
    ring.describe(0, 0, 1, 0, 0);
    ring.offer(0);
    bench.device.run(0);
    assert!(bench.device.is_broken());
    ring.describe(0, DATA, 1, 0, 0);
    ring.offer(0);
    bench.device.run(0);
    assert_eq!(ring.used_index(), 0);
    assert_eq!(bench.complaints.lock().unwrap().len(), 1);
    bench.write(18, 1, 0);
    assert!(!bench.device.is_broken());
    bench.ram.put(RAM, &[0; 0x2000]);
    let mut ring = bench.ring(0);
    ring.describe(0, DATA, 1, 0, 0);
    ring.offer(0);
    bench.device.run(0);
    assert_eq!(ring.used_index(), 1);
}

#[test]
fn notifications_of_queues_that_are_not_there_are_ignored() {
    let bench = Bench::new(0);
    let _workers = Workers::start(&bench.device);
    for index in [0, 1, 2, 0xffff] {
        bench.write(16, 2, index);
    }
}

#[test]
fn a_reset_in_the_middle_of_work_leaves_memory_alone() {
    let bench = Bench::new(0);
    let _workers = Workers::start(&bench.device);
    for round in 0..200 {
        bench.ram.put(RAM, &[0; 0x2000]);
        let mut ring = bench.ring(0);
        ring.describe(0, DATA, 4096, 0, 0);
        for _ in 0..8 {
            ring.offer(0);
        }
        bench.write(16, 2, 0);
        for _ in 0..round {
            std::hint::spin_loop();
        }
        bench.write(18, 1, 0);
        let seen = ring.used_index();
        std::thread::sleep(std::time::Duration::from_micros(100));
        assert_eq!(ring.used_index(), seen);
    }
}

#[test]
fn workers_answer_notifications() {
    let bench = Bench::new(0);
    let workers = Workers::start(&bench.device);
    let mut ring = bench.ring(0);
    ring.describe(0, DATA, 1, 0, 0);
    for done in 1..=500 {
        ring.offer(0);
        bench.write(16, 2, 0);
        while ring.used_index() != done {
            std::thread::yield_now();
        }
    }
    drop(workers);
}

/// Offers a chain again and again as soon as the last one is back, and notifies when the device
/// wants it. Each must come back, and in the end the device must want to be notified.
fn nothing_is_forgotten(features: u32) {
    const CHAINS: u16 = 500;
    let bench = Bench::new(0);
    let _workers = Workers::start(&bench.device);
    let mut ring = bench.ring(features);
    ring.describe(0, DATA, 1, 0, 0);
    let wanted = |ring: &GuestRing<'_>, next: u16| {
        // ORDERING: The index is out before the device's wish is read.
        fence(Ordering::SeqCst);
        match features & EVENT_IDX {
            0 => ring.used_flags() == 0,
            _ => ring.avail_event() == next,
        }
    };
    for next in 0..CHAINS {
        ring.offer(0);
        if wanted(&ring, next) {
            bench.write(16, 2, 0);
        }
        while ring.used_index() == next {
            std::thread::yield_now();
        }
    }
    while !wanted(&ring, CHAINS) {
        std::thread::yield_now();
    }
}

#[test]
fn a_driver_may_trust_the_flag_while_the_device_looks_on() {
    nothing_is_forgotten(0);
}

#[test]
fn a_driver_may_trust_the_event_index_while_the_device_looks_on() {
    nothing_is_forgotten(EVENT_IDX);
}

#[test]
fn a_queue_that_is_looked_at_stirs_and_does_not_ask() {
    let bench = Bench::new(0);
    let mut ring = bench.ring(0);
    ring.describe(0, DATA, 1, 0, 0);
    ring.offer(0);
    assert!(bench.device.stirs(0));
    assert_eq!(bench.device.go(0, false), Pause::Empty);
    assert_eq!((ring.used_index(), ring.used_flags()), (1, 1));
    assert!(!bench.device.stirs(0));
    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    assert!(!look_on(&bench.device, 0, past));
    // A moment that has not begun does not end.
    let future = Instant::now() + Duration::from_secs(3600);
    let device = bench.device.clone();
    let looker = std::thread::spawn(move || look_on(&device, 0, future));
    ring.offer(0);
    assert!(looker.join().unwrap());
    assert_eq!(bench.device.go(0, true), Pause::Done);
    assert_eq!((ring.used_index(), ring.used_flags()), (2, 0));
    // Without a ring there is nothing to wait for.
    bench.write(18, 1, 0);
    assert!(look_on(&bench.device, 0, future));
    assert_eq!(bench.device.go(0, false), Pause::Done);
}
