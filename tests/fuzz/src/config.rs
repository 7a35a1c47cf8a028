// SPDX-License-Identifier: GPL-2.0

//! What a device says of itself: features, sizes of queues, and its configuration.

use virtio_host_tests::virtio::core::{
    blk::{
        self,
        division::Division, //
    },
    config::read_stable,
    features::{
        Features,
        RING, //
    },
    layout::{
        pfn,
        Layout, //
    },
    net::{
        consistent,
        pairs, //
    },
};

/// Takes numbers from the front of some bytes, zero when there are no more.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let len = N.min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        array[..len].copy_from_slice(taken);
        self.0 = rest;
        array
    }

    fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }
}

/// A device with these numbers.
pub fn run(bytes: &[u8]) {
    let mut numbers = Numbers(bytes);
    features(&mut numbers);
    rings(&mut numbers);
    disk(&mut numbers);
    card(&mut numbers);
    fields(&mut numbers);
}

fn features(numbers: &mut Numbers<'_>) {
    let (offered, supported) = (numbers.word(), numbers.word());
    let (offered, supported) = (Features::from_bits(offered), Features::from_bits(supported));
    let agreed = Features::negotiate(offered, supported.with(RING));
    assert!(offered.contains(agreed) && supported.with(RING).contains(agreed));
    // What lacks something goes, and nothing comes; to ask again changes nothing.
    let sane = consistent(agreed);
    assert!(agreed.contains(sane));
    assert_eq!(consistent(sane), sane);
}

fn rings(numbers: &mut Numbers<'_>) {
    let size = numbers.short();
    match Layout::new(size) {
        Ok(layout) => {
            assert!(size.is_power_of_two() && layout.size() == size);
            let n = usize::from(size);
            // VIRTIO 1.3, section 2.7.2: no part overlaps the next, and the used ring has a page of its own.
            assert_eq!(layout.avail(), 16 * n);
            assert_eq!(layout.used_event(), layout.avail() + 4 + 2 * n);
            assert!(layout.used() >= layout.used_event() + 2 && layout.used() % 4096 == 0);
            assert_eq!(layout.avail_event(), layout.used() + 4 + 8 * n);
            assert!(layout.bytes() >= layout.avail_event() + 2);
        }
        Err(_) => assert!(!size.is_power_of_two() || size > 32768),
    }
    let address = u64::from_le_bytes(numbers.array());
    if let Ok(frame) = pfn(address) {
        assert_eq!(u64::from(frame), address >> 12);
    }
}

fn disk(numbers: &mut Numbers<'_>) {
    let limit = numbers.word();
    match blk::segment_limit(Some(limit)) {
        Some(bytes) => assert!(bytes >= 4096 && (bytes == limit || limit == 0)),
        None => assert!((1..4096).contains(&limit)),
    }
    let (queues, wanted) = (numbers.short(), numbers.word());
    let division = Division::new(queues, wanted);
    assert_eq!(division.total(), queues);
    assert!(queues == 0 || division.interrupting > 0);
    let mut lengths = blk::ReadLengths::default();
    for _ in 0..4 {
        let (reported, bytes) = (numbers.word(), numbers.word() >> 1);
        let held = lengths == blk::ReadLengths::Exact;
        let allowed = lengths.allow(reported, bytes, bytes + 1);
        assert!(!held || allowed == (reported == bytes || reported == bytes + 1));
    }
}

fn card(numbers: &mut Numbers<'_>) {
    let (count, cpus) = (numbers.short(), u32::from(numbers.short()) % 300);
    if !pairs::can_be(count) {
        return;
    }
    let used = pairs::usable(count, cpus);
    assert!((1..=count).contains(&used));
    for pair in [0, used - 1] {
        assert_eq!(pairs::pair_of(pairs::rx_queue(pair)), (pair, true));
        assert_eq!(pairs::pair_of(pairs::tx_queue(pair)), (pair, false));
        assert!(pairs::tx_queue(pair) < pairs::control_queue(count));
        let (first, cpus_of_pair) = pairs::share(pair, used, cpus);
        assert!(cpus == 0 || first < cpus && cpus_of_pair <= cpus);
    }
}

/// A field that changes while it is read.
fn fields(numbers: &mut Numbers<'_>) {
    let mut readings = Vec::new();
    let value: [u8; 4] = read_stable(|| {
        readings.push(numbers.array());
        readings[readings.len() - 1]
    });
    assert!((2..=17).contains(&readings.len()));
    assert_eq!(Some(&value), readings.last());
    let settled = readings.windows(2).position(|two| two[0] == two[1]);
    assert!(settled.is_none_or(|at| at + 2 == readings.len()));
}
