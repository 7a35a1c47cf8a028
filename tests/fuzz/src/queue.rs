// SPDX-License-Identifier: GPL-2.0

//! The queue beside its model, whatever driver and device do.

use virtio_host_tests::liar::{
    Action,
    Kind,
    World, //
};

/// The first byte says what kind of queue, the others what happens.
pub fn run(bytes: &[u8]) {
    let mut bytes = bytes.iter().copied();
    let Some(kind) = bytes.next() else { return };
    let mut world = World::new(Kind {
        size: 1 << (kind % 6),
        event_idx: kind & 0x40 != 0,
        indirect: if kind & 0x80 != 0 { 6 } else { 0 },
    });
    while let Some(action) = Action::take(&mut bytes) {
        world.apply(action);
    }
}
