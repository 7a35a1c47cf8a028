// SPDX-License-Identifier: GPL-2.0

//! Files: straight to and from guest memory, holes, zeroes, locks.

use std::{
    ffi::c_int,
    fs::File,
    io,
    os::fd::AsRawFd, //
};

use super::{
    Bytes,
    IoVec, //
};

extern "C" {
    fn preadv(fd: c_int, parts: *const IoVec, count: c_int, offset: i64) -> isize;
    fn pwritev(fd: c_int, parts: *const IoVec, count: c_int, offset: i64) -> isize;
    fn fallocate(fd: c_int, mode: c_int, offset: i64, len: i64) -> c_int;
    fn flock(fd: c_int, operation: c_int) -> c_int;
}

const EOPNOTSUPP: i32 = 95;
const KEEP_SIZE: c_int = 1;
const PUNCH_HOLE: c_int = 2;
const ZERO_RANGE: c_int = 0x10;
const LOCK_SHARED: c_int = 1;
const LOCK_EXCLUSIVE: c_int = 2;
const LOCK_NOW: c_int = 4;

/// Most parts of one call.
const MAX_PARTS: usize = 1024;

type Transfer = unsafe extern "C" fn(c_int, *const IoVec, c_int, i64) -> isize;

/// Moves all bytes of `parts` between memory and the file from `offset` on.
///
/// # Safety
///
/// `transfer` is `preadv` with parts that may be written, or `pwritev`.
unsafe fn transfer(
    transfer: Transfer,
    file: &File,
    parts: &mut dyn Iterator<Item = Bytes<'_>>,
    mut offset: u64,
) -> io::Result<()> {
    let mut parts = parts.peekable();
    let mut vectors: Vec<IoVec> = Vec::new();
    while parts.peek().is_some() {
        vectors.clear();
        vectors.extend(parts.by_ref().take(MAX_PARTS).map(|part| part.io_vec()));
        let mut first = 0;
        while first < vectors.len() {
            let at = i64::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
            // CAST: At most `MAX_PARTS`.
            let count = (vectors.len() - first) as c_int;
            // SAFETY: The vectors are of `Bytes`, which are mapped for as long as `parts` lives;
            // the kernel copies as other processes do. The rest is the caller's word.
            let moved = unsafe { transfer(file.as_raw_fd(), vectors[first..].as_ptr(), count, at) };
            match usize::try_from(moved) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(moved) => {
                    // CAST: Widening.
                    offset += moved as u64;
                    first = advance(&mut vectors, first, moved);
                }
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Takes `moved` bytes off the front; returns the first vector that is left.
fn advance(vectors: &mut [IoVec], mut first: usize, mut moved: usize) -> usize {
    while let Some(vector) = vectors.get_mut(first) {
        if moved < vector.len {
            vector.base = vector.base.wrapping_byte_add(moved);
            vector.len -= moved;
            break;
        }
        moved -= vector.len;
        first += 1;
    }
    first
}

/// Reads into memory that may be written.
///
/// # Errors
///
/// Those of preadv(2); `UnexpectedEof` when the file ends before, `PermissionDenied` for memory
/// that may not be written.
pub fn read_at<'a>(
    file: &File,
    parts: impl Iterator<Item = Bytes<'a>> + Clone,
    offset: u64,
) -> io::Result<()> {
    if !parts.clone().all(|part| part.is_writable()) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // SAFETY: All parts may be written.
    unsafe { transfer(preadv, file, &mut { parts }, offset) }
}

/// Writes from memory.
///
/// # Errors
///
/// Those of pwritev(2).
pub fn write_at<'a>(
    file: &File,
    mut parts: impl Iterator<Item = Bytes<'a>>,
    offset: u64,
) -> io::Result<()> {
    // SAFETY: The parts are only read.
    unsafe { transfer(pwritev, file, &mut parts, offset) }
}

fn allocate(file: &File, mode: c_int, offset: u64, len: u64) -> io::Result<()> {
    let (Ok(offset), Ok(len)) = (i64::try_from(offset), i64::try_from(len)) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // SAFETY: No pointers are involved.
    if unsafe { fallocate(file.as_raw_fd(), mode | KEEP_SIZE, offset, len) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(EOPNOTSUPP) => Err(io::ErrorKind::Unsupported.into()),
        _ => Err(error),
    }
}

/// Gives a range of a file back to the file system; it reads as zeroes.
///
/// # Errors
///
/// Those of fallocate(2), `Unsupported` where the file system cannot do it.
pub fn deallocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    allocate(file, PUNCH_HOLE, offset, len)
}

/// Makes a range of a file read as zeroes and keeps its space.
///
/// # Errors
///
/// As [`deallocate`].
pub fn zero(file: &File, offset: u64, len: u64) -> io::Result<()> {
    allocate(file, ZERO_RANGE, offset, len)
}

/// Takes the file for this process until it is closed: for itself, or to share with other readers.
///
/// # Errors
///
/// `WouldBlock` when somebody else has it.
pub fn lock(file: &File, shared: bool) -> io::Result<()> {
    let operation = if shared { LOCK_SHARED } else { LOCK_EXCLUSIVE };
    // SAFETY: No pointers are involved.
    if unsafe { flock(file.as_raw_fd(), operation | LOCK_NOW) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sys::Mapping,
        testing::scratch_file, //
    };
    use std::os::unix::fs::FileExt;

    #[test]
    fn many_parts_are_moved_whole_and_a_short_file_is_an_error() {
        let memory = scratch_file(8192);
        let disk = scratch_file(8192);
        let mapping = Mapping::new(&memory, 0, 8192, true).unwrap();
        memory.write_all_at(&[5; 6000], 0).unwrap();
        let all = mapping.bytes();
        let pieces = (0..3000).filter_map(|at| all.part(2 * at, 2));
        write_at(&disk, pieces, 512).unwrap();
        let mut back = [0; 8192];
        disk.read_exact_at(&mut back, 0).unwrap();
        assert_eq!((back[511], back[512], back[6511], back[6512]), (0, 5, 5, 0));
        read_at(&disk, all.part(0, 100).into_iter(), 6462).unwrap();
        memory.read_exact_at(&mut back, 0).unwrap();
        assert_eq!((back[49], back[50], back[99], back[100]), (5, 0, 0, 5));
        let error = read_at(&disk, all.part(0, 100).into_iter(), 8100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn memory_that_may_not_be_written_is_not_read_into() {
        let disk = scratch_file(4096);
        let mapping = Mapping::new(&scratch_file(4096), 0, 4096, false).unwrap();
        let error = read_at(&disk, std::iter::once(mapping.bytes()), 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
}
