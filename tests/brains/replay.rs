//! Promise: a run that was recorded is the same when its record thinks: the same transcript and the same files.

use crate::kills::{mind, town};
use crate::provider::{Dialect, Provider};

// covers: transcripts#a-run-can-be-played-again/nothing-has-changed
#[test]
fn a_recorded_run_is_replayed_byte_for_byte() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        let provider = Provider::thinking(dialect, mind);
        let town = town(&provider).remote();
        let other = town.another_clone("other");
        // Neither clone knows of the other's run: each has a remote of its own.
        let home = other.path("second.git");
        other
            .git_in(&other.path("."), ["clone", "-q", "--bare", town.path("home.git").to_str().unwrap(), "second.git"]);
        other.git(["remote", "set-url", "origin", home.to_str().unwrap()]);
        let first = town.monkeytown(&["run", "chaostester", "--json", "--slot", "morning"]);
        first.ended(0, "opened");
        let asked = provider.count();
        let id = first.json["run"].as_str().unwrap();
        let record = town.monkeytown(&["runs", "export", id]);
        let file = town.path("record.json");
        std::fs::write(&file, &record.stdout).unwrap();
        let brain = format!("replay:{}", file.display());
        let again = other.monkeytown(&["run", "chaostester", "--json", "--slot", "morning", "--brain", &brain]);
        again.ended(0, "opened");
        assert_eq!(provider.count(), asked, "the model is not asked again");
        let second = again.json["run"].as_str().unwrap();
        let replayed = other.monkeytown(&["runs", "export", second]).stdout.replace(second, id);
        assert_eq!(replayed, record.stdout);
        let tree = |home: &std::path::Path| town.git_in(home, ["rev-parse", "agent/chaostester^{tree}"]);
        assert_eq!(tree(&town.path("home.git")), tree(&home));
    }
}
