// SPDX-License-Identifier: GPL-2.0

//! A million actions of a device that is honest most of the time and lies whenever it likes, beside
//! a driver that goes on as if nothing were (rows T71, T72, T89 to T93, H1, H2, H7, H8, H10).
//!
//! `RVIRTIO_SEED=N` repeats a campaign; the seed is printed. `RVIRTIO_LONG=1` makes it ten times as
//! long.

mod common;

use std::{
    env,
    time::{
        SystemTime,
        UNIX_EPOCH, //
    },
};

use common::Random;
use virtio_host_tests::liar::{
    Action,
    Kind,
    World, //
};

/// Actions of the device, in all.
const ACTIONS: u64 = 1_000_000;
const SIZES: [u16; 7] = [1, 2, 4, 8, 64, 256, 1024];

fn seed() -> u64 {
    env::var("RVIRTIO_SEED").map_or_else(
        |_| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .subsec_nanos()
                .into()
        },
        |seed| seed.parse().expect("RVIRTIO_SEED is a number"),
    )
}

/// Goes on in one queue until the device has done `actions` things; returns how often the queue
/// broke.
fn campaign(kind: Kind, random: &mut Random, actions: u64) -> u64 {
    let mut world = World::new(kind);
    let (mut done, mut breaks) = (0, 0);
    while done < actions {
        let bytes: Vec<u8> = (0..11).map(|_| random.below(256) as u8).collect();
        let action = Action::take(&mut bytes.into_iter()).unwrap();
        let of_device = matches!(action, Action::Write(..) | Action::Serve(..));
        // A lie ends most queues, and a reset every one: they are to live for a while.
        if !matches!(action, Action::Write(..) | Action::Renew) || random.below(20) == 0 {
            world.apply(action);
            done += u64::from(of_device);
        }
        if world.is_broken() && random.below(8) == 0 {
            breaks += 1;
            world.apply(Action::Renew);
        }
    }
    breaks
}

#[test]
fn a_million_actions_of_the_device() {
    let seed = seed();
    println!("RVIRTIO_SEED={seed}");
    let actions = if env::var_os("RVIRTIO_LONG").is_some() {
        10 * ACTIONS
    } else {
        ACTIONS
    };
    let mut random = Random(seed);
    let kinds = SIZES.into_iter().flat_map(|size| {
        [(false, 0), (true, 0), (false, 8), (true, 8)].map(|(event_idx, indirect)| Kind {
            size,
            event_idx,
            indirect,
        })
    });
    let share = actions.div_ceil(4 * SIZES.len() as u64);
    let breaks: u64 = kinds.map(|kind| campaign(kind, &mut random, share)).sum();
    println!("the queue broke {breaks} times");
    assert!(breaks > actions / 1000, "{breaks} lies that broke a queue");
}
