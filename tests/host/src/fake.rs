// SPDX-License-Identifier: GPL-2.0

//! A register file with a status register and nothing else.

use std::sync::atomic::{
    AtomicU8,
    Ordering, //
};

use crate::virtio::{
    core::status::Status,
    transport::Transport, //
};

/// A device that is only ever reset.
pub struct Fake {
    status: AtomicU8,
    /// Whether it takes a reset.
    obeys: bool,
    /// Whether the bus can keep it from memory.
    isolates: bool,
}

impl Fake {
    pub fn new(status: u8, obeys: bool) -> Self {
        Self {
            status: AtomicU8::new(status),
            obeys,
            isolates: false,
        }
    }

    pub fn isolated(mut self) -> Self {
        self.isolates = true;
        self
    }
}

impl Transport for Fake {
    fn host_features(&self) -> u32 {
        0
    }
    fn set_guest_features(&self, _features: u32) {}
    fn status(&self) -> Status {
        Status::from_bits(self.status.load(Ordering::Relaxed))
    }
    fn set_status(&self, status: Status) {
        self.status.store(status.bits(), Ordering::Relaxed);
    }
    fn reset(&self) -> bool {
        if self.obeys {
            self.set_status(Status::RESET);
        }
        self.obeys
    }
    fn isolate(&self) -> bool {
        self.isolates
    }
    fn read_config(&self, _offset: usize, buf: &mut [u8]) {
        buf.fill(0xff);
    }
    fn write_config(&self, _offset: usize, _buf: &[u8]) {}
    fn queue_size(&self, _queue: u16) -> u16 {
        0
    }
    fn queue_pfn(&self, _queue: u16) -> u32 {
        0
    }
    fn set_queue_pfn(&self, _queue: u16, _pfn: u32) {}
    fn notify(&self, _queue: u16) {}
    fn set_config_vector(&self, _vector: u16) -> u16 {
        0xffff
    }
    fn set_queue_vector(&self, _queue: u16, _vector: u16) -> u16 {
        0xffff
    }
    fn isr(&self) -> u8 {
        0
    }
}
