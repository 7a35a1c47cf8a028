// SPDX-License-Identifier: GPL-2.0

//! Requests of a disk.

use super::{
    bench::*,
    Bench,
    Case, //
};

const IN: u32 = 0;
const OUT: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;
const DISCARD: u32 = 11;
const WRITE_ZEROES: u32 = 13;

/// One request of a driver with all features.
fn request(kind: u32, sector: u64, data: u32, writable: bool) -> Bench {
    let bench = Bench::disk_up(PLAIN);
    bench.request(kind, sector, data, writable);
    bench
}

/// One with parts of a driver's choice, and these features not accepted.
fn parts(without: u32, parts: &[(u64, u32, bool)]) -> Bench {
    let bench = Bench::disk_up(PLAIN & !without);
    bench.submit(0, parts);
    bench
}

const STATUS: (u64, u32, bool) = (FREE + 0x800, 1, true);
const DATA: u64 = FREE + 0x1000;

pub const CASES: &[Case] = &[
    (&["B01"], || parts(0, &[(FREE, 12, false), STATUS])),
    (&["B01"], || parts(0, &[(FREE, 16, false)])),
    (&["F07", "B02"], || {
        parts(ANY_LAYOUT, &[(FREE, 16, false), (DATA, 513, true)])
    }),
    (&["F07", "B02"], || {
        parts(
            ANY_LAYOUT,
            &[
                (FREE, 8, false),
                (FREE + 8, 8, false),
                (DATA, 512, true),
                STATUS,
            ],
        )
    }),
    (&["B03"], || request(99, 0, 0, false)),
    (&["B04"], || {
        let bench = Bench::disk_up(PLAIN & !(1 << 9));
        bench.request(FLUSH, 0, 0, false);
        bench
    }),
    (&["B04"], || {
        let bench = Bench::disk_up(PLAIN & !(1 << 13));
        bench.ranges(DISCARD, &[0]);
        bench
    }),
    (&["B04"], || request(IN | (1 << 31), 0, 512, true)),
    (&["B05"], || {
        parts(
            0,
            &[
                (FREE, 16, false),
                (DATA, 512, false),
                (DATA + 512, 512, true),
                STATUS,
            ],
        )
    }),
    (&["B05"], || request(OUT, 0, 512, true)),
    (&["B06"], || request(IN, 0, 513, true)),
    (&["B07"], || request(IN, SECTORS - 1, 1024, true)),
    (&["B07"], || request(OUT, u64::MAX, 512, false)),
    (&["B08"], || {
        let bench = Bench::disk_without(0, true);
        bench.up(PLAIN);
        bench.request(OUT, 0, 512, false);
        bench
    }),
    (&["B09"], || request(FLUSH, 1, 0, false)),
    (&["B10"], || request(FLUSH, 0, 512, false)),
    (&["B11"], || request(GET_ID, 0, 21, true)),
    (&["B12"], || request(DISCARD, 0, 15, false)),
    (&["B13"], || {
        let bench = Bench::disk_up(PLAIN);
        bench.ranges(WRITE_ZEROES, &[0; 65]);
        bench
    }),
    (&["B14"], || {
        let bench = Bench::disk_up(PLAIN);
        bench.ranges(DISCARD, &[0, 1]);
        bench
    }),
    (&["B15"], || request(GET_ID, 1, 20, true)),
    (&["C06", "B16"], || {
        let bench = Bench::disk_up(INDIRECT);
        // Six are allowed, as many as fit into the ring with a header and a status byte.
        let table = FREE + 0x4000;
        bench.ring(0, |ring| {
            ring.describe_in(table, 0, FREE, 16, 1, 1);
            for index in 1..8 {
                ring.describe_in(table, index, DATA, 512, 3, index + 1);
            }
            ring.describe(0, table, 16 * 9, 4, 0);
            ring.describe_in(table, 8, STATUS.0, 1, 2, 0);
            ring.offer(0);
        });
        bench.kick(0);
        bench.device.run(0);
        bench
    }),
    // Two chains in flight with one status byte, or one descriptor.
    (&["C15"], || in_flight([0, 2], [STATUS.0, STATUS.0])),
    (&["C14"], || in_flight([0, 1], [STATUS.0, STATUS.0 + 1])),
    (&["C14", "C15"], || in_flight([0, 0], [STATUS.0, STATUS.0])),
];

/// Two flushes on a disk that has not answered the first when it takes the second.
fn in_flight(heads: [u16; 2], status: [u64; 2]) -> Bench {
    let bench = super::kicks::hoarder(PLAIN);
    for (head, status) in heads.into_iter().zip(status) {
        bench.offer(0, head, &[(FREE, 16, false), (status, 1, true)]);
        bench.kick(0);
        bench.device.run(0);
    }
    bench
}
