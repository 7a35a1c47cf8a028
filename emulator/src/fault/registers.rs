// SPDX-License-Identifier: GPL-2.0

//! Registers that lie or are deaf.

use super::{
    table::{
        Kind,
        Register,
        Row, //
    },
    Faults, //
};

/// Faults of registers.
pub(super) const ROWS: &[Row] = &[
    Row::any(
        "features-none",
        Kind::Read(Register::HostFeatures),
        0,
        "HOST_FEATURES reads VALUE (0)",
        "T25 H34",
    ),
    Row::any(
        "features-all",
        Kind::Read(Register::HostFeatures),
        0xffff_ffff,
        "HOST_FEATURES reads VALUE (all ones)",
        "T25 T26 H34",
    ),
    Row::any(
        "feature-lost",
        Kind::Without(Register::HostFeatures),
        0x1000_0000,
        "HOST_FEATURES reads without VALUE's bits (INDIRECT_DESC)",
        "T30 T25",
    ),
    Row::any(
        "features-turn",
        Kind::Turns(Register::HostFeatures),
        0x3000_0000,
        "HOST_FEATURES has VALUE's bits (the ring's) turned at every other reading",
        "T25",
    ),
    Row::any(
        "features-deaf",
        Kind::Deaf(Register::GuestFeatures),
        0,
        "accepting features does nothing",
        "T25",
    ),
    Row::any(
        "queue-size",
        Kind::Read(Register::QueueNum),
        0,
        "QUEUE_NUM reads VALUE (0), and a power of two is the ring's size",
        "T42 T44 T45 H20",
    ),
    Row::any(
        "queue-in-use",
        Kind::Read(Register::QueuePfn),
        0x1234,
        "QUEUE_PFN reads VALUE (0x1234)",
        "T43",
    ),
    Row::any(
        "queue-deaf",
        Kind::Deaf(Register::QueuePfn),
        0,
        "giving a queue its ring does nothing",
        "H28",
    ),
    Row::any(
        "select-deaf",
        Kind::Deaf(Register::QueueSel),
        0,
        "selecting a queue does nothing",
        "T41",
    ),
    Row::any(
        "config-vector",
        Kind::Read(Register::ConfigVector),
        0xffff,
        "CONFIG_VECTOR reads VALUE (none)",
        "T59 H32",
    ),
    Row::any(
        "queue-vector",
        Kind::Read(Register::QueueVector),
        0xffff,
        "QUEUE_VECTOR reads VALUE (none)",
        "T60 H32",
    ),
    Row::any(
        "vector-deaf",
        Kind::Deaf(Register::QueueVector),
        0,
        "assigning a vector to a queue does nothing",
        "T60 H32",
    ),
    Row::any(
        "isr-zero",
        Kind::Read(Register::Isr),
        0,
        "ISR reads VALUE (0), with nothing cleared in between",
        "T64",
    ),
    Row::any(
        "isr-ones",
        Kind::Read(Register::Isr),
        0xff,
        "ISR reads VALUE (all ones)",
        "T64 T65",
    ),
    Row::any(
        "noise",
        Kind::Noise,
        0,
        "every register reads as noise",
        "H20 H21",
    ),
];

impl Faults {
    /// What a register reads instead of `honest`; `queue` is the selected one.
    pub fn register(&self, offset: u64, queue: u16, honest: u32) -> u32 {
        let Some(register) = Register::at(offset) else {
            return honest;
        };
        let mut answer = honest;
        for blow in self.blows(queue, |kind| {
            matches!(kind, Kind::Noise)
                || kind == Kind::Read(register)
                || kind == Kind::Turns(register)
                || kind == Kind::Without(register)
        }) {
            // CAST: Each register takes the low bits that it has room for.
            answer = match blow.kind {
                Kind::Noise => self.draw() as u32,
                Kind::Turns(_) if self.count() % 2 != 0 => answer ^ blow.value as u32,
                Kind::Turns(_) => answer,
                Kind::Without(_) => answer & !(blow.value as u32),
                _ => blow.value as u32,
            };
        }
        answer
    }

    /// Whether writing a register does nothing.
    pub fn is_deaf(&self, offset: u64, queue: u16) -> bool {
        let register = Register::at(offset);
        register.is_some_and(|register| self.strike(Kind::Deaf(register), queue))
    }
}
