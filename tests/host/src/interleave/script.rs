// SPDX-License-Identifier: GPL-2.0

//! Which way is taken where there are several: depth first, by repeating runs.

/// The choices of a run, and those still to be tried.
pub struct Script {
    /// At each place with a choice: which was taken, of how many.
    choices: Vec<(usize, usize)>,
    /// Places passed in this run.
    at: usize,
    departures: u32,
    /// Departures that this run may still make.
    left: u32,
}

impl Script {
    /// For runs of at most `departures` departures.
    pub fn new(departures: u32) -> Self {
        Self {
            choices: Vec::new(),
            at: 0,
            departures,
            left: departures,
        }
    }

    /// Whether the run may depart from the straight way once more.
    pub fn may_depart(&self) -> bool {
        self.left > 0
    }

    /// Straight on from here.
    pub fn settle(&mut self) {
        self.left = 0;
    }

    /// Which of `ways` to take; the first is the straight one.
    pub fn choose(&mut self, ways: usize) -> usize {
        if ways < 2 || self.left == 0 {
            return 0;
        }
        if self.at == self.choices.len() {
            self.choices.push((0, ways));
        }
        let (taken, expected) = self.choices[self.at];
        assert_eq!(ways, expected, "the same choices led elsewhere");
        self.at += 1;
        self.left -= u32::from(taken > 0);
        taken
    }

    /// On to the next run; false when there is none.
    pub fn advance(&mut self) -> bool {
        self.choices.truncate(self.at);
        while let Some((taken, ways)) = self.choices.pop() {
            if taken + 1 < ways {
                self.choices.push((taken + 1, ways));
                (self.at, self.left) = (0, self.departures);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_within_the_bound_is_taken_once() {
        let mut script = Script::new(2);
        let mut seen = Vec::new();
        loop {
            seen.push([3, 1, 2, 2].map(|ways| script.choose(ways)));
            if !script.advance() {
                break;
            }
        }
        let mut all = Vec::new();
        for (a, b, c) in (0..12).map(|n| (n / 4, n / 2 % 2, n % 2)) {
            if [a, b, c].iter().filter(|taken| **taken > 0).count() <= 2 {
                all.push([a, 0, b, c]);
            }
        }
        assert_eq!(seen, all);
    }
}
