// SPDX-License-Identifier: GPL-2.0

//! Where the header of a packet goes (VIRTIO 1.3, sections 5.1.6 and 2.7.4).

use crate::virtio::core::{
    features::{
        Features,
        ANY_LAYOUT, //
    },
    net::{
        Header,
        F_MRG_RXBUF, //
    },
};

/// What the negotiated features say about headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    /// The header is the long one, and packets may be spread over several buffers.
    pub(crate) mergeable: bool,
    /// The header may share a descriptor with the data.
    pub(crate) any_layout: bool,
}

impl Framing {
    /// Reads the negotiated features.
    pub(crate) fn new(features: Features) -> Self {
        Self {
            mergeable: features.contains(F_MRG_RXBUF),
            any_layout: features.contains(ANY_LAYOUT),
        }
    }

    /// Bytes of a header.
    #[inline]
    pub(crate) fn header_len(self) -> u32 {
        // CAST: 10 or 12.
        Header::bytes(self.mergeable) as u32
    }

    /// Bytes of a buffer that need a descriptor of their own; 0 if none do.
    ///
    /// A driver that has not negotiated ANY_LAYOUT uses a single descriptor for the header, and
    /// others for the data (VIRTIO 1.3, section 5.1.6.6).
    #[inline]
    pub(crate) fn split(self) -> u32 {
        if self.any_layout {
            0
        } else {
            self.header_len()
        }
    }
}
