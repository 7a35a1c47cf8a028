// SPDX-License-Identifier: GPL-2.0

//! Writes frames as Wireshark and tcpdump read them: the classic pcap format.

use std::{
    io::{
        self,
        BufWriter,
        Write, //
    },
    path::Path,
    sync::{
        Mutex,
        PoisonError, //
    },
    time::{
        SystemTime,
        UNIX_EPOCH, //
    },
};

use super::writer::Output;
use crate::{
    observe::{
        Event,
        Moment,
        Observer, //
    },
    virtio::device::Complain,
};

/// Frames with microseconds.
const MAGIC: u32 = 0xa1b2_c3d4;
/// Most bytes of a frame that are kept: all.
const LONGEST: u32 = 1 << 18;
/// LINKTYPE_ETHERNET.
const ETHERNET: u32 = 1;

/// An observer that writes the frames of a network device, both ways.
pub struct Capture {
    output: Mutex<Output>,
    /// Microseconds since 1970 when the device was made.
    start: u64,
}

impl Capture {
    /// A capture in the file `path`, which is emptied first; `complain` is told if it has to end
    /// early.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub fn create(path: &Path, complain: Complain) -> io::Result<Self> {
        let mut output = Output::create(path, complain)?;
        let version = 2_u32 | (4 << 16);
        let header = [MAGIC, version, 0, 0, LONGEST, ETHERNET];
        output.with(|file| file.write_all(&header.map(u32::to_le_bytes).concat()));
        let start = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            // CAST: Enough for half a million years.
            .map_or(0, |since| since.as_micros() as u64);
        Ok(Self {
            output: Mutex::new(output),
            start,
        })
    }

    /// Everything so far is in the file when this returns.
    pub fn flush(&self) {
        self.output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .with(BufWriter::flush);
    }
}

impl Observer for Capture {
    fn see(&self, moment: Moment, event: &Event<'_>) {
        match event {
            Event::Frame { frame, .. } => {
                let micros = self.start.wrapping_add(moment.micros);
                // CAST: Frames are short; the format ends in 2106.
                let header = [
                    (micros / 1_000_000) as u32,
                    (micros % 1_000_000) as u32,
                    frame.len() as u32,
                    frame.len() as u32,
                ];
                self.output
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .with(|file| {
                        file.write_all(&header.map(u32::to_le_bytes).concat())?;
                        file.write_all(frame)
                    });
            }
            Event::Client { connected: false } => self.flush(),
            _ => {}
        }
    }
}
