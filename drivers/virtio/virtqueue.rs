// SPDX-License-Identifier: GPL-2.0

//! The live split virtqueue (VIRTIO 1.3, section 2.7), driver side.
//!
//! Who owns what:
//!
//! * The descriptor table and the available ring are written by the driver and never read back.
//! * The used ring is written by the device. Its fields are read once each, checked against the
//!   private tables below, and only the checked copies are used.
//! * Which chains are outstanding, where they end and what they own stands in private tables that
//!   the device cannot reach.
//!
//! Buffers go in with [`Virtqueue::add`], become visible to the device with
//! [`Virtqueue::kick_prepare`], and come back with [`Virtqueue::pop`]. A queue has no lock of its
//! own: its owner keeps it in one.
//!
//! A device that breaks a rule breaks the queue: nothing can be added or taken any more, and the
//! reason is kept ([`Virtqueue::broken`]). The owner then resets the device and gets every buffer
//! back with [`Virtqueue::take_back`]; with [`Virtqueue::restart`] the queue is ready for another
//! try.

#[path = "virtqueue/build.rs"]
mod build;
#[path = "virtqueue/callbacks.rs"]
mod callbacks;
#[path = "virtqueue/chain.rs"]
mod chain;
#[path = "virtqueue/exchange.rs"]
mod exchange;
#[path = "virtqueue/memory.rs"]
mod memory;

use core::mem;

use super::{
    core::{
        layout::{
            self,
            Layout,
            LayoutError, //
        },
        notification::{
            need_event,
            USED_F_NO_NOTIFY, //
        },
        ring::FreeList, //
    },
    platform::{
        full_barrier,
        read_barrier,
        report_abandoned,
        table,
        write_barrier,
        Arc,
        Table, //
    },
    transport::{
        DeviceMemory,
        Quiesced, //
    },
};

#[allow(unused_imports)] // Shared source: each module uses a part of it.
pub use self::chain::{
    Few,
    Single, //
};
pub use self::memory::{
    Progress,
    RingState,
    Watch, //
};
pub use self::{
    chain::{
        Buffers,
        Chain,
        ChainError,
        Descriptors, //
    },
    exchange::{
        AddError,
        AddReason,
        Parameters,
        SetupError,
        Used, //
    },
};
pub use super::core::ring::Violation;

use self::{
    chain::Built,
    memory::{
        RingMemory,
        Tables, //
    },
};

/// A chain that is in the ring.
struct InFlight<T> {
    token: T,
    built: Built,
    /// The entry of the available ring it stands in, modulo 65536.
    position: u16,
}

/// A split virtqueue.
///
/// # Invariants
///
/// * `in_flight` has one entry per descriptor.
/// * `in_flight[h]` is some exactly if the chain with head `h` is in the available ring and not
///   yet taken from the used ring; there are `outstanding` of these.
pub struct Virtqueue<T: Buffers> {
    ring: RingMemory,
    tables: Option<Tables>,
    index: u16,
    size: u16,
    event_idx: bool,

    free: FreeList,
    in_flight: Table<Option<InFlight<T>>>,
    outstanding: u16,

    /// The next entry of the available ring, modulo 65536.
    avail_idx: u16,
    /// `avail.idx` as the device has it.
    published: u16,
    /// The next entry of the used ring, modulo 65536.
    last_used: u16,

    /// Whether the driver wants interrupts.
    callbacks: bool,
    /// Whether a chain did not fit: the device is then told of the others in any case.
    starved: bool,
    /// The first descriptor that [`Self::take_back`] has not looked at yet.
    sweep: u16,
    broken: Option<Violation>,
    device: Arc<DeviceMemory>,
}

impl<T: Buffers> Virtqueue<T> {
    /// Allocates a queue. The device learns of it by its [`page frame number`](Self::pfn).
    ///
    /// `device` says whether the device may still access the queue's memory.
    ///
    /// # Errors
    ///
    /// See [`SetupError`].
    pub fn new(parameters: &Parameters, device: Arc<DeviceMemory>) -> Result<Self, SetupError> {
        let layout = Layout::new(parameters.size).map_err(SetupError::Layout)?;
        let no_memory = |_| SetupError::NoMemory;

        let mut ring = RingMemory::new(layout).map_err(no_memory)?;
        let size = layout.size();
        // A chain is never longer than the ring, in a table or not (VIRTIO 1.3, section 2.7.5.3.1).
        let tables = match parameters.indirect.min(size) {
            0 | 1 => None,
            entries => Some(Tables::new(size, entries).map_err(no_memory)?),
        };
        let free = FreeList::new(ring.links_mut());
        ring.counts().free.set(free.free());

        // INVARIANT: The table has `size` entries, and nothing is outstanding.
        Ok(Self {
            ring,
            tables,
            index: parameters.index,
            size,
            event_idx: parameters.event_idx,
            free,
            in_flight: table(usize::from(size), |_| Ok(None)).map_err(no_memory)?,
            outstanding: 0,
            avail_idx: 0,
            published: 0,
            last_used: 0,
            callbacks: true,
            starved: false,
            sweep: 0,
            broken: None,
            device,
        })
    }

    /// Lets others see whether there is something to take.
    pub fn progress(&self) -> Progress {
        self.ring.progress()
    }

    /// Lets others look at the queue: what is in it, what was counted, why it is broken.
    pub fn watch(&self) -> Watch {
        self.ring.watch(self.index)
    }

    /// The page frame number of the ring, for QUEUE_PFN.
    ///
    /// # Errors
    ///
    /// [`LayoutError::TooHigh`] when the ring is beyond 2^44 bytes.
    pub fn pfn(&self) -> Result<u32, LayoutError> {
        layout::pfn(self.ring.phys())
    }

    /// The queue's number on the device.
    #[inline]
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Entries of the ring.
    #[inline]
    pub fn size(&self) -> u16 {
        self.size
    }

    /// Most descriptors a single chain may have.
    pub fn chain_limit(&self) -> u16 {
        match &self.tables {
            Some(tables) => tables.limit(),
            None => self.size,
        }
    }

    /// Free descriptors of the ring.
    #[inline]
    pub fn free(&self) -> u16 {
        self.free.free()
    }

    /// Chains that were added and not yet taken back.
    #[inline]
    pub fn in_flight(&self) -> u16 {
        self.outstanding
    }

    /// Puts a chain in the ring. The device sees it with the next [`Self::kick_prepare`].
    ///
    /// # Errors
    ///
    /// Gives the owner back with the reason; see [`AddReason`].
    #[inline(always)] // A token that is lent to a function is written to memory and read again.
    pub fn add(&mut self, token: T) -> Result<(), AddError<T>> {
        if self.broken.is_some() {
            return Err(AddError {
                token,
                reason: AddReason::Broken,
            });
        }
        let built = match self.build(&token) {
            Ok(built) => built,
            Err(error) => {
                self.starved |= error == ChainError::NoSpace;
                return Err(AddError {
                    token,
                    reason: AddReason::Chain(error),
                });
            }
        };
        let head = self.free.head();
        let position = self.avail_idx;
        // A chain does not begin with a descriptor that another one begins with.
        let (Some(&next), Some(place @ None)) = (
            self.ring.links().get(usize::from(built.last)),
            self.in_flight.get_mut(usize::from(head)),
        ) else {
            return Err(AddError {
                token,
                reason: AddReason::Chain(ChainError::NoSpace),
            });
        };
        // There was none, as was just seen; the compiler would look again to drop it.
        mem::forget(place.replace(InFlight {
            token,
            built,
            position,
        }));
        self.free.take(built.count, next);
        // No more than there are descriptors.
        self.outstanding = self.outstanding.wrapping_add(1);
        self.ring.write_avail_entry(position, head);
        self.avail_idx = position.wrapping_add(1);
        Ok(())
    }

    /// Makes everything that was added visible to the device, and says whether it wants to be
    /// notified.
    ///
    /// The notification itself goes out after the queue's lock was dropped.
    #[inline]
    #[must_use = "a device that waits for a notification never looks by itself"]
    pub fn kick_prepare(&mut self) -> bool {
        let (old, new) = (self.published, self.avail_idx);
        if old == new || self.broken.is_some() {
            return false;
        }
        // ORDERING: Descriptors and available entries before the index that covers them. Pairs
        // with the device's read barrier between its loads of `avail.idx` and of the entries.
        write_barrier();
        self.ring.write_avail_idx(new);
        self.published = new;
        let counts = self.ring.counts();
        counts.added.add(new.wrapping_sub(old).into());
        counts.free.set(self.free.free());
        // ORDERING: The index before the load of the device's wish. Pairs with the device's full
        // barrier between its store of that wish and its last look at `avail.idx`: one of the two
        // sees the other's store.
        full_barrier();

        let wanted = mem::take(&mut self.starved)
            || if self.event_idx {
                need_event(self.ring.read_avail_event(), new, old)
            } else {
                self.ring.read_used_flags() & USED_F_NO_NOTIFY == 0
            };
        let counts = self.ring.counts();
        if wanted {
            counts.notifications.inc();
        } else {
            counts.suppressed.inc();
        }
        wanted
    }

    /// Whether the device has used chains that were not taken yet.
    #[inline]
    pub fn more_used(&self) -> bool {
        self.broken.is_none() && self.ring.read_used_idx() != self.last_used
    }

    /// Takes the next chain that the device has used.
    ///
    /// Returns `None` when there is none, or when the queue is, or just became, broken.
    #[inline]
    pub fn pop(&mut self) -> Option<Used<T>> {
        let claimed = self.ring.read_used_idx().wrapping_sub(self.last_used);
        if claimed == 0 {
            return None;
        }
        self.pop_claimed(claimed)
    }

    /// Takes the next of `claimed` chains that the device says it has used.
    fn pop_claimed(&mut self, claimed: u16) -> Option<Used<T>> {
        if self.broken.is_some() {
            return None;
        }
        match self.take_used(claimed) {
            Ok(used) => Some(used),
            Err(violation) => {
                self.break_with(violation);
                None
            }
        }
    }

    /// Takes the used entry at `last_used`, of `claimed` that the device says are there.
    #[inline]
    fn take_used(&mut self, claimed: u16) -> Result<Used<T>, Violation> {
        let staged = self.avail_idx.wrapping_sub(self.published);
        // What is staged is outstanding, too.
        let with_device = self.outstanding.wrapping_sub(staged);
        if claimed > with_device {
            return Err(Violation::UsedIndex {
                claimed,
                outstanding: with_device,
            });
        }
        // ORDERING: `used.idx` before the entry it covers, and before the buffers that the caller
        // looks at next. Pairs with the device's write barrier between its stores of the entry and
        // of `used.idx`.
        read_barrier();
        let raw = self.ring.read_used_entry(self.last_used);
        // CAST: Widening. There are as many places as descriptors.
        let place = self.in_flight.get_mut(raw.id as usize);
        let place = place.ok_or(Violation::UsedId(raw.id))?;
        // CAST: The number of a descriptor.
        let head = raw.id as u16;
        let published = self.published;
        let flight = place
            .take_if(|flight| flight.position.wrapping_sub(published) >= staged)
            .ok_or(Violation::NotOutstanding(head))?;
        self.release(head, flight.built);

        self.last_used = self.last_used.wrapping_add(1);
        let counts = self.ring.counts();
        counts.taken.set(self.last_used);
        counts.used.inc();
        if self.event_idx {
            if self.callbacks {
                self.arm(self.last_used);
            } else {
                self.stay_disarmed();
            }
        }
        Ok(Used {
            token: flight.token,
            len: raw.len,
            writable: flight.built.writable,
        })
    }

    /// Returns the descriptors of a chain that is no longer in flight.
    #[inline]
    fn release(&mut self, head: u16, built: Built) {
        // The chain is one of them.
        self.outstanding = self.outstanding.wrapping_sub(1);
        self.give_up_table(head, built.has_table);
        self.free
            .give(self.ring.links_mut(), head, built.last, built.count);
        self.ring.counts().free.set(self.free.free());
    }

    /// Why the queue is broken, if it is.
    #[inline]
    pub fn broken(&self) -> Option<Violation> {
        self.broken
    }

    /// Takes the queue out of service: nothing can be added or taken any more.
    pub fn break_now(&mut self) {
        if self.broken.is_none() {
            self.break_with(Violation::Stopped);
        }
    }

    /// Notes why the queue is broken, here and for those who watch.
    #[cold]
    fn break_with(&mut self, violation: Violation) {
        self.broken = Some(violation);
        self.ring.counts().broken.set(violation.to_word());
    }

    /// After the device was reset: gives back one chain that it had not used, until none is left.
    ///
    /// The queue is broken from then on. `_proof` is what the reset returned; a queue of a device
    /// other than the one that was reset keeps its chains.
    pub fn take_back(&mut self, _proof: &Quiesced) -> Option<T> {
        if self.device.is_with_device() {
            return None;
        }
        self.break_now();
        while let Some(place) = self.in_flight.get_mut(usize::from(self.sweep)) {
            let head = self.sweep;
            self.sweep += 1;
            if let Some(flight) = place.take() {
                self.release(head, flight.built);
                self.ring.counts().used.inc();
                return Some(flight.token);
            }
        }
        None
    }

    /// After the device was reset and every chain taken back: makes the queue as it was when it
    /// was new, in the same memory, so that the device can be given it again. What the driver has
    /// asked for in the way of interrupts stays as it is.
    ///
    /// Returns false, and changes nothing, while the device has the queue's memory or the queue
    /// has chains.
    #[must_use = "a queue that was not restarted must not be given to the device"]
    pub fn restart(&mut self, _proof: &Quiesced) -> bool {
        if self.device.is_with_device() || self.outstanding != 0 {
            return false;
        }
        self.ring.clear();
        self.free = FreeList::new(self.ring.links_mut());
        self.avail_idx = 0;
        self.published = 0;
        self.last_used = 0;
        self.starved = false;
        self.sweep = 0;
        self.broken = None;
        if !mem::replace(&mut self.callbacks, true) {
            self.disable_cb();
        }
        true
    }
}

impl<T: Buffers> Drop for Virtqueue<T> {
    /// Frees the ring and the buffers, unless the device may still write them: then they stay
    /// allocated for good, which is the smaller evil.
    fn drop(&mut self) {
        if !self.device.is_with_device() {
            return;
        }
        report_abandoned("the ring of a queue");
        self.ring.abandon();
        if let Some(tables) = self.tables.take() {
            mem::forget(tables);
        }
        for place in self.in_flight.iter_mut() {
            mem::forget(place.take());
        }
    }
}
