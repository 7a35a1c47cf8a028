// SPDX-License-Identifier: GPL-2.0

//! A thread for each queue, asleep until the driver notifies.
//!
//! A notification stops one of the guest's processors until this process has answered a message. A
//! thread that has emptied its queue therefore looks on for a moment, in which the driver need not
//! notify: if the work before came within such a moment, too. A queue that is used now and then,
//! or not at all, costs no processor time.

use std::{
    sync::{
        Arc,
        Condvar,
        Mutex,
        PoisonError, //
    },
    thread::{
        self,
        JoinHandle, //
    },
    time::{
        Duration,
        Instant, //
    },
};

use super::{
    device::Device,
    service::Pause, //
};

/// How long a thread looks on at most: a little longer than a guest on emulated processors takes from
/// an interrupt to its next request.
const MOMENT: Duration = Duration::from_micros(500);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Nothing,
    Work,
    Stop,
}

/// Wakes a worker. Rung twice, it is heard at least once.
pub struct Bell {
    call: Mutex<Call>,
    heard: Condvar,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            call: Mutex::new(Call::Nothing),
            heard: Condvar::new(),
        }
    }
}

impl Bell {
    fn call(&self, new: Call) {
        let mut call = self.call.lock().unwrap_or_else(PoisonError::into_inner);
        if *call != Call::Stop {
            *call = new;
            self.heard.notify_one();
        }
    }

    /// There is work.
    pub fn ring(&self) {
        self.call(Call::Work);
    }

    /// Waits for work; false when there will be none.
    fn wait(&self) -> bool {
        let mut call = self.call.lock().unwrap_or_else(PoisonError::into_inner);
        while *call == Call::Nothing {
            call = self
                .heard
                .wait(call)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if *call == Call::Stop {
            return false;
        }
        *call = Call::Nothing;
        true
    }
}

/// Works on a queue until the driver was asked to notify; `emptied` is when it was empty before.
/// Returns when it is empty now.
fn work(device: &Device, index: u16, emptied: Option<Instant>) -> Option<Instant> {
    // Who watches a device sees it ask as soon as it can.
    let hasty = device.observers().any();
    let mut looks_on = !hasty && emptied.is_some_and(|at| at.elapsed() < MOMENT);
    let mut in_vain = None;
    loop {
        match device.go(index, !looks_on) {
            Pause::Wanted => thread::yield_now(),
            Pause::Done => return in_vain.or_else(|| Some(Instant::now())),
            Pause::Empty => {
                let now = Instant::now();
                looks_on = look_on(device, index, now);
                in_vain = (!looks_on).then_some(now);
            }
        }
    }
}

/// Waits for something to do, for a moment from `start` on; returns whether there is.
pub(super) fn look_on(device: &Device, index: u16, start: Instant) -> bool {
    while start.elapsed() < MOMENT {
        if device.stirs(index) {
            return true;
        }
        thread::yield_now();
    }
    false
}

/// The threads of a device; they end when this is dropped.
pub struct Workers {
    device: Arc<Device>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts them.
    pub fn start(device: &Arc<Device>) -> Self {
        let threads = (0..device.queues())
            .map(|index| {
                let device = device.clone();
                thread::spawn(move || {
                    let mut emptied = None;
                    while device.slot(index).is_some_and(|slot| slot.bell.wait()) {
                        emptied = work(&device, index, emptied);
                    }
                })
            })
            .collect();
        Self {
            device: device.clone(),
            threads,
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for index in 0..self.device.queues() {
            if let Some(slot) = self.device.slot(index) {
                slot.bell.call(Call::Stop);
            }
        }
        for thread in self.threads.drain(..) {
            // A worker that has panicked has said so.
            let _ = thread.join();
        }
    }
}
