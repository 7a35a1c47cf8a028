// SPDX-License-Identifier: GPL-2.0

//! An event as it is read back from a trace.

mod fields;

use fields::Fields;

use super::json::Value;
use crate::{
    observe::{
        Cause,
        Moment,
        Via, //
    },
    queue::{
        Hold,
        Piece,
        Table,
        Wish, //
    },
    virtio::{
        net::Header,
        pci::DeviceType, //
    },
};

/// The words for what causes a reset.
pub(super) const CAUSES: [(&str, Cause); 4] = [
    ("status", Cause::Status),
    ("frame", Cause::Frame),
    ("bus", Cause::Bus),
    ("client", Cause::Client),
];

const KINDS: [(&str, DeviceType); 3] = [
    (DeviceType::Net.name(), DeviceType::Net),
    (DeviceType::Block.name(), DeviceType::Block),
    (DeviceType::Entropy.name(), DeviceType::Entropy),
];

/// The word that stands for `wanted`; every one has a word.
pub(super) fn word_of<T: Copy + PartialEq>(words: &[(&'static str, T)], wanted: T) -> &'static str {
    words
        .iter()
        .find(|(_, value)| *value == wanted)
        .map_or("", |(word, _)| word)
}

fn value_of<T: Copy>(words: &[(&str, T)], wanted: &str) -> Option<T> {
    words
        .iter()
        .find(|(word, _)| *word == wanted)
        .map(|(_, value)| *value)
}

/// A line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened.
    pub moment: Moment,
    /// What it was.
    pub what: What,
}

/// What happened; see [`Event`](crate::observe::Event).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the events have the same names")]
pub enum What {
    Device {
        kind: DeviceType,
        features: u32,
        queues: Vec<u16>,
        config: u64,
        vectors: u16,
        profile: String,
    },
    Client {
        connected: bool,
    },
    Register {
        write: bool,
        offset: u64,
        config: Option<u64>,
        data: Vec<u8>,
    },
    Master(bool),
    Msix(bool),
    Reset(Cause),
    Features(u32),
    QueueOn {
        queue: u16,
        frame: u32,
        size: u16,
    },
    QueueOff {
        queue: u16,
    },
    Kick {
        queue: u16,
        available: Option<u16>,
        taken: u16,
    },
    Chain {
        queue: u16,
        position: u16,
        available: u16,
        head: u16,
        table: Option<Table>,
        pieces: Vec<Piece>,
    },
    PutBack {
        queue: u16,
        count: u16,
        position: u16,
    },
    Done {
        queue: u16,
        position: u16,
        head: u16,
        written: u32,
    },
    Wish {
        queue: u16,
        wish: Wish,
    },
    Interrupt {
        queue: Option<u16>,
        via: Via,
    },
    Held {
        queue: u16,
        by: Hold,
    },
    Violation {
        queue: u16,
        rule: String,
    },
    Data {
        queue: u16,
        data: Vec<u8>,
    },
    Request {
        queue: u16,
        kind: u32,
        priority: u32,
        sector: u64,
        bytes: u64,
        status: u8,
    },
    Header {
        queue: u16,
        sent: bool,
        header: Header,
        bytes: u64,
    },
    Command {
        queue: u16,
        class: u8,
        command: u8,
        bytes: u64,
        answer: u8,
    },
    Frame {
        sent: bool,
        bytes: u64,
    },
}

impl Entry {
    /// Takes a line's value.
    ///
    /// # Errors
    ///
    /// What is missing or makes no sense.
    pub fn new(line: &Value) -> Result<Self, String> {
        let Value::Object(fields) = line else {
            return Err("it is not an object".into());
        };
        let fields = Fields(fields);
        Ok(Self {
            moment: Moment {
                sequence: fields.get("seq")?,
                micros: fields.get("us")?,
            },
            what: What::new(&fields)?,
        })
    }
}

impl What {
    fn new(fields: &Fields<'_>) -> Result<Self, String> {
        let event: String = fields.get("event")?;
        Ok(match event.as_str() {
            "device" => Self::Device {
                kind: fields.word("kind", &KINDS)?,
                features: fields.get("features")?,
                queues: fields.get("queues")?,
                config: fields.get("config")?,
                vectors: fields.get("vectors")?,
                profile: fields.get("profile")?,
            },
            "client" => Self::Client {
                connected: fields.get("connected")?,
            },
            "register" => Self::Register {
                write: fields.get("write")?,
                offset: fields.get("offset")?,
                config: fields.get("config")?,
                data: fields.bytes("data")?,
            },
            "master" => Self::Master(fields.get("on")?),
            "msix" => Self::Msix(fields.get("on")?),
            "reset" => Self::Reset(fields.word("cause", &CAUSES)?),
            "features" => Self::Features(fields.get("accepted")?),
            "data" | "request" | "header" | "command" | "frame" => Self::work(&event, fields)?,
            _ => Self::ring(&event, fields)?,
        })
    }

    /// What happens to or in a queue.
    fn ring(event: &str, fields: &Fields<'_>) -> Result<Self, String> {
        if event == "interrupt" {
            return Ok(Self::Interrupt {
                queue: fields.get("queue")?,
                via: fields.via()?,
            });
        }
        let queue = fields.get("queue");
        Ok(match event {
            "queue_on" => Self::QueueOn {
                queue: queue?,
                frame: fields.get("frame")?,
                size: fields.get("size")?,
            },
            "queue_off" => Self::QueueOff { queue: queue? },
            "kick" => Self::Kick {
                queue: queue?,
                available: fields.get("available")?,
                taken: fields.get("taken")?,
            },
            "chain" => Self::Chain {
                queue: queue?,
                position: fields.get("position")?,
                available: fields.get("available")?,
                head: fields.get("head")?,
                table: fields.get("table")?,
                pieces: fields.get("pieces")?,
            },
            "put_back" => Self::PutBack {
                queue: queue?,
                count: fields.get("count")?,
                position: fields.get("position")?,
            },
            "done" => Self::Done {
                queue: queue?,
                position: fields.get("position")?,
                head: fields.get("head")?,
                written: fields.get("written")?,
            },
            "wish" => Self::Wish {
                queue: queue?,
                wish: fields.wish()?,
            },
            "held" => Self::Held {
                queue: queue?,
                by: fields.hold()?,
            },
            "violation" => Self::Violation {
                queue: queue?,
                rule: fields.get("rule")?,
            },
            _ => return Err(format!("event {event:?} is not known")),
        })
    }

    /// What a disk or a card does.
    fn work(event: &str, fields: &Fields<'_>) -> Result<Self, String> {
        Ok(match event {
            "data" => Self::Data {
                queue: fields.get("queue")?,
                data: fields.bytes("data")?,
            },
            "request" => Self::Request {
                queue: fields.get("queue")?,
                kind: fields.get("kind")?,
                priority: fields.get("priority")?,
                sector: fields.get("sector")?,
                bytes: fields.get("bytes")?,
                status: fields.get("status")?,
            },
            "header" => Self::Header {
                queue: fields.get("queue")?,
                sent: fields.get("sent")?,
                header: fields.header()?,
                bytes: fields.get("bytes")?,
            },
            "command" => Self::Command {
                queue: fields.get("queue")?,
                class: fields.get("class")?,
                command: fields.get("command")?,
                bytes: fields.get("bytes")?,
                answer: fields.get("answer")?,
            },
            _ => Self::Frame {
                sent: fields.get("sent")?,
                bytes: fields.get("bytes")?,
            },
        })
    }
}
