// SPDX-License-Identifier: GPL-2.0

//! The PCI function that a virtio device appears as.

mod config;
pub mod function;
