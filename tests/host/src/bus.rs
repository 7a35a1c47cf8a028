// SPDX-License-Identifier: GPL-2.0

//! An emulated device where a driver expects it: its registers, its interrupts, and the guest's
//! memory mapped for it. There is no PCI function, no machine and no other process.

use std::{
    ffi::{
        c_int,
        c_short, //
    },
    fs::File,
    io::Read,
    os::fd::AsRawFd,
    sync::{
        Arc,
        Mutex, //
    },
    time::Duration, //
};

use emulator::{
    interrupts::Trigger,
    sys,
    virtio::{
        device::Device,
        model::Model,
        profile::QEMU, //
    },
};

use crate::{
    memory::lend,
    virtio::{
        core::status::Status,
        transport::Transport, //
    },
};

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    happened: c_short,
}

extern "C" {
    fn poll(fds: *mut PollFd, count: u64, milliseconds: c_int) -> c_int;
}

const POLLIN: c_short = 1;

/// The driver's end of an interrupt.
pub struct Interrupt(File);

impl Interrupt {
    fn pair() -> (Self, Trigger) {
        let event = File::from(sys::new_eventfd().unwrap());
        let other = event.try_clone().unwrap();
        (Self(event), Trigger::new(other.into()).unwrap())
    }

    /// Whether it has come since the last question.
    pub fn take(&self) -> bool {
        let mut count = [0; 8];
        (&self.0).read(&mut count).is_ok()
    }

    /// Waits until it comes; false when it did not in `limit`.
    pub fn wait(&self, limit: Duration) -> bool {
        let mut fd = PollFd {
            fd: self.0.as_raw_fd(),
            events: POLLIN,
            happened: 0,
        };
        // SAFETY: One entry, borrowed for the call.
        unsafe { poll(&mut fd, 1, limit.as_millis() as c_int) };
        self.take()
    }
}

/// How the device interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// By its one line.
    Line,
    /// By a vector for each queue, and the last for the configuration.
    Vectors,
}

/// An emulated device on a bus of its own.
pub struct Bus {
    /// The device itself.
    pub device: Arc<Device>,
    /// What the driver listens to: the line, or each vector.
    pub interrupts: Vec<Interrupt>,
    /// What the device complained about.
    pub complaints: Arc<Mutex<Vec<String>>>,
    /// Held for an access that needs the queue selector.
    selector: Mutex<()>,
}

impl Bus {
    /// Plugs a device in.
    pub fn new(model: Arc<dyn Model>, wiring: Wiring) -> Self {
        let complaints: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = complaints.clone();
        let complain = Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_string()));
        let vectors = match wiring {
            Wiring::Line => 0,
            Wiring::Vectors => model.queues().len() as u16 + 1,
        };
        let device = Arc::new(Device::new(model, vectors, QEMU, complain));
        lend(device.memory());
        device.set_master(true);
        device.set_msix(wiring == Wiring::Vectors);
        let interrupts = (0..vectors.max(1))
            .map(|number| {
                let (ours, trigger) = Interrupt::pair();
                match wiring {
                    Wiring::Line => device.interrupts().connect_line(Some(trigger)),
                    Wiring::Vectors => device
                        .interrupts()
                        .connect(usize::from(number), Some(trigger)),
                }
                ours
            })
            .collect();
        Self {
            device,
            interrupts,
            complaints,
            selector: Mutex::new(()),
        }
    }

    fn read<const N: usize>(&self, offset: u64) -> [u8; N] {
        let mut wire = [0; N];
        self.device.read_register(offset, &mut wire);
        wire
    }

    fn write(&self, offset: u64, wire: &[u8]) {
        self.device.write_register(offset, wire);
    }

    fn select<R>(&self, queue: u16, access: impl FnOnce() -> R) -> R {
        let _guard = self.selector.lock().unwrap();
        self.write(14, &queue.to_le_bytes());
        access()
    }

    /// Where the configuration begins: behind the vector registers, if those are there.
    fn config(&self) -> u64 {
        if self.device.interrupts().vectors() == 0 {
            20
        } else {
            24
        }
    }

    /// Unmasks the line, which masks itself when it fires, as at a handler's end.
    pub fn unmask(&self) {
        self.device.interrupts().mask_line(false);
    }
}

impl Transport for Bus {
    fn host_features(&self) -> u32 {
        u32::from_le_bytes(self.read(0))
    }

    fn set_guest_features(&self, features: u32) {
        self.write(4, &features.to_le_bytes());
    }

    fn status(&self) -> Status {
        Status::from_bits(self.read::<1>(18)[0])
    }

    fn set_status(&self, status: Status) {
        self.write(18, &[status.bits()]);
    }

    fn reset(&self) -> bool {
        self.write(18, &[0]);
        self.status() == Status::RESET
    }

    fn read_config(&self, offset: usize, buf: &mut [u8]) {
        for (at, byte) in (self.config() + offset as u64..).zip(buf) {
            [*byte] = self.read(at);
        }
    }

    fn write_config(&self, offset: usize, buf: &[u8]) {
        for (at, byte) in (self.config() + offset as u64..).zip(buf) {
            self.write(at, &[*byte]);
        }
    }

    fn queue_size(&self, queue: u16) -> u16 {
        self.select(queue, || u16::from_le_bytes(self.read(12)))
    }

    fn queue_pfn(&self, queue: u16) -> u32 {
        self.select(queue, || u32::from_le_bytes(self.read(8)))
    }

    fn set_queue_pfn(&self, queue: u16, pfn: u32) {
        self.select(queue, || self.write(8, &pfn.to_le_bytes()));
    }

    fn notify(&self, queue: u16) {
        self.write(16, &queue.to_le_bytes());
    }

    fn set_config_vector(&self, vector: u16) -> u16 {
        self.write(20, &vector.to_le_bytes());
        u16::from_le_bytes(self.read(20))
    }

    fn set_queue_vector(&self, queue: u16, vector: u16) -> u16 {
        self.select(queue, || {
            self.write(22, &vector.to_le_bytes());
            u16::from_le_bytes(self.read(22))
        })
    }

    fn isr(&self) -> u8 {
        self.read::<1>(19)[0]
    }
}
