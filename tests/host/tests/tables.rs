// SPDX-License-Identifier: GPL-2.0

//! Chains that are too long for the tables which are set aside (row T84).

mod common;

use std::sync::Mutex;

use common::{
    pair,
    Request, //
};
use virtio_host_tests::memory::{
    live_blocks,
    with_allocations, //
};

/// Blocks of all threads are counted.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_long_chain_has_a_table_as_long_as_it_is_in_the_ring() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let mut pair = pair::<Request>(8, false, 8);
    for segments in [5, 8] {
        let request = Request::new(0, 1, segments - 1);
        let before = live_blocks();
        assert!(pair.queue.add(request).is_ok());
        assert_eq!(live_blocks(), before + 1);
        let _ = pair.queue.kick_prepare();
        let chain = pair.device.take().unwrap();
        assert!(chain.indirect);
        assert_eq!(chain.segments.len(), segments as usize);
        pair.device.give(u32::from(chain.head), 0);
        let used = pair.queue.pop().unwrap();
        assert_eq!(live_blocks(), before);
        drop(used);
    }
    // A short one needs none.
    let request = Request::new(0, 1, 3);
    let before = live_blocks();
    assert!(pair.queue.add(request).is_ok());
    assert_eq!(live_blocks(), before);
    let _ = pair.queue.kick_prepare();
    assert!(pair.device.take().unwrap().indirect);
}

#[test]
fn a_long_chain_without_memory_for_a_table_goes_to_the_ring() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let mut pair = pair::<Request>(8, false, 8);
    let request = Request::new(7, 1, 5);
    assert!(with_allocations(0, || pair.queue.add(request)).is_ok());
    assert_eq!(pair.queue.free(), 2);
    let _ = pair.queue.kick_prepare();
    let chain = pair.device.take().unwrap();
    assert!(!chain.indirect);
    assert_eq!(chain.segments.len(), 6);
    // What does not fit waits for its turn.
    let request = Request::new(8, 2, 3);
    let refused = with_allocations(0, || pair.queue.add(request)).unwrap_err();
    assert!(refused.is_full());
    pair.device.give(u32::from(chain.head), 0);
    assert_eq!(pair.queue.pop().unwrap().token.tag, 7);
    assert_eq!(pair.queue.free(), 8);
    assert!(pair.queue.add(refused.token).is_ok());
    assert_eq!(pair.queue.free(), 7);
}
