//! The Markdown of the page.
//! Lives here: the frame (heading, what stands out, sections in the order of the role's senses, dismissed, closed).
//! Never here: what a section tells of the facts (see `sections`).

use std::collections::BTreeSet;

use super::cell::{self, cell, clean, is_clean, row};
use super::entry::Kind;
use super::register::{Numbered, Register};
use super::role::Role;
use super::sections;
use crate::town::charter::{Charter, Sense};
use crate::town::facts::{Facts, count_of};
use crate::town::ids::AgentId;

/// Headings that are read back.
pub(super) const CLOSED: &str = "Closed";
pub(super) const DISMISSED: &str = "Dismissed by reviewers";
/// Sections that change with others' work and are no reason for an edit of their own.
pub(super) const VOLATILE: [&str; 2] = [RECENT, VERDICTS];
pub(super) const RECENT: &str = "Recent work";
pub(super) const VERDICTS: &str = "Verdicts";
/// What stands before the next number.
pub(super) const NEXT: &str = "The next free number is `";

/// Sentences at the top, entries among them, and entries of one kind.
const SENTENCES: usize = 6;
const FROM_ENTRIES: usize = 5;
const OF_ONE_KIND: usize = 3;
/// Bytes of the sentences at the top and of one section's facts.
const TOP_BYTES: usize = 4 * 1024;
const FACT_BYTES: usize = 3 * 1024;

/// The id of an entry.
pub(super) fn id(role: &Role, number: u32) -> String {
    format!("{}-{number:03}", role.prefix)
}

/// The whole page.
pub(super) fn content(charter: &Charter, role: &Role, facts: &Facts, register: &Register) -> String {
    let mut out = format!("# {}\n\n{}\n", role.title, role.lead);
    if let Some(sentence) = register.limit.sentence(register.more) {
        block(&mut out, [sentence]);
    }
    block(&mut out, ["## What stands out".to_owned()]);
    block(&mut out, top(charter, facts, register));
    let mut seen = BTreeSet::new();
    for sense in charter.senses.iter().copied().filter(|sense| seen.insert(*sense)) {
        section(&mut out, &charter.name, sense, role, facts, register);
    }
    if register.more > 0 && register.limit == super::previous::Limit::None {
        block(&mut out, [format!("And {} that are not listed here.", count_of(register.more, "open entry"))]);
    }
    dismissed(&mut out, role, register);
    closed(&mut out, role, register);
    block(&mut out, [format!("{NEXT}{}`.", id(role, register.next))]);
    out
}

/// Adds a paragraph or a list, with a blank line before it.
fn block(out: &mut String, lines: impl IntoIterator<Item = String>) {
    let mut is_first = true;
    for line in lines {
        if std::mem::take(&mut is_first) {
            out.push('\n');
        }
        out.push_str(&line);
        out.push('\n');
    }
}

/// The sentences at the top, most important first.
fn top(charter: &Charter, facts: &Facts, register: &Register) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut kinds: Vec<Kind> = Vec::new();
    for Numbered { entry, .. } in &register.open {
        let of_kind = kinds.iter().filter(|kind| **kind == entry.kind).count();
        if out.len() < FROM_ENTRIES && of_kind < OF_ONE_KIND {
            kinds.push(entry.kind);
            out.push(clean(format!("- {}", entry.sentence())));
        }
    }
    let others = charter.senses.iter().filter_map(|sense| sections::sentence(*sense, facts));
    out.extend(others.map(|sentence| clean(format!("- {sentence}"))));
    out.dedup();
    out.truncate(SENTENCES);
    if out.is_empty() {
        out.push("- Nothing is open at the moment.".to_owned());
    }
    let mut used = 0;
    out.retain(|line| {
        used += line.len();
        used <= TOP_BYTES
    });
    out
}

fn section(out: &mut String, own: &AgentId, sense: Sense, role: &Role, facts: &Facts, register: &Register) {
    let entries: Vec<&Numbered> = register.open.iter().filter(|one| one.entry.kind.sense() == sense).collect();
    let mut told = sections::facts(own, sense, facts);
    told.retain(|lines| !lines.is_empty());
    if told.is_empty() && entries.is_empty() {
        return;
    }
    block(out, [format!("## {}", sections::heading(sense))]);
    for lines in bounded(told) {
        block(out, lines);
    }
    if entries.is_empty() {
        return;
    }
    let head = ["| Id | Weight | Finding | Place | Subject | Remark |", "|---|---|---|---|---|---|"];
    let rows = entries.into_iter().map(|Numbered { number, entry }| {
        let [kind, place, subject] = entry.identity();
        let cells = |remark| {
            let weight = entry.severity.word().to_owned();
            row(&[id(role, *number), weight, kind.clone(), place.clone(), subject.clone(), remark])
        };
        let whole = cells(entry.remark_cell());
        if is_clean(&whole) { whole } else { cells(cell::withheld()) }
    });
    block(out, head.map(str::to_owned).into_iter().chain(rows));
}

/// The facts' lines as far as they fit, with a sentence about the others.
fn bounded(blocks: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let (mut used, mut left_out) = (0, 0);
    let mut out: Vec<Vec<String>> = Vec::new();
    for lines in blocks {
        let mut kept = Vec::new();
        for line in lines {
            used += line.len() + 1;
            if used > FACT_BYTES {
                left_out += 1;
            } else {
                kept.push(clean(line));
            }
        }
        if !kept.is_empty() {
            out.push(kept);
        }
    }
    if left_out > 0 {
        out.push(vec![format!("And {}.", count_of(left_out, "more line"))]);
    }
    out
}

fn dismissed(out: &mut String, role: &Role, register: &Register) {
    if register.dismissed.is_empty() {
        return;
    }
    block(out, [format!("## {DISMISSED}")]);
    let head = ["| Id | Finding | Place | Subject | Reviewer | Pull request |", "|---|---|---|---|---|---|"];
    let rows = register.dismissed.iter().map(|(entry, dismissal)| {
        let [kind, place, subject] = entry.identity();
        let cells = |words: &str| {
            let pull = format!("#{}", dismissal.pull);
            row(&[id(role, dismissal.number), kind.clone(), place.clone(), subject.clone(), cell(words), pull])
        };
        let whole = cells(&dismissal.words);
        if is_clean(&whole) { whole } else { cells(&cell::withheld()) }
    });
    block(out, head.map(str::to_owned).into_iter().chain(rows));
    if register.more_dismissed > 0 {
        block(out, [format!("And {} that are not listed.", count_of(register.more_dismissed, "dismissed entry"))]);
    }
}

fn closed(out: &mut String, role: &Role, register: &Register) {
    if register.closed.is_empty() {
        return;
    }
    block(out, [format!("## {CLOSED}")]);
    let head = ["| Id | Finding | Place | Subject |", "|---|---|---|---|"];
    let rows = register.closed.iter().map(|(key, number)| {
        let place = if key.path == super::cell::path_of(&cell::place_cell("", &[])) {
            key.path.clone()
        } else {
            cell(&key.path)
        };
        row(&[id(role, *number), key.kind.word().to_owned(), place, cell(&key.subject)])
    });
    block(out, head.map(str::to_owned).into_iter().chain(rows.filter(|row| is_clean(row))));
}
