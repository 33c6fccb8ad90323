//! What in tests and code covers which requirement: ids of requirements and scenarios, `covers:` tags, and both beside each other.
//! Lives here: ids, tags, the matrix and what is missing in it. Never here: which files are looked through (see `cli`).
//!
//! An id is `<capability>#<requirement>` or `<capability>#<requirement>/<scenario>`, with the names as [`slug`] writes them;
//! what comes twice in a file gets `-2`, `-3` and so on, in the file's order. A tag is `covers: <id>` in a comment of any
//! kind, with more ids behind commas or blanks. A tag that names a requirement covers its scenarios too.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::block::{self, Block, number};
use super::delta::Delta;
use super::issue::Issue;
use super::lines::Lines;
use super::main_spec::Requirements;
use super::project::Project;
use super::rules::{Profile, Rule, TRACE_UNCOVERED, TRACE_UNKNOWN};

/// The word of a tag.
const WORD: &str = "covers:";
/// What may stand in an id besides letters and digits.
const MARKS: &[char] = &['-', '_', '.', '/', '#'];

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// From the repository's root.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
}

/// A tag: an id, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// The id as it is written.
    pub id: String,
    /// Where.
    pub place: Place,
}

/// A requirement or a scenario of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What a tag names.
    pub id: String,
    /// The name as the spec has it.
    pub name: String,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// The open change that brings it, where no spec has it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The tags that name it.
    pub covered_by: Vec<Place>,
    /// Whether a tag names it, the requirement around it, or a scenario in it.
    pub is_covered: bool,
}

impl Row {
    /// Whether it is a scenario.
    #[must_use]
    pub fn is_scenario(&self) -> bool {
        self.id.split_once('#').is_some_and(|(_, rest)| rest.contains('/'))
    }

    /// The id of the requirement that it is or belongs to.
    fn requirement(&self) -> &str {
        let hash = self.id.find('#').unwrap_or_default();
        self.id[hash..].find('/').map_or(&self.id, |slash| &self.id[..hash + slash])
    }
}

/// The matrix: every requirement and scenario beside what covers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// By capability, in the order of its file: each requirement before its scenarios.
    pub rows: Vec<Row>,
    /// Tags that name nothing.
    pub unknown: Vec<Tag>,
}

/// A name as ids have it: letters and digits in lower case, and one `-` for whatever stands between them.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_alphanumeric() {
            out.extend(letter.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    if out.is_empty() { "unnamed".to_owned() } else { out }
}

/// Slugs that are taken within one file or one requirement.
#[derive(Default)]
struct Taken(BTreeSet<String>);

impl Taken {
    fn id(&mut self, before: &str, name: &str) -> String {
        let first = slug(name);
        let mut found = format!("{before}{first}");
        let mut count = 2;
        while !self.0.insert(found.clone()) {
            found = format!("{before}{first}-{count}");
            count += 1;
        }
        found
    }
}

/// Every requirement and scenario of a project's specs, and after them what open changes bring.
#[must_use]
pub fn rows(project: &Project<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for spec in project.specs() {
        if let Ok(text) = project.text(&spec.path) {
            let blocks = Requirements::of(&Lines::of(&text)).blocks;
            add(&mut rows, &spec.id, &spec.path, None, &blocks);
        }
    }
    let mut known: BTreeSet<String> = rows.iter().map(|row| row.id.clone()).collect();
    for change in project.changes() {
        rows.extend(rows_of(project, change).into_iter().filter(|row| known.insert(row.id.clone())));
    }
    rows
}

/// The requirements and scenarios that an open change brings or brings anew, as its deltas have them.
#[must_use]
pub fn rows_of(project: &Project<'_>, change: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for file in project.deltas(change) {
        let Ok(text) = project.text(&file.path) else { continue };
        let delta = Delta::of(&Lines::of(&text));
        let renamed = delta.renamed.iter().map(|rename| Block {
            name: rename.to.name.clone(),
            raw: String::new(),
            line: rename.to.line,
        });
        let blocks: Vec<Block> = delta.added.iter().chain(&delta.modified).cloned().chain(renamed).collect();
        add(&mut rows, &file.id, &file.path, Some(change), &blocks);
    }
    rows
}

/// The rows of one file.
fn add(rows: &mut Vec<Row>, capability: &str, file: &str, change: Option<&str>, blocks: &[Block]) {
    let row = |id: String, name: &str, line: u32| Row {
        id,
        name: name.to_owned(),
        place: Place { file: file.to_owned(), line },
        change: change.map(str::to_owned),
        covered_by: Vec::new(),
        is_covered: false,
    };
    let mut taken = Taken::default();
    for found in blocks {
        let id = taken.id(&format!("{capability}#"), &found.name);
        let lines = found.lines();
        let mut of_scenarios = Taken::default();
        rows.push(row(id.clone(), &found.name, found.line));
        for scenario in block::scenarios(&lines, 0..lines.len()) {
            let line = found.line + number(scenario.at) - 1;
            rows.push(row(of_scenarios.id(&format!("{id}/"), &scenario.name), &scenario.name, line));
        }
    }
}

/// Whether a file is looked through for tags: what speaks of requirements in prose covers none.
#[must_use]
pub fn is_looked_through(path: &str, openspec: &str) -> bool {
    !path.strip_prefix(openspec).is_some_and(|inner| inner.starts_with('/')) && !path.ends_with(".md")
}

/// The tags in a text.
#[must_use]
pub fn tags(file: &str, text: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for (start, _) in line.match_indices(WORD) {
            if line[..start].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_') {
                continue;
            }
            for word in line[start + WORD.len()..].split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
                // The first word that is no id ends the tag: a comment may go on in prose.
                let Some(id) = id_in(word) else { break };
                found.push(Tag { id: id.to_owned(), place: Place { file: file.to_owned(), line: number(at) } });
            }
        }
    }
    found
}

/// The id that a word begins with, without what closes a sentence or a comment behind it.
fn id_in(word: &str) -> Option<&str> {
    let end = word.find(|letter: char| !letter.is_alphanumeric() && !MARKS.contains(&letter)).unwrap_or(word.len());
    let id = word[..end].trim_end_matches(['.', '/', '-', '_']);
    let (capability, rest) = id.split_once('#')?;
    (!capability.is_empty() && !rest.is_empty()).then_some(id)
}

impl Trace {
    /// Puts tags beside what they name.
    #[must_use]
    pub fn of(mut rows: Vec<Row>, mut tags: Vec<Tag>) -> Self {
        tags.sort();
        tags.dedup();
        let index: BTreeMap<String, usize> = rows.iter().enumerate().map(|(at, row)| (row.id.clone(), at)).collect();
        let mut unknown = Vec::new();
        for tag in tags {
            match index.get(&tag.id) {
                Some(&at) => rows[at].covered_by.push(tag.place),
                None => unknown.push(tag),
            }
        }
        let named: BTreeSet<String> =
            rows.iter().filter(|row| !row.covered_by.is_empty()).map(|row| row.id.clone()).collect();
        let touched: BTreeSet<String> =
            rows.iter().filter(|row| !row.covered_by.is_empty()).map(|row| row.requirement().to_owned()).collect();
        for row in &mut rows {
            let around = if row.is_scenario() { &named } else { &touched };
            row.is_covered = !row.covered_by.is_empty() || around.contains(row.requirement());
        }
        Self { rows, unknown }
    }

    /// Keeps what one capability has: its rows, and the tags that name something in it which is not there.
    pub fn keep(&mut self, capability: &str) {
        let is_of = |id: &str| id.split('#').next() == Some(capability);
        self.rows.retain(|row| is_of(&row.id));
        self.unknown.retain(|tag| is_of(&tag.id));
    }

    /// What a profile has to say: requirements that nothing covers, scenarios that nothing covers where others of their
    /// requirement are covered, and tags that name nothing. What only an open change brings may still be uncovered.
    #[must_use]
    pub fn findings(&self, profile: Profile) -> Vec<Issue> {
        self.told(profile).into_iter().map(|(_, issue)| issue).collect()
    }

    /// The same by capability: that of the requirement, or that which a tag names.
    #[must_use]
    pub fn by_capability(&self, profile: Profile) -> BTreeMap<String, Vec<Issue>> {
        let mut found: BTreeMap<String, Vec<Issue>> = BTreeMap::new();
        for (id, issue) in self.told(profile) {
            found.entry(id.split('#').next().unwrap_or_default().to_owned()).or_default().push(issue);
        }
        found
    }

    /// Each finding behind the id that it is about.
    fn told(&self, profile: Profile) -> Vec<(&str, Issue)> {
        let mut found = Vec::new();
        let covered: BTreeMap<&str, bool> = self.rows.iter().map(|row| (row.id.as_str(), row.is_covered)).collect();
        for row in self.rows.iter().filter(|row| !row.is_covered && row.change.is_none()) {
            let is_said = row.is_scenario() && covered.get(row.requirement()) == Some(&false);
            if !is_said {
                let what = if row.is_scenario() { "scenario" } else { "requirement" };
                let message = format!("no test and no code covers the {what} \"{}\"", row.name);
                let fix = format!("write `{WORD} {}` in a comment of the test that shows it", row.id);
                let issue = issue(&TRACE_UNCOVERED, profile, &row.place, message, fix);
                found.extend(issue.map(|issue| (row.id.as_str(), issue)));
            }
        }
        for tag in &self.unknown {
            let message = format!("\"{}\" names no requirement and no scenario", tag.id);
            let fix = match self.nearest(&tag.id) {
                Some(near) => format!("write `{near}`, or take the tag away"),
                None => "take the tag away".to_owned(),
            };
            let issue = issue(&TRACE_UNKNOWN, profile, &tag.place, message, fix);
            found.extend(issue.map(|issue| (tag.id.as_str(), issue)));
        }
        found
    }

    /// The id that looks most like one that is not known.
    fn nearest(&self, id: &str) -> Option<&str> {
        // Far longer than any name: nothing is near it, and measuring would be dear.
        if id.len() > 400 {
            return None;
        }
        let near = self.rows.iter().map(|row| (strsim::normalized_levenshtein(id, &row.id), row.id.as_str()));
        near.filter(|(score, _)| *score > 0.6).max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, near)| near)
    }
}

fn issue(rule: &Rule, profile: Profile, place: &Place, message: String, fix: String) -> Option<Issue> {
    let level = rule.level(profile)?;
    let path = place.file.clone();
    let (line, file) = (Some(place.line), place.file.clone());
    Some(Issue { level, path, message, line, column: None, code: rule.id, file, fix: Some(fix) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    const SPEC: &str = "# A\n\n## Purpose\nX\n\n## Requirements\n\n### Requirement: Users log in\nIt SHALL.\n\n\
        #### Scenario: Right password\n- ok\n\n#### Scenario: Wrong password!\n- no\n\n#### Scenario: wrong  password\n- no\n\n\
        ### Requirement: users, log in\nIt SHALL.\n\n#### Scenario: 猿 & é\n- ok\n";
    const DELTA: &str = "## ADDED Requirements\n\n### Requirement: New one\nIt SHALL.\n\n#### Scenario: It is\n- ok\n\n\
        ## MODIFIED Requirements\n\n### Requirement: Users log in\nIt SHALL.\n\n#### Scenario: By key\n- ok\n\n\
        ## RENAMED Requirements\n- FROM: `### Requirement: A`\n- TO: `### Requirement: B`\n";

    /// Tags are written with `@` here, so that none of them counts for this file.
    fn written(text: &str) -> String {
        text.replace('@', WORD)
    }

    fn found(tags_in: &[(&str, &str)]) -> Trace {
        let mut tree = Tree::default();
        tree.put_file("openspec/specs/auth/login/spec.md", SPEC.as_bytes());
        tree.put_file("openspec/changes/c/specs/auth/login/spec.md", DELTA.as_bytes());
        let project = Project::new(&tree, "openspec");
        let tags = tags_in.iter().flat_map(|(file, text)| tags(file, &written(text))).collect();
        Trace::of(rows(&project), tags)
    }

    #[test]
    fn one_capability_is_kept_with_its_own_gaps() {
        let tags = [("a.rs", "// @ auth/login#gone"), ("b.rs", "// @ other#gone")];
        let mut trace = found(&tags);
        assert_eq!(trace.unknown.len(), 2);
        trace.keep("auth/login");
        assert_eq!((trace.rows.len(), trace.unknown.len()), (10, 1));
        trace.keep("auth");
        assert!(trace.findings(Profile::Gated).is_empty(), "a folder of capabilities is none");
    }

    // covers: traceability#ids-of-requirements-and-scenarios
    #[test]
    fn an_id_is_made_of_names_and_is_taken_once() {
        let trace = found(&[]);
        let ids: Vec<(&str, u32)> = trace.rows.iter().map(|row| (row.id.as_str(), row.place.line)).collect();
        let expected = [
            ("auth/login#users-log-in", 8),
            ("auth/login#users-log-in/right-password", 11),
            ("auth/login#users-log-in/wrong-password", 14),
            ("auth/login#users-log-in/wrong-password-2", 17),
            ("auth/login#users-log-in-2", 20),
            ("auth/login#users-log-in-2/猿-é", 23),
            ("auth/login#new-one", 3),
            ("auth/login#new-one/it-is", 6),
            ("auth/login#users-log-in/by-key", 14),
            ("auth/login#b", 19),
        ];
        assert_eq!(ids, expected);
        assert_eq!(slug(" --- "), "unnamed");
    }

    // covers: traceability#tags-in-comments, traceability#tags-in-comments/two-ids-in-one-comment
    #[test]
    fn a_tag_is_read_in_a_comment_of_any_kind() {
        let text = "// @ a#b, a#c/d\n# @ x/y#z.\n<!-- @ h#i -->\n/* @ j#k*/\n\
            dis@ no#no\n@ the whole #7\n-- @ q#r and s#t\n(@ 猿#é)\n@ #x y#\n";
        let ids: Vec<(String, u32)> =
            tags("f", &written(text)).into_iter().map(|tag| (tag.id, tag.place.line)).collect();
        let expected = [("a#b", 1), ("a#c/d", 1), ("x/y#z", 2), ("h#i", 3), ("j#k", 4), ("q#r", 7), ("猿#é", 8)];
        assert_eq!(ids, expected.map(|(id, line)| (id.to_owned(), line)));
    }

    // covers: traceability#gaps-and-unknown-ids-are-findings
    // covers: traceability#gaps-and-unknown-ids-are-findings/a-requirement-was-renamed
    // covers: traceability#gaps-and-unknown-ids-are-findings/only-an-open-change-brings-it
    #[test]
    fn what_is_covered_and_what_is_not() {
        let none = found(&[]).findings(Profile::Gated);
        let said: Vec<(&str, Option<u32>)> = none.iter().map(|issue| (issue.code, issue.line)).collect();
        assert_eq!(said, [("trace/uncovered", Some(8)), ("trace/uncovered", Some(20))], "a requirement is said once");

        let text =
            "// @ auth/login#users-log-in/right-password auth/login#users-log-in-2\n// @ auth/login#user-logs-in\n";
        let trace = found(&[("t.rs", text)]);
        let found = trace.findings(Profile::Gated);
        let said: Vec<(&str, &str, Option<u32>)> =
            found.iter().map(|issue| (issue.code, issue.file.as_str(), issue.line)).collect();
        let spec = "openspec/specs/auth/login/spec.md";
        let expected = [
            ("trace/uncovered", spec, Some(14)),
            ("trace/uncovered", spec, Some(17)),
            ("trace/unknown-id", "t.rs", Some(2)),
        ];
        assert_eq!(said, expected);
        assert!(found[2].fix.as_ref().unwrap().contains("auth/login#users-log-in`"), "{:?}", found[2].fix);
        assert!(trace.findings(Profile::Openspec1).is_empty() && trace.findings(Profile::Ci).is_empty());
    }
}
