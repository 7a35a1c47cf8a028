// SPDX-License-Identifier: GPL-2.0

//! Which frames the driver wants to see (VIRTIO 1.3, sections 5.1.6.5.1 to 5.1.6.5.3).

/// Most addresses of a table; a driver with more gets every frame of that sort.
const MAX_ADDRESSES: usize = 64;

/// The type of a frame with a VLAN tag.
const VLAN: [u8; 2] = [0x81, 0x00];

/// Addresses that were asked for, or too many of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    addresses: Vec<[u8; 6]>,
    overflown: bool,
}

impl Table {
    /// A table of these addresses.
    pub fn new(addresses: Vec<[u8; 6]>) -> Self {
        if addresses.len() > MAX_ADDRESSES {
            return Self {
                addresses: Vec::new(),
                overflown: true,
            };
        }
        Self {
            addresses,
            overflown: false,
        }
    }

    fn has(&self, address: &[u8]) -> bool {
        self.overflown || self.addresses.iter().any(|known| known == address)
    }
}

/// Receive modes: a driver that sets none sees everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Modes {
    pub promiscuous: bool,
    pub all_multicast: bool,
    pub all_unicast: bool,
    pub no_multicast: bool,
    pub no_unicast: bool,
    pub no_broadcast: bool,
}

/// The filter of a device.
pub(super) struct Filter {
    pub mac: [u8; 6],
    pub modes: Modes,
    pub unicast: Table,
    pub multicast: Table,
    pub vlans_are_filtered: bool,
    /// Whether `mac` is the driver's: it has read or set it.
    pub address_is_known: bool,
    /// A bit for each VLAN id.
    vlans: [u64; 64],
}

impl Filter {
    /// As after a reset.
    pub fn new(mac: [u8; 6]) -> Self {
        Self {
            mac,
            modes: Modes {
                promiscuous: true,
                ..Modes::default()
            },
            unicast: Table::default(),
            multicast: Table::default(),
            vlans_are_filtered: false,
            address_is_known: true,
            vlans: [0; 64],
        }
    }

    /// Lets a VLAN in or keeps it out; false if there is none with that id.
    pub fn set_vlan(&mut self, id: u16, wanted: bool) -> bool {
        let Some(word) = self.vlans.get_mut(usize::from(id / 64)) else {
            return false;
        };
        let bit = 1 << (id % 64);
        if wanted {
            *word |= bit;
        } else {
            *word &= !bit;
        }
        true
    }

    fn wants_vlan(&self, frame: &[u8]) -> bool {
        let (true, Some([t0, t1, i0, i1])) = (self.vlans_are_filtered, frame.get(12..16)) else {
            return true;
        };
        let id = u16::from_be_bytes([*i0, *i1]) & 0xfff;
        [*t0, *t1] != VLAN || self.vlans[usize::from(id / 64)] & (1 << (id % 64)) != 0
    }

    /// Whether the driver wants a frame of at least the size of its header.
    pub fn accepts(&self, frame: &[u8]) -> bool {
        let modes = self.modes;
        if modes.promiscuous {
            return true;
        }
        if !self.wants_vlan(frame) {
            return false;
        }
        let to = &frame[..6];
        if to == [0xff; 6] {
            !modes.no_broadcast
        } else if to[0] & 1 != 0 {
            !modes.no_multicast && (modes.all_multicast || self.multicast.has(to))
        } else {
            let wanted = to == self.mac || self.unicast.has(to) || !self.address_is_known;
            !modes.no_unicast && (modes.all_unicast || wanted)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];
    const GROUP: [u8; 6] = [1, 0, 0x5e, 0, 0, 1];
    const ALL: [u8; 6] = [0xff; 6];

    fn frame(to: [u8; 6], vlan: Option<u16>) -> Vec<u8> {
        let mut frame = to.to_vec();
        frame.extend(OTHER);
        if let Some(id) = vlan {
            frame.extend(VLAN);
            frame.extend((id | 0xe000).to_be_bytes());
        }
        frame.extend([8, 0]);
        frame
    }

    fn seen(modes: Modes, change: impl FnOnce(&mut Filter)) -> Vec<bool> {
        let mut filter = Filter {
            modes,
            ..Filter::new(MAC)
        };
        change(&mut filter);
        [MAC, OTHER, GROUP, ALL]
            .map(|to| filter.accepts(&frame(to, None)))
            .to_vec()
    }

    #[test]
    fn the_modes_decide() {
        let none = Modes::default();
        assert_eq!(seen(none, |_| ()), [true, false, false, true]);
        assert_eq!(seen(Filter::new(MAC).modes, |_| ()), [true; 4]);
        assert_eq!(
            seen(
                Modes {
                    all_multicast: true,
                    ..none
                },
                |_| ()
            ),
            [true, false, true, true]
        );
        assert_eq!(
            seen(
                Modes {
                    all_unicast: true,
                    ..none
                },
                |_| ()
            ),
            [true, true, false, true]
        );
        assert_eq!(
            seen(
                Modes {
                    no_unicast: true,
                    ..none
                },
                |_| ()
            ),
            [false, false, false, true]
        );
        assert_eq!(
            seen(
                Modes {
                    no_broadcast: true,
                    ..none
                },
                |_| ()
            ),
            [true, false, false, false]
        );
        let contrary = Modes {
            no_multicast: true,
            all_multicast: true,
            ..none
        };
        assert_eq!(seen(contrary, |_| ()), [true, false, false, true]);
    }

    #[test]
    fn the_tables_add_and_overflow_to_everything() {
        let none = Modes::default();
        assert_eq!(
            seen(none, |filter| filter.unicast = Table::new(vec![OTHER])),
            [true, true, false, true]
        );
        assert_eq!(
            seen(none, |filter| filter.multicast = Table::new(vec![GROUP])),
            [true, false, true, true]
        );
        let full = Table::new(vec![[4; 6]; MAX_ADDRESSES]);
        assert_eq!(
            seen(none, |filter| filter.unicast = full),
            [true, false, false, true]
        );
        let over = Table::new(vec![[4; 6]; MAX_ADDRESSES + 1]);
        assert_eq!(
            seen(none, |filter| filter.unicast = over),
            [true, true, false, true]
        );
    }

    #[test]
    fn vlans_are_let_in_one_by_one() {
        let mut filter = Filter {
            modes: Modes::default(),
            ..Filter::new(MAC)
        };
        assert!(filter.accepts(&frame(MAC, Some(7))));
        filter.vlans_are_filtered = true;
        assert!(!filter.accepts(&frame(MAC, Some(7))));
        assert!(filter.accepts(&frame(MAC, None)));
        for id in [0, 7, 4095] {
            assert!(filter.set_vlan(id, true));
            assert!(filter.accepts(&frame(MAC, Some(id))));
            assert!(filter.set_vlan(id, false));
            assert!(!filter.accepts(&frame(MAC, Some(id))));
        }
        assert!(!filter.set_vlan(4096, true));
    }
}
