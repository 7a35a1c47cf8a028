// SPDX-License-Identifier: GPL-2.0

//! The configuration space: identity, two BARs, the MSI-X capability.

use crate::virtio::pci::{
    DeviceType,
    REVISION,
    VENDOR, //
};

/// Bytes of the configuration space.
pub const SIZE: usize = 256;

/// Offsets in the configuration space.
pub const COMMAND: usize = 0x04;
const STATUS: usize = 0x06;
const CLASS: usize = 0x09;
const BAR0: usize = 0x10;
const BAR1: usize = 0x14;
const SUBSYSTEM: usize = 0x2c;
const CAPABILITIES: usize = 0x34;
const INTERRUPT_LINE: usize = 0x3c;
const INTERRUPT_PIN: usize = 0x3d;
const MSIX: usize = 0x40;

/// Bits of the command register.
pub const COMMAND_MASTER: u16 = 1 << 2;
/// See [`COMMAND_MASTER`].
pub const COMMAND_INTX_DISABLE: u16 = 1 << 10;
/// I/O, memory, master, parity, system errors, INTx disable.
const COMMAND_WRITABLE: u16 = 0x547;

const STATUS_CAPABILITIES: u16 = 1 << 4;
const BAR_IO: u32 = 1;
const CAPABILITY_MSIX: u8 = 0x11;
const MSIX_ENABLE: u16 = 1 << 15;
const MSIX_MASK_ALL: u16 = 1 << 14;

/// The bytes of a configuration space, and which of their bits can be written.
pub struct Config {
    bytes: [u8; SIZE],
    initial: [u8; SIZE],
    writable: [u8; SIZE],
}

impl Config {
    /// The space of a device of this kind with BARs of these sizes, powers of two, and so many
    /// MSI-X vectors: without any there is no second BAR and no capability.
    pub fn new(kind: DeviceType, bar0: u32, bar1: u32, vectors: u16) -> Self {
        let mut new = Self {
            bytes: [0; SIZE],
            initial: [0; SIZE],
            writable: [0; SIZE],
        };
        let (device, class) = match kind {
            DeviceType::Net => (0x1000, 0x02_0000),
            DeviceType::Block => (0x1001, 0x01_0000),
            DeviceType::Entropy => (0x1005, 0xff_0000_u32),
        };
        new.put(
            0,
            &[VENDOR.to_le_bytes(), u16::to_le_bytes(device)].concat(),
            &[],
        );
        new.put(COMMAND, &[0; 2], &COMMAND_WRITABLE.to_le_bytes());
        new.put(CLASS - 1, &[REVISION], &[]);
        new.put(CLASS, &class.to_le_bytes()[..3], &[]);
        // Cache line size and latency timer mean nothing here, but hold what is written.
        new.put(0x0c, &[0; 2], &[0xff; 2]);
        new.put(BAR0, &BAR_IO.to_le_bytes(), &(!(bar0 - 1)).to_le_bytes());
        new.put(
            SUBSYSTEM,
            &[VENDOR.to_le_bytes(), kind.id().to_le_bytes()].concat(),
            &[],
        );
        new.put(INTERRUPT_LINE, &[0], &[0xff]);
        new.put(INTERRUPT_PIN, &[1], &[]);
        if vectors > 0 {
            new.put(STATUS, &STATUS_CAPABILITIES.to_le_bytes(), &[]);
            new.put(CAPABILITIES, &[MSIX as u8], &[]);
            new.put(BAR1, &[0; 4], &(!(bar1 - 1)).to_le_bytes());
            new.put(MSIX, &[CAPABILITY_MSIX, 0], &[]);
            new.put(
                MSIX + 2,
                &(vectors - 1).to_le_bytes(),
                &(MSIX_ENABLE | MSIX_MASK_ALL).to_le_bytes(),
            );
            // The table at the start of BAR1, the pending bits at its half.
            new.put(MSIX + 4, &1_u32.to_le_bytes(), &[]);
            new.put(MSIX + 8, &(bar1 / 2 + 1).to_le_bytes(), &[]);
        }
        new.bytes = new.initial;
        new
    }

    fn put(&mut self, at: usize, bytes: &[u8], writable: &[u8]) {
        self.initial[at..at + bytes.len()].copy_from_slice(bytes);
        self.writable[at..at + writable.len()].copy_from_slice(writable);
    }

    /// The state after power-on.
    pub fn reset(&mut self) {
        self.bytes = self.initial;
    }

    /// Reads; beyond the end there are ones.
    pub fn read(&self, offset: usize, data: &mut [u8]) {
        for (at, byte) in (offset..).zip(data) {
            *byte = self.bytes.get(at).copied().unwrap_or(0xff);
        }
    }

    /// Writes the bits that can be written.
    pub fn write(&mut self, offset: usize, data: &[u8]) {
        let places = self.bytes.iter_mut().zip(&self.writable).skip(offset);
        for ((byte, writable), new) in places.zip(data) {
            *byte = (*byte & !writable) | (new & writable);
        }
    }

    fn word(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// The command register.
    pub fn command(&self) -> u16 {
        self.word(COMMAND)
    }

    /// Whether the driver has enabled MSI-X.
    pub fn msix_enabled(&self) -> bool {
        self.word(MSIX + 2) & MSIX_ENABLE != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dword(config: &Config, at: usize) -> u32 {
        let mut bytes = [0; 4];
        config.read(at, &mut bytes);
        u32::from_le_bytes(bytes)
    }

    #[test]
    fn the_identity_is_that_of_a_legacy_device() {
        let config = Config::new(DeviceType::Block, 128, 4096, 3);
        assert_eq!(dword(&config, 0), 0x1001_1af4);
        assert_eq!(dword(&config, 8), 0x0100_0000);
        assert_eq!(dword(&config, 0x2c), 0x0002_1af4);
        let net = Config::new(DeviceType::Net, 64, 4096, 3);
        assert_eq!(dword(&net, 0), 0x1000_1af4);
        assert_eq!(dword(&net, 8), 0x0200_0000);
        assert_eq!(dword(&net, 0x2c), 0x0001_1af4);
    }

    #[test]
    fn bars_tell_their_size_when_all_ones_are_written() {
        let mut config = Config::new(DeviceType::Block, 128, 8192, 3);
        for (at, size_mask) in [
            (0x10, 0xffff_ff81),
            (0x14, 0xffff_e000),
            (0x18, 0),
            (0x30, 0),
        ] {
            config.write(at, &[0xff; 4]);
            assert_eq!(dword(&config, at), size_mask, "{at:#x}");
        }
        config.reset();
        assert_eq!(dword(&config, 0x10), 1);
    }

    #[test]
    fn only_writable_bits_are_written() {
        let mut config = Config::new(DeviceType::Block, 128, 4096, 3);
        config.write(0, &[0xff; 4]);
        assert_eq!(dword(&config, 0), 0x1001_1af4);
        config.write(COMMAND, &[0xff; 2]);
        assert_eq!(config.command(), COMMAND_WRITABLE);
        config.write(MSIX, &[0xff; 12]);
        assert_eq!(dword(&config, MSIX), 0xc002_0011);
        assert_eq!(dword(&config, MSIX + 4), 1);
        assert_eq!(dword(&config, MSIX + 8), 2049);
        assert!(config.msix_enabled());
        // Beyond the end nothing happens.
        config.write(254, &[0xff; 4]);
        assert_eq!(dword(&config, 254), 0xffff_0000);
    }

    #[test]
    fn without_vectors_there_is_no_capability() {
        let config = Config::new(DeviceType::Block, 128, 4096, 0);
        assert_eq!(dword(&config, 4), 0);
        assert_eq!(dword(&config, 0x34), 0);
        assert!(!config.msix_enabled());
    }
}
