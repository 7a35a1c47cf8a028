// SPDX-License-Identifier: GPL-2.0

//! The lock under which network devices are configured.
//!
//! C header: [`include/linux/rtnetlink.h`](srctree/include/linux/rtnetlink.h)
//!
//! Would go to `rust/kernel/net/rtnl.rs`.

use core::marker::PhantomData;

use kernel::types::NotThreadSafe;

use super::super::bindings;

/// The proof that the RTNL lock is held.
///
/// # Invariants
///
/// This thread holds the lock for `'a`.
pub struct Rtnl<'a> {
    _held: PhantomData<&'a ()>,
    _here: NotThreadSafe,
}

impl Rtnl<'_> {
    /// # Safety
    ///
    /// Establishes the type invariant for the lifetime the caller picks.
    pub(super) unsafe fn new() -> Self {
        // INVARIANT: By the function's requirements.
        Self {
            _held: PhantomData,
            _here: NotThreadSafe,
        }
    }
}

/// Calls `f` with the lock held. Sleeps; not for one who holds it already.
pub fn with_rtnl<R>(f: impl FnOnce(&Rtnl<'_>) -> R) -> R {
    // SAFETY: The function may be called in process context.
    unsafe { bindings::rtnl_lock() };
    // SAFETY: The lock is held until after `f`.
    let result = f(&unsafe { Rtnl::new() });
    // SAFETY: Taken above.
    unsafe { bindings::rtnl_unlock() };
    result
}
