// SPDX-License-Identifier: GPL-2.0

//! From what happens to the ISR status, the line and the vectors.

use super::*;

#[test]
fn the_line_follows_the_isr() {
    let bench = Bench::new(0);
    let (trigger, count) = event();
    bench.device.interrupts().connect_line(Some(trigger));
    let mut ring = bench.ring(0);
    ring.chain(0, &[(DATA, 4, false), (DATA + 64, 4, true)]);
    bench.ram.put(DATA, b"abcd");
    ring.offer(0);
    bench.device.run(0);
    assert_eq!(bench.ram.get(DATA + 64, 4), b"abcd");
    assert_eq!((ring.used_index(), ring.used_entry(0)), (1, (0, 4)));
    assert_eq!(taken(&count), 1);
    assert!(bench.device.interrupts().line());
    assert_eq!((bench.read(19, 1), bench.read(19, 1)), (1, 0));
    assert!(!bench.device.interrupts().line());
    bench.device.config_changed();
    assert_eq!(bench.read(19, 1), 3);
}

#[test]
fn with_msix_the_vectors_fire_and_the_line_does_not() {
    let bench = Bench::new(2);
    bench.device.set_msix(true);
    let (config, config_count) = event();
    let (queue, queue_count) = event();
    bench.device.interrupts().connect(0, Some(config));
    bench.device.interrupts().connect(1, Some(queue));
    let mut ring = bench.ring(0);
    ring.describe(0, DATA, 1, 0, 0);
    ring.offer(0);
    bench.device.run(0);
    bench.device.config_changed();
    // No vector is assigned yet; the ISR tells nevertheless.
    assert_eq!((taken(&config_count), taken(&queue_count)), (0, 0));
    assert_eq!(bench.read(19, 1), 3);
    bench.write(20, 2, 0);
    bench.write(22, 2, 1);
    ring.offer(0);
    bench.device.run(0);
    bench.device.config_changed();
    assert_eq!((taken(&config_count), taken(&queue_count)), (1, 1));
    assert!(!bench.device.interrupts().line());
    // What is still in the ISR goes to the line when MSI-X is switched off.
    bench.device.set_msix(false);
    assert!(bench.device.interrupts().line());
}

#[test]
fn nothing_is_said_of_the_configuration_before_driver_ok() {
    let bench = Bench::new(0);
    bench.write(18, 1, 3);
    bench.device.config_changed();
    assert_eq!(bench.read(19, 1), 0);
}

#[test]
fn a_lost_interrupt_is_not_sent_and_a_spurious_one_brings_nothing() {
    let bench = Bench::faulty("interrupt-lost:count=1");
    let mut ring = bench.ring(0);
    ring.describe(0, DATA, 1, 0, 0);
    ring.offer(0);
    bench.device.run(0);
    assert_eq!((ring.used_index(), bench.read(19, 1)), (1, 0));
    ring.offer(0);
    bench.device.run(0);
    assert_eq!((ring.used_index(), bench.read(19, 1)), (2, 1));

    let bench = Bench::faulty("interrupt-spurious:count=1");
    let ring = bench.ring(0);
    bench.device.run(0);
    assert_eq!((ring.used_index(), bench.read(19, 1)), (0, 1));
    bench.device.run(0);
    assert_eq!(bench.read(19, 1), 0);
}
