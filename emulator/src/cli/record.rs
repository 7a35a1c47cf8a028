// SPDX-License-Identifier: GPL-2.0

//! What is written to files while a device is served.

use std::{
    io,
    path::{
        Path,
        PathBuf, //
    },
    sync::Arc,
};

use crate::{
    observe::Observer,
    trace::{
        pcap::Capture,
        writer::Trace, //
    },
    virtio::device::Complain,
};

/// The files that are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// A trace of everything.
    pub trace: Option<PathBuf>,
    /// The frames of a card.
    pub pcap: Option<PathBuf>,
}

impl Files {
    /// Whether a file of `other` is one of these.
    pub fn overlap(&self, other: &Self) -> bool {
        other.all().any(|path| self.has(path))
    }

    /// Whether one of them is this.
    pub fn has(&self, path: &Path) -> bool {
        self.all().any(|found| found == path)
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.trace.iter().chain(&self.pcap)
    }
}

/// The files that are being written.
#[derive(Default)]
pub(super) struct Recorders {
    trace: Option<Arc<Trace>>,
    pcap: Option<Arc<Capture>>,
}

impl Recorders {
    /// Makes the files; `complain` is told when one has to end early.
    pub(super) fn new(files: &Files, complain: &Complain) -> Result<Self, String> {
        Ok(Self {
            trace: make("trace", files.trace.as_deref(), |path| {
                Trace::create(path, complain.clone())
            })?,
            pcap: make("pcap", files.pcap.as_deref(), |path| {
                Capture::create(path, complain.clone())
            })?,
        })
    }

    /// Those who are to watch the device.
    pub(super) fn observers(&self) -> Vec<Arc<dyn Observer>> {
        let mut observers: Vec<Arc<dyn Observer>> = Vec::new();
        if let Some(trace) = &self.trace {
            observers.push(trace.clone());
        }
        if let Some(pcap) = &self.pcap {
            observers.push(pcap.clone());
        }
        observers
    }

    /// Everything is in the files when this returns.
    pub(super) fn finish(&self) {
        if let Some(trace) = &self.trace {
            trace.flush();
        }
        if let Some(pcap) = &self.pcap {
            pcap.flush();
        }
    }
}

fn make<T>(
    name: &str,
    path: Option<&Path>,
    create: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<Option<Arc<T>>, String> {
    path.map(|path| {
        create(path)
            .map(Arc::new)
            .map_err(|error| format!("{name} {}: {error}", path.display()))
    })
    .transpose()
}
