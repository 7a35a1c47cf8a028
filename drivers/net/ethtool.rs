// SPDX-License-Identifier: GPL-2.0

//! What `ethtool` asks. The names of statistics are those of Linux's own driver, and on top of
//! them, for each queue, what that one reports through netlink alone.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    kernel_ext::net::{
        ethtool::{
            Channels,
            Coalescing,
            DriverInfo,
            LinkSettings,
            Operations,
            RingSizes, //
        },
        rtnl::Rtnl,
    },
    nic::{
        Nic,
        Pair, //
    },
};

/// Names and values of a receive queue.
fn rx_values(pair: &Pair) -> [(&'static str, u64); 6] {
    let stats = &pair.rx_stats;
    [
        ("drops", stats.drops.get()),
        ("xdp_packets", stats.xdp_packets.get()),
        ("xdp_tx", stats.xdp_tx.get()),
        ("xdp_redirects", stats.xdp_redirects.get()),
        ("xdp_drops", stats.xdp_drops.get()),
        ("kicks", stats.kicks.get()),
    ]
}

/// Names and values of a transmit queue.
fn tx_values(pair: &Pair) -> [(&'static str, u64); 4] {
    let stats = pair.tx.stats();
    [
        ("xdp_tx", stats.xdp_tx.get()),
        ("xdp_tx_drops", stats.xdp_tx_drops.get()),
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

    fn set_ring_sizes(&self, wanted: RingSizes) -> Result {
        // The legacy interface has no word for it.
        if wanted == self.ring_sizes() {
            Ok(())
        } else {
            Err(EOPNOTSUPP)
        }
    }

    fn channels(&self) -> Channels {
        Channels {
            current: self.channels.in_use(),
            most: self.channels.most(),
        }
    }

    fn set_channels(&self, wanted: u16, rtnl: &Rtnl<'_>) -> Result {
        self.use_pairs(wanted, rtnl)
    }

    fn link_settings(&self) -> &LinkSettings {
        &self.settings
    }

    fn coalescing(&self, pair: Option<u16>) -> Result<Coalescing> {
        let pair = self.pairs.get(usize::from(pair.unwrap_or(0)));
        Ok(Coalescing {
            rx_frames: 1,
            tx_frames: pair.ok_or(EINVAL)?.tx.is_polled().into(),
            ..Coalescing::default()
        })
    }

    fn set_coalescing(&self, pair: Option<u16>, wanted: &Coalescing) -> Result {
        let pairs = match pair {
            Some(pair) => {
                let pair = self.pairs.get(usize::from(pair)).ok_or(EINVAL)?;
                core::slice::from_ref(pair)
            }
            None => self.pairs.as_slice(),
        };
        let polled = wanted.tx_frames != 0;
        if self.dev.is_running() && pairs.iter().any(|pair| pair.tx.is_polled() != polled) {
            return Err(EBUSY);
        }
        // A legacy device interrupts when a queue asks it to.
        if wanted.rx_usecs != 0 || wanted.tx_usecs != 0 || wanted.adaptive_rx {
            return Err(EOPNOTSUPP);
        }
        if wanted.rx_frames != 1 || wanted.tx_frames > 1 {
            return Err(EINVAL);
        }
        for pair in pairs {
            pair.tx.set_polled(polled);
        }
        Ok(())
    }

    fn statistics(&self, visit: &mut dyn FnMut(fmt::Arguments<'_>, u64)) {
        for (name, value) in total(&self.pairs, rx_values) {
            visit(fmt!("rx_{name}"), value);
        }
        for (name, value) in total(&self.pairs, tx_values) {
            visit(fmt!("tx_{name}"), value);
        }
        for (index, pair) in self.pairs_in_use().iter().enumerate() {
            for (name, value) in Iterator::chain(rx_values(pair).into_iter(), rx_extra(pair)) {
                visit(fmt!("rx{index}_{name}"), value);
            }
        }
        for (index, pair) in self.pairs_in_use().iter().enumerate() {
            for (name, value) in Iterator::chain(tx_values(pair).into_iter(), tx_extra(pair)) {
                visit(fmt!("tx{index}_{name}"), value);
            }
        }
    }
}
