// SPDX-License-Identifier: GPL-2.0

//! A device behind a socket, for one client after the other.

use std::{
    fs, io,
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{
            fs::FileTypeExt,
            net::{
                UnixListener,
                UnixStream, //
            },
        },
    },
    path::{
        Path,
        PathBuf, //
    },
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Mutex,
        PoisonError, //
    },
};

use super::{
    connection::{
        Broken,
        Connection, //
    },
    session::Session,
    wire::NO_REPLY,
    Device, //
};

/// A socket that clients connect to; its file goes when it is dropped.
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    stopped: AtomicBool,
    client: Mutex<Option<UnixStream>>,
}

impl Server {
    /// Listens at `path`. A socket that nobody listens to any more is replaced.
    ///
    /// # Errors
    ///
    /// When somebody listens there, the path is something else, or cannot be made.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let stale = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
        if stale && UnixStream::connect(path).is_err() {
            fs::remove_file(path)?;
        }
        Ok(Self {
            listener: UnixListener::bind(path)?,
            path: path.into(),
            stopped: AtomicBool::new(false),
            client: Mutex::new(None),
        })
    }

    /// Serves clients until [`Server::stop`]; what goes wrong with one is told to `complain`, a line each.
    ///
    /// # Errors
    ///
    /// When no client can be accepted any more.
    pub fn serve(&self, device: &impl Device, complain: &dyn Fn(&str)) -> io::Result<()> {
        while !self.stopped.load(Ordering::Acquire) {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(_) if self.stopped.load(Ordering::Acquire) => return Ok(()),
                // This one has left before it was its turn.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            device.connected();
            if let Err(broken) = self
                .introduce(&socket)
                .and_then(|()| converse(socket, device, complain))
            {
                if !self.stopped.load(Ordering::Acquire) {
                    complain(&broken.to_string());
                }
            }
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
            device.disconnected();
            device.interrupts().connect_line(None);
            device.interrupts().disconnect_vectors();
            device.memory().clear();
        }
        Ok(())
    }

    /// Remembers the client for [`Server::stop`].
    fn introduce(&self, socket: &UnixStream) -> Result<(), Broken> {
        let copy = socket.try_clone()?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
        if self.stopped.load(Ordering::Acquire) {
            socket.shutdown(Shutdown::Both)?;
        }
        Ok(())
    }

    /// Ends [`Server::serve`], from any thread.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(client) = &*self.client.lock().unwrap_or_else(PoisonError::into_inner) {
            // It may have left by itself.
            let _ = client.shutdown(Shutdown::Both);
        }
        if let Ok(listener) = self.listener.try_clone() {
            // A listening socket that is shut down accepts nobody: `accept` returns.
            let _ = UnixStream::from(OwnedFd::from(listener)).shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.path);
    }
}

/// Answers one client's messages until it leaves.
fn converse(
    socket: UnixStream,
    device: &impl Device,
    complain: &dyn Fn(&str),
) -> Result<(), Broken> {
    let mut connection = Connection::new(socket);
    let mut session = Session::new(device);
    let mut reply = Vec::new();
    while let Some(message) = connection.receive()? {
        if device.leaves_client() {
            return Ok(());
        }
        reply.clear();
        let header = message.header;
        let outcome = session.handle(&header, message.body, message.descriptors, &mut reply);
        if let Err(refusal) = &outcome {
            complain(&format!(
                "message {} (command {}): {}",
                header.id, header.command, refusal.why
            ));
        }
        if header.flags & NO_REPLY == 0 {
            let outcome = outcome
                .map(|()| &reply[..])
                .map_err(|refusal| refusal.errno);
            connection.reply(&header, outcome)?;
        }
    }
    Ok(())
}
