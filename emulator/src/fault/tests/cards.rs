// SPDX-License-Identifier: GPL-2.0

//! Frames and commands of cards.

use std::time::{
    Duration,
    Instant, //
};

use super::*;
use crate::virtio::net::Header;

const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;
const CONTROL: u16 = 2;
const IN: u64 = DATA + 0x2000;

/// The header of a frame of 60 bytes that comes back, and the length of its used entry.
fn echoed(fault: &str) -> (Header, u32) {
    let bench = Bench::card(fault);
    bench.chain(RECEIVE, 0, &[(IN, 1000, true)]);
    bench.ram.put(DATA, &[0; 72]);
    bench.chain(TRANSMIT, 0, &[(DATA, 72, false)]);
    bench.device.run(RECEIVE);
    let (index, [(head, len), ..]) = bench.used(RECEIVE);
    assert_eq!((index, head), (1, 0), "{fault}");
    let wire = bench.ram.get(IN, 12);
    (Header::decode(&wire.try_into().unwrap()), len)
}

/// The answer to a command, and how many were given back; 0xee is what was there before.
fn answered(fault: &str) -> (u8, u16) {
    let bench = Bench::card(fault);
    // Promiscuous mode on.
    bench.ram.put(DATA, &[0, 0, 1]);
    bench.ram.put(IN, &[0xee]);
    bench.chain(CONTROL, 0, &[(DATA, 3, false), (IN, 1, true)]);
    (bench.ram.get(IN, 1)[0], bench.used(CONTROL).0)
}

/// A command that is never answered.
pub fn silence() {
    assert_eq!(answered("silence"), (0xee, 0));
}

pub const SHOWS: &[Show] = &[
    ("num-buffers", || {
        assert_eq!(echoed("num-buffers").0.num_buffers, 2);
    }),
    ("num-buffers-are", || {
        assert_eq!(echoed("num-buffers-are").0.num_buffers, 0);
    }),
    ("checksum", || {
        let header = echoed("checksum").0;
        assert_eq!((header.flags, header.csum_start), (1, 0xffff));
    }),
    ("segments", || {
        let header = echoed("segments").0;
        assert_eq!((header.gso_type, header.gso_size), (1, 0));
    }),
    ("segment-kind", || {
        assert_eq!(echoed("segment-kind").0.gso_type, 0x7f);
    }),
    ("segment-size", || {
        let header = echoed("segment-size").0;
        assert_eq!((header.gso_type, header.gso_size), (1, 0xffff));
    }),
    ("header-len", || {
        assert_eq!(echoed("header-len").0.hdr_len, 0xffff);
    }),
    ("header-noise", || {
        let header = echoed("header-noise").0;
        assert!(header.gso_size != 0 && header.csum_start != 0 && header.num_buffers != 1);
    }),
    ("header-flips", || {
        let header = echoed("header-flips:value=5").0;
        assert_eq!((header.flags, header.csum_start), (1, 20));
        assert_eq!((header.csum_offset, header.num_buffers), (0xffff, 0));
    }),
    ("frame-len", || assert_eq!(echoed("frame-len").1, 5)),
    ("frame-empty", || assert_eq!(echoed("frame-empty").1, 12)),
    ("frame-runt", || assert_eq!(echoed("frame-runt").1, 20)),
    ("answer", || {
        assert_eq!(answered("answer:value=0x55"), (0x55, 1));
    }),
    ("answer-unwritten", || {
        assert_eq!(answered("answer-unwritten"), (0xee, 1));
    }),
    ("answer-late", || {
        let start = Instant::now();
        assert_eq!(answered("answer-late:value=60"), (0, 1));
        assert!(start.elapsed() >= Duration::from_millis(60));
    }),
];

#[test]
fn frames_and_commands_are_as_the_table_says() {
    let (header, len) = echoed("raw:count=0");
    assert_eq!((header.num_buffers, header.flags, len), (1, 0, 72));
    assert_eq!(answered("raw:count=0"), (0, 1));
    show(SHOWS);
}
