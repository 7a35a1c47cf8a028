// SPDX-License-Identifier: GPL-2.0

//! The state of the link, and what becomes of it when a queue breaks.

use kernel::{
    fmt,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc,
        SetOnce, //
    },
};

use crate::{
    kernel_ext::{
        net::netdev::{
            netdev_err,
            NetDevice, //
        },
        workqueue::Deferred,
    },
    rescue::Rescue,
    virtio::{
        core::net::{
            config,
            STATUS_LINK_UP, //
        },
        device::Config,
        virtqueue::Violation,
    },
};

/// Follows the link state in the device's configuration.
///
/// A change is announced by an interrupt, but the configuration can only be read in process
/// context.
pub(crate) struct Link {
    dev: Arc<NetDevice>,
    /// The configuration of a device that reports its link state; others are always up.
    config: Option<Config>,
    broken: Atomic<u32>,
    /// Who looks after a device that has broken a queue.
    rescue: SetOnce<Arc<Deferred<Rescue>>>,
}

impl Link {
    /// A link that nobody has looked at yet.
    pub(crate) fn new(dev: Arc<NetDevice>, config: Option<Config>) -> Self {
        Self {
            dev,
            config,
            broken: Atomic::new(0),
            rescue: SetOnce::new(),
        }
    }

    /// Says who looks after a device that does not work any more.
    pub(crate) fn set_rescue(&self, rescue: Arc<Deferred<Rescue>>) {
        self.rescue.populate(rescue);
    }

    /// Has somebody look whether the device still works. Called in any context.
    pub(crate) fn call_for_rescue(&self) {
        if let Some(rescue) = self.rescue.as_ref() {
            rescue.schedule();
        }
    }

    /// Waits for whoever looks after the device.
    pub(crate) fn end_rescue(&self) {
        if let Some(rescue) = self.rescue.as_ref() {
            rescue.cancel();
        }
    }

    /// Takes the link down until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.broken.store(1, Relaxed);
        self.dev.set_carrier(false);
    }

    /// The device works again.
    pub(crate) fn release(&self) {
        self.broken.store(0, Relaxed);
    }

    /// Whether the device says that the link is up.
    fn is_up(&self) -> bool {
        match &self.config {
            Some(config) => config.read_u16(config::STATUS) & STATUS_LINK_UP != 0,
            None => true,
        }
    }

    /// Whether a queue has broken.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Relaxed) != 0
    }

    /// Tells the stack about the link. Called in process context.
    pub(crate) fn update(&self) {
        let up = self.is_up() && !self.is_broken();
        if up != self.dev.carrier_ok() {
            self.dev.set_carrier(up);
        }
        // A queue may have broken in between, and taken the link down too early.
        if self.is_broken() {
            self.dev.set_carrier(false);
        }
    }

    /// The same while the interface is open: closed ones have no carrier.
    pub(crate) fn update_if_open(&self) {
        if self.dev.is_running() {
            self.update();
        }
    }

    /// Takes the link down, because the device broke the rules of a queue.
    ///
    /// Each queue reports once. Called in any context.
    pub(crate) fn queue_broken(&self, queue: fmt::Arguments<'_>, violation: Violation) {
        self.hold();
        self.call_for_rescue();
        netdev_err!(self.dev, "queue {} is broken: {:?}\n", queue, violation);
    }
}
