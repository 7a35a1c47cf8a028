// SPDX-License-Identifier: GPL-2.0

//! Setting up without memory: each allocation fails once, and what came before it is freed (row T47).
//!
//! One test after the other: they count the blocks of memory that are alive.

use std::sync::{
    Arc,
    Mutex, //
};

use virtio_host_tests::{
    memory::{
        live_blocks,
        with_allocations,
        Buffer, //
    },
    virtio::{
        platform::AllocError,
        shared::Slot,
        transport::DeviceMemory,
        virtqueue::{
            Buffers,
            Chain,
            ChainError,
            Descriptors,
            Parameters,
            SetupError,
            Virtqueue, //
        },
    },
};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What the queues are for.
struct Token(Buffer);

impl Buffers for Token {
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        chain.writable(&self.0)
    }
}

/// Lets `set_up` fail at each of its allocations in turn, and returns how many it has.
fn fail_each<T, E>(set_up: impl Fn() -> Result<T, E>, expected: E) -> usize
where
    E: PartialEq + std::fmt::Debug,
{
    let before = live_blocks();
    for allowed in 0.. {
        match with_allocations(allowed, &set_up) {
            Ok(made) => {
                assert!(live_blocks() > before);
                drop(made);
                assert_eq!(live_blocks(), before);
                return allowed;
            }
            Err(error) => assert_eq!(error, expected),
        }
        assert_eq!(live_blocks(), before, "with {allowed} allocations");
    }
    unreachable!()
}

#[test]
fn a_queue_without_memory_is_refused_and_leaves_nothing_behind() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    // The ring with its reference count and the two private tables; the pages of short tables, a table of
    // these, one of where they are, and one of long tables.
    for (size, indirect, allocations) in [
        (1, 0, 4),
        (256, 0, 4),
        (256, 1, 4),
        (4, 2, 4 + 3 + 1),
        (256, 16, 4 + 3 + 4),
        (128, 128, 4 + 3 + 2),
    ] {
        let device = Arc::new(DeviceMemory::new());
        let set_up = || {
            let parameters = Parameters {
                index: 0,
                size,
                event_idx: true,
                indirect,
            };
            Virtqueue::<Token>::new(&parameters, device.clone())
        };
        assert_eq!(fail_each(set_up, SetupError::NoMemory), allocations);
        assert_eq!(Arc::strong_count(&device), 1);
    }
}

#[test]
fn slots_without_memory_are_refused_and_leave_nothing_behind() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    // The table, and for each block its memory and its reference count.
    assert_eq!(fail_each(|| Slot::<u64>::table(1), AllocError), 3);
    assert_eq!(fail_each(|| Slot::<u64>::table(512), AllocError), 3);
    assert_eq!(fail_each(|| Slot::<u64>::table(513), AllocError), 5);
    assert_eq!(fail_each(|| Slot::<[u8; 5000]>::table(3), AllocError), 7);
}
