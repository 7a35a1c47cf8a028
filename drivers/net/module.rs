// SPDX-License-Identifier: GPL-2.0

//! What exists once: the PCI driver, and being told of CPUs that come and go.

use kernel::{
    driver,
    prelude::*,
    InPlaceModule,
    ModuleMetadata, //
};

use crate::{
    channels::Channels,
    device::NetDriver,
    kernel_ext::{
        cpu::hotplug,
        pci::driver::Adapter, //
    },
};

/// The states of CPU hotplug in which the interfaces share the CPUs out anew.
pub(crate) static HOTPLUG: hotplug::States<Channels> = hotplug::States::new();

/// The module.
#[pin_data]
pub(crate) struct NetModule {
    // Fields are dropped in this order: no interface is left when nobody is told any more.
    #[pin]
    driver: driver::Registration<Adapter<NetDriver>>,
    hotplug: hotplug::Registration<Channels>,
}

impl InPlaceModule for NetModule {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            hotplug: HOTPLUG.register(c"rvirtio/net:online", c"rvirtio/net:dead")?,
            driver <- driver::Registration::new(Self::NAME, module),
        })
    }
}
