// SPDX-License-Identifier: GPL-2.0

//! Drivers that misbehave in one way each, on whole devices; and some that behave.

mod bench;
mod block;
mod conduct;
mod kicks;
mod life;
mod net;
mod queues;

use std::collections::BTreeSet;

use bench::Bench;

use super::rules;

/// What a driver does, and the ids of the rules it breaks by that, in their order.
type Case = (&'static [&'static str], fn() -> Bench);

fn cases() -> impl Iterator<Item = &'static Case> {
    [life::CASES, queues::CASES, block::CASES, net::CASES]
        .into_iter()
        .flatten()
}

#[test]
fn what_is_found_is_what_was_done() {
    let wrong: Vec<String> = cases()
        .enumerate()
        .map(|(number, (ids, act))| (number, ids, act().checker.broken()))
        .filter(|(_, ids, found)| found != *ids)
        .map(|(number, ids, found)| format!("case {number}: {found:?} instead of {ids:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_can_be_broken() {
    let breakable: BTreeSet<&str> = cases().flat_map(|(ids, _)| *ids).copied().collect();
    let all: BTreeSet<&str> = rules::all().map(|rule| rule.id).collect();
    assert_eq!(breakable, all);
    assert!(all.len() >= 40);
}

#[test]
fn the_list_has_a_line_a_rule_and_no_id_twice() {
    let list = rules::list();
    assert_eq!(list.lines().count(), rules::all().count());
    let ids: BTreeSet<&str> = rules::all().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), rules::all().count());
    for (line, rule) in list.lines().zip(rules::all()) {
        let (head, sentence) = (format!("{} {} ", rule.id, rule.section), rule.sentence);
        assert_eq!(line.strip_prefix(head.as_str()), Some(sentence));
        assert!(sentence.ends_with('.') && sentence.len() <= 100, "{line}");
        assert!(rule
            .section
            .split('.')
            .all(|part| part.parse::<u8>().is_ok()));
    }
}
