// SPDX-License-Identifier: GPL-2.0

//! How full a ring is: chains that the driver has lent, and those among them that the device holds.
//!
//! What the driver has lent is known when it kicks, or when the device takes a chain: after that it
//! may lend more, which the device sees when it looks again.

use super::{
    axis::Axis,
    svg::{
        Layer,
        Svg, //
    },
    LEFT,
    PLOT,
    RIGHT,
    WIDTH, //
};
use crate::trace::entry::{
    Entry,
    What, //
};

/// How full a ring is from some time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Microseconds.
    pub from: u64,
    /// Chains made available and not given back.
    pub lent: u16,
    /// Chains taken and not given back.
    pub held: u16,
}

/// A ring over time.
#[derive(Default)]
pub struct Fill {
    size: u16,
    available: u16,
    taken: u16,
    used: u16,
    /// The first may be before the window.
    steps: Vec<Step>,
}

/// Follows the rings.
pub fn add(fills: &mut Vec<(u16, Fill)>, entry: &Entry, inside: bool) {
    let micros = entry.moment.micros;
    if let What::Reset(_) = entry.what {
        for (_, fill) in fills {
            fill.begin();
            fill.step(micros, inside);
        }
        return;
    }
    let queue = match entry.what {
        What::QueueOn { queue, .. }
        | What::QueueOff { queue }
        | What::Kick {
            queue,
            available: Some(_),
            ..
        }
        | What::Chain { queue, .. }
        | What::PutBack { queue, .. }
        | What::Done { queue, .. } => queue,
        _ => return,
    };
    let index = match fills.iter().position(|(number, _)| *number == queue) {
        Some(index) => index,
        None => {
            fills.push((queue, Fill::default()));
            fills.len() - 1
        }
    };
    let (_, fill) = &mut fills[index];
    fill.add(&entry.what);
    fill.step(micros, inside);
}

impl Fill {
    fn begin(&mut self) {
        (self.available, self.taken, self.used) = (0, 0, 0);
    }

    fn add(&mut self, what: &What) {
        match what {
            What::QueueOn { size, .. } => {
                self.begin();
                self.size = *size;
            }
            What::QueueOff { .. } => self.begin(),
            What::Kick {
                available: Some(available),
                ..
            } => self.available = *available,
            What::Chain {
                position,
                available,
                ..
            } => {
                self.taken = position.wrapping_add(1);
                self.available = *available;
            }
            What::PutBack { position, .. } => self.taken = *position,
            What::Done { position, .. } => self.used = position.wrapping_add(1),
            _ => {}
        }
    }

    fn lent(&self) -> u16 {
        self.available.wrapping_sub(self.used)
    }

    fn held(&self) -> u16 {
        self.taken.wrapping_sub(self.used)
    }

    fn step(&mut self, from: u64, inside: bool) {
        // A trace may begin in the middle, or be wrong.
        let valid = |count: u16| if count > self.size { 0 } else { count };
        let step = Step {
            from,
            lent: valid(self.lent()),
            held: valid(self.held()),
        };
        if !inside {
            // Of what is before the window the last counts.
            self.steps.clear();
        }
        self.steps.push(step);
    }
}

/// The plot of a ring.
pub struct Plot<'a> {
    size: u16,
    /// The most that is lent; the scale.
    most: u16,
    axis: &'a Axis,
    /// The highest values from one pixel to the next.
    columns: Vec<(u32, u16, u16)>,
}

impl<'a> Plot<'a> {
    /// The plot of `fill`, thinned to one value a pixel.
    pub fn new(fill: &Fill, axis: &'a Axis) -> Self {
        let (left, _) = axis.ends();
        let mut columns: Vec<(u32, u16, u16)> = vec![(left, 0, 0)];
        // The values at the end of the last column.
        let mut before = (0, 0);
        for step in &fill.steps {
            let x = axis.x(step.from).max(left);
            match columns.last_mut() {
                Some((last, lent, held)) if *last == x => {
                    (*lent, *held) = ((*lent).max(step.lent), (*held).max(step.held));
                }
                _ => {
                    // The highest value ends with its pixel.
                    if let Some((last, lent, held)) = columns.last().copied() {
                        if (lent, held) != before && last + 1 < x {
                            columns.push((last + 1, before.0, before.1));
                        }
                    }
                    columns.push((x, step.lent, step.held));
                }
            }
            before = (step.lent, step.held);
        }
        if let Some((last, ..)) = columns.last() {
            columns.push((last + 1, before.0, before.1));
        }
        let most = columns.iter().map(|(_, lent, held)| *lent.max(held)).max();
        Self {
            size: fill.size,
            most: most.unwrap_or(0).max(1),
            axis,
            columns,
        }
    }

    /// Draws it with its top at `y`.
    pub fn draw(&self, svg: &mut Svg, y: u32) {
        let (left, right) = self.axis.ends();
        svg.layer(Layer::Ground);
        svg.rect(left, y, right - left, PLOT, "lane", "");
        svg.layer(Layer::Marks);
        svg.path("lent", &self.area(y, |(_, lent, _)| *lent));
        svg.path("inside", &self.area(y, |(_, _, held)| *held));
        svg.label(LEFT - 12, y + 13, "ring occupancy");
        let note = format!("of {} entries", self.size);
        svg.right_text(LEFT - 12, y + 27, "note", &note);
        svg.text(
            WIDTH - RIGHT + 10,
            y + 9,
            "dim",
            &format!("max {}", self.most),
        );
        svg.text(WIDTH - RIGHT + 10, y + PLOT, "dim", "0");
    }

    /// The area below a value.
    fn area(&self, y: u32, value: impl Fn(&(u32, u16, u16)) -> u16) -> String {
        let bottom = y + PLOT;
        let (left, right) = self.axis.ends();
        let mut path = format!("M{left} {bottom}");
        for column in &self.columns {
            let high = u32::from(value(column)) * PLOT / u32::from(self.most);
            path += &format!("H{}V{}", column.0, bottom - high);
        }
        path + &format!("H{right}V{bottom}Z")
    }
}
