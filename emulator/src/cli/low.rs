// SPDX-License-Identifier: GPL-2.0

//! The command line as it was typed.

use std::{
    ffi::OsString,
    path::PathBuf, //
};

use super::{
    flags::{
        Flag,
        FLAGS, //
    },
    look,
    record::Files, //
};
use crate::trace::reader::Window;

/// What is to come of a driver that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is told.
    Report,
    /// And the exit status says so.
    Strict,
}

/// Every option's value.
pub struct Low {
    pub kind: Option<String>,
    pub socket: Option<PathBuf>,
    pub disk: Option<String>,
    pub read_only: bool,
    pub serial: String,
    pub backend: Option<String>,
    pub mac: Option<String>,
    pub mtu: Option<u16>,
    pub queues: Option<u16>,
    pub queue_size: u16,
    pub vectors: Option<u16>,
    pub features: String,
    pub profile: Option<String>,
    pub check: Option<Check>,
    pub faults: Vec<String>,
    pub list_faults: bool,
    pub config: Option<PathBuf>,
    pub files: Files,
    /// The trace to look at.
    pub file: Option<PathBuf>,
    pub window: Window,
    pub summary: bool,
    pub svg: Option<PathBuf>,
    /// The options that were typed.
    pub given: Vec<&'static Flag>,
    pub list_rules: bool,
    pub help: bool,
    pub version: bool,
}

impl Default for Low {
    fn default() -> Self {
        Self {
            kind: None,
            socket: None,
            disk: None,
            read_only: false,
            serial: String::new(),
            backend: None,
            mac: None,
            mtu: None,
            queues: None,
            queue_size: 256,
            vectors: None,
            features: String::new(),
            profile: None,
            check: None,
            faults: Vec::new(),
            list_faults: false,
            config: None,
            files: Files::default(),
            file: None,
            window: Window::default(),
            summary: false,
            svg: None,
            given: Vec::new(),
            list_rules: false,
            help: false,
            version: false,
        }
    }
}

/// Takes the words one after the other: `--name value`, `--name=value`, the kind of device, or
/// `trace` and its file.
///
/// # Errors
///
/// A line about the first word that makes no sense.
pub fn parse(words: impl Iterator<Item = OsString>) -> Result<Low, String> {
    let mut low = Low::default();
    let mut words = words.map(|word| {
        word.into_string()
            .map_err(|word| format!("{} is not text", word.to_string_lossy()))
    });
    while let Some(word) = words.next() {
        let word = word?;
        let Some(name) = word.strip_prefix("--") else {
            if low.kind.is_none() {
                low.kind = Some(word);
            } else if low.kind.as_deref() == Some(look::NAME) && low.file.is_none() {
                low.file = Some(word.into());
            } else {
                return Err(format!("{word} is one word too many"));
            }
            continue;
        };
        let (name, attached) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (name, None),
        };
        let flag = FLAGS
            .iter()
            .find(|flag| flag.name == name)
            .ok_or_else(|| format!("--{name} is not known"))?;
        let value = match (flag.value, attached) {
            (None, Some(_)) => return Err(format!("--{name} takes no value")),
            (Some(_), Some(value)) => value,
            (_, None) if flag.may_stand_alone() => String::new(),
            (what, None) => words
                .next()
                .ok_or_else(|| format!("--{name} needs {}", what.unwrap_or_default()))??,
        };
        low.given.push(flag);
        (flag.set)(&mut low, value).map_err(|why| format!("--{name}: {why}"))?;
    }
    Ok(low)
}
