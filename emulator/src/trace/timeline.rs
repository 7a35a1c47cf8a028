// SPDX-License-Identifier: GPL-2.0

//! A trace as lines for a person: number, seconds, what happened.

use super::{
    entry::{
        word_of,
        Entry,
        What,
        CAUSES, //
    },
    names,
};
use crate::{
    observe::{
        Moment,
        Via, //
    },
    queue::{
        Hold,
        Piece,
        Ring,
        Table,
        Wish, //
    },
    virtio::{
        net::Header,
        pci::DeviceType, //
    },
};

/// Most buffers of a chain that are listed.
const MOST_PIECES: usize = 6;

/// Most bytes of data that are printed.
const MOST_BYTES: usize = 32;

/// Makes lines of entries, one after the other.
#[derive(Default)]
pub struct Timeline {
    kind: Option<DeviceType>,
}

impl Timeline {
    /// The line of the next entry, with its end.
    pub fn line(&mut self, entry: &Entry) -> String {
        let Moment { sequence, micros } = entry.moment;
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let what = self.what(&entry.what);
        format!("#{sequence:<7} {seconds:>4}.{rest:06}  {what}\n")
    }

    /// What happened, without the time.
    pub fn what(&mut self, what: &What) -> String {
        match what {
            What::Device {
                kind,
                features,
                queues,
                profile,
                vectors,
                ..
            } => {
                self.kind = Some(*kind);
                let offered = names::features(self.kind, *features);
                format!(
                    "device {}: queues of {queues:?}, {vectors} vectors, profile {profile}, offers {offered}",
                    kind.name()
                )
            }
            What::Client { connected: true } => "client connected".into(),
            What::Client { connected: false } => "client gone".into(),
            What::Register {
                write,
                offset,
                config,
                data,
            } => self.register(*write, *offset, *config, data),
            What::Master(on) => format!("bus master {}", switch(*on)),
            What::Msix(on) => format!("MSI-X {}", switch(*on)),
            What::Reset(cause) => format!("device reset, by {}", word_of(&CAUSES, *cause)),
            What::Features(bits) => {
                format!("features accepted: {}", names::features(self.kind, *bits))
            }
            _ => queue_event(what),
        }
    }

    fn register(&self, write: bool, offset: u64, config: Option<u64>, data: &[u8]) -> String {
        let name = names::register(self.kind, offset, config);
        let verb = if write { "write" } else { "read " };
        let sign = if write { "=" } else { "->" };
        let place = config.map_or_else(String::new, |at| format!(" (+{at})"));
        format!("{verb} {name}{place} {sign} {}", self.value(&name, data))
    }

    /// What was read or written, as fits the register.
    fn value(&self, name: &str, data: &[u8]) -> String {
        let Some(value) = number(data) else {
            return hex(data);
        };
        match name {
            // CAST: The register has 8 bits; of anything wider the low ones count.
            "STATUS" => format!("{value:#04x} {}", names::status(value as u8)),
            // CAST: The registers have 32 bits.
            "HOST_FEATURES" | "GUEST_FEATURES" => {
                format!("{value:#010x} {}", names::features(self.kind, value as u32))
            }
            "QUEUE_PFN" => format!("{value:#x}"),
            "CONFIG_VECTOR" | "QUEUE_VECTOR" if value == 0xffff => "none".into(),
            _ => value.to_string(),
        }
    }
}

/// The little-endian number in up to 8 bytes.
pub(super) fn number(data: &[u8]) -> Option<u64> {
    let mut wire = [0; 8];
    wire.get_mut(..data.len())?.copy_from_slice(data);
    Some(u64::from_le_bytes(wire))
}

/// The first bytes in hexadecimal.
fn hex(data: &[u8]) -> String {
    let digits: Vec<String> = data
        .iter()
        .take(MOST_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let digits = digits.concat();
    if data.len() > MOST_BYTES {
        digits + "..."
    } else {
        digits
    }
}

fn switch(on: bool) -> &'static str {
    if on {
        "on"
    } else {
        "off"
    }
}

/// What happens to or in a queue.
fn queue_event(what: &What) -> String {
    match what {
        What::QueueOn { queue, frame, size } => {
            let [table, avail, used] = Ring::new(*frame, *size).parts();
            format!(
                "queue {queue}: {size} entries in frame {frame:#x}: descriptors {table:#x}, available ring {avail:#x}, used ring {used:#x}"
            )
        }
        What::QueueOff { queue } => format!("queue {queue}: no ring any more"),
        What::Kick {
            queue,
            available,
            taken,
        } => match available {
            Some(available) => format!(
                "queue {queue}: kick, available index {available}, {} to take",
                available.wrapping_sub(*taken)
            ),
            None => format!("queue {queue}: kick, without a ring"),
        },
        What::Chain {
            queue,
            position,
            head,
            table,
            pieces,
            ..
        } => format!(
            "queue {queue}: chain {position} taken, head {head}: {}",
            buffers(*table, pieces)
        ),
        What::PutBack {
            queue,
            count,
            position,
        } => format!("queue {queue}: {count} chains put back, the next is {position}"),
        What::Done {
            queue,
            position,
            head,
            written,
        } => {
            format!("queue {queue}: head {head} given back as {position}, {written} bytes written")
        }
        What::Wish { queue, wish } => format!("queue {queue}: {}", wish_text(*wish)),
        What::Interrupt { queue, via } => interrupt(*queue, *via),
        What::Held { queue, by } => match by {
            Hold::Flags => format!("queue {queue}: no interrupt, avail.flags forbids it"),
            Hold::Event(index) => format!("queue {queue}: no interrupt before used_event {index}"),
        },
        What::Violation { queue, rule } => format!("queue {queue}: VIOLATION: {rule}"),
        _ => work(what),
    }
}

fn wish_text(wish: Wish) -> String {
    match wish {
        Wish::Off => "no kicks wanted (used.flags)".into(),
        Wish::On => "kicks wanted (used.flags)".into(),
        Wish::At(index) => format!("a kick wanted for chain {index} (avail_event)"),
    }
}

fn interrupt(queue: Option<u16>, via: Via) -> String {
    let who = match queue {
        Some(queue) => format!("queue {queue}"),
        None => "configuration".into(),
    };
    match via {
        Via::Line => format!("{who}: interrupt by the INTx line"),
        Via::Vector(vector) => format!("{who}: interrupt by vector {vector}"),
        Via::Nowhere => format!("{who}: interrupt without a vector"),
    }
}

fn buffers(table: Option<Table>, pieces: &[Piece]) -> String {
    let mut text = match table {
        Some(Table { at, entries }) => format!("table of {entries} at {at:#x}, "),
        None => String::new(),
    };
    for (number, piece) in pieces.iter().take(MOST_PIECES).enumerate() {
        let Piece {
            at, len, writable, ..
        } = piece;
        let comma = if number == 0 { "" } else { ", " };
        let verb = if *writable { "write" } else { "read" };
        text += &format!("{comma}{verb} {len} at {at:#x}");
    }
    if let Some(more @ 1..) = pieces.len().checked_sub(MOST_PIECES) {
        text += &format!(", and {more} more");
    }
    text
}

/// What a disk or a card does.
fn work(what: &What) -> String {
    match what {
        What::Data { queue, data } => {
            format!(
                "queue {queue}: parameters of {} bytes: {}",
                data.len(),
                hex(data)
            )
        }
        What::Request {
            queue,
            kind,
            priority,
            sector,
            bytes,
            status,
        } => {
            let priority = match priority {
                0 => String::new(),
                some => format!(", priority {some:#x}"),
            };
            format!(
                "queue {queue}: {} sector {sector}, {bytes} bytes{priority}: {}",
                names::request(*kind),
                names::request_status(*status)
            )
        }
        What::Header {
            queue,
            sent,
            header,
            bytes,
        } => {
            let verb = if *sent { "sent" } else { "received" };
            format!(
                "queue {queue}: frame of {bytes} bytes {verb}{}",
                offload(header)
            )
        }
        What::Command {
            queue,
            class,
            command,
            bytes,
            answer,
        } => {
            let answer = if *answer == 0 { "OK" } else { "ERR" };
            format!(
                "queue {queue}: {} with {bytes} bytes: {answer}",
                names::command(*class, *command)
            )
        }
        What::Frame { sent, bytes } => {
            let way = if *sent { "to" } else { "from" };
            format!("frame of {bytes} bytes {way} the wire")
        }
        _ => String::new(),
    }
}

/// What a header says beyond that there is a frame.
fn offload(header: &Header) -> String {
    let mut text = String::new();
    if header.flags != 0 {
        text += &format!(
            ", flags {}, checksum from {} at +{}",
            header.flags, header.csum_start, header.csum_offset
        );
    }
    if header.gso_type != 0 {
        text += &format!(
            ", segments of {} (type {})",
            header.gso_size, header.gso_type
        );
    }
    if header.num_buffers > 1 {
        text += &format!(", in {} buffers", header.num_buffers);
    }
    text
}
