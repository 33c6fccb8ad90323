//! Step 10, report: how a run went, for people, for programs and for GitHub's runner.
//! Lives here: the report value, the pull request's body, the step summary and annotations.
//! Never here: where these are written to (see the command line).

use std::fmt::Write as _;

use serde::Serialize;

use crate::town::event::{FailureKind, Offer, Tokens};
use crate::town::finding::{Finding, Severity};
use crate::town::fold::{Run, Town};
use crate::town::ids::{AgentId, RunId, Slot};
use crate::town::outgoing::{self, Changes};
use crate::town::prices::Usd;
use crate::town::transcript::Transcript;
use crate::town::turn::Finish;
use crate::town::{limits, text};

/// How long a body may be where an event carries it, in bytes.
const BODY_IN_EVENT: usize = 8_000;

/// How a run ended, as far as an exit code goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// A pull request was opened.
    Opened,
    /// The open pull request was updated.
    Updated,
    /// There was nothing to do.
    Nothing,
    /// People were asked something on the open pull request.
    Asked,
    /// Somebody else has the slot or the lease, or it shall not be now.
    Skipped,
    /// The job that thinks was stopped; the next run goes on from its last checkpoint.
    Interrupted,
    /// It waits here until the remote or the forge can be reached.
    Queued,
    /// The gate refused it, or the brain came to no result.
    Failed,
    /// Nothing was written; this is what would have happened.
    Dry,
    /// The slot is ours; another job thinks.
    Claimed,
    /// It has thought; another job publishes.
    Thought,
}

/// How a run went.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Who.
    pub agent: AgentId,
    /// The run, if one was claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Its slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// How it ended.
    pub outcome: Ending,
    /// Why, in a sentence.
    pub reason: String,
    /// Whether a run that had died went on.
    pub resumed: bool,
    /// Whether a budget ended it before its work was done.
    pub partial: bool,
    /// The pull request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<u64>,
    /// Where it can be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
    /// What the gate said.
    pub findings: Vec<Finding>,
    /// What was new since the last sync.
    pub news: Vec<String>,
    /// What thought.
    pub brain: String,
    /// How often it was asked.
    pub turns: u32,
    /// What it used.
    pub tokens: Tokens,
    /// What that cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// Which kind of failure, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureKind>,
    /// The change as a unified diff, where nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl Report {
    /// A report of a run that has not got anywhere yet.
    #[must_use]
    pub fn new(agent: &AgentId, outcome: Ending, reason: impl Into<String>) -> Self {
        Self {
            agent: agent.clone(),
            run: None,
            slot: None,
            outcome,
            reason: reason.into(),
            resumed: false,
            partial: false,
            pull: None,
            url: None,
            offer: None,
            findings: Vec::new(),
            news: Vec::new(),
            brain: String::new(),
            turns: 0,
            tokens: Tokens::default(),
            cost_micros: 0,
            failure: None,
            diff: None,
        }
    }

    /// The exit code: 0 done or nothing to do, 1 findings, 3 the world was unavailable.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self.outcome {
            Ending::Opened | Ending::Updated | Ending::Nothing | Ending::Asked | Ending::Skipped | Ending::Dry => 0,
            Ending::Claimed | Ending::Thought => 0,
            Ending::Failed => match self.failure {
                Some(kind) => kind.exit_code(),
                None => 1,
            },
            Ending::Interrupted => 1,
            Ending::Queued => 3,
        }
    }

    /// One sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let agent = &self.agent;
        let pull = self.pull.map(|number| format!("#{number}")).unwrap_or_default();
        let title = self.offer.as_ref().map(|offer| offer.title.as_str()).unwrap_or_default();
        match self.outcome {
            Ending::Opened => format!("{agent} opened pull request {pull}: {title}"),
            Ending::Updated => format!("{agent} updated pull request {pull}: {title}"),
            Ending::Nothing => format!("{agent} has nothing to do: {}", self.reason),
            Ending::Asked => format!("{agent} asks on {pull}: {}", self.reason),
            Ending::Skipped if self.offer.is_some() => format!("{agent}'s work waits: {}", self.reason),
            Ending::Skipped => format!("{agent} did not run: {}", self.reason),
            Ending::Queued => format!("{agent}'s work waits here: {}", self.reason),
            Ending::Failed => format!("{agent} came to no result: {}", self.reason),
            Ending::Interrupted => format!("{agent} was interrupted: {}", self.reason),
            Ending::Claimed => format!("{agent} has its slot; another job lets it think"),
            Ending::Thought if title.is_empty() => format!("{agent} has thought: {}", self.reason),
            Ending::Thought => format!("{agent} has thought, and another job publishes: {title}"),
            Ending::Dry if title.is_empty() => format!("{agent} would do nothing: {}", self.reason),
            Ending::Dry => format!("{agent} would propose: {title}"),
        }
    }

    /// The step summary for GitHub's runner, within its limit.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = format!("### {}\n\n", text::one_line(&self.sentence(), 300));
        if let Some(run) = &self.run {
            let slot = self.slot.as_ref().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(
                out,
                "Run `{run}` for slot `{slot}`, {} turns of {}, {} US dollars.\n",
                self.turns,
                self.brain,
                Usd(self.cost_micros)
            );
        }
        for line in &self.news {
            let _ = writeln!(out, "- {}", text::one_line(line, 300));
        }
        if !self.findings.is_empty() {
            out.push_str("\n| place | check | finding |\n| --- | --- | --- |\n");
            for finding in &self.findings {
                let cell = |text: &str| text::one_line(text, 300).replace('|', "\\|");
                let _ = writeln!(
                    out,
                    "| {} | {} | {} |",
                    cell(&finding.place()),
                    cell(&finding.rule),
                    cell(&finding.message)
                );
            }
        }
        text::truncate_middle(&out, limits::SUMMARY_BYTES - 1_024)
    }

    /// Annotations for GitHub's runner, at most ten of each kind.
    #[must_use]
    pub fn annotations(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (severity, command) in
            [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "notice")]
        {
            for finding in self.findings.iter().filter(|f| f.severity == severity).take(limits::ANNOTATIONS) {
                let mut properties = vec![format!("title={}", text::escape_property(&finding.rule))];
                if let Some(path) = &finding.path {
                    properties.push(format!("file={}", text::escape_property(path)));
                }
                if let Some(line) = finding.line {
                    properties.push(format!("line={line}"));
                }
                lines.push(format!("::{command} {}::{}", properties.join(","), text::escape_data(&finding.message)));
            }
        }
        lines
    }
}

/// What a run used and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Questions put to the brain.
    pub turns: u32,
    /// Tokens of prompts and replies.
    pub tokens: u64,
    /// Money.
    pub usd: Usd,
    /// Whether a part is only known as the most that it can be.
    pub incomplete: bool,
}

impl Cost {
    /// Of a transcript.
    #[must_use]
    pub fn of(transcript: &Transcript) -> Self {
        Self {
            turns: transcript.turns(),
            tokens: transcript.usage().context(),
            usd: Usd(transcript.cost_micros()),
            incomplete: transcript.is_unmetered(),
        }
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let most = if self.incomplete { "at most " } else { "" };
        write!(f, "{} turns, {} tokens, {most}{} US dollars", self.turns, self.tokens, self.usd)
    }
}

/// What a pull request's body is made of.
pub struct Body<'a> {
    /// What the agent says.
    pub finish: &'a Finish,
    /// Why it is only a part, if so.
    pub partial: Option<&'a str>,
    /// What is offered.
    pub offer: &'a Offer,
    /// What the gate remarked.
    pub findings: &'a [Finding],
    /// How many checks looked at it.
    pub checks: usize,
    /// The run.
    pub run: &'a Run,
    /// What it cost.
    pub cost: Cost,
    /// The state, for what was said before.
    pub town: &'a Town,
    /// Who.
    pub agent: &'a AgentId,
    /// Values that must never be shown.
    pub secrets: &'a [String],
    /// What was changed in its own words before they left.
    pub changed: Changes,
}

/// The body of a pull request: what and why, evidence, risk, what the gate said, cost, run.
#[must_use]
pub fn body(mut body: Body<'_>) -> String {
    let changed = std::mem::take(&mut body.changed);
    let out = composed(&body);
    // What people said before and what the gate names are somebody's words too.
    let (mut out, more) = outgoing::markdown(&out, BODY_IN_EVENT, body.secrets);
    let changed = changed.and(more);
    if !changed.is_empty() {
        let _ = write!(out, "\nChanged before this was sent: {changed}.\n");
    }
    out
}

fn composed(body: &Body<'_>) -> String {
    let mut out = String::new();
    if let Some(why) = body.partial {
        let _ = writeln!(out, "> **Partial work:** {why}. It is a draft, so that nothing of it is lost.\n");
    }
    if !body.offer.conflicts.is_empty() {
        let _ = writeln!(
            out,
            "> **Conflicts** with the default branch, so this is a draft on its own base ({}): {}\n",
            body.offer.base.short(),
            body.offer.conflicts.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")
        );
    }
    let _ = writeln!(out, "{}\n", body.finish.body.trim());
    if !body.finish.evidence.is_empty() {
        out.push_str("### Evidence\n\n");
        for line in &body.finish.evidence {
            let _ = writeln!(out, "- {}", text::one_line(line, 400));
        }
        out.push('\n');
    }
    risk(&mut out, body);
    verdicts(&mut out, body);
    let _ = writeln!(
        out,
        "---\nRun `{}` by **{}** with `{}`, base `{}`{}.",
        body.run.run,
        body.agent,
        body.run.brain,
        body.offer.base.short(),
        if body.cost.tokens > 0 { format!("; {}", body.cost) } else { String::new() }
    );
    out
}

fn risk(out: &mut String, body: &Body<'_>) {
    let offer = body.offer;
    let _ = writeln!(out, "### Risk\n");
    let files = if offer.files == 1 { "file" } else { "files" };
    let _ = writeln!(
        out,
        "- {} {files}, +{} −{} lines, all below what {} owns",
        offer.files, offer.adds, offer.dels, body.agent
    );
    let _ = writeln!(out, "- the gate's {} checks passed with {} remarks", body.checks, body.findings.len());
    for finding in body.findings.iter().take(10) {
        let _ = writeln!(
            out,
            "  - {}",
            text::one_line(&format!("{} {}: {}", finding.place(), finding.rule, finding.message), 300)
        );
    }
    out.push('\n');
}

/// What people said about this agent's earlier work, so that a reviewer sees that it was heard.
fn verdicts(out: &mut String, body: &Body<'_>) {
    let last: Vec<_> = body.town.verdicts(body.agent).into_iter().take(3).collect();
    if last.is_empty() {
        return;
    }
    out.push_str("### What people said before\n\n");
    for pull in last {
        let Some(verdict) = &pull.verdict else { continue };
        let title = text::one_line(&pull.offer.title, 100);
        match verdict.reason {
            None => {
                let _ = writeln!(out, "- #{} “{title}” was merged by {}", pull.number, text::one_line(&verdict.by, 60));
            }
            Some(reason) => {
                let said = if verdict.text.is_empty() {
                    String::new()
                } else {
                    format!(": {}", text::one_line(&verdict.text, 300))
                };
                let _ = writeln!(out, "- #{} “{title}” was rejected as *{reason}*{said}", pull.number);
            }
        }
    }
    out.push('\n');
}
