// SPDX-License-Identifier: GPL-2.0

//! A host-side emulator of virtio devices behind the legacy PCI interface.
//!
//! It serves virtual machines over vfio-user. Whatever a client or a guest sends is taken for
//! hostile: it is checked, answered or refused, and never ends the process.

pub mod blk;
pub mod check;
pub mod cli;
pub mod fault;
pub mod interrupts;
pub mod memory;
pub mod net;
pub mod observe;
pub mod pci;
pub mod queue;
#[expect(
    unsafe_code,
    reason = "the calls of the operating system are unsafe by nature"
)]
pub mod sys;
#[cfg(test)]
mod testing;
pub mod trace;
pub mod vfio_user;
pub mod virtio;
