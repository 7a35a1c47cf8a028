// SPDX-License-Identifier: GPL-2.0

//! The state of the link, and what becomes of it when a queue breaks.

use kernel::{
    fmt,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc, //
    },
};

use crate::{
    kernel_ext::net::netdev::{
        netdev_err,
        NetDevice, //
    },
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
}

impl Link {
    /// A link that nobody has looked at yet.
    pub(crate) fn new(dev: Arc<NetDevice>, config: Option<Config>) -> Self {
        Self {
            dev,
            config,
            broken: Atomic::new(0),
        }
    }

    /// Whether the device says that the link is up.
    fn is_up(&self) -> bool {
        match &self.config {
            Some(config) => config.read_u16(config::STATUS) & STATUS_LINK_UP != 0,
            None => true,
        }
    }

    fn is_broken(&self) -> bool {
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

    /// Takes the link down for good, because the device broke the rules of a queue.
    ///
    /// Each queue reports once. Called in any context.
    pub(crate) fn queue_broken(&self, queue: fmt::Arguments<'_>, violation: Violation) {
        self.broken.store(1, Relaxed);
        self.dev.set_carrier(false);
        netdev_err!(self.dev, "queue {} is broken: {:?}\n", queue, violation);
    }
}
