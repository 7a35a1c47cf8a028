// SPDX-License-Identifier: GPL-2.0

//! From events of a device to interrupts: the ISR status and the vectors
//! (VIRTIO 1.3, sections 4.1.4.5 and 4.1.5.1 to 4.1.5.5).

use std::sync::{
    Arc,
    Mutex,
    MutexGuard,
    PoisonError, //
};

use super::profile::Profile;
use crate::{
    interrupts::Interrupts,
    observe::{
        Event,
        Observers,
        Via, //
    },
};

/// What a vector register holds when no vector is assigned.
pub const NO_VECTOR: u16 = 0xffff;

/// ISR bit: a queue has something.
const ISR_QUEUE: u8 = 1;
/// ISR bit: the configuration has changed.
const ISR_CONFIG: u8 = 2;

struct State {
    isr: u8,
    msix: bool,
    config: u16,
    queues: Vec<u16>,
}

/// The interrupt half of a device's registers.
pub struct Signals {
    state: Mutex<State>,
    interrupts: Arc<Interrupts>,
    profile: &'static Profile,
    observers: Arc<Observers>,
}

impl Signals {
    pub fn new(
        interrupts: Arc<Interrupts>,
        queues: usize,
        profile: &'static Profile,
        observers: Arc<Observers>,
    ) -> Self {
        let state = State {
            isr: 0,
            msix: false,
            config: NO_VECTOR,
            queues: vec![NO_VECTOR; queues],
        };
        Self {
            state: Mutex::new(state),
            interrupts,
            profile,
            observers,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state in order: it is changed by single assignments.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Raises an interrupt for a queue, or for the configuration.
    fn raise(&self, isr: u8, queue: Option<u16>) {
        let mut state = self.lock();
        let via = self.via(&state, queue);
        self.observers.see(|| Event::Interrupt { queue, via });
        if via == Via::Line {
            state.isr |= isr;
            self.interrupts.set_line(state.isr & ISR_QUEUE != 0);
            return;
        }
        if self.profile.isr_with_msix {
            // Drivers exist that poll it there.
            state.isr |= isr;
        }
        if let Via::Vector(vector) = via {
            self.interrupts.raise(vector);
        }
    }

    fn via(&self, state: &State, queue: Option<u16>) -> Via {
        if !state.msix {
            return Via::Line;
        }
        let vector = match queue {
            Some(queue) => state.queues.get(usize::from(queue)).copied(),
            None => Some(state.config),
        };
        match vector {
            Some(vector) if usize::from(vector) < self.interrupts.vectors() => Via::Vector(vector),
            _ => Via::Nowhere,
        }
    }

    /// Something was given back in a queue.
    pub fn queue(&self, index: u16) {
        self.raise(ISR_QUEUE, Some(index));
    }

    /// The configuration has changed.
    pub fn config(&self) {
        // Both bits, as QEMU has it: the first one raises the line.
        self.raise(ISR_QUEUE | ISR_CONFIG, None);
    }

    /// Reads the ISR status, which clears it and releases the line.
    pub fn take_isr(&self) -> u8 {
        let mut state = self.lock();
        if !state.msix {
            self.interrupts.set_line(false);
        }
        std::mem::take(&mut state.isr)
    }

    /// Whether the vector registers are there.
    pub fn msix(&self) -> bool {
        self.lock().msix
    }

    /// The driver has switched MSI-X on or off.
    pub fn set_msix(&self, enabled: bool) {
        let mut state = self.lock();
        if state.msix != enabled {
            self.observers.see(|| Event::Msix(enabled));
        }
        state.msix = enabled;
        self.interrupts
            .set_line(!enabled && state.isr & ISR_QUEUE != 0);
    }

    /// The vector for changes of the configuration.
    pub fn config_vector(&self) -> u16 {
        self.lock().config
    }

    /// Assigns it; one that does not exist is refused by assigning none, where that is the habit.
    pub fn set_config_vector(&self, vector: u16) {
        self.lock().config = self.valid(vector);
    }

    /// The vector of a queue.
    pub fn queue_vector(&self, index: u16) -> u16 {
        self.lock()
            .queues
            .get(usize::from(index))
            .copied()
            .unwrap_or(NO_VECTOR)
    }

    /// Assigns it, likewise.
    pub fn set_queue_vector(&self, index: u16, vector: u16) {
        let vector = self.valid(vector);
        if let Some(place) = self.lock().queues.get_mut(usize::from(index)) {
            *place = vector;
        }
    }

    fn valid(&self, vector: u16) -> u16 {
        if usize::from(vector) < self.interrupts.vectors() || !self.profile.refuses_vectors {
            vector
        } else {
            NO_VECTOR
        }
    }

    /// Nothing is pending, no vector assigned. MSI-X itself belongs to the PCI function and stays.
    pub fn reset(&self) {
        let mut state = self.lock();
        state.isr = 0;
        state.config = NO_VECTOR;
        state.queues.fill(NO_VECTOR);
        self.interrupts.reset();
    }
}
