//! Two changes of one requirement brought together, piece by piece: its text is one piece, every scenario another, and the name of a
//! scenario that is renamed one more.
//! Lives here: the three-way merge. Never here: where the fingerprints of what was before come from (see `base`).

use std::collections::{HashMap, HashSet};

use super::base::{Pieces, Print, Prints};
use super::block::Block;
use super::js;
use super::scenario_rename::{self, Pair};

/// Pairs of scenarios that are compared to find one again under another name, at the most. Where there are more, both are shown.
const COMPARED: usize = 10_000;

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
/// change was written, and `renames` are the scenarios to which the change gives another name. A scenario that the change leaves out
/// and nobody else touched is left out: whether that may be is for the rule of lost scenarios to say.
#[must_use]
pub fn merge(base: &Prints, ours: &Block, theirs: &Block, renames: &[Pair<'_>]) -> Merged {
    if Prints::of(ours) == *base {
        return Merged::Theirs;
    }
    let (mut here, mut there) = (Pieces::of(ours), Pieces::of(theirs));
    let merged = take_off(base, &mut here, &mut there, renames).and_then(|renamed| {
        let mut merged = pieces(base, &here, &there)?;
        renamed.into_iter().for_each(|renamed| renamed.put_back(&mut merged));
        Ok(merged)
    });
    match merged {
        Ok(merged) => Merged::Both(merged.join(theirs.lines().get(0))),
        Err(conflict) => Merged::Conflict(conflict),
    }
}

/// A scenario that one side gave another name. It is merged under its old one, so that a name is one change and the steps below it
/// are another.
struct Renamed {
    from: String,
    to: String,
    heading: String,
}

impl Renamed {
    /// Gives a scenario its old name and heading.
    fn take((name, text): &mut (String, String), from: &str, heading: &str) -> Self {
        let new = text.split('\n').next().unwrap_or_default().to_owned();
        *text = headed(text, heading);
        Self { from: from.to_owned(), to: std::mem::replace(name, from.to_owned()), heading: new }
    }

    fn put_back(self, merged: &mut Pieces) {
        if let Some((name, text)) = merged.scenarios.iter_mut().find(|(name, _)| *name == self.from) {
            *text = headed(text, &self.heading);
            *name = self.to;
        }
    }
}

/// A scenario's text below another heading.
fn headed(text: &str, heading: &str) -> String {
    text.split_once('\n').map_or_else(|| heading.to_owned(), |(_, steps)| format!("{heading}\n{steps}"))
}

fn named<'p>(pieces: &'p mut Pieces, wanted: &str) -> Option<&'p mut (String, String)> {
    pieces.scenarios.iter_mut().find(|(name, _)| name == wanted)
}

/// The scenarios that others gave another name and left as they were, where the change has other steps for them. What the change
/// leaves as it was follows what others did anyway.
fn known_again(base: &Prints, ours: &mut Pieces, theirs: &Pieces) -> Vec<Renamed> {
    let before = scenario_rename::counted(base.scenarios.iter().map(|(name, _)| name.as_str()));
    let here: HashSet<String> = ours.scenarios.iter().map(|(name, _)| name.clone()).collect();
    let there: HashMap<&str, &String> = theirs.scenarios.iter().map(|(name, text)| (name.as_str(), text)).collect();
    let is_lost = |(name, print): &&(String, Print)| {
        let is_edited = there.get(name.as_str()).is_some_and(|text| Print::of(text) != *print);
        before.get(name.as_str()) == Some(&1) && !here.contains(name) && is_edited
    };
    let lost: Vec<&(String, Print)> = base.scenarios.iter().filter(is_lost).collect();
    let is_new = |name: &str| !before.contains_key(name) && !there.contains_key(name);
    let mut new: Vec<&mut (String, String)> = ours.scenarios.iter_mut().filter(|(name, _)| is_new(name)).collect();
    if lost.len().saturating_mul(new.len()) > COMPARED {
        return Vec::new();
    }
    let heading = |from: &str| there.get(from).and_then(|text| text.split('\n').next()).unwrap_or_default();
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (at, (from, print)) in lost.iter().enumerate() {
        let is_it =
            |(_, scenario): &(usize, &&mut (String, String))| Print::of(&headed(&scenario.1, heading(from))) == *print;
        pairs.extend(new.iter().enumerate().filter(is_it).map(|(to, _)| (at, to)));
    }
    // Steps that two of them share tell neither from the other.
    let is_alone =
        |pair: &&(usize, usize)| pairs.iter().filter(|other| other.0 == pair.0 || other.1 == pair.1).count() == 1;
    let found = pairs.iter().filter(is_alone);
    found.map(|(at, to)| Renamed::take(new[*to], &lost[*at].0, heading(&lost[*at].0))).collect()
}

/// Gives every scenario that one side renamed its old name: the change by what it says, the main spec by what stayed the same.
fn take_off(
    base: &Prints,
    ours: &mut Pieces,
    theirs: &mut Pieces,
    renames: &[Pair<'_>],
) -> Result<Vec<Renamed>, Conflict> {
    let names = |pieces: &Pieces| -> Vec<String> { pieces.scenarios.iter().map(|(name, _)| name.clone()).collect() };
    let before: Vec<String> = base.scenarios.iter().map(|(name, _)| name.clone()).collect();
    let mut renamed = Vec::new();
    for (from, to) in scenario_rename::holding(renames, &before, &names(theirs)) {
        let Some(new) = named(theirs, to) else { continue };
        let is_taken = named(ours, to).is_some();
        match (named(ours, from), is_taken) {
            (Some((_, text)), false) => {
                let heading = text.split('\n').next().unwrap_or_default();
                renamed.push(Renamed::take(new, from, heading));
            }
            // Somebody else has given it the same name.
            (None, true) => {
                let heading = format!("#### Scenario: {from}");
                named(ours, to).map(|old| Renamed::take(old, from, &heading));
                renamed.push(Renamed::take(new, from, &heading));
            }
            (None, false) => return Err(conflict(Some(from), None, Some(&new.1))),
            (Some(_), true) => {
                let there = named(ours, to).map(|(_, text)| &*text);
                return Err(conflict(Some(to), there, Some(&new.1)));
            }
        }
    }
    renamed.extend(known_again(base, ours, theirs));
    Ok(renamed)
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
mod tests;
