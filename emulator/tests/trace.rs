// SPDX-License-Identifier: GPL-2.0

//! The program writes a trace of a scripted driver and looks at it; the counts are exactly the driver's.

mod common;

use std::{
    fs::{
        self,
        File, //
    },
    os::fd::AsFd,
    path::{
        Path,
        PathBuf, //
    },
    process::Output,
    time::{
        Duration,
        Instant, //
    },
};

use common::{
    driver::Driver,
    event,
    program::{
        program,
        Running, //
    },
    taken,
    testing::scratch_path, //
};

/// `emulator trace` with these words.
fn look(file: &Path, words: &[&str]) -> Output {
    let file = file.display().to_string();
    program(&[&["trace", file.as_str()], words].concat())
        .output()
        .unwrap()
}

fn printed(file: &Path, words: &[&str]) -> String {
    let output = look(file, words);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// An emulator that serves a disk in memory of 64 sectors and writes a trace.
fn start(trace: &Path) -> Running {
    let socket = scratch_path("socket");
    let words = [
        "blk",
        "--queue-size=8",
        "--disk=memory:32K",
        &format!("--socket={}", socket.display()),
        &format!("--trace={}", trace.display()),
    ];
    Running::new(program(&words), socket)
}

/// Ends it; what it said since the first line.
fn end(mut running: Running) -> String {
    running.signal("TERM");
    let (status, said) = running.end();
    assert_eq!(status, Some(0), "{said}");
    said
}

/// Waits for the interrupt, reads the ISR status, unmasks the line.
fn handle(driver: &mut Driver, line: &File) {
    let start = Instant::now();
    while taken(line) == 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "no interrupt");
        std::thread::yield_now();
    }
    assert_eq!(driver.client.read(0, 19, 1), Ok(vec![1]));
    driver.client.set_irqs(0x11, 0, 0, 1, &[]).unwrap();
}

/// The trace of a driver that writes 2 sectors, reads one and flushes.
fn traced() -> PathBuf {
    let trace = scratch_path("trace");
    let running = start(&trace);
    let mut driver = Driver::new(running.client());
    let line = event();
    // The line's eventfd.
    driver
        .client
        .set_irqs(0x24, 0, 0, 1, &[line.as_fd()])
        .unwrap();
    assert_eq!(driver.write(3, &[7; 1024]), 0);
    handle(&mut driver, &line);
    assert_eq!(driver.read(4, 512), (0, vec![7; 512]));
    handle(&mut driver, &line);
    assert_eq!(driver.flush(), 0);
    handle(&mut driver, &line);
    drop(driver);
    end(running);
    trace
}

/// The words of the summary's line that begins with `name`, behind it.
fn counts<'a>(summary: &'a str, name: &str) -> Vec<&'a str> {
    summary
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(name))
        .unwrap_or_else(|| panic!("no {name} in\n{summary}"))
        .split_whitespace()
        .collect()
}

#[test]
fn the_summary_counts_exactly_what_the_driver_did() {
    let trace = traced();
    let summary = printed(&trace, &["--summary"]);
    for (name, expected) in [
        ("resets", vec!["2"]),
        ("violations", vec!["0"]),
        ("STATUS", vec!["0", "4"]),
        ("ISR", vec!["3", "0"]),
        ("QUEUE_PFN", vec!["0", "1"]),
        ("QUEUE_NOTIFY", vec!["0", "3"]),
        ("IN ", vec!["1", "512", "0"]),
        ("OUT ", vec!["1", "1024", "0"]),
        ("FLUSH", vec!["1", "0", "0"]),
        ("kicks ", vec!["3"]),
        ("chains ", vec!["3"]),
        ("chains in indirect tables", vec!["0"]),
        ("buffers", vec!["8"]),
        ("bytes lent to read", vec!["1072"]),
        ("bytes lent to write", vec!["515"]),
        ("chains given back", vec!["3"]),
        ("bytes written", vec!["515"]),
        ("interrupts ", vec!["3"]),
        ("interrupts held by flag", vec!["0"]),
        ("chains per kick", vec!["1.0"]),
        ("bytes per kick", vec!["529.0"]),
    ] {
        assert_eq!(counts(&summary, name), expected, "{name} in\n{summary}");
    }
    // The device looks now and then by itself, and may find a chain before its kick comes.
    assert_eq!(
        counts(&summary, "kicks with nothing new"),
        counts(&summary, "chains found without a kick")
    );
    // The part up to DRIVER_OK has neither kick nor chain.
    let timeline = printed(&trace, &[]);
    let ready = timeline
        .lines()
        .find(|line| line.contains("STATUS = 0x07"))
        .unwrap();
    let number = ready.split_whitespace().next().unwrap();
    let summary = printed(&trace, &["--summary", "--to", number]);
    assert_eq!(counts(&summary, "STATUS"), ["0", "4"]);
    assert_eq!(counts(&summary, "kicks "), ["0"]);
    assert_eq!(counts(&summary, "chains "), ["0"]);
    fs::remove_file(trace).unwrap();
}

/// Each part comes after the one before it. A kick and the chain it tells of have no order.
fn follow(timeline: &str, parts: &[&str]) {
    let mut rest = timeline;
    for part in parts {
        let at = rest.find(part);
        rest = &rest[at.unwrap_or_else(|| panic!("no {part} in\n{rest}"))..];
    }
}

#[test]
fn the_timeline_has_a_line_for_each_event_in_order() {
    let trace = traced();
    let timeline = printed(&trace, &[]);
    let lines = fs::read_to_string(&trace).unwrap().lines().count();
    assert_eq!(timeline.lines().count(), lines);
    follow(
        &timeline,
        &[
            "STATUS = 0x07",
            "write QUEUE_NOTIFY = 0",
            "queue 0: kick, available index 1, ",
            "interrupt",
        ],
    );
    let parts = [
        "device blk: queues of [8], 2 vectors, profile qemu, offers SEG_MAX",
        "client connected",
        "bus master on",
        "write STATUS = 0x00 RESET",
        "device reset, by status",
        "write STATUS = 0x03 ACKNOWLEDGE DRIVER",
        "write QUEUE_PFN = 0x100",
        "queue 0: 8 entries in frame 0x100: descriptors 0x100000, available ring 0x100080, used ring 0x101000",
        "write STATUS = 0x07 ACKNOWLEDGE DRIVER DRIVER_OK",
        "queue 0: chain 0 taken, head 0: read 16 at 0x120000, read 1024 at 0x121000, write 1 at 0x120020",
        "OUT sector 3, 1024 bytes: OK",
        "head 0 given back as 0, 1 bytes written",
        "queue 0: interrupt by the INTx line",
        "IN sector 4, 512 bytes: OK",
        "FLUSH sector 0, 0 bytes: OK",
        "device reset, by client",
        "client gone",
    ];
    follow(&timeline, &parts);
    fs::remove_file(trace).unwrap();
}

#[test]
fn the_picture_is_drawn_from_the_window() {
    let (trace, svg) = (traced(), scratch_path("svg"));
    let path = svg.display().to_string();
    assert_eq!(printed(&trace, &["--svg", &path]), "");
    let whole = fs::read_to_string(&svg).unwrap();
    for part in [
        "blk device",
        "STATUS = 0x07",
        "queue 0",
        "of 8 entries",
        "prefers-color-scheme:dark",
    ] {
        assert!(whole.contains(part), "no {part}");
    }
    assert!(printed(&trace, &["--svg", &path, "--from", "#3", "--summary"]).contains("kicks"));
    assert_ne!(fs::read_to_string(&svg).unwrap(), whole);
    let output = look(&trace, &["--svg", &path, "--from", "#100000"]);
    assert_eq!(output.status.code(), Some(1));
    let output = look(&trace, &["--svg", "/dev/full"]);
    assert_eq!(output.status.code(), Some(1));
    fs::remove_file(trace).unwrap();
    fs::remove_file(svg).unwrap();
}

#[test]
fn a_trace_that_stops_in_the_middle_is_one_line_and_a_failure() {
    let trace = traced();
    let text = fs::read_to_string(&trace).unwrap();
    fs::write(&trace, &text[..text.len() - 9]).unwrap();
    let last = text.lines().count();
    for words in [&["--summary"][..], &[], &["--svg", "/dev/null"]] {
        let output = look(&trace, words);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains(&format!(" line {last}: the line stops")),
            "{said}"
        );
    }
    fs::remove_file(&trace).unwrap();
    let said = String::from_utf8(look(&trace, &[]).stderr).unwrap();
    assert!(said.contains("No such file"), "{said}");
}

#[test]
fn a_full_disk_ends_the_trace_and_not_the_device() {
    let running = start(Path::new("/dev/full"));
    for _ in 0..2 {
        let mut driver = Driver::new(running.client());
        assert_eq!(driver.write(0, &[1; 512]), 0);
    }
    let said = end(running);
    assert_eq!(said.matches("/dev/full").count(), 1, "{said}");
    assert!(said.contains("No space left"), "{said}");
    assert!(said.contains("2 writes"), "{said}");
}

#[test]
fn words_that_make_no_sense_with_a_trace_are_refused() {
    for (words, why) in [
        (&["trace"][..], "which trace?"),
        (&["trace", "a", "b"], "b is one word too many"),
        (
            &["trace", "a", "--socket", "s"],
            "--socket is not for trace",
        ),
        (&["trace", "a", "--from", "x"], "neither microseconds"),
        (
            &["blk", "--disk=null:1M", "--socket=s", "--svg", "x"],
            "--svg is not for blk",
        ),
        (
            &["blk", "--disk=null:1M", "--socket=s", "--pcap", "x"],
            "--pcap is not for blk",
        ),
        (
            &[
                "net",
                "--backend=null",
                "--socket=s",
                "--trace=x",
                "--pcap=x",
            ],
            "one file for both",
        ),
        (
            &["blk", "--disk=x", "--socket=s", "--trace=x"],
            "would be lost",
        ),
        (
            &["net", "--backend=pcap:x", "--socket=s", "--pcap=x"],
            "would be lost",
        ),
    ] {
        let output = program(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    }
}
