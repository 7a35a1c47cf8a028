// SPDX-License-Identifier: GPL-2.0

//! What a driver may not do to a queue.

use std::fmt;

/// A broken rule. The device stops until it is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A part of the ring is outside memory, or cannot be written.
    Ring(u64),
    /// The available index is more than the ring's size ahead.
    AvailIndex {
        /// How far.
        ahead: u16,
    },
    /// A chain's head is not the number of a descriptor.
    Head(u16),
    /// A descriptor's next is not the number of a descriptor.
    Next(u16),
    /// A chain has more descriptors than its table, so it comes back to one of them.
    Loop,
    /// A chain is longer than the device can take.
    TooLong(usize),
    /// A descriptor of no bytes.
    Empty,
    /// A buffer is not in memory, or cannot be written.
    Buffer {
        /// Guest-physical address.
        at: u64,
        /// Bytes.
        len: u32,
    },
    /// A buffer for the device to read follows one for it to write.
    Order,
    /// An indirect descriptor without the feature.
    IndirectNotAccepted,
    /// An indirect descriptor inside an indirect table.
    IndirectNested,
    /// An indirect descriptor that has a next one.
    IndirectNext,
    /// An indirect table whose length is not a whole number of descriptors.
    IndirectLength(u32),
    /// A request without the parts that each request has.
    Request(&'static str),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring(at) => write!(f, "the ring is not in memory at {at:#x}"),
            Self::AvailIndex { ahead } => write!(
                f,
                "the available index is {ahead} ahead, beyond the ring's size"
            ),
            Self::Head(head) => write!(f, "head {head} is beyond the descriptor table"),
            Self::Next(next) => write!(f, "next {next} is beyond the descriptor table"),
            Self::Loop => f.write_str("a chain is a loop"),
            Self::TooLong(count) => write!(f, "a chain of {count} descriptors is too long"),
            Self::Empty => f.write_str("a descriptor has no bytes"),
            Self::Buffer { at, len } => write!(
                f,
                "{len} bytes at {at:#x} are not memory of the needed kind"
            ),
            Self::Order => f.write_str("a readable buffer follows a writable one"),
            Self::IndirectNotAccepted => {
                f.write_str("an indirect descriptor, which was not negotiated")
            }
            Self::IndirectNested => f.write_str("an indirect descriptor in an indirect table"),
            Self::IndirectNext => f.write_str("an indirect descriptor with a next one"),
            Self::IndirectLength(len) => write!(f, "an indirect table of {len} bytes"),
            Self::Request(what) => f.write_str(what),
        }
    }
}
