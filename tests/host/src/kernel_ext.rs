// SPDX-License-Identifier: GPL-2.0

//! The part of `rust/kernel` that needs no kernel.

#[path = "../../../rust/kernel/phys.rs"]
pub mod phys;
