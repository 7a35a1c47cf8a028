// SPDX-License-Identifier: GPL-2.0

//! Each register, and what a reset leaves of it.

use super::*;

#[test]
fn features_are_cut_down_to_what_is_offered() {
    let bench = Bench::new(0);
    assert_eq!(bench.read(0, 4), OFFERED);
    bench.write(0, 4, 0);
    assert_eq!(bench.read(0, 4), OFFERED);
    bench.write(4, 4, 0x8100_00ff);
    assert_eq!(bench.read(4, 4), 0x0100_0003);
    // Whoever accepts the trap gets what the model thinks such a driver can do.
    bench.write(4, 4, 0x4000_0001);
    assert_eq!(bench.read(4, 4), 2);
}

#[test]
fn queues_are_selected_and_sized() {
    let bench = Bench::new(0);
    assert_eq!(bench.read(12, 2), 8);
    bench.write(14, 2, 1);
    assert_eq!((bench.read(14, 2), bench.read(12, 2)), (1, 8));
    bench.write(8, 4, 0x123);
    assert_eq!(bench.read(8, 4), 0x123);
    for absent in [2, 1023] {
        bench.write(14, 2, absent);
        assert_eq!((bench.read(14, 2), bench.read(12, 2)), (absent, 0));
        bench.write(8, 4, 7);
        assert_eq!(bench.read(8, 4), 0);
    }
    // Beyond what can be selected, the selection stays.
    bench.write(14, 2, 1);
    bench.write(14, 2, 1024);
    bench.write(14, 2, 0xffff);
    assert_eq!((bench.read(14, 2), bench.read(8, 4)), (1, 0x123));
}

#[test]
fn taking_a_ring_away_resets_the_whole_device() {
    let bench = Bench::new(0);
    bench.ring(1);
    bench.write(14, 2, 1);
    bench.write(8, 4, 0);
    assert_eq!(
        (bench.read(18, 1), bench.read(4, 4), bench.read(14, 2)),
        (0, 0, 0)
    );
    assert_eq!(bench.read(8, 4), 0);
}

#[test]
fn status_zero_resets_everything_and_driver_is_a_bus_master() {
    let bench = Bench::new(2);
    bench.device.set_msix(true);
    assert!(!bench.write(18, 1, 1));
    assert!(bench.write(18, 1, 3));
    bench.ring(3);
    assert_eq!(*bench.model.started.lock().unwrap(), [3]);
    bench.write(20, 2, 0);
    bench.write(22, 2, 1);
    assert_eq!((bench.read(20, 2), bench.read(22, 2)), (0, 1));
    bench.device.config_changed();
    bench.write(18, 1, 0);
    assert_eq!(
        (bench.read(18, 1), bench.read(4, 4), bench.read(8, 4)),
        (0, 0, 0)
    );
    assert_eq!(
        (bench.read(20, 2), bench.read(22, 2), bench.read(19, 1)),
        (0xffff, 0xffff, 0)
    );
    assert!(bench.model.started.lock().unwrap().is_empty());
}

#[test]
fn vectors_are_there_with_msix_and_refused_when_they_do_not_exist() {
    let bench = Bench::new(2);
    *bench.model.config.lock().unwrap() = [1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(bench.read(20, 4), 0x0403_0201);
    bench.device.set_msix(true);
    assert_eq!(bench.read(20, 4), 0xffff);
    assert_eq!(bench.read(24, 4), 0x0403_0201);
    for (vector, wanted) in [(1, 1), (2, 0xffff), (0, 0), (0xffff, 0xffff)] {
        bench.write(20, 2, vector);
        bench.write(22, 2, vector);
        assert_eq!((bench.read(20, 2), bench.read(22, 2)), (wanted, wanted));
    }
    bench.write(14, 2, 5);
    bench.write(22, 2, 1);
    assert_eq!(bench.read(22, 2), 0xffff);
}

#[test]
fn the_configuration_ends_where_it_ends() {
    let bench = Bench::new(0);
    bench.write(26, 2, 0xbeef);
    assert_eq!(
        (bench.read(26, 1), bench.read(27, 1), bench.read(26, 2)),
        (0xef, 0xbe, 0xbeef)
    );
    assert_eq!(bench.read(27, 2), 0xffff);
    assert_eq!(bench.read(28, 4), 0xffff_ffff);
    bench.write(27, 2, 0);
    bench.write(28, 4, 0);
    assert_eq!(bench.read(26, 2), 0xbeef);
    // Registers that do not exist.
    assert_eq!(bench.read(17, 2), 0xffff);
    assert_eq!(bench.read(16, 2), 0xffff);
    bench.write(13, 1, 0);
}
