//! Which item a name means.
//! Lives here: telling changes from specs, and what was probably meant. Never here: what is done with the item.

use clap::ValueEnum;
use serde::Serialize;

use super::desk::Failure;
use crate::town::spec::project::Project;

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A change.
    Change,
    /// A spec.
    Spec,
}

impl Kind {
    /// As answers write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Spec => "spec",
        }
    }
}

/// Names that are suggested, at the most.
const SUGGESTED: usize = 5;

/// The kind of the item that is called so.
///
/// # Errors
/// There is none, or there are two.
pub fn kind(project: &Project<'_>, name: &str, wanted: Option<Kind>) -> Result<Kind, Failure> {
    let changes = project.changes();
    let specs: Vec<String> = project.specs().into_iter().map(|spec| spec.id).collect();
    let is_change = changes.contains(&name);
    let is_spec = specs.iter().any(|id| id == name);
    match (wanted, is_change, is_spec) {
        (Some(kind), ..) => Ok(kind),
        (None, true, true) => {
            let message = format!("{name:?} is both a change and a spec");
            Err(Failure::new("ambiguous_item", message).fix("say which with --type change or --type spec"))
        }
        (None, true, false) => Ok(Kind::Change),
        (None, false, true) => Ok(Kind::Spec),
        (None, false, false) => {
            let candidates = changes.into_iter().chain(specs.iter().map(String::as_str));
            Err(Failure::new("unknown_item", unknown(name, candidates)))
        }
    }
}

fn unknown<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> String {
    let near = nearest(name, candidates);
    match near.is_empty() {
        true => format!("there is no change or spec {name:?}"),
        false => format!("there is no change or spec {name:?}. Did you mean: {}?", near.join(", ")),
    }
}

/// The names to choose from, as a sentence.
#[must_use]
pub fn open_changes(project: &Project<'_>) -> String {
    let open = project.changes();
    if open.is_empty() { "There is no open change.".to_owned() } else { format!("Open changes: {}.", open.join(", ")) }
}

/// The nearest names, however far they are.
#[must_use]
pub fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Vec<&'c str> {
    let name: String = name.chars().take(200).collect();
    let mut scored: Vec<(usize, &str)> =
        candidates.map(|candidate| (strsim::levenshtein(&name, candidate), candidate)).collect();
    scored.sort_by_key(|(distance, _)| *distance);
    scored.into_iter().take(SUGGESTED).map(|(_, candidate)| candidate).collect()
}

/// Names that are told with their kind are not looked up, so they may not lead out of their folder.
///
/// # Errors
/// It would.
pub fn safe(kind: Kind, name: &str) -> Result<(), Failure> {
    let problem = |part: &str| match part {
        "" => Some("must not be empty"),
        "." | ".." => Some("must not be . or .."),
        part if part.contains(['/', '\\']) => Some("must not have / or \\ in it"),
        _ => None,
    };
    let (what, found) = match kind {
        Kind::Change => ("a change's name", problem(name)),
        Kind::Spec => ("each part of a spec's id", name.split('/').find_map(problem)),
    };
    found.map_or(Ok(()), |why| Err(Failure::new("invalid_item", format!("{what} {why}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first_and_are_five() {
        let names = ["add-auth", "add-oauth", "remove-x", "zzz", "yyy", "xxx"];
        let found = nearest("add-aut", names.into_iter());
        assert_eq!((found[0], found[1], found.len()), ("add-auth", "add-oauth", 5));
        assert!(unknown("a", std::iter::empty()).ends_with("\"a\""));
    }

    #[test]
    fn a_name_that_leads_out_is_refused() {
        for (kind, name) in [
            (Kind::Change, "../x"),
            (Kind::Change, ".."),
            (Kind::Change, ""),
            (Kind::Change, "a\\b"),
            (Kind::Spec, "a/../b"),
            (Kind::Spec, "a//b"),
        ] {
            assert!(safe(kind, name).is_err(), "{name:?}");
        }
        assert!(safe(Kind::Spec, "a/b").is_ok() && safe(Kind::Change, "a b").is_ok());
    }
}
