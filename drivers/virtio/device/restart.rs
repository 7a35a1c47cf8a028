// SPDX-License-Identifier: GPL-2.0

//! A device that was reset is set up again, as it was.
//!
//! Whatever the reason, the steps are the same, and the driver takes them in this order:
//!
//! 1. it keeps requests away from its queues and breaks them;
//! 2. [`Live::reset`] takes the memory back from the device;
//! 3. it takes back every buffer, and restarts every queue ([`Virtqueue::restart`]);
//! 4. [`Live::set_up_again`] negotiates and tells the device of rings and vectors;
//! 5. [`Live::driver_ok`] lets it go, and the driver lets requests in.
//!
//! Nothing is allocated on the way, so that it can be done for a disk that memory is being written
//! out to: rings, tables, vectors and handlers stay. The device must be what it was: one that has
//! lost features or queues is another device, for which the driver has to be bound again.
//!
//! Handlers may run all the while. They find their queue broken, or new and empty.
//!
//! [`Virtqueue::restart`]: crate::virtio::virtqueue::Virtqueue::restart

use kernel::{
    fmt,
    prelude::*, //
};

use super::{
    session::{
        greet,
        hand_over,
        QueueSetup, //
    },
    Events,
    Live, //
};
use crate::virtio::{
    core::{
        features::Features,
        status::Status, //
    },
    transport::{
        Quiesced,
        Transport, //
    },
};

/// In what a device is not what it was before it was reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It has not taken the reset, or is gone.
    NotReset,
    /// It does not offer these features any more.
    Features(Features),
    /// This queue has another size, or is in use already.
    Queue(u16),
    /// It refuses an interrupt vector.
    Vectors,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReset => f.write_str("it does not take a reset"),
            Self::Features(missing) => {
                write!(f, "it has lost features {:#010x}", missing.bits())
            }
            Self::Queue(index) => write!(f, "its queue {index} is not what it was"),
            Self::Vectors => f.write_str("it refuses its interrupt vectors"),
        }
    }
}

impl<E: Events> Live<E> {
    /// Whether the device says that it has stopped and has to be reset.
    pub fn needs_reset(&self) -> bool {
        let status = self.transport.status();
        status.contains(Status::NEEDS_RESET) && !status.is_gone()
    }

    /// Whether the device has lost its state: it knows neither a driver nor the first of its rings.
    pub fn has_forgotten(&self) -> bool {
        let knows = |queue: &QueueSetup| self.transport.queue_pfn(queue.index) == queue.pfn;
        !self.transport.status().contains(Status::DRIVER_OK)
            && !self.queues.first().is_some_and(knows)
    }

    /// Resets the device: it forgets all rings and buffers, and does not interrupt.
    ///
    /// Returns `None` when that did not help: then the driver's memory stays with the device.
    pub fn reset(&self) -> Option<Quiesced> {
        self.memory.take_over(&*self.transport)
    }

    /// Sets up the device as it was before it was reset. Every queue has been restarted.
    ///
    /// # Errors
    ///
    /// See [`Changed`]. The device has to be reset again then: it may have been told of queues.
    pub fn set_up_again(&self, proof: &Quiesced) -> Result<(), Changed> {
        if !proof.was_reset() || self.transport.status() != Status::RESET {
            return Err(Changed::NotReset);
        }
        greet(&self.transport);
        let offered = Features::from_bits(self.transport.host_features());
        if !offered.contains(self.features) {
            return Err(Changed::Features(self.features.without(offered)));
        }
        self.transport.set_guest_features(self.features.bits());

        for queue in &self.queues {
            let (size, pfn) = (
                self.transport.queue_size(queue.index),
                self.transport.queue_pfn(queue.index),
            );
            if size != queue.size || pfn != 0 {
                return Err(Changed::Queue(queue.index));
            }
        }
        hand_over(&self.transport, &self.memory, &self.queues).map_err(Changed::Queue)?;
        match &self.interrupts {
            Some(interrupts) => interrupts
                .assign(&self.transport)
                .map_err(|_| Changed::Vectors),
            None => Err(Changed::Vectors),
        }
    }
}
