// SPDX-License-Identifier: GPL-2.0

//! The one table of faults.

use super::{
    block,
    config,
    net,
    notices,
    registers,
    ring,
    scribble,
    status,
    timing, //
};
use crate::virtio::pci::DeviceType;

/// A register of BAR0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// HOST_FEATURES.
    HostFeatures,
    /// GUEST_FEATURES.
    GuestFeatures,
    /// QUEUE_PFN.
    QueuePfn,
    /// QUEUE_NUM.
    QueueNum,
    /// QUEUE_SEL.
    QueueSel,
    /// STATUS.
    Status,
    /// ISR.
    Isr,
    /// CONFIG_VECTOR.
    ConfigVector,
    /// QUEUE_VECTOR.
    QueueVector,
}

impl Register {
    /// The register that begins at an offset.
    pub fn at(offset: u64) -> Option<Self> {
        Some(match offset {
            0 => Self::HostFeatures,
            4 => Self::GuestFeatures,
            8 => Self::QueuePfn,
            12 => Self::QueueNum,
            14 => Self::QueueSel,
            18 => Self::Status,
            19 => Self::Isr,
            20 => Self::ConfigVector,
            22 => Self::QueueVector,
            _ => return None,
        })
    }
}

/// What is wrong with how a chain is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedLie {
    /// The number of entries of the ring as id.
    IdRange,
    /// This id.
    Id,
    /// The id of a descriptor half a ring away.
    IdFree,
    /// The id of the next descriptor.
    IdNext,
    /// The entry twice at once.
    Twice,
    /// The entry before this one once more, before it.
    Again,
    /// This entry after the next one.
    Order,
    /// No entry.
    Lost,
    /// This length.
    Len,
    /// A length that is longer by this.
    LenMore,
    /// A length that is shorter by this.
    LenLess,
    /// The index goes this much too far, after the entry.
    IndexJump,
    /// The index goes this much too far, without an entry.
    IndexOnly,
    /// The index goes back by this.
    IndexBack,
    /// The index stays, although the entry is there.
    IndexStays,
}

/// What a fault does; its occasions are those on which it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A register reads this value.
    Read(Register),
    /// A register reads with these bits turned at every other reading.
    Turns(Register),
    /// A register reads without these bits.
    Without(Register),
    /// Writing a register does nothing.
    Deaf(Register),
    /// Registers read as noise.
    Noise,
    /// An access of a register takes this many milliseconds.
    Slow,
    /// A field of the configuration, by offset and bytes, reads this value.
    Field(usize, usize),
    /// Such a field is this much larger with each byte that is read of it.
    Torn(usize, usize),
    /// Such a field has these bits turned from one look at it to the next, and the driver is told.
    Flaps(usize, usize),
    /// After a reset the status still reads these bits.
    ResetUnseen,
    /// A reset does nothing.
    ResetRefused,
    /// A reset leaves QUEUE_PFN as it was.
    ResetKeepsPfn,
    /// NEEDS_RESET is set and told; the device stops, or goes on if the value is not 0.
    NeedsReset,
    /// How a chain is given back.
    Used(UsedLie),
    /// The ring is written over when a chain is given back.
    Scribble(super::Scribble),
    /// Entries of the used ring are there before DRIVER_OK.
    UsedEarly,
    /// An interrupt of a queue is not sent.
    InterruptLost,
    /// A queue interrupts when it is notified, before it has used anything.
    InterruptSpurious,
    /// The configuration's interrupt instead of the queue's.
    InterruptWrong,
    /// A queue interrupts all the time, for so many milliseconds.
    InterruptStorm,
    /// Every interrupt fires at each access to a register before DRIVER_OK.
    InterruptEarly,
    /// The configuration's interrupt fires, and nothing has changed.
    ConfigInterrupt,
    /// It does so all the time, for so many milliseconds.
    ConfigStorm,
    /// A notification is not heard.
    NotifyLost,
    /// The device says that it wants no notifications, and waits for one.
    NotifyUnwanted,
    /// A chain is given back so many milliseconds late.
    Stall,
    /// The device stops until it is reset.
    Freeze,
    /// The device stops for good.
    Dead,
    /// Everything reads as ones; the device comes back after so many milliseconds, if not 0.
    Vanish,
    /// The registers read as ones, the configuration space of the function does not.
    VanishBar,
    /// The process at the other end of the socket is gone.
    Crash,
    /// A request of a disk.
    Block(super::BlockLie),
    /// The header of a received frame claims one more buffer than the device has used.
    NumBuffers,
    /// The header of a received frame claims so many.
    NumBuffersAre,
    /// A request or a command is taken and never answered.
    Silence,
    /// The header of a received frame asks for a checksum behind the frame's end.
    Checksum,
    /// The header of a received frame asks for segments of so many bytes.
    Segments,
    /// Its segments are of a kind that is not known.
    SegmentKind,
    /// Its headers end behind the frame.
    HeaderLen,
    /// Every byte of it is noise.
    HeaderNoise,
    /// The end of it changes for so many milliseconds after the frame was handed over.
    HeaderFlips,
    /// The frame's last used entry has so many bytes.
    FrameLen,
    /// A command is answered with this byte.
    Answer,
    /// A command is given back without an answer.
    AnswerUnwritten,
    /// A command is answered so many milliseconds late.
    AnswerLate,
}

/// The devices that have a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// All of them.
    Any,
    /// One kind.
    Only(DeviceType),
}

impl Of {
    /// Whether a kind of device has it.
    pub fn suits(self, device: DeviceType) -> bool {
        match self {
            Self::Any => true,
            Self::Only(kind) => kind == device,
        }
    }
}

/// A fault.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// As `--fault` calls it.
    pub name: &'static str,
    /// Who has it.
    pub of: Of,
    /// What it does.
    pub kind: Kind,
    /// The value, if none is asked for.
    pub value: u64,
    /// One line.
    pub what: &'static str,
    /// The behaviours of docs/coverage.md that it is there to show.
    pub rows: &'static str,
}

impl Row {
    /// A fault that all devices have. The arguments are the fields in their order.
    pub(super) const fn any(
        name: &'static str,
        kind: Kind,
        value: u64,
        what: &'static str,
        rows: &'static str,
    ) -> Self {
        Self {
            name,
            of: Of::Any,
            kind,
            value,
            what,
            rows,
        }
    }

    /// One that disks have.
    pub(super) const fn disk(
        name: &'static str,
        kind: Kind,
        value: u64,
        what: &'static str,
        rows: &'static str,
    ) -> Self {
        Self {
            of: Of::Only(DeviceType::Block),
            ..Self::any(name, kind, value, what, rows)
        }
    }

    /// One that cards have.
    pub(super) const fn card(
        name: &'static str,
        kind: Kind,
        value: u64,
        what: &'static str,
        rows: &'static str,
    ) -> Self {
        Self {
            of: Of::Only(DeviceType::Net),
            ..Self::any(name, kind, value, what, rows)
        }
    }
}

/// Every fault, by subject.
pub const TABLE: &[(&str, &[Row])] = &[
    ("Registers and features", registers::ROWS),
    ("Configuration", config::ROWS),
    ("Status and reset", status::ROWS),
    ("The used ring", ring::ROWS),
    ("Memory that both can write", scribble::ROWS),
    ("Interrupts and notifications", notices::ROWS),
    ("Time", timing::ROWS),
    ("Requests of disks", block::ROWS),
    ("Frames and commands of cards", net::ROWS),
];

/// The fault of this name.
pub fn find(name: &str) -> Option<&'static Row> {
    rows().find(|row| row.name == name)
}

/// All of them.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().flat_map(|(_, rows)| rows.iter())
}

/// The faults for people, one a line: name, who has it, what it does, what it shows.
pub fn list() -> String {
    let mut text = String::new();
    for (subject, rows) in TABLE {
        text += &format!("{subject}:\n");
        for row in *rows {
            let of = match row.of {
                Of::Any => "",
                Of::Only(kind) => kind.name(),
            };
            text += &format!("  {:<20} {of:<5} {} ({})\n", row.name, row.what, row.rows);
        }
    }
    text
}
