// SPDX-License-Identifier: GPL-2.0

//! What the fuzzer feeds: each module takes any bytes and panics if something comes of them that
//! must not. The programs under `bin` are libFuzzer's, which calls
//! `LLVMFuzzerTestOneInput` with bytes that reach code that no other bytes have reached.

pub mod config;
pub mod control;
pub mod header;
pub mod queue;

use std::slice;

/// The bytes of an input that libFuzzer has made.
///
/// # Safety
///
/// `data` has `len` bytes that nobody writes for `'a`.
pub unsafe fn input<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: The caller sees to it.
    unsafe { slice::from_raw_parts(data, len) }
}

/// A program that feeds a function of this package.
#[macro_export]
macro_rules! fuzz {
    ($run:path) => {
        /// libFuzzer's entry.
        ///
        /// # Safety
        ///
        /// As for [`virtio_fuzz::input`].
        #[no_mangle]
        pub unsafe extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, len: usize) -> i32 {
            // SAFETY: libFuzzer lends the bytes for the call.
            $run(unsafe { $crate::input(data, len) });
            0
        }
    };
}
