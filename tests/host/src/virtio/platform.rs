// SPDX-License-Identifier: GPL-2.0

//! What the queue needs of the world around it, from `std`: the counterpart of
//! `drivers/virtio/platform.rs`.

use std::{
    mem::MaybeUninit,
    slice,
    sync::atomic::{
        fence,
        AtomicBool,
        AtomicU16,
        AtomicU64,
        Ordering, //
    },
};

use emulator::memory::stand_in::{
    self,
    Barrier,
    StandIn, //
};

pub use crate::{
    kernel_ext::phys::{
        DeviceWritable,
        PhysRange,
        PhysRanges, //
    },
    memory::{
        AllocError,
        ContiguousBytes,
        ContiguousPages, //
    },
};
pub use std::sync::Arc;

use crate::memory::{
    allocation,
    physical, //
};

/// Nothing stands in for memory.
const PLAIN: bool = cfg!(feature = "plain");

pub type Table<T> = Vec<T>;

pub fn table<T>(
    len: usize,
    entry: impl FnMut(usize) -> Result<T, AllocError>,
) -> Result<Table<T>, AllocError> {
    allocation()?;
    (0..len).map(entry).collect()
}

pub fn shared<T>(value: T) -> Result<Arc<T>, AllocError> {
    allocation()?;
    Ok(Arc::new(value))
}

pub struct Flag(AtomicBool);

impl Flag {
    pub const fn new(state: bool) -> Self {
        Self(AtomicBool::new(state))
    }

    pub fn set(&self, state: bool) {
        self.0.store(state, Ordering::Release);
    }

    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[derive(Default)]
pub struct Position(AtomicU16);

impl Position {
    pub fn set(&self, position: u16) {
        self.0.store(position, Ordering::Relaxed);
    }

    pub fn get(&self) -> u16 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }

    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn inc(&self) {
        self.add(1);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What stands in for the memory on this thread, if anything does.
#[inline]
fn stand_in() -> Option<Arc<dyn StandIn>> {
    if PLAIN {
        None
    } else {
        stand_in::current()
    }
}

/// Reads memory that the device may write.
///
/// # Safety
///
/// As for [`std::ptr::read_volatile`]; any bits are a `T`.
#[inline]
pub unsafe fn read_volatile<T: Copy>(at: *const T) -> T {
    let Some(stand_in) = stand_in() else {
        // SAFETY: The caller sees to it.
        return unsafe { at.read_volatile() };
    };
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: All of the value's bytes are initialised, and borrowed for the call.
    let bytes = unsafe { slice::from_raw_parts_mut(value.as_mut_ptr().cast(), size_of::<T>()) };
    stand_in.load(physical(at.cast()), bytes);
    // SAFETY: The caller says that any bits will do.
    unsafe { value.assume_init() }
}

/// Writes memory that the device may read.
///
/// # Safety
///
/// As for [`std::ptr::write_volatile`]; `T` has no padding.
#[inline]
pub unsafe fn write_volatile<T: Copy>(at: *mut T, value: T) {
    let Some(stand_in) = stand_in() else {
        // SAFETY: The caller sees to it.
        return unsafe { at.write_volatile(value) };
    };
    // SAFETY: The value's bytes are all initialised, as it has no padding.
    let bytes = unsafe { slice::from_raw_parts((&raw const value).cast(), size_of::<T>()) };
    stand_in.store(physical(at.cast()), bytes);
}

/// Tells what stands in for the memory of a barrier of the caller's.
#[track_caller]
#[inline]
fn barrier(kind: Barrier) {
    if !PLAIN {
        stand_in::barrier(kind);
    }
}

#[track_caller]
#[inline]
pub fn full_barrier() {
    barrier(Barrier::Full);
    fence(Ordering::SeqCst);
}

#[track_caller]
#[inline]
pub fn read_barrier() {
    barrier(Barrier::Read);
    fence(Ordering::Acquire);
}

#[track_caller]
#[inline]
pub fn write_barrier() {
    barrier(Barrier::Write);
    fence(Ordering::Release);
}

/// How often memory was left with a device, for the tests to look at.
pub static ABANDONED: AtomicU64 = AtomicU64::new(0);

pub fn report_abandoned(_what: &str) {
    ABANDONED.fetch_add(1, Ordering::Relaxed);
}
