// SPDX-License-Identifier: GPL-2.0

//! What changes at run time: the link, announcements, receive offloads, and features left out.

use super::{
    frames::{
        tcp,
        ACK, //
    },
    *,
};
use crate::virtio::net::F_GUEST_CSUM;
use offer::{
    F_CTRL_GUEST_OFFLOADS,
    F_GUEST_TSO4, //
};

impl Bench {
    fn config(&self, offset: u64) -> u8 {
        let mut byte = [0];
        self.device.read_register(20 + offset, &mut byte);
        byte[0]
    }

    /// What the ISR status says; it is clear then.
    fn isr(&self) -> u8 {
        let mut isr = [0];
        self.device.read_register(19, &mut isr);
        isr[0]
    }
}

#[test]
fn nothing_gets_through_while_the_link_is_down() {
    let bench = Bench::new(Backend::Loopback, ALL);
    bench.chain(RECEIVE, 0, &[(IN, 2000, true)]);
    for (status, arrived) in [(0, 0), (1, 1)] {
        assert!(bench.net.toggle_link());
        bench.device.config_changed();
        assert_eq!(bench.isr() & 2, 2);
        assert_eq!(bench.config(6), status);
        bench.send(&[], &frame(60));
        bench.net.deliver(frame(13));
        assert_eq!(bench.received(), arrived);
    }
    bench.net.toggle_link();
    bench.net.deliver(frame(60));
    bench.device.write_register(18, &[0]);
    assert_eq!(bench.config(6), 0, "a reset plugs no cable in");
    assert!(bench.net.summary().contains("2 lost"));
    let deaf = Bench::new(Backend::Null, ALL & !F_STATUS.bits());
    assert!(!deaf.net.toggle_link());
}

#[test]
fn an_announcement_is_wanted_until_it_is_acknowledged() {
    let bench = Bench::new(Backend::Null, ALL);
    assert!(bench.net.announce());
    assert_eq!(bench.config(6), 3);
    assert_eq!(bench.command(&[3, 0]), 0);
    assert_eq!(bench.config(6), 1);
    assert!(bench.net.announce());
    bench.device.write_register(18, &[0]);
    assert_eq!(bench.config(6), 1);
    let unable = Bench::new(Backend::Null, ALL & !F_GUEST_ANNOUNCE.bits());
    assert!(!unable.net.announce());
    assert_eq!(unable.config(6), 1);
}

#[test]
fn offloads_are_switched_at_run_time() {
    let bench = Bench::new(Backend::Loopback, ALL);
    let set = |bench: &Bench, offloads: u32| {
        let data = u64::from(offloads).to_le_bytes();
        bench.command(&[&[5, 0], &data[..]].concat())
    };
    let (header, frame) = tcp(false, ACK, 1000, 400);
    let arrives = |bench: &Bench| {
        let before = bench.received();
        for head in 0..3 {
            bench.chain(RECEIVE, head, &[(IN, 2000, true)]);
        }
        bench.send(&header.encode(), &frame);
        let arrived = bench.received() - before;
        for _ in arrived..3 {
            bench.net.deliver(super::frame(60));
            bench.device.run(RECEIVE);
        }
        arrived
    };
    assert_eq!(arrives(&bench), 1);
    // No segments without partial checksums, whatever is asked for.
    for offloads in [0, F_GUEST_CSUM.bits(), F_GUEST_TSO4.bits()] {
        assert_eq!(set(&bench, offloads), 0);
        assert_eq!(arrives(&bench), 3);
    }
    assert_eq!(set(&bench, (F_GUEST_CSUM | F_GUEST_TSO4).bits()), 0);
    assert_eq!(arrives(&bench), 1);
    assert_eq!(set(&bench, 1 << 11), 1);
    let bench = Bench::new(Backend::Loopback, ALL & !F_GUEST_TSO4.bits());
    assert_eq!(set(&bench, F_GUEST_TSO4.bits()), 1);
    let bench = Bench::new(Backend::Loopback, ALL & !F_CTRL_GUEST_OFFLOADS.bits());
    assert_eq!(set(&bench, 0), 1);
}

#[test]
fn a_driver_whose_address_nobody_knows_sees_all_unicast_frames() {
    for (without, arrived) in [
        (F_MAC, 0),
        (F_CTRL_MAC_ADDR, 0),
        (F_MAC | F_CTRL_MAC_ADDR, 1),
    ] {
        let settings = Settings {
            without: without.bits(),
            ..Settings::default()
        };
        let bench = Bench::with(Backend::Null, ALL, settings);
        assert_eq!(bench.command(&[0, 0, 0]), 0);
        bench.chain(RECEIVE, 0, &[(IN, 2000, true)]);
        bench.net.deliver([2; 60].to_vec());
        bench.device.run(RECEIVE);
        assert_eq!(bench.received(), arrived);
    }
}
