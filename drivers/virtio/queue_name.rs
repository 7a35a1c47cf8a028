// SPDX-License-Identifier: GPL-2.0

//! The names of queues, which people see in `/proc/interrupts`.

use kernel::fmt;

/// A queue's part of the name of an interrupt vector, for instance `req.0`.
#[derive(Clone, Copy, Debug)]
pub struct QueueName {
    what: &'static str,
    number: Option<u16>,
}

impl QueueName {
    /// The name of the only queue of its kind.
    pub const fn single(what: &'static str) -> Self {
        Self { what, number: None }
    }

    /// The name of one of several queues.
    pub const fn numbered(what: &'static str, number: u16) -> Self {
        Self {
            what,
            number: Some(number),
        }
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        match self.number {
            Some(number) => write!(f, ".{number}"),
            None => Ok(()),
        }
    }
}
