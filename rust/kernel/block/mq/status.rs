// SPDX-License-Identifier: GPL-2.0

//! The outcome of a request.
//!
//! C header: [`include/linux/blk_types.h`](srctree/include/linux/blk_types.h)

use kernel::{
    error::to_result,
    prelude::*, //
};

use crate::kernel_ext::bindings;

/// The outcome of a request, `blk_status_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlkStatus(bindings::blk_status_t);

// CAST: The constants are the values of `blk_status_t`, which is eight bits wide.
impl BlkStatus {
    /// Done.
    pub const OK: Self = Self(bindings::BLK_STS_OK as bindings::blk_status_t);
    /// The device does not do such requests.
    pub const NOT_SUPPORTED: Self = Self(bindings::BLK_STS_NOTSUPP);
    /// Failed.
    pub const IO_ERROR: Self = Self(bindings::BLK_STS_IOERR);
    /// The device is busy; it runs the queue again when it is not.
    pub(super) const DEVICE_RESOURCE: Self = Self(bindings::BLK_STS_DEV_RESOURCE);
    /// The system is short of something; try again later.
    pub(super) const RESOURCE: Self = Self(bindings::BLK_STS_RESOURCE);

    pub(super) const fn from_raw(raw: bindings::blk_status_t) -> Self {
        Self(raw)
    }

    pub(super) const fn as_raw(self) -> bindings::blk_status_t {
        self.0
    }

    /// The error number that user space sees for this outcome.
    pub fn to_result(self) -> Result {
        // SAFETY: The function translates any value.
        to_result(unsafe { bindings::blk_status_to_errno(self.0) })
    }
}
