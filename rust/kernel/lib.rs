// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate lacks, in its own shape and under its own names.
//!
//! Every module compiles this tree into itself with `#[path]`, so an item that one of them does
//! not use is not dead. A part that needs bindings of its own is compiled only where they are.

#![allow(dead_code, unreachable_pub)] // Shared source: each module uses a part of it.

pub(crate) mod bindings;
#[cfg(ext_block)]
pub(crate) mod block;
pub(crate) mod cc_platform;
#[cfg(ext_net)]
pub(crate) mod cpu;
pub(crate) mod debugfs;
#[cfg(ext_hwrng)]
pub(crate) mod hw_random;
pub(crate) mod io;
pub(crate) mod irq;
pub(crate) mod mm;
#[cfg(ext_net)]
pub(crate) mod net;
pub(crate) mod pci;
pub(crate) mod phys;
pub(crate) mod ratelimit;
pub(crate) mod sync;
pub(crate) mod workqueue;
