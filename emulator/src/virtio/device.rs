// SPDX-License-Identifier: GPL-2.0

//! The state of a device: what the driver has negotiated, its queues, and how it ends up broken.

use std::sync::{
    atomic::{
        AtomicBool,
        AtomicU16,
        AtomicU32,
        Ordering, //
    },
    Arc,
    Mutex,
    MutexGuard,
    PoisonError, //
};

use super::{
    model::Model,
    profile::Profile,
    service::{
        Pause,
        Service, //
    },
    signals::Signals,
    status::Status,
    workers::Bell, //
};
use crate::{
    fault::{
        Faults,
        Kind, //
    },
    interrupts::Interrupts,
    memory::{
        Memory,
        View, //
    },
    observe::{
        Cause,
        Event,
        Observer,
        Observers, //
    },
    queue::{
        Progress,
        Queue,
        Violation,
        Watch, //
    },
};

/// Where one-line messages go.
pub type Complain = Arc<dyn Fn(&str) + Send + Sync>;

/// What the driver has written, and the device has accepted.
pub(super) struct State {
    pub features: u32,
    pub status: u8,
    pub selected: u16,
    /// QUEUE_PFN of each queue.
    pub frames: Vec<u32>,
}

/// One of the device's queues.
pub(super) struct Slot {
    /// Entries of the ring.
    pub size: u16,
    /// Entries of the next ring: what the driver was told last.
    told: AtomicU16,
    /// The ring that the driver has set up; locked while it is being worked on.
    live: Mutex<Option<Queue>>,
    /// How many threads need the queue for a moment.
    wanted: AtomicU32,
    /// Wakes the queue's worker.
    pub bell: Arc<Bell>,
    /// Where it stands, as long as somebody watches.
    pub progress: Arc<Progress>,
}

impl Slot {
    /// Gives the next ring so many entries, a power of two.
    pub fn tell_size(&self, size: u16) {
        self.told.store(size, Ordering::Relaxed);
    }

    /// Waits for the go at the queue to end.
    pub fn lock(&self) -> MutexGuard<'_, Option<Queue>> {
        self.wanted.fetch_add(1, Ordering::Relaxed);
        let guard = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        self.wanted.fetch_sub(1, Ordering::Relaxed);
        guard
    }
}

/// A virtio device, without a bus.
pub struct Device {
    model: Arc<dyn Model>,
    memory: Memory,
    interrupts: Arc<Interrupts>,
    signals: Arc<Signals>,
    state: Mutex<State>,
    slots: Vec<Slot>,
    /// The driver has broken a rule: nothing moves until the next reset.
    broken: AtomicBool,
    /// The PCI function may access memory.
    master: AtomicBool,
    profile: &'static Profile,
    complain: Complain,
    observers: Arc<Observers>,
    faults: Arc<Faults>,
}

impl Device {
    /// A device as after power-on, with `vectors` MSI-X vectors.
    pub fn new(
        model: Arc<dyn Model>,
        vectors: u16,
        profile: &'static Profile,
        complain: Complain,
    ) -> Self {
        Self::observed(model, vectors, profile, complain, Vec::new())
    }

    /// The same, and what happens in it is told to `observers`.
    pub fn observed(
        model: Arc<dyn Model>,
        vectors: u16,
        profile: &'static Profile,
        complain: Complain,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Self {
        let observers = Arc::new(Observers::new(observers));
        let sizes = model.queues();
        observers.see(|| Event::Device {
            kind: model.kind(),
            features: model.features(),
            queues: &sizes,
            config: model.config_len(),
            vectors,
            profile: profile.name,
        });
        let interrupts = Arc::new(Interrupts::new(vectors));
        let slots: Vec<Slot> = sizes
            .into_iter()
            .map(|size| Slot {
                size,
                told: AtomicU16::new(size),
                live: Mutex::new(None),
                wanted: AtomicU32::new(0),
                bell: Arc::default(),
                progress: Arc::default(),
            })
            .collect();
        let bells: Vec<Arc<Bell>> = slots.iter().map(|slot| slot.bell.clone()).collect();
        model.connect(&bells);
        Self {
            memory: Memory::default(),
            signals: Arc::new(Signals::new(
                interrupts.clone(),
                slots.len(),
                profile,
                observers.clone(),
            )),
            state: Mutex::new(State {
                features: 0,
                status: 0,
                selected: 0,
                frames: vec![0; slots.len()],
            }),
            slots,
            broken: AtomicBool::new(false),
            master: AtomicBool::new(false),
            interrupts,
            model,
            profile,
            complain,
            observers,
            faults: Arc::default(),
        }
    }

    /// The same device, with faults.
    pub fn with_faults(mut self, faults: Arc<Faults>) -> Self {
        self.faults = faults;
        self
    }

    /// What it does wrong on purpose.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Who watches it.
    pub fn observers(&self) -> &Observers {
        &self.observers
    }

    /// The kind of device it is.
    pub fn model(&self) -> &dyn Model {
        &*self.model
    }

    /// The guest's memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The interrupts of the PCI function.
    pub fn interrupts(&self) -> &Interrupts {
        &self.interrupts
    }

    pub(super) fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state in order: it is changed by single assignments.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn slot(&self, index: u16) -> Option<&Slot> {
        self.slots.get(usize::from(index))
    }

    /// How many queues there are.
    pub fn queues(&self) -> u16 {
        // CAST: Models have at most a few thousand queues, the register's 16 bits are the limit.
        self.slots.len() as u16
    }

    /// The driver has given a queue its ring.
    pub(super) fn start_queue(&self, state: &mut State, index: u16, frame: u32) {
        if let Some(slot) = self.slot(index).filter(|_| self.model.has_queue(index)) {
            state.frames[usize::from(index)] = frame;
            let size = slot.told.load(Ordering::Relaxed);
            let queue = Queue::new(frame, size, state.features);
            *slot.lock() = Some(queue.watched(self.watch(index, slot)));
            self.observers.see(|| Event::QueueOn {
                queue: index,
                frame,
                size,
            });
        }
    }

    fn watch(&self, queue: u16, slot: &Slot) -> Option<Watch> {
        self.observers.any().then(|| Watch {
            observers: self.observers.clone(),
            queue,
            progress: slot.progress.clone(),
        })
    }

    /// The driver takes a queue's ring away.
    pub(super) fn stop_queue(&self, state: &mut State, index: u16) {
        if let Some(slot) = self.slot(index) {
            state.frames[usize::from(index)] = 0;
            *slot.lock() = None;
            slot.progress.begin(None);
            self.observers.see(|| Event::QueueOff { queue: index });
        }
    }

    /// Whose habits it has.
    pub fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// The driver has accepted these features.
    pub(super) fn set_features(&self, state: &mut State, features: u32) {
        state.features = features;
        self.model.accepted(features);
        self.observers.see(|| Event::Features(features));
        for slot in &self.slots {
            if let Some(queue) = slot.lock().as_mut() {
                queue.set_features(features);
            }
        }
    }

    /// Puts the device into the state after power-on; no queue is being worked on when it returns.
    pub fn reset(&self, cause: Cause) {
        self.reset_locked(&mut self.state(), cause);
    }

    pub(super) fn reset_locked(&self, state: &mut State, cause: Cause) {
        for slot in &self.slots {
            *slot.lock() = None;
            slot.progress.begin(None);
        }
        state.features = 0;
        state.status = 0;
        state.selected = 0;
        if !self.faults.strike(Kind::ResetKeepsPfn, 0) {
            state.frames.fill(0);
        }
        self.faults.reset();
        self.signals.reset();
        self.model.reset();
        self.broken.store(false, Ordering::Release);
        self.observers.see(|| Event::Reset(cause));
    }

    /// Whether the device may access memory.
    pub fn is_master(&self) -> bool {
        self.master.load(Ordering::Acquire)
    }

    /// Lets the device access memory, or not; without, it does not work at all.
    pub fn set_master(&self, master: bool) {
        let before = self.master.swap(master, Ordering::AcqRel);
        if before != master {
            self.observers.see(|| Event::Master(master));
        }
        if before && !master {
            self.state().status &= !Status::DRIVER_OK.bits();
            for slot in &self.slots {
                drop(slot.lock());
            }
        }
        if !before && master {
            // What was made available meanwhile.
            for slot in &self.slots {
                slot.bell.ring();
            }
        }
    }

    /// Switches MSI-X on or off.
    pub fn set_msix(&self, enabled: bool) {
        self.signals.set_msix(enabled);
    }

    /// Tells the driver that the configuration has changed, if it is there to hear it.
    pub fn config_changed(&self) {
        if self.state().status & Status::DRIVER_OK.bits() != 0 {
            self.signals.config();
        }
    }

    /// Works on a queue until it is empty, in the calling thread.
    pub fn run(&self, index: u16) {
        while self.go(index, true) == Pause::Wanted {
            std::thread::yield_now();
        }
    }

    /// One go at a queue; `asks`: when it is empty, the driver is asked to notify.
    pub(super) fn go(&self, index: u16, asks: bool) -> Pause {
        let outcome = self.enter(index, |queue, view| {
            let mut service = Service::new(self, index, queue, view, asks);
            service.begin();
            self.model.serve(index, &mut service);
            service.finish()
        });
        outcome.unwrap_or_else(|pause| pause)
    }

    /// Whether a go at a queue may find something to do.
    pub(super) fn stirs(&self, index: u16) -> bool {
        match self.enter(index, |queue, view| queue.is_empty(view)) {
            Ok(empty) => empty != Ok(true),
            Err(pause) => pause != Pause::Wanted,
        }
    }

    /// Does something with a queue and the memory; not if somebody else waits for either, or the
    /// device is not to work.
    fn enter<T>(
        &self,
        index: u16,
        work: impl for<'v> FnOnce(&mut Queue, &'v View<'v>) -> T,
    ) -> Result<T, Pause> {
        let slot = self.slot(index).ok_or(Pause::Done)?;
        if slot.wanted.load(Ordering::Relaxed) != 0 {
            return Err(Pause::Wanted);
        }
        // Not through `Slot::lock`: this thread is the one that gives way.
        let mut live = slot.live.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = live.as_mut().ok_or(Pause::Done)?;
        if self.is_broken() || !self.is_master() || self.faults.is_stopped() {
            return Err(Pause::Done);
        }
        let view = self.memory.view();
        Ok(work(queue, &view))
    }

    /// Whether a go at the queue should end soon.
    pub(super) fn is_wanted(&self, index: u16) -> bool {
        let slot = self.slot(index);
        self.memory.is_wanted() || slot.is_some_and(|slot| slot.wanted.load(Ordering::Relaxed) != 0)
    }

    /// Whether the driver has broken a rule.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    pub(super) fn break_by(&self, index: u16, violation: Violation) {
        if !self.broken.swap(true, Ordering::AcqRel) {
            self.observers.see(|| Event::Violation {
                queue: index,
                violation,
            });
            (self.complain)(&format!(
                "queue {index}: {violation}; the device stops until it is reset"
            ));
        }
    }
}
