//! Tests of the sense of activity, on small real repositories.

use super::super::testing::Sample;
use crate::town::charter::Sense;
use crate::town::facts::{ActivityFacts, Tally};

fn activity(sample: &Sample, base: git2::Oid, since: Option<git2::Oid>) -> ActivityFacts {
    let first = sample.facts(base, since, &[Sense::Activity]).activity.unwrap();
    assert_eq!(
        first,
        sample.facts(base, since, &[Sense::Activity]).activity.unwrap(),
        "the same commit, the same facts"
    );
    first
}

fn names(list: &[Tally]) -> Vec<(&str, usize)> {
    list.iter().map(|tally| (tally.name.as_str(), tally.count)).collect()
}

#[test]
fn counts_people_by_author_and_place_and_agents_apart() {
    let sample = Sample::new();
    let one = sample.commit("start", &[("a", "1\n")]);
    sample.by("Bob").commit("more", &[("a", "1\n2\n"), ("src/x.rs", "x\n")]);
    let page = [("a", "1\n2\n"), ("src/x.rs", "x\n"), ("qa/page.md", "p\n")];
    sample.by("bot").commit("page\n\nAgent: chaostester\nRun: 1\n", &page);
    let page = [("a", "1\n2\n"), ("src/x.rs", "x\n"), ("qa/page.md", "q\n")];
    let head = sample.by("Ada").commit("squashed without a trailer", &page);
    let facts = activity(&sample, head, Some(one));
    assert_eq!(facts.since.commits, 1);
    assert_eq!(names(&facts.since.authors), [("Bob", 1)]);
    assert_eq!(names(&facts.since.agents), [("chaostester", 2)]);
    let places: Vec<_> = facts.since.domains.iter().map(|c| (c.name.as_str(), c.added, c.deleted)).collect();
    assert_eq!(places, [("(root)", 1, 0), ("src", 1, 0)]);
    assert_eq!(facts.since.landed, 3);
    assert!(facts.since.span.starts_with("Since the last run at "));
    assert_eq!(facts.recent.commits, 2, "people only");
    assert!(facts.recent.agents.is_empty());
}

#[test]
fn agents_commits_do_not_move_the_recent_window() {
    let sample = Sample::new();
    let one = sample.commit("start", &[("a", "1\n")]);
    let before = activity(&sample, one, None).recent;
    sample.after_days(90).commit("page\n\nAgent: x", &[("a", "1\n"), ("qa/p", "p")]);
    let head = sample.commit("memory", &[("a", "1\n"), ("qa/p", "p"), ("agents/memories/x-memory.json", "{}")]);
    let after = activity(&sample, head, None);
    assert_eq!(before, after.recent);
    assert_eq!(after.since.commits, 0);
}

#[test]
fn a_merge_counts_what_it_brings_once() {
    let sample = Sample::new();
    let root = sample.commit("root", &[("a", "1\n")]);
    let side = sample.commit_on("side", &[(b"a", b"1\n", 0o100_644), (b"b", b"1\n2\n", 0o100_644)], &[root]);
    let main = sample.commit_on("main", &[(b"a", b"9\n", 0o100_644)], &[root]);
    let merged = [(&b"a"[..], &b"9\n"[..], 0o100_644), (b"b", b"1\n2\n", 0o100_644)];
    let merge = sample.commit_on("merge", &merged, &[main, side]);
    let facts = activity(&sample, merge, Some(root)).since;
    assert_eq!((facts.commits, facts.merges, facts.landed), (2, 1, 2));
    assert_eq!(
        facts.hot.iter().map(|c| (c.name.as_str(), c.added, c.deleted)).collect::<Vec<_>>(),
        [("a", 1, 1), ("b", 2, 0)]
    );
}

#[test]
fn a_last_run_that_is_gone_from_history_falls_back_to_days_and_says_so() {
    let sample = Sample::new();
    let other = sample.commit("gone", &[("x", "1")]);
    let root = sample.commit_on("root", &[(b"a", b"1\n", 0o100_644)], &[]);
    let facts = activity(&sample, root, Some(other)).since;
    assert_eq!(facts.commits, 1);
    assert!(facts.span.contains("not part of this history"), "{}", facts.span);
}

#[test]
fn old_commits_lie_outside_of_the_days() {
    let sample = Sample::new();
    sample.commit("old", &[("a", "1\n")]);
    let head = sample.after_days(30).commit("new", &[("a", "2\n")]);
    let facts = activity(&sample, head, None);
    assert_eq!((facts.since.commits, facts.recent.commits), (1, 1));
    assert_eq!(facts.since.newest[0].subject, "new");
}

#[test]
fn a_shallow_boundary_is_said_and_has_no_churn() {
    let sample = Sample::new();
    sample.commit("far", &[("a", "1\n")]);
    let edge = sample.commit("edge", &[("a", "2\n")]);
    let head = sample.commit("head", &[("a", "2\n"), ("b", "1\n")]);
    std::fs::write(sample.path().join("shallow"), format!("{edge}\n")).unwrap();
    let repo = git2::Repository::open(sample.path()).unwrap();
    let own = "chaostester".parse().unwrap();
    let request = crate::senses::Request {
        repo: &repo,
        base: head,
        since: None,
        domains: &[],
        own: &own,
        wanted: &[Sense::Activity],
        test_command: None,
        environment: &[],
        proposals: Default::default(),
        past: crate::town::spec::past::Past::NOTHING,
        now: chrono::DateTime::UNIX_EPOCH,
    };
    let facts = crate::senses::gather(&request).unwrap().activity.unwrap().since;
    assert!(facts.shallow);
    assert_eq!(facts.commits, 2, "what lies before the boundary is not read");
    assert_eq!(facts.hot.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn names_and_subjects_are_one_visible_line() {
    let sample = Sample::new();
    let head = sample.by("A\u{202e}da").commit("sub\u{200b}ject\n\nbody", &[("a", "1")]);
    let facts = activity(&sample, head, None).since;
    assert_eq!(facts.newest[0].author, "A\\u{202E}da");
    assert_eq!(facts.newest[0].subject, "sub\\u{200B}ject");
}
