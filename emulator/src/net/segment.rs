// SPDX-License-Identifier: GPL-2.0

//! Segmentation in software, for a receiver that does not do it itself: TCP is cut into segments,
//! a UDP datagram into IP fragments (VIRTIO 1.3, section 5.1.6.2).

use super::layout::{
    Layout,
    TCP,
    UDP, //
};

/// Offsets of the checksums in their headers.
pub(super) const TCP_CHECKSUM: usize = 16;
pub(super) const UDP_CHECKSUM: usize = 6;

const TCP_BYTES: usize = 20;
const UDP_BYTES: usize = 8;

/// Flags of TCP, in the byte at 13 of its header.
const FIN: u8 = 1;
const PSH: u8 = 8;
const CWR: u8 = 0x80;

/// The protocol number of a fragment header of IPv6, and its bytes.
const FRAGMENT: u8 = 44;
const FRAGMENT_BYTES: usize = 8;
/// An IPv4 fragment that is not the last.
const MORE_V4: u16 = 0x2000;
/// Likewise for IPv6.
const MORE_V6: u16 = 1;

/// Bytes of all headers of a TCP frame; None if it is not one with whole headers.
pub(super) fn tcp_headers(frame: &[u8], layout: &Layout) -> Option<usize> {
    let len = 4 * usize::from(frame.get(layout.transport + 12)? >> 4);
    let end = layout.transport + len;
    let whole = layout.protocol == TCP && !layout.is_fragment;
    (whole && len >= TCP_BYTES && end <= frame.len()).then_some(end)
}

/// Bytes of all headers of a UDP frame; likewise.
pub(super) fn udp_headers(frame: &[u8], layout: &Layout) -> Option<usize> {
    let end = layout.transport + UDP_BYTES;
    let whole = layout.protocol == UDP && !layout.is_fragment;
    (whole && end <= frame.len()).then_some(end)
}

/// Cuts a TCP frame into segments of `size` bytes of payload, each with all its checksums.
///
/// None if it is no TCP frame with whole headers, or `size` is 0.
pub(super) fn tcp(frame: &[u8], size: usize) -> Option<Vec<Vec<u8>>> {
    let layout = Layout::of(frame)?;
    let (headers, payload) = frame.split_at(tcp_headers(frame, &layout)?);
    if size == 0 {
        return None;
    }
    let count = payload.len().div_ceil(size).max(1);
    (0..count)
        .map(|number| {
            let from = number * size;
            let part = &payload[from..payload.len().min(from + size)];
            let mut segment = [headers, part].concat();
            let header = &mut segment[layout.transport..];
            let first = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            // CAST: At most a frame.
            header[4..8].copy_from_slice(&first.wrapping_add(from as u32).to_be_bytes());
            if number != 0 {
                header[13] &= !CWR;
            }
            if number + 1 != count {
                header[13] &= !(FIN | PSH);
            }
            layout.set_length(&mut segment)?;
            // CAST: At most the bytes of a frame, and as many.
            layout.count_up(&mut segment, number as u16);
            layout.sum_header(&mut segment);
            layout.sum_transport(&mut segment, TCP_CHECKSUM);
            Some(segment)
        })
        .collect()
}

/// Cuts a UDP frame into IP fragments of `size` bytes of IP payload, or a little less: it has to be a
/// multiple of 8. The checksum of the datagram is filled in before.
///
/// None if it is no UDP frame with whole headers, or `size` is too small.
pub(super) fn udp(frame: &[u8], size: usize) -> Option<Vec<Vec<u8>>> {
    let layout = Layout::of(frame)?;
    udp_headers(frame, &layout)?;
    let mut whole = frame.to_vec();
    layout.sum_transport(&mut whole, UDP_CHECKSUM);
    let (headers, payload) = whole.split_at(layout.fragmentable);
    let size = size & !7;
    if size == 0 {
        return None;
    }
    if payload.len() <= size {
        return Some(vec![whole]);
    }
    let identification = identification(payload);
    let count = payload.len().div_ceil(size);
    (0..count)
        .map(|number| {
            let from = number * size;
            let part = &payload[from..payload.len().min(from + size)];
            let offset = u16::try_from(from).ok()?;
            let more = number + 1 != count;
            let mut fragment = headers.to_vec();
            if layout.v6 {
                let next = std::mem::replace(&mut fragment[layout.link], FRAGMENT);
                let word = offset | if more { MORE_V6 } else { 0 };
                let mut header = [0; FRAGMENT_BYTES];
                header[0] = next;
                header[2..4].copy_from_slice(&word.to_be_bytes());
                header[4..].copy_from_slice(&identification.to_be_bytes());
                fragment.extend(header);
            } else {
                let word = (offset / 8) | if more { MORE_V4 } else { 0 };
                let at = layout.network + 6;
                fragment[at..at + 2].copy_from_slice(&word.to_be_bytes());
            }
            fragment.extend(part);
            layout.set_length(&mut fragment)?;
            layout.sum_header(&mut fragment);
            Some(fragment)
        })
        .collect()
}

/// What the fragments of one IPv6 packet have in common: equal packets may share it, as their
/// fragments are equal, too. It is the FNV-1a hash of the payload.
fn identification(payload: &[u8]) -> u32 {
    payload.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
