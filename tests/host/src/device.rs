// SPDX-License-Identifier: GPL-2.0

//! A model of a device's side of a split ring, from the text of VIRTIO 1.3, section 2.7.
//!
//! Written separately from the driver's queue: it computes its own offsets, checks what the driver
//! does, and can be told to break any rule.

use std::sync::atomic::{
    fence,
    Ordering, //
};

use crate::memory::translate;

/// A buffer of a chain, as the device found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub addr: u64,
    pub len: u32,
    pub writable: bool,
}

/// A chain the driver made available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub head: u16,
    pub segments: Vec<Segment>,
    pub indirect: bool,
}

impl Chain {
    pub fn writable_bytes(&self) -> u32 {
        self.segments
            .iter()
            .filter(|s| s.writable)
            .map(|s| s.len)
            .sum()
    }

    /// Fills the writable part.
    pub fn fill(&self, byte: u8) {
        for segment in self.segments.iter().filter(|s| s.writable) {
            let at = translate(segment.addr, segment.len as usize);
            // SAFETY: `translate` has checked that the bytes are there.
            unsafe { std::ptr::write_bytes(at, byte, segment.len as usize) };
        }
    }
}

/// A field of the memory that driver and device share; numbers count descriptors or entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    Address(u16),
    Len(u16),
    Flags(u16),
    Next(u16),
    AvailFlags,
    AvailIdx,
    AvailEntry(u16),
    UsedEvent,
    UsedFlags,
    UsedIdx,
    UsedId(u16),
    UsedLen(u16),
    AvailEvent,
}

/// The device's view of one queue.
pub struct Device {
    ring: u64,
    size: u16,
    event_idx: bool,
    last_avail: u16,
    used: u16,
    /// The used index at the last decision whether to interrupt.
    signalled: u16,
}

impl Device {
    /// A device that was given the ring at page frame `pfn`.
    pub fn new(pfn: u32, size: u16, event_idx: bool) -> Self {
        Self {
            ring: u64::from(pfn) << 12,
            size,
            event_idx,
            last_avail: 0,
            used: 0,
            signalled: 0,
        }
    }

    fn avail(&self) -> u64 {
        self.ring + 16 * u64::from(self.size)
    }

    fn used_ring(&self) -> u64 {
        let end = self.avail() + 6 + 2 * u64::from(self.size);
        end.next_multiple_of(4096)
    }

    fn read<T: Copy>(at: u64) -> T {
        // SAFETY: `translate` has checked that the bytes are there; offsets are aligned.
        unsafe { translate(at, size_of::<T>()).cast::<T>().read_volatile() }
    }

    fn write<T>(at: u64, value: T) {
        // SAFETY: As in `read`.
        unsafe {
            translate(at, size_of::<T>())
                .cast::<T>()
                .write_volatile(value)
        }
    }

    pub fn avail_flags(&self) -> u16 {
        Self::read(self.avail())
    }

    pub fn avail_idx(&self) -> u16 {
        Self::read(self.avail() + 2)
    }

    pub fn used_event(&self) -> u16 {
        Self::read(self.avail() + 4 + 2 * u64::from(self.size))
    }

    pub fn used_idx(&self) -> u16 {
        self.used
    }

    /// Takes the next available chain and checks everything a device can check.
    pub fn take(&mut self) -> Option<Chain> {
        let waiting = self.avail_idx().wrapping_sub(self.last_avail);
        assert!(waiting <= self.size, "available index ran {waiting} ahead");
        if waiting == 0 {
            return None;
        }
        fence(Ordering::Acquire);
        let slot = u64::from(self.last_avail % self.size);
        let head: u16 = Self::read(self.avail() + 4 + 2 * slot);
        self.last_avail = self.last_avail.wrapping_add(1);
        Some(self.walk(head))
    }

    /// Where a field is, and its bytes.
    fn place(&self, field: Field) -> (u64, usize) {
        let size = u64::from(self.size);
        let descriptor = |index: u16, at: u64| self.ring + 16 * u64::from(index % self.size) + at;
        let used = |slot: u16| self.used_ring() + 4 + 8 * u64::from(slot % self.size);
        match field {
            Field::Address(index) => (descriptor(index, 0), 8),
            Field::Len(index) => (descriptor(index, 8), 4),
            Field::Flags(index) => (descriptor(index, 12), 2),
            Field::Next(index) => (descriptor(index, 14), 2),
            Field::AvailFlags => (self.avail(), 2),
            Field::AvailIdx => (self.avail() + 2, 2),
            Field::AvailEntry(slot) => (self.avail() + 4 + 2 * u64::from(slot % self.size), 2),
            Field::UsedEvent => (self.avail() + 4 + 2 * size, 2),
            Field::UsedFlags => (self.used_ring(), 2),
            Field::UsedIdx => (self.used_ring() + 2, 2),
            Field::UsedId(slot) => (used(slot), 4),
            Field::UsedLen(slot) => (used(slot) + 4, 4),
            Field::AvailEvent => (self.used_ring() + 4 + 8 * size, 2),
        }
    }

    /// What a field holds.
    pub fn peek(&self, field: Field) -> u64 {
        match self.place(field) {
            (at, 2) => Self::read::<u16>(at).into(),
            (at, 4) => Self::read::<u32>(at).into(),
            (at, _) => Self::read::<u64>(at),
        }
    }

    /// Overwrites a field, whoever it belongs to, with as much of `value` as it holds.
    pub fn poke(&self, field: Field, value: u64) {
        match self.place(field) {
            (at, 2) => Self::write(at, value as u16),
            (at, 4) => Self::write(at, value as u32),
            (at, _) => Self::write(at, value),
        }
    }

    /// The chain that begins at descriptor `head`, with everything checked that a device can check.
    pub fn walk(&self, head: u16) -> Chain {
        assert!(head < self.size, "head {head} out of range");
        let first = self.descriptor(self.ring, head);
        if first.2 & 4 != 0 {
            assert_eq!(first.2, 4, "an indirect descriptor has other flags");
            assert!(first.1 > 0 && first.1 & 15 == 0, "bad length of a table");
            let entries = (first.1 / 16) as u16;
            assert!(entries <= self.size, "a chain longer than the queue");
            let segments = self.follow(first.0, 0, entries);
            assert_eq!(segments.len(), usize::from(entries), "unused table entries");
            return Chain {
                head,
                segments,
                indirect: true,
            };
        }
        Chain {
            head,
            segments: self.follow(self.ring, head, self.size),
            indirect: false,
        }
    }

    fn follow(&self, table: u64, first: u16, entries: u16) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        let mut at = first;
        loop {
            assert!(at < entries, "next {at} out of range");
            assert!(segments.len() < usize::from(entries), "the chain is a loop");
            let (addr, len, flags, next) = self.descriptor(table, at);
            assert!(len > 0, "a buffer of no bytes");
            assert_eq!(flags & !3, 0, "unexpected flags {flags:#x}");
            translate(addr, len as usize);
            let writable = flags & 2 != 0;
            assert!(
                writable || segments.last().is_none_or(|s| !s.writable),
                "a readable buffer after a writable one"
            );
            segments.push(Segment {
                addr,
                len,
                writable,
            });
            if flags & 1 == 0 {
                return segments;
            }
            at = next;
        }
    }

    fn descriptor(&self, table: u64, index: u16) -> (u64, u32, u16, u16) {
        let at = table + 16 * u64::from(index);
        (
            Self::read(at),
            Self::read(at + 8),
            Self::read(at + 12),
            Self::read(at + 14),
        )
    }

    /// Overwrites descriptor `index` of the ring's own table.
    pub fn scribble_descriptor(&self, index: u16, fill: u8) {
        let at = translate(self.ring + 16 * u64::from(index), 16);
        // SAFETY: `translate` has checked that the bytes are there.
        unsafe { std::ptr::write_bytes(at, fill, 16) };
    }

    /// Overwrites the available ring, which belongs to the driver.
    pub fn scribble_avail(&self, fill: u8) {
        let len = 6 + 2 * usize::from(self.size);
        let at = translate(self.avail(), len);
        // SAFETY: `translate` has checked that the bytes are there.
        unsafe { std::ptr::write_bytes(at, fill, len) };
    }

    /// Writes a used entry and publishes it.
    pub fn give(&mut self, id: u32, len: u32) {
        self.write_entry(id, len);
        self.publish(self.used.wrapping_add(1));
    }

    /// Writes the used entry at the current index without publishing it.
    pub fn write_entry(&self, id: u32, len: u32) {
        let at = self.used_ring() + 4 + 8 * u64::from(self.used % self.size);
        Self::write(at, id);
        Self::write(at + 4, len);
    }

    /// Publishes a used index, true or not.
    pub fn publish(&mut self, idx: u16) {
        fence(Ordering::Release);
        self.used = idx;
        Self::write(self.used_ring() + 2, idx);
    }

    /// Whether the driver is to be interrupted for what was used since the last question.
    pub fn wants_interrupt(&mut self) -> bool {
        fence(Ordering::SeqCst);
        let (old, new) = (self.signalled, self.used);
        self.signalled = new;
        if old == new {
            return false;
        }
        if !self.event_idx {
            return self.avail_flags() & 1 == 0;
        }
        // The event lies among the entries used since: counted from `old`.
        self.used_event().wrapping_sub(old) < new.wrapping_sub(old)
    }

    /// Asks the driver not to notify: with the flag, or with an event far away.
    pub fn suppress_notifications(&self) {
        if self.event_idx {
            self.write_avail_event(self.last_avail.wrapping_sub(1));
        } else {
            Self::write(self.used_ring(), 1_u16);
        }
    }

    /// Asks for a notification of the next chain; returns false if one is there already.
    pub fn enable_notifications(&self) -> bool {
        if self.event_idx {
            self.write_avail_event(self.last_avail);
        } else {
            Self::write(self.used_ring(), 0_u16);
        }
        fence(Ordering::SeqCst);
        self.avail_idx() == self.last_avail
    }

    pub fn write_avail_event(&self, event: u16) {
        Self::write(self.used_ring() + 4 + 8 * u64::from(self.size), event);
    }

    pub fn write_used_flags(&self, flags: u16) {
        Self::write(self.used_ring(), flags);
    }
}
