// SPDX-License-Identifier: GPL-2.0

//! Messages on a socket: where one ends, and which descriptors belong to it.

use std::{
    fmt,
    io::{
        self,
        Write, //
    },
    os::{
        fd::OwnedFd,
        unix::net::UnixStream, //
    },
};

use super::wire::{
    Header,
    ERROR,
    HEADER_BYTES,
    MAX_MESSAGE,
    TYPE_REPLY, //
};
use crate::sys;

/// Why a connection cannot go on.
#[derive(Debug)]
pub enum Broken {
    /// The stream ended in the middle of a message.
    Truncated,
    /// A header gives a size that no message has: what follows cannot be found.
    Size(u32),
    /// The socket failed.
    Socket(io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the client left in the middle of a message"),
            Self::Size(size) => write!(f, "a message of {size} bytes is impossible"),
            Self::Socket(error) => write!(f, "the socket failed: {error}"),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

/// A message of the client.
pub struct Message<'a> {
    /// Its header.
    pub header: Header,
    /// What follows the header.
    pub body: &'a [u8],
    /// The descriptors that came with it.
    pub descriptors: Vec<OwnedFd>,
}

/// A client's socket. Its buffers are used again for every message.
pub struct Connection {
    socket: UnixStream,
    body: Vec<u8>,
    reply: Vec<u8>,
}

impl Connection {
    /// Takes a connected socket.
    pub fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            body: Vec::new(),
            reply: Vec::new(),
        }
    }

    /// Waits for the next message; None when the client has left between two messages.
    ///
    /// # Errors
    ///
    /// When no further message can be received.
    pub fn receive(&mut self) -> Result<Option<Message<'_>>, Broken> {
        let mut descriptors = Vec::new();
        let mut wire = [0; HEADER_BYTES];
        match fill(&self.socket, &mut wire, &mut descriptors)? {
            0 => return Ok(None),
            HEADER_BYTES => {}
            _ => return Err(Broken::Truncated),
        }
        let header = Header::decode(&wire);
        // CAST: Widening.
        let size = header.size as usize;
        if !(HEADER_BYTES..=MAX_MESSAGE).contains(&size) {
            return Err(Broken::Size(header.size));
        }
        self.body.resize(size - HEADER_BYTES, 0);
        if fill(&self.socket, &mut self.body, &mut descriptors)? < self.body.len() {
            return Err(Broken::Truncated);
        }
        Ok(Some(Message {
            header,
            body: &self.body,
            descriptors,
        }))
    }

    /// Answers a request with a body, or with an error number.
    ///
    /// # Errors
    ///
    /// When the socket fails.
    pub fn reply(&mut self, request: &Header, outcome: Result<&[u8], u32>) -> Result<(), Broken> {
        let (body, flags, errno) = match outcome {
            Ok(body) => (body, TYPE_REPLY, 0),
            Err(errno) => (&[][..], TYPE_REPLY | ERROR, errno),
        };
        self.reply.clear();
        // CAST: No reply is longer than a message may be.
        let size = (HEADER_BYTES + body.len()) as u32;
        Header {
            size,
            flags,
            errno,
            ..*request
        }
        .encode(&mut self.reply);
        self.reply.extend(body);
        Ok(self.socket.write_all(&self.reply)?)
    }
}

/// Fills `into`; returns how many bytes there were before the stream ended.
fn fill(socket: &UnixStream, into: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match sys::receive(socket, &mut into[done..], descriptors)? {
            0 => break,
            received => done += received,
        }
    }
    Ok(done)
}
