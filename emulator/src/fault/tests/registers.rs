// SPDX-License-Identifier: GPL-2.0

//! Registers, configuration, status and reset.

use super::*;

fn field(fault: &str, offset: usize, len: usize, honest: u64, wrong: u64) {
    let (right, faulty) = (Bench::disk(&[]), Bench::disk(&[fault]));
    assert_eq!(right.config(offset, len), honest, "{fault}");
    assert_eq!(faulty.config(offset, len), wrong, "{fault}");
    let whole = |bench: &Bench| -> Vec<u64> { (0..72).map(|at| bench.config(at, 1)).collect() };
    let (right, faulty) = (whole(&right), whole(&faulty));
    let touched = offset..offset + len;
    for at in (0..72).filter(|at| !touched.contains(at)) {
        assert_eq!(faulty[at], right[at], "{fault}: byte {at}");
    }
}

fn card_field(fault: &str, offset: usize, len: usize, wrong: u64) {
    let bench = Bench::card(fault);
    assert_eq!(bench.config(offset, len), wrong, "{fault}");
}

fn register(fault: &str, offset: u64, width: usize, wrong: u32) {
    let (right, faulty) = (Bench::disk(&[]), Bench::disk(&[fault]));
    assert_ne!(right.read(offset, width), wrong, "{fault}");
    assert_eq!(faulty.read(offset, width), wrong, "{fault}");
}

fn vector(fault: &str, offset: u64) {
    for (faults, wanted) in [(&[][..], 1), (&[fault][..], 0xffff)] {
        let bench = Bench::disk(faults);
        bench.device.set_msix(true);
        bench.write(offset, 2, 1);
        assert_eq!(bench.read(offset, 2), wanted);
    }
}

pub const SHOWS: &[Show] = &[
    ("features-none", || register("features-none", 0, 4, 0)),
    ("features-all", || register("features-all", 0, 4, u32::MAX)),
    ("features-turn", || {
        let bench = Bench::disk(&["features-turn"]);
        assert_eq!(bench.read(0, 4) ^ bench.read(0, 4), 0x3000_0000);
    }),
    ("feature-lost", || {
        let lost = Bench::disk(&[]).read(0, 4) ^ Bench::disk(&["feature-lost"]).read(0, 4);
        assert_eq!(lost, 1 << 28);
    }),
    ("features-deaf", || {
        assert_eq!(Bench::live("features-deaf").read(4, 4), 0);
        assert_ne!(Bench::live("raw:count=0").read(4, 4), 0);
    }),
    ("queue-size", || {
        register("queue-size", 12, 2, 0);
        // The ring has the size that it is said to have.
        let bench = Bench::disk(&["queue-size:value=4"]);
        assert_eq!(bench.read(12, 2), 4);
        bench.start();
        let ring = bench.ring(0);
        ring.ram.put(RAM + 66, &[9, 0]);
        bench.device.run(0);
        assert!(bench.device.is_broken(), "the available ring is elsewhere");
    }),
    ("queue-in-use", || register("queue-in-use", 8, 4, 0x1234)),
    ("queue-deaf", || {
        let bench = Bench::live("queue-deaf");
        bench.ask(0, READ);
        assert_eq!((bench.read(8, 4), bench.used(0).0), (0, 0));
    }),
    ("select-deaf", || {
        let bench = Bench::disk(&["select-deaf"]);
        bench.write(14, 2, 1);
        assert_eq!(bench.read(14, 2), 0);
    }),
    ("config-vector", || vector("config-vector", 20)),
    ("queue-vector", || vector("queue-vector", 22)),
    ("vector-deaf", || vector("vector-deaf", 22)),
    ("isr-zero", || {
        let bench = Bench::live("isr-zero:count=1");
        bench.ask(0, READ);
        assert_eq!(bench.isr(), 0);
    }),
    ("isr-ones", || register("isr-ones", 19, 1, 0xff)),
    ("noise", || {
        let bench = Bench::disk(&["noise"]);
        let read: Vec<u32> = (0..8).map(|_| bench.read(0, 4)).collect();
        assert!(read.windows(2).all(|pair| pair[0] != pair[1]));
    }),
    ("capacity", || field("capacity", 0, 8, 64, 0)),
    ("size-max", || field("size-max", 8, 4, 0, 1)),
    ("seg-max", || field("seg-max", 12, 4, 6, 0)),
    ("cylinders", || field("cylinders", 16, 2, 0, 0xffff)),
    ("block-size", || field("block-size", 20, 4, 512, 3)),
    ("block-exponent", || field("block-exponent", 24, 1, 3, 0xff)),
    ("alignment-offset", || {
        field("alignment-offset", 25, 1, 0, 0xff)
    }),
    ("io-min", || field("io-min", 26, 2, 1, 0xffff)),
    ("io-best", || field("io-best", 28, 4, 0, 0xffff_ffff)),
    ("wce", || field("wce", 32, 1, 1, 7)),
    ("disk-queues", || field("disk-queues", 34, 2, 2, 0)),
    ("discard-most", || field("discard-most", 36, 4, 1 << 22, 0)),
    ("discard-ranges", || field("discard-ranges", 40, 4, 64, 0)),
    ("discard-alignment", || {
        field("discard-alignment", 44, 4, 1, 0xffff_ffff)
    }),
    ("zeroes-most", || field("zeroes-most", 48, 4, 1 << 22, 0)),
    ("zeroes-ranges", || field("zeroes-ranges", 52, 4, 64, 0)),
    ("erase-most", || field("erase-most", 60, 4, 1 << 22, 0)),
    ("erase-ranges", || field("erase-ranges", 64, 4, 64, 0)),
    ("erase-alignment", || {
        field("erase-alignment", 68, 4, 1, 0xffff_ffff)
    }),
    ("capacity-torn", || {
        let bench = Bench::disk(&["capacity-torn:value=0x0101010101010101"]);
        let bytes = bench.config(0, 8).to_le_bytes();
        assert!(bytes.windows(2).all(|pair| pair[1] == pair[0] + 1));
    }),
    ("capacity-flaps", || {
        let bench = Bench::live("capacity-flaps");
        let looks: Vec<u64> = (0..4).map(|_| bench.config(0, 2)).collect();
        assert_eq!(looks, [64, 64 ^ 0x8000, 64, 64 ^ 0x8000]);
        assert_eq!(bench.isr(), 3, "the driver is told");
    }),
    ("mac", || card_field("mac", 0, 6, 0)),
    ("link-status", || card_field("link-status", 6, 2, 0xffff)),
    ("pairs", || card_field("pairs", 8, 2, 0)),
    ("mtu", || card_field("mtu", 10, 2, 0)),
    ("link-flaps", || {
        let bench = Bench::card("link-flaps");
        let looks: Vec<u64> = (0..4).map(|_| bench.config(6, 2)).collect();
        assert_eq!(looks, [1, 0, 1, 0]);
        assert_eq!(bench.isr(), 3, "the driver is told");
    }),
    ("status-ones", || register("status-ones", 18, 1, 0xff)),
    ("status-zero", || {
        assert_eq!(Bench::live("status-zero").read(18, 1), 0);
    }),
    ("reset-unseen", || {
        let bench = Bench::live("reset-unseen");
        bench.write(18, 1, 0);
        assert_eq!(bench.read(18, 1), 0x0f);
        bench.ask(0, READ);
        assert_eq!(bench.used(0).0, 0, "it is reset all the same");
    }),
    ("reset-refused", || {
        let bench = Bench::live("reset-refused:after=1");
        bench.write(18, 1, 0);
        assert_eq!(bench.read(18, 1), 7);
        bench.ask(0, READ);
        assert_eq!(bench.used(0).0, 1, "it goes on");
    }),
    ("reset-keeps-pfn", || {
        let bench = Bench::live("reset-keeps-pfn");
        bench.write(18, 1, 0);
        assert_eq!(bench.read(8, 4), bench.ring(0).pfn());
    }),
    ("needs-reset", || needs_reset("needs-reset", 0)),
    ("needs-reset-idle", || needs_reset("needs-reset-idle", 1)),
];

fn needs_reset(fault: &str, done: u16) {
    let bench = Bench::live(&format!("{fault}:count=1"));
    bench.ask(0, READ);
    assert_eq!(bench.read(18, 1), 0x47);
    assert_eq!(bench.isr() & 2, 2);
    assert_eq!(bench.used(0).0, done);
    bench.start();
    assert_eq!(bench.read(18, 1), 7);
    bench.ask(0, READ);
    assert_eq!(bench.used(0).0, 1, "a reset helps");
}

#[test]
fn registers_lie_as_the_table_says() {
    show(SHOWS);
}
