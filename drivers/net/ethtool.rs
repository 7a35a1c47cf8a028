// SPDX-License-Identifier: GPL-2.0

//! What `ethtool` asks. The names of statistics are those of Linux's own driver, and on top of
//! them, for each queue, what that one reports through netlink alone.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    kernel_ext::net::ethtool::{
        DriverInfo,
        Operations,
        RingSizes, //
    },
    nic::{
        Nic,
        Pair, //
    },
};

/// Names and values of a receive queue. XDP, which Linux's driver has, is not there to count.
fn rx_values(pair: &Pair) -> [(&'static str, u64); 6] {
    [
        ("drops", pair.rx_stats.drops.get()),
        ("xdp_packets", 0),
        ("xdp_tx", 0),
        ("xdp_redirects", 0),
        ("xdp_drops", 0),
        ("kicks", pair.rx_stats.kicks.get()),
    ]
}

/// Names and values of a transmit queue.
fn tx_values(pair: &Pair) -> [(&'static str, u64); 4] {
    let stats = pair.tx.stats();
    [
        ("xdp_tx", 0),
        ("xdp_tx_drops", 0),
        ("kicks", stats.kicks.get()),
        ("tx_timeouts", stats.timeouts.get()),
    ]
}

/// What is added to the names of a receive queue.
fn rx_extra(pair: &Pair) -> [(&'static str, u64); 2] {
    [
        ("packets", pair.rx_stats.packets.get()),
        ("bytes", pair.rx_stats.bytes.get()),
    ]
}

/// What is added to the names of a transmit queue.
fn tx_extra(pair: &Pair) -> [(&'static str, u64); 4] {
    let stats = pair.tx.stats();
    [
        ("packets", stats.packets.get()),
        ("bytes", stats.bytes.get()),
        ("stop", stats.stops.get()),
        ("wake", stats.wakes.get()),
    ]
}

/// Adds up the values of all pairs, name by name.
fn total<const N: usize>(
    pairs: &[Pair],
    values: fn(&Pair) -> [(&'static str, u64); N],
) -> [(&'static str, u64); N] {
    let mut sum = [("", 0); N];
    for pair in pairs {
        for (to, (name, value)) in sum.iter_mut().zip(values(pair)) {
            *to = (name, to.1 + value);
        }
    }
    sum
}

impl Operations for Nic {
    fn driver_info(&self) -> DriverInfo<'_> {
        DriverInfo {
            driver: c"rvirtio_net",
            version: c"1.0.0",
            bus: &self.bus,
        }
    }

    fn ring_sizes(&self) -> RingSizes {
        self.pairs
            .first()
            .map_or_else(RingSizes::default, |pair| RingSizes {
                rx: pair.rx_size.into(),
                tx: pair.tx.size().into(),
            })
    }

    fn statistics(&self, visit: &mut dyn FnMut(fmt::Arguments<'_>, u64)) {
        for (name, value) in total(&self.pairs, rx_values) {
            visit(fmt!("rx_{name}"), value);
        }
        for (name, value) in total(&self.pairs, tx_values) {
            visit(fmt!("tx_{name}"), value);
        }
        for (index, pair) in self.pairs.iter().enumerate() {
            for (name, value) in Iterator::chain(rx_values(pair).into_iter(), rx_extra(pair)) {
                visit(fmt!("rx{index}_{name}"), value);
            }
        }
        for (index, pair) in self.pairs.iter().enumerate() {
            for (name, value) in Iterator::chain(tx_values(pair).into_iter(), tx_extra(pair)) {
                visit(fmt!("tx{index}_{name}"), value);
            }
        }
    }
}
