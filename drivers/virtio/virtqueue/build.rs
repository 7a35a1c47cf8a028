// SPDX-License-Identifier: GPL-2.0

//! From what an owner of buffers says of them to descriptors, in a table or in the ring.

use core::num::NonZero;

use super::{
    chain::{
        Built,
        Finished, //
    },
    Buffers,
    Chain,
    ChainError,
    Descriptors,
    Few,
    Single,
    Virtqueue, //
};
use crate::virtio::core::layout::DESC_F_INDIRECT;

impl<T: Buffers> Virtqueue<T> {
    /// Writes the descriptors of a chain, without taking them from the free list.
    #[inline(always)] // A token that is lent to a function is written to memory and read again.
    pub(super) fn build(&mut self, token: &T) -> Result<Built, ChainError> {
        let free = self.free.free();
        if free == 0 {
            return Err(ChainError::NoSpace);
        }
        let head = self.free.head();
        match token.few() {
            Few::One(buffer) => {
                let (range, flags) = buffer.descriptor();
                self.ring.write_descriptor(head, range, flags);
                Ok(Built {
                    count: 1,
                    last: head,
                    writable: buffer.writable_bytes(),
                    has_table: false,
                })
            }
            Few::Three(buffers) => match self.build_three(head, &buffers) {
                Some(built) => Ok(built),
                None => self.build_chain(token, head),
            },
            Few::Unknown => self.build_chain(token, head),
        }
    }

    /// Writes three buffers to a table; `None` if there is none for them, or they are out of order.
    #[inline(always)] // As above.
    fn build_three(&mut self, head: u16, buffers: &[Single<'_>; 3]) -> Option<Built> {
        if !buffers.is_sorted_by_key(Single::is_writable) {
            return None;
        }
        let mut table = self.tables.as_mut()?.short(head)?;
        let mut writable = 0_u32;
        for buffer in buffers {
            let (range, flags) = buffer.descriptor();
            writable = writable.wrapping_add(buffer.writable_bytes());
            if !table.descriptors.write(range, flags) {
                return None;
            }
        }
        let [.., last] = buffers;
        table.descriptors.end(last.descriptor().1);
        let range = table.address.range(NonZero::new(3)?);
        self.ring.write_descriptor(head, range, DESC_F_INDIRECT);
        Some(Built {
            count: 1,
            last: head,
            writable,
            has_table: false,
        })
    }

    /// Writes any number of buffers. By itself, as everything that it works on fits the processor's
    /// registers then.
    #[inline(never)]
    fn build_chain(&mut self, token: &T, head: u16) -> Result<Built, ChainError> {
        let most = token.most();
        let table = match &mut self.tables {
            Some(tables) if most > 1 => tables.table(head, most),
            _ => None,
        };
        let Some(table) = table else {
            let free = self.ring.descriptors(head, self.free.free());
            let finished = write_chain(token, free, self.size)?;
            return Ok(Built {
                count: finished.count.get(),
                last: finished.last,
                writable: finished.writable,
                has_table: false,
            });
        };
        let (address, has_table) = (table.address, table.is_long);
        let limit = table.descriptors.left();
        let finished = write_chain(token, table.descriptors, limit)
            .inspect_err(|_| self.give_up_table(head, has_table))?;
        self.ring
            .write_descriptor(head, address.range(finished.count), DESC_F_INDIRECT);
        Ok(Built {
            count: 1,
            last: head,
            writable: finished.writable,
            has_table,
        })
    }

    /// Gives up the table that was made for the chain that begins at `head`, if one was.
    #[inline]
    pub(super) fn give_up_table(&mut self, head: u16, has_table: bool) {
        if let (true, Some(tables)) = (has_table, &mut self.tables) {
            tables.give_up(head);
        }
    }
}

/// Writes a chain, of at most `limit` descriptors. By itself, as [`Virtqueue::build_chain`].
#[inline(never)]
fn write_chain<T: Buffers, D: Descriptors>(
    token: &T,
    descriptors: D,
    limit: u16,
) -> Result<Finished, ChainError> {
    let mut chain = Chain::new(descriptors, limit);
    token.describe(&mut chain)?;
    chain.finish()
}
