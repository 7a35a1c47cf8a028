// SPDX-License-Identifier: GPL-2.0

//! Statistics: counters that one context writes and any reads, and what a device reports.
//!
//! C header: [`include/linux/u64_stats_sync.h`](srctree/include/linux/u64_stats_sync.h)
//!
//! Would go to `rust/kernel/net/stats.rs`.

use super::super::bindings;

pub use super::super::sync::Counter;

/// What a network device reports, the fields of `struct rtnl_link_stats64`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkStats {
    /// Packets received and handed to the stack.
    pub rx_packets: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Packets received with some error.
    pub rx_errors: u64,
    /// Packets received but not handed on, for want of memory for example.
    pub rx_dropped: u64,
    /// Packets received with a length that cannot be.
    pub rx_length_errors: u64,
    /// Packets received with a broken header.
    pub rx_frame_errors: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Time-outs and other errors when sending.
    pub tx_errors: u64,
    /// Packets that could not be sent.
    pub tx_dropped: u64,
    /// Packets that found no room in the device's queue.
    pub tx_fifo_errors: u64,
}

impl LinkStats {
    pub(super) fn store(&self, to: &mut bindings::rtnl_link_stats64) {
        to.rx_packets = self.rx_packets;
        to.rx_bytes = self.rx_bytes;
        to.rx_errors = self.rx_errors;
        to.rx_dropped = self.rx_dropped;
        to.rx_length_errors = self.rx_length_errors;
        to.rx_frame_errors = self.rx_frame_errors;
        to.tx_packets = self.tx_packets;
        to.tx_bytes = self.tx_bytes;
        to.tx_errors = self.tx_errors;
        to.tx_dropped = self.tx_dropped;
        to.tx_fifo_errors = self.tx_fifo_errors;
    }
}
