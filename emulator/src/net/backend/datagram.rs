// SPDX-License-Identifier: GPL-2.0

//! Frames as datagrams: complete and without a header, as QEMU's `-netdev dgram` has them, or packets with their
//! headers, for another emulator or a program that knows of those.

use std::{
    fs, io,
    net::Shutdown,
    os::unix::net::UnixDatagram,
    path::{
        Path,
        PathBuf, //
    },
    sync::atomic::{
        AtomicBool,
        Ordering, //
    },
    time::Duration,
};

use crate::{
    net::{
        packet::Packet,
        Net,
        MAX_FRAME, //
    },
    virtio::net::HEADER_BYTES,
};

/// A unix datagram socket, one of a pair of names: `PATH` and `PATH.peer`.
pub struct Datagram {
    socket: UnixDatagram,
    own: PathBuf,
    peer: PathBuf,
    /// Each frame goes behind its header.
    headers: bool,
    stopped: AtomicBool,
}

impl Datagram {
    /// Takes the first of the two names that is free; the peer has, or will have, the other one, and the same idea
    /// of `headers`.
    ///
    /// # Errors
    ///
    /// When neither name can be had.
    pub fn meet(path: &Path, headers: bool) -> io::Result<Self> {
        let mut second = path.as_os_str().to_owned();
        second.push(".peer");
        let (mut own, mut peer) = (path.to_owned(), PathBuf::from(second));
        if UnixDatagram::unbound()?.connect(&own).is_ok() {
            std::mem::swap(&mut own, &mut peer);
        }
        let probe = UnixDatagram::unbound()?.connect(&own);
        if probe.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            // Left behind by somebody who is gone.
            fs::remove_file(&own)?;
        }
        let socket = UnixDatagram::bind(&own)?;
        // A peer that does not take its frames loses them, and holds nobody up.
        socket.set_write_timeout(Some(Duration::from_millis(1)))?;
        Ok(Self {
            socket,
            own,
            peer,
            headers,
            stopped: AtomicBool::new(false),
        })
    }

    /// Whether packets keep their headers.
    pub(super) fn has_headers(&self) -> bool {
        self.headers
    }

    /// Sends a packet: its frames up to the first that the peer does not take, as whoever waits for the first frames
    /// of a packet has no use for the last ones.
    pub(super) fn send(&self, packet: Packet) {
        let frames = if self.headers {
            vec![packet.encode()]
        } else {
            packet.into_frames()
        };
        for frame in &frames {
            if self.socket.send_to(frame, &self.peer).is_err() {
                // While there is no peer its frames are lost, as on a wire.
                return;
            }
        }
    }

    /// Delivers what the peer sends, until [`Datagram::stop`].
    pub(super) fn receive(&self, net: &Net) {
        let mut buffer = vec![0; HEADER_BYTES + MAX_FRAME + 1];
        while let Ok(len) = self.socket.recv(&mut buffer) {
            if self.stopped.load(Ordering::Acquire) {
                return;
            }
            if self.headers {
                net.deliver_in_time(Packet::decode(&buffer[..len]));
            } else {
                net.deliver(buffer[..len].to_vec());
            }
        }
    }

    /// Ends [`Datagram::receive`], from any thread.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes who waits for frames. It cannot be shut down twice, which does not matter.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Drop for Datagram {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.own);
    }
}
