// SPDX-License-Identifier: GPL-2.0

//! Memory of another process: mapped, copied in and out, never referred to.

use std::{
    ffi::{
        c_int,
        c_void, //
    },
    fs::File,
    io,
    marker::PhantomData,
    os::fd::AsRawFd,
    ptr,
    ptr::NonNull,
    sync::atomic::{
        AtomicU16,
        Ordering, //
    },
};

use super::IoVec;

extern "C" {
    fn mmap(
        at: *mut c_void,
        len: usize,
        prot: c_int,
        flags: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn munmap(at: *mut c_void, len: usize) -> c_int;
}

const PROT_READ: c_int = 1;
const PROT_WRITE: c_int = 2;
const MAP_SHARED: c_int = 1;

/// A part of a file, mapped and shared with other processes, which may write it at any time.
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    writable: bool,
}

// SAFETY: The mapping belongs to the process; it is accessed as `Bytes` says, from any thread.
unsafe impl Send for Mapping {}
// SAFETY: As for `Send`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `file` from `offset` on.
    ///
    /// # Errors
    ///
    /// Those of mmap(2); `InvalidInput` when the file ends before, where an access would be fatal.
    pub fn new(file: &File, offset: u64, len: u64, writable: bool) -> io::Result<Self> {
        let end = offset.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
        let size = file.metadata()?.len();
        let (Ok(start), Ok(length)) = (i64::try_from(offset), usize::try_from(len)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if end > size || len == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let prot = if writable {
            PROT_READ | PROT_WRITE
        } else {
            PROT_READ
        };
        // SAFETY: A new mapping at an address of the kernel's choice touches no existing memory.
        let at = unsafe {
            mmap(
                ptr::null_mut(),
                length,
                prot,
                MAP_SHARED,
                file.as_raw_fd(),
                start,
            )
        };
        // MAP_FAILED is the last address.
        if at.addr() == usize::MAX {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(at.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self {
            start,
            len: length,
            writable,
        })
    }

    /// All of it.
    pub fn bytes(&self) -> Bytes<'_> {
        Bytes {
            start: self.start,
            len: self.len,
            writable: self.writable,
            mapping: PhantomData,
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `new` has mapped exactly this; every `Bytes` borrows from `self`. A failure is
        // impossible for a range that is mapped, and would leave it mapped.
        unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Bytes of a [`Mapping`]. There are never references to them: they are copied in and out.
///
/// # Invariants
///
/// The `len` bytes at `start` are mapped for as long as `'a`, for writing if `writable`.
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    start: NonNull<u8>,
    len: usize,
    writable: bool,
    mapping: PhantomData<&'a Mapping>,
}

// SAFETY: As for `Mapping`, from which it borrows.
unsafe impl Send for Bytes<'_> {}

impl<'a> Bytes<'a> {
    /// For the operating system to read or write; the caller sees to `'a` and to writability.
    pub(super) fn io_vec(&self) -> IoVec {
        IoVec {
            base: self.start.as_ptr().cast(),
            len: self.len,
        }
    }

    /// How many they are.
    #[expect(
        clippy::len_without_is_empty,
        reason = "emptiness is of no interest here"
    )]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether they may be written.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// `len` of the bytes, from `from` on, if there are so many.
    pub fn part(&self, from: usize, len: usize) -> Option<Bytes<'a>> {
        if from.checked_add(len)? > self.len {
            return None;
        }
        // SAFETY: `from` is at most the length.
        let start = unsafe { self.start.add(from) };
        // INVARIANT: A part of mapped bytes is mapped likewise.
        Some(Bytes {
            start,
            len,
            ..*self
        })
    }

    /// Copies them all to `into`, which has the same length.
    ///
    /// Returns whether it was so.
    pub fn read(&self, into: &mut [u8]) -> bool {
        if into.len() != self.len {
            return false;
        }
        // SAFETY: By the invariant and the check. Another process may write meanwhile: then any
        // bytes are read, and `u8` can hold them all.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr(), into.as_mut_ptr(), self.len) };
        true
    }

    /// Overwrites them all with `from`, which has the same length.
    ///
    /// Returns whether it was so and they may be written.
    pub fn write(&self, from: &[u8]) -> bool {
        if from.len() != self.len || !self.writable {
            return false;
        }
        // SAFETY: By the invariant and the check.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), self.start.as_ptr(), self.len) };
        true
    }

    /// Reads the first two bytes at once, as the guest's processor does; they must be aligned.
    pub fn load_u16(&self) -> Option<u16> {
        if self.len < 2 || self.start.as_ptr().addr() % 2 != 0 {
            return None;
        }
        // SAFETY: By the invariant and the check; all of the process's accesses that need to be
        // atomic are.
        let value = unsafe { AtomicU16::from_ptr(self.start.as_ptr().cast()) };
        Some(value.load(Ordering::Relaxed))
    }

    /// Writes the first two bytes at once; they must be aligned. Returns whether it was possible.
    pub fn store_u16(&self, new: u16) -> bool {
        if self.len < 2 || self.start.as_ptr().addr() % 2 != 0 || !self.writable {
            return false;
        }
        // SAFETY: As in `load_u16`.
        let value = unsafe { AtomicU16::from_ptr(self.start.as_ptr().cast()) };
        value.store(new, Ordering::Relaxed);
        true
    }
}
