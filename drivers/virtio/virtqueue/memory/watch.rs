// SPDX-License-Identifier: GPL-2.0

//! What can be seen of a queue without its lock: by its interrupt handler, and by people.
//!
//! Nothing that is read here decides what happens to a buffer. A reader may see numbers of
//! different moments, and the device may make of its own what it likes.

use super::{
    Block,
    RingMemory, //
};
use crate::virtio::{
    core::ring::Violation,
    platform::{
        read_volatile,
        Arc,
        Counter,
        Position, //
    },
};

/// What the owner of a queue tells those who only watch it. Written by the owner alone.
#[derive(Default)]
pub(in crate::virtio::virtqueue) struct Counts {
    /// How far used entries have been taken, modulo 65536.
    pub(in crate::virtio::virtqueue) taken: Position,
    /// Free descriptors, when the device was last told of new chains or one was taken back.
    pub(in crate::virtio::virtqueue) free: Position,
    /// Chains that were made available.
    pub(in crate::virtio::virtqueue) added: Counter,
    /// Chains that were taken back.
    pub(in crate::virtio::virtqueue) used: Counter,
    /// Notifications that the device wanted.
    pub(in crate::virtio::virtqueue) notifications: Counter,
    /// Times that new chains were made available and the device did not want to hear of it.
    pub(in crate::virtio::virtqueue) suppressed: Counter,
    /// Why the queue is broken, as [`Violation::to_word`] has it; zero if it is not.
    pub(in crate::virtio::virtqueue) broken: Counter,
}

impl Counts {
    /// The queue of `size` entries is used anew: what was counted stays.
    pub(super) fn restart(&self, size: u16) {
        self.taken.set(0);
        self.free.set(size);
        self.used.set(self.added.get());
        self.broken.set(0);
    }
}

/// How far the device has used a queue and its owner has taken from it, for those who do not own
/// it: an interrupt handler can tell whether the interrupt was for this queue.
///
/// # Invariants
///
/// `used_idx` is the address of `used.idx` in the block's pages.
#[derive(Clone)]
pub struct Progress {
    used_idx: *const u16,
    block: Arc<Block>,
}

impl Progress {
    /// Whether the device has used chains that the owner has not taken yet.
    ///
    /// The owner may be about to take them. A device that lies can make it true, and false.
    #[inline]
    pub fn more_used(&self) -> bool {
        // SAFETY: By the type invariant the word is in memory that `block` keeps allocated, and
        // even. The device may write it meanwhile, so the load is volatile.
        let used = unsafe { read_volatile(self.used_idx) };
        used != self.block.counts.taken.get()
    }
}

// SAFETY: The pointer is into the block, which is plain memory and kept alive by `block`.
unsafe impl Send for Progress {}

// SAFETY: The memory is only read, by volatile loads.
unsafe impl Sync for Progress {}

/// A look at a queue from outside, for as long as one likes.
#[derive(Clone)]
pub struct Watch {
    index: u16,
    block: Arc<Block>,
}

/// A queue as it was seen, each number by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingState {
    /// The queue's number on the device.
    pub index: u16,
    /// Entries of the ring.
    pub size: u16,
    /// Free descriptors, when the device was last told of new chains or one was taken back.
    pub free: u16,
    /// Chains that were made available to the device since the queue was made. The indices start
    /// over when the device is reset, what is counted goes on.
    pub added: u64,
    /// Chains that were taken back.
    pub used: u64,
    /// Times that the device wanted to be notified of new chains.
    pub notifications: u64,
    /// Times that it did not.
    pub suppressed: u64,
    /// `avail.idx`: how far the driver has made chains available, modulo 65536.
    pub avail_idx: u16,
    /// `used.idx`: how far the device says to have used them.
    pub used_idx: u16,
    /// How far the driver has taken them.
    pub taken: u16,
    /// `avail.flags`: 1 if the device need not interrupt. Means nothing with EVENT_IDX.
    pub avail_flags: u16,
    /// `used.flags`: 1 if the device need not be notified. Means nothing with EVENT_IDX.
    pub used_flags: u16,
    /// `used_event`: the entry at which the device is to interrupt, with EVENT_IDX.
    pub used_event: u16,
    /// `avail_event`: the entry at which it wants to be notified, with EVENT_IDX.
    pub avail_event: u16,
    /// Why the queue is broken, if it is.
    pub broken: Option<Violation>,
}

impl RingState {
    /// Chains that the driver has made available and not taken back: with the device, or waiting
    /// to be taken.
    pub fn in_flight(&self) -> u64 {
        self.added.saturating_sub(self.used)
    }

    /// Chains that the device says to have used and the driver has not taken.
    pub fn waiting(&self) -> u16 {
        self.used_idx.wrapping_sub(self.taken)
    }
}

impl Watch {
    /// The queue's number on the device.
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Looks at the queue.
    pub fn state(&self) -> RingState {
        let layout = self.block.layout;
        let counts = &self.block.counts;
        // Read first: chains that come back meanwhile are not missed in what is in flight.
        let used = counts.used.get();
        RingState {
            index: self.index,
            size: layout.size(),
            free: counts.free.get(),
            added: counts.added.get(),
            used,
            notifications: counts.notifications.get(),
            suppressed: counts.suppressed.get(),
            avail_idx: self.word(layout.avail() + 2),
            used_idx: self.word(layout.used() + 2),
            taken: counts.taken.get(),
            avail_flags: self.word(layout.avail()),
            used_flags: self.word(layout.used()),
            used_event: self.word(layout.used_event()),
            avail_event: self.word(layout.avail_event()),
            broken: Violation::from_word(counts.broken.get()),
        }
    }

    /// The 16-bit word at one of the layout's offsets.
    fn word(&self, offset: usize) -> u16 {
        // SAFETY: The layout's own offsets are even and inside the block, which stays allocated.
        // Driver or device may write the word meanwhile, so the load is volatile.
        unsafe { read_volatile(self.block.pages.as_ptr().add(offset).cast_const().cast()) }
    }
}

impl RingMemory {
    /// Lets others see how far the device and the owner have come, for as long as they like.
    pub(in crate::virtio::virtqueue) fn progress(&self) -> Progress {
        // INVARIANT: Taken from the ring whose block it is.
        Progress {
            used_idx: self.used.as_ptr().wrapping_add(1),
            block: Arc::clone(&self.block),
        }
    }

    /// Lets others look at the queue of this number, for as long as they like.
    pub(in crate::virtio::virtqueue) fn watch(&self, index: u16) -> Watch {
        Watch {
            index,
            block: Arc::clone(&self.block),
        }
    }
}
