// SPDX-License-Identifier: GPL-2.0

//! A queue whose device was reset is put into service again, in the memory that it has (row B68).
//!
//! One test after the other: one counts the blocks of memory that are alive.

mod common;

use std::sync::{
    Mutex,
    MutexGuard, //
};

use common::{
    pair,
    Pair,
    Request, //
};
use virtio_host_tests::{
    device::Device,
    fake::Fake,
    memory::live_blocks,
    virtio::{
        transport::{
            DeviceMemory,
            Quiesced, //
        },
        virtqueue::Violation,
    },
};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A ring with events and one with flags, each with and without indirect tables.
const KINDS: [(bool, u16); 4] = [(false, 0), (false, 4), (true, 0), (true, 4)];
const SIZE: u16 = 8;

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner())
}

fn take_over(memory: &DeviceMemory) -> Quiesced {
    memory.take_over(&Fake::new(7, true)).unwrap()
}

/// Takes back what is in the queue.
fn tags(pair: &mut Pair<Request>, proof: &Quiesced) -> Vec<u64> {
    let mut tags: Vec<u64> = std::iter::from_fn(|| pair.queue.take_back(proof))
        .map(|request| request.tag)
        .collect();
    tags.sort_unstable();
    tags
}

/// Requests with tags from `first` on go through the queue one by one, told both ways.
fn works(pair: &mut Pair<Request>, event_idx: bool, first: u64, count: u64) {
    for tag in first..first + count {
        assert!(pair.queue.add(Request::new(tag, 1, 1)).is_ok());
        assert!(pair.device.enable_notifications());
        assert!(pair.queue.kick_prepare(), "request {tag}");
        let chain = pair.device.take().unwrap();
        pair.device.give(u32::from(chain.head), 64);
        assert!(pair.device.wants_interrupt(), "request {tag}, {event_idx}");
        assert_eq!(pair.queue.pop().unwrap().token.tag, tag);
    }
    assert_eq!(pair.queue.free(), SIZE);
}

#[test]
fn a_restarted_queue_is_as_new_and_needs_no_memory() {
    let _guard = alone();
    for (event_idx, indirect) in KINDS {
        for before in [0, 1, 5, SIZE.into(), 3 * u64::from(SIZE) + 1, 1000] {
            let mut pair = pair::<Request>(SIZE, event_idx, indirect);
            pair.memory.hand_over();
            works(&mut pair, event_idx, 0, before);
            for tag in 0..3 {
                assert!(pair.queue.add(Request::new(tag, 1, 1)).is_ok());
            }
            let _ = pair.queue.kick_prepare();
            // One that the device does not know of yet.
            assert!(pair.queue.add(Request::new(3, 1, 1)).is_ok());
            let chain = pair.device.take().unwrap();
            pair.device.scribble_avail(0xa5);
            pair.device.scribble_descriptor(0, 0xa5);
            pair.device.give(u32::from(chain.head) | 0x8000, 64);
            assert!(pair.queue.pop().is_none());
            assert_eq!(
                pair.queue.broken(),
                Some(Violation::UsedId(u32::from(chain.head) | 0x8000))
            );

            let blocks = live_blocks();
            let proof = take_over(&pair.memory);
            assert_eq!(tags(&mut pair, &proof), [0, 1, 2, 3]);
            let taken_back = live_blocks();
            assert!(pair.queue.restart(&proof));
            assert_eq!(live_blocks(), taken_back);
            assert!(taken_back < blocks);

            assert_eq!(pair.queue.broken(), None);
            assert_eq!((pair.queue.free(), pair.queue.in_flight()), (SIZE, 0));
            assert!(!pair.queue.more_used() && !pair.queue.progress().more_used());
            pair.memory.hand_over();
            // A device that begins anew: it counts from 0, too.
            pair.device = Device::new(pair.queue.pfn().unwrap(), SIZE, event_idx);
            assert_eq!((pair.device.avail_idx(), pair.device.avail_flags()), (0, 0));
            assert_eq!(pair.device.used_event(), 0);
            works(&mut pair, event_idx, 100, 3 * u64::from(SIZE));
            assert!(take_over(&pair.memory).was_reset());
        }
    }
}

#[test]
fn a_driver_that_wants_no_interrupts_wants_none_afterwards() {
    let _guard = alone();
    for (event_idx, indirect) in KINDS {
        let mut pair = pair::<Request>(SIZE, event_idx, indirect);
        pair.memory.hand_over();
        pair.queue.disable_cb();
        let proof = take_over(&pair.memory);
        assert!(pair.queue.take_back(&proof).is_none());
        assert!(pair.queue.restart(&proof));
        pair.device = Device::new(pair.queue.pfn().unwrap(), SIZE, event_idx);

        for tag in 0..5 {
            assert!(pair.queue.add(Request::new(tag, 1, 1)).is_ok());
            let _ = pair.queue.kick_prepare();
            let chain = pair.device.take().unwrap();
            pair.device.give(u32::from(chain.head), 64);
            assert!(!pair.device.wants_interrupt(), "{event_idx}");
            assert_eq!(pair.queue.pop().unwrap().token.tag, tag);
        }
        assert!(pair.queue.enable_cb());
        works(&mut pair, event_idx, 10, 5);
    }
}

#[test]
fn a_chain_that_did_not_fit_before_forces_no_notification_afterwards() {
    let _guard = alone();
    let mut pair = pair::<Request>(SIZE, true, 0);
    pair.memory.hand_over();
    for tag in 0..4 {
        assert!(pair.queue.add(Request::new(tag, 1, 1)).is_ok());
    }
    assert!(pair.queue.add(Request::new(4, 1, 1)).unwrap_err().is_full());
    let proof = take_over(&pair.memory);
    assert_eq!(tags(&mut pair, &proof), [0, 1, 2, 3]);
    assert!(pair.queue.restart(&proof));
    pair.device = Device::new(pair.queue.pfn().unwrap(), SIZE, true);
    pair.device.suppress_notifications();
    assert!(pair.queue.add(Request::new(0, 1, 1)).is_ok());
    assert!(!pair.queue.kick_prepare());
}

#[test]
fn a_queue_with_chains_is_not_restarted() {
    let _guard = alone();
    let mut pair = pair::<Request>(SIZE, false, 0);
    pair.memory.hand_over();
    assert!(pair.queue.add(Request::new(0, 1, 1)).is_ok());
    let proof = take_over(&pair.memory);
    assert!(!pair.queue.restart(&proof));
    assert_eq!(tags(&mut pair, &proof), [0]);
    assert!(pair.queue.restart(&proof));
}

#[test]
fn a_queue_whose_memory_is_with_the_device_is_not_restarted() {
    let _guard = alone();
    let mut pair = pair::<Request>(SIZE, false, 0);
    pair.memory.hand_over();
    let proof = take_over(&pair.memory);
    pair.memory.hand_over();
    assert!(!pair.queue.restart(&proof));
    let proof = take_over(&pair.memory);
    assert!(pair.queue.restart(&proof));
}

#[test]
fn a_device_that_is_shut_out_has_no_memory_but_took_no_reset() {
    let _guard = alone();
    let mut pair = pair::<Request>(SIZE, false, 0);
    pair.memory.hand_over();
    assert!(pair.queue.add(Request::new(0, 1, 1)).is_ok());
    let stubborn = || Fake::new(7, false);
    assert!(pair.memory.take_over(&stubborn()).is_none());
    let proof = pair.memory.take_over(&stubborn().isolated()).unwrap();
    assert!(!proof.was_reset());
    assert_eq!(tags(&mut pair, &proof), [0]);
    assert!(take_over(&pair.memory).was_reset());
}
