// SPDX-License-Identifier: GPL-2.0

//! Receiving: the ring is kept full of buffers, and a used one, or several, become a packet.

mod buffers;
mod packet;
mod program;
mod stock;

use kernel::{
    prelude::*,
    sync::Arc, //
};

pub(crate) use self::buffers::{
    Buffer,
    Sizing,
    FRAME_OVERHEAD,
    GOOD_PACKET_LEN, //
};
use self::{
    program::Rig,
    stock::Stock, //
};
use crate::{
    framing::Framing,
    kernel_ext::net::{
        napi::{
            Handle,
            Owned,
            Poll,
            Polled,
            Polling, //
        },
        netdev::NetDevice,
        xdp::{
            Program,
            RxQueue, //
        },
    },
    link::Link,
    stats::RxStats,
    tx::Transmitter,
    virtio::{
        core::features::Features,
        device::Notifier,
        transport::Quiesced,
        virtqueue::Virtqueue, //
    },
    xdp::Queues,
};

/// What a receiver is made of.
pub(crate) struct Parts {
    pub(crate) dev: Arc<NetDevice>,
    /// The number of its queue pair.
    pub(crate) pair: u16,
    pub(crate) vq: Virtqueue<Buffer>,
    pub(crate) notifier: Notifier,
    pub(crate) framing: Framing,
    /// The features that were agreed upon, which say what packets may be like.
    pub(crate) accepted: Features,
    pub(crate) sizing: Sizing,
    pub(crate) link: Arc<Link>,
    pub(crate) tx: Arc<Transmitter>,
    pub(crate) stats: Arc<RxStats>,
}

/// The receiving half of a queue pair; belongs to its NAPI instance.
pub(crate) struct Receiver {
    parts: Parts,
    /// What XDP knows of the queue. Given up before its pool.
    queue: Arc<RxQueue>,
    stock: Stock,
    /// A program of XDP, while one is loaded. Changes while polls are disabled.
    rig: Option<Rig>,
    /// The break of the queue has been reported.
    reported: bool,
}

impl Receiver {
    /// Makes the receiving half that `napi` is to poll.
    pub(crate) fn new(parts: Parts, napi: &Handle) -> Result<Self> {
        let size = u32::from(parts.vq.size());
        parts.stats.buffer_size.set(parts.sizing.size().into());
        let stock = Stock::new(napi, &parts.sizing, size)?;
        let queue = stock.register(napi, parts.pair)?;
        Ok(Self {
            queue: Arc::new(queue, GFP_KERNEL)?,
            stock,
            parts,
            rig: None,
            reported: false,
        })
    }

    /// Has a program look at all packets, which sends on those queues; or none.
    pub(crate) fn set_program(&mut self, program: Option<(Program, Arc<Queues>)>) {
        let Parts { sizing, stats, .. } = &mut self.parts;
        sizing.set_for_program(program.is_some());
        stats.buffer_size.set(sizing.size().into());
        self.rig = program.map(|(program, sends_on)| Rig {
            program,
            sends_on,
            queue: self.queue.clone(),
        });
    }

    /// Puts buffers into the ring as long as it has room, and tells the device.
    ///
    /// Returns false if there was no memory for all of them.
    pub(crate) fn refill(&mut self, owner: &Owned<'_>) -> bool {
        let Parts {
            vq, sizing, stats, ..
        } = &mut self.parts;
        let (size, descriptors) = (sizing.size(), sizing.descriptors());
        let (shape, pieces) = (sizing.shape(), sizing.pieces());
        stats.buffer_size.set(size.into());
        let mut enough = true;
        while vq.free() >= descriptors && vq.broken().is_none() {
            let Some(buffer) = self.stock.buffer(shape, pieces, size, owner) else {
                enough = false;
                break;
            };
            if vq.add(buffer).is_err() {
                break;
            }
        }
        if vq.kick_prepare() {
            self.parts.notifier.notify();
            self.parts.stats.kicks.inc();
        }
        enough
    }

    /// Hands what the device has received to the stack, as far as the poll's budget goes.
    #[inline]
    fn receive_all(&mut self, poll: &Polling<'_>) -> u32 {
        let mut done = 0;
        while done < poll.budget() {
            let Some(used) = self.parts.vq.pop() else {
                break;
            };
            done += 1;
            self.receive(used, poll);
        }
        done
    }

    /// Whether the queue is broken; the first time it is seen, the stack and the log are told.
    fn check_broken(&mut self) -> bool {
        let Some(violation) = self.parts.vq.broken() else {
            return false;
        };
        if !self.reported {
            self.reported = true;
            self.parts
                .link
                .queue_broken(fmt!("input.{}", self.parts.pair), violation);
        }
        true
    }

    /// Takes the queue out of service.
    pub(crate) fn break_queue(&mut self) {
        self.reported = true;
        self.parts.vq.break_now();
    }

    /// Frees every buffer that is still in the queue, after the device was reset.
    pub(crate) fn take_back(&mut self, proof: &Quiesced) {
        while let Some(buffer) = self.parts.vq.take_back(proof) {
            drop(buffer);
        }
    }

    /// Makes the queue new, after everything was taken back; false if it has buffers.
    pub(crate) fn restart(&mut self, proof: &Quiesced) -> bool {
        self.reported = false;
        self.parts.vq.restart(proof)
    }
}

impl Poll for Receiver {
    fn poll(&mut self, poll: &Polling<'_>) -> Polled {
        self.parts.vq.disable_cb();
        self.parts.tx.clean_in_passing(poll);

        let done = match self.rig.take() {
            None => self.receive_all(poll),
            Some(rig) => {
                let done = self.run_program(&rig, poll);
                self.rig = Some(rig);
                done
            }
        };
        if self.check_broken() {
            return Polled::Done(done);
        }

        // Buffers are added in batches; without memory for them the poll goes on until there is
        // some, because a ring without buffers brings no interrupt.
        let size = u32::from(self.parts.vq.size());
        let batch = poll.budget().min(size) / 2;
        let fed = u32::from(self.parts.vq.free()) <= batch || self.refill(poll);
        if done < poll.budget() && fed && self.parts.vq.enable_cb() {
            Polled::Done(done)
        } else {
            Polled::Again
        }
    }
}
