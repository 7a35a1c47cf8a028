// SPDX-License-Identifier: GPL-2.0

//! Block layer.
//!
//! Would go to `rust/kernel/block.rs`.
//!
//! C header: [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h)

pub mod major;
pub mod mq;
