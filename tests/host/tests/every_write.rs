// SPDX-License-Identifier: GPL-2.0

//! Every write that a device can make, in every order with the driver's calls, in rings of 1, 2 and
//! 4 entries, up to a number of steps (rows T71, T72, T89 to T93, H1, H2, H7, H8, H10).
//!
//! "Every write" is a value of each class that the driver could tell apart, into each field of the
//! shared memory: each id that is a descriptor, the first that is none, those that become one when
//! they are cut to 16 bits; each index up to beyond what is outstanding; and all ones into what the
//! device has no business with. What each of the driver's calls answers has to be what a model says.

use std::time::Instant;

use virtio_host_tests::{
    device::Field,
    liar::{
        Action,
        Kind,
        World, //
    },
};

/// What the driver may do.
const CALLS: [Action; 6] = [
    Action::Add(1, 0),
    Action::Kick,
    Action::Pop,
    Action::DisableCallbacks,
    Action::EnableCallbacks,
    Action::EnableCallbacksDelayed,
];

/// Everything that may happen with a ring of so many entries.
fn alphabet(size: u16) -> Vec<Action> {
    let entries = u64::from(size);
    let mut writes: Vec<(Field, u64)> = Vec::new();
    writes.extend((0..=entries + 1).map(|index| (Field::UsedIdx, index)));
    writes.extend([0x8000, 0xffff].map(|index| (Field::UsedIdx, index)));
    writes.extend([0, 1, 0xffff].map(|flags| (Field::UsedFlags, flags)));
    writes.extend([0, 1, entries, 0xffff].map(|event| (Field::AvailEvent, event)));
    for slot in 0..size {
        let ids = (0..=entries).chain([0xffff, 0x1_0000, 0xffff_ffff]);
        writes.extend(ids.map(|id| (Field::UsedId(slot), id)));
        writes.extend([1, 0xffff_ffff].map(|len| (Field::UsedLen(slot), len)));
        let own = [
            Field::Address(slot),
            Field::Len(slot),
            Field::Flags(slot),
            Field::Next(slot),
            Field::AvailEntry(slot),
        ];
        writes.extend(own.map(|field| (field, u64::MAX)));
    }
    let own = [Field::AvailFlags, Field::AvailIdx, Field::UsedEvent];
    writes.extend(own.map(|field| (field, u64::MAX)));
    let writes = writes
        .into_iter()
        .map(|(field, value)| Action::Write(field, value));
    CALLS.into_iter().chain(writes).collect()
}

/// Where the steps begin: nothing in the ring, one chain, a full ring of which the last chain was
/// not told yet, and a full ring of which one was used and nobody wants to know.
fn beginnings(size: u16) -> [Vec<Action>; 4] {
    let chain = [Action::Add(0, 1), Action::Kick];
    let mut full = chain.repeat(usize::from(size));
    let served = [&full[..], &[Action::DisableCallbacks, Action::Serve(0, 64)]].concat();
    full.pop();
    [Vec::new(), chain.to_vec(), full, served]
}

/// Takes every way of `steps` steps from every beginning, in every kind of queue; returns how many
/// there were, and how many of them broke the queue.
fn every_way(size: u16, steps: u32) -> (u64, u64) {
    let start = Instant::now();
    let alphabet = alphabet(size);
    let (mut ways, mut broken) = (0, 0);
    // A ring of one entry has no use for tables.
    let tables = if size > 1 { &[0, 4][..] } else { &[0] };
    let kinds = tables
        .iter()
        .flat_map(|indirect| [(false, *indirect), (true, *indirect)]);
    for (event_idx, indirect) in kinds {
        let mut world = World::new(Kind {
            size,
            event_idx,
            indirect,
        });
        for beginning in beginnings(size) {
            for number in 0..alphabet.len().pow(steps) {
                beginning.iter().for_each(|action| world.apply(*action));
                let mut digits = number;
                for _ in 0..steps {
                    world.apply(alphabet[digits % alphabet.len()]);
                    digits /= alphabet.len();
                }
                // What is in the ring by now is taken, as far as it can be.
                for _ in 0..=size {
                    world.apply(Action::Pop);
                }
                ways += 1;
                broken += u64::from(world.is_broken());
                world.apply(Action::Renew);
            }
        }
    }
    println!(
        "{size} entries, {} actions: {ways} ways of {steps} steps, {broken} broke the queue, {:.1} s",
        alphabet.len(),
        start.elapsed().as_secs_f64()
    );
    (ways, broken)
}

/// Both outcomes have to be common, or the ways show nothing.
fn assert_telling((ways, broken): (u64, u64)) {
    assert!(broken > ways / 20 && broken < ways, "{broken} of {ways}");
}

#[test]
fn in_a_ring_of_one_entry() {
    for steps in 1..=3 {
        assert_telling(every_way(1, steps));
    }
}

#[test]
fn in_a_ring_of_two_entries() {
    for steps in 1..=3 {
        assert_telling(every_way(2, steps));
    }
}

#[test]
fn in_a_ring_of_four_entries() {
    for steps in 1..=2 {
        assert_telling(every_way(4, steps));
    }
}
