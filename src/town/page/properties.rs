//! What holds for the page of any facts.

use proptest::collection::vec;
use proptest::prelude::*;

use super::fixture::{SHIPPED, charter, facts, judged, link, note, rejection};
use super::{PageResult, page};
use crate::town::facts::{Facts, LinkProblem, Verdict};
use crate::town::secrets::scan;

const PROBLEMS: [LinkProblem; 6] = [
    LinkProblem::NoSuchPath,
    LinkProblem::WrongCase,
    LinkProblem::NoSuchAnchor,
    LinkProblem::Outside,
    LinkProblem::Empty,
    LinkProblem::UndefinedReference,
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,40}", "[a-c./|`\\\\:0-9 ]{0,12}", "[a-z]{1,6}(/[a-z]{1,3})?\\.md(:[0-9]{1,2})?", ".{200,300}"]
}

prop_compose! {
    fn any_facts()(
        links in vec((text(), 1..50_u32, text(), proptest::option::of(text()), 0..6_usize), 0..60),
        notes in vec((text(), 1..50_u32, text(), 2019..2025_i32), 0..60),
        bare in vec((1..50_u32, text()), 0..8),
        copies in 1..8_usize,
    ) -> Facts {
        let mut out = facts();
        let found = out.links.as_mut().unwrap();
        for copy in 0..copies {
            found.broken.extend(links.iter().map(|(path, line, target, near, problem)| {
                let mut one = link(path, *line, &format!("{target}{}", "x".repeat(copy)), near.as_deref());
                one.problem = PROBLEMS[*problem];
                one
            }));
        }
        found.broken.sort();
        let todos = out.todos.as_mut().unwrap();
        todos.notes = notes
            .iter()
            .map(|(path, line, text, year)| note(path, *line, "XXX", text, &format!("{year}-01-02")))
            .collect();
        todos.notes.sort();
        out.specs.as_mut().unwrap().specs[0].bare = bare;
        out
    }
}

fn any_verdicts(agent: &'static str) -> impl Strategy<Value = Vec<Verdict>> {
    let reason = proptest::sample::select(vec!["wrong", "duplicate", "too-large", "spam", "other"]);
    let words = prop_oneof![text(), "(QA|SEC|RQ)-00[1-9]", "README.md", ".*README.md:12.*"];
    vec((reason, words), 0..3).prop_map(move |all| {
        (1..).zip(all).map(|(number, (reason, words))| rejection(agent, number, reason, &words)).collect()
    })
}

fn role_and_facts() -> impl Strategy<Value = (&'static str, Facts)> {
    proptest::sample::select(SHIPPED.map(|row| row.0).to_vec()).prop_flat_map(|name| {
        (any_facts(), any_verdicts(name)).prop_map(move |(facts, verdicts)| (name, judged(facts, verdicts)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_second_application_changes_nothing((name, facts) in role_and_facts()) {
        let charter = charter(name);
        let PageResult::Update { content, title, body, evidence } = page(&charter, &facts, None) else {
            return Err(TestCaseError::fail("the facts are never empty"));
        };
        prop_assert!(content.len() <= 64 * 1024, "{}", content.len());
        prop_assert!(title.chars().count() <= 72 && body.len() <= 64 * 1024 && evidence.len() <= 10);
        prop_assert!(scan("", content.as_bytes()).is_empty());
        let again = page(&charter, &facts, Some(&content));
        let PageResult::Unchanged(reason) = again else { return Err(TestCaseError::fail("it is written anew")) };
        prop_assert!(reason.ends_with("the page already says all of it"), "{reason}");
    }

    #[test]
    fn an_edited_page_settles_after_one_update((name, facts) in role_and_facts(), existing in "(\\| (QA|SEC|RQ)-[0-9]{1,9} \\| [^\n]{0,30}\\|\n|## Closed\n|[^\n]{0,30}\n){0,20}") {
        let charter = charter(name);
        if let PageResult::Update { content, .. } = page(&charter, &facts, Some(&existing)) {
            let again = page(&charter, &facts, Some(&content));
            prop_assert!(matches!(again, PageResult::Unchanged(_)), "{:?}", again);
        }
    }
}
