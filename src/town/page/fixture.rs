//! Charters and facts for the tests of the page.
//! Lives here: hand-made values. Never here: tests.

use crate::town::charter::{Charter, RunLimits, Sense};
use crate::town::facts::*;
use crate::town::ids::AgentId;

/// Every shipped role with its senses and its page.
pub(super) const SHIPPED: [(&str, &[Sense], &str); 17] = {
    use Sense::*;
    [
        ("architect", &[Specs, Files, Dependencies], ".monkeytown/reviews/architect/docket.md"),
        ("architecture-skeptic", &[Specs, Dependencies, Activity, Files], ".monkeytown/reviews/alternatives.md"),
        ("bananaeconomist", &[Proposals, Dependencies, Files], ".monkeytown/economics/accounts.md"),
        ("chaosarchitect", &[Files, Activity, Dependencies], ".monkeytown/architecture/map.md"),
        ("chaostester", &[Tests, Links, Todos, Activity], ".monkeytown/qa/register.md"),
        ("feature-implementer", &[Specs, Tests, Proposals, Files], ".monkeytown/reviews/worklog.md"),
        ("founderai", &[Proposals, Activity, Specs], ".monkeytown/vision/direction.md"),
        ("junglesecurity", &[Secrets, Dependencies, Proposals, Activity], ".monkeytown/security/watch.md"),
        ("madchimp", &[Activity, Files, Tests], ".monkeytown/chaos/experiments.md"),
        ("monkeybuilder", &[Tests, Todos, Proposals], ".monkeytown/workshop/bench.md"),
        ("orchestrator", &[Specs, Proposals], ".monkeytown/orchestration/order.md"),
        ("pm-validator", &[Specs, Activity], ".monkeytown/reviews/acceptance.md"),
        ("primatedesigner", &[Links, Files, Activity], ".monkeytown/ux/journeys.md"),
        ("research-skeptic", &[Specs, Links], ".monkeytown/reviews/doubts.md"),
        ("simianresearcher", &[Todos, Dependencies, Specs], ".monkeytown/research/questions.md"),
        ("super-alignment-researcher", &[Proposals, Specs, Secrets], ".monkeytown/reviews/oversight.md"),
        ("test-validator", &[Specs, Tests, Activity], ".monkeytown/reviews/evidence.md"),
    ]
};

pub(super) fn id(name: &str) -> AgentId {
    name.parse().unwrap()
}

/// The charter of `name`; an unknown role asks every sense.
pub(super) fn charter(name: &str) -> Charter {
    let shipped = SHIPPED.iter().find(|row| row.0 == name);
    Charter {
        name: id(name),
        description: String::new(),
        tools: Vec::new(),
        model: "inherit".to_owned(),
        owns: Vec::new(),
        schedule: None,
        limits: RunLimits::default(),
        senses: shipped.map_or_else(|| Sense::ALL.to_vec(), |row| row.1.to_vec()),
        page: Some(shipped.map_or(".monkeytown/own/page.md", |row| row.2).to_owned()),
        persona: String::new(),
    }
}

pub(super) fn link(path: &str, line: u32, target: &str, suggestion: Option<&str>) -> BrokenLink {
    BrokenLink {
        path: path.to_owned(),
        line,
        target: target.to_owned(),
        problem: LinkProblem::NoSuchPath,
        suggestion: suggestion.map(str::to_owned),
        owner: None,
    }
}

pub(super) fn note(path: &str, line: u32, marker: &str, text: &str, day: &str) -> TodoNote {
    let age = Age::Since { commit: "0123456789".to_owned(), day: day.to_owned(), author: "Ada".to_owned() };
    TodoNote { path: path.to_owned(), line, marker: marker.to_owned(), text: text.to_owned(), age, owner: None }
}

pub(super) fn rejection(agent: &str, number: u64, reason: &str, text: &str) -> Verdict {
    Verdict {
        agent: id(agent),
        number,
        outcome: Outcome::Rejected,
        by: "ada".to_owned(),
        reason: Some(reason.to_owned()),
        text: Some(text.to_owned()),
        at: chrono::DateTime::from_timestamp(1_700_000_000 + i64::try_from(number).unwrap(), 0).unwrap(),
        content: None,
    }
}

pub(super) fn judged(mut facts: Facts, verdicts: Vec<Verdict>) -> Facts {
    facts.proposals = Some(ProposalFacts { verdicts, ..ProposalFacts::default() });
    facts
}

fn dependency(name: &str, requirement: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        kind: DependencyKind::Normal,
        requirement: requirement.to_owned(),
        pinned: requirement.starts_with('='),
        wildcard: requirement == "*",
        source: None,
    }
}

fn activity() -> ActivityFacts {
    let churn = |name: &str| Churn { name: name.to_owned(), commits: 2, changes: 3, added: 40, deleted: 5 };
    let recent = Window {
        span: "fourteen days".to_owned(),
        first_day: Some("2024-05-01".to_owned()),
        last_day: Some("2024-05-12".to_owned()),
        commits: 3,
        domains: vec![churn("src")],
        hot: vec![churn("src/serve.rs")],
        newest: vec![CommitLine {
            id: "0123456789".to_owned(),
            day: "2024-05-12".to_owned(),
            author: "Ada".to_owned(),
            subject: "serve: answer faster".to_owned(),
        }],
        ..Window::default()
    };
    ActivityFacts { since: Window::default(), recent }
}

fn specs() -> SpecFacts {
    SpecFacts {
        present: true,
        specs: vec![SpecStatus {
            id: "serving".to_owned(),
            path: "openspec/specs/serving/spec.md".to_owned(),
            requirements: 3,
            scenarios: 4,
            bare: vec![(21, "Slow clients are dropped".to_owned())],
        }],
        changes: vec![ChangeFacts {
            name: "add-cache".to_owned(),
            state: "Draft".to_owned(),
            next: "architect judges the draft: monkeytown run architect".to_owned(),
            content_hash: "b3:0123".to_owned(),
            records: Vec::new(),
            problems: vec!["gates/001-architect.yaml: `approved` without evidence (gate/missing-evidence)".to_owned()],
            waits_for: Vec::new(),
            done: 1,
            tasks: 4,
            deltas: vec!["serving".to_owned()],
            reviews: Vec::new(),
            missing: vec!["design.md".to_owned()],
        }],
        archived: 2,
        skipped: 0,
    }
}

fn secrets() -> SecretFacts {
    let secret = |path: &str, sample| SecretFound {
        path: path.to_owned(),
        line: 4,
        column: 9,
        rule: "github-token".to_owned(),
        redacted: "ghp_… (40 characters)".to_owned(),
        sample,
        owner: None,
    };
    SecretFacts {
        found: vec![secret("deploy/env.sh", false), secret("tests/data.txt", true)],
        scanned: 90,
        ..SecretFacts::default()
    }
}

fn dependencies() -> DependencyFacts {
    let manifest = Manifest {
        path: "Cargo.toml".to_owned(),
        dependencies: vec![dependency("serde", "1"), dependency("left-pad", "*"), dependency("rand", "=0.8.5")],
        lock: Some("Cargo.lock".to_owned()),
        locked: Some(40),
        ..Manifest::default()
    };
    let versions = vec!["1.0.109".to_owned(), "2.0.60".to_owned()];
    DependencyFacts {
        manifests: vec![manifest],
        duplicates: vec![Duplicate { lock: "Cargo.lock".to_owned(), name: "syn".to_owned(), versions }],
        ..DependencyFacts::default()
    }
}

fn tests() -> TestFacts {
    let summary = TestSummary {
        runner: "cargo test".to_owned(),
        passed: 41,
        failed: 1,
        skipped: 2,
        failures: vec!["serve::drops_slow_clients".to_owned()],
    };
    let run = TestRun {
        outcome: TestOutcome::Exited { code: 101 },
        summary: Some(summary),
        tail: "took 1.2 s".to_owned(),
        cut: 0,
        skipped: 0,
    };
    TestFacts { command: Some("cargo test".to_owned()), suggested: Vec::new(), run: Some(run) }
}

/// A small repository with something to find for each sense.
pub(super) fn facts() -> Facts {
    Facts {
        activity: Some(activity()),
        specs: Some(specs()),
        secrets: Some(secrets()),
        links: Some(LinkFacts {
            broken: vec![
                link("README.md", 12, "docs/setup.md", Some("docs/install.md")),
                link("README.md", 40, "docs/setup.md", Some("docs/install.md")),
                link("docs/usage.md", 3, "../LICENCE", None),
            ],
            pages: 5,
            checked: 30,
            ..LinkFacts::default()
        }),
        todos: Some(TodoFacts {
            notes: vec![
                note("src/cache.rs", 7, "TODO", "evict by age", "2024-03-01"),
                note("src/serve.rs", 88, "FIXME", "leaks a socket when the client hangs up", "2021-02-03"),
            ],
            read: 60,
            today: Some("2024-05-12".to_owned()),
            ..TodoFacts::default()
        }),
        tests: Some(tests()),
        dependencies: Some(dependencies()),
        files: Some(FileFacts {
            count: 96,
            bytes: 400_000,
            folders: vec![Group { name: "src".to_owned(), count: 60, bytes: 300_000 }],
            kinds: vec![Group { name: "Rust".to_owned(), count: 55, bytes: 290_000 }],
            longest: vec![FileLine { path: "src/serve.rs".to_owned(), number: 812 }],
            largest: vec![FileLine { path: "Cargo.lock".to_owned(), number: 45_000 }],
            ..FileFacts::default()
        }),
        proposals: Some(ProposalFacts::default()),
    }
}
