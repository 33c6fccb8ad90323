//! Two changes of one requirement brought together, piece by piece: its text is one piece, every scenario another.
//! Lives here: the three-way merge. Never here: where the fingerprints of what was before come from (see `base`).

use std::collections::{HashMap, HashSet};

use super::base::{Pieces, Print, Prints};
use super::block::Block;
use super::js;

/// Both sides changed the same piece, each in its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The scenario; `None` for the text of the requirement.
    pub scenario: Option<String>,
    /// What the main spec says now; `None` where it says nothing.
    pub ours: Option<String>,
    /// What the change says.
    pub theirs: Option<String>,
}

/// What comes of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// Nobody but the change touched the requirement: its block stands as the change has it.
    Theirs,
    /// Both did; this is the text of both.
    Both(String),
    /// The same piece was changed twice.
    Conflict(Conflict),
}

/// A scenario's name and how many of that name stand before it.
type Key<'a> = (&'a str, usize);

/// Merges what the change says (`theirs`) with what the main spec says now (`ours`); `base` is what the main spec said when the
/// change was written. A scenario that the change leaves out and nobody else touched is left out: whether that may be is for the
/// rule of lost scenarios to say.
#[must_use]
pub fn merge(base: &Prints, ours: &Block, theirs: &Block) -> Merged {
    if Prints::of(ours) == *base {
        return Merged::Theirs;
    }
    match pieces(base, &Pieces::of(ours), &Pieces::of(theirs)) {
        Ok(merged) => Merged::Both(merged.join(theirs.lines().get(0))),
        Err(conflict) => Merged::Conflict(conflict),
    }
}

fn pieces(base: &Prints, ours: &Pieces, theirs: &Pieces) -> Result<Pieces, Conflict> {
    let body = piece(Some(&base.body), Some(&ours.body), Some(&theirs.body))
        .map_err(|()| conflict(None, Some(&ours.body), Some(&theirs.body)))?
        .unwrap_or_default();
    let before = keyed(base.scenarios.iter().map(|(name, print)| (name.as_str(), print)));
    let here: Vec<(Key<'_>, &String)> = keyed(ours.scenarios.iter().map(|(name, text)| (name.as_str(), text)));
    let there: Vec<(Key<'_>, &String)> = keyed(theirs.scenarios.iter().map(|(name, text)| (name.as_str(), text)));
    let before: HashMap<Key<'_>, &Print> = before.into_iter().collect();
    let here_by: HashMap<Key<'_>, &String> = here.iter().copied().collect();
    let there_by: HashMap<Key<'_>, &String> = there.iter().copied().collect();
    let merged = |key: Key<'_>| -> Result<Option<String>, Conflict> {
        let (ours, theirs) = (here_by.get(&key).copied(), there_by.get(&key).copied());
        piece(before.get(&key).copied(), ours, theirs).map_err(|()| conflict(Some(key.0), ours, theirs))
    };
    let mut scenarios = Vec::new();
    for key in order(&here, &there) {
        scenarios.extend(merged(key)?.map(|text| (key.0.to_owned(), text)));
    }
    Ok(Pieces { body, scenarios })
}

fn conflict(scenario: Option<&str>, ours: Option<&String>, theirs: Option<&String>) -> Conflict {
    Conflict { scenario: scenario.map(str::to_owned), ours: ours.cloned(), theirs: theirs.cloned() }
}

fn keyed<'a, T>(listed: impl Iterator<Item = (&'a str, T)>) -> Vec<(Key<'a>, T)> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let key = |(name, value)| {
        let nth = seen.entry(name).or_default();
        *nth += 1;
        ((name, *nth), value)
    };
    listed.map(key).collect()
}

/// The order of the change; what only the main spec has follows what it follows there.
fn order<'a>(ours: &[(Key<'a>, &String)], theirs: &[(Key<'a>, &String)]) -> Vec<Key<'a>> {
    let known: HashSet<Key<'a>> = theirs.iter().map(|(key, _)| *key).collect();
    let mut followers: HashMap<Option<Key<'a>>, Vec<Key<'a>>> = HashMap::new();
    let mut last = None;
    for (key, _) in ours {
        if known.contains(key) {
            last = Some(*key);
        } else {
            followers.entry(last).or_default().push(*key);
        }
    }
    let mut order = followers.remove(&None).unwrap_or_default();
    for (key, _) in theirs {
        order.push(*key);
        order.extend(followers.remove(&Some(*key)).unwrap_or_default());
    }
    order
}

/// One piece of the three: what only one side changed is taken from that side.
fn piece(base: Option<&Print>, ours: Option<&String>, theirs: Option<&String>) -> Result<Option<String>, ()> {
    let print = |text: Option<&String>| text.map(|text| Print::of(text));
    let (here, there) = (print(ours), print(theirs));
    if here.as_ref() == base || here == there {
        Ok(theirs.cloned())
    } else if there.as_ref() == base {
        Ok(ours.cloned())
    } else {
        Err(())
    }
}

impl Conflict {
    /// Both texts, for a person to choose from.
    #[must_use]
    pub fn shown(&self) -> String {
        let text = |text: &Option<String>| match text {
            None => "    (nothing)".to_owned(),
            Some(text) => js::trim(text).lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n"),
        };
        format!("  the spec says now:\n{}\n  the change says:\n{}", text(&self.ours), text(&self.theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(body: &str, scenarios: &[(&str, &str)]) -> Block {
        let scenarios: Vec<(String, String)> = scenarios
            .iter()
            .map(|(name, steps)| ((*name).to_owned(), format!("#### Scenario: {name}\n{steps}")))
            .collect();
        let raw = Pieces { body: body.to_owned(), scenarios }.join("### Requirement: A");
        Block { name: "A".to_owned(), raw, line: 1 }
    }

    #[test]
    fn each_piece_comes_from_the_side_that_changed_it() {
        let base = block("It SHALL.", &[("one", "- 1"), ("two", "- 2")]);
        let same = |ours: &Block, theirs: &Block| merge(&Prints::of(&base), ours, theirs);
        let theirs = block("It MUST.", &[("one", "- 1"), ("two", "- 2")]);
        assert_eq!(same(&base, &theirs), Merged::Theirs);
        // Another change brought a scenario and changed one; this one changed the text and the other scenario.
        let ours = block("It SHALL.", &[("new", "- n"), ("one", "- 1!"), ("more", "- m"), ("two", "- 2")]);
        let theirs = block("It MUST.", &[("one", "- 1"), ("two", "- 2!"), ("last", "- l")]);
        let wanted =
            block("It MUST.", &[("new", "- n"), ("one", "- 1!"), ("more", "- m"), ("two", "- 2!"), ("last", "- l")]);
        assert_eq!(same(&ours, &theirs), Merged::Both(wanted.raw));
        // Both did the same.
        assert_eq!(same(&theirs, &theirs), Merged::Both(theirs.raw.clone()));
        // The change says what the spec said before: nothing of it is taken back.
        assert_eq!(same(&ours, &base), Merged::Both(ours.raw.clone()));
    }

    #[test]
    fn the_same_piece_changed_twice_is_a_conflict_that_shows_both() {
        let base = block("It SHALL.", &[("one", "- 1")]);
        let ours = block("It SHALL.", &[("one", "- ours")]);
        let theirs = block("It SHALL.", &[("one", "- theirs")]);
        let Merged::Conflict(conflict) = merge(&Prints::of(&base), &ours, &theirs) else { panic!("no conflict") };
        assert_eq!(conflict.scenario.as_deref(), Some("one"));
        assert!(conflict.shown().contains("- ours") && conflict.shown().contains("- theirs"), "{}", conflict.shown());
        let table = [
            (block("It MAY.", &[("one", "- 1")]), block("It MUST.", &[("one", "- 1")]), None),
            (block("It SHALL.", &[]), theirs.clone(), Some("one")),
            (ours.clone(), block("It SHALL.", &[]), Some("one")),
            (
                block("It SHALL.", &[("one", "- 1"), ("two", "- a")]),
                block("It SHALL.", &[("one", "- 1"), ("two", "- b")]),
                Some("two"),
            ),
        ];
        for (ours, theirs, scenario) in table {
            let merged = merge(&Prints::of(&base), &ours, &theirs);
            let Merged::Conflict(conflict) = merged else { panic!("no conflict: {merged:?}") };
            assert_eq!(conflict.scenario.as_deref(), scenario);
        }
    }

    #[test]
    fn scenarios_of_one_name_are_told_apart_by_their_order() {
        let base = block("b", &[("x", "- 1"), ("x", "- 2")]);
        let ours = block("b", &[("x", "- 1!"), ("x", "- 2")]);
        let theirs = block("b", &[("x", "- 1"), ("x", "- 2!")]);
        let wanted = block("b", &[("x", "- 1!"), ("x", "- 2!")]);
        assert_eq!(merge(&Prints::of(&base), &ours, &theirs), Merged::Both(wanted.raw));
    }
}
