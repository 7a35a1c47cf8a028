// SPDX-License-Identifier: GPL-2.0

//! The names of register accesses above their lanes, where there is room.

use super::{
    axis::Axis,
    svg::{
        Layer,
        Svg, //
    },
};
use crate::trace::{
    entry::{
        Entry,
        What, //
    },
    timeline::Timeline, //
};

/// Most accesses that are named.
const MOST: usize = 56;
/// Pixels between two names, at least.
const APART: u32 = 15;
/// Pixels of the highest name and of the lines to the lanes.
const HIGH: u32 = 140;
const LEADER: u32 = 14;
/// Farthest a name may be from its place.
const FAR: u32 = 170;
/// Most letters of a name.
const LETTERS: usize = 28;

/// Draws the names of these accesses if there is room; returns where the lanes begin.
pub fn draw(
    svg: &mut Svg,
    axis: &Axis,
    y: u32,
    entries: &[&Entry],
    timeline: &mut Timeline,
) -> u32 {
    let (left, right) = axis.ends();
    let entries = without_repeats(entries);
    if entries.is_empty() || entries.len() > MOST {
        return y;
    }
    let wanted: Vec<u32> = entries
        .iter()
        .map(|entry| axis.x(entry.moment.micros))
        .collect();
    let bottom = y + HIGH;
    let places = spread(&wanted, left, right);
    let is_far = |(place, at): (&u32, &u32)| place.abs_diff(*at) > FAR;
    if places.iter().zip(&wanted).any(is_far) {
        return y;
    }
    for ((entry, at), x) in entries.iter().zip(&wanted).zip(places) {
        let (class, text) = label(entry, timeline);
        svg.rising_text(x + 3, bottom, class, &text);
        svg.layer(Layer::Words);
        svg.line(x, bottom + 2, *at, bottom + LEADER, "leader", "");
    }
    bottom + LEADER
}

/// The name of an access and how it looks.
fn label(entry: &Entry, timeline: &mut Timeline) -> (&'static str, String) {
    let text = timeline.what(&entry.what);
    let (class, text) = match text.split_once(' ') {
        Some(("write", text)) => ("writes", text),
        Some((_, text)) => ("reads", text.trim_start()),
        None => ("reads", text.as_str()),
    };
    let words: Vec<&str> = text.split(' ').collect();
    let text = match words[..] {
        // A configuration is read byte by byte; the bytes say little.
        [name, ..] if name.starts_with("config") => name.into(),
        ["STATUS", sign, .., last] => format!("STATUS {sign} {last}"),
        _ => text.into(),
    };
    (class, text.chars().take(LETTERS).collect())
}

/// The accesses, without those that go on in the configuration where another one ended.
fn without_repeats<'a>(entries: &[&'a Entry]) -> Vec<&'a Entry> {
    let mut kept: Vec<&Entry> = Vec::new();
    let mut last = None;
    for entry in entries {
        let now = match &entry.what {
            What::Register {
                write,
                config: Some(at),
                data,
                ..
            } => {
                // CAST: Widening.
                Some((*write, *at, at.saturating_add(data.len() as u64)))
            }
            _ => None,
        };
        let goes_on = match (last, now) {
            (Some((before, _, end)), Some((write, at, _))) => before == write && end == at,
            _ => false,
        };
        if !goes_on {
            kept.push(entry);
        }
        last = now;
    }
    kept
}

/// Moves places apart, in order, between two ends if there is room.
fn spread(wanted: &[u32], left: u32, right: u32) -> Vec<u32> {
    let mut places: Vec<u32> = Vec::with_capacity(wanted.len());
    for at in wanted {
        let next = places.last().map_or(left, |last| last + APART);
        places.push(next.max(*at));
    }
    let mut limit = right;
    for place in places.iter_mut().rev() {
        *place = (*place).min(limit);
        limit = place.saturating_sub(APART);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_apart_and_inside() {
        let wanted = [100, 100, 101, 500, 990, 991, 1000];
        let places = spread(&wanted, 100, 1000);
        assert!(places.windows(2).all(|pair| pair[1] >= pair[0] + APART));
        assert_eq!((places[0], places[3], places[6]), (100, 500, 1000));
    }
}
