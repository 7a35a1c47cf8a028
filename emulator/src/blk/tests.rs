// SPDX-License-Identifier: GPL-2.0

//! Requests of every kind, well formed and not, through a whole device.

use std::{
    cell::Cell,
    fs,
    sync::Arc, //
};

use super::{
    config::Settings,
    disk::Disk,
    Block, //
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
        blk::{
            F_CONFIG_WCE,
            F_DISCARD,
            F_FLUSH,
            F_MQ,
            F_RO, //
        },
        device::Device,
        profile::{
            self,
            Profile, //
        },
        status::Status, //
    },
};

const SECTORS: u64 = 64;
const HEADER: u64 = DATA;
const STATUS: u64 = DATA + 32;
const BUFFER: u64 = DATA + 4096;

struct Bench {
    device: Device,
    ram: Ram,
    avail: Cell<u16>,
}

impl Bench {
    fn new(disk: Disk, settings: Settings) -> Self {
        Self::with_profile(disk, settings, profile::QEMU)
    }

    fn with_profile(disk: Disk, settings: Settings, profile: &'static Profile) -> Self {
        let settings = Settings {
            queue_size: GuestRing::SIZE,
            ..settings
        };
        let device = Device::new(
            Arc::new(Block::new(disk, settings)),
            0,
            profile,
            Arc::new(|_: &str| ()),
        );
        let ram = Ram::new();
        device
            .memory()
            .map(RAM, RAM_BYTES, Some((&ram.0, 0)), true)
            .unwrap();
        let bench = Self {
            device,
            ram,
            avail: Cell::new(0),
        };
        bench.start(!((1 << 30) | (1 << 29)));
        bench
    }

    fn memory() -> Self {
        Self::new(
            Disk::memory(SECTORS * 512, false).unwrap(),
            Settings::default(),
        )
    }

    fn start(&self, features: u32) {
        self.avail.set(0);
        self.ram.put(RAM, &[0; 0x2000]);
        self.device.set_master(true);
        self.device.write_register(18, &[0]);
        self.device.write_register(4, &features.to_le_bytes());
        self.device
            .write_register(8, &((RAM / 4096) as u32).to_le_bytes());
        self.device.write_register(18, &[7]);
    }

    /// A request over these buffers behind the header; returns its status and the used length.
    fn request(&self, kind: u32, sector: u64, buffers: &[(u64, u32, bool)]) -> (u8, u32) {
        let mut header = kind.to_le_bytes().to_vec();
        header.extend(0_u32.to_le_bytes());
        header.extend(sector.to_le_bytes());
        self.ram.put(HEADER, &header);
        self.ram.put(STATUS, &[0xff]);
        let mut parts = vec![(HEADER, 16, false)];
        parts.extend(buffers);
        parts.push((STATUS, 1, true));
        let used = self.chain(&parts);
        (self.ram.get(STATUS, 1)[0], used)
    }

    fn chain(&self, parts: &[(u64, u32, bool)]) -> u32 {
        let mut ring = GuestRing {
            ram: &self.ram,
            base: RAM,
            avail: self.avail.get(),
        };
        ring.chain(0, parts);
        ring.offer(0);
        self.avail.set(ring.avail);
        self.device.run(0);
        ring.used_entry(ring.avail.wrapping_sub(1)).1
    }

    fn read(&self, sector: u64, len: u32) -> (u8, Vec<u8>) {
        self.ram.put(BUFFER, &vec![0xee; len as usize]);
        let (status, used) = self.request(0, sector, &[(BUFFER, len, true)]);
        assert_eq!(used, len + 1);
        (status, self.ram.get(BUFFER, len as usize))
    }

    fn write(&self, sector: u64, bytes: &[u8]) -> u8 {
        self.ram.put(BUFFER, bytes);
        self.request(1, sector, &[(BUFFER, bytes.len() as u32, false)])
            .0
    }

    /// A request with ranges: first sector, sectors, flags.
    fn ranges(&self, kind: u32, ranges: &[(u64, u32, u32)]) -> u8 {
        let bytes: Vec<u8> = ranges
            .iter()
            .flat_map(|(sector, count, flags)| {
                [
                    &sector.to_le_bytes()[..],
                    &count.to_le_bytes(),
                    &flags.to_le_bytes(),
                ]
                .concat()
            })
            .collect();
        self.ram.put(BUFFER, &bytes);
        self.request(kind, 0, &[(BUFFER, bytes.len() as u32, false)])
            .0
    }

    fn config(&self, offset: u64, len: usize) -> u64 {
        let mut bytes = [0; 8];
        self.device.read_register(20 + offset, &mut bytes[..len]);
        u64::from_le_bytes(bytes)
    }
}

#[test]
fn what_is_written_is_read() {
    let bench = Bench::memory();
    let bytes: Vec<u8> = (0..4096_u32).map(|at| (at / 7) as u8).collect();
    assert_eq!(bench.write(3, &bytes), 0);
    assert_eq!(bench.read(3, 4096), (0, bytes.clone()));
    assert_eq!(bench.read(4, 512), (0, bytes[512..1024].to_vec()));
    assert_eq!(bench.read(0, 512), (0, vec![0; 512]));
    assert_eq!(
        bench.device.model().summary(),
        "3 reads, 1 writes, 0 flushes, 0 other requests; 0 failed"
    );
}

#[test]
fn bhyve_reports_the_status_byte_alone() {
    for profile in profile::PROFILES {
        let disk = Disk::memory(SECTORS * 512, false).unwrap();
        let bench = Bench::with_profile(disk, Settings::default(), profile);
        let (status, used) = bench.request(0, 0, &[(BUFFER, 512, true)]);
        let wanted = if profile.name == "bhyve" { 1 } else { 513 };
        assert_eq!((status, used), (0, wanted), "{}", profile.name);
    }
}

#[test]
fn buffers_may_be_cut_anywhere() {
    let bench = Bench::memory();
    bench.ram.put(BUFFER, &[1; 512]);
    // The header's last bytes, the data and the status of a write and a read, in odd pieces.
    let mut header = 1_u32.to_le_bytes().to_vec();
    header.extend([0; 12]);
    bench.ram.put(HEADER, &header);
    bench.chain(&[
        (HEADER, 5, false),
        (HEADER + 5, 11, false),
        (BUFFER, 1, false),
        (BUFFER + 1, 511, false),
        (STATUS, 1, true),
    ]);
    assert_eq!(bench.ram.get(STATUS, 1), [0]);
    bench.ram.put(HEADER, &[0; 16]);
    assert_eq!(
        bench.chain(&[
            (HEADER, 16, false),
            (BUFFER + 512, 500, true),
            (BUFFER + 1100, 13, true)
        ]),
        513
    );
    assert_eq!(bench.ram.get(BUFFER + 512, 500), [1; 500]);
    assert_eq!(
        bench.ram.get(BUFFER + 1100, 13),
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    );
}

#[test]
fn only_whole_sectors_of_the_disk_are_moved() {
    let bench = Bench::memory();
    for (sector, len) in [
        (SECTORS, 512),
        (SECTORS - 1, 1024),
        (u64::MAX, 512),
        (u64::MAX / 512, 512),
        (0, 511),
        (0, 513),
    ] {
        assert_eq!(
            bench.read(sector, len),
            (1, vec![0; len as usize]),
            "{sector} {len}"
        );
        assert_eq!(
            bench.write(sector, &vec![1; len as usize]),
            1,
            "{sector} {len}"
        );
    }
    assert_eq!(bench.read(SECTORS - 1, 512).0, 0);
    // Nothing at the end of the disk is nothing.
    assert_eq!(bench.request(0, SECTORS, &[]).0, 0);
}

#[test]
fn a_read_only_disk_is_not_changed() {
    let path = scratch_path("disk");
    fs::write(&path, [7; 512 * 8]).unwrap();
    let bench = Bench::new(Disk::open(&path, true).unwrap(), Settings::default());
    assert_ne!(bench.device.model().features() & F_RO.bits(), 0);
    assert_eq!(bench.write(0, &[1; 512]), 1);
    for kind in [11, 13, 14] {
        assert_eq!(bench.ranges(kind, &[(0, 1, 0)]), 1);
    }
    assert_eq!(bench.read(0, 512), (0, vec![7; 512]));
    assert_eq!(bench.request(4, 0, &[]).0, 0);
    fs::remove_file(path).unwrap();
}

#[test]
fn ranges_are_discarded_zeroed_and_erased() {
    for kind in [11, 13, 14] {
        let bench = Bench::memory();
        bench.write(0, &[9; 8192]);
        assert_eq!(bench.ranges(kind, &[(0, 1, 0), (8, 2, 0)]), 0);
        let bytes = bench.read(0, 8192).1;
        for (sector, part) in bytes.chunks(512).enumerate() {
            let wanted = if [0, 8, 9].contains(&sector) { 0 } else { 9 };
            assert_eq!(part, [wanted; 512], "request {kind}, sector {sector}");
        }
    }
}

#[test]
fn impossible_ranges_are_refused_and_nothing_is_done() {
    let bench = Bench::memory();
    bench.write(0, &[9; 512]);
    for kind in [11, 13, 14] {
        for range in [
            (0, 0, 0),
            (SECTORS, 1, 0),
            (0, SECTORS as u32 + 1, 0),
            (u64::MAX, 1, 0),
            (0, u32::MAX, 0),
        ] {
            assert_eq!(
                bench.ranges(kind, &[(0, 1, 0), range]),
                1,
                "{kind} {range:?}"
            );
        }
        assert_eq!(bench.ranges(kind, &[(0, 1, 2)]), 2);
        assert_eq!(bench.ranges(kind, &[(0, 1, 0); 65]), 1);
        // Without any, or with one where the device is to write.
        assert_eq!(bench.request(kind, 0, &[]).0, 1);
        assert_eq!(bench.request(kind, 0, &[(BUFFER, 16, true)]).0, 1);
        bench.ram.put(BUFFER, &[0; 15]);
        assert_eq!(bench.request(kind, 0, &[(BUFFER, 15, false)]).0, 1);
    }
    assert_eq!(bench.ranges(11, &[(0, 1, 1)]), 2);
    assert_eq!(bench.ranges(14, &[(0, 1, 1)]), 2);
    assert_eq!(bench.read(0, 512), (0, vec![9; 512]));
    assert_eq!(bench.ranges(13, &[(0, 1, 1)]), 0);
    assert_eq!(bench.read(0, 512), (0, vec![0; 512]));
}

#[test]
fn the_serial_number_is_twenty_bytes() {
    let mut serial = [0; 20];
    serial[..5].copy_from_slice(b"abc-1");
    let bench = Bench::new(
        Disk::null(512, false),
        Settings {
            serial,
            ..Settings::default()
        },
    );
    bench.ram.put(BUFFER, &[0xff; 24]);
    assert_eq!(bench.request(8, 0, &[(BUFFER, 20, true)]), (0, 21));
    assert_eq!(bench.ram.get(BUFFER, 20), serial);
    assert_eq!(bench.request(8, 0, &[(BUFFER, 3, true)]), (0, 4));
    assert_eq!(bench.ram.get(BUFFER, 3), b"abc");
}

#[test]
fn unknown_and_unoffered_requests_are_unsupported() {
    let bench = Bench::new(
        Disk::null(512, false),
        Settings {
            without: F_DISCARD.bits() | F_FLUSH.bits(),
            ..Settings::default()
        },
    );
    for kind in [2, 3, 4, 5, 7, 11, 12, 15, 0x8000_0000, u32::MAX] {
        assert_eq!(bench.ranges(kind, &[(0, 1, 0)]), 2, "{kind}");
    }
}

#[test]
fn a_request_without_its_parts_breaks_the_device() {
    for parts in [
        &[(HEADER, 15, false), (STATUS, 1, true)][..],
        &[(HEADER, 16, false)],
        &[(STATUS, 1, true)],
    ] {
        let bench = Bench::memory();
        bench.chain(parts);
        assert!(bench.device.is_broken());
    }
}

#[test]
fn the_configuration_describes_the_disk() {
    let bench = Bench::new(
        Disk::null(1 << 30, false),
        Settings {
            queues: 3,
            ..Settings::default()
        },
    );
    assert_eq!(bench.config(0, 4), 1 << 21);
    assert_eq!(bench.config(4, 4), 0);
    assert_eq!(bench.config(12, 4), 6);
    assert_eq!(bench.config(16, 2), (1 << 21) / (16 * 63));
    assert_eq!((bench.config(18, 1), bench.config(19, 1)), (16, 63));
    assert_eq!(bench.config(20, 4), 512);
    assert_eq!(bench.config(24, 1), 3);
    assert_eq!(bench.config(34, 2), 3);
    assert_eq!(bench.config(40, 4), 64);
    assert_eq!(bench.config(56, 1), 1);
    assert_eq!(bench.config(68, 4), 1);
    assert_eq!(bench.config(72, 1), 0xff);
    assert_ne!(bench.device.model().features() & F_MQ.bits(), 0);
    assert_eq!(
        Settings::default().features(false) & (F_MQ | F_RO).bits(),
        0
    );
}

#[test]
fn the_cache_mode_is_what_the_driver_can_handle() {
    let bench = Bench::memory();
    assert_eq!(bench.config(32, 1), 1);
    bench.device.write_register(52, &[0]);
    assert_eq!(bench.config(32, 1), 0);
    // Neither the status nor the features change what the driver has set ...
    bench
        .device
        .write_register(18, &[Status::DRIVER_OK.bits() | 3]);
    assert_eq!(bench.config(32, 1), 0);
    // ... and a reset brings back what was.
    for (features, mode) in [
        ((F_CONFIG_WCE | F_FLUSH).bits(), 1),
        (F_FLUSH.bits(), 1),
        (0, 0),
    ] {
        bench.start(features);
        assert_eq!(bench.config(32, 1), mode, "{features:#x}");
        assert_eq!(bench.write(0, &[1; 512]), 0);
    }
    // The other fields are not the driver's.
    bench.device.write_register(20, &[1; 8]);
    assert_eq!(bench.config(0, 4), SECTORS);
}

#[test]
fn a_disk_belongs_to_one_emulator_or_to_readers() {
    let path = scratch_path("disk");
    fs::write(&path, [0; 1024]).unwrap();
    let writer = Disk::open(&path, false).unwrap();
    assert_eq!(writer.sectors(), 2);
    assert!(Disk::open(&path, false).is_err());
    assert!(Disk::open(&path, true).is_err());
    drop(writer);
    let reader = Disk::open(&path, true).unwrap();
    assert!(Disk::open(&path, true).is_ok());
    assert!(Disk::open(&path, false).is_err());
    drop(reader);
    fs::write(&path, [0; 511]).unwrap();
    assert!(Disk::open(&path, false).is_err());
    fs::remove_file(&path).unwrap();
    assert!(Disk::open(&path, false).is_err());
}

#[test]
fn a_disk_that_shrinks_fails_requests_and_one_that_grows_has_more() {
    let path = scratch_path("disk");
    fs::write(&path, [0; 1024]).unwrap();
    let bench = Bench::new(Disk::open(&path, false).unwrap(), Settings::default());
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(512).unwrap();
    assert_eq!(bench.read(0, 1024).0, 1);
    file.set_len(4096).unwrap();
    assert_eq!(bench.read(2, 512).0, 1);
    let disk = Disk::null(0, false);
    assert!(!disk.refresh().unwrap());
    fs::remove_file(path).unwrap();
}
