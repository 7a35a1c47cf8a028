// SPDX-License-Identifier: GPL-2.0

//! Physical memory as driver and device see it.
//!
//! Blocks get addresses of their own, far apart, so that the model device which is given a wrong
//! address or length finds nothing there, and one that keeps an address too long finds nothing any
//! more. The emulator's device maps all of it, as it maps a guest's.

mod ram;

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::Mutex, //
};

use crate::kernel_ext::phys::{
    DeviceWritable,
    PhysRange,
    PhysRanges, //
};

pub use ram::lend;

use ram::Ram;

const PAGE: usize = 4096;

/// No memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

thread_local! {
    /// Allocations of this thread that still succeed; `None` for all.
    static ALLOWANCE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs `f` with this thread's allocations failing after the first `allowed`, blocks and private
/// tables alike.
pub fn with_allocations<R>(allowed: usize, f: impl FnOnce() -> R) -> R {
    ALLOWANCE.set(Some(allowed));
    let result = f();
    ALLOWANCE.set(None);
    result
}

/// Counts an allocation.
pub fn allocation() -> Result<(), AllocError> {
    let left = match ALLOWANCE.get() {
        None => return Ok(()),
        Some(left) => left.checked_sub(1).ok_or(AllocError)?,
    };
    ALLOWANCE.set(Some(left));
    Ok(())
}

struct Map {
    next: u64,
    /// The live blocks: bytes by physical address.
    blocks: BTreeMap<u64, usize>,
}

static MAP: Mutex<Map> = Mutex::new(Map {
    next: ram::START,
    blocks: BTreeMap::new(),
});

/// The host address of `len` bytes at a physical address; panics if they are not one live block.
pub fn translate(phys: u64, len: usize) -> *mut u8 {
    let map = MAP.lock().unwrap();
    let (start, size) = map
        .blocks
        .range(..=phys)
        .next_back()
        .unwrap_or_else(|| panic!("no memory at {phys:#x}"));
    let offset = (phys - start) as usize;
    assert!(
        offset + len <= *size,
        "{len} bytes at {phys:#x} are not memory lent to the device"
    );
    Ram::get().at(phys)
}

/// The physical address of a byte of the memory.
pub fn physical(host: *const u8) -> u64 {
    Ram::get().phys(host)
}

/// The number of live blocks, to find leaks.
pub fn live_blocks() -> usize {
    MAP.lock().unwrap().blocks.len()
}

/// A zeroed, page-aligned block, as the kernel's type of this name.
pub struct ContiguousPages {
    host: *mut u8,
    phys: u64,
    bytes: usize,
}

impl ContiguousPages {
    pub fn new(bytes: usize) -> Result<Self, AllocError> {
        allocation()?;
        let mut map = MAP.lock().unwrap();
        let phys = map.next;
        // An unused page between blocks.
        let end = phys + (bytes.next_multiple_of(PAGE) + PAGE) as u64;
        if end > Ram::get().end() {
            return Err(AllocError);
        }
        map.next = end;
        map.blocks.insert(phys, bytes);
        Ram::get().allot(phys, bytes.next_multiple_of(PAGE));
        let host = Ram::get().at(phys);
        Ok(Self { host, phys, bytes })
    }

    pub fn as_ptr(&self) -> *mut u8 {
        self.host
    }

    pub fn phys(&self) -> u64 {
        self.phys
    }
}

impl Drop for ContiguousPages {
    fn drop(&mut self) {
        MAP.lock().unwrap().blocks.remove(&self.phys);
        Ram::get().forget(self.phys, self.bytes.next_multiple_of(PAGE));
    }
}

// SAFETY: Plain memory.
unsafe impl Send for ContiguousPages {}
// SAFETY: Through a shared reference only addresses can be had.
unsafe impl Sync for ContiguousPages {}

/// Contiguous memory of any size, as the kernel's type of this name.
pub struct ContiguousBytes(ContiguousPages);

impl ContiguousBytes {
    pub fn new(bytes: usize) -> Result<Self, AllocError> {
        ContiguousPages::new(bytes).map(Self)
    }

    pub fn as_ptr(&self) -> *mut u8 {
        self.0.as_ptr()
    }

    pub fn phys(&self) -> u64 {
        self.0.phys()
    }
}

/// A buffer of a test, in any number of segments.
pub struct Buffer {
    pages: ContiguousPages,
    segments: u32,
    segment_bytes: u32,
}

impl Buffer {
    pub fn new(segments: u32, segment_bytes: u32) -> Self {
        Self {
            pages: ContiguousPages::new((segments * segment_bytes) as usize).unwrap(),
            segments,
            segment_bytes,
        }
    }

    pub fn segments(&self) -> u32 {
        self.segments
    }

    pub fn fill(&mut self, byte: u8) {
        let len = (self.segments * self.segment_bytes) as usize;
        // SAFETY: The block has this many bytes.
        unsafe { std::ptr::write_bytes(self.pages.as_ptr(), byte, len) };
    }

    pub fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= (self.segments * self.segment_bytes) as usize);
        // SAFETY: Just checked.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.pages.as_ptr(), bytes.len()) };
    }

    pub fn byte(&self, at: usize) -> u8 {
        assert!(at < (self.segments * self.segment_bytes) as usize);
        // SAFETY: Just checked.
        unsafe { self.pages.as_ptr().add(at).read_volatile() }
    }
}

// SAFETY: The ranges lie inside the block, which lives as long as `self`.
unsafe impl PhysRanges for Buffer {
    #[inline]
    fn for_each_range<E>(&self, mut f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        for segment in 0..self.segments {
            let addr = self.pages.phys() + u64::from(segment * self.segment_bytes);
            // SAFETY: As above.
            f(unsafe { PhysRange::new(addr, self.segment_bytes) })?;
        }
        Ok(())
    }

    #[inline]
    fn single_range(&self) -> Option<PhysRange> {
        // SAFETY: As above.
        (self.segments == 1)
            .then(|| unsafe { PhysRange::new(self.pages.phys(), self.segment_bytes) })
    }
}

// SAFETY: Tests look at the memory only by volatile reads.
unsafe impl DeviceWritable for Buffer {}
