// SPDX-License-Identifier: GPL-2.0

//! The control queue: one command at a time, each waited for.
//!
//! The device is to answer at once, and is waited for without an interrupt, but not for ever: a
//! command that it does not answer within [`PATIENCE`] fails. Its buffers stay in the queue, which
//! owns them, for the device may still write the answer; until it has, or was reset, every further
//! command fails without any waiting.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta,
        Instant,
        Monotonic, //
    },
};

use crate::{
    kernel_ext::net::netdev::{
        net_ratelimit,
        netdev_err,
        netdev_warn,
        NetDevice, //
    },
    link::Link,
    virtio::{
        core::net::control::{
            Command,
            HEAD_BYTES,
            NO_ANSWER,
            OK,
            TABLE_BYTES, //
        },
        device::Notifier,
        shared::Slot,
        transport::Quiesced,
        virtqueue::{
            Buffers,
            Chain,
            ChainError,
            Descriptors,
            Virtqueue, //
        },
    },
};

/// The longest that a command is waited for.
const PATIENCE: Delta = Delta::from_millis(990);
/// The first look at the queue again comes after so much, each further one after twice as long,
const FIRST_PAUSE: Delta = Delta::from_micros(10);
/// up to this.
const LONGEST_PAUSE: Delta = Delta::from_millis(10);

/// Most parts of a command's data.
const PARTS: usize = 2;

/// Bytes that the device reads.
struct Part {
    bytes: Slot<[u8; TABLE_BYTES]>,
    len: u32,
}

/// A command in memory that the device may access.
///
/// Each part has descriptors of its own, which is right with and without ANY_LAYOUT.
pub(crate) struct Request {
    head: Slot<[u8; HEAD_BYTES]>,
    data: [Part; PARTS],
    answer: Slot<u8>,
}

impl Request {
    fn new() -> Result<Self> {
        let mut heads = Slot::table(1)?;
        let mut answers = Slot::table(1)?;
        let mut parts = Slot::table(PARTS)?;
        let mut part = || -> Result<Part> {
            Ok(Part {
                bytes: parts.pop().ok_or(ENOMEM)?,
                len: 0,
            })
        };
        Ok(Self {
            head: heads.pop().ok_or(ENOMEM)?,
            data: [part()?, part()?],
            answer: answers.pop().ok_or(ENOMEM)?,
        })
    }

    /// Writes a command and its data, as far as there is room for them.
    fn write(&mut self, command: Command, data: [&[u8]; PARTS]) {
        self.head.write(command.head());
        for (part, bytes) in self.data.iter_mut().zip(data) {
            let mut copy = [0; TABLE_BYTES];
            part.len = 0;
            for (place, byte) in copy.iter_mut().zip(bytes) {
                *place = *byte;
                part.len += 1;
            }
            part.bytes.write(copy);
        }
        self.answer.write(NO_ANSWER);
    }
}

impl Buffers for Request {
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        chain.readable(&self.head)?;
        for part in &self.data {
            chain.readable_prefix(&part.bytes, part.len)?;
        }
        chain.writable(&self.answer)
    }
}

/// The queue and the request that goes through it.
struct State {
    vq: Virtqueue<Request>,
    /// The request, unless the device has it.
    idle: Option<Request>,
    /// The break of the queue has been reported.
    reported: bool,
}

impl State {
    /// Takes the request back from the device; returns the answer.
    fn collect(&mut self) -> Option<u8> {
        let used = self.vq.pop()?;
        let answer = used.token.answer.read();
        self.idle = Some(used.token);
        Some(answer)
    }

    /// Waits for the answer to the request in the queue.
    fn wait(&mut self) -> Option<u8> {
        let start = Instant::<Monotonic>::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.collect();
            if answer.is_some() || self.vq.broken().is_some() || start.elapsed() >= PATIENCE {
                return answer;
            }
            fsleep(pause);
            pause = (pause + pause).min(LONGEST_PAUSE);
        }
    }
}

/// The control queue of a device.
#[pin_data]
pub(crate) struct Control {
    dev: Arc<NetDevice>,
    link: Arc<Link>,
    notifier: Notifier,
    #[pin]
    state: Mutex<State>,
}

impl Control {
    /// Takes over the queue for commands.
    pub(crate) fn new(
        dev: Arc<NetDevice>,
        link: Arc<Link>,
        vq: Virtqueue<Request>,
        notifier: Notifier,
    ) -> Result<Arc<Self>> {
        let state = State {
            vq,
            idle: Some(Request::new()?),
            reported: false,
        };
        Arc::pin_init(
            pin_init!(Self {
                dev,
                link,
                notifier,
                state <- new_mutex!(state, "Control::state"),
            }),
            GFP_KERNEL,
        )
    }

    /// Has the device carry out a command. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the device refuses;
    /// - [`ETIMEDOUT`]: it has not answered this command or an earlier one;
    /// - [`EIO`]: the queue does not take commands.
    pub(crate) fn send(&self, command: Command, data: [&[u8]; PARTS]) -> Result {
        let mut state = self.state.lock();
        if state.idle.is_none() && state.collect().is_some() && net_ratelimit() {
            netdev_warn!(self.dev, "the device answers commands again\n");
        }
        let mut request = state.idle.take().ok_or(ETIMEDOUT)?;
        request.write(command, data);
        if let Err(error) = state.vq.add(request) {
            state.idle = Some(error.token);
            return Err(EIO);
        }
        if state.vq.kick_prepare() {
            self.notifier.notify();
        }
        match state.wait() {
            Some(OK) => Ok(()),
            Some(_) => {
                if net_ratelimit() {
                    netdev_warn!(self.dev, "the device refuses command {}\n", command.name);
                }
                Err(EINVAL)
            }
            None => Err(self.silence(&mut state, command)),
        }
    }

    /// Says why there was no answer.
    fn silence(&self, state: &mut State, command: Command) -> Error {
        let Some(violation) = state.vq.broken() else {
            if net_ratelimit() {
                netdev_err!(
                    self.dev,
                    "the device does not answer command {}\n",
                    command.name
                );
            }
            return ETIMEDOUT;
        };
        if !core::mem::replace(&mut state.reported, true) {
            self.link.queue_broken(fmt!("control"), violation);
        }
        EIO
    }

    /// Takes the queue out of service, in process context.
    pub(crate) fn break_queue(&self) {
        let mut state = self.state.lock();
        state.reported = true;
        state.vq.break_now();
    }

    /// Takes back the request that is still in the queue, after the device was reset.
    pub(crate) fn take_back(&self, proof: &Quiesced) {
        let mut state = self.state.lock();
        while let Some(request) = state.vq.take_back(proof) {
            state.idle = Some(request);
        }
    }

    /// Makes the queue new, after everything was taken back; false if it has requests.
    pub(crate) fn restart(&self, proof: &Quiesced) -> bool {
        let mut state = self.state.lock();
        state.reported = false;
        state.vq.restart(proof)
    }
}
