// SPDX-License-Identifier: GPL-2.0

//! Notifications that come when they should not, and those that only look like it.

use std::{
    sync::{
        Arc,
        Barrier, //
    },
    thread,
};

use super::{
    bench::*,
    Bench, //
};
use crate::virtio::{
    model::Model,
    pci::DeviceType,
    profile::QEMU,
    service::Service, //
};

/// A disk that takes chains and keeps them, and waits in between if it is told to.
struct Hoarder {
    /// Reached after the second chain, and again before the go ends.
    stop: Option<Arc<Barrier>>,
}

impl Model for Hoarder {
    fn kind(&self) -> DeviceType {
        DeviceType::Block
    }

    fn features(&self) -> u32 {
        7 << 27
    }

    fn queues(&self) -> Vec<u16> {
        vec![8]
    }

    fn config_len(&self) -> usize {
        0
    }

    fn read_config(&self, _offset: usize, _data: &mut [u8]) {}

    fn write_config(&self, _offset: usize, _data: &[u8]) {}

    fn started(&self, _features: u32) {}

    fn reset(&self) {}

    fn serve(&self, _queue: u16, service: &mut Service<'_, '_>) {
        let mut taken = 0;
        while service.next().is_some() {
            taken += 1;
            if let (2, Some(stop)) = (taken, &self.stop) {
                stop.wait();
                stop.wait();
            }
        }
    }

    fn summary(&self) -> String {
        String::new()
    }
}

/// Such a disk, with these features.
pub fn hoarder(features: u32) -> Bench {
    let bench = Bench::new(Arc::new(Hoarder { stop: None }), QEMU);
    bench.up(features);
    bench
}

/// Two chains are there, with so many notifications; then, while the device has its flag up, more
/// chains with a notification each, and late ones. What is found?
fn busy(early: u16, more: u16, late: u16) -> Vec<&'static str> {
    let stop = Arc::new(Barrier::new(2));
    let bench = Bench::new(
        Arc::new(Hoarder {
            stop: Some(stop.clone()),
        }),
        QEMU,
    );
    bench.up(PLAIN);
    let offer = |head| bench.offer(0, head, &[(FREE, 16, false)]);
    (0..2).for_each(offer);
    (0..early).for_each(|_| bench.kick(0));
    let device = bench.device.clone();
    let worker = thread::spawn(move || device.run(0));
    stop.wait();
    for head in 2..2 + more {
        offer(head);
        bench.kick(0);
    }
    (0..late).for_each(|_| bench.kick(0));
    stop.wait();
    worker.join().unwrap();
    bench.checker.broken()
}

#[test]
fn late_notifications_are_not_mistaken_for_unwanted_ones() {
    // Each of the first two chains may have led to one, whenever it arrives.
    for (early, more, late) in [(0, 0, 2), (1, 0, 1), (2, 0, 0), (0, 2, 0)] {
        let none: [&str; 0] = [];
        assert_eq!(busy(early, more, late), none, "{early} {more} {late}");
    }
}

#[test]
fn notifications_in_spite_of_the_flag_are_found() {
    assert_eq!(busy(2, 6, 0), ["K03"]);
    assert_eq!(busy(2, 0, 1), ["K02"]);
}

#[test]
fn each_notification_too_many_is_counted_once() {
    let bench = Bench::disk_up(PLAIN);
    bench.ram.put(FREE, &[4, 0, 0, 0]);
    for _ in 0..4 {
        bench.submit(0, &[(FREE, 16, false), (FREE + 0x800, 1, true)]);
        bench.kick(0);
        bench.submit(0, &[(FREE, 16, false), (FREE + 0x800, 1, true)]);
    }
    let report = bench.checker.report();
    let line = report.lines().find(|line| line.starts_with("K02"));
    assert_eq!(
        line.unwrap().split_whitespace().nth(2),
        Some("4"),
        "{report}"
    );
}

#[test]
fn each_event_allows_one_notification() {
    let bench = Bench::disk_up(EVENT);
    bench.ram.put(FREE, &[4, 0, 0, 0]);
    for round in 0..100 {
        bench.submit(0, &[(FREE, 16, false), (FREE + 0x800, 1, true)]);
        assert!(bench.checker.broken().is_empty(), "{round}");
    }
    // A batch whose first chain is the one asked for, and one more that nobody has asked for.
    bench.offer(0, 2, &[(FREE, 16, false), (FREE + 0x801, 1, true)]);
    bench.offer(0, 4, &[(FREE, 16, false), (FREE + 0x802, 1, true)]);
    bench.kick(0);
    assert!(bench.checker.broken().is_empty());
    bench.offer(0, 6, &[(FREE, 16, false), (FREE + 0x803, 1, true)]);
    bench.kick(0);
    assert_eq!(bench.checker.broken(), ["K03"]);
}
