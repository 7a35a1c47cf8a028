// SPDX-License-Identifier: GPL-2.0

//! A load on a disk that knows what must be on it: `load DISK THREADS ROUNDS LIMIT-MS`.
//!
//! Each thread owns some blocks. In each round it writes one, with a pattern that tells the sector
//! and the generation, and reads it back; in the end it flushes and reads all of them. A write that fails leaves
//! the old content or the new one. What came of it is printed line by line:
//!
//! ```text
//! sum OPERATIONS ERRORS WRONG SLOWEST-MS STUCK ENDS-WELL   of all threads
//! block SECTOR GENERATION...                                what may be in a block
//! end
//! ```
//!
//! STUCK counts threads that wait for a request for longer than the limit; they are left behind.
//! A disk on which every request takes seconds is not asked for all of that, but for some time.
//! Requests of one thread that fail at once wait for each other, so that a disk out of service is
//! not asked a million times.

use std::{
    fs::{
        File,
        OpenOptions, //
    },
    os::unix::fs::{
        FileExt,
        OpenOptionsExt, //
    },
    sync::{
        atomic::{
            AtomicU64,
            Ordering, //
        },
        Arc, Mutex,
    },
    thread,
    time::{
        Duration,
        Instant, //
    },
};

const O_DIRECT: i32 = 0x4000;
const PAGE: usize = 4096;
const SECTOR: usize = 512;
/// Bytes of a block.
const BLOCK: usize = 16384;
/// Blocks of a thread.
const BLOCKS: u64 = 16;
/// How long a thread writes, and then reads what it has written, at most.
const ENOUGH: Duration = Duration::from_secs(20);
/// How long a thread waits after a request that failed.
const PAUSE: Duration = Duration::from_millis(20);

/// Memory for a block, as direct I/O wants it.
struct Buffer(Vec<u8>);

impl Buffer {
    fn new() -> Self {
        Self(vec![0; BLOCK + PAGE])
    }

    fn bytes(&mut self) -> &mut [u8] {
        let at = self.0.as_ptr().align_offset(PAGE);
        &mut self.0[at..at + BLOCK]
    }
}

/// What is in a sector of a generation.
fn word(sector: u64, generation: u64) -> [u8; 16] {
    let mut word = [0; 16];
    word[..8].copy_from_slice(&sector.to_le_bytes());
    word[8..].copy_from_slice(&generation.to_le_bytes());
    word
}

fn fill(bytes: &mut [u8], first: u64, generation: u64) {
    for (sector, bytes) in (first..).zip(bytes.chunks_exact_mut(SECTOR)) {
        for place in bytes.chunks_exact_mut(16) {
            place.copy_from_slice(&word(sector, generation));
        }
    }
}

/// Whether every sector is of one of these generations; a write that failed may be there in part.
fn is_right(bytes: &[u8], first: u64, generations: &[u64]) -> bool {
    (first..)
        .zip(bytes.chunks_exact(SECTOR))
        .all(|(sector, bytes)| {
            generations.iter().any(|generation| {
                let word = if *generation == 0 {
                    [0; 16]
                } else {
                    word(sector, *generation)
                };
                bytes.chunks_exact(16).all(|place| place == word)
            })
        })
}

/// What a thread has seen, for others to look at while it waits.
#[derive(Default)]
struct Seen {
    operations: AtomicU64,
    errors: AtomicU64,
    wrong: AtomicU64,
    slowest: AtomicU64,
    /// When the request began that is waited for, in milliseconds; 0 for none.
    since: AtomicU64,
    /// Whether the last request of the thread was done.
    well: AtomicU64,
    /// What may be in each block; generation 0 is a sector of zeroes.
    blocks: Mutex<Vec<Vec<u64>>>,
}

struct Worker {
    disk: File,
    first: u64,
    start: Instant,
    seen: Arc<Seen>,
}

impl Worker {
    /// One request, which is watched; returns whether it was done.
    fn request(&self, act: impl FnOnce(&File) -> std::io::Result<()>) -> bool {
        let begin = self.start.elapsed().as_millis() as u64;
        self.seen.since.store(begin.max(1), Ordering::SeqCst);
        let done = act(&self.disk).is_ok();
        self.seen.since.store(0, Ordering::SeqCst);
        let took = self.start.elapsed().as_millis() as u64 - begin;
        self.seen.slowest.fetch_max(took, Ordering::SeqCst);
        self.seen.operations.fetch_add(1, Ordering::SeqCst);
        self.seen.well.store(done.into(), Ordering::SeqCst);
        if !done {
            self.seen.errors.fetch_add(1, Ordering::SeqCst);
            thread::sleep(PAUSE);
        }
        done
    }

    fn sector(&self, block: u64) -> u64 {
        (self.first + block) * (BLOCK / SECTOR) as u64
    }

    fn write(&self, buffer: &mut Buffer, block: u64, generation: u64) {
        let sector = self.sector(block);
        fill(buffer.bytes(), sector, generation);
        // Before it is written: a thread that is left behind may have written it.
        self.seen.blocks.lock().unwrap()[block as usize].push(generation);
        let bytes = buffer.bytes();
        if self.request(|disk| disk.write_all_at(bytes, sector * SECTOR as u64)) {
            self.seen.blocks.lock().unwrap()[block as usize] = vec![generation];
        }
    }

    fn read(&self, buffer: &mut Buffer, block: u64) {
        let sector = self.sector(block);
        buffer.bytes().fill(0xee);
        let bytes = buffer.bytes();
        let done = self.request(|disk| disk.read_exact_at(bytes, sector * SECTOR as u64));
        let generations = self.seen.blocks.lock().unwrap()[block as usize].clone();
        if done && !is_right(buffer.bytes(), sector, &generations) {
            self.seen.wrong.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn work(&self, rounds: u64) {
        let mut buffer = Buffer::new();
        for round in (0..rounds).take_while(|_| self.start.elapsed() < ENOUGH) {
            self.write(&mut buffer, round % BLOCKS, round + 1);
            self.read(&mut buffer, round % BLOCKS);
        }
        self.request(|disk| disk.sync_data());
        for block in (0..BLOCKS).take_while(|_| self.start.elapsed() < 2 * ENOUGH) {
            self.read(&mut buffer, block);
        }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let [_, path, threads, rounds, limit] = &words[..] else {
        eprintln!("load DISK THREADS ROUNDS LIMIT-MS");
        std::process::exit(2);
    };
    let number = |text: &str| text.parse::<u64>().unwrap_or(1);
    let (rounds, limit, start) = (number(rounds), number(limit), Instant::now());
    let mut all = Vec::new();
    for thread in 0..number(threads) {
        let seen = Arc::new(Seen::default());
        *seen.blocks.lock().unwrap() = vec![vec![0]; BLOCKS as usize];
        let disk = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(O_DIRECT)
            .open(path);
        let disk = match disk {
            Ok(disk) => disk,
            Err(error) => {
                println!("open {error}\nend");
                return;
            }
        };
        let worker = Worker {
            disk,
            first: thread * BLOCKS,
            start,
            seen: seen.clone(),
        };
        all.push((thread::spawn(move || worker.work(rounds)), seen));
    }
    let is_stuck = |seen: &Seen| {
        let since = seen.since.load(Ordering::SeqCst);
        since != 0 && start.elapsed().as_millis() as u64 > since + limit
    };
    while all
        .iter()
        .any(|(thread, seen)| !thread.is_finished() && !is_stuck(seen))
    {
        thread::sleep(Duration::from_millis(5));
    }
    report(&all);
}

fn report(all: &[(thread::JoinHandle<()>, Arc<Seen>)]) {
    let sum = |of: fn(&Seen) -> &AtomicU64| -> u64 {
        all.iter()
            .map(|(_, seen)| of(seen).load(Ordering::SeqCst))
            .sum()
    };
    let slowest = all
        .iter()
        .map(|(_, seen)| seen.slowest.load(Ordering::SeqCst));
    println!(
        "sum {} {} {} {} {} {}",
        sum(|seen| &seen.operations),
        sum(|seen| &seen.errors),
        sum(|seen| &seen.wrong),
        slowest.max().unwrap_or(0),
        all.iter()
            .filter(|(thread, _)| !thread.is_finished())
            .count(),
        u64::from(sum(|seen| &seen.well) == all.len() as u64),
    );
    for (thread, (_, seen)) in (0_u64..).zip(all) {
        for (block, generations) in (0_u64..).zip(seen.blocks.lock().unwrap().iter()) {
            let sector = (thread * BLOCKS + block) * (BLOCK / SECTOR) as u64;
            let words: Vec<String> = generations.iter().map(u64::to_string).collect();
            println!("block {sector} {}", words.join(" "));
        }
    }
    println!("end");
    // A thread that waits for a device is not waited for.
    std::process::exit(0);
}
