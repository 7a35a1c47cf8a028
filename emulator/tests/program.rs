// SPDX-License-Identifier: GPL-2.0

//! The program itself: its command line, signals, its end, and what is on the disk afterwards.

mod common;

use std::{
    fs,
    ops::{
        Deref,
        DerefMut, //
    },
    os::{
        fd::AsFd,
        unix::net::UnixStream, //
    },
    path::{
        Path,
        PathBuf, //
    },
    process::{
        Command,
        Output,
        Stdio, //
    },
    time::Duration,
};

use common::{
    driver::Driver,
    event,
    program::{
        client_of,
        program,
        Running, //
    },
    taken,
    testing::scratch_path, //
};

fn output(words: &[&str]) -> Output {
    program(words).output().unwrap()
}

/// A disk of 64 sectors and an emulator that serves it.
struct Disk {
    running: Running,
    disk: PathBuf,
}

impl Deref for Disk {
    type Target = Running;
    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for Disk {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

impl Disk {
    fn new() -> Self {
        let disk = scratch_path("disk");
        fs::write(&disk, [0; 64 * 512]).unwrap();
        let socket = scratch_path("socket");
        let words = format!(
            "blk --queue-size 8 --socket {} --disk {}",
            socket.display(),
            disk.display()
        );
        Self::start(&words, socket, disk)
    }

    /// A disk and a card in one process; its file names the disk first.
    fn new_pair() -> Self {
        let [config, disk, socket] = ["config", "disk", "socket"].map(scratch_path);
        fs::write(&disk, [0; 64 * 512]).unwrap();
        let text = format!(
            "blk --queue-size 8 --socket {0} --disk {1} # the disk\n\nnet --backend loopback --socket {0}.net\n",
            socket.display(),
            disk.display()
        );
        fs::write(&config, text).unwrap();
        let mut running = Self::start(&format!("--config {}", config.display()), socket, disk);
        let line = running.line();
        assert!(line.contains("net listens"), "{line}");
        fs::remove_file(&config).unwrap();
        running
    }

    /// A disk of which the host has room for the first 4096 bytes alone.
    fn new_full() -> Self {
        let [disk, socket] = ["disk", "socket"].map(scratch_path);
        fs::File::create(&disk)
            .and_then(|disk| disk.set_len(64 * 512))
            .unwrap();
        let mut shell = Command::new("bash");
        shell
            .args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$@\"", "bash"])
            .arg(env!("CARGO_BIN_EXE_emulator"))
            .args(["blk", "--queue-size", "8", "--socket"])
            .args([&socket, Path::new("--disk"), &disk])
            .stdin(Stdio::null());
        Self::spawn(shell, socket, disk)
    }

    fn start(words: &str, socket: PathBuf, disk: PathBuf) -> Self {
        let words: Vec<&str> = words.split(' ').collect();
        Self::spawn(program(&words), socket, disk)
    }

    fn spawn(command: Command, socket: PathBuf, disk: PathBuf) -> Self {
        Self {
            running: Running::new(command, socket),
            disk,
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.disk);
    }
}

/// A disk whose driver writes `status` and nothing else; how it ends, and what it says at the end.
fn judged(check: &str, status: u8) -> (Option<i32>, String) {
    let (socket, disk) = (scratch_path("socket"), scratch_path("disk"));
    let words = format!("blk --disk null:1M --socket {} {check}", socket.display());
    let mut running = Disk::start(&words, socket, disk);
    let mut client = running.client();
    client.write(0, 18, &[status]).unwrap();
    drop(client);
    running.signal("TERM");
    running.end()
}

#[test]
fn a_strict_check_is_the_exit_status_and_any_check_is_told() {
    let first = "check: S01  MUST";
    for (check, status, code, told) in [
        ("--check", 1, 0, first),
        ("--check=strict", 1, 3, first),
        (
            "--check=strict",
            0,
            0,
            "emulator: check: no rule was broken\n",
        ),
    ] {
        let (found, text) = judged(check, status);
        assert_eq!(found, Some(code), "{check} {status}: {text}");
        assert!(text.contains(told), "{check} {status}: {text}");
    }
}

#[test]
fn the_rules_are_listed_one_a_line() {
    let listed = output(&["--list-rules"]);
    assert_eq!(listed.status.code(), Some(0));
    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(text.lines().count() >= 40);
    assert!(text.starts_with("S01 3.1.1 A driver resets the device"));
}

#[test]
fn it_ends_when_no_client_can_be_accepted() {
    let socket = scratch_path("socket");
    // The three standard descriptors and the socket itself.
    let line = format!(
        "ulimit -n 4; exec {} blk --disk null:1M --socket {}",
        env!("CARGO_BIN_EXE_emulator"),
        socket.display()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &line]).stdin(Stdio::null());
    let mut running = Running::new(command, socket.clone());
    // Without room for a descriptor, waiting for a client fails: it may have ended by now.
    let _client = UnixStream::connect(&socket);
    let (status, said) = running.end();
    assert_eq!(status, Some(1));
    assert!(said.contains("no client can be accepted: "), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(!socket.exists());
}

#[test]
fn a_malformed_capture_is_one_line() {
    let path = scratch_path("capture");
    fs::write(&path, b"not a capture, though long enough").unwrap();
    let backend = format!("pcap:{}", path.display());
    let failure = output(&["net", "--socket", "/nonexistent/s", "--backend", &backend]);
    fs::remove_file(&path).unwrap();
    assert_eq!(failure.status.code(), Some(1));
    let wanted = format!(
        "emulator: backend {}: no capture in pcap's format\n",
        path.display()
    );
    assert_eq!(String::from_utf8(failure.stderr).unwrap(), wanted);
}

#[test]
fn the_exit_status_tells_usage_from_failure() {
    assert_eq!(output(&[]).status.code(), Some(2));
    let usage = output(&["blk", "--disk", "x"]);
    assert_eq!(usage.status.code(), Some(2));
    assert_eq!(
        usage.stderr,
        b"emulator: --socket is needed (emulator --help lists the options)\n"
    );
    let failure = output(&[
        "blk",
        "--disk",
        "/nonexistent/disk",
        "--socket",
        "/nonexistent/socket",
    ]);
    assert_eq!(failure.status.code(), Some(1));
    assert_eq!(
        failure.stderr,
        b"emulator: disk /nonexistent/disk: No such file or directory (os error 2)\n"
    );
    let failure = output(&[
        "blk",
        "--disk",
        "null:1M",
        "--socket",
        "/nonexistent/socket",
    ]);
    assert_eq!(failure.status.code(), Some(1));
    let version = output(&["--version"]);
    assert_eq!(
        (version.status.code(), &version.stdout[..]),
        (Some(0), &b"emulator 0.1.0\n"[..])
    );
    assert!(output(&["--help"])
        .stdout
        .starts_with(b"Emulates a legacy virtio PCI device"));
}

#[test]
fn a_signal_ends_it_with_a_summary() {
    for name in ["TERM", "INT"] {
        let mut running = Disk::new();
        let mut driver = Driver::new(running.client());
        assert_eq!(driver.write(5, &[3; 512]), 0);
        assert_eq!(driver.read(5, 512), (0, vec![3; 512]));
        running.signal(name);
        let (status, text) = running.end();
        assert_eq!(status, Some(0));
        assert!(
            text.ends_with(
                "emulator: blk: 1 reads, 1 writes, 0 flushes, 0 other requests; 0 failed\n"
            ),
            "{text}"
        );
        assert!(!running.socket.exists());
    }
}

#[test]
fn several_devices_share_a_process() {
    let mut running = Disk::new_pair();
    let other = PathBuf::from(format!("{}.net", running.socket.display()));
    let mut driver = Driver::new(running.client());
    assert_eq!(driver.write(5, &[3; 512]), 0);
    let mut card = client_of(&other);
    // The device's number in the configuration space of each function.
    assert_eq!(driver.client.read(7, 2, 2).unwrap(), [1, 0x10]);
    assert_eq!(card.read(7, 2, 2).unwrap(), [0, 0x10]);
    running.signal("TERM");
    let (status, text) = running.end();
    assert_eq!((status, text.lines().count()), (Some(0), 2));
    let label = running.socket.file_name().unwrap().to_string_lossy();
    assert!(text.contains(&format!("{label}: blk: 0 reads, 1 writes")));
    assert!(text.contains(&format!("{label}.net: net: 0 frames received")));
    assert!(!running.socket.exists() && !other.exists());
}

#[test]
fn a_file_of_devices_stands_alone_and_is_told_by_its_line() {
    let missing = output(&["--config", "/nonexistent/devices"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(missing
        .stderr
        .starts_with(b"emulator: /nonexistent/devices: No such file"));
    let both = output(&["blk", "--config", "/nonexistent/devices"]);
    assert_eq!(both.status.code(), Some(2));
    assert!(both.stderr.starts_with(b"emulator: --config stands alone"));
}

#[test]
fn flushed_data_survives_a_kill() {
    for round in 1..=10_u8 {
        let mut running = Disk::new();
        let mut driver = Driver::new(running.client());
        for sector in 0..8 {
            assert_eq!(driver.write(8 * sector, &[round; 4096]), 0);
        }
        assert_eq!(driver.flush(), 0);
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        assert_eq!(fs::read(&running.disk).unwrap(), [round; 64 * 512]);
    }
}

#[test]
fn a_full_disk_fails_requests_and_goes_on() {
    let mut running = Disk::new_full();
    let mut driver = Driver::new(running.client());
    assert_eq!(driver.write(0, &[1; 4096]), 0);
    assert_eq!(driver.write(8, &[2; 4096]), 1);
    assert_eq!(driver.flush(), 0);
    assert_eq!(driver.read(0, 4096), (0, vec![1; 4096]));
    assert_eq!(driver.read(8, 4096), (0, vec![0; 4096]));
    running.signal("TERM");
    let (status, text) = running.end();
    assert_eq!(status, Some(0));
    assert!(text.ends_with("1 failed\n"), "{text}");
}

#[test]
fn a_disk_in_use_is_refused() {
    let running = Disk::new();
    let socket = scratch_path("socket");
    let second = output(&[
        "blk",
        "--disk",
        running.disk.to_str().unwrap(),
        "--socket",
        socket.to_str().unwrap(),
    ]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("somebody else uses it"));
}

#[test]
fn a_socket_of_a_killed_emulator_is_taken_over() {
    let mut first = Disk::new();
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert!(first.socket.exists());
    let socket = first.socket.to_str().unwrap();
    let second = program(&["blk", "--disk", "null:1M", "--socket", socket]);
    // Which has seen that it listens.
    drop(Running::new(second, first.socket.clone()));
}

#[test]
fn a_new_size_is_told_to_the_driver() {
    let running = Disk::new();
    let mut driver = Driver::new(running.client());
    let line = event();
    driver
        .client
        .set_irqs(0x24, 0, 0, 1, &[line.as_fd()])
        .unwrap();
    assert_eq!(driver.client.read(0, 20, 4).unwrap(), [64, 0, 0, 0]);
    fs::File::options()
        .write(true)
        .open(&running.disk)
        .unwrap()
        .set_len(128 * 512)
        .unwrap();
    running.signal("HUP");
    while taken(&line) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(driver.client.read(0, 19, 1).unwrap(), [3]);
    assert_eq!(driver.client.read(0, 20, 4).unwrap(), [128, 0, 0, 0]);
    assert_eq!(driver.write(127, &[1; 512]), 0);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_requests_harms_nobody() {
    let mut running = Disk::new();
    for _ in 0..20 {
        let mut driver = Driver::new(running.client());
        driver.start(0, 0, 32768, true);
        drop(driver);
    }
    let mut driver = Driver::new(running.client());
    assert_eq!(driver.read(0, 512).0, 0);
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn what_the_driver_did_wrong_is_said_once() {
    let mut running = Disk::new();
    let mut driver = Driver::new(running.client());
    driver.ram.put_u16(common::testing::RAM + 128 + 2, 0x4000);
    for _ in 0..3 {
        driver.client.write(0, 16, &[0, 0]).unwrap();
    }
    let line = running.line();
    assert_eq!(
        line,
        "emulator: queue 0: the available index is 16384 ahead, beyond the ring's size; the device stops until it is reset\n"
    );
    running.signal("TERM");
    let (status, text) = running.end();
    assert_eq!((status, text.lines().count()), (Some(0), 1));
}
