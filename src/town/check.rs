//! The check of a town: all its files together.
//! Lives here: which files make a town, and the rules across them. Never here: what one charter or the town file may
//! say by itself (see [`super::charter`] and [`super::settings`]), who owns what (see [`super::ownership`]), reading
//! files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::charter::{Charter, Parsed};
use super::finding::Finding;
use super::ids::AgentId;
use super::limits::{TOWN_FILE, TOWN_FILE_BYTES};
use super::memory::{self, Memory};
use super::models::{self, About};
use super::ownership::{self, Claim, Owner};
use super::path::fold;
use super::pattern::Pattern;
use super::settings::{self, Settings};
use super::text::one_line;
use super::world::{self, WORLD_FILE, World};
use super::{charter, workflows, yaml};

/// The rules of this file, each with what it means.
pub const RULES: &[(&str, &str)] = &[
    (NO_TOWN, "The repository has no `.monkeytown/town.yaml`."),
    (NO_CHARTERS, "The town has no agent."),
    (SIZE, "A town file is larger than 1 MiB."),
    (TWINS, "Two charters' files are one file where case or Unicode form is ignored."),
    (UNKNOWN_AGENT, "The town file names an agent that has no charter."),
    (NO_AGENT, "A memory file belongs to no agent."),
    (SAME_PAGE, "Two agents keep the same page."),
    (PROMPT, "A file among the prompt templates has no meaning."),
    (SAME_TIME, "Several agents are planned for exactly the same times."),
    (memory::RULE, "A memory file does not have the form of a memory."),
];
const NO_TOWN: &str = "town-file";
const NO_CHARTERS: &str = "no-charters";
const SIZE: &str = "town-file-size";
const TWINS: &str = "charter-twins";
const UNKNOWN_AGENT: &str = "unknown-agent";
const NO_AGENT: &str = "memory-without-agent";
const SAME_PAGE: &str = "same-page";
const PROMPT: &str = "unknown-prompt";
const SAME_TIME: &str = "same-schedule";

const PROMPTS: &str = ".monkeytown/prompts/";
/// The prompt templates that mean something.
pub const PROMPT_FILES: [&str; 2] = ["system.md.j2", "briefing.md.j2"];
/// Unknown agents for which a name is suggested, so that a huge list stays cheap.
const SUGGESTIONS: usize = 20;

/// What the check reads.
#[derive(Clone, Debug, Default)]
pub struct TownFiles {
    /// The files of which [`is_town_file`] says so, with their content. One byte beyond the limit is enough of a
    /// file that is too large.
    pub files: Vec<(String, Vec<u8>)>,
    /// Every path of the tree.
    pub all_paths: Vec<String>,
}

/// What the check read and what it has to say.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The town file, where it could be read.
    pub settings: Option<Settings>,
    /// The charters that could be read, by name.
    pub charters: Vec<Charter>,
    /// All findings, by path and line.
    pub findings: Vec<Finding>,
    /// What keeps one agent or another from thinking, by path and line. The town is in order all the same: a run may be told
    /// another brain, and says by itself what it meets.
    pub thinking: Vec<Finding>,
    /// The world as it is shown: the usual one where its file is not there or cannot be read.
    pub world: World,
    /// What there is to say about the world's file, by path and line. It changes no more than what people see: the town is in order
    /// all the same.
    pub scenery: Vec<Finding>,
}

/// Every rule that a check of the town may report, each with what it means.
#[must_use]
pub fn all_rules() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> = [
        yaml::RULES,
        charter::RULES,
        settings::RULES,
        models::RULES,
        ownership::RULES,
        workflows::RULES,
        world::RULES,
        RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What a town file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind<'a> {
    Settings,
    World,
    /// With the file's name without `.md`.
    Charter(&'a str),
    /// With the name of the agent.
    Memory(&'a str),
    Prompt,
}

fn kind(path: &str) -> Option<Kind<'_>> {
    if path == TOWN_FILE {
        return Some(Kind::Settings);
    }
    if path == WORLD_FILE {
        return Some(Kind::World);
    }
    if let Some(name) = path.strip_prefix(PROMPTS) {
        return name.ends_with(".j2").then_some(Kind::Prompt);
    }
    let below = path.strip_prefix("agents/")?;
    if let Some(name) = below.strip_prefix("memories/") {
        return name.strip_suffix("-memory.json").filter(|name| !name.contains('/')).map(Kind::Memory);
    }
    let stem = below.strip_suffix(".md").filter(|stem| !stem.contains('/'))?;
    (!stem.eq_ignore_ascii_case("readme")).then_some(Kind::Charter(stem))
}

/// Whether the check wants the content of this file.
#[must_use]
pub fn is_town_file(path: &str) -> bool {
    kind(path).is_some()
}

/// Checks a whole town. Never fails: whatever is wrong is a finding.
#[must_use]
pub fn check(town: &TownFiles) -> Checked {
    let mut read = Read::default();
    for (path, bytes) in &town.files {
        read.file(path, bytes);
    }
    read.charters.sort_by(|a, b| (&a.charter.name, a.path).cmp(&(&b.charter.name, b.path)));
    let mut findings = std::mem::take(&mut read.findings);
    read.presence(town, &mut findings);
    read.paths(town, &mut findings);
    read.pages(&mut findings);
    read.schedules(&mut findings);
    let (grants, guarded) = read.town_claims(&mut findings);
    findings.extend(ownership::prove(&read.owners(), &grants, &guarded));
    findings.sort();
    findings.dedup();
    let thinking = read.thinking();
    let (world, scenery) = read.world(town);
    let charters = read.charters.into_iter().map(|read| read.charter).collect();
    Checked { settings: read.settings, charters, findings, thinking, world, scenery }
}

/// A charter with where it came from.
struct ReadCharter<'a> {
    path: &'a str,
    text: &'a [u8],
    charter: Charter,
    owns_lines: Vec<u32>,
}

/// All files after each was read by itself.
#[derive(Default)]
struct Read<'a> {
    settings: Option<Settings>,
    town_text: &'a [u8],
    has_town_file: bool,
    charters: Vec<ReadCharter<'a>>,
    /// What charters' files are called, also of those that could not be read: their agents are not unknown.
    stems: BTreeSet<&'a str>,
    memories: Vec<(&'a str, &'a str)>,
    world_text: Option<&'a [u8]>,
    findings: Vec<Finding>,
}

impl<'a> Read<'a> {
    fn file(&mut self, path: &'a str, bytes: &'a [u8]) {
        let Some(kind) = kind(path) else { return };
        match kind {
            Kind::Settings => self.has_town_file = true,
            Kind::Charter(stem) => _ = self.stems.insert(stem),
            Kind::Memory(name) => self.memories.push((path, name)),
            Kind::World => return self.world_text = Some(bytes),
            Kind::Prompt => {}
        }
        if bytes.len() > TOWN_FILE_BYTES {
            let message = format!("the file is larger than {TOWN_FILE_BYTES} bytes, and was not read");
            self.findings.push(Finding::error(SIZE, message).at(path).fix("make it smaller"));
            return;
        }
        match kind {
            Kind::Settings => {
                let (settings, findings) = settings::parse(path, bytes);
                (self.settings, self.town_text) = (settings, bytes);
                self.findings.extend(findings);
            }
            Kind::Charter(_) => {
                let Parsed { charter, findings, owns_lines } = Parsed::read(path, bytes);
                self.charters.extend(charter.map(|charter| ReadCharter { path, text: bytes, charter, owns_lines }));
                self.findings.extend(findings);
            }
            Kind::Memory(_) => self.findings.extend(Memory::parse(path, bytes).1),
            Kind::World | Kind::Prompt => {}
        }
    }

    fn presence(&self, town: &TownFiles, findings: &mut Vec<Finding>) {
        if !self.has_town_file {
            let misspelt = town.all_paths.iter().find(|path| {
                let folded = fold(path);
                folded == TOWN_FILE || folded == ".monkeytown/town.yml"
            });
            let finding = Finding::error(NO_TOWN, format!("there is no {TOWN_FILE}, so this is no town")).at(TOWN_FILE);
            findings.push(match misspelt {
                Some(path) => finding.fix(format!("rename `{}` to {TOWN_FILE}", one_line(path, 160))),
                None => finding.fix("run `monkeytown init`"),
            });
        }
        if self.stems.is_empty() {
            let finding = Finding::error(NO_CHARTERS, "the town has no agent: there is no charter in agents/");
            findings.push(finding.at("agents").fix("run `monkeytown init`, or write agents/<name>.md"));
        }
    }

    /// What the paths alone tell: twins, memories without agents, templates without meaning.
    fn paths(&self, town: &TownFiles, findings: &mut Vec<Finding>) {
        let read = town.files.iter().map(|(path, _)| path.as_str());
        let paths: BTreeSet<&str> = town.all_paths.iter().map(String::as_str).chain(read).collect();
        let mut folded: HashMap<String, &str> = HashMap::new();
        for path in &paths {
            let lower = fold(path);
            if let Some(Kind::Charter(_)) = kind(&lower)
                && let Some(twin) = folded.insert(lower, path)
            {
                let twin = one_line(twin, 160);
                let message = format!("where case or Unicode form is ignored, the file falls together with `{twin}`");
                findings.push(Finding::error(TWINS, message).at(*path).fix("keep one of the two"));
            }
            if let Some(name) = path.strip_prefix(PROMPTS)
                && !PROMPT_FILES.contains(&name)
            {
                let message = format!("only {} are read here", PROMPT_FILES.join(" and "));
                findings.push(Finding::warning(PROMPT, message).at(*path).fix("rename or remove the file"));
            }
        }
        let known = self.known();
        for (path, name) in &self.memories {
            if !known.contains(name) {
                let message = format!("there is no agent `{}`, so nobody reads this memory", one_line(name, 80));
                let finding = Finding::warning(NO_AGENT, message).at(*path);
                findings.push(finding.fix("remove it, or bring its agent's charter back"));
            }
        }
    }

    fn known(&self) -> BTreeSet<&str> {
        let names = self.charters.iter().map(|read| read.charter.name.as_str());
        names.chain(self.stems.iter().copied()).collect()
    }

    fn pages(&self, findings: &mut Vec<Finding>) {
        let mut keepers: HashMap<String, &AgentId> = HashMap::new();
        for read in &self.charters {
            let Some(page) = &read.charter.page else { continue };
            if let Some(other) = keepers.insert(fold(page), &read.charter.name)
                && *other != read.charter.name
            {
                let message = format!("the page `{}` is kept by {other} too", one_line(page, 160));
                let line = Lines::of(read.text, true).first("page:");
                let finding = Finding::error(SAME_PAGE, message).at(read.path);
                findings.push(lined(finding, line).fix("give each agent a page of its own"));
            }
        }
    }

    fn schedules(&self, findings: &mut Vec<Finding>) {
        let mut times: BTreeMap<(String, &str), Vec<&ReadCharter<'_>>> = BTreeMap::new();
        for read in &self.charters {
            let Some(schedule) = &read.charter.schedule else { continue };
            let cron = schedule.cron.split_whitespace().collect::<Vec<_>>().join(" ");
            times.entry((cron, schedule.timezone.as_deref().unwrap_or("UTC"))).or_default().push(read);
        }
        for ((cron, zone), together) in times {
            let [first, rest @ ..] = together.as_slice() else { continue };
            if rest.is_empty() {
                continue;
            }
            let mut names: Vec<String> = rest.iter().take(5).map(|read| read.charter.name.to_string()).collect();
            if rest.len() > 5 {
                names.push(format!("{} more", rest.len() - 5));
            }
            let (cron, zone) = (one_line(&cron, 80), one_line(zone, 40));
            let message =
                format!("{} and {} start at the same times: {cron} ({zone})", first.charter.name, names.join(", "));
            let line = Lines::of(first.text, true).first("schedule:");
            let finding = Finding::info(SAME_TIME, message).at(first.path);
            findings
                .push(lined(finding, line).fix("spread them over the hour, so that they do not wait for each other"));
        }
    }

    fn thinking(&self) -> Vec<Finding> {
        let Some(Settings { brain, .. }) = &self.settings else { return Vec::new() };
        let of_town = Lines::of(self.town_text, false);
        let placed = |(about, finding): (About<'_>, Finding)| {
            let (path, line) = match about {
                About::Charter(name) => {
                    let read = self.charters.iter().find(|read| read.charter.name == *name);
                    let line = read.and_then(|read| Lines::of(read.text, true).first("model:"));
                    (read.map_or("agents", |read| read.path), line)
                }
                About::Model => (TOWN_FILE, of_town.after(&["brain:"], "model:")),
                About::Fallback(name) => (TOWN_FILE, of_town.after(&["brain:", "fallbacks:"], name)),
                About::Address => (TOWN_FILE, of_town.after(&["brain:"], "base_url:")),
            };
            lined(finding.at(path), line)
        };
        let charters = self.charters.iter().map(|read| &read.charter);
        let mut found: Vec<Finding> = models::findings(brain, charters).into_iter().map(placed).collect();
        found.sort();
        found.dedup();
        found
    }

    fn world(&self, town: &TownFiles) -> (World, Vec<Finding>) {
        let Some(text) = self.world_text else {
            let misspelt =
                town.all_paths.iter().find(|path| matches!(fold(path).as_str(), WORLD_FILE | world::MISSPELT));
            let warn = |path: &String| {
                let message = format!("this file is not read: the world's file is {WORLD_FILE}");
                Finding::warning("world-file", message).at(path).fix("rename it")
            };
            return (World::default(), misspelt.map(warn).into_iter().collect());
        };
        let (world, mut findings) = World::read(WORLD_FILE, text);
        let known = self.known();
        let strangers = world.homes.keys().filter(|name| !known.contains(name.as_str()));
        findings.extend(world::empty_homes(WORLD_FILE, text, strangers));
        findings.sort();
        (world, findings)
    }

    fn owners(&self) -> Vec<Owner> {
        let one = |read: &ReadCharter<'_>| {
            let claims = read
                .charter
                .owns
                .iter()
                .enumerate()
                .map(|(at, pattern)| Claim { pattern: pattern.clone(), line: read.owns_lines.get(at).copied() });
            Owner { path: read.path.to_owned(), name: read.charter.name.clone(), claims: claims.collect() }
        };
        self.charters.iter().map(one).collect()
    }

    /// What the town file grants and guards. Names that belong to no agent are findings.
    fn town_claims(&self, findings: &mut Vec<Finding>) -> (Vec<Owner>, Vec<Pattern>) {
        let Some(settings) = &self.settings else { return (Vec::new(), Vec::new()) };
        let (lines, known) = (Lines::of(self.town_text, false), self.known());
        let granted =
            settings.grants.keys().map(|name| ("grants", name, lines.after(&["grants:"], &format!("{name}:"))));
        let paused = settings.paused.iter().map(|name| ("paused", name, lines.after(&["paused:"], name.as_str())));
        let unknown = granted.chain(paused).filter(|(_, name, _)| !known.contains(name.as_str()));
        for (at, (key, name, line)) in unknown.enumerate() {
            let message = format!("`{key}` names `{name}`, and there is no such agent");
            let close = if at < SUGGESTIONS { closest(name.as_str(), &known) } else { None };
            let remedy = match close {
                Some(close) => format!("did you mean `{close}`?"),
                None => "take the name off, or write the agent's charter".to_owned(),
            };
            findings.push(lined(Finding::error(UNKNOWN_AGENT, message).at(TOWN_FILE), line).fix(remedy));
        }
        let grant = |(name, patterns): (&AgentId, &Vec<Pattern>)| {
            let claims = patterns.iter().map(|pattern| Claim {
                pattern: pattern.clone(),
                line: lines.after(&["grants:", &format!("{name}:")], pattern.as_str()),
            });
            Owner { path: TOWN_FILE.to_owned(), name: name.clone(), claims: claims.collect() }
        };
        (settings.grants.iter().map(grant).collect(), settings.guarded.clone())
    }
}

fn lined(finding: Finding, line: Option<u32>) -> Finding {
    match line {
        Some(line) => finding.line(line),
        None => finding,
    }
}

fn closest<'a>(name: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let near = known.iter().map(|other| (strsim::osa_distance(name, other), *other));
    near.filter(|(distance, _)| *distance <= 1 + name.len() / 4).min().map(|(_, other)| other)
}

/// Where the words of a YAML text stand: good enough to name a line, and linear whatever the text.
struct Lines<'a> {
    words: HashMap<&'a str, Vec<u32>>,
}

impl<'a> Lines<'a> {
    /// Takes up a text, or only its front matter.
    fn of(text: &'a [u8], front_matter: bool) -> Self {
        let mut words: HashMap<&str, Vec<u32>> = HashMap::new();
        let text = std::str::from_utf8(text).unwrap_or_default();
        for (number, line) in (1..).zip(text.lines()) {
            if front_matter && number > 1 && line.trim_end() == "---" {
                break;
            }
            let separates = |c: char| c.is_whitespace() || matches!(c, '[' | ']' | '{' | '}' | ',' | '"' | '\'');
            for word in line.split(separates).filter(|word| !word.is_empty()) {
                let lines = words.entry(word).or_default();
                if lines.last() != Some(&number) {
                    lines.push(number);
                }
            }
        }
        Self { words }
    }

    /// The first line with `word`.
    fn first(&self, word: &str) -> Option<u32> {
        self.words.get(word)?.first().copied()
    }

    /// The first line with `word` at or after those of the keys, each of which is looked for from the one before it;
    /// where the word is not to be seen, the line of the last key.
    fn after(&self, keys: &[&str], word: &str) -> Option<u32> {
        let from = |word: &str, start: u32| {
            let lines = self.words.get(word)?;
            lines.get(lines.partition_point(|line| *line < start)).copied()
        };
        let key = keys.iter().try_fold(1, |start, key| from(key, start))?;
        Some(from(word, key).unwrap_or(key))
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
