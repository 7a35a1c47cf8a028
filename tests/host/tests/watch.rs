// SPDX-License-Identifier: GPL-2.0

//! What is seen of a queue from outside is what its owner and the device have done (row T31).

mod common;

use common::{
    pair,
    Request, //
};
use virtio_host_tests::virtio::virtqueue::Violation;

#[test]
fn a_watcher_sees_every_step() {
    let mut pair = pair::<Request>(8, true, 0);
    let watch = pair.queue.watch();
    let new = watch.state();
    assert_eq!((new.size, new.free, new.added, new.used), (8, 8, 0, 0));

    for tag in 0..3 {
        assert!(pair.queue.add(Request::new(tag, 1, 1)).is_ok());
    }
    assert_eq!(watch.state().added, 0, "not told to the device yet");
    assert!(pair.queue.kick_prepare());
    let told = watch.state();
    assert_eq!((told.added, told.in_flight(), told.free), (3, 3, 2));
    assert_eq!((told.avail_idx, told.notifications), (3, 1));

    let head = pair.device.take().expect("three were added").head;
    pair.device.give(head.into(), 0);
    let given = watch.state();
    assert_eq!((given.used_idx, given.taken, given.waiting()), (1, 0, 1));
    assert_eq!((given.used, given.in_flight()), (0, 3));

    assert!(pair.queue.pop().is_some());
    let taken = watch.state();
    assert_eq!((taken.used, taken.taken, taken.waiting()), (1, 1, 0));
    assert_eq!((taken.free, taken.in_flight()), (4, 2));
}

#[test]
fn every_kick_is_counted_as_sent_or_suppressed() {
    let mut pair = pair::<Request>(64, false, 0);
    let watch = pair.queue.watch();
    for tag in 0..10 {
        assert!(pair.queue.add(Request::new(tag, 1, 1)).is_ok());
        pair.device.write_used_flags(u16::from(tag >= 4));
        assert_eq!(pair.queue.kick_prepare(), tag < 4);
        assert!(!pair.queue.kick_prepare(), "nothing new, nothing to count");
    }
    let state = watch.state();
    assert_eq!((state.notifications, state.suppressed), (4, 6));
    assert_eq!(state.used_flags, 1);
}

#[test]
fn the_reason_of_a_break_is_kept() {
    let mut pair = pair::<Request>(8, false, 0);
    let watch = pair.queue.watch();
    assert!(pair.queue.add(Request::new(1, 1, 1)).is_ok());
    assert!(pair.queue.kick_prepare());
    pair.device.give(1000, 0);
    assert!(pair.queue.pop().is_none());
    assert_eq!(watch.state().broken, Some(Violation::UsedId(1000)));
    pair.queue.break_now();
    assert_eq!(watch.state().broken, Some(Violation::UsedId(1000)));
}

#[test]
fn a_watcher_outlives_the_queue() {
    let mut pair = pair::<Request>(8, false, 0);
    let watch = pair.queue.watch();
    assert!(pair.queue.add(Request::new(1, 1, 1)).is_ok());
    assert!(pair.queue.kick_prepare());
    drop(pair);
    assert_eq!(watch.state().added, 1);
}
