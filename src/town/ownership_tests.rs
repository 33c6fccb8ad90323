//! The tests of `ownership`: tables of towns with what the proof says, the property, and the size.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn owner(path: &str, name: &str, patterns: &[&str]) -> Owner {
    let claim = |(at, text): (usize, &&str)| Claim {
        pattern: text.parse().unwrap(),
        line: Some(u32::try_from(at).unwrap() + 5),
    };
    let claims = patterns.iter().enumerate().map(claim).collect();
    Owner { path: path.to_owned(), name: name.parse().unwrap(), claims }
}

type Claims<'a> = &'a [(&'a str, &'a [&'a str])];

fn owners(claims: Claims<'_>) -> Vec<Owner> {
    claims.iter().map(|(name, patterns)| owner(&format!("agents/{name}.md"), name, patterns)).collect()
}

/// Proves a town and compares `rule witness` of each finding.
fn check(charters: Claims<'_>, grants: Claims<'_>, guarded: &[&str], expected: &[(&str, &str)]) {
    let grants: Vec<Owner> = grants.iter().map(|(name, patterns)| owner(TOWN_FILE, name, patterns)).collect();
    let guarded: Vec<Pattern> = guarded.iter().map(|text| text.parse().unwrap()).collect();
    let found = prove(&owners(charters), &grants, &guarded);
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{charters:?}: {said:#?}");
    for ((rule, witness), finding) in expected.iter().zip(&found) {
        assert_eq!(&finding.rule, rule, "{finding}");
        assert!(finding.message.contains(&format!("both match `{witness}`")), "{finding}, expected {witness}");
        assert!(finding.is_error() && !finding.remedy.is_empty() && finding.line.is_some(), "{finding:?}");
        assert!(RULES.iter().any(|(name, _)| name == rule), "{rule} is not in the table");
    }
}

// covers: town-files#no-two-agents-can-own-the-same-path/two-patterns-meet
#[test]
fn two_agents_never_share_a_path() {
    check(&[("a", &["docs/**"]), ("b", &["src/**", "docs"])], &[], &[], &[]);
    check(&[("a", &["docs/**"]), ("b", &["docs/*.md"])], &[], &[], &[(OVERLAP, "docs/x.md")]);
    check(&[("a", &["*/b"]), ("b", &["a/*"])], &[], &[], &[(OVERLAP, "a/b")]);
    check(&[("a", &["r/*-a.yaml"]), ("b", &["r/*-b.yaml"])], &[], &[], &[]);
    check(&[("a", &["t/*/a/**"]), ("b", &["t/*/b/**"])], &[], &[], &[]);
    check(&[("a", &["docs/**", "docs/*.md"])], &[], &[], &[]);
    check(&[("a", &["Docs/**"]), ("b", &["docs/x"])], &[], &[], &[(OVERLAP, "docs/x")]);
    check(&[("a", &["caf\u{e9}/**"]), ("b", &["cafe\u{301}/x"])], &[], &[], &[(OVERLAP, "cafe\u{301}/x")]);
}

#[test]
fn an_overlap_names_both_places_both_patterns_and_says_when_only_case_joins_them() {
    let found = prove(&owners(&[("a", &["x", "Docs/**"]), ("b", &["docs/a"])]), &[], &[]);
    let expected = "agents/b.md:5: error [ownership-overlap]: `docs/a` of b (agents/b.md:5) and `Docs/**` of a (agents/a.md:6) \
        both match `docs/a`, on file systems that ignore case or Unicode form\n    \
        narrow one of the two patterns, so that each path has one owner";
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

#[test]
fn grants_do_not_reach_into_what_others_have() {
    let town: Claims<'_> = &[("a", &["docs/**"]), ("b", &["notes/**"])];
    check(town, &[("a", &["README.md", "docs/x"])], &[], &[]);
    check(town, &[("a", &["notes/x"])], &[], &[(GRANT, "notes/x")]);
    check(town, &[("a", &["ci/**"]), ("b", &["ci/*.yml"])], &[], &[(GRANT, "ci/x.yml")]);
    check(town, &[("a", &["agents/memories/b-memory.json"])], &[], &[(GRANT, "agents/memories/b-memory.json")]);
}

#[test]
fn a_memory_has_one_owner() {
    let memory = "agents/memories/b-memory.json";
    check(&[("a", &[memory]), ("b", &[])], &[], &[], &[(MEMORY, memory)]);
    check(&[("a", &["agents/memories/**"]), ("b", &[])], &[], &[], &[(MEMORY, memory)]);
    check(&[("b", &[memory])], &[], &[], &[]);
}

#[test]
fn nobody_owns_reserved_or_guarded_paths_without_a_grant() {
    for (pattern, witness) in [
        (".monkeytown/town.yaml", ".monkeytown/town.yaml"),
        (".Monkeytown/TOWN.yaml", ".monkeytown/town.yaml"),
        (".monkeytown/*", ".monkeytown/town.yaml"),
        ("**/*.j2", ".monkeytown/prompts/x.j2"),
        (".monkeytown/prompts/system.md.j2", ".monkeytown/prompts/system.md.j2"),
        ("agents/x.md", "agents/x.md"),
        ("*/README.md", "agents/README.md"),
        (".github/workflows/**", ".github/workflows/x"),
        (".github/**", ".github/x"),
        ("docs/.gitattributes", "docs/.gitattributes"),
        ("docs/.GIT/hooks/*", "docs/.git/hooks/x"),
        ("docs/.g*", "docs/.git"),
        ("sub/.*/x", "sub/.git/x"),
    ] {
        check(&[("a", &[pattern])], &[], &[], &[(RESERVED_PATH, witness)]);
        // A grant to somebody else changes nothing, and one to this agent allows exactly what it names.
        let granted: Vec<Owner> = vec![owner(TOWN_FILE, "a", &[pattern])];
        assert_eq!(prove(&owners(&[("a", &[pattern])]), &granted, &[]), [], "{pattern}");
    }
    for harmless in ["docs/**", "docs/*", "*.md", "docs/git/**", ".monkeytown/qa/**", "agents/notes/x.md"] {
        check(&[("a", &[harmless])], &[], &[], &[]);
    }
    check(&[("a", &["src/town/*.rs"])], &[], &["Cargo.toml", "src/**"], &[(GUARDED, "src/town/x.rs")]);
    check(&[("a", &["src/town/*.rs"])], &[("a", &["src/**"])], &["src/**"], &[]);
    check(&[("a", &["src/**"])], &[("a", &["src/town/x.rs"])], &["src/**"], &[(GUARDED, "src/x")]);
    check(&[("a", &["src/**"]), ("b", &[])], &[("b", &["ci/x"])], &["src/**"], &[(GUARDED, "src/x")]);
}

#[test]
fn what_is_owned_is_the_charter_the_memory_and_the_grants() {
    let charter = Charter {
        name: "a".parse().unwrap(),
        description: String::new(),
        tools: Vec::new(),
        model: "inherit".to_owned(),
        owns: vec!["docs/**".parse().unwrap()],
        schedule: None,
        limits: crate::town::charter::RunLimits::default(),
        senses: Vec::new(),
        page: None,
        persona: String::new(),
    };
    let settings: Settings =
        serde_json::from_str(r#"{"name": "t", "grants": {"a": ["CHANGELOG.md"], "b": ["x"]}}"#).unwrap();
    let owned: Vec<String> = owned(&charter, &settings).iter().map(ToString::to_string).collect();
    assert_eq!(owned, ["docs/**", "agents/memories/a-memory.json", "CHANGELOG.md"]);
}

/// A town of `count` agents with patterns made of their number.
fn many(count: usize, patterns: fn(usize) -> Vec<String>) -> Vec<Owner> {
    let one = |at: usize| {
        let patterns = patterns(at);
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let name = format!("agent-{at}");
        owner(&format!("agents/{name}.md"), &name, &patterns)
    };
    (0..count).map(one).collect()
}

#[test]
fn a_large_town_is_proved_whatever_its_patterns_begin_with() {
    let plain = |n| vec![format!(".monkeytown/a{n}/**"), format!("docs/a{n}/*.md"), format!("notes/a{n}.md")];
    assert_eq!(prove(&many(1_000, plain), &[], &[]), []);
    let shared =
        |n| vec![format!("openspec/changes/*/gates/*-a{n}.yaml"), format!("t/*/a{n}/**"), format!("*/x/b{n}.md")];
    assert_eq!(prove(&many(300, shared), &[], &[]), []);
}

#[test]
fn hostile_towns_end_with_a_finding() {
    let same = prove(&many(1_000, |_| vec!["**".to_owned()]), &[], &[]);
    assert!(same.iter().any(|finding| finding.rule == UNPROVED));
    assert!(same.len() <= 1_000 + MOST_OVERLAPS + 1);
    let plain = owners(&[("a", &["r/*a*"]), ("b", &["r/*b*"])]);
    assert_eq!(prove_within(1_000, &plain, &[], &[])[0].rule, OVERLAP);
    let given_up: Vec<Finding> = prove_within(20, &plain, &[], &[]);
    assert_eq!((given_up.len(), given_up[0].rule.as_str()), (1, UNPROVED));
    assert!(!prove_within(2, &plain, &[], &[]).is_empty(), "what was not compared is not proved");
    let involved = |n| (0..40).map(|k| format!("{}b{n}x{k}/**/q", "**/*a*/".repeat(3))).collect();
    assert!(prove(&many(60, involved), &[], &[]).iter().any(Finding::is_error));
}

prop_compose! {
    fn any_claims()(parts in prop::collection::vec(
        prop::collection::vec(prop_oneof![Just("**".to_owned()), "[abAé.*]{1,3}"], 1..4), 1..4)
    ) -> Vec<Claim> {
        parts.iter().filter_map(|p| Some(Claim { pattern: p.join("/").parse().ok()?, line: None })).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    // covers: town-files#no-two-agents-can-own-the-same-path
    #[test]
    fn a_path_that_two_match_is_always_reported(
        towns in prop::collection::vec(any_claims(), 2..5),
        paths in prop::collection::vec("[abAé.]{1,3}(/[abAé.]{1,3}){0,3}", 30),
    ) {
        let charters: Vec<Owner> = towns.into_iter().enumerate().map(|(at, claims)| Owner {
            path: format!("agents/a{at}.md"), name: format!("a{at}").parse().unwrap(), claims,
        }).collect();
        let found = prove(&charters, &[], &[]);
        for path in paths {
            let matching: Vec<(&str, Vec<&Pattern>)> = charters.iter().map(|owner| {
                let hits = owner.claims.iter().map(|c| &c.pattern).filter(|p| p.matches(&path)).collect();
                (owner.path.as_str(), hits)
            }).collect();
            for (i, (one, ours)) in matching.iter().enumerate() {
                for (other, theirs) in &matching[i + 1..] {
                    for (a, b) in ours.iter().flat_map(|a| theirs.iter().map(move |b| (a, b))) {
                        let named = |f: &Finding| f.rule == OVERLAP && f.message.contains(&format!("`{a}` of"))
                            && f.message.contains(&format!("`{b}` of"))
                            && f.message.contains(one) && f.message.contains(other);
                        prop_assert!(found.iter().any(named), "{a} and {b} share {path}: {found:?}");
                    }
                }
            }
        }
    }
}
