// SPDX-License-Identifier: GPL-2.0

//! Three times round the 16-bit indices in every suppression mode, with no wake-up lost
//! (rows T71, T77 to T82, T84, T85, T91, T95, T96).
//!
//! Device and driver act only when they are woken: the device when it was notified, the driver when
//! it was interrupted. A lost wake-up stops the run with requests outstanding, and fails it.

mod common;

use common::{
    pair,
    Random,
    Request, //
};
use virtio_host_tests::{
    device::Chain,
    memory::live_blocks, //
};

const ROUNDS: u64 = 3 * 65_536;

/// How the device asks for notifications.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Notifications {
    /// Of everything.
    Always,
    /// Not while it works, as QEMU does.
    WhileIdle,
}

/// How the driver asks for interrupts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Interrupts {
    /// Of everything.
    Always,
    /// Not while it works: the loop of a block driver.
    WhileIdle,
    /// When three quarters of the outstanding chains are used.
    Delayed,
}

struct Run {
    size: u16,
    event_idx: bool,
    indirect: u16,
    notifications: Notifications,
    interrupts: Interrupts,
}

/// Counts of what crossed the boundary.
struct Counts {
    notified: u64,
    interrupted: u64,
    avail_flags_seen: u16,
}

fn run(run: &Run) -> Counts {
    let mut pair = pair::<Request>(run.size, run.event_idx, run.indirect);
    let mut random = Random(u64::from(run.size) + u64::from(run.indirect));
    let mut counts = Counts {
        notified: 0,
        interrupted: 0,
        avail_flags_seen: 0,
    };
    let (mut sent, mut received) = (0_u64, 0_u64);
    let mut expected = vec![None; usize::from(run.size)];
    let mut held: Vec<Chain> = Vec::new();
    let mut spare: Vec<Request> = Vec::new();

    while received < ROUNDS {
        // The driver adds a batch of whatever fits.
        let batch = 1 + random.below(u64::from(run.size));
        for _ in 0..batch {
            if sent == ROUNDS {
                break;
            }
            let mut request = spare.pop().unwrap_or_else(|| {
                let (r, w) = (random.below(3) as u32, random.below(3) as u32);
                Request::new(0, r, if r == 0 { w.max(1) } else { w })
            });
            request.tag = sent;
            match pair.queue.add(request) {
                Ok(()) => sent += 1,
                Err(error) => {
                    assert!(error.is_full(), "{:?}", error.reason);
                    spare.push(error.token);
                    break;
                }
            }
        }
        let mut notified = pair.queue.kick_prepare();
        counts.notified += u64::from(notified);

        // The device works when it was notified, or still holds chains from the last time.
        while notified || !held.is_empty() {
            notified = false;
            if run.notifications == Notifications::WhileIdle {
                pair.device.suppress_notifications();
            }
            while let Some(chain) = pair.device.take() {
                held.push(chain);
            }
            if !pair.device.enable_notifications() {
                notified = true;
            }
            // It uses some or all of what it has, in any order.
            let leave = random.below(held.len() as u64 + 1) as usize / 2;
            while held.len() > leave {
                let chain = held.swap_remove(random.below(held.len() as u64) as usize);
                assert!(expected[usize::from(chain.head)].replace(()).is_none());
                pair.device
                    .give(u32::from(chain.head), chain.writable_bytes());
                if random.below(4) == 0 && pair.device.wants_interrupt() {
                    counts.interrupted += 1;
                    received += drain(run, &mut pair.queue, &mut spare, &mut expected);
                }
            }
            counts.avail_flags_seen |= pair.device.avail_flags();
            if pair.device.wants_interrupt() {
                counts.interrupted += 1;
                received += drain(run, &mut pair.queue, &mut spare, &mut expected);
            }
        }
        if run.interrupts == Interrupts::Delayed {
            // A driver of this kind also looks when it sends.
            received += drain(run, &mut pair.queue, &mut spare, &mut expected);
        }
        assert!(
            received == sent || run.interrupts == Interrupts::Delayed,
            "a wake-up was lost: {} of {sent} came back",
            received
        );
    }
    assert_eq!(pair.queue.broken(), None);
    assert_eq!(pair.queue.free(), run.size);
    assert_eq!(pair.queue.in_flight(), 0);
    counts
}

fn drain(
    run: &Run,
    queue: &mut virtio_host_tests::virtio::virtqueue::Virtqueue<Request>,
    spare: &mut Vec<Request>,
    expected: &mut [Option<()>],
) -> u64 {
    let mut received = 0;
    loop {
        if run.interrupts == Interrupts::WhileIdle {
            queue.disable_cb();
        }
        while let Some(used) = queue.pop() {
            assert_eq!(used.checked_len(), Some(used.writable()));
            received += 1;
            spare.push(used.token);
        }
        expected.fill(None);
        let done = match run.interrupts {
            Interrupts::Always => !queue.more_used(),
            Interrupts::WhileIdle => queue.enable_cb(),
            Interrupts::Delayed => queue.enable_cb_delayed(),
        };
        if done {
            return received;
        }
    }
}

fn all(event_idx: bool, indirect: u16) {
    for notifications in [Notifications::Always, Notifications::WhileIdle] {
        for interrupts in [
            Interrupts::Always,
            Interrupts::WhileIdle,
            Interrupts::Delayed,
        ] {
            let counts = run(&Run {
                size: 16,
                event_idx,
                indirect,
                notifications,
                interrupts,
            });
            let mode = (notifications, interrupts);
            assert!(counts.notified > 0 && counts.interrupted > 0, "{mode:?}");
            assert!(counts.notified < ROUNDS, "{mode:?}: no batching");
            if event_idx {
                assert_eq!(counts.avail_flags_seen, 0, "{mode:?}: flags were touched");
            }
        }
    }
}

#[test]
fn flags_direct() {
    all(false, 0);
}

#[test]
fn flags_indirect() {
    all(false, 8);
}

#[test]
fn event_index_direct() {
    all(true, 0);
}

#[test]
fn event_index_indirect() {
    all(true, 8);
}

#[test]
fn every_ring_size_from_the_smallest() {
    let before = live_blocks();
    for shift in 0..8 {
        for event_idx in [false, true] {
            let size = 1 << shift;
            let mut pair = pair::<Request>(size, event_idx, 0);
            for tag in 0..70_000 {
                let request = Request::new(tag, 1, 0);
                assert!(pair.queue.add(request).is_ok());
                let _ = pair.queue.kick_prepare();
                let chain = pair.device.take().unwrap();
                pair.device.give(u32::from(chain.head), 0);
                assert_eq!(pair.queue.pop().map(|used| used.token.tag), Some(tag));
            }
        }
    }
    // Other tests of this binary run beside this one, so only a gross leak can be seen here.
    assert!(live_blocks() < before + 10_000);
}
