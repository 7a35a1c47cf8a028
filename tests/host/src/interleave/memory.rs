// SPDX-License-Identifier: GPL-2.0

//! Memory whose stores take their time, and whose loads may have happened earlier.
//!
//! A store waits in its side's buffer and is then in memory for both. A load sees the own buffer
//! and the memory of some moment: not before the last read barrier, in that it is not older than
//! anything that was seen before that barrier, and never older than what the same side has already
//! seen in the same place.

use crate::memory::translate;

/// What the memory may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Loads pass earlier stores, as on x86.
    Tso,
    /// Stores pass stores and loads pass loads, too.
    Weak,
}

/// A store that is not visible to the other side; None is a write barrier.
type Pending = Option<(u64, Vec<u8>)>;

/// A store that is, and what was there before.
struct Done {
    at: u64,
    before: Vec<u8>,
    side: usize,
}

impl Done {
    fn touches(&self, at: u64, len: usize) -> bool {
        overlap(self.at, self.before.len(), at, len)
    }
}

#[derive(Default)]
struct Half {
    pending: Vec<Pending>,
    /// Stores that each further load sees in any case, counted from the first.
    floor: usize,
    /// The youngest store that was seen, counted likewise.
    seen: usize,
    /// The same, by place.
    places: Vec<(u64, usize)>,
}

/// The memory of a run.
pub struct Memory {
    order: Order,
    halves: [Half; 2],
    done: Vec<Done>,
}

impl Memory {
    /// As it is now.
    pub fn new(order: Order) -> Self {
        Self {
            order,
            halves: Default::default(),
            done: Vec::new(),
        }
    }

    /// Puts a store into a side's buffer.
    pub fn store(&mut self, side: usize, at: u64, from: &[u8]) {
        self.halves[side].pending.push(Some((at, from.to_vec())));
    }

    /// The ways in which some of a side's stores can become visible now, and others not: each is
    /// the list of their positions in the buffer. The first way is none of them.
    pub fn releases(&self, side: usize) -> Vec<Vec<usize>> {
        let pending = &self.halves[side].pending;
        let stores: Vec<usize> = (0..pending.len())
            .filter(|at| pending[*at].is_some())
            .collect();
        // In order, up to some point.
        let mut ways: Vec<Vec<usize>> = (0..=stores.len())
            .map(|count| stores[..count].to_vec())
            .collect();
        if self.order == Order::Weak {
            // One that passes others.
            let first = stores.first().copied();
            ways.extend(
                (0..pending.len())
                    .filter(|at| Some(*at) != first && self.may_pass(side, *at))
                    .map(|at| vec![at]),
            );
        }
        ways
    }

    /// Whether a store may pass all those before it.
    fn may_pass(&self, side: usize, at: usize) -> bool {
        let pending = &self.halves[side].pending;
        let Some((to, bytes)) = &pending[at] else {
            return false;
        };
        pending[..at].iter().all(|other| match other {
            None => false,
            Some((there, others)) => !overlap(*there, others.len(), *to, bytes.len()),
        })
    }

    /// Makes the stores at these positions, in rising order, visible.
    pub fn release(&mut self, side: usize, positions: &[usize]) {
        for (gone, position) in positions.iter().enumerate() {
            if let Some((at, bytes)) = self.halves[side].pending.remove(position - gone) {
                self.perform(side, at, &bytes);
            }
        }
        // Barriers with nothing before them.
        let leading = self.halves[side]
            .pending
            .iter()
            .take_while(|entry| entry.is_none())
            .count();
        self.halves[side].pending.drain(..leading);
    }

    fn perform(&mut self, side: usize, at: u64, bytes: &[u8]) {
        let place = translate(at, bytes.len());
        let mut before = vec![0; bytes.len()];
        // SAFETY: `translate` has checked the range; only one side runs at a time.
        unsafe {
            place.copy_to(before.as_mut_ptr(), bytes.len());
            place.copy_from(bytes.as_ptr(), bytes.len());
        }
        self.done.push(Done { at, before, side });
    }

    /// The moments whose memory a load may see: how many stores have been done by then. The first
    /// is now.
    pub fn moments(&self, side: usize, at: u64, len: usize) -> Vec<usize> {
        let mut moments = vec![self.done.len()];
        if self.order == Order::Tso {
            return moments;
        }
        let half = &self.halves[side];
        let seen_here = half.places.iter().find(|(place, _)| *place == at);
        let floor = half.floor.max(seen_here.map_or(0, |(_, seen)| *seen));
        for (index, done) in self.done.iter().enumerate().skip(floor).rev() {
            if done.touches(at, len) {
                if done.side == side {
                    break;
                }
                moments.push(index);
            }
        }
        moments
    }

    /// What a side sees in the memory of a moment.
    pub fn load(&mut self, side: usize, moment: usize, at: u64, into: &mut [u8]) {
        let place = translate(at, into.len());
        // SAFETY: `translate` has checked the range; only one side runs at a time.
        unsafe { place.copy_to(into.as_mut_ptr(), into.len()) };
        for done in self.done[moment..].iter().rev() {
            overlay(done.at, &done.before, at, into);
        }
        for (there, bytes) in self.halves[side].pending.iter().flatten() {
            overlay(*there, bytes, at, into);
        }
        let len = into.len();
        let youngest = self.done[..moment].iter().rposition(|d| d.touches(at, len));
        let seen = youngest.map_or(0, |index| index + 1);
        let half = &mut self.halves[side];
        half.seen = half.seen.max(seen);
        match half.places.iter_mut().find(|(place, _)| *place == at) {
            Some((_, known)) => *known = seen,
            None => half.places.push((at, seen)),
        }
    }

    /// Reads are in order from here on.
    pub fn read_barrier(&mut self, side: usize) {
        let half = &mut self.halves[side];
        half.floor = half.floor.max(half.seen);
    }

    /// Writes are in order from here on.
    pub fn write_barrier(&mut self, side: usize) {
        let pending = &mut self.halves[side].pending;
        if pending.last().is_some_and(Option::is_some) {
            pending.push(None);
        }
    }

    /// Everything is.
    pub fn full_barrier(&mut self, side: usize) {
        for (at, bytes) in std::mem::take(&mut self.halves[side].pending)
            .into_iter()
            .flatten()
        {
            self.perform(side, at, &bytes);
        }
        self.halves[side].floor = self.done.len();
    }
}

fn overlap(a: u64, a_len: usize, b: u64, b_len: usize) -> bool {
    a < b + b_len as u64 && b < a + a_len as u64
}

/// Puts those of `bytes`, which begin at `from`, over `into`, which begins at `at`.
fn overlay(from: u64, bytes: &[u8], at: u64, into: &mut [u8]) {
    for (place, byte) in (from..).zip(bytes) {
        let offset = place.checked_sub(at).map(|offset| offset as usize);
        if let Some(target) = offset.and_then(|offset| into.get_mut(offset)) {
            *target = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::ContiguousPages;

    const US: usize = 0;
    const THEM: usize = 1;

    /// Two words that both sides share, and a side's view of one at a moment.
    struct Words {
        memory: Memory,
        pages: ContiguousPages,
    }

    impl Words {
        fn new(order: Order) -> Self {
            Self {
                memory: Memory::new(order),
                pages: ContiguousPages::new(8).unwrap(),
            }
        }

        fn at(&self, word: u64) -> u64 {
            self.pages.phys() + 2 * word
        }

        fn store(&mut self, side: usize, word: u64, value: u8) {
            self.memory.store(side, self.at(word), &[value, 0]);
        }

        /// What a side can see in a word, the newest first; it then sees the newest.
        fn values(&mut self, side: usize, word: u64) -> Vec<u8> {
            let at = self.at(word);
            let mut seen = [0; 2];
            let moments = self.memory.moments(side, at, 2);
            let mut values = Vec::new();
            for moment in moments.into_iter().rev() {
                self.memory.load(side, moment, at, &mut seen);
                values.insert(0, seen[0]);
            }
            values
        }
    }

    #[test]
    fn a_store_is_its_own_until_a_full_barrier() {
        let mut words = Words::new(Order::Tso);
        words.store(US, 0, 1);
        assert_eq!(words.values(US, 0), [1]);
        assert_eq!(words.values(THEM, 0), [0]);
        words.memory.full_barrier(US);
        assert_eq!(words.values(THEM, 0), [1]);
    }

    #[test]
    fn stores_become_visible_in_order_or_pass_each_other_up_to_a_barrier() {
        for (order, barrier, ways) in [
            (Order::Tso, false, 3),
            (Order::Weak, false, 4),
            (Order::Weak, true, 3),
        ] {
            let mut words = Words::new(order);
            words.store(US, 0, 1);
            if barrier {
                words.memory.write_barrier(US);
            }
            words.store(US, 1, 1);
            let releases = words.memory.releases(US);
            assert_eq!(releases.len(), ways, "{order:?}, {barrier}");
            words.memory.release(US, releases.last().unwrap());
            let passed = ways == 4;
            assert_eq!(words.values(THEM, 0)[0], u8::from(!passed));
            assert_eq!(words.values(THEM, 1)[0], 1);
        }
    }

    #[test]
    fn a_load_is_late_until_a_read_barrier_after_what_came_later() {
        for (order, barrier, expected) in [
            (Order::Tso, false, &[1][..]),
            (Order::Weak, false, &[1, 0][..]),
            (Order::Weak, true, &[1][..]),
        ] {
            let mut words = Words::new(order);
            words.store(THEM, 0, 1);
            words.store(THEM, 1, 1);
            words.memory.full_barrier(THEM);
            // The later store is seen first.
            assert_eq!(words.values(US, 1)[0], 1);
            if barrier {
                words.memory.read_barrier(US);
            }
            assert_eq!(words.values(US, 0), expected, "{order:?}, {barrier}");
            // Seen once, never unseen.
            assert_eq!(words.values(US, 0), [1]);
        }
    }
}
