// SPDX-License-Identifier: GPL-2.0

//! The commands of the control queue (VIRTIO 1.3, section 5.1.6.5): two bytes that say what is to
//! be done, its data, and a byte for the answer.

/// A command, its data aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    class: u8,
    command: u8,
    /// The name of the specification.
    pub name: &'static str,
}

impl Command {
    const fn new(class: u8, command: u8, name: &'static str) -> Self {
        Self {
            class,
            command,
            name,
        }
    }

    /// The bytes that come first.
    pub const fn head(self) -> [u8; HEAD_BYTES] {
        [self.class, self.command]
    }
}

/// Bytes in front of a command's data.
pub const HEAD_BYTES: usize = 2;

/// Receive everything; a byte, 0 or 1.
pub const RX_PROMISC: Command = Command::new(0, 0, "RX_PROMISC");
/// Receive every multicast frame; a byte, 0 or 1.
pub const RX_ALLMULTI: Command = Command::new(0, 1, "RX_ALLMULTI");
/// Receive every unicast frame; a byte, 0 or 1. With [`super::F_CTRL_RX_EXTRA`].
pub const RX_ALLUNI: Command = Command::new(0, 2, "RX_ALLUNI");
/// The addresses to receive for beside the card's own; two [`AddressTable`]s.
pub const MAC_TABLE_SET: Command = Command::new(1, 0, "MAC_TABLE_SET");
/// The card's own address, 6 bytes.
pub const MAC_ADDR_SET: Command = Command::new(1, 1, "MAC_ADDR_SET");
/// Receive frames of a VLAN; its id, 2 bytes.
pub const VLAN_ADD: Command = Command::new(2, 0, "VLAN_ADD");
/// Receive no more frames of a VLAN; its id, 2 bytes.
pub const VLAN_DEL: Command = Command::new(2, 1, "VLAN_DEL");
/// The driver has announced itself; no data.
pub const ANNOUNCE_ACK: Command = Command::new(3, 0, "ANNOUNCE_ACK");
/// What the driver takes that is not complete; [`super::guest_offloads`], 8 bytes.
pub const GUEST_OFFLOADS_SET: Command = Command::new(5, 0, "GUEST_OFFLOADS_SET");

/// Use so many pairs of queues; 2 bytes. With [`super::F_MQ`].
pub const VQ_PAIRS_SET: Command = Command::new(4, 0, "VQ_PAIRS_SET");

/// The answer of a device that has done what it was told.
pub const OK: u8 = 0;
/// What stands in the place of the answer before the device gives one; it is none.
pub const NO_ANSWER: u8 = !0;

/// Bytes of an address.
const ADDRESS_BYTES: usize = 6;
/// Most addresses of a table of ours; a driver with more asks for all frames of that kind.
pub const TABLE_ADDRESSES: usize = 128;
/// Bytes in front of the addresses.
const COUNT_BYTES: usize = 4;
/// Most bytes of a table.
pub const TABLE_BYTES: usize = COUNT_BYTES + TABLE_ADDRESSES * ADDRESS_BYTES;

/// Addresses as [`MAC_TABLE_SET`] has them: how many, in the guest's byte order, and one behind
/// the other.
pub struct AddressTable {
    bytes: [u8; TABLE_BYTES],
    used: usize,
}

impl AddressTable {
    /// A table without addresses.
    pub const fn new() -> Self {
        Self {
            bytes: [0; TABLE_BYTES],
            used: COUNT_BYTES,
        }
    }

    /// Takes all addresses; if they are too many it takes none and returns false.
    pub fn fill(&mut self, addresses: impl Iterator<Item = [u8; ADDRESS_BYTES]>) -> bool {
        *self = Self::new();
        let mut count = 0_u32;
        for address in addresses {
            let end = self.used + ADDRESS_BYTES;
            let Some(place) = self.bytes.get_mut(self.used..end) else {
                *self = Self::new();
                return false;
            };
            place.copy_from_slice(&address);
            self.used = end;
            count += 1;
        }
        for (place, byte) in self.bytes.iter_mut().zip(count.to_ne_bytes()) {
            *place = byte;
        }
        true
    }

    /// The bytes of the command's data.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

impl Default for AddressTable {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_net_control))]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_numbers_of_the_specification() {
        let heads = [
            (RX_PROMISC, [0, 0]),
            (RX_ALLMULTI, [0, 1]),
            (RX_ALLUNI, [0, 2]),
            (MAC_TABLE_SET, [1, 0]),
            (MAC_ADDR_SET, [1, 1]),
            (VLAN_ADD, [2, 0]),
            (VLAN_DEL, [2, 1]),
            (ANNOUNCE_ACK, [3, 0]),
            (VQ_PAIRS_SET, [4, 0]),
            (GUEST_OFFLOADS_SET, [5, 0]),
        ];
        for (command, head) in heads {
            assert_eq!(command.head(), head);
        }
    }

    #[test]
    fn silence_is_no_success() {
        assert_ne!(NO_ANSWER, OK);
    }

    #[test]
    fn a_table_is_a_count_and_addresses() {
        let mut table = AddressTable::new();
        assert_eq!(table.bytes(), [0; 4]);
        assert!(table.fill([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]].into_iter()));
        assert_eq!(table.bytes().len(), 16);
        assert_eq!(table.bytes()[..4], 2_u32.to_ne_bytes());
        assert_eq!(table.bytes()[4..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert!(table.fill([[9; 6]].into_iter()));
        assert_eq!(table.bytes().len(), 10);
    }

    #[test]
    fn a_table_takes_all_addresses_or_none() {
        let mut table = AddressTable::new();
        let address = |number: usize| [number as u8; 6];
        assert!(table.fill((0..TABLE_ADDRESSES).map(address)));
        assert_eq!(table.bytes().len(), TABLE_BYTES);
        assert!(!table.fill((0..=TABLE_ADDRESSES).map(address)));
        assert_eq!(table.bytes(), [0; 4]);
    }
}
