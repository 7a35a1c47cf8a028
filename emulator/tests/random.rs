// SPDX-License-Identifier: GPL-2.0

//! A million messages and chains that are nearly right: nothing panics, hangs, or touches memory that
//! was not mapped. `EMULATOR_SEED=N` repeats a run; the seed is printed.

mod common;

use std::{
    fs::File,
    io::{
        stderr,
        Write, //
    },
    os::{
        fd::OwnedFd,
        unix::fs::FileExt, //
    },
    sync::{
        atomic::{
            AtomicU64,
            Ordering, //
        },
        Arc,
    },
    time::{
        SystemTime,
        UNIX_EPOCH, //
    },
};

use common::{
    event,
    testing::{
        scratch_file,
        INDIRECT,
        NEXT,
        WRITE, //
    },
    wide, words,
};
use emulator::{
    blk::{
        config,
        disk::Disk,
        Block, //
    },
    net::{
        self,
        backend::Backend,
        Net, //
    },
    pci::function::Function,
    vfio_user::{
        session::Session,
        wire::{
            Header,
            Refusal,
            HEADER_BYTES,
            MAX_MESSAGE, //
        },
        Device as _,
    },
    virtio::{
        device::Device,
        model::Model,
        profile::PROFILES, //
    },
};

const MESSAGES: u64 = 500_000;
const CHAINS: u64 = 250_000;

/// The guest's memory: in the middle of a file whose other bytes nobody may touch.
const GUARD: u64 = 0x1_0000;
const RAM: u64 = 0x10_0000;
const RAM_BYTES: u64 = 0x1_0000;
const GUARDED: u8 = 0xa5;

/// xorshift64*.
struct Random(u64);

impl Random {
    /// A generator with the seed of this run, told apart by `name`.
    fn new(name: &str) -> Self {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |time| time.as_nanos() as u64);
        let seed = std::env::var("EMULATOR_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(clock);
        // Past the test runner, which would keep it for itself.
        let line = format!("{name}: EMULATOR_SEED={seed}\n");
        stderr().write_all(line.as_bytes()).unwrap();
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 32) % limit
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A number that may mean something, or be just beyond.
    fn word(&mut self) -> u32 {
        let near = self.below(40) as u32;
        self.pick(&[
            near,
            near,
            near,
            1 << (near % 32),
            u32::MAX - near,
            0x1000 * near,
        ])
    }
}

/// Guest memory with its guards.
fn guarded_ram() -> File {
    let file = scratch_file(2 * GUARD + RAM_BYTES);
    for at in [0, GUARD + RAM_BYTES] {
        file.write_all_at(&[GUARDED; GUARD as usize], at).unwrap();
    }
    file
}

fn check_guards(file: &File) {
    let mut bytes = vec![0; GUARD as usize];
    for at in [0, GUARD + RAM_BYTES] {
        file.read_exact_at(&mut bytes, at).unwrap();
        assert!(
            bytes.iter().all(|byte| *byte == GUARDED),
            "memory outside the mapping was written"
        );
    }
}

fn block() -> Arc<dyn Model> {
    let settings = config::Settings {
        queues: 2,
        queue_size: 8,
        ..Default::default()
    };
    Arc::new(Block::new(Disk::memory(64 * 512, false).unwrap(), settings))
}

fn card() -> Arc<Net> {
    let settings = net::Settings {
        pairs: 2,
        queue_size: 8,
        mtu: Some(1500),
        ..Default::default()
    };
    Arc::new(Net::new(Backend::Loopback, settings))
}

/// The body of a message that is nearly right.
fn body(random: &mut Random, command: u16) -> Vec<u8> {
    let mut word = || random.word();
    let page = |number: u32| u64::from(number % 32) * 4096;
    let mut body = match command {
        1 => [&word().to_le_bytes()[..], b"{}\0"].concat(),
        2 => wide(
            &[32, word() % 5],
            &[page(word()), RAM + page(word()), page(word())],
        ),
        3 => wide(&[24, word() % 4], &[RAM + page(word()), page(word())]),
        4 => words(&[16, 0, 0, 0]),
        5 => words(&[32, 0, word(), 0, 0, 0, 0, 0]),
        7 => words(&[16, 0, word(), 0]),
        8 => words(&[20, word() % 0x40, word() % 4, word() % 4, word() % 4]),
        9 => wide(
            &[],
            &[
                u64::from(word()),
                u64::from(word() % 9) | (u64::from(word()) << 32),
            ],
        ),
        10 => {
            let len = word() % 9;
            let mut body = wide(
                &[],
                &[
                    u64::from(word()),
                    u64::from(word() % 9) | (u64::from(len) << 32),
                ],
            );
            body.extend((0..len).map(|_| word() as u8));
            body
        }
        _ => Vec::new(),
    };
    match random.below(12) {
        0 => body.truncate(random.below(body.len() as u64 + 1) as usize),
        1 => body.push(0),
        2 => {
            let bytes = random.below(64);
            body = (0..bytes).map(|_| random.next() as u8).collect();
        }
        _ => {}
    }
    body
}

fn descriptors(random: &mut Random, command: u16, ram: &File) -> Vec<OwnedFd> {
    let count = if random.one_in(8) {
        random.below(4)
    } else {
        u64::from(command == 2 && random.one_in(4))
    };
    (0..count)
        .map(|_| {
            if command == 8 {
                event().into()
            } else {
                ram.try_clone().unwrap().into()
            }
        })
        .collect()
}

#[test]
fn messages_that_are_nearly_right_are_answered() {
    let mut random = Random::new("messages");
    let ram = guarded_ram();
    let (mut done, mut obeyed) = (0, 0);
    while done < MESSAGES {
        let model: Arc<dyn Model> = if random.one_in(2) { block() } else { card() };
        let device = Device::new(
            model,
            3,
            &PROFILES[random.below(4) as usize],
            Arc::new(|_: &str| ()),
        );
        let function = Function::new(Arc::new(device));
        let mut session = Session::new(&function);
        let mut reply = Vec::new();
        for number in 0..5_000 {
            let command = if number < 2 {
                1
            } else {
                random.pick(&[1, 2, 2, 3, 4, 5, 7, 8, 8, 9, 9, 10, 10, 10, 10, 13, 14])
            };
            let mut body = body(&mut random, command);
            if number == 0 {
                body = b"\0\0\0\0{}\0".to_vec();
            }
            let flags = if random.one_in(64) { random.word() } else { 0 };
            let header = Header {
                id: number,
                command,
                size: 0,
                flags,
                errno: 0,
            };
            let descriptors = descriptors(&mut random, command, &ram);
            reply.clear();
            match session.handle(&header, &body, descriptors, &mut reply) {
                Ok(()) => obeyed += 1,
                Err(Refusal { errno, why }) => {
                    assert!(errno != 0 && !why.is_empty() && !why.contains('\n'))
                }
            }
            assert!(HEADER_BYTES + reply.len() <= MAX_MESSAGE);
            done += 1;
        }
        function.reset();
    }
    assert!(
        obeyed > MESSAGES / 10,
        "only {obeyed} of {done} messages made sense"
    );
}

/// A table of 8 descriptors that is nearly right.
fn table(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..8 {
        let inside = RAM + random.below(RAM_BYTES);
        let edge = RAM + RAM_BYTES - random.below(32);
        let at = random.pick(&[
            inside,
            inside,
            inside,
            inside & !15,
            RAM + 0x4000,
            RAM + 0x4000,
            RAM + 0x4000,
            edge,
            0,
            !15,
        ]);
        let len = random.pick(&[
            16,
            16,
            16,
            1,
            1,
            512,
            1024,
            64,
            100,
            2000,
            128,
            0,
            0xffff_fff0,
        ]);
        let flags = random.pick(&[
            NEXT,
            NEXT,
            NEXT,
            NEXT,
            WRITE,
            WRITE,
            NEXT | WRITE,
            0,
            INDIRECT,
            INDIRECT | NEXT,
        ]);
        let (next, wild) = (random.below(8) as u16, random.next() as u16);
        let next = if random.one_in(32) { wild } else { next };
        bytes.extend(u64::to_le_bytes(at));
        bytes.extend(u32::to_le_bytes(len));
        bytes.extend(flags.to_le_bytes());
        bytes.extend(next.to_le_bytes());
    }
    bytes
}

/// Gives chains to a model until there were enough, after `stir` each time; returns how many were
/// given back.
fn chains(
    name: &str,
    model: Arc<dyn Model>,
    stir: &dyn Fn(),
    contents: fn(&mut Random) -> Vec<u8>,
) -> u64 {
    let mut random = Random::new(name);
    let ram = guarded_ram();
    let broken = Arc::new(AtomicU64::new(0));
    let lines = broken.clone();
    let complain = Arc::new(move |_: &str| {
        lines.fetch_add(1, Ordering::Relaxed);
    });
    let queues = model.queues().len() as u64;
    let device = Device::new(model, 0, &PROFILES[0], complain);
    device
        .memory()
        .map(RAM, RAM_BYTES, Some((&ram, GUARD)), true)
        .unwrap();
    let put = |at: u64, bytes: &[u8]| ram.write_all_at(bytes, at - RAM + GUARD).unwrap();
    let (mut offered, mut answered) = (0, 0);
    while offered < CHAINS {
        let queue = random.below(queues) as u16;
        device.set_master(true);
        device.write_register(18, &[0]);
        device.write_register(4, &((random.next() as u32) & !(1 << 30)).to_le_bytes());
        device.write_register(14, &queue.to_le_bytes());
        let mut size = [0; 2];
        device.read_register(12, &mut size);
        if size == [0; 2] {
            // What was accepted does without this queue.
            continue;
        }
        put(RAM, &[0; 0x2000]);
        device.write_register(8, &((RAM / 4096) as u32).to_le_bytes());
        device.write_register(18, &[7]);
        let mut avail = 0_u16;
        while !device.is_broken() && avail < 64 {
            put(RAM + 0x4000, &contents(&mut random));
            let mut ring = table(&mut random);
            let batch = 1 + random.below(4) as u16;
            ring.extend(0_u16.to_le_bytes());
            avail += batch;
            let index = if random.one_in(100) {
                random.next() as u16
            } else {
                avail
            };
            ring.extend(index.to_le_bytes());
            for _ in 0..9 {
                let heads = 8 + u64::from(random.one_in(64));
                ring.extend((random.below(heads) as u16).to_le_bytes());
            }
            put(RAM, &ring);
            stir();
            device.run(queue);
            offered += u64::from(batch);
        }
        let mut used = [0; 2];
        ram.read_exact_at(&mut used, GUARD + 4096 + 2).unwrap();
        answered += u64::from(u16::from_le_bytes(used));
    }
    check_guards(&ram);
    assert!(broken.load(Ordering::Relaxed) > 0);
    answered
}

#[test]
fn requests_that_are_nearly_right_are_answered_or_break_the_disk() {
    let answered = chains("requests", block(), &|| (), |random| {
        let kind = random.pick(&[0_u32, 0, 1, 4, 8, 11, 13, 14, 77]);
        let sector = u64::from(random.word() % 80);
        [&kind.to_le_bytes()[..], &[0; 4], &sector.to_le_bytes()].concat()
    });
    assert!(
        answered > CHAINS / 100,
        "only {answered} requests were answered"
    );
}

#[test]
fn frames_and_commands_that_are_nearly_right_are_taken_or_break_the_card() {
    let net = card();
    let deliver = || net.deliver(vec![2; 200]);
    let answered = chains("frames", net.clone(), &deliver, |random| {
        (0..32).map(|_| random.word() as u8 % 4).collect()
    });
    assert!(
        answered > CHAINS / 250,
        "only {answered} chains were answered"
    );
}
