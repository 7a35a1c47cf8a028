// SPDX-License-Identifier: GPL-2.0

//! Frames from a file.

use std::fs;

use super::{
    backend::{
        Capture,
        Pace, //
    },
    *,
};

/// A capture of frames of these sizes, `gap` seconds apart.
fn capture(sizes: &[usize], gap: u32, pace: Pace) -> Backend {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, 1] {
        bytes.extend(u32::to_le_bytes(word));
    }
    for (number, size) in (0..).zip(sizes) {
        for word in [number * gap, 0, *size as u32, *size as u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(frame(*size));
    }
    let path = scratch_path("capture");
    fs::write(&path, bytes).unwrap();
    let capture = Capture::open(&path, pace).unwrap();
    fs::remove_file(path).unwrap();
    Backend::Capture(capture)
}

/// Runs a card's back end while `test` runs; its panic is the test's.
fn attended(bench: &Bench, test: impl FnOnce()) {
    struct Stop<'a>(&'a Net);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.stop();
        }
    }
    thread::scope(|scope| {
        scope.spawn(|| bench.net.attend().unwrap());
        let _stop = Stop(&bench.net);
        test();
    });
}

/// Lends one buffer after the other until as many frames have arrived; their lengths.
fn lengths(bench: &Bench, count: u16) -> Vec<u32> {
    let start = Instant::now();
    for head in 0..count {
        bench.chain(RECEIVE, head % 8, &[(IN, 2000, true)]);
        while bench.received() <= head {
            assert!(start.elapsed() < Duration::from_secs(10));
            bench.device.run(RECEIVE);
            thread::yield_now();
        }
    }
    (0..count)
        .map(|at| bench.ring(RECEIVE).used_entry(at).1 - 12)
        .collect()
}

#[test]
fn a_file_is_replayed_each_time_a_driver_is_ready() {
    let bench = Bench::new(capture(&[60, 70, 80], 0, Pace::Captured), ALL);
    attended(&bench, || {
        assert_eq!(lengths(&bench, 3), [60, 70, 80]);
        bench.device.write_register(18, &[0]);
        bench.ram.put(RAM, &[0; 0x2000]);
        bench.device.write_register(4, &ALL.to_le_bytes());
        bench
            .device
            .write_register(8, &bench.ring(RECEIVE).pfn().to_le_bytes());
        bench.device.write_register(18, &[7]);
        assert_eq!(lengths(&bench, 3), [60, 70, 80]);
    });
}

#[test]
fn nothing_is_lost_when_the_driver_sets_the_pace() {
    let sizes = vec![60; 3000];
    let bench = Bench::new(capture(&sizes, 1000, Pace::Fast), ALL);
    attended(&bench, || {
        lengths(&bench, 3000);
        assert!(bench.net.summary().contains("3000 frames received"));
        assert!(bench.net.summary().contains("0 lost"));
    });
}

#[test]
fn times_are_kept_and_the_end_is_not_waited_for() {
    let bench = Bench::new(capture(&[60, 70], 1000, Pace::Captured), ALL);
    attended(&bench, || {
        assert_eq!(lengths(&bench, 1), [60]);
        bench.chain(RECEIVE, 1, &[(IN, 2000, true)]);
        thread::sleep(Duration::from_millis(20));
        bench.device.run(RECEIVE);
        assert_eq!(bench.received(), 1);
    });
}
