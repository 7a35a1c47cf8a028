// SPDX-License-Identifier: GPL-2.0

//! `emulator trace`: looks at a trace.

use std::{
    fs,
    io::{
        self,
        BufWriter,
        Write, //
    },
    path::PathBuf,
};

use super::{
    low::Low,
    Failure, //
};
use crate::trace::{
    entry::{
        Entry,
        What, //
    },
    picture::Picture,
    reader::{
        self,
        Window, //
    },
    summary::Summary,
    timeline::Timeline,
};

/// The word for it on the command line.
pub(super) const NAME: &str = "trace";

/// How to look at a trace.
#[derive(Debug, PartialEq, Eq)]
pub struct Look {
    file: PathBuf,
    window: Window,
    summary: bool,
    svg: Option<PathBuf>,
}

impl Look {
    /// Checks what was typed.
    ///
    /// # Errors
    ///
    /// A line about the first thing that cannot be.
    pub fn new(low: Low) -> Result<Self, String> {
        if let Some(flag) = low.given.iter().find(|flag| flag.kind != Some(NAME)) {
            return Err(format!("--{} is not for trace", flag.name));
        }
        Ok(Self {
            file: low.file.ok_or("which trace? emulator trace FILE")?,
            window: low.window,
            summary: low.summary,
            svg: low.svg,
        })
    }

    /// Prints the timeline, unless something else is wanted.
    ///
    /// # Errors
    ///
    /// A line about the trace or about a file that cannot be written.
    pub fn show(&self) -> Result<(), Failure> {
        if let Some(path) = &self.svg {
            let mut picture = Picture::new(self.window);
            self.read(|entry| picture.add(entry))?;
            let name = self.file.display();
            let text = picture
                .draw()
                .map_err(|why| Failure::Run(format!("{name}: {why}")))?;
            fs::write(path, text)
                .map_err(|error| Failure::Run(format!("{}: {error}", path.display())))?;
        }
        if self.summary {
            let mut summary = Summary::default();
            self.read_window(|entry| summary.add(&entry))?;
            super::print(&summary.text())?;
        }
        if self.svg.is_none() && !self.summary {
            self.print_timeline()?;
        }
        Ok(())
    }

    fn print_timeline(&self) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let mut timeline = Timeline::default();
        let mut outcome = Ok(());
        self.read(|entry| {
            let line = timeline.line(&entry);
            if outcome.is_ok() && self.window.has(entry.moment) {
                outcome = out.write_all(line.as_bytes());
            }
        })?;
        super::printed(outcome.and_then(|()| out.flush()))
    }

    fn read(&self, each: impl FnMut(Entry)) -> Result<(), Failure> {
        reader::read(&self.file, each).map_err(Failure::Run)
    }

    fn read_window(&self, mut each: impl FnMut(Entry)) -> Result<(), Failure> {
        self.read(|entry| {
            let named = matches!(entry.what, What::Device { .. });
            if named || self.window.has(entry.moment) {
                each(entry);
            }
        })
    }
}
