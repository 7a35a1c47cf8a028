// SPDX-License-Identifier: GPL-2.0

//! A device that lies breaks the queue and nothing else (rows T71, T72, T89 to T93, H1, H2, H7, H8,
//! H10).

mod common;

use common::{
    pair,
    Pair,
    Request, //
};
use virtio_host_tests::virtio::virtqueue::{
    AddReason,
    Violation, //
};

/// A pair with `count` requests with the device.
fn outstanding(count: u64) -> (Pair<Request>, Vec<u16>) {
    let mut pair = pair::<Request>(8, false, 0);
    for tag in 0..count {
        assert!(pair.queue.add(Request::new(tag, 1, 1)).is_ok());
    }
    assert!(count == 0 || pair.queue.kick_prepare());
    let mut heads = Vec::new();
    while let Some(chain) = pair.device.take() {
        heads.push(chain.head);
    }
    assert_eq!(heads.len() as u64, count);
    (pair, heads)
}

/// Everything a broken queue owes its owner.
fn assert_broken(pair: &mut Pair<Request>, why: Violation) {
    assert!(pair.queue.pop().is_none());
    assert_eq!(pair.queue.broken(), Some(why));
    // Every loop over the queue ends.
    assert!(!pair.queue.more_used());
    assert!(pair.queue.enable_cb());
    assert!(pair.queue.enable_cb_delayed());
    let prepared = pair.queue.enable_cb_prepare();
    assert!(!pair.queue.poll(prepared));
    assert!(!pair.queue.kick_prepare());
    let refused = pair.queue.add(Request::new(99, 1, 0)).unwrap_err();
    assert_eq!(refused.reason, AddReason::Broken);
    assert_eq!(refused.token.tag, 99);
}

#[test]
fn an_id_out_of_range_breaks_the_queue() {
    for id in [8, 0x1_0000, 0x1_0001, u32::MAX] {
        let (mut pair, _) = outstanding(2);
        pair.device.give(id, 0);
        assert_broken(&mut pair, Violation::UsedId(id));
    }
}

#[test]
fn an_id_that_is_not_a_head_breaks_the_queue() {
    let (mut pair, heads) = outstanding(2);
    // Each chain has two descriptors: the second one is no head.
    let second = heads[0] + 1;
    pair.device.give(u32::from(second), 0);
    assert_broken(&mut pair, Violation::NotOutstanding(second));
}

#[test]
fn a_completion_given_twice_breaks_the_queue() {
    let (mut pair, heads) = outstanding(2);
    pair.device.give(u32::from(heads[0]), 0);
    pair.device.give(u32::from(heads[0]), 0);
    assert_eq!(pair.queue.pop().map(|used| used.token.tag), Some(0));
    assert_broken(&mut pair, Violation::NotOutstanding(heads[0]));
}

#[test]
fn an_index_that_jumps_breaks_the_queue_before_stale_entries_are_believed() {
    for jump in [3, 9, 40_000, 65_535] {
        let (mut pair, _) = outstanding(2);
        pair.device.publish(jump);
        // The stale entry says id 0, which is outstanding: it must not be taken for an answer.
        assert_broken(
            &mut pair,
            Violation::UsedIndex {
                claimed: jump,
                outstanding: 2,
            },
        );
        assert_eq!(pair.queue.in_flight(), 2);
    }
}

#[test]
fn a_chain_the_device_cannot_know_yet_is_not_accepted() {
    let (mut pair, _) = outstanding(1);
    assert!(pair.queue.add(Request::new(1, 1, 1)).is_ok());
    // Head 2 is in the ring, but the index that covers it was not published.
    pair.device.give(2, 0);
    assert_broken(&mut pair, Violation::NotOutstanding(2));
}

#[test]
fn a_length_beyond_the_buffer_is_reported_and_not_believed() {
    for (claimed, believed) in [(0, Some(0)), (64, Some(64)), (65, None), (u32::MAX, None)] {
        let (mut pair, heads) = outstanding(1);
        pair.device.give(u32::from(heads[0]), claimed);
        let used = pair.queue.pop().unwrap();
        assert_eq!(used.claimed_len(), claimed);
        assert_eq!(used.writable(), 64);
        assert_eq!(used.checked_len(), believed);
    }
}

#[test]
fn scribbling_over_every_shared_field_changes_no_driver_state() {
    for fill in [0x00, 0xff, 0x55] {
        let (mut pair, heads) = outstanding(4);
        for index in 0..8 {
            pair.device.scribble_descriptor(index, fill);
        }
        pair.device.scribble_avail(fill);
        for (tag, head) in heads.iter().enumerate() {
            pair.device.give(u32::from(*head), 0);
            assert_eq!(
                pair.queue.pop().map(|used| used.token.tag),
                Some(tag as u64)
            );
        }
        // The free list is whole: the ring can be filled again, with sound chains.
        assert_eq!(pair.queue.free(), 8);
        for tag in 10..14 {
            assert!(pair.queue.add(Request::new(tag, 1, 1)).is_ok());
        }
        assert_eq!(pair.queue.free(), 0);
        let _ = pair.queue.kick_prepare();
        if fill == 0 {
            // Flags of zero are valid; with others the model would refuse the ring's header.
            let mut heads = std::collections::BTreeSet::new();
            while let Some(chain) = pair.device.take() {
                assert_eq!(chain.segments.len(), 2);
                assert!(heads.insert(chain.head));
            }
            assert_eq!(heads.len(), 4);
        }
    }
}

#[test]
fn whatever_the_device_asks_for_the_driver_only_sends_more_or_fewer_notifications() {
    for event_idx in [false, true] {
        let mut pair = pair::<Request>(4, event_idx, 0);
        for round in 0..1000_u16 {
            pair.device.write_avail_event(round.wrapping_mul(31_337));
            pair.device.write_used_flags(round.wrapping_mul(257));
            assert!(pair.queue.add(Request::new(1, 1, 0)).is_ok());
            let _ = pair.queue.kick_prepare();
            let chain = pair.device.take().unwrap();
            pair.device.give(u32::from(chain.head), 0);
            assert!(pair.queue.pop().is_some());
        }
        assert_eq!(pair.queue.broken(), None);
    }
}
