// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the shared code, in a module that does nothing but run them when it is loaded.
//!
//! Two kinds of suites end up here: those that stand beside the pure logic in `drivers/virtio`,
//! which the host runs too, and those in this folder, which need what only a kernel has: its
//! memory, its barriers and its reference counts under the same queue.
//!
//! The results are in the kernel's log and in `/sys/kernel/debug/kunit/rvirtio_*/results`. A failed
//! test does not keep the module from loading.

use kernel::prelude::*;

#[path = "../../rust/kernel/lib.rs"]
mod kernel_ext;
#[path = "../../drivers/virtio/virtio.rs"]
mod virtio;

mod device;
mod fake;
mod queue_suite;
mod shared_suite;
mod transport_suite;

struct Suites;

impl kernel::Module for Suites {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}

module! {
    type: Suites,
    name: "rvirtio_kunit",
    authors: ["the rvirtio authors"],
    description: "KUnit tests of the legacy virtio drivers",
    license: "GPL",
}
