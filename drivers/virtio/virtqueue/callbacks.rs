// SPDX-License-Identifier: GPL-2.0

//! When the device is to interrupt (VIRTIO 1.3, section 2.7.7): by flag, or by the index of the
//! entry that is waited for.

use core::mem;

use super::{
    Buffers,
    Virtqueue, //
};
use crate::virtio::{
    core::notification::AVAIL_F_NO_INTERRUPT,
    platform::full_barrier, //
};

impl<T: Buffers> Virtqueue<T> {
    /// Asks for an interrupt when the device uses entry `event`.
    #[inline]
    pub(super) fn arm(&mut self, event: u16) {
        self.ring.write_used_event(event);
        // ORDERING: `used_event` before the next load of `used.idx`. Pairs with the device's full
        // barrier between its store of `used.idx` and its load of `used_event`: one of the two
        // sees the other's store.
        full_barrier();
    }

    /// Keeps `used_event` from being passed while no interrupts are wanted, however long that is:
    /// the indices come round to it after 65536 entries. Called for each entry that is taken.
    #[inline]
    pub(super) fn stay_disarmed(&mut self) {
        // Before the device, which is ahead by a ring at most, has come to a whole turn.
        if self.last_used % (1 << 14) == 0 {
            self.ring.write_used_event(self.last_used.wrapping_sub(1));
        }
    }

    /// Asks the device for no more interrupts. One that is under way may still come.
    #[inline]
    pub fn disable_cb(&mut self) {
        if !mem::replace(&mut self.callbacks, false) {
            return;
        }
        if !self.event_idx {
            self.ring.write_avail_flags(AVAIL_F_NO_INTERRUPT);
        } else if self.ring.read_used_idx() == self.last_used {
            // An entry that was used already: not passed again for a whole turn of the index, and
            // moved on before that. If the device has used more, it has passed the armed entry and
            // nothing is to be done.
            self.ring.write_used_event(self.last_used.wrapping_sub(1));
        }
    }

    /// Asks for interrupts again.
    ///
    /// Returns false when used chains are waiting already, for which no interrupt may come; the
    /// caller takes them first.
    #[inline]
    #[must_use = "chains used before interrupts were enabled may come without one"]
    pub fn enable_cb(&mut self) -> bool {
        let prepared = self.enable_cb_prepare();
        !self.poll(prepared)
    }

    /// Asks for interrupts again and returns the position to [`poll`](Self::poll) for.
    #[inline]
    pub fn enable_cb_prepare(&mut self) -> u16 {
        self.callbacks = true;
        if self.broken.is_none() {
            if self.event_idx {
                self.ring.write_used_event(self.last_used);
            } else {
                self.ring.write_avail_flags(0);
            }
        }
        self.last_used
    }

    /// Whether the device has used chains since [`Self::enable_cb_prepare`] returned `prepared`.
    ///
    /// Always false on a broken queue.
    #[inline]
    pub fn poll(&self, prepared: u16) -> bool {
        // ORDERING: The request for interrupts before the load of `used.idx`. Pairs with the
        // device's full barrier between its store of `used.idx` and its look at the request.
        full_barrier();
        self.broken.is_none() && self.ring.read_used_idx() != prepared
    }

    /// Asks for an interrupt when three quarters of the outstanding chains are used.
    ///
    /// Returns false when that many are used already. On a broken queue it returns true, so that
    /// no caller waits in a loop.
    #[inline]
    #[must_use = "chains used before interrupts were enabled may come without one"]
    pub fn enable_cb_delayed(&mut self) -> bool {
        self.callbacks = true;
        if self.broken.is_some() {
            return true;
        }
        if !self.event_idx {
            self.ring.write_avail_flags(0);
            // ORDERING: As in `poll`.
            full_barrier();
            return self.ring.read_used_idx() == self.last_used;
        }
        let outstanding = self.avail_idx.wrapping_sub(self.last_used);
        // Three quarters, rounded down: of a single chain none, so that it interrupts by itself.
        let ahead = outstanding - outstanding.div_ceil(4);
        self.arm(self.last_used.wrapping_add(ahead));
        self.ring.read_used_idx().wrapping_sub(self.last_used) <= ahead
    }
}
