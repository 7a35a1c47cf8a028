// SPDX-License-Identifier: GPL-2.0

//! What differs between well-known devices.

use super::*;

#[test]
fn taking_a_ring_away_is_what_the_profile_makes_of_it() {
    for (name, status, frame) in [
        ("qemu", 0, 0),
        ("bhyve", 7, 0),
        ("kvmtool", 7, 0),
        ("propolis", 7, (RAM / 4096) as u32),
    ] {
        let bench = Bench::named(name);
        let mut ring = bench.ring(0);
        ring.describe(0, DATA, 1, 0, 0);
        bench.write(8, 4, 0);
        assert_eq!(
            (bench.read(18, 1), bench.read(8, 4)),
            (status, frame),
            "{name}"
        );
        ring.offer(0);
        bench.device.run(0);
        // On bhyve the ring is looked for at address 0, where there is no memory.
        assert_eq!(
            (ring.used_index(), bench.device.is_broken()),
            (u16::from(name == "propolis"), name == "bhyve")
        );
    }
}

#[test]
fn selections_vectors_and_features_differ_by_profile() {
    for (name, selected, frame) in [
        ("qemu", 5, 0),
        ("bhyve", 5, u32::MAX),
        ("kvmtool", 1, 0),
        ("propolis", 5, 0),
    ] {
        let bench = Bench::named(name);
        bench.write(14, 2, 1);
        bench.write(14, 2, 5);
        assert_eq!(
            (bench.read(14, 2), bench.read(8, 4)),
            (selected, frame),
            "{name}"
        );
        bench.write(14, 2, 2000);
        assert_eq!(
            bench.read(14, 2),
            if name == "qemu" {
                5
            } else if name == "kvmtool" {
                1
            } else {
                2000
            }
        );
        bench.device.set_msix(true);
        bench.write(20, 2, 2000);
        assert_eq!(
            bench.read(20, 2),
            if name == "qemu" { 0xffff } else { 2000 },
            "{name}"
        );
        bench.write(4, 4, 0x4000_0001);
        let read = [
            ("qemu", 2),
            ("bhyve", 0x4000_0001),
            ("kvmtool", u32::MAX),
            ("propolis", 0x4000_0001),
        ];
        assert!(read.contains(&(name, bench.read(4, 4))), "{name}");
    }
}

#[test]
fn the_isr_with_msix_and_bus_mastering_differ_by_profile() {
    for name in ["qemu", "bhyve", "kvmtool", "propolis"] {
        let bench = Bench::named(name);
        bench.write(18, 1, 1);
        assert_eq!(bench.write(18, 1, 3), name == "qemu", "{name}");
        bench.write(18, 1, 7);
        bench.device.set_msix(true);
        bench.device.config_changed();
        assert_eq!(
            bench.read(19, 1),
            if name == "qemu" { 3 } else { 0 },
            "{name}"
        );
        // A bit of the status goes.
        bench.write(18, 1, 3);
        assert_eq!(
            bench.read(18, 1),
            if name == "propolis" { 0x47 } else { 3 },
            "{name}"
        );
        bench.write(18, 1, 0);
        assert_eq!(bench.read(18, 1), 0, "{name}");
    }
}

#[test]
fn bhyve_knows_registers_by_their_width() {
    let bench = Bench::named("bhyve");
    assert_eq!(
        (bench.read(0, 4), bench.read(0, 2), bench.read(18, 2)),
        (OFFERED, 0xffff, 0xffff)
    );
    bench.write(18, 2, 1);
    bench.write(14, 4, 1);
    assert_eq!((bench.read(18, 1), bench.read(14, 2)), (0, 0));
    bench.write(18, 1, 1);
    bench.write(14, 2, 1);
    assert_eq!((bench.read(18, 1), bench.read(14, 2)), (1, 1));
    assert_eq!(bench.read(17, 1), 0xff);
    // The configuration has no such rule.
    assert_eq!(bench.read(20, 4), 0);
    assert_eq!(bench.read(21, 1), 0);
}
