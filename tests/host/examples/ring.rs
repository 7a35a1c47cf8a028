// SPDX-License-Identifier: GPL-2.0

//! The ring alone, for an instruction counter: `ring MODE DESCRIPTORS BATCH ROUNDS START`.
//!
//! Puts `BATCH` chains of `DESCRIPTORS` descriptors into a queue of 256, tells the device, lets it use
//! them and takes them out again, `ROUNDS` times, after the queue's indices have come to `START`. All of
//! the driver's part happens in the functions `measured_put` and `measured_take`, and nothing else does.
//! `MODE` is `flags`, `event` or either of them with `-off`: with a device that need not be notified and
//! a driver that wants no interrupts; with `-indirect` at the end, chains go into tables.

use std::{
    env,
    sync::Arc, //
};

use virtio_host_tests::{
    device::Device,
    memory::Buffer,
    virtio::{
        transport::DeviceMemory,
        virtqueue::{
            Buffers,
            Chain,
            ChainError,
            Descriptors,
            Parameters,
            Virtqueue, //
        },
    },
};

const SIZE: u16 = 256;

/// Buffers that the device writes, in as many segments as the chain is to have descriptors.
struct Request(Box<Buffer>);

impl Buffers for Request {
    #[inline]
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        chain.writable(&*self.0)
    }

    #[inline]
    fn most(&self) -> u16 {
        self.0.segments() as u16
    }
}

/// The driver hands requests over; whether the device is to be notified.
#[inline(always)]
fn put(queue: &mut Virtqueue<Request>, requests: &mut Vec<Request>) -> bool {
    while let Some(request) = requests.pop() {
        if queue.add(request).is_err() {
            return false;
        }
    }
    queue.kick_prepare()
}

/// The driver takes requests back; false if it wants an interrupt for which it is too late.
#[inline(always)]
fn take(queue: &mut Virtqueue<Request>, requests: &mut Vec<Request>, callbacks: bool) -> bool {
    queue.disable_cb();
    while let Some(used) = queue.pop() {
        requests.push(used.token);
    }
    !callbacks || queue.enable_cb()
}

#[export_name = "measured_put"]
#[inline(never)]
fn measured_put(queue: &mut Virtqueue<Request>, requests: &mut Vec<Request>) -> bool {
    put(queue, requests)
}

#[export_name = "measured_take"]
#[inline(never)]
fn measured_take(
    queue: &mut Virtqueue<Request>,
    requests: &mut Vec<Request>,
    callbacks: bool,
) -> bool {
    take(queue, requests, callbacks)
}

/// A queue and its device.
struct Bench {
    queue: Virtqueue<Request>,
    device: Device,
    descriptors: u32,
    event_idx: bool,
    /// Nobody wants to be notified.
    off: bool,
}

impl Bench {
    /// Sends `count` chains through the queue.
    fn round(&mut self, count: u32, measured: bool) {
        let new = |_| Request(Box::new(Buffer::new(self.descriptors, 64)));
        let mut requests: Vec<Request> = (0..count).map(new).collect();
        // The device says when it wants to be told of more.
        if self.event_idx {
            let next = self.device.avail_idx();
            let event = if self.off { next.wrapping_sub(1) } else { next };
            self.device.write_avail_event(event);
        } else if self.off {
            self.device.suppress_notifications();
        }
        let notify = match measured {
            true => measured_put(&mut self.queue, &mut requests),
            false => put(&mut self.queue, &mut requests),
        };
        assert_eq!(notify, !self.off);
        while let Some(chain) = self.device.take() {
            assert_eq!(chain.segments.len(), self.descriptors as usize);
            self.device.give(chain.head.into(), 64 * self.descriptors);
        }
        let complete = match measured {
            true => measured_take(&mut self.queue, &mut requests, !self.off),
            false => take(&mut self.queue, &mut requests, !self.off),
        };
        assert!(complete && requests.len() == count as usize);
    }
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let [mode, numbers @ ..] = &words[..] else {
        panic!("ring MODE DESCRIPTORS BATCH ROUNDS START");
    };
    let numbers: Vec<u32> = numbers.iter().map(|word| word.parse().unwrap()).collect();
    let [descriptors, batch, rounds, start] = numbers[..] else {
        panic!("four numbers come after the mode");
    };
    let parameters = Parameters {
        index: 0,
        size: SIZE,
        event_idx: mode.starts_with("event"),
        indirect: if mode.ends_with("-indirect") { 16 } else { 0 },
    };
    let queue = Virtqueue::new(&parameters, Arc::new(DeviceMemory::new())).unwrap();
    let mut bench = Bench {
        device: Device::new(queue.pfn().unwrap(), SIZE, parameters.event_idx),
        queue,
        descriptors,
        event_idx: parameters.event_idx,
        off: mode.contains("-off"),
    };
    for _ in 0..start {
        bench.round(1, false);
    }
    for _ in 0..rounds {
        bench.round(batch, true);
    }
}
