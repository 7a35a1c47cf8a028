// SPDX-License-Identifier: GPL-2.0

//! Events through a file and back, and what is made of them.

use std::{
    collections::BTreeSet,
    fs,
    io::BufReader,
    path::Path,
    sync::{
        Arc,
        Mutex, //
    },
};

use super::{
    entry::{
        Entry,
        What, //
    },
    line::put_event,
    pcap::Capture,
    picture::Picture,
    reader::{
        lines,
        Mark,
        Window, //
    },
    summary::Summary,
    timeline::Timeline,
    writer::Trace, //
};
use crate::{
    observe::{
        Cause,
        Event,
        Moment,
        Observer,
        Via, //
    },
    queue::{
        Hold,
        Piece,
        Table,
        Violation,
        Wish, //
    },
    testing::scratch_path,
    virtio::{
        device::Complain,
        net::Header,
        pci::DeviceType, //
    },
};

const PIECES: &[Piece] = &[
    Piece {
        index: 3,
        at: 0x1_0000,
        len: 16,
        writable: false,
    },
    Piece {
        index: 4,
        at: u64::MAX,
        len: u32::MAX,
        writable: true,
    },
];

const HEADER: Header = Header {
    flags: 1,
    gso_type: 3,
    hdr_len: 54,
    gso_size: 1460,
    csum_start: 34,
    csum_offset: 16,
    num_buffers: 2,
};

/// Events of every kind, with every choice within them.
fn everything() -> Vec<Event<'static>> {
    let queue = 0;
    let mut events = vec![
        Event::Device {
            kind: DeviceType::Net,
            features: u32::MAX,
            queues: &[256, 64],
            config: 12,
            vectors: 3,
            profile: "qemu",
        },
        Event::Client { connected: true },
        Event::Register {
            write: true,
            offset: 18,
            config: None,
            data: &[7],
        },
        Event::Register {
            write: false,
            offset: 24,
            config: Some(0),
            data: &[0xab, 0, 0xff, 1, 2, 3, 4, 5],
        },
        Event::Master(true),
        Event::Msix(true),
        Event::Features(1 << 29),
        Event::QueueOn {
            queue,
            frame: 0x1234,
            size: 256,
        },
        Event::Kick {
            queue,
            available: Some(1),
            taken: 0,
        },
        Event::Kick {
            queue: 9,
            available: None,
            taken: 0,
        },
        Event::Chain {
            queue,
            position: 0,
            available: 1,
            head: 3,
            table: None,
            pieces: PIECES,
        },
        Event::PutBack {
            queue,
            count: 1,
            position: 0,
        },
        Event::Chain {
            queue,
            position: 0,
            available: 1,
            head: 3,
            table: Some(Table {
                at: 0x2000,
                entries: 2,
            }),
            pieces: PIECES,
        },
        Event::Data {
            queue,
            data: &[1, 2],
        },
        Event::Request {
            queue,
            kind: 1,
            priority: 0,
            sector: 8,
            bytes: 4096,
            status: 0,
        },
        Event::Header {
            queue,
            sent: true,
            header: &HEADER,
            bytes: 60,
        },
        Event::Command {
            queue,
            class: 1,
            command: 0,
            bytes: 8,
            answer: 0,
        },
        Event::Frame {
            sent: true,
            frame: &[5; 60],
        },
        Event::Done {
            queue,
            position: 0,
            head: 3,
            written: 17,
        },
        Event::Interrupt {
            queue: Some(queue),
            via: Via::Vector(1),
        },
        Event::Interrupt {
            queue: None,
            via: Via::Line,
        },
        Event::Interrupt {
            queue: Some(queue),
            via: Via::Nowhere,
        },
        Event::Violation {
            queue,
            violation: Violation::Request("a \"quoted\" part"),
        },
        Event::QueueOff { queue },
    ];
    for wish in [Wish::Off, Wish::On, Wish::At(7)] {
        events.push(Event::Wish { queue, wish });
    }
    for by in [Hold::Flags, Hold::Event(9)] {
        events.push(Event::Held { queue, by });
    }
    for cause in [Cause::Status, Cause::Frame, Cause::Bus, Cause::Client] {
        events.push(Event::Reset(cause));
    }
    events
}

/// Where the event with this number is: one every 10 microseconds.
fn moment(sequence: u64) -> Moment {
    Moment {
        sequence,
        micros: 10 * sequence,
    }
}

fn text(events: &[Event<'_>]) -> String {
    let mut text = String::new();
    for (sequence, event) in (0..).zip(events) {
        put_event(&mut text, moment(sequence), event).unwrap();
    }
    text
}

fn read(text: &[u8]) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    lines(BufReader::new(text), &mut |entry| entries.push(entry))?;
    Ok(entries)
}

fn names(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter_map(|line| line.split("\"event\":\"").nth(1)?.split('"').next())
        .collect()
}

#[test]
fn every_event_comes_back_as_it_was() {
    let events = everything();
    let entries = read(text(&events).as_bytes()).unwrap();
    assert_eq!(entries.len(), events.len());
    for ((sequence, event), entry) in (0..).zip(&events).zip(&entries) {
        assert_eq!(entry.moment, moment(sequence));
        // Both print the same, but for borrowing and what an entry leaves out.
        let (event, what) = (format!("{event:?}"), format!("{:?}", entry.what));
        match entry.what {
            What::Frame { .. } => assert_eq!(what, "Frame { sent: true, bytes: 60 }"),
            What::Violation { .. } => assert!(what.contains("a \\\"quoted\\\" part")),
            _ => assert_eq!(what, event),
        }
    }
}

#[test]
fn the_document_has_an_example_of_every_event() {
    let document = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap()
            .join("docs/trace.md"),
    )
    .unwrap();
    let examples: Vec<&str> = document
        .split_inclusive('\n')
        .filter(|line| line.starts_with("{\"seq\":"))
        .collect();
    let examples = examples.concat();
    read(examples.as_bytes()).unwrap();
    assert_eq!(names(&examples), names(&text(&everything())));
}

#[test]
fn a_trace_that_is_cut_anywhere_is_refused_with_the_line() {
    let whole = text(&everything());
    for end in 1..whole.len() {
        let cut = &whole.as_bytes()[..end];
        let outcome = read(cut);
        if cut.ends_with(b"\n") {
            assert!(outcome.is_ok());
        } else {
            let why = outcome.unwrap_err();
            let number = cut.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!(why.starts_with(&format!("line {number}: ")), "{why}");
        }
    }
    assert_eq!(read(b""), Err("is empty".into()));
}

#[test]
fn lines_that_make_no_sense_are_refused_with_the_reason() {
    let good = "{\"seq\":4,\"us\":5,\"event\":\"master\",\"on\":true}\n";
    for (line, why) in [
        (good, "line 2: event 4 comes after event 4"),
        ("\n", "line 2: the line stops in the middle at byte 2"),
        ("[]\n", "line 2: it is not an object"),
        ("{\"seq\":5,\"us\":5}\n", "line 2: \"event\" is missing"),
        (
            "{\"seq\":5,\"us\":5,\"event\":\"x\"}\n",
            "line 2: event \"x\" is not known",
        ),
        (
            "{\"seq\":5,\"us\":5,\"event\":\"master\",\"on\":1}\n",
            "line 2: \"on\" makes no sense",
        ),
        (
            "{\"seq\":5,\"us\":5,\"event\":\"queue_off\",\"queue\":65536}\n",
            "line 2: \"queue\" makes no sense",
        ),
        (
            "{\"seq\":5,\"us\":5,\"event\":\"data\",\"queue\":0,\"data\":\"abc\"}\n",
            "line 2: \"data\" makes no sense",
        ),
    ] {
        let both = format!("{good}{line}");
        assert_eq!(read(both.as_bytes()).unwrap_err(), why);
    }
    assert_eq!(read(b"\xff\n"), Err("line 1: it is not text".into()));
}

#[test]
fn the_timeline_says_everything_by_name() {
    let entries = read(text(&everything()).as_bytes()).unwrap();
    let mut timeline = Timeline::default();
    let text: String = entries.iter().map(|entry| timeline.line(entry)).collect();
    assert_eq!(text.lines().count(), entries.len());
    for part in [
        "#2          0.000020  write STATUS = 0x07 ACKNOWLEDGE DRIVER DRIVER_OK\n",
        "read  config.mac (+0) -> ",
        "features accepted: EVENT_IDX\n",
        "queue 0: 256 entries in frame 0x1234: descriptors 0x1234000, available ring 0x1235000, used ring 0x1236000\n",
        "queue 0: kick, available index 1, 1 to take\n",
        "chain 0 taken, head 3: table of 2 at 0x2000, read 16 at 0x10000, write 4294967295 at 0xffffffffffffffff\n",
        "OUT sector 8, 4096 bytes: OK\n",
        "MAC_TABLE_SET with 8 bytes: OK\n",
        "queue 0: interrupt by vector 1\n",
        "configuration: interrupt by the INTx line\n",
        "a kick wanted for chain 7 (avail_event)\n",
        "no interrupt before used_event 9\n",
        "VIOLATION: a \"quoted\" part\n",
        "device reset, by frame\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

fn chain(position: u16) -> Event<'static> {
    Event::Chain {
        queue: 0,
        position,
        available: position.wrapping_add(1),
        head: 3,
        table: None,
        pieces: &PIECES[..1],
    }
}

fn kick(available: u16, taken: u16) -> Event<'static> {
    Event::Kick {
        queue: 0,
        available: Some(available),
        taken,
    }
}

fn done(position: u16) -> Event<'static> {
    Event::Done {
        queue: 0,
        position,
        head: 3,
        written: 5,
    }
}

#[test]
fn what_was_spared_is_counted_across_the_wrap() {
    let events = [
        kick(65535, 65533),
        chain(65533),
        chain(65534),
        // Nobody told of these two; the second is put back and taken again.
        chain(65535),
        chain(0),
        Event::PutBack {
            queue: 0,
            count: 1,
            position: 0,
        },
        kick(1, 0),
        chain(0),
        done(0),
        done(1),
        kick(1, 1),
    ];
    let mut summary = Summary::default();
    for entry in read(text(&events).as_bytes()).unwrap() {
        summary.add(&entry);
    }
    let counts = summary.queue(0).unwrap();
    assert_eq!((counts.kicks, counts.idle_kicks), (3, 1));
    assert_eq!((counts.chains, counts.unannounced), (4, 1));
    assert_eq!((counts.buffers, counts.readable, counts.done), (4, 64, 2));
    assert!(summary
        .text()
        .contains("\n  bytes per kick                      24.7\n"));
}

#[test]
fn a_picture_of_any_length_has_about_the_same_size() {
    let draw = |count: u16, window| {
        let mut events = vec![Event::QueueOn {
            queue: 0,
            frame: 1,
            size: 8,
        }];
        for number in 0..count {
            events.extend([kick(number + 1, number), chain(number), done(number)]);
        }
        let mut picture = Picture::new(window);
        for entry in read(text(&events).as_bytes()).unwrap() {
            picture.add(entry);
        }
        picture.draw()
    };
    let long = draw(30_000, Window::default()).unwrap();
    assert!(long.len() < 2_000_000, "{}", long.len());
    assert!(long.contains("90001 events"));
    let window = Window {
        from: Some(Mark::Sequence(1)),
        to: Some(Mark::Micros(60)),
    };
    let short = draw(30_000, window).unwrap();
    assert!(short.contains("6 events, #1 to #6, over 50 µs"), "{short}");
    assert_eq!(short.matches("class=\"kick\"").count(), 3);
    let window = Window {
        from: Some(Mark::Sequence(1_000_000)),
        to: None,
    };
    assert!(draw(1, window).is_err());
}

#[test]
fn everything_can_be_drawn_and_counted() {
    let mut picture = Picture::new(Window::default());
    let mut summary = Summary::default();
    for entry in read(text(&everything()).as_bytes()).unwrap() {
        summary.add(&entry);
        picture.add(entry);
    }
    let svg = picture.draw().unwrap();
    assert_eq!(
        svg.matches("<title>").count(),
        svg.matches("</title>").count()
    );
    assert!(svg.contains("class=\"violation\"") && svg.contains("class=\"held\""));
    let text = summary.text();
    assert!(text.contains("\n  OUT                                    1        4096           0\n"));
    assert!(
        text.contains("\n  STATUS                                 0           1\n"),
        "{text}"
    );
}

#[test]
fn a_full_disk_is_one_line() {
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let lines = complaints.clone();
    let complain: Complain = Arc::new(move |line: &str| lines.lock().unwrap().push(line.into()));
    let trace = Trace::create(Path::new("/dev/full"), complain).unwrap();
    for _ in 0..3 {
        trace.see(moment(0), &Event::Master(true));
        trace.flush();
    }
    let found: Vec<String> = complaints.lock().unwrap().clone();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("/dev/full: No space left on device"));
}

#[test]
fn a_capture_holds_the_frames_and_nothing_else() {
    let path = scratch_path("pcap");
    let capture = Capture::create(&path, Arc::new(|_: &str| panic!("a complaint"))).unwrap();
    for (sequence, event) in (0..).zip(everything()) {
        capture.see(moment(sequence), &event);
    }
    capture.flush();
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(bytes[..8], [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
    assert_eq!((word(20), bytes.len()), (1, 24 + 16 + 60));
    assert_eq!((word(32), word(36)), (60, 60));
    assert!(word(28) < 1_000_000);
    assert_eq!(bytes[40..], [5; 60]);
}
