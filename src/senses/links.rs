//! Links: relative links, images and anchors in Markdown that lead nowhere.
//! Lives here: resolving a link in the tree and the nearest thing that exists. Never here: reading Markdown (see
//! [`crate::town::markdown`]), links to other sites.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::owners::Owners;
use crate::git::files::{Files, text_of};
use crate::town::changeset::Mode;
use crate::town::facts::{BrokenLink, LinkFacts, LinkProblem};
use crate::town::markdown::{Outline, outline, percent_decoded, visible};

/// Broken links that are listed.
const LISTED: usize = 2_000;
/// Paths that one suggestion is chosen from by likeness.
const CANDIDATES: usize = 500;
/// Broken links for which a suggestion by likeness is looked for.
const SUGGESTIONS: usize = 500;

/// Whether links are looked for in `path`.
pub(super) fn is_markdown(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    [".md", ".markdown", ".mdown", ".mkd"].iter().any(|ending| lower.ends_with(ending))
}

#[derive(Default)]
pub(super) struct Collector {
    pages: BTreeMap<String, Outline>,
    pub(super) skipped: usize,
}

impl Collector {
    pub(super) fn file(&mut self, path: &str, bytes: &[u8]) {
        self.pages.insert(path.to_owned(), outline(&text_of(bytes)));
    }

    pub(super) fn finish(self, files: &Files<'_>, owners: &Owners<'_>) -> LinkFacts {
        let resolver = Resolver::new(files, &self.pages);
        let mut facts = LinkFacts { pages: self.pages.len(), skipped: self.skipped, ..LinkFacts::default() };
        for (path, page) in &self.pages {
            facts.unchecked += page.left_out;
            let owner = owners.of(path);
            let add = |facts: &mut LinkFacts, line, target: &str, problem, suggestion: Option<String>| {
                if facts.broken.len() >= LISTED {
                    facts.truncated += 1;
                    return;
                }
                let (path, target, owner) = (path.clone(), visible(target, 300), owner.clone());
                facts.broken.push(BrokenLink { path, line, target, problem, suggestion, owner });
            };
            for link in &page.links {
                match resolver.judge(path, &link.target) {
                    Verdict::Elsewhere => continue,
                    Verdict::Unknown => facts.unchecked += 1,
                    Verdict::Good => {}
                    Verdict::Broken(problem, suggestion) => {
                        add(&mut facts, link.line, &link.target, problem, suggestion)
                    }
                }
                facts.checked += 1;
            }
            for (line, label) in &page.undefined {
                facts.checked += 1;
                add(&mut facts, *line, label, LinkProblem::UndefinedReference, None);
            }
        }
        facts.broken.sort();
        facts
    }
}

enum Verdict {
    Good,
    /// Another site, an address, a template: not ours to judge.
    Elsewhere,
    /// Into a submodule or through a link.
    Unknown,
    Broken(LinkProblem, Option<String>),
}

struct Resolver<'a> {
    files: &'a Files<'a>,
    pages: &'a BTreeMap<String, Outline>,
    lower: BTreeMap<String, String>,
    names: BTreeMap<String, Vec<&'a str>>,
    suggestions: Cell<usize>,
}

impl<'a> Resolver<'a> {
    fn new(files: &'a Files<'a>, pages: &'a BTreeMap<String, Outline>) -> Self {
        let mut lower = BTreeMap::new();
        let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut folders = BTreeSet::new();
        for entry in files.entries() {
            lower.entry(entry.path.to_lowercase()).or_insert_with(|| entry.path.clone());
            let name = entry.path.rsplit('/').next().unwrap_or(&entry.path);
            names.entry(name.to_lowercase()).or_default().push(&entry.path);
            let mut folder = entry.path.as_str();
            while let Some((parent, _)) = folder.rsplit_once('/') {
                if !folders.insert(parent) {
                    break;
                }
                folder = parent;
            }
        }
        for folder in folders {
            lower.entry(folder.to_lowercase()).or_insert_with(|| folder.to_owned());
        }
        Self { files, pages, lower, names, suggestions: Cell::new(SUGGESTIONS) }
    }

    /// The most similar candidate; likeness is costly, so only so many are looked for.
    fn nearest<'c>(&self, wanted: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
        self.suggestions.set(self.suggestions.get().checked_sub(1)?);
        nearest(wanted, candidates)
    }

    fn judge(&self, page: &str, target: &str) -> Verdict {
        let target = target.trim();
        if target.is_empty() {
            return Verdict::Broken(LinkProblem::Empty, None);
        }
        if is_elsewhere(target) {
            return Verdict::Elsewhere;
        }
        let (rest, anchor) = target.split_once('#').map_or((target, None), |(rest, anchor)| (rest, Some(anchor)));
        let path = percent_decoded(rest.split('?').next().unwrap_or(rest));
        if path.is_empty() {
            return self.anchor(page, page, anchor);
        }
        let Some(path) = resolved(page, &path) else {
            return if leads_to_site(&path) { Verdict::Elsewhere } else { Verdict::Broken(LinkProblem::Outside, None) };
        };
        if self.files.get(&path).is_some_and(|entry| entry.mode != Mode::Module) {
            return self.anchor(page, &path, anchor);
        }
        if path.is_empty() || self.files.is_folder(&path) {
            return Verdict::Good;
        }
        if self.is_beyond(&path) {
            return Verdict::Unknown;
        }
        self.missing(page, &path)
    }

    /// Whether a part of the path is a submodule or a symbolic link, behind which we do not look.
    fn is_beyond(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.into_iter().any(|end| {
            self.files.get(&path[..end]).is_some_and(|entry| matches!(entry.mode, Mode::Link | Mode::Module))
        })
    }

    fn missing(&self, page: &str, path: &str) -> Verdict {
        if let Some(right) = self.lower.get(&path.to_lowercase()) {
            return Verdict::Broken(LinkProblem::WrongCase, Some(relative(page, right)));
        }
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        let same_name = self.names.get(&name).map_or(&[][..], Vec::as_slice);
        if let [only] = same_name {
            return Verdict::Broken(LinkProblem::NoSuchPath, Some(relative(page, only)));
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        // Within one folder only the names are compared: the folder's own name would make everything look alike.
        let start = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let near = self.files.under(folder).iter().take(CANDIDATES).map(|entry| &entry.path[start..]);
        let best = self.nearest(&path[start..], near).map(|name| format!("{}{name}", &path[..start]));
        let best = best.or_else(|| self.nearest(path, same_name.iter().copied().take(CANDIDATES)).map(str::to_owned));
        Verdict::Broken(LinkProblem::NoSuchPath, best.map(|best| relative(page, &best)))
    }

    fn anchor(&self, page: &str, path: &str, anchor: Option<&str>) -> Verdict {
        let Some(anchor) = anchor.filter(|anchor| !anchor.is_empty() && !anchor.eq_ignore_ascii_case("top")) else {
            return Verdict::Good;
        };
        // Only a page that was read can be asked for its anchors; `#L10` marks lines of any file.
        let Some(outline) = self.pages.get(path).filter(|_| !is_line_anchor(anchor)) else { return Verdict::Good };
        let wanted = percent_decoded(anchor);
        let wanted = wanted.strip_prefix("user-content-").unwrap_or(&wanted);
        // `:~:text=` is the browser's own way to point at words.
        if outline.anchors.contains(wanted) || wanted.starts_with(":~:") {
            return Verdict::Good;
        }
        let shown = |anchor: &str| {
            if page == path { format!("#{anchor}") } else { format!("{}#{anchor}", relative(page, path)) }
        };
        let lower = wanted.to_lowercase();
        if let Some(right) = outline.anchors.iter().find(|known| known.to_lowercase() == lower) {
            return Verdict::Broken(LinkProblem::WrongCase, Some(shown(right)));
        }
        // Marks that Unicode attaches to a picture stay in GitHub's anchors and are dropped in ours.
        let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        if lower.chars().any(|c| !c.is_alphanumeric() && !c.is_ascii())
            && outline.anchors.iter().any(|a| plain(a) == plain(wanted))
        {
            return Verdict::Good;
        }
        let best = self.nearest(wanted, outline.anchors.iter().map(String::as_str).take(CANDIDATES));
        Verdict::Broken(LinkProblem::NoSuchAnchor, best.map(shown))
    }
}

/// Whether a link leads to another site, an address, or is written by a template.
fn is_elsewhere(target: &str) -> bool {
    let scheme = target.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    scheme || target.starts_with("//") || ["{{", "{%", "${", "<%"].iter().any(|mark| target.contains(mark))
}

/// Links such as `../../issues` leave the tree on purpose: GitHub shows its own pages there.
fn leads_to_site(path: &str) -> bool {
    const PAGES: [&str; 16] = [
        "issues",
        "pulls",
        "pull",
        "wiki",
        "releases",
        "actions",
        "discussions",
        "commits",
        "compare",
        "milestones",
        "labels",
        "projects",
        "security",
        "graphs",
        "tags",
        "stargazers",
    ];
    let first = path.split('/').find(|segment| !matches!(*segment, "" | "." | ".."));
    first.is_some_and(|first| PAGES.contains(&first))
}

fn is_line_anchor(anchor: &str) -> bool {
    let fits = |part: &str| {
        let (line, column) = part.split_once('C').unwrap_or((part, "1"));
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        line.strip_prefix('L').is_some_and(number) && number(column)
    };
    anchor.split('-').count() <= 2 && anchor.split('-').all(fits)
}

/// The path of a link on `page`, from the root of the repository; `None` where it leaves the repository.
fn resolved(page: &str, path: &str) -> Option<String> {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    parts.retain(|part| !part.is_empty());
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// How a link on `page` names `path`.
fn relative(page: &str, path: &str) -> String {
    let from: Vec<&str> = page.split('/').collect();
    let to: Vec<&str> = path.split('/').collect();
    let from = &from[..from.len() - 1];
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count().min(to.len() - 1);
    let up = std::iter::repeat_n("..", from.len() - common);
    up.chain(to[common..].iter().copied()).collect::<Vec<_>>().join("/")
}

/// The most similar candidate, if it is similar enough to be worth a word.
fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wanted.len() > 300 {
        return None;
    }
    let scored = candidates.filter(|c| c.len() <= 300).map(|c| (strsim::normalized_damerau_levenshtein(wanted, c), c));
    let likely = scored.filter(|(score, _)| *score >= 0.7);
    likely.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1))).map(|(_, best)| best)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "links_tests.rs"]
mod links_tests;
