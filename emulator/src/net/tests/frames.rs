// SPDX-License-Identifier: GPL-2.0

//! Frames made by hand, and a second opinion on their checksums.

use crate::virtio::net::{
    Header,
    HDR_F_NEEDS_CSUM, //
};

pub const FIN: u8 = 1;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;
pub const CWR: u8 = 128;

/// The one's complement sum as RFC 1071 writes it down, word by word with the carry at once.
fn ones(bytes: &[u8]) -> u16 {
    let mut sum = 0_u16;
    for at in (0..bytes.len()).step_by(2) {
        let low = if at + 1 < bytes.len() {
            bytes[at + 1]
        } else {
            0
        };
        let (added, carry) = sum.overflowing_add(u16::from_be_bytes([bytes[at], low]));
        sum = added + u16::from(carry);
    }
    sum
}

fn pseudo(addresses: &[u8], protocol: u8, len: usize) -> Vec<u8> {
    let mut bytes = addresses.to_vec();
    bytes.extend((len as u32).to_be_bytes());
    bytes.extend([0, 0, 0, protocol]);
    bytes
}

pub fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 % 253) as u8).collect()
}

fn ethernet(tags: usize, kind: [u8; 2]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for _ in 0..tags {
        frame.extend([0x81, 0, 0, 5]);
    }
    frame.extend(kind);
    frame
}

/// An IPv4 header of 24 bytes.
fn ipv4(protocol: u8, len: usize) -> Vec<u8> {
    let mut header = vec![0x46, 0];
    header.extend(((24 + len) as u16).to_be_bytes());
    header.extend([0xff, 0xfe, 0x40, 0, 64, protocol, 0, 0]);
    header.extend([10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0]);
    let checksum = !ones(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// An IPv6 header with hop-by-hop options.
fn ipv6(protocol: u8, len: usize) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend(((8 + len) as u16).to_be_bytes());
    header.extend([0, 64]);
    header.extend([0xfd; 16]);
    header.extend([0xfe; 16]);
    header.extend([protocol, 0, 1, 4, 0, 0, 0, 0]);
    header
}

/// A frame whose transport checksum is that of the pseudo header, and the header that says so.
fn unfinished(
    v6: bool,
    protocol: u8,
    mut transport: Vec<u8>,
    at: usize,
    gso: (u8, u16),
) -> (Header, Vec<u8>) {
    let len = transport.len();
    let (mut frame, ip, addresses) = if v6 {
        (ethernet(1, [0x86, 0xdd]), ipv6(protocol, len), 8..40)
    } else {
        (ethernet(0, [8, 0]), ipv4(protocol, len), 12..20)
    };
    let partial = ones(&pseudo(&ip[addresses], protocol, len));
    transport[at..at + 2].copy_from_slice(&partial.to_be_bytes());
    frame.extend(ip);
    let header = Header {
        flags: HDR_F_NEEDS_CSUM,
        gso_type: gso.0,
        gso_size: gso.1,
        csum_start: frame.len() as u16,
        csum_offset: at as u16,
        ..Header::default()
    };
    frame.extend(transport);
    (header, frame)
}

/// TCP with 12 bytes of options and a sequence number about to wrap.
pub fn tcp(v6: bool, flags: u8, bytes: usize, size: u16) -> (Header, Vec<u8>) {
    let mut transport = vec![0x12, 0x34, 0, 80];
    transport.extend(0xffff_ff00_u32.to_be_bytes());
    transport.extend([0, 0, 0, 9, 0x80, flags, 0xff, 0xff, 0, 0, 0, 0]);
    transport.extend([1; 12]);
    transport.extend(payload(bytes));
    unfinished(v6, 6, transport, 16, (if v6 { 4 } else { 1 }, size))
}

/// UDP.
pub fn udp(v6: bool, bytes: usize, size: u16) -> (Header, Vec<u8>) {
    let mut transport = vec![0x12, 0x34, 0, 53];
    transport.extend(((8 + bytes) as u16).to_be_bytes());
    transport.extend([0, 0]);
    transport.extend(payload(bytes));
    unfinished(v6, 17, transport, 6, (3, size))
}

/// The IP packet of a frame, judged: its header's checksum and its length.
pub struct Ip {
    pub identification: u32,
    /// Where its payload belongs, and whether there is more.
    pub offset: usize,
    pub more: bool,
    pub addresses: Vec<u8>,
    pub protocol: u8,
    pub payload: Vec<u8>,
}

pub fn ip(frame: &[u8]) -> Ip {
    let word = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    if frame[12..14] == [8, 0] {
        let packet = &frame[14..];
        assert_eq!(ones(&packet[..24]), 0xffff, "checksum of the IP header");
        assert_eq!(usize::from(word(packet, 2)), packet.len());
        return Ip {
            identification: word(packet, 4).into(),
            offset: usize::from(word(packet, 6) & 0x1fff) * 8,
            more: word(packet, 6) & 0x2000 != 0,
            addresses: packet[12..20].to_vec(),
            protocol: packet[9],
            payload: packet[24..].to_vec(),
        };
    }
    assert_eq!(frame[12..18], [0x81, 0, 0, 5, 0x86, 0xdd]);
    let packet = &frame[18..];
    assert_eq!(usize::from(word(packet, 4)), packet.len() - 40);
    assert_eq!(packet[6], 0);
    let mut found = Ip {
        identification: 0,
        offset: 0,
        more: false,
        addresses: packet[8..40].to_vec(),
        protocol: packet[40],
        payload: packet[48..].to_vec(),
    };
    if found.protocol == 44 {
        let header: Vec<u8> = found.payload.drain(..8).collect();
        found.protocol = header[0];
        found.offset = usize::from(word(&header, 2) & !7);
        found.more = header[3] & 1 != 0;
        found.identification = u32::from_be_bytes(header[4..8].try_into().unwrap());
    }
    found
}

/// Judges the checksum of a whole transport packet.
pub fn judge(addresses: &[u8], protocol: u8, packet: &[u8]) {
    let all = [&pseudo(addresses, protocol, packet.len()), packet].concat();
    assert_eq!(ones(&all), 0xffff, "checksum of protocol {protocol}");
}
