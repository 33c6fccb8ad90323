//! What `RecordGate` and `ArchiveChange` write, and what they refuse.

use super::*;
use crate::town::spec::past::Past;

const RUN: &str = "01J8ZQ5VAR7B2Q3K4M5N6P7R8S";
const FOLDER: &str = "openspec/changes/add-x";

fn town() -> Town {
    let delta = "## ADDED Requirements\n\n### Requirement: X\nThe system SHALL x.\n\n#### Scenario: One\n- **WHEN** asked\n- **THEN** x\n";
    Town::of(&[
        ("openspec/changes/add-x/proposal.md", b"# X\r\n\r\n**Status:** Draft\r\n"),
        ("openspec/changes/add-x/tasks.md", b"- [x] 1.1 Do it\n"),
        ("openspec/changes/add-x/specs/x/spec.md", delta.as_bytes()),
        ("openspec/changes/archive/2026-01-01-old/proposal.md", b"# Old\n"),
    ])
}

async fn called(files: &mut Workspace, agent: &str, run: &str, name: &str, arguments: Value) -> CallResult {
    let call = ToolCall { id: "c".into(), name: name.into(), arguments };
    let agent: AgentId = agent.parse().unwrap();
    let keeper = Keeper {
        agent: agent.clone(),
        run: run.parse().unwrap(),
        commit: "c0ffee".repeat(7)[..40].parse().unwrap(),
        date: "2026-11-21".to_owned(),
        past: Past::default(),
    };
    let mut toolbox = table(&[]);
    assert!(keeper.has_gate());
    toolbox.keep_gate(&keeper);
    let owns = [format!("openspec/changes/*/gates/*-{}.yaml", gate_of(&agent)).parse().unwrap()];
    toolbox.call(&mut Context { files, owns: &owns, agent: &agent, now: at(0) }, &call).await.unwrap()
}

fn gate_of(agent: &AgentId) -> &'static str {
    let gates = crate::town::spec::record::GATES;
    gates.iter().find(|(_, _, keeper, _)| *keeper == agent.as_str()).unwrap().1
}

async fn says(files: &mut Workspace, agent: &str, arguments: Value) -> CallResult {
    called(files, agent, RUN, RECORD_GATE, arguments).await
}

// covers: gated-workflow#the-status-line-repeats-the-records/a-verdict
#[tokio::test]
async fn a_record_is_filled_in_and_the_same_run_says_it_anew() {
    let town = town();
    let mut files = town.workspace();
    let approve = json!({"change": "add-x", "verdict": "approved", "evidence": ["x.md:1"]});
    let said = says(&mut files, "architect", approve.clone()).await;
    assert!(said.ok && said.output.contains("001-architect.yaml") && said.output.contains("In Progress"), "{said:?}");
    let record = text(&files, &format!("{FOLDER}/gates/001-architect.yaml"));
    for part in ["actor: \"agent:architect\"", RUN, "c0ffeec0ffee", "content_hash: \"b3:", "x.md:1"] {
        assert!(record.contains(part), "{part}: {record}");
    }
    // The line follows the records, and no byte besides it changes.
    assert_eq!(text(&files, &format!("{FOLDER}/proposal.md")), "# X\r\n\r\n**Status:** In Progress\r\n");
    let finding = json!({"path": "x.md", "line": 3, "rule": "unclear", "severity": "error", "message": "say which"});
    let back = json!({"change": "add-x", "verdict": "needs-revision", "findings": [finding]});
    assert!(says(&mut files, "architect", back).await.ok);
    assert!(text(&files, &format!("{FOLDER}/gates/001-architect.yaml")).contains("say which"));
    assert_eq!(text(&files, &format!("{FOLDER}/proposal.md")), "# X\r\n\r\n**Status:** Needs Revision\r\n");
    let other = called(&mut files, "architect", "01J8ZQ5VAR7B2Q3K4M5N6P7R8T", RECORD_GATE, approve).await;
    assert!(other.ok && other.output.contains("002-architect.yaml"), "{other:?}");
}

#[tokio::test]
async fn what_the_status_line_says_besides_is_no_part_of_what_is_approved() {
    let town = Town::of(&[
        ("openspec/changes/add-x/proposal.md", b"# X\n\n**Status:** Draft; and drop the table\n"),
        ("openspec/changes/add-x/tasks.md", b"- [ ] 1.1 Do it\n"),
    ]);
    let mut files = town.workspace();
    let said =
        says(&mut files, "architect", json!({"change": "add-x", "verdict": "approved", "evidence": ["x.md:1"]})).await;
    assert!(said.ok, "{said:?}");
    assert_eq!(text(&files, &format!("{FOLDER}/proposal.md")), "# X\n\n**Status:** Approved\n");
}

#[tokio::test]
async fn what_would_not_count_is_not_recorded() {
    let town = town();
    for (agent, arguments, why) in [
        ("pm-validator", json!({"change": "add-x", "verdict": "pass", "evidence": ["x"]}), "gate/skipped"),
        ("architect", json!({"change": "add-x", "verdict": "approved"}), "gate/missing-evidence"),
        ("architect", json!({"change": "add-x", "verdict": "pass"}), "does not say `pass`"),
        ("architect", json!({"change": "add-x", "verdict": "archived"}), "does not say `archived`"),
        ("architect", json!({"change": "add-y", "verdict": "approved"}), "no open change"),
        ("architect", json!({"change": "archive/2026-01-01-old", "verdict": "approved"}), "no open change"),
        ("architect", json!({"change": "../..", "verdict": "approved"}), "no open change"),
        ("architect", json!({"change": "add-x", "verdict": "perhaps"}), "do not fit"),
    ] {
        let mut files = town.workspace();
        let said = says(&mut files, agent, arguments).await;
        assert!(!said.ok && said.output.contains(why) && files.changed().is_empty(), "{why}: {said:?}");
    }
    let mut files = town.workspace();
    let early = called(&mut files, "architect", RUN, ARCHIVE_CHANGE, json!({"change": "add-x"})).await;
    assert!(!early.ok && early.output.contains("is Draft") && files.changed().is_empty(), "{early:?}");
}

#[tokio::test]
async fn a_completed_change_is_put_away_whole() {
    let town = town();
    let mut files = town.workspace();
    let passes = |verdict: &str| json!({"change": "add-x", "verdict": verdict, "evidence": ["`sh t` exit 0"]});
    for (agent, verdict) in [
        ("architect", "approved"),
        ("feature-implementer", "done"),
        ("pm-validator", "pass"),
        ("test-validator", "pass"),
    ] {
        let said = says(&mut files, agent, passes(verdict)).await;
        assert!(said.ok, "{agent}: {said:?}");
    }
    let done = called(&mut files, "architect", RUN, ARCHIVE_CHANGE, json!({"change": "add-x"})).await;
    assert!(done.ok && done.output.contains("1 added, 0 modified"), "{done:?}");
    let to = "openspec/changes/archive/2026-11-21-add-x";
    assert_eq!(files.list(FOLDER).unwrap(), [""; 0]);
    assert_eq!(text(&files, &format!("{to}/proposal.md")), "# X\r\n\r\n**Status:** Archived\r\n");
    assert!(text(&files, &format!("{to}/gates/005-archive.yaml")).contains("verdict: archived"));
    assert!(text(&files, "openspec/specs/x/spec.md").contains("### Requirement: X\nThe system SHALL x."));
}

// covers: gated-workflow#archiving-is-what-the-plan-says/two-changes-at-once
#[tokio::test]
async fn one_work_archives_one_change() {
    let town = town();
    let mut files = town.workspace();
    let delta = text(&files, &format!("{FOLDER}/specs/x/spec.md"));
    let other = "openspec/changes/add-y";
    for (name, said) in [("proposal.md", "# Y\n"), ("tasks.md", "- [x] 1.1 Do it\n"), ("specs/y/spec.md", &delta)] {
        files.write(&format!("{other}/{name}"), said.as_bytes()).unwrap();
    }
    let passes = |change: &str, verdict: &str| json!({"change": change, "verdict": verdict, "evidence": ["`sh t`"]});
    for change in ["add-x", "add-y"] {
        for (agent, verdict) in [
            ("architect", "approved"),
            ("feature-implementer", "done"),
            ("pm-validator", "pass"),
            ("test-validator", "pass"),
        ] {
            assert!(says(&mut files, agent, passes(change, verdict)).await.ok, "{change} {agent}");
        }
    }
    let archives = async |files: &mut Workspace, change: &str| {
        called(files, "architect", RUN, ARCHIVE_CHANGE, json!({"change": change})).await
    };
    assert!(archives(&mut files, "add-x").await.ok);
    let second = archives(&mut files, "add-y").await;
    assert!(!second.ok && second.output.contains("archives `2026-11-21-add-x` already"), "{second:?}");
    assert!(!files.list(other).unwrap().is_empty());
}
