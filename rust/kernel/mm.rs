// SPDX-License-Identifier: GPL-2.0

//! Memory management.

#[path = "mm/contiguous.rs"]
pub mod contiguous;
