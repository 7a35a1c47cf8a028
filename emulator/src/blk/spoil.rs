// SPDX-License-Identifier: GPL-2.0

//! What faults make of the answer to a request.

use super::request::{
    Answer,
    HEADER, //
};
use crate::{
    fault::{
        BlockLie,
        Blow,
        Faults,
        Kind, //
    },
    queue::Chain, //
};

/// What a request was before it was done, as far as a fault needs to know.
pub(super) struct Before {
    blows: Vec<Blow>,
    /// The bytes that the device may write, as the driver left them.
    writable: Vec<u8>,
}

impl Before {
    /// Looks at a request; with no fault that strikes it, at nothing.
    pub fn of(chain: &Chain<'_>, queue: u16, faults: &Faults) -> Self {
        let mut new = Self {
            blows: Vec::new(),
            writable: Vec::new(),
        };
        if faults.any() {
            let mut header = [0; HEADER];
            chain.readable.read(0, &mut header);
            let [k0, k1, k2, k3, ..] = header;
            new.blows = faults.request(queue, u32::from_le_bytes([k0, k1, k2, k3]));
        }
        if !new.blows.is_empty() {
            new.writable.resize(chain.writable.len(), 0);
            chain.writable.read(0, &mut new.writable);
        }
        new
    }

    /// Makes the answer a wrong one.
    pub fn spoil(&self, chain: &Chain<'_>, answer: &mut Answer) {
        for blow in &self.blows {
            if let Kind::Block(lie) = blow.kind {
                self.tell(lie, blow.value, chain, answer);
            }
        }
    }

    /// Puts back what the driver had in `from..to`.
    fn keep(&self, chain: &Chain<'_>, from: usize, to: usize) {
        let kept = self.writable.get(from..to).unwrap_or_default();
        chain.writable.write(from, kept);
    }

    fn tell(&self, lie: BlockLie, value: u64, chain: &Chain<'_>, answer: &mut Answer) {
        let data = self.writable.len().saturating_sub(1);
        // CAST: A byte.
        let byte = value as u8;
        match lie {
            BlockLie::Status => {
                answer.status = byte;
                chain.writable.write(data, &[byte]);
            }
            BlockLie::Flush => {
                answer.status = 1;
                chain.writable.write(data, &[1]);
            }
            BlockLie::Unwritten => self.keep(chain, data, data + 1),
            BlockLie::Nothing => {
                self.keep(chain, 0, data + 1);
                answer.written = 1;
            }
            BlockLie::NoData => {
                self.keep(chain, 0, data);
                answer.written = 1;
            }
            BlockLie::Short => answer.written /= 2,
            BlockLie::Half => {
                self.keep(chain, data / 2, data);
                // CAST: No request has 4 GiB.
                answer.written = (data / 2) as u32 + 1;
            }
            BlockLie::HalfSilently => self.keep(chain, data / 2, data),
            BlockLie::Flip => {
                let mut first = [0];
                chain.writable.read(0, &mut first);
                chain.writable.write(0, &[first[0] ^ byte]);
            }
            BlockLie::Serial => {
                chain.writable.write(0, &vec![byte; data]);
            }
        }
    }
}
