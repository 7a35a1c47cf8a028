// SPDX-License-Identifier: GPL-2.0

//! Several pairs of queues: their layout, how many are in use, and which one a packet goes to.

use super::{frames::udp, *};
use crate::virtio::net::F_MTU;

fn several(features: u32) -> Bench {
    let settings = Settings {
        pairs: 3,
        ..Settings::default()
    };
    Bench::with(Backend::Loopback, features, settings)
}

/// The size of each queue, up to the first two that are not there.
fn sizes(bench: &Bench) -> Vec<u16> {
    (0..8_u16)
        .map(|queue| {
            let mut size = [0; 2];
            bench.device.write_register(14, &queue.to_le_bytes());
            bench.device.read_register(12, &mut size);
            u16::from_le_bytes(size)
        })
        .collect()
}

#[test]
fn the_control_queue_is_the_last_of_those_that_are_there() {
    let bench = several(ALL);
    assert_eq!(sizes(&bench), [8, 8, 8, 8, 8, 8, 8, 0]);
    assert_eq!(bench.command_on(6, &[4, 0, 2, 0]), 0);
    let bench = several(ALL & !F_MQ.bits());
    assert_eq!(sizes(&bench), [8, 8, 8, 0, 0, 0, 0, 0]);
    assert_eq!(bench.command_on(2, &[0, 0, 1]), 0);
    assert_eq!(bench.command_on(2, &[4, 0, 1, 0]), 1);
    // A queue that is not there takes no ring.
    bench.device.write_register(14, &3_u16.to_le_bytes());
    let mut frame = [0xff; 4];
    bench.device.read_register(8, &mut frame);
    assert_eq!(frame, [0; 4]);
    let without = Settings {
        pairs: 3,
        without: F_CTRL_VQ.bits(),
        ..Settings::default()
    };
    let bench = Bench::with(Backend::Null, ALL, without);
    assert_eq!(sizes(&bench), [8, 8, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bench.device.queues(), 2);
}

#[test]
fn the_configuration_is_as_long_as_the_features_say() {
    let read = |settings: Settings| {
        let bench = Bench::with(Backend::Null, ALL, settings);
        let mut bytes = [0; 8];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let mut data = [0];
            bench.device.read_register(20 + 6 + at as u64, &mut data);
            *byte = data[0];
        }
        bytes
    };
    let plain = Settings::default();
    assert_eq!(read(plain.clone())[..3], [1, 0, 0xff]);
    let pairs = Settings { pairs: 3, ..plain };
    assert_eq!(read(pairs.clone())[..5], [1, 0, 3, 0, 0xff]);
    let all = Settings {
        mtu: Some(0x1234),
        ..pairs
    };
    assert_eq!(read(all)[..7], [1, 0, 3, 0, 0x34, 0x12, 0xff]);
}

#[test]
fn only_pairs_that_there_are_can_be_used() {
    let bench = several(ALL);
    for (pairs, answer) in [(0, 1), (1, 0), (3, 0), (4, 1), (0x100, 1)] {
        let [low, high] = u16::to_le_bytes(pairs);
        assert_eq!(bench.command_on(6, &[4, 0, low, high]), answer);
    }
    assert_eq!(bench.command_on(6, &[4, 0, 1]), 1);
}

/// Which queue an answer to what was sent on `pair` arrives in.
fn answered_in(bench: &Bench, pair: u16) -> Vec<u16> {
    let before: Vec<u16> = (0..3)
        .map(|pair| bench.ring(2 * pair).used_index())
        .collect();
    for receive in 0..3 {
        bench.chain(2 * receive, 0, &[(IN, 2000, true)]);
    }
    let (_, frame) = udp(false, 30, 0);
    bench.ram.put(OUT, &[&[0; 12][..], &frame].concat());
    bench.chain(2 * pair + 1, 0, &[(OUT, 12 + frame.len() as u32, false)]);
    (0..3)
        .filter(|pair| {
            bench.device.run(2 * pair);
            bench.ring(2 * pair).used_index() != before[usize::from(*pair)]
        })
        .collect()
}

#[test]
fn a_flow_comes_back_where_it_was_last_sent() {
    let bench = several(ALL);
    // One pair is in use until the driver says otherwise.
    assert_eq!(answered_in(&bench, 2), [0]);
    assert_eq!(bench.command_on(6, &[4, 0, 3, 0]), 0);
    for pair in [0, 1, 2, 1] {
        assert_eq!(answered_in(&bench, pair), [pair]);
    }
    assert_eq!(bench.command_on(6, &[4, 0, 1, 0]), 0);
    assert_eq!(answered_in(&bench, 1), [0]);
}

#[test]
fn what_waits_for_a_queue_finds_another_when_it_goes_out_of_use() {
    let bench = several(ALL);
    assert_eq!(bench.command_on(6, &[4, 0, 3, 0]), 0);
    let (_, frame) = udp(false, 30, 0);
    bench.net.steering.learn(&frame, 2);
    bench.net.deliver(frame.clone());
    bench.device.run(4);
    assert_eq!(bench.command_on(6, &[4, 0, 1, 0]), 0);
    bench.chain(4, 0, &[(IN, 2000, true)]);
    assert_eq!(bench.ring(4).used_index(), 0);
    bench.chain(0, 0, &[(IN, 2000, true)]);
    assert_eq!(bench.received(), 1);
    assert_eq!(bench.ram.get(IN + 12, frame.len()), frame);
}

#[test]
fn frames_beyond_the_mtu_are_kept_away_from_who_was_told() {
    let settings = Settings {
        mtu: Some(100),
        ..Settings::default()
    };
    let tagged = |len: usize| {
        let mut frame = frame(len);
        frame[12..14].copy_from_slice(&[0x81, 0]);
        frame
    };
    for (features, frames, arrive) in [
        (ALL, [frame(114), tagged(118)], true),
        (ALL, [frame(115), tagged(119)], false),
        (ALL & !F_MTU.bits(), [frame(115), tagged(119)], true),
    ] {
        let bench = Bench::with(Backend::Null, features, settings.clone());
        for (number, frame) in frames.into_iter().enumerate() {
            bench.chain(RECEIVE, number as u16, &[(IN, 2000, true)]);
            bench.net.deliver(frame);
            bench.device.run(RECEIVE);
        }
        assert_eq!(bench.received(), if arrive { 2 } else { 0 });
    }
}
