// SPDX-License-Identifier: GPL-2.0

//! The driver's private book-keeping of a split ring: which descriptors are free, how chains
//! hang together, and what counts as a violation by the device.
//!
//! Nothing here is ever read back from memory that the device can write.

use core::fmt;

/// What a device did that no device may do; the queue is broken from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// `used.idx` claims more completions than there are buffers with the device.
    UsedIndex {
        /// Completions claimed.
        claimed: u16,
        /// Chains that were with the device.
        outstanding: u16,
    },
    /// `used.id` is not the number of a descriptor.
    UsedId(u32),
    /// `used.id` is not the head of a chain that is with the device.
    NotOutstanding(u16),
    /// The driver itself took the queue out of service.
    Stopped,
}

impl Violation {
    /// The violation as a word, never zero, for those who watch a queue without its lock.
    pub const fn to_word(self) -> u64 {
        // CAST: Widening, all of them.
        match self {
            Self::UsedIndex {
                claimed,
                outstanding,
            } => 1 | ((claimed as u64) << 32) | ((outstanding as u64) << 48),
            Self::UsedId(id) => 2 | ((id as u64) << 32),
            Self::NotOutstanding(head) => 3 | ((head as u64) << 32),
            Self::Stopped => 4,
        }
    }

    /// What [`to_word`](Self::to_word) made a word of; `None` for zero.
    pub const fn from_word(word: u64) -> Option<Self> {
        // CAST: Parts of the word, each with the width it was put in with.
        let (low, high) = ((word >> 32) as u16, (word >> 48) as u16);
        match word as u32 {
            1 => Some(Self::UsedIndex {
                claimed: low,
                outstanding: high,
            }),
            2 => Some(Self::UsedId((word >> 32) as u32)),
            3 => Some(Self::NotOutstanding(low)),
            4 => Some(Self::Stopped),
            _ => None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsedIndex {
                claimed,
                outstanding,
            } => write!(
                f,
                "used index claims {claimed} completions with {outstanding} outstanding"
            ),
            Self::UsedId(id) => write!(f, "used id {id} out of range"),
            Self::NotOutstanding(id) => write!(f, "used id {id} is not outstanding"),
            Self::Stopped => f.write_str("stopped by the driver"),
        }
    }
}

/// The free descriptors, linked through a table of the queue's owner.
///
/// `links[i]` is the descriptor that follows `i`, in the free list or in the chain that `i` is
/// part of. A chain takes descriptors from the front of the list and leaves their links as they
/// are, so that giving it back needs its first and last descriptor alone.
#[derive(Debug, PartialEq, Eq)]
pub struct FreeList {
    head: u16,
    free: u16,
}

impl FreeList {
    /// Puts all descriptors in the list, lowest first. `links` has one entry per descriptor.
    pub fn new(links: &mut [u16]) -> Self {
        let mut next = 0_u16;
        for link in links.iter_mut() {
            next = next.wrapping_add(1);
            *link = next;
        }
        Self {
            head: 0,
            free: next,
        }
    }

    /// How many descriptors are free.
    #[inline]
    pub fn free(&self) -> u16 {
        self.free
    }

    /// The first free descriptor; meaningless when none is free.
    #[inline]
    pub fn head(&self) -> u16 {
        self.head
    }

    /// Takes the first `count` descriptors out; `next` is the link of the last one.
    ///
    /// `count` is at most [`FreeList::free`]: the caller has walked that many links.
    #[inline]
    pub fn take(&mut self, count: u16, next: u16) {
        self.head = next;
        self.free = self.free.wrapping_sub(count);
    }

    /// Gives back a chain of `count` descriptors that was taken.
    #[inline]
    pub fn give(&mut self, links: &mut [u16], first: u16, last: u16, count: u16) {
        if let Some(link) = links.get_mut(usize::from(last)) {
            *link = self.head;
            self.head = first;
            // They were taken from the same list.
            self.free = self.free.wrapping_add(count);
        }
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_ring))]
mod tests {
    use super::*;

    /// Takes a chain of `count`; returns its first and last descriptor.
    fn take(list: &mut FreeList, links: &[u16], count: u16) -> (u16, u16) {
        let first = list.head();
        let mut last = first;
        for _ in 1..count {
            last = links[usize::from(last)];
        }
        list.take(count, links[usize::from(last)]);
        (first, last)
    }

    /// The descriptors in the list, in order, as a bit set; panics on a duplicate.
    fn members(list: &FreeList, links: &[u16]) -> u64 {
        let mut set = 0_u64;
        let mut at = list.head();
        for _ in 0..list.free() {
            let bit = 1_u64 << at;
            assert_eq!(set & bit, 0);
            set |= bit;
            at = links[usize::from(at)];
        }
        set
    }

    #[test]
    fn a_violation_survives_as_a_word() {
        for violation in [
            Violation::UsedIndex {
                claimed: 0xffff,
                outstanding: 7,
            },
            Violation::UsedId(0xffff_ffff),
            Violation::NotOutstanding(0x8001),
            Violation::Stopped,
        ] {
            assert_eq!(Violation::from_word(violation.to_word()), Some(violation));
        }
        assert_eq!(Violation::from_word(0), None);
    }

    #[test]
    fn a_new_list_holds_every_descriptor_in_order() {
        let mut links = [0_u16; 8];
        let list = FreeList::new(&mut links);
        assert_eq!(list.free(), 8);
        assert_eq!(list.head(), 0);
        assert_eq!(members(&list, &links), 0xff);
    }

    #[test]
    fn chains_come_back_in_any_order_without_loss() {
        let mut links = [0_u16; 16];
        let mut list = FreeList::new(&mut links);
        for round in 0..100_u16 {
            let a = take(&mut list, &links, 3);
            let b = take(&mut list, &links, 1 + round % 5);
            let c = take(&mut list, &links, 8);
            assert_eq!(list.free(), 16 - 12 - round % 5);
            list.give(&mut links, b.0, b.1, 1 + round % 5);
            if round % 2 == 0 {
                list.give(&mut links, c.0, c.1, 8);
                list.give(&mut links, a.0, a.1, 3);
            } else {
                list.give(&mut links, a.0, a.1, 3);
                list.give(&mut links, c.0, c.1, 8);
            }
            assert_eq!(list.free(), 16);
            assert_eq!(members(&list, &links), 0xffff);
        }
    }
}
