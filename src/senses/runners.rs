//! What known test runners print at their end.
//! Lives here: reading counts and names of failed tests out of output. Never here: running anything.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::town::facts::TestSummary;
use crate::town::markdown::visible;

/// Names of failed tests that are kept.
const NAMES: usize = 50;

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        #[allow(clippy::expect_used)]
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).expect("a constant pattern"));
    };
}

pattern!(COLOUR, r"\x1b\[[0-9;]*[A-Za-z]");
pattern!(CARGO, r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored");
pattern!(CARGO_FAILED, r"^test (\S.*) \.\.\. FAILED$");
pattern!(PYTEST, r"^=+ (.*\b(?:passed|failed|errors?|skipped)\b.*) in [\d.]+s.* ?=+$");
pattern!(PYTEST_FAILED, r"^(?:FAILED|ERROR) (\S+)");
pattern!(COUNTED, r"(\d+) (passed|failed|errors?|skipped|todo)\b");
pattern!(GO, r"^\s*--- (PASS|FAIL|SKIP): (\S+)");
pattern!(GO_PACKAGE, r"^(ok|FAIL|---)\s+(\S+)\s+(?:[\d.]+s|\(cached\)|\[build failed\])");
pattern!(JEST, r"^\s*Tests:?\s+(.*\b(?:passed|failed)\b.*)$");
pattern!(JEST_FAILED, r"^\s*(?:●|FAIL|×)\s+(\S.*?)(?:\s+\d+ms)?$");
pattern!(NODE, r"^(?:# |ℹ )(pass|fail|skipped) (\d+)$");
pattern!(NODE_FAILED, r"^\s*✖ (.+?) \([\d.]+ms\)$");
pattern!(TAP, r"^(not ok|ok) \d+\s*(?:- )?(.*)$");

/// What a known runner reported in `output`; `None` where none is recognised.
pub(super) fn summary(output: &str) -> Option<TestSummary> {
    let plain = COLOUR.replace_all(output, "");
    let lines: Vec<&str> = plain.lines().map(str::trim_end).collect();
    let readers = [cargo, pytest, node, jest, go, tap];
    readers.iter().find_map(|read| read(&lines))
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or(0)
}

fn names<'a>(found: impl Iterator<Item = &'a str>) -> Vec<String> {
    let all: BTreeSet<String> = found.map(|name| visible(name, 200)).filter(|name| !name.is_empty()).collect();
    all.into_iter().take(NAMES).collect()
}

fn captured<'a>(lines: &[&'a str], pattern: &Regex) -> Vec<&'a str> {
    lines.iter().filter_map(|line| pattern.captures(line)?.get(1).map(|name| name.as_str())).collect()
}

fn cargo(lines: &[&str]) -> Option<TestSummary> {
    let mut out = TestSummary { runner: "cargo test".to_owned(), ..TestSummary::default() };
    let mut found = false;
    for parts in lines.iter().filter_map(|line| CARGO.captures(line)) {
        found = true;
        out.passed += number(&parts[1]);
        out.failed += number(&parts[2]);
        out.skipped += number(&parts[3]);
    }
    out.failures = names(captured(lines, &CARGO_FAILED).into_iter());
    found.then_some(out)
}

/// Adds `3 passed, 1 failed` and the like.
fn add_counts(out: &mut TestSummary, text: &str) {
    for parts in COUNTED.captures_iter(text) {
        let count = number(&parts[1]);
        match &parts[2] {
            "passed" => out.passed += count,
            "skipped" | "todo" => out.skipped += count,
            _ => out.failed += count,
        }
    }
}

fn pytest(lines: &[&str]) -> Option<TestSummary> {
    let last = lines.iter().rev().find_map(|line| PYTEST.captures(line))?;
    let mut out = TestSummary { runner: "pytest".to_owned(), ..TestSummary::default() };
    add_counts(&mut out, &last[1]);
    out.failures = names(captured(lines, &PYTEST_FAILED).into_iter());
    Some(out)
}

fn jest(lines: &[&str]) -> Option<TestSummary> {
    let last = lines.iter().rev().find_map(|line| JEST.captures(line))?;
    let runner = if last[0].contains("Tests:") { "jest" } else { "vitest" };
    let mut out = TestSummary { runner: runner.to_owned(), ..TestSummary::default() };
    add_counts(&mut out, &last[1]);
    out.failures = names(captured(lines, &JEST_FAILED).into_iter());
    Some(out)
}

fn node(lines: &[&str]) -> Option<TestSummary> {
    let mut out = TestSummary { runner: "node --test".to_owned(), ..TestSummary::default() };
    let mut found = 0;
    for parts in lines.iter().filter_map(|line| NODE.captures(line)) {
        found += 1;
        match &parts[1] {
            "pass" => out.passed = number(&parts[2]),
            "fail" => out.failed = number(&parts[2]),
            _ => out.skipped = number(&parts[2]),
        }
    }
    let mut failed = captured(lines, &NODE_FAILED);
    failed.extend(
        lines
            .iter()
            .filter_map(|line| line.trim_start().strip_prefix("not ok ")?.split_once(" - ").map(|(_, name)| name)),
    );
    out.failures = names(failed.into_iter());
    (found >= 2).then_some(out)
}

fn go(lines: &[&str]) -> Option<TestSummary> {
    let mut out = TestSummary { runner: "go test".to_owned(), ..TestSummary::default() };
    let mut failed = Vec::new();
    let (mut tests, mut packages) = ((0, 0), (0, 0));
    for line in lines {
        if let Some(parts) = GO.captures(line) {
            match parts.get(1).map(|word| word.as_str()) {
                Some("PASS") => tests.0 += 1,
                Some("SKIP") => out.skipped += 1,
                _ => {
                    tests.1 += 1;
                    failed.extend(parts.get(2).map(|name| name.as_str()));
                }
            }
        } else if let Some(parts) = GO_PACKAGE.captures(line) {
            if &parts[1] == "ok" {
                packages.0 += 1;
            } else {
                packages.1 += 1;
                failed.extend(parts.get(2).map(|name| name.as_str()));
            }
        }
    }
    if packages == (0, 0) {
        return None;
    }
    // Without -v only failing tests are printed; then packages are what can be counted.
    (out.passed, out.failed) = if tests.0 > 0 { tests } else { (packages.0, tests.1.max(packages.1)) };
    if tests.0 == 0 {
        out.runner.push_str(" (packages)");
    }
    out.failures = names(failed.into_iter());
    Some(out)
}

fn tap(lines: &[&str]) -> Option<TestSummary> {
    lines.iter().find(|line| line.starts_with("TAP version") || line.starts_with("1.."))?;
    let mut out = TestSummary { runner: "TAP".to_owned(), ..TestSummary::default() };
    let mut failed = Vec::new();
    for line in lines {
        let Some(parts) = TAP.captures(line) else { continue };
        let name = parts.get(2).map_or("", |name| name.as_str());
        let upper = name.to_ascii_uppercase();
        match parts.get(1).map(|word| word.as_str()) {
            _ if upper.contains("# SKIP") || upper.contains("# TODO") => out.skipped += 1,
            Some("ok") => out.passed += 1,
            _ => {
                out.failed += 1;
                failed.push(name);
            }
        }
    }
    out.failures = names(failed.into_iter());
    (out.passed + out.failed + out.skipped > 0).then_some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(output: &str, runner: &str, counts: (usize, usize, usize), failures: &[&str]) {
        let found = summary(output).unwrap();
        assert_eq!((found.runner.as_str(), (found.passed, found.failed, found.skipped)), (runner, counts), "{output}");
        assert_eq!(found.failures, failures, "{output}");
    }

    #[test]
    fn known_runners_are_read() {
        check(
            "test a::b ... ok\ntest a::c ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n",
            "cargo test",
            (4, 1, 2),
            &["a::c"],
        );
        check(
            "FAILED tests/test_a.py::test_x - assert 1\n\x1b[31m===== 1 failed, 3 passed, 2 skipped in 0.12s =====\x1b[0m\n",
            "pytest",
            (3, 1, 2),
            &["tests/test_a.py::test_x"],
        );
        check(
            "ok  \texample.org/a\t0.01s\n--- FAIL: TestB (0.00s)\nFAIL\texample.org/b\t0.02s\n",
            "go test (packages)",
            (1, 1, 0),
            &["TestB", "example.org/b"],
        );
        check(
            "--- PASS: TestA (0.00s)\n--- SKIP: TestC (0.00s)\nok  \texample.org/a\t(cached)\n",
            "go test",
            (1, 0, 1),
            &[],
        );
        check("  ● adds › numbers\nTests:       1 failed, 4 passed, 5 total\n", "jest", (4, 1, 0), &["adds › numbers"]);
        check("      Tests  2 failed | 7 passed (9)\n", "vitest", (7, 2, 0), &[]);
        check("# pass 3\n# fail 1\nnot ok 4 - divides\n# skipped 0\n", "node --test", (3, 1, 0), &["divides"]);
        check("TAP version 13\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP c\n1..3\n", "TAP", (1, 1, 1), &["b"]);
    }

    #[test]
    fn other_output_says_nothing() {
        for output in ["", "ok\n", "all tests passed in 3s\n", "1 failed\n"] {
            assert_eq!(summary(output), None, "{output}");
        }
    }
}
