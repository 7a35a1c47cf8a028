// SPDX-License-Identifier: GPL-2.0

//! The statistics of a network device's queues, which user space asks for through netlink.
//!
//! C header: [`include/net/netdev_queues.h`](srctree/include/net/netdev_queues.h)
//!
//! Would go to `rust/kernel/net/queue_stats.rs`.

use core::marker::PhantomData;

use super::{
    super::bindings,
    netdev::data, //
};

/// What a receive queue has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct RxQueueStats {
    /// Packets handed to the stack.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a transmit queue has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct TxQueueStats {
    /// Packets sent.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Times the queue was stopped.
    pub stop: u64,
    /// Times it was woken up again.
    pub wake: u64,
}

impl RxQueueStats {
    fn store(self, to: &mut bindings::netdev_queue_stats_rx) {
        to.packets = self.packets;
        to.bytes = self.bytes;
    }
}

impl TxQueueStats {
    fn store(self, to: &mut bindings::netdev_queue_stats_tx) {
        to.packets = self.packets;
        to.bytes = self.bytes;
        to.stop = self.stop;
        to.wake = self.wake;
    }
}

/// The statistics of a device's queues. All are called under the RTNL lock.
pub trait QueueStats: Send + Sync + 'static {
    /// What a receive queue that is in use has counted.
    fn rx_queue(&self, queue: u16) -> RxQueueStats;

    /// What a transmit queue that is in use has counted.
    fn tx_queue(&self, queue: u16) -> TxQueueStats;

    /// What queues that are not in use now have counted.
    fn base(&self) -> (RxQueueStats, TxQueueStats);
}

/// The C vtable of a driver.
pub(super) struct Vtable<T: QueueStats>(PhantomData<T>);

impl<T: QueueStats> Vtable<T> {
    pub(super) const OPS: bindings::netdev_stat_ops = bindings::netdev_stat_ops {
        get_queue_stats_rx: Some(Self::rx_queue),
        get_queue_stats_tx: Some(Self::tx_queue),
        get_base_stats: Some(Self::base),
    };

    /// # Safety
    ///
    /// As for every callback here: called by the network core with a device that a living
    /// `Registration<T>` has registered, and with answers that may be written.
    unsafe extern "C" fn rx_queue(
        dev: *mut bindings::net_device,
        queue: core::ffi::c_int,
        answer: *mut bindings::netdev_queue_stats_rx,
    ) {
        // CAST: A device has no more queues than fit in 16 bits.
        // SAFETY: By the function's requirements.
        unsafe { data::<T>(dev).rx_queue(queue as u16).store(&mut *answer) };
    }

    /// # Safety
    ///
    /// See [`Self::rx_queue`].
    unsafe extern "C" fn tx_queue(
        dev: *mut bindings::net_device,
        queue: core::ffi::c_int,
        answer: *mut bindings::netdev_queue_stats_tx,
    ) {
        // CAST: A device has no more queues than fit in 16 bits.
        // SAFETY: By the function's requirements.
        unsafe { data::<T>(dev).tx_queue(queue as u16).store(&mut *answer) };
    }

    /// # Safety
    ///
    /// See [`Self::rx_queue`].
    unsafe extern "C" fn base(
        dev: *mut bindings::net_device,
        rx: *mut bindings::netdev_queue_stats_rx,
        tx: *mut bindings::netdev_queue_stats_tx,
    ) {
        // SAFETY: By the function's requirements.
        let (this, rx, tx) = unsafe { (data::<T>(dev), &mut *rx, &mut *tx) };
        let base = this.base();
        base.0.store(rx);
        base.1.store(tx);
    }
}
