// SPDX-License-Identifier: GPL-2.0

//! A driver's life with an emulated device, as `drivers/virtio/device.rs` leads it, and a device
//! that echoes.

use std::sync::Arc;

use emulator::virtio::{
    model::Model,
    pci::DeviceType,
    service::Service, //
};

use crate::{
    bus::{
        Bus,
        Wiring, //
    },
    virtio::{
        core::{
            features::{
                Features,
                EVENT_IDX,
                INDIRECT_DESC, //
            },
            status::Status, //
        },
        transport::{
            DeviceMemory,
            Quiesced,
            Transport, //
        },
        virtqueue::{
            Buffers,
            Parameters,
            Virtqueue, //
        },
    },
};

/// A device that was reset and has agreed on features, and whose queues can be had.
pub struct Session {
    bus: Arc<Bus>,
    memory: Arc<DeviceMemory>,
    wiring: Wiring,
    /// The features that device and driver have agreed on.
    pub features: Features,
}

impl Session {
    /// Resets the device and negotiates (VIRTIO 1.3, section 3.1.2).
    pub fn start(bus: &Arc<Bus>, wiring: Wiring, supported: Features) -> Self {
        assert!(bus.reset());
        bus.set_status(Status::ACKNOWLEDGE);
        bus.set_status(Status::ACKNOWLEDGE | Status::DRIVER);
        let offered = Features::from_bits(bus.host_features());
        let features = Features::negotiate(offered, supported);
        bus.set_guest_features(features.bits());
        Self {
            bus: bus.clone(),
            memory: Arc::new(DeviceMemory::new()),
            wiring,
            features,
        }
    }

    /// Sets a queue up, with indirect chains of at most `indirect` descriptors if that was agreed.
    pub fn queue<T: Buffers>(&self, index: u16, indirect: u16) -> Virtqueue<T> {
        assert_eq!(self.bus.queue_pfn(index), 0);
        let parameters = Parameters {
            index,
            size: self.bus.queue_size(index),
            event_idx: self.features.contains(EVENT_IDX),
            indirect: if self.features.contains(INDIRECT_DESC) {
                indirect
            } else {
                0
            },
        };
        let queue = Virtqueue::new(&parameters, self.memory.clone()).unwrap();
        self.memory.hand_over();
        self.bus.set_queue_pfn(index, queue.pfn().unwrap());
        if self.wiring == Wiring::Vectors {
            assert_eq!(self.bus.set_queue_vector(index, index), index);
        }
        queue
    }

    /// Tells the device that the driver is ready.
    pub fn go_live(&self) {
        self.bus
            .set_status(Status::ACKNOWLEDGE | Status::DRIVER | Status::DRIVER_OK);
    }

    /// Resets the device; the proof gives the buffers back.
    pub fn end(&self) -> Quiesced {
        self.memory.take_over(&*self.bus).unwrap()
    }
}

/// A device that copies the readable bytes of each chain to its writable ones.
pub struct Echo {
    /// Entries of its queue.
    pub size: u16,
    /// The feature bits it offers.
    pub features: Features,
    /// Called when it has asked whether to interrupt, which it does after each chain; else it asks
    /// when there are no more.
    pub eager: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Model for Echo {
    fn kind(&self) -> DeviceType {
        DeviceType::Block
    }

    fn features(&self) -> u32 {
        self.features.bits()
    }

    fn queues(&self) -> Vec<u16> {
        vec![self.size]
    }

    fn config_len(&self) -> usize {
        0
    }

    fn read_config(&self, _offset: usize, _data: &mut [u8]) {}

    fn write_config(&self, _offset: usize, _data: &[u8]) {}

    fn started(&self, _features: u32) {}

    fn reset(&self) {}

    fn serve(&self, _queue: u16, service: &mut Service<'_, '_>) {
        while let Some(chain) = service.next() {
            let mut bytes = vec![0; chain.readable.len()];
            chain.readable.read(0, &mut bytes);
            let written = chain.writable.write(0, &bytes);
            service.give(chain, written as u32);
            if let Some(asked) = &self.eager {
                service.interrupt();
                asked();
            }
        }
    }

    fn summary(&self) -> String {
        String::new()
    }
}
