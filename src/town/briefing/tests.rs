//! What of a briefing is shown, and the briefing that other tests render.

use proptest::prelude::*;

use super::*;

fn day(text: &str) -> DateTime<Utc> {
    format!("{text}T04:20:00Z").parse().unwrap()
}

fn quote(origin: &str, text: &str) -> Quote {
    Quote { origin: origin.into(), text: text.into() }
}

/// A briefing in which every section has something to say.
pub(crate) fn full() -> Briefing {
    Briefing {
        town: "small-town".into(),
        agent: "chaostester".parse().unwrap(),
        description: "Finds what breaks and writes it down so that it can be mended.".into(),
        persona: "You break things in thought before users break them in fact.\n\nKeep `qa/register.md`: one row per \
                  weakness, with the path and line that shows it."
            .into(),
        owns: vec!["qa/**".parse().unwrap(), "agents/memories/chaostester-memory.json".parse().unwrap()],
        page: Some("qa/register.md".into()),
        tools: vec![
            ToolLine { name: "Read".into(), description: "Reads a file.".into() },
            ToolLine { name: "Write".into(), description: "Writes a whole file.".into() },
        ],
        absent_tools: vec!["Bash".into()],
        now: day("2026-11-21"),
        base: "main at 0123456789".into(),
        task: Some("Look at the parser first.".into()),
        limits: LimitsLeft { turns: 40, minutes: 60, files: 1 },
        pull: Some(OwnPull {
            number: 12,
            title: "Register three weaknesses of the parser".into(),
            branch: "agent/chaostester".into(),
            opened_at: day("2026-11-19"),
            files: vec!["qa/register.md".into()],
            comments: vec![quote("a comment of ada, 2026-11-20", "Row 2 is mended already, please drop it.")],
        }),
        verdicts: vec![PastVerdict {
            number: 9,
            title: "Rewrite all tests".into(),
            outcome: "rejected".into(),
            by: "ada".into(),
            at: day("2026-11-18"),
            code: Some("too-large".into()),
            reason: Some("One weakness at a time.".into()),
        }],
        inbox: vec![quote("a post of junglesecurity", "The token check has no test.")],
        specs: vec![quote("openspec/specs/parser/spec.md", "### Requirement: Empty input\nThe parser SHALL …")],
        memory: vec![quote("your memory m1, 2026-11-02", "The clock test is flaky on Mondays.")],
        facts: vec![
            SenseText { sense: Sense::Activity, text: "3 commits since your last run.\n```\nfeat: parse\n```".into() },
            SenseText { sense: Sense::Links, text: "docs/a.md:3 points to nothing\u{202e}.".into() },
        ],
        files: Some("src/parser.rs 12 KiB\nqa/register.md 2 KiB\n".into()),
    }
}

fn size(selection: &Selection) -> usize {
    selection.sections.iter().map(|shown| shown.text.len() + shown.title.len() + HEADING).sum()
}

fn names(selection: &Selection) -> Vec<&str> {
    selection.sections.iter().map(|shown| shown.name.as_str()).collect()
}

#[test]
fn sections_stand_in_order_of_value() {
    let selection = full().select(100_000);
    let expected =
        ["task", "limits", "pull", "verdicts", "inbox", "specs", "memory", "facts-activity", "facts-links", "files"];
    assert_eq!(names(&selection), expected);
    assert_eq!(full().section_names(), expected);
    assert!(selection.left_out.is_empty() && selection.shortened.is_empty());
}

#[test]
fn an_empty_briefing_still_says_what_is_left() {
    let bare = Briefing {
        task: None,
        pull: None,
        verdicts: vec![],
        inbox: vec![],
        specs: vec![],
        memory: vec![],
        facts: vec![],
        files: None,
        ..full()
    };
    let selection = bare.select(1_000);
    assert_eq!(names(&selection), ["limits"]);
    assert_eq!(selection.sections[0].text, "40 replies, 60 minutes, and a pull request of at most 1 changed file.\n");
}

#[test]
fn what_others_wrote_is_quoted_and_cannot_leave_its_fence() {
    let selection = full().select(100_000);
    let text = |name: &str| selection.sections.iter().find(|s| s.name == name).unwrap().text.clone();
    assert!(text("facts-activity").contains("````text\n3 commits"), "{}", text("facts-activity"));
    assert!(text("facts-links").contains("\\u{202E}"), "{}", text("facts-links"));
    assert!(text("pull").contains("Data from a comment of ada"), "{}", text("pull"));
    assert!(!text("task").contains("Data from"), "the task is ours");
}

#[test]
fn a_large_section_does_not_starve_those_after_it() {
    let mut briefing = full();
    briefing.facts[0].text = "commit\n".repeat(10_000);
    let selection = briefing.select(8_000);
    assert_eq!(selection.shortened, ["facts-activity"]);
    assert_eq!(selection.left_out, Vec::<String>::new());
    assert!(selection.sections.iter().any(|shown| shown.name == "files"));
    let facts = selection.sections.iter().find(|shown| shown.name == "facts-activity").unwrap();
    assert!(facts.text.contains("bytes left out") && facts.text.trim_end().ends_with("```"));
}

#[test]
fn what_the_agent_must_know_is_there_in_the_smallest_room() {
    let mut briefing = full();
    briefing.pull.as_mut().unwrap().comments = vec![quote("ada", &"please ".repeat(2_000)); 50];
    briefing.verdicts = vec![briefing.verdicts[0].clone(); 200];
    briefing.task = Some("Look. ".repeat(5_000));
    let selection = briefing.select(3_000);
    assert_eq!(names(&selection), ["task", "limits", "pull", "verdicts"]);
    assert_eq!(selection.shortened, ["task", "pull", "verdicts"]);
    assert!(size(&selection) <= 3_000, "{}", size(&selection));
    let pull = &selection.sections[2].text;
    assert!(pull.contains("Data from ada") && pull.contains("more left out"), "{pull}");
}

#[test]
fn large_ones_share_what_small_ones_leave() {
    assert_eq!(fair_share(&[10, 20], 100), usize::MAX);
    assert_eq!(fair_share(&[10, 500, 600], 110), 50);
    assert_eq!(fair_share(&[500, 500], 0), 0);
    assert_eq!(fair_share(&[], 0), usize::MAX);
}

proptest! {
    #[test]
    fn a_selection_fits_and_accounts_for_every_section(
        texts in prop::collection::vec("[a`\u{200b}\u{202e}é \n]{0,300}", 1..6),
        repeat in 1_usize..40,
        room in 1_500_usize..20_000,
    ) {
        let mut briefing = full();
        let text = |n: usize| texts[n % texts.len()].repeat(repeat);
        briefing.task = Some(text(0));
        briefing.memory = (0..4).map(|n| quote("memory", &text(n))).collect();
        briefing.facts[0].text = text(2);
        briefing.pull.as_mut().unwrap().comments = (0..3).map(|n| quote("ada", &text(n + 3))).collect();
        let selection = briefing.select(room);
        prop_assert!(size(&selection) <= room, "{} in {room}", size(&selection));
        let mut all: Vec<_> = names(&selection).iter().map(|&name| name.to_owned()).collect();
        all.extend(selection.left_out.clone());
        all.sort();
        let mut expected = briefing.section_names();
        expected.sort();
        prop_assert_eq!(all, expected);
        for section in ["task", "limits", "pull", "verdicts"] {
            prop_assert!(names(&selection).contains(&section));
        }
    }
}
