// SPDX-License-Identifier: GPL-2.0

//! One run: whose turn it is, who sleeps, and what each step may lead to.

use std::{
    collections::BTreeMap,
    panic::{
        self,
        Location, //
    },
    sync::{
        Arc,
        Condvar,
        Mutex,
        MutexGuard,
        PoisonError, //
    },
};

use emulator::memory::stand_in::{
    Barrier,
    StandIn, //
};

use super::{
    memory::Memory,
    place,
    script::Script,
    step::{
        number,
        report,
        Step, //
    },
    Bound,
    Place, //
};

/// Steps after which a run is taken to have no end.
const ENDLESS: usize = 5000;

/// A side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Runs first.
    Driver = 0,
    /// Sleeps at first.
    Device = 1,
}

impl Who {
    fn other(self) -> Self {
        match self {
            Self::Driver => Self::Device,
            Self::Device => Self::Driver,
        }
    }
}

/// What a run ends with.
pub struct End {
    pub script: Script,
    pub barriers: BTreeMap<Place, Barrier>,
    pub failure: Option<String>,
}

struct State {
    turn: Who,
    asleep: [bool; 2],
    /// Woken, and not yet gone to sleep since.
    called: [bool; 2],
    finished: bool,
    failure: Option<String>,
    script: Script,
    memory: Memory,
    barriers: BTreeMap<Place, Barrier>,
    steps: Vec<(Who, Step)>,
}

impl State {
    fn can_run(&self, who: Who) -> bool {
        !self.asleep[who as usize] || self.called[who as usize]
    }

    fn log(&mut self, who: Who, step: Step) {
        self.steps.push((who, step));
        if self.steps.len() == ENDLESS {
            self.fail("the run does not end");
        }
    }

    fn fail(&mut self, what: &str) {
        if self.failure.is_none() {
            self.failure = Some(report(what, &self.steps));
        }
    }
}

/// A run.
pub struct World {
    bound: Bound,
    state: Mutex<State>,
    /// Tells a side that it is its turn, or that the run is over.
    changed: [Condvar; 2],
}

impl World {
    /// A run by `script`.
    pub fn new(script: Script, bound: Bound) -> Self {
        Self {
            bound,
            state: Mutex::new(State {
                turn: Who::Driver,
                asleep: [false, true],
                called: [false; 2],
                finished: false,
                failure: None,
                script,
                memory: Memory::new(bound.order),
                barriers: BTreeMap::new(),
                steps: Vec::new(),
            }),
            changed: Default::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A side that is stopped unwinds, possibly from in here; the run is over then.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come of it, when both sides are done.
    pub fn end(&self) -> End {
        let state = &mut *self.lock();
        End {
            script: std::mem::replace(&mut state.script, Script::new(0)),
            barriers: std::mem::take(&mut state.barriers),
            failure: state.failure.take(),
        }
    }

    fn hand_over<'a>(&'a self, mut state: MutexGuard<'a, State>, to: Who) -> MutexGuard<'a, State> {
        state.turn = to;
        self.changed[to as usize].notify_one();
        self.wait(state, to.other())
    }

    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>, who: Who) -> MutexGuard<'a, State> {
        while state.turn != who && state.failure.is_none() && !state.finished {
            state = self.changed[who as usize]
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.go_on(state)
    }

    /// Stops the side in the middle of its code if the run has failed.
    fn go_on<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.failure.is_some() {
            drop(state);
            panic::resume_unwind(Box::new("stopped"));
        }
        state
    }

    fn call_all(&self) {
        for changed in &self.changed {
            changed.notify_one();
        }
    }
}

/// One side of a run, as its thread sees it.
pub struct Side {
    world: Arc<World>,
    who: Who,
}

impl Side {
    pub(super) fn new(world: Arc<World>, who: Who) -> Self {
        Self { world, who }
    }

    /// Waits for the first turn.
    pub(super) fn begin(&self) {
        drop(self.world.wait(self.world.lock(), self.who));
    }

    /// The side is done, and so is the run.
    pub(super) fn finish(&self) {
        let mut state = self.world.lock();
        state.finished = true;
        state.script.settle();
        drop(state);
        self.world.call_all();
    }

    /// The run has failed.
    pub(super) fn fail(&self, what: &str) {
        self.world.lock().fail(&format!("{:?}: {what}", self.who));
        self.world.call_all();
    }

    /// A place where the run may go on differently.
    fn point(&self) -> MutexGuard<'_, State> {
        let mut state = self.world.go_on(self.world.lock());
        if !state.script.may_depart() {
            return state;
        }
        let (me, other) = (self.who, self.who.other());
        // The other side's stores, some of them and then on; or the other side, with some of ours.
        let theirs = state.memory.releases(other as usize);
        let ours = match state.can_run(other) {
            true => state.memory.releases(me as usize),
            false => Vec::new(),
        };
        let choice = state.script.choose(theirs.len() + ours.len());
        if choice == 0 {
            return state;
        }
        if let Some(positions) = theirs.get(choice) {
            state.memory.release(other as usize, positions);
            state.log(other, Step::Release(positions.len()));
            return state;
        }
        let positions = &ours[choice - theirs.len()];
        state.memory.release(me as usize, positions);
        state.log(me, Step::Release(positions.len()));
        self.world.hand_over(state, other)
    }

    /// Wakes the other side: a kick, or an interrupt.
    pub fn wake(&self) {
        let mut state = self.point();
        state.memory.full_barrier(self.who as usize);
        state.called[self.who.other() as usize] = true;
        state.log(self.who, Step::Wake);
    }

    /// Sleeps until the other side wakes this one, or has done so already. False when it never will
    /// and everything is done.
    pub fn sleep(&self) -> bool {
        let (me, other) = (self.who, self.who.other());
        let mut state = self.point();
        state.memory.full_barrier(me as usize);
        if !state.called[me as usize] {
            state.log(me, Step::Sleep);
            state.asleep[me as usize] = true;
            if !state.can_run(other) {
                state.fail("both sides sleep: a wake-up was lost");
                self.world.call_all();
            }
            state = self.world.go_on(state);
            state = self.world.hand_over(state, other);
            if state.finished {
                return false;
            }
        }
        state.asleep[me as usize] = false;
        state.called[me as usize] = false;
        state.memory.full_barrier(me as usize);
        true
    }
}

impl StandIn for Side {
    fn load(&self, at: u64, into: &mut [u8]) {
        let mut state = self.point();
        let moments = state.memory.moments(self.who as usize, at, into.len());
        let choice = state.script.choose(moments.len());
        state
            .memory
            .load(self.who as usize, moments[choice], at, into);
        let (value, late) = (number(into), choice > 0);
        state.log(self.who, Step::Load { at, value, late });
        drop(self.world.go_on(state));
    }

    fn store(&self, at: u64, from: &[u8]) {
        let mut state = self.world.go_on(self.world.lock());
        state.memory.store(self.who as usize, at, from);
        let value = number(from);
        state.log(self.who, Step::Store { at, value });
    }

    fn barrier(&self, kind: Barrier, location: &'static Location<'static>) {
        let place = place(location);
        let mut state = match kind {
            Barrier::Full => self.point(),
            Barrier::Read | Barrier::Write => self.world.go_on(self.world.lock()),
        };
        state.barriers.insert(place, kind);
        if self.world.bound.without == Some(place) {
            return;
        }
        let side = self.who as usize;
        match kind {
            Barrier::Full => state.memory.full_barrier(side),
            Barrier::Read => state.memory.read_barrier(side),
            Barrier::Write => state.memory.write_barrier(side),
        }
        state.log(self.who, Step::Barrier(kind, place));
    }
}
