//! `RecordGate`: what a gate says about an OpenSpec change, as a record.
//! Lives here: the tool; it fills in who, which run, which commit, which content and which number, so that no brain works them out.
//! Never here: whether the record counts (see [`crate::town::spec::lifecycle`]); the gate judges it again.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};
use crate::town::finding::{Finding, Severity};
use crate::town::ids::{AgentId, Oid, RunId};
use crate::town::spec::config::Config;
use crate::town::spec::issue::Level;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::past::Past;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::record::{GATES, Gate, Record, Verdict};
use crate::town::spec::state::State;
use crate::town::spec::status_line::project_status;
use crate::town::spec::tree::{Node, Tree};

/// The tool's name.
pub const RECORD_GATE: &str = "RecordGate";

/// Who keeps gates, and in which run.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// The agent.
    pub agent: AgentId,
    /// Its run.
    pub run: RunId,
    /// The commit that it judges.
    pub commit: Oid,
    /// The day, for the name of what is put away.
    pub date: String,
    /// What the files do not tell of the changes.
    pub past: Past,
}

impl Keeper {
    /// The gates that the agent keeps.
    fn gates(&self) -> impl Iterator<Item = (Gate, &'static [Verdict])> + '_ {
        let own = GATES.iter().filter(|(_, _, agent, _)| *agent == self.agent.as_str());
        own.map(|(gate, _, _, verdicts)| (*gate, *verdicts))
    }

    /// Whether it keeps any.
    #[must_use]
    pub fn has_gate(&self) -> bool {
        self.gates().next().is_some()
    }
}

pub(super) struct RecordGate {
    spec: ToolSpec,
    keeper: Keeper,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    change: String,
    verdict: Verdict,
    #[serde(default)]
    findings: Vec<Found>,
    #[serde(default)]
    evidence: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    path: Option<String>,
    line: Option<u32>,
    rule: String,
    severity: Severity,
    message: String,
    #[serde(default)]
    remedy: String,
}

impl RecordGate {
    pub(super) fn new(keeper: Keeper) -> Self {
        // What puts a change away is its own tool's to say.
        let own = keeper.gates().filter(|(gate, _)| *gate != Gate::Archive);
        let verdicts: Vec<&str> = own.flat_map(|(_, verdicts)| verdicts).map(|verdict| verdict.name()).collect();
        let fields = json!({
            "change": {"type": "string", "description": "Name of the change's folder below openspec/changes/."},
            "verdict": {"type": "string", "enum": verdicts, "description": "What your gate says."},
            "findings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "path": {"type": "string"},
                        "line": {"type": "integer"},
                        "rule": {"type": "string", "description": "A short name in kebab-case."},
                        "severity": {"type": "string", "enum": ["info", "warning", "error"]},
                        "message": {"type": "string", "description": "What is wrong."},
                        "remedy": {"type": "string", "description": "What would make it right."},
                    },
                    "required": ["rule", "severity", "message"],
                    "additionalProperties": false,
                },
                "description": "What has to change. A verdict that passes the change has no error among them.",
            },
            "evidence": {
                "type": "array",
                "items": {"type": "string"},
                "description": "What shows it: a path with its line, a command with its result, a commit.",
            },
        });
        let text = "Writes the next gate record of a change with your verdict. Number, actor, run, commit and content hash are \
                    filled in. The Status: line of the proposal is rewritten too. \
                    Called again in the same run it replaces what you said before.";
        Self { spec: spec(RECORD_GATE, text, fields, &["change", "verdict"]), keeper }
    }
}

/// The folder of a change that is there, with everything below `openspec/`.
pub(super) fn change_tree(context: &Context<'_>, change: &str) -> Result<(String, Tree), ToolError> {
    let folder = format!("{OPENSPEC}/changes/{change}");
    let is_name =
        !change.is_empty() && !change.contains(['/', '\\']) && !change.starts_with('.') && change != "archive";
    let tree = if is_name { tree(context)? } else { Tree::default() };
    if tree.is_folder(&folder) { Ok((folder, tree)) } else { tell(format!("There is no open change {change:?}.")) }
}

/// What stands below `openspec/`, and the changelog that its config names; what is no file stands there as something that cannot be
/// read.
fn tree(context: &Context<'_>) -> Result<Tree, ToolError> {
    let mut tree = Tree::default();
    let put = |tree: &mut Tree, path: &str| -> Result<(), ToolError> {
        match context.read(path)? {
            Some(blob) if blob.is_file() => tree.put_file(path, blob.bytes),
            Some(_) => tree.put(path, Node::Dangling),
            None => {}
        }
        Ok(())
    };
    for path in context.list(OPENSPEC)? {
        put(&mut tree, &path)?;
    }
    if let Some(path) = Config::changelog_of(&tree, OPENSPEC) {
        put(&mut tree, &path)?;
    }
    Ok(tree)
}

/// Lets the `Status:` line of the proposal say a state.
fn project(tree: &mut Tree, folder: &str, state: State) {
    let path = format!("{folder}/proposal.md");
    let text = tree.bytes(&path).and_then(|bytes| std::str::from_utf8(bytes).ok());
    if let Some(text) = text.and_then(|text| project_status(text, state)) {
        tree.put_file(&path, text.into_bytes());
    }
}

#[async_trait]
impl Tool for RecordGate {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { change, verdict, findings, evidence } = arguments(&self.spec, value)?;
        let found = self.keeper.gates().find(|(gate, said)| *gate != Gate::Archive && said.contains(&verdict));
        let Some((gate, _)) = found else {
            return tell(format!("Your gate does not say `{}`.", verdict.name()));
        };
        let findings = findings.into_iter().map(|found| {
            let Found { path, line, rule, severity, message, remedy } = found;
            Finding { path, line, rule, severity, message, remedy }
        });
        let (folder, tree) = change_tree(context, &change)?;
        let mut after = tree;
        // Whatever the line says besides a state would be content that nobody judged.
        let now = Lifecycle::of(&Project::new(&after, OPENSPEC), &folder, &self.keeper.past).state;
        project(&mut after, &folder, now);
        let (path, record) = self.keeper.record(&after, &folder, gate, verdict, findings.collect(), evidence);
        context.may_write(&path)?;
        after.put_file(&path, record.clone().into_bytes());
        let life = Lifecycle::of(&Project::new(&after, OPENSPEC), &folder, &self.keeper.past);
        let wrong = life.issues.iter().find(|issue| issue.file == path && issue.level == Level::Error);
        if let Some(issue) = wrong {
            let fix = issue.fix.clone().unwrap_or_default();
            return tell(format!("Not recorded: {} ({}). {fix}", issue.message, issue.code));
        }
        context.put(&path, &record)?;
        project(&mut after, &folder, life.state);
        let proposal = format!("{folder}/proposal.md");
        let written = context.read(&proposal)?.map(|blob| blob.bytes);
        let text = after.bytes(&proposal).and_then(|bytes| std::str::from_utf8(bytes).ok());
        if let Some(text) = text.filter(|text| written.as_deref() != Some(text.as_bytes())) {
            context.put(&proposal, text)?;
        }
        let (state, next) = (life.state.name(), life.next.act);
        Ok(ToolOutput::changed(format!("Recorded as {path}. Once it is merged the change is {state}; next: {next}.")))
    }
}

impl Keeper {
    /// Path and text of the next record of a gate. What the same run said before at the gate is replaced.
    pub(super) fn record(
        &self,
        tree: &Tree,
        folder: &str,
        gate: Gate,
        verdict: Verdict,
        findings: Vec<Finding>,
        evidence: Vec<String>,
    ) -> (String, String) {
        let life = Lifecycle::of(&Project::new(tree, OPENSPEC), folder, &self.past);
        let run = self.run.to_string();
        let is_own = |record: &&Record| record.gate == gate && record.run.as_ref() == Some(&run);
        let own = life.steps.iter().map(|step| &step.record).filter(is_own).find(|own| own.number == life.last_number);
        let number = own.map_or_else(|| life.last_number.saturating_add(1), |own| own.number);
        let path = Record::next_path(folder, number - 1, gate);
        let record = Record {
            number,
            gate,
            verdict,
            actor: format!("agent:{}", self.agent),
            run: Some(run),
            commit: Some(self.commit.to_string()),
            content_hash: life.content_hash,
            findings,
            evidence,
            path: path.clone(),
        };
        (path, record.write())
    }
}
