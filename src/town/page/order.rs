//! The order of changes as rules can tell it: what is next, and what is stuck.
//! Lives here: that order, as lines for a page and for the board. Never here: the state of a change (the facts have it), and what
//! weighs more than being near the end.

use super::cell::{cell, code};
use crate::town::facts::{ChangeFacts, SpecFacts};

/// Whose page and whose notes it is for.
pub const ORCHESTRATOR: &str = "orchestrator";

/// Moves that are named.
const MOVES: usize = 5;
/// Things that are told to be stuck.
const STUCK: usize = 10;

/// How near a state is to the end, where somebody can move it: what is finished frees attention.
fn rank(change: &ChangeFacts) -> Option<usize> {
    let order = ["Completed", "Validation", "In Progress", "Approved", "Draft"];
    order.iter().position(|state| *state == change.state).filter(|_| change.waits_for.is_empty())
}

/// The next moves, the first one first: work in progress before new work, and of equals what others wait for.
#[must_use]
pub fn moves(facts: &SpecFacts) -> Vec<String> {
    let waiting = |name: &str| facts.changes.iter().filter(|other| other.waits_for.iter().any(|at| at == name)).count();
    let mut open: Vec<(usize, usize, &ChangeFacts)> = facts
        .changes
        .iter()
        .filter_map(|change| Some((rank(change)?, usize::MAX - waiting(&change.name), change)))
        .collect();
    open.sort_by_key(|(rank, others, change)| (*rank, *others, &change.name));
    let line = |(_, others, change): &(usize, usize, &ChangeFacts)| {
        let others = match usize::MAX - others {
            0 => String::new(),
            1 => "; one change waits for it".to_owned(),
            count => format!("; {count} changes wait for it"),
        };
        format!("{} ({}): {}{others}", code(&change.name), change.state, cell(&change.next))
    };
    open.iter().take(MOVES).map(line).collect()
}

/// What does not move by itself, and why.
#[must_use]
pub fn stuck(facts: &SpecFacts) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &facts.changes {
        let name = code(&change.name);
        if matches!(change.state.as_str(), "Blocked" | "Needs Revision") {
            lines.push(format!("{name} is {}: {}", change.state, cell(&change.next)));
        } else if !change.waits_for.is_empty() {
            let others: Vec<String> = change.waits_for.iter().map(|name| code(name)).collect();
            lines.push(format!("{name} ({}) waits for {}", change.state, others.join(", ")));
        }
        lines.extend(change.problems.iter().map(|problem| format!("{name}: {}", cell(problem))));
    }
    let more = lines.len().saturating_sub(STUCK);
    lines.truncate(STUCK);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, state: &str, waits_for: &[&str]) -> ChangeFacts {
        ChangeFacts {
            name: name.to_owned(),
            state: state.to_owned(),
            next: format!("somebody moves {name}"),
            waits_for: waits_for.iter().map(|name| (*name).to_owned()).collect(),
            ..ChangeFacts::default()
        }
    }

    // covers: gated-workflow#the-order-of-changes-is-told/one-change-waits-for-another
    #[test]
    fn what_is_near_the_end_goes_first_and_what_waits_is_told() {
        let mut late = change("late", "Draft", &[]);
        late.problems.push("the approval is stale".to_owned());
        let changes = vec![
            change("a", "Draft", &[]),
            change("asked", "Draft", &[]),
            change("back", "Needs Revision", &[]),
            change("done", "Completed", &[]),
            change("after", "Approved", &["asked"]),
            late,
        ];
        let facts = SpecFacts { present: true, changes, ..SpecFacts::default() };
        let names: Vec<String> =
            moves(&facts).iter().map(|line| line.split('`').nth(1).unwrap_or_default().to_owned()).collect();
        assert_eq!(names, ["done", "asked", "a", "late"]);
        assert!(moves(&facts)[1].ends_with("; one change waits for it"), "{:?}", moves(&facts));
        let expected = [
            "`back` is Needs Revision: `somebody moves back`",
            "`after` (Approved) waits for `asked`",
            "`late`: `the approval is stale`",
        ];
        assert_eq!(stuck(&facts), expected);
        assert!(moves(&SpecFacts::default()).is_empty() && stuck(&SpecFacts::default()).is_empty());
    }
}
