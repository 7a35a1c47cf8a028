// SPDX-License-Identifier: GPL-2.0

//! Bindings: the kernel's own and, in their place or beside them, the ones this module adds.
//!
//! A type that the kernel's bindings know only as an opaque name may be generated in full here;
//! it is then another type than the kernel's, and pointers cross with `cast()`.
//!
//! Only the abstractions beside this file may use it, never a driver.

#![cfg_attr(not(CONFIG_RUSTC_HAS_UNNECESSARY_TRANSMUTES), allow(unknown_lints))]
#![allow(
    clippy::all,
    clippy::as_underscore,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unnecessary_transmutes,
    unsafe_op_in_unsafe_fn,
    unused_imports
)]

use kernel::ffi;
use pin_init::MaybeZeroable;

// What is generated below takes precedence over the glob import.
pub use kernel::bindings::*;

include!(concat!(env!("RVIRTIO_OBJ"), "/bindings_generated.rs"));
