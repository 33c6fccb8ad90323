//! An agent that does real work: it sees a test fail, mends the fault in the sandbox, sees the test pass, and proposes the patch.

use serde_json::json;

use crate::provider::{Dialect, Provider, Say, call, key};
use crate::replies::keeps_the_key;
use crate::village::Village;

const LIB: &str = "//! Prices.\n\n/// The price of so many things at so many cents, every tenth one free.\npub fn price(count: u32, cents: u32) -> u32 {\n    (count - count / 11) * cents\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn the_tenth_is_free() {\n        assert_eq!(super::price(10, 100), 900);\n    }\n}\n";
const CHARTER: &str = include_str!("../../agents/monkeybuilder.md");

fn bash(command: &str) -> Say {
    call("Bash", &json!({"command": command, "timeout": 300}))
}

/// What a decent model does.
fn model() -> Vec<Say> {
    let mend = "cp src/lib.rs $TMPDIR/before && sed -i 's|count / 11|count / 10|' src/lib.rs && cargo test --offline 2>&1 | tail -n 20 && \
                mkdir -p .monkeytown/workshop && (diff -u --label a/src/lib.rs --label b/src/lib.rs $TMPDIR/before src/lib.rs \
                > .monkeytown/workshop/tenth.patch; cp $TMPDIR/before src/lib.rs)";
    let bench = "# Bench\n\n| patch | mends | state |\n| --- | --- | --- |\n| tenth.patch | the tenth thing is not free | applies |\n";
    let finish = json!({
        "title": "Give the tenth thing for free",
        "body": "`price` counts every eleventh. The patch applies with `git apply`, and `the_tenth_is_free` passes with it.",
        "evidence": ["src/lib.rs:5", "cargo test: 1 failed before, 1 passed with the patch"],
    });
    vec![
        bash("cargo test --offline 2>&1 | tail -n 20"),
        call("Read", &json!({"file_path": "src/lib.rs"})),
        bash(mend),
        call("Write", &json!({"file_path": ".monkeytown/workshop/bench.md", "content": bench})),
        call("Finish", &finish),
    ]
}

#[test]
fn the_builder_mends_what_fails_and_shows_that_it_did() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        let provider = Provider::saying(dialect, model());
        let town = Village::new()
            .file("agents/monkeybuilder.md", CHARTER)
            .file("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
            .file("Cargo.lock", "version = 4\n\n[[package]]\nname = \"shop\"\nversion = \"0.1.0\"\n")
            .file("src/lib.rs", LIB)
            .file(".gitignore", "target/\n")
            .settings(&provider.settings(""))
            .commit("Found the town");
        town.with_env("LLM", &key());
        // Where the toolchain of this machine lives; the home folder of the test is empty.
        for (name, usual) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let home = std::env::home_dir().unwrap();
            let place = std::env::var_os(name).map_or_else(|| home.join(usual), Into::into);
            town.with_env(name, place.to_str().unwrap());
        }
        let run = town.monkeytown(&["run", "monkeybuilder", "--json"]);
        run.ended(0, "opened");
        // It saw the test fail, and pass, before it said so.
        let seen = provider.seen();
        let answer = |nth: usize| seen[nth]["messages"].as_array().unwrap().last().unwrap().to_string();
        let failed = "test result: FAILED. 0 passed; 1 failed";
        assert!(answer(1).contains("left: 1000") && answer(1).contains(failed), "{}", answer(1));
        assert!(answer(3).contains("test result: ok. 1 passed; 0 failed"), "{}", answer(3));
        // Only what it owns is proposed, and a human can take it.
        let names = town.git(["diff", "--name-only", "main", "agent/monkeybuilder"]);
        assert_eq!(names, ".monkeytown/workshop/bench.md\n.monkeytown/workshop/tenth.patch");
        let patch = town.git(["show", "agent/monkeybuilder:.monkeytown/workshop/tenth.patch"]);
        std::fs::write(town.path("tenth.patch"), patch + "\n").unwrap();
        town.git(["apply", "--check", town.path("tenth.patch").to_str().unwrap()]);
        let shown = town.monkeytown(&["pulls", "show", "1", "--json"]);
        assert!(shown.stdout.contains("1 failed before, 1 passed with the patch"), "{shown:#?}");
        keeps_the_key(&town, &run);
    }
}
