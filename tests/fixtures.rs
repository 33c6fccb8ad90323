//! What was once written is read for ever: one event of each type, and the journal of a small town with the state that it
//! folds to.
//! Lives here: reading `tests/fixtures/`. The files there may be added to, and are never changed.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use monkeytown::town::envelope::Envelope;
use monkeytown::town::event::Event;
use monkeytown::town::fold::{Town, fold};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

#[test]
fn every_type_of_event_has_an_example_that_still_decodes() {
    let mut seen = BTreeSet::new();
    for file in fs::read_dir(fixtures().join("events/v1")).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let envelope = Envelope::parse(text.trim_end()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let event = envelope.event().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let event = event.unwrap_or_else(|| panic!("{}: its type is not known any more", path.display()));
        // What the payload says today holds at least what it said then.
        let then: serde_json::Value = serde_json::from_str(envelope.data.get()).unwrap();
        let now: serde_json::Value = serde_json::from_str(event.data().unwrap().get()).unwrap();
        for (key, value) in then.as_object().unwrap() {
            assert_eq!(now.get(key), Some(value), "{}: {key}", path.display());
        }
        assert_eq!(event.subject(), envelope.subject, "{}", path.display());
        assert!(!event.sentence().is_empty());
        assert_eq!(envelope.line().unwrap(), text.trim_end(), "{}", path.display());
        seen.insert(envelope.kind);
    }
    let known: BTreeSet<String> = Event::KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(known, seen);
}

#[test]
fn a_small_town_folds_to_its_state() {
    let journal = fs::read_to_string(fixtures().join("small-town/journal.ndjson")).unwrap();
    let log: Vec<Envelope> = journal.lines().map(|line| Envelope::parse(line).unwrap()).collect();
    let (town, findings) = fold(&log);
    assert_eq!(findings, []);
    let stored = fs::read_to_string(fixtures().join("small-town/state.json")).unwrap();
    let expected: Town = serde_json::from_str(&stored).unwrap();
    assert_eq!(town, expected);
    assert_eq!(serde_json::to_string_pretty(&town).unwrap(), stored.trim_end(), "the same bytes, too");
}
