// SPDX-License-Identifier: GPL-2.0

//! The one table of options, from which words are understood and the help is printed.

use super::low::{
    Check,
    Low, //
};
use crate::trace::reader::Mark;

/// An option.
pub struct Flag {
    /// Without the two dashes.
    pub name: &'static str,
    /// What stands for its value in the help; none for a switch, in brackets and with the equals
    /// sign if it can be left out.
    pub value: Option<&'static str>,
    /// The one kind of device that has it; none for all.
    pub kind: Option<&'static str>,
    /// Whether it makes a whole command line, without a device.
    pub alone: bool,
    /// One line.
    pub help: &'static str,
    /// Takes it; the value is empty for a switch.
    pub set: fn(&mut Low, String) -> Result<(), String>,
}

impl Flag {
    /// Whether its value can be left out; it is empty then.
    pub fn may_stand_alone(&self) -> bool {
        self.value.is_none_or(|value| value.starts_with('['))
    }
}

/// Every option there is.
pub const FLAGS: &[Flag] = &[
    Flag {
        name: "socket",
        value: Some("PATH"),
        kind: None,
        alone: false,
        help: "listen here for a client such as QEMU's vfio-user-pci",
        set: |low, text| {
            low.socket = Some(text.into());
            Ok(())
        },
    },
    Flag {
        name: "queues",
        value: Some("N"),
        kind: None,
        alone: false,
        help: "request queues of a disk, pairs of queues of a card (default 1)",
        set: |low, text| {
            low.queues = Some(number(&text)?);
            Ok(())
        },
    },
    Flag {
        name: "queue-size",
        value: Some("N"),
        kind: None,
        alone: false,
        help: "entries of each queue, a power of two (default 256)",
        set: |low, text| {
            low.queue_size = number(&text)?;
            Ok(())
        },
    },
    Flag {
        name: "vectors",
        value: Some("N"),
        kind: None,
        alone: false,
        help: "MSI-X vectors (default: one a queue and one more); 0: INTx alone",
        set: |low, text| {
            low.vectors = Some(number(&text)?);
            Ok(())
        },
    },
    Flag {
        name: "features",
        value: Some("LIST"),
        kind: None,
        alone: false,
        help: "features to offer or not: +NAME,-NAME",
        set: |low, text| {
            low.features = text;
            Ok(())
        },
    },
    Flag {
        name: "profile",
        value: Some("NAME"),
        kind: None,
        alone: false,
        help: "whose habits: qemu (default), bhyve, kvmtool, propolis",
        set: |low, text| {
            low.profile = Some(text);
            Ok(())
        },
    },
    Flag {
        name: "trace",
        value: Some("FILE"),
        kind: None,
        alone: false,
        help: "write what happens to FILE; emulator trace shows it",
        set: |low, text| {
            low.files.trace = Some(text.into());
            Ok(())
        },
    },
    Flag {
        name: "check",
        value: Some("[=strict]"),
        kind: None,
        alone: false,
        help: "say at the end which rules the driver broke; strict: and exit with 3",
        set: |low, text| {
            low.check = Some(match text.as_str() {
                "" => Check::Report,
                "strict" => Check::Strict,
                _ => return Err(format!("{text} is not strict")),
            });
            Ok(())
        },
    },
    Flag {
        name: "fault",
        value: Some("FAULT"),
        kind: None,
        alone: false,
        help: "do something wrong: NAME[:after=N][:count=N][:queue=Q][:value=V], random:SEED; repeatable",
        set: |low, text| {
            low.faults.push(text);
            Ok(())
        },
    },
    Flag {
        name: "disk",
        value: Some("DISK"),
        kind: Some("blk"),
        alone: false,
        help: "an image or block device; or memory:SIZE, null:SIZE",
        set: |low, text| {
            low.disk = Some(text);
            Ok(())
        },
    },
    Flag {
        name: "read-only",
        value: None,
        kind: Some("blk"),
        alone: false,
        help: "never write to the disk",
        set: |low, _| {
            low.read_only = true;
            Ok(())
        },
    },
    Flag {
        name: "serial",
        value: Some("TEXT"),
        kind: Some("blk"),
        alone: false,
        help: "serial number of the disk, up to 20 bytes",
        set: |low, text| {
            low.serial = text;
            Ok(())
        },
    },
    Flag {
        name: "backend",
        value: Some("WIRE"),
        kind: Some("net"),
        alone: false,
        help: "null, loopback, dgram:PATH, vnet:PATH, tap:NAME, pcap:FILE or pcap-fast:FILE",
        set: |low, text| {
            low.backend = Some(text);
            Ok(())
        },
    },
    Flag {
        name: "mac",
        value: Some("ADDRESS"),
        kind: Some("net"),
        alone: false,
        help: "MAC address (default 52:54:00:00:00:01)",
        set: |low, text| {
            low.mac = Some(text);
            Ok(())
        },
    },
    Flag {
        name: "mtu",
        value: Some("BYTES"),
        kind: Some("net"),
        alone: false,
        help: "tell the driver the longest packet, 68 to 65535 (default: do not)",
        set: |low, text| {
            low.mtu = Some(number(&text)?);
            Ok(())
        },
    },
    Flag {
        name: "config",
        value: Some("FILE"),
        kind: None,
        alone: true,
        help: "serve several devices: each line of FILE is a command line, # begins a comment",
        set: |low, text| {
            low.config = Some(text.into());
            Ok(())
        },
    },
    Flag {
        name: "pcap",
        value: Some("FILE"),
        kind: Some("net"),
        alone: false,
        help: "write the frames to FILE, for Wireshark or tcpdump",
        set: |low, text| {
            low.files.pcap = Some(text.into());
            Ok(())
        },
    },
    Flag {
        name: "summary",
        value: None,
        kind: Some("trace"),
        alone: false,
        help: "print counts, not each event",
        set: |low, _| {
            low.summary = true;
            Ok(())
        },
    },
    Flag {
        name: "svg",
        value: Some("FILE"),
        kind: Some("trace"),
        alone: false,
        help: "draw what happened when, and how full the rings were",
        set: |low, text| {
            low.svg = Some(text.into());
            Ok(())
        },
    },
    Flag {
        name: "from",
        value: Some("MARK"),
        kind: Some("trace"),
        alone: false,
        help: "begin at this microsecond, or with #N at event N",
        set: |low, text| {
            low.window.from = Some(mark(&text)?);
            Ok(())
        },
    },
    Flag {
        name: "to",
        value: Some("MARK"),
        kind: Some("trace"),
        alone: false,
        help: "end there, likewise",
        set: |low, text| {
            low.window.to = Some(mark(&text)?);
            Ok(())
        },
    },
    Flag {
        name: "list-rules",
        value: None,
        kind: None,
        alone: true,
        help: "print the rules of --check: id, section of VIRTIO 1.3, sentence",
        set: |low, _| {
            low.list_rules = true;
            Ok(())
        },
    },
    Flag {
        name: "fault-list",
        value: None,
        kind: None,
        alone: true,
        help: "print the faults there are: name, who has it, what it does, what it is to show",
        set: |low, _| {
            low.list_faults = true;
            Ok(())
        },
    },
    Flag {
        name: "help",
        value: None,
        kind: None,
        alone: true,
        help: "print this",
        set: |low, _| {
            low.help = true;
            Ok(())
        },
    },
    Flag {
        name: "version",
        value: None,
        kind: None,
        alone: true,
        help: "print the version",
        set: |low, _| {
            low.version = true;
            Ok(())
        },
    },
];

/// What a card can be connected to.
const WIRES: &[(&str, &str)] = &[
    ("null", "nothing"),
    ("loopback", "itself: each packet comes back"),
    (
        "dgram:PATH",
        "a peer: one end of the pair of unix sockets PATH, PATH.peer",
    ),
    (
        "vnet:PATH",
        "likewise, a peer that takes and sends packets with their headers",
    ),
    (
        "tap:NAME",
        "the host: a tap interface, made if it is not there",
    ),
    (
        "pcap:FILE",
        "a capture, replayed in its time whenever a driver is ready",
    ),
    ("pcap-fast:FILE", "likewise, as fast as the driver takes it"),
];

/// What signals do.
const SIGNALS: &[(&str, &str)] = &[
    (
        "SIGHUP",
        "takes a disk's new size over; has a card announced to its network",
    ),
    ("SIGUSR1", "takes the link of a card down, or up again"),
    ("SIGINT, SIGTERM", "end it"),
];

fn number(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| format!("{text} is not a number up to 65535"))
}

fn mark(text: &str) -> Result<Mark, String> {
    Mark::parse(text).ok_or_else(|| format!("{text} is neither microseconds nor # and a number"))
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "Emulates a legacy virtio PCI device for a virtual machine, over vfio-user.\n\n\
         usage: emulator blk --socket PATH --disk DISK [OPTION]...\n       \
         emulator net --socket PATH --backend WIRE [OPTION]...\n       \
         emulator --config FILE\n       \
         emulator trace FILE [OPTION]...\n",
    );
    for (kind, alone, title) in [
        (None, false, "Every device"),
        (Some("blk"), false, "Block devices"),
        (Some("net"), false, "Network devices"),
        (Some("trace"), false, "Looking at a trace"),
        (None, true, "Without a device"),
    ] {
        text += &format!("\n{title}:\n");
        for flag in FLAGS
            .iter()
            .filter(|flag| (flag.kind, flag.alone) == (kind, alone))
        {
            let name = match flag.value {
                Some(value) if flag.may_stand_alone() => format!("--{}{value}", flag.name),
                Some(value) => format!("--{} {value}", flag.name),
                None => format!("--{}", flag.name),
            };
            text += &format!("  {name:<18} {}\n", flag.help);
        }
    }
    text += "\nWIRE, what a card is connected to:\n";
    for (name, what) in WIRES {
        text += &format!("  {name:<18} {what}\n");
    }
    text += "\nSIZE is in bytes, or with K, M, G.\n\nSignals, to all devices of the process:\n";
    for (name, what) in SIGNALS {
        text += &format!("  {name:<18} {what}\n");
    }
    text
}
