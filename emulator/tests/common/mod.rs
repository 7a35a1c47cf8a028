// SPDX-License-Identifier: GPL-2.0

//! A client of the protocol, with memory of its own, and a server in a thread.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    fs::File,
    io::Read,
    os::{
        fd::{
            AsFd,
            BorrowedFd, //
        },
        unix::net::UnixStream,
    },
    path::Path,
    sync::{
        Arc,
        Mutex, //
    },
    thread::{
        self,
        JoinHandle, //
    },
    time::Duration,
};

use emulator::{
    sys,
    vfio_user::{
        server::Server,
        wire::{
            command,
            Header,
            HEADER_BYTES,
            TYPE_REPLY, //
        },
        Device,
    },
};

pub mod driver;
pub mod program;
#[path = "../../src/testing.rs"]
pub mod testing;

/// A server with its device, until dropped.
pub struct Served {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
    pub complaints: Arc<Mutex<Vec<String>>>,
    path: std::path::PathBuf,
}

impl Served {
    pub fn new<D: Device + Send + 'static>(device: Arc<D>) -> Self {
        let path = testing::scratch_path("socket");
        let server = Arc::new(Server::bind(&path).unwrap());
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let (own, lines) = (server.clone(), complaints.clone());
        let thread = thread::spawn(move || {
            own.serve(&*device, &|line| {
                lines.lock().unwrap().push(line.to_string())
            })
            .unwrap();
        });
        Self {
            server,
            thread: Some(thread),
            complaints,
            path,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A client that has agreed on the version.
    pub fn client(&self) -> Client {
        let mut client = self.stranger();
        client.ask(command::VERSION, b"\0\0\0\0{}\0", &[]).unwrap();
        client
    }

    /// A client that has said nothing yet.
    pub fn stranger(&self) -> Client {
        Client::new(UnixStream::connect(&self.path).unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.stop();
        let outcome = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            outcome.unwrap().unwrap();
        }
    }
}

/// A client.
pub struct Client {
    pub socket: UnixStream,
    next: u16,
}

/// A body made of 32-bit words.
pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A body: 32-bit words, then 64-bit words.
pub fn wide(narrow: &[u32], wide: &[u64]) -> Vec<u8> {
    let mut body = words(narrow);
    body.extend(wide.iter().flat_map(|word| word.to_le_bytes()));
    body
}

impl Client {
    /// A client that does not wait for ever.
    pub fn new(socket: UnixStream) -> Self {
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Self { socket, next: 1 }
    }

    /// Sends a request and returns the reply's body or error number.
    pub fn ask(
        &mut self,
        number: u16,
        body: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, u32> {
        let id = self.tell(number, 0, body, descriptors);
        let (header, body) = self.reply();
        assert_eq!((header.id, header.command), (id, number));
        match header.flags {
            TYPE_REPLY => Ok(body),
            flags => {
                assert_eq!(flags, 0x21);
                assert_ne!(header.errno, 0);
                Err(header.errno)
            }
        }
    }

    /// Sends a request and returns its id.
    pub fn tell(
        &mut self,
        number: u16,
        flags: u32,
        body: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> u16 {
        let id = self.next;
        self.next += 1;
        let size = (HEADER_BYTES + body.len()) as u32;
        let mut wire = Vec::new();
        Header {
            id,
            command: number,
            size,
            flags,
            errno: 0,
        }
        .encode(&mut wire);
        wire.extend(body);
        assert_eq!(
            sys::send(&self.socket, &wire, descriptors).unwrap(),
            wire.len()
        );
        id
    }

    /// The next reply.
    pub fn reply(&mut self) -> (Header, Vec<u8>) {
        let mut wire = [0; HEADER_BYTES];
        self.socket.read_exact(&mut wire).unwrap();
        let header = Header::decode(&wire);
        let mut body = vec![0; header.size as usize - HEADER_BYTES];
        self.socket.read_exact(&mut body).unwrap();
        (header, body)
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.socket.read(&mut [0]), Ok(0) | Err(_))
    }

    /// Maps `size` bytes of a file at a guest-physical address.
    pub fn map(&mut self, at: u64, size: u64, file: &File) -> Result<Vec<u8>, u32> {
        self.ask(
            command::DMA_MAP,
            &wide(&[32, 3], &[0, at, size]),
            &[file.as_fd()],
        )
    }

    /// Reads from a region.
    pub fn read(&mut self, region: u32, offset: u64, count: u32) -> Result<Vec<u8>, u32> {
        let mut body = wide(&[], &[offset]);
        body.extend(words(&[region, count]));
        let reply = self.ask(command::REGION_READ, &body, &[])?;
        assert_eq!(reply[..16], body[..16]);
        assert_eq!(reply.len(), 16 + count as usize);
        Ok(reply[16..].to_vec())
    }

    /// Writes to a region.
    pub fn write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), u32> {
        let mut body = wide(&[], &[offset]);
        body.extend(words(&[region, data.len() as u32]));
        body.extend(data);
        let reply = self.ask(command::REGION_WRITE, &body, &[])?;
        assert_eq!(reply, body[..16]);
        Ok(())
    }

    /// SET_IRQS.
    pub fn set_irqs(
        &mut self,
        flags: u32,
        index: u32,
        start: u32,
        count: u32,
        fds: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, u32> {
        self.ask(
            command::SET_IRQS,
            &words(&[20, flags, index, start, count]),
            fds,
        )
    }
}

/// An eventfd of the client: one end to give away, one to count with.
pub fn event() -> File {
    File::from(sys::new_eventfd().unwrap())
}

/// How often an eventfd was signalled since the last question.
pub fn taken(mut event: &File) -> u64 {
    let mut word = [0; 8];
    event
        .read(&mut word)
        .map_or(0, |_| u64::from_ne_bytes(word))
}
