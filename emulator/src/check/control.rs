// SPDX-License-Identifier: GPL-2.0

//! Commands to a network device (VIRTIO 1.3, sections 5.1.6.5 and 5.1.6.6).

use super::{
    chains::Form,
    needs::{
        CTRL_GUEST_OFFLOADS,
        CTRL_MAC_ADDR,
        CTRL_RX,
        CTRL_RX_EXTRA,
        CTRL_VLAN,
        GUEST_ANNOUNCE, //
    },
    rules::{
        net::*,
        Rule, //
    },
    State, //
};
use crate::virtio::{
    features::{
        Features,
        ANY_LAYOUT, //
    },
    net::F_MQ,
};

/// A command: the feature it needs, the rule that says so, and how long its data is.
struct Known(Features, &'static Rule, Length);

enum Length {
    Bytes(usize),
    /// Two tables of addresses.
    Tables,
}

/// The command with a class and a code.
fn known(class: u8, command: u8) -> Option<Known> {
    use Length::*;
    Some(match (class, command) {
        (0, 0 | 1) => Known(CTRL_RX, MODES, Bytes(1)),
        (0, 2..=5) => Known(CTRL_RX_EXTRA, MORE_MODES, Bytes(1)),
        (1, 0) => Known(CTRL_RX, TABLES, Tables),
        (1, 1) => Known(CTRL_MAC_ADDR, ADDRESS, Bytes(6)),
        (2, 0 | 1) => Known(CTRL_VLAN, VLANS, Bytes(2)),
        (3, 0) => Known(GUEST_ANNOUNCE, ANNOUNCE, Bytes(0)),
        (4, 0) => Known(F_MQ, PAIRS, Bytes(2)),
        (5, 0) => Known(CTRL_GUEST_OFFLOADS, OFFLOADS, Bytes(8)),
        _ => return None,
    })
}

/// What comes behind a table of addresses, if the table is whole.
fn behind_table(data: &[u8]) -> Option<&[u8]> {
    let (count, rest) = data.split_first_chunk()?;
    // CAST: Widening.
    rest.get(6_usize.checked_mul(u32::from_le_bytes(*count) as usize)?..)
}

fn are_tables(data: &[u8]) -> bool {
    behind_table(data)
        .and_then(behind_table)
        .is_some_and(<[u8]>::is_empty)
}

impl State {
    /// The chain of a command was taken.
    pub(super) fn command_framed(&mut self, queue: u16, head: u16, form: &Form) {
        if self.life.has(ANY_LAYOUT) || form.readable < 2 || form.writable == 0 {
            return;
        }
        // Class and code, then nothing, the data, or two tables; then the answer.
        if form.read.first() != Some(&2) || form.reads > 3 || form.write != [1] || form.writes != 1
        {
            self.found(COMMAND_FRAMING, || {
                format!(
                    "queue {queue}, chain {head}: buffers of {:?} bytes",
                    form.read
                )
            });
        }
    }

    /// A command was carried out, or not.
    pub(super) fn commanded(&mut self, queue: u16, class: u8, command: u8, bytes: usize) {
        let (form, data) = self.flights.last(queue).unwrap_or_default();
        let data = data.unwrap_or_default();
        let Some(Known(feature, rule, length)) = known(class, command) else {
            return self.found(COMMAND_KNOWN, || format!("command {class}.{command}"));
        };
        // What is longer than what is kept is judged by its length alone.
        let whole = data.len() == bytes;
        let fits = match length {
            Length::Bytes(wanted) => bytes == wanted,
            Length::Tables => !whole || are_tables(&data),
        };
        let accepted = self.life.has(feature) && (!whole || self.may_command(class, &data));
        for (kept, rule) in [(fits, COMMAND_LENGTH), (accepted, rule)] {
            if !kept {
                self.found(rule, || {
                    format!(
                        "command {class}.{command}, {bytes} bytes, buffers {:?}",
                        form.read
                    )
                });
            }
        }
    }

    /// Whether the parameters of a command are within what was negotiated.
    fn may_command(&self, class: u8, data: &[u8]) -> bool {
        match (class, data) {
            (4, [low, high]) => (1..=self.facts.pairs).contains(&u16::from_le_bytes([*low, *high])),
            (5, offloads) => offloads.first_chunk().is_none_or(|bits| {
                u64::from_le_bytes(*bits) & !u64::from(self.life.features()) == 0
            }),
            _ => true,
        }
    }
}
