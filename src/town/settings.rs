//! The town's settings: `.monkeytown/town.yaml`.
//! Lives here: every key with its meaning, default and JSON Schema; the rules over them are in `rules`.
//! Never here: opening the file, the environment.

mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(super) use rules::decimal;
pub use rules::{RULES, parse};

use super::charter::RunLimits;
use super::ids::AgentId;
use super::pattern::Pattern;
use super::prices::Usd;
use super::text::one_line;

/// Characters of a town's description.
const DESCRIPTION: usize = 300;

/// Everything that `.monkeytown/town.yaml` can say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The town's name, shown to people.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What the town is for, in a sentence or two; shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300))]
    pub description: Option<String>,
    /// What thinks where a charter says `model: inherit`.
    #[serde(default)]
    pub brain: BrainSettings,
    /// Where pull requests live.
    #[serde(default)]
    pub forge: ForgeKind,
    /// The git remote that is the town's home: `auto`, `none`, or a remote's name.
    #[serde(default = "auto")]
    pub remote: String,
    /// The branch that says what the town is; found by itself when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Caps over all agents.
    #[serde(default)]
    pub limits: TownLimits,
    /// Paths that change only with an approved OpenSpec change.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub guarded: Vec<Pattern>,
    /// Paths beyond its charter's reach that a human lets an agent write, by agent.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub grants: BTreeMap<AgentId, Vec<Pattern>>,
    /// Paths whose files may carry the executable bit.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub executable: Vec<Pattern>,
    /// Who may do what, by login.
    #[serde(default)]
    pub people: BTreeMap<String, Role>,
    /// What tools may reach.
    #[serde(default)]
    pub network: Network,
    /// How the project's own tests run, for the sense `tests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestCommand>,
    /// The server that runs tell what they are at, as it happens: an address of the web.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^https?://"))]
    pub stream: Option<String>,
    /// How the town lives on GitHub.
    #[serde(default)]
    pub github: GithubSettings,
    /// Agents that do not run until a human takes them off this list.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub paused: Vec<AgentId>,
}

impl Settings {
    /// What the town is for, as one line that is safe to show; empty where nobody said it.
    #[must_use]
    pub fn purpose(&self) -> String {
        one_line(self.description.as_deref().unwrap_or_default(), DESCRIPTION)
    }
}

fn auto() -> String {
    "auto".to_owned()
}

/// What thinks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BrainSettings {
    /// The provider: `openai` (any endpoint of that shape) or `anthropic`; `command` is a command-line agent;
    /// `embedded`, `scripted` and `replay` need no model.
    pub provider: Provider,
    /// The provider's name for the model; where a command thinks, the model that it may ask, as `provider/model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where the provider's API answers, when not at its usual place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^https?://"))]
    pub base_url: Option<String>,
    /// The environment variable that holds the key; the key itself never stands in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[A-Z_][A-Z0-9_]{0,63}$"))]
    pub key_env: Option<String>,
    /// The tokens that the model holds, prompt and reply together, where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 8000, max = 2_000_000))]
    pub context: Option<u32>,
    /// Whether replies are asked for as a stream.
    pub stream: bool,
    /// Models that are asked in this order where one before them cannot answer, as `provider/model`.
    pub fallbacks: Vec<String>,
    /// Prices in US dollars per million tokens, by model.
    pub prices: BTreeMap<String, Price>,
    /// The command line of a `command` brain, for a shell, at the root of a private copy of the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32768))]
    pub command: Option<String>,
    /// The file that a `scripted` or `replay` brain reads, relative to the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

impl Default for BrainSettings {
    fn default() -> Self {
        Self {
            provider: Provider::Embedded,
            model: None,
            base_url: None,
            key_env: None,
            context: None,
            stream: true,
            fallbacks: Vec::new(),
            prices: BTreeMap::new(),
            command: None,
            script: None,
        }
    }
}

/// What a model costs, in US dollars per million tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Prompt tokens, as a decimal number in a string or a number.
    #[serde(deserialize_with = "rules::decimal")]
    #[schemars(schema_with = "decimal_schema")]
    pub input: String,
    /// Reply tokens, as a decimal number in a string or a number.
    #[serde(deserialize_with = "rules::decimal")]
    #[schemars(schema_with = "decimal_schema")]
    pub output: String,
    /// Prompt tokens that come from the provider's cache; as `input` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "rules::maybe_decimal")]
    #[schemars(schema_with = "maybe_decimal_schema")]
    pub cached: Option<String>,
}

impl BrainSettings {
    /// The provider that `base_url` and `key_env` belong to: where a command thinks, that of the model which it may ask.
    #[must_use]
    pub fn home(&self) -> Provider {
        let asked = self.model.as_deref().filter(|_| self.provider == Provider::Command).and_then(Provider::of_model);
        asked.map_or(self.provider, |(provider, _)| provider)
    }

    /// Whether a provider's models are asked at its own address: another one belongs to the town's provider alone.
    #[must_use]
    pub fn at_own_address(&self, provider: Provider) -> bool {
        let elsewhere = self.base_url.as_deref().filter(|_| provider == self.home());
        elsewhere.is_none_or(|url| url.trim_end_matches('/') == provider.usual_address())
    }

    /// The variable that holds a provider's key, where it needs one.
    #[must_use]
    pub fn key_env_of(&self, provider: Provider) -> Option<&str> {
        let named = self.key_env.as_deref().filter(|_| provider == self.home());
        named.or_else(|| self.at_own_address(provider).then(|| provider.usual_key()))
    }
}

impl Provider {
    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Command => "command",
            Self::Scripted => "scripted",
            Self::Replay => "replay",
        }
    }

    /// The provider's own address.
    #[must_use]
    pub const fn usual_address(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com/v1",
            _ => "https://api.openai.com/v1",
        }
    }

    /// The variable that usually holds the provider's key.
    #[must_use]
    pub const fn usual_key(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_API_KEY",
            _ => "OPENAI_API_KEY",
        }
    }

    /// The provider of a model and its name there, out of `provider/model`.
    #[must_use]
    pub fn of_model(text: &str) -> Option<(Self, &str)> {
        let (provider, model) = text.split_once('/')?;
        let provider = [Self::Openai, Self::Anthropic].into_iter().find(|known| known.name() == provider)?;
        (!model.is_empty()).then_some((provider, model))
    }
}

/// Who makes the replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// No model: the senses become the agent's page.
    #[default]
    Embedded,
    /// Chat completions as OpenAI has them; with `base_url` any endpoint of that shape.
    Openai,
    /// Anthropic's messages.
    Anthropic,
    /// A command-line agent, in the sandbox.
    Command,
    /// Replies read from a script, for tests.
    Scripted,
    /// The replies of a recorded transcript again, for debugging.
    Replay,
}

/// Where pull requests live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ForgeKind {
    /// GitHub where it is at hand, else the local forge.
    #[default]
    Auto,
    /// GitHub's pull requests.
    Github,
    /// Pull requests in the journal.
    Local,
}

/// How the town lives on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GithubSettings {
    /// `owner/name`; found by itself under GitHub Actions and from the remote's URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$"))]
    pub repository: Option<String>,
    /// Where the REST API answers, for GitHub Enterprise: `https://HOST/api/v3`. Found by itself under GitHub Actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^https?://"))]
    pub api_url: Option<String>,
    /// The environment variable that holds the token; the token itself never stands in a file.
    #[schemars(regex(pattern = "^[A-Z_][A-Z0-9_]{0,63}$"))]
    pub token_env: String,
    /// What `monkeytown workflows` renders.
    pub workflows: WorkflowSettings,
}

impl Default for GithubSettings {
    fn default() -> Self {
        Self {
            repository: None,
            api_url: None,
            token_env: "GITHUB_TOKEN".to_owned(),
            workflows: WorkflowSettings::default(),
        }
    }
}

/// What `monkeytown workflows` renders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkflowSettings {
    /// One job with the write token, or three of which the thinking one has none.
    pub layout: Layout,
    /// The action that installs monkeytown: `./` in its own repository, else `owner/name@<commit>`, a full commit id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The runner's label.
    pub runner: String,
    /// A GitHub App whose token is used instead of the workflow's own, so that its pull requests start CI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<AppSettings>,
}

impl Default for WorkflowSettings {
    fn default() -> Self {
        Self { layout: Layout::Single, action: None, runner: "ubuntu-24.04".to_owned(), app: None }
    }
}

/// How a run is laid out over jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One job; the parent process holds the write token.
    #[default]
    Single,
    /// Claim and publish hold the write token, the job that thinks between them has none.
    Split,
}

/// A GitHub App: the names under which the repository keeps its client id and its private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSettings {
    /// The Actions variable that holds the App's client id.
    #[schemars(regex(pattern = "^[A-Z_][A-Z0-9_]{0,63}$"))]
    pub client_id_var: String,
    /// The Actions secret that holds the App's private key.
    #[schemars(regex(pattern = "^[A-Z_][A-Z0-9_]{0,63}$"))]
    pub private_key_secret: String,
}

/// Caps over all agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TownLimits {
    /// Runs that one agent may start on one day (UTC).
    #[schemars(range(min = 1, max = 1000))]
    pub runs_per_day: u32,
    /// US dollars that one run may spend at the most.
    pub usd_per_run: Usd,
    /// Tokens that all questions and replies of one run may have together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10_000))]
    pub tokens_per_run: Option<u64>,
    /// US dollars that all runs together may spend on one day (UTC).
    pub usd_per_day: Usd,
}

impl TownLimits {
    /// What one run of an agent may spend: the lower of what its charter and the town allow.
    #[must_use]
    pub fn usd_of_a_run(&self, own: &RunLimits) -> Usd {
        own.usd_per_run.map_or(self.usd_per_run, |own| own.min(self.usd_per_run))
    }
}

impl Default for TownLimits {
    fn default() -> Self {
        Self { runs_per_day: 24, usd_per_run: Usd(1_000_000), tokens_per_run: None, usd_per_day: Usd(10_000_000) }
    }
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watches.
    Witness,
    /// Rejects, pauses and freezes by a comment, gives.
    Citizen,
    /// Also thaws and moderates.
    Mayor,
}

/// What tools may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Hosts that tools may reach, none by default: `host`, `*.host` for the names below it, or a literal address
    /// (IPv6 in brackets), with `:port` where it is not 443.
    #[schemars(inner(regex(pattern = "^[^/@ ]+$")))]
    pub allow: Vec<String>,
}

/// How the project's own tests run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestCommand {
    /// The command line, run by `sh -c` at the root of a private checkout.
    pub command: String,
    /// Minutes after which it is stopped.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 120))]
    pub minutes: u32,
}

fn ten() -> u32 {
    10
}

pub(super) fn decimal_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["string", "number"], "minimum": 0, "pattern": "^[0-9]+([.][0-9]+)?$" })
}

fn maybe_decimal_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut schema = decimal_schema(generator);
    schema.insert("type".to_owned(), serde_json::json!(["string", "number", "null"]));
    schema
}

/// The JSON Schema (draft 2020-12) of `.monkeytown/town.yaml`, for editors and for `monkeytown schema town`.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Settings);
    schema.insert("title".to_owned(), "The settings of a monkeytown".into());
    schema.to_value()
}
