// SPDX-License-Identifier: GPL-2.0

//! The operating-system calls that the standard library lacks, and all `unsafe` of the emulator.
//!
//! Structures and numbers are those of Linux on 64-bit machines.

use std::{
    ffi::{
        c_char,
        c_int,
        c_uint,
        c_void, //
    },
    fs::File,
    io,
    os::{
        fd::{
            AsRawFd,
            BorrowedFd,
            FromRawFd,
            OwnedFd, //
        },
        unix::net::UnixStream,
    },
    ptr, //
};

mod file;
mod mapping;
mod signal;
mod tap;

pub use file::{
    deallocate,
    lock,
    read_at,
    write_at,
    zero, //
};
pub use mapping::{
    Bytes,
    Mapping, //
};
pub use signal::{
    end,
    Signal,
    Signals, //
};
pub use tap::{
    Tap,
    TUN_F_CSUM,
    TUN_F_TSO4,
    TUN_F_TSO6,
    TUN_F_TSO_ECN,
    TUN_F_UFO, //
};

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("the emulator knows 64-bit Linux alone");

#[repr(C)]
struct IoVec {
    base: *mut c_void,
    len: usize,
}

#[repr(C)]
struct MsgHdr {
    name: *mut c_void,
    name_len: c_uint,
    iov: *mut IoVec,
    iov_len: usize,
    control: *mut c_void,
    control_len: usize,
    flags: c_int,
}

extern "C" {
    fn recvmsg(socket: c_int, message: *mut MsgHdr, flags: c_int) -> isize;
    fn sendmsg(socket: c_int, message: *const MsgHdr, flags: c_int) -> isize;
    fn eventfd(initial: c_uint, flags: c_int) -> c_int;
    fn memfd_create(name: *const c_char, flags: c_uint) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
}

/// Level (SOL_SOCKET) and type (SCM_RIGHTS) of the control message that carries descriptors.
const RIGHTS: u64 = 1 | (1 << 32);
const MSG_CTRUNC: c_int = 0x8;
const MSG_NOSIGNAL: c_int = 0x4000;
const MSG_CMSG_CLOEXEC: c_int = 0x4000_0000;
const O_NONBLOCK: c_int = 0o4000;
const O_CLOEXEC: c_int = 0o2_000_000;
const MFD_CLOEXEC: c_uint = 1;
const F_GETFL: c_int = 3;
const F_SETFL: c_int = 4;

/// Most descriptors that one message may carry.
pub const MAX_DESCRIPTORS: usize = 16;

/// Bytes of the header of a control message.
const CONTROL_HEADER: usize = 16;

/// A control message: its header (length; level and type in one word), then the descriptors, two in
/// each word.
type Control = [u64; 2 + MAX_DESCRIPTORS / 2];

/// Receives bytes and whatever descriptors come with them; 0 bytes are the end of the stream.
///
/// # Errors
///
/// Those of recvmsg(2), and `InvalidData` when there were more than [`MAX_DESCRIPTORS`].
pub fn receive(
    socket: &UnixStream,
    into: &mut [u8],
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut control: Control = [0; 2 + MAX_DESCRIPTORS / 2];
    let mut part = IoVec {
        base: into.as_mut_ptr().cast(),
        len: into.len(),
    };
    let mut message = MsgHdr {
        name: ptr::null_mut(),
        name_len: 0,
        iov: &mut part,
        iov_len: 1,
        control: control.as_mut_ptr().cast(),
        control_len: size_of::<Control>(),
        flags: 0,
    };
    let received = loop {
        // SAFETY: Every pointer in `message` is to memory of the stated length that outlives the
        // call and is borrowed mutably by it alone.
        let result = unsafe { recvmsg(socket.as_raw_fd(), &mut message, MSG_CMSG_CLOEXEC) };
        match usize::try_from(result) {
            Ok(received) => break received,
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    };
    let rights = control[1] == RIGHTS;
    if message.control_len >= CONTROL_HEADER && rights {
        // CAST: The kernel's length of the message is at most that of `control`.
        let count = (control[0] as usize).saturating_sub(CONTROL_HEADER) / size_of::<c_int>();
        for number in 0..count.min(MAX_DESCRIPTORS) {
            let shift = 32 * (number % 2);
            // CAST: Cuts the half of the word that holds this descriptor.
            let raw = (control[2 + number / 2] >> shift) as u32 as c_int;
            // SAFETY: The kernel has just opened this descriptor for us, and nobody else knows it.
            descriptors.push(unsafe { OwnedFd::from_raw_fd(raw) });
        }
    }
    if message.flags & MSG_CTRUNC != 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "too many descriptors",
        ));
    }
    Ok(received)
}

/// Sends bytes with up to [`MAX_DESCRIPTORS`] descriptors; returns how many bytes went out.
///
/// # Errors
///
/// Those of sendmsg(2), and `InvalidInput` for too many descriptors.
pub fn send(
    socket: &UnixStream,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    if descriptors.len() > MAX_DESCRIPTORS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let data = size_of::<c_int>() * descriptors.len();
    let mut control: Control = [0; 2 + MAX_DESCRIPTORS / 2];
    // CAST: Widening.
    control[0] = (CONTROL_HEADER + data) as u64;
    control[1] = RIGHTS;
    for (number, descriptor) in descriptors.iter().enumerate() {
        // CAST: A descriptor is not negative; the shift puts it in its half of the word.
        control[2 + number / 2] |= (descriptor.as_raw_fd() as u64) << (32 * (number % 2));
    }
    let mut part = IoVec {
        base: bytes.as_ptr().cast_mut().cast(),
        len: bytes.len(),
    };
    let message = MsgHdr {
        name: ptr::null_mut(),
        name_len: 0,
        iov: &mut part,
        iov_len: 1,
        control: control.as_mut_ptr().cast(),
        // Each control message takes a whole number of words.
        control_len: if data == 0 {
            0
        } else {
            (CONTROL_HEADER + data).next_multiple_of(8)
        },
        flags: 0,
    };
    // SAFETY: As in `receive`; the kernel only reads through the pointers.
    let sent = unsafe { sendmsg(socket.as_raw_fd(), &message, MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// A new eventfd that does not block.
///
/// # Errors
///
/// Those of eventfd(2).
pub fn new_eventfd() -> io::Result<OwnedFd> {
    // SAFETY: No pointers are involved.
    let raw = unsafe { eventfd(0, O_NONBLOCK | O_CLOEXEC) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: The kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// A file of `size` zeroes that exists in memory alone.
///
/// # Errors
///
/// Those of memfd_create(2) and ftruncate(2).
pub fn memory_file(size: u64) -> io::Result<File> {
    // SAFETY: The name ends with a zero and outlives the call.
    let raw = unsafe { memfd_create(c"disk".as_ptr(), MFD_CLOEXEC) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: The kernel has just opened it for us.
    let file = unsafe { File::from_raw_fd(raw) };
    file.set_len(size)?;
    Ok(file)
}

/// Makes reads and writes of a descriptor return instead of waiting.
///
/// # Errors
///
/// Those of fcntl(2).
pub fn set_nonblocking(file: &File) -> io::Result<()> {
    // SAFETY: No pointers are involved.
    let flags = unsafe { fcntl(file.as_raw_fd(), F_GETFL) };
    // SAFETY: As above.
    if flags < 0 || unsafe { fcntl(file.as_raw_fd(), F_SETFL, flags | O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
