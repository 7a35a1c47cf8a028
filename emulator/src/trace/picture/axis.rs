// SPDX-License-Identifier: GPL-2.0

//! From times to places: stretches in which something happens, and cuts where nothing does.

use super::svg::{
    Layer,
    Svg, //
};

/// Most cuts.
const MOST_CUTS: usize = 8;
/// Pixels of a cut.
const CUT: u32 = 34;
/// Pixels of the shortest stretch, and of the space at its ends.
const SHORTEST: u32 = 22;
const MARGIN: u32 = 5;
/// A silence is cut out if it is longer than this part of the rest, and that many times as long as
/// other pauses are on average.
const PART: u64 = 16;
const TIMES: u64 = 8;
/// Pixels between two ticks, at least.
const TICK: u128 = 76;

/// Time without a cut.
struct Stretch {
    start: u64,
    end: u64,
    /// Where its first and last event are.
    left: u32,
    right: u32,
}

/// The axis of time.
pub struct Axis {
    stretches: Vec<Stretch>,
}

impl Axis {
    /// The axis for events at these times, in order; None without any.
    pub fn new(times: &[u64], left: u32, right: u32) -> Option<Self> {
        let (first, last) = (*times.first()?, *times.last()?);
        let mut starts: Vec<usize> = cuts(times, last.saturating_sub(first));
        starts.insert(0, 0);
        let ends = starts[1..].iter().copied().chain([times.len()]);
        let parts: Vec<&[u64]> = starts
            .iter()
            .zip(ends)
            .filter_map(|(start, end)| times.get(*start..end))
            .collect();
        // CAST: At most a few stretches.
        let count = parts.len() as u32;
        let room = (right - left).saturating_sub(CUT * (count - 1) + SHORTEST * count);
        let busy: u64 = parts.iter().map(|part| length(part)).sum();
        let mut x = left;
        let stretches = parts
            .iter()
            .map(|part| {
                // Half of the room goes by time, half by what happens.
                let share =
                    share(length(part), busy) + share(part.len() as u64, times.len() as u64);
                // CAST: A part of the room, which is small and not negative.
                let width = SHORTEST + (f64::from(room) * share / 2.0) as u32;
                let stretch = Stretch {
                    start: part[0],
                    end: part[part.len() - 1],
                    left: x + MARGIN,
                    right: x + width - MARGIN,
                };
                x += width + CUT;
                stretch
            })
            .collect();
        Some(Self { stretches })
    }

    /// Where a time is; one within a cut is at the cut.
    pub fn x(&self, micros: u64) -> u32 {
        let at = self
            .stretches
            .iter()
            .find(|stretch| micros <= stretch.end)
            .or(self.stretches.last());
        let Some(stretch) = at else {
            return 0;
        };
        let part = share(
            micros.clamp(stretch.start, stretch.end) - stretch.start,
            stretch.end - stretch.start,
        );
        // CAST: Between the two ends of the stretch.
        stretch.left + (f64::from(stretch.right - stretch.left) * part) as u32
    }

    /// Microseconds from the first event to the last.
    pub fn span(&self) -> u64 {
        match (self.stretches.first(), self.stretches.last()) {
            (Some(first), Some(last)) => last.end - first.start,
            _ => 0,
        }
    }

    /// The first and last pixel.
    pub fn ends(&self) -> (u32, u32) {
        match (self.stretches.first(), self.stretches.last()) {
            (Some(first), Some(last)) => (first.left - MARGIN, last.right + MARGIN),
            _ => (0, 0),
        }
    }

    /// The first and last pixel of each stretch.
    pub fn parts(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.stretches
            .iter()
            .map(|stretch| (stretch.left - MARGIN, stretch.right + MARGIN))
    }

    /// Draws times above the lanes, and the cuts through them from `top` to `bottom`.
    pub fn draw(&self, svg: &mut Svg, top: u32, bottom: u32) {
        for stretch in &self.stretches {
            stretch.draw(svg, top, bottom);
        }
        for pair in self.stretches.windows(2) {
            let [before, after] = pair else {
                continue;
            };
            let (left, right) = (before.right + MARGIN, after.left - MARGIN);
            svg.layer(Layer::Cuts);
            svg.rect(left, top - 8, right - left, bottom + 8 - top, "cut", "");
            svg.line(left, top + 6, left, bottom, "edge", "");
            svg.line(right, top + 6, right, bottom, "edge", "");
            let gap = duration(after.start - before.end);
            svg.middle_text((left + right) / 2, bottom + 14, "note", &gap);
            svg.middle_text((left + right) / 2, bottom + 26, "note", "silence");
        }
    }
}

impl Stretch {
    fn draw(&self, svg: &mut Svg, top: u32, bottom: u32) {
        svg.layer(Layer::Grid);
        svg.line(self.left, top + 6, self.left, bottom, "grid", "");
        svg.text(self.left - MARGIN, top, "dim", &clock(self.start));
        let pixels = u128::from(self.right - self.left);
        let length = u128::from(self.end - self.start);
        if pixels < TICK {
            return;
        }
        let mut step = 1;
        for factor in [2, 5, 10].into_iter().cycle() {
            // As 1, 2, 5, 10, 20, 50 ...
            if step * pixels >= TICK * length {
                break;
            }
            step = match factor {
                2 => step * 2,
                5 => step / 2 * 5,
                _ => step * 2,
            };
        }
        let mut at = step;
        while at <= length {
            // CAST: Within the stretch.
            let (micros, x) = (at as u64, self.left + (pixels * at / length) as u32);
            svg.layer(Layer::Grid);
            svg.line(x, top + 6, x, bottom, "grid", "");
            svg.middle_text(x, top, "note", &format!("+{}", duration(micros)));
            at += step;
        }
    }
}

/// The indices of the events before which there is a cut, in order.
fn cuts(times: &[u64], span: u64) -> Vec<usize> {
    let mut gaps: Vec<(u64, usize)> = times
        .windows(2)
        .enumerate()
        .map(|(index, pair)| (pair[1].saturating_sub(pair[0]), index + 1))
        .collect();
    gaps.sort_unstable_by(|one, other| other.cmp(one));
    let mut left = span;
    // CAST: Widening.
    let mut others = gaps.len() as u64;
    let mut found: Vec<usize> = gaps
        .iter()
        .take(MOST_CUTS)
        .take_while(|(gap, _)| {
            let long = *gap > left / PART;
            left -= left.min(*gap);
            others -= 1;
            long && *gap > 1 && others > 0 && *gap / TIMES > left / others
        })
        .map(|(_, index)| *index)
        .collect();
    found.sort_unstable();
    found
}

fn length(part: &[u64]) -> u64 {
    match (part.first(), part.last()) {
        (Some(first), Some(last)) => last.saturating_sub(*first),
        _ => 0,
    }
}

/// A part of a whole, from 0 to 1.
fn share(part: u64, whole: u64) -> f64 {
    // CAST: Good enough for pixels.
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// A time since the device was made, to the millisecond from one second on.
fn clock(micros: u64) -> String {
    if micros < 1_000_000 {
        return duration(micros);
    }
    format!("{}.{:03} s", micros / 1_000_000, micros / 1_000 % 1_000)
}

/// Microseconds as a person says it.
pub fn duration(micros: u64) -> String {
    let (whole, rest, unit) = match micros {
        0..1_000 => return format!("{micros} µs"),
        1_000..1_000_000 => (micros / 1_000, micros % 1_000, "ms"),
        _ => (micros / 1_000_000, micros % 1_000_000 / 1_000, "s"),
    };
    let rest = format!("{rest:03}");
    let digits = match whole {
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    let rest = rest[..digits].trim_end_matches('0');
    if rest.is_empty() {
        format!("{whole} {unit}")
    } else {
        format!("{whole}.{rest} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_cut_out_and_order_stays() {
        let times = [0, 10, 20, 5_000_000, 5_000_010, 90_000_000];
        let axis = Axis::new(&times, 100, 1100).unwrap();
        assert_eq!(axis.stretches.len(), 3);
        let places: Vec<u32> = times.iter().map(|time| axis.x(*time)).collect();
        assert!(
            places.windows(2).all(|pair| pair[0] < pair[1]),
            "{places:?}"
        );
        assert!(places[0] >= 100 && places[5] <= 1100, "{places:?}");
        // Within silence, or beyond the ends, nothing is outside.
        assert_eq!(axis.x(1_000), places[3]);
        assert_eq!(axis.x(u64::MAX), places[5]);
        assert_eq!(axis.span(), 90_000_000);
    }

    #[test]
    fn even_times_have_no_cuts() {
        let times: Vec<u64> = (0..100).map(|number| number * 1000).collect();
        let axis = Axis::new(&times, 0, 1000).unwrap();
        assert_eq!(axis.stretches.len(), 1);
        assert_eq!(axis.ends(), (0, 1000));
        assert!(Axis::new(&[], 0, 1000).is_none());
        assert!(Axis::new(&[7], 0, 1000).is_some());
        let mut svg = Svg::new(1000);
        Axis::new(&[0, u64::MAX], 0, 1000)
            .unwrap()
            .draw(&mut svg, 20, 100);
    }

    #[test]
    fn durations_have_about_three_digits() {
        for (micros, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1 ms"),
            (1_234, "1.23 ms"),
            (45_600, "45.6 ms"),
            (999_999, "999 ms"),
            (8_120_000, "8.12 s"),
            (100_000_000, "100 s"),
        ] {
            assert_eq!(duration(micros), text);
        }
    }
}
