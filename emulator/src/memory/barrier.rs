// SPDX-License-Identifier: GPL-2.0

//! Barriers between accesses to fields that the guest accesses too: what is stated about one of
//! them holds as the guest's processors see the memory.

use std::sync::atomic::{
    fence,
    Ordering, //
};

#[cfg(feature = "stand-in")]
use super::stand_in;

/// Orders all accesses before it against all after it.
#[cfg_attr(feature = "stand-in", track_caller)]
pub fn full_barrier() {
    #[cfg(feature = "stand-in")]
    stand_in::barrier(stand_in::Barrier::Full);
    fence(Ordering::SeqCst);
}

/// Orders reads before it against reads after it.
#[cfg_attr(feature = "stand-in", track_caller)]
pub fn read_barrier() {
    #[cfg(feature = "stand-in")]
    stand_in::barrier(stand_in::Barrier::Read);
    fence(Ordering::Acquire);
}

/// Orders writes before it against writes after it.
#[cfg_attr(feature = "stand-in", track_caller)]
pub fn write_barrier() {
    #[cfg(feature = "stand-in")]
    stand_in::barrier(stand_in::Barrier::Write);
    fence(Ordering::Release);
}
