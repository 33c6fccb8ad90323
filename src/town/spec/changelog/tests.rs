//! Cases of the entry: where it goes in files of many kinds, what it leaves alone, and that it can be taken out again.

use proptest::prelude::*;

use super::super::tree::Tree;
use super::*;

const PROPOSAL: &str =
    "# Change: Add quota\n\n## Why\nHeavy parcels block the post\nfor everybody else. Nobody is told.\n\nMore.\n";
const LINE: &str =
    "- **Add quota**: Heavy parcels block the post for everybody else (`add-quota`: `post`, `post/boat`)";

fn tree(changelog: Option<&[u8]>) -> Tree {
    let mut tree = Tree::default();
    let mut put = |path: &str, text: &[u8]| tree.put_file(path, text);
    put("openspec/config.yaml", b"changelog: docs/CHANGELOG.md\n");
    put("openspec/changes/add-quota/proposal.md", PROPOSAL.as_bytes());
    for id in ["post", "post/boat"] {
        put(&format!("openspec/changes/add-quota/specs/{id}/spec.md"), b"## ADDED Requirements\n");
    }
    if let Some(changelog) = changelog {
        put("docs/CHANGELOG.md", changelog);
    }
    tree
}

const CHANGED: Counts = Counts { added: 1, modified: 1, removed: 0, renamed: 0 };

fn planned(changelog: &str, counts: Counts) -> Result<Option<Logged>, Misfit> {
    plan(&Project::new(&tree(Some(changelog.as_bytes())), "openspec"), "add-quota", counts)
}

fn entered(changelog: &str, counts: Counts) -> String {
    let logged = planned(changelog, counts).unwrap().unwrap();
    String::from_utf8(logged.after.to_vec()).unwrap()
}

// covers: gated-workflow#archiving-enters-the-change-in-the-changelog/a-project-with-a-changelog
#[test]
fn the_entry_goes_below_its_kind_and_every_other_byte_stays() {
    for (before, after) in [
        // Behind what is there, before what is released and before the targets of links.
        (
            "## [Unreleased]\n\n### Changed\n\n- a\n  b\n\n## [1.0.0]\n",
            "## [Unreleased]\n\n### Changed\n\n- a\n  b\n@\n\n## [1.0.0]\n",
        ),
        (
            "# C\n\n## Unreleased\n### changed\n- a\n\n[Unreleased]: x\n",
            "# C\n\n## Unreleased\n### changed\n- a\n@\n\n[Unreleased]: x\n",
        ),
        // A heading of its own, in the order of kinds.
        (
            "## [Unreleased]\n\n### Added\n\n- a\n\n### Fixed\n\n- f\n",
            "## [Unreleased]\n\n### Added\n\n- a\n\n### Changed\n\n@\n\n### Fixed\n\n- f\n",
        ),
        (
            "## [Unreleased]\n\n### Added\n\n- a\n\n## 1\n",
            "## [Unreleased]\n\n### Added\n\n- a\n\n### Changed\n\n@\n\n## 1\n",
        ),
        ("## [Unreleased]\n## 1\n", "## [Unreleased]\n\n### Changed\n\n@\n\n## 1\n"),
        ("## [unreleased](x)\n\n### Changed\n\n### Fixed\n", "## [unreleased](x)\n\n### Changed\n\n@\n\n### Fixed\n"),
        ("## [Unreleased]\n### Changed\n### Fixed\n- f\n", "## [Unreleased]\n### Changed\n\n@\n\n### Fixed\n- f\n"),
        // Ends of lines, a mark before the first, none behind the last.
        (
            "\u{feff}## [Unreleased]\r\n\r\n### Changed\r\n\r\n- a\r\n",
            "\u{feff}## [Unreleased]\r\n\r\n### Changed\r\n\r\n- a\r\n@\r\n",
        ),
        ("## [Unreleased]\n\n### Changed\n\n- a", "## [Unreleased]\n\n### Changed\n\n- a\n@"),
        ("## [Unreleased]", "## [Unreleased]\n\n### Changed\n\n@"),
        // What stands in a fence or a comment is no heading.
        (
            "<!--\n## [Unreleased]\n-->\n## [Unreleased]\n```\n### Changed\n```\n",
            "<!--\n## [Unreleased]\n-->\n## [Unreleased]\n```\n### Changed\n```\n\n### Changed\n\n@\n",
        ),
    ] {
        let wanted = after.replace('@', LINE);
        assert_eq!(entered(before, CHANGED), wanted);
        // Again there is nothing to do, and back it is as it was.
        assert_eq!(planned(&wanted, CHANGED), Ok(None));
        let logged = planned(before, CHANGED).unwrap().unwrap();
        assert_eq!(logged.taken_back(&wanted).as_deref(), Some(before), "{wanted}");
        assert_eq!(logged.taken_back(before), None);
    }
}

#[test]
fn the_kind_follows_from_what_happens_to_the_requirements() {
    let none = Counts::default();
    for (counts, kind) in [
        (Counts { added: 2, ..none }, "### Added"),
        (Counts { removed: 1, ..none }, "### Removed"),
        (Counts { added: 1, removed: 1, ..none }, "### Changed"),
        (Counts { renamed: 1, ..none }, "### Changed"),
        (none, "### Changed"),
    ] {
        assert!(entered("## [Unreleased]\n", counts).contains(&format!("{kind}\n\n{LINE}\n")), "{kind}");
    }
}

#[test]
fn what_a_proposal_says_makes_one_line_whatever_it_is() {
    let said = |proposal: Option<&str>, name: &str| {
        let mut tree = tree(Some(b"## [Unreleased]\n"));
        tree.remove("openspec/changes/add-quota");
        tree.put_file(&format!("openspec/changes/{name}/tasks.md"), b"".as_slice());
        if let Some(proposal) = proposal {
            tree.put_file(&format!("openspec/changes/{name}/proposal.md"), proposal.as_bytes());
        }
        let logged = plan(&Project::new(&tree, "openspec"), name, CHANGED).unwrap().unwrap();
        let text = String::from_utf8(logged.after.to_vec()).unwrap();
        assert_eq!(text.lines().count(), 5, "{text}");
        text.lines().last().unwrap().to_owned()
    };
    assert_eq!(said(None, "x"), "- **x** (`x`)");
    assert_eq!(said(Some("# Proposal\n\n## Problem\nIt is slow.\n"), "x"), "- **x**: It is slow (`x`)");
    assert_eq!(said(Some("# A **b**\u{2028}c\n## Why\n\u{202e}- a\n- b\n"), "x"), "- **A b**: \\u{202E}- a - b (`x`)");
    assert!(said(Some(&format!("# {0}\n## Why\n{0}\n", "é".repeat(100_000))), "x").chars().count() < 360);
    assert!(said(None, "a\n## b").starts_with("- **a ## b** (`a ## b`)"));
}

#[test]
fn only_an_entry_that_names_the_change_is_one_of_it() {
    let of = |line: &str| planned(&format!("## [Unreleased]\n- {line}\n"), CHANGED).unwrap().is_none();
    assert!(of("By hand, with an emoji (`add-quota`)") && of("x (`add-quota`: `post`)"));
    assert!(!of("`add-quota` is mentioned") && !of("x (`add-quota-2`)") && !of("x (`add-quota` too)"));
    // Whoever names another change in a title enters nothing for it.
    assert!(of("x\n  (`add-quota`).") && !of("(`add-quota`) x (`other`)"));
    // One below a version that is released is of an earlier time.
    assert!(planned("## [Unreleased]\n## 1\n- x (`add-quota`)\n", CHANGED).unwrap().is_some());
}

// covers: gated-workflow#archiving-enters-the-change-in-the-changelog/no-place-for-it
#[test]
fn a_file_without_a_place_for_it_is_refused_with_its_line() {
    let said = |bytes: Option<&[u8]>| {
        let misfit = plan(&Project::new(&tree(bytes), "openspec"), "add-quota", CHANGED).unwrap_err();
        assert!(misfit.fix.contains("or take `changelog` out of the config"), "{misfit:?}");
        (misfit.message, misfit.fix)
    };
    let (message, fix) = said(Some(b"# C\n\n## [1.0.0]\n- a\n"));
    assert!(message.starts_with("docs/CHANGELOG.md:3: there is no heading `## [Unreleased]`"), "{message}");
    assert!(fix.starts_with("Write `## [Unreleased]` above `## [1.0.0]`"), "{fix}");
    for (bytes, wanted) in [
        (None, "docs/CHANGELOG.md: the changelog is not there"),
        (Some(b"".as_slice()), "docs/CHANGELOG.md: there is no heading"),
        (Some(b"### [Unreleased]\n# [Unreleased]\n".as_slice()), "docs/CHANGELOG.md: there is no heading"),
        (Some(b"```\n## [Unreleased]\n".as_slice()), "docs/CHANGELOG.md: there is no heading"),
        (Some(b"## [Unreleased]\n\xff\n".as_slice()), "docs/CHANGELOG.md:2: the changelog is not UTF-8"),
    ] {
        let (message, _) = said(bytes);
        assert!(message.starts_with(wanted), "{message}");
    }
    let mut linked = tree(None);
    linked.put("docs/CHANGELOG.md", Node::LeadsOut);
    assert!(plan(&Project::new(&linked, "openspec"), "add-quota", CHANGED).is_err());
    // A project that keeps none has none.
    linked.put_file("openspec/config.yaml", b"schema: spec-driven\n".as_slice());
    assert_eq!(plan(&Project::new(&linked, "openspec"), "add-quota", CHANGED), Ok(None));
}

// covers: gated-workflow#archiving-enters-the-change-in-the-changelog/taken-back
#[test]
fn what_others_wrote_since_stays_when_it_is_taken_back() {
    let before = "## [Unreleased]\n\n### Added\n\n- a\n\n## 1\n";
    let logged = planned(before, CHANGED).unwrap().unwrap();
    let now = entered(before, CHANGED);
    // Somebody else has written below the heading that came along.
    let more = now.replace(LINE, &format!("{LINE}\n- more"));
    assert_eq!(logged.taken_back(&more).unwrap(), now.replace(LINE, "- more"));
    let other = now.replace("- a", "- a\n- b");
    assert_eq!(logged.taken_back(&other).unwrap(), before.replace("- a", "- a\n- b"));
    let windows = now.replace('\n', "\r\n");
    assert!(!logged.taken_back(&windows).unwrap().contains(LINE));
    // What is released, or written anew, is theirs.
    assert_eq!(logged.taken_back(&now.replace("## [Unreleased]", "## [Unreleased]\n\n## 2")), None);
    assert_eq!(logged.taken_back(&now.replace("Heavy", "Very heavy")), None);
}

proptest! {
    #[test]
    fn an_entry_is_put_in_once_and_comes_out_without_a_trace(
        text in "(\u{feff}|)(## \\[Unreleased\\]\n|)(- a\n|\n|\r\n|\r|### (Changed|Fixed|X)\n|## 1\n|```\n|<!--\n|-->\n|\\[x\\]: y\n| |é|(## \\[Unreleased\\]\n)){0,14}",
        added in 0..2_usize,
    ) {
        let counts = Counts { added, ..Counts::default() };
        if let Ok(Some(logged)) = planned(&text, counts) {
            let after = entered(&text, counts);
            prop_assert_eq!(after.matches(LINE).count(), 1);
            prop_assert_eq!(after.replacen(&logged.written.1, "", 1), text.clone());
            prop_assert_eq!(planned(&after, counts), Ok(None));
            prop_assert_eq!(logged.taken_back(&after), Some(text));
        }
    }
}
