// SPDX-License-Identifier: GPL-2.0

//! The queue against a guest that is told exactly what to write.

use super::*;
use crate::{
    memory::Memory,
    testing::{
        GuestRing,
        Ram,
        DATA,
        INDIRECT,
        NEXT,
        RAM,
        RAM_BYTES,
        WRITE, //
    },
};

const INDIRECT_DESC: u32 = features::INDIRECT_DESC.bits();
const EVENT_IDX: u32 = features::EVENT_IDX.bits();
const NOTIFY_ON_EMPTY: u32 = features::NOTIFY_ON_EMPTY.bits();

fn memory(ram: &Ram) -> Memory {
    let memory = Memory::default();
    memory.map(RAM, RAM_BYTES, Some((&ram.0, 0)), true).unwrap();
    memory
}

/// What the device says of a single chain with head 0 that `write` has laid out.
fn verdict(features: u32, write: impl FnOnce(&GuestRing<'_>)) -> Result<(usize, usize), Violation> {
    let ram = Ram::new();
    let memory = memory(&ram);
    let mut ring = GuestRing::new(&ram, RAM);
    write(&ring);
    ring.offer(0);
    let mut queue = Queue::new(ring.pfn(), GuestRing::SIZE, features);
    let view = memory.view();
    let chain = queue.take(&view)?.expect("a chain was offered");
    Ok((chain.readable.len(), chain.writable.len()))
}

#[test]
fn a_chain_is_taken_filled_and_given_back() {
    let ram = Ram::new();
    let memory = memory(&ram);
    let mut ring = GuestRing::new(&ram, RAM);
    let mut queue = Queue::new(ring.pfn(), GuestRing::SIZE, 0);
    let view = memory.view();
    assert!(queue.take(&view).unwrap().is_none());
    // More rounds than the index has values: everything wraps.
    for round in 0..70_000_u32 {
        let first = (round % 4) as u16;
        if round % 4096 < 8 {
            ram.put(DATA, &round.to_le_bytes());
            ring.chain(
                first,
                &[
                    (DATA, 2, false),
                    (DATA + 2, 2, false),
                    (DATA + 64, 3, true),
                    (DATA + 99, 5, true),
                ],
            );
        }
        ring.offer(first);
        let chain = queue.take(&view).unwrap().unwrap();
        assert_eq!(chain.head, first);
        if round % 4096 < 4 {
            let mut bytes = [0; 8];
            assert_eq!(chain.readable.read(1, &mut bytes), 3);
            assert_eq!(bytes[..3], round.to_le_bytes()[1..]);
            assert_eq!(chain.writable.write(2, &[1, 2, 3]), 3);
            assert_eq!(ram.get(DATA + 64, 3), [0, 0, 1]);
            assert_eq!(ram.get(DATA + 99, 3), [2, 3, 0]);
            assert_eq!(chain.writable.write(7, &[0, 0]), 1);
            chain.writable.write(0, &[0; 8]);
        }
        queue.give(&view, &[(chain.head, round)]).unwrap();
        assert_eq!(ring.used_index(), (round + 1) as u16);
        assert_eq!(ring.used_entry(round as u16), (u32::from(first), round));
    }
}

#[test]
fn an_available_index_beyond_the_ring_is_an_error() {
    let ram = Ram::new();
    let memory = memory(&ram);
    let ring = GuestRing::new(&ram, RAM);
    for index in [9, 0x8000, 0xffff] {
        ring.set_avail_index(index);
        let mut queue = Queue::new(ring.pfn(), GuestRing::SIZE, 0);
        let outcome = queue.take(&memory.view()).err();
        assert_eq!(outcome, Some(Violation::AvailIndex { ahead: index }));
    }
}

#[test]
fn a_ring_outside_memory_is_an_error() {
    let memory = memory(&Ram::new());
    let view = memory.view();
    for pfn in [0, 0xffff_ffff] {
        let mut queue = Queue::new(pfn, 32768, EVENT_IDX);
        assert!(matches!(queue.take(&view), Err(Violation::Ring(_))));
        assert!(matches!(
            queue.give(&view, &[(0, 0)]),
            Err(Violation::Ring(_))
        ));
        assert!(matches!(
            queue.enable_notifications(&view),
            Err(Violation::Ring(_))
        ));
    }
    // The descriptors are inside, the used ring is not.
    let last_page = ((RAM + RAM_BYTES) / 4096 - 1) as u32;
    let mut queue = Queue::new(last_page, 8, 0);
    assert!(queue.take(&view).unwrap().is_none());
    assert!(matches!(
        queue.suppress_notifications(&view),
        Err(Violation::Ring(_))
    ));
}

#[test]
fn heads_and_nexts_are_descriptors() {
    let ram = Ram::new();
    let memory = memory(&ram);
    for head in [8, 0xffff] {
        let mut ring = GuestRing::new(&ram, RAM);
        ring.offer(head);
        let mut queue = Queue::new(ring.pfn(), GuestRing::SIZE, 0);
        assert_eq!(
            queue.take(&memory.view()).err(),
            Some(Violation::Head(head))
        );
    }
    for next in [8, 0xffff] {
        let verdict = verdict(0, |ring| ring.describe(0, DATA, 1, NEXT, next));
        assert_eq!(verdict, Err(Violation::Next(next)));
    }
}

#[test]
fn loops_end() {
    assert_eq!(
        verdict(0, |ring| ring.describe(0, DATA, 1, NEXT, 0)),
        Err(Violation::Loop)
    );
    let two = |ring: &GuestRing<'_>| {
        ring.describe(0, DATA, 1, NEXT, 1);
        ring.describe(1, DATA, 1, NEXT, 0);
    };
    assert_eq!(verdict(0, two), Err(Violation::Loop));
    // The longest chain there is.
    assert_eq!(
        verdict(0, |ring| ring.chain(0, &[(DATA, 1, false); 8])),
        Ok((8, 0))
    );
}

#[test]
fn buffers_are_memory_and_not_empty() {
    assert_eq!(
        verdict(0, |ring| ring.describe(0, DATA, 0, 0, 0)),
        Err(Violation::Empty)
    );
    let end = RAM + RAM_BYTES;
    for (at, len) in [
        (0, 1),
        (end - 1, 2),
        (end, 1),
        (DATA, u32::MAX),
        (u64::MAX, 1),
        (u64::MAX, 2),
    ] {
        let verdict = verdict(0, |ring| ring.describe(0, at, len, WRITE, 0));
        assert_eq!(verdict, Err(Violation::Buffer { at, len }));
    }
    assert_eq!(
        verdict(0, |ring| ring.describe(0, end - 2, 2, WRITE, 0)),
        Ok((0, 2))
    );
}

#[test]
fn read_only_memory_cannot_be_lent_for_writing() {
    let ram = Ram::new();
    let memory = memory(&ram);
    memory
        .map(
            0,
            4096,
            Some((&crate::testing::scratch_file(4096), 0)),
            false,
        )
        .unwrap();
    for (flags, good) in [(0, true), (WRITE, false)] {
        let mut ring = GuestRing::new(&ram, RAM);
        ring.describe(0, 16, 16, flags, 0);
        ring.offer(0);
        let mut queue = Queue::new(ring.pfn(), GuestRing::SIZE, 0);
        assert_eq!(queue.take(&memory.view()).is_ok(), good);
    }
}

#[test]
fn readable_buffers_come_first() {
    let wrong = |ring: &GuestRing<'_>| ring.chain(0, &[(DATA, 4, true), (DATA, 4, false)]);
    assert_eq!(verdict(0, wrong), Err(Violation::Order));
}

/// A table at `DATA` for a single indirect descriptor.
fn table(ring: &GuestRing<'_>, len: u32, flags: u16) {
    ring.describe(0, DATA, len, flags, 0);
    for index in 0..4 {
        ring.describe_in(
            DATA,
            index,
            DATA + 4096,
            10,
            if index < 3 { NEXT } else { WRITE },
            index + 1,
        );
    }
}

#[test]
fn indirect_tables_are_followed_when_accepted() {
    assert_eq!(
        verdict(INDIRECT_DESC, |ring| table(ring, 64, INDIRECT)),
        Ok((30, 10))
    );
    // The write flag means nothing there.
    assert_eq!(
        verdict(INDIRECT_DESC, |ring| table(ring, 64, INDIRECT | WRITE)),
        Ok((30, 10))
    );
    assert_eq!(
        verdict(0, |ring| table(ring, 64, INDIRECT)),
        Err(Violation::IndirectNotAccepted)
    );
    // Ordinary descriptors may come before.
    let mixed = |ring: &GuestRing<'_>| {
        table(ring, 64, INDIRECT);
        ring.describe(1, DATA, 64, INDIRECT, 0);
        ring.describe(0, DATA + 512, 5, NEXT, 1);
    };
    assert_eq!(verdict(INDIRECT_DESC, mixed), Ok((35, 10)));
}

#[test]
fn indirect_tables_have_their_rules() {
    let of = |len, flags| verdict(INDIRECT_DESC, |ring| table(ring, len, flags));
    for len in [0, 1, 15, 17, 63] {
        assert_eq!(of(len, INDIRECT), Err(Violation::IndirectLength(len)));
    }
    assert_eq!(of(64, INDIRECT | NEXT), Err(Violation::IndirectNext));
    assert_eq!(of(48, INDIRECT), Err(Violation::Next(3)));
    assert_eq!(of(16 * 1025, INDIRECT), Err(Violation::TooLong(1025)));
    assert_eq!(
        of(0xffff_fff0, INDIRECT),
        Err(Violation::TooLong(0x0fff_ffff))
    );
    let nested = |ring: &GuestRing<'_>| {
        table(ring, 64, INDIRECT);
        ring.describe_in(DATA, 1, DATA, 64, INDIRECT, 0);
    };
    assert_eq!(
        verdict(INDIRECT_DESC, nested),
        Err(Violation::IndirectNested)
    );
    let looping = |ring: &GuestRing<'_>| {
        table(ring, 64, INDIRECT);
        ring.describe_in(DATA, 2, DATA, 1, NEXT, 0);
    };
    assert_eq!(verdict(INDIRECT_DESC, looping), Err(Violation::Loop));
    let outside = |ring: &GuestRing<'_>| ring.describe(0, u64::MAX - 15, 32, INDIRECT, 0);
    assert!(matches!(
        verdict(INDIRECT_DESC, outside),
        Err(Violation::Ring(_))
    ));
}

/// A queue that has given back `count` chains after the first decision.
fn after(features: u32, count: u16, prepare: impl FnOnce(&GuestRing<'_>)) -> bool {
    let ram = Ram::new();
    let memory = memory(&ram);
    let mut ring = GuestRing::new(&ram, RAM);
    let mut queue = Queue::new(ring.pfn(), GuestRing::SIZE, features);
    let view = memory.view();
    ring.describe(0, DATA, 1, 0, 0);
    let mut round = |queue: &mut Queue| {
        ring.offer(0);
        let head = queue.take(&view).unwrap().unwrap().head;
        queue.give(&view, &[(head, 0)]).unwrap();
    };
    round(&mut queue);
    assert!(queue.wants_interrupt(&view).unwrap());
    for _ in 0..count {
        round(&mut queue);
    }
    // One more is in the ring, so that it is not empty.
    ring.offer(0);
    prepare(&ring);
    queue.wants_interrupt(&view).unwrap()
}

#[test]
fn the_flag_holds_interrupts_back() {
    assert!(after(0, 1, |ring| ring.set_avail_flags(0)));
    assert!(!after(0, 1, |ring| ring.set_avail_flags(1)));
    assert!(!after(0, 0, |_| ()));
    // Without the event index the event is not looked at, with it the flag is not.
    assert!(after(0, 1, |ring| ring.set_used_event(77)));
    assert!(after(EVENT_IDX, 1, |ring| {
        ring.set_used_event(1);
        ring.set_avail_flags(1);
    }));
}

#[test]
fn the_event_decides_by_the_entries_given_back_since() {
    // The used index went from 1 to 4.
    for (event, wanted) in [
        (0, false),
        (1, true),
        (2, true),
        (3, true),
        (4, false),
        (0xffff, false),
    ] {
        assert_eq!(
            after(EVENT_IDX, 3, |ring| ring.set_used_event(event)),
            wanted,
            "{event}"
        );
    }
    for (event, wanted) in [
        (0xfffd, false),
        (0xfffe, true),
        (0xffff, true),
        (0, true),
        (1, false),
    ] {
        assert_eq!(passes(event, 0xfffe, 1), wanted, "{event:#x}");
    }
}

#[test]
fn an_empty_queue_notifies_in_spite_of_suppression() {
    let suppressed = |ring: &GuestRing<'_>| ring.set_avail_flags(1);
    assert!(!after(NOTIFY_ON_EMPTY, 1, suppressed));
    let emptied = |ring: &GuestRing<'_>| {
        ring.set_avail_flags(1);
        ring.set_avail_index(2);
    };
    assert!(after(NOTIFY_ON_EMPTY, 1, emptied));
    assert!(!after(0, 1, emptied));
}

#[test]
fn notifications_are_held_back_and_asked_for() {
    for features in [0, EVENT_IDX] {
        let ram = Ram::new();
        let memory = memory(&ram);
        let mut ring = GuestRing::new(&ram, RAM);
        let mut queue = Queue::new(ring.pfn(), GuestRing::SIZE, features);
        let view = memory.view();
        ring.describe(0, DATA, 1, 0, 0);
        ring.offer(0);
        queue.suppress_notifications(&view).unwrap();
        assert_eq!(ring.used_flags(), u16::from(features == 0));
        assert!(queue.enable_notifications(&view).unwrap());
        assert_eq!(ring.avail_event(), 0);
        queue.take(&view).unwrap();
        assert!(!queue.enable_notifications(&view).unwrap());
        assert_eq!(ring.used_flags(), 0);
        assert_eq!(ring.avail_event(), u16::from(features != 0));
    }
}

#[test]
fn chains_are_put_back_and_given_back_together() {
    let ram = Ram::new();
    let memory = memory(&ram);
    let mut ring = GuestRing::new(&ram, RAM);
    let mut queue = Queue::new(ring.pfn(), GuestRing::SIZE, 0);
    let view = memory.view();
    for head in 0..3 {
        ring.describe(head, DATA, 1, WRITE, 0);
        ring.offer(head);
    }
    for _ in 0..2 {
        assert_eq!(queue.take(&view).unwrap().unwrap().head, 0);
        assert_eq!(queue.take(&view).unwrap().unwrap().head, 1);
        queue.put_back(2);
    }
    for _ in 0..3 {
        queue.take(&view).unwrap();
    }
    queue.give(&view, &[(2, 7), (0, 8)]).unwrap();
    assert_eq!(ring.used_index(), 2);
    assert_eq!((ring.used_entry(0), ring.used_entry(1)), ((2, 7), (0, 8)));
}
