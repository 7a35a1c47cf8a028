// SPDX-License-Identifier: GPL-2.0

//! A trace as a picture: who did what when, and how full the rings were.
//!
//! Time runs from left to right; long silence is cut out. Each kind of event has a lane, in which a
//! bar stands for everything within two pixels: the more events, the taller it is. So a trace of any
//! length gives a picture of the same size.

mod axis;
mod labels;
mod lanes;
mod occupancy;
mod svg;

use axis::Axis;
use lanes::{
    Band,
    Lane, //
};
use occupancy::{
    Fill,
    Plot, //
};
use svg::{
    Layer,
    Svg, //
};

use super::{
    entry::{
        Entry,
        What, //
    },
    reader::Window,
    timeline::Timeline,
};

/// Pixels of the whole width, and of what is left and right of the lanes.
const WIDTH: u32 = 1200;
const LEFT: u32 = 150;
const RIGHT: u32 = 70;
/// Pixels of a lane, and from one to the next.
const LANE: u32 = 18;
const PITCH: u32 = 22;
/// Pixels of a plot of occupancy.
const PLOT: u32 = 72;
/// Pixels that a bar stands for.
const COLUMN: u32 = 2;
/// Most queues that are drawn.
const MOST_QUEUES: usize = 16;
/// Most events of a kind that get a line through all lanes.
const MOST_LINES: usize = 40;

/// Gathers entries, and draws those of a window.
pub struct Picture {
    window: Window,
    /// What is in the window.
    inside: Vec<Entry>,
    /// The window is over.
    over: bool,
    title: String,
    timeline: Timeline,
    band: Band,
    fills: Vec<(u16, Fill)>,
}

impl Picture {
    /// An empty picture.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            inside: Vec::new(),
            over: false,
            title: "trace".into(),
            timeline: Timeline::default(),
            band: Band::default(),
            fills: Vec::new(),
        }
    }

    /// Takes the next entry.
    pub fn add(&mut self, entry: Entry) {
        if let What::Device {
            kind,
            queues,
            profile,
            ..
        } = &entry.what
        {
            self.title = format!(
                "{} device, profile {profile}, {}",
                kind.name(),
                plural(queues.len(), "queue")
            );
            // From here on the names of features are known.
            self.timeline.what(&entry.what);
        }
        let inside = self.window.has(entry.moment);
        self.over |= !inside && !self.inside.is_empty();
        if self.over {
            return;
        }
        self.band.add(&entry, inside);
        occupancy::add(&mut self.fills, &entry, inside);
        if inside {
            self.inside.push(entry);
        }
    }

    /// The picture.
    ///
    /// # Errors
    ///
    /// A line when there is nothing to draw.
    pub fn draw(mut self) -> Result<String, String> {
        let times: Vec<u64> = self
            .inside
            .iter()
            .filter(|entry| !matches!(entry.what, What::Device { .. }))
            .map(|entry| entry.moment.micros)
            .collect();
        let axis = Axis::new(&times, LEFT, WIDTH - RIGHT).ok_or("nothing happens in there")?;
        let mut svg = Svg::new(WIDTH);
        let mut y = self.head(&mut svg, &axis);
        y = self.device(&mut svg, &axis, y);
        let queues = lanes::queues(&self.inside);
        for queue in queues.iter().take(MOST_QUEUES) {
            y = self.queue(&mut svg, &axis, *queue, y);
        }
        if let Some(more @ 1..) = queues.len().checked_sub(MOST_QUEUES) {
            svg.text(LEFT, y + 14, "dim", &format!("and {more} more queues"));
            y += PITCH;
        }
        self.lines(&mut svg, &axis, y);
        axis.draw(&mut svg, 84, y);
        Ok(svg.finish(y + 44))
    }

    /// Title and legend; returns where the lanes begin.
    fn head(&self, svg: &mut Svg, axis: &Axis) -> u32 {
        svg.text(16, 28, "title", &self.title);
        let first = self.inside.first().map_or(0, |entry| entry.moment.sequence);
        let last = self.inside.last().map_or(0, |entry| entry.moment.sequence);
        let note = format!(
            "{}, #{first} to #{last}, over {}",
            plural(self.inside.len(), "event"),
            axis::duration(axis.span())
        );
        svg.right_text(WIDTH - 16, 28, "dim", &note);
        let mut x = 16;
        for (class, name) in [
            ("read", "register read"),
            ("write", "register write"),
            ("kick", "kick"),
            ("taken", "chain taken"),
            ("back", "given back"),
            ("irq", "interrupt"),
            ("held", "interrupt held back"),
            ("lent", "lent by the driver"),
            ("inside", "held by the device"),
            ("reset", "reset"),
        ] {
            svg.layer(Layer::Marks);
            if class == "reset" {
                svg.line(x + 5, 44, x + 5, 59, class, "");
            } else {
                svg.rect(x, 46, 11, 11, class, "");
            }
            svg.text(x + 16, 56, "small", name);
            // CAST: Names are short.
            x += 32 + 6 * name.len() as u32;
        }
        104
    }

    /// Status and registers.
    fn device(&mut self, svg: &mut Svg, axis: &Axis, mut y: u32) -> u32 {
        svg.label(LEFT - 12, y + 13, "status");
        self.band.draw(svg, axis, y);
        y += PITCH;
        let registers = lanes::registers(&self.inside);
        y = labels::draw(svg, axis, y, &registers, &mut self.timeline);
        let (writes, reads): (Vec<_>, Vec<_>) = registers
            .into_iter()
            .partition(|entry| matches!(entry.what, What::Register { write: true, .. }));
        for (name, class, entries) in [
            ("register reads", "read", reads),
            ("register writes", "write", writes),
        ] {
            Lane::new(name, class, entries).draw(svg, axis, y, &mut self.timeline);
            y += PITCH;
        }
        y + 8
    }

    /// The lanes of a queue and how full its ring is.
    fn queue(&mut self, svg: &mut Svg, axis: &Axis, queue: u16, mut y: u32) -> u32 {
        svg.text(16, y + 14, "head", &format!("queue {queue}"));
        for lane in lanes::of_queue(&self.inside, queue) {
            lane.draw(svg, axis, y, &mut self.timeline);
            y += PITCH;
        }
        let fill = self.fills.iter().find(|(number, _)| *number == queue);
        if let Some((_, fill)) = fill {
            Plot::new(fill, axis).draw(svg, y + 4);
            y += PLOT + 12;
        }
        y + 12
    }

    /// Lines through all lanes for what concerns all of them.
    fn lines(&mut self, svg: &mut Svg, axis: &Axis, bottom: u32) {
        for (class, wanted) in [("reset", false), ("violation", true)] {
            let lines = self.inside.iter().filter(|entry| match entry.what {
                What::Reset(_) => !wanted,
                What::Violation { .. } => wanted,
                _ => false,
            });
            for entry in lines.take(MOST_LINES) {
                let x = axis.x(entry.moment.micros);
                let title = self.timeline.line(entry);
                svg.layer(Layer::Marks);
                svg.line(x, 98, x, bottom, class, title.trim_end());
            }
        }
    }
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
