// SPDX-License-Identifier: GPL-2.0

//! A device that is up, until it is shut down.

use kernel::{
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

use super::{
    device_name,
    registers::Config,
    session::QueueSetup,
    Events, //
};
use crate::kernel_ext::irq::affinity::Affinity;
use crate::virtio::{
    core::{
        features::{
            Features,
            Names, //
        },
        pci::DeviceType,
        status::Status, //
    },
    inspect::{
        self,
        Agreement,
        Inspection, //
    },
    pci_legacy::{
        interrupts::Interrupts,
        PciLegacy, //
    },
    transport::{
        DeviceMemory,
        Quiesced,
        Transport, //
    },
};

/// A device that was brought up.
///
/// Dropping it shuts it down.
pub struct Live<E: Events> {
    pub(super) pdev: ARef<pci::Device>,
    pub(super) transport: Arc<PciLegacy>,
    pub(super) kind: DeviceType,
    pub(super) features: Features,
    pub(super) queues: KVec<QueueSetup>,
    pub(super) memory: Arc<DeviceMemory>,
    pub(super) interrupts: Option<Interrupts<E>>,
    pub(super) events: Arc<E>,
    pub(super) inspection: Option<Inspection>,
    pub(super) bound: bool,
    pub(super) failed: bool,
}

impl<E: Events> Live<E> {
    /// The driver's shared state.
    pub fn events(&self) -> &Arc<E> {
        &self.events
    }

    /// The negotiated features.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The device-specific configuration.
    pub fn config(&self) -> Config {
        Config(self.transport.clone())
    }

    /// Whether the device is gone: unplugged, its registers read all ones.
    pub fn is_gone(&self) -> bool {
        self.transport.status().is_gone()
    }

    /// The vector of the first queue, if the queues' vectors are spread over the CPUs; see
    /// [`Events::SPREAD_QUEUES`].
    pub fn first_spread_vector(&self) -> Option<u16> {
        self.interrupts.as_ref()?.first_spread_vector()
    }

    /// What says which CPUs handle the interrupts of a queue; [`None`] if it shares its vector or
    /// has none, or the kernel manages it.
    pub fn queue_affinity(&self, queue: u16) -> Option<&Arc<Affinity>> {
        self.interrupts.as_ref()?.queue_affinity(queue)
    }

    /// The PCI function.
    pub fn pdev(&self) -> &pci::Device {
        &self.pdev
    }

    /// Tells the device that the driver is ready. From here on it uses the queues.
    pub fn driver_ok(&self) {
        self.transport
            .set_status(Status::ACKNOWLEDGE | Status::DRIVER | Status::DRIVER_OK);
    }

    /// Notes that the driver is bound: shutting the device down is no sign of a failure any more.
    pub fn bound(&mut self) {
        self.bound = true;
    }

    /// Notes that the device will not be used any more, which it is told when it is shut down.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// Shows the device in debugfs.
    pub(super) fn inspect(&self, driver: &CStr, agreement: Agreement) -> Result<Inspection> {
        let interrupts = self.interrupts.as_ref().ok_or(ENODEV)?;
        let mut shown = KVec::with_capacity(self.queues.len(), GFP_KERNEL)?;
        for queue in &self.queues {
            let queue = inspect::Queue {
                name: queue.name,
                watch: queue.watch.clone(),
                interrupts: queue.interrupts.clone(),
            };
            shown.push(queue, GFP_KERNEL)?;
        }
        Inspection::new(
            &device_name(driver, &self.pdev)?,
            &self.transport,
            agreement,
            (
                interrupts.policy(),
                interrupts.vectors(),
                interrupts.counts().clone(),
            ),
            shown,
        )
    }

    /// Tells a device that will not be used any more that it is so, in case it has forgotten.
    pub fn tell_failed(&self) {
        self.transport
            .set_status(Status::ACKNOWLEDGE | Status::DRIVER | Status::FAILED);
    }

    /// Says what was found and agreed, in one line of the log.
    pub(super) fn announce(&self) {
        let (vectors, policy) = match &self.interrupts {
            Some(interrupts) => (interrupts.vectors(), interrupts.policy().name()),
            None => (0, "none"),
        };
        dev_info!(
            self.pdev,
            "legacy virtio-{}, {} vectors ({}), {} queues, features {:#010x}: {}\n",
            self.kind.name(),
            vectors,
            policy,
            self.queues.len(),
            self.features.bits(),
            Names {
                kind: self.kind,
                features: self.features,
            }
        );
    }

    /// Stops the device: resets it, waits for running interrupt handlers and frees them.
    ///
    /// The driver has stopped its producers and broken its queues before, and takes back every
    /// buffer afterwards. The device is left acknowledged, as Linux leaves one without a driver, or
    /// failed if the driver was never [`bound`](Self::bound) or has [given up](Self::fail).
    ///
    /// Returns `None` if the device did not take the reset: then its memory must stay untouched,
    /// and the queues see to it that it does. May be called again.
    pub fn shut_down(&mut self) -> Option<Quiesced> {
        let quiesced = self.memory.take_over(&*self.transport);
        if quiesced.is_none() {
            dev_err!(self.pdev, "the device does not take a reset\n");
        }
        self.interrupts = None;
        if quiesced.is_some() {
            self.transport.set_status(if self.bound && !self.failed {
                Status::ACKNOWLEDGE
            } else {
                Status::ACKNOWLEDGE | Status::DRIVER | Status::FAILED
            });
        }
        quiesced
    }
}

impl<E: Events> Drop for Live<E> {
    fn drop(&mut self) {
        if self.interrupts.is_some() || self.memory.is_with_device() {
            self.shut_down();
        }
    }
}
