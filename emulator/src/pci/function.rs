// SPDX-License-Identifier: GPL-2.0

//! A virtio device as a PCI function: registers in an I/O BAR0, MSI-X in BAR1.

use std::sync::{
    Arc,
    Mutex,
    MutexGuard,
    PoisonError, //
};

use super::config::{
    Config,
    COMMAND,
    COMMAND_INTX_DISABLE,
    COMMAND_MASTER,
    SIZE, //
};
use crate::{
    interrupts::Interrupts,
    memory::Memory,
    observe::{
        Cause,
        Event, //
    },
    vfio_user::{
        self,
        wire::region, //
    },
    virtio::{
        device::Device,
        registers::HEADER_MSIX, //
    },
};

/// Half of the smallest BAR1: room for the table of 128 vectors.
const HALF_BAR1: u32 = 2048;

/// The PCI function of a device.
pub struct Function {
    device: Arc<Device>,
    config: Mutex<Config>,
    bar0: u32,
    /// 0 without MSI-X.
    bar1: u32,
}

impl Function {
    /// The function of `device`, as after power-on.
    pub fn new(device: Arc<Device>) -> Self {
        let vectors = device.interrupts().vectors();
        // CAST: Configurations are short, and there are at most 2048 vectors.
        let (config_len, entries) = (device.model().config_len() as u32, vectors as u32);
        // Sized for MSI-X as soon as it is there, whether or not it will be enabled.
        let bar0 = (HEADER_MSIX as u32 + config_len).next_power_of_two();
        let bar1 = if vectors == 0 {
            0
        } else {
            2 * (16 * entries).next_power_of_two().max(HALF_BAR1)
        };
        let config = Config::new(device.model().kind(), bar0, bar1.max(16), vectors as u16);
        Self {
            device,
            config: Mutex::new(config),
            bar0,
            bar1,
        }
    }

    fn config(&self) -> MutexGuard<'_, Config> {
        // A panic elsewhere leaves it in order: it is changed byte by byte.
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the device follow the configuration space.
    fn apply(&self, config: &Config) {
        let command = config.command();
        self.device
            .interrupts()
            .disable_line(command & COMMAND_INTX_DISABLE != 0);
        self.device.set_msix(config.msix_enabled());
        self.device.set_master(command & COMMAND_MASTER != 0);
    }

    fn reset_by(&self, cause: Cause) {
        let mut config = self.config();
        config.reset();
        self.device.reset(cause);
        self.apply(&config);
    }

    /// Reads the pending bits in the second half of BAR1; the table is kept by the client.
    fn read_pending(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        let Some(first) = offset.checked_sub(u64::from(self.bar1 / 2)) else {
            return;
        };
        // CAST: Within a BAR.
        for (at, byte) in (first as usize..).zip(data) {
            for bit in 0..8 {
                *byte |= u8::from(self.device.interrupts().is_pending(8 * at + bit)) << bit;
            }
        }
    }
}

impl vfio_user::Device for Function {
    fn region_size(&self, index: u32) -> u64 {
        match index {
            0 => self.bar0.into(),
            1 => self.bar1.into(),
            // CAST: Widening.
            region::CONFIG => SIZE as u64,
            _ => 0,
        }
    }

    fn read(&self, index: u32, offset: u64, data: &mut [u8]) {
        match index {
            0 => self.device.read_register(offset, data),
            1 => self.read_pending(offset, data),
            _ if self.device.faults().is_gone(true) => data.fill(0xff),
            // CAST: Within the configuration space.
            _ => self.config().read(offset as usize, data),
        }
    }

    fn write(&self, index: u32, offset: u64, data: &[u8]) {
        match index {
            0 => {
                if self.device.write_register(offset, data) {
                    let mut config = self.config();
                    let command = config.command() | COMMAND_MASTER;
                    config.write(COMMAND, &command.to_le_bytes());
                    self.apply(&config);
                }
            }
            // The table is kept by the client, pending bits are read-only.
            1 => {}
            _ => {
                let mut config = self.config();
                // CAST: Within the configuration space.
                config.write(offset as usize, data);
                self.apply(&config);
            }
        }
    }

    fn reset(&self) {
        self.reset_by(Cause::Bus);
    }

    fn connected(&self) {
        self.device
            .observers()
            .see(|| Event::Client { connected: true });
    }

    fn disconnected(&self) {
        self.reset_by(Cause::Client);
        self.device
            .observers()
            .see(|| Event::Client { connected: false });
    }

    fn leaves_client(&self) -> bool {
        self.device.faults().takes_crash()
    }

    fn memory(&self) -> &Memory {
        self.device.memory()
    }

    fn interrupts(&self) -> &Interrupts {
        self.device.interrupts()
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::{
        blk::{
            config::Settings,
            disk::Disk,
            Block, //
        },
        interrupts::Trigger,
        sys,
        vfio_user::Device as _,
        virtio::profile::QEMU, //
    };

    fn function(vectors: u16) -> Function {
        let block = Block::new(Disk::null(512, false), Settings::default());
        Function::new(Arc::new(Device::new(
            Arc::new(block),
            vectors,
            QEMU,
            Arc::new(|_: &str| ()),
        )))
    }

    fn read(function: &Function, region: u32, offset: u64) -> u32 {
        let mut wire = [0; 4];
        function.read(region, offset, &mut wire);
        u32::from_le_bytes(wire)
    }

    #[test]
    fn bars_have_room_for_what_is_in_them() {
        // 24 bytes of registers and 72 of configuration; 128 vectors fit the smallest BAR1.
        for (vectors, bar1) in [(0, 0), (1, 4096), (128, 4096), (129, 8192), (2048, 65536)] {
            let function = function(vectors);
            let sizes: Vec<u64> = (0..9).map(|region| function.region_size(region)).collect();
            assert_eq!(sizes, [128, bar1, 0, 0, 0, 0, 0, 256, 0], "{vectors}");
            function.write(7, 0x10, &[0xff; 4]);
            assert_eq!(read(&function, 7, 0x10), 0xffff_ff81);
            // The identity stays, the last byte of every region can be read.
            assert_eq!(read(&function, 7, 0), 0x1001_1af4);
            for (region, size) in (0..).zip(sizes).filter(|(_, size)| *size > 0) {
                function.read(region, size - 1, &mut [0]);
                function.write(region, size - 1, &[0]);
            }
        }
    }

    #[test]
    fn the_device_follows_the_configuration_space() {
        let function = function(2);
        assert_eq!(read(&function, 0, 20), 1);
        function.write(7, 4, &[4, 4]);
        assert!(function.device.is_master());
        function.write(7, 0x42, &[0, 0x80]);
        // The vectors are there now, and the configuration is behind them.
        assert_eq!(
            (read(&function, 0, 20), read(&function, 0, 24)),
            (0xffff, 1)
        );
        function.reset();
        assert!(!function.device.is_master());
        assert_eq!(
            (read(&function, 7, 4) & 0xffff, read(&function, 0, 20)),
            (0, 1)
        );
        // A driver that shows up is made a bus master, which the command register tells.
        function.write(0, 18, &[3]);
        assert_eq!(read(&function, 7, 4) & 0xffff, 4);
    }

    #[test]
    fn pending_vectors_show_in_the_second_bar() {
        let function = function(40);
        for vector in [1, 8, 39] {
            function.device.interrupts().raise(vector);
        }
        assert_eq!(
            (read(&function, 1, 2048), read(&function, 1, 2052)),
            (0x102, 0x80)
        );
        assert_eq!(read(&function, 1, 0), 0);
        let event = sys::new_eventfd().unwrap();
        let trigger = Trigger::new(event.as_fd().try_clone_to_owned().unwrap());
        function.device.interrupts().connect(8, trigger);
        assert_eq!(read(&function, 1, 2048), 2);
        function.reset();
        assert_eq!((read(&function, 1, 2048), read(&function, 1, 2052)), (0, 0));
    }
}
