//! Checks about where: ownership, safe names, kinds of entries, continuous integration.
//! Lives here: what may be touched. Never here: what is written there.

use super::archive;
use super::status;
use super::work::{Work, at};
use crate::town::changeset::{FileChange, Mode};
use crate::town::finding::Finding;
use crate::town::ids::AgentId;
use crate::town::limits::TOWN_FILE;
use crate::town::path::{fold, is_git_name, problems, twins};
use crate::town::pattern::Pattern;
use crate::town::text::{escape_invisible, one_line};

/// The name of the check that keeps an agent within its own paths.
pub const OWN: &str = "stays-in-own-paths";
pub(super) const SAFE: &str = "safe-paths";
pub(super) const LINKS: &str = "no-links-or-modules";
pub(super) const WORKFLOWS: &str = "no-workflow-changes";

/// Why nobody may own a path without a grant by name; `None` where anybody may.
///
/// The path is read as the most forgiving file system reads it, so that no spelling slips through.
#[must_use]
pub fn reserved(path: &str) -> Option<&'static str> {
    let folded = fold(path);
    let segments: Vec<&str> = folded.split('/').collect();
    if path.split('/').any(is_git_name) {
        return Some("what git and its forge read");
    }
    match segments.as_slice() {
        _ if folded == TOWN_FILE => Some("the town file"),
        [".monkeytown", "prompts", ..] => Some("the prompt templates"),
        ["agents", name] if name.ends_with(".md") => Some("the charters"),
        ["agents", "memories", name] if name.ends_with("-memory.json") => Some("the memory of another agent"),
        _ => None,
    }
}

fn any_matches(patterns: &[Pattern], path: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(path))
}

const fn verb(change: &FileChange) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "adds",
        (_, None) => "deletes",
        _ => "changes",
    }
}

pub(super) fn stays_in_own_paths(work: &Work<'_>) -> Vec<Finding> {
    let proposal = work.proposal;
    let Some(agent) = &proposal.agent else { return Vec::new() };
    let memory = agent.memory_path();
    let planned = archive::planned(work);
    let projected = status::projected(work);
    let judged = proposal.changes.iter().filter(|change| {
        let path = change.path.as_str();
        path != memory && !any_matches(&proposal.grants, path) && !planned.contains(path) && !projected.contains(path)
    });
    let refused = judged.filter_map(|change| {
        if let Some(what) = reserved(&change.path) {
            let message = format!("{agent} {} a reserved path: {what}", verb(change));
            let grant =
                format!("leave it to people, or have one grant it to {agent} by name under `grants` in {TOWN_FILE}");
            return Some(at(OWN, &change.path, message).fix(grant));
        }
        if any_matches(&proposal.owns, &change.path) {
            return None;
        }
        let message = format!("{agent} {} a path that it does not own", verb(change));
        Some(at(OWN, &change.path, message).fix(owned(agent, &proposal.owns)))
    });
    refused.collect()
}

fn owned(agent: &AgentId, owns: &[Pattern]) -> String {
    let mut listed: Vec<String> = owns.iter().take(5).map(|p| format!("`{}`", one_line(p.as_str(), 80))).collect();
    if owns.len() > 5 {
        listed.push(format!("{} more", owns.len() - 5));
    }
    let own = if listed.is_empty() { "only its memory".to_owned() } else { listed.join(", ") };
    format!("leave the path as it was; {agent} owns {own}")
}

pub(super) fn safe_paths(work: &Work<'_>) -> Vec<Finding> {
    let changes = &work.proposal.changes;
    let mut findings: Vec<Finding> = Vec::new();
    for change in changes {
        let found = problems(&change.path);
        if !found.is_empty() {
            let reasons: Vec<String> = found.iter().map(ToString::to_string).collect();
            let message = format!("the path {}", reasons.join(", and "));
            findings.push(at(SAFE, &change.path, message).fix("choose a name that every machine reads the same way"));
        }
    }
    let added = changes.iter().filter(|change| change.before.is_none() && change.after.is_some());
    let tree = work.proposal.tree.iter().map(String::as_str);
    for (path, twin) in twins(tree, added.map(|change| change.path.as_str())) {
        let twin = escape_invisible(&twin).0;
        let message = format!("where case or Unicode form is ignored, the path falls together with `{twin}`");
        findings.push(at(SAFE, &path, message).fix("use the spelling that is there, or a different name"));
    }
    findings
}

pub(super) fn no_links_or_modules(work: &Work<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for change in &work.proposal.changes {
        let Some(after) = &change.after else { continue };
        let path = &change.path;
        match after.mode {
            Mode::Link => findings.push(at(LINKS, path, "a symbolic link").fix("write a plain file")),
            Mode::Module => findings.push(at(LINKS, path, "a submodule").fix("leave submodules to people")),
            Mode::Executable => {
                let was = change.before.as_ref().is_some_and(|before| before.mode == Mode::Executable);
                if !was && !any_matches(&work.proposal.executable, path) {
                    let fix =
                        format!("write it without the bit (100644), or list it under `executable` in {TOWN_FILE}");
                    findings.push(at(LINKS, path, "the executable bit is set (100755)").fix(fix));
                }
            }
            Mode::File => {}
        }
    }
    findings
}

/// Whether continuous integration runs what stands at the path.
fn is_workflow(path: &str) -> bool {
    const FOLDERS: [&str; 8] = [
        ".github/workflows/",
        ".github/actions/",
        ".gitea/workflows/",
        ".forgejo/workflows/",
        ".gitlab/ci/",
        ".circleci/",
        ".buildkite/",
        ".woodpecker/",
    ];
    const FILES: [&str; 7] = [
        ".gitlab-ci.yml",
        ".travis.yml",
        ".drone.yml",
        ".woodpecker.yml",
        "azure-pipelines.yml",
        "bitbucket-pipelines.yml",
        "jenkinsfile",
    ];
    let folded = fold(path);
    FOLDERS.iter().any(|folder| folded.starts_with(folder)) || FILES.contains(&folded.as_str())
}

pub(super) fn no_workflow_changes(work: &Work<'_>) -> Vec<Finding> {
    let proposal = work.proposal;
    let touched = proposal.changes.iter().filter(|change| is_workflow(&change.path));
    let refused = touched.filter(|change| !any_matches(&proposal.grants, &change.path));
    let found = refused.map(|change| {
        at(WORKFLOWS, &change.path, "this is what continuous integration runs")
            .fix("describe the change in words and leave it to people")
    });
    found.collect()
}
