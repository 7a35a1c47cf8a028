// SPDX-License-Identifier: GPL-2.0

//! The device asks the driver to make itself known to the network, after a migration for instance
//! (VIRTIO 1.3, section 5.1.6.5.4).

use kernel::sync::Arc;

use crate::{
    control::Control,
    kernel_ext::{
        net::netdev::NetDevice,
        workqueue::Task, //
    },
    virtio::{
        core::net::{
            config,
            control::ANNOUNCE_ACK,
            STATUS_ANNOUNCE, //
        },
        device::Config,
    },
};

/// Looks whether the device asks, and does it.
pub(crate) struct Announcer {
    pub(crate) dev: Arc<NetDevice>,
    pub(crate) config: Config,
    pub(crate) control: Arc<Control>,
}

impl Task for Announcer {
    /// A closed interface has nothing to say; when it is opened it looks again.
    fn run(&self) {
        let asked = self.config.read_u16(config::STATUS) & STATUS_ANNOUNCE != 0;
        if asked && self.dev.is_running() {
            self.dev.notify_peers();
            // The log has what goes wrong; the device will ask again.
            let _ = self.control.send(ANNOUNCE_ACK, [&[], &[]]);
        }
    }
}
