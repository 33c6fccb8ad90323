//! Step 6, the turn: the driver that acts on what the pure machine says, and writes down what came of it.
//! Lives here: asking, calling, checkpoints. Never here: what comes next (see [`crate::town::turn`]).

use chrono::TimeDelta;
use git2::Oid;
use serde::{Deserialize, Serialize};

use super::asking::{kind_of, max_output};
use super::checkpoint::{Keeper, ToHome};
use super::claim::Claim;
use super::publish::Hands;
use super::purse::Purse;
use super::relay::Relay;
use super::sandboxed::toolbox;
use super::stand::Stand;
use super::think::Thinker;
use super::{Edge, Progress, Request, RunError, brief, facts, workflow};
use crate::brain::Brain;
use crate::git::workspace::Workspace;
use crate::git::{repo, repo::Repo};
use crate::tools::{Context, ToolError, Toolbox};
use crate::town::briefing::Briefing;
use crate::town::charter::{Charter, Sense};
use crate::town::decide::Command;
use crate::town::event::{CallSeen, FailureKind, Tokens, ToolsCalled, UsageMetered};
use crate::town::ids::AgentId;
use crate::town::pattern::Pattern;
use crate::town::prices::Usd;
use crate::town::transcript::{CallResult, Entry, Reply, ToolCall, Transcript, Usage, estimate};
use crate::town::turn::{self as machine, Budget, Finish, Halt, Step};
use crate::town::{limits, ownership, text};

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turned {
    /// There is work for the gate.
    Done {
        /// What the agent says about it.
        finish: Finish,
        /// Why it is only a part, if so.
        partial: Option<String>,
    },
    /// There is nothing to do.
    Nothing(String),
    /// It asks people something on its open pull request.
    Asked(String),
    /// It came to no result.
    Failed {
        /// Which kind of failure.
        kind: FailureKind,
        /// What happened.
        reason: String,
    },
}

/// What a turn is about.
#[derive(Clone, Copy)]
pub struct Mission<'a> {
    /// Whose turn it is.
    pub charter: &'a Charter,
    /// Its claim.
    pub claimed: &'a Claim,
    /// What was asked for.
    pub request: &'a Request,
    /// What thinks.
    pub thinker: &'a Thinker,
}

/// A turn that goes on until it ends: the workspace, the tools, the brain.
pub struct Turn<'a> {
    pub(super) hands: &'a Hands<'a>,
    charter: &'a Charter,
    pub(super) claimed: &'a Claim,
    pub(super) toolbox: Toolbox,
    owns: Vec<Pattern>,
    pub(super) workspace: Workspace,
    pub(super) brain: Box<dyn Brain>,
    /// Tokens that prompt and reply may have together, where a model thinks.
    pub(super) window: Option<u32>,
    /// What the run may spend.
    pub(super) purse: Purse,
    /// What the run may spend in all, by whomever.
    pub(super) may_spend: Usd,
    /// The way of a command-line agent to its model.
    pub(super) relay: Option<Relay>,
    /// What the briefing was packed from, with its room in tokens, as long as it can be packed again.
    pub(super) told: Option<(Briefing, brief::Prompts, u64)>,
    /// Whether the last reply broke off.
    pub(super) broken_off: bool,
}

impl<'a> Turn<'a> {
    /// Briefs the agent (unless the transcript shows that it was) and makes everything ready.
    ///
    /// # Errors
    /// [`RunError`] when the repository, a template or the brain's file cannot be read.
    pub fn begin(
        hands: &'a Hands<'a>,
        mission: Mission<'a>,
        stand: &Stand,
        tree: Oid,
        transcript: &mut Transcript,
    ) -> Result<Self, RunError> {
        let (edge, house) = (hands.edge, hands.house);
        let Mission { charter, claimed, thinker, .. } = mission;
        let workspace = Workspace::at(&house.home.repo, stand.tree()?, tree)?;
        let toolbox = toolbox(edge, charter, thinker, house, claimed)?;
        let briefed = !transcript.entries.is_empty();
        let (window, mut again) = (thinker.window(), None);
        let base = repo::oid(&claimed.run.base)?;
        let mut wanted = charter.senses.clone();
        if !wanted.contains(&Sense::Proposals) && *thinker == Thinker::Embedded {
            // The page tells what became of the last proposal, whatever else it shows.
            wanted.push(Sense::Proposals);
        }
        let seen = if briefed && *thinker != Thinker::Embedded {
            crate::town::facts::Facts::default()
        } else {
            facts::gather(edge, house, &claimed.town, &charter.name, base, &wanted)?
        };
        if !briefed {
            let mut told = facts::briefing(hands, mission, &seen, &workspace, &toolbox)?;
            told.facts.retain(|fact| charter.senses.contains(&fact.sense));
            let prompts = prompts(&house.home.repo, repo::oid(&claimed.stand.base)?)?;
            let room = room(charter.limits.context, window, &toolbox);
            let packed = brief::pack(&told, room, &prompts).map_err(|error| RunError::Prompt(error.to_string()))?;
            edge.tell(&Progress::Briefed { tokens: packed.estimated, left_out: packed.left_out.clone() });
            let _ = transcript.push(masked(edge, packed.into()));
            again = Some((told, prompts, room));
        }
        let page = charter.page.as_ref().map(|page| page_at_start(house, stand, page)).transpose()?.flatten();
        let act = workflow::act(hands, mission, stand, &seen)?;
        let brain = thinker.brain(edge, charter, &seen, page.as_deref(), act, transcript.turns() as usize)?;
        let owns = ownership::owned(charter, &house.settings);
        let tokens = charter.limits.tokens_per_run.or(house.settings.limits.tokens_per_run);
        let may_spend = Usd(claimed.run.hold_micros);
        let (purse, relay) = (thinker.purse(may_spend).of_tokens(tokens), thinker.relay(edge)?);
        transcript.settle_asked();
        let mut turn = Self {
            hands,
            charter,
            claimed,
            toolbox,
            owns,
            workspace,
            brain,
            window,
            purse,
            may_spend,
            relay,
            told: again,
            broken_off: false,
        };
        turn.hire(thinker, transcript);
        Ok(turn)
    }

    /// Drives the turn to its end.
    ///
    /// # Errors
    /// [`RunError`] when the repository fails; what the brain or a tool do wrong is a [`Turned::Failed`].
    pub async fn drive(
        &mut self,
        stand: &Stand,
        transcript: &mut Transcript,
        keeper: &mut Keeper<'_>,
    ) -> Result<Turned, RunError> {
        loop {
            match machine::next(transcript, &self.budget()) {
                Step::Ask => {
                    if let Some(turned) = self.ask(stand, transcript, keeper).await? {
                        return Ok(turned);
                    }
                }
                Step::Call(call) => match self.call(&call, stand, transcript, keeper).await? {
                    Ok(result) => {
                        let progress = Progress::Called { tool: call.name.clone(), about: about(&call), ok: result.ok };
                        if self.push(transcript, Entry::Result(result)).is_err() {
                            return Ok(self.stopped(transcript, &full()));
                        }
                        self.keep(stand, transcript, keeper)?;
                        self.hands.edge.tell(&progress);
                        continue;
                    }
                    Err(error) => return Ok(Turned::Failed { kind: FailureKind::Tool, reason: error.to_string() }),
                },
                Step::Refuse(call, why) => {
                    if self.push(transcript, Entry::Result(CallResult::refused(&call, &why))).is_err() {
                        return Ok(self.stopped(transcript, &full()));
                    }
                }
                Step::Note(text, why) => {
                    if self.push(transcript, Entry::Note { text, why }).is_err() {
                        return Ok(self.stopped(transcript, &full()));
                    }
                }
                Step::Finish(finish) => return Ok(Turned::Done { finish, partial: None }),
                Step::Nothing(reason) => return Ok(Turned::Nothing(reason)),
                Step::Question(call, question) => {
                    if let Some(turned) = self.question(transcript, &question) {
                        return Ok(turned);
                    }
                    let why = "Nobody would see it: you have no open pull request and changed no file. Propose something \
                               that people can decide about, or put the question on the board.";
                    if self.push(transcript, Entry::Result(CallResult::of(&call, false, why))).is_err() {
                        return Ok(self.stopped(transcript, &full()));
                    }
                }
                Step::Stop(halt) => return Ok(self.stopped(transcript, &halt)),
            }
            self.keep(stand, transcript, keeper)?;
            self.tell_turn(transcript);
        }
    }

    /// The tree of the workspace as it is now.
    ///
    /// # Errors
    /// [`RunError::Git`] when it cannot be written.
    pub fn tree(&self) -> Result<Oid, RunError> {
        Ok(self.workspace.tree_in(&self.hands.house.home.repo)?)
    }

    /// Says at the end whether the brain used all that it was given.
    ///
    /// # Errors
    /// [`RunError::Brain`].
    pub fn finish(&mut self) -> Result<(), RunError> {
        Ok(self.brain.finish()?)
    }

    fn keep(&self, stand: &Stand, transcript: &Transcript, keeper: &mut Keeper<'_>) -> Result<(), RunError> {
        keeper.keep(stand, self.tree()?, transcript, (self.hands.edge.now)(), ToHome::InTurn)
    }

    pub(super) fn push(&self, transcript: &mut Transcript, entry: Entry) -> Result<(), ()> {
        transcript.push(masked(self.hands.edge, entry)).map_err(|_| ())
    }

    pub(super) fn budget(&self) -> Budget {
        let started = self.claimed.run.started;
        let minutes = self.charter.limits.minutes.min(limits::RUN_MINUTES);
        // A resumed run has its new lease's time: what it had before is gone with the process that died.
        let begun = if self.claimed.resumed {
            chrono::DateTime::from_timestamp(self.claimed.run.lease_until, 0)
                .map_or(started, |until| until - TimeDelta::minutes(minutes.into()))
        } else {
            started
        };
        Budget {
            max_turns: self.charter.limits.turns.min(limits::RUN_TURNS),
            started: begun,
            deadline: begun + TimeDelta::minutes(minutes.into()),
            now: (self.hands.edge.now)(),
            context_tokens: self.window.map_or(u64::from(self.charter.limits.context) * 4, |window| {
                u64::from(self.charter.limits.context.saturating_mul(4).min(window - max_output(self.window)))
            }),
            output_bytes: limits::RUN_OUTPUT_BYTES as u64,
            cost_micros: self.purse.cap_micros(),
            tokens: self.purse.cap_tokens(),
        }
    }

    pub(super) async fn call_alone(&mut self, call: &ToolCall) -> Result<CallResult, ToolError> {
        let before = (self.hands.edge.now)();
        let agent = &self.charter.name;
        let mut context = Context { files: &mut self.workspace, owns: &self.owns, agent, now: before };
        let mut result = self.toolbox.call(&mut context, call).await?;
        result.record.ms = u64::try_from(((self.hands.edge.now)() - before).num_milliseconds()).unwrap_or_default();
        Ok(result)
    }

    fn tell_turn(&self, transcript: &Transcript) {
        self.hands.edge.tell(&Progress::Replied { turn: transcript.turns() });
    }

    /// A budget that is used up is a soft landing: what is there goes on to the gate. So does what was written before the
    /// agent lost its way; without any of it the run has failed.
    pub(super) fn stopped(&self, transcript: &Transcript, halt: &Halt) -> Turned {
        let reason = halt.to_string();
        let changed = self.workspace.changed();
        if changed.is_empty() || matches!(halt, Halt::NotBriefed | Halt::Refused) {
            return Turned::Failed { kind: kind_of(halt), reason };
        }
        self.landed(transcript, reason)
    }

    /// What was written goes on to the gate, labelled partial.
    pub(super) fn landed(&self, transcript: &Transcript, reason: String) -> Turned {
        let changed = self.workspace.changed();
        let reported = |reply: &Reply| {
            let report = reply.calls.iter().rev().find(|call| call.name == machine::PROGRESS)?;
            report.arguments.get("text")?.as_str().map(str::to_owned)
        };
        let said = transcript.entries.iter().rev().find_map(|entry| match entry {
            Entry::Reply(reply) => {
                reported(reply).or_else(|| Some(reply.text.clone())).filter(|text| !text.trim().is_empty())
            }
            _ => None,
        });
        let finish = Finish {
            title: text::one_line(
                &format!(
                    "{}: unfinished work on {}",
                    self.charter.name,
                    changed.first().map_or("nothing", |path| path)
                ),
                limits::TITLE_CHARS,
            ),
            body: text::truncate_middle(
                &said.unwrap_or_else(|| "The agent did not say what it was doing.".to_owned()),
                4_000,
            ),
            evidence: Vec::new(),
            change: None,
        };
        Turned::Done { finish, partial: Some(reason) }
    }
}

pub(super) fn full() -> Halt {
    Halt::Budget(machine::Which::Output)
}

/// All that a run may have spent, where nobody can say what it did.
pub(super) fn in_full(claimed: &Claim, agent: &AgentId) -> Option<Command> {
    let run = &claimed.run;
    (run.hold_micros > 0).then(|| {
        Command::Meter(UsageMetered {
            run: run.run.clone(),
            agent: agent.clone(),
            brain: run.brain.clone(),
            turns: 0,
            tokens: Tokens::default(),
            cost_micros: run.hold_micros,
            incomplete: true,
        })
    })
}

/// Tokens that a briefing may fill: what the charter says, and of what the model holds a half less what the tools take.
fn room(context: u32, window: Option<u32>, toolbox: &Toolbox) -> u64 {
    let Some(window) = window else { return context.into() };
    let tools: u64 = toolbox
        .specs()
        .iter()
        .map(|tool| estimate(&tool.name) + estimate(&tool.description) + estimate(&tool.parameters.to_string()))
        .sum();
    u64::from(context).min((u64::from(window - max_output(Some(window))) * 2 / 3).saturating_sub(tools))
}

/// What a call is about, for whoever watches.
fn about(call: &ToolCall) -> String {
    let argument = |name: &str| call.arguments.get(name).and_then(|value| value.as_str());
    let names = ["file_path", "path", "pattern", "from", "text", "query", "command", "title", "question", "url"];
    names.iter().find_map(|name| argument(name)).map(|text| text::one_line(text, 80)).unwrap_or_default()
}

/// No secret that the process knows stays in a transcript.
fn masked(edge: &Edge<'_>, entry: Entry) -> Entry {
    let mask = |text: String| crate::town::secrets::mask(&text, &edge.secrets);
    match entry {
        Entry::Briefing { system, user, tokens_estimated } => {
            Entry::Briefing { system: mask(system), user: mask(user), tokens_estimated }
        }
        Entry::Result(mut result) => {
            result.output = mask(result.output);
            Entry::Result(result)
        }
        Entry::Note { text, why } => Entry::Note { text: mask(text), why },
        Entry::Reply(mut reply) => {
            reply.text = mask(reply.text);
            for call in &mut reply.calls {
                // Results repeat both, and so does what whoever watches is told.
                (call.id, call.name) = (mask(std::mem::take(&mut call.id)), mask(std::mem::take(&mut call.name)));
                mask_value(&mut call.arguments, &mask);
            }
            Entry::Reply(reply)
        }
    }
}

/// Masks every text in the arguments of a call, so that no secret reaches a file, a title or a body by way of a tool. The
/// parser that made the value has bounded its depth.
fn mask_value(value: &mut serde_json::Value, mask: &dyn Fn(String) -> String) {
    match value {
        serde_json::Value::String(text) => *text = mask(std::mem::take(text)),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| mask_value(value, mask)),
        serde_json::Value::Object(fields) => {
            let masked = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                mask_value(&mut value, mask);
                (mask(name), value)
            });
            *fields = masked.collect();
        }
        _ => {}
    }
}

/// The town's own templates, from its base commit.
fn prompts(repo: &Repo, base: Oid) -> Result<brief::Prompts, RunError> {
    let tree = repo.tree_of(base)?;
    let read = |path: &str| -> Result<Option<String>, RunError> {
        Ok(repo.read_path(tree, path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    Ok(brief::Prompts { system: read(brief::SYSTEM_PATH)?, briefing: read(brief::BRIEFING_PATH)? })
}

/// The agent's page before this run touched it.
fn page_at_start(house: &super::house::House, stand: &Stand, page: &str) -> Result<Option<String>, RunError> {
    let bytes = house.home.repo.read_path(stand.tree()?, page)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Tokens in the journal's buckets.
#[must_use]
pub const fn tokens(usage: Usage) -> Tokens {
    Tokens {
        input: usage.input,
        cached: usage.cached,
        cache_write: usage.cache_write,
        output: usage.output.saturating_sub(usage.reasoning),
        reasoning: usage.reasoning,
    }
}

/// The tool calls of a transcript, as the journal records them.
#[must_use]
pub fn calls(claimed: &Claim, transcript: &Transcript) -> Vec<Command> {
    let seen = |entry: &Entry| match entry {
        Entry::Result(result) => Some(CallSeen {
            tool: text::one_line(&result.tool, 60),
            argv_hash: result.record.argv_hash.clone(),
            ok: result.ok,
            ms: result.record.ms,
            out_hash: result.record.out_hash.clone(),
            truncated: result.truncated,
        }),
        _ => None,
    };
    let calls: Vec<CallSeen> = transcript.entries.iter().filter_map(seen).collect();
    if calls.is_empty() {
        return Vec::new();
    }
    vec![Command::RecordCalls(ToolsCalled { run: claimed.run.run.clone(), first: 0, calls })]
}

/// What a run used, as the journal records it; nothing where nothing was asked.
#[must_use]
pub fn usage(claimed: &Claim, agent: &AgentId, transcript: &Transcript) -> Option<Command> {
    let turns = transcript.questions();
    (turns > 0).then(|| {
        Command::Meter(UsageMetered {
            run: claimed.run.run.clone(),
            agent: agent.clone(),
            brain: claimed.run.brain.clone(),
            turns,
            tokens: tokens(transcript.usage()),
            cost_micros: transcript.cost_micros(),
            incomplete: transcript.is_unmetered(),
        })
    })
}
