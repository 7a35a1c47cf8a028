// SPDX-License-Identifier: GPL-2.0

//! What goes into a queue and what comes out of it, beside the buffers themselves.

use super::chain::ChainError;
use crate::virtio::core::layout::LayoutError;

/// How a queue is to be set up.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// The queue's number on the device.
    pub index: u16,
    /// Entries, as the device says: a power of two up to 32768.
    pub size: u16,
    /// Whether EVENT_IDX was negotiated.
    pub event_idx: bool,
    /// Most descriptors of an indirect chain; 0 for a queue without indirect chains.
    pub indirect: u16,
}

/// Why a queue was not set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// The device's size for it is none.
    Layout(LayoutError),
    /// There is no memory for it.
    NoMemory,
}

/// Why a buffer was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddReason {
    /// The chain could not be built.
    Chain(ChainError),
    /// The queue is broken.
    Broken,
}

/// A buffer that was not taken, given back with the reason.
#[derive(Debug)]
pub struct AddError<T> {
    /// What the caller wanted to add.
    pub token: T,
    /// Why it was not.
    pub reason: AddReason,
}

impl<T> AddError<T> {
    /// Whether the buffer will fit once the device has used others.
    pub fn is_full(&self) -> bool {
        self.reason == AddReason::Chain(ChainError::NoSpace)
    }
}

/// A chain the device has used.
#[derive(Debug)]
pub struct Used<T> {
    /// What was added.
    pub token: T,
    pub(super) len: u32,
    pub(super) writable: u32,
}

impl<T> Used<T> {
    /// The bytes written, as the device claims: not checked against anything.
    pub fn claimed_len(&self) -> u32 {
        self.len
    }

    /// The bytes the device was allowed to write.
    pub fn writable(&self) -> u32 {
        self.writable
    }

    /// The bytes written; `None` when the device claims more than it was allowed.
    pub fn checked_len(&self) -> Option<u32> {
        (self.len <= self.writable).then_some(self.len)
    }
}
