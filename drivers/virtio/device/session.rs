// SPDX-License-Identifier: GPL-2.0

//! A device with negotiated features, and its queues in the making.

use core::cell::Cell;

use kernel::{
    pci,
    prelude::*,
    sync::Arc, //
};

use super::registers::{
    Config,
    Notifier, //
};
use crate::virtio::{
    core::{
        features::{
            self,
            Features, //
        },
        layout::LayoutError,
        status::Status, //
    },
    pci_legacy::{
        counts::QueueInterrupts,
        PciLegacy, //
    },
    queue_name::QueueName,
    transport::{
        DeviceMemory,
        Transport, //
    },
    virtqueue::{
        Buffers,
        Parameters,
        SetupError,
        Virtqueue,
        Watch, //
    },
};

/// How a queue is to be set up.
#[derive(Clone, Copy)]
pub struct QueueOptions {
    /// Its part of the name of an interrupt vector.
    pub name: QueueName,
    /// Whether its interrupts are wanted. If not, the queue has no vector, and the device is asked
    /// for none.
    pub callback: bool,
    /// Most descriptors of an indirect chain, if INDIRECT_DESC is negotiated; 0 for none.
    pub indirect: u16,
}

/// A device with negotiated features, for which a driver creates its queues.
pub struct Session<'a> {
    pdev: &'a pci::Device,
    transport: &'a Arc<PciLegacy>,
    features: Features,
    memory: Arc<DeviceMemory>,
    queues: Cell<KVec<QueueSetup>>,
}

/// What the device is told of a queue once all of them exist.
pub(super) struct QueueSetup {
    pub(super) index: u16,
    pub(super) size: u16,
    pub(super) pfn: u32,
    pub(super) name: QueueName,
    /// Where its interrupts are counted, if it has any.
    pub(super) interrupts: Option<Arc<QueueInterrupts>>,
    pub(super) watch: Watch,
}

impl<'a> Session<'a> {
    /// For a device that was reset and told which features it is used with.
    pub(super) fn new(
        pdev: &'a pci::Device,
        transport: &'a Arc<PciLegacy>,
        features: Features,
        memory: Arc<DeviceMemory>,
    ) -> Self {
        Self {
            pdev,
            transport,
            features,
            memory,
            queues: Cell::new(KVec::new()),
        }
    }

    /// What the device is to be told of the queues that were created.
    pub(super) fn take_queues(&self) -> KVec<QueueSetup> {
        self.queues.take()
    }

    /// The negotiated features.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The device-specific configuration.
    pub fn config(&self) -> Config {
        Config(self.transport.clone())
    }

    /// What notifies the device of a queue.
    pub fn notifier(&self, queue: u16) -> Notifier {
        Notifier {
            transport: self.transport.clone(),
            queue,
        }
    }

    /// The entries of a queue as the device has it; 0 if there is no such queue.
    pub fn queue_size(&self, index: u16) -> u16 {
        self.transport.queue_size(index)
    }

    /// Creates a queue. The device is told of it when all queues exist.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: the device has no such queue, or has it in use already;
    /// - [`EINVAL`]: its size is not a power of two;
    /// - [`E2BIG`]: the ring's memory is beyond what the device can be told (2^44 bytes);
    /// - [`ENOMEM`]: there is no memory for it.
    pub fn virtqueue<T: Buffers>(
        &self,
        index: u16,
        options: &QueueOptions,
    ) -> Result<Virtqueue<T>> {
        let size = self.transport.queue_size(index);
        if size != 0 && self.transport.queue_pfn(index) != 0 {
            dev_err!(self.pdev, "queue {} is in use already\n", index);
            return Err(ENOENT);
        }
        let with = |feature| self.features.contains(feature);
        let parameters = Parameters {
            index,
            size,
            event_idx: with(features::EVENT_IDX),
            indirect: if with(features::INDIRECT_DESC) {
                options.indirect
            } else {
                0
            },
        };
        let mut queue = Virtqueue::new(&parameters, self.memory.clone())
            .map_err(|error| self.report(index, error))?;
        let pfn = queue
            .pfn()
            .map_err(|error| self.report(index, SetupError::Layout(error)))?;

        let interrupts = if options.callback {
            Some(Arc::new(QueueInterrupts::default(), GFP_KERNEL)?)
        } else {
            queue.disable_cb();
            None
        };
        let mut queues = self.queues.take();
        let result = queues.push(
            QueueSetup {
                index,
                size,
                pfn,
                name: options.name,
                interrupts,
                watch: queue.watch(),
            },
            GFP_KERNEL,
        );
        self.queues.set(queues);
        result?;
        Ok(queue)
    }

    /// Says in one line why a queue cannot be had.
    fn report(&self, index: u16, error: SetupError) -> Error {
        match error {
            SetupError::Layout(LayoutError::Missing) => {
                dev_err!(self.pdev, "the device has no queue {}\n", index);
                ENOENT
            }
            SetupError::Layout(LayoutError::Size(size)) => {
                dev_err!(self.pdev, "queue {} has bad size {}\n", index, size);
                EINVAL
            }
            SetupError::Layout(LayoutError::TooHigh) => {
                dev_err!(
                    self.pdev,
                    "queue {} is beyond 2^44 bytes, a limit of the legacy interface\n",
                    index
                );
                E2BIG
            }
            SetupError::NoMemory => {
                dev_err!(self.pdev, "no memory for queue {}\n", index);
                ENOMEM
            }
        }
    }
}

/// Tells the device that there is a driver for it.
pub(super) fn greet(transport: &PciLegacy) {
    transport.set_status(Status::ACKNOWLEDGE);
    transport.set_status(Status::ACKNOWLEDGE | Status::DRIVER);
}

/// Tells the device where its queues are; from here on it may access them.
///
/// # Errors
///
/// The first queue of which the device does not say so, too: it would never be served, or another
/// queue has its ring.
pub(super) fn hand_over(
    transport: &PciLegacy,
    memory: &DeviceMemory,
    queues: &[QueueSetup],
) -> Result<(), u16> {
    memory.hand_over();
    for queue in queues {
        transport.set_queue_pfn(queue.index, queue.pfn);
    }
    match queues
        .iter()
        .find(|queue| transport.queue_pfn(queue.index) != queue.pfn)
    {
        Some(queue) => Err(queue.index),
        None => Ok(()),
    }
}
