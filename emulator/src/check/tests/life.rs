// SPDX-License-Identifier: GPL-2.0

//! The status, the features, and accesses to registers.

use super::{
    bench::*,
    Bench,
    Case, //
};

/// The features of a disk that is up, whatever is tried on the way.
fn disk(act: impl FnOnce(&Bench)) -> Bench {
    let bench = Bench::disk();
    act(&bench);
    bench
}

fn live(act: impl FnOnce(&Bench)) -> Bench {
    disk(|bench| {
        bench.up(PLAIN);
        act(bench);
    })
}

/// A card, with as many of its features as are named.
fn card(features: u32) -> Bench {
    let bench = Bench::card();
    bench.accept(features | ANY_LAYOUT);
    bench
}

fn with_msix(act: impl FnOnce(&Bench)) -> Bench {
    disk(|bench| {
        bench.device.set_msix(true);
        bench.accept(PLAIN);
        bench.set_up(0);
        act(bench);
    })
}

pub const CASES: &[Case] = &[
    (&["S01"], || disk(|bench| bench.status(1))),
    (&["S02"], || {
        disk(|bench| {
            bench.status(0);
            bench.status(1);
        })
    }),
    (&["S03"], || {
        disk(|bench| {
            bench.status(0);
            bench.read(18, 1);
            bench.status(2);
        })
    }),
    (&["S04", "F02", "F07"], || {
        disk(|bench| {
            bench.status(0);
            bench.read(18, 1);
            bench.status(1);
            bench.status(5);
        })
    }),
    (&["S05"], || {
        disk(|bench| {
            bench.status(0);
            bench.read(18, 1);
            bench.status(3);
        })
    }),
    (&["S06"], || live(|bench| bench.status(6))),
    (&["S06"], || live(|bench| bench.status(4))),
    (&["S07"], || live(|bench| bench.status(0x17))),
    (&["S07"], || live(|bench| bench.status(0x47))),
    (&["S08"], || live(|bench| bench.status(0xf))),
    (&["S09"], || {
        disk(|bench| {
            bench.accept(PLAIN);
            bench.status(0x83);
            bench.status(0x87);
        })
    }),
    (&["S10"], || {
        disk(|bench| {
            bench.accept(PLAIN);
            bench.set_up(0);
            bench.offer(0, 0, &[(FREE, 16, false), (FREE + 0x800, 1, true)]);
            bench.kick(0);
        })
    }),
    (&["S11"], || {
        disk(|bench| {
            bench.status(0);
            bench.read(18, 1);
            bench.set_up(0);
        })
    }),
    (&["S11"], || {
        live(|bench| {
            bench.status(0);
            bench.read(0, 4);
            bench.write(4, 4, 0);
        })
    }),
    (&["S11", "K01"], || {
        live(|bench| {
            bench.status(0);
            bench.kick(0);
        })
    }),
    (&["S12"], || live(|bench| bench.device.set_master(false))),
    (&["F01"], || {
        disk(|bench| {
            bench.status(0);
            bench.read(18, 1);
            bench.status(1);
            bench.status(3);
            bench.write(4, 4, ANY_LAYOUT);
        })
    }),
    (&["F02", "F07"], || {
        disk(|bench| {
            bench.begin();
            bench.status(7);
        })
    }),
    (&["F03"], || {
        disk(|bench| {
            bench.status(0);
            bench.read(18, 1);
            bench.status(1);
            bench.read(0, 4);
            bench.write(4, 4, ANY_LAYOUT);
        })
    }),
    (&["F04"], || live(|bench| bench.write(4, 4, ANY_LAYOUT))),
    (&["F05"], || {
        disk(|bench| {
            bench.begin();
            bench.write(4, 4, ANY_LAYOUT | (1 << 31));
        })
    }),
    (&["F06"], || {
        disk(|bench| {
            bench.begin();
            bench.write(4, 4, ANY_LAYOUT | (1 << 30));
        })
    }),
    (&["F07"], || Bench::disk_up(PLAIN & !ANY_LAYOUT)),
    // TSO without CSUM, ECN without TSO, VLANs without a control queue.
    (&["F08"], || card(1 << 11)),
    (&["F08"], || card(1 | (1 << 13))),
    (&["F08"], || card(1 << 19)),
    (&["F09"], || card(1 << 20)),
    (&["F10"], || Bench::card_up(PLAIN & !(1 << 5))),
    (&["F11"], || Bench::card_up(PLAIN & !(1 << 3))),
    (&["F12"], || {
        let bench = Bench::disk_without(0, true);
        bench.up(PLAIN & !(1 << 5));
        bench
    }),
    (&["R01"], || live(|bench| _ = bench.read(14, 4))),
    (&["R01"], || live(|bench| bench.write(14, 1, 0))),
    (&["R02"], || live(|bench| _ = bench.read(13, 1))),
    (&["R02"], || live(|bench| bench.write(2, 2, 0))),
    (&["R03"], || live(|bench| bench.write(0, 4, 0))),
    (&["R03"], || live(|bench| bench.write(12, 2, 8))),
    (&["R03"], || live(|bench| bench.write(19, 1, 0))),
    (&["R04"], || live(|bench| _ = bench.read(20 + 70, 4))),
    (&["R04"], || live(|bench| bench.write(20 + 72, 1, 0))),
    (&["R05"], || {
        let bench = Bench::disk_without(1 << 6, false);
        bench.up(PLAIN);
        bench.read(20 + 20, 4);
        bench
    }),
    (&["R06"], || {
        let bench = Bench::card_up(PLAIN);
        bench.write(20, 1, 2);
        bench
    }),
    (&["R06"], || {
        let bench = Bench::card_up(PLAIN & !(1 << 23));
        bench.write(20 + 6, 2, 0);
        bench
    }),
    (&["R07"], || live(|bench| bench.write(20, 4, 0))),
    (&["R07"], || {
        let bench = Bench::disk_up(PLAIN & !(1 << 11));
        bench.write(20 + 32, 1, 0);
        bench
    }),
    (&["R08"], || {
        live(|bench| {
            bench.read(20, 4);
            bench.read(24, 4);
        })
    }),
    (&["R09"], || {
        with_msix(|bench| {
            bench.status(7);
            bench.read(19, 1);
        })
    }),
    (&["R10"], || {
        with_msix(|bench| {
            bench.write(20, 2, 2);
            bench.read(20, 2);
        })
    }),
    (&["R11"], || {
        with_msix(|bench| {
            bench.write(22, 2, 1);
            bench.status(7);
        })
    }),
    (&["R11"], || {
        with_msix(|bench| {
            bench.write(20, 2, 0);
            bench.write(22, 2, 1);
            bench.read(22, 2);
        })
    }),
];
