//! Cases of the page: what it looks like, what lasts, what follows from a verdict, and hostile text.

use super::fixture::*;
use super::{PageResult, page};
use crate::town::charter::Charter;
use crate::town::facts::{Facts, Outcome, TodoFacts, Verdict};
use crate::town::ids::AgentId;
use crate::town::markdown::outline;
use crate::town::secrets::scan;

struct Written {
    content: String,
    title: String,
    body: String,
    evidence: Vec<String>,
}

fn write(charter: &Charter, facts: &Facts, existing: Option<&str>) -> Written {
    match page(charter, facts, existing) {
        PageResult::Update { content, title, body, evidence } => Written { content, title, body, evidence },
        PageResult::Unchanged(reason) => panic!("unchanged: {reason}"),
    }
}

fn unchanged(charter: &Charter, facts: &Facts, existing: Option<&str>) -> String {
    match page(charter, facts, existing) {
        PageResult::Unchanged(reason) => reason,
        PageResult::Update { content, .. } => panic!("an update:\n{content}"),
    }
}

/// The lines of the section with this heading.
fn section<'p>(page: &'p str, heading: &str) -> Vec<&'p str> {
    let start = format!("## {heading}");
    page.lines().skip_while(|line| *line != start).skip(1).take_while(|line| !line.starts_with("## ")).collect()
}

#[test]
fn three_roles_read_well() {
    for name in ["chaostester", "junglesecurity", "simianresearcher"] {
        let out = write(&charter(name), &facts(), None);
        let whole = format!(
            "{}\n=== pull request\n{}\n\n{}\n=== evidence\n{}\n",
            out.content,
            out.title,
            out.body,
            out.evidence.join("\n")
        );
        insta::assert_snapshot!(name, whole);
    }
}

// covers: embedded-brain#an-unchanged-page-is-left-alone
#[test]
fn a_page_just_written_stays_for_every_role() {
    for name in SHIPPED.iter().map(|row| row.0).chain(["some-stranger", "x"]) {
        let charter = charter(name);
        let first = write(&charter, &facts(), None);
        unchanged(&charter, &facts(), Some(&first.content));
        assert!(first.title.chars().count() <= 72, "{}", first.title);
        assert!(first.title.contains(": "), "{name} says nothing: {}", first.title);
        assert!(first.evidence.len() <= 10);
        assert!(scan("", first.content.as_bytes()).is_empty());
        assert!(outline(&first.content).links.is_empty(), "{name}: a page has no link that could break");
        assert!(first.content.lines().all(|line| !line.contains("TODO") && !line.contains("FIXME")), "{name}");
    }
}

#[test]
fn a_command_that_fails_without_a_name_shows_what_it_said_last() {
    let said = |tail: &str| {
        let mut facts = facts();
        let run = facts.tests.as_mut().and_then(|tests| tests.run.as_mut()).unwrap();
        (run.summary, run.tail) = (None, tail.to_owned());
        facts
    };
    let charter = charter("chaostester");
    let first = write(&charter, &said("ok\nerror[E0308]: mismatched types in 1.20s | at 0x7ff3\n\n---\n"), None);
    let row = first.content.lines().find(|line| line.contains("its last line")).unwrap();
    assert!(row.contains("error[…]: mismatched types in ….… | at …"), "{row}");
    // What differs each time is no news.
    let again = said("ok\nerror[E0308]: mismatched types in 9.81s | at 0x1aa4\n");
    unchanged(&charter, &again, Some(&first.content));
    assert!(!write(&charter, &said("\n \n"), None).content.contains("its last line"));
}

#[test]
fn an_empty_repository_gets_no_page() {
    for row in SHIPPED {
        unchanged(&charter(row.0), &Facts::default(), None);
        let silent = Facts { todos: Some(TodoFacts::default()), files: Some(Default::default()), ..Facts::default() };
        unchanged(&charter(row.0), &silent, None);
    }
}

#[test]
fn ids_last_when_lines_move_and_new_entries_get_the_next_number() {
    let qa = charter("chaostester");
    let first = write(&qa, &facts(), None).content;
    let mut moved = facts();
    let links = moved.links.as_mut().unwrap();
    links.broken[2].line = 77;
    links.broken.insert(0, link("AAA.md", 1, "nothing.md", None));
    let second = write(&qa, &moved, Some(&first));
    let id_of = |page: &str, what: &str| {
        let line = page.lines().find(|line| line.starts_with("| QA-") && line.contains(what)).unwrap();
        line.split('|').nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(id_of(&first, "../LICENCE"), id_of(&second.content, "../LICENCE"));
    assert!(second.content.contains("`docs/usage.md:77`"));
    assert_eq!(id_of(&second.content, "nothing.md"), "QA-006");
    assert!(first.contains("The next free number is `QA-006`.") && second.content.contains("`QA-007`."));
    assert!(second.body.contains("1 new entry, 0 closed, 5 still open"), "{}", second.body);
}

#[test]
fn what_is_mended_is_closed_and_comes_back_with_its_number() {
    let qa = charter("chaostester");
    let first = write(&qa, &facts(), None).content;
    let mut mended = facts();
    let gone = mended.links.as_mut().unwrap().broken.remove(2);
    let second = write(&qa, &mended, Some(&first));
    let closed = section(&second.content, "Closed").join("\n");
    assert!(closed.contains("`../LICENCE`") && closed.contains("`docs/usage.md`"), "{closed}");
    assert!(second.body.contains("is closed: broken link"), "{}", second.body);
    unchanged(&qa, &mended, Some(&second.content));
    mended.links.as_mut().unwrap().broken.push(gone);
    let third = write(&qa, &mended, Some(&second.content)).content;
    assert_eq!(third, first, "the entry is back where it was");
}

#[test]
fn what_was_not_seen_completely_is_not_closed() {
    let qa = charter("chaostester");
    let first = write(&qa, &facts(), None).content;
    let mut partly = facts();
    partly.links.as_mut().unwrap().broken.pop();
    partly.links.as_mut().unwrap().truncated = 1;
    partly.todos = None;
    let second = write(&qa, &partly, Some(&first)).content;
    assert!(section(&second, "Closed").is_empty(), "{second}");
}

#[test]
fn a_reviewer_dismisses_by_id_and_by_place() {
    let qa = charter("chaostester");
    let first = write(&qa, &facts(), None).content;
    for (words, gone) in [
        ("QA-002 is on purpose", "QA-002"),
        ("see qa-2.", "QA-002"),
        ("docs/usage.md is generated", "../LICENCE"),
        ("`docs/usage.md:3` is fine", "../LICENCE"),
        ("(src/serve.rs:88): known | <b>", "leaks a socket"),
    ] {
        let judged = judged(facts(), vec![rejection("chaostester", 12, "wrong", words)]);
        let out = write(&qa, &judged, None);
        let aside = section(&out.content, "Dismissed by reviewers").join("\n");
        assert!(aside.contains(gone) && aside.contains("| #12 |"), "{words}: {aside}");
        let open = out.content.replace(&aside, "");
        assert!(!open.lines().any(|line| line.starts_with("| QA-") && line.contains(gone)), "{words}: {open}");
        assert!(out.body.contains("#12") && out.body.contains("went to the dismissed entries"), "{}", out.body);
        unchanged(&qa, &judged, Some(&out.content));
        // Merged meanwhile: nobody says it any more, the page remembers.
        unchanged(&qa, &facts(), Some(&out.content));
        assert_ne!(first, out.content);
    }
}

#[test]
fn words_without_a_name_change_nothing_but_the_body() {
    let qa = charter("chaostester");
    let first = write(&qa, &facts(), None).content;
    for (reason, words) in [("wrong", "no"), ("unsafe", "QA-001"), ("wrong", "QA-999 and nowhere.md"), ("wrong", "")] {
        let out = write(&qa, &judged(facts(), vec![rejection("chaostester", 3, reason, words)]), None);
        assert_eq!(out.content, first, "{reason}: {words}");
        assert!(out.body.contains("#3") && out.body.contains(reason), "{}", out.body);
    }
    let others = judged(facts(), vec![rejection("madchimp", 3, "wrong", "QA-001")]);
    assert_eq!(write(&qa, &others, None).content, first);
}

#[test]
fn only_what_came_after_the_last_merge_counts() {
    let qa = charter("chaostester");
    let wrong = |number, words| rejection("chaostester", number, "wrong", words);
    let mut merged = wrong(5, "");
    merged.outcome = Outcome::Merged;
    let out =
        write(&qa, &judged(facts(), vec![wrong(7, "QA-003"), wrong(6, "QA-001"), merged, wrong(4, "QA-002")]), None);
    let aside = section(&out.content, "Dismissed by reviewers").join("\n");
    assert!(aside.contains("QA-001") && aside.contains("QA-003") && !aside.contains("QA-002"), "{aside}");
}

#[test]
fn a_page_that_was_too_large_stays_short() {
    let qa = charter("chaostester");
    let mut many = facts();
    let targets = (0..40).map(|n| link("docs/long.md", n + 1, &format!("page-{n:02}.md"), None));
    many.links.as_mut().unwrap().broken.extend(targets);
    let said = judged(many.clone(), vec![rejection("chaostester", 9, "too-large", "")]);
    let out = write(&qa, &said, None);
    let rows = |page: &str| page.lines().filter(|line| line.starts_with("| QA-")).count();
    assert_eq!(rows(&out.content), 10);
    assert!(out.content.contains("#9 was too large; 35 more are known."), "{}", out.content);
    unchanged(&qa, &said, Some(&out.content));
    unchanged(&qa, &many, Some(&out.content));
    let freed: String =
        out.content.lines().filter(|line| !line.starts_with("Only the 10")).map(|l| format!("{l}\n")).collect();
    assert_eq!(rows(&write(&qa, &many, Some(&freed)).content), 45);
}

#[test]
fn spam_leaves_the_highest_weight() {
    let qa = charter("chaostester");
    let out = write(&qa, &judged(facts(), vec![rejection("chaostester", 9, "spam", "")]), None);
    let rows: Vec<&str> = out.content.lines().filter(|line| line.starts_with("| QA-")).collect();
    assert!(rows.len() == 1 && rows[0].contains("| high |"), "{rows:?}");
}

#[test]
fn agents_own_work_is_no_reason_for_an_edit() {
    let sec = charter("junglesecurity");
    let first = write(&sec, &facts(), None).content;
    let mut later = judged(facts(), vec![rejection("madchimp", 3, "wrong", "no")]);
    later.activity.as_mut().unwrap().recent.commits = 4;
    assert!(unchanged(&sec, &later, Some(&first)).starts_with("nothing changed since the last page"));
    later.activity.as_mut().unwrap().since.commits = 1;
    assert!(write(&sec, &later, Some(&first)).content.contains("4 commits by people"));
}

#[test]
fn hostile_text_stays_one_row_of_data() {
    let qa = charter("chaostester");
    let token = format!("ghp{}aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6", "_");
    for text in [
        "a | b `c` ``d``",
        "<script>alert(1)</script> <!-- TODO: x -->",
        "line\nbreak\r\n| QA-001 | high | note |",
        "right\u{202e}left\u{200b}\u{e0041}",
        "lorem ipsum, your text here",
        "## Closed",
        "@everyone #1 ::error::x",
        &format!("uses {token}"),
        &"long ".repeat(20_000),
        "\\| \\\\| \\",
    ] {
        let mut hostile = facts();
        hostile.todos.as_mut().unwrap().notes = vec![note("src/a.rs", 1, "TODO", text, "2024-01-01")];
        hostile.links.as_mut().unwrap().broken = vec![link(text, 2, text, Some(text))];
        let out = write(&qa, &hostile, None);
        assert_eq!(out.content.lines().filter(|line| line.starts_with("| QA-")).count(), 3, "{text}: {}", out.content);
        for said in [&out.content, &out.body, &out.title] {
            assert!(scan("", said.as_bytes()).is_empty(), "{said}");
            assert_eq!(crate::town::text::count_invisible(said), 0);
            assert!(!said.contains("<!--") && !said.contains(&token));
        }
        assert!(out.content.len() <= 64 * 1024);
        unchanged(&qa, &hostile, Some(&out.content));
    }
}

#[test]
fn an_unknown_role_gets_a_page_named_after_it() {
    let mut stranger = charter("lamp-lighter");
    stranger.name = "lamp-lighter".parse::<AgentId>().unwrap();
    let out = write(&stranger, &facts(), None);
    assert!(out.content.starts_with("# Findings of lamp-lighter\n") && out.content.contains("| LAM-001 |"));
}

#[test]
fn a_page_that_says_all_tells_that_it_was_merged() {
    let qa = charter("chaostester");
    let written = write(&qa, &facts(), None).content;
    let merged = |agent, number| Verdict { outcome: Outcome::Merged, ..rejection(agent, number, "", "") };
    for (verdicts, reason) in [
        (vec![], "the page already says all of it"),
        (vec![merged("chaostester", 3)], "#3 was merged, and the page already says all of it"),
        (
            vec![merged("chaostester", 7), merged("chaostester", 3)],
            "#7 was merged, and the page already says all of it",
        ),
        (vec![merged("madchimp", 9)], "the page already says all of it"),
    ] {
        assert_eq!(unchanged(&qa, &judged(facts(), verdicts), Some(&written)), reason);
    }
}
