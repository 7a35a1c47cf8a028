// SPDX-License-Identifier: GPL-2.0

//! Confidential computing: what the platform keeps from the host.
//!
//! C header: [`include/linux/cc_platform.h`](srctree/include/linux/cc_platform.h)
//!
//! Would go to `rust/kernel/cc_platform.rs`.

use super::bindings;

/// Whether this is a guest whose memory is encrypted, so that its host reads none of it but what
/// is shared on purpose.
pub fn guest_memory_encrypted() -> bool {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::cc_platform_has(bindings::cc_attr_CC_ATTR_GUEST_MEM_ENCRYPT) }
}
