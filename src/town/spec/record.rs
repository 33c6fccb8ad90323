//! Gate records: what one gate said about one change, as `changes/<name>/gates/NNN-<gate>.yaml` keeps it.
//! Lives here: the gates with their verdicts, reading one record strictly, writing one. Never here: what records add up to (see
//! `lifecycle`), who may write one (see the town's gate).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::issue::{Issue, Level};
use crate::town::finding::{Finding, Severity};
use crate::town::text::one_line;
use crate::town::yaml;

/// The largest record that is read, in bytes.
pub const RECORD_BYTES: usize = 64 * 1024;
/// Findings and lines of evidence in one record, at the most.
const LISTED: usize = 200;
/// The keys of a record. `run_id` is how older records spell `run`.
const KEYS: &[&str] = &["gate", "verdict", "actor", "run", "run_id", "commit", "content_hash", "findings", "evidence"];
/// The code of every issue about a record that cannot be read.
pub const BAD: &str = "gate/bad-record";

/// A gate of the workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Whether the change shall be made.
    Architect,
    /// How far it is made.
    Implement,
    /// Whether it is what was asked for.
    Pm,
    /// Whether tests show it.
    Test,
    /// That its specs are merged and it is put away.
    Archive,
    /// That it will not be made.
    Close,
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It shall be made as it is written.
    Approved,
    /// It has to be written anew.
    NeedsRevision,
    /// It is being made.
    InProgress,
    /// Something outside of it has to happen first.
    Blocked,
    /// It is made, and every task is ticked.
    Done,
    /// The validator has nothing against it.
    Pass,
    /// Something is missing.
    Fail,
    /// It is put away.
    Archived,
    /// Another change takes its place.
    Superseded,
    /// Nobody wants it any more.
    Withdrawn,
}

/// The gates: name, the agent that keeps it, what it may say.
pub const GATES: &[(Gate, &str, &str, &[Verdict])] = &[
    (Gate::Architect, "architect", "architect", &[Verdict::Approved, Verdict::NeedsRevision]),
    (Gate::Implement, "implement", "feature-implementer", &[Verdict::InProgress, Verdict::Blocked, Verdict::Done]),
    (Gate::Pm, "pm", "pm-validator", &[Verdict::Pass, Verdict::Fail]),
    (Gate::Test, "test", "test-validator", &[Verdict::Pass, Verdict::Fail]),
    (Gate::Archive, "archive", "architect", &[Verdict::Archived]),
    (Gate::Close, "close", "", &[Verdict::Superseded, Verdict::Withdrawn]),
];

impl Gate {
    fn row(self) -> (&'static str, &'static str, &'static [Verdict]) {
        let row = GATES.iter().find(|(gate, ..)| *gate == self);
        row.map_or(("", "", &[]), |(_, name, agent, verdicts)| (*name, *agent, *verdicts))
    }

    /// Its name in a record's file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The agent that keeps it; empty where people do.
    #[must_use]
    pub fn agent(self) -> &'static str {
        self.row().1
    }

    /// What it may say.
    #[must_use]
    pub fn verdicts(self) -> &'static [Verdict] {
        self.row().2
    }

    /// The gate of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        GATES.iter().find(|(_, known, ..)| *known == name).map(|(gate, ..)| *gate)
    }
}

impl Verdict {
    /// As a record spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::NeedsRevision => "needs-revision",
            Self::InProgress => "in-progress",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Archived => "archived",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether the change comes nearer to its end by it, so that it has to be shown why.
    #[must_use]
    pub const fn needs_evidence(self) -> bool {
        matches!(self, Self::Approved | Self::Done | Self::Pass)
    }

    /// Whether it sends the change back, so that it has to be said why.
    #[must_use]
    pub const fn needs_reasons(self) -> bool {
        matches!(self, Self::NeedsRevision | Self::Blocked | Self::Fail)
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its number in the change, from its file's name.
    pub number: u32,
    /// Which gate spoke.
    pub gate: Gate,
    /// What it said.
    pub verdict: Verdict,
    /// Who spoke: `agent:<name>` or `human:<login>`.
    pub actor: String,
    /// The run in which an agent spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The commit that was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The content that was judged (see `content`).
    pub content_hash: String,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What shows it.
    pub evidence: Vec<String>,
    /// Its file.
    pub path: String,
}

/// A record as its file holds it.
#[derive(Deserialize)]
struct Written {
    gate: Gate,
    verdict: Verdict,
    actor: String,
    #[serde(default, alias = "run_id")]
    run: Option<String>,
    #[serde(default)]
    commit: Option<String>,
    content_hash: String,
    #[serde(default)]
    findings: Vec<Finding>,
    #[serde(default)]
    evidence: Vec<String>,
}

/// The number and the gate of a record's file name.
#[must_use]
pub fn file_name(name: &str) -> Option<(u32, Gate)> {
    let (number, gate) = name.strip_suffix(".yaml")?.split_once('-')?;
    let digits = (3..=9).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| digits)?, Gate::named(gate)?))
}

/// How far a record's number may lie behind the one before it. People may leave gaps, and a slip of the finger must not use up
/// the numbers.
const GAP: u32 = 100;

/// The last number of those that files have, without what lies far behind the others.
#[must_use]
pub fn last_number(numbers: impl Iterator<Item = u32>) -> u32 {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.into_iter().fold(0, |last, number| if number <= last + GAP { number } else { last })
}

/// The name of the agent in an actor.
#[must_use]
pub fn agent_of(actor: &str) -> Option<&str> {
    actor.strip_prefix("agent:")
}

/// An actor as it is compared: logins know no case, and a name alone is a person's.
#[must_use]
pub fn compared(actor: &str) -> String {
    let actor = actor.trim().to_lowercase();
    if actor.starts_with("agent:") || actor.starts_with("human:") { actor } else { format!("human:{actor}") }
}

/// Whether it is `agent:<name>` or `human:<login>`.
pub(super) fn is_actor(actor: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']');
    let name = actor.strip_prefix("agent:").or_else(|| actor.strip_prefix("human:"));
    name.is_some_and(|name| !name.is_empty() && name.len() <= 100 && name.chars().all(fits))
}

/// An issue about a file of a change's `gates/` folder.
pub(super) fn issue(level: Level, code: &'static str, file: &str, message: String, fix: &str) -> Issue {
    let at = file.rfind("gates/").unwrap_or_default();
    Issue {
        level,
        path: file[at..].to_owned(),
        message,
        line: None,
        column: None,
        code,
        file: file.to_owned(),
        fix: (!fix.is_empty()).then(|| fix.to_owned()),
    }
}

impl Record {
    /// Reads the record at `path`.
    ///
    /// # Errors
    /// Everything that keeps it from being one.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Self, Vec<Issue>> {
        let bad = |message: String, fix: &str| vec![issue(Level::Error, BAD, path, message, fix)];
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some((number, gate)) = file_name(name) else {
            let known: Vec<&str> = GATES.iter().map(|(_, name, ..)| *name).collect();
            let why = format!("`{}` is no name of a record", one_line(name, 80));
            let fix = format!("name it NNN-<gate>.yaml with one of {}, or move it out of gates/", known.join(", "));
            return Err(bad(why, &fix));
        };
        if bytes.len() > RECORD_BYTES {
            let why = format!("the record has {} bytes; {RECORD_BYTES} are read", bytes.len());
            return Err(bad(why, "say it shorter, and keep long output in a file beside it"));
        }
        let (written, findings) = yaml::read::<Written>(path, bytes, 1, KEYS);
        let mut wrong: Vec<Issue> = findings.into_iter().filter(Finding::is_error).map(|f| of_yaml(f, path)).collect();
        let Some(written) = written.filter(|_| wrong.is_empty()) else {
            if wrong.is_empty() {
                wrong = bad("the record cannot be read".to_owned(), "write it anew as the next number");
            }
            return Err(wrong);
        };
        written.checked(number, gate, path)
    }

    /// The path of the next record of a gate in a change's folder, after those that are there.
    #[must_use]
    pub fn next_path(folder: &str, last: u32, gate: Gate) -> String {
        format!("{folder}/gates/{:03}-{}.yaml", last.saturating_add(1), gate.name())
    }

    /// The record as its file holds it.
    #[must_use]
    pub fn write(&self) -> String {
        let mut out = format!("gate: {}\nverdict: {}\n", self.gate.name(), self.verdict.name());
        let mut line = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                let _ = writeln!(out, "{key}: {}", scalar(value));
            }
        };
        line("actor", Some(&self.actor));
        line("run", self.run.as_deref());
        line("commit", self.commit.as_deref());
        line("content_hash", Some(&self.content_hash));
        out.push_str(if self.findings.is_empty() { "findings: []\n" } else { "findings:\n" });
        for finding in self.findings.iter().take(LISTED) {
            let mut keys = Vec::new();
            let mut key = |name: &str, value: String| keys.push(format!("{name}: {value}"));
            finding.path.iter().for_each(|path| key("path", scalar(path)));
            finding.line.iter().for_each(|line| key("line", line.to_string()));
            key("rule", scalar(&finding.rule));
            key("severity", finding.severity.to_string());
            key("message", scalar(&finding.message));
            if !finding.remedy.is_empty() {
                key("remedy", scalar(&finding.remedy));
            }
            let _ = writeln!(out, "  - {}", keys.join("\n    "));
        }
        out.push_str(if self.evidence.is_empty() { "evidence: []\n" } else { "evidence:\n" });
        for line in self.evidence.iter().take(LISTED) {
            let _ = writeln!(out, "  - {}", scalar(line));
        }
        out
    }
}

impl Written {
    fn checked(self, number: u32, gate: Gate, path: &str) -> Result<Record, Vec<Issue>> {
        let mut wrong = Vec::new();
        let mut bad = |message: String, fix: &str| wrong.push(issue(Level::Error, BAD, path, message, fix));
        if self.gate != gate {
            let why = format!("the file is of the gate `{}`, and the record says `{}`", gate.name(), self.gate.name());
            bad(why, "let both say the same");
        }
        if !gate.verdicts().contains(&self.verdict) {
            let known: Vec<&str> = gate.verdicts().iter().map(|verdict| verdict.name()).collect();
            let why = format!("`{}` is nothing that the gate `{}` says", self.verdict.name(), gate.name());
            bad(why, &format!("use one of {}", known.join(", ")));
        }
        if !is_actor(&self.actor) {
            let why = format!("`{}` is no actor", one_line(&self.actor, 60));
            bad(why, "write `agent:<name>` or `human:<login>`");
        }
        if agent_of(&self.actor).is_some() && self.run.as_deref().is_none_or(|run| run.trim().is_empty()) {
            bad("an agent's record names no run".to_owned(), "copy `run` from the briefing");
        }
        if self.findings.len() > LISTED || self.evidence.len() > LISTED {
            bad(format!("the record lists more than {LISTED} things"), "keep what decided it");
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let Self { verdict, actor, run, commit, content_hash, findings, evidence, .. } = self;
        let evidence = evidence.into_iter().filter(|line| !line.trim().is_empty()).collect();
        let path = path.to_owned();
        Ok(Record { number, gate, verdict, actor, run, commit, content_hash, findings, evidence, path })
    }
}

/// A finding of the reader as an issue of the change.
fn of_yaml(finding: Finding, path: &str) -> Issue {
    let mut issue = issue(Level::Error, BAD, path, finding.message, &finding.remedy);
    issue.line = finding.line;
    issue
}

/// A text as a YAML scalar in double quotes, on one line and with nothing in it that cannot be seen.
fn scalar(text: &str) -> String {
    serde_json::Value::from(one_line(text, 2_000)).to_string()
}

/// An issue as the town's gate and a record hold it.
#[must_use]
pub fn finding_of(issue: &Issue) -> Finding {
    let severity = match issue.level {
        Level::Info => Severity::Info,
        Level::Warning => Severity::Warning,
        Level::Error => Severity::Error,
    };
    Finding {
        path: Some(issue.file.clone()),
        line: issue.line,
        rule: issue.code.to_owned(),
        severity,
        message: issue.message.clone(),
        remedy: issue.fix.clone().unwrap_or_default(),
    }
}
