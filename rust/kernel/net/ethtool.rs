// SPDX-License-Identifier: GPL-2.0

//! What `ethtool` asks a driver.
//!
//! C header: [`include/linux/ethtool.h`](srctree/include/linux/ethtool.h)
//!
//! Would go to `rust/kernel/net/ethtool.rs`.

mod vtable;

use kernel::{
    fmt,
    prelude::*,
    sync::atomic::Atomic, //
};

pub(super) use self::vtable::Vtable;
use super::{
    super::bindings,
    rtnl::Rtnl, //
};

/// Who drives the device; texts that are too long are cut.
pub struct DriverInfo<'a> {
    /// The name of the driver.
    pub driver: &'a CStr,
    /// Its version.
    pub version: &'a CStr,
    /// The device's place on its bus.
    pub bus: &'a CStr,
}

/// Sizes of the rings, in descriptors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingSizes {
    /// The receive ring, which is as large as it can be.
    pub rx: u32,
    /// The transmit ring, which is as large as it can be.
    pub tx: u32,
}

/// How many pairs of queues are in use, and can be.
#[derive(Clone, Copy, Debug)]
pub struct Channels {
    /// In use.
    pub current: u16,
    /// At most.
    pub most: u16,
}

/// When the device is to interrupt: after so many packets, or microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coalescing {
    /// Microseconds, for a receive queue.
    pub rx_usecs: u32,
    /// Packets, for a receive queue.
    pub rx_frames: u32,
    /// Microseconds, for a transmit queue.
    pub tx_usecs: u32,
    /// Packets, for a transmit queue.
    pub tx_frames: u32,
    /// Whether the driver chooses by itself for receive queues.
    pub adaptive_rx: bool,
}

impl Coalescing {
    const SUPPORTED: u32 = bindings::ETHTOOL_COALESCE_USECS
        | bindings::ETHTOOL_COALESCE_MAX_FRAMES
        | bindings::ETHTOOL_COALESCE_USE_ADAPTIVE_RX;

    fn load(from: &bindings::ethtool_coalesce) -> Self {
        Self {
            rx_usecs: from.rx_coalesce_usecs,
            rx_frames: from.rx_max_coalesced_frames,
            tx_usecs: from.tx_coalesce_usecs,
            tx_frames: from.tx_max_coalesced_frames,
            adaptive_rx: from.use_adaptive_rx_coalesce != 0,
        }
    }

    fn store(self, to: &mut bindings::ethtool_coalesce) {
        to.rx_coalesce_usecs = self.rx_usecs;
        to.rx_max_coalesced_frames = self.rx_frames;
        to.tx_coalesce_usecs = self.tx_usecs;
        to.tx_max_coalesced_frames = self.tx_frames;
        to.use_adaptive_rx_coalesce = self.adaptive_rx.into();
    }
}

/// Speed and duplex mode of a virtual link: unknown, until the user says something.
pub struct LinkSettings {
    speed: Atomic<u32>,
    duplex: Atomic<u32>,
}

impl LinkSettings {
    /// Unknown settings.
    pub fn new() -> Self {
        Self {
            // CAST: -1 is all ones in a `u32`.
            speed: Atomic::new(bindings::SPEED_UNKNOWN as u32),
            duplex: Atomic::new(bindings::DUPLEX_UNKNOWN),
        }
    }
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// The `ethtool` callbacks of a driver. All are called under the RTNL lock.
pub trait Operations: Sized + Send + Sync + 'static {
    /// Who drives the device.
    fn driver_info(&self) -> DriverInfo<'_>;

    /// The sizes of the rings.
    fn ring_sizes(&self) -> RingSizes;

    /// The user wants rings of other sizes, no larger than they are.
    fn set_ring_sizes(&self, wanted: RingSizes) -> Result;

    /// How many pairs of queues are in use.
    fn channels(&self) -> Channels;

    /// The user wants another number of pairs, at least one and no more than there are.
    fn set_channels(&self, wanted: u16, rtnl: &Rtnl<'_>) -> Result;

    /// Speed and duplex mode.
    fn link_settings(&self) -> &LinkSettings;

    /// When the device interrupts; for one pair of queues or in general.
    fn coalescing(&self, pair: Option<u16>) -> Result<Coalescing>;

    /// The user wants other interrupts, of one pair of queues or of all.
    fn set_coalescing(&self, pair: Option<u16>, wanted: &Coalescing) -> Result;

    /// Calls `visit` with the name and value of every statistic; their number and order depend on
    /// the number of pairs in use alone.
    fn statistics(&self, visit: &mut dyn FnMut(fmt::Arguments<'_>, u64));
}
