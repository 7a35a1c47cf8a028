// SPDX-License-Identifier: GPL-2.0

//! The block device (VIRTIO 1.3, section 5.2).

pub mod config;
pub mod disk;
mod request;
mod spoil;
#[cfg(test)]
mod tests;

use std::sync::atomic::{
    AtomicBool,
    AtomicU32,
    AtomicU64,
    Ordering, //
};

use config::Settings;
use disk::Disk;
use spoil::Before;

use crate::{
    fault::Kind,
    observe::Event,
    virtio::{
        blk::{
            self as wire,
            F_CONFIG_WCE,
            F_FLUSH, //
        },
        model::Model,
        pci::DeviceType,
        service::Service, //
    },
};

/// Bytes of a status.
const STATUS_BYTES: u32 = 1;

/// A block device over a disk.
pub struct Block {
    disk: Disk,
    settings: Settings,
    /// What the driver has accepted, once it has said DRIVER_OK.
    accepted: AtomicU32,
    /// Writes wait in the host's cache for a flush; else each is on stable storage when it is done.
    write_back: AtomicBool,
    counters: Counters,
}

/// How many requests there were of each kind.
#[derive(Default)]
struct Counters {
    reads: AtomicU64,
    writes: AtomicU64,
    flushes: AtomicU64,
    others: AtomicU64,
    failures: AtomicU64,
}

impl Block {
    /// A device over `disk`.
    pub fn new(disk: Disk, settings: Settings) -> Self {
        Self {
            disk,
            settings,
            accepted: AtomicU32::new(0),
            write_back: AtomicBool::new(true),
            counters: Counters::default(),
        }
    }

    /// Looks at the disk's size again; returns whether it has changed.
    ///
    /// # Errors
    ///
    /// When the disk cannot say.
    pub fn refresh(&self) -> std::io::Result<bool> {
        self.disk.refresh()
    }

    fn has(&self, feature: crate::virtio::features::Features) -> bool {
        self.accepted.load(Ordering::Relaxed) & feature.bits() != 0
    }
}

impl Model for Block {
    fn kind(&self) -> DeviceType {
        DeviceType::Block
    }

    fn features(&self) -> u32 {
        self.settings.features(self.disk.is_read_only())
    }

    fn queues(&self) -> Vec<u16> {
        vec![self.settings.queue_size; usize::from(self.settings.queues)]
    }

    fn config_len(&self) -> usize {
        config::LEN
    }

    fn read_config(&self, offset: usize, data: &mut [u8]) {
        let write_back = self.write_back.load(Ordering::Relaxed);
        let config = self.settings.config(self.disk.sectors(), write_back);
        data.copy_from_slice(&config[offset..offset + data.len()]);
    }

    fn write_config(&self, offset: usize, data: &[u8]) {
        // The one field a driver may write.
        let wce = wire::config::WCE
            .checked_sub(offset)
            .and_then(|at| data.get(at));
        if let (Some(wce), true) = (wce, self.features() & F_CONFIG_WCE.bits() != 0) {
            self.write_back.store(*wce & 1 != 0, Ordering::Relaxed);
        }
    }

    fn started(&self, features: u32) {
        self.accepted.store(features, Ordering::Relaxed);
        if !self.has(F_CONFIG_WCE) {
            // Without the field, a driver that cannot flush must not have to.
            self.write_back.store(self.has(F_FLUSH), Ordering::Relaxed);
        }
    }

    fn reset(&self) {
        self.accepted.store(0, Ordering::Relaxed);
        self.write_back.store(true, Ordering::Relaxed);
    }

    fn serve(&self, queue: u16, service: &mut Service<'_, '_>) {
        while let Some(chain) = service.next() {
            if service.strikes(Kind::Silence) {
                continue;
            }
            let before = Before::of(&chain, queue, service.faults());
            match self.execute(&chain, &mut || service.interrupt()) {
                Ok(mut answer) => {
                    if service.profile().reports_status_alone {
                        answer.written = STATUS_BYTES;
                    }
                    before.spoil(&chain, &mut answer);
                    if let (true, Some(ranges)) = (service.is_watched(), answer.ranges(&chain)) {
                        service.observe(|queue| Event::Data {
                            queue,
                            data: &ranges,
                        });
                    }
                    service.observe(|queue| answer.event(queue));
                    service.give(chain, answer.written);
                }
                Err(violation) => service.violate(violation),
            }
        }
    }

    fn summary(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters {
            reads,
            writes,
            flushes,
            others,
            failures,
        } = &self.counters;
        format!(
            "{} reads, {} writes, {} flushes, {} other requests; {} failed",
            of(reads),
            of(writes),
            of(flushes),
            of(others),
            of(failures)
        )
    }
}
