//! `monkeytown openspec` beside the command that it stands in for.
//!
//! Lives here: the corpus of cases and what both programs make of it. Never here: tests of OpenSpec that can do without the
//! reference (see `src/town/spec`). Start with [`the_two_programs_agree`].

mod bugs;
mod case;
mod compare;
mod divergences;
mod hostile;
mod instructions;
mod order;
mod programs;
mod trees;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use monkeytown::town::spec::rules::{Profile, RULES, Rule};
use serde_json::Value;

use case::{Case, cases, put};
use divergences::DIVERGENCES;
use programs::{Program, everything};

/// Both programs, and an empty home for them.
pub struct Both {
    pub reference: Program,
    pub ours: Program,
    pub spec: Program,
    pub home: tempfile::TempDir,
}

/// Both programs.
pub fn both() -> Both {
    Both {
        reference: Program::Reference(crate::tools()),
        ours: Program::Ours(PathBuf::from(env!("CARGO_BIN_EXE_monkeytown"))),
        spec: Program::Spec(PathBuf::from(env!("CARGO_BIN_EXE_monkeytown"))),
        home: tempfile::tempdir().unwrap(),
    }
}

/// What was compared: names of cases, and how they differ.
#[derive(Default)]
struct Outcome {
    agreed: usize,
    differ: Vec<(String, Vec<String>)>,
}

impl Outcome {
    fn join(&mut self, more: Outcome) {
        self.agreed += more.agreed;
        self.differ.extend(more.differ);
    }

    fn add(&mut self, name: &str, differences: Vec<String>) {
        if differences.is_empty() {
            self.agreed += 1;
        } else {
            self.differ.push((name.to_owned(), differences));
        }
    }
}

/// The corpus, the trees and this repository: each agrees or diverges on purpose.
// covers: openspec-parity#the-same-verdicts/a-project-with-mistakes, openspec-parity#the-same-files
// covers: openspec-parity#divergences-stand-in-one-table, spec-validation#the-reference-s-verdicts-in-its-own-profile
#[test]
fn the_two_programs_agree() {
    let both = both();
    let mut outcome = validated(&both, &[]);
    let strict = validated(&both, &["--strict"]);
    outcome.join(Outcome {
        agreed: strict.agreed,
        differ: strict.differ.into_iter().map(|(name, why)| (format!("{name} --strict"), why)).collect(),
    });
    outcome.join(called(&both));
    outcome.join(whole_trees(&both));
    outcome.join(hostile(&both));

    let on_purpose = |name: &str| DIVERGENCES.iter().any(|(case, _)| name == *case);
    let (diverged, differ): (Vec<_>, Vec<_>) = outcome.differ.iter().partition(|(name, _)| on_purpose(name));
    // Not by `println!`, which is shown for failed tests only.
    let line = format!(
        "\nopenspec parity: {} agreed, {} diverged on purpose, {} differ\n",
        outcome.agreed,
        diverged.len(),
        differ.len()
    );
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    let told: Vec<String> =
        differ.iter().map(|(name, why)| format!("{name}:{}", shortened(case_about(name), why))).collect();
    assert!(told.is_empty(), "the reference and ours differ:\n{}", told.join("\n"));

    let known: BTreeSet<&str> = diverged.iter().map(|(name, _)| name.as_str()).collect();
    for (name, _) in DIVERGENCES {
        assert!(known.contains(name), "{name} is said to diverge on purpose, and both programs agree");
    }
}

/// Every rule that the reference has is broken by a case, save those that another test breaks.
#[test]
fn every_rule_of_the_reference_has_a_case() {
    // A link and a tree of its own: see `bugs`, b10, and the unit tests of `validate`.
    const ELSEWHERE: &[&str] = &[
        "change/leads-out",
        "change/unreadable",
        "delta/archive-check-failed",
        "spec/unreadable",
        "spec/empty-requirement",
        "tasks/archived-incomplete",
        "tasks/unreadable",
    ];
    let broken: BTreeSet<String> = cases("validate").into_iter().filter_map(|case| case.codes).flatten().collect();
    for rule in RULES.iter().filter(|rule| rule.level(Profile::Openspec1).is_some()) {
        assert_ne!(broken.contains(rule.id), ELSEWHERE.contains(&rule.id), "{}", rule.id);
    }
    let unknown: Vec<&String> = broken.iter().filter(|code| Rule::named(code).is_none()).collect();
    assert!(unknown.is_empty(), "no rule is called {unknown:?}");
}

/// A process that answers many questions says what the command says that is started for one.
#[test]
fn the_reference_is_heard_as_it_is() {
    let both = both();
    let alone = Program::Command(crate::tools());
    let case = cases("calls").into_iter().find(|case| case.name == "r-list").unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(folders.0.path(), &case);
    put(folders.1.path(), &case);
    let asked = [
        "validate --all --json",
        "show nothing --type change",
        "status --all --json",
        "list --sorted",
        "archive one --yes",
        "archive two --yes --json",
        "list --sort name",
    ];
    for command in asked {
        let words: Vec<&str> = command.split(' ').collect();
        let one = both.reference.run(folders.0.path(), both.home.path(), &words);
        let other = alone.run(folders.1.path(), both.home.path(), &words);
        let timed =
            |text: &str| text.lines().filter(|line| !line.contains("durationMs")).collect::<Vec<_>>().join("\n");
        assert_eq!((one.code, timed(&one.stdout)), (other.code, timed(&other.stdout)), "{command}");
        assert_eq!(one.stderr, other.stderr, "{command}");
    }
    assert_eq!(everything(folders.0.path()), everything(folders.1.path()));
}

/// What a case is about.
fn case_about(name: &str) -> String {
    let all = ["validate", "calls"].into_iter().flat_map(cases);
    let found = all.into_iter().find(|case| name.split(' ').any(|word| word == case.name));
    found.map(|case| format!(" {}", case.about)).unwrap_or_default()
}

/// The first few differences, each on a line that can be read.
fn shortened(about: String, why: &[String]) -> String {
    let mut told = about;
    for difference in why.iter().take(8) {
        told.push_str("\n     ");
        told.extend(difference.chars().take(600));
    }
    if why.len() > 8 {
        told.push_str(&format!("\n     and {} more", why.len() - 8));
    }
    told
}

/// All cases of `validate` in one tree, and each item of the two reports.
fn validated(both: &Both, options: &[&str]) -> Outcome {
    let tree = tempfile::tempdir().unwrap();
    let cases = cases("validate");
    for case in &cases {
        put(tree.path(), case);
    }
    let words = [&["validate", "--all", "--json"], options].concat();
    let theirs = both.reference.run(tree.path(), both.home.path(), &words);
    let mine = both.ours.run(tree.path(), both.home.path(), &words);
    let reports = (theirs.json().expect("the reference prints JSON"), mine.json().expect("ours prints JSON"));
    let (theirs_items, mut mine_items) = (compare::items(&reports.0), compare::items(&reports.1));

    let mut outcome = Outcome::default();
    for (key, item) in &theirs_items {
        let name = format!("{} {}", key.0, key.1);
        match mine_items.remove(key) {
            Some(other) => outcome.add(&name, compare::item(item, &other)),
            None => outcome.add(&name, vec!["ours has no such item".to_owned()]),
        }
    }
    for (kind, id) in mine_items.into_keys() {
        outcome.add(&format!("{kind} {id}"), vec!["only ours has such an item".to_owned()]);
    }
    let rest = |answer: &programs::Answer, report: &Value| programs::Answer {
        code: answer.code,
        stdout: report["summary"].to_string(),
        stderr: String::new(),
    };
    outcome.add("the summary", compare::answers(&rest(&theirs, &reports.0), &rest(&mine, &reports.1)));
    for case in &cases {
        outcome.add(&format!("codes of {}", case.name), codes(case, &reports.1));
    }
    outcome
}

/// The codes that ours reports for a case, where they are other than the case says.
fn codes(case: &Case, report: &Value) -> Vec<String> {
    let Some(expected) = &case.codes else { return Vec::new() };
    let items = compare::items(report);
    let of = |kind: &str| items.get(&(kind.to_owned(), case.name.clone()));
    let found: Vec<String> = [of("change"), of("spec")]
        .into_iter()
        .flatten()
        .flat_map(|item| item["issues"].as_array().into_iter().flatten())
        .map(|issue| issue["code"].as_str().unwrap_or("none").to_owned())
        .collect();
    if found == *expected { Vec::new() } else { vec![format!("{expected:?}, ours {found:?}")] }
}

/// The cases with commands of their own, each in two folders of its own, two at a time.
fn called(both: &Both) -> Outcome {
    let cases = cases("calls");
    let next = AtomicUsize::new(0);
    let outcome = Mutex::new(Outcome::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let differences = one_called(both, case);
                    outcome.lock().unwrap().add(&case.name, differences);
                }
            });
        }
    });
    outcome.into_inner().unwrap()
}

/// One case: what each command answers, and what stands there afterwards.
fn one_called(both: &Both, case: &Case) -> Vec<String> {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(folders.0.path(), case);
    put(folders.1.path(), case);
    let mut differences = Vec::new();
    for command in &case.commands {
        let theirs = both.reference.run(folders.0.path(), both.home.path(), command);
        let mine = both.ours.run(folders.1.path(), both.home.path(), command);
        let found = compare::answers(&theirs, &mine);
        differences.extend(found.into_iter().map(|difference| format!("`{}` {difference}", command.join(" "))));
    }
    differences.extend(compare::folders(&everything(folders.0.path()), &everything(folders.1.path())));
    differences
}

/// Projects as people have them, and this repository.
fn whole_trees(both: &Both) -> Outcome {
    let mut outcome = Outcome::default();
    let trees = [("product", trees::product(60)), ("monorepo", trees::monorepo()), ("gated", trees::gated())];
    for (name, files) in &trees {
        let tree = tempfile::tempdir().unwrap();
        trees::put(tree.path(), files);
        outcome.join(read_alike(both, name, tree.path()));
    }
    outcome.join(read_alike(both, "this repository", Path::new(env!("CARGO_MANIFEST_DIR"))));
    outcome.join(archived_alike(both, &trees[0].1));
    outcome
}

/// A project of chance: what both say of each of its items.
fn hostile(both: &Both) -> Outcome {
    let tree = tempfile::tempdir().unwrap();
    trees::put(tree.path(), &hostile::project(5, 250));
    let words = ["validate", "--all", "--json"];
    let theirs = both.reference.run(tree.path(), both.home.path(), &words).json().expect("the reference prints JSON");
    let mine = both.ours.run(tree.path(), both.home.path(), &words).json().expect("ours prints JSON");
    let (theirs, mut mine) = (compare::items(&theirs), compare::items(&mine));
    let mut outcome = Outcome::default();
    for (key, item) in &theirs {
        let other = mine.remove(key).unwrap_or_default();
        outcome.add(&format!("hostile: {} {}", key.0, key.1), compare::item(item, &other));
    }
    outcome.add("hostile: items of ours alone", mine.into_keys().map(|(kind, id)| format!("{kind} {id}")).collect());
    outcome
}

/// What both say of a tree without changing it.
fn read_alike(both: &Both, name: &str, tree: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let asked = [
        "validate --all --json",
        "validate --all --strict --json",
        "validate --archived --json",
        "list --json --sort name",
        "list --specs --json",
        "status --all --json",
    ];
    for command in asked {
        let words: Vec<&str> = command.split(' ').collect();
        let theirs = both.reference.run(tree, both.home.path(), &words);
        assert!(theirs.json().is_some(), "{name}: the reference prints no JSON for {command}: {}", theirs.stderr);
        let mine = both.ours.run(tree, both.home.path(), &words);
        outcome.add(&format!("{name}: {command}"), compare::answers(&theirs, &mine));
    }
    outcome
}

/// Changes of one project archived one after the other, valid or not.
fn archived_alike(both: &Both, files: &trees::Files) -> Outcome {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    trees::put(folders.0.path(), files);
    trees::put(folders.1.path(), files);
    let mut changes: Vec<&str> = files
        .iter()
        .filter_map(|(path, _)| path.strip_prefix("openspec/changes/")?.strip_suffix("/proposal.md"))
        .filter(|name| !name.contains('/'))
        .collect();
    changes.truncate(20);
    let mut outcome = Outcome::default();
    for change in changes {
        let words = ["archive", change, "--yes", "--json"];
        let theirs = both.reference.run(folders.0.path(), both.home.path(), &words);
        let mine = both.ours.run(folders.1.path(), both.home.path(), &words);
        outcome.add(&format!("product: archive {change}"), compare::answers(&theirs, &mine));
    }
    let differences = compare::folders(&everything(folders.0.path()), &everything(folders.1.path()));
    outcome.add("product: after archiving", differences);
    outcome
}
