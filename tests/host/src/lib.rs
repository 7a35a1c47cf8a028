// SPDX-License-Identifier: GPL-2.0

//! The drivers' shared code on the host: the same source files as in the modules, over `std`
//! instead of the kernel; a model of the device that is written separately from them; and the
//! emulator's device, driven in the same process, on threads or in every order of their steps.

pub mod bench;
pub mod bus;
pub mod device;
pub mod fake;
pub mod interleave;
pub mod kernel_ext;
pub mod liar;
pub mod memory;
pub mod virtio;
