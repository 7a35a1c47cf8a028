// SPDX-License-Identifier: GPL-2.0

//! From what was typed to a fault.

use std::sync::atomic::{
    AtomicU64,
    Ordering, //
};

use super::{
    random,
    table::{
        find,
        Kind,
        Row, //
    },
    Blow, //
};
use crate::virtio::pci::DeviceType;

/// A fault that was asked for.
#[derive(Debug)]
pub struct Fault {
    row: &'static Row,
    /// None: on every queue.
    queue: Option<u16>,
    /// Occasions to let pass first.
    after: u64,
    /// Occasions to take then.
    count: u64,
    value: u64,
    at: u64,
    occasions: AtomicU64,
}

impl Fault {
    /// Reads `NAME[:after=N][:count=N][:queue=Q][:value=V][:at=A]` for a kind of device.
    ///
    /// # Errors
    ///
    /// A line about the first part that makes no sense.
    pub fn parse(text: &str, device: DeviceType) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let row = find(name).ok_or_else(|| format!("{name} is no fault; --fault-list has them"))?;
        if !row.of.suits(device) {
            return Err(format!("{name} is no fault of {}", device.name()));
        }
        let mut fault = Self {
            row,
            queue: None,
            after: 0,
            count: u64::MAX,
            value: row.value,
            at: 0,
            occasions: AtomicU64::new(0),
        };
        for part in parts {
            fault.set(part).ok_or_else(|| {
                format!("{part} is neither after=N, count=N, queue=Q, value=V nor at=A")
            })?;
        }
        Ok(fault)
    }

    /// Those that `text` asks for: the one it names, or with `random:SEED` a mix of them.
    ///
    /// # Errors
    ///
    /// Likewise.
    pub fn all(text: &str, device: DeviceType) -> Result<Vec<Self>, String> {
        match text.strip_prefix("random:") {
            None => Ok(vec![Self::parse(text, device)?]),
            Some(seed) => random::mixed(number(seed).ok_or("SEED is a number")?, device)
                .iter()
                .map(|text| Self::parse(text, device))
                .collect(),
        }
    }

    /// Takes a parameter.
    fn set(&mut self, part: &str) -> Option<()> {
        let (name, value) = part.split_once('=')?;
        let value = number(value)?;
        match name {
            "after" => self.after = value,
            "count" => self.count = value,
            "queue" => self.queue = Some(u16::try_from(value).ok()?),
            "value" => self.value = value,
            "at" => self.at = value,
            _ => return None,
        }
        Some(())
    }

    /// What it does.
    pub(super) fn kind(&self) -> Kind {
        self.row.kind
    }

    /// What it does, with its parameters.
    pub(super) fn blow(&self) -> Blow {
        Blow {
            kind: self.row.kind,
            value: self.value,
            at: self.at,
        }
    }

    /// Whether it strikes on this occasion, of its kind, in this queue.
    pub(super) fn strikes(&self, queue: u16) -> bool {
        if self.queue.is_some_and(|wanted| wanted != queue) {
            return false;
        }
        let number = self.occasions.fetch_add(1, Ordering::Relaxed);
        number
            .checked_sub(self.after)
            .is_some_and(|past| past < self.count)
    }
}

/// A number, in decimal or behind `0x`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
