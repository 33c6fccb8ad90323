//! The briefing: what an agent is told at the start of a run.
//!
//! Lives here: its content as a value, its sections in order of value, and what of them fits into a given room. What
//! others wrote is quoted as data with its origin. Never here: the templates (see `run::brief`), where the content
//! comes from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::charter::Sense;
use super::ids::AgentId;
use super::pattern::Pattern;
use super::text::{one_line, quote_data, truncate_middle};

/// Everything that an agent could be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Briefing {
    /// The town's name.
    pub town: String,
    /// Who is told.
    pub agent: AgentId,
    /// The role in a sentence, from its charter.
    pub description: String,
    /// The persona and its task, from its charter.
    pub persona: String,
    /// What it may write, grants included.
    pub owns: Vec<Pattern>,
    /// The one file that it keeps up to date, if it keeps one.
    pub page: Option<String>,
    /// The tools that are really there.
    pub tools: Vec<ToolLine>,
    /// Tools that its charter lists and this run does not have.
    pub absent_tools: Vec<String>,
    /// The moment that the run began.
    pub now: DateTime<Utc>,
    /// What it works on, for example `main at 0123456789`.
    pub base: String,
    /// A task for this run alone, from whoever started it.
    pub task: Option<String>,
    /// What the run may still use.
    pub limits: LimitsLeft,
    /// Its open pull request.
    pub pull: Option<OwnPull>,
    /// What humans decided about its last pull requests, newest first.
    pub verdicts: Vec<PastVerdict>,
    /// What others want from it, newest first.
    pub inbox: Vec<Quote>,
    /// Specs that concern it.
    pub specs: Vec<Quote>,
    /// What it remembers, most important first.
    pub memory: Vec<Quote>,
    /// What its senses say, in the order of its charter.
    pub facts: Vec<SenseText>,
    /// The files with their sizes.
    pub files: Option<String>,
}

/// A tool as the system prompt lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolLine {
    /// Its name.
    pub name: String,
    /// What it does, in a sentence.
    pub description: String,
}

/// What a run may still use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsLeft {
    /// Replies.
    pub turns: u32,
    /// Minutes.
    pub minutes: u32,
    /// Files that the pull request may change in all.
    pub files: u32,
}

/// The agent's open pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPull {
    /// Its number at the forge.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its branch.
    pub branch: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// What it changes.
    pub files: Vec<String>,
    /// Review comments and reactions, newest first.
    pub comments: Vec<Quote>,
}

/// What a human decided about a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastVerdict {
    /// Its number at the forge.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// What became of it, for example `merged` or `rejected`.
    pub outcome: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The reason's code, where one was given.
    pub code: Option<String>,
    /// The reason in words, where one was given.
    pub reason: Option<String>,
}

/// Something that somebody else wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Where it comes from: a path, a person with a date, an event.
    pub origin: String,
    /// What it says.
    pub text: String,
}

/// What one sense says, in Markdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenseText {
    /// The sense.
    pub sense: Sense,
    /// Its reading.
    pub text: String,
}

/// What of a briefing fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// What is shown, in order of value.
    pub sections: Vec<Shown>,
    /// Names of sections that are shown in part.
    pub shortened: Vec<String>,
    /// Names of sections that are not shown at all.
    pub left_out: Vec<String>,
}

/// A section as the agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its name, for example `facts-links`.
    pub name: String,
    /// Its heading.
    pub title: String,
    /// Its Markdown, ending with a line break; what others wrote is quoted.
    pub text: String,
}

/// A section before it is known how much of it fits.
struct Section {
    name: String,
    title: String,
    /// Whether the agent would be blind without it.
    mandatory: bool,
    parts: Vec<Part>,
}

/// Our own words, or quoted ones.
enum Part {
    Ours(String),
    Data { origin: String, text: String },
}

impl Part {
    fn quote(quote: &Quote) -> Self {
        Self::Data { origin: quote.origin.clone(), text: quote.text.clone() }
    }

    fn whole(&self) -> String {
        match self {
            Self::Ours(text) => text.clone(),
            Self::Data { origin, text } => quote_data(origin, text),
        }
    }

    /// The part in at most `room` bytes. Text is cut before it is quoted, so that no cut can open the fence.
    fn cut(&self, room: usize) -> Option<String> {
        let text = match self {
            Self::Ours(text) => text,
            Self::Data { text, .. } => text,
        };
        let mut keep = room.min(text.len());
        // Escapes make a text longer in a way that depends on what was cut, so the right length is approached.
        for _ in 0..12 {
            let short = truncate_middle(text, keep);
            let shown = match self {
                Self::Ours(_) => short,
                Self::Data { origin, .. } => quote_data(origin, &short),
            };
            if shown.len() <= room {
                return Some(shown);
            }
            keep = keep.saturating_sub((shown.len() - room).max(keep / 8)).min(keep / 2 + keep / 4);
            if keep < LEAST {
                return None;
            }
        }
        None
    }
}

/// Bytes below which a cut text says nothing any more.
const LEAST: usize = 64;
/// Bytes below which an optional section is rather left out than cut.
const LEAST_SECTION: usize = 400;
/// What a heading with its empty lines costs beside the title.
const HEADING: usize = 6;

impl Section {
    fn new(name: &str, title: &str, parts: Vec<Part>) -> Self {
        Self { name: name.to_owned(), title: title.to_owned(), mandatory: false, parts }
    }

    const fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    fn heading(&self) -> usize {
        self.title.len() + HEADING
    }

    /// What it costs in full, its heading included.
    fn cost(&self) -> usize {
        self.heading() + self.whole().len()
    }

    fn whole(&self) -> String {
        join(self.parts.iter().map(Part::whole))
    }

    /// The section in at most `room` bytes: parts in order while they fit, the first that does not fit cut, and those
    /// after it counted.
    fn cut(&self, room: usize) -> String {
        let rest = |n: usize| format!("[… {n} more left out …]\n");
        let mut room = room.saturating_sub(self.heading() + rest(self.parts.len()).len() + 1);
        let mut shown = Vec::new();
        for part in &self.parts {
            let whole = part.whole();
            if whole.len() < room {
                room -= whole.len() + 1;
                shown.push(whole);
                continue;
            }
            shown.extend(part.cut(room.saturating_sub(1)));
            break;
        }
        let missing = self.parts.len() - shown.len();
        if missing > 0 {
            shown.push(rest(missing));
        }
        join(shown.into_iter())
    }
}

/// Parts below one another, each ending its line.
fn join(parts: impl Iterator<Item = String>) -> String {
    let mut all = String::new();
    for part in parts {
        all.push_str(&part);
        if !all.ends_with('\n') {
            all.push('\n');
        }
    }
    all
}

impl Briefing {
    /// The names of all sections that have something to say, in order of value.
    #[must_use]
    pub fn section_names(&self) -> Vec<String> {
        self.sections().into_iter().map(|section| section.name).collect()
    }

    /// What of the briefing fits into `room` bytes. Sections without which the agent would be blind always appear, cut
    /// if they must be; the others follow in order of value, and one that does not fit gets half of what is left, so that
    /// a large one does not starve those after it.
    #[must_use]
    pub fn select(&self, room: usize) -> Selection {
        let sections = self.sections();
        let needed: Vec<usize> = sections.iter().filter(|s| s.mandatory).map(Section::cost).collect();
        let fair = fair_share(&needed, room);
        let mut left = room.saturating_sub(needed.iter().map(|&cost| cost.min(fair)).sum());
        let mut selection = Selection::default();
        for section in sections {
            let cost = section.cost();
            let granted = match (section.mandatory, cost <= left) {
                (true, _) => cost.min(fair),
                (false, true) => cost,
                (false, false) => left / 2,
            };
            if !section.mandatory {
                if granted < cost && granted < LEAST_SECTION {
                    selection.left_out.push(section.name);
                    continue;
                }
                left -= granted;
            }
            let text = if granted == cost { section.whole() } else { section.cut(granted) };
            if granted < cost {
                selection.shortened.push(section.name.clone());
            }
            selection.sections.push(Shown { name: section.name, title: section.title, text });
        }
        selection
    }

    fn sections(&self) -> Vec<Section> {
        let mut all = Vec::new();
        if let Some(task) = &self.task {
            // Whoever may start a run may say what it is for, so this is an order and no quotation.
            let (task, _) = super::text::escape_invisible(task);
            all.push(Section::new("task", "Your task in this run", vec![Part::Ours(task)]).mandatory());
        }
        all.push(Section::new("limits", "What is left to use", vec![Part::Ours(self.limits_text())]).mandatory());
        all.extend(self.pull.as_ref().map(pull_section));
        if !self.verdicts.is_empty() {
            let parts = self.verdicts.iter().flat_map(verdict_parts).collect();
            all.push(Section::new("verdicts", "What humans decided about your last pull requests", parts).mandatory());
        }
        let quoted = [
            ("inbox", "What others want from you", &self.inbox),
            ("specs", "Specs that concern you", &self.specs),
            ("memory", "What you noted in earlier runs", &self.memory),
        ];
        for (name, title, quotes) in quoted {
            if !quotes.is_empty() {
                all.push(Section::new(name, title, quotes.iter().map(Part::quote).collect()));
            }
        }
        for fact in &self.facts {
            let name = fact.sense.name();
            let part = Part::Data { origin: format!("the sense {name}"), text: fact.text.clone() };
            all.push(Section::new(&format!("facts-{name}"), &format!("Facts: {name}"), vec![part]));
        }
        if let Some(files) = &self.files {
            let part = Part::Data { origin: "the tree of the base".to_owned(), text: files.clone() };
            all.push(Section::new("files", "The files", vec![part]));
        }
        all
    }

    fn limits_text(&self) -> String {
        let LimitsLeft { turns, minutes, files } = self.limits;
        format!(
            "{}, {}, and a pull request of at most {}.",
            count(turns, "reply", "replies"),
            count(minutes, "minute", "minutes"),
            count(files, "changed file", "changed files")
        )
    }
}

fn count(n: u32, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn pull_section(pull: &OwnPull) -> Section {
    let head = format!(
        "Number {}, branch `{}`, opened {}, changes {}. What you do now updates it. Answer its comments by changing \
         the work.",
        pull.number,
        one_line(&pull.branch, 100),
        pull.opened_at.format("%Y-%m-%d"),
        count(u32::try_from(pull.files.len()).unwrap_or(u32::MAX), "file", "files")
    );
    let files: String = pull.files.iter().map(|path| one_line(path, 200) + "\n").collect();
    let title = Part::Data { origin: "its title".to_owned(), text: pull.title.clone() };
    let mut parts = vec![Part::Ours(head), title];
    // Comments before paths: a person waits for an answer to them.
    parts.extend(pull.comments.iter().map(Part::quote));
    parts.push(Part::Data { origin: "the paths that it changes".to_owned(), text: files });
    Section::new("pull", "Your open pull request", parts).mandatory()
}

fn verdict_parts(verdict: &PastVerdict) -> Vec<Part> {
    let code = verdict.code.as_ref().map(|code| format!(", reason {}", one_line(code, 40))).unwrap_or_default();
    let head = format!(
        "- Number {} was {} by {} on {}{code}.",
        verdict.number,
        one_line(&verdict.outcome, 40),
        one_line(&verdict.by, 60),
        verdict.at.format("%Y-%m-%d")
    );
    let mut text = verdict.title.clone();
    if let Some(reason) = &verdict.reason {
        text.push_str("\n\n");
        text.push_str(reason);
    }
    let origin = if verdict.reason.is_some() { "its title and the reason" } else { "its title" };
    vec![Part::Ours(head), Part::Data { origin: origin.to_owned(), text }]
}

/// The most that each may have so that all together fit into `room`: small ones stay whole, large ones share alike.
fn fair_share(costs: &[usize], room: usize) -> usize {
    let mut sorted = costs.to_vec();
    sorted.sort_unstable();
    let mut left = room;
    for (at, &cost) in sorted.iter().enumerate() {
        let share = left / (sorted.len() - at);
        if cost > share {
            return share;
        }
        left -= cost;
    }
    usize::MAX
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
