// SPDX-License-Identifier: GPL-2.0

//! Driver and device in every order of their steps, up to a bound.
//!
//! The real code of both sides runs on two threads, of which one at a time goes on. Before each load
//! from shared memory, each full barrier, each wake-up and each sleep the run could go on
//! differently, and by and by every such way is taken: the other side runs first, with some of what
//! this side has written visible and the rest not yet; some of what the other side has written
//! becomes visible now; the load sees an older value. Each of these is a departure from the straight
//! way, in which a side runs until it sleeps and its stores stay its own until they have to be seen;
//! a run has at most [`Bound::departures`] of them.
//!
//! The memory is as weak as [`Bound::order`] says, and barriers are all that keeps it in order; a
//! kick, an interrupt and going to sleep count as full barriers, as they are system calls or
//! accesses to ports. Of the ways in which weak stores can pass each other, those are taken in which
//! all become visible in order up to one of them, or one passes all the others. What a buffer holds
//! is not part of the model: its bytes are visible at once.
//!
//! [`explore`] repeats a run until no way is left or one has failed. A run fails when a side says
//! so, when it does not end, and when both sides sleep: then a wake-up was lost.

mod memory;
mod script;
mod step;
mod world;

use std::{
    collections::BTreeMap,
    ffi::c_int,
    panic::{
        self,
        AssertUnwindSafe,
        Location, //
    },
    sync::Arc,
    thread, //
};

use emulator::memory::stand_in::{
    self,
    Barrier, //
};

pub use memory::Order;
pub use world::{
    Side,
    Who, //
};

use script::Script;
use world::World;

extern "C" {
    fn sched_getcpu() -> c_int;
    fn sched_setaffinity(thread: c_int, bytes: usize, mask: *const u64) -> c_int;
}

/// A barrier in the source: file and line.
pub type Place = (&'static str, u32);

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Most departures of a run.
    pub departures: u32,
    /// What the memory may do.
    pub order: Order,
    /// A barrier that does nothing, to see what it is good for.
    pub without: Option<Place>,
}

/// What an exploration has found.
#[derive(Debug, Default)]
pub struct Found {
    /// How many runs there were.
    pub runs: u64,
    /// The barriers that were passed.
    pub barriers: BTreeMap<Place, Barrier>,
    /// What went wrong in the last run, and the steps that led there.
    pub failure: Option<String>,
}

/// What is done anew for each run, and by each side.
pub trait Play {
    /// What the driver begins with.
    type Driver;

    /// Gets everything ready; not part of the run.
    fn set_up(&self) -> Self::Driver;

    /// The driver, to its end.
    ///
    /// # Errors
    ///
    /// What went wrong.
    fn drive(&self, driver: &mut Self::Driver, side: &Arc<Side>) -> Result<(), String>;

    /// The device: works once on what there is. Called for each time it is woken.
    ///
    /// # Errors
    ///
    /// What went wrong.
    fn work(&self, side: &Arc<Side>) -> Result<(), String>;

    /// After a run that went well.
    fn tear_down(&self, driver: Self::Driver);
}

/// Keeps this thread, and those it starts, on the processor where it is. Two sides of which only one
/// runs at a time hand over much faster there.
fn stay() {
    let mut mask = [0_u64; 16];
    // SAFETY: No pointers are involved.
    let number = unsafe { sched_getcpu() };
    let number = usize::try_from(number).unwrap_or_default();
    if let Some(word) = mask.get_mut(number / 64) {
        *word = 1 << (number % 64);
        // SAFETY: The mask has the stated length. Where it is refused, runs are slower.
        unsafe { sched_setaffinity(0, size_of_val(&mask), mask.as_ptr()) };
    }
}

/// Takes every way that a play can go, within the bound. The calling thread stays on its processor
/// from then on.
pub fn explore<P: Play + Sync>(play: &P, bound: Bound) -> Found {
    stay();
    let mut script = Script::new(bound.departures);
    let mut found = Found::default();
    loop {
        let mut driver = play.set_up();
        let world = Arc::new(World::new(script, bound));
        run(play, &mut driver, &world);
        found.runs += 1;
        let end = world.end();
        found.barriers.extend(end.barriers);
        if end.failure.is_some() {
            // The run was cut short: the device may still have what the driver lent to it.
            std::mem::forget(driver);
            found.failure = end.failure;
            return found;
        }
        play.tear_down(driver);
        script = end.script;
        if !script.advance() {
            return found;
        }
    }
}

fn run<P: Play + Sync>(play: &P, driver: &mut P::Driver, world: &Arc<World>) {
    thread::scope(|scope| {
        scope.spawn(|| {
            side(world, Who::Device, |side| {
                while side.sleep() {
                    play.work(side)?;
                }
                Ok(())
            });
        });
        side(world, Who::Driver, |side| play.drive(driver, side));
    });
}

/// One side's part of a run.
fn side(world: &Arc<World>, who: Who, act: impl FnOnce(&Arc<Side>) -> Result<(), String>) {
    let side = Arc::new(Side::new(world.clone(), who));
    stand_in::set(Some(side.clone()));
    // A side that is stopped in the middle of its code unwinds.
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        side.begin();
        act(&side)
    }));
    stand_in::set(None);
    match result {
        Ok(Ok(())) => side.finish(),
        Ok(Err(what)) => side.fail(&what),
        Err(_) => side.fail("panicked"),
    }
}

/// A place, for a person.
pub fn place(location: &'static Location<'static>) -> Place {
    let file = location.file();
    let short = file.find("drivers/").or(file.find("emulator/"));
    (&file[short.unwrap_or(0)..], location.line())
}
