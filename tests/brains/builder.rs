//! An agent that does real work: it sees a test fail, mends the fault in the sandbox, sees the test pass, and proposes the patch.

use serde_json::json;

use crate::provider::{Dialect, Provider, Say, call, key};
use crate::replies::keeps_the_key;
use crate::village::Village;

const LIB: &str = "//! Prices.\n\n/// The price of so many things at so many cents, every tenth one free.\npub fn price(count: u32, cents: u32) -> u32 {\n    (count - count / 11) * cents\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn the_tenth_is_free() {\n        assert_eq!(super::price(10, 100), 900);\n    }\n}\n";
const FAILED: &str = "test result: FAILED. 0 passed; 1 failed";
const PASSED: &str = "test result: ok. 1 passed; 0 failed";
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

/// What a decent command-line agent does, with tools of its own.
const SCRIPT: &str = r#"set -e
grep -q "You are monkeybuilder" && cargo test --offline >$TMPDIR/before.txt 2>&1 && exit 1
tail -n 20 $TMPDIR/before.txt
cp src/lib.rs $TMPDIR/before && sed -i 's|count / 11|count / 10|' src/lib.rs && cargo test --offline 2>&1 | tail -n 20
mkdir -p .monkeytown/workshop
diff -u --label a/src/lib.rs --label b/src/lib.rs $TMPDIR/before src/lib.rs >.monkeytown/workshop/tenth.patch || true
printf '# Bench\n\n| patch | mends | state |\n| --- | --- | --- |\n| tenth.patch | the tenth thing is not free | applies |\n' >.monkeytown/workshop/bench.md
cat <<'END'
Done, the patch applies.
```json
{
  "title": "Give the tenth thing for free",
  "body": "`price` counts every eleventh. The patch applies with `git apply`, and `the_tenth_is_free` passes with it.",
  "evidence": ["src/lib.rs:5", "cargo test: 1 failed before, 1 passed with the patch"]
}
```
END
"#;

/// A shop whose test fails.
fn shop(settings: &str) -> Village {
    let town = Village::new()
        .file("agents/monkeybuilder.md", CHARTER)
        .file("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
        .file("Cargo.lock", "version = 4\n\n[[package]]\nname = \"shop\"\nversion = \"0.1.0\"\n")
        .file("src/lib.rs", LIB)
        .file("scripts/agent.sh", SCRIPT)
        .file(".gitignore", "target/\n")
        .settings(settings)
        .commit("Found the town");
    // Where the toolchain of this machine lives; the home folder of the test is empty.
    for (name, usual) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let home = std::env::home_dir().unwrap();
        let place = std::env::var_os(name).map_or_else(|| home.join(usual), Into::into);
        town.with_env(name, place.to_str().unwrap());
    }
    town
}

/// Only what it owns is proposed, with evidence, and a human can take it.
#[track_caller]
fn is_proposed(town: &Village) {
    let names = town.git(["diff", "--name-only", "main", "agent/monkeybuilder"]);
    assert_eq!(names, ".monkeytown/workshop/bench.md\n.monkeytown/workshop/tenth.patch");
    let patch = town.git(["show", "agent/monkeybuilder:.monkeytown/workshop/tenth.patch"]);
    std::fs::write(town.path("tenth.patch"), patch + "\n").unwrap();
    town.git(["apply", "--check", town.path("tenth.patch").to_str().unwrap()]);
    let shown = town.monkeytown(&["pulls", "show", "1", "--json"]);
    assert!(shown.stdout.contains("1 failed before, 1 passed with the patch"), "{shown:#?}");
}

// covers: models#two-dialects-and-many-providers/the-same-work-in-both-dialects
#[test]
fn the_builder_mends_what_fails_and_shows_that_it_did() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        let provider = Provider::saying(dialect, model());
        let town = shop(&provider.settings(""));
        town.with_env("LLM", &key());
        let run = town.monkeytown(&["run", "monkeybuilder", "--json"]);
        run.ended(0, "opened");
        // It saw the test fail, and pass, before it said so.
        let seen = provider.seen();
        let answer = |nth: usize| seen[nth]["messages"].as_array().unwrap().last().unwrap().to_string();
        assert!(answer(1).contains("left: 1000") && answer(1).contains(FAILED), "{}", answer(1));
        assert!(answer(3).contains(PASSED), "{}", answer(3));
        is_proposed(&town);
        keeps_the_key(&town, &run);
    }
}

#[test]
fn a_command_line_agent_does_the_same() {
    let town = shop("brain: { provider: command, command: \"sh scripts/agent.sh\" }\n");
    let run = town.monkeytown(&["run", "monkeybuilder", "--json"]);
    run.ended(0, "opened");
    let seen = town.transcript(&run.text("run"))["entries"][2]["output"].as_str().unwrap().to_owned();
    let (before, after) = seen.split_once(FAILED).unwrap_or_else(|| panic!("{seen}"));
    assert!(before.contains("left: 1000") && after.contains(PASSED), "{seen}");
    assert!(seen.contains("not kept, because not yours: Cargo.lock, src/lib.rs"), "{seen}");
    is_proposed(&town);
}
