// SPDX-License-Identifier: GPL-2.0

//! Numbers and names of disks: `rvda`, `rvdb`, ..., `rvdz`, `rvdaa`, ...

use core::fmt::Write;

use kernel::{
    fmt,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// Words of the map of numbers in use.
const WORDS: u32 = 64;

/// Most disks at a time.
const DISKS: u32 = WORDS * u64::BITS;

/// The numbers in use, one bit each.
static IN_USE: [Atomic<u64>; WORDS as usize] = [const { Atomic::new(0) }; WORDS as usize];

/// The number of a disk; free again when dropped.
pub(crate) struct Index(u32);

impl Index {
    /// Takes the lowest free number.
    ///
    /// # Errors
    ///
    /// `ENOSPC` when there are too many disks.
    pub(crate) fn take() -> Result<Self> {
        for number in 0..DISKS {
            let (word, bit) = place(number);
            let mut old = word.load(Relaxed);
            while old & bit == 0 {
                match word.cmpxchg(old, old | bit, Relaxed) {
                    Ok(_) => return Ok(Self(number)),
                    Err(now) => old = now,
                }
            }
        }
        Err(ENOSPC)
    }

    /// The number.
    pub(crate) fn number(&self) -> u32 {
        self.0
    }

    /// The name of the disk of this number.
    pub(crate) fn name(&self) -> Name {
        Name(self.0)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let (word, bit) = place(self.0);
        let mut old = word.load(Relaxed);
        while let Err(now) = word.cmpxchg(old, old & !bit, Relaxed) {
            old = now;
        }
    }
}

/// The word and the bit of a number.
fn place(number: u32) -> (&'static Atomic<u64>, u64) {
    // CAST: The modulus keeps the index below the length.
    let word = &IN_USE[(number / u64::BITS % WORDS) as usize];
    (word, 1 << (number % u64::BITS))
}

/// A disk's name: `rvd` and the number in letters, where `z` is followed by `aa`.
pub(crate) struct Name(u32);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: u32 = 26;

        f.write_str("rvd")?;
        // Enough for any number; the last letter first.
        let mut letters = [0; 7];
        let mut rest = self.0;
        for letter in letters.iter_mut().rev() {
            // CAST: Less than 26.
            *letter = b'a' + (rest % LETTERS) as u8;
            match (rest / LETTERS).checked_sub(1) {
                Some(more) => rest = more,
                None => break,
            }
        }
        for letter in letters.into_iter().skip_while(|letter| *letter == 0) {
            f.write_char(char::from(letter))?;
        }
        Ok(())
    }
}
