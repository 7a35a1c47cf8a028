// SPDX-License-Identifier: GPL-2.0

//! Building one chain of descriptors, straight from the owner of the buffers.

use core::{
    marker::PhantomData,
    num::NonZero, //
};

use crate::virtio::{
    core::layout::DESC_F_WRITE,
    platform::{
        DeviceWritable,
        PhysRange,
        PhysRanges, //
    },
};

pub use super::memory::Descriptors;

/// What a driver puts in a queue: an owner of buffers that describes itself as a chain.
///
/// The owner is moved into the queue and given back when the device has used the chain, or after
/// the device was reset. Its borrows in [`Buffers::describe`] live as long as the owner, so that
/// whatever the chain names stays valid while the device has it.
pub trait Buffers: Sized {
    /// Names the buffers: those the device reads first, then those it writes.
    ///
    /// # Errors
    ///
    /// Passes on what the calls on `chain` return.
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError>;

    /// The buffers, if they are few and that can be told at once: they are written at once, too.
    #[inline]
    fn few(&self) -> Few<'_> {
        Few::Unknown
    }

    /// The most buffers that it names, as far as that is known without looking at all of them: a chain of
    /// more is refused as too long.
    #[inline]
    fn most(&self) -> u16 {
        u16::MAX
    }
}

/// The buffers of an owner, if they are few.
pub enum Few<'a> {
    /// As many as they are.
    Unknown,
    /// One alone.
    One(Single<'a>),
    /// Three, those that the device reads first.
    Three([Single<'a>; 3]),
}

/// A single buffer.
pub struct Single<'a> {
    range: PhysRange,
    flags: u16,
    /// It lives as long.
    _buffer: PhantomData<&'a ()>,
}

impl<'a> Single<'a> {
    /// One that the device reads, if `buffer` is one range.
    #[inline]
    pub fn readable<R: PhysRanges>(buffer: &'a R) -> Option<Self> {
        Some(Self::new(buffer.single_range()?, 0))
    }

    /// One that the device writes, if `buffer` is one range.
    #[inline]
    pub fn writable<W: DeviceWritable>(buffer: &'a W) -> Option<Self> {
        Some(Self::new(buffer.single_range()?, DESC_F_WRITE))
    }

    #[inline]
    fn new(range: PhysRange, flags: u16) -> Self {
        Self {
            range,
            flags,
            _buffer: PhantomData,
        }
    }

    /// The range, and the flags of its descriptor.
    #[inline]
    pub(super) fn descriptor(&self) -> (PhysRange, u16) {
        (self.range, self.flags)
    }

    /// Whether the device writes it.
    #[inline]
    pub(super) fn is_writable(&self) -> bool {
        self.flags != 0
    }

    /// Bytes the device may write.
    #[inline]
    pub(super) fn writable_bytes(&self) -> u32 {
        if self.is_writable() {
            self.range.len()
        } else {
            0
        }
    }
}

/// Why a chain was not built; nothing of it is in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainError {
    /// Too few descriptors are free now; there will be enough when the device has used some.
    NoSpace,
    /// The chain has more parts than the ring or an indirect table can ever hold.
    TooLong,
    /// A buffer for reading came after one for writing.
    Order,
    /// The owner named no buffer.
    Empty,
}

/// A chain under construction, in descriptors of one kind or the other.
pub struct Chain<'a, D> {
    descriptors: D,
    /// Descriptors that could be had at the beginning.
    room: u16,
    /// Descriptors a chain may have at all.
    limit: u16,
    /// Bytes the device may write, modulo 2^32.
    writable: u32,
    /// The flags of the last descriptor so far, without the one that says that another follows.
    flags: u16,
    /// What it names lives as long.
    _buffers: PhantomData<&'a ()>,
}

/// A chain whose descriptors are written.
pub(super) struct Finished {
    /// How many they are.
    pub(super) count: NonZero<u16>,
    /// The index of the last one.
    pub(super) last: u16,
    /// Bytes the device may write.
    pub(super) writable: u32,
}

/// A chain that stands in the ring, not yet known to the device.
#[derive(Clone, Copy)]
pub(super) struct Built {
    /// Ring descriptors it takes.
    pub(super) count: u16,
    /// The last of them.
    pub(super) last: u16,
    /// Bytes the device may write.
    pub(super) writable: u32,
    /// The chain has a table of its own, to be given up with it.
    pub(super) has_table: bool,
}

impl<'a, D: Descriptors> Chain<'a, D> {
    /// Starts a chain, which may never have more than `limit` descriptors.
    #[inline]
    pub(super) fn new(descriptors: D, limit: u16) -> Self {
        Self {
            room: descriptors.left(),
            descriptors,
            limit,
            writable: 0,
            flags: 0,
            _buffers: PhantomData,
        }
    }

    /// Adds buffers that the device reads.
    ///
    /// # Errors
    ///
    /// See [`ChainError`].
    #[inline]
    pub fn readable<R: PhysRanges>(&mut self, buffers: &'a R) -> Result<(), ChainError> {
        if self.writable != 0 {
            return Err(ChainError::Order);
        }
        buffers.for_each_range(|range| self.push(range, 0))
    }

    /// Adds buffers that the device writes.
    ///
    /// # Errors
    ///
    /// See [`ChainError`].
    #[inline]
    pub fn writable<W: DeviceWritable>(&mut self, buffers: &'a W) -> Result<(), ChainError> {
        buffers.for_each_range(|range| {
            self.writable = self.writable.wrapping_add(range.len());
            self.push(range, DESC_F_WRITE)
        })
    }

    /// Adds the first `bytes` bytes of buffers that the device reads.
    ///
    /// # Errors
    ///
    /// See [`ChainError`].
    #[inline]
    pub fn readable_prefix<R: PhysRanges>(
        &mut self,
        buffers: &'a R,
        bytes: u32,
    ) -> Result<(), ChainError> {
        if self.writable != 0 {
            return Err(ChainError::Order);
        }
        let mut left = bytes;
        buffers.for_each_range(|range| match range.prefix(left) {
            Some(part) => {
                left -= part.len();
                self.push(part, 0)
            }
            None => Ok(()),
        })
    }

    /// Adds the first `bytes` bytes of buffers that the device writes.
    ///
    /// # Errors
    ///
    /// See [`ChainError`].
    #[inline]
    pub fn writable_prefix<W: DeviceWritable>(
        &mut self,
        buffers: &'a W,
        bytes: u32,
    ) -> Result<(), ChainError> {
        let mut left = bytes;
        buffers.for_each_range(|range| match range.prefix(left) {
            Some(part) => {
                left -= part.len();
                self.writable = self.writable.wrapping_add(part.len());
                self.push(part, DESC_F_WRITE)
            }
            None => Ok(()),
        })
    }

    /// Writes the next descriptor, as one that another follows.
    #[inline(always)] // Once for each kind of buffer: the call costs more than what it does.
    fn push(&mut self, range: PhysRange, flags: u16) -> Result<(), ChainError> {
        if !self.descriptors.write(range, flags) {
            return Err(no_room(self.room, self.limit));
        }
        self.flags = flags;
        Ok(())
    }

    /// Ends the chain at its last descriptor.
    ///
    /// # Errors
    ///
    /// [`ChainError::Empty`] when no buffer was named.
    #[inline]
    pub(super) fn finish(mut self) -> Result<Finished, ChainError> {
        let count = self.room.wrapping_sub(self.descriptors.left());
        let count = NonZero::new(count).ok_or(ChainError::Empty)?;
        self.descriptors.end(self.flags);
        Ok(Finished {
            count,
            last: self.descriptors.last(),
            writable: self.writable,
        })
    }
}

/// Why a chain cannot have more descriptors than the `room` there is. By value: a chain that was
/// lent to a function would be kept in memory and not in registers.
#[cold]
fn no_room(room: u16, limit: u16) -> ChainError {
    if room == limit {
        ChainError::TooLong
    } else {
        ChainError::NoSpace
    }
}
