// SPDX-License-Identifier: GPL-2.0

//! Mixtures of faults that a number stands for.

use super::table::{
    rows,
    Kind,
    Row, //
};
use crate::virtio::pci::DeviceType;

/// Most faults of a mixture.
const MOST: u64 = 5;

/// The number that belongs to another: the finalizer of SplitMix64.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A reproducible row of numbers.
struct Draws(u64);

impl Draws {
    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = mix(self.0);
        self.0 % limit
    }
}

/// Whether a fault may be part of a mixture.
///
/// The end of the process is none, nor is what makes a device corrupt the guest by itself: to believe what
/// it has written itself over the driver's part of a ring, or to write to a buffer that it has given back.
pub(super) fn may_be_mixed(row: &Row) -> bool {
    match row.kind {
        Kind::Crash | Kind::HeaderFlips => false,
        Kind::Scribble(part) => !part.is_of_the_driver(),
        _ => true,
    }
}

/// The faults that a number stands for, for a kind of device, each as `--fault` takes it.
///
/// A writing of 16 bits anywhere into a used ring is as likely as a fault with a name.
pub fn mixed(seed: u64, device: DeviceType) -> Vec<String> {
    let named: Vec<&Row> = rows()
        .filter(|row| row.of.suits(device) && may_be_mixed(row))
        .collect();
    let mut draws = Draws(mix(seed));
    (0..1 + draws.below(MOST))
        .map(|_| {
            let occasions = format!("after={}:count={}", draws.below(200), 1 << draws.below(6));
            if draws.below(2) == 0 {
                let (at, value) = (draws.below(1 << 13), draws.below(1 << 16));
                return format!("raw-used:{occasions}:at={at}:value={value}");
            }
            // CAST: There are fewer than 2^32.
            let row = named[draws.below(named.len() as u64) as usize];
            format!("{}:{occasions}", row.name)
        })
        .collect()
}
