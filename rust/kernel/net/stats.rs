// SPDX-License-Identifier: GPL-2.0

//! Statistics: counters that one context writes and any reads, and what a device reports.
//!
//! C header: [`include/linux/u64_stats_sync.h`](srctree/include/linux/u64_stats_sync.h)
//!
//! Would go to `rust/kernel/net/stats.rs`.

use kernel::sync::atomic::{
    ordering::Relaxed,
    Atomic, //
};

use super::super::bindings;

/// A 64-bit counter with one writer at a time and any number of readers.
///
/// The writers take turns by a lock or a context of their own; if they do not, counts get lost,
/// nothing worse. Costs a plain load and store on 64-bit machines.
pub struct Counter(Atomic<u64>);

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Counts `n` more.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Starts over from `n`, for a number that is not a count.
    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// Counts one more.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// The count.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

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
