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
        Arc, //
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
        pci::driver::Pausable,
        workqueue::{
            Deferred,
            ReclaimQueue,
            Task, //
        },
    },
    module::major,
    module_parameters,
    queues::Queues,
    rescue::{
        Held,
        Rescue,
        Up, //
    },
    resize::{
        Place,
        Resize, //
    },
    serial::Serial,
    virtio::{
        core::{
            blk::Range,
            features::Features,
            pci::DeviceType, //
        },
        device::{
            bring_up,
            Wanted, //
        },
    },
};

/// Minors of a disk, for itself and its partitions.
const MINORS: u32 = 16;

/// Requests in flight that are kept for the driver's own.
const RESERVED: u32 = 1;

/// A bound block device.
///
/// Dropped when the driver is unbound from it, or when it could not be set up altogether.
pub(crate) struct Block {
    disk: Arc<Place>,
    up: Up,
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
            disabled: Features::from_bits(module_parameters::disable_features.value()),
            force_legacy: module_parameters::force_legacy.value(),
            validate: Wanted::take_all,
        };
        let index = Index::take()?;
        let live = bring_up(pdev, &wanted, |session| Queues::new(pdev, session))?;
        let queues = live.events().clone();
        queues.announce_polled();
        let settings = Reader {
            pdev,
            features: live.features(),
            config: live.config(),
        }
        .settings(queues.chain_limit())?;
        queues.note_cache_mode(settings.write_back);
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

        let up = Arc::pin_init(new_mutex!(Some(Held::new(live)), "Block::up"), GFP_KERNEL)?;
        let place = Place::new()?;
        let rescue = Deferred::new_on(
            Some(ReclaimQueue::new(c"rvirtio_blk")?),
            Rescue {
                up: up.clone(),
                place: place.clone(),
                tag_set: disk.tag_set().clone(),
            },
            c"rvirtio_blk rescue",
            static_lock_class!(),
        );
        let resize = Deferred::new(
            Resize {
                place: place.clone(),
                pdev: pdev.into(),
                features: queues.features(),
                config: queues.config().clone(),
                lines: Resize::lines()?,
            },
            c"rvirtio_blk resize",
            static_lock_class!(),
        );
        let block = Self {
            disk: place,
            up,
            rescue: Arc::pin_init(rescue, GFP_KERNEL)?,
            resize: Arc::pin_init(resize, GFP_KERNEL)?,
            _index: index,
        };
        queues.set_rescue(block.rescue.clone());
        queues.set_resize(block.resize.clone());
        if let Some(held) = &*block.up.lock() {
            held.live.driver_ok();
        }
        if queues.any_broken() {
            // When there was nobody to be told.
            block.rescue.schedule();
        }
        // Reads partitions, so the device must be up.
        let disk = disk.add::<(Serial, CacheType)>(pdev.as_ref())?;
        block.disk.put(disk, settings.capacity);
        // The capacity may have changed while there was no disk to change.
        block.resize.schedule();
        if let Some(held) = &mut *block.up.lock() {
            held.live.bound();
        }
        Ok(block)
    }

    /// Whether the device is not there any more.
    fn is_gone(&self) -> bool {
        match &*self.up.lock() {
            Some(held) => held.live.is_gone(),
            None => false,
        }
    }
}

impl Block {
    /// Stops the device for a while: for a sleep of the system or a reset of its function.
    fn pause(&self) -> Result {
        let result = match &mut *self.up.lock() {
            Some(held) => held.pause(&self.rescue.task().tag_set),
            None => Ok(()),
        };
        // It would read the configuration of a device that is not awake.
        self.resize.cancel();
        if result.is_err() {
            self.rescue.schedule();
        }
        result
    }

    /// Starts the device again.
    fn proceed(&self) {
        if let Some(held) = &mut *self.up.lock() {
            held.proceed();
        }
        self.rescue.schedule();
        self.resize.schedule();
    }
}

impl Drop for Block {
    /// Removing the disk waits for its requests. A device that works finishes them; one that stopped
    /// working is rescued or given up, and then they end, too.
    fn drop(&mut self) {
        if self.is_gone() {
            // At once: nothing may ever tell of it.
            self.rescue.task().run();
        }
        self.disk.remove();
        if let Some(held) = &mut *self.up.lock() {
            held.stop();
        }
        // No interrupt and no request is left that could schedule them again.
        self.rescue.cancel();
        self.resize.cancel();
        // The queues know the rescue, the rescue the device and the device the queues.
        let held = self.up.lock().take();
        drop(held);
    }
}

/// Allocates the requests and a disk that the system does not see yet.
fn new_disk(
    queues: &Arc<Queues>,
    vectors: Option<SpreadVectors>,
    settings: &Settings,
    index: &Index,
) -> Result<NewDisk<Queues>> {
    let division = queues.division();
    let options = TagSetOptions {
        hw_queues: division.total().into(),
        polled_queues: division.polled.into(),
        depth: queues.depth().into(),
        reserved: RESERVED,
        timeout: crate::module_parameters::timeout.value(),
        payload_bytes: usize::from(settings.ranges) * size_of::<Range>(),
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

impl Pausable for Driver {
    fn pause(block: Pin<&Block>) -> Result {
        block.pause()
    }

    fn proceed(block: Pin<&Block>) {
        block.proceed();
    }

    /// Whoever asks for something after this waits until the system has ended: the device must not
    /// touch memory that another kernel may own by then, and must not be notified.
    fn shut_down(block: Pin<&Block>) {
        // A device that does not let go is kept from memory by nobody else.
        let _ = block.pause();
    }
}
