// SPDX-License-Identifier: GPL-2.0

//! Which frames the device is to pass on: receive modes, addresses, VLANs (VIRTIO 1.3, sections
//! 5.1.6.5.1 to 5.1.6.5.3).

use kernel::sync::Arc;

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

/// What the device can be told of frames.
pub(crate) struct Filter {
    control: Arc<Control>,
    modes: bool,
    extra_modes: bool,
    vlans: bool,
}

impl Filter {
    /// A filter that uses what was negotiated.
    pub(crate) fn new(control: Arc<Control>, features: Features) -> Self {
        Self {
            control,
            modes: features.contains(F_CTRL_RX),
            extra_modes: features.contains(F_CTRL_RX_EXTRA),
            vlans: features.contains(F_CTRL_VLAN),
        }
    }

    /// Sets receive modes and addresses. Addresses that are too many for a table become a mode
    /// that lets in all frames of their kind.
    ///
    /// What the device refuses or leaves unanswered stands in the log, and it makes no sense to
    /// ask again.
    pub(crate) fn set_mode(&self, mode: &RxMode<'_>) {
        if !self.modes {
            return;
        }
        let (mut unicast, mut multicast) = (AddressTable::new(), AddressTable::new());
        let all_unicast = !unicast.fill(mode.unicast.iter());
        let all_multicast = mode.all_multicast || !multicast.fill(mode.multicast.iter());
        let promiscuous = mode.promiscuous || (all_unicast && !self.extra_modes);

        // What lets in more comes first, so that no frame is lost in between.
        let switch = |command: Command, on: bool| {
            let _ = self.control.send(command, [&[u8::from(on)], &[]]);
        };
        let modes = [
            (RX_PROMISC, promiscuous),
            (RX_ALLMULTI, all_multicast),
            (RX_ALLUNI, all_unicast),
        ];
        let modes = || modes.into_iter().take(if self.extra_modes { 3 } else { 2 });
        for (command, on) in modes().filter(|(_, on)| *on) {
            switch(command, on);
        }
        let _ = self
            .control
            .send(MAC_TABLE_SET, [unicast.bytes(), multicast.bytes()]);
        for (command, on) in modes().filter(|(_, on)| !*on) {
            switch(command, on);
        }
    }

    /// Lets frames of a VLAN in, or keeps them out. As with modes, the log has what goes wrong.
    pub(crate) fn set_vlan(&self, id: u16, wanted: bool) {
        if self.vlans {
            let command = if wanted { VLAN_ADD } else { VLAN_DEL };
            let _ = self.control.send(command, [&id.to_ne_bytes(), &[]]);
        }
    }
}
