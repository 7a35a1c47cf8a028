// SPDX-License-Identifier: GPL-2.0

//! How often a device that stopped working is reset and set up again before it is given up.

/// Recoveries after which a device that has finished nothing since is not tried again.
const MOST_FRUITLESS: u8 = 2;

/// Most recoveries within [`PERIOD_MS`], whatever the device finished in between.
const MOST_IN_PERIOD: usize = 8;

/// In milliseconds.
const PERIOD_MS: u64 = 60_000;

/// The recoveries of one device so far.
///
/// Both bounds are needed: a device may break without ever finishing a request, or always just
/// after it has finished one.
pub struct Recoveries {
    fruitless: u8,
    /// When the last ones began; the oldest is at `oldest`.
    begun: [Option<u64>; MOST_IN_PERIOD],
    oldest: usize,
}

impl Recoveries {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            fruitless: 0,
            begun: [None; MOST_IN_PERIOD],
            oldest: 0,
        }
    }

    /// Whether to try once more, at `now` in milliseconds of a clock that never goes back; if so,
    /// it counts.
    ///
    /// `progress` says whether the device has finished a request since the last time.
    pub fn may_try(&mut self, now: u64, progress: bool) -> bool {
        if progress {
            self.fruitless = 0;
        }
        let Some(oldest) = self.begun.get_mut(self.oldest) else {
            return false;
        };
        let crowded = oldest.is_some_and(|begun| now.saturating_sub(begun) < PERIOD_MS);
        if crowded || self.fruitless >= MOST_FRUITLESS {
            return false;
        }
        *oldest = Some(now);
        self.oldest = (self.oldest + 1) % MOST_IN_PERIOD;
        self.fruitless += 1;
        true
    }
}

impl Default for Recoveries {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_recovery))]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn a_device_that_finishes_nothing_is_given_up_after_two() {
        let mut recoveries = Recoveries::new();
        assert!(recoveries.may_try(0, false));
        assert!(recoveries.may_try(HOUR, false));
        assert!(!recoveries.may_try(2 * HOUR, false));
        // It does not come back because it was asked again.
        assert!(!recoveries.may_try(3 * HOUR, false));
    }

    #[test]
    fn a_device_that_works_in_between_is_tried_for_ever() {
        let mut recoveries = Recoveries::new();
        for number in 0..100 {
            assert!(recoveries.may_try(number * HOUR, number % 2 == 1));
        }
    }

    #[test]
    fn no_more_than_eight_begin_within_a_minute() {
        let mut recoveries = Recoveries::new();
        for number in 0..8 {
            assert!(recoveries.may_try(1000 + number, true));
        }
        assert!(!recoveries.may_try(60_999, true));
        assert!(recoveries.may_try(61_000, true));
        assert!(recoveries.may_try(61_001, true));
    }

    #[test]
    fn one_that_was_not_tried_does_not_count() {
        let mut recoveries = Recoveries::new();
        for _ in 0..8 {
            assert!(recoveries.may_try(0, true));
        }
        for now in 0..100 {
            assert!(!recoveries.may_try(now, true));
        }
        assert!(recoveries.may_try(60_000, true));
    }
}
