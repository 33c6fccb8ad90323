//! Cases of the merge: each piece from the side that changed it, conflicts, and names that change.

use proptest::prelude::*;

use super::*;

fn block(body: &str, scenarios: &[(&str, &str)]) -> Block {
    let scenarios: Vec<(String, String)> =
        scenarios.iter().map(|(name, steps)| ((*name).to_owned(), format!("#### Scenario: {name}\n{steps}"))).collect();
    let raw = Pieces { body: body.to_owned(), scenarios }.join("### Requirement: A");
    Block { name: "A".to_owned(), raw, line: 1 }
}

#[test]
fn each_piece_comes_from_the_side_that_changed_it() {
    let base = block("It SHALL.", &[("one", "- 1"), ("two", "- 2")]);
    let same = |ours: &Block, theirs: &Block| merge(&Prints::of(&base), ours, theirs, &[]);
    let theirs = block("It MUST.", &[("one", "- 1"), ("two", "- 2")]);
    assert_eq!(same(&base, &theirs), Merged::Theirs);
    // Another change brought a scenario and changed one; this one changed the text and the other scenario.
    let ours = block("It SHALL.", &[("new", "- n"), ("one", "- 1!"), ("more", "- m"), ("two", "- 2")]);
    let theirs = block("It MUST.", &[("one", "- 1"), ("two", "- 2!"), ("last", "- l")]);
    let wanted =
        block("It MUST.", &[("new", "- n"), ("one", "- 1!"), ("more", "- m"), ("two", "- 2!"), ("last", "- l")]);
    assert_eq!(same(&ours, &theirs), Merged::Both(wanted.raw));
    // Both did the same.
    assert_eq!(same(&theirs, &theirs), Merged::Both(theirs.raw.clone()));
    // The change says what the spec said before: nothing of it is taken back.
    assert_eq!(same(&ours, &base), Merged::Both(ours.raw.clone()));
}

#[test]
fn the_same_piece_changed_twice_is_a_conflict_that_shows_both() {
    let base = block("It SHALL.", &[("one", "- 1")]);
    let ours = block("It SHALL.", &[("one", "- ours")]);
    let theirs = block("It SHALL.", &[("one", "- theirs")]);
    let Merged::Conflict(conflict) = merge(&Prints::of(&base), &ours, &theirs, &[]) else { panic!("no conflict") };
    assert_eq!(conflict.scenario.as_deref(), Some("one"));
    assert!(conflict.shown().contains("- ours") && conflict.shown().contains("- theirs"), "{}", conflict.shown());
    let table = [
        (block("It MAY.", &[("one", "- 1")]), block("It MUST.", &[("one", "- 1")]), None),
        (block("It SHALL.", &[]), theirs.clone(), Some("one")),
        (ours.clone(), block("It SHALL.", &[]), Some("one")),
        (
            block("It SHALL.", &[("one", "- 1"), ("two", "- a")]),
            block("It SHALL.", &[("one", "- 1"), ("two", "- b")]),
            Some("two"),
        ),
    ];
    for (ours, theirs, scenario) in table {
        let merged = merge(&Prints::of(&base), &ours, &theirs, &[]);
        let Merged::Conflict(conflict) = merged else { panic!("no conflict: {merged:?}") };
        assert_eq!(conflict.scenario.as_deref(), scenario);
    }
}

#[test]
fn scenarios_of_one_name_are_told_apart_by_their_order() {
    let base = block("b", &[("x", "- 1"), ("x", "- 2")]);
    let ours = block("b", &[("x", "- 1!"), ("x", "- 2")]);
    let theirs = block("b", &[("x", "- 1"), ("x", "- 2!")]);
    let wanted = block("b", &[("x", "- 1!"), ("x", "- 2!")]);
    assert_eq!(merge(&Prints::of(&base), &ours, &theirs, &[]), Merged::Both(wanted.raw));
}

/// The block with a scenario under another name.
fn renamed(block: &Block, from: &str, to: &str) -> Block {
    let raw = block.raw.replace(&format!("#### Scenario: {from}\n"), &format!("#### Scenario: {to}\n"));
    Block { raw, ..block.clone() }
}

// covers: gated-workflow#a-renamed-scenario-is-the-same-scenario/one-change-renames-and-another-edits
#[test]
fn a_scenario_that_one_renames_and_the_other_edits_is_the_same_one() {
    let base = block("It SHALL.", &[("one", "- 1"), ("two", "- 2")]);
    let prints = Prints::of(&base);
    let edited = block("It SHALL.", &[("one", "- 1!"), ("two", "- 2"), ("new", "- n")]);
    let both = renamed(&edited, "one", "uno");
    // The rename comes second, and says so.
    let mine = renamed(&base, "one", "uno");
    assert_eq!(merge(&prints, &edited, &mine, &[("one", "uno")]), Merged::Both(both.raw.clone()));
    // The rename came first: what it left as it was is known again.
    assert_eq!(merge(&prints, &mine, &edited, &[]), Merged::Both(both.raw.clone()));
    // Both gave it the same name, and one of them another step.
    assert_eq!(merge(&prints, &mine, &both, &[("one", "uno")]), Merged::Both(both.raw.clone()));
    assert_eq!(merge(&prints, &both, &mine, &[("one", "uno")]), Merged::Both(both.raw.clone()));
    // Nobody but the change touched it.
    assert_eq!(merge(&prints, &base, &mine, &[("one", "uno")]), Merged::Theirs);
}

// covers: gated-workflow#a-renamed-scenario-is-the-same-scenario/two-names
#[test]
fn two_names_for_one_scenario_are_a_conflict() {
    let base = block("It SHALL.", &[("one", "- 1")]);
    let mine = renamed(&base, "one", "uno");
    let other = block("It SHALL.", &[("one", "- 1"), ("uno", "- another")]);
    let edited = renamed(&block("It SHALL.", &[("one", "- 2")]), "one", "uno");
    for (ours, theirs, scenario) in [
        (renamed(&base, "one", "eins"), mine.clone(), "one"),
        (block("It SHALL.", &[]), mine.clone(), "one"),
        (other, mine.clone(), "uno"),
        (renamed(&block("It SHALL.", &[("one", "- 3")]), "one", "uno"), edited, "one"),
    ] {
        let merged = merge(&Prints::of(&base), &ours, &theirs, &[("one", "uno")]);
        let Merged::Conflict(conflict) = merged else { panic!("no conflict: {merged:?}") };
        assert_eq!(conflict.scenario.as_deref(), Some(scenario), "{ours:?}");
    }
    // Steps that two scenarios share tell neither from the other, on either side.
    let base_of_two = block("It SHALL.", &[("a", "- 1"), ("b", "- 1")]);
    let one = block("It SHALL.", &[("one", "- 1")]);
    let both = block("It SHALL.", &[("a", "- 2"), ("b", "- 3")]);
    assert!(matches!(merge(&Prints::of(&base_of_two), &one, &both, &[]), Merged::Conflict(_)));
    let twins = block("It SHALL.", &[("a", "- 1"), ("b", "- 1")]);
    let theirs = block("It SHALL.", &[("one", "- 2")]);
    assert!(matches!(merge(&Prints::of(&base), &twins, &theirs, &[]), Merged::Conflict(_)));
}

fn any_block() -> impl Strategy<Value = Block> {
    let scenario = (0..4_usize, 0..3_usize);
    (0..2_usize, proptest::collection::vec(scenario, 0..4)).prop_map(|(body, listed)| {
        let (names, steps) = (["one", "two", "three", "four"], ["- 1", "- 2", "- 3\n\nMore."]);
        let mut seen = HashSet::new();
        let listed: Vec<(&str, &str)> = listed
            .into_iter()
            .filter(|(name, _)| seen.insert(*name))
            .map(|(name, step)| (names[name], steps[step]))
            .collect();
        block(["It SHALL.", "It MUST."][body], &listed)
    })
}

proptest! {
    /// Renaming and merging may be done in either order.
    #[test]
    fn a_rename_changes_nothing_but_the_name(base in any_block(), ours in any_block(), theirs in any_block()) {
        let prints = Prints::of(&base);
        let has = |block: &Block| block.raw.contains("#### Scenario: one\n");
        let plain = merge(&prints, &ours, &theirs, &[]);
        let with = merge(&prints, &ours, &renamed(&theirs, "one", "uno"), &[("one", "uno")]);
        if has(&base) && has(&ours) && has(&theirs) {
            match (plain, with) {
                (Merged::Both(plain), Merged::Both(with)) => {
                    let wanted = renamed(&Block { raw: plain, ..base }, "one", "uno");
                    prop_assert_eq!(with, wanted.raw);
                }
                (plain, with) => prop_assert_eq!(plain, with),
            }
        }
    }

    /// What stands for no rename is merged as if it were not there.
    #[test]
    fn a_rename_that_does_not_hold_does_nothing(base in any_block(), ours in any_block(), theirs in any_block()) {
        let prints = Prints::of(&base);
        prop_assert_eq!(merge(&prints, &ours, &theirs, &[("none", "uno")]), merge(&prints, &ours, &theirs, &[]));
    }
}
