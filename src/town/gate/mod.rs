//! The gate: the named checks that every piece of work passes before it may become a pull request.
//!
//! Lives here: the table of checks, and how their findings are gathered. The checks stand beside, by subject:
//! `paths` (where), `content` (what is in it), `placeholders` and `information` (whether it is worth reading),
//! `formats` (whether machines can read it), `specs` (OpenSpec), `records` (its gates).
//! Never here: git, files, and the opinion of a model.
//!
//! A check judges what the proposal does, not what stood there before: an old fault in a line that the proposal
//! leaves alone is nobody's finding.

mod archive;
mod content;
mod formats;
mod information;
mod paths;
mod placeholders;
mod records;
mod specs;
mod status;
mod work;
mod yaml;

use std::fmt::Write as _;

use super::changeset::Proposal;
use super::finding::{Finding, Severity};

pub use self::paths::{OWN, reserved};
pub use self::placeholders::{FILLER, not_done};
use self::work::Work;

/// The most findings that one judgement reports.
pub const FINDINGS: usize = 200;
/// The most findings that one check reports about one file.
const PER_FILE: usize = 20;

/// What a check means for a diff that no agent made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForHumans {
    /// The same as for an agent's.
    Same,
    /// Its errors become warnings: people may do this, and should know that they do.
    Warns,
    /// It does not apply.
    Skipped,
}

/// One named rule of the gate.
pub struct Check {
    /// Its name, which every finding of it carries.
    pub name: &'static str,
    /// What it refuses, for people.
    pub doc: &'static str,
    /// What it means where [`Proposal::agent`] is `None`.
    pub for_humans: ForHumans,
    run: fn(&Work<'_>) -> Vec<Finding>,
}

/// Every check, in the order in which the documentation lists them.
pub const CHECKS: &[Check] = &[
    Check {
        name: paths::OWN,
        doc: "Paths that the agent does not own, deletions and both ends of a rename included. Its memory file is its own; the town file, prompt templates, charters, other memories and everything that starts with `.git` need a grant by name in `.monkeytown/town.yaml`. What archiving a completed change writes is the architect's, exactly as `monkeytown spec archive` would write it, and the `Status:` line is whoever's that records a verdict.",
        for_humans: ForHumans::Skipped,
        run: paths::stays_in_own_paths,
    },
    Check {
        name: paths::SAFE,
        doc: "Names that some machine reads differently: absolute, `..`, backslashes, control and invisible characters, trailing dots or spaces, device names, tricks around `.git`, names that are too long or not NFC, and twins of another path in case or normalisation.",
        for_humans: ForHumans::Same,
        run: paths::safe_paths,
    },
    Check {
        name: paths::LINKS,
        doc: "Symbolic links and submodules, and the executable bit where `executable` does not list the path.",
        for_humans: ForHumans::Same,
        run: paths::no_links_or_modules,
    },
    Check {
        name: content::SIZE,
        doc: "More files than the charter allows, more than 10 MiB in all, a file of more than 20,000 lines, a title of more than 72 characters or a body of more than 64 KiB.",
        for_humans: ForHumans::Same,
        run: content::size,
    },
    Check {
        name: content::SECRETS,
        doc: "Keys, tokens and passwords in added lines, in the title and the body, and in every blob of an intermediate commit that would be pushed; also in base64 and split over string literals (the policy stands in `town/secrets.rs`).",
        for_humans: ForHumans::Same,
        run: content::no_secrets,
    },
    Check {
        name: paths::WORKFLOWS,
        doc: "Changes to what continuous integration runs, unless a human granted the path to this agent by name.",
        for_humans: ForHumans::Warns,
        run: paths::no_workflow_changes,
    },
    Check {
        name: content::CONFLICTS,
        doc: "Conflict markers at the start of an added line.",
        for_humans: ForHumans::Same,
        run: content::no_conflict_markers,
    },
    Check {
        name: placeholders::NAME,
        doc: "Work that is not done: empty files, files that say only TODO, filler text, `todo!()` and `unimplemented!()` in added lines, and titles that say nothing.",
        for_humans: ForHumans::Warns,
        run: placeholders::no_placeholders,
    },
    Check {
        name: content::INVISIBLE,
        doc: "Invisible and bidirectional characters in added lines, in the title and in the body, outside emoji and words that need joiners.",
        for_humans: ForHumans::Same,
        run: content::no_invisible_text,
    },
    Check {
        name: information::NAME,
        doc: "Work that adds nothing: a near-duplicate of an own earlier file, a dated, `-v2`, `-final` or `(copy)` copy of a file in the tree, only a lock file, or only a date that changed.",
        for_humans: ForHumans::Warns,
        run: information::adds_information,
    },
    Check {
        name: formats::PARSES,
        doc: "YAML, JSON, TOML and Markdown front matter that no longer parses (files of at most 1 MiB).",
        for_humans: ForHumans::Same,
        run: formats::parses,
    },
    Check {
        name: super::memory::RULE,
        doc: "A memory file that breaks a rule: unknown keys, more than 200 entries, more than 500 characters, importance outside 1 to 10, an id twice.",
        for_humans: ForHumans::Same,
        run: formats::memory_valid,
    },
    Check {
        name: specs::VALID,
        doc: "A spec or a change with an error or a warning of `monkeytown spec validate` in a file of the proposal that was not there before.",
        for_humans: ForHumans::Same,
        run: specs::spec_valid,
    },
    Check {
        name: records::APPROVED,
        doc: "Changes to a guarded path without an OpenSpec change that is Approved or In Progress before the work and after it, by records that were merged before. What archiving a completed change writes was approved with it.",
        for_humans: ForHumans::Warns,
        run: records::approved_change,
    },
    Check {
        name: records::RECORDS,
        doc: "A gate record that is changed, deleted, unreadable, out of number or bound to other content; one that speaks at another agent's gate, in another's name, of another run or, as a pass, of another commit than that run has read; one that does not count where the change stands. An edit that makes a stale approval hold again.",
        for_humans: ForHumans::Warns,
        run: records::gate_records,
    },
    Check {
        name: records::TICKED,
        doc: "A task that is newly ticked while no line of the change's `implementation.md` and no implementer's record that counts names it with a command, a path that is there or a commit; each of several tasks with one number or text needs a line. A box that is emptied while the validators have the change.",
        for_humans: ForHumans::Warns,
        run: records::ticked_with_evidence,
    },
];

/// Asks every check, and returns all findings: errors first, then by path and line, at most [`FINDINGS`] and one
/// that says how many more there are.
#[must_use]
pub fn judge(proposal: &Proposal) -> Vec<Finding> {
    let work = Work::new(proposal);
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| run(check, &work)).collect();
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    findings.dedup();
    let more = findings.len().saturating_sub(FINDINGS);
    if more > 0 {
        let worst = findings[FINDINGS].severity;
        findings.truncate(FINDINGS);
        let mut rest = Finding::info("gate", format!("and {more} more findings"));
        rest.severity = worst;
        findings.push(rest.fix("mend these first, then ask the gate again"));
    }
    findings
}

fn run(check: &Check, work: &Work<'_>) -> Vec<Finding> {
    if work.proposal.agent.is_some() || check.for_humans == ForHumans::Same {
        return (check.run)(work);
    }
    if check.for_humans == ForHumans::Skipped {
        return Vec::new();
    }
    let mut findings = (check.run)(work);
    for finding in &mut findings {
        finding.severity = finding.severity.min(Severity::Warning);
    }
    findings
}

/// The table of all checks in Markdown, for `docs/gate.md`.
#[must_use]
pub fn docs() -> String {
    let mut text = String::from("| check | what it refuses | a human's diff |\n| --- | --- | --- |\n");
    for check in CHECKS {
        let humans = match check.for_humans {
            ForHumans::Same => "the same",
            ForHumans::Warns => "only warned",
            ForHumans::Skipped => "not asked",
        };
        let _ = writeln!(text, "| `{}` | {} | {humans} |", check.name, check.doc);
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fixture;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
