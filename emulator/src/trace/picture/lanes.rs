// SPDX-License-Identifier: GPL-2.0

//! Lanes: what of one kind happened when.

use std::collections::{
    BTreeMap,
    BTreeSet, //
};

use super::{
    axis::Axis,
    svg::{
        Layer,
        Svg, //
    },
    COLUMN,
    LANE,
    LEFT,
    RIGHT,
    WIDTH, //
};
use crate::{
    trace::{
        entry::{
            Entry,
            What, //
        },
        names,
        timeline::Timeline, //
    },
    virtio::status::Status,
};

/// Most events of a bar that are listed under the mouse.
const MOST_LISTED: usize = 8;

/// Events of one kind.
pub struct Lane<'a> {
    name: &'static str,
    class: &'static str,
    entries: Vec<&'a Entry>,
}

impl<'a> Lane<'a> {
    /// A lane of these events, in order.
    pub fn new(name: &'static str, class: &'static str, entries: Vec<&'a Entry>) -> Self {
        Self {
            name,
            class,
            entries,
        }
    }

    /// Draws it, its name on the left and the number of its events on the right.
    pub fn draw(&self, svg: &mut Svg, axis: &Axis, y: u32, timeline: &mut Timeline) {
        let (left, right) = axis.ends();
        svg.label(LEFT - 12, y + 13, self.name);
        svg.layer(Layer::Ground);
        svg.rect(left, y, right - left, LANE, "lane", "");
        svg.text(
            WIDTH - RIGHT + 10,
            y + 13,
            "dim",
            &self.entries.len().to_string(),
        );
        let mut columns: BTreeMap<u32, Vec<&Entry>> = BTreeMap::new();
        for entry in &self.entries {
            let column = axis.x(entry.moment.micros) / COLUMN;
            columns.entry(column).or_default().push(entry);
        }
        let most = columns.values().map(Vec::len).max().unwrap_or(1);
        svg.layer(Layer::Marks);
        for (column, entries) in columns {
            let height = height(entries.len(), most);
            let title = title(&entries, timeline);
            svg.rect(
                column * COLUMN,
                y + LANE - height,
                COLUMN,
                height,
                self.class,
                &title,
            );
        }
    }
}

/// The height of a bar for `count` events where the tallest has `most`.
fn height(count: usize, most: usize) -> u32 {
    if most <= 1 {
        return LANE;
    }
    // CAST: Good enough for pixels; between 40 and 100 percent of the lane.
    let part = (count as f64).ln() / (most as f64).ln();
    (f64::from(LANE) * (0.4 + 0.6 * part)) as u32
}

fn title(entries: &[&Entry], timeline: &mut Timeline) -> String {
    let mut text: String = entries
        .iter()
        .take(MOST_LISTED)
        .map(|entry| timeline.line(entry))
        .collect();
    if let Some(more @ 1..) = entries.len().checked_sub(MOST_LISTED) {
        text += &format!("and {more} more");
    }
    text.truncate(text.trim_end().len());
    text
}

/// Accesses to registers, without those that are kicks.
pub fn registers(entries: &[Entry]) -> Vec<&Entry> {
    entries
        .iter()
        .filter(|entry| match entry.what {
            What::Register { write, offset, .. } => !(write && offset == 16),
            _ => false,
        })
        .collect()
}

/// The queues in which something happens.
pub fn queues(entries: &[Entry]) -> BTreeSet<u16> {
    entries
        .iter()
        .filter_map(|entry| match entry.what {
            What::Kick { queue, .. }
            | What::Chain { queue, .. }
            | What::Done { queue, .. }
            | What::Interrupt {
                queue: Some(queue), ..
            } => Some(queue),
            _ => None,
        })
        .collect()
}

/// The lanes of a queue; the one for what was held back is there only if something was.
pub fn of_queue(entries: &[Entry], wanted: u16) -> Vec<Lane<'_>> {
    let pick = |name, class, choose: fn(&What) -> Option<u16>| {
        let chosen = entries
            .iter()
            .filter(|entry| choose(&entry.what) == Some(wanted))
            .collect();
        Lane::new(name, class, chosen)
    };
    let mut lanes = vec![
        pick("kicks", "kick", |what| match what {
            What::Kick { queue, .. } => Some(*queue),
            _ => None,
        }),
        pick("chains taken", "taken", |what| match what {
            What::Chain { queue, .. } => Some(*queue),
            _ => None,
        }),
        pick("given back", "back", |what| match what {
            What::Done { queue, .. } => Some(*queue),
            _ => None,
        }),
        pick("interrupts", "irq", |what| match what {
            What::Interrupt { queue, .. } => *queue,
            _ => None,
        }),
        pick("held back", "held", |what| match what {
            What::Held { queue, .. } => Some(*queue),
            _ => None,
        }),
    ];
    lanes.retain(|lane| lane.class != "held" || !lane.entries.is_empty());
    lanes
}

/// The device's status over time.
#[derive(Default)]
pub struct Band {
    now: u8,
    /// Times from which on the status is another one; the first may be before the window.
    steps: Vec<(u64, u8)>,
}

impl Band {
    /// Follows the status; of what is before the window the last counts.
    pub fn add(&mut self, entry: &Entry, inside: bool) {
        let status = match &entry.what {
            What::Reset(_) => 0,
            What::Register {
                write: true,
                offset: 18,
                data,
                ..
            } => data.first().copied().unwrap_or(0),
            _ => self.now,
        };
        if !inside {
            self.steps.clear();
        }
        if status != self.now || self.steps.is_empty() {
            self.now = status;
            self.steps.push((entry.moment.micros, status));
        }
    }

    /// Draws it.
    pub fn draw(&self, svg: &mut Svg, axis: &Axis, y: u32) {
        let (left, right) = axis.ends();
        for (number, (micros, status)) in self.steps.iter().enumerate() {
            let start = if number == 0 { left } else { axis.x(*micros) };
            let end = self
                .steps
                .get(number + 1)
                .map_or(right, |(micros, _)| axis.x(*micros));
            let class = if status & Status::FAILED.bits() != 0 {
                "s128"
            } else if status & Status::DRIVER_OK.bits() != 0 {
                "s4"
            } else if *status != 0 {
                "s1"
            } else {
                "s0"
            };
            let name = names::status(*status);
            for (first, last) in axis.parts() {
                let (start, end) = (start.max(first), end.min(last));
                if start < end {
                    draw_status(svg, (start, end), y, class, &name);
                }
            }
        }
    }
}

/// A part of the band, with its last bit if there is room.
fn draw_status(svg: &mut Svg, (start, end): (u32, u32), y: u32, class: &str, name: &str) {
    svg.layer(Layer::Marks);
    svg.rect(start, y, end - start, LANE, class, name);
    let last = name.rsplit(' ').next().unwrap_or_default();
    // CAST: Names are short.
    if end - start > 8 * last.len() as u32 {
        svg.text(start + 5, y + 13, "small", last);
    }
}
