//! Judging specs and changes by the rules: what stands in a file, what a change says together, and what open changes do to each
//! other.
//! Lives here: the way in. Never here: the levels (see `rules`), or how an issue is printed.

mod careful;
mod careful_delta;
mod change;
mod conflicts;
mod delta;
mod findings;
mod proposal;
mod siblings;
mod spec;
mod tasks;
mod text;
mod unread;
mod words;

use std::sync::OnceLock;

use super::issue::Issue;
use super::lifecycle::Lifecycle;
use super::past::Past;
use super::project::Project;
use super::rules::Profile;
use siblings::Siblings;
pub use spec::spec_text;
pub use words::Words;

/// Judges one project, and reads what all of its changes share once.
#[derive(Debug)]
pub struct Checker<'p, 't> {
    project: &'p Project<'t>,
    profile: Profile,
    words: Words,
    past: &'p Past,
    siblings: OnceLock<Siblings>,
}

impl<'p, 't> Checker<'p, 't> {
    /// Judges in a profile.
    #[must_use]
    pub fn new(project: &'p Project<'t>, profile: Profile) -> Self {
        let words = match profile {
            Profile::Openspec1 => Words::default(),
            Profile::Ci | Profile::Gated => Words(project.config().normative_keywords.clone()),
        };
        Self { project, profile, words, past: Past::NOTHING, siblings: OnceLock::new() }
    }

    /// The same, told what the files do not tell.
    #[must_use]
    pub fn knowing(self, past: &'p Past) -> Self {
        Self { past, ..self }
    }

    /// What is wrong with a main spec, in the order of the reference.
    #[must_use]
    pub fn spec(&self, id: &str) -> Vec<Issue> {
        spec::of_project(self, id)
    }

    /// What is wrong with a change, likewise. In the gated profile that includes its life, as far as the tree tells it.
    #[must_use]
    pub fn change(&self, name: &str) -> Vec<Issue> {
        let mut issues = change::check(self, name);
        if self.profile == Profile::Gated {
            issues.extend(Lifecycle::of(self.project, &self.project.change_path(name), self.past).issues);
        }
        issues
    }

    /// Whether what the reference overlooks is asked.
    fn is_careful(&self) -> bool {
        self.profile != Profile::Openspec1
    }

    fn siblings(&self) -> &Siblings {
        self.siblings.get_or_init(|| Siblings::of(self.project))
    }
}

/// What is wrong with one main spec.
#[must_use]
pub fn spec(project: &Project<'_>, id: &str, profile: Profile) -> Vec<Issue> {
    Checker::new(project, profile).spec(id)
}

/// What is wrong with one change. For many, ask one [`Checker`].
#[must_use]
pub fn change(project: &Project<'_>, name: &str, profile: Profile) -> Vec<Issue> {
    Checker::new(project, profile).change(name)
}

#[cfg(test)]
mod tests;
