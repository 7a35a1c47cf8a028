// SPDX-License-Identifier: GPL-2.0

//! The numbers of the vfio-user protocol 0.0 and the reading of its messages, all little-endian.

/// Bytes of the header in front of every message.
pub const HEADER_BYTES: usize = 16;

/// Most bytes of a region that one message moves, as offered to the client.
pub const MAX_TRANSFER: usize = 1 << 20;

/// Longest message: the largest transfer and room for what describes it.
pub const MAX_MESSAGE: usize = MAX_TRANSFER + 4096;

/// The numbers of the messages.
pub mod command {
    #![expect(missing_docs, reason = "the names are the protocol's")]

    pub const VERSION: u16 = 1;
    pub const DMA_MAP: u16 = 2;
    pub const DMA_UNMAP: u16 = 3;
    pub const GET_INFO: u16 = 4;
    pub const GET_REGION_INFO: u16 = 5;
    pub const GET_IRQ_INFO: u16 = 7;
    pub const SET_IRQS: u16 = 8;
    pub const REGION_READ: u16 = 9;
    pub const REGION_WRITE: u16 = 10;
    pub const RESET: u16 = 13;
}

/// Regions of a PCI function: BAR 0 to 5 have their own numbers.
pub mod region {
    /// The configuration space.
    pub const CONFIG: u32 = 7;
    /// How many numbers there are.
    pub const COUNT: u32 = 9;
}

/// Interrupts of a PCI function.
pub mod irq {
    /// The INTx line.
    pub const INTX: u32 = 0;
    /// MSI-X vectors.
    pub const MSIX: u32 = 2;
    /// How many kinds there are.
    pub const COUNT: u32 = 5;
}

/// Error numbers of Linux, as they go into replies.
pub mod errno {
    #![expect(missing_docs, reason = "the names are Linux's")]

    pub const ENOENT: u32 = 2;
    pub const ENOMEM: u32 = 12;
    pub const EEXIST: u32 = 17;
    pub const EINVAL: u32 = 22;
    pub const ENOSPC: u32 = 28;
    pub const EOPNOTSUPP: u32 = 95;
}

/// Bits 0 to 3 of a header's flags: a request.
pub const TYPE_COMMAND: u32 = 0;
/// Bits 0 to 3 of a header's flags: a reply.
pub const TYPE_REPLY: u32 = 1;
/// The mask of those bits.
pub const TYPE_MASK: u32 = 0xf;
/// Flag of a request: no reply is wanted.
pub const NO_REPLY: u32 = 0x10;
/// Flag of a reply: the request has failed.
pub const ERROR: u32 = 0x20;

/// The header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Chosen by who asks, repeated in the reply.
    pub id: u16,
    /// See [`command`].
    pub command: u16,
    /// Bytes of the message with this header.
    pub size: u32,
    /// Type and flags.
    pub flags: u32,
    /// Error number of a failed request.
    pub errno: u32,
}

impl Header {
    /// Takes a header from the wire.
    pub fn decode(wire: &[u8; HEADER_BYTES]) -> Self {
        let [i0, i1, c0, c1, s0, s1, s2, s3, f0, f1, f2, f3, e0, e1, e2, e3] = *wire;
        Self {
            id: u16::from_le_bytes([i0, i1]),
            command: u16::from_le_bytes([c0, c1]),
            size: u32::from_le_bytes([s0, s1, s2, s3]),
            flags: u32::from_le_bytes([f0, f1, f2, f3]),
            errno: u32::from_le_bytes([e0, e1, e2, e3]),
        }
    }

    /// Puts a header on the wire.
    pub fn encode(&self, wire: &mut Vec<u8>) {
        wire.extend(self.id.to_le_bytes());
        wire.extend(self.command.to_le_bytes());
        for field in [self.size, self.flags, self.errno] {
            wire.extend(field.to_le_bytes());
        }
    }
}

/// Why a request was refused: an error number for the client and words for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// See [`errno`].
    pub errno: u32,
    /// What is wrong with the request.
    pub why: String,
}

impl Refusal {
    /// A request that makes no sense.
    pub fn invalid(why: impl Into<String>) -> Self {
        Self {
            errno: errno::EINVAL,
            why: why.into(),
        }
    }

    /// A request that makes sense, but not here.
    pub fn unsupported(why: impl Into<String>) -> Self {
        Self {
            errno: errno::EOPNOTSUPP,
            why: why.into(),
        }
    }
}

/// What is left to read of a message's body.
pub struct Body<'a>(pub &'a [u8]);

impl<'a> Body<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (first, rest) = self
            .0
            .split_first_chunk()
            .ok_or_else(|| Refusal::invalid("the message is too short"))?;
        self.0 = rest;
        Ok(*first)
    }

    /// The next two bytes.
    ///
    /// # Errors
    ///
    /// When the message has ended, as for the other sizes.
    pub fn u16(&mut self) -> Result<u16, Refusal> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next four bytes.
    ///
    /// # Errors
    ///
    /// When the message has ended.
    pub fn u32(&mut self) -> Result<u32, Refusal> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes.
    ///
    /// # Errors
    ///
    /// When the message has ended.
    pub fn u64(&mut self) -> Result<u64, Refusal> {
        self.array().map(u64::from_le_bytes)
    }

    /// The first field of most bodies: how long the sender takes the structure to be.
    ///
    /// # Errors
    ///
    /// When that is less than `least`, or the message has ended.
    pub fn argsz(&mut self, least: u32) -> Result<(), Refusal> {
        let argsz = self.u32()?;
        if argsz < least {
            return Err(Refusal::invalid(format!("argsz is {argsz}, below {least}")));
        }
        Ok(())
    }

    /// Everything that is left, which must be `len` bytes.
    ///
    /// # Errors
    ///
    /// When there is more or less.
    pub fn rest(self, len: usize) -> Result<&'a [u8], Refusal> {
        if self.0.len() != len {
            return Err(Refusal::invalid(format!(
                "{} bytes at the end instead of {len}",
                self.0.len()
            )));
        }
        Ok(self.0)
    }
}
