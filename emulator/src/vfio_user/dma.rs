// SPDX-License-Identifier: GPL-2.0

//! Guest memory comes and goes.

use std::{
    fs::File,
    os::fd::OwnedFd, //
};

use super::{
    session::put,
    wire::{
        errno,
        Body,
        Refusal, //
    },
};
use crate::memory::{
    MapError,
    Memory, //
};

/// Flag of a mapping: the device may read.
const READ: u32 = 1;
/// Flag of a mapping: the device may write.
const WRITE: u32 = 2;
/// Flag of an unmapping: everything goes.
const ALL: u32 = 2;

impl From<MapError> for Refusal {
    fn from(error: MapError) -> Self {
        let (errno, why) = match error {
            MapError::Range => (errno::EINVAL, "the region is not made of whole pages"),
            MapError::Overlap => (errno::EEXIST, "the region overlaps another"),
            MapError::TooMany => (errno::ENOSPC, "there are too many regions"),
            MapError::File => (
                errno::ENOMEM,
                "the region's file cannot be mapped, or is too short",
            ),
            MapError::Missing => (errno::ENOENT, "there is no such region"),
        };
        Self {
            errno,
            why: why.into(),
        }
    }
}

pub(super) fn map(
    memory: &Memory,
    mut body: Body<'_>,
    mut descriptors: Vec<OwnedFd>,
) -> Result<(), Refusal> {
    body.argsz(32)?;
    let flags = body.u32()?;
    let (offset, at, size) = (body.u64()?, body.u64()?, body.u64()?);
    body.rest(0)?;
    if flags & !(READ | WRITE) != 0 || flags & READ == 0 {
        return Err(Refusal::invalid(format!("a region with flags {flags:#x}")));
    }
    if descriptors.len() > 1 {
        return Err(Refusal::invalid("more than one descriptor for a region"));
    }
    let file = descriptors.pop().map(File::from);
    let file = file.as_ref().map(|file| (file, offset));
    Ok(memory.map(at, size, file, flags & WRITE != 0)?)
}

pub(super) fn unmap(
    memory: &Memory,
    mut body: Body<'_>,
    reply: &mut Vec<u8>,
) -> Result<(), Refusal> {
    body.argsz(24)?;
    let flags = body.u32()?;
    let (at, size) = (body.u64()?, body.u64()?);
    match flags {
        0 => memory.unmap(at, size)?,
        ALL if at == 0 && size == 0 => memory.clear(),
        _ => {
            return Err(Refusal::unsupported(format!(
                "unmapping with flags {flags:#x}"
            )))
        }
    }
    put(reply, &[24, flags]);
    reply.extend(at.to_le_bytes());
    reply.extend(size.to_le_bytes());
    Ok(())
}
