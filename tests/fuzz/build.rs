// SPDX-License-Identifier: GPL-2.0

//! Links the programs with libFuzzer, which brings their `main`.

fn main() {
    println!("cargo:rustc-link-arg-bins=-fsanitize=fuzzer");
    println!("cargo:rerun-if-changed=build.rs");
}
