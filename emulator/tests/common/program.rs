// SPDX-License-Identifier: GPL-2.0

//! The program, as a child.

use std::{
    fs,
    io::{
        BufRead,
        BufReader,
        Read, //
    },
    os::unix::net::UnixStream,
    path::{
        Path,
        PathBuf, //
    },
    process::{
        Child,
        ChildStderr,
        Command,
        Stdio, //
    },
};

use emulator::vfio_user::wire::command;

use super::Client;

/// The program with these words.
pub fn program(words: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_emulator"));
    program.args(words).stdin(Stdio::null());
    program
}

/// A client of the device behind `socket`, which may access memory.
pub fn client_of(socket: &Path) -> Client {
    let mut client = Client::new(UnixStream::connect(socket).unwrap());
    client.ask(command::VERSION, b"\0\0\0\0{}\0", &[]).unwrap();
    client.write(7, 4, &[7, 0]).unwrap();
    client
}

/// An emulator that serves a device.
pub struct Running {
    pub child: Child,
    pub errors: BufReader<ChildStderr>,
    pub socket: PathBuf,
}

impl Running {
    /// Starts it, and waits until it listens.
    pub fn new(mut command: Command, socket: PathBuf) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut running = Self {
            child,
            errors,
            socket,
        };
        let line = running.line();
        assert!(line.contains("listens"), "{line}");
        running
    }

    /// The next line that it says.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.errors.read_line(&mut line).unwrap();
        line
    }

    /// A client of the first device.
    pub fn client(&self) -> Client {
        client_of(&self.socket)
    }

    pub fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh")
            .args(["-c", &line])
            .status()
            .unwrap()
            .success());
    }

    /// Waits for the end; exit status and what was said.
    pub fn end(&mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.errors.read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Most have ended by themselves.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.socket);
    }
}
