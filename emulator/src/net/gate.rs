// SPDX-License-Identifier: GPL-2.0

//! What the thread of a back end waits for: a driver, room in an inbox, a time, or the end.

use std::{
    sync::{
        Condvar,
        Mutex,
        MutexGuard,
        PoisonError, //
    },
    time::Instant,
};

/// How far the device has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// How often a driver has said that it is ready.
    pub starts: u64,
    /// The device comes to its end.
    pub stopped: bool,
}

/// A place to wait at.
#[derive(Default)]
pub(super) struct Gate {
    progress: Mutex<(Progress, usize)>,
    changed: Condvar,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, (Progress, usize)> {
        // Nothing under the lock can panic half-way.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A driver is ready.
    pub fn start(&self) {
        self.lock().0.starts += 1;
        self.nudge();
    }

    /// Ends all waiting.
    pub fn stop(&self) {
        self.lock().0.stopped = true;
        self.nudge();
    }

    /// Whoever waits looks again.
    pub fn nudge(&self) {
        // Under the lock nobody is between looking and waiting.
        if self.lock().1 != 0 {
            self.changed.notify_all();
        }
    }

    /// Waits until `done`, the end or the deadline; returns how things are then.
    pub fn wait(&self, deadline: Option<Instant>, done: impl Fn(Progress) -> bool) -> Progress {
        let mut guard = self.lock();
        while !guard.0.stopped && !done(guard.0) {
            guard.1 += 1;
            guard = match deadline {
                None => self
                    .changed
                    .wait(guard)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.changed
                        .wait_timeout(guard, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
            guard.1 -= 1;
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
        }
        guard.0
    }
}
