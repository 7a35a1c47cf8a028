// SPDX-License-Identifier: GPL-2.0

//! The header in front of a received packet, and the lengths that the device reports of its buffers.

use virtio_host_tests::virtio::core::{
    features::Features,
    net::{
        self,
        Checksum,
        Fill,
        Header,
        PacketLen,
        F_GUEST_ECN,
        F_GUEST_TSO4,
        F_GUEST_TSO6,
        F_GUEST_UFO,
        MAX_FRAME_BYTES,
        MERGEABLE_HEADER_BYTES,
        MIN_FRAME_BYTES, //
    },
};

/// A header, what was accepted, and lengths.
pub fn run(bytes: &[u8]) {
    let Some((wire, rest)) = bytes.split_first_chunk::<MERGEABLE_HEADER_BYTES>() else {
        return;
    };
    let Some((words, lengths)) = rest.split_first_chunk::<12>() else {
        return;
    };
    let word = |at: usize| u32::from_le_bytes(words[at..at + 4].try_into().unwrap());
    let header = Header::decode(wire);
    assert_eq!(header.encode(), *wire);
    offload(
        &header,
        Features::from_bits(word(0)),
        word(4) >> (word(8) % 32),
    );
    buffers(&header, word(8), lengths);
}

fn offload(header: &Header, accepted: Features, len: u32) {
    let Ok(offload) = header.offload(accepted, len) else {
        return;
    };
    if let Checksum::Partial(partial) = offload.checksum {
        let end = u32::from(partial.start) + u32::from(partial.offset) + 2;
        assert!(end <= len, "the checksum is in the packet");
    }
    if let Some(segments) = offload.segments {
        let needed = match segments.protocol {
            net::Protocol::TcpV4 => F_GUEST_TSO4,
            net::Protocol::TcpV6 => F_GUEST_TSO6,
            net::Protocol::Udp => F_GUEST_UFO,
        };
        assert!(accepted.contains(needed));
        assert!(!segments.ecn || accepted.contains(F_GUEST_ECN));
        assert!(!matches!(segments.size, 0 | u16::MAX));
    }
}

/// A packet over several buffers: their sum is what was written, and within what was lent.
fn buffers(header: &Header, writable: u32, lengths: &[u8]) {
    let writable = writable % (MAX_FRAME_BYTES + 1);
    let mut lengths = lengths
        .chunks_exact(4)
        .map(|length| u32::from_le_bytes(length.try_into().unwrap()));
    let mut average = PacketLen::default();
    let Some(claimed) = lengths.next() else {
        return;
    };
    let first = Fill { claimed, writable };
    let header_bytes = Header::bytes(true) as u32;
    let Some(mut total) = first.first(header_bytes) else {
        return;
    };
    assert!(total >= MIN_FRAME_BYTES && total + header_bytes <= writable);
    let Some(further) = header.further_buffers(first) else {
        return;
    };
    assert!(further == 0 || total + header_bytes == writable);
    for left in (0..further).rev() {
        let Some(claimed) = lengths.next() else { break };
        let Some(bytes) = (Fill { claimed, writable }).further(left == 0) else {
            return;
        };
        assert!((1..=writable).contains(&bytes) && (bytes == writable || left == 0));
        total = total.saturating_add(bytes);
    }
    average.observe(total);
    assert!((1514..=4096).contains(&average.clamped(1514, 4096)));
}
