// SPDX-License-Identifier: GPL-2.0

//! Writes a trace while it happens.

use std::{
    fs::File,
    io::{
        self,
        BufWriter,
        Write, //
    },
    path::Path,
    sync::{
        Mutex,
        MutexGuard,
        PoisonError, //
    },
};

use super::line::put_event;
use crate::{
    observe::{
        Event,
        Moment,
        Observer, //
    },
    virtio::device::Complain,
};

/// Bytes that wait for the file.
const BUFFER: usize = 1 << 18;

/// A file that is written until the first failure; that one is told, and then it rests.
pub(super) struct Output {
    file: Option<BufWriter<File>>,
    name: String,
    complain: Complain,
}

impl Output {
    /// Makes the file, or empties it.
    pub(super) fn create(path: &Path, complain: Complain) -> io::Result<Self> {
        Ok(Self {
            file: Some(BufWriter::with_capacity(BUFFER, File::create(path)?)),
            name: path.display().to_string(),
            complain,
        })
    }

    /// Does something to the file, as long as nothing has gone wrong.
    pub(super) fn with(&mut self, act: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        let Some(file) = &mut self.file else {
            return;
        };
        if let Err(error) = act(file) {
            // What is still in the buffer would fail once more.
            if let Some(file) = self.file.take() {
                drop(file.into_parts());
            }
            (self.complain)(&format!("{}: {error}; it ends here", self.name));
        }
    }
}

struct State {
    output: Output,
    /// The line that is being made; its room is used again.
    line: String,
}

/// An observer that writes each event as a line of JSON.
pub struct Trace(Mutex<State>);

impl Trace {
    /// A trace in the file `path`, which is emptied first; `complain` is told if it has to end
    /// early.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub fn create(path: &Path, complain: Complain) -> io::Result<Self> {
        Ok(Self(Mutex::new(State {
            output: Output::create(path, complain)?,
            line: String::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves half a line at worst.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything so far is in the file when this returns.
    pub fn flush(&self) {
        self.lock().output.with(BufWriter::flush);
    }
}

impl Observer for Trace {
    fn see(&self, moment: Moment, event: &Event<'_>) {
        let State { output, line } = &mut *self.lock();
        line.clear();
        // Writing to a string does not fail.
        let _ = put_event(line, moment, event);
        output.with(|file| file.write_all(line.as_bytes()));
        if matches!(event, Event::Client { connected: false }) {
            output.with(BufWriter::flush);
        }
    }
}
