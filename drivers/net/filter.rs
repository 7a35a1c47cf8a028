// SPDX-License-Identifier: GPL-2.0

//! Which frames the device is to pass on: receive modes, addresses, VLANs (VIRTIO 1.3, sections
//! 5.1.6.5.1 to 5.1.6.5.3).

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

use crate::{
    control::Control,
    kernel_ext::net::addr_list::RxMode,
    virtio::core::{
        features::Features,
        net::{
            control::{
                AddressTable,
                Command,
                MAC_TABLE_SET,
                RX_ALLMULTI,
                RX_ALLUNI,
                RX_PROMISC,
                VLAN_ADD,
                VLAN_DEL, //
            },
            F_CTRL_RX,
            F_CTRL_RX_EXTRA,
            F_CTRL_VLAN, //
        },
    },
};

/// Words of a bit for each VLAN.
const VLAN_WORDS: usize = 4096 / u64::BITS as usize;

/// What the device was told last.
struct Told {
    promiscuous: bool,
    all_unicast: bool,
    all_multicast: bool,
    unicast: AddressTable,
    multicast: AddressTable,
    vlans: [u64; VLAN_WORDS],
}

/// What the device can be told of frames.
#[pin_data]
pub(crate) struct Filter {
    control: Arc<Control>,
    modes: bool,
    extra_modes: bool,
    vlans: bool,
    #[pin]
    told: Mutex<Told>,
}

impl Filter {
    /// A filter that uses what was negotiated.
    pub(crate) fn new(control: Arc<Control>, features: Features) -> Result<Pin<KBox<Self>>> {
        let init = pin_init!(Self {
            control,
            modes: features.contains(F_CTRL_RX),
            extra_modes: features.contains(F_CTRL_RX_EXTRA),
            vlans: features.contains(F_CTRL_VLAN),
            told <- new_mutex!(
                Told {
                    promiscuous: false,
                    all_unicast: false,
                    all_multicast: false,
                    unicast: AddressTable::new(),
                    multicast: AddressTable::new(),
                    vlans: [0; VLAN_WORDS],
                },
                "Filter::told"
            ),
        });
        KBox::pin_init(init, GFP_KERNEL)
    }

    /// Sets receive modes and addresses. Addresses that are too many for a table become a mode
    /// that lets in all frames of their kind.
    ///
    /// What the device refuses or leaves unanswered stands in the log, and it makes no sense to
    /// ask again.
    pub(crate) fn set_mode(&self, mode: &RxMode<'_>) {
        let mut told = self.told.lock();
        told.all_unicast = !told.unicast.fill(mode.unicast.iter());
        told.all_multicast = !told.multicast.fill(mode.multicast.iter()) || mode.all_multicast;
        told.promiscuous = mode.promiscuous || (told.all_unicast && !self.extra_modes);
        self.tell_modes(&told);
    }

    /// Lets frames of a VLAN in, or keeps them out. As with modes, the log has what goes wrong.
    pub(crate) fn set_vlan(&self, id: u16, wanted: bool) {
        let mut told = self.told.lock();
        let (word, bit) = (usize::from(id) / 64, 1 << (id % 64));
        if let Some(word) = told.vlans.get_mut(word) {
            *word = if wanted { *word | bit } else { *word & !bit };
        }
        self.tell_vlan(id, wanted);
    }

    /// Tells a device that was reset all of it again.
    pub(crate) fn replay(&self) {
        let told = self.told.lock();
        self.tell_modes(&told);
        for (id, word) in (0..).step_by(64).zip(told.vlans) {
            for bit in (0..64).filter(|bit| word >> bit & 1 != 0) {
                self.tell_vlan(id + bit, true);
            }
        }
    }

    fn tell_modes(&self, told: &Told) {
        if !self.modes {
            return;
        }
        // What lets in more comes first, so that no frame is lost in between.
        let switch = |command: Command, on: bool| {
            let _ = self.control.send(command, [&[u8::from(on)], &[]]);
        };
        let modes = [
            (RX_PROMISC, told.promiscuous),
            (RX_ALLMULTI, told.all_multicast),
            (RX_ALLUNI, told.all_unicast),
        ];
        let modes = || modes.into_iter().take(if self.extra_modes { 3 } else { 2 });
        for (command, on) in modes().filter(|(_, on)| *on) {
            switch(command, on);
        }
        let tables = [told.unicast.bytes(), told.multicast.bytes()];
        let _ = self.control.send(MAC_TABLE_SET, tables);
        for (command, on) in modes().filter(|(_, on)| !*on) {
            switch(command, on);
        }
    }

    fn tell_vlan(&self, id: u16, wanted: bool) {
        if self.vlans {
            let command = if wanted { VLAN_ADD } else { VLAN_DEL };
            let _ = self.control.send(command, [&id.to_ne_bytes(), &[]]);
        }
    }
}
