// SPDX-License-Identifier: GPL-2.0

//! Requests as they go over the wire (VIRTIO 1.3, section 5.2.6).
//!
//! A request is a chain: the header, the data, one byte of status. Header and status are a
//! descriptor of their own each, as legacy devices want it (section 5.2.6.4).

use kernel::prelude::*;

use crate::{
    kernel_ext::block::mq::{
        BlkStatus,
        Op,
        Request,
        RequestData, //
    },
    virtio::{
        core::blk::{
            outcome,
            Outcome,
            ReadLengths,
            RequestHeader,
            RequestType,
            RANGE_F_UNMAP,
            S_UNWRITTEN, //
        },
        shared::Slot,
        virtqueue::{
            Buffers,
            Chain,
            ChainError,
            Descriptors,
            Few,
            Single,
            Used, //
        },
    },
};

/// The memory that a request needs beside its data.
pub(crate) struct Frame {
    /// Read by the device.
    header: Slot<RequestHeader>,
    /// Written by the device.
    status: Slot<u8>,
}

impl Frame {
    /// Allocates `count` frames, each in a box: it is moved with every request.
    pub(crate) fn table(count: usize) -> Result<KVVec<Option<KBox<Self>>>> {
        let headers = Slot::table(count)?;
        let statuses = Slot::table(count)?;
        let mut frames = KVVec::with_capacity(count, GFP_KERNEL)?;

        for (header, status) in headers.into_iter().zip(statuses) {
            let frame = KBox::new(Self { header, status }, GFP_KERNEL)?;
            frames.push(Some(frame), GFP_KERNEL)?;
        }
        Ok(frames)
    }

    /// Makes the frame ready for a request.
    #[inline]
    pub(crate) fn prepare(&mut self, header: RequestHeader) {
        self.header.write(header);
        self.status.write(S_UNWRITTEN);
    }
}

/// A request in the virtqueue.
pub(crate) struct Token {
    /// What surrounds the data.
    pub(crate) frame: KBox<Frame>,
    /// The request, which owns the data.
    pub(crate) request: Request,
}

impl Buffers for Token {
    #[inline(always)] // For each request.
    fn few(&self) -> Few<'_> {
        let data = match self.request.data() {
            RequestData::None => None,
            RequestData::Out(data) => Single::readable(data),
            RequestData::In(data) => Single::writable(data),
        };
        let (header, status) = (
            Single::readable(&self.frame.header),
            Single::writable(&self.frame.status),
        );
        match (header, data, status) {
            (Some(header), Some(data), Some(status)) => Few::Three([header, data, status]),
            _ => Few::Unknown,
        }
    }

    #[inline]
    fn most(&self) -> u16 {
        // Header and status, and the payload of a request that has no segments. There are no more
        // segments than a ring has descriptors.
        self.request.segments().max(1).wrapping_add(2)
    }

    #[inline(always)] // A chain that is lent to a function is kept in memory.
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        chain.readable(&self.frame.header)?;
        match self.request.data() {
            RequestData::None => {}
            RequestData::Out(data) => chain.readable(data)?,
            RequestData::In(data) => chain.writable(data)?,
        }
        chain.writable(&self.frame.status)
    }
}

/// What became of a request that the device has used.
///
/// The length that the device reports matters for reads alone; see [`ReadLengths`].
#[inline]
pub(crate) fn result(used: &Used<Token>, lengths: &mut ReadLengths) -> BlkStatus {
    let request = &used.token.request;
    let mut is_short = || {
        request.op() == Op::Read
            && !lengths.allow(used.claimed_len(), request.bytes(), used.writable())
    };
    match outcome(used.token.frame.status.read()) {
        Outcome::Done if is_short() => BlkStatus::IO_ERROR,
        Outcome::Done => BlkStatus::OK,
        Outcome::Unsupported => BlkStatus::NOT_SUPPORTED,
        Outcome::Failed => BlkStatus::IO_ERROR,
    }
}

/// Why a request was not made ready for the device.
pub(crate) enum NotPrepared {
    /// There is no memory for its range records now.
    NoMemory,
    /// It cannot be sent to the device; its outcome.
    Failed(BlkStatus),
}

/// The header of a request; its range records are made on the way.
///
/// # Errors
///
/// See [`NotPrepared`].
#[inline]
pub(crate) fn header(request: &mut Request) -> Result<RequestHeader, NotPrepared> {
    let op = request.op();
    let (kind, sector) = if op == Op::Read {
        (RequestType::In, request.sector())
    } else if op == Op::Write {
        (RequestType::Out, request.sector())
    } else {
        (other_kind(request)?, 0)
    };
    Ok(RequestHeader {
        kind: kind as u32,
        ioprio: request.ioprio().into(),
        sector,
    })
}

/// What a request asks for that has no data of the disk's; a header's sector is 0 then.
#[cold]
fn other_kind(request: &mut Request) -> Result<RequestType, NotPrepared> {
    match request.op() {
        Op::Flush => Ok(RequestType::Flush),
        Op::Discard => ranges(request, 0).map(|()| RequestType::Discard),
        Op::SecureErase => ranges(request, 0).map(|()| RequestType::SecureErase),
        Op::WriteZeroes { unmap } => {
            ranges(request, if unmap { RANGE_F_UNMAP } else { 0 })?;
            Ok(RequestType::WriteZeroes)
        }
        Op::DriverIn(_) => Ok(RequestType::GetId),
        Op::Read | Op::Write | Op::Other => Err(NotPrepared::Failed(BlkStatus::NOT_SUPPORTED)),
    }
}

/// Makes the range records of a request its data.
fn ranges(request: &mut Request, flags: u32) -> Result<(), NotPrepared> {
    // A record is little-endian: sector, number of sectors, flags (section 5.2.6).
    request
        .set_range_records(|range| {
            let (start, count) = (u128::from(range.start), u128::from(range.count));
            (start | count << 64 | u128::from(flags) << 96).to_le_bytes()
        })
        .map_err(|error| {
            if error == ENOMEM {
                NotPrepared::NoMemory
            } else {
                NotPrepared::Failed(BlkStatus::IO_ERROR)
            }
        })
}
