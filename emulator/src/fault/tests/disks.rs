// SPDX-License-Identifier: GPL-2.0

//! Requests of disks: status byte, first and last byte of the data, used length.

use super::*;

/// What is read: the disk is empty.
const DATA_READ: u8 = 0;
/// What was there before.
const KEPT: u8 = 0xee;

fn read(fault: &str, wanted: (u8, u8, u8, u32)) {
    assert_eq!(Bench::live(fault).answer(READ), wanted, "{fault}");
}

pub const SHOWS: &[Show] = &[
    ("status-error", || {
        read("status-error", (1, DATA_READ, DATA_READ, 513));
    }),
    ("status-unsupported", || {
        read("status-unsupported", (2, DATA_READ, DATA_READ, 513));
    }),
    ("status-unknown", || {
        read("status-unknown", (3, DATA_READ, DATA_READ, 513));
    }),
    ("status-unwritten", || {
        read("status-unwritten", (0xff, DATA_READ, DATA_READ, 513));
    }),
    ("answer-nothing", || {
        read("answer-nothing", (0xff, KEPT, KEPT, 1));
    }),
    ("read-nothing", || read("read-nothing", (0, KEPT, KEPT, 1))),
    ("read-short", || {
        read("read-short", (0, DATA_READ, DATA_READ, 256));
    }),
    ("read-half", || read("read-half", (0, DATA_READ, KEPT, 257))),
    ("read-half-silent", || {
        read("read-half-silent", (0, DATA_READ, KEPT, 513));
    }),
    ("read-wrong", || {
        read("read-wrong", (0, !DATA_READ, DATA_READ, 513));
    }),
    ("serial-bytes", || {
        read("serial-bytes", (0, DATA_READ, DATA_READ, 513));
        let bench = Bench::live("serial-bytes");
        bench.ask(0, GET_ID);
        assert_eq!(bench.ram.get(BUFFER, 20), [0xff; 20]);
    }),
    ("flush-error", || {
        let bench = Bench::live("flush-error");
        bench.ask(0, FLUSH);
        assert_eq!(bench.ram.get(STATUS, 1), [1]);
        read("flush-error", (0, DATA_READ, DATA_READ, 513));
    }),
];

#[test]
fn requests_are_answered_as_the_table_says() {
    read("raw:count=0", (0, DATA_READ, DATA_READ, 513));
    show(SHOWS);
}
