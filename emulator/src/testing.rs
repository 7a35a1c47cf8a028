// SPDX-License-Identifier: GPL-2.0

//! What several tests need: scratch files, and a guest's side of a ring, told exactly what to write.

use std::{
    fs::{
        self,
        File, //
    },
    os::unix::fs::FileExt,
    path::PathBuf,
    process,
    sync::atomic::{
        AtomicU32,
        Ordering, //
    },
};

/// A path in the temporary folder that no other test uses.
pub fn scratch_path(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("emulator-test-{}-{number}-{name}", process::id()))
}

/// A file of zeroes that vanishes when it is closed.
pub fn scratch_file(size: u64) -> File {
    let path = scratch_path("file");
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    fs::remove_file(path).unwrap();
    file.set_len(size).unwrap();
    file
}

/// Guest-physical address of a guest's memory.
pub const RAM: u64 = 0x10_0000;
/// Bytes of it.
pub const RAM_BYTES: u64 = 0x10_0000;
/// Where free use begins: behind the first two rings.
pub const DATA: u64 = RAM + 0x2_0000;

/// Descriptor flags.
pub const NEXT: u16 = 1;
pub const WRITE: u16 = 2;
pub const INDIRECT: u16 = 4;

/// A guest's memory, as the guest accesses it.
pub struct Ram(pub File);

impl Ram {
    pub fn new() -> Self {
        Self(scratch_file(RAM_BYTES))
    }

    pub fn put(&self, at: u64, bytes: &[u8]) {
        self.0.write_all_at(bytes, at - RAM).unwrap();
    }

    pub fn get(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.read_exact_at(&mut bytes, at - RAM).unwrap();
        bytes
    }

    pub fn put_u16(&self, at: u64, value: u16) {
        self.put(at, &value.to_le_bytes());
    }

    pub fn get_u16(&self, at: u64) -> u16 {
        u16::from_le_bytes(self.get(at, 2).try_into().unwrap())
    }
}

/// A ring of 8 entries in a guest's memory; `base` is page aligned.
pub struct GuestRing<'a> {
    pub ram: &'a Ram,
    pub base: u64,
    pub avail: u16,
}

impl<'a> GuestRing<'a> {
    pub const SIZE: u16 = 8;

    pub fn new(ram: &'a Ram, base: u64) -> Self {
        Self {
            ram,
            base,
            avail: 0,
        }
    }

    pub fn pfn(&self) -> u32 {
        (self.base / 4096) as u32
    }

    /// Writes a descriptor into the table at `table`.
    pub fn describe_in(&self, table: u64, index: u16, at: u64, len: u32, flags: u16, next: u16) {
        let mut wire = at.to_le_bytes().to_vec();
        wire.extend(len.to_le_bytes());
        wire.extend(flags.to_le_bytes());
        wire.extend(next.to_le_bytes());
        self.ram.put(table + 16 * u64::from(index), &wire);
    }

    /// Writes a descriptor of the ring.
    pub fn describe(&self, index: u16, at: u64, len: u32, flags: u16, next: u16) {
        self.describe_in(self.base, index, at, len, flags, next);
    }

    /// Writes a chain of consecutive descriptors from `first` on: address, length, writable.
    pub fn chain(&self, first: u16, parts: &[(u64, u32, bool)]) {
        for (index, (at, len, writable)) in (first..).zip(parts) {
            let last = usize::from(index - first) + 1 == parts.len();
            let flags = if last { 0 } else { NEXT } | if *writable { WRITE } else { 0 };
            self.describe(index, *at, *len, flags, index + 1);
        }
    }

    /// Makes a head available.
    pub fn offer(&mut self, head: u16) {
        let slot = u64::from(self.avail % Self::SIZE);
        self.ram.put_u16(self.base + 128 + 4 + 2 * slot, head);
        self.avail = self.avail.wrapping_add(1);
        self.ram.put_u16(self.base + 128 + 2, self.avail);
    }

    pub fn set_avail_flags(&self, flags: u16) {
        self.ram.put_u16(self.base + 128, flags);
    }

    pub fn set_avail_index(&self, index: u16) {
        self.ram.put_u16(self.base + 128 + 2, index);
    }

    pub fn set_used_event(&self, event: u16) {
        self.ram.put_u16(self.base + 128 + 4 + 16, event);
    }

    pub fn used_flags(&self) -> u16 {
        self.ram.get_u16(self.base + 4096)
    }

    pub fn used_index(&self) -> u16 {
        self.ram.get_u16(self.base + 4096 + 2)
    }

    /// Head and length of the used entry for the free-running `index`.
    pub fn used_entry(&self, index: u16) -> (u32, u32) {
        let entry = self
            .ram
            .get(self.base + 4096 + 4 + 8 * u64::from(index % Self::SIZE), 8);
        let word = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap());
        (word(0), word(4))
    }

    pub fn avail_event(&self) -> u16 {
        self.ram.get_u16(self.base + 4096 + 4 + 64)
    }
}
