// SPDX-License-Identifier: GPL-2.0

//! A transport that is not there.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

use crate::virtio::{
    core::status::Status,
    transport::Transport, //
};

/// A register file with a status register and nothing else.
pub(crate) struct Fake {
    status: Atomic<u32>,
    /// Whether a reset is obeyed.
    obeys: bool,
}

impl Fake {
    pub(crate) fn new(status: u32, obeys: bool) -> Self {
        Self {
            status: Atomic::new(status),
            obeys,
        }
    }
}

impl Transport for Fake {
    fn host_features(&self) -> u32 {
        0
    }

    fn set_guest_features(&self, _features: u32) {}

    fn status(&self) -> Status {
        // CAST: Only status bytes are stored.
        Status::from_bits(self.status.load(Relaxed) as u8)
    }

    fn set_status(&self, status: Status) {
        self.status.store(status.bits().into(), Relaxed);
    }

    fn reset(&self) -> bool {
        if self.obeys {
            self.set_status(Status::RESET);
        }
        self.obeys
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

    fn set_config_vector(&self, vector: u16) -> u16 {
        vector
    }

    fn set_queue_vector(&self, _queue: u16, vector: u16) -> u16 {
        vector
    }

    fn isr(&self) -> u8 {
        0
    }
}
