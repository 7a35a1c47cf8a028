// SPDX-License-Identifier: GPL-2.0

//! Interrupts, notifications and time.

use std::{
    sync::atomic::{
        AtomicU64,
        Ordering, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    },
};

use super::*;
use crate::observe::{
    Event,
    Moment,
    Observer, //
};

/// Counts the notifications that a device has heard.
#[derive(Default)]
struct Heard(AtomicU64);

impl Observer for Heard {
    fn see(&self, _moment: Moment, event: &Event<'_>) {
        if matches!(event, Event::Kick { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One read; what ISR is then.
fn after_a_read(fault: &str) -> u32 {
    let bench = Bench::live(fault);
    bench.ask(0, READ);
    assert_eq!(bench.used(0).0, 1, "{fault}");
    bench.isr()
}

/// Waits until something is so; fails if it never is.
fn until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(1));
    }
}

/// One read; ISR is set again and again, and at last no more.
fn storms(fault: &str, bits: u32) {
    let bench = Bench::live(&format!("{fault}:count=1:value=1000"));
    bench.ask(0, READ);
    for _ in 0..5 {
        until(|| bench.isr() == bits);
    }
    until(|| {
        bench.isr();
        thread::sleep(Duration::from_millis(100));
        bench.isr() == 0
    });
}

/// One read that the device does not do; what a reset makes of it.
fn stops(fault: &str, a_reset_helps: bool) {
    let bench = Bench::live(&format!("{fault}:count=1"));
    bench.ask(0, READ);
    bench.device.run(0);
    assert_eq!(bench.used(0).0, 0, "{fault}");
    bench.start();
    bench.ask(0, READ);
    assert_eq!(bench.used(0).0, u16::from(a_reset_helps), "{fault}");
}

/// One read, after which the device is away; it comes back after a while if it is to.
fn vanishes(fault: &str, all: bool) {
    let bench = Bench::live(&format!("{fault}:count=1"));
    bench.ask(0, READ);
    assert_eq!((bench.used(0).0, bench.read(18, 1)), (0, 0xff), "{fault}");
    assert_eq!(bench.device.faults().is_gone(true), all);
    let bench = Bench::live(&format!("{fault}:count=1:value=100"));
    bench.ask(0, READ);
    assert_eq!(bench.read(0, 4), u32::MAX, "{fault}");
    thread::sleep(Duration::from_millis(150));
    assert_eq!(bench.read(18, 1), 0, "{fault}: it is back, and reset");
    bench.start();
    bench.ask(0, READ);
    assert_eq!(bench.used(0).0, 1, "{fault}");
}

/// How long something takes at least.
fn takes(millis: u64, what: impl FnOnce()) {
    let start = Instant::now();
    what();
    assert!(start.elapsed() >= Duration::from_millis(millis));
}

pub const SHOWS: &[Show] = &[
    ("interrupt-lost", || {
        assert_eq!(after_a_read("interrupt-lost"), 0);
        assert_eq!(after_a_read("interrupt-lost:count=0"), 1);
    }),
    ("interrupt-spurious", || {
        let bench = Bench::live("interrupt-spurious");
        bench.device.run(0);
        assert_eq!(bench.isr(), 1);
    }),
    ("interrupt-wrong", || {
        let bench = Bench::disk(&["interrupt-wrong"]);
        bench.device.set_msix(true);
        bench.start();
        bench.write(20, 2, 0);
        bench.write(14, 2, 0);
        bench.write(22, 2, 1);
        bench.ask(0, READ);
        let interrupts = bench.device.interrupts();
        assert!(interrupts.is_pending(0) && !interrupts.is_pending(1));
    }),
    ("interrupt-storm", || storms("interrupt-storm", 1)),
    ("config-storm", || storms("config-storm", 3)),
    ("interrupt-early", || {
        let bench = Bench::disk(&["interrupt-early"]);
        bench.write(18, 1, 3);
        assert_eq!(bench.isr(), 3);
        bench.write(18, 1, 7);
        bench.isr();
        assert_eq!(bench.isr(), 0, "with DRIVER_OK it is over");
    }),
    ("config-interrupt", || {
        assert_eq!(after_a_read("config-interrupt:count=1"), 3);
    }),
    ("notify-lost", || {
        let heard = Arc::new(Heard::default());
        let bench = Bench::live("notify-lost:count=1");
        let model = Arc::new(Block::new(Disk::null(512, false), Settings::default()));
        let complain = Arc::new(|_: &str| ());
        let device = Device::observed(model, 2, QEMU, complain, vec![heard.clone()]);
        let fault = Fault::parse("notify-lost:count=1", DeviceType::Block).unwrap();
        let device = device.with_faults(Arc::new(Faults::new(vec![fault])));
        let bench = Bench { device, ..bench };
        bench.write(16, 2, 0);
        assert_eq!(heard.0.load(Ordering::Relaxed), 0);
        bench.write(16, 2, 0);
        assert_eq!(heard.0.load(Ordering::Relaxed), 1);
    }),
    ("notify-unwanted", || {
        let bench = Bench::live("notify-unwanted");
        bench.ask(0, READ);
        assert_eq!(bench.ring(0).used_flags(), 1);
        assert_eq!(
            bench.ring(0).avail_event(),
            0,
            "behind the index, which is 1"
        );
    }),
    ("stall", || {
        let bench = Bench::live("stall:value=60");
        takes(60, || bench.ask(0, READ));
        assert_eq!(bench.used(0).0, 1);
    }),
    ("slow-registers", || {
        let bench = Bench::disk(&["slow-registers:value=60:count=1"]);
        takes(60, || {
            bench.read(18, 1);
        });
    }),
    ("freeze", || stops("freeze", true)),
    ("dead", || stops("dead", false)),
    ("vanish", || vanishes("vanish", true)),
    ("gone", || vanishes("gone", false)),
    ("silence", || {
        let bench = Bench::live("silence:count=1");
        bench.ask(0, READ);
        assert_eq!((bench.used(0).0, bench.isr()), (0, 0));
        bench.ask(3, READ);
        assert_eq!(bench.used(0).0, 1, "the next one is answered");
        cards::silence();
    }),
    ("crash", || {
        stops("crash", false);
        let bench = Bench::live("crash:count=1");
        assert!(!bench.device.faults().takes_crash());
        bench.ask(0, READ);
        assert!(bench.device.faults().takes_crash());
        assert!(!bench.device.faults().takes_crash());
    }),
];

#[test]
fn notices_and_time_are_as_the_table_says() {
    show(SHOWS);
}
