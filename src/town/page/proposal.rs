//! What the pull request says: its title, what changed on the page, how to check it, and the evidence.
//! Lives here: words for reviewers. Never here: the page itself.

use super::cell::{clean, code, is_clean, plain};
use super::entry::{Entry, Kind};
use super::register::{Numbered, Register};
use super::role::Role;
use super::write::id;
use crate::town::charter::{Charter, Sense};
use crate::town::facts::{Facts, count_of};
use crate::town::limits::TITLE_CHARS;

/// Lines of one list in the body.
const LISTED: usize = 10;
/// Rejections that the body answers, the latest ones.
const ANSWERED: usize = 5;

/// The title: the page's name and the numbers that matter most.
pub(super) fn title(charter: &Charter, role: &Role, facts: &Facts, register: &Register) -> String {
    let mut parts: Vec<String> = Vec::new();
    for Numbered { entry, .. } in &register.open {
        let part = counted(entry.kind, facts, register);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if parts.is_empty() {
        parts.push("nothing open".to_owned());
        parts.extend(shape(charter, facts));
    }
    if !register.gone.is_empty() {
        parts.push(format!("{} closed", register.gone.len()));
    }
    let dismissed = register.dismissed.len() + register.more_dismissed;
    if dismissed > 0 {
        parts.push(format!("{dismissed} dismissed"));
    }
    let mut title = role.title.clone();
    let mut sign = ':';
    for part in parts {
        let longer = format!("{title}{sign} {part}");
        if longer.chars().count() <= TITLE_CHARS {
            (title, sign) = (longer, ',');
        }
    }
    title
}

/// `3 broken links`, `5 notes older than a year`.
fn counted(kind: Kind, facts: &Facts, register: &Register) -> String {
    let count = register.open.iter().filter(|one| one.entry.kind == kind).count();
    let old = facts.todos.as_ref().map_or(0, |todos| {
        let is_old =
            |entry: &Entry| entry.day.is_some() && todos.notes.iter().any(|n| is_note(entry, n) && todos.is_old(n));
        register.open.iter().filter(|one| one.entry.kind == Kind::Note && is_old(&one.entry)).count()
    });
    match kind {
        Kind::Note if old > 0 && old == count => format!("{} older than a year", count_of(count, "note")),
        Kind::Note if old > 0 => format!("{} ({old} over a year)", count_of(count, "note")),
        _ => count_of(count, kind.word()),
    }
}

fn is_note(entry: &Entry, note: &crate::town::facts::TodoNote) -> bool {
    entry.path == note.path && entry.lines.contains(&note.line)
}

/// What a page without entries is about.
fn shape(charter: &Charter, facts: &Facts) -> Option<String> {
    charter.senses.iter().find_map(|sense| match sense {
        Sense::Files => facts.files.as_ref().map(|files| count_of(files.count, "file")),
        Sense::Specs => facts.specs.as_ref().filter(|s| s.present).map(|s| count_of(s.changes.len(), "open change")),
        Sense::Dependencies => facts.dependencies.as_ref().map(|found| count_of(found.manifests.len(), "manifest")),
        _ => None,
    })
}

/// The body: answers to reviewers first, then what changed, then how to check.
pub(super) fn body(charter: &Charter, facts: &Facts, register: &Register, role: &Role, is_update: bool) -> String {
    let mut out = String::new();
    answers(&mut out, register, role);
    changes(&mut out, register, role, is_update);
    let commands = commands(charter, facts, register);
    if !commands.is_empty() {
        out.push_str("\n## How to check\n\n");
        for command in commands {
            out.push_str(&clean(format!("- {command}")));
            out.push('\n');
        }
    }
    out
}

fn answers(out: &mut String, register: &Register, role: &Role) {
    if register.answers.is_empty() {
        return;
    }
    out.push_str("## What reviewers said\n\n");
    let skipped = register.answers.len().saturating_sub(ANSWERED);
    for (rejection, moved) in register.answers.iter().skip(skipped) {
        let ids: Vec<String> = moved.iter().take(LISTED).map(|number| id(role, *number)).collect();
        let others = moved.len() - ids.len();
        let rest = if others > 0 { format!(" and {others} more") } else { String::new() };
        let different = if !ids.is_empty() {
            format!("{}{rest} went to the dismissed entries", ids.join(", "))
        } else if rejection.limit().is_some() {
            "the page lists less".to_owned()
        } else {
            "nothing in it names an entry or a place of the page, so no entry was changed for it".to_owned()
        };
        out.push_str(&clean(format!("- {}. What is different now: {different}.", rejection.sentence())));
        out.push('\n');
    }
    if skipped > 0 {
        out.push_str(&format!("- {} before these.\n", count_of(skipped, "rejection")));
    }
    out.push('\n');
}

fn changes(out: &mut String, register: &Register, role: &Role, is_update: bool) {
    out.push_str("## What changed\n\n");
    let new: Vec<&Numbered> = register.open.iter().filter(|one| register.new.contains(&one.number)).collect();
    if is_update {
        let kept = register.open.len() - new.len();
        let (new, closed) = (count_of(new.len(), "new entry"), register.gone.len());
        let dismissed = register.dismissed.len() + register.more_dismissed;
        out.push_str(&format!("{new}, {closed} closed, {kept} still open, {dismissed} dismissed in all.\n"));
    } else {
        let all = count_of(register.open.len(), "open entry");
        out.push_str(&format!("The first edition of this page, with {all}.\n"));
    }
    let mut lines: Vec<String> = new.iter().take(LISTED).map(|one| clean(line(role, one))).collect();
    if new.len() > LISTED {
        lines.push(format!("- and {} more", new.len() - LISTED));
    }
    let closed = register.closed.iter().filter(|(_, number)| register.gone.contains(number));
    for (key, number) in closed.take(LISTED) {
        let subject = if key.subject.is_empty() { String::new() } else { format!(" {}", code(&key.subject)) };
        let what = format!("{} in {}", key.kind.word(), code(&key.path));
        lines.push(clean(format!("- {} is closed: {what}{subject}", id(role, *number))));
    }
    if register.more > 0 {
        lines.push(format!("- {} known and not listed", count_of(register.more, "more entry")));
    }
    if !lines.is_empty() {
        out.push('\n');
    }
    for line in lines {
        out.push_str(&line);
        out.push('\n');
    }
}

fn line(role: &Role, one: &Numbered) -> String {
    format!("- {}: {}", id(role, one.number), one.entry.sentence())
}

/// Commands that show the same to whoever runs them; only texts that a shell takes literally are put into one.
fn commands(charter: &Charter, facts: &Facts, register: &Register) -> Vec<String> {
    let first = |kind: Kind| register.open.iter().map(|one| &one.entry).find(|entry| entry.kind == kind);
    let mut out = Vec::new();
    if let Some(command) =
        facts.tests.as_ref().filter(|_| charter.senses.contains(&Sense::Tests)).and_then(|t| t.command.as_ref())
    {
        out.push(format!("{} runs the tests.", code(command)));
    }
    if let Some(entry) = first(Kind::BrokenLink) {
        let search = if is_simple(&entry.subject) && is_simple(&entry.path) {
            format!("`git grep -nF -e '{}' -- '{}'`", entry.subject, entry.path)
        } else {
            "`git grep -nE '\\]\\([^)]+\\)' -- '*.md'`".to_owned()
        };
        out.push(format!("{search} shows the link, `git ls-files` what it could lead to."));
    }
    if first(Kind::Note).is_some() {
        out.push("`git grep -nwE '(TODO|FIXME|XXX|HACK)'` lists the notes.".to_owned());
    }
    if let Some(entry) = first(Kind::Secret).filter(|entry| is_simple(&entry.path)) {
        out.push(format!("`git log --oneline -- '{}'` shows since when the place stands.", entry.path));
    }
    let dependency = first(Kind::Wildcard).or_else(|| first(Kind::Duplicate));
    if let Some(entry) = dependency.filter(|entry| is_simple(&entry.path) && is_simple(&entry.subject)) {
        out.push(format!("`git grep -nF -e '{}' -- '{}'` shows the dependency.", entry.subject, entry.path));
    }
    if first(Kind::BareRequirement).is_some() {
        let search = "git grep -nE '^#{3,4} (Requirement|Scenario)' -- openspec";
        out.push(format!("`{search}` shows requirements and their scenarios."));
    }
    if charter.senses.contains(&Sense::Files) && facts.files.as_ref().is_some_and(|files| files.count > 0) {
        out.push("`git ls-files | wc -l` counts the files, those of agents included.".to_owned());
    }
    if charter.senses.contains(&Sense::Activity) {
        out.push("`git log --no-merges --stat -n 20` shows the latest work.".to_owned());
    }
    out
}

fn is_simple(text: &str) -> bool {
    let literal = |b: u8| b.is_ascii_alphanumeric() || b"._/-#@ ".contains(&b);
    !text.is_empty()
        && text.len() <= 160
        && !text.starts_with('-')
        && text.bytes().all(literal)
        && plain(text, 160) == text
}

/// Up to ten places that show what the page says.
pub(super) fn evidence(facts: &Facts, charter: &Charter, register: &Register) -> Vec<String> {
    let mut out: Vec<String> = register.open.iter().map(|one| one.entry.evidence()).collect();
    if charter.senses.contains(&Sense::Files) {
        let longest = facts.files.iter().flat_map(|files| &files.longest);
        out.extend(longest.map(|file| format!("{} — {} lines", plain(&file.path, 150), file.number)));
    }
    if charter.senses.contains(&Sense::Dependencies) {
        let manifests = facts.dependencies.iter().flat_map(|found| &found.manifests);
        out.extend(manifests.map(|one| {
            format!("{} — {}", plain(&one.path, 150), count_of(one.dependencies.len(), "declared dependency"))
        }));
    }
    out.retain(|line| is_clean(line));
    out.truncate(LISTED);
    out
}
