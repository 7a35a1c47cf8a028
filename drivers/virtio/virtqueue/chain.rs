// SPDX-License-Identifier: GPL-2.0

//! Building one chain of descriptors, straight from the owner of the buffers.

use core::num::NonZero;

use crate::virtio::{
    core::layout::{
        DESC_F_INDIRECT,
        DESC_F_NEXT,
        DESC_F_WRITE, //
    },
    platform::{
        DeviceWritable,
        PhysRange,
        PhysRanges, //
    },
};

use super::memory::{
    IndirectTable,
    RingMemory, //
};

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
    fn describe<'a>(&'a self, chain: &mut Chain<'a>) -> Result<(), ChainError>;
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

/// Where the descriptors go.
enum Place<'a> {
    /// Into the ring, along the free list.
    Ring { links: &'a [u16], next: u16 },
    /// Into the table of the first free descriptor.
    Table(IndirectTable<'a>),
}

/// A chain under construction.
pub struct Chain<'a> {
    ring: &'a mut RingMemory,
    place: Place<'a>,
    head: u16,
    /// Descriptors so far.
    count: u16,
    /// Descriptors that can be had now.
    room: u16,
    /// Descriptors a chain may have at all.
    limit: u16,
    /// Bytes the device may write.
    writable: u32,
    /// The last descriptor so far, and its flags without the one that says that another follows.
    last: u16,
    flags: u16,
    /// What the first descriptor names.
    first: Option<PhysRange>,
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
}

impl<'a> Chain<'a> {
    /// Starts a chain in the ring itself, at the first free descriptor.
    #[inline]
    pub(super) fn in_ring(
        ring: &'a mut RingMemory,
        links: &'a [u16],
        head: u16,
        free: u16,
        limit: u16,
    ) -> Self {
        Self {
            ring,
            place: Place::Ring { links, next: head },
            head,
            count: 0,
            room: free.min(limit),
            limit,
            writable: 0,
            last: head,
            flags: 0,
            first: None,
        }
    }

    /// Starts a chain in an indirect table, with one descriptor of the ring for all of it.
    #[inline]
    pub(super) fn in_table(
        ring: &'a mut RingMemory,
        table: IndirectTable<'a>,
        head: u16,
        limit: u16,
    ) -> Self {
        Self {
            ring,
            place: Place::Table(table),
            head,
            count: 0,
            room: limit,
            limit,
            writable: 0,
            last: head,
            flags: 0,
            first: None,
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
            self.writable = self.writable.saturating_add(range.len());
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
                self.writable = self.writable.saturating_add(part.len());
                self.push(part, DESC_F_WRITE)
            }
            None => Ok(()),
        })
    }

    /// Writes the next descriptor, as one that another follows.
    #[inline(always)] // Once for each kind of buffer: the call costs more than what it does.
    fn push(&mut self, range: PhysRange, flags: u16) -> Result<(), ChainError> {
        if self.count >= self.room {
            return Err(no_room(self.room, self.limit));
        }
        self.last = match &mut self.place {
            Place::Ring { links, next } => {
                let index = *next;
                // The free list has at least `room` entries, so the link is there.
                *next = *links.get(usize::from(index)).ok_or(ChainError::NoSpace)?;
                self.ring
                    .write_descriptor(index, range, flags | DESC_F_NEXT, *next);
                index
            }
            Place::Table(table) => {
                let next = self.count.wrapping_add(1);
                table.write(self.count, range, flags | DESC_F_NEXT, next);
                self.count
            }
        };
        if self.count == 0 {
            self.first = Some(range);
        }
        self.flags = flags;
        // Not beyond `room`.
        self.count = self.count.wrapping_add(1);
        Ok(())
    }

    /// Ends the chain at its last descriptor and, for a table, writes the ring's descriptor that
    /// names it.
    ///
    /// # Errors
    ///
    /// [`ChainError::Empty`] when no buffer was named.
    #[inline]
    pub(super) fn finish(mut self) -> Result<Built, ChainError> {
        let first = self.first.ok_or(ChainError::Empty)?;
        let count = NonZero::new(self.count).ok_or(ChainError::Empty)?;
        let writable = self.writable;
        match &mut self.place {
            Place::Table(_) if count.get() == 1 => {
                // A table of one would cost the device a second read for nothing.
                self.ring.write_descriptor(self.head, first, self.flags, 0);
            }
            Place::Table(table) => {
                table.write_flags(self.last, self.flags);
                self.ring
                    .write_descriptor(self.head, table.range(count), DESC_F_INDIRECT, 0);
            }
            Place::Ring { .. } => {
                self.ring.write_flags(self.last, self.flags);
                return Ok(Built {
                    count: count.get(),
                    last: self.last,
                    writable,
                });
            }
        }
        Ok(Built {
            count: 1,
            last: self.head,
            writable,
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
