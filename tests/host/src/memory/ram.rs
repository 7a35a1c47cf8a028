// SPDX-License-Identifier: GPL-2.0

//! A guest's memory: one file that exists in memory alone. The driver's side has it mapped here; a
//! device maps it for itself, at another address, as it does with the memory of a real guest.

use std::{
    ffi::{
        c_int,
        c_void, //
    },
    fs::File,
    os::fd::AsRawFd,
    ptr,
    sync::OnceLock, //
};

use emulator::{
    memory::Memory,
    sys, //
};

extern "C" {
    fn mmap(
        at: *mut c_void,
        len: usize,
        prot: c_int,
        flags: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn madvise(at: *mut c_void, len: usize, advice: c_int) -> c_int;
}

const PROT_READ_WRITE: c_int = 3;
const MAP_SHARED: c_int = 1;
const MADV_REMOVE: c_int = 9;

/// Physical address of the first byte.
pub const START: u64 = 0x10_0000;

/// Physical address of the end. Addresses are never used twice, so there have to be many; a page
/// takes memory only while it holds something.
pub const END: u64 = START + (1 << if cfg!(feature = "plain") { 33 } else { 40 });

/// The memory, and where it is mapped.
pub struct Ram {
    file: File,
    start: *mut u8,
}

// SAFETY: The mapping stays for the life of the process and is accessed through raw pointers.
unsafe impl Send for Ram {}
// SAFETY: As for `Send`.
unsafe impl Sync for Ram {}

impl Ram {
    /// The one there is, made at first use.
    pub fn get() -> &'static Self {
        static RAM: OnceLock<Ram> = OnceLock::new();
        RAM.get_or_init(Self::new)
    }

    fn new() -> Self {
        let file = sys::memory_file(END - START).unwrap();
        let len = (END - START) as usize;
        // SAFETY: A new mapping at an address of the kernel's choice touches no existing memory.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                PROT_READ_WRITE,
                MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        assert!(start.addr() != usize::MAX, "the memory cannot be mapped");
        Self {
            file,
            start: start.cast(),
        }
    }

    /// Where the driver's side has the byte at a physical address, which is inside the memory.
    pub fn at(&self, phys: u64) -> *mut u8 {
        assert!((START..END).contains(&phys));
        // SAFETY: Just checked.
        unsafe { self.start.add((phys - START) as usize) }
    }

    /// The physical address of a byte that the driver's side has at `host`.
    pub fn phys(&self, host: *const u8) -> u64 {
        let offset = host.addr().checked_sub(self.start.addr()).unwrap();
        START + offset as u64
    }

    /// Frees whole pages; they hold zeroes from then on.
    pub fn forget(&self, phys: u64, bytes: usize) {
        // SAFETY: The pages belong to a block that is being freed.
        let result = unsafe { madvise(self.at(phys).cast(), bytes, MADV_REMOVE) };
        assert_eq!(result, 0, "{bytes} bytes at {phys:#x} cannot be freed");
    }
}

/// Maps all of it for a device.
pub fn lend(memory: &Memory) {
    memory
        .map(START, END - START, Some((&Ram::get().file, 0)), true)
        .unwrap();
}
