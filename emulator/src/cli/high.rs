// SPDX-License-Identifier: GPL-2.0

//! What the command line means.

use std::{
    path::PathBuf,
    sync::Arc, //
};

use super::{
    low::{
        Check,
        Low, //
    },
    record::Files, //
};
use crate::{
    blk,
    fault::{
        Fault,
        Faults, //
    },
    net::{
        self,
        backend::Pace, //
    },
    virtio::{
        blk::ID_BYTES,
        features,
        pci::DeviceType,
        profile::{
            Profile,
            PROFILES,
            QEMU, //
        },
    },
};

/// The MAC address of a card that is not given one.
const MAC: [u8; 6] = [0x52, 0x54, 0, 0, 0, 1];

/// Most pairs of queues of a card: each queue has a thread.
const MAX_PAIRS: u16 = 256;

/// The least MTU that a driver has to live with (VIRTIO 1.3, section 5.1.4.1).
const MIN_MTU: u16 = 68;

/// Where a disk's sectors are to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Storage {
    File(PathBuf),
    Memory(u64),
    Null(u64),
}

/// What a network card is to be connected to.
#[derive(Debug, PartialEq, Eq)]
pub enum Wire {
    Null,
    Loopback,
    Datagram { path: PathBuf, headers: bool },
    Tap(String),
    Capture(PathBuf, Pace),
}

/// A kind of device, and what is special to it.
#[derive(Debug)]
pub enum Kind {
    Block {
        storage: Storage,
        read_only: bool,
        settings: blk::config::Settings,
    },
    Net {
        wire: Wire,
        settings: net::Settings,
    },
}

/// A device to be served.
#[derive(Debug)]
pub struct Wanted {
    pub socket: PathBuf,
    /// None: one for each queue and one for the configuration.
    pub vectors: Option<u16>,
    pub profile: &'static Profile,
    pub files: Files,
    /// Whether the driver is judged, and how.
    pub check: Option<Check>,
    /// What it does wrong on purpose.
    pub faults: Arc<Faults>,
    pub kind: Kind,
}

impl Wanted {
    /// Checks and completes what was typed.
    ///
    /// # Errors
    ///
    /// A line about the first thing that cannot be.
    pub fn new(low: Low) -> Result<Self, String> {
        let name = low.kind.as_deref().ok_or("which device? blk or net")?;
        if !["blk", "net"].contains(&name) {
            return Err(format!("there is no device {name}"));
        }
        for flag in &low.given {
            if flag.kind.is_some_and(|kind| kind != name) {
                return Err(format!("--{} is not for {name}", flag.name));
            }
        }
        if !low.queue_size.is_power_of_two() || low.queue_size > 32768 {
            return Err(format!(
                "--queue-size: {} is not a power of two up to 32768",
                low.queue_size
            ));
        }
        if low.vectors.is_some_and(|vectors| vectors > 2048) {
            return Err("--vectors: more than 2048".into());
        }
        if low.files.trace.is_some() && low.files.trace == low.files.pcap {
            return Err("--trace and --pcap: one file for both".into());
        }
        let wire = low.backend.as_deref().and_then(|wire| wire.split_once(':'));
        let read = low.disk.as_deref().or(wire.map(|(_, path)| path));
        if read.is_some_and(|path| low.files.has(path.as_ref())) {
            return Err("--trace, --pcap: the file would be lost as a disk or a wire".into());
        }
        Ok(Self {
            socket: low.socket.clone().ok_or("--socket is needed")?,
            vectors: low.vectors,
            profile: profile(low.profile.as_deref())?,
            files: low.files.clone(),
            check: low.check,
            faults: Arc::new(faults(&low.faults, name)?),
            kind: if name == "blk" {
                block(low)?
            } else {
                card(low)?
            },
        })
    }
}

fn faults(texts: &[String], device: &str) -> Result<Faults, String> {
    let device = if device == "blk" {
        DeviceType::Block
    } else {
        DeviceType::Net
    };
    let mut list = Vec::new();
    for text in texts {
        list.extend(Fault::all(text, device).map_err(|why| format!("--fault: {why}"))?);
    }
    Ok(Faults::new(list))
}

fn profile(name: Option<&str>) -> Result<&'static Profile, String> {
    let Some(name) = name else {
        return Ok(QEMU);
    };
    PROFILES
        .iter()
        .find(|profile| profile.name == name)
        .ok_or_else(|| format!("--profile: {name} is not known"))
}

fn block(low: Low) -> Result<Kind, String> {
    let queues = low.queues.unwrap_or(1);
    if queues == 0 || queues > 1024 {
        return Err(format!("--queues: {queues} is not 1 to 1024"));
    }
    let mut serial = [0; ID_BYTES];
    let place = serial
        .get_mut(..low.serial.len())
        .ok_or("--serial: more than 20 bytes")?;
    place.copy_from_slice(low.serial.as_bytes());
    let (with, without) = feature_list(&low.features, DeviceType::Block)?;
    Ok(Kind::Block {
        storage: storage(&low.disk.ok_or("--disk is needed")?)?,
        read_only: low.read_only,
        settings: blk::config::Settings {
            queues,
            queue_size: low.queue_size,
            serial,
            with,
            without,
        },
    })
}

fn card(low: Low) -> Result<Kind, String> {
    let wire = match low
        .backend
        .as_deref()
        .ok_or("--backend is needed")?
        .split_once(':')
    {
        None if low.backend.as_deref() == Some("null") => Wire::Null,
        None if low.backend.as_deref() == Some("loopback") => Wire::Loopback,
        Some((kind @ ("dgram" | "vnet"), path)) if !path.is_empty() => Wire::Datagram {
            path: path.into(),
            headers: kind == "vnet",
        },
        Some(("tap", name)) if !name.is_empty() => Wire::Tap(name.into()),
        Some(("pcap", path)) if !path.is_empty() => Wire::Capture(path.into(), Pace::Captured),
        Some(("pcap-fast", path)) if !path.is_empty() => Wire::Capture(path.into(), Pace::Fast),
        _ => {
            return Err(
                "--backend is null, loopback, dgram:, vnet:, tap:, pcap: or pcap-fast:".into(),
            )
        }
    };
    let mac = match &low.mac {
        Some(text) => {
            address(text).ok_or_else(|| format!("--mac: {text} is not the address of a card"))?
        }
        None => MAC,
    };
    let pairs = low.queues.unwrap_or(1);
    if pairs == 0 || pairs > MAX_PAIRS {
        return Err(format!("--queues: {pairs} is not 1 to {MAX_PAIRS}"));
    }
    if low.mtu.is_some_and(|mtu| mtu < MIN_MTU) {
        return Err(format!("--mtu: less than {MIN_MTU}"));
    }
    let (with, without) = feature_list(&low.features, DeviceType::Net)?;
    Ok(Kind::Net {
        wire,
        settings: net::Settings {
            pairs,
            mtu: low.mtu,
            queue_size: low.queue_size,
            mac,
            with,
            without,
        },
    })
}

/// Six bytes in hexadecimal, with colons; neither a group's address nor none.
fn address(text: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|part| {
            if part.len() == 2 {
                u8::from_str_radix(part, 16).ok()
            } else {
                None
            }
        })
        .collect();
    let mac: [u8; 6] = bytes?.try_into().ok()?;
    (mac[0] & 1 == 0 && mac != [0; 6]).then_some(mac)
}

fn storage(text: &str) -> Result<Storage, String> {
    Ok(match text.split_once(':') {
        Some(("memory", size)) => Storage::Memory(bytes(size)?),
        Some(("null", size)) => Storage::Null(bytes(size)?),
        _ => Storage::File(text.into()),
    })
}

/// A number of bytes, with K, M, G behind it for more; at least a sector.
fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'K')) => (&text[..at], 10),
        Some((at, 'M')) => (&text[..at], 20),
        Some((at, 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|size| (512..=1 << 60).contains(size))
        .ok_or_else(|| format!("--disk: {text} is not a size of a disk"))
}

/// The bits to add and those to take away.
fn feature_list(text: &str, kind: DeviceType) -> Result<(u32, u32), String> {
    let (mut with, mut without) = (0, 0);
    for word in text.split(',').filter(|word| !word.is_empty()) {
        let (set, name) = match word.split_at_checked(1) {
            Some(("+", name)) => (&mut with, name),
            Some(("-", name)) => (&mut without, name),
            _ => return Err(format!("--features: {word} starts with neither + nor -")),
        };
        let name = name.to_uppercase().replace('-', "_");
        let bit = (0..32)
            .find(|bit| features::name(kind, *bit) == Some(name.as_str()))
            .ok_or_else(|| format!("--features: {word} is no feature of the device"))?;
        *set |= 1 << bit;
    }
    Ok((with, without))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::low;

    fn wanted(line: &str) -> Result<Wanted, String> {
        low::parse(line.split_whitespace().map(Into::into)).and_then(Wanted::new)
    }

    #[test]
    fn a_short_line_gets_the_usual_disk() {
        let wanted = wanted("blk --socket s --disk d").unwrap();
        assert_eq!((wanted.socket, wanted.vectors), (PathBuf::from("s"), None));
        let Kind::Block {
            storage,
            read_only,
            settings,
        } = wanted.kind
        else {
            panic!("not a disk");
        };
        assert_eq!((storage, read_only), (Storage::File("d".into()), false));
        assert_eq!((settings.queues, settings.queue_size), (1, 256));
    }

    #[test]
    fn every_option_is_understood_in_both_forms() {
        let line = "--socket=s blk --disk memory:3M --read-only --serial x=y --queues=4 --queue-size 64 --vectors 0 --features +mq,-EVENT-IDX";
        let wanted = wanted(line).unwrap();
        assert_eq!(wanted.vectors, Some(0));
        let Kind::Block {
            storage,
            read_only,
            settings,
        } = wanted.kind
        else {
            panic!("not a disk");
        };
        assert_eq!((storage, read_only), (Storage::Memory(3 << 20), true));
        assert_eq!(settings.serial[..4], *b"x=y\0");
        assert_eq!((settings.queues, settings.queue_size), (4, 64));
        assert_eq!((settings.with, settings.without), (1 << 12, 1 << 29));
    }

    #[test]
    fn a_network_card_has_its_own_options() {
        let wires = [
            ("null", Wire::Null),
            ("loopback", Wire::Loopback),
            (
                "dgram:a:b",
                Wire::Datagram {
                    path: "a:b".into(),
                    headers: false,
                },
            ),
            (
                "vnet:a",
                Wire::Datagram {
                    path: "a".into(),
                    headers: true,
                },
            ),
            ("tap:vm0", Wire::Tap("vm0".into())),
            ("pcap:a", Wire::Capture("a".into(), Pace::Captured)),
            ("pcap-fast:a:b", Wire::Capture("a:b".into(), Pace::Fast)),
        ];
        for (text, wanted_wire) in wires {
            let wanted = wanted(&format!(
                "net --socket s --backend {text} --mac 02:00:00:00:0a:Ff --features -csum --queues 3 --mtu 9000"
            ))
            .unwrap();
            let Kind::Net { wire, settings } = wanted.kind else {
                panic!("not a card");
            };
            assert_eq!(wire, wanted_wire);
            assert_eq!((settings.mac, settings.without), ([2, 0, 0, 0, 10, 255], 1));
            assert_eq!((settings.pairs, settings.mtu), (3, Some(9000)));
        }
    }

    #[test]
    fn a_driver_is_judged_if_wanted_and_strictly_if_wanted() {
        for (option, check) in [
            ("", None),
            ("--check", Some(Check::Report)),
            ("--check=strict", Some(Check::Strict)),
        ] {
            let wanted = wanted(&format!("blk {option} --socket s --disk d")).unwrap();
            assert_eq!(wanted.check, check, "{option}");
        }
    }

    #[test]
    fn nonsense_is_told_in_one_line() {
        for (line, word) in [
            ("", "which device"),
            ("floppy", "no device floppy"),
            ("blk blk", "too many"),
            ("blk --disk d", "--socket is needed"),
            ("blk --socket s", "--disk is needed"),
            ("blk --socket", "--socket needs PATH"),
            ("blk --frobnicate", "--frobnicate is not known"),
            ("blk --read-only=yes", "takes no value"),
            ("blk --queues x", "not a number"),
            ("blk --socket s --disk d --queues 0", "not 1 to 1024"),
            ("blk --socket s --disk d --queue-size 100", "power of two"),
            ("blk --socket s --disk d --vectors 2049", "more than 2048"),
            (
                "blk --socket s --disk d --serial 123456789012345678901",
                "20 bytes",
            ),
            ("blk --socket s --disk d --features mq", "neither + nor -"),
            (
                "blk --socket s --disk d --features +csum",
                "no feature of the device",
            ),
            ("blk --socket s --disk null:", "not a size"),
            ("blk --socket s --disk null:99999999999G", "not a size"),
            ("blk --socket s --disk memory:511", "not a size"),
            ("blk --socket s --disk d --mac 1", "--mac is not for blk"),
            ("blk --socket s --disk d --profile xen", "xen is not known"),
            (
                "blk --socket s --disk d --check=mildly",
                "mildly is not strict",
            ),
            (
                "net --socket s --backend null --disk d",
                "--disk is not for net",
            ),
            ("net --socket s", "--backend is needed"),
            ("net --socket s --backend dgram:", "null, loopback, dgram"),
            ("net --socket s --backend tap", "null, loopback, dgram"),
            ("net --socket s --backend pcap:", "null, loopback, dgram"),
            (
                "net --socket s --backend null --mac 1:2:3:4:5:6",
                "not the address",
            ),
            (
                "net --socket s --backend null --queues 257",
                "--queues: 257 is not 1 to 256",
            ),
            (
                "net --socket s --backend null --mtu 67",
                "--mtu: less than 68",
            ),
            (
                "net --socket s --backend null --mac 01:00:00:00:00:01",
                "not the address",
            ),
            (
                "net --socket s --backend null --features +flush",
                "no feature",
            ),
        ] {
            let why = wanted(line).err().unwrap_or_default();
            assert!(why.contains(word), "{line}: {why}");
            assert!(!why.contains('\n'));
        }
    }

    #[test]
    fn the_help_names_every_option() {
        let help = super::super::flags::help();
        for flag in super::super::flags::FLAGS {
            assert!(help.contains(&format!("--{}", flag.name)));
        }
        assert!(help.lines().all(|line| line.len() <= 110));
    }
}
