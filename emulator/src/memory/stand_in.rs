// SPDX-License-Identifier: GPL-2.0

//! Something that stands in for shared memory in one thread, so that a test decides in which order
//! accesses become visible. Buffers are not concerned, only the fields of rings and tables.

use std::{
    cell::RefCell,
    panic::Location,
    sync::Arc, //
};

/// A kind of barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// Of all accesses.
    Full,
    /// Of reads against reads.
    Read,
    /// Of writes against writes.
    Write,
}

/// What is called in place of memory. All of its addresses are memory.
pub trait StandIn {
    /// Reads `into.len()` bytes at once from guest-physical address `at`.
    fn load(&self, at: u64, into: &mut [u8]);

    /// Writes `from` at once to `at`.
    fn store(&self, at: u64, from: &[u8]);

    /// A barrier, at a place in the source.
    fn barrier(&self, kind: Barrier, place: &'static Location<'static>);
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<dyn StandIn>>> = const { RefCell::new(None) };
}

/// Makes `stand_in`, or nothing, stand in for memory in this thread.
pub fn set(stand_in: Option<Arc<dyn StandIn>>) {
    CURRENT.set(stand_in);
}

/// What stands in for memory in this thread.
pub fn current() -> Option<Arc<dyn StandIn>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Passes a barrier on to what stands in.
#[track_caller]
pub fn barrier(kind: Barrier) {
    if let Some(stand_in) = current() {
        stand_in.barrier(kind, Location::caller());
    }
}
