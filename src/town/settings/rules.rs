//! What the town's settings must be, rule by rule.
//! Lives here: reading the text and judging each value by itself. Never here: what needs the charters, or a network.

use std::fmt;

use serde::Deserializer;

use super::{BrainSettings, DESCRIPTION, Price, Provider, Settings};
use crate::town::finding::Finding;
use crate::town::limits::LEAST_TOKENS;
use crate::town::network::entry;
use crate::town::text::bad_line;
use crate::town::yaml::Doc;

/// The rules of the settings: name, and what they ask for.
pub const RULES: &[(&str, &str)] = &[
    ("settings-name", "the town's name has 1 to 64 characters"),
    ("settings-description", "the description is one paragraph of 1 to 300 visible characters"),
    ("settings-remote", "the remote is `auto`, `none` or the name of a git remote"),
    ("settings-branch", "the branch is a name that git allows"),
    ("settings-key-env", "`key_env` names an environment variable and holds no key"),
    ("settings-base-url", "`base_url` is an http or https address without a password in it"),
    ("settings-model", "a provider of models has a model, of a size from 8,000 tokens, and fallbacks that are known"),
    ("settings-command", "a provider that is a command has a command line of up to 32,768 bytes"),
    ("settings-script", "the script is a path in the repository"),
    ("settings-prices", "prices are decimal numbers from 0"),
    ("settings-limits", "the limits are within their ranges"),
    (
        "settings-network",
        "allowed hosts are names or addresses, with a port where it is not 443, without scheme or path",
    ),
    ("settings-people", "people are named by their login"),
    ("settings-stream", "the stream's server is an https address without a password in it, or one on this machine"),
    ("settings-tests", "the test command is there and ends within 120 minutes"),
    (
        "settings-github",
        "the repository is `owner/name`, the address has no password, and the token's variable is named",
    ),
    (
        "settings-workflows",
        "the action is `./` or pinned to a full commit id, and runner and App have names that GitHub takes",
    ),
];

/// Bytes of a brain's command line.
const COMMAND_BYTES: usize = 32 * 1024;

/// The keys of the top level.
const KEYS: [&str; 16] = [
    "name",
    "description",
    "brain",
    "forge",
    "remote",
    "branch",
    "limits",
    "guarded",
    "grants",
    "executable",
    "people",
    "network",
    "tests",
    "stream",
    "github",
    "paused",
];

/// Reads the settings from the text of the file at `path`.
///
/// They are there also where a rule is broken, and not where a value could not be read. Whoever acts on them looks
/// at the findings first.
#[must_use]
pub fn parse(path: &str, bytes: &[u8]) -> (Option<Settings>, Vec<Finding>) {
    let doc = match Doc::load(path, bytes, 1) {
        Ok(doc) => doc,
        Err(findings) => return (None, findings),
    };
    let (settings, findings) = doc.typed::<Settings>(&KEYS);
    let mut rules = Rules { path, doc: &doc, findings };
    if let Some(settings) = &settings {
        rules.top(settings);
        rules.brain(settings);
        rules.network(settings);
        rules.people(settings);
        rules.github(settings);
        rules.workflows(settings);
    }
    rules.findings.sort_by_key(|finding| finding.line);
    (settings, rules.findings)
}

struct Rules<'a> {
    path: &'a str,
    doc: &'a Doc,
    findings: Vec<Finding>,
}

impl Rules<'_> {
    fn error(&mut self, rule: &str, way: &[&str], message: impl Into<String>, remedy: &str) {
        if self.findings.len() < crate::town::yaml::FINDINGS {
            let finding = Finding::error(rule, message).at(self.path).line(self.doc.line(way));
            self.findings.push(finding.fix(remedy));
        }
    }

    fn top(&mut self, settings: &Settings) {
        let length = settings.name.trim().chars().count();
        if length == 0 || settings.name.chars().count() > 64 || settings.name.chars().any(char::is_control) {
            let message = format!("the town's name has {length} characters; 1 to 64 on one line are possible");
            self.error("settings-name", &["name"], message, "give it a short name");
        }
        if let Some(why) = settings.description.as_deref().and_then(|text| bad_line(text.trim(), DESCRIPTION)) {
            let message = format!("the town's description {why}");
            let remedy = "say in a sentence or two what the town is for; `>-` folds several lines into one";
            self.error("settings-description", &["description"], message, remedy);
        }
        if !is_ref_name(&settings.remote) {
            let message = format!("{:?} cannot be a remote", short(&settings.remote));
            self.error("settings-remote", &["remote"], message, "write auto, none or a name that `git remote` lists");
        }
        if let Some(branch) = settings.branch.as_deref().filter(|branch| !is_ref_name(branch)) {
            let message = format!("{:?} cannot be a branch", short(branch));
            self.error("settings-branch", &["branch"], message, "write the branch's name, for example main");
        }
        let runs = settings.limits.runs_per_day;
        if !(1..=1000).contains(&runs) {
            let message = format!("runs_per_day is {runs}; 1 to 1000 are possible");
            let remedy = "write a number from 1 to 1000; `paused` stops single agents";
            self.error("settings-limits", &["limits", "runs_per_day"], message, remedy);
        }
        if let Some(tokens) = settings.limits.tokens_per_run.filter(|tokens| *tokens < LEAST_TOKENS) {
            let message = format!("tokens_per_run is {tokens}; {LEAST_TOKENS} or more are possible");
            let remedy =
                format!("write a number from {LEAST_TOKENS}, or leave it out; a briefing alone takes thousands");
            self.error("settings-limits", &["limits", "tokens_per_run"], message, &remedy);
        }
        if let Some(why) = settings.stream.as_deref().and_then(bad_stream) {
            self.error("settings-stream", &["stream"], why, "write for example https://town.example.com");
        }
        if let Some(tests) = &settings.tests {
            if tests.command.trim().is_empty() {
                let remedy = "write the command line, or remove `tests`";
                self.error("settings-tests", &["tests", "command"], "the test command is empty", remedy);
            }
            if !(1..=120).contains(&tests.minutes) {
                let message = format!("minutes is {}; 1 to 120 are possible", tests.minutes);
                self.error("settings-tests", &["tests", "minutes"], message, "write a number from 1 to 120");
            }
        }
    }

    fn brain(&mut self, settings: &Settings) {
        let brain = &settings.brain;
        if let Some(name) = &brain.key_env
            && !is_variable(name)
        {
            self.variable("settings-key-env", &["brain", "key_env"], name, "MODEL_API_KEY");
        }
        if let Some(url) = brain.base_url.as_deref()
            && let Some(why) = bad_url(url)
        {
            // The address is not quoted: what is wrong with it may be a password.
            self.error(
                "settings-base-url",
                &["brain", "base_url"],
                why,
                "write for example https://models.example.com/v1",
            );
        }
        self.command(brain);
        if let Some(script) = &brain.script
            && script.parse::<super::Pattern>().ok().is_none_or(|pattern| pattern.as_path().is_none())
        {
            let message = format!("the script {:?} is not one path in the repository", short(script));
            self.error("settings-script", &["brain", "script"], message, "write a path relative to the repository");
        }
        if let Some(context) = brain.context.filter(|context| !(8_000..=2_000_000).contains(context)) {
            let message = format!("context is {context}; 8000 to 2000000 are possible");
            self.error("settings-model", &["brain", "context"], message, "write how many tokens the model holds");
        }
        let of_model = |provider| matches!(provider, Provider::Openai | Provider::Anthropic);
        if of_model(brain.provider) && brain.model.as_deref().is_none_or(|model| model.trim().is_empty()) {
            let remedy = "name one in `model`, as the provider calls it";
            self.error("settings-model", &["brain", "provider"], "this provider needs a model", remedy);
        }
        for (at, model) in brain.fallbacks.iter().enumerate() {
            if Provider::of_model(model).is_none() {
                let message = format!("the fallback {:?} is not `openai/MODEL` or `anthropic/MODEL`", short(model));
                let way = ["brain", "fallbacks", &at.to_string()];
                self.error("settings-model", &way, message, "write provider and model with a / between");
            }
        }
        for (model, Price { input, output, cached }) in &brain.prices {
            let cached = cached.as_ref().map(|price| ("cached", price));
            for (key, price) in [("input", input), ("output", output)].into_iter().chain(cached) {
                if !is_decimal(price) {
                    let message = format!("the price {:?} is no decimal number from 0", short(price));
                    let way = ["brain", "prices", model, key];
                    self.error(
                        "settings-prices",
                        &way,
                        message,
                        "write US dollars per million tokens, for example \"0.25\"",
                    );
                }
            }
        }
    }

    fn command(&mut self, brain: &BrainSettings) {
        let remedy = "write the command line in `command`, for example `claude -p --permission-mode acceptEdits`";
        match &brain.command {
            None if brain.provider == Provider::Command => {
                self.error("settings-command", &["brain", "provider"], "this provider needs a command", remedy);
            }
            Some(command) if command.trim().is_empty() || command.len() > COMMAND_BYTES || command.contains('\0') => {
                let message = format!("the command is empty, or has a NUL or more than {COMMAND_BYTES} bytes");
                self.error("settings-command", &["brain", "command"], message, remedy);
            }
            _ => {}
        }
        let model = brain.model.as_deref().filter(|_| brain.provider == Provider::Command);
        if let Some(model) = model.filter(|model| Provider::of_model(model).is_none()) {
            let message = format!("the model {:?} is not `openai/MODEL` or `anthropic/MODEL`", short(model));
            let remedy = "a command may ask a model of either kind: write provider and model with a / between";
            self.error("settings-model", &["brain", "model"], message, remedy);
        }
    }

    /// A text that is no variable's name is often the key itself, so it is never repeated.
    fn variable(&mut self, rule: &str, way: &[&str], name: &str, example: &str) {
        if looks_like_key(name) {
            let message = "this looks like a key itself, and the file is published with the repository";
            let remedy =
                "remove it, have the provider revoke it and issue another, and name the variable that holds it";
            self.error(rule, way, message, remedy);
        } else {
            let message = "this is not the name of a variable";
            let remedy = format!("use capital letters, digits and _, for example {example}");
            self.error(rule, way, message, &remedy);
        }
    }

    fn network(&mut self, settings: &Settings) {
        for (at, host) in settings.network.allow.iter().enumerate() {
            if let Err(why) = entry(host) {
                let message = format!("{:?} cannot be allowed: {why}", short(host));
                let remedy =
                    "write the host, for example crates.io, *.example.com or example.com:8443: no scheme or path";
                self.error("settings-network", &["network", "allow", &at.to_string()], message, remedy);
            }
        }
    }

    fn people(&mut self, settings: &Settings) {
        for login in settings.people.keys().filter(|login| !is_login(login)) {
            let message = format!("{:?} cannot be a login", short(login));
            let remedy = "write the login as the forge knows it, without @";
            self.error("settings-people", &["people", login], message, remedy);
        }
    }

    fn github(&mut self, settings: &Settings) {
        let github = &settings.github;
        if let Some(repository) = github.repository.as_deref().filter(|name| !is_repository(name)) {
            let message = format!("{:?} is no repository of GitHub", short(repository));
            let remedy = "write owner/name, without an address around it";
            self.error("settings-github", &["github", "repository"], message, remedy);
        }
        if let Some(why) = github.api_url.as_deref().and_then(bad_url) {
            let remedy = "write for example https://github.example.com/api/v3, or leave it out for github.com";
            self.error("settings-github", &["github", "api_url"], why, remedy);
        }
        let (name, way) = (&github.token_env, ["github", "token_env"]);
        if !is_variable(name) {
            self.variable("settings-github", &way, name, "GITHUB_TOKEN");
        } else if name != "GITHUB_TOKEN" && is_reserved(name) {
            let message = format!("the runner sets the variables that begin as {name:?} does, and nobody else can");
            self.error(
                "settings-github",
                &way,
                message,
                "write GITHUB_TOKEN, or a name of your own such as TOWN_TOKEN",
            );
        }
    }

    fn workflows(&mut self, settings: &Settings) {
        let workflows = &settings.github.workflows;
        let rule = "settings-workflows";
        if let Some(action) = workflows.action.as_deref().filter(|action| !is_action(action)) {
            let message = format!("the action {:?} is not pinned to one commit", short(action));
            let remedy = "write owner/name@ and the 40 digits of a commit id, or ./ where monkeytown itself is built";
            self.error(rule, &["github", "workflows", "action"], message, remedy);
        }
        let runner = &workflows.runner;
        if !is_label(runner) {
            let message = format!("{:?} cannot be a runner's label", short(runner));
            let remedy = "write one label, for example ubuntu-24.04";
            self.error(rule, &["github", "workflows", "runner"], message, remedy);
        } else if runner.to_ascii_lowercase().starts_with("windows") {
            let message = "the steps of the workflows are for a runner of Linux or macOS";
            self.error(rule, &["github", "workflows", "runner"], message, "write for example ubuntu-24.04");
        }
        let Some(app) = &workflows.app else { return };
        for (key, name, example) in [
            ("client_id_var", &app.client_id_var, "TOWN_APP_CLIENT_ID"),
            ("private_key_secret", &app.private_key_secret, "TOWN_APP_PRIVATE_KEY"),
        ] {
            let way = ["github", "workflows", "app", key];
            if !is_variable(name) {
                self.variable(rule, &way, name, example);
            } else if is_reserved(name) {
                let message = "GitHub keeps the names that begin with GITHUB_ for itself";
                self.error(rule, &way, message, &format!("choose another name, for example {example}"));
            }
        }
    }
}

/// A text as a message may quote it.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Whether git takes the name for a branch or a remote.
fn is_ref_name(name: &str) -> bool {
    let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let fits = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let around = name.starts_with('-') || name.ends_with('.') || name == "@";
    !around
        && name.len() <= 200
        && !name.contains(odd)
        && !name.contains("..")
        && !name.contains("@{")
        && name.split('/').all(fits)
}

fn is_variable(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    // A key of capital letters and digits alone would pass for a name; without a _ such a long one is none.
    let plausible = name.len() <= 64 && (name.len() < 20 || name.contains('_'));
    plausible && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_') && name.chars().all(fits)
}

fn looks_like_key(text: &str) -> bool {
    let known = ["sk-", "pk-", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xox", "AKIA", "AIza", "hf_", "gsk_"];
    let long = text.len() >= 20 && text.chars().any(|c| c.is_ascii_digit()) && !text.contains(char::is_whitespace);
    long || known.iter().any(|start| text.starts_with(start))
}

/// Names that belong to GitHub and its runners.
fn is_reserved(name: &str) -> bool {
    ["GITHUB_", "RUNNER_", "ACTIONS_"].iter().any(|start| name.starts_with(start))
}

/// `owner/name` as GitHub takes them.
fn is_repository(text: &str) -> bool {
    let Some((owner, name)) = text.split_once('/') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let ends = |c: char| c.is_ascii_alphanumeric();
    let owner_fits = owner.len() <= 39 && owner.chars().all(plain) && owner.starts_with(ends) && owner.ends_with(ends);
    let name_fits = (1..=100).contains(&name.len()) && name.chars().all(|c| plain(c) || matches!(c, '.' | '_'));
    owner_fits && name_fits && !matches!(name, "." | "..")
}

/// `./`, or `owner/name[/path]@commit` with a whole commit id: a tag or a branch may become something else.
fn is_action(text: &str) -> bool {
    let Some((place, commit)) = text.split_once('@') else { return text == "./" };
    let mut parts = place.splitn(3, '/');
    let (owner, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let folder = |part: &str| {
        !part.is_empty()
            && !matches!(part, "." | "..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
    };
    commit.len() == 40
        && commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && text.len() <= 300
        && is_repository(&format!("{owner}/{name}"))
        && parts.next().is_none_or(|path| path.split('/').all(folder))
}

/// A runner's label.
fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    text.len() <= 100 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(fits)
}

/// Why the address cannot be used.
fn bad_url(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Some("the address does not begin with http:// or https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("the address carries a user or a password");
    }
    if authority.is_empty() || url.len() > 500 || url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Some("the address has no host that can be read");
    }
    None
}

/// What is wrong with the address of a server to which a token goes.
fn bad_stream(url: &str) -> Option<&'static str> {
    let here = |rest: &str| {
        let authority = rest.split('/').next().unwrap_or_default();
        ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|name| authority.strip_prefix(name).is_some_and(|port| port.is_empty() || port.starts_with(':')))
    };
    let open = url.strip_prefix("http://").is_some_and(|rest| !here(rest));
    bad_url(url).or(open.then_some("the address is not https, and a token goes there"))
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    text.len() <= 20 && digits(whole) && digits(fraction)
}

/// Logins of people, and of applications such as `name[bot]`.
fn is_login(login: &str) -> bool {
    let name = login.strip_suffix("[bot]").unwrap_or(login);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(fits) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// A price as it is written: a text, or a number of YAML.
pub(in crate::town) fn decimal<'de, D: Deserializer<'de>>(de: D) -> Result<String, D::Error> {
    struct Visitor;

    impl serde::de::Visitor<'_> for Visitor {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a decimal number")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_u64<E>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_i64<E>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_f64<E>(self, number: f64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }

    de.deserialize_any(Visitor)
}

/// A price that may be left out.
pub(super) fn maybe_decimal<'de, D: Deserializer<'de>>(de: D) -> Result<Option<String>, D::Error> {
    #[derive(serde::Deserialize)]
    struct Decimal(#[serde(deserialize_with = "decimal")] String);
    Ok(<Option<Decimal> as serde::Deserialize>::deserialize(de)?.map(|Decimal(text)| text))
}
