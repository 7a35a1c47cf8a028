// SPDX-License-Identifier: GPL-2.0

//! What the tests of the queue have in common.
#![allow(dead_code)] // Each test binary uses a part of it.

use std::sync::Arc;

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
            Few,
            Parameters,
            Single,
            Virtqueue, //
        },
    },
};

/// A request with a part to read and a part to write, either of which may be absent.
pub struct Request {
    pub tag: u64,
    pub read: Option<Buffer>,
    pub write: Option<Buffer>,
}

impl Request {
    pub fn new(tag: u64, readable: u32, writable: u32) -> Self {
        let buffer = |segments| (segments > 0).then(|| Buffer::new(segments, 64));
        Self {
            tag,
            read: buffer(readable),
            write: buffer(writable),
        }
    }
}

impl Buffers for Request {
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        if let Some(read) = &self.read {
            chain.readable(read)?;
        }
        if let Some(write) = &self.write {
            chain.writable(write)?;
        }
        Ok(())
    }

    fn few(&self) -> Few<'_> {
        let single = match (&self.read, &self.write) {
            (Some(read), None) => Single::readable(read),
            (None, Some(write)) => Single::writable(write),
            _ => None,
        };
        single.map_or(Few::Unknown, Few::One)
    }

    fn most(&self) -> u16 {
        let buffers = self.read.iter().chain(&self.write);
        buffers.map(Buffer::segments).sum::<u32>() as u16
    }
}

/// A queue and the device it was given to.
pub struct Pair<T: Buffers> {
    pub queue: Virtqueue<T>,
    pub device: Device,
    pub memory: Arc<DeviceMemory>,
}

pub fn pair<T: Buffers>(size: u16, event_idx: bool, indirect: u16) -> Pair<T> {
    let memory = Arc::new(DeviceMemory::new());
    let parameters = Parameters {
        index: 0,
        size,
        event_idx,
        indirect,
    };
    let queue = Virtqueue::new(&parameters, memory.clone()).unwrap();
    let device = Device::new(queue.pfn().unwrap(), size, event_idx);
    Pair {
        queue,
        device,
        memory,
    }
}

/// A linear congruential generator: tests are to be repeatable.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
