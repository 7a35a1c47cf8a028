// SPDX-License-Identifier: GPL-2.0

//! A device as people see it: a directory of debugfs, with the features that were agreed on, the
//! device status, the interrupts, and the state and counters of each queue.
//!
//! What is shown is read without a lock, and nothing of the driver waits for a reader but the
//! driver's going. `docs/observing.md` says what can be told from it.

use kernel::{
    fmt::{
        self,
        Display, //
    },
    prelude::*,
    str::CString,
    sync::Arc, //
};

use super::{
    core::{
        features::{
            Features,
            Names, //
        },
        pci::DeviceType, //
    },
    pci_legacy::{
        counts::{
            DeviceInterrupts,
            QueueInterrupts, //
        },
        interrupts::Policy,
        PciLegacy, //
    },
    queue_name::QueueName,
    transport::Transport,
    virtqueue::{
        RingState,
        Watch, //
    },
};
use crate::{
    kernel_ext::debugfs::{
        Dir,
        Show, //
    },
    LocalModule, //
};

/// What became of the features of a device.
#[derive(Clone, Copy)]
pub struct Agreement {
    /// Whose bits they are.
    pub kind: DeviceType,
    /// What the device offers.
    pub offered: Features,
    /// What whoever loaded the module does not want.
    pub disabled: Features,
    /// What both sides use.
    pub negotiated: Features,
}

/// A queue that is shown.
pub struct Queue {
    /// Its part of the name of an interrupt vector, for instance `req.0`.
    pub name: QueueName,
    /// Its state and counters.
    pub watch: Watch,
    /// Its interrupts, if it has any.
    pub interrupts: Option<Arc<QueueInterrupts>>,
}

/// One file.
enum Item {
    Features(Agreement),
    Status(Arc<PciLegacy>),
    Interrupts(Policy, usize, Arc<DeviceInterrupts>),
    Queue(Queue),
}

impl Show for Item {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Features(agreement) => show_features(agreement, f),
            Self::Status(transport) => show_status(transport, f),
            Self::Interrupts(policy, vectors, counts) => {
                writeln!(f, "policy: {}", policy.name())?;
                writeln!(f, "vectors: {vectors}")?;
                writeln!(f, "configuration changes: {}", counts.config.get())?;
                writeln!(f, "of other devices: {}", counts.foreign.get())?;
                writeln!(f, "masked: {}", counts.masked.get())
            }
            Self::Queue(queue) => show_queue(queue, f),
        }
    }
}

fn show_features(agreement: &Agreement, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (what, features) in [
        ("offered", agreement.offered),
        ("disabled", agreement.disabled),
        ("negotiated", agreement.negotiated),
    ] {
        let kind = agreement.kind;
        write!(f, "{}: {:#010x}", what, features.bits())?;
        if features != Features::NONE {
            write!(f, " ")?;
            Display::fmt(&Names { kind, features }, f)?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn show_status(transport: &PciLegacy, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let status = transport.status();
    write!(f, "{:#04x}", status.bits())?;
    if status.is_gone() {
        return writeln!(f, " gone");
    }
    for name in status.names() {
        write!(f, " {name}")?;
    }
    writeln!(f)
}

fn show_queue(queue: &Queue, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ring = queue.watch.state();
    write!(f, "name: ")?;
    Display::fmt(&queue.name, f)?;
    writeln!(f)?;
    show_counts(&ring, f)?;
    if let Some(counts) = &queue.interrupts {
        writeln!(f, "interrupts: {}", counts.all.get())?;
        writeln!(f, "interrupts without work: {}", counts.idle.get())?;
    }
    show_ring(&ring, f)
}

fn show_counts(ring: &RingState, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "size: {}", ring.size)?;
    writeln!(f, "free: {}", ring.free)?;
    writeln!(f, "in flight: {}", ring.in_flight())?;
    writeln!(f, "waiting: {}", ring.waiting())?;
    writeln!(f, "added: {}", ring.added)?;
    writeln!(f, "used: {}", ring.used)?;
    writeln!(f, "notifications: {}", ring.notifications)?;
    writeln!(f, "suppressed: {}", ring.suppressed)
}

fn show_ring(ring: &RingState, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(
        f,
        "avail ring: idx {} flags {} used_event {}",
        ring.avail_idx, ring.avail_flags, ring.used_event
    )?;
    writeln!(
        f,
        "used ring: idx {} flags {} avail_event {} taken {}",
        ring.used_idx, ring.used_flags, ring.avail_event, ring.taken
    )?;
    write!(f, "broken: ")?;
    match ring.broken {
        Some(violation) => Display::fmt(&violation, f)?,
        None => write!(f, "no")?,
    }
    writeln!(f)
}

/// The directory of a device. It is gone when this is dropped.
pub struct Inspection(Dir<LocalModule, Item>);

impl Inspection {
    /// Makes the directory `name` for a device whose interrupts are set up as `policy` has it.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(
        name: &CStr,
        transport: &Arc<PciLegacy>,
        agreement: Agreement,
        interrupts: (Policy, usize, Arc<DeviceInterrupts>),
        queues: KVec<Queue>,
    ) -> Result<Self> {
        let (policy, vectors, counts) = interrupts;
        let mut dir = Dir::new(name);
        dir.file(c"features", Item::Features(agreement))?;
        dir.file(c"status", Item::Status(transport.clone()))?;
        dir.file(c"interrupts", Item::Interrupts(policy, vectors, counts))?;
        for queue in queues {
            let name = CString::try_from_fmt(fmt!("queue{}", queue.watch.index()))?;
            dir.file(&name, Item::Queue(queue))?;
        }
        Ok(Self(dir))
    }
}
