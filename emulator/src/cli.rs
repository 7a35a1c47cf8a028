// SPDX-License-Identifier: GPL-2.0

//! The command line: typed words become [`low::Low`], their meaning [`high::Wanted`], then it runs.

mod config;
mod flags;
mod high;
mod look;
mod low;
mod record;
mod run;

use std::{
    ffi::OsString,
    io::{
        self,
        Write, //
    },
    process::ExitCode,
};

use crate::{
    check::rules,
    fault, //
};

/// What went wrong, and the exit status that says so.
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// It cannot be done, or went wrong.
    Run(String),
    /// A driver broke rules, and was to break none.
    Rules,
}

/// Does what the command line (without the program's name) asks for; returns the exit status:
/// 0, 1 when something went wrong, 2 for a command line that makes no sense, 3 when a driver broke
/// a rule under `--check=strict`.
pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    match dispatch(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Run(why)) => {
            say(&why);
            ExitCode::from(1)
        }
        Err(Failure::Rules) => ExitCode::from(3),
        Err(Failure::Usage(why)) => {
            say(&format!("{why} (emulator --help lists the options)"));
            ExitCode::from(2)
        }
    }
}

fn dispatch(words: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let low = low::parse(words).map_err(Failure::Usage)?;
    if low.help {
        return print(&flags::help());
    }
    if low.version {
        return print(concat!("emulator ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    if low.kind.as_deref() == Some(look::NAME) {
        return look::Look::new(low).map_err(Failure::Usage)?.show();
    }
    if low.list_faults {
        return print(&fault::list());
    }
    if low.list_rules {
        return print(&rules::list());
    }
    let wanted = match &low.config {
        Some(_) if low.kind.is_some() || low.given.len() > 1 => {
            Err("--config stands alone: its file has the devices and their options".into())
        }
        Some(path) => config::read(path),
        None => high::Wanted::new(low).map(|wanted| vec![wanted]),
    }
    .map_err(Failure::Usage)?;
    if run::serve(&wanted).map_err(Failure::Run)? {
        Ok(())
    } else {
        Err(Failure::Rules)
    }
}

fn print(text: &str) -> Result<(), Failure> {
    printed(io::stdout().write_all(text.as_bytes()))
}

/// What to make of having written to standard output.
fn printed(outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome {
        // Whoever has closed the pipe wants no more.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Run(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// One line for a person.
fn say(line: &str) {
    // There is nobody left to tell when this fails.
    let _ = writeln!(io::stderr(), "emulator: {line}");
}
