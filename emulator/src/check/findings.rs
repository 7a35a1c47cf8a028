// SPDX-License-Identifier: GPL-2.0

//! What was found, once a rule, with what happened around the first time.

use std::{
    collections::{
        BTreeMap,
        VecDeque, //
    },
    fmt::Write,
};

use super::rules::{
    self,
    Rule, //
};
use crate::observe::Moment;

/// Events that are kept to be shown with a finding, itself included.
const AROUND: usize = 8;

/// A rule that was broken.
#[derive(Debug)]
pub struct Finding {
    /// Which one.
    pub rule: &'static Rule,
    /// How often; it stops at the highest number there is.
    pub count: u64,
    /// When for the first time.
    pub first: Moment,
    /// What was seen then.
    pub detail: String,
    /// What had happened up to then.
    pub before: Vec<String>,
}

/// An event, kept in few words; put into a line only when it is needed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trace {
    Register {
        write: bool,
        offset: u64,
        len: usize,
        value: u64,
    },
    Master(bool),
    Msix(bool),
    Reset(&'static str),
    Kick {
        queue: u16,
        available: Option<u16>,
    },
    Chain {
        queue: u16,
        position: u16,
        head: u16,
    },
    Done {
        queue: u16,
        head: u16,
    },
}

impl Trace {
    fn line(self, moment: Moment) -> String {
        let what = match self {
            Self::Register {
                write,
                offset,
                len,
                value,
            } => {
                let verb = if write { "writes" } else { "reads" };
                let place = match name(offset) {
                    Some(name) => name.to_string(),
                    None => format!("BAR0+{offset}"),
                };
                format!("{verb} {place}: {value:#0width$x}", width = 2 * len + 2)
            }
            Self::Master(on) => format!("bus mastering {}", on_off(on)),
            Self::Msix(on) => format!("MSI-X {}", on_off(on)),
            Self::Reset(cause) => format!("reset by {cause}"),
            Self::Kick {
                queue,
                available: Some(available),
            } => format!("kick of queue {queue}, available index {available}"),
            Self::Kick { queue, .. } => format!("kick of queue {queue}"),
            Self::Chain {
                queue,
                position,
                head,
            } => format!("queue {queue}: chain {head} taken at {position}"),
            Self::Done { queue, head } => format!("queue {queue}: chain {head} given back"),
        };
        format!("#{} {} us: {what}", moment.sequence, moment.micros)
    }
}

fn on_off(on: bool) -> &'static str {
    if on {
        "on"
    } else {
        "off"
    }
}

/// The register that begins at an offset; what the vectors' are depends on MSI-X.
fn name(offset: u64) -> Option<&'static str> {
    Some(match offset {
        0 => "HOST_FEATURES",
        4 => "GUEST_FEATURES",
        8 => "QUEUE_PFN",
        12 => "QUEUE_NUM",
        14 => "QUEUE_SEL",
        16 => "QUEUE_NOTIFY",
        18 => "STATUS",
        19 => "ISR",
        _ => return None,
    })
}

/// All findings of a device, and its last few events.
pub(super) struct Findings {
    broken: BTreeMap<&'static str, Finding>,
    recent: VecDeque<(Moment, Trace)>,
    now: Moment,
}

impl Default for Findings {
    fn default() -> Self {
        Self {
            broken: BTreeMap::new(),
            recent: VecDeque::new(),
            now: Moment {
                sequence: 0,
                micros: 0,
            },
        }
    }
}

impl Findings {
    /// Time goes on.
    pub fn at(&mut self, moment: Moment) {
        self.now = moment;
    }

    /// Something happened that a finding's reader may want to know.
    pub fn remember(&mut self, trace: Trace) {
        if self.recent.len() == AROUND {
            self.recent.pop_front();
        }
        self.recent.push_back((self.now, trace));
    }

    /// A rule is broken; `detail` is asked for at the first time alone.
    pub fn found(&mut self, rule: &'static Rule, detail: impl FnOnce() -> String) {
        let (now, recent) = (self.now, &self.recent);
        let finding = self.broken.entry(rule.id).or_insert_with(|| Finding {
            rule,
            count: 0,
            first: now,
            detail: detail(),
            before: recent
                .iter()
                .map(|(moment, trace)| trace.line(*moment))
                .collect(),
        });
        finding.count = finding.count.saturating_add(1);
    }

    /// What was found so far, in the order of the rules.
    pub fn in_order(&self) -> Vec<&Finding> {
        rules::all()
            .filter_map(|rule| self.broken.get(rule.id))
            .collect()
    }
}

/// The verdict for people: a table, and what happened around the first time of each.
pub(super) fn report(findings: &Findings) -> String {
    let found = findings.in_order();
    if found.is_empty() {
        return String::from("no rule was broken\n");
    }
    let mut text = format!(
        "{} of {} rules were broken\n",
        found.len(),
        rules::all().count()
    );
    text += "id   level      count  first seen      section      rule\n";
    for finding in &found {
        let Finding { rule, first, .. } = finding;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<4} {:<6} {:>9}  {:>12} us  {:<12} {}",
            rule.id,
            rule.level.to_string(),
            finding.count,
            first.micros,
            rule.section,
            rule.sentence
        );
    }
    for finding in &found {
        let _ = writeln!(text, "{}: {}, after", finding.rule.id, finding.detail);
        for line in &finding.before {
            let _ = writeln!(text, "     {line}");
        }
    }
    text
}
