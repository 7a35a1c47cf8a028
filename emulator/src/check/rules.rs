// SPDX-License-Identifier: GPL-2.0

//! What the specification asks of a driver, as far as a legacy device can see it.
//!
//! A rule has an id that never changes its meaning, the section of VIRTIO 1.3 that it comes from,
//! and one sentence of our own. The ids' first letter names the group.

pub mod block;
pub mod chains;
pub mod life;
pub mod net;
pub mod queues;

use std::fmt;

/// How much the specification insists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It is required, or the text describes no other way.
    Must,
    /// It is recommended.
    Should,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
        })
    }
}

/// Something that a driver does, or does not do.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// A letter for the group and a number.
    pub id: &'static str,
    /// See [`Level`].
    pub level: Level,
    /// The section of VIRTIO 1.3.
    pub section: &'static str,
    /// What a driver does that keeps it.
    pub sentence: &'static str,
}

/// Defines rules, one constant each, and `ALL`, the table of them.
macro_rules! rules {
    ($($name:ident $id:literal $level:ident $section:literal $sentence:literal;)*) => {
        $(
            #[doc = $sentence]
            pub const $name: &$crate::check::rules::Rule = &$crate::check::rules::Rule {
                id: $id,
                level: $crate::check::rules::Level::$level,
                section: $section,
                sentence: $sentence,
            };
        )*
        /// The rules of this group, in the order of their ids.
        pub const ALL: &[&$crate::check::rules::Rule] = &[$($name),*];
    };
}
use rules;

/// Every rule there is.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [life::ALL, queues::ALL, chains::ALL, block::ALL, net::ALL]
        .into_iter()
        .flatten()
        .copied()
}

/// The rules for people, one a line: id, section, sentence.
pub fn list() -> String {
    let lines: Vec<String> = all()
        .map(|rule| format!("{} {} {}\n", rule.id, rule.section, rule.sentence))
        .collect();
    lines.concat()
}
