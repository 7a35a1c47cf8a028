// SPDX-License-Identifier: GPL-2.0

//! Interrupts that lead to nothing: how many are borne before they are masked for a while.
//!
//! A device may interrupt as often as it likes, and each time takes the processor some microseconds.
//! With these bounds ten thousand a second are borne for ever, and no more. Interrupts that lead to
//! work make up for as many that do not: whoever works a lot may also be told a lot in vain, because
//! a poll was faster than the interrupt.

/// Within so many milliseconds,
pub const INTERVAL_MS: u64 = 100;

/// so much in vain is borne.
const MOST: u64 = 1000;

/// What a change of the configuration counts: it has registers read, in process context.
pub const CONFIG_WEIGHT: u64 = 50;

/// Then the interrupt is masked for so many milliseconds. The kernel, which switches an interrupt off
/// for good that is not handled a hundred thousand times, counts anew after a pause of 100.
pub const PAUSE_MS: u32 = 200;

/// The interrupts of one vector that led to nothing, of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vain {
    /// When it was begun to count, in milliseconds.
    pub since: u64,
    /// What they count.
    pub weight: u64,
}

impl Vain {
    /// One more, at `now` in milliseconds of a clock that does not go back. Returns whether these
    /// are too many.
    pub fn add(&mut self, now: u64, weight: u64) -> bool {
        if now.saturating_sub(self.since) >= INTERVAL_MS {
            *self = Self {
                since: now,
                weight: 0,
            };
        }
        self.weight = self.weight.saturating_add(weight);
        if self.weight < MOST {
            return false;
        }
        self.weight = 0;
        true
    }

    /// One that led to work.
    pub fn make_up(&mut self) {
        self.weight = self.weight.saturating_sub(1);
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_storm))]
mod tests {
    use super::*;

    /// How many of `count` that come at this rate a second are too many.
    fn floods(count: u64, rate: u64) -> usize {
        let mut vain = Vain::default();
        (0..count)
            .filter(|number| vain.add(number * 1000 / rate, 1))
            .count()
    }

    #[test]
    fn ten_thousand_a_second_are_borne() {
        assert_eq!(floods(100_000, 9_900), 0);
        assert!(floods(100_000, 11_000) > 0);
    }

    #[test]
    fn without_a_pause_each_thousand_is_too_many() {
        assert_eq!(floods(100_000, 1_000_000_000), 100);
    }

    #[test]
    fn a_change_of_the_configuration_counts_as_fifty() {
        let mut vain = Vain::default();
        for _ in 0..19 {
            assert!(!vain.add(7, CONFIG_WEIGHT));
        }
        assert!(vain.add(7, CONFIG_WEIGHT));
    }

    #[test]
    fn work_makes_up_for_as_many_in_vain() {
        let mut vain = Vain::default();
        for _ in 0..10_000 {
            assert!(!vain.add(0, 1));
            vain.make_up();
        }
        // Not for those to come.
        vain.make_up();
        for _ in 0..999 {
            assert!(!vain.add(0, 1));
        }
        assert!(vain.add(0, 1));
    }
}
