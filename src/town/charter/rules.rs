//! What a charter must be, rule by rule.
//! Lives here: reading the file and judging each key by itself. Never here: what needs a second charter.

use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;
use serde::{Deserialize, Deserializer};

use super::{Charter, Parsed, RunLimits, Schedule, Sense};
use crate::town::finding::Finding;
use crate::town::ids::AgentId;
use crate::town::limits::{LEAST_TOKENS, RUN_MINUTES, RUN_TURNS};
use crate::town::pattern::Pattern;
use crate::town::schedule;
use crate::town::text::characters;
use crate::town::yaml::{self, Doc};

/// The rules of a charter: name, and what it asks for.
pub const RULES: &[(&str, &str)] = &[
    ("charter-name", "the name is an agent's name and the file's"),
    ("charter-description", "the description has 10 to 1024 characters"),
    ("charter-tools", "the tools are known ones, as \"A, B\" or a list"),
    ("charter-model", "the model is `inherit` or `provider/model`"),
    ("charter-owns", "the patterns can be read, and who may write owns something"),
    ("charter-schedule", "the schedule can be read, comes, and not more often than every 5 minutes"),
    ("charter-limits", "the limits are within what the town allows"),
    ("charter-senses", "the senses are known ones, each once"),
    ("charter-page", "the page is one path that the agent owns"),
    ("charter-persona", "the persona is there and has 64 KiB at the most"),
    ("charter-foreign-key", "keys that only Claude Code reads are said to have no effect here"),
];

/// The keys that the town reads.
pub const KEYS: [&str; 9] = ["name", "description", "tools", "model", "owns", "schedule", "limits", "senses", "page"];

/// The keys of a Claude Code subagent that have no effect here.
pub const CLAUDE_KEYS: [&str; 14] = [
    "color",
    "permissionMode",
    "skills",
    "hooks",
    "disallowedTools",
    "maxTurns",
    "memory",
    "mcpServers",
    "background",
    "effort",
    "isolation",
    "initialPrompt",
    "version",
    "tags",
];

/// The tools that the town offers, beside `mcp__server__tool`.
pub const TOOLS: [&str; 17] = [
    "Read",
    "Grep",
    "Glob",
    "Write",
    "Edit",
    "Bash",
    "WebFetch",
    "Delete",
    "Move",
    "Remember",
    "Recall",
    "ReportProgress",
    "AskHuman",
    "PostToBoard",
    "ReplyOnBoard",
    "RecordGate",
    "ArchiveChange",
];

/// A persona, in bytes.
const PERSONA_BYTES: usize = 64 * 1024;
/// Patterns that one charter may own.
const PATTERNS: usize = 200;
/// Minutes between two planned times, at the least.
const EVERY_MINUTES: i64 = 5;

/// The front matter as it is written. Keys that are not ours are skipped: they have their own findings.
#[derive(Deserialize)]
struct Raw {
    name: Option<String>,
    description: Option<String>,
    #[serde(default)]
    tools: Option<Words>,
    model: Option<String>,
    #[serde(default)]
    owns: Option<Words>,
    schedule: Option<Schedule>,
    #[serde(default)]
    limits: Option<RunLimits>,
    #[serde(default)]
    senses: Option<Words>,
    page: Option<String>,
}

/// `A, B` or a list of texts.
struct Words {
    words: Vec<String>,
    listed: bool,
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Words;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a list of texts, or one text with commas")
            }

            fn visit_str<E>(self, text: &str) -> Result<Words, E> {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Ok(Words { words: words.map(str::to_owned).collect(), listed: false })
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = seq.next_element::<String>()? {
                    words.push(word);
                }
                Ok(Words { words, listed: true })
            }
        }

        de.deserialize_any(Visitor)
    }
}

impl Parsed {
    /// Reads a charter; see [`Charter::parse`]. Also says on which line each pattern stands.
    #[must_use]
    pub fn read(path: &str, bytes: &[u8]) -> Self {
        let front = match yaml::front_matter(path, bytes) {
            Ok(front) => front,
            Err(finding) => return Self { findings: vec![finding], ..Self::default() },
        };
        let doc = match Doc::load(path, front.yaml.as_bytes(), front.first_line) {
            Ok(doc) => doc,
            Err(findings) => return Self { findings, ..Self::default() },
        };
        let mut rules = Rules { path, doc: &doc, findings: Vec::new(), owns_lines: Vec::new(), usable: true };
        let raw = rules.raw();
        let persona = rules.persona(&front.body, front.body_line);
        let charter = raw.and_then(|raw| rules.charter(raw, persona));
        let Rules { mut findings, owns_lines, .. } = rules;
        findings.sort_by_key(|finding| finding.line);
        Self { charter, findings, owns_lines }
    }
}

/// One reading: the file, and what was found in it.
struct Rules<'a> {
    path: &'a str,
    doc: &'a Doc,
    findings: Vec<Finding>,
    owns_lines: Vec<u32>,
    /// Whether what is left cannot mean more than what was written.
    usable: bool,
}

impl Rules<'_> {
    fn push(&mut self, finding: Finding, way: &[&str], remedy: impl Into<String>) {
        self.findings.push(finding.at(self.path).line(self.doc.line(way)).fix(remedy));
    }

    fn error(&mut self, rule: &str, way: &[&str], message: impl Into<String>, remedy: impl Into<String>) {
        self.push(Finding::error(rule, message), way, remedy);
    }

    fn raw(&mut self) -> Option<Raw> {
        let mut known = KEYS.to_vec();
        known.extend(self.doc.keys().filter_map(|key| CLAUDE_KEYS.iter().find(|known| **known == key)));
        let (raw, findings) = self.doc.typed(&known);
        self.findings.extend(findings);
        for key in CLAUDE_KEYS.iter().filter(|key| self.doc.has(key)) {
            let message = format!("the key {key:?} is Claude Code's and has no effect in the town");
            self.push(Finding::info("charter-foreign-key", message), &[key], "keep it if the file is used there too");
        }
        raw
    }

    fn charter(&mut self, raw: Raw, persona: String) -> Option<Charter> {
        let name = self.name(raw.name);
        let description = self.description(raw.description);
        let tools = self.tools(raw.tools);
        let model = self.model(raw.model);
        let owns = self.owns(raw.owns, &tools);
        let schedule = raw.schedule.filter(|schedule| self.schedule(schedule));
        let limits = self.limits(raw.limits.unwrap_or_default());
        let senses = self.senses(raw.senses);
        let page = raw.page.filter(|page| self.page(page, &owns));
        let charter = Charter { name: name?, description, tools, model, owns, schedule, limits, senses, page, persona };
        self.usable.then_some(charter)
    }

    /// The agent is who its file says: branches, memory and ownership hang on the file's name.
    fn name(&mut self, name: Option<String>) -> Option<AgentId> {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        let stem = file.strip_suffix(".md").unwrap_or(file);
        let id = match stem.parse::<AgentId>() {
            Ok(id) => Some(id),
            Err(error) => {
                self.error("charter-name", &["name"], error.to_string(), "rename the file");
                None
            }
        };
        match name {
            None => self.error("charter-name", &[], "the key \"name\" is missing", format!("add `name: {stem}`")),
            Some(name) if name != stem => {
                let message = format!("the name is {:?} and the file is {file:?}", short(&name));
                self.error("charter-name", &["name"], message, format!("write `name: {stem}`, or rename the file"));
            }
            Some(_) => {}
        }
        id
    }

    fn description(&mut self, description: Option<String>) -> String {
        let text = description.unwrap_or_default().trim().to_owned();
        let length = text.chars().count();
        if !(10..=1024).contains(&length) {
            let message = format!("the description has {}; 10 to 1024 are expected", characters(length));
            let remedy = "say what the agent does and when to use it, in a sentence or two";
            self.error("charter-description", &["description"], message, remedy);
        }
        text.chars().take(1024).collect()
    }

    /// Without the key an agent has all tools; an empty list must not come to mean the same.
    fn tools(&mut self, tools: Option<Words>) -> Vec<String> {
        let Some(Words { words, .. }) = tools else { return Vec::new() };
        let mut kept: Vec<String> = Vec::new();
        for (at, tool) in words.into_iter().enumerate() {
            let way = ["tools", &at.to_string()];
            if kept.contains(&tool) {
                let finding = Finding::warning("charter-tools", format!("the tool {:?} is named twice", short(&tool)));
                self.push(finding, &way, "name it once");
                continue;
            }
            if !TOOLS.contains(&tool.as_str()) && !is_mcp(&tool) {
                let remedy = match yaml::suggestion(&tool, TOOLS.into_iter()) {
                    Some(meant) => format!("did you mean {meant:?}?"),
                    None => format!("the tools are {}, and mcp__server__tool", TOOLS.join(", ")),
                };
                let message = format!("the town has no tool {:?}", short(&tool));
                self.push(Finding::warning("charter-tools", message), &way, remedy);
            }
            kept.push(tool);
        }
        if kept.is_empty() {
            let remedy = "name the tools, or remove the key, which gives all of them";
            self.error("charter-tools", &["tools"], "no tool is named", remedy);
            self.usable = false;
        }
        kept
    }

    fn model(&mut self, model: Option<String>) -> String {
        let model = model.unwrap_or_else(|| "inherit".to_owned());
        let fits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic());
        let known = model.split_once('/').is_some_and(|(provider, name)| fits(provider) && fits(name));
        if model == "inherit" || model == "command" || (known && model.len() <= 200) {
            return model;
        }
        let message = format!("the model {:?} is neither `inherit`, `command` nor `provider/model`", short(&model));
        if matches!(model.as_str(), "sonnet" | "opus" | "haiku") {
            let finding = Finding::warning("charter-model", message);
            self.push(finding, &["model"], "that name is Claude Code's; the town takes its own brain");
        } else {
            self.error("charter-model", &["model"], message, "write `inherit`, or for example `anthropic/…`");
        }
        "inherit".to_owned()
    }

    fn owns(&mut self, owns: Option<Words>, tools: &[String]) -> Vec<Pattern> {
        let given = owns.is_some();
        let (words, listed) = owns.map_or((Vec::new(), false), |words| (words.words, words.listed));
        if words.len() > PATTERNS {
            let message = format!("{} patterns are owned; {PATTERNS} are read", words.len());
            self.error("charter-owns", &["owns"], message, "own folders instead of files: `folder/**`");
        }
        let mut patterns = Vec::new();
        for (at, word) in words.iter().take(PATTERNS).enumerate() {
            let at = at.to_string();
            let way: &[&str] = if listed { &["owns", &at] } else { &["owns"] };
            match word.parse::<Pattern>() {
                Ok(pattern) if patterns.contains(&pattern) => {
                    let finding = Finding::warning("charter-owns", format!("the pattern {word:?} stands here twice"));
                    self.push(finding, way, "keep one of them");
                }
                Ok(pattern) => {
                    patterns.push(pattern);
                    self.owns_lines.push(self.doc.line(way));
                }
                Err(error) => {
                    self.error("charter-owns", way, error.to_string(), "write a path of the repository, * or ** in it");
                }
            }
        }
        let writer = tools.is_empty() || ["Write", "Edit"].iter().any(|tool| tools.iter().any(|named| named == tool));
        if words.is_empty() && writer {
            let way: &[&str] = if given { &["owns"] } else { &[] };
            let message = "the agent may write and owns nothing";
            self.error("charter-owns", way, message, "name its paths in `owns`, or name tools without Write and Edit");
        }
        patterns
    }

    /// Whether the schedule can be used.
    fn schedule(&mut self, planned: &Schedule) -> bool {
        let rule = "charter-schedule";
        if let Err(error) = schedule::zone(planned) {
            self.error(
                rule,
                &["schedule", "timezone"],
                error.to_string(),
                "write an IANA name, or leave it out for UTC",
            );
            return false;
        }
        let way = ["schedule", "cron"];
        let cron = match schedule::cron(&planned.cron) {
            Ok(cron) => cron,
            Err(error) => {
                self.error(rule, &way, error.to_string(), "write five fields, for example \"20 */4 * * *\"");
                return false;
            }
        };
        if cron.find_next_occurrence(&epoch(), false).is_err() {
            self.error(rule, &way, format!("the time {:?} never comes", planned.cron), "choose a day that exists");
            return false;
        }
        let minutes = planned.cron.split_whitespace().next().unwrap_or("*");
        let hourly = schedule::cron(&format!("{minutes} * * * *")).unwrap_or_else(|_| cron.clone());
        // Most schedules are clear from their minutes alone; only the others are worth a walk through their times.
        if shortest_gap(&hourly).is_some_and(|gap| gap < EVERY_MINUTES)
            && let Some(gap) = shortest_gap(&cron).filter(|gap| *gap < EVERY_MINUTES)
        {
            let message = format!("two planned times are only {gap} minutes apart; {EVERY_MINUTES} are the least");
            self.error(rule, &way, message, "plan it more rarely, for example \"20 */4 * * *\"");
            return false;
        }
        if hourly.is_time_matching(&epoch()).unwrap_or(false) {
            let finding =
                Finding::warning(rule, "it is planned for minute 0, when hosted runners are busiest and late");
            let file = self.path.rsplit('/').next().unwrap_or(self.path);
            let minute = schedule::scattered_minute(file.strip_suffix(".md").unwrap_or(file));
            self.push(finding, &way, format!("choose another minute, for example {minute}"));
        }
        true
    }

    fn limits(&mut self, mut limits: RunLimits) -> RunLimits {
        let ranges: [(&str, &mut u32, u32, u32); 4] = [
            ("turns", &mut limits.turns, 1, RUN_TURNS),
            ("minutes", &mut limits.minutes, 1, RUN_MINUTES),
            ("files", &mut limits.files, 1, 500),
            ("context", &mut limits.context, 4_000, 2_000_000),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(value) {
                let message = format!("{key} is {value}; {least} to {most} are possible");
                let remedy = format!("write a number from {least} to {most}");
                self.error("charter-limits", &["limits", key], message, remedy);
                *value = (*value).clamp(least, most);
            }
        }
        if let Some(tokens) = limits.tokens_per_run.filter(|tokens| *tokens < LEAST_TOKENS) {
            let message = format!("tokens_per_run is {tokens}; {LEAST_TOKENS} or more are possible");
            let remedy =
                format!("write a number from {LEAST_TOKENS}, or leave it out; a briefing alone takes thousands");
            self.error("charter-limits", &["limits", "tokens_per_run"], message, remedy);
            limits.tokens_per_run = Some(LEAST_TOKENS);
        }
        limits
    }

    fn senses(&mut self, senses: Option<Words>) -> Vec<Sense> {
        let mut kept = Vec::new();
        for (at, word) in senses.map_or_else(Vec::new, |senses| senses.words).into_iter().enumerate() {
            let way = ["senses", &at.to_string()];
            match Sense::ALL.into_iter().find(|sense| sense.name() == word) {
                Some(sense) if kept.contains(&sense) => {
                    self.error("charter-senses", &way, format!("the sense {word:?} is named twice"), "name it once");
                }
                Some(sense) => kept.push(sense),
                None => {
                    let names = Sense::ALL.map(Sense::name);
                    let remedy = match yaml::suggestion(&word, names.into_iter()) {
                        Some(meant) => format!("did you mean {meant:?}?"),
                        None => format!("the senses are {}", names.join(", ")),
                    };
                    self.error("charter-senses", &way, format!("there is no sense {:?}", short(&word)), remedy);
                }
            }
            if self.findings.len() > yaml::FINDINGS {
                break;
            }
        }
        kept
    }

    /// Whether the page can be used.
    fn page(&mut self, page: &str, owns: &[Pattern]) -> bool {
        let path = page.parse::<Pattern>().ok().filter(|pattern| pattern.as_path().is_some());
        let owned = path.is_some() && owns.iter().any(|pattern| pattern.matches(page));
        if path.is_none() {
            let message = format!("the page {:?} is not one path in the repository", short(page));
            self.error("charter-page", &["page"], message, "write a path without * and without a leading /");
        } else if !owned {
            let message = format!("the page {:?} is not a path that the agent owns", short(page));
            self.error("charter-page", &["page"], message, "choose a path that a pattern in `owns` matches");
        }
        owned
    }

    fn persona(&mut self, body: &str, line: u32) -> String {
        let persona = body.replace("\r\n", "\n").trim().to_owned();
        let problem = if persona.is_empty() {
            Some(("there is no persona below the front matter".to_owned(), "say who the agent is and what it does"))
        } else if persona.len() > PERSONA_BYTES {
            let message = format!("the persona has {} bytes; {PERSONA_BYTES} are the most", persona.len());
            Some((message, "shorten it: it is part of every briefing"))
        } else {
            None
        };
        if let Some((message, remedy)) = problem {
            // An empty body has no line of its own; the fence above it is the place then.
            let line = if body.is_empty() { line - 1 } else { line };
            self.findings.push(Finding::error("charter-persona", message).at(self.path).line(line).fix(remedy));
            self.usable = false;
        }
        persona
    }
}

/// A text as a message may quote it.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

fn is_mcp(tool: &str) -> bool {
    let fits =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let rest = tool.strip_prefix("mcp__").filter(|_| tool.len() <= 128);
    rest.and_then(|rest| rest.split_once("__")).is_some_and(|(server, tool)| fits(server) && fits(tool))
}

/// A moment to begin at: what a cron expression means does not depend on today.
fn epoch() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

/// Minutes between the two planned times that are closest, among the first of them.
fn shortest_gap(cron: &Cron) -> Option<i64> {
    let end = epoch() + TimeDelta::days(400);
    let times: Vec<DateTime<Utc>> =
        cron.iter_after(epoch() - TimeDelta::minutes(1)).take(150).take_while(|time| *time < end).collect();
    times.windows(2).map(|pair| (pair[1] - pair[0]).num_minutes()).min()
}
