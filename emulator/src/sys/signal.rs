// SPDX-License-Identifier: GPL-2.0

//! Signals, waited for by one thread instead of interrupting any.

use std::{
    ffi::c_int,
    io,
    ptr, //
};

/// glibc's and musl's `sigset_t`: room for 1024 signals.
type SignalSet = [u64; 16];

extern "C" {
    fn pthread_sigmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
    fn sigwait(set: *const SignalSet, signal: *mut c_int) -> c_int;
    fn getpid() -> c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
}

const SIG_BLOCK: c_int = 0;
const SIGHUP: c_int = 1;
const SIGINT: c_int = 2;
const SIGUSR1: c_int = 10;
const SIGTERM: c_int = 15;

/// A signal that means something to the emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The world has changed: look at it again.
    Hangup,
    /// The first one that has no meaning of its own.
    User,
    /// Come to an end.
    End,
}

/// The signals of this process, taken away from the threads to be started.
pub struct Signals(SignalSet);

impl Signals {
    /// Blocks them in this thread and all that it will start.
    ///
    /// # Errors
    ///
    /// Those of pthread_sigmask(3).
    pub fn block() -> io::Result<Self> {
        let mut set: SignalSet = [0; 16];
        for signal in [SIGHUP, SIGINT, SIGUSR1, SIGTERM] {
            // Signal 1 is bit 0.
            set[0] |= 1 << (signal - 1);
        }
        // SAFETY: The set outlives the call.
        match unsafe { pthread_sigmask(SIG_BLOCK, &set, ptr::null_mut()) } {
            0 => Ok(Self(set)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Waits for the next one.
    ///
    /// # Errors
    ///
    /// Those of sigwait(3).
    pub fn wait(&self) -> io::Result<Signal> {
        let mut signal = 0;
        // SAFETY: Both outlive the call.
        match unsafe { sigwait(&self.0, &mut signal) } {
            0 if signal == SIGHUP => Ok(Signal::Hangup),
            0 if signal == SIGUSR1 => Ok(Signal::User),
            0 => Ok(Signal::End),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Sends [`Signal::End`] to this process, from any thread.
pub fn end() {
    // SAFETY: No pointers are involved. The process is there, and may signal itself.
    unsafe { kill(getpid(), SIGTERM) };
}
