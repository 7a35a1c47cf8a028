// SPDX-License-Identifier: GPL-2.0

//! Registers, reset, interrupts and queues of a device that echoes what it is given.

mod events;
mod interrupts;
mod profiles;
mod registers;
mod work;

use std::{
    fs::File,
    os::fd::OwnedFd,
    sync::{
        Arc,
        Mutex, //
    },
};

use super::{
    device::Device,
    model::Model,
    pci::DeviceType,
    profile::{
        Profile,
        PROFILES,
        QEMU, //
    },
    service::Service,
    workers::Workers, //
};
use crate::{
    fault::{
        Fault,
        Faults, //
    },
    interrupts::Trigger,
    sys,
    testing::{
        GuestRing,
        Ram,
        DATA,
        RAM,
        RAM_BYTES, //
    },
};

const OFFERED: u32 = 0x7100_0003;

/// Copies the readable bytes of each chain to its writable ones.
#[derive(Default)]
struct Echo {
    config: Mutex<[u8; 8]>,
    started: Mutex<Vec<u32>>,
}

impl Model for Echo {
    fn kind(&self) -> DeviceType {
        DeviceType::Block
    }

    fn features(&self) -> u32 {
        OFFERED
    }

    fn features_of_the_careless(&self) -> u32 {
        2
    }

    fn queues(&self) -> Vec<u16> {
        vec![8, 8]
    }

    fn config_len(&self) -> usize {
        8
    }

    fn read_config(&self, offset: usize, data: &mut [u8]) {
        data.copy_from_slice(&self.config.lock().unwrap()[offset..offset + data.len()]);
    }

    fn write_config(&self, offset: usize, data: &[u8]) {
        self.config.lock().unwrap()[offset..offset + data.len()].copy_from_slice(data);
    }

    fn started(&self, features: u32) {
        self.started.lock().unwrap().push(features);
    }

    fn reset(&self) {
        self.started.lock().unwrap().clear();
    }

    fn serve(&self, _queue: u16, service: &mut Service<'_, '_>) {
        while let Some(chain) = service.next() {
            let mut bytes = vec![0; chain.readable.len()];
            chain.readable.read(0, &mut bytes);
            let written = chain.writable.write(0, &bytes);
            service.give(chain, written as u32);
        }
    }

    fn summary(&self) -> String {
        String::new()
    }
}

struct Bench {
    device: Arc<Device>,
    model: Arc<Echo>,
    complaints: Arc<Mutex<Vec<String>>>,
    ram: Ram,
}

impl Bench {
    fn new(vectors: u16) -> Self {
        Self::with(vectors, QEMU)
    }

    fn named(name: &str) -> Self {
        Self::with(
            2,
            PROFILES
                .iter()
                .find(|profile| profile.name == name)
                .unwrap(),
        )
    }

    fn with(vectors: u16, profile: &'static Profile) -> Self {
        Self::with_faults(vectors, profile, Vec::new())
    }

    fn faulty(fault: &str) -> Self {
        Self::with_faults(
            0,
            QEMU,
            vec![Fault::parse(fault, DeviceType::Block).unwrap()],
        )
    }

    fn with_faults(vectors: u16, profile: &'static Profile, faults: Vec<Fault>) -> Self {
        let model = Arc::new(Echo::default());
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let lines = complaints.clone();
        let complain = Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_string()));
        let device = Device::new(model.clone(), vectors, profile, complain);
        let device = Arc::new(device.with_faults(Arc::new(Faults::new(faults))));
        let ram = Ram::new();
        device
            .memory()
            .map(RAM, RAM_BYTES, Some((&ram.0, 0)), true)
            .unwrap();
        Self {
            device,
            model,
            complaints,
            ram,
        }
    }

    fn read(&self, offset: u64, width: usize) -> u32 {
        let mut wire = [0; 4];
        self.device.read_register(offset, &mut wire[..width]);
        u32::from_le_bytes(wire)
    }

    fn write(&self, offset: u64, width: usize, value: u32) -> bool {
        self.device
            .write_register(offset, &value.to_le_bytes()[..width])
    }

    /// Brings the device up with a ring for queue 0 at the start of memory.
    fn ring(&self, features: u32) -> GuestRing<'_> {
        let ring = GuestRing::new(&self.ram, RAM);
        self.device.set_master(true);
        self.write(18, 1, 1);
        self.write(18, 1, 3);
        self.write(4, 4, features);
        self.write(8, 4, ring.pfn());
        self.write(18, 1, 7);
        ring
    }
}

fn event() -> (Trigger, File) {
    let count = File::from(sys::new_eventfd().unwrap());
    let other = OwnedFd::from(count.try_clone().unwrap());
    (Trigger::new(other).unwrap(), count)
}

fn taken(count: &File) -> u64 {
    let mut word = [0; 8];
    std::io::Read::read(&mut &*count, &mut word).map_or(0, |_| u64::from_ne_bytes(word))
}
