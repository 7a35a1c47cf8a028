// SPDX-License-Identifier: GPL-2.0

//! What a queue tells those who watch it, and where it stands for a look from outside.

use std::sync::{
    atomic::{
        AtomicU16,
        Ordering, //
    },
    Arc,
    Mutex,
    PoisonError, //
};

use super::{
    Chain,
    Ring, //
};
use crate::{
    memory::View,
    observe::{
        Event,
        Observers, //
    },
};

/// A buffer of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The number of its descriptor, in the ring or in the indirect table.
    pub index: u16,
    /// Guest-physical address.
    pub at: u64,
    /// Bytes.
    pub len: u32,
    /// The device writes it.
    pub writable: bool,
}

/// An indirect table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Guest-physical address.
    pub at: u64,
    /// Descriptors.
    pub entries: u16,
}

/// What the device says about notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// None are wanted: VIRTQ_USED_F_NO_NOTIFY.
    Off,
    /// They are wanted: the flag is clear.
    On,
    /// One is wanted when the chain at this available index is there: `avail_event`.
    At(u16),
}

/// Why the driver is not interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// VIRTQ_AVAIL_F_NO_INTERRUPT is set.
    Flags,
    /// `used_event` has this value, and the used index has not gone past it.
    Event(u16),
}

/// Where a queue stands, without waiting for whoever works on it.
///
/// It is kept up to date only while somebody watches.
#[derive(Default)]
pub struct Progress {
    ring: Mutex<Option<Ring>>,
    taken: AtomicU16,
}

impl Progress {
    /// The queue has this ring now, and nothing was taken from it; or it has none.
    pub fn begin(&self, ring: Option<Ring>) {
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = ring;
        self.taken.store(0, Ordering::Relaxed);
    }

    /// The available index; None without a ring in memory.
    pub fn available(&self, view: &View<'_>) -> Option<u16> {
        let ring = *self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring?.avail_index(view).ok()
    }

    /// The available index of the next chain that the device takes.
    pub fn taken(&self) -> u16 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// The watched side of a queue.
pub struct Watch {
    /// Who watches.
    pub observers: Arc<Observers>,
    /// The number of the queue.
    pub queue: u16,
    /// Where it stands.
    pub progress: Arc<Progress>,
}

impl Watch {
    /// The chain at the available index `position` is taken; the ring's is `available`.
    pub(super) fn chain(&self, position: u16, available: u16, chain: &Chain<'_>) {
        self.progress
            .taken
            .store(position.wrapping_add(1), Ordering::Relaxed);
        self.observers.see(|| Event::Chain {
            queue: self.queue,
            position,
            available,
            head: chain.head,
            table: chain.table,
            pieces: &chain.pieces,
        });
    }

    /// The last `count` chains are put back; `position` is the available index of the first.
    pub(super) fn put_back(&self, count: u16, position: u16) {
        self.progress.taken.store(position, Ordering::Relaxed);
        if count > 0 {
            self.observers.see(|| Event::PutBack {
                queue: self.queue,
                count,
                position,
            });
        }
    }

    /// A chain is given back at the used index `position`.
    pub(super) fn done(&self, position: u16, head: u16, written: u32) {
        self.observers.see(|| Event::Done {
            queue: self.queue,
            position,
            head,
            written,
        });
    }

    /// The device says what it wants.
    pub(super) fn wish(&self, wish: Wish) {
        self.observers.see(|| Event::Wish {
            queue: self.queue,
            wish,
        });
    }

    /// The driver is not interrupted.
    pub(super) fn held(&self, by: Hold) {
        self.observers.see(|| Event::Held {
            queue: self.queue,
            by,
        });
    }
}
