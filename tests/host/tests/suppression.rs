// SPDX-License-Identifier: GPL-2.0

//! Notifications and interrupts, counted (rows T75, T77 to T83, T88, T93, T95).

mod common;

use common::{
    pair,
    Request, //
};

fn add(pair: &mut common::Pair<Request>, count: u64) {
    for tag in 0..count {
        assert!(pair.queue.add(Request::new(tag, 1, 0)).is_ok());
    }
}

/// Lets the device use everything; returns how many chains that was.
fn use_all(pair: &mut common::Pair<Request>) -> u64 {
    let mut count = 0;
    while let Some(chain) = pair.device.take() {
        pair.device.give(u32::from(chain.head), 0);
        count += 1;
    }
    count
}

#[test]
fn nothing_is_published_before_the_kick_and_a_batch_needs_one() {
    let mut pair = pair::<Request>(64, false, 0);
    add(&mut pair, 64);
    assert_eq!(pair.device.avail_idx(), 0);
    assert!(pair.queue.kick_prepare());
    assert_eq!(pair.device.avail_idx(), 64);
    assert!(!pair.queue.kick_prepare());
}

#[test]
fn the_no_notify_flag_is_obeyed() {
    let mut pair = pair::<Request>(8, false, 0);
    pair.device.suppress_notifications();
    add(&mut pair, 4);
    assert!(!pair.queue.kick_prepare());
    assert_eq!(pair.device.avail_idx(), 4);
    assert!(!pair.device.enable_notifications());
    add(&mut pair, 1);
    assert!(pair.queue.kick_prepare());
}

#[test]
fn the_available_event_is_obeyed_at_every_index() {
    let mut pair = pair::<Request>(8, true, 0);
    for round in 0..70_000_u32 {
        // The device asks to be told of the third of the next four chains.
        let base = pair.device.avail_idx();
        pair.device.write_avail_event(base.wrapping_add(2));
        for expected in [false, false, true, false] {
            add(&mut pair, 1);
            assert_eq!(pair.queue.kick_prepare(), expected, "round {round}");
        }
        assert_eq!(use_all(&mut pair), 4);
        while pair.queue.pop().is_some() {}
    }
}

#[test]
fn while_callbacks_are_off_the_device_never_interrupts() {
    for event_idx in [false, true] {
        let mut pair = pair::<Request>(8, event_idx, 0);
        add(&mut pair, 1);
        let _ = pair.queue.kick_prepare();
        use_all(&mut pair);
        assert!(pair.device.wants_interrupt());
        pair.queue.disable_cb();
        // More than twice round the indices.
        for _ in 0..50_000 {
            while pair.queue.pop().is_some() {}
            add(&mut pair, 3);
            let _ = pair.queue.kick_prepare();
            use_all(&mut pair);
            assert!(!pair.device.wants_interrupt());
        }
        // Switched on too late for what is there already: the driver is told by the result.
        assert!(!pair.queue.enable_cb());
        while pair.queue.pop().is_some() {}
        assert!(pair.queue.enable_cb());
        add(&mut pair, 1);
        let _ = pair.queue.kick_prepare();
        use_all(&mut pair);
        assert!(pair.device.wants_interrupt());
    }
}

#[test]
fn callbacks_switched_off_while_idle_stay_off() {
    let mut pair = pair::<Request>(8, true, 0);
    pair.queue.disable_cb();
    add(&mut pair, 4);
    let _ = pair.queue.kick_prepare();
    use_all(&mut pair);
    assert!(!pair.device.wants_interrupt());
}

#[test]
fn with_event_index_each_pop_asks_for_the_next_interrupt() {
    let mut pair = pair::<Request>(8, true, 0);
    add(&mut pair, 4);
    let _ = pair.queue.kick_prepare();
    use_all(&mut pair);
    for taken in 1..=4 {
        assert!(pair.queue.pop().is_some());
        assert_eq!(pair.device.used_event(), taken);
    }
}

#[test]
fn the_flags_are_not_touched_with_event_index() {
    let mut pair = pair::<Request>(8, true, 0);
    for _ in 0..100 {
        pair.queue.disable_cb();
        assert_eq!(pair.device.avail_flags(), 0);
        assert!(pair.queue.enable_cb());
        assert!(pair.queue.enable_cb_delayed());
        assert_eq!(pair.device.avail_flags(), 0);
    }
}

#[test]
fn without_event_index_the_flag_says_what_is_wanted() {
    let mut pair = pair::<Request>(8, false, 0);
    assert_eq!(pair.device.avail_flags(), 0);
    pair.queue.disable_cb();
    assert_eq!(pair.device.avail_flags(), 1);
    assert!(pair.queue.enable_cb());
    assert_eq!(pair.device.avail_flags(), 0);
    pair.queue.disable_cb();
    assert!(pair.queue.enable_cb_delayed());
    assert_eq!(pair.device.avail_flags(), 0);
}

#[test]
fn a_delayed_callback_comes_after_three_quarters() {
    let mut pair = pair::<Request>(64, true, 0);
    pair.queue.disable_cb();
    add(&mut pair, 64);
    let _ = pair.queue.kick_prepare();
    assert!(pair.queue.enable_cb_delayed());
    let mut used = 0;
    while let Some(chain) = pair.device.take() {
        pair.device.give(u32::from(chain.head), 0);
        used += 1;
        let due = pair.device.wants_interrupt();
        assert_eq!(due, used == 49, "after {used} of 64");
    }
}

#[test]
fn a_delayed_callback_comes_for_few_chains_too() {
    for outstanding in 1..=8_u16 {
        let mut pair = pair::<Request>(64, true, 0);
        pair.queue.disable_cb();
        add(&mut pair, outstanding.into());
        let _ = pair.queue.kick_prepare();
        assert!(pair.queue.enable_cb_delayed());
        let mut interrupts = 0;
        while let Some(chain) = pair.device.take() {
            pair.device.give(u32::from(chain.head), 0);
            interrupts += u32::from(pair.device.wants_interrupt());
        }
        assert_eq!(interrupts, 1, "{outstanding} outstanding");
    }
}

#[test]
fn chains_used_while_callbacks_are_enabled_are_not_lost() {
    for event_idx in [false, true] {
        let mut pair = pair::<Request>(8, event_idx, 0);
        pair.queue.disable_cb();
        add(&mut pair, 1);
        let _ = pair.queue.kick_prepare();
        let prepared = pair.queue.enable_cb_prepare();
        assert!(!pair.queue.poll(prepared));
        use_all(&mut pair);
        // Either the device interrupts or the poll sees it; here it must be both.
        assert!(pair.device.wants_interrupt());
        assert!(pair.queue.poll(prepared));
    }
}
