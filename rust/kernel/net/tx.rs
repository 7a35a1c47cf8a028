// SPDX-License-Identifier: GPL-2.0

//! Transmit queues of a network device, `struct netdev_queue`, and data under their lock.
//!
//! The network core calls `ndo_start_xmit` with the lock of the queue held. A driver puts the
//! state of its transmit queue in a [`TxQueue`]: it is then reached from that callback without
//! any further lock, and from a NAPI poll by taking the same one.
//!
//! Would go to `rust/kernel/net/netdev.rs`.

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    sync::Arc,
    types::NotThreadSafe, //
};

use super::{
    super::bindings,
    napi::{
        BottomHalvesOff,
        Polling, //
    },
    netdev::NetDevice, //
};

/// The proof that the network core holds the lock of a transmit queue.
///
/// # Invariants
///
/// The lock of queue `queue` of device `dev` is held by this thread for `'a`, and no `TxGuard` of
/// it is alive but one that borrows this object.
pub struct Transmit<'a> {
    dev: *mut bindings::net_device,
    queue: u16,
    _held: PhantomData<&'a mut ()>,
    _here: NotThreadSafe,
}

impl Transmit<'_> {
    /// # Safety
    ///
    /// Establishes the type invariant for the lifetime the caller picks.
    #[inline]
    pub(super) unsafe fn new(dev: *mut bindings::net_device, queue: u16) -> Self {
        // INVARIANT: By the function's requirements.
        Self {
            dev,
            queue,
            _held: PhantomData,
            _here: NotThreadSafe,
        }
    }

    /// The index of the queue.
    #[inline]
    pub fn queue(&self) -> u16 {
        self.queue
    }

    /// Whether the stack has another packet for this queue right after this one.
    #[inline]
    pub fn more(&self) -> bool {
        // SAFETY: Called during `ndo_start_xmit` by the type invariant, so with bottom halves
        // off.
        unsafe { bindings::netdev_xmit_more() }
    }
}

/// A transmit queue and the driver's data for it, protected by the queue's own lock.
///
/// # Invariants
///
/// `txq` is queue `index` of `dev`. `data` is reached by the holder of the queue's lock alone.
pub struct TxQueue<T> {
    dev: Arc<NetDevice>,
    txq: NonNull<bindings::netdev_queue>,
    index: u16,
    data: UnsafeCell<T>,
}

// SAFETY: `data` may be sent, and everything else is not bound to a thread.
unsafe impl<T: Send> Send for TxQueue<T> {}

// SAFETY: The lock gives access to `data` to one thread at a time.
unsafe impl<T: Send> Sync for TxQueue<T> {}

impl<T> TxQueue<T> {
    /// Takes queue `index` of `dev`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] when the device does not have that many queues.
    pub fn new(dev: Arc<NetDevice>, index: u16, data: T) -> Result<Self> {
        if index >= dev.queues() {
            return Err(EINVAL);
        }
        // SAFETY: The device has that queue.
        let txq = unsafe { bindings::netdev_get_tx_queue(dev.as_ptr(), u32::from(index)) };
        let txq = NonNull::new(txq).ok_or(EINVAL)?;
        // INVARIANT: `txq` is that queue of the device, which `dev` keeps alive.
        Ok(Self {
            dev,
            txq,
            index,
            data: UnsafeCell::new(data),
        })
    }

    /// The index of the queue.
    #[inline]
    pub fn index(&self) -> u16 {
        self.index
    }

    /// The data, inside `ndo_start_xmit`; `None` when that was called for another queue.
    #[inline]
    pub fn enter<'a>(&'a self, held: &'a mut Transmit<'_>) -> Option<TxGuard<'a, T>> {
        let ours = core::ptr::eq(held.dev, self.dev.as_ptr()) && held.queue == self.index;
        ours.then(|| TxGuard::new(self, Unlock::Core))
    }

    /// Takes the lock with bottom halves off.
    #[inline]
    pub fn lock<'a>(&'a self, _off: &impl BottomHalvesOff) -> TxGuard<'a, T> {
        // SAFETY: The queue is valid, and bottom halves are off.
        unsafe { bindings::netif_tx_lock_queue(self.txq.as_ptr()) };
        TxGuard::new(self, Unlock::Plain)
    }

    /// Takes the lock during a NAPI poll if it is free.
    #[inline]
    pub fn try_lock<'a>(&'a self, _softirq: &Polling<'_>) -> Option<TxGuard<'a, T>> {
        // SAFETY: The queue is valid, and bottom halves are off during a poll.
        let locked = unsafe { bindings::netif_tx_trylock_queue(self.txq.as_ptr()) };
        locked.then(|| TxGuard::new(self, Unlock::Plain))
    }

    /// Takes the lock in process context.
    pub fn lock_bh(&self) -> TxGuard<'_, T> {
        // SAFETY: The queue is valid.
        unsafe { bindings::netif_tx_lock_queue_bh(self.txq.as_ptr()) };
        TxGuard::new(self, Unlock::Bh)
    }

    /// Tells the stack to send no more packets to the queue.
    #[inline]
    pub fn stop(&self) {
        // SAFETY: The queue is valid; the call sets a bit.
        unsafe { bindings::netif_tx_stop_queue(self.txq.as_ptr()) };
    }

    /// Whether the driver has stopped the queue.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        // SAFETY: The queue is valid; the call tests a bit.
        unsafe { bindings::netif_tx_queue_stopped(self.txq.as_ptr()) }
    }

    /// Tells the stack to send packets to the queue again.
    pub fn wake(&self) {
        // SAFETY: The queue is valid; the call is safe in any context.
        unsafe { bindings::netif_tx_wake_queue(self.txq.as_ptr()) };
    }
}

/// How the lock of a queue is given back.
enum Unlock {
    /// By the network core, when the callback returns.
    Core,
    /// With bottom halves left as they are.
    Plain,
    /// With bottom halves on again.
    Bh,
}

/// Access to the data of a transmit queue.
///
/// # Invariants
///
/// This thread holds the lock of the queue as long as the guard lives.
pub struct TxGuard<'a, T> {
    queue: &'a TxQueue<T>,
    unlock: Unlock,
    _here: NotThreadSafe,
}

impl<'a, T> TxGuard<'a, T> {
    /// To be called with the lock held.
    #[inline]
    fn new(queue: &'a TxQueue<T>, unlock: Unlock) -> Self {
        // INVARIANT: Every caller has just taken the lock, or has the proof that the network
        // core holds it.
        Self {
            queue,
            unlock,
            _here: NotThreadSafe,
        }
    }

    /// The queue.
    #[inline]
    pub fn queue(&self) -> &'a TxQueue<T> {
        self.queue
    }

    /// Counts a packet of `bytes` as sent for byte queue limits.
    ///
    /// Returns whether the device is to be told now: nothing follows (`more`), or the limit has
    /// stopped the queue.
    #[inline]
    pub fn sent(&mut self, bytes: u32, more: bool) -> bool {
        // SAFETY: The queue is valid and locked.
        unsafe { bindings::__netdev_tx_sent_queue(self.queue.txq.as_ptr(), bytes, more) }
    }

    /// Counts packets as completed for byte queue limits; the same ones that were counted as
    /// sent.
    #[inline]
    pub fn completed(&mut self, packets: u32, bytes: u32) {
        // SAFETY: The queue is valid and locked.
        unsafe {
            bindings::netdev_tx_completed_queue(self.queue.txq.as_ptr(), packets, bytes);
        }
    }

    /// Tells the watchdog that something was sent, which it does not see by itself unless the stack has
    /// sent it.
    #[inline]
    pub fn touch(&mut self) {
        // SAFETY: The queue is valid and locked.
        unsafe { bindings::txq_trans_cond_update(self.queue.txq.as_ptr()) };
    }

    /// Forgets what byte queue limits have counted, when the packets were freed unsent.
    pub fn reset(&mut self) {
        // SAFETY: The queue is valid and locked.
        unsafe { bindings::netdev_tx_reset_queue(self.queue.txq.as_ptr()) };
    }
}

impl<T> Deref for TxGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: The lock is held, and the guard is borrowed.
        unsafe { &*self.queue.data.get() }
    }
}

impl<T> DerefMut for TxGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The lock is held, and the guard is borrowed for writing.
        unsafe { &mut *self.queue.data.get() }
    }
}

impl<T> Drop for TxGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        match self.unlock {
            Unlock::Core => {}
            // SAFETY: The lock was taken the same way, on this thread.
            Unlock::Plain => unsafe {
                bindings::netif_tx_unlock_queue(self.queue.txq.as_ptr());
            },
            // SAFETY: The lock was taken the same way, on this thread.
            Unlock::Bh => unsafe {
                bindings::netif_tx_unlock_queue_bh(self.queue.txq.as_ptr());
            },
        }
    }
}
