// SPDX-License-Identifier: GPL-2.0

//! What those who watch a device are told, and in which order.

use super::*;
use crate::{
    observe::{
        Event,
        Moment,
        Observer, //
    },
    virtio::device::Complain,
};

/// Writes each event down as `{:?}` has it.
#[derive(Default)]
struct Diary(Mutex<Vec<(Moment, String)>>);

impl Observer for Diary {
    fn see(&self, moment: Moment, event: &Event<'_>) {
        self.0.lock().unwrap().push((moment, format!("{event:?}")));
    }
}

impl Diary {
    /// What was told since the last time.
    fn news(&self) -> Vec<String> {
        let entries = std::mem::take(&mut *self.0.lock().unwrap());
        entries.into_iter().map(|(_, text)| text).collect()
    }
}

/// A bench whose device is watched.
fn watched(profile: &'static Profile) -> (Bench, Arc<Diary>) {
    let diary = Arc::new(Diary::default());
    let model = Arc::new(Echo::default());
    let silent: Complain = Arc::new(|_: &str| ());
    let list: Vec<Arc<dyn Observer>> = vec![diary.clone()];
    let device = Device::observed(model.clone(), 2, profile, silent, list);
    let ram = Ram::new();
    device
        .memory()
        .map(RAM, RAM_BYTES, Some((&ram.0, 0)), true)
        .unwrap();
    let bench = Bench {
        device: Arc::new(device),
        model,
        complaints: Arc::default(),
        ram,
    };
    (bench, diary)
}

fn expect(diary: &Diary, lines: &[&str]) {
    assert_eq!(diary.news(), lines);
}

#[test]
fn a_driver_that_sets_a_queue_up_is_followed_register_by_register() {
    let (bench, diary) = watched(QEMU);
    expect(&diary, &["Device { kind: Block, features: 1895825411, queues: [8, 8], config: 8, vectors: 2, profile: \"qemu\" }"]);
    bench.ring(3);
    bench.read(20, 4);
    expect(
        &diary,
        &[
            "Master(true)",
            "Register { write: true, offset: 18, config: None, data: [1] }",
            "Register { write: true, offset: 18, config: None, data: [3] }",
            "Register { write: true, offset: 4, config: None, data: [3, 0, 0, 0] }",
            "Features(3)",
            "Register { write: true, offset: 8, config: None, data: [0, 1, 0, 0] }",
            "QueueOn { queue: 0, frame: 256, size: 8 }",
            "Register { write: true, offset: 18, config: None, data: [7] }",
            "Register { write: false, offset: 20, config: Some(0), data: [0, 0, 0, 0] }",
        ],
    );
    bench.device.set_msix(true);
    bench.device.set_msix(true);
    bench.write(8, 4, 0);
    bench.device.set_master(true);
    expect(
        &diary,
        &[
            "Msix(true)",
            "Register { write: true, offset: 8, config: None, data: [0, 0, 0, 0] }",
            "Reset(Frame)",
        ],
    );
}

#[test]
fn the_way_of_a_chain_is_told_before_the_driver_can_notice() {
    let (bench, diary) = watched(QEMU);
    let mut ring = bench.ring(0);
    ring.chain(2, &[(DATA, 4, false), (DATA + 64, 8, true)]);
    ring.offer(2);
    diary.news();
    bench.write(16, 2, 0);
    bench.device.run(0);
    expect(
        &diary,
        &[
            "Register { write: true, offset: 16, config: None, data: [0, 0] }",
            "Kick { queue: 0, available: Some(1), taken: 0 }",
            "Chain { queue: 0, position: 0, available: 1, head: 2, table: None, pieces: [\
             Piece { index: 2, at: 1179648, len: 4, writable: false }, \
             Piece { index: 3, at: 1179712, len: 8, writable: true }] }",
            "Wish { queue: 0, wish: Off }",
            "Done { queue: 0, position: 0, head: 2, written: 4 }",
            "Wish { queue: 0, wish: On }",
            "Interrupt { queue: Some(0), via: Line }",
        ],
    );
    ring.set_avail_flags(1);
    ring.offer(2);
    bench.device.run(0);
    bench.write(16, 2, 0);
    bench.write(16, 2, 1);
    let news = diary.news();
    assert_eq!(news[4], "Held { queue: 0, by: Flags }");
    assert_eq!(news[6], "Kick { queue: 0, available: Some(2), taken: 2 }");
    assert_eq!(news[8], "Kick { queue: 1, available: None, taken: 0 }");
    bench.device.config_changed();
    expect(&diary, &["Interrupt { queue: None, via: Line }"]);
}

#[test]
fn event_indices_indirect_tables_and_vectors_are_told() {
    let (bench, diary) = watched(QEMU);
    let mut ring = bench.ring(0x3000_0000);
    bench.device.set_msix(true);
    bench.write(22, 2, 1);
    ring.describe_in(DATA + 0x100, 0, DATA, 4, 0, 0);
    ring.describe(5, DATA + 0x100, 16, 4, 0);
    ring.offer(5);
    diary.news();
    bench.device.run(0);
    expect(
        &diary,
        &[
            "Chain { queue: 0, position: 0, available: 1, head: 5, \
             table: Some(Table { at: 1179904, entries: 1 }), \
             pieces: [Piece { index: 0, at: 1179648, len: 4, writable: false }] }",
            "Done { queue: 0, position: 0, head: 5, written: 0 }",
            "Wish { queue: 0, wish: At(1) }",
            "Interrupt { queue: Some(0), via: Vector(1) }",
        ],
    );
    ring.offer(5);
    ring.set_used_event(7);
    bench.device.run(0);
    assert!(diary
        .news()
        .contains(&"Held { queue: 0, by: Event(7) }".to_string()));
    bench.device.config_changed();
    expect(&diary, &["Interrupt { queue: None, via: Nowhere }"]);
}

#[test]
fn resets_violations_and_stopped_queues_are_told_by_their_cause() {
    let (bench, diary) = watched(
        PROFILES
            .iter()
            .find(|profile| profile.name == "kvmtool")
            .unwrap(),
    );
    let mut ring = bench.ring(0);
    ring.describe(0, 0, 1, 0, 0);
    ring.offer(0);
    diary.news();
    bench.device.run(0);
    bench.device.run(0);
    expect(
        &diary,
        &["Violation { queue: 0, violation: Buffer { at: 0, len: 1 } }"],
    );
    bench.write(8, 4, 0);
    bench.write(18, 1, 0);
    let news = diary.news();
    assert_eq!(news[1], "QueueOff { queue: 0 }");
    assert_eq!(news[3], "Reset(Status)");
    bench.device.set_master(false);
    expect(&diary, &["Master(false)"]);
}

#[test]
fn the_numbers_have_no_gaps_whoever_causes_the_events() {
    let (bench, diary) = watched(QEMU);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| _ = bench.read(18, 1)));
        }
    });
    let entries = diary.0.lock().unwrap();
    assert_eq!(entries.len(), 801);
    let mut last = 0;
    for (sequence, (moment, _)) in (0..).zip(&*entries) {
        assert_eq!(moment.sequence, sequence);
        assert!(moment.micros >= last);
        last = moment.micros;
    }
}
