// SPDX-License-Identifier: GPL-2.0

//! Lines of the log that come at a limited rate.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)
//!
//! Would go to `rust/kernel/ratelimit.rs`.

use kernel::{
    prelude::*,
    time::{
        msecs_to_jiffies,
        Msecs, //
    },
    types::Opaque, //
};

use super::bindings;

/// Lets some lines through within some time, and counts the others: the log has their number before
/// the next line.
///
/// # Invariants
///
/// The state is initialised.
#[pin_data]
pub struct RateLimit {
    #[pin]
    state: Opaque<bindings::ratelimit_state>,
    /// What the count of missing lines begins with.
    name: &'static CStr,
}

// SAFETY: The state has a lock of its own.
unsafe impl Send for RateLimit {}
// SAFETY: As above.
unsafe impl Sync for RateLimit {}

impl RateLimit {
    /// Lets `burst` lines through within `interval` milliseconds.
    pub fn new(name: &'static CStr, interval: Msecs, burst: u16) -> impl PinInit<Self> {
        let interval = c_int::try_from(msecs_to_jiffies(interval)).unwrap_or(c_int::MAX);
        // INVARIANT: Initialised here.
        pin_init!(Self {
            // SAFETY: The memory is that of a state in its final place.
            state <- Opaque::ffi_init(move |state| unsafe {
                bindings::ratelimit_state_init(state, interval, burst.into())
            }),
            name,
        })
    }

    /// Whether there may be a line now. May be called in any context.
    pub fn allows(&self) -> bool {
        // SAFETY: The state is initialised, and the name is static.
        unsafe { bindings::___ratelimit(self.state.get(), self.name.as_char_ptr()) != 0 }
    }
}
