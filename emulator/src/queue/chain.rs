// SPDX-License-Identifier: GPL-2.0

//! From a head to the buffers of its chain, with every rule about descriptors
//! (VIRTIO 1.3, sections 2.7.4, 2.7.5 and 2.7.5.3).

use super::{
    ring::DESCRIPTOR,
    Piece,
    Ring,
    Table,
    Violation, //
};
use crate::{
    memory::View,
    sys::Bytes, //
};

/// The chain goes on at `next`.
const NEXT: u16 = 1;
/// The device writes the buffer.
const WRITE: u16 = 2;
/// The buffer is a table of descriptors.
const INDIRECT: u16 = 4;

/// Most descriptors of a chain, in a table or not. A driver should stay below the ring's size, but
/// QEMU takes this many at any size, and drivers count on that.
const LONGEST: usize = 1024;

/// Buffers one behind the other, as pieces of memory.
#[derive(Default)]
pub struct Segments<'v> {
    pieces: Vec<Bytes<'v>>,
    len: usize,
}

impl<'v> Segments<'v> {
    /// Bytes of all pieces.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn push(&mut self, piece: Bytes<'v>) {
        self.len += piece.len();
        self.pieces.push(piece);
    }

    /// The pieces of `len` bytes from `from` on; fewer where the buffers end.
    pub fn pieces(&self, from: usize, len: usize) -> impl Iterator<Item = Bytes<'v>> + Clone + '_ {
        let end = from.saturating_add(len);
        let mut start = 0_usize;
        self.pieces.iter().filter_map(move |piece| {
            let (first, past) = (from.max(start), end.min(start + piece.len()));
            let found = if first < past {
                piece.part(first - start, past - first)
            } else {
                None
            };
            start += piece.len();
            found
        })
    }

    /// Copies bytes out, from `from` on; returns how many there were.
    pub fn read(&self, from: usize, into: &mut [u8]) -> usize {
        let mut done = 0;
        for piece in self.pieces(from, into.len()) {
            piece.read(&mut into[done..done + piece.len()]);
            done += piece.len();
        }
        done
    }

    /// Copies bytes in, from `from` on; returns how many there was room for.
    pub fn write(&self, from: usize, bytes: &[u8]) -> usize {
        let mut done = 0;
        for piece in self.pieces(from, bytes.len()) {
            piece.write(&bytes[done..done + piece.len()]);
            done += piece.len();
        }
        done
    }

    /// Writes `len` zeroes, from `from` on.
    pub fn zero(&self, from: usize, len: usize) {
        const ZEROES: [u8; 4096] = [0; 4096];
        let end = self.len.min(from.saturating_add(len));
        for at in (from..end).step_by(ZEROES.len()) {
            self.write(at, &ZEROES[..ZEROES.len().min(end - at)]);
        }
    }
}

/// What the driver has lent to the device in one go.
pub struct Chain<'v> {
    /// The number of its first descriptor, by which it is given back.
    pub head: u16,
    /// What the device may read.
    pub readable: Segments<'v>,
    /// What the device may write.
    pub writable: Segments<'v>,
    /// The indirect table that it ends in.
    pub(super) table: Option<Table>,
    /// Its buffers, if somebody wants to know them.
    pub(super) pieces: Vec<Piece>,
    watched: bool,
}

impl Chain<'_> {
    /// Address and bytes of the indirect table that it ends in.
    pub fn list(&self) -> Option<(u64, u64)> {
        let table = self.table?;
        Some((table.at, DESCRIPTOR * u64::from(table.entries)))
    }
}

/// A descriptor, copied out of memory.
struct Descriptor {
    at: u64,
    len: u32,
    flags: u16,
    next: u16,
}

impl Descriptor {
    fn read(view: &View<'_>, table: u64, index: u16) -> Result<Self, Violation> {
        let at = table.wrapping_add(DESCRIPTOR * u64::from(index));
        let mut wire = [0; 16];
        if !view.read(at, &mut wire) {
            return Err(Violation::Ring(at));
        }
        let [a0, a1, a2, a3, a4, a5, a6, a7, l0, l1, l2, l3, f0, f1, n0, n1] = wire;
        Ok(Self {
            at: u64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]),
            len: u32::from_le_bytes([l0, l1, l2, l3]),
            flags: u16::from_le_bytes([f0, f1]),
            next: u16::from_le_bytes([n0, n1]),
        })
    }

    /// The buffer of the descriptor with this number.
    fn piece(&self, index: u16) -> Piece {
        Piece {
            index,
            at: self.at,
            len: self.len,
            writable: self.flags & WRITE != 0,
        }
    }
}

impl<'v> Chain<'v> {
    /// The chain that begins at `head`, of which nothing is known yet; a watched one remembers its
    /// buffers.
    pub(super) fn new(head: u16, watched: bool) -> Self {
        Self {
            head,
            readable: Segments::default(),
            writable: Segments::default(),
            table: None,
            pieces: Vec::new(),
            watched,
        }
    }

    /// Follows the chain to its end.
    pub(super) fn walk(
        &mut self,
        view: &'v View<'_>,
        ring: &Ring,
        indirect: bool,
    ) -> Result<(), Violation> {
        let head = self.head;
        if head >= ring.size() {
            return Err(Violation::Head(head));
        }
        let mut table = ring.table();
        let mut size = ring.size();
        let mut index = head;
        let mut inside = false;
        let mut count = 0;
        loop {
            let descriptor = Descriptor::read(view, table, index)?;
            if descriptor.flags & INDIRECT != 0 {
                size = table_size(&descriptor, inside, indirect)?;
                table = descriptor.at;
                self.table = Some(Table {
                    at: table,
                    entries: size,
                });
                (index, inside, count) = (0, true, 0);
                continue;
            }
            count += 1;
            if count > usize::from(size) {
                return Err(Violation::Loop);
            }
            self.add(view, &descriptor)?;
            if self.watched {
                self.pieces.push(descriptor.piece(index));
            }
            if descriptor.flags & NEXT == 0 {
                return Ok(());
            }
            if descriptor.next >= size {
                return Err(Violation::Next(descriptor.next));
            }
            index = descriptor.next;
        }
    }

    fn add(&mut self, view: &'v View<'_>, descriptor: &Descriptor) -> Result<(), Violation> {
        let &Descriptor { at, len, flags, .. } = descriptor;
        if len == 0 {
            return Err(Violation::Empty);
        }
        let segments = if flags & WRITE != 0 {
            &mut self.writable
        } else if self.writable.is_empty() {
            &mut self.readable
        } else {
            return Err(Violation::Order);
        };
        let wanted = flags & WRITE != 0;
        // CAST: Widening.
        let inside = view.walk(at, len as usize, |bytes, _| {
            segments.push(bytes);
            !wanted || bytes.is_writable()
        });
        if !inside {
            return Err(Violation::Buffer { at, len });
        }
        Ok(())
    }
}

/// The number of entries of the table that an indirect descriptor refers to.
fn table_size(descriptor: &Descriptor, inside: bool, accepted: bool) -> Result<u16, Violation> {
    if inside {
        return Err(Violation::IndirectNested);
    }
    if !accepted {
        return Err(Violation::IndirectNotAccepted);
    }
    if descriptor.flags & NEXT != 0 {
        return Err(Violation::IndirectNext);
    }
    if descriptor.len == 0 || descriptor.len % 16 != 0 {
        return Err(Violation::IndirectLength(descriptor.len));
    }
    // CAST: Widening.
    let count = descriptor.len as usize / 16;
    match u16::try_from(count) {
        Ok(entries) if count <= LONGEST => Ok(entries),
        _ => Err(Violation::TooLong(count)),
    }
}
