// SPDX-License-Identifier: GPL-2.0

//! Pairs of queues: how many there are, their numbers, and which CPUs use which (VIRTIO 1.3,
//! sections 5.1.2 and 5.1.5).

/// Queues of a pair: the receive queue comes first.
const QUEUES_PER_PAIR: u16 = 2;

/// Most pairs of a legacy device: the control queue comes after them all, and a queue is selected
/// by 16 bits. One less than the specification allows.
const MOST_PAIRS: u16 = 0x7fff;

/// Pairs that a device may have us use on a machine with few CPUs.
const PAIRS_OF_SMALL_MACHINES: u16 = 16;

/// Whether a device can have so many pairs.
pub const fn can_be(pairs: u16) -> bool {
    pairs != 0 && pairs <= MOST_PAIRS
}

/// How many of the device's pairs to set up, on a machine that can have so many CPUs.
///
/// More than two for each CPU would be of no use, and a device that claims to have thousands must
/// not take the machine's memory.
pub fn usable(pairs: u16, cpus: u32) -> u16 {
    let most = u16::try_from(cpus.saturating_mul(2)).unwrap_or(MOST_PAIRS);
    pairs.min(most.max(PAIRS_OF_SMALL_MACHINES))
}

/// The number of the receive queue of a pair.
pub const fn rx_queue(pair: u16) -> u16 {
    pair.wrapping_mul(QUEUES_PER_PAIR)
}

/// The number of the transmit queue of a pair.
pub const fn tx_queue(pair: u16) -> u16 {
    rx_queue(pair).wrapping_add(1)
}

/// The number of the control queue of a device that has so many pairs, whether they are used or
/// not.
pub const fn control_queue(pairs: u16) -> u16 {
    rx_queue(pairs)
}

/// The pair that a queue belongs to, and whether it is the receive queue.
pub const fn pair_of(queue: u16) -> (u16, bool) {
    (queue / QUEUES_PER_PAIR, queue % QUEUES_PER_PAIR == 0)
}

/// The CPUs that use a pair when `pairs` of them are in use on `cpus` CPUs: the first one, counted
/// among those that are online, and how many from there on.
///
/// As Linux's own driver has it: neighbours share a pair, the first pairs get one more if the CPUs
/// cannot be shared out evenly, and if there are more pairs than CPUs each gets one, in turn.
pub const fn share(pair: u16, pairs: u16, cpus: u32) -> (u32, u32) {
    // CAST: Widening.
    let (pair, pairs) = (pair as u32, pairs as u32);
    if cpus == 0 || pairs == 0 {
        return (0, 0);
    }
    if pairs >= cpus {
        return (pair % cpus, 1);
    }
    let (each, more) = (cpus / pairs, cpus % pairs);
    if pair < more {
        (pair * (each + 1), each + 1)
    } else {
        (pair * each + more, each)
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_net_pairs))]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_pair_and_room_for_the_control_queue() {
        assert!(!can_be(0));
        assert!(can_be(1));
        assert!(can_be(0x7fff));
        assert_eq!(control_queue(0x7fff), 0xfffe);
        // The control queue would have number 0x10000.
        assert!(!can_be(0x8000));
        assert!(!can_be(0xffff));
    }

    #[test]
    fn what_is_set_up_depends_on_the_machine_and_never_on_a_lie() {
        for cpus in [1, 2, 8] {
            assert_eq!(usable(1, cpus), 1);
            assert_eq!(usable(16, cpus), 16);
            assert_eq!(usable(17, cpus), 16);
            assert_eq!(usable(0x7fff, cpus), 16);
        }
        assert_eq!(usable(0x7fff, 64), 128);
        assert_eq!(usable(100, 64), 100);
        assert_eq!(usable(0x7fff, u32::MAX), 0x7fff);
    }

    #[test]
    fn receive_queues_are_even_and_the_control_queue_is_behind_all_pairs() {
        assert_eq!((rx_queue(0), tx_queue(0)), (0, 1));
        assert_eq!((rx_queue(3), tx_queue(3)), (6, 7));
        assert_eq!(control_queue(1), 2);
        assert_eq!(control_queue(4), 8);
        for queue in 0..100 {
            let (pair, receives) = pair_of(queue);
            let number = if receives {
                rx_queue(pair)
            } else {
                tx_queue(pair)
            };
            assert_eq!(number, queue);
        }
    }

    #[test]
    fn every_cpu_has_one_pair_and_every_pair_a_fair_share() {
        for cpus in 1..=33 {
            for pairs in 1..=cpus {
                let mut next = 0;
                for pair in 0..pairs {
                    let (first, count) = share(pair, pairs, cpus.into());
                    assert_eq!(first, next);
                    let each = u32::from(cpus / pairs);
                    assert!(count == each || count == each + 1);
                    next += count;
                }
                assert_eq!(next, u32::from(cpus));
            }
        }
    }

    #[test]
    fn pairs_beyond_the_cpus_take_turns() {
        for pair in 0..10 {
            assert_eq!(share(pair, 10, 4), (u32::from(pair % 4), 1));
        }
        assert_eq!(share(0, 0, 4), (0, 0));
        assert_eq!(share(0, 4, 0), (0, 0));
    }
}
