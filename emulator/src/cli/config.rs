// SPDX-License-Identifier: GPL-2.0

//! Several devices from one file: each line is a command line without the program's name.

use std::{
    ffi::OsString,
    fs,
    path::Path, //
};

use super::{
    high::Wanted,
    low, //
};

/// Most devices of one process: what a PCI bus has room for, 8 functions in each of 32 slots.
const MAX_DEVICES: usize = 256;

/// The devices that a file asks for, in its order.
///
/// # Errors
///
/// A line about the file, or about the first of its lines that makes no sense.
pub fn read(path: &Path) -> Result<Vec<Wanted>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    devices(&text).map_err(|why| format!("{} {why}", path.display()))
}

fn devices(text: &str) -> Result<Vec<Wanted>, String> {
    let mut found: Vec<Wanted> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let at = |why| format!("line {number}: {why}");
        let words = words(line).map_err(at)?;
        if words.is_empty() {
            continue;
        }
        let wanted = device(words).map_err(at)?;
        if found.iter().any(|other| other.socket == wanted.socket) {
            return Err(at("another device has that socket".into()));
        }
        if found.iter().any(|other| other.files.overlap(&wanted.files)) {
            return Err(at("another device writes that file".into()));
        }
        if found.len() == MAX_DEVICES {
            return Err(at(format!("more than {MAX_DEVICES} devices")));
        }
        found.push(wanted);
    }
    if found.is_empty() {
        return Err("names no device".into());
    }
    Ok(found)
}

fn device(words: Vec<OsString>) -> Result<Wanted, String> {
    let low = low::parse(words.into_iter())?;
    if let Some(flag) = low.given.iter().find(|flag| flag.alone) {
        return Err(format!("--{} is not for a line of a file", flag.name));
    }
    Wanted::new(low)
}

/// Words between spaces; `"` keeps spaces in one, `#` in front of a word ends the line.
fn words(line: &str) -> Result<Vec<OsString>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '#' if word.is_none() => break,
            _ if letter.is_whitespace() && !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if quoted {
        return Err("a \" has no end".into());
    }
    words.extend(word);
    Ok(words.into_iter().map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_device() {
        let text = "# disks\n\nblk --socket a --disk \"my disk\" # the first\n  net --backend=null --socket b\n";
        let found = devices(text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].socket.to_str(), Some("a"));
        assert_eq!(found[1].socket.to_str(), Some("b"));
        assert!(format!("{:?}", found[0].kind).contains("\"my disk\""));
    }

    #[test]
    fn nonsense_is_told_with_its_line() {
        let many: Vec<String> = (0..257)
            .map(|number| format!("net --backend null --socket {number}"))
            .collect();
        let many = many.join("\n");
        for (text, why) in [
            ("", "names no device"),
            ("# nothing\n", "names no device"),
            ("\nblk --socket s", "line 2: --disk is needed"),
            ("blk --disk \"x", "line 1: a \" has no end"),
            ("blk --help", "line 1: --help is not for a line"),
            ("--config x", "line 1: --config is not for a line"),
            (
                "blk --socket s --disk d\nnet --socket s --backend null",
                "line 2: another device",
            ),
            (&many, "line 257: more than 256 devices"),
        ] {
            let told = devices(text).err().unwrap_or_default();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
