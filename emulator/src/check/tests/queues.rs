// SPDX-License-Identifier: GPL-2.0

//! Setting queues up, notifications, and the form of chains.

use super::{
    bench::*,
    Bench,
    Case, //
};
use crate::testing::{
    scratch_file,
    INDIRECT as TABLE,
    NEXT,
    RAM,
    RAM_BYTES,
    WRITE, //
};

/// A disk whose driver has accepted features, up to its queues.
fn ready(act: impl FnOnce(&Bench)) -> Bench {
    let bench = Bench::disk();
    bench.accept(PLAIN);
    act(&bench);
    bench
}

/// Descriptors of the first queue, by address, length, flags and next; the first is offered.
fn chain(descriptors: &[(u64, u32, u16, u16)]) -> Bench {
    table(descriptors, &[])
}

/// The same with descriptors in a table at [`AT`].
fn table(descriptors: &[(u64, u32, u16, u16)], entries: &[(u64, u32, u16, u16)]) -> Bench {
    let bench = Bench::disk_up(INDIRECT);
    bench.ring(0, |ring| {
        for (index, (at, len, flags, next)) in (0..).zip(descriptors) {
            ring.describe(index, *at, *len, *flags, *next);
        }
        for (index, (at, len, flags, next)) in (0..).zip(entries) {
            ring.describe_in(AT, index, *at, *len, *flags, *next);
        }
        ring.offer(0);
    });
    bench.kick(0);
    bench.device.run(0);
    bench
}

/// Where tables are.
const AT: u64 = FREE + 0x4000;
/// A flush: its header and its status byte.
const FLUSH: [(u64, u32, bool); 2] = [(FREE, 16, false), (FREE + 0x800, 1, true)];

fn flush() -> Bench {
    let bench = Bench::disk_up(PLAIN);
    bench.ram.put(FREE, &[4, 0, 0, 0]);
    bench
}

pub const CASES: &[Case] = &[
    (&["Q01"], || {
        ready(|bench| {
            bench.read(12, 2);
        })
    }),
    (&["Q01"], || {
        ready(|bench| {
            bench.select(0);
            bench.status(0);
            bench.begin();
            bench.read(8, 4);
        })
    }),
    (&["Q02"], || {
        ready(|bench| {
            bench.select(5);
            bench.write(8, 4, Bench::frame(0));
        })
    }),
    (&["Q03"], || {
        ready(|bench| {
            bench.write(14, 2, 1);
            bench.write(8, 4, Bench::frame(1));
        })
    }),
    (&["Q04"], || {
        ready(|bench| {
            bench.set_up(0);
            bench.write(8, 4, Bench::frame(3));
        })
    }),
    (&["Q05"], || {
        let bench = Bench::disk_up(PLAIN);
        bench.write(8, 4, 0);
        bench
    }),
    (&["Q06"], || {
        ready(|bench| {
            bench.select(0);
            bench.write(8, 4, ((RAM + RAM_BYTES) / 4096) as u32);
            bench.status(7);
            bench.device.run(0);
        })
    }),
    (&["Q07"], || {
        ready(|bench| {
            bench.set_up(0);
            bench.select(1);
            bench.write(8, 4, Bench::frame(0) + 1);
        })
    }),
    (&["Q08"], || {
        ready(|bench| {
            bench.status(7);
            bench.set_up(0);
        })
    }),
    (&["Q09"], || {
        let bench = Bench::disk();
        bench.begin();
        bench.set_up(0);
        bench
    }),
    (&["Q10"], || {
        let bench = Bench::card();
        bench.accept(PLAIN & !(1 << 22));
        bench.set_up(3);
        bench
    }),
    (&["Q11"], || {
        let bench = Bench::disk();
        bench.accept(PLAIN & !(1 << 12));
        bench.set_up(1);
        bench
    }),
    (&["K01"], || {
        ready(|bench| {
            bench.set_up(0);
            bench.status(7);
            bench.kick(1);
        })
    }),
    (&["K01"], || {
        let bench = Bench::disk_up(PLAIN);
        bench.kick(2);
        bench
    }),
    (&["K02"], || {
        let bench = flush();
        bench.kick(0);
        bench
    }),
    (&["K02"], || {
        let bench = flush();
        bench.submit(0, &FLUSH);
        bench.kick(0);
        bench
    }),
    (&["K03"], || {
        let bench = Bench::disk_up(EVENT);
        bench.ram.put(FREE, &[4, 0, 0, 0]);
        bench.submit(0, &FLUSH);
        for head in [0, 2] {
            bench.offer(
                0,
                head,
                &[(FREE, 16, false), (FREE + 0x800 + u64::from(head), 1, true)],
            );
            bench.kick(0);
        }
        bench.device.run(0);
        bench
    }),
    (&["C01"], || {
        chain(&[
            (FREE, 16, NEXT, 1),
            (FREE + 64, 1, WRITE | NEXT, 2),
            (FREE, 16, 0, 0),
        ])
    }),
    (&["C02"], || chain(&[(FREE, 0, 0, 0)])),
    (&["C03"], || chain(&[(RAM + RAM_BYTES - 8, 16, 0, 0)])),
    (&["C04"], || {
        chain(&[(FREE, 16, NEXT, 1), (FREE, 16, NEXT, 0)])
    }),
    (&["C05", "B05"], || {
        let bench = flush();
        let file = scratch_file(3 << 30);
        let memory = bench.device.memory();
        memory
            .map(4 << 30, 3 << 30, Some((&file, 0)), true)
            .unwrap();
        let long = (4 << 30, 3 << 30, false);
        bench.ram.put(FREE, &[8, 0, 0, 0]);
        bench.submit(
            0,
            &[
                (FREE, 16, false),
                long,
                long,
                (FREE + 0x800, 20, true),
                (FREE + 0x900, 1, true),
            ],
        );
        bench
    }),
    (&["C06"], || {
        table(
            &[(AT, 16 * 9, TABLE, 0)],
            &[(FREE, 16, NEXT, 1), (FREE + 64, 513, WRITE, 0)],
        )
    }),
    (&["C06"], || table(&[(AT, 16 * 1025, TABLE, 0)], &[])),
    (&["C07"], || chain(&[(FREE, 16, NEXT, 8)])),
    (&["C08"], || {
        let bench = flush();
        bench.ring(0, |ring| ring.offer(8));
        bench.device.run(0);
        bench
    }),
    (&["C09"], || {
        let bench = flush();
        bench.ring(0, |ring| ring.set_avail_index(9));
        bench.device.run(0);
        bench
    }),
    (&["C10"], || {
        let bench = flush();
        bench.ring(0, |ring| {
            ring.describe(0, AT, 16, TABLE, 0);
            ring.offer(0);
        });
        bench.device.run(0);
        bench
    }),
    (&["C11"], || {
        table(&[(AT, 32, TABLE, 0)], &[(AT, 32, TABLE, 0)])
    }),
    (&["C12"], || table(&[(AT, 32, TABLE | NEXT, 1)], &[])),
    (&["C13"], || table(&[(AT, 24, TABLE, 0)], &[])),
    (&["C13"], || table(&[(AT, 0, TABLE, 0)], &[])),
];
