// SPDX-License-Identifier: GPL-2.0

//! The drivers' queue beside a plain model of it, while the device writes whatever it likes.
//!
//! A [`World`] takes [`Action`]s: the driver's calls, and stores of the device into any field of the
//! memory that the two share. The model knows what each call has to answer from what is in that
//! memory at that moment, so that a device can only have happen what the model says: a chain that it
//! has comes back once, or the queue breaks, and says why. [`World::renew`] resets the device: every
//! chain that is still in the queue comes back, and an honest device is served as if nothing had
//! been.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread, //
};

use crate::{
    device::{
        Device,
        Field, //
    },
    fake::Fake,
    memory::Buffer,
    virtio::{
        transport::DeviceMemory,
        virtqueue::{
            AddReason,
            Buffers,
            Chain,
            ChainError,
            Descriptors,
            Few,
            Parameters,
            Single,
            Violation,
            Virtqueue, //
        },
    },
};

/// Bytes of each segment.
const SEGMENT_BYTES: u32 = 64;
/// Most segments of a chain for each direction.
pub const MOST_SEGMENTS: u32 = 4;

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The driver adds a chain of so many segments to read and to write.
    Add(u32, u32),
    Kick,
    Pop,
    DisableCallbacks,
    EnableCallbacks,
    EnableCallbacksDelayed,
    /// The device stores a value, most of which do not belong there.
    Write(Field, u64),
    /// The device does what it should with a chain that it has, if there is one: the one that is
    /// `.0` steps from the oldest; it says that it has written `.1` bytes.
    Serve(u16, u32),
    /// A reset, after which all goes on.
    Renew,
}

impl Action {
    /// Takes an action from bytes, as long as there are some: any bytes will do.
    pub fn take(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let kind = bytes.next()?;
        let mut byte = || bytes.next().unwrap_or_default();
        Some(match kind % 16 {
            0..=2 => {
                let shape = u32::from(byte());
                Self::Add(shape % (MOST_SEGMENTS + 1), shape / 8 % (MOST_SEGMENTS + 1))
            }
            3 | 4 => Self::Kick,
            5 | 6 => Self::Pop,
            7 => Self::DisableCallbacks,
            8 => Self::EnableCallbacks,
            9 => Self::EnableCallbacksDelayed,
            10..=12 => {
                let which = byte();
                Self::Serve(u16::from(which % 8), u32::from(which / 8) * 16)
            }
            13 | 14 => {
                let (which, at) = (byte(), u16::from(byte()));
                let field = match which % 13 {
                    0 => Field::Address(at),
                    1 => Field::Len(at),
                    2 => Field::Flags(at),
                    3 => Field::Next(at),
                    4 => Field::AvailFlags,
                    5 => Field::AvailIdx,
                    6 => Field::AvailEntry(at),
                    7 => Field::UsedEvent,
                    8 => Field::UsedFlags,
                    9 => Field::UsedIdx,
                    10 => Field::UsedId(at),
                    11 => Field::UsedLen(at),
                    _ => Field::AvailEvent,
                };
                let value = [(); 8].map(|()| byte());
                // Most fields are small numbers.
                let keep = if which < 128 { 1 } else { 8 };
                let mut small = [0; 8];
                small[..keep].copy_from_slice(&value[..keep]);
                Self::Write(field, u64::from_le_bytes(small))
            }
            _ => Self::Renew,
        })
    }
}

/// A chain's owner.
struct Token {
    tag: u64,
    read: Option<Arc<Buffer>>,
    write: Option<Arc<Buffer>>,
}

impl Buffers for Token {
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        if let Some(read) = &self.read {
            chain.readable(read.as_ref())?;
        }
        if let Some(write) = &self.write {
            chain.writable(write.as_ref())?;
        }
        Ok(())
    }

    fn few(&self) -> Few<'_> {
        let single = match (&self.read, &self.write) {
            (Some(read), None) => Single::readable(read.as_ref()),
            (None, Some(write)) => Single::writable(write.as_ref()),
            _ => None,
        };
        single.map_or(Few::Unknown, Few::One)
    }
}

/// What kind of queue.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub size: u16,
    pub event_idx: bool,
    /// Most descriptors of an indirect chain; 0 for none.
    pub indirect: u16,
}

/// A chain in the queue, as the model knows it.
struct Held {
    /// Later chains have larger ones.
    tag: u64,
    /// The device was not told of it yet.
    staged: bool,
    writable: u32,
    descriptors: u16,
}

/// What the queue should be in.
struct Model {
    /// By head.
    held: BTreeMap<u16, Held>,
    free: u16,
    avail: u16,
    published: u16,
    last_used: u16,
    starved: bool,
    callbacks: bool,
    broken: Option<Violation>,
}

impl Model {
    fn new(size: u16, callbacks: bool) -> Self {
        Self {
            held: BTreeMap::new(),
            free: size,
            avail: 0,
            published: 0,
            last_used: 0,
            starved: false,
            callbacks,
            broken: None,
        }
    }

    fn with_device(&self) -> u16 {
        self.held.values().filter(|held| !held.staged).count() as u16
    }

    /// What taking the next used entry has to come to: a head and a length, or why the queue breaks.
    fn next_used(&self, device: &Device, size: u16) -> Option<Result<(u16, u32), Violation>> {
        let claimed = (device.peek(Field::UsedIdx) as u16).wrapping_sub(self.last_used);
        if claimed == 0 {
            return None;
        }
        let outstanding = self.with_device();
        if claimed > outstanding {
            return Some(Err(Violation::UsedIndex {
                claimed,
                outstanding,
            }));
        }
        let id = device.peek(Field::UsedId(self.last_used)) as u32;
        if id >= u32::from(size) {
            return Some(Err(Violation::UsedId(id)));
        }
        let head = id as u16;
        if self.held.get(&head).is_none_or(|held| held.staged) {
            return Some(Err(Violation::NotOutstanding(head)));
        }
        let len = device.peek(Field::UsedLen(self.last_used)) as u32;
        Some(Ok((head, len)))
    }
}

/// A queue, its device, and the model of both.
pub struct World {
    kind: Kind,
    queue: Virtqueue<Token>,
    memory: Arc<DeviceMemory>,
    device: Device,
    /// By segments.
    buffers: Vec<Arc<Buffer>>,
    model: Model,
    next_tag: u64,
    trail: Vec<Action>,
}

impl World {
    pub fn new(kind: Kind) -> Self {
        let memory = Arc::new(DeviceMemory::new());
        let parameters = Parameters {
            index: 0,
            size: kind.size,
            event_idx: kind.event_idx,
            indirect: kind.indirect,
        };
        let queue = Virtqueue::new(&parameters, memory.clone()).unwrap();
        let device = Device::new(queue.pfn().unwrap(), kind.size, kind.event_idx);
        memory.hand_over();
        Self {
            kind,
            queue,
            memory,
            device,
            buffers: (0..=MOST_SEGMENTS)
                .map(|segments| Arc::new(Buffer::new(segments.max(1), SEGMENT_BYTES)))
                .collect(),
            model: Model::new(kind.size, true),
            next_tag: 0,
            trail: Vec::new(),
        }
    }

    /// Whether the queue is broken, as it has to be by now.
    pub fn is_broken(&self) -> bool {
        self.model.broken.is_some()
    }

    /// Does one thing, and panics if it did not come out as it has to.
    pub fn apply(&mut self, action: Action) {
        self.trail.push(action);
        match action {
            Action::Add(readable, writable) => self.add(readable, writable),
            Action::Kick => self.kick(),
            Action::Pop => self.pop(),
            Action::DisableCallbacks => self.disable(),
            Action::EnableCallbacks => self.enable(),
            Action::EnableCallbacksDelayed => self.enable_delayed(),
            Action::Write(field, value) => self.device.poke(field, value),
            Action::Serve(which, len) => self.serve(which, len),
            Action::Renew => return self.renew(),
        }
        self.check();
    }

    /// What holds at all times.
    fn check(&self) {
        let model = &self.model;
        assert_eq!(self.queue.broken(), model.broken);
        assert_eq!(usize::from(self.queue.in_flight()), model.held.len());
        assert_eq!(self.queue.free(), model.free);
        let used = self.device.peek(Field::UsedIdx) as u16;
        let more = model.broken.is_none() && used != model.last_used;
        assert_eq!(self.queue.more_used(), more);
    }

    fn token(&mut self, readable: u32, writable: u32) -> Token {
        let buffer =
            |segments: u32| (segments > 0).then(|| self.buffers[segments as usize].clone());
        self.next_tag += 1;
        Token {
            tag: self.next_tag,
            read: buffer(readable),
            write: buffer(writable),
        }
    }

    /// What adding a chain of so many segments has to come to: the descriptors that it takes.
    fn expect_room(&self, segments: u16) -> Result<u16, AddReason> {
        let Kind { size, indirect, .. } = self.kind;
        let free = self.model.free;
        if self.model.broken.is_some() {
            return Err(AddReason::Broken);
        }
        let entries = indirect.min(size);
        let has_tables = entries > 1;
        let (limit, room) = if has_tables {
            (entries, entries)
        } else {
            (size, free)
        };
        let chain = |error| Err(AddReason::Chain(error));
        match segments {
            _ if free == 0 => chain(ChainError::NoSpace),
            0 => chain(ChainError::Empty),
            _ if segments > room && room == limit => chain(ChainError::TooLong),
            _ if segments > room => chain(ChainError::NoSpace),
            _ if has_tables => Ok(1),
            _ => Ok(segments),
        }
    }

    fn add(&mut self, readable: u32, writable: u32) {
        let expected = self.expect_room((readable + writable) as u16);
        let token = self.token(readable, writable);
        let tag = token.tag;
        match (self.queue.add(token), expected) {
            (Ok(()), Ok(descriptors)) => self.added(tag, readable, writable, descriptors),
            (Err(error), Err(reason)) => {
                assert_eq!((error.token.tag, error.reason), (tag, reason));
                self.model.starved |= reason == AddReason::Chain(ChainError::NoSpace);
            }
            (result, expected) => panic!("added {:?}, not {expected:?}", result.is_ok()),
        }
    }

    /// Looks at what was written for a new chain.
    fn added(&mut self, tag: u64, readable: u32, writable: u32, descriptors: u16) {
        let head = self.device.peek(Field::AvailEntry(self.model.avail)) as u16;
        let chain = self.device.walk(head);
        let directions = chain.segments.iter().map(|segment| segment.writable);
        let wanted = (0..readable + writable).map(|at| at >= readable);
        assert!(directions.eq(wanted), "{chain:?}");
        assert!(chain.segments.iter().all(|s| s.len == SEGMENT_BYTES));
        let held = Held {
            tag,
            staged: true,
            writable: chain.writable_bytes(),
            descriptors,
        };
        assert!(self.model.held.insert(head, held).is_none(), "head {head}");
        self.model.free -= descriptors;
        self.model.avail = self.model.avail.wrapping_add(1);
    }

    fn kick(&mut self) {
        let (old, new) = (self.model.published, self.model.avail);
        let staged = old != new && self.model.broken.is_none();
        let wish = if self.kind.event_idx {
            let event = self.device.peek(Field::AvailEvent) as u16;
            new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
        } else {
            self.device.peek(Field::UsedFlags) & 1 == 0
        };
        let wanted = self.queue.kick_prepare();
        assert_eq!(wanted, staged && (wish || self.model.starved));
        if staged {
            assert_eq!(self.device.peek(Field::AvailIdx), new.into());
            self.model.starved = false;
            self.model.published = new;
            for held in self.model.held.values_mut() {
                held.staged = false;
            }
        }
    }

    fn pop(&mut self) {
        let expected = match self.model.broken {
            None => self.model.next_used(&self.device, self.kind.size),
            Some(_) => None,
        };
        let used = self.queue.pop();
        match expected {
            Some(Ok((head, len))) => {
                let used = used.expect("a chain that was used came not back");
                let held = self.model.held.remove(&head).unwrap();
                assert_eq!(used.token.tag, held.tag);
                assert_eq!((used.claimed_len(), used.writable()), (len, held.writable));
                assert_eq!(used.checked_len(), (len <= held.writable).then_some(len));
                self.model.free += held.descriptors;
                self.model.last_used = self.model.last_used.wrapping_add(1);
                if self.kind.event_idx && self.model.callbacks {
                    let event = self.device.peek(Field::UsedEvent);
                    assert_eq!(event, self.model.last_used.into());
                }
            }
            Some(Err(violation)) => {
                assert!(used.is_none());
                self.model.broken = Some(violation);
            }
            None => assert!(used.is_none()),
        }
    }

    fn disable(&mut self) {
        self.queue.disable_cb();
        if self.model.callbacks && !self.kind.event_idx {
            assert_eq!(self.device.peek(Field::AvailFlags), 1);
        }
        self.model.callbacks = false;
    }

    /// Entries that the device says it has used beyond those that were taken.
    fn waiting(&self) -> u16 {
        (self.device.peek(Field::UsedIdx) as u16).wrapping_sub(self.model.last_used)
    }

    fn enable(&mut self) {
        let expected = self.is_broken() || self.waiting() == 0;
        assert_eq!(self.queue.enable_cb(), expected);
        self.armed(0);
    }

    fn enable_delayed(&mut self) {
        let ahead = if self.kind.event_idx {
            let outstanding = self.model.held.len() as u16;
            outstanding * 3 / 4
        } else {
            0
        };
        let expected = self.is_broken() || self.waiting() <= ahead;
        assert_eq!(self.queue.enable_cb_delayed(), expected);
        self.armed(ahead);
    }

    /// The device was asked for an interrupt at the entry after the next `ahead`.
    fn armed(&mut self, ahead: u16) {
        self.model.callbacks = true;
        if self.is_broken() {
            return;
        }
        if self.kind.event_idx {
            let event = self.model.last_used.wrapping_add(ahead);
            assert_eq!(self.device.peek(Field::UsedEvent), event.into());
        } else {
            assert_eq!(self.device.peek(Field::AvailFlags), 0);
        }
    }

    fn serve(&mut self, which: u16, len: u32) {
        let mut known: Vec<_> = self
            .model
            .held
            .iter()
            .filter(|(_, held)| !held.staged)
            .collect();
        known.sort_by_key(|(_, held)| held.tag);
        let used = self.device.peek(Field::UsedIdx) as u16;
        let ahead = used.wrapping_sub(self.model.last_used);
        // Those that it has used already, if it was honest so far, are the first.
        let Some((head, _)) = known.get(usize::from(ahead).saturating_add(which.into())) else {
            return;
        };
        self.device.poke(Field::UsedId(used), u64::from(**head));
        self.device.poke(Field::UsedLen(used), len.into());
        self.device
            .poke(Field::UsedIdx, used.wrapping_add(1).into());
    }

    /// Takes everything back and exchanges a few chains more than there is room for with a device that is
    /// honest. Then all begins anew, with indices of 0.
    pub fn renew(&mut self) {
        self.restart();
        self.exchange();
        self.restart();
        self.trail.clear();
    }

    /// Resets the device, takes back what the queue has, and restarts it.
    fn restart(&mut self) {
        let proof = self.memory.take_over(&Fake::new(7, true)).unwrap();
        let mut tags = Vec::new();
        while let Some(token) = self.queue.take_back(&proof) {
            tags.push(token.tag);
        }
        let held: Vec<_> = self.model.held.values().map(|held| held.tag).collect();
        assert_eq!(tags, held, "what came back after the reset");
        assert!(self.queue.restart(&proof));
        let Kind {
            size, event_idx, ..
        } = self.kind;
        self.memory.hand_over();
        self.device = Device::new(self.queue.pfn().unwrap(), size, event_idx);
        self.model = Model::new(size, self.model.callbacks);
        self.check();
    }

    fn exchange(&mut self) {
        for round in 0..=u32::from(self.kind.size) {
            self.add(round % 2, 1 - round % 2);
            assert!(self.device.enable_notifications());
            self.kick();
            let chain = self.device.take().expect("a chain that was added is there");
            self.device.give(chain.head.into(), chain.writable_bytes());
            self.pop();
            assert!(self.model.held.is_empty(), "a chain that was used is back");
            self.check();
        }
    }
}

impl Drop for World {
    /// Says what led to a panic, and gives back what the queue has.
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{:?} after {:?}", self.kind, self.trail);
        } else {
            self.renew();
            let proof = self.memory.take_over(&Fake::new(7, true)).unwrap();
            assert!(self.queue.take_back(&proof).is_none());
        }
    }
}
