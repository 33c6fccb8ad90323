//! The two calls that end a run: `Finish` and `NothingToDo`.
//! Lives here: what they have to say, and what is refused. Never here: what is done with it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::town::limits;

/// The tool that ends a run with a proposal.
pub const FINISH: &str = "Finish";
/// The tool that ends a run without one.
pub const NOTHING_TO_DO: &str = "NothingToDo";
/// The tool that ends a run with a question to people.
pub const ASK_HUMAN: &str = "AskHuman";
/// The tool that tells whoever watches how far a run is.
pub const PROGRESS: &str = "ReportProgress";

/// A question, in bytes.
const QUESTION_BYTES: usize = 4_000;

/// Titles that say nothing, in lower case and without the punctuation around them.
const PLACEHOLDERS: &[&str] = &[
    "",
    "change",
    "changes",
    "commit",
    "draft",
    "edit",
    "edits",
    "empty",
    "fix",
    "fixes",
    "foo",
    "improvement",
    "improvements",
    "lorem ipsum",
    "minor changes",
    "misc",
    "n/a",
    "na",
    "new",
    "none",
    "placeholder",
    "pr",
    "pull request",
    "some changes",
    "stuff",
    "tbd",
    "temp",
    "test",
    "testing",
    "tests",
    "title",
    "tmp",
    "todo",
    "untitled",
    "update",
    "updates",
    "various",
    "wip",
    "work in progress",
    "your title here",
];

/// What an agent proposes, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// The pull request's title.
    pub title: String,
    /// What was done and why.
    pub body: String,
    /// What shows that each claim is true: a path with a line, a command with its result, a commit.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// The OpenSpec change that the work belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

impl Finish {
    /// Reads the arguments of a call; the error is what the brain is told.
    ///
    /// # Errors
    /// A sentence for the brain when something is missing, too long or a placeholder.
    pub fn from_arguments(arguments: &Value) -> Result<Self, String> {
        let mut finish: Self = serde_json::from_value(arguments.clone())
            .map_err(|e| format!("{FINISH} takes a title, a body and a list of evidence: {e}."))?;
        finish.title = finish.title.trim().to_owned();
        finish.body = finish.body.trim().to_owned();
        finish.evidence.retain(|line| !line.trim().is_empty());
        finish.change = finish.change.filter(|change| !change.trim().is_empty());
        finish.check()?;
        Ok(finish)
    }

    fn check(&self) -> Result<(), String> {
        let length = self.title.chars().count();
        if length > limits::TITLE_CHARS {
            return Err(format!("The title has {length} characters; {} are allowed.", limits::TITLE_CHARS));
        }
        if self.title.chars().any(char::is_control) {
            return Err("The title has to be one line of plain text.".to_owned());
        }
        if is_placeholder(&self.title) {
            return Err(format!("The title {:?} says nothing. Say what the change does.", self.title));
        }
        if self.body.is_empty() {
            return Err("The body is empty. Say what was done and why.".to_owned());
        }
        let bytes = self.body.len() + self.evidence.iter().map(|line| line.len() + 3).sum::<usize>();
        if bytes > limits::BODY_BYTES / 2 {
            // Half is left for risk, gate results and cost, which the machinery adds.
            return Err(format!("Body and evidence have {bytes} bytes; {} are allowed.", limits::BODY_BYTES / 2));
        }
        Ok(())
    }
}

/// Whether a title says nothing.
fn is_placeholder(title: &str) -> bool {
    let bare = title.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    PLACEHOLDERS.contains(&bare.as_str())
}

/// The reason that `NothingToDo` gives; the error is what the brain is told.
pub(super) fn reason(arguments: &Value) -> Result<String, String> {
    let reason = arguments.get("reason").and_then(Value::as_str).unwrap_or_default().trim();
    if reason.is_empty() {
        return Err(format!("{NOTHING_TO_DO} takes a reason: why is nothing worth proposing now?"));
    }
    let end = reason.floor_char_boundary(limits::BODY_BYTES / 2);
    Ok(reason[..end].to_owned())
}

/// The question that `AskHuman` asks; the error is what the brain is told.
pub(super) fn question(arguments: &Value) -> Result<String, String> {
    let question = arguments.get("question").and_then(Value::as_str).unwrap_or_default().trim();
    match question.len() {
        0 => Err(format!("{ASK_HUMAN} takes a question.")),
        1..=QUESTION_BYTES => Ok(question.to_owned()),
        bytes => Err(format!(
            "The question has {bytes} bytes; {QUESTION_BYTES} are allowed. Ask what decides the next step."
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(title: &str, body: &str) -> Option<String> {
        Finish::from_arguments(&json!({"title": title, "body": body})).err()
    }

    #[test]
    fn placeholders_are_told_apart_from_titles() {
        for wrong in ["", "test", "Update", " WIP ", "…", "...", "Changes.", "[draft]", "🐒", "TODO:", "\u{200b}"] {
            assert!(told(wrong, "why").is_some_and(|why| why.contains("says nothing")), "{wrong:?}");
        }
        for good in ["Test the parser with empty input", "Update the list of broken links", "修正"] {
            assert_eq!(told(good, "why"), None, "{good}");
        }
    }

    #[test]
    fn titles_have_one_line_and_a_length() {
        assert_eq!(told(&"é".repeat(72), "why"), None);
        assert!(told(&"é".repeat(73), "why").is_some_and(|why| why.contains("73 characters; 72")));
        assert!(told("One\nTwo", "why").is_some_and(|why| why.contains("one line")));
    }

    #[test]
    fn a_body_is_there_and_bounded() {
        assert!(told("List the broken links", " \n ").is_some_and(|why| why.contains("body is empty")));
        assert!(told("List the broken links", &"x".repeat(40_000)).is_some_and(|why| why.contains("40000 bytes")));
    }

    #[test]
    fn arguments_of_another_shape_are_told() {
        for wrong in [json!(null), json!("title: x"), json!({"title": 3, "body": "x"}), json!({"title": "Mend x"})] {
            assert!(Finish::from_arguments(&wrong).is_err(), "{wrong}");
        }
        let full = json!({"title": " Mend x ", "body": "b", "evidence": ["a.md:3", " "], "change": "", "mood": 1});
        let finish = Finish::from_arguments(&full).map(|f| (f.title, f.evidence, f.change));
        assert_eq!(finish, Ok(("Mend x".to_owned(), vec!["a.md:3".to_owned()], None)));
    }

    #[test]
    fn nothing_to_do_needs_a_reason() {
        assert!(reason(&json!({})).is_err());
        assert!(reason(&json!({"reason": "  "})).is_err());
        assert_eq!(reason(&json!({"reason": " all links hold "})), Ok("all links hold".to_owned()));
    }
}
