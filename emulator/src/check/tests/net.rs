// SPDX-License-Identifier: GPL-2.0

//! Frames and commands of a card.

use super::{
    bench::*,
    Bench,
    Case, //
};

const CSUM: u32 = 1;
const MRG_RXBUF: u32 = 1 << 15;
const MQ: u32 = 1 << 22;
/// All kinds of segmentation: the old bit for them and the new ones.
const HOST_GSO: u32 = (1 << 6) | (0xf << 11);
/// What has to do with received segments.
const GUEST: u32 = 0xf << 7;

const BUFFER: u64 = FREE + 0x1000;

/// A receive buffer, of a driver without some features; the device takes it when a frame comes.
fn receive(without: u32, parts: &[(u64, u32, bool)]) -> Bench {
    with_echo(without, |bench| {
        bench.offer(0, 0, parts);
        bench.kick(0);
        bench.send([0, 0], [0; 4], 0);
        bench.device.run(0);
    })
}

fn with_echo(without: u32, act: impl FnOnce(&Bench)) -> Bench {
    let bench = Bench::looped();
    bench.up(PLAIN & !without);
    act(&bench);
    bench
}

/// A frame behind a header: flags and type, the four lengths.
fn send(without: u32, kind: [u8; 2], lengths: [u16; 4]) -> Bench {
    let bench = Bench::card_up(PLAIN & !without);
    bench.send(kind, lengths, 0);
    bench
}

/// A command of a driver without some features.
fn command(without: u32, class: u8, command: u8, data: &[u8]) -> Bench {
    let bench = Bench::card_up(PLAIN & !without);
    bench.command(4, class, command, data);
    bench
}

pub const CASES: &[Case] = &[
    (&["N01"], || {
        let bench = Bench::card_up(PLAIN);
        bench.submit(1, &[(FREE, 11, false)]);
        bench
    }),
    (&["N01"], || receive(0, &[(BUFFER, 11, true)])),
    (&["F07", "N02"], || {
        let bench = Bench::card_up(PLAIN & !ANY_LAYOUT);
        bench.submit(1, &[(FREE, 72, false)]);
        bench
    }),
    (&["F07", "N02"], || {
        receive(ANY_LAYOUT, &[(BUFFER, 2000, true)])
    }),
    (&["N03"], || {
        let bench = Bench::card_up(PLAIN);
        bench.submit(1, &[(FREE, 72, false), (BUFFER, 1, true)]);
        bench
    }),
    (&["N03"], || {
        receive(0, &[(BUFFER, 1, false), (BUFFER + 8, 2000, true)])
    }),
    (&["N04"], || {
        let bench = Bench::looped();
        bench.up(PLAIN & !MRG_RXBUF & !GUEST);
        bench.offer(0, 0, &[(BUFFER, 10 + 1513, true)]);
        bench.kick(0);
        bench.submit(1, &[(FREE, 10, false), (FREE + 64, 60, false)]);
        bench.device.run(0);
        bench
    }),
    (&["N05"], || {
        let bench = Bench::card_up(PLAIN);
        bench.send([0, 0], [0; 4], 1);
        bench
    }),
    (&["N06"], || send(CSUM | HOST_GSO, [1, 0], [0, 0, 34, 6])),
    (&["N07"], || send(0, [2, 0], [0; 4])),
    (&["N08"], || send(0, [1, 0], [0, 0, 34, 25])),
    (&["N09"], || send(HOST_GSO, [1, 1], [54, 6, 34, 16])),
    (&["N09"], || {
        send((1 << 6) | (1 << 13), [1, 0x81], [54, 6, 34, 16])
    }),
    (&["N10"], || send(0, [0, 1], [54, 6, 34, 16])),
    (&["N11"], || send(0, [1, 1], [54, 0, 34, 16])),
    (&["N12"], || send(0, [1, 1], [34, 6, 34, 16])),
    (&["N13"], || {
        let bench = Bench::card_up(PLAIN);
        bench.ram.put(FREE, &[0; 12]);
        bench.submit(1, &[(FREE, 12, false), (BUFFER, 1519, false)]);
        bench
    }),
    (&["N14"], || {
        let bench = Bench::card_up(PLAIN);
        bench.submit(4, &[(FREE, 2, false)]);
        bench
    }),
    (&["F07", "N15"], || {
        let bench = Bench::card_up(PLAIN & !ANY_LAYOUT);
        bench.ram.put(FREE, &[0, 0, 1]);
        bench.submit(4, &[(FREE, 3, false), (BUFFER, 1, true)]);
        bench
    }),
    (&["N16"], || command(0, 9, 0, &[])),
    (&["N17"], || command(0, 0, 0, &[1, 0])),
    (&["N17"], || {
        command(0, 1, 0, &[2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }),
    (&["N18"], || command(1 << 18, 0, 1, &[1])),
    (&["N19"], || command(1 << 20, 0, 2, &[1])),
    (&["N20"], || command(1 << 18, 1, 0, &[0; 8])),
    (&["N21"], || command(1 << 23, 1, 1, &[2, 0, 0, 0, 0, 1])),
    (&["N22"], || command(1 << 19, 2, 0, &[1, 0])),
    (&["N23"], || command(1 << 21, 3, 0, &[])),
    (&["N24"], || command(0, 4, 0, &[3, 0])),
    (&["N24"], || command(0, 4, 0, &[0, 0])),
    (&["N24"], || {
        let bench = Bench::card();
        bench.accept(PLAIN & !MQ);
        (0..3).for_each(|queue| bench.set_up(queue));
        bench.status(7);
        bench.command(2, 4, 0, &[1, 0]);
        bench
    }),
    (&["N25"], || {
        command(1 << 10, 5, 0, &[0, 4, 0, 0, 0, 0, 0, 0])
    }),
    (&["N25"], || command(1 << 2, 5, 0, &[0; 8])),
];
