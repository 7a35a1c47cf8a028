// SPDX-License-Identifier: GPL-2.0

//! Synchronisation: numbers that one context writes and any reads.
//!
//! Would go to `rust/kernel/sync/counter.rs`.
//!
//! C header: [`include/asm-generic/rwonce.h`](srctree/include/asm-generic/rwonce.h)

use core::{
    cell::UnsafeCell,
    ptr::{
        read_volatile,
        write_volatile, //
    },
};

/// A 64-bit counter with one writer at a time and any number of readers.
///
/// The writers take turns by a lock or a context of their own; if they do not, counts get lost,
/// nothing worse. Orders nothing. Costs a plain load and store on 64-bit machines, where
/// `kernel::sync::atomic` calls a function for each.
pub struct Counter(UnsafeCell<u64>);

// SAFETY: All accesses are aligned volatile loads and stores of a machine word, `READ_ONCE` and
// `WRITE_ONCE` in C, which the kernel's memory model lets run at the same time.
unsafe impl Sync for Counter {}

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    /// Counts `n` more.
    #[inline]
    pub fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }

    /// Starts over from `n`, for a number that is not a count.
    #[inline]
    pub fn set(&self, n: u64) {
        // SAFETY: The cell is valid and aligned; others use volatile accesses too.
        unsafe { write_volatile(self.0.get(), n) };
    }

    /// Counts one more.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// The count.
    #[inline]
    pub fn get(&self) -> u64 {
        // SAFETY: As in `set`.
        unsafe { read_volatile(self.0.get()) }
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}
