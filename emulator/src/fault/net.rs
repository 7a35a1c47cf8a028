// SPDX-License-Identifier: GPL-2.0

//! Frames and commands of a card that are not what they say.

use super::{
    table::{
        Kind,
        Row, //
    },
    Faults, //
};
use crate::virtio::net::{
    Header,
    GSO_NONE,
    HDR_F_NEEDS_CSUM, //
};

/// Segments of TCP over IPv4, as `gso_type` has it.
const GSO_TCPV4: u8 = 1;

/// Where the checksum of a header is that flips, and how far behind; within the shortest of frames.
const FLIPPING_CHECKSUM: (u16, u16) = (20, 16);

/// Faults of frames and commands.
pub(super) const ROWS: &[Row] = &[
    Row::card(
        "num-buffers",
        Kind::NumBuffers,
        1,
        "a received frame claims VALUE (1) buffers more than were used",
        "N94 H22",
    ),
    Row::card(
        "num-buffers-are",
        Kind::NumBuffersAre,
        0,
        "a received frame claims VALUE (0) buffers",
        "N93 N94 H22",
    ),
    Row::card(
        "checksum",
        Kind::Checksum,
        0xffff,
        "a received frame wants a checksum that begins at its byte VALUE (65535)",
        "N51 H23",
    ),
    Row::card(
        "segments",
        Kind::Segments,
        0,
        "a received frame is to be cut into segments of VALUE (0) bytes",
        "N52 H23",
    ),
    Row::card(
        "segment-kind",
        Kind::SegmentKind,
        0x7f,
        "a received frame is to be cut into segments of the kind VALUE (0x7f)",
        "N52 H23",
    ),
    Row::card(
        "segment-size",
        Kind::Segments,
        0xffff,
        "a received frame says that it was cut from segments of VALUE (65535) bytes",
        "N52 H23",
    ),
    Row::card(
        "header-len",
        Kind::HeaderLen,
        0xffff,
        "the headers of a received frame have VALUE (65535) bytes",
        "N52 H23",
    ),
    Row::card(
        "header-noise",
        Kind::HeaderNoise,
        0,
        "the header of a received frame is noise",
        "N51 N52 N94 H22 H23",
    ),
    Row::card(
        "header-flips",
        Kind::HeaderFlips,
        20,
        "the header of a received frame turns from right to wrong and back for VALUE (20) ms after the interrupt",
        "H40",
    ),
    Row::card(
        "frame-len",
        Kind::FrameLen,
        5,
        "the last used entry of a received frame has VALUE (5) bytes: less than a header",
        "N92 H4",
    ),
    Row::card(
        "frame-empty",
        Kind::FrameLen,
        12,
        "the last used entry of a received frame has VALUE (12) bytes: a header, no frame",
        "N92 H4",
    ),
    Row::card(
        "frame-runt",
        Kind::FrameLen,
        20,
        "the last used entry of a received frame has VALUE (20) bytes: less than addresses and type",
        "N92 H4",
    ),
    Row::card(
        "answer",
        Kind::Answer,
        1,
        "a command is obeyed, and the answer is VALUE (1, an error)",
        "N66",
    ),
    Row::card(
        "answer-unwritten",
        Kind::AnswerUnwritten,
        0,
        "a command is given back without an answer",
        "N66",
    ),
    Row::card(
        "answer-late",
        Kind::AnswerLate,
        3000,
        "a command is answered VALUE (3000) ms late",
        "N65 H13 H14",
    ),
];

impl Faults {
    /// Lies into the header of a received frame.
    pub fn header(&self, queue: u16, header: &mut Header) {
        for blow in self.blows(queue, |kind| {
            matches!(
                kind,
                Kind::NumBuffers
                    | Kind::NumBuffersAre
                    | Kind::Checksum
                    | Kind::Segments
                    | Kind::SegmentKind
                    | Kind::HeaderLen
                    | Kind::HeaderNoise
                    | Kind::HeaderFlips
            )
        }) {
            // CAST: The low bits of the value.
            let (byte, word) = (blow.value as u8, blow.value as u16);
            match blow.kind {
                Kind::NumBuffers => header.num_buffers = header.num_buffers.saturating_add(word),
                Kind::NumBuffersAre => header.num_buffers = word,
                Kind::Checksum => {
                    header.flags = HDR_F_NEEDS_CSUM;
                    header.csum_start = word;
                }
                Kind::Segments => {
                    if header.gso_type == GSO_NONE {
                        header.gso_type = GSO_TCPV4;
                    }
                    header.gso_size = word;
                }
                Kind::SegmentKind => (header.gso_type, header.gso_size) = (byte, 1000),
                Kind::HeaderLen => header.hdr_len = word,
                Kind::HeaderFlips => {
                    header.flags = HDR_F_NEEDS_CSUM;
                    (header.csum_start, header.csum_offset) = FLIPPING_CHECKSUM;
                }
                _ => *header = self.noise_header(),
            }
        }
    }

    /// The same header, when it has flipped: wrong in two fields, which one access can write and read.
    pub fn flipped(header: &Header) -> Header {
        Header {
            csum_offset: u16::MAX,
            num_buffers: 0,
            ..*header
        }
    }

    fn noise_header(&self) -> Header {
        let mut wire = [0; 12];
        for (place, byte) in wire.iter_mut().zip(
            [self.draw(), self.draw()]
                .iter()
                .flat_map(|drawn| drawn.to_le_bytes()),
        ) {
            *place = byte;
        }
        Header::decode(&wire)
    }
}
