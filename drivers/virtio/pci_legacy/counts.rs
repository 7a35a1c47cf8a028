// SPDX-License-Identifier: GPL-2.0

//! What is counted about interrupts: each counter has the handler of one vector for a writer.

use crate::kernel_ext::sync::Counter;

/// Interrupts of one queue; with a vector or a pin for all queues, those of all.
///
/// On cache lines of its own: each queue may interrupt on another CPU.
#[derive(Default)]
#[repr(align(64))]
pub struct QueueInterrupts {
    /// Times that the queue was looked at because of an interrupt.
    pub all: Counter,
    /// Of these, times that the device had not used anything that was not taken already.
    pub idle: Counter,
}

impl QueueInterrupts {
    /// Counts an interrupt, after which the queue had something to take or not.
    #[inline]
    pub fn count(&self, found: bool) {
        self.all.inc();
        if !found {
            self.idle.inc();
        }
    }
}

/// Interrupts that are not a queue's.
#[derive(Default)]
#[repr(align(64))]
pub struct DeviceInterrupts {
    /// Changes of the configuration.
    pub config: Counter,
    /// Interrupts of the pin that were for another device on the same line.
    pub foreign: Counter,
    /// Times that interrupts were masked for a while, because too many led to nothing. Of two vectors
    /// at the same moment, one may not be counted.
    pub masked: Counter,
}
