// SPDX-License-Identifier: GPL-2.0

//! Where well-known devices differ at the edges of the legacy interface.
//!
//! A driver meets all of them in the field. The table below is from their sources; what a driver
//! does within the specification looks the same on each.

/// What writing 0 to QUEUE_PFN does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameZero {
    /// The whole device is reset.
    ResetDevice,
    /// The ring is at address 0 from now on.
    Map,
    /// The selected queue stops.
    StopQueue,
    /// Nothing.
    Ignore,
}

/// What QUEUE_SEL takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Numbers below this one; anything else leaves the selection as it is.
    Below(u16),
    /// Numbers of queues that are there; likewise.
    Present,
    /// Anything.
    Any,
}

/// A device's habits.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// As `--profile` calls it.
    pub name: &'static str,
    /// See [`FrameZero`].
    pub frame_zero: FrameZero,
    /// See [`Selection`].
    pub selection: Selection,
    /// What QUEUE_PFN reads for a queue that is not there.
    pub absent_frame: u32,
    /// A vector that does not exist reads back as none; else as it was written.
    pub refuses_vectors: bool,
    /// The ISR status shows events with MSI-X, too.
    pub isr_with_msix: bool,
    /// A register has exactly one width: other reads give ones, other writes nothing.
    pub strict_widths: bool,
    /// A driver that accepts bit 30 gets the features of a careless one.
    pub traps_the_careless: bool,
    /// GUEST_FEATURES can be read.
    pub features_readable: bool,
    /// The status of a driver that shows up makes the function a bus master.
    pub makes_master: bool,
    /// A disk reports the status byte alone as written, whatever it has read.
    pub reports_status_alone: bool,
    /// A status that loses a bit, but not all, becomes NEEDS_RESET.
    pub keeps_status: bool,
}

/// Every profile; the first is the usual one.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "qemu",
        frame_zero: FrameZero::ResetDevice,
        selection: Selection::Below(1024),
        absent_frame: 0,
        refuses_vectors: true,
        isr_with_msix: true,
        strict_widths: false,
        traps_the_careless: true,
        features_readable: true,
        makes_master: true,
        reports_status_alone: false,
        keeps_status: false,
    },
    Profile {
        name: "bhyve",
        frame_zero: FrameZero::Map,
        selection: Selection::Any,
        absent_frame: u32::MAX,
        refuses_vectors: false,
        isr_with_msix: false,
        strict_widths: true,
        traps_the_careless: false,
        features_readable: true,
        makes_master: false,
        reports_status_alone: true,
        keeps_status: false,
    },
    Profile {
        name: "kvmtool",
        frame_zero: FrameZero::StopQueue,
        selection: Selection::Present,
        absent_frame: 0,
        refuses_vectors: false,
        isr_with_msix: false,
        strict_widths: false,
        traps_the_careless: false,
        features_readable: false,
        makes_master: false,
        reports_status_alone: false,
        keeps_status: false,
    },
    Profile {
        name: "propolis",
        frame_zero: FrameZero::Ignore,
        selection: Selection::Any,
        absent_frame: 0,
        refuses_vectors: false,
        isr_with_msix: false,
        strict_widths: false,
        traps_the_careless: false,
        features_readable: true,
        makes_master: false,
        reports_status_alone: false,
        keeps_status: true,
    },
];

/// The usual one.
pub const QEMU: &Profile = &PROFILES[0];
