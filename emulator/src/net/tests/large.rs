// SPDX-License-Identifier: GPL-2.0

//! Large packets: cut in software where the receiver cannot take them, handed on whole where it can.

use super::{
    frames::{
        ip,
        judge,
        payload,
        tcp,
        udp,
        ACK,
        CWR,
        FIN,
        PSH, //
    },
    *,
};
use crate::virtio::net::{
    Header,
    F_GUEST_CSUM,
    HDR_F_DATA_VALID, //
};

use offer::{
    F_GSO,
    F_GUEST_ECN,
    F_GUEST_TSO4,
    F_GUEST_TSO6,
    F_GUEST_UFO,
    F_HOST_ECN,
    F_HOST_TSO4, //
};

/// The frames of a packet, by the software's cut.
fn cut((header, frame): (Header, Vec<u8>)) -> Vec<Vec<u8>> {
    Packet::new(&header, frame).unwrap().into_frames()
}

#[test]
fn tcp_is_cut_into_segments_that_make_up_the_whole() {
    for v6 in [false, true] {
        for (bytes, size, count) in [
            (5000, 1448, 4),
            (4000, 1000, 4),
            (1, 1000, 1),
            (0, 1, 1),
            (7, 1, 7),
            (64000, 1399, 46),
        ] {
            let frames = cut(tcp(v6, CWR | ACK | PSH | FIN, bytes, size));
            assert_eq!(frames.len(), count);
            let mut whole: Vec<u8> = Vec::new();
            for (number, frame) in frames.iter().enumerate() {
                let packet = ip(frame);
                assert_eq!((packet.offset, packet.more), (0, false));
                judge(&packet.addresses, 6, &packet.payload);
                let (header, data) = packet.payload.split_at(32);
                let sequence = u32::from_be_bytes(header[4..8].try_into().unwrap());
                assert_eq!(sequence, 0xffff_ff00_u32.wrapping_add(whole.len() as u32));
                let (first, last) = (number == 0, number + 1 == count);
                let flags = if first { CWR } else { 0 } | if last { PSH | FIN } else { 0 } | ACK;
                assert_eq!(header[13], flags, "segment {number} of {count}");
                if !v6 {
                    let wanted = 0xfffe_u16.wrapping_add(number as u16);
                    assert_eq!(packet.identification, u32::from(wanted));
                }
                assert!(last || data.len() == usize::from(size));
                whole.extend(data);
            }
            assert_eq!(whole, payload(bytes));
        }
    }
}

#[test]
fn udp_is_cut_into_fragments_that_make_up_the_whole() {
    for v6 in [false, true] {
        for (bytes, size, count) in [(5000, 1480, 4), (4992, 1007, 5), (100, 1480, 1), (0, 8, 1)] {
            let frames = cut(udp(v6, bytes, size));
            assert_eq!(frames.len(), count);
            let mut whole = Vec::new();
            let mut names = Vec::new();
            for (number, frame) in frames.iter().enumerate() {
                let packet = ip(frame);
                assert_eq!(packet.offset, whole.len());
                assert_eq!(packet.more, number + 1 != count);
                assert!(packet.payload.len() <= size.into());
                names.push(packet.identification);
                whole.extend(packet.payload);
                if !packet.more {
                    judge(&packet.addresses, 17, &whole);
                }
            }
            names.dedup();
            assert_eq!(names.len(), 1, "one datagram has one identification");
            assert_eq!(whole[8..], payload(bytes));
        }
    }
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let (good, frame) = tcp(false, ACK, 3000, 1000);
    assert!(Packet::new(&good, frame.clone()).is_some());
    for header in [
        Header {
            gso_size: 0,
            ..good
        },
        Header { flags: 0, ..good },
        Header {
            gso_type: 2,
            ..good
        },
        Header {
            gso_type: 3,
            ..good
        },
        Header {
            gso_type: 4,
            ..good
        },
        Header {
            gso_type: 0x83,
            ..good
        },
        Header {
            gso_type: 0x80,
            ..good
        },
        Header {
            csum_start: 14,
            ..good
        },
        Header {
            csum_offset: 6,
            ..good
        },
    ] {
        assert_eq!(Packet::new(&header, frame.clone()), None, "{header:?}");
    }
    for len in 0..38 + 32 {
        assert_eq!(Packet::new(&good, frame[..len].to_vec()), None, "{len}");
    }
    let mut fragment = frame.clone();
    fragment[14 + 6] = 0x20;
    assert_eq!(Packet::new(&good, fragment), None);
    let (header, frame) = udp(true, 100, 7);
    assert_eq!(Packet::new(&header, frame), None);
}

/// Sends a packet on a card with these features to itself; what arrives, each behind its header.
fn echo(features: u32, (header, frame): &(Header, Vec<u8>)) -> Vec<(Header, Vec<u8>)> {
    let bench = Bench::new(Backend::Loopback, features);
    let header_len = bench.net.header_len();
    let len = header_len as u32;
    let pages: Vec<(u64, u32, bool)> = std::iter::once((BIG, len, true))
        .chain((0..4).map(|page| (BIG + u64::from(len) + page * 0x1000, 0x1000, true)))
        .collect();
    // Buffers of 16 KiB, of which a merging driver lends one descriptor alone.
    let mut lend = |head: u16| {
        let at = BIG + 0x8000 * u64::from(head);
        if bench.net.has(F_MRG_RXBUF) {
            bench.chain(RECEIVE, head, &[(at, 0x1000, true)]);
        } else if head == 0 {
            bench.chain(RECEIVE, 0, &pages);
        }
    };
    (0..8).for_each(&mut lend);
    bench.send(&header.encode()[..header_len], frame);
    let mut found = Vec::new();
    let mut next = 0;
    while next < bench.received() {
        let mut bytes = Vec::new();
        let mut more = 1;
        while more != 0 {
            let (head, len) = bench.ring(RECEIVE).used_entry(next);
            bytes.extend(bench.ram.get(BIG + 0x8000 * u64::from(head), len as usize));
            if more == 1 && bench.net.has(F_MRG_RXBUF) && bytes.len() == len as usize {
                more = u16::from_le_bytes([bytes[10], bytes[11]]);
            }
            more -= 1;
            next += 1;
        }
        let mut wire = bytes[..header_len].to_vec();
        wire.resize(12, 0);
        let header = Header {
            num_buffers: 0,
            ..Header::decode(&wire.try_into().unwrap())
        };
        found.push((header, bytes[header_len..].to_vec()));
        if !bench.net.has(F_MRG_RXBUF) && next == bench.received() {
            // One buffer at a time.
            bench.chain(RECEIVE, 0, &pages);
        }
    }
    found
}

/// Where buffers for large packets are.
const BIG: u64 = DATA + 0x2_0000;

#[test]
fn a_driver_that_can_gets_it_whole_with_its_header() {
    let merging = F_MRG_RXBUF.bits();
    for features in [ALL, ALL & !merging] {
        for packet in [
            tcp(false, ACK, 12000, 1448),
            tcp(true, ACK, 12000, 1428),
            udp(false, 12000, 1480),
        ] {
            let arrived = echo(features, &packet);
            let (mut wanted, frame) = packet;
            // The device knows what the headers are; the driver said nothing.
            let transport = if wanted.gso_type == 3 { 8 } else { 32 };
            wanted.hdr_len = wanted.csum_start + transport;
            assert_eq!(arrived, [(wanted, frame)]);
        }
    }
}

#[test]
fn a_driver_that_cannot_gets_complete_segments() {
    let merging = F_MRG_RXBUF.bits();
    let cases = [
        (F_GUEST_TSO4, tcp(false, ACK, 3000, 1448)),
        (F_GUEST_TSO6, tcp(true, ACK, 3000, 1428)),
        (F_GUEST_UFO, udp(true, 3000, 1480)),
        (F_GUEST_CSUM, tcp(false, ACK, 3000, 1448)),
        (F_GUEST_ECN, {
            let (mut header, frame) = tcp(false, ACK | CWR, 3000, 1448);
            header.gso_type |= 0x80;
            (header, frame)
        }),
    ];
    for (missing, packet) in cases {
        for features in [ALL, ALL & !merging] {
            let arrived = echo(features & !missing.bits(), &packet);
            let frames: Vec<Vec<u8>> = arrived.iter().map(|(_, frame)| frame.clone()).collect();
            assert_eq!(frames, cut(packet.clone()), "{missing:?}");
            for (header, _) in arrived {
                assert_eq!(header, Header::default());
            }
        }
    }
}

#[test]
fn a_partial_checksum_is_handed_on_or_completed() {
    let (mut header, frame) = tcp(false, ACK, 500, 0);
    header.gso_type = 0;
    let packet = (header, frame);
    assert_eq!(echo(ALL, &packet), std::slice::from_ref(&packet));
    let arrived = echo(ALL & !F_GUEST_CSUM.bits(), &packet);
    assert_eq!(arrived[0].0, Header::default());
    let whole = ip(&arrived[0].1);
    judge(&whole.addresses, 6, &whole.payload);
    // A driver's word for a checksum counts nothing.
    let claimed = Header {
        flags: HDR_F_DATA_VALID,
        ..Header::default()
    };
    assert_eq!(echo(ALL, &(claimed, packet.1))[0].0, Header::default());
}

#[test]
fn only_what_was_accepted_may_be_sent() {
    let (plain, frame) = tcp(false, ACK | CWR, 3000, 1448);
    let ecn = Header {
        gso_type: 0x81,
        ..plain
    };
    for (features, header, arrives) in [
        (ALL, plain, true),
        (ALL & !F_GSO.bits(), plain, true),
        (ALL & !(F_GSO | F_HOST_TSO4).bits(), plain, false),
        (ALL & !F_HOST_TSO4.bits(), plain, true),
        (ALL & !(F_GSO | F_HOST_ECN).bits(), ecn, false),
        (ALL & !F_GSO.bits(), ecn, true),
    ] {
        let arrived = echo(features, &(header, frame.clone()));
        assert_eq!(!arrived.is_empty(), arrives, "{features:x} {header:?}");
    }
}

#[test]
fn a_packet_larger_than_all_buffers_of_the_ring_is_lost() {
    let bench = Bench::new(Backend::Loopback, ALL);
    for head in 0..8 {
        bench.chain(RECEIVE, head, &[(IN, 100, true)]);
    }
    let (header, frame) = tcp(false, ACK, 1000, 500);
    bench.send(&header.encode(), &frame);
    assert_eq!(bench.received(), 0);
    assert!(bench.net.summary().contains("1 lost"));
    bench.send(&[], &super::frame(60));
    assert_eq!(bench.received(), 1);
}

#[test]
fn a_peer_without_headers_gets_complete_segments() {
    let path = scratch_path("cut");
    let bench = Bench::new(
        Backend::Datagram(Datagram::meet(&path, false).unwrap()),
        ALL,
    );
    let mut peer = path.clone().into_os_string();
    peer.push(".peer");
    let socket = std::os::unix::net::UnixDatagram::bind(&peer).unwrap();
    let packet = tcp(false, ACK | PSH, 4000, 1448);
    bench.send(&packet.0.encode(), &packet.1);
    for wanted in cut(packet) {
        let mut bytes = [0; 2000];
        let len = socket.recv(&mut bytes).unwrap();
        assert_eq!(bytes[..len], wanted);
    }
    std::fs::remove_file(peer).unwrap();
}

#[test]
fn a_peer_with_headers_gets_packets_whole_and_sends_such() {
    let path = scratch_path("whole");
    let bench = Bench::new(Backend::Datagram(Datagram::meet(&path, true).unwrap()), ALL);
    let mut peer = path.clone().into_os_string();
    peer.push(".peer");
    let socket = std::os::unix::net::UnixDatagram::bind(&peer).unwrap();
    let (header, frame) = udp(false, 12000, 1480);
    bench.send(&header.encode(), &frame);
    let mut bytes = vec![0; 20000];
    let len = socket.recv(&mut bytes).unwrap();
    assert_eq!(bytes[10..len], frame);
    // The device knows what the headers are.
    let hdr_len = header.csum_start + 8;
    let whole = Header { hdr_len, ..header };
    assert_eq!(bytes[..10], whole.encode()[..10]);

    bench.chain(RECEIVE, 0, &[(BIG, 0x4000, true)]);
    thread::scope(|scope| {
        scope.spawn(|| bench.net.attend().unwrap());
        // One that cannot be, of which nothing arrives: no header says where its segments end.
        socket
            .send_to(&[&[0, 3], &bytes[2..len]].concat(), &path)
            .unwrap();
        socket.send_to(&bytes[..len], &path).unwrap();
        let start = Instant::now();
        while bench.received() == 0 {
            assert!(start.elapsed() < Duration::from_secs(10));
            bench.device.run(RECEIVE);
            thread::yield_now();
        }
        bench.net.stop();
    });
    assert_eq!(bench.ram.get(BIG, 10), bytes[..10]);
    assert_eq!(bench.ram.get(BIG + 12, frame.len()), frame);
    assert!(bench.net.summary().contains("1 malformed"));
    std::fs::remove_file(peer).unwrap();
}
