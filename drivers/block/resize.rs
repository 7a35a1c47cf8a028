// SPDX-License-Identifier: GPL-2.0

//! A disk that changes its size while it is in use.

use kernel::{
    new_mutex,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    }, //
};

use crate::{
    config::Reader,
    kernel_ext::{
        block::mq::GenDisk,
        ratelimit::RateLimit,
        workqueue::Task, //
    },
    queues::{
        Queues,
        A_MINUTE,
        MOST_LINES, //
    },
    virtio::{
        core::features::Features,
        device::Config, //
    },
};

/// A disk that the system sees, and the size it was last given, in sectors of 512 bytes.
struct Shown {
    disk: GenDisk<Queues>,
    sectors: u64,
}

/// Where a disk is while the system sees it.
#[pin_data]
pub(crate) struct Place {
    #[pin]
    shown: Mutex<Option<Shown>>,
}

impl Place {
    /// No disk yet.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let new = pin_init!(Self {
            shown <- new_mutex!(None, "Place::shown"),
        });
        Arc::pin_init(new, GFP_KERNEL)
    }

    /// The system sees a disk of `sectors` from now on.
    pub(crate) fn put(&self, disk: GenDisk<Queues>, sectors: u64) {
        *self.shown.lock() = Some(Shown { disk, sectors });
    }

    /// Tells the system that the disk is gone.
    pub(crate) fn mark_dead(&self) {
        if let Some(shown) = &*self.shown.lock() {
            shown.disk.mark_dead();
        }
    }

    /// Removes the disk, which waits for its requests to end.
    pub(crate) fn remove(&self) {
        // Not under the lock: requests may take their time.
        let shown = self.shown.lock().take();
        drop(shown);
    }
}

/// Takes the device's capacity over when the configuration may have changed.
///
/// An interrupt tells of the change; the configuration is read in process context. The rest of it
/// is not looked at again: what else a disk is does not change while it is in use.
pub(crate) struct Resize {
    pub(crate) place: Arc<Place>,
    pub(crate) pdev: ARef<pci::Device>,
    pub(crate) features: Features,
    pub(crate) config: Config,
    /// A device may change its mind all the time.
    pub(crate) lines: Pin<KBox<RateLimit>>,
}

impl Resize {
    /// What lets lines about the size through.
    pub(crate) fn lines() -> Result<Pin<KBox<RateLimit>>> {
        let limit = RateLimit::new(c"rvirtio_blk: new sizes", A_MINUTE, MOST_LINES);
        KBox::pin_init(limit, GFP_KERNEL)
    }
}

impl Task for Resize {
    fn run(&self) {
        let reader = Reader {
            pdev: &self.pdev,
            features: self.features,
            config: self.config.clone(),
        };
        let mut shown = self.place.shown.lock();
        let Some(shown) = &mut *shown else {
            return;
        };
        let sectors = match reader.capacity() {
            Ok(sectors) => sectors,
            // The disk stays as it is.
            Err(sectors) => {
                if self.lines.allows() {
                    reader.bad_capacity(sectors);
                }
                return;
            }
        };
        if sectors != shown.sectors {
            if self.lines.allows() {
                dev_notice!(
                    self.pdev,
                    "[{}] new size: {} sectors ({} MiB), before {}\n",
                    shown.disk.name(),
                    sectors,
                    sectors >> 11,
                    shown.sectors,
                );
            }
            shown.disk.set_capacity(sectors);
            shown.sectors = sectors;
        }
    }
}
