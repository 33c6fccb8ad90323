//! The page of a role as the embedded brain writes it: no model, only the facts.
//! Lives here: the decision whether the page changes, and the rooms below. Never here: reading the repository, the
//! clock, and what a model would add.
//!
//! Start with [`page`]. The order of work is `collect` (facts become entries), `register` (entries get numbers that
//! last), `write` (the Markdown), `proposal` (what the pull request says).

mod cell;
mod collect;
mod entry;
pub mod order;
mod previous;
mod proposal;
mod register;
mod role;
mod sections;
mod verdict;
mod write;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fixture;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod properties;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use self::previous::Previous;
use super::charter::{Charter, Sense};
use super::facts::{Facts, Outcome};

/// What the facts make of a role's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageResult {
    /// The page stays as it is, for this reason.
    Unchanged(String),
    /// The page has to change.
    Update {
        /// All that shall stand on it.
        content: String,
        /// The pull request's title.
        title: String,
        /// What changed and how to check it.
        body: String,
        /// Up to ten places, `file:line — what`.
        evidence: Vec<String>,
    },
}

/// Writes the page of `charter`'s role from `facts`; `existing` is the page on the default branch.
///
/// The same arguments give the same page, and a page that was just written stays as it is.
#[must_use]
pub fn page(charter: &Charter, facts: &Facts, existing: Option<&str>) -> PageResult {
    let existing = existing.filter(|page| !page.trim().is_empty());
    let role = role::role(charter);
    let previous = Previous::read(existing, &role.prefix);
    let register = register::register(charter, &role, facts, &previous);
    let is_empty = register.open.is_empty() && register.dismissed.is_empty();
    if existing.is_none() && is_empty && !collect::found_anything(charter, facts) {
        return PageResult::Unchanged(nothing_found(charter));
    }
    let content = write::content(charter, &role, facts, &register);
    if let Some(page) = existing {
        if page == content {
            return PageResult::Unchanged(all_said(charter, facts));
        }
        if !people_worked(charter, facts) && previous::lasting(page) == previous::lasting(&content) {
            return PageResult::Unchanged("nothing changed since the last page but agents' own work".to_owned());
        }
    }
    let title = proposal::title(charter, &role, facts, &register);
    let body = proposal::body(charter, facts, &register, &role, existing.is_some());
    PageResult::Update { content, title, body, evidence: proposal::evidence(facts, charter, &register) }
}

fn nothing_found(charter: &Charter) -> String {
    let senses: Vec<&str> = charter.senses.iter().map(|sense| sense.name()).collect();
    format!("its senses ({}) found nothing to report, and there is no page yet", senses.join(", "))
}

/// That nothing is missing, and what became of the work where a human took it last.
fn all_said(charter: &Charter, facts: &Facts) -> String {
    let last = facts.proposals.as_ref().and_then(|proposals| proposals.last_of(&charter.name));
    let said = "the page already says all of it";
    match last.filter(|verdict| verdict.outcome == Outcome::Merged) {
        Some(verdict) => format!("#{} was merged, and {said}", verdict.number),
        None => said.to_owned(),
    }
}

/// Whether people committed since the agent's last run, as far as the role asks for that.
fn people_worked(charter: &Charter, facts: &Facts) -> bool {
    let asked = charter.senses.contains(&Sense::Activity);
    asked && facts.activity.as_ref().is_some_and(|activity| activity.since.commits > 0)
}
