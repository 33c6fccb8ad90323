//! A whole run's thinking, brain and machine and tools together: how the pieces are driven.
#![allow(clippy::unwrap_used)]

use chrono::DateTime;

use crate::brain::{Brain, Replay, Request, Scripted, messages};
use crate::git::workspace::Workspace;
use crate::tools::fixture::{Town, text};
use crate::tools::{Context, table};
use crate::town::ids::RunId;
use crate::town::limits;
use crate::town::pattern::Pattern;
use crate::town::transcript::{CallResult, Entry, Transcript, Why};
use crate::town::turn::{Budget, Finish, Step, next};

fn small() -> Town {
    Town::of(&[("README.md", b"# Town\n\nSee [docs](docs/a.md).\n"), ("docs/a.md", b"alpha\nbeta\nalpha\n")])
}

/// The whole of a run's thinking: what a driver does, without journal, clock or checkpoint.
async fn drive(brain: &mut dyn Brain, files: &mut Workspace, transcript: &mut Transcript) -> Step {
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
    let budget = Budget {
        max_turns: 10,
        started: at(0),
        deadline: at(3_600),
        now: at(1),
        context_tokens: 100_000,
        output_bytes: limits::RUN_OUTPUT_BYTES as u64,
        cost_micros: u64::MAX,
        tokens: u64::MAX,
    };
    let toolbox = table(&[]);
    let owns: Vec<Pattern> = vec!["docs/**".parse().unwrap()];
    loop {
        let entry = match next(transcript, &budget) {
            Step::Ask => {
                let Some(Entry::Briefing { system, .. }) = transcript.entries.first() else { panic!("briefed") };
                let request = Request {
                    system,
                    messages: messages(transcript),
                    tools: toolbox.specs(),
                    max_output: 1_000,
                    now: DateTime::UNIX_EPOCH,
                    deadline: DateTime::UNIX_EPOCH,
                };
                Entry::Reply(brain.reply(&request).await.unwrap())
            }
            Step::Call(call) => {
                let agent = &transcript.agent;
                let mut context = Context { files, owns: &owns, agent, now: budget.now };
                Entry::Result(toolbox.call(&mut context, &call).await.unwrap())
            }
            Step::Refuse(call, why) => Entry::Result(CallResult::refused(&call, &why)),
            Step::Note(text, why) => Entry::Note { text, why },
            end => return end,
        };
        transcript.push(entry).unwrap();
    }
}

fn briefed() -> Transcript {
    let mut transcript = Transcript::new(RunId::from_parts(0, 1), "madchimp".parse().unwrap());
    let briefing = Entry::Briefing { system: "You are madchimp.".into(), user: "Look.".into(), tokens_estimated: 5 };
    transcript.push(briefing).unwrap();
    transcript
}

#[tokio::test]
async fn a_scripted_brain_goes_from_briefing_to_finish() {
    let script = r#"
replies:
  - text: Let me look.
    expect: ["You are madchimp.", "Look."]
    calls:
      - { name: Grep, arguments: { pattern: "docs/" } }
      - { name: Write, arguments: { file_path: README.md, content: mine } }
  - expect: ["README.md:3: See [docs](docs/a.md).", "README.md is not yours. You own docs/**"]
    calls:
      - { name: Edit, arguments: { file_path: docs/a.md, old_string: beta, new_string: BETA } }
      - { name: Finish, arguments: { title: wip, body: x } }
  - text: Right, a better title.
    expect: ['The title "wip" says nothing']
    calls:
      - { name: Finish, arguments: { title: Name beta loudly, body: It was too quiet., evidence: ["docs/a.md:2"] } }
"#;
    let mut brain = Scripted::parse(script).unwrap();
    let town = small();
    let (mut files, mut transcript) = (town.workspace(), briefed());
    let Step::Finish(Finish { title, evidence, .. }) = drive(&mut brain, &mut files, &mut transcript).await else {
        panic!("finished")
    };
    brain.finish().unwrap();
    assert_eq!((title.as_str(), evidence), ("Name beta loudly", vec!["docs/a.md:2".to_owned()]));
    assert_eq!(text(&files, "docs/a.md"), "alpha\nBETA\nalpha\n");
    assert_eq!(text(&files, "README.md"), "# Town\n\nSee [docs](docs/a.md).\n");
    let receipts = brain.receipts();
    assert_eq!(receipts.iter().map(|r| r.messages).collect::<Vec<_>>(), [1, 3, 5]);
    assert!(receipts[0].tools.contains(&"Finish".to_owned()));

    // A run that was killed anywhere goes on from what was written down, and ends the same.
    for kept in 1..transcript.entries.len() {
        let mut again = Transcript { entries: transcript.entries[..kept].to_vec(), ..transcript.clone() };
        let mut brain = Scripted::parse(script).unwrap();
        brain.skip(again.turns() as usize);
        // What was changed before the kill is part of the checkpoint.
        let changed = again.entries.iter().any(|e| matches!(e, Entry::Result(r) if r.changed));
        let mut files = if changed { town.workspace_at(files.tree().unwrap()) } else { town.workspace() };
        assert!(matches!(drive(&mut brain, &mut files, &mut again).await, Step::Finish(_)), "kept {kept}");
        assert_eq!(again, transcript, "kept {kept}");
    }

    let mut replay = Replay::new(&transcript);
    let mut replayed = briefed();
    assert!(matches!(drive(&mut replay, &mut town.workspace(), &mut replayed).await, Step::Finish(_)));
    replay.finish().unwrap();
    assert_eq!(replayed, transcript);
}

#[tokio::test]
async fn the_gate_sends_the_work_back_and_the_embedded_brain_insists() {
    let update = || crate::brain::PageOutcome::Propose {
        calls: vec![("Write", serde_json::json!({"file_path": "docs/page.md", "content": "# Page\n"}))],
        change: None,
        title: "List the broken links".into(),
        body: "There are none.".into(),
        evidence: vec![],
    };
    let mut brain = crate::brain::Embedded::new(update);
    let town = small();
    let (mut files, mut transcript) = (town.workspace(), briefed());
    for _ in 0..2 {
        assert!(matches!(drive(&mut brain, &mut files, &mut transcript).await, Step::Finish(_)));
        let note = Entry::Note { text: "docs/page.md: error [size]: too large".into(), why: Why::Gate };
        transcript.push(note).unwrap();
    }
    assert_eq!(text(&files, "docs/page.md"), "# Page\n");
    assert_eq!(transcript.turns(), 3, "written once, proposed twice");
}
