// SPDX-License-Identifier: GPL-2.0

//! Major numbers of block devices.
//!
//! Would go to `rust/kernel/block/major.rs`.
//!
//! C header: [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h)

use kernel::{
    error::to_result,
    prelude::*, //
};

use crate::kernel_ext::bindings;

/// A registered block device major number; dropping it gives the number back.
///
/// # Invariants
///
/// `number` was registered under `name` by `__register_blkdev`.
pub struct Major {
    number: u32,
    name: &'static CStr,
}

impl Major {
    /// Registers a free major number under `name`, as `/proc/devices` shows it.
    pub fn register(name: &'static CStr) -> Result<Self> {
        // SAFETY: `name` is a NUL-terminated string that is never freed.
        let ret = unsafe { bindings::__register_blkdev(0, name.as_char_ptr(), None) };
        to_result(ret.min(0))?;

        // INVARIANT: The call above succeeded and returned the number it chose.
        Ok(Self {
            number: u32::try_from(ret)?,
            name,
        })
    }

    /// The number.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Major {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the number is registered under this name.
        unsafe { bindings::unregister_blkdev(self.number, self.name.as_char_ptr()) };
    }
}
