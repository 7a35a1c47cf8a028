// SPDX-License-Identifier: GPL-2.0

//! From a chain to what happens on the disk and a status byte (VIRTIO 1.3, section 5.2.6).

use std::{
    io,
    sync::atomic::Ordering, //
};

use super::{
    config::{
        MAX_RANGES,
        MAX_RANGE_SECTORS, //
    },
    Block, //
};
use crate::{
    observe::Event,
    queue::{
        Chain,
        Violation, //
    },
    virtio::{
        blk::{
            RequestType,
            F_DISCARD,
            F_FLUSH,
            F_SECURE_ERASE,
            F_WRITE_ZEROES,
            ID_BYTES,
            RANGE_F_UNMAP,
            SECTOR_BYTES,
            S_IOERR,
            S_OK,
            S_UNSUPP, //
        },
        features::Features,
        model::Model, //
    },
};

/// Bytes of the header in front of each request.
pub(super) const HEADER: usize = 16;
/// Bytes of a range.
const RANGE: usize = 16;

/// Why a request fails, as its status byte says it.
enum Failure {
    Error,
    Unsupported,
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Error
    }
}

/// What was asked for, and what came of it.
pub(super) struct Answer {
    kind: u32,
    priority: u32,
    sector: u64,
    /// Bytes of data, in whichever direction.
    bytes: u64,
    pub status: u8,
    /// Bytes of the chain that were written.
    pub written: u32,
}

impl Answer {
    /// What those who watch a queue are told.
    pub(super) fn event<'e>(&self, queue: u16) -> Event<'e> {
        Event::Request {
            queue,
            kind: self.kind,
            priority: self.priority,
            sector: self.sector,
            bytes: self.bytes,
            status: self.status,
        }
    }

    /// The ranges of a request for some, for those who watch; no more than one may have.
    pub(super) fn ranges(&self, chain: &Chain<'_>) -> Option<Vec<u8>> {
        let kinds = [
            RequestType::Discard,
            RequestType::WriteZeroes,
            RequestType::SecureErase,
        ];
        kinds.iter().find(|kind| **kind as u32 == self.kind)?;
        // CAST: A small number.
        let mut ranges = vec![0; RANGE * MAX_RANGES as usize];
        let len = chain.readable.read(HEADER, &mut ranges);
        ranges.truncate(len);
        Some(ranges)
    }
}

/// A range of sectors.
struct Range {
    sector: u64,
    sectors: u64,
    unmap: bool,
}

impl Block {
    /// Does what a chain asks for.
    ///
    /// The parts of a request are found by their place in the chain's bytes, however the driver has
    /// cut them into buffers. `before_slow` is called before anything that takes long.
    pub(super) fn execute(
        &self,
        chain: &Chain<'_>,
        before_slow: &mut dyn FnMut(),
    ) -> Result<Answer, Violation> {
        let mut header = [0; HEADER];
        if chain.readable.read(0, &mut header) < HEADER {
            return Err(Violation::Request("a request without a whole header"));
        }
        // The status is the last byte that the device may write.
        let Some(room) = chain.writable.len().checked_sub(1) else {
            return Err(Violation::Request(
                "a request without a place for its status",
            ));
        };
        let [k0, k1, k2, k3, p0, p1, p2, p3, sector @ ..] = header;
        let (kind, priority, sector) = (
            u32::from_le_bytes([k0, k1, k2, k3]),
            u32::from_le_bytes([p0, p1, p2, p3]),
            u64::from_le_bytes(sector),
        );
        let outcome = self.act(kind, sector, chain, room, before_slow);
        let status = match outcome {
            Ok(()) => S_OK,
            Err(Failure::Error) => S_IOERR,
            Err(Failure::Unsupported) => S_UNSUPP,
        };
        if status != S_OK {
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
            // The driver is told that everything up to the status was written.
            chain.writable.zero(0, room);
        }
        chain.writable.write(room, &[status]);
        Ok(Answer {
            kind,
            priority,
            sector,
            // CAST: Widening.
            bytes: (chain.readable.len() - HEADER + room) as u64,
            status,
            written: u32::try_from(chain.writable.len()).unwrap_or(u32::MAX),
        })
    }

    fn act(
        &self,
        kind: u32,
        sector: u64,
        chain: &Chain<'_>,
        room: usize,
        before_slow: &mut dyn FnMut(),
    ) -> Result<(), Failure> {
        let is = |known: RequestType| kind == known as u32;
        let counter = match kind {
            _ if is(RequestType::In) => &self.counters.reads,
            _ if is(RequestType::Out) => &self.counters.writes,
            _ if is(RequestType::Flush) => &self.counters.flushes,
            _ => &self.counters.others,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        match kind {
            _ if is(RequestType::In) => self.read(sector, chain, room),
            _ if is(RequestType::Out) => self.write(sector, chain, before_slow),
            _ if is(RequestType::Flush) => {
                self.needs(F_FLUSH)?;
                before_slow();
                Ok(self.disk.flush()?)
            }
            _ if is(RequestType::GetId) => {
                chain.writable.zero(0, room);
                chain
                    .writable
                    .write(0, &self.settings.serial[..ID_BYTES.min(room)]);
                Ok(())
            }
            _ if is(RequestType::Discard) => {
                self.needs(F_DISCARD)?;
                self.each_range(chain, false, before_slow, |range| {
                    self.disk.discard(range.sector, range.sectors)
                })
            }
            _ if is(RequestType::WriteZeroes) => {
                self.needs(F_WRITE_ZEROES)?;
                self.each_range(chain, true, before_slow, |range| {
                    self.disk
                        .write_zeroes(range.sector, range.sectors, range.unmap)
                })
            }
            _ if is(RequestType::SecureErase) => {
                self.needs(F_SECURE_ERASE)?;
                self.each_range(chain, false, before_slow, |range| {
                    self.disk.erase(range.sector, range.sectors)
                })
            }
            _ => Err(Failure::Unsupported),
        }
    }

    /// A request that belongs to a feature is known where the feature is offered.
    fn needs(&self, feature: Features) -> Result<(), Failure> {
        if self.features() & feature.bits() == 0 {
            return Err(Failure::Unsupported);
        }
        Ok(())
    }

    fn read(&self, sector: u64, chain: &Chain<'_>, room: usize) -> Result<(), Failure> {
        // CAST: Widening.
        if !self.disk.contains(sector, room as u64) {
            return Err(Failure::Error);
        }
        Ok(self.disk.read(sector, &chain.writable, room)?)
    }

    fn write(
        &self,
        sector: u64,
        chain: &Chain<'_>,
        before_slow: &mut dyn FnMut(),
    ) -> Result<(), Failure> {
        // CAST: Widening.
        let bytes = (chain.readable.len() - HEADER) as u64;
        if self.disk.is_read_only() || !self.disk.contains(sector, bytes) {
            return Err(Failure::Error);
        }
        self.disk.write(sector, &chain.readable, HEADER)?;
        if !self.write_back.load(Ordering::Relaxed) {
            before_slow();
            self.disk.flush()?;
        }
        Ok(())
    }

    /// Checks all ranges of a request, then does the same to each.
    fn each_range(
        &self,
        chain: &Chain<'_>,
        may_unmap: bool,
        before_slow: &mut dyn FnMut(),
        act: impl Fn(&Range) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let bytes = chain.readable.len() - HEADER;
        // CAST: A small number.
        if self.disk.is_read_only()
            || bytes == 0
            || bytes % RANGE != 0
            || bytes / RANGE > MAX_RANGES as usize
        {
            return Err(Failure::Error);
        }
        let ranges = (HEADER..chain.readable.len())
            .step_by(RANGE)
            .map(|at| self.range(chain, at, may_unmap))
            .collect::<Result<Vec<_>, _>>()?;
        before_slow();
        for range in &ranges {
            act(range)?;
        }
        if !self.write_back.load(Ordering::Relaxed) {
            self.disk.flush()?;
        }
        Ok(())
    }

    fn range(&self, chain: &Chain<'_>, at: usize, may_unmap: bool) -> Result<Range, Failure> {
        let mut wire = [0; RANGE];
        chain.readable.read(at, &mut wire);
        let [s0, s1, s2, s3, s4, s5, s6, s7, n0, n1, n2, n3, flags @ ..] = wire;
        let sector = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        let sectors = u32::from_le_bytes([n0, n1, n2, n3]);
        let flags = u32::from_le_bytes(flags);
        if flags & !RANGE_F_UNMAP != 0 || (flags != 0 && !may_unmap) {
            return Err(Failure::Unsupported);
        }
        let bytes = u64::from(sectors) * u64::from(SECTOR_BYTES);
        if sectors == 0 || sectors > MAX_RANGE_SECTORS || !self.disk.contains(sector, bytes) {
            return Err(Failure::Error);
        }
        Ok(Range {
            sector,
            sectors: sectors.into(),
            unmap: flags != 0,
        })
    }
}
