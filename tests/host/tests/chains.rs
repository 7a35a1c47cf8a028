// SPDX-License-Identifier: GPL-2.0

//! What stands in the ring for what the driver adds (rows T45, T73, T84 to T87, T98).

mod common;

use common::{
    pair,
    Request, //
};
use virtio_host_tests::{
    memory::Buffer,
    virtio::virtqueue::{
        AddReason,
        Buffers,
        Chain,
        ChainError,
        Descriptors,
        Few,
        Single, //
    },
};

#[test]
fn a_direct_chain_has_a_descriptor_for_each_segment_in_order() {
    let mut pair = pair::<Request>(8, false, 0);
    assert!(pair.queue.add(Request::new(0, 2, 3)).is_ok());
    assert_eq!(pair.queue.free(), 3);
    assert!(pair.queue.kick_prepare());
    let chain = pair.device.take().unwrap();
    assert!(!chain.indirect);
    let writable: Vec<bool> = chain.segments.iter().map(|s| s.writable).collect();
    assert_eq!(writable, [false, false, true, true, true]);
    assert!(chain.segments.iter().all(|s| s.len == 64));
    assert_eq!(chain.segments[1].addr, chain.segments[0].addr + 64);
}

#[test]
fn what_the_device_writes_is_in_the_buffer() {
    for indirect in [0, 8] {
        let mut pair = pair::<Request>(8, false, indirect);
        assert!(pair.queue.add(Request::new(0, 1, 2)).is_ok());
        let _ = pair.queue.kick_prepare();
        let chain = pair.device.take().unwrap();
        chain.fill(0xa5);
        pair.device.give(u32::from(chain.head), 128);
        let buffer = pair.queue.pop().unwrap().token.write.unwrap();
        assert!((0..128).all(|at| buffer.byte(at) == 0xa5));
    }
}

#[test]
fn an_indirect_chain_takes_one_descriptor_whatever_its_length() {
    let mut pair = pair::<Request>(64, false, 50);
    assert_eq!(pair.queue.chain_limit(), 50);
    for tag in 0..64 {
        assert!(pair.queue.add(Request::new(tag, 20, 30)).is_ok());
    }
    assert_eq!(pair.queue.free(), 0);
    assert!(pair.queue.kick_prepare());
    for _ in 0..64 {
        let chain = pair.device.take().unwrap();
        assert!(chain.indirect);
        assert_eq!(chain.segments.len(), 50);
    }
    assert!(pair.device.take().is_none());
}

#[test]
fn a_single_buffer_needs_no_table() {
    let mut pair = pair::<Request>(4, false, 4);
    assert!(pair.queue.add(Request::new(0, 0, 1)).is_ok());
    let _ = pair.queue.kick_prepare();
    let chain = pair.device.take().unwrap();
    assert!(!chain.indirect);
    assert!(chain.segments[0].writable);
}

/// Three buffers that are known at once, of which some are for the device to write.
struct Trio([(Buffer, bool); 3]);

impl Trio {
    fn new(writable: [bool; 3]) -> Self {
        Self(writable.map(|writable| (Buffer::new(1, 64), writable)))
    }
}

impl Buffers for Trio {
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        for (buffer, writable) in &self.0 {
            if *writable {
                chain.writable(buffer)?;
            } else {
                chain.readable(buffer)?;
            }
        }
        Ok(())
    }

    fn few(&self) -> Few<'_> {
        let [first, second, third] = &self.0;
        let single = |(buffer, writable)| {
            if writable {
                Single::writable(buffer)
            } else {
                Single::readable(buffer)
            }
            .unwrap()
        };
        Few::Three([
            single((&first.0, first.1)),
            single((&second.0, second.1)),
            single((&third.0, third.1)),
        ])
    }
}

#[test]
fn three_buffers_that_are_known_at_once_are_a_chain_like_others() {
    for indirect in [0, 2, 3, 8] {
        let mut pair = pair::<Trio>(8, false, indirect);
        for writable in [
            [false, false, false],
            [false, false, true],
            [false, true, true],
            [true, true, true],
        ] {
            let trio = Trio::new(writable);
            let added = pair.queue.add(trio);
            if indirect == 2 {
                let reason = added.unwrap_err().reason;
                assert_eq!(reason, AddReason::Chain(ChainError::TooLong));
                continue;
            }
            assert!(added.is_ok());
            let _ = pair.queue.kick_prepare();
            let chain = pair.device.take().unwrap();
            assert_eq!(chain.indirect, indirect != 0);
            let seen: Vec<bool> = chain.segments.iter().map(|s| s.writable).collect();
            assert_eq!(seen, writable);
            assert!(chain.segments.iter().all(|s| s.len == 64));
            let bytes = 64 * writable.iter().filter(|writable| **writable).count() as u32;
            pair.device.give(u32::from(chain.head), bytes);
            let used = pair.queue.pop().unwrap();
            assert_eq!(used.writable(), bytes);
        }
        for writable in [
            [true, false, true],
            [false, true, false],
            [true, true, false],
        ] {
            let refused = pair.queue.add(Trio::new(writable)).err().unwrap();
            assert_eq!(refused.reason, AddReason::Chain(ChainError::Order));
        }
        assert_eq!(pair.queue.free(), 8);
    }
}

#[test]
fn a_table_is_never_longer_than_the_queue() {
    let mut pair = pair::<Request>(4, false, 100);
    assert_eq!(pair.queue.chain_limit(), 4);
    let refused = pair.queue.add(Request::new(0, 3, 2)).unwrap_err();
    assert_eq!(refused.reason, AddReason::Chain(ChainError::TooLong));
    assert!(pair.queue.add(Request::new(0, 2, 2)).is_ok());
}

#[test]
fn a_chain_that_does_not_fit_leaves_no_trace_and_forces_a_notification() {
    let mut pair = pair::<Request>(8, false, 0);
    pair.device.write_used_flags(1);
    assert!(pair.queue.add(Request::new(0, 3, 3)).is_ok());
    assert!(!pair.queue.kick_prepare());

    let refused = pair.queue.add(Request::new(1, 2, 1)).unwrap_err();
    assert!(refused.is_full());
    assert_eq!(refused.token.tag, 1);
    assert_eq!(pair.queue.free(), 2);
    assert_eq!(pair.queue.in_flight(), 1);

    // What fits still fits, and the device, asked not to be told, is told all the same.
    assert!(pair.queue.add(Request::new(2, 1, 1)).is_ok());
    assert!(pair.queue.kick_prepare());
    assert_eq!(pair.device.take().unwrap().segments.len(), 6);
    assert_eq!(pair.device.take().unwrap().segments.len(), 2);
}

#[test]
fn a_chain_that_can_never_fit_says_so() {
    let mut pair = pair::<Request>(4, false, 0);
    let refused = pair.queue.add(Request::new(0, 5, 0)).unwrap_err();
    assert_eq!(refused.reason, AddReason::Chain(ChainError::TooLong));
    assert_eq!(pair.queue.free(), 4);
}

/// Buffers in the wrong order, or none, or one that gives up halfway.
enum Odd {
    Empty,
    Backwards(Buffer, Buffer),
    GivesUp(Buffer),
    Prefix(Buffer),
}

impl Buffers for Odd {
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        match self {
            Self::Empty => Ok(()),
            Self::Backwards(first, second) => {
                chain.writable(first)?;
                chain.readable(second)
            }
            Self::GivesUp(buffer) => {
                chain.readable(buffer)?;
                Err(ChainError::Empty)
            }
            Self::Prefix(buffer) => {
                chain.readable_prefix(buffer, 100)?;
                chain.writable_prefix(buffer, 64)
            }
        }
    }
}

#[test]
fn a_chain_has_buffers_and_readable_ones_first() {
    for indirect in [0, 8] {
        let mut pair = pair::<Odd>(8, false, indirect);
        let two = || Buffer::new(1, 64);
        for (odd, why) in [
            (Odd::Empty, ChainError::Empty),
            (Odd::Backwards(two(), two()), ChainError::Order),
            (Odd::GivesUp(Buffer::new(3, 64)), ChainError::Empty),
        ] {
            let refused = pair.queue.add(odd).err().unwrap();
            assert_eq!(refused.reason, AddReason::Chain(why));
            assert_eq!(pair.queue.free(), 8);
        }
        assert!(!pair.queue.kick_prepare());
        assert!(pair.device.take().is_none());
    }
}

#[test]
fn a_prefix_ends_where_it_is_told() {
    let mut pair = pair::<Odd>(8, false, 0);
    assert!(pair.queue.add(Odd::Prefix(Buffer::new(3, 64))).is_ok());
    let _ = pair.queue.kick_prepare();
    let lens: Vec<u32> = pair
        .device
        .take()
        .unwrap()
        .segments
        .iter()
        .map(|s| s.len)
        .collect();
    assert_eq!(lens, [64, 36, 64]);
}
