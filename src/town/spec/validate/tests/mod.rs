//! Every rule, by a case that breaks it: what is found, how much it matters, and where.
//! Lives here: how a case is written and judged. Never here: a comparison with the reference (see `tests/contract/openspec`).
#![allow(clippy::unwrap_used)]

mod careful;
mod hostile;
mod reference;

use std::collections::BTreeSet;

use super::super::issue::{Issue, Level};
use super::super::rules::{Profile, RULES};
use super::super::tree::{Node, Tree};
use super::*;

/// What stands in the way of a text.
pub(super) enum Put {
    Text(&'static str),
    Bytes(&'static [u8]),
    Node(Node),
}

/// A tree, what of it is judged, and what is found there: level, rule, path and line, as `ERROR delta/no-sections a/spec.md:1`.
pub(super) struct Case {
    pub(super) profile: Profile,
    pub(super) item: &'static str,
    pub(super) files: Vec<(&'static str, Put)>,
    pub(super) found: &'static [&'static str],
}

/// A case of the reference's own profile, with texts only.
pub(super) fn case(item: &'static str, files: &[(&'static str, &'static str)], found: &'static [&'static str]) -> Case {
    let files = files.iter().map(|(path, text)| (*path, Put::Text(text))).collect();
    Case { profile: Profile::Openspec1, item, files, found }
}

impl Case {
    pub(super) fn issues(&self) -> Vec<Issue> {
        let mut tree = Tree::default();
        for folder in ["openspec/changes", "openspec/specs"] {
            tree.put(folder, Node::Folder);
        }
        for (path, put) in &self.files {
            let path = format!("openspec/{path}");
            match put {
                Put::Text(text) => tree.put_file(&path, text.as_bytes().to_vec()),
                Put::Bytes(bytes) => tree.put_file(&path, bytes.to_vec()),
                Put::Node(node) => tree.put(&path, node.clone()),
            }
        }
        let project = Project::new(&tree, "openspec");
        match self.item.split_once(' ').unwrap() {
            ("spec", id) => spec(&project, id, self.profile),
            (_, name) => change(&project, name, self.profile),
        }
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warning => "WARNING",
        Level::Info => "INFO",
    }
}

pub(super) fn shown(issues: &[Issue]) -> Vec<String> {
    let shown = issues.iter().map(|issue| {
        let line = issue.line.map_or_else(String::new, |line| format!(":{line}"));
        format!("{} {} {}{line}", level(issue.level), issue.code, issue.path)
    });
    shown.collect()
}

pub(super) fn hold(cases: Vec<Case>) {
    for case in cases {
        let issues = case.issues();
        let files: Vec<(&str, &str)> =
            case.files.iter().map(|(path, put)| (*path, if let Put::Text(text) = put { *text } else { "" })).collect();
        assert_eq!(shown(&issues), case.found, "{} of {files:#?}", case.item);
        for issue in issues {
            assert!(issue.file.starts_with("openspec/") && !issue.message.is_empty(), "{issue:?}");
            assert!(issue.fix.is_some() || issue.level == Level::Info, "nothing to do about {issue:?}");
        }
    }
}

/// What no case here produces: the command judges archived changes, `lifecycle` has tests of its own, and so has `trace`.
const ELSEWHERE: [&str; 5] = ["tasks/archived-incomplete", "tasks/unreadable", "gate/", "status/", "trace/"];

#[test]
fn every_rule_is_broken_by_a_case() {
    let cases = reference::cases().into_iter().chain(careful::cases());
    let is_here = |id: &&str| !ELSEWHERE.iter().any(|elsewhere| id.starts_with(elsewhere));
    let broken: BTreeSet<&str> = cases.flat_map(|case| case.issues()).map(|issue| issue.code).filter(is_here).collect();
    let wanted: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).filter(is_here).collect();
    assert_eq!(broken, wanted);
}

#[test]
fn a_rule_has_one_row_and_matters_no_less_in_a_stricter_profile() {
    let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        let [one, ci, gated] = Profile::ALL.map(|profile| rule.level(profile));
        assert!(one <= ci && ci <= gated, "{}", rule.id);
        assert!(gated.is_some() && !rule.doc.ends_with('.'), "{}", rule.id);
    }
}
