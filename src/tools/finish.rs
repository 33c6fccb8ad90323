//! `Finish`, `NothingToDo` and `AskHuman`: the calls that end a run.
//! Lives here: how they are described to a brain. They have no code here, because the turn machine ends on them (see
//! [`crate::town::turn`]).

use serde_json::json;

use super::{ToolSpec, spec};
use crate::town::turn::{ASK_HUMAN, FINISH, NOTHING_TO_DO};

/// Ends a run with a proposal.
pub(super) fn finish() -> ToolSpec {
    let fields = json!({
        "title": {"type": "string", "maxLength": 72, "description": "What the change does, in one line."},
        "body": {"type": "string", "description": "What was done and why, in Markdown, for the human who decides."},
        "evidence": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What shows each claim: a path with its line, a commit, a command with its result.",
        },
        "change": {"type": "string", "description": "Id of the OpenSpec change that this belongs to, if any."},
    });
    let text = "Ends the run and proposes your changed files. Call it alone and last, when every file is complete.";
    spec(FINISH, text, fields, &["title", "body"])
}

/// Ends a run without one.
pub(super) fn nothing_to_do() -> ToolSpec {
    let fields = json!({"reason": {"type": "string", "description": "Why nothing is worth proposing now."}});
    let text = "Ends the run without a proposal. A good result when nothing is worth a human's time.";
    spec(NOTHING_TO_DO, text, fields, &["reason"])
}

/// Ends a run with a question to people.
pub(super) fn ask_human() -> ToolSpec {
    let fields = json!({"question": {"type": "string", "description": "The question, with what you know and the answers that you can think of, in Markdown."}});
    let text = "Ends the run with a question on your pull request, where only people can decide. Changed files go along as a \
                draft. Needs an open pull request of yours, or changed files.";
    spec(ASK_HUMAN, text, fields, &["question"])
}
