//! What thinks in a run: which brain, and how the embedded one is given its page.
//! Lives here: choosing it from arguments, charter and settings; what is known of a model. Never here: a brain, the
//! environment.

use std::path::Path;

use serde_json::json;

use super::purse::Purse;
use super::relay::Relay;
use super::{Edge, RunError};
use crate::brain::{self, Brain, Embedded, Endpoint, Fallbacks, Key, PageOutcome, Remote, Replay, Scripted};
use crate::tools::{ARCHIVE_CHANGE, RECORD_GATE};
use crate::town::board::{POST, TEXT_BYTES};
use crate::town::charter::Charter;
use crate::town::facts::Facts;
use crate::town::models::{Asked, NoPrice};
use crate::town::page::order::{self, ORCHESTRATOR};
use crate::town::page::{self, PageResult};
use crate::town::prices::{Rate, Usd};
use crate::town::roles::{Act, Deed};
use crate::town::settings::{BrainSettings, Provider, TownLimits};

/// Tokens that a model holds where nobody says how many; the smallest that are in use hold more.
const CONTEXT: u32 = 32_000;

/// What shall think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thinker {
    /// No model.
    Embedded,
    /// The replies of a script.
    Scripted(String),
    /// The replies of a recorded transcript.
    Replay(String),
    /// The town's command-line agent.
    Command(CommandLine),
    /// A model, and those that stand in for it.
    Models(Vec<Model>),
}

/// A command-line agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// What a shell is told.
    pub line: String,
    /// The model that it may ask through the relay.
    pub(super) model: Option<Model>,
}

/// A model that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    endpoint: Endpoint,
    /// The variable that holds its key, where it needs one.
    key_env: Option<String>,
    /// Tokens that it holds, prompt and reply together.
    context: u32,
    /// What it costs.
    rate: Rate,
}

impl Model {
    /// A model that has a price.
    fn of(asked: Asked, settings: &BrainSettings) -> Result<Self, RunError> {
        let no_price = |error: NoPrice| RunError::NoBrain { given: asked.name(), why: error.to_string() };
        let rate = asked.rate().map_err(no_price)?;
        let Asked { provider, model, base_url, own_address, key_env, context, .. } = asked;
        let endpoint = Endpoint { provider, model, base_url, own_address, stream: settings.stream };
        Ok(Self { endpoint, key_env, context: context.unwrap_or(CONTEXT), rate })
    }

    fn key(&self, edge: &Edge<'_>) -> Option<Key> {
        let name = self.key_env.as_ref()?;
        edge.keys.iter().find(|(known, _)| known == name).map(|(_, key)| key.clone())
    }

    fn brain(&self, edge: &Edge<'_>) -> Result<Box<dyn Brain>, RunError> {
        Ok(Box::new(Remote::new(self.endpoint.clone(), self.key(edge))?))
    }
}

impl Thinker {
    /// Chooses from the argument, else from the charter, else from the town's settings.
    ///
    /// # Errors
    /// [`RunError::NoBrain`] when it is none that there is, or when nobody knows what it costs.
    pub fn choose(given: Option<&str>, charter: &Charter, settings: &BrainSettings) -> Result<Self, RunError> {
        let of_charter = Some(charter.model.as_str()).filter(|model| *model != "inherit");
        let chosen = Self::named(given.or(of_charter), settings)?;
        // A file that cannot be read is found out before a slot is claimed for it.
        let (file, opened) = match &chosen {
            Self::Embedded | Self::Command(_) | Self::Models(_) => return Ok(chosen),
            Self::Scripted(file) => (file, Scripted::open(Path::new(file)).map(|_| ())),
            Self::Replay(file) => (file, Replay::open(Path::new(file)).map(|_| ())),
        };
        let unusable = |error| RunError::NoBrain { given: file.clone(), why: super::publish::chain(&error) };
        opened.map_err(unusable)?;
        Ok(chosen)
    }

    /// Whether it can be asked from here, found out before a slot is claimed: every key is set, and none would travel in
    /// the open.
    ///
    /// # Errors
    /// [`RunError::NoBrain`] with what is missing.
    pub fn ready(&self, edge: &Edge<'_>) -> Result<(), RunError> {
        if let Self::Command(command) = self {
            let no = |why: String| RunError::NoBrain { given: "command".to_owned(), why };
            let sandbox = super::sandboxed::sandbox(edge).map_err(no)?;
            if command.model.is_some() && !sandbox.kind().has_network() {
                return Err(no(
                    "it could not ask the model in brain.model: under Landlock there are no sockets".to_owned()
                ));
            }
        }
        for model in self.models_that_are_paid() {
            let no = |why: String| RunError::NoBrain { given: model.endpoint.name(), why };
            match (&model.key_env, model.key(edge)) {
                (Some(name), None) => {
                    return Err(no(format!(
                        "{name} is not set; set it to the provider's key; for the town's own provider \
                         brain.key_env may name another variable"
                    )));
                }
                (_, Some(_)) if model.endpoint.exposes_a_key() => {
                    return Err(no(
                        "its key would travel in the open; use an https address in brain.base_url".to_owned()
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The models that may be asked, by us or by a command-line agent.
    fn models_that_are_paid(&self) -> &[Model] {
        match self {
            Self::Models(models) => models,
            Self::Command(command) => command.model.as_slice(),
            _ => &[],
        }
    }

    /// The relay through which a command-line agent asks its model, where it has one.
    ///
    /// # Errors
    /// [`RunError::Brain`] when this machine cannot make a connection.
    pub(super) fn relay(&self, edge: &Edge<'_>) -> Result<Option<Relay>, RunError> {
        let Self::Command(CommandLine { model: Some(model), .. }) = self else { return Ok(None) };
        let remote = Remote::new(model.endpoint.clone(), model.key(edge))?;
        let relay = Relay::new(remote, model.rate).map_err(|error| RunError::NoBrain {
            given: "command".to_owned(),
            why: format!("there is no folder for its way to the model: {error}"),
        })?;
        Ok(Some(relay))
    }

    /// A model and those that stand in for it.
    fn models(provider: Provider, model: &str, settings: &BrainSettings) -> Result<Self, RunError> {
        let mut models = vec![Model::of(Asked::of(provider, model, settings), settings)?];
        for (_, model) in Asked::fallbacks(settings) {
            let model = Model::of(model, settings)?;
            if !models.contains(&model) {
                models.push(model);
            }
        }
        Ok(Self::Models(models))
    }

    /// What one run may spend: the lower of what charter and town allow; nothing where what thinks costs nothing.
    #[must_use]
    pub fn may_spend(&self, charter: &Charter, limits: &TownLimits) -> Usd {
        if self.models_that_are_paid().iter().all(|model| model.rate.is_free()) {
            return Usd(0);
        }
        limits.usd_of_a_run(&charter.limits)
    }

    /// The purse of a run that may spend so much.
    #[must_use]
    pub fn purse(&self, cap: Usd) -> Purse {
        let rates = match self {
            Self::Models(models) => models.iter().map(|model| (model.endpoint.name(), model.rate)).collect(),
            _ => Vec::new(),
        };
        Purse::new(rates, cap)
    }

    /// Tokens that prompt and reply may have together, where a model thinks.
    #[must_use]
    pub fn window(&self) -> Option<u32> {
        match self {
            Self::Models(models) => models.iter().map(|model| model.context).min(),
            _ => None,
        }
    }

    /// The command line comes out of the town's settings and from nowhere else: what starts a run may be anybody's.
    fn command(settings: &BrainSettings) -> Result<Self, RunError> {
        let line = settings.command.clone().ok_or_else(|| RunError::NoBrain {
            given: "command".to_owned(),
            why: "brain.command in .monkeytown/town.yaml names no command line".to_owned(),
        })?;
        let model = Asked::of_command(settings).map(|model| Model::of(model, settings)).transpose()?;
        Ok(Self::Command(CommandLine { line, model }))
    }

    fn named(given: Option<&str>, settings: &BrainSettings) -> Result<Self, RunError> {
        let Some(given) = given else {
            let script = || {
                settings.script.clone().ok_or_else(|| RunError::NoBrain {
                    given: "script".to_owned(),
                    why: "brain.script in .monkeytown/town.yaml names no file".to_owned(),
                })
            };
            return match settings.provider {
                Provider::Embedded => Ok(Self::Embedded),
                Provider::Scripted => Ok(Self::Scripted(script()?)),
                Provider::Replay => Ok(Self::Replay(script()?)),
                Provider::Command => Self::command(settings),
                provider @ (Provider::Openai | Provider::Anthropic) => {
                    let model = settings.model.as_deref().ok_or_else(|| RunError::NoBrain {
                        given: provider.name().to_owned(),
                        why: "brain.model in .monkeytown/town.yaml names no model".to_owned(),
                    })?;
                    Self::models(provider, model, settings)
                }
            };
        };
        if let Some((provider, model)) = Provider::of_model(given) {
            return Self::models(provider, model, settings);
        }
        match given.split_once(':') {
            None if given == "embedded" => Ok(Self::Embedded),
            None if given == "command" => Self::command(settings),
            Some(("scripted", file)) if !file.is_empty() => Ok(Self::Scripted(file.to_owned())),
            Some(("replay", file)) if !file.is_empty() => Ok(Self::Replay(file.to_owned())),
            _ => Err(RunError::NoBrain {
                given: given.to_owned(),
                why: "use openai/MODEL, anthropic/MODEL, command, embedded, scripted:FILE or replay:FILE".to_owned(),
            }),
        }
    }

    /// Its name for the journal.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Embedded => "embedded".to_owned(),
            Self::Scripted(_) => "scripted".to_owned(),
            Self::Replay(_) => "replay".to_owned(),
            Self::Command(_) => "command".to_owned(),
            Self::Models(models) => models.first().map(|model| model.endpoint.name()).unwrap_or_default(),
        }
    }

    /// The brain, told what it needs; `replies` have been used before an interruption.
    ///
    /// # Errors
    /// [`RunError::Brain`] when a file cannot be read.
    pub fn brain(
        &self,
        edge: &Edge<'_>,
        charter: &Charter,
        facts: &Facts,
        existing: Option<&str>,
        act: Option<Act>,
        replies: usize,
    ) -> Result<Box<dyn Brain>, RunError> {
        Ok(match self {
            Self::Embedded => {
                let outcome = outcome(charter, facts, existing, act);
                Box::new(Embedded::new(move || outcome.clone()))
            }
            Self::Command(_) => Box::new(brain::Command),
            Self::Models(models) => {
                let mut brains = models.iter().map(|model| model.brain(edge)).collect::<Result<Vec<_>, _>>()?;
                if brains.len() == 1 { brains.remove(0) } else { Box::new(Fallbacks::new(brains.remove(0), brains)) }
            }
            Self::Scripted(file) => {
                let mut brain = Scripted::open(Path::new(file))?;
                brain.skip(replies);
                Box::new(brain)
            }
            Self::Replay(file) => {
                let mut brain = Replay::open(Path::new(file))?;
                brain.skip(replies);
                Box::new(brain)
            }
        })
    }
}

/// A role of the workflow does what is its turn, and keeps its page where nothing is.
fn outcome(charter: &Charter, facts: &Facts, existing: Option<&str>, act: Option<Act>) -> PageOutcome {
    let waits = match act {
        Some(Act::Propose { deeds, title, body, evidence, change }) => {
            let calls = deeds.into_iter().map(call).collect();
            return PageOutcome::Propose { calls, title, body, evidence, change: Some(change) };
        }
        // The page has its turn once people have decided.
        Some(Act::Stand(why)) => return PageOutcome::Unchanged(why),
        Some(Act::Wait(why)) => Some(why),
        Some(Act::Rest) | None => None,
    };
    match page_outcome(charter, facts, existing) {
        PageOutcome::Unchanged(reason) => PageOutcome::Unchanged(match waits {
            Some(why) => format!("{why}; {reason}"),
            None => reason,
        }),
        PageOutcome::Propose { calls, title, mut body, evidence, change } => {
            waits.iter().for_each(|why| body.push_str(&format!("\n\n**What waits.** {why}.")));
            PageOutcome::Propose { calls, title, body, evidence, change }
        }
    }
}

/// The call that does a deed.
fn call(deed: Deed) -> (&'static str, serde_json::Value) {
    match deed {
        Deed::Record { change, verdict, findings, evidence } => {
            let arguments = json!({"change": change, "verdict": verdict, "findings": findings, "evidence": evidence});
            (RECORD_GATE, arguments)
        }
        Deed::Archive(change) => (ARCHIVE_CHANGE, json!({"change": change})),
        Deed::Delete(path) => ("Delete", json!({"file_path": path})),
    }
}

fn page_outcome(charter: &Charter, facts: &Facts, existing: Option<&str>) -> PageOutcome {
    let Some(path) = &charter.page else {
        return PageOutcome::Unchanged(
            "its charter names no page, and without a model it keeps nothing else".to_owned(),
        );
    };
    match page::page(charter, facts, existing) {
        PageResult::Unchanged(reason) => PageOutcome::Unchanged(reason),
        PageResult::Update { content, title, body, evidence } => {
            let write = ("Write", json!({"file_path": path, "content": content}));
            let calls = [write].into_iter().chain(note(charter, facts)).collect();
            PageOutcome::Propose { calls, title, body, evidence, change: None }
        }
    }
}

/// What the orchestrator tells the town beside its page: whose move is next, and what waits.
fn note(charter: &Charter, facts: &Facts) -> Option<(&'static str, serde_json::Value)> {
    let specs = facts.specs.as_ref().filter(|_| charter.name.as_str() == ORCHESTRATOR)?;
    let (moves, stuck) = (order::moves(specs), order::stuck(specs));
    if (moves.is_empty() && stuck.is_empty()) || !charter.tools.iter().any(|tool| tool == POST) {
        return None;
    }
    let list = |lines: Vec<String>| lines.iter().map(|line| format!("- {line}\n")).collect::<String>();
    let mut body = String::new();
    for (title, lines) in [("Next", moves), ("Stuck", stuck)] {
        if !lines.is_empty() {
            body.push_str(&format!("**{title}**\n\n{}\n", list(lines)));
        }
    }
    let body = crate::town::text::truncate_middle(body.trim_end(), TEXT_BYTES);
    Some((POST, json!({"title": "The order of changes", "body": body, "tags": ["openspec"]})))
}
