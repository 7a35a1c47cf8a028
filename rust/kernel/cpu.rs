// SPDX-License-Identifier: GPL-2.0

//! Which CPUs are online, and the time in which that does not change.
//!
//! C header: [`include/linux/cpu.h`](srctree/include/linux/cpu.h)
//!
//! Would go to `rust/kernel/cpu.rs`.

pub(crate) mod hotplug;

use core::marker::PhantomData;

use kernel::{
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    cpumask::Cpumask,
    types::NotThreadSafe, //
};

use super::bindings;

/// The proof that no CPU comes online or goes offline.
///
/// # Invariants
///
/// For `'a` this thread holds the lock of CPU hotplug, for reading or writing, or runs for someone
/// who does and waits.
pub struct Steady<'a> {
    _held: PhantomData<&'a ()>,
    _here: NotThreadSafe,
}

impl Steady<'_> {
    /// To be called where the type invariant holds.
    fn new() -> Self {
        Self {
            _held: PhantomData,
            _here: NotThreadSafe,
        }
    }

    /// The CPUs that are online, in order; at least one.
    pub fn online(&self) -> impl Iterator<Item = CpuId> + Clone + '_ {
        // SAFETY: The mask is valid for ever, and by the type invariant nobody writes to it.
        let mask = unsafe { Cpumask::from_raw(&raw const bindings::__cpu_online_mask) };
        (0..nr_cpu_ids())
            .filter_map(CpuId::from_u32)
            .filter(|cpu| mask.test(*cpu))
    }
}

/// Calls `f` while no CPU comes online or goes offline. May sleep.
pub fn with_cpus_steady<R>(f: impl FnOnce(&Steady<'_>) -> R) -> R {
    // SAFETY: The lock may be taken in process context, by one who does not hold it.
    unsafe { bindings::cpus_read_lock() };
    // INVARIANT: The lock is held until after `f`.
    let result = f(&Steady::new());
    // SAFETY: Taken above.
    unsafe { bindings::cpus_read_unlock() };
    result
}
