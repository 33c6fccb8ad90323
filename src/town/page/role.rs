//! How each role frames its page: its title, the letters of its ids, its first sentence and what matters most to it.
//! Lives here: the table. Never here: facts.

use super::entry::Kind;
use crate::town::charter::Charter;

/// The frame of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// The heading, also the start of the pull request's title.
    pub title: String,
    /// The letters in front of an entry's number.
    pub prefix: String,
    /// The sentence below the heading.
    pub lead: String,
    /// What comes first, the most important first.
    pub emphasis: &'static [Kind],
}

struct Row(&'static str, &'static str, &'static str, &'static str, &'static [Kind]);

use Kind::{
    BareRequirement, BrokenLink, Duplicate, FailingTest, IncompleteChange, NoLicence, NoTestCommand, Note, Secret,
    Unreadable, Wildcard,
};

const ROLES: [Row; 17] = [
    Row(
        "chaostester",
        "QA register",
        "QA",
        "What is broken or promised and not kept, each with the place where it can be seen.",
        &[FailingTest, NoTestCommand, BrokenLink, Note],
    ),
    Row(
        "junglesecurity",
        "Security register",
        "SEC",
        "Places that may give something away, and dependencies that let in more than they should. Values are never shown; \
         a weakness that is not public yet does not belong here.",
        &[Secret, Wildcard, Unreadable, NoLicence, Duplicate],
    ),
    Row(
        "simianresearcher",
        "State of the repository",
        "RQ",
        "What the repository leaves unanswered (notes, loose dependencies, requirements without a scenario) and what it \
         is made of.",
        &[Note, Wildcard, BareRequirement, NoLicence, Duplicate],
    ),
    Row(
        "founderai",
        "Direction",
        "DIR",
        "Where the work of people goes, and which announced changes still wait. What it means for the goal is for humans \
         to say.",
        &[IncompleteChange, BareRequirement],
    ),
    Row(
        "chaosarchitect",
        "Architecture map",
        "ARC",
        "The rooms of the code by size, what grows in them, and what they build on.",
        &[Duplicate, Wildcard, NoLicence],
    ),
    Row(
        "primatedesigner",
        "Reader journeys",
        "UX",
        "Where a reader of the documentation is led into nothing.",
        &[BrokenLink],
    ),
    Row(
        "bananaeconomist",
        "Accounts",
        "ECO",
        "What the project carries: its weight in files and its debt in dependencies.",
        &[Duplicate, Wildcard, NoLicence],
    ),
    Row(
        "madchimp",
        "Experiments",
        "CHX",
        "Assumptions that the tests do not hold up, and the files that move most.",
        &[FailingTest, NoTestCommand],
    ),
    Row(
        "monkeybuilder",
        "Workbench",
        "WB",
        "Small, finished repairs are offered for what stands here, the most useful first.",
        &[FailingTest, Note, NoTestCommand],
    ),
    Row(
        "orchestrator",
        "Order of changes",
        "ORD",
        "Which changes are open, how far they are, and what each of them waits for.",
        &[IncompleteChange, BareRequirement],
    ),
    Row(
        "architect",
        "Docket",
        "ARB",
        "The changes before the gate, and what their texts still lack.",
        &[IncompleteChange, BareRequirement, Wildcard, Duplicate],
    ),
    Row(
        "feature-implementer",
        "Worklog",
        "FIM",
        "Approved work, how much of it is done, and what stands in its way.",
        &[FailingTest, NoTestCommand, IncompleteChange, BareRequirement],
    ),
    Row(
        "pm-validator",
        "Acceptance",
        "PMV",
        "Which requirements can be judged from outside, and which state no scenario to judge them by.",
        &[BareRequirement, IncompleteChange],
    ),
    Row(
        "test-validator",
        "Test evidence",
        "TSV",
        "What the tests say, and which requirements no scenario asks them about.",
        &[FailingTest, NoTestCommand, BareRequirement, IncompleteChange],
    ),
    Row(
        "research-skeptic",
        "Doubts",
        "RSK",
        "Claims whose ground is missing: references that lead nowhere and requirements that nothing illustrates.",
        &[BrokenLink, BareRequirement, IncompleteChange],
    ),
    Row(
        "architecture-skeptic",
        "Alternatives",
        "ASK",
        "Where a design costs more than it says: doubled dependencies, thin proposals, files that keep growing.",
        &[IncompleteChange, Duplicate, Wildcard, BareRequirement],
    ),
    Row(
        "super-alignment-researcher",
        "Oversight",
        "SAR",
        "Where oversight stands on paper only: secrets in the open, and changes that cannot be judged as they are.",
        &[Secret, IncompleteChange, BareRequirement],
    ),
];

/// The frame of `charter`'s page; a role that does not ship with the town gets one named after it.
pub(super) fn role(charter: &Charter) -> Role {
    let name = charter.name.to_string();
    if let Some(Row(_, title, prefix, lead, emphasis)) = ROLES.iter().find(|row| row.0 == name) {
        let (title, prefix, lead) = ((*title).to_owned(), (*prefix).to_owned(), (*lead).to_owned());
        return Role { title, prefix, lead, emphasis };
    }
    let letters: String = name.chars().filter(char::is_ascii_alphabetic).take(3).collect();
    let prefix = if letters.len() < 2 { "NO".to_owned() } else { letters.to_ascii_uppercase() };
    let short: String = name.chars().take(32).collect();
    let lead = format!("What {name} found in this repository, each with its place.");
    Role { title: format!("Findings of {short}"), prefix, lead, emphasis: &[Secret, FailingTest, BrokenLink] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_role_has_its_own_letters() {
        let mut letters: Vec<_> = ROLES.iter().map(|row| row.2).collect();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), ROLES.len());
    }
}
