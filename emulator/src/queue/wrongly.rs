// SPDX-License-Identifier: GPL-2.0

//! What a queue does only when a fault has it misbehave.

use super::{
    Queue,
    Violation,
    NO_NOTIFY, //
};
use crate::{
    fault::{
        Given,
        Index, //
    },
    memory::{
        write_barrier,
        View, //
    },
};

impl Queue {
    /// Gives `count` chains back as a fault has it.
    ///
    /// # Errors
    ///
    /// Likewise.
    pub fn give_wrongly(
        &mut self,
        view: &View<'_>,
        count: usize,
        given: &Given,
    ) -> Result<(), Violation> {
        for (id, len) in &given.entries {
            self.ring.write_used_entry(view, self.used, *id, *len)?;
            if let Some(watch) = &self.watch {
                // CAST: What is watched is a head.
                watch.done(self.used, *id as u16, *len);
            }
            self.used = self.used.wrapping_add(1);
        }
        // CAST: At most the entries of a ring.
        self.in_flight = self.in_flight.wrapping_sub(count as u16);
        // ORDERING: As in `give`.
        write_barrier();
        match given.index {
            Index::Right => self.ring.write_used_index(view, self.used)?,
            Index::Further(steps) => {
                let index = self.used.wrapping_add(steps);
                self.ring.write_used_index(view, index)?;
            }
            Index::Stays => {}
        }
        self.undecided = true;
        Ok(())
    }

    /// Says that no notification is wanted, whatever is made available.
    ///
    /// # Errors
    ///
    /// When the ring is not in memory any more.
    pub fn want_nothing(&self, view: &View<'_>) -> Result<(), Violation> {
        self.ring.write_used_flags(view, NO_NOTIFY)?;
        self.ring
            .write_avail_event(view, self.taken.wrapping_sub(1))
    }
}
