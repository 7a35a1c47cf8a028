// SPDX-License-Identifier: GPL-2.0

//! The smallest driver of a block device there is, over a client.

use std::time::{
    Duration,
    Instant, //
};

use super::{
    testing::{
        GuestRing,
        Ram,
        DATA,
        RAM,
        RAM_BYTES, //
    },
    Client,
};

/// Where the header, the status and the data of its one request are.
const HEADER: u64 = DATA;
const STATUS: u64 = DATA + 32;
pub const BUFFER: u64 = DATA + 4096;

pub struct Driver {
    pub client: Client,
    pub ram: Ram,
    avail: u16,
}

impl Driver {
    /// Gives the device memory and a ring, and says DRIVER_OK.
    pub fn new(mut client: Client) -> Self {
        let ram = Ram::new();
        client.map(RAM, RAM_BYTES, &ram.0).unwrap();
        for status in [0_u8, 1, 3] {
            client.write(0, 18, &[status]).unwrap();
        }
        client
            .write(0, 8, &((RAM / 4096) as u32).to_le_bytes())
            .unwrap();
        client.write(0, 18, &[7]).unwrap();
        Self {
            client,
            ram,
            avail: 0,
        }
    }

    /// Makes a request available and notifies, without waiting for an answer.
    pub fn start(&mut self, kind: u32, sector: u64, data: u32, writable: bool) {
        let mut header = kind.to_le_bytes().to_vec();
        header.extend(0_u32.to_le_bytes());
        header.extend(sector.to_le_bytes());
        self.ram.put(HEADER, &header);
        self.ram.put(STATUS, &[0xff]);
        let mut parts = vec![
            (HEADER, 16, false),
            (BUFFER, data, writable),
            (STATUS, 1, true),
        ];
        parts.retain(|part| part.1 != 0);
        let mut ring = GuestRing {
            ram: &self.ram,
            base: RAM,
            avail: self.avail,
        };
        ring.chain(0, &parts);
        ring.offer(0);
        self.avail = ring.avail;
        self.client.write(0, 16, &[0, 0]).unwrap();
    }

    /// Waits for the answer.
    pub fn finish(&self) -> u8 {
        let ring = GuestRing {
            ram: &self.ram,
            base: RAM,
            avail: self.avail,
        };
        let start = Instant::now();
        while ring.used_index() != self.avail {
            assert!(start.elapsed() < Duration::from_secs(10), "no answer");
            std::thread::yield_now();
        }
        self.ram.get(STATUS, 1)[0]
    }

    pub fn write(&mut self, sector: u64, bytes: &[u8]) -> u8 {
        self.ram.put(BUFFER, bytes);
        self.start(1, sector, bytes.len() as u32, false);
        self.finish()
    }

    pub fn read(&mut self, sector: u64, len: u32) -> (u8, Vec<u8>) {
        self.start(0, sector, len, true);
        (self.finish(), self.ram.get(BUFFER, len as usize))
    }

    pub fn flush(&mut self) -> u8 {
        self.start(4, 0, 0, false);
        self.finish()
    }
}
