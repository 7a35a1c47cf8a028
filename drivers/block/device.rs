// SPDX-License-Identifier: GPL-2.0

//! The life of a block device: bound, live, a disk of the system, gone.

use kernel::{
    device::{
        Core,
        Device, //
    },
    new_mutex,
    pci,
    prelude::*,
    static_lock_class,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    }, //
};

use crate::{
    cache::CacheType,
    config::{
        Reader,
        Settings,
        FEATURES, //
    },
    index::Index,
    kernel_ext::{
        block::mq::{
            NewDisk,
            SpreadVectors,
            TagSet,
            TagSetOptions, //
        },
        workqueue::{
            Deferred,
            Task, //
        },
    },
    module::major,
    queues::Queues,
    resize::{
        Place,
        Resize, //
    },
    serial::Serial,
    virtio::{
        core::{
            blk::{
                Range,
                ID_BYTES, //
            },
            pci::DeviceType, //
        },
        device::{
            bring_up,
            Live,
            Wanted, //
        },
    },
};

/// Minors of a disk, for itself and its partitions.
const MINORS: u32 = 16;

/// Requests in flight that are kept for the driver's own.
const RESERVED: u32 = 1;

/// A device that is up, until it is taken down for good.
type Up = Arc<Mutex<Option<Live<Queues>>>>;

/// Resets a device of which a queue broke, and fails the requests that it had.
pub(crate) struct Rescue(Up);

impl Task for Rescue {
    fn run(&self) {
        if let Some(live) = &mut *self.0.lock() {
            stop(live);
        }
    }
}

/// Resets a device and fails the requests that it had; those that come later fail, too.
fn stop(live: &mut Live<Queues>) {
    live.events().break_all();
    if let Some(proof) = live.shut_down() {
        live.events().fail_all(&proof);
    }
}

/// A bound block device.
///
/// Dropped when the driver is unbound from it, or when it could not be set up altogether.
pub(crate) struct Block {
    disk: Arc<Place>,
    live: Up,
    rescue: Arc<Deferred<Rescue>>,
    resize: Arc<Deferred<Resize>>,
    /// Free for another disk when this one is gone.
    _index: Index,
}

impl Block {
    /// Brings a device up and shows it to the system as a disk.
    fn new(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        let wanted = Wanted {
            driver: c"rvirtio_blk",
            device: DeviceType::Block,
            features: FEATURES,
            validate: Wanted::take_all,
        };
        let index = Index::take()?;
        let live = bring_up(pdev, &wanted, |session| Queues::new(pdev, session))?;
        let queues = live.events().clone();
        let settings = Reader {
            pdev,
            features: live.features(),
            config: live.config(),
        }
        .settings(queues.chain_limit())?;
        let vectors = live.first_spread_vector().map(|vector| SpreadVectors {
            device: ARef::<Device>::from(pdev.as_ref()),
            first: vector.into(),
        });
        let disk = new_disk(&queues, vectors, &settings, &index)?;
        dev_info!(
            pdev,
            "[{}] {} {}-byte logical blocks ({} MiB)\n",
            disk.name(),
            settings.blocks(),
            settings.block_size,
            settings.capacity >> 11,
        );

        let live = Arc::pin_init(new_mutex!(Some(live), "Block::live"), GFP_KERNEL)?;
        let rescue = Deferred::new(
            Rescue(live.clone()),
            c"rvirtio_blk rescue",
            static_lock_class!(),
        );
        let place = Place::new()?;
        let resize = Deferred::new(
            Resize {
                place: place.clone(),
                pdev: pdev.into(),
                features: queues.features(),
                config: queues.config().clone(),
            },
            c"rvirtio_blk resize",
            static_lock_class!(),
        );
        let block = Self {
            disk: place,
            live,
            rescue: Arc::pin_init(rescue, GFP_KERNEL)?,
            resize: Arc::pin_init(resize, GFP_KERNEL)?,
            _index: index,
        };
        queues.set_rescue(block.rescue.clone());
        queues.set_resize(block.resize.clone());
        if let Some(live) = &*block.live.lock() {
            live.driver_ok();
        }
        // Reads partitions, so the device must be up.
        let disk = disk.add::<(Serial, CacheType)>(pdev.as_ref())?;
        block.disk.put(disk, settings.capacity);
        // The capacity may have changed while there was no disk to change.
        block.resize.schedule();
        if let Some(live) = &mut *block.live.lock() {
            live.bound();
        }
        Ok(block)
    }

    /// Whether requests that the device has will not come back by themselves.
    fn is_lost(&self) -> bool {
        match &*self.live.lock() {
            Some(live) => live.events().any_broken() || live.is_gone(),
            None => false,
        }
    }

    /// Stops the device, and keeps it for another time.
    fn stop(&self) {
        if let Some(live) = &mut *self.live.lock() {
            stop(live);
        }
    }
}

impl Drop for Block {
    /// A device that works finishes its requests first: removing the disk waits for them. One
    /// that does not would let it wait for ever.
    fn drop(&mut self) {
        if self.is_lost() {
            self.stop();
        }
        self.disk.remove();
        self.stop();
        // No interrupt and no request is left that could schedule them again.
        self.rescue.cancel();
        self.resize.cancel();
        // The queues know the rescue, the rescue the device and the device the queues.
        let live = self.live.lock().take();
        drop(live);
    }
}

/// Allocates the requests and a disk that the system does not see yet.
fn new_disk(
    queues: &Arc<Queues>,
    vectors: Option<SpreadVectors>,
    settings: &Settings,
    index: &Index,
) -> Result<NewDisk<Queues>> {
    let options = TagSetOptions {
        hw_queues: u32::try_from(queues.len())?,
        depth: queues.depth().into(),
        reserved: RESERVED,
        payload_bytes: ID_BYTES.max(usize::from(settings.ranges) * size_of::<Range>()),
    };
    let tag_set = Arc::pin_init(TagSet::new(options, vectors), GFP_KERNEL)?;
    let name = index.name();
    let mut disk = NewDisk::new(tag_set, settings.limits, queues.clone(), fmt!("{name}"))?;

    disk.set_minors(major(), index.number() * MINORS, MINORS)?;
    disk.set_read_only(settings.read_only);
    disk.set_capacity(settings.capacity);
    if let Some(geometry) = settings.geometry {
        disk.set_geometry(geometry);
    }
    Ok(disk)
}

/// The PCI driver.
pub(crate) struct Driver;

crate::legacy_device_table!(IDS, <Driver as pci::Driver>::IdInfo);

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Block;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &IDS;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Block, Error> + 'bound {
        Block::new(pdev)
    }
}
