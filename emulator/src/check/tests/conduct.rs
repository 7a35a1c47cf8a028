// SPDX-License-Identifier: GPL-2.0

//! Drivers that behave, what a report says, and what a hostile guest cannot do to the checker.

use super::{
    bench::*,
    Bench, //
};
use crate::{
    blk::{
        config::Settings,
        disk::Disk,
        Block, //
    },
    testing::GuestRing,
    virtio::profile::PROFILES,
};
use std::sync::Arc;

const NONE: [&str; 0] = [];

/// All kinds of requests, each as the specification has it.
fn use_disk(bench: &Bench) {
    bench.request(0, 0, 1024, true);
    bench.request(1, SECTORS - 1, 512, false);
    bench.request(4, 0, 0, false);
    bench.request(8, 0, 20, true);
    for kind in [11, 13, 14] {
        bench.ranges(kind, &[0, 0]);
    }
    bench.ranges(13, &[1]);
}

fn read_capacity(bench: &Bench) {
    for _ in 0..2 {
        bench.read(20, 4);
        bench.read(24, 4);
    }
}

#[test]
fn a_disk_that_is_used_well_has_nothing_to_say_on_any_profile() {
    for profile in PROFILES {
        let settings = Settings {
            queue_size: GuestRing::SIZE,
            ..Settings::default()
        };
        let disk = Disk::memory(SECTORS * 512, false).unwrap();
        let bench = Bench::new(Arc::new(Block::new(disk, settings)), profile);
        for features in [PLAIN, INDIRECT, EVENT] {
            bench.up(features);
            read_capacity(&bench);
            bench.write(20 + 32, 1, 0);
            use_disk(&bench);
            // The rings are given up as Linux does it, after the reset.
            bench.status(0);
            bench.read(18, 1);
            bench.write(14, 2, 0);
            bench.write(8, 4, 0);
        }
        bench.device.set_master(false);
        assert_eq!(bench.checker.broken(), NONE, "{}", profile.name);
        assert_eq!(bench.checker.report(), "no rule was broken\n");
    }
}

#[test]
fn a_driver_may_give_up_at_any_time() {
    let bench = Bench::disk_up(PLAIN);
    bench.status(0);
    bench.read(18, 1);
    bench.status(0x83);
    assert_eq!(bench.checker.broken(), NONE);
}

#[test]
fn a_disk_without_any_layout_takes_the_simple_framing() {
    let bench = Bench::disk_without(ANY_LAYOUT, false);
    bench.up(PLAIN);
    use_disk(&bench);
    assert_eq!(bench.checker.broken(), NONE);
}

#[test]
fn a_card_that_is_used_well_has_nothing_to_say() {
    let bench = Bench::looped();
    bench.device.set_msix(true);
    bench.accept(PLAIN);
    for (register, vector) in [(20, 0), (22, 1)] {
        bench.select(0);
        bench.write(register, 2, vector);
        bench.read(register, 2);
    }
    (0..5).for_each(|queue| bench.set_up(queue));
    bench.status(7);
    bench.offer(
        0,
        0,
        &[(FREE + 0x3000, 12, true), (FREE + 0x4000, 2000, true)],
    );
    bench.kick(0);
    bench.send([0, 0], [0; 4], 0);
    bench.device.run(0);
    bench.send([1, 1], [54, 6, 34, 16], 0);
    bench.command(4, 0, 0, &[1]);
    bench.command(4, 0, 3, &[1]);
    bench.command(4, 1, 0, &[0; 8]);
    bench.command(4, 1, 1, &[2, 0, 0, 0, 0, 1]);
    bench.command(4, 2, 0, &[1, 0]);
    bench.command(4, 3, 0, &[]);
    bench.command(4, 4, 0, &[2, 0]);
    bench.command(4, 5, 0, &[2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bench.checker.broken(), NONE);
}

#[test]
fn the_report_has_a_line_a_rule_and_what_went_before() {
    let bench = Bench::disk_up(PLAIN);
    for _ in 0..3 {
        bench.write(0, 4, 0x1234);
    }
    bench.write(19, 1, 0);
    bench.write(20, 1, 0);
    let report = bench.checker.report();
    let lines: Vec<&str> = report.lines().collect();
    assert!(lines[0].starts_with("2 of "), "{report}");
    let words: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(words[..3], ["R03", "MUST", "4"]);
    assert!(lines[2].ends_with("A driver writes to no read-only register."));
    assert_eq!(lines[4], "R03: 0x1234 was written to 0, after");
    assert!(
        lines[12].ends_with("writes HOST_FEATURES: 0x00001234"),
        "{report}"
    );
    assert!(lines[11].ends_with("writes STATUS: 0x07"), "{report}");
    // Eight events for each.
    assert_eq!(lines.len(), 4 + 2 * 9);
}

#[test]
fn a_broken_device_and_wild_writes_leave_the_checker_in_order() {
    let bench = Bench::disk_up(PLAIN);
    let mut seed = 12345_u32;
    let mut random = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 8
    };
    for _ in 0..20_000 {
        let (offset, value) = (u64::from(random() % 100), random());
        let width = 1 << (random() % 3);
        if random() % 2 == 0 {
            bench.read(offset, width);
        } else if offset != 8 {
            bench.write(offset, width, value);
        }
        if random() % 64 == 0 {
            let head = (random() % 8) as u16;
            bench.ring(0, |ring| ring.offer(head));
            bench.device.run(0);
        }
    }
    let report = bench.checker.report();
    assert!(report.len() < 200_000);
    assert!(bench.checker.broken().contains(&"R02"));
}
