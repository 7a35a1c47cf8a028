// SPDX-License-Identifier: GPL-2.0

//! Memory management.

#[path = "mm/contiguous.rs"]
pub mod contiguous;
#[path = "mm/direct_map.rs"]
pub mod direct_map;
#[path = "mm/memory_map.rs"]
pub mod memory_map;
