// SPDX-License-Identifier: GPL-2.0

//! Numbers of the legacy interface by the names that the specification gives them.

use crate::virtio::{
    blk::config as blk,
    features,
    net::config as net,
    pci::DeviceType,
    status::Status, //
};

/// The registers by their offsets (VIRTIO 1.3, section 4.1.4.10).
const REGISTERS: [(u64, &str); 8] = [
    (0, "HOST_FEATURES"),
    (4, "GUEST_FEATURES"),
    (8, "QUEUE_PFN"),
    (12, "QUEUE_NUM"),
    (14, "QUEUE_SEL"),
    (16, "QUEUE_NOTIFY"),
    (18, "STATUS"),
    (19, "ISR"),
];

/// The registers that are there with MSI-X.
const VECTORS: [(u64, &str); 2] = [(20, "CONFIG_VECTOR"), (22, "QUEUE_VECTOR")];

/// Fields of a block device's configuration (section 5.2.4).
const BLK: [(usize, &str); 16] = [
    (blk::CAPACITY, "capacity"),
    (blk::SEG_MAX, "seg_max"),
    (blk::CYLINDERS, "geometry"),
    (blk::BLK_SIZE, "blk_size"),
    (blk::PHYSICAL_BLOCK_EXP, "topology"),
    (blk::WCE, "writeback"),
    (blk::NUM_QUEUES, "num_queues"),
    (blk::MAX_DISCARD_SECTORS, "max_discard_sectors"),
    (blk::MAX_DISCARD_SEG, "max_discard_seg"),
    (blk::DISCARD_SECTOR_ALIGNMENT, "discard_sector_alignment"),
    (blk::MAX_WRITE_ZEROES_SECTORS, "max_write_zeroes_sectors"),
    (blk::MAX_WRITE_ZEROES_SEG, "max_write_zeroes_seg"),
    (blk::WRITE_ZEROES_MAY_UNMAP, "write_zeroes_may_unmap"),
    (blk::MAX_SECURE_ERASE_SECTORS, "max_secure_erase_sectors"),
    (blk::MAX_SECURE_ERASE_SEG, "max_secure_erase_seg"),
    (
        blk::SECURE_ERASE_SECTOR_ALIGNMENT,
        "secure_erase_sector_alignment",
    ),
];

/// Fields of a network device's configuration (section 5.1.4).
const NET: [(usize, &str); 4] = [
    (net::MAC, "mac"),
    (net::STATUS, "status"),
    (net::MAX_VIRTQUEUE_PAIRS, "max_virtqueue_pairs"),
    (net::MTU, "mtu"),
];

/// The name of the register that an access goes to, or into; `config` is the offset in the
/// configuration.
pub fn register(kind: Option<DeviceType>, offset: u64, config: Option<u64>) -> String {
    if let Some(config) = config {
        let fields: &[(usize, &str)] = match kind {
            Some(DeviceType::Block) => &BLK,
            Some(DeviceType::Net) => &NET,
            _ => &[],
        };
        // CAST: Widening.
        let field = fields.iter().rev().find(|(at, _)| *at as u64 <= config);
        return field.map_or_else(|| "config".into(), |(_, name)| format!("config.{name}"));
    }
    REGISTERS
        .iter()
        .chain(&VECTORS)
        .find(|(at, _)| *at == offset)
        .map_or_else(|| format!("BAR0+{offset}"), |(_, name)| (*name).into())
}

/// Names of feature bits, with a number for those without a name; `-` for none.
pub fn features(kind: Option<DeviceType>, bits: u32) -> String {
    let names: Vec<String> = (0..32)
        .filter(|bit| bits & (1 << bit) != 0)
        .map(|bit| {
            kind.and_then(|kind| features::name(kind, bit))
                .map_or_else(|| format!("bit {bit}"), Into::into)
        })
        .collect();
    joined(&names)
}

/// Names of status bits.
pub fn status(bits: u8) -> String {
    let known = [
        (Status::ACKNOWLEDGE, "ACKNOWLEDGE"),
        (Status::DRIVER, "DRIVER"),
        (Status::DRIVER_OK, "DRIVER_OK"),
        (Status::NEEDS_RESET, "NEEDS_RESET"),
        (Status::FAILED, "FAILED"),
    ];
    let names: Vec<String> = (0..8)
        .filter(|bit| bits & (1 << bit) != 0)
        .map(|bit| {
            known
                .iter()
                .find(|(status, _)| status.bits() == 1 << bit)
                .map_or_else(|| format!("bit {bit}"), |(_, name)| (*name).into())
        })
        .collect();
    if names.is_empty() {
        "RESET".into()
    } else {
        joined(&names)
    }
}

fn joined(names: &[String]) -> String {
    if names.is_empty() {
        "-".into()
    } else {
        names.join(" ")
    }
}

/// The kind of a block request (section 5.2.6).
pub fn request(kind: u32) -> String {
    match kind {
        0 => "IN".into(),
        1 => "OUT".into(),
        4 => "FLUSH".into(),
        8 => "GET_ID".into(),
        11 => "DISCARD".into(),
        13 => "WRITE_ZEROES".into(),
        14 => "SECURE_ERASE".into(),
        other => format!("request type {other}"),
    }
}

/// The status of a block request.
pub fn request_status(status: u8) -> String {
    match status {
        0 => "OK".into(),
        1 => "IOERR".into(),
        2 => "UNSUPP".into(),
        other => format!("status {other}"),
    }
}

/// The class and command of the control queue (section 5.1.6.5).
pub fn command(class: u8, command: u8) -> String {
    let name = match (class, command) {
        (0, 0) => "RX_PROMISC",
        (0, 1) => "RX_ALLMULTI",
        (0, 2) => "RX_ALLUNI",
        (0, 3) => "RX_NOMULTI",
        (0, 4) => "RX_NOUNI",
        (0, 5) => "RX_NOBCAST",
        (1, 0) => "MAC_TABLE_SET",
        (1, 1) => "MAC_ADDR_SET",
        (2, 0) => "VLAN_ADD",
        (2, 1) => "VLAN_DEL",
        (3, 0) => "ANNOUNCE_ACK",
        (4, 0) => "MQ_VQ_PAIRS_SET",
        (5, 0) => "GUEST_OFFLOADS_SET",
        _ => return format!("class {class} command {command}"),
    };
    name.into()
}
