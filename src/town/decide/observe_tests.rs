//! Tests of what sightings on the forge yield: each once, in any order of polls, and only for people who may.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::super::{Command, Publish, StartRun, decide_all};
use crate::town::envelope::{Envelope, Stamp};
use crate::town::event::{AgentSeen, Offer, Outcome, Reason, ReviewState, RunFinished, Trigger};
use crate::town::fold::{PullState, Town, fold};
use crate::town::ids::{Oid, RunId};
use crate::town::settings::Role;
use crate::town::sighting::{CommentKind, Seen, Sighting};

const NOW: i64 = 1_795_232_628;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(NOW + seconds, 0).unwrap()
}

fn stamp(seconds: i64) -> Stamp {
    Stamp { time: at(seconds), source: "/towns/test".to_owned(), random: u128::from(seconds.unsigned_abs()) << 8 }
}

fn oid(digit: u8) -> Oid {
    format!("{digit:x}").repeat(40).parse().unwrap()
}

/// A journal that grows.
#[derive(Default)]
struct Book {
    town: Town,
    log: Vec<Envelope>,
}

impl Book {
    fn record(&mut self, seconds: i64, commands: &[Command]) -> Vec<String> {
        let stamp = stamp(seconds);
        let (drafts, town) = decide_all(&self.town, commands, &stamp).unwrap();
        let sealed = drafts.iter().enumerate().map(|(n, draft)| draft.seal(&stamp, n).unwrap());
        let sealed: Vec<Envelope> = sealed.collect();
        self.town = town;
        self.log.extend(sealed.iter().cloned());
        sealed.iter().map(|event| event.kind.replace("monkeytown.", "").replace(".v1", "")).collect()
    }

    fn see(&mut self, seconds: i64, seen: &[Sighting]) -> Vec<String> {
        let commands: Vec<Command> = seen.iter().map(|seen| Command::Observe(Box::new(seen.clone()))).collect();
        self.record(seconds, &commands)
    }

    /// A town in which agent `a` has opened pull request 7 at second 0.
    fn with_a_pull() -> Self {
        let mut book = Self::default();
        let run = RunId::from_parts(1_795_232_628_000, 7);
        let agent: crate::town::ids::AgentId = "a".parse().unwrap();
        let start = StartRun {
            run: run.clone(),
            agent: AgentSeen { agent: agent.clone(), owns: Vec::new(), charter: oid(1) },
            slot: "s1".parse().unwrap(),
            trigger: Trigger::Manual,
            base: oid(2),
            start: oid(2),
            minutes: 60,
            holder: "here".to_owned(),
            holder_before: None,
            brain: "embedded".to_owned(),
            paused: false,
            runs_per_day: 9,
            usd_per_run: crate::town::prices::Usd(0),
            usd_per_day: crate::town::prices::Usd(10_000_000),
            checkpoint: None,
        };
        let offer = Offer {
            branch: "agent/a".to_owned(),
            head: oid(3),
            base: oid(2),
            title: "Title".to_owned(),
            body: String::new(),
            draft: false,
            conflicts: Vec::new(),
            paths: Vec::new(),
            files: 1,
            adds: 1,
            dels: 0,
            content: "c".to_owned(),
        };
        let publish = Publish { run: run.clone(), agent: agent.clone(), offer, number: Some(7), url: None };
        let finished =
            RunFinished { run, agent, outcome: Outcome::Opened, reason: "x".to_owned(), pull: Some(7), partial: false };
        book.record(
            0,
            &[Command::StartRun(Box::new(start)), Command::Publish(Box::new(publish)), Command::Finish(finished)],
        );
        book
    }
}

fn by(who: &str, role: Option<Role>, seconds: i64, what: Seen) -> Sighting {
    Sighting { at: at(seconds), by: who.to_owned(), role, what }
}

fn comment(who: &str, role: Option<Role>, seconds: i64, id: u64, text: &str) -> Sighting {
    let what = Seen::Commented { number: 7, comment: CommentKind::Talk, id, text: text.to_owned() };
    by(who, role, seconds, what)
}

fn merged(seconds: i64) -> Sighting {
    by("ada", None, seconds, Seen::Merged { number: 7, commit: oid(9), edited: true })
}

fn closed(seconds: i64, reason: Option<(Reason, &str)>) -> Sighting {
    let reason = reason.map(|(code, text)| (code, text.to_owned()));
    by("ada", Some(Role::Citizen), seconds, Seen::Closed { number: 7, reason })
}

// covers: journal#an-append-is-decided-again-after-a-lost-race/a-fact-is-observed-twice
#[test]
fn a_merge_is_recorded_once_at_its_own_time() {
    let mut book = Book::with_a_pull();
    assert_eq!(book.see(500, &[merged(100), merged(100)]), ["pull.merged"]);
    assert_eq!(book.see(900, &[merged(100), closed(100, None)]), [""; 0]);
    let verdict = book.town.pulls[&7].verdict.clone().unwrap();
    assert_eq!((verdict.by.as_str(), verdict.seconds_open, verdict.edited, verdict.at), ("ada", 100, true, at(100)));
}

#[test]
fn a_closing_says_why_in_the_best_way_there_is() {
    let why = |seen: &[Sighting]| {
        let mut book = Book::with_a_pull();
        book.see(500, seen);
        let verdict = book.town.pulls[&7].verdict.clone().unwrap();
        (verdict.reason.unwrap(), verdict.text)
    };
    assert_eq!(why(&[closed(100, None)]), (Reason::Other, String::new()));
    assert_eq!(why(&[closed(100, Some((Reason::Wrong, "no")))]), (Reason::Wrong, "no".to_owned()));
    let near = comment("ada", None, 95, 1, "We do this by hand.");
    assert_eq!(why(&[near, closed(100, None)]), (Reason::Other, "We do this by hand.".to_owned()));
    let far = comment("ada", None, 10, 1, "Which link?");
    assert_eq!(why(&[far, closed(100, None)]), (Reason::Other, String::new()));
    let other = comment("eve", None, 99, 1, "Ha!");
    assert_eq!(why(&[other, closed(100, None)]), (Reason::Other, String::new()));
    let command = comment("ada", Some(Role::Citizen), 50, 1, "/reject duplicate see #3");
    assert_eq!(why(&[command, closed(51, None)]), (Reason::Duplicate, "see #3".to_owned()));
}

#[test]
fn a_rejection_can_be_taken_back_and_given_again() {
    let mut book = Book::with_a_pull();
    let reopened = by("ada", None, 200, Seen::Reopened { number: 7 });
    assert_eq!(book.see(110, &[closed(100, None)]), ["pull.rejected"]);
    assert_eq!(book.see(210, &[reopened.clone(), reopened]), ["pull.reopened"]);
    assert_eq!((book.town.pulls[&7].state, book.town.totals.rejected), (PullState::Open, 0));
    assert_eq!(book.see(310, &[closed(300, None)]), ["pull.rejected"]);
    let mut ids: Vec<&String> = book.log.iter().map(|event| &event.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), book.log.len(), "each fact has an id of its own");
}

#[test]
fn a_rejection_during_a_run_counts_although_the_run_changed_the_pull_request_later() {
    let mut book = Book::with_a_pull();
    let reopened = by("ada", None, 200, Seen::Reopened { number: 7 });
    book.see(210, &[closed(100, None), reopened]);
    book.town.pulls.get_mut(&7).unwrap().updated_at = at(400);
    let reject = comment("ada", Some(Role::Citizen), 300, 1, "/reject wrong no");
    assert_eq!(book.see(410, &[reject]), ["pull.commented", "pull.rejected"]);
}

// covers: github#commands-in-comments-follow-a-grammar-and-a-list
#[test]
fn commands_are_followed_for_people_who_may() {
    let cases: [(&str, Option<Role>, &[&str]); 9] = [
        ("/freeze we move", Some(Role::Citizen), &["pull.commented", "town.frozen"]),
        ("/freeze we move", Some(Role::Witness), &["pull.commented"]),
        ("/freeze we move", None, &["pull.commented"]),
        ("/thaw", Some(Role::Mayor), &["pull.commented"]),
        ("/pause too loud", Some(Role::Citizen), &["pull.commented", "agent.paused"]),
        ("/pause agent:nobody x", Some(Role::Citizen), &["pull.commented"]),
        ("/resume", Some(Role::Citizen), &["pull.commented"]),
        ("/reject wrong no", Some(Role::Citizen), &["pull.commented", "pull.rejected"]),
        ("well done\n/freeze now", Some(Role::Mayor), &["pull.commented"]),
    ];
    for (text, role, expected) in cases {
        let mut book = Book::with_a_pull();
        assert_eq!(book.see(60, &[comment("ada", role, 50, 1, text)]), expected, "{text:?} of {role:?}");
        assert_eq!(book.see(90, &[comment("ada", role, 50, 1, text)]), [""; 0], "again: {text:?}");
    }
    let mut book = Book::with_a_pull();
    let line = Seen::Commented {
        number: 7,
        comment: CommentKind::Line("a.md:3".to_owned()),
        id: 1,
        text: "/freeze now".to_owned(),
    };
    assert_eq!(book.see(60, &[by("ada", Some(Role::Mayor), 50, line)]), ["pull.commented"]);
    assert_eq!(book.town.pulls[&7].comments[0].text, "a.md:3: /freeze now");
}

#[test]
fn reviews_reactions_and_posts_are_recorded_once() {
    let mut book = Book::with_a_pull();
    let review = Seen::Reviewed { number: 7, id: 1, state: ReviewState::ChangesRequested, text: "Why?".to_owned() };
    let reacted = |target: &str| Seen::Reacted { target: target.to_owned(), id: 5, kind: "heart".to_owned() };
    let withdrew = Seen::Withdrew { target: "pull/7".to_owned(), id: 5, kind: "heart".to_owned() };
    let posted = |updated| Seen::Posted {
        issue: 12,
        audience: vec!["a".parse().unwrap()],
        title: "Please look".to_owned(),
        text: "at the docs".to_owned(),
        tags: vec!["docs".to_owned()],
        updated: at(updated),
    };
    let replied = Seen::Replied { issue: 12, id: 8, text: "/pause agent:a while we talk".to_owned(), with_post: None };
    let all = [
        by("ada", None, 10, review),
        by("ada", None, 11, reacted("pull/7")),
        by("ada", None, 12, reacted("pull/99")),
        by("ada", None, 13, posted(13)),
        by("ada", Some(Role::Citizen), 14, replied),
    ];
    let wanted = ["pull.reviewed", "reaction.observed", "post.published", "post.replied", "agent.paused"];
    assert_eq!(book.see(60, &all), wanted);
    assert_eq!(book.see(90, &all), [""; 0]);
    assert_eq!(book.town.pulls[&7].comments[0].text, "(requested changes) Why?");
    assert_eq!(book.town.posts_for(&"a".parse().unwrap()).len(), 1);
    let withdrew = by("ada", None, 95, withdrew);
    assert_eq!(book.see(100, &[withdrew.clone(), withdrew]), ["reaction.withdrawn"]);
    let close = by("ada", None, 110, Seen::PostClosed { issue: 12 });
    assert_eq!(book.see(120, &[close.clone(), close]), ["post.closed"]);
    assert!(book.town.posts_for(&"a".parse().unwrap()).is_empty());
}

#[test]
fn what_is_not_the_towns_own_yields_nothing() {
    let mut book = Book::default();
    let review = Seen::Reviewed { number: 7, id: 1, state: ReviewState::Approved, text: String::new() };
    let replied = Seen::Replied { issue: 12, id: 8, text: "hello".to_owned(), with_post: None };
    let all = [
        merged(1),
        closed(2, None),
        comment("ada", None, 3, 1, "hello"),
        by("ada", None, 4, review),
        by("ada", None, 5, replied),
    ];
    assert_eq!(book.see(60, &all), [""; 0]);
}

#[test]
fn the_cursor_goes_on_in_steps_and_what_lies_behind_it_is_known() {
    let mut book = Book::with_a_pull();
    let synced = |seconds| Command::Synced { cursor: at(seconds) };
    assert_eq!(book.record(10, &[synced(10)]), ["forge.synced"]);
    assert_eq!(book.record(20, &[synced(20)]), [""; 0]);
    assert_eq!(book.record(30, &[synced(5)]), [""; 0]);
    assert_eq!(book.record(9_000, &[synced(8_000)]), ["forge.synced"]);
    assert_eq!(book.see(9_001, &[comment("ada", None, 100, 1, "late")]), [""; 0], "far behind the cursor");
    assert_eq!(book.see(9_001, &[comment("ada", None, 7_900, 1, "late")]), ["pull.commented"], "close to it");
}

#[test]
fn an_old_comment_on_a_line_that_was_forgotten_is_not_new() {
    let mut book = Book::with_a_pull();
    book.record(9_000, &[Command::Synced { cursor: at(8_000) }]);
    let line = |seconds, id| {
        let comment = CommentKind::Line("a.md:3".to_owned());
        by("ada", None, seconds, Seen::Commented { number: 7, comment, id, text: "Why?".to_owned() })
    };
    // Nothing of the first is remembered any more: it was edited, so that the forge tells of it.
    assert_eq!(book.see(9_001, &[line(100, 1)]), [""; 0]);
    assert_eq!(book.see(9_001, &[line(7_900, 2), line(7_900, 2)]), ["pull.commented"]);
}

fn on_board(issue: u64, updated: i64) -> Sighting {
    let what = Seen::Posted {
        issue,
        audience: Vec::new(),
        title: "Look".to_owned(),
        text: String::new(),
        tags: Vec::new(),
        updated: at(updated),
    };
    by("ada", None, 5, what)
}

fn reply(seconds: i64, id: u64, text: &str, with_post: Option<i64>) -> Sighting {
    let what = Seen::Replied { issue: 12, id, text: text.to_owned(), with_post: with_post.map(at) };
    by("ada", Some(Role::Mayor), seconds, what)
}

#[test]
fn an_old_issue_that_becomes_a_post_brings_its_words_and_no_commands() {
    let mut book = Book::with_a_pull();
    book.record(9_000, &[Command::Synced { cursor: at(8_000) }]);
    let old = reply(100, 1, "/freeze we move", Some(9_000));
    let new = reply(8_500, 2, "/pause agent:a too loud", Some(9_000));
    let all = [on_board(12, 9_000), old.clone(), new.clone()];
    assert_eq!(book.see(9_001, &all), ["post.published", "post.replied", "post.replied", "agent.paused"]);
    assert_eq!(book.see(9_002, &all), [""; 0]);
    assert_eq!(book.town.posts["issue-12"].replies.len(), 2);
    assert_eq!(book.town.frozen, None);
    // Edited, so that the forge tells of it without its post.
    assert_eq!(book.see(9_003, &[reply(100, 3, "/freeze we move", None)]), [""; 0]);
    // An old account of the post itself, after it was forgotten.
    assert_eq!(book.see(9_004, &[on_board(13, 100)]), [""; 0]);
}

#[test]
fn where_the_forge_was_never_read_commands_of_the_last_day_count() {
    let day = 24 * 60 * 60;
    for (age, wanted) in [(day + 1, 2), (day - 1, 3)] {
        let mut book = Book::with_a_pull();
        let news = book.see(0, &[on_board(12, 0), reply(-age, 1, "/freeze we move", Some(0))]);
        assert_eq!(news.len(), wanted, "{news:?}");
        assert_eq!(book.town.frozen.is_some(), wanted == 3);
    }
}

#[test]
fn a_post_that_was_forgotten_and_is_put_up_again_is_new_once() {
    let mut book = Book::with_a_pull();
    let reacted = |seconds| {
        let what = Seen::Reacted { target: "post/issue-12".to_owned(), id: 5, kind: "heart".to_owned() };
        by("ada", None, seconds, what)
    };
    let first = [on_board(12, 10), reply(20, 1, "/freeze we move", None), reacted(30)];
    assert_eq!(book.see(40, &first), ["post.published", "post.replied", "town.frozen", "reaction.observed"]);
    book.record(50, &[Command::Thaw { by: "ada".to_owned(), reason: "we are there".to_owned() }]);
    // So many closed posts and so many facts that nothing of it is remembered.
    book.see(60, &[by("ada", None, 55, Seen::PostClosed { issue: 12 })]);
    let closed = |issue| by("ada", None, 75, Seen::PostClosed { issue });
    let many: Vec<Sighting> = (100..1_200).flat_map(|issue| [on_board(issue, 70), closed(issue)]).collect();
    book.see(80, &many);
    assert!(!book.town.posts.contains_key("issue-12"));
    book.record(9_000, &[Command::Synced { cursor: at(8_000) }]);
    let again = [on_board(12, 9_000), reply(20, 1, "/freeze we move", Some(9_000)), reacted(30)];
    assert_eq!(book.see(9_001, &again), ["post.published", "post.replied"]);
    assert_eq!(book.town.frozen, None);
    let mut ids: Vec<&String> = book.log.iter().map(|event| &event.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), book.log.len(), "each fact has an id of its own");
}

fn sightings() -> impl Strategy<Value = Vec<Sighting>> {
    let one = (0..9_u8, 0..400_i64, 0..4_u64, 0..3_u8).prop_map(|(what, seconds, id, role)| {
        let role = [None, Some(Role::Citizen), Some(Role::Mayor)][usize::from(role)];
        let what = match what {
            0 => Seen::Merged { number: 7, commit: oid(9), edited: false },
            1 => Seen::Closed { number: 7, reason: None },
            2 => Seen::Reopened { number: 7 },
            3 => Seen::Reviewed { number: 7, id, state: ReviewState::Approved, text: String::new() },
            4 => Seen::Reacted { target: "pull/7".to_owned(), id, kind: "+1".to_owned() },
            5 => Seen::Withdrew { target: "pull/7".to_owned(), id, kind: "+1".to_owned() },
            6 => Seen::Commented {
                number: 7,
                comment: CommentKind::Talk,
                id,
                text: ["/reject spam", "/freeze x", "/pause y", "hi"][id as usize].to_owned(),
            },
            7 => Seen::Posted {
                issue: id,
                audience: Vec::new(),
                title: "t".to_owned(),
                text: String::new(),
                tags: Vec::new(),
                updated: at(seconds),
            },
            _ => Seen::PostClosed { issue: id },
        };
        Sighting { at: at(seconds), by: "ada".to_owned(), role, what }
    });
    prop::collection::vec(one, 0..40)
}

proptest! {
    #[test]
    fn observing_again_is_the_same_and_no_id_comes_twice(seen in sightings(), cut in 0..40_usize) {
        let mut book = Book::with_a_pull();
        let cut = cut.min(seen.len());
        book.see(500, &seen[..cut]);
        // A poll that died, and the next one that begins where it had begun.
        book.see(600, &seen);
        let ids: std::collections::BTreeSet<&String> = book.log.iter().map(|event| &event.id).collect();
        let doubled = book.log.len() - ids.len();
        // Opening again and closing again at one second are one fact twice; everything else has its own id.
        prop_assert_eq!(doubled, 0);
        let (town, findings) = fold(&book.log);
        prop_assert_eq!(findings, vec![]);
        prop_assert_eq!(town, book.town.clone());
    }

    #[test]
    fn the_overlap_is_at_least_what_a_forge_needs(seconds in 0..600_i64) {
        let mut book = Book::with_a_pull();
        book.record(10, &[Command::Synced { cursor: at(5_000) }]);
        let late = at(5_000) - TimeDelta::seconds(seconds);
        prop_assert!(!book.town.knows("x", late));
    }
}
