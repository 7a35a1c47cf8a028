// SPDX-License-Identifier: GPL-2.0

//! Buffers and memory at the end of a device's life (rows T17, T51, T96, H14, H29).
//!
//! One test after the other: they count the blocks of memory that are alive.

mod common;

use std::sync::{
    atomic::Ordering,
    Arc,
    Mutex, //
};

use common::{
    pair,
    Request, //
};
use virtio_host_tests::{
    fake::Fake,
    memory::live_blocks,
    virtio::{
        platform::ABANDONED,
        shared::Slot,
        virtqueue::Violation, //
    },
};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_reset_gives_back_every_buffer_and_all_memory() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let before = live_blocks();
    for indirect in [0, 4] {
        let mut pair = pair::<Request>(16, false, indirect);
        pair.memory.hand_over();
        for tag in 0..5 {
            assert!(pair.queue.add(Request::new(tag, 1, 2)).is_ok());
        }
        let _ = pair.queue.kick_prepare();
        let chain = pair.device.take().unwrap();
        pair.device.give(u32::from(chain.head), 0);
        assert_eq!(pair.queue.pop().unwrap().token.tag, 0);

        let proof = pair.memory.take_over(&Fake::new(7, true)).unwrap();
        let mut tags: Vec<u64> = std::iter::from_fn(|| pair.queue.take_back(&proof))
            .map(|request| request.tag)
            .collect();
        tags.sort_unstable();
        assert_eq!(tags, [1, 2, 3, 4]);
        assert_eq!(pair.queue.free(), 16);
        assert_eq!(pair.queue.in_flight(), 0);
        assert_eq!(pair.queue.broken(), Some(Violation::Stopped));
    }
    assert_eq!(live_blocks(), before);
}

#[test]
fn memory_that_the_device_keeps_is_never_freed() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let before = (live_blocks(), ABANDONED.load(Ordering::Relaxed));
    {
        let mut pair = pair::<Request>(16, false, 4);
        pair.memory.hand_over();
        assert!(pair.queue.add(Request::new(0, 1, 1)).is_ok());
        let _ = pair.queue.kick_prepare();
        assert!(pair.memory.take_over(&Fake::new(7, false)).is_none());
        assert!(pair.memory.is_with_device());
    }
    // Ring, tables and both buffers of the request are still there.
    assert!(live_blocks() >= before.0 + 4);
    assert_eq!(ABANDONED.load(Ordering::Relaxed), before.1 + 1);
}

#[test]
fn a_device_that_is_gone_keeps_nothing() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let before = live_blocks();
    {
        let mut pair = pair::<Request>(16, false, 4);
        pair.memory.hand_over();
        assert!(pair.queue.add(Request::new(0, 1, 1)).is_ok());
        let proof = pair.memory.take_over(&Fake::new(0xff, false)).unwrap();
        assert!(pair.queue.take_back(&proof).is_some());
        assert!(pair.queue.take_back(&proof).is_none());
    }
    assert_eq!(live_blocks(), before);
}

#[test]
fn a_queue_of_another_device_keeps_its_buffers() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let ours = pair::<Request>(4, false, 0);
    let mut other = pair::<Request>(4, false, 0);
    ours.memory.hand_over();
    other.memory.hand_over();
    assert!(other.queue.add(Request::new(0, 1, 0)).is_ok());
    let proof = ours.memory.take_over(&Fake::new(7, true)).unwrap();
    assert!(other.queue.take_back(&proof).is_none());
    let proof = other.memory.take_over(&Fake::new(7, true)).unwrap();
    assert!(other.queue.take_back(&proof).is_some());
}

#[test]
fn slots_are_apart_and_free_their_block_with_the_last() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let before = live_blocks();
    let mut slots = Slot::<[u8; 24]>::table(1000).unwrap();
    assert!(live_blocks() > before);
    for (number, slot) in slots.iter_mut().enumerate() {
        assert_eq!(slot.read(), [0; 24]);
        slot.write([number as u8; 24]);
    }
    for (number, slot) in slots.iter().enumerate() {
        assert_eq!(slot.read(), [number as u8; 24]);
    }
    let last = slots.pop();
    drop(slots);
    assert_eq!(live_blocks(), before + 1);
    drop(last);
    assert_eq!(live_blocks(), before);
}

#[test]
fn queues_of_impossible_sizes_are_refused() {
    use virtio_host_tests::virtio::{
        core::layout::LayoutError,
        transport::DeviceMemory,
        virtqueue::{
            Parameters,
            SetupError,
            Virtqueue, //
        },
    };
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    for (size, why) in [
        (0, LayoutError::Missing),
        (3, LayoutError::Size(3)),
        (0x8001, LayoutError::Size(0x8001)),
        (0xffff, LayoutError::Size(0xffff)),
    ] {
        let parameters = Parameters {
            index: 0,
            size,
            event_idx: false,
            indirect: 0,
        };
        let result = Virtqueue::<Request>::new(&parameters, Arc::new(DeviceMemory::new()));
        assert_eq!(result.err(), Some(SetupError::Layout(why)));
    }
}
