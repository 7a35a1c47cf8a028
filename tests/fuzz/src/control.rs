// SPDX-License-Identifier: GPL-2.0

//! The control path: commands of any content through the drivers' queue to the emulator's card, and
//! the driver's tables of addresses.

use std::{
    cell::RefCell,
    sync::Arc, //
};

use emulator::net::{
    self,
    backend::Backend,
    Net, //
};
use virtio_host_tests::{
    bench::Session,
    bus::{
        Bus,
        Wiring, //
    },
    memory::Buffer,
    virtio::{
        core::{
            features::Features,
            net::{
                control::{
                    AddressTable,
                    NO_ANSWER,
                    TABLE_ADDRESSES, //
                },
                pairs::control_queue,
                F_CTRL_VQ,
                F_MQ, //
            },
        },
        virtqueue::{
            Buffers,
            Chain,
            ChainError,
            Descriptors, //
        },
    },
};

/// Pairs of the card.
const PAIRS: u16 = 2;
/// Most bytes of a command.
const LONGEST: usize = 4096;

thread_local! {
    /// One card for all runs: each begins with a reset.
    static CARD: RefCell<Option<Arc<Bus>>> = const { RefCell::new(None) };
}

struct Command {
    read: Buffer,
    bytes: u32,
    answer: Buffer,
}

impl Buffers for Command {
    fn describe<'a, D: Descriptors>(&'a self, chain: &mut Chain<'a, D>) -> Result<(), ChainError> {
        chain.readable_prefix(&self.read, self.bytes)?;
        chain.writable(&self.answer)
    }
}

impl Command {
    fn new(bytes: &[u8]) -> Self {
        let mut read = Buffer::new(1, LONGEST as u32);
        read.put(bytes);
        let mut answer = Buffer::new(1, 1);
        answer.fill(NO_ANSWER);
        Self {
            read,
            bytes: bytes.len() as u32,
            answer,
        }
    }
}

fn card() -> Arc<Bus> {
    CARD.with_borrow_mut(|card| {
        card.get_or_insert_with(|| {
            let settings = net::Settings {
                pairs: PAIRS,
                queue_size: 8,
                ..Default::default()
            };
            let model = Arc::new(Net::new(Backend::Loopback, settings));
            Arc::new(Bus::new(model, Wiring::Vectors))
        })
        .clone()
    })
}

/// The first four bytes are features; then come commands, each with its length in front.
pub fn run(bytes: &[u8]) {
    let Some((features, mut rest)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    table(rest);
    let bus = card();
    bus.complaints.lock().unwrap().clear();
    let supported = Features::from_bits(u32::from_le_bytes(*features));
    let session = Session::start(&bus, Wiring::Vectors, supported);
    if !session.features.contains(F_CTRL_VQ) {
        return;
    }
    // It comes after all pairs that there are, used or not; without MQ there is one.
    let pairs = if session.features.contains(F_MQ) {
        PAIRS
    } else {
        1
    };
    let index = control_queue(pairs);
    let mut queue = session.queue::<Command>(index, 4);
    session.go_live();
    while let Some((len, more)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes(*len)) % LONGEST;
        let (bytes, more) = more.split_at(len.min(more.len()));
        rest = more;
        // A card whose driver sends less than class and command breaks.
        if bytes.len() < 2 {
            continue;
        }
        assert!(queue.add(Command::new(bytes)).is_ok());
        let _ = queue.kick_prepare();
        bus.device.run(index);
        let used = queue.pop().expect("a command is answered");
        assert_eq!(used.checked_len(), Some(1));
        assert!(used.token.answer.byte(0) <= 1, "the answer is one of two");
    }
    assert!(bus.complaints.lock().unwrap().is_empty());
    let proof = session.end();
    assert!(queue.take_back(&proof).is_none());
}

/// A table takes all addresses or none.
fn table(bytes: &[u8]) {
    let addresses: Vec<[u8; 6]> = bytes
        .chunks_exact(6)
        .map(|address| address.try_into().unwrap())
        .collect();
    let mut table = AddressTable::new();
    let fits = table.fill(addresses.iter().copied());
    assert_eq!(fits, addresses.len() <= TABLE_ADDRESSES);
    let count = if fits { addresses.len() } else { 0 };
    assert_eq!(table.bytes().len(), 4 + 6 * count);
    assert_eq!(table.bytes()[..4], (count as u32).to_ne_bytes());
}
