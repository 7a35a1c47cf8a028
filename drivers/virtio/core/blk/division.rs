// SPDX-License-Identifier: GPL-2.0

//! How the request queues of a disk are divided into those that interrupt and those that are polled.

/// How many queues there are of each kind. Those that interrupt come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    /// Queues whose used chains are told by interrupt; at least one, if there is a queue.
    pub interrupting: u16,
    /// Queues that never interrupt: whoever waits for a request looks at them.
    pub polled: u16,
}

impl Division {
    /// Divides `queues` queues, of which `wanted` are to be polled. Most requests are not polled
    /// for, so that one queue interrupts in any case.
    pub fn new(queues: u16, wanted: u32) -> Self {
        let most = queues.saturating_sub(1);
        let polled = u16::try_from(wanted).map_or(most, |wanted| wanted.min(most));
        Self {
            interrupting: queues - polled,
            polled,
        }
    }

    /// The number of queues.
    pub const fn total(self) -> u16 {
        self.interrupting.saturating_add(self.polled)
    }

    /// Whether the queue of this number is polled.
    pub const fn is_polled(self, queue: u16) -> bool {
        queue >= self.interrupting
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_blk_division))]
mod tests {
    use super::*;

    #[test]
    fn the_last_queues_are_polled() {
        let division = Division::new(4, 2);
        assert_eq!((division.interrupting, division.polled), (2, 2));
        let polled = [0, 1, 2, 3].map(|queue| division.is_polled(queue));
        assert_eq!(polled, [false, false, true, true]);
    }

    #[test]
    fn no_queue_is_polled_that_nobody_asked_for() {
        for queues in [1, 2, 64, u16::MAX] {
            let division = Division::new(queues, 0);
            assert_eq!((division.interrupting, division.polled), (queues, 0));
            assert!(!division.is_polled(queues - 1));
        }
    }

    #[test]
    fn one_queue_interrupts_however_many_are_to_be_polled() {
        for queues in [1, 2, 3, 64, u16::MAX] {
            for wanted in [u32::from(queues), 0xffff, 0x1_0000, 0x1_0001, u32::MAX] {
                let division = Division::new(queues, wanted);
                assert_eq!(division.interrupting, 1);
                assert_eq!(division.total(), queues);
                assert!(!division.is_polled(0));
            }
        }
    }

    #[test]
    fn no_queue_is_lost() {
        for queues in 0..50 {
            for wanted in 0..60 {
                let division = Division::new(queues, wanted);
                assert_eq!(division.total(), queues);
                assert!(u32::from(division.polled) <= wanted);
            }
        }
    }
}
