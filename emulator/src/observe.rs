// SPDX-License-Identifier: GPL-2.0

//! What happens in a device, for whoever watches: a trace, a checker, a capture of frames.
//!
//! Events come one after the other, in the order of their numbers, from whichever thread they happen
//! in. What a driver can notice is told before it can notice it: an interrupt before it is sent, a
//! chain given back before the used index says so. An observer may be called with locks of the
//! device held: it must be quick, and must not call into the device.

use std::{
    sync::{
        Arc,
        Mutex,
        PoisonError, //
    },
    time::Instant,
};

use crate::{
    queue::{
        Hold,
        Piece,
        Table,
        Violation,
        Wish, //
    },
    virtio::{
        net::Header,
        pci::DeviceType, //
    },
};

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Events of this device before this one.
    pub sequence: u64,
    /// Microseconds since the device was made.
    pub micros: u64,
}

/// Who wants to know what happens in a device.
pub trait Observer: Send + Sync {
    /// Something has happened, or is about to in a way that nothing stops any more.
    fn see(&self, moment: Moment, event: &Event<'_>);
}

/// What put a device into the state after power-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The driver wrote 0 to STATUS.
    Status,
    /// The driver wrote 0 to QUEUE_PFN, of a device whose habit that is.
    Frame,
    /// The PCI function was reset.
    Bus,
    /// The client has left.
    Client,
}

/// The way of an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The INTx line is asserted, if it was not.
    Line,
    /// This MSI-X vector fires.
    Vector(u16),
    /// MSI-X is on, and there is no vector for it: nothing is sent.
    Nowhere,
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The device was made; the first event, with number 0.
    Device {
        /// The kind of device.
        kind: DeviceType,
        /// The features it offers.
        features: u32,
        /// The size of each of its queues.
        queues: &'a [u16],
        /// Bytes of its configuration.
        config: usize,
        /// MSI-X vectors.
        vectors: u16,
        /// The name of its profile.
        profile: &'a str,
    },
    /// A client has come, or is gone.
    Client {
        /// Whether it is there now.
        connected: bool,
    },
    /// An access to BAR0: a read when it is answered, a write before it takes effect.
    Register {
        /// The driver writes.
        write: bool,
        /// Where in BAR0.
        offset: u64,
        /// Where in the device's configuration, if it falls there.
        config: Option<u64>,
        /// The bytes read or written.
        data: &'a [u8],
    },
    /// Bus mastering was switched on or off.
    Master(bool),
    /// MSI-X was switched on or off.
    Msix(bool),
    /// The device is in the state after power-on.
    Reset(Cause),
    /// What the device takes as the driver's features.
    Features(u32),
    /// A queue has its ring.
    QueueOn {
        /// Its number.
        queue: u16,
        /// QUEUE_PFN.
        frame: u32,
        /// Entries.
        size: u16,
    },
    /// A queue has no ring any more, and the device was not reset.
    QueueOff {
        /// Its number.
        queue: u16,
    },
    /// The driver wrote to QUEUE_NOTIFY; the register access comes first.
    Kick {
        /// The number it wrote, whether or not there is such a queue.
        queue: u16,
        /// The available index; None without a ring in memory.
        available: Option<u16>,
        /// The available index of the next chain that the device takes.
        taken: u16,
    },
    /// A chain was taken.
    Chain {
        /// The number of its queue.
        queue: u16,
        /// Its available index.
        position: u16,
        /// The available index of the ring then: more chains may be there.
        available: u16,
        /// The number of its first descriptor.
        head: u16,
        /// The indirect table that it ends in.
        table: Option<Table>,
        /// Its buffers.
        pieces: &'a [Piece],
    },
    /// The last chains that were taken are the next ones again, as if they had not been.
    PutBack {
        /// The number of their queue.
        queue: u16,
        /// How many.
        count: u16,
        /// The available index of the first of them.
        position: u16,
    },
    /// A chain is given back.
    Done {
        /// The number of its queue.
        queue: u16,
        /// Its used index.
        position: u16,
        /// The number of its first descriptor.
        head: u16,
        /// Bytes that the device has written.
        written: u32,
    },
    /// The device says whether it wants to be notified.
    Wish {
        /// The number of the queue.
        queue: u16,
        /// What it says.
        wish: Wish,
    },
    /// The driver is interrupted.
    Interrupt {
        /// The number of the queue; None for a change of the configuration.
        queue: Option<u16>,
        /// How.
        via: Via,
    },
    /// Chains were given back, and the driver is not interrupted for them.
    Held {
        /// The number of the queue.
        queue: u16,
        /// Why.
        by: Hold,
    },
    /// The driver has broken a rule; the device stops until it is reset.
    Violation {
        /// The number of the queue.
        queue: u16,
        /// The rule.
        violation: Violation,
    },
    /// The parameters of a request or command, before its answer: a disk's ranges, or what
    /// follows the class and the code of a command to a card.
    Data {
        /// The number of the queue.
        queue: u16,
        /// As the driver has them.
        data: &'a [u8],
    },
    /// A request of a block device has its status.
    Request {
        /// The number of the queue.
        queue: u16,
        /// VIRTIO_BLK_T_*.
        kind: u32,
        /// The I/O priority, as the header has it: on Linux class and level.
        priority: u32,
        /// The first sector, as the header has it.
        sector: u64,
        /// Bytes of data, without header and status.
        bytes: u64,
        /// VIRTIO_BLK_S_*.
        status: u8,
    },
    /// The header of a frame between a network device and its driver.
    Header {
        /// The number of the queue.
        queue: u16,
        /// The driver sends it.
        sent: bool,
        /// The header.
        header: &'a Header,
        /// Bytes of the frame behind it.
        bytes: usize,
    },
    /// A command to a network device has its answer.
    Command {
        /// The number of the queue.
        queue: u16,
        /// Its class.
        class: u8,
        /// The command.
        command: u8,
        /// Bytes of data, without class, command and answer.
        bytes: usize,
        /// The answer.
        answer: u8,
    },
    /// A frame as it is on the wire, or comes from there.
    Frame {
        /// The driver has sent it.
        sent: bool,
        /// Its bytes.
        frame: &'a [u8],
    },
}

/// Who watches a device. With nobody there, an event costs one branch.
pub struct Observers {
    list: Vec<Arc<dyn Observer>>,
    start: Instant,
    /// The number of the next event; held while it is told, so that all see the same order.
    next: Mutex<u64>,
}

impl Observers {
    /// A device is being made that these watch.
    pub fn new(list: Vec<Arc<dyn Observer>>) -> Self {
        Self {
            list,
            start: Instant::now(),
            next: Mutex::new(0),
        }
    }

    /// Whether there is anybody.
    #[inline]
    pub fn any(&self) -> bool {
        !self.list.is_empty()
    }

    /// Tells everybody of an event, which is made if somebody wants to know.
    #[inline]
    pub fn see<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if self.any() {
            self.tell(&event());
        }
    }

    #[cold]
    fn tell(&self, event: &Event<'_>) {
        // A panic elsewhere leaves a number that is used once more at worst.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = Moment {
            sequence: *next,
            // CAST: Enough for half a million years.
            micros: self.start.elapsed().as_micros() as u64,
        };
        for observer in &self.list {
            observer.see(moment, event);
        }
        *next += 1;
    }
}
