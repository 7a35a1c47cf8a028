// SPDX-License-Identifier: GPL-2.0

//! The interrupts of a PCI function: one INTx line and MSI-X vectors, each an eventfd of the client.

use std::{
    fs::{
        self,
        File, //
    },
    io::Write,
    os::fd::{
        AsRawFd,
        OwnedFd, //
    },
    sync::{
        Mutex,
        MutexGuard,
        PoisonError, //
    },
};

use crate::sys;

/// An eventfd that the client listens to.
pub struct Trigger(File);

impl Trigger {
    /// Takes a descriptor; None if it is not an eventfd: writing to anything else might block.
    pub fn new(descriptor: OwnedFd) -> Option<Self> {
        let link = fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd())).ok()?;
        if !link.to_string_lossy().starts_with("anon_inode:[eventfd") {
            return None;
        }
        let file = File::from(descriptor);
        sys::set_nonblocking(&file).ok()?;
        Some(Self(file))
    }

    fn pull(&self) {
        // The one failure, a counter at its limit, means that the client has been told often enough.
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }
}

/// The INTx line. The client masks it by itself when it is told, and unmasks it explicitly.
#[derive(Default)]
struct Line {
    trigger: Option<Trigger>,
    asserted: bool,
    masked: bool,
    /// Bit 10 of the PCI command register.
    disabled: bool,
}

impl Line {
    fn update(&mut self) {
        if !self.asserted || self.masked || self.disabled {
            return;
        }
        if let Some(trigger) = &self.trigger {
            self.masked = true;
            trigger.pull();
        }
    }
}

/// One MSI-X vector.
#[derive(Default)]
struct Vector {
    trigger: Option<Trigger>,
    /// Raised while nobody listened.
    pending: bool,
}

impl Vector {
    fn raise(&mut self) {
        match &self.trigger {
            Some(trigger) => trigger.pull(),
            None => self.pending = true,
        }
    }
}

struct State {
    line: Line,
    vectors: Vec<Vector>,
}

/// All interrupts of a function.
pub struct Interrupts(Mutex<State>);

impl Interrupts {
    /// INTx and `vectors` MSI-X vectors, connected to nobody.
    pub fn new(vectors: u16) -> Self {
        Self(Mutex::new(State {
            line: Line::default(),
            vectors: (0..vectors).map(|_| Vector::default()).collect(),
        }))
    }

    /// How many MSI-X vectors there are.
    pub fn vectors(&self) -> usize {
        self.lock().vectors.len()
    }

    /// Asserts or releases the INTx line.
    pub fn set_line(&self, asserted: bool) {
        let line = &mut self.lock().line;
        line.asserted = asserted;
        line.update();
    }

    /// Whether the line is asserted.
    pub fn line(&self) -> bool {
        self.lock().line.asserted
    }

    /// Follows the interrupt-disable bit of the PCI command register.
    pub fn disable_line(&self, disabled: bool) {
        let line = &mut self.lock().line;
        line.disabled = disabled;
        line.update();
    }

    /// Masks or unmasks the line, as the client asks.
    pub fn mask_line(&self, masked: bool) {
        let line = &mut self.lock().line;
        line.masked = masked;
        line.update();
    }

    /// Connects the line to an eventfd, or to nobody.
    pub fn connect_line(&self, trigger: Option<Trigger>) {
        let line = &mut self.lock().line;
        line.trigger = trigger;
        line.masked = false;
        line.update();
    }

    /// Raises a vector; one that does not exist is ignored.
    pub fn raise(&self, vector: u16) {
        if let Some(vector) = self.lock().vectors.get_mut(usize::from(vector)) {
            vector.raise();
        }
    }

    /// Connects a vector to an eventfd, or to nobody; what was raised before goes out.
    pub fn connect(&self, vector: usize, trigger: Option<Trigger>) {
        if let Some(vector) = self.lock().vectors.get_mut(vector) {
            vector.trigger = trigger;
            if vector.trigger.is_some() && std::mem::take(&mut vector.pending) {
                vector.raise();
            }
        }
    }

    /// Connects every vector to nobody.
    pub fn disconnect_vectors(&self) {
        for vector in &mut self.lock().vectors {
            vector.trigger = None;
        }
    }

    /// Whether a vector was raised while nobody listened: its bit of the pending array.
    pub fn is_pending(&self, vector: usize) -> bool {
        self.lock()
            .vectors
            .get(vector)
            .is_some_and(|vector| vector.pending)
    }

    /// Forgets what is pending and releases the line; connections stay.
    pub fn reset(&self) {
        let mut state = self.lock();
        state.line.asserted = false;
        for vector in &mut state.vectors {
            vector.pending = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state in order: it is changed by single assignments.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// A trigger, and the end that counts.
    fn trigger() -> (Trigger, File) {
        let count = File::from(sys::new_eventfd().unwrap());
        let other = count.try_clone().unwrap();
        (Trigger::new(OwnedFd::from(other)).unwrap(), count)
    }

    fn taken(mut count: &File) -> u64 {
        let mut word = [0; 8];
        count
            .read(&mut word)
            .map_or(0, |_| u64::from_ne_bytes(word))
    }

    #[test]
    fn the_line_fires_again_when_it_is_unmasked_while_asserted() {
        let interrupts = Interrupts::new(0);
        let (trigger, count) = trigger();
        interrupts.connect_line(Some(trigger));
        interrupts.set_line(true);
        interrupts.set_line(true);
        assert_eq!(taken(&count), 1);
        interrupts.mask_line(false);
        assert_eq!(taken(&count), 1);
        interrupts.set_line(false);
        interrupts.mask_line(false);
        assert_eq!(taken(&count), 0);
    }

    #[test]
    fn a_disabled_line_is_silent_until_it_is_enabled() {
        let interrupts = Interrupts::new(0);
        let (trigger, count) = trigger();
        interrupts.connect_line(Some(trigger));
        interrupts.disable_line(true);
        interrupts.set_line(true);
        assert_eq!(taken(&count), 0);
        interrupts.disable_line(false);
        assert_eq!(taken(&count), 1);
    }

    #[test]
    fn a_line_asserted_early_fires_when_somebody_listens() {
        let interrupts = Interrupts::new(0);
        interrupts.set_line(true);
        let (trigger, count) = trigger();
        interrupts.connect_line(Some(trigger));
        assert_eq!(taken(&count), 1);
    }

    #[test]
    fn a_vector_raised_between_two_connections_is_not_lost() {
        let interrupts = Interrupts::new(2);
        let (first, first_count) = trigger();
        interrupts.connect(1, Some(first));
        interrupts.raise(1);
        assert_eq!(taken(&first_count), 1);
        interrupts.disconnect_vectors();
        interrupts.raise(1);
        assert!(interrupts.is_pending(1));
        assert!(!interrupts.is_pending(0));
        let (second, second_count) = trigger();
        interrupts.connect(1, Some(second));
        assert_eq!(taken(&second_count), 1);
        assert!(!interrupts.is_pending(1));
        interrupts.raise(7);
        assert_eq!(taken(&first_count), 0);
    }

    #[test]
    fn only_an_eventfd_is_a_trigger() {
        let file = crate::testing::scratch_file(1);
        assert!(Trigger::new(OwnedFd::from(file)).is_none());
    }
}
