// SPDX-License-Identifier: GPL-2.0

//! Used entries, and memory that is written over.

use super::*;

/// The used entry of a read that goes well.
const RIGHT: (u32, u32) = (0, 513);
/// What is not written yet.
const NONE: (u32, u32) = (0, 0);

/// One read with head 0; the index and the first entries.
fn one(fault: &str, index: u16, entries: [(u32, u32); 3]) {
    let bench = Bench::live(&format!("{fault}:queue=0"));
    bench.ask(0, READ);
    assert_eq!(bench.used(0), (index, entries), "{fault}");
    assert_eq!(bench.ram.get(BUFFER, 1), [0], "{fault}: the read is done");
}

/// Two reads, with heads 0 and 3; likewise.
fn two(fault: &str, index: u16, entries: [(u32, u32); 3]) {
    let bench = Bench::live(fault);
    bench.ask(0, READ);
    bench.ask(3, READ);
    assert_eq!(bench.used(0), (index, entries), "{fault}");
}

/// One read; then 16 bytes of the ring from `at` on are these.
fn scribbled(fault: &str, at: u64, wanted: &[u8]) {
    let bench = Bench::live(fault);
    bench.ask(0, READ);
    assert_eq!(bench.ram.get(RAM + at, wanted.len()), wanted, "{fault}");
    assert_eq!(bench.used(0).0, 1, "{fault}");
    assert_eq!(bench.used(0).1[0], RIGHT, "{fault}");
}

/// One read; then these bytes of the ring differ from each other and from before.
fn noisy(fault: &str, at: u64) {
    let bench = Bench::live(fault);
    bench.ask(0, READ);
    let bytes = bench.ram.get(RAM + at, 32);
    assert!(bytes.windows(2).filter(|pair| pair[0] != pair[1]).count() > 20);
}

pub const SHOWS: &[Show] = &[
    ("used-id-range", || {
        one("used-id-range", 1, [(8, 513), NONE, NONE]);
    }),
    ("used-id", || {
        one("used-id", 1, [(u32::MAX, 513), NONE, NONE]);
    }),
    ("used-id-free", || {
        one("used-id-free", 1, [(4, 513), NONE, NONE]);
    }),
    ("used-id-next", || {
        one("used-id-next", 1, [(1, 513), NONE, NONE]);
    }),
    ("used-twice", || one("used-twice", 2, [RIGHT, RIGHT, NONE])),
    ("used-again", || {
        two("used-again", 3, [RIGHT, RIGHT, (3, 513)]);
    }),
    ("used-order", || {
        two("used-order:count=1", 2, [(3, 513), RIGHT, NONE]);
    }),
    ("used-lost", || {
        one("used-lost", 0, [NONE; 3]);
        two("used-lost:count=1", 1, [(3, 513), NONE, NONE]);
    }),
    ("used-len", || {
        one("used-len", 1, [(0, u32::MAX), NONE, NONE])
    }),
    ("used-len-zero", || {
        one("used-len-zero", 1, [(0, 0), NONE, NONE]);
    }),
    ("used-len-more", || {
        one("used-len-more", 1, [(0, 514), NONE, NONE]);
    }),
    ("used-len-less", || {
        one("used-len-less", 1, [(0, 512), NONE, NONE]);
    }),
    ("used-index-jump", || {
        one("used-index-jump", 40001, [RIGHT, NONE, NONE]);
    }),
    ("used-index-only", || {
        one("used-index-only", 40000, [NONE; 3])
    }),
    ("used-index-back", || {
        one("used-index-back", 65535, [RIGHT, NONE, NONE]);
    }),
    ("used-index-stays", || {
        one("used-index-stays", 0, [RIGHT, NONE, NONE]);
        let entries = [RIGHT, (3, 513), NONE];
        two("used-index-stays:count=1", 2, entries);
    }),
    ("used-early", || {
        let bench = Bench::disk(&["used-early:value=77:queue=0"]);
        bench.start();
        assert_eq!(bench.used(0), (5, [(77, 1); 3]));
        assert_ne!(bench.isr() & 1, 0, "and it interrupts");
    }),
    ("scribble-table", || {
        scribbled("scribble-table", 0, &[0xff; 128]);
    }),
    ("scribble-zero", || scribbled("scribble-zero", 0, &[0; 128])),
    ("scribble-next", || {
        scribbled("scribble-next", 12 + 32, &[3])
    }),
    ("scribble-indirect", || {
        scribbled("scribble-indirect", 12 + 32, &[6]);
    }),
    ("scribble-noise", || noisy("scribble-noise", 0)),
    ("scribble-avail", || {
        scribbled("scribble-avail", 128, &[0xff; 22]);
    }),
    ("scribble-used", || {
        scribbled("scribble-used", 4096 + 12, &[0xff; 58]);
    }),
    ("scribble-list", || {
        let bench = Bench::live("scribble-list");
        let ring = bench.ring(0);
        let mut header = READ.to_le_bytes().to_vec();
        header.extend([0; 12]);
        bench.ram.put(HEADER, &header);
        let table = DATA + 0x3000;
        ring.describe_in(table, 0, HEADER, 16, 1, 1);
        ring.describe_in(table, 1, STATUS, 1, 2, 0);
        ring.describe(0, table, 32, 4, 0);
        bench.ring(0).offer(0);
        bench.device.run(0);
        assert_eq!(bench.used(0).0, 1);
        assert_eq!(bench.ram.get(table, 33), [&[0xff; 32][..], &[0]].concat());
    }),
    ("scribble-all", || {
        noisy("scribble-all", 0);
        noisy("scribble-all", 4096 + 20);
    }),
    ("raw", || {
        scribbled("raw:at=4:value=0x1234", 4, &[0x34, 0x12]);
    }),
    ("raw-used", || {
        scribbled("raw-used:at=20:value=0x1234", 4096 + 20, &[0x34, 0x12]);
        // Counted from the beginning again: 70 bytes, of which the last is no place for two.
        scribbled("raw-used:at=89:value=0x1234", 4096 + 20, &[0x34, 0x12]);
    }),
];

#[test]
fn rings_are_spoilt_as_the_table_says() {
    show(SHOWS);
}

#[test]
fn what_was_held_back_is_gone_with_a_reset() {
    let bench = Bench::live("used-order:count=1");
    bench.ask(3, READ);
    bench.start();
    bench.ask(0, READ);
    assert_eq!(bench.used(0), (1, [RIGHT, NONE, NONE]));
}
