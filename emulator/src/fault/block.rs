// SPDX-License-Identifier: GPL-2.0

//! Requests of a disk that are answered wrongly.

use super::{
    table::{
        Kind,
        Row, //
    },
    Blow,
    Faults, //
};
use crate::virtio::blk::RequestType;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The status byte has this value.
    Status,
    /// The status byte is not written.
    Unwritten,
    /// Nothing is written, neither data nor status.
    Nothing,
    /// A read succeeds without data, and the length says so.
    NoData,
    /// A read succeeds, and the length says half.
    Short,
    /// A read succeeds with half the data, and the length says so.
    Half,
    /// A read succeeds with half the data, and the length does not say so.
    HalfSilently,
    /// A read has a wrong byte.
    Flip,
    /// The serial number is made of this byte.
    Serial,
    /// A flush fails.
    Flush,
}

/// Faults of requests.
pub(super) const ROWS: &[Row] = &[
    Row::disk(
        "status-error",
        Kind::Block(Lie::Status),
        1,
        "a request is done, and its status is VALUE (1, an error)",
        "B60",
    ),
    Row::disk(
        "status-unsupported",
        Kind::Block(Lie::Status),
        2,
        "a request is done, and its status is VALUE (2, not supported)",
        "B60",
    ),
    Row::disk(
        "status-unknown",
        Kind::Block(Lie::Status),
        3,
        "a request is done, and its status is VALUE (3)",
        "B60 H6",
    ),
    Row::disk(
        "status-unwritten",
        Kind::Block(Lie::Unwritten),
        0,
        "a request is done, and its status byte is not written",
        "B60 H6",
    ),
    Row::disk(
        "answer-nothing",
        Kind::Block(Lie::Nothing),
        0,
        "neither data nor status are written, the length is 1",
        "B60 H5 H6",
    ),
    Row::disk(
        "read-nothing",
        Kind::Block(Lie::NoData),
        0,
        "a read succeeds without data, the length is 1",
        "B61 H5",
    ),
    Row::disk(
        "read-short",
        Kind::Block(Lie::Short),
        0,
        "a read succeeds, and the length is half of what was written",
        "B61 H5",
    ),
    Row::disk(
        "read-half",
        Kind::Block(Lie::Half),
        0,
        "a read succeeds with half the data, as the length says",
        "B61 H5",
    ),
    Row::disk(
        "read-half-silent",
        Kind::Block(Lie::HalfSilently),
        0,
        "a read succeeds with half the data, and the length does not say so",
        "H5",
    ),
    Row::disk(
        "read-wrong",
        Kind::Block(Lie::Flip),
        0xff,
        "the first byte of a read has VALUE's bits (all) turned",
        "H5",
    ),
    Row::disk(
        "serial-bytes",
        Kind::Block(Lie::Serial),
        0xff,
        "the serial number is 20 bytes VALUE (0xff)",
        "B35",
    ),
    Row::disk(
        "flush-error",
        Kind::Block(Lie::Flush),
        0,
        "a flush fails",
        "B34",
    ),
];

impl Faults {
    /// What is wrong with the answer to a request of this type.
    pub fn request(&self, queue: u16, kind: u32) -> Vec<Blow> {
        self.blows(queue, |known| match known {
            Kind::Block(lie) => match lie {
                Lie::NoData | Lie::Short | Lie::Half | Lie::HalfSilently | Lie::Flip => {
                    kind == RequestType::In as u32
                }
                Lie::Serial => kind == RequestType::GetId as u32,
                Lie::Flush => kind == RequestType::Flush as u32,
                Lie::Status | Lie::Unwritten | Lie::Nothing => true,
            },
            _ => false,
        })
    }
}
