// SPDX-License-Identifier: GPL-2.0

//! Frames and commands through a whole device.

mod capture;
mod frames;
mod large;
mod link;
mod pairs;

use std::{
    sync::Arc,
    thread,
    time::{
        Duration,
        Instant, //
    },
};

use super::{
    backend::{
        Backend,
        Datagram, //
    },
    *,
};
use crate::{
    testing::{
        scratch_path,
        GuestRing,
        Ram,
        DATA,
        RAM,
        RAM_BYTES, //
    },
    virtio::{
        device::Device,
        net::F_GUEST_CSUM, //
    },
};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OUT: u64 = DATA + 0x1000;
const IN: u64 = DATA + 0x2000;
/// Everything but the event index and what must not be accepted.
const ALL: u32 = !(1 << 30) & !(1 << 29);

/// The queues of the first pair.
const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;

struct Bench {
    net: Arc<Net>,
    device: Device,
    ram: Ram,
}

impl Bench {
    fn new(backend: Backend, features: u32) -> Self {
        Self::with(backend, features, Settings::default())
    }

    /// A device that is otherwise as `settings` say, its driver ready.
    fn with(backend: Backend, features: u32, settings: Settings) -> Self {
        let settings = Settings {
            queue_size: GuestRing::SIZE,
            mac: MAC,
            ..settings
        };
        let net = Arc::new(Net::new(backend, settings));
        let device = Device::new(
            net.clone(),
            0,
            crate::virtio::profile::QEMU,
            Arc::new(|_: &str| ()),
        );
        let ram = Ram::new();
        device
            .memory()
            .map(RAM, RAM_BYTES, Some((&ram.0, 0)), true)
            .unwrap();
        let bench = Self { net, device, ram };
        bench.device.set_master(true);
        bench.device.write_register(4, &features.to_le_bytes());
        for queue in 0..bench.device.queues() {
            bench.device.write_register(14, &queue.to_le_bytes());
            bench
                .device
                .write_register(8, &bench.ring(queue).pfn().to_le_bytes());
        }
        bench.device.write_register(18, &[7]);
        bench
    }

    fn ring(&self, queue: u16) -> GuestRing<'_> {
        let base = RAM + 0x2000 * u64::from(queue);
        // Where the driver has got to stands in the ring itself.
        GuestRing {
            ram: &self.ram,
            base,
            avail: self.ram.get_u16(base + 130),
        }
    }

    fn chain(&self, queue: u16, head: u16, parts: &[(u64, u32, bool)]) {
        let mut ring = self.ring(queue);
        ring.chain(head, parts);
        ring.offer(head);
        self.device.run(queue);
    }

    /// Sends a frame behind a header of the right length.
    fn send(&self, header: &[u8], frame: &[u8]) {
        let len = self.net.header_len();
        let mut bytes = header.to_vec();
        bytes.resize(len, 0);
        self.ram.put(OUT, &[&bytes, frame].concat());
        self.chain(
            TRANSMIT,
            0,
            &[
                (OUT, len as u32, false),
                (OUT + len as u64, frame.len() as u32, false),
            ],
        );
        self.device.run(RECEIVE);
    }

    fn received(&self) -> u16 {
        self.ring(RECEIVE).used_index()
    }

    /// Gives a command where there is one pair of queues; returns the answer.
    fn command(&self, bytes: &[u8]) -> u8 {
        self.command_on(2, bytes)
    }

    /// Gives a command in the control queue of this number; likewise.
    fn command_on(&self, queue: u16, bytes: &[u8]) -> u8 {
        self.ram.put(OUT, bytes);
        self.ram.put(OUT + 2048, &[0xee]);
        self.chain(
            queue,
            0,
            &[(OUT, bytes.len() as u32, false), (OUT + 2048, 1, true)],
        );
        self.ram.get(OUT + 2048, 1)[0]
    }
}

fn frame(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn a_frame_comes_back_behind_the_short_header() {
    let bench = Bench::new(Backend::Loopback, ALL & !F_MRG_RXBUF.bits());
    bench.ram.put(IN, &[0xee; 200]);
    bench.chain(RECEIVE, 3, &[(IN, 10, true), (IN + 10, 100, true)]);
    bench.send(&[], &frame(60));
    assert_eq!(bench.ring(TRANSMIT).used_entry(0), (0, 0));
    assert_eq!(
        (bench.received(), bench.ring(RECEIVE).used_entry(0)),
        (1, (3, 70))
    );
    assert_eq!(bench.ram.get(IN, 70), [vec![0; 10], frame(60)].concat());
    assert_eq!(bench.ram.get(IN + 70, 1), [0xee]);
}

#[test]
fn a_long_frame_is_spread_over_mergeable_buffers() {
    let bench = Bench::new(Backend::Loopback, ALL);
    for head in 0..3 {
        bench.chain(RECEIVE, head, &[(IN + 1000 * u64::from(head), 50, true)]);
    }
    bench.send(&[], &frame(100));
    let ring = bench.ring(RECEIVE);
    assert_eq!(bench.received(), 3);
    assert_eq!(
        [ring.used_entry(0), ring.used_entry(1), ring.used_entry(2)],
        [(0, 50), (1, 50), (2, 12)]
    );
    let bytes = [
        bench.ram.get(IN, 50),
        bench.ram.get(IN + 1000, 50),
        bench.ram.get(IN + 2000, 12),
    ]
    .concat();
    assert_eq!(bytes[..12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0]);
    assert_eq!(bytes[12..], frame(100));
}

#[test]
fn a_frame_waits_for_buffers_and_takes_none_before_it_fits() {
    let bench = Bench::new(Backend::Loopback, ALL);
    bench.send(&[], &frame(100));
    bench.chain(RECEIVE, 0, &[(IN, 50, true)]);
    bench.chain(RECEIVE, 1, &[(IN + 100, 50, true)]);
    assert_eq!(bench.received(), 0);
    bench.chain(RECEIVE, 2, &[(IN + 200, 50, true)]);
    assert_eq!(bench.received(), 3);
}

#[test]
fn a_frame_too_long_for_the_one_buffer_is_lost_and_the_buffer_stays() {
    let bench = Bench::new(Backend::Loopback, ALL & !F_MRG_RXBUF.bits());
    bench.chain(RECEIVE, 0, &[(IN, 50, true)]);
    bench.send(&[], &frame(100));
    assert_eq!(bench.received(), 0);
    bench.send(&[], &frame(40));
    assert_eq!(
        (bench.received(), bench.ring(RECEIVE).used_entry(0)),
        (1, (0, 50))
    );
    assert!(bench
        .net
        .summary()
        .contains("1 frames received, 2 sent; 0 filtered, 1 lost"));
}

#[test]
fn buffers_without_room_for_a_header_break_the_device() {
    let bench = Bench::new(Backend::Loopback, ALL);
    bench.chain(RECEIVE, 0, &[(IN, 11, true)]);
    bench.send(&[], &frame(40));
    assert!(bench.device.is_broken());
    let bench = Bench::new(Backend::Loopback, ALL);
    bench.chain(TRANSMIT, 0, &[(OUT, 11, false)]);
    assert!(bench.device.is_broken());
}

#[test]
fn checksums_are_completed_and_impossible_frames_dropped() {
    let bench = Bench::new(Backend::Loopback, ALL & !F_GUEST_CSUM.bits());
    bench.chain(RECEIVE, 0, &[(IN, 200, true)]);
    let mut bytes = frame(60);
    bytes[56..58].fill(0);
    // Flags, type, lengths, start 54, offset 2.
    bench.send(&[1, 0, 0, 0, 0, 0, 54, 0, 2, 0], &bytes);
    checksum::complete(&mut bytes, 54, 2).unwrap();
    assert_eq!(bench.ram.get(IN + 12, 60), bytes);
    bench.send(&[1, 0, 0, 0, 0, 0, 54, 0, 5, 0], &bytes);
    bench.send(&[0, 1], &bytes);
    bench.send(&[], &frame(13));
    assert_eq!(bench.ring(TRANSMIT).used_index(), 4);
    assert!(bench.net.summary().ends_with("3 malformed"));
}

#[test]
fn commands_change_what_is_received() {
    let bench = Bench::new(Backend::Loopback, ALL);
    let arrives = |to: [u8; 6]| {
        let before = bench.received();
        bench.chain(RECEIVE, 0, &[(IN, 200, true)]);
        bench.net.deliver([&to[..], &frame(54)].concat());
        bench.device.run(RECEIVE);
        let arrived = bench.received() != before;
        if !arrived {
            // The buffer is still there: use it up.
            bench.net.deliver([&[0xff; 6][..], &frame(54)].concat());
            bench.device.run(RECEIVE);
        }
        arrived
    };
    let other = [2, 9, 9, 9, 9, 9];
    assert!(arrives(other));
    assert_eq!(bench.command(&[0, 0, 0]), 0);
    assert!(!arrives(other));
    assert!(arrives(MAC));
    let tables = [
        &[1, 0][..],
        &1_u32.to_le_bytes(),
        &other,
        &0_u32.to_le_bytes(),
    ]
    .concat();
    assert_eq!(bench.command(&tables), 0);
    assert!(arrives(other));
    assert_eq!(bench.command(&[1, 1, 2, 7, 7, 7, 7, 7]), 0);
    assert!(!arrives(MAC));
    assert!(arrives([2, 7, 7, 7, 7, 7]));
    assert_eq!(bench.command(&[2, 0, 5, 0]), 0);
    assert_eq!(bench.command(&[2, 1, 5, 0]), 0);
}

#[test]
fn commands_that_make_no_sense_are_answered_with_an_error() {
    let bench = Bench::new(Backend::Null, ALL);
    let short = [&[1, 0][..], &9_u32.to_le_bytes(), &[0; 6]].concat();
    let long = [
        &[1, 0][..],
        &0_u32.to_le_bytes(),
        &0_u32.to_le_bytes(),
        &[0],
    ]
    .concat();
    let huge = [&[1, 0][..], &u32::MAX.to_le_bytes(), &[0; 12]].concat();
    for command in [
        &[0, 0][..],
        &[0, 0, 1, 1],
        &[0, 6, 1],
        &[1, 1, 0],
        &[1, 2],
        &[2, 0, 0, 16],
        &[2, 2, 0, 0],
        &[3, 0, 0],
        &[3, 1],
        &[4, 0, 1, 0],
        &[5, 0, 0, 0, 0, 0, 0, 0, 0],
        &[5, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        &[5, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        &[5, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        &[6, 0],
        &short,
        &long,
        &huge,
    ] {
        assert_eq!(bench.command(command), 1, "{command:?}");
    }
    let without = Bench::new(Backend::Null, F_CTRL_VQ.bits());
    for command in [
        &[0, 0, 1][..],
        &[0, 2, 1],
        &[1, 1, 2, 0, 0, 0, 0, 9],
        &[2, 0, 1, 0],
        &[3, 0],
        &[4, 0, 1, 0],
        &[5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        assert_eq!(without.command(command), 1, "{command:?}");
    }
    let bench = Bench::new(Backend::Null, ALL);
    bench.chain(2, 0, &[(OUT, 1, false), (OUT + 8, 1, true)]);
    assert!(bench.device.is_broken());
}

#[test]
fn the_address_is_written_where_there_is_no_command_for_it() {
    for (features, written) in [(0, true), (F_CTRL_MAC_ADDR.bits(), false)] {
        let bench = Bench::new(Backend::Null, features);
        for (at, byte) in [2_u8, 8, 8, 8, 8, 8].iter().enumerate() {
            bench.device.write_register(20 + at as u64, &[*byte]);
        }
        let mut mac = [0; 8];
        bench.device.read_register(20, &mut mac);
        let wanted = if written {
            [2, 8, 8, 8, 8, 8, 1, 0]
        } else {
            [2, 0, 0, 0, 0, 1, 1, 0]
        };
        assert_eq!(mac, wanted);
        bench.device.write_register(18, &[0]);
        bench.device.read_register(20, &mut mac);
        assert_eq!(mac[..6], MAC);
    }
}

#[test]
fn frames_are_lost_while_there_is_no_driver() {
    let bench = Bench::new(Backend::Null, ALL);
    bench.device.write_register(18, &[0]);
    bench.net.deliver(frame(60));
    assert!(bench.net.summary().contains("1 lost"));
    assert!(bench.net.inboxes[0].pop().is_none());
}

#[test]
fn two_devices_meet_at_a_path() {
    let path = scratch_path("wire");
    let benches = [(); 2].map(|()| {
        Bench::new(
            Backend::Datagram(Datagram::meet(&path, false).unwrap()),
            ALL,
        )
    });
    assert!(Datagram::meet(&path, false).is_err());
    thread::scope(|scope| {
        for bench in &benches {
            scope.spawn(|| bench.net.attend().unwrap());
            bench.chain(RECEIVE, 0, &[(IN, 2000, true)]);
        }
        for (from, to) in [(1, 0), (0, 1)] {
            benches[from].send(&[], &frame(1000 + from));
            let start = Instant::now();
            while benches[to].received() == 0 {
                assert!(start.elapsed() < Duration::from_secs(10));
                benches[to].device.run(RECEIVE);
                thread::yield_now();
            }
            assert_eq!(
                benches[to].ram.get(IN + 12, 1000 + from),
                frame(1000 + from)
            );
        }
        for bench in &benches {
            bench.net.stop();
        }
    });
    drop(benches);
    assert!(!path.exists());
}
