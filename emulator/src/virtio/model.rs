// SPDX-License-Identifier: GPL-2.0

//! What makes a device a disk or a network card.

use std::sync::Arc;

use super::{
    pci::DeviceType,
    service::Service,
    workers::Bell, //
};

/// A kind of device: its features, its configuration, and what it does with chains.
pub trait Model: Send + Sync {
    /// Which kind it is.
    fn kind(&self) -> DeviceType;

    /// The feature bits it offers, those of the ring included.
    fn features(&self) -> u32;

    /// What it takes as accepted by a driver that accepts bit 30, and so every bit it sees.
    fn features_of_the_careless(&self) -> u32 {
        0
    }

    /// The sizes of its queues, powers of two.
    fn queues(&self) -> Vec<u16>;

    /// Whether a queue is there, by what the driver has accepted.
    fn has_queue(&self, _queue: u16) -> bool {
        true
    }

    /// Bytes of its configuration.
    fn config_len(&self) -> usize;

    /// Reads from the configuration, within its length.
    fn read_config(&self, offset: usize, data: &mut [u8]);

    /// Writes to the configuration, within its length.
    fn write_config(&self, offset: usize, data: &[u8]);

    /// The bells of its queues, for what happens by itself; rung, they lead to [`Model::serve`].
    fn connect(&self, _bells: &[Arc<Bell>]) {}

    /// The driver has accepted these features.
    fn accepted(&self, _features: u32) {}

    /// The driver has set DRIVER_OK and accepted these features.
    fn started(&self, features: u32);

    /// The device was reset.
    fn reset(&self);

    /// Takes chains from a queue until it is empty or [`Service::next`] says to pause.
    fn serve(&self, queue: u16, service: &mut Service<'_, '_>);

    /// What it has done so far, in one line.
    fn summary(&self) -> String;
}
