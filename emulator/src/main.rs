// SPDX-License-Identifier: GPL-2.0

//! `emulator`: virtio devices behind the legacy PCI interface, for virtual machines over vfio-user.

use std::process::ExitCode;

fn main() -> ExitCode {
    emulator::cli::main(std::env::args_os().skip(1))
}
