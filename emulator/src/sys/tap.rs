// SPDX-License-Identifier: GPL-2.0

//! Tap interfaces: a network card of the host whose cable ends in this process.

use std::{
    ffi::{
        c_int,
        c_short,
        c_ulong, //
    },
    fs::{
        File,
        OpenOptions, //
    },
    io::{
        self,
        Read,
        Write, //
    },
    os::{
        fd::{
            AsRawFd,
            OwnedFd, //
        },
        unix::fs::OpenOptionsExt,
    },
};

use super::new_eventfd;

extern "C" {
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    fn poll(fds: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
}

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    found: c_short,
}

/// The kernel's `struct ifreq`: a name and, here, flags.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; NAME_BYTES],
    flags: c_short,
    rest: [u8; 22],
}

const NAME_BYTES: usize = 16;

const TUNSETIFF: c_ulong = 0x4004_54ca;
const TUNSETOFFLOAD: c_ulong = 0x4004_54d0;
const TUNSETVNETHDRSZ: c_ulong = 0x4004_54d8;

const IFF_TAP: c_short = 2;
const IFF_MULTI_QUEUE: c_short = 0x100;
const IFF_NO_PI: c_short = 0x1000;
const IFF_VNET_HDR: c_short = 0x4000;

const O_NONBLOCK: c_int = 0o4000;
const EINVAL: i32 = 22;
const POLLIN: c_short = 1;

/// What the interface may leave to the reader of a packet: its checksum.
pub const TUN_F_CSUM: u32 = 1;
/// Segmentation of TCP over IPv4.
pub const TUN_F_TSO4: u32 = 2;
/// Segmentation of TCP over IPv6.
pub const TUN_F_TSO6: u32 = 4;
/// Segmentation with explicit congestion notification.
pub const TUN_F_TSO_ECN: u32 = 8;
/// Fragmentation of UDP.
pub const TUN_F_UFO: u32 = 16;

/// A tap interface; each packet has a header in front of it (VIRTIO 1.3, section 5.1.6).
pub struct Tap {
    file: File,
    stop: File,
}

impl Tap {
    /// Opens the interface of that name, or makes it; a made one goes when this is dropped. The
    /// header has `header` bytes.
    ///
    /// # Errors
    ///
    /// Those of open(2) and ioctl(2), `InvalidInput` for what cannot be a name.
    pub fn open(name: &str, header: u8) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(O_NONBLOCK)
            .open("/dev/net/tun")?;
        let mut bytes = [0; NAME_BYTES];
        match bytes.get_mut(..name.len()) {
            // The last byte stays 0.
            Some(place) if (1..NAME_BYTES).contains(&name.len()) => {
                place.copy_from_slice(name.as_bytes());
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        let attach = |more: c_short| {
            let request = InterfaceRequest {
                name: bytes,
                flags: IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | more,
                rest: [0; 22],
            };
            // SAFETY: The request is as long as the kernel's, and outlives the call; what the kernel
            // writes to it are bytes.
            check(unsafe { ioctl(file.as_raw_fd(), TUNSETIFF, &raw const request) })
        };
        match attach(0) {
            // An interface with several queues has to be asked for one.
            Err(error) if error.raw_os_error() == Some(EINVAL) => attach(IFF_MULTI_QUEUE)?,
            outcome => outcome?,
        }
        let bytes = c_int::from(header);
        // SAFETY: The number outlives the call, and is only read.
        check(unsafe { ioctl(file.as_raw_fd(), TUNSETVNETHDRSZ, &raw const bytes) })?;
        Ok(Self {
            file,
            stop: OwnedFd::into(new_eventfd()?),
        })
    }

    /// Says what the interface may leave to the reader: `TUN_F_*`.
    ///
    /// # Errors
    ///
    /// Those of ioctl(2).
    pub fn set_offloads(&self, offloads: u32) -> io::Result<()> {
        // SAFETY: No pointers are involved.
        check(unsafe {
            ioctl(
                self.file.as_raw_fd(),
                TUNSETOFFLOAD,
                c_ulong::from(offloads),
            )
        })
    }

    /// Sends a packet behind its header.
    ///
    /// # Errors
    ///
    /// Those of write(2).
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write(bytes).map(drop)
    }

    /// Waits for a packet and reads it with its header; None after [`Tap::stop`].
    ///
    /// # Errors
    ///
    /// Those of poll(2) and read(2).
    pub fn receive(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            let mut waited = [&self.file, &self.stop].map(|file| PollFd {
                fd: file.as_raw_fd(),
                events: POLLIN,
                found: 0,
            });
            // SAFETY: There are two, and they outlive the call.
            let found = unsafe { poll(waited.as_mut_ptr(), 2, -1) };
            match check(found) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            if waited[1].found != 0 {
                return Ok(None);
            }
            match (&self.file).read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome.map(Some),
            }
        }
    }

    /// Ends [`Tap::receive`], from any thread.
    pub fn stop(&self) {
        // It is full only when it has been said before.
        let _ = (&self.stop).write(&1_u64.to_ne_bytes());
    }
}

/// What a call of the operating system says.
fn check(result: c_int) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_are_refused() {
        // Where there is no such device the error is another one, and as good.
        for name in ["", "sixteen-letters!", "a name that is much too long"] {
            assert!(Tap::open(name, 10).is_err(), "{name}");
        }
    }
}
