// SPDX-License-Identifier: GPL-2.0

//! No wake-up is lost, whatever the order of the steps (rows T74 to T77, T80, T81, D30, D31, H11,
//! H12).
//!
//! The drivers' queue and the emulator's device, both the real code, exchange a few chains through a
//! ring that has room for two, in every suppression mode: flags or event index; chains in the ring
//! or in tables; a driver that has itself woken only while it idles, always, or for three quarters
//! of its chains; a kick for each chain or for several; a device that asks after each chain whether
//! to interrupt, or at the end of a go.
//! [`explore`] takes every way these runs can go within a bound, which each test prints with their
//! number: see there for what a way is. Each chain's echo is checked, too.
//!
//! That the exploration is sharp enough is tested as well. With any single barrier taken out, on
//! either side, a run fails: without a full one a wake-up is lost even if the memory has nothing but
//! the store buffers of x86; without a read or write barrier, which x86 does not need, a stale entry
//! is seen in a weaker memory.

mod common;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc,
        Weak, //
    },
    time::Instant, //
};

use common::Request;
use emulator::memory::stand_in::Barrier;
use virtio_host_tests::{
    bench::{
        Echo,
        Session, //
    },
    bus::{
        Bus,
        Wiring, //
    },
    interleave::{
        explore,
        Bound,
        Order,
        Place,
        Play,
        Side, //
    },
    virtio::{
        core::features::{
            Features,
            EVENT_IDX,
            INDIRECT_DESC,
            RING, //
        },
        virtqueue::Virtqueue, //
    },
};

/// The suppression modes that are negotiated.
const MODES: [Features; 4] = [Features::NONE, INDIRECT_DESC, EVENT_IDX, RING];

/// How the driver has itself woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wakes {
    /// Off while it takes chains, on before it sleeps.
    WhileIdle,
    /// Always on.
    Always,
    /// Off while it takes chains; then when three quarters are used.
    Delayed,
}

thread_local! {
    /// The device's side of the run, for its model.
    static DEVICE: RefCell<Option<Arc<Side>>> = const { RefCell::new(None) };
}

/// A driver that sends some chains and takes them back, and the emulator's device that echoes.
struct Exchange {
    bus: Arc<Bus>,
    features: Features,
    wakes: Wakes,
    /// It kicks once for as many chains as there is room for, and not for each.
    batched: bool,
    chains: u64,
}

impl Exchange {
    fn new(features: Features, wakes: Wakes, eager: bool, chains: u64) -> Self {
        // Room for two chains: a third one has to wait.
        let size = if features.contains(INDIRECT_DESC) {
            2
        } else {
            4
        };
        let bus = Arc::new_cyclic(|bus: &Weak<Bus>| {
            let bus = bus.clone();
            let asked = move || deliver(&bus.upgrade().unwrap());
            let model = Echo {
                size,
                features,
                eager: eager.then(|| Box::new(asked) as Box<_>),
            };
            Bus::new(Arc::new(model), Wiring::Vectors)
        });
        Self {
            bus,
            features,
            wakes,
            batched: false,
            chains,
        }
    }

    /// Every way in which the two sides can agree to be woken.
    fn all(chains: u64) -> Vec<Self> {
        let mut all = Vec::new();
        for features in MODES {
            for wakes in [Wakes::WhileIdle, Wakes::Always, Wakes::Delayed] {
                for eager in [false, true] {
                    all.push(Self::new(features, wakes, eager, chains));
                }
            }
            // No more than there is room for: a chain that finds none forces a kick.
            all.push(Self {
                batched: true,
                ..Self::new(features, Wakes::WhileIdle, false, 2)
            });
        }
        all
    }
}

/// Wakes the driver if the device has interrupted.
fn deliver(bus: &Bus) {
    if bus.interrupts[0].take() {
        DEVICE.with_borrow(|side| side.as_ref().unwrap().wake());
    }
}

struct Driver {
    session: Session,
    queue: Virtqueue<Request>,
    spare: Vec<Request>,
    received: u64,
}

fn said(tag: u64) -> u8 {
    tag as u8 + 1
}

impl Driver {
    fn take(&mut self) -> Result<(), String> {
        while let Some(used) = self.queue.pop() {
            let back = used.token.write.as_ref().map_or(0, |write| write.byte(63));
            if used.checked_len() != Some(64) || back != said(used.token.tag) {
                return Err(format!("chain {} came back wrong", used.token.tag));
            }
            self.received += 1;
            self.spare.push(used.token);
        }
        match self.queue.broken() {
            None => Ok(()),
            Some(violation) => Err(violation.to_string()),
        }
    }
}

impl Play for Exchange {
    type Driver = Driver;

    fn set_up(&self) -> Driver {
        while self.bus.interrupts[0].take() {}
        let session = Session::start(&self.bus, Wiring::Vectors, self.features);
        let queue = session.queue(0, 4);
        session.go_live();
        let spare = (0..self.chains)
            .map(|tag| Request::new(tag, 1, 1))
            .collect();
        Driver {
            session,
            queue,
            spare,
            received: 0,
        }
    }

    fn drive(&self, driver: &mut Driver, side: &Arc<Side>) -> Result<(), String> {
        let mut sent = 0;
        while driver.received < self.chains {
            while sent < self.chains {
                let Some(mut request) = driver.spare.pop() else {
                    break;
                };
                request.tag = sent;
                request.read.as_mut().unwrap().fill(said(sent));
                if let Err(error) = driver.queue.add(request) {
                    driver.spare.push(error.token);
                    break;
                }
                sent += 1;
                if !self.batched && driver.queue.kick_prepare() {
                    side.wake();
                }
            }
            if driver.queue.kick_prepare() {
                side.wake();
            }
            loop {
                if self.wakes != Wakes::Always {
                    driver.queue.disable_cb();
                }
                driver.take()?;
                if match self.wakes {
                    Wakes::WhileIdle => driver.queue.enable_cb(),
                    Wakes::Always => true,
                    Wakes::Delayed => driver.queue.enable_cb_delayed(),
                } {
                    break;
                }
            }
            let room = driver.queue.free() >= 2;
            if driver.received < self.chains && (sent == self.chains || !room) {
                side.sleep();
            }
        }
        Ok(())
    }

    fn work(&self, side: &Arc<Side>) -> Result<(), String> {
        DEVICE.set(Some(side.clone()));
        self.bus.device.run(0);
        deliver(&self.bus);
        match self.bus.complaints.lock().unwrap().pop() {
            None => Ok(()),
            Some(complaint) => Err(complaint),
        }
    }

    fn tear_down(&self, mut driver: Driver) {
        let proof = driver.session.end();
        assert!(driver.queue.take_back(&proof).is_none());
    }
}

/// Explores every play; returns how many runs that took.
fn none_fails(plays: &[Exchange], departures: u32, order: Order) -> u64 {
    let bound = Bound {
        departures,
        order,
        without: None,
    };
    let start = Instant::now();
    let mut runs = 0;
    for play in plays {
        let found = explore(play, bound);
        let (features, wakes) = (play.features.bits(), play.wakes);
        if let Some(failure) = found.failure {
            panic!("features {features:#x}, woken {wakes:?}: {failure}");
        }
        runs += found.runs;
    }
    println!(
        "{runs} ways of {} plays, {departures} departures, {order:?}, {:.1} s",
        plays.len(),
        start.elapsed().as_secs_f64()
    );
    runs
}

#[test]
fn no_wake_up_is_lost_with_two_departures() {
    let runs = none_fails(&Exchange::all(3), 2, Order::Weak);
    assert!(runs > 10_000, "{runs} ways are too few to mean anything");
}

#[test]
fn no_wake_up_is_lost_with_three_departures() {
    let plays: Vec<Exchange> = MODES
        .into_iter()
        .map(|features| Exchange::new(features, Wakes::WhileIdle, false, 2))
        .collect();
    let runs = none_fails(&plays, 3, Order::Tso);
    assert!(runs > 10_000, "{runs} ways are too few to mean anything");
}

/// The barriers that the plays pass.
fn barriers(plays: &[Exchange]) -> BTreeMap<Place, Barrier> {
    let bound = Bound {
        departures: 0,
        order: Order::Tso,
        without: None,
    };
    plays
        .iter()
        .flat_map(|play| explore(play, bound).barriers)
        .collect()
}

#[test]
fn every_barrier_of_the_source_is_passed() {
    let sources = [
        include_str!("../../../drivers/virtio/virtqueue.rs"),
        include_str!("../../../drivers/virtio/virtqueue/callbacks.rs"),
        include_str!("../../../emulator/src/queue.rs"),
    ];
    let written: usize = sources
        .iter()
        .map(|source| source.matches("_barrier();").count())
        .sum();
    assert_eq!(barriers(&Exchange::all(3)).len(), written);
}

#[test]
fn no_barrier_can_be_missed() {
    let plays = Exchange::all(3);
    for (without, kind) in barriers(&plays) {
        let order = match kind {
            Barrier::Full => Order::Tso,
            Barrier::Read | Barrier::Write => Order::Weak,
        };
        let bound = Bound {
            departures: 2,
            order,
            without: Some(without),
        };
        let found = plays.iter().find_map(|play| {
            let found = explore(play, bound);
            found.failure.map(|failure| (found.runs, failure))
        });
        let (file, line) = without;
        let Some((runs, failure)) = found else {
            panic!("nothing fails without the {kind:?} barrier at {file}:{line}");
        };
        let what = failure.lines().next().unwrap_or_default();
        println!("without the {kind:?} barrier at {file}:{line}, run {runs}: {what}");
    }
}
