// SPDX-License-Identifier: GPL-2.0

//! Counters, a set for each queue, so that no two CPUs write to the same.

pub(crate) use crate::kernel_ext::net::stats::Counter;

/// What a receive queue has counted. Written by the owner of its NAPI instance.
#[derive(Default)]
pub(crate) struct RxStats {
    /// Packets handed to the stack, or shown to a program of XDP.
    pub(crate) packets: Counter,
    /// Their bytes, without virtio headers.
    pub(crate) bytes: Counter,
    /// Packets that were not, for whatever reason but a broken header.
    pub(crate) drops: Counter,
    /// Of these, packets whose length or number of buffers was wrong.
    pub(crate) length_errors: Counter,
    /// Packets whose virtio header was wrong.
    pub(crate) frame_errors: Counter,
    /// Packets that a program of XDP has looked at.
    pub(crate) xdp_packets: Counter,
    /// Of these, packets it wanted to be sent back.
    pub(crate) xdp_tx: Counter,
    /// Packets it wanted to go another way.
    pub(crate) xdp_redirects: Counter,
    /// Packets that were dropped while a program was loaded, by it or before.
    pub(crate) xdp_drops: Counter,
    /// Notifications of the device.
    pub(crate) kicks: Counter,
    /// Bytes of the next buffer.
    pub(crate) buffer_size: Counter,
}

/// What a transmit queue has counted. Written under its lock, `timeouts` by the watchdog alone.
#[derive(Default)]
pub(crate) struct TxStats {
    /// Packets the device has sent.
    pub(crate) packets: Counter,
    /// Their bytes, without virtio headers.
    pub(crate) bytes: Counter,
    /// Packets that were dropped.
    pub(crate) drops: Counter,
    /// Of these, packets the queue did not take.
    pub(crate) fifo_errors: Counter,
    /// Frames of XDP that were to be sent.
    pub(crate) xdp_tx: Counter,
    /// Of these, frames that were not.
    pub(crate) xdp_tx_drops: Counter,
    /// Notifications of the device.
    pub(crate) kicks: Counter,
    /// Times the queue was stopped because it was nearly full.
    pub(crate) stops: Counter,
    /// Times it was woken up again.
    pub(crate) wakes: Counter,
    /// Times the watchdog barked.
    pub(crate) timeouts: Counter,
}
