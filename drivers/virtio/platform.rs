// SPDX-License-Identifier: GPL-2.0

//! What the queue needs of the world around it: memory and how it is accessed, reference counts and
//! barriers.
//!
//! This file maps those needs to the kernel. The host tests bring a file of the same name that
//! maps them to `std`, which is how the same queue runs in both places.

use core::sync::atomic::{
    compiler_fence,
    Ordering::AcqRel, //
};

use kernel::{
    alloc::flags::GFP_KERNEL,
    fmt,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        barrier, //
    },
};

use super::core::{
    features::Names,
    ring::Violation, //
};

pub use crate::kernel_ext::{
    mm::contiguous::{
        ContiguousBytes,
        ContiguousPages, //
    },
    phys::{
        DeviceWritable,
        PhysRange,
        PhysRanges, //
    },
    sync::Counter, //
};
/// How ring memory is accessed: once each, while the device may access it too.
pub use core::ptr::{
    read_volatile,
    write_volatile, //
};
pub use kernel::{
    alloc::AllocError,
    sync::Arc, //
};

/// A table of private bookkeeping, sized once.
pub type Table<T> = KVVec<T>;

/// Allocates a table of `len` entries, each made by `entry` from its number.
///
/// # Errors
///
/// [`AllocError`] when there is no memory, or when `entry` says so.
pub fn table<T>(
    len: usize,
    mut entry: impl FnMut(usize) -> Result<T, AllocError>,
) -> Result<Table<T>, AllocError> {
    let mut table = KVVec::with_capacity(len, GFP_KERNEL)?;
    for number in 0..len {
        table.push(entry(number)?, GFP_KERNEL)?;
    }
    Ok(table)
}

/// Allocates a shared, reference-counted value.
///
/// # Errors
///
/// [`AllocError`] when there is no memory.
pub fn shared<T>(value: T) -> Result<Arc<T>, AllocError> {
    Arc::new(value, GFP_KERNEL)
}

/// A flag that is raised by one thread and seen by others.
pub struct Flag(Atomic<bool>);

impl Flag {
    /// A flag in the given state.
    pub const fn new(state: bool) -> Self {
        Self(Atomic::new(state))
    }

    /// Sets the flag, after everything the caller did before.
    pub fn set(&self, state: bool) {
        self.0.store(state, Release);
    }

    /// Reads the flag, before everything the caller does afterwards.
    pub fn get(&self) -> bool {
        self.0.load(Acquire)
    }
}

/// A position in a ring, moved by one thread and looked at by others, who may see an older one.
#[derive(Default)]
pub struct Position(Counter);

impl Position {
    /// Moves it.
    #[inline]
    pub fn set(&self, position: u16) {
        self.0.set(position.into());
    }

    /// Looks at it.
    #[inline]
    pub fn get(&self) -> u16 {
        // CAST: Only 16-bit values are stored.
        self.0.get() as u16
    }
}

/// Orders all memory accesses before it against all after it, as another CPU or a device that
/// runs on another CPU of the host sees them.
///
/// A kernel for one CPU compiles `smp_mb` away, but its device still runs beside it: there the
/// mandatory barrier stands in, as `virt_mb` does in C.
#[inline]
pub fn full_barrier() {
    if cfg!(CONFIG_SMP) {
        barrier::smp_mb(barrier::Full);
    } else {
        barrier::mb(barrier::Full);
    }
}

/// Whether CPUs of this kind perform reads in order, and writes in order, so that only the compiler
/// has to be told. The kernel's barrier is then a call that does nothing.
const IN_ORDER: bool = cfg!(target_arch = "x86_64");

/// Orders reads before it against reads after it.
#[inline]
pub fn read_barrier() {
    if IN_ORDER {
        compiler_fence(AcqRel);
    } else if cfg!(CONFIG_SMP) {
        barrier::smp_mb(barrier::Read);
    } else {
        barrier::mb(barrier::Read);
    }
}

/// Orders writes before it against writes after it.
#[inline]
pub fn write_barrier() {
    if IN_ORDER {
        compiler_fence(AcqRel);
    } else if cfg!(CONFIG_SMP) {
        barrier::smp_mb(barrier::Write);
    } else {
        barrier::mb(barrier::Write);
    }
}

/// Reports a block of memory that a device may still write and that is therefore never freed.
pub fn report_abandoned(what: &str) {
    pr_err!("{what} is still with the device and stays allocated\n");
}

// The kernel's formatting has its own trait; the pure types know the one of `core` alone.
impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}
