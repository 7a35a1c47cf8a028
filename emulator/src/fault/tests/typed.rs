// SPDX-License-Identifier: GPL-2.0

//! What is typed, what is listed, and what a number stands for.

use super::*;
use crate::fault::{
    list,
    Kind, //
};

fn faults(texts: &[&str]) -> Faults {
    let parse = |text: &&str| Fault::parse(text, DeviceType::Net).unwrap();
    Faults::new(texts.iter().map(parse).collect())
}

#[test]
fn a_fault_strikes_on_its_queue_after_and_as_often_as_it_was_asked_for() {
    let faults = faults(&["interrupt-lost:after=2:count=3:queue=1"]);
    assert!(!faults.strike(Kind::InterruptLost, 0));
    assert!(!faults.strike(Kind::NumBuffers, 1));
    let struck: Vec<bool> = (0..7)
        .map(|_| faults.strike(Kind::InterruptLost, 1))
        .collect();
    assert_eq!(struck, [false, false, true, true, true, false, false]);
}

#[test]
fn without_limits_it_always_strikes() {
    let faults = faults(&["num-buffers"]);
    assert!((0..3).all(|queue| faults.strike(Kind::NumBuffers, queue)));
    assert!(!Faults::default().strike(Kind::NumBuffers, 0));
}

#[test]
fn values_are_the_tables_or_those_that_were_typed() {
    for (text, value) in [
        ("answer", 1),
        ("answer:value=0x10", 16),
        ("answer:value=7", 7),
    ] {
        assert_eq!(faults(&[text]).value(Kind::Answer, 0), Some(value));
    }
    let both = faults(&["answer:value=3", "answer:value=4:after=1"]);
    assert_eq!(both.value(Kind::Answer, 0), Some(3));
    assert_eq!(both.value(Kind::Answer, 0), Some(4));
}

#[test]
fn nonsense_is_told_in_one_line() {
    for (text, word) in [
        ("", "is no fault"),
        ("thunder", "thunder is no fault"),
        ("num-buffers:often", "often is neither"),
        ("num-buffers:after=x", "after=x is neither"),
        ("num-buffers:queue=65536", "queue=65536 is neither"),
        ("num-buffers:size=1", "size=1 is neither"),
        ("read-wrong", "read-wrong is no fault of net"),
        ("random:often", "SEED is a number"),
    ] {
        let why = Fault::all(text, DeviceType::Net).err().unwrap_or_default();
        assert!(why.contains(word) && !why.contains('\n'), "{text}: {why}");
    }
}

#[test]
fn every_fault_is_listed_with_what_it_shows() {
    let text = list();
    let mut names: Vec<&str> = Vec::new();
    for row in rows() {
        let line = text
            .lines()
            .find(|line| line.split_whitespace().next() == Some(row.name))
            .unwrap();
        assert!(line.ends_with(&format!("{} ({})", row.what, row.rows)));
        assert!(!row.rows.is_empty(), "{}", row.name);
        names.push(row.name);
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_number_always_stands_for_the_same_mixture() {
    use crate::fault::random::{
        may_be_mixed,
        mixed, //
    };
    let mut all: Vec<Vec<String>> = Vec::new();
    for seed in 0..1000 {
        for device in [DeviceType::Block, DeviceType::Net] {
            let mixture = mixed(seed, device);
            assert_eq!(mixture, mixed(seed, device));
            assert!((1..=5).contains(&mixture.len()));
            let found = Fault::all(&format!("random:{seed}"), device).unwrap();
            assert_eq!(found.len(), mixture.len());
            all.push(mixture);
        }
    }
    all.sort();
    all.dedup();
    assert!(all.len() > 1500, "{}", all.len());
    let words: Vec<&str> = all
        .iter()
        .flatten()
        .filter_map(|text| text.split(':').next())
        .collect();
    for row in rows() {
        assert_eq!(words.contains(&row.name), may_be_mixed(row), "{}", row.name);
    }
    for name in ["raw", "scribble-all", "scribble-avail", "crash"] {
        assert!(!words.contains(&name), "{name}");
    }
}

#[test]
fn a_device_goes_through_mixtures_without_a_panic() {
    for seed in 0..40 {
        let faults = Fault::all(&format!("random:{seed}"), DeviceType::Block).unwrap();
        let bench = Bench::disk(&[]);
        let device = bench.device.with_faults(Arc::new(Faults::new(faults)));
        let bench = Bench { device, ..bench };
        for _ in 0..8 {
            bench.start();
            for _ in 0..20 {
                bench.ask(0, READ);
            }
        }
    }
}
