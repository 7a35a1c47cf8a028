// SPDX-License-Identifier: GPL-2.0

//! What exists once: the PCI driver and the major number of its disks.

use kernel::{
    driver,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    InPlaceModule,
    ModuleMetadata, //
};

use crate::{
    device::Driver,
    kernel_ext::{
        block::major::Major,
        pci::driver::Adapter, //
    },
};

/// The major number, while the module is loaded.
static MAJOR: Atomic<u32> = Atomic::new(0);

/// The module.
#[pin_data]
pub(crate) struct BlockModule {
    // Fields are dropped in this order: all disks are gone when the major number is given back.
    #[pin]
    driver: driver::Registration<Adapter<Driver>>,
    major: Major,
}

impl InPlaceModule for BlockModule {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            major: {
                let major = Major::register(c"rvirtblk")?;
                MAJOR.store(major.number(), Relaxed);
                major
            },
            driver <- driver::Registration::new(Self::NAME, module),
        })
    }
}

/// The major number of the disks.
pub(crate) fn major() -> u32 {
    MAJOR.load(Relaxed)
}
