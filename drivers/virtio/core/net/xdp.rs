// SPDX-License-Identifier: GPL-2.0

//! XDP: what a device and its interface have to be like for it, and which transmit queues it uses.

use super::{
    super::features::{
        Features,
        ANY_LAYOUT, //
    },
    F_CTRL_GUEST_OFFLOADS,
    F_GUEST_CSUM,
    F_MRG_RXBUF,
    GUEST_GSO,
    MIN_FRAME_BYTES, //
};

/// Why a program cannot see the packets of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The device hands in packets that are not complete, and cannot be told not to.
    Offloads,
    /// The header has a buffer of its own, which packets are spread over as well.
    Layout,
    /// A packet may be spread over fragments, which the program does not take.
    Mtu,
}

/// What a program asks of an interface.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The program takes packets that are spread over fragments.
    pub fragments: bool,
    /// Of the interface, in bytes.
    pub mtu: u32,
    /// The largest MTU whose packets need no fragments, in bytes.
    pub largest: u32,
}

impl Request {
    /// Whether a program can see the packets of an interface whose device has these features.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]; the first one that is true.
    pub const fn check(self, agreed: Features) -> Result<(), Refusal> {
        let incomplete = F_GUEST_CSUM.with(GUEST_GSO).bits();
        if agreed.bits() & incomplete != 0 && !agreed.contains(F_CTRL_GUEST_OFFLOADS) {
            return Err(Refusal::Offloads);
        }
        if agreed.contains(F_MRG_RXBUF) && !agreed.contains(ANY_LAYOUT) {
            return Err(Refusal::Layout);
        }
        if !self.fragments && self.mtu > self.largest {
            return Err(Refusal::Mtu);
        }
        Ok(())
    }
}

/// The largest MTU whose packets fit in a buffer of `bytes` together with what is `reserved` of it.
pub const fn largest_mtu(bytes: u32, reserved: u32) -> u32 {
    bytes.saturating_sub(reserved.saturating_add(MIN_FRAME_BYTES))
}

/// The transmit queues that take the packets of XDP, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// The first one.
    pub first: u16,
    /// How many there are.
    pub count: u16,
}

impl Lanes {
    /// Those beyond the `current` pairs in use, one for each of `cpus`, if the device has as many pairs;
    /// else those in use, which the stack sends on, too.
    pub const fn choose(current: u16, most: u16, cpus: u32) -> Self {
        // CAST: Widening.
        if cpus != 0 && current as u64 + cpus as u64 <= most as u64 {
            Self {
                first: current,
                // CAST: Less than `most`.
                count: cpus as u16,
            }
        } else {
            Self {
                first: 0,
                count: current,
            }
        }
    }

    /// How many of them the stack does not use.
    pub const fn extra(self) -> u16 {
        if self.first == 0 {
            0
        } else {
            self.count
        }
    }

    /// The queue for what a CPU sends; `None` if there are none.
    #[inline]
    pub const fn queue(self, cpu: u32) -> Option<u16> {
        // CAST: Widening, and less than a number of 16 bits.
        match cpu.checked_rem(self.count as u32) {
            Some(place) => Some(self.first.wrapping_add(place as u16)),
            None => None,
        }
    }

    /// As a single word, which is 0 when there are none.
    pub const fn to_word(self) -> u32 {
        // CAST: Widening.
        ((self.first as u32) << 16) | self.count as u32
    }

    /// What [`Self::to_word`] has made; `None` for 0.
    #[inline]
    pub const fn from_word(word: u32) -> Option<Self> {
        if word == 0 {
            return None;
        }
        // CAST: The two halves.
        Some(Self {
            first: (word >> 16) as u16,
            count: word as u16,
        })
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_net_xdp))]
mod tests {
    use super::*;

    const PLAIN: Request = Request {
        fragments: false,
        mtu: 1500,
        largest: 3506,
    };

    #[test]
    fn packets_have_to_be_complete_or_made_so() {
        for bit in [0, 1, 7, 8, 9, 10] {
            let incomplete = Features::bit(bit);
            let wanted = if bit == 0 {
                Ok(())
            } else {
                Err(Refusal::Offloads)
            };
            assert_eq!(PLAIN.check(incomplete), wanted);
            assert_eq!(PLAIN.check(incomplete.with(F_CTRL_GUEST_OFFLOADS)), Ok(()));
        }
    }

    #[test]
    fn spread_packets_need_their_header_beside_them() {
        assert_eq!(PLAIN.check(F_MRG_RXBUF), Err(Refusal::Layout));
        assert_eq!(PLAIN.check(F_MRG_RXBUF.with(ANY_LAYOUT)), Ok(()));
        assert_eq!(PLAIN.check(Features::NONE), Ok(()));
    }

    #[test]
    fn a_program_without_fragments_needs_packets_that_fit() {
        assert_eq!(largest_mtu(4096, 256 + 320), 3506);
        assert_eq!(largest_mtu(100, 90), 0);
        for (mtu, fragments, wanted) in [
            (3506, false, Ok(())),
            (3507, false, Err(Refusal::Mtu)),
            (65535, false, Err(Refusal::Mtu)),
            (65535, true, Ok(())),
        ] {
            let request = Request {
                fragments,
                mtu,
                ..PLAIN
            };
            assert_eq!(request.check(Features::NONE), wanted);
        }
    }

    #[test]
    fn every_cpu_has_a_queue_of_its_own_if_there_are_enough() {
        let lanes = Lanes::choose(4, 8, 4);
        assert_eq!(lanes, Lanes { first: 4, count: 4 });
        assert_eq!(lanes.extra(), 4);
        for cpu in 0..4 {
            assert_eq!(lanes.queue(cpu), Some(4 + cpu as u16));
        }
        assert_eq!(Lanes::choose(4, 7, 4), Lanes { first: 0, count: 4 });
        assert_eq!(Lanes::choose(1, u16::MAX, u32::MAX).extra(), 0);
        assert_eq!(Lanes::choose(1, 4, 0).extra(), 0);
    }

    #[test]
    fn a_queue_is_in_use_whatever_the_cpu() {
        for current in 1..6 {
            for cpus in 1..10 {
                let lanes = Lanes::choose(current, 8, cpus);
                assert_eq!(Lanes::from_word(lanes.to_word()), Some(lanes));
                for cpu in 0..20 {
                    let queue = lanes.queue(cpu).unwrap_or(u16::MAX);
                    assert!(queue < current + lanes.extra());
                    assert!(lanes.extra() == 0 || queue >= current);
                }
            }
        }
        assert_eq!(Lanes::from_word(0), None);
        assert_eq!(Lanes { first: 0, count: 0 }.queue(3), None);
    }
}
