//! Whole projects as people have them, written from a seed: with their habits, and with the mistakes that they make.
//!
//! Lives here: what stands in such a project. Never here: what anybody makes of it; the benches use the same texts.
//! Start with [`product`].

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Paths below the root, and what stands there.
pub type Files = Vec<(String, Vec<u8>)>;

const AREAS: &[&str] = &[
    "auth", "billing", "catalog", "delivery", "editor", "export", "mail", "reports", "search", "sync", "teams",
    "webhooks",
];
const THINGS: &[&str] = &[
    "session",
    "invoice",
    "product page",
    "parcel",
    "draft",
    "archive file",
    "message",
    "chart",
    "query",
    "device",
    "member",
    "callback",
    "address",
    "password",
    "discount",
    "label",
    "template",
    "attachment",
    "filter",
    "cursor",
    "role",
    "retry",
];
const DEEDS: &[&str] = &[
    "create", "rename", "close", "restore", "share", "lock", "expire", "import", "export", "merge", "split", "count",
    "sort", "validate", "preview", "schedule", "cancel", "resend", "rotate", "hide",
];
const REASONS: &[&str] = &[
    "so that nobody loses work when the connection breaks",
    "because support answers the same question every week",
    "since two teams read the old behaviour in two ways",
    "before the next audit looks at it",
    "as customers with large accounts have asked for it",
    "so that a second click does no harm",
];
const OUTCOMES: &[&str] = &[
    "the list shows it within one second",
    "an entry is written to the audit log with the actor and the time",
    "the response has status 409 and names the field in conflict",
    "nothing is stored and the form keeps what was typed",
    "everybody with the role `owner` gets one message",
    "the old link still works and leads to the new place",
    "the counter goes down by one, and never below zero",
];

/// Small numbers in an order that is always the same.
pub struct Seed(fastrand::Rng);

impl Seed {
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.0.usize(..list.len())]
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.0.usize(..many) == 0
    }
}

/// One requirement with its scenarios.
#[derive(Clone)]
struct Requirement {
    name: String,
    text: String,
    scenarios: Vec<(String, String)>,
}

impl Requirement {
    fn block(&self) -> String {
        let mut out = format!("### Requirement: {}\n{}\n", self.name, self.text);
        for (name, steps) in &self.scenarios {
            let _ = write!(out, "\n#### Scenario: {name}\n{steps}");
        }
        out
    }
}

/// One capability: its path, and what it requires.
struct Capability {
    id: String,
    requirements: Vec<Requirement>,
}

fn title(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn requirement(seed: &mut Seed, number: usize) -> Requirement {
    let (deed, thing) = (seed.pick(DEEDS), seed.pick(THINGS));
    let keyword = if seed.one_in(3) { "MUST" } else { "SHALL" };
    let mut text = format!("The system {keyword} {deed} a {thing} {}.", seed.pick(REASONS));
    if seed.one_in(4) {
        let _ = write!(
            text,
            "\nThis holds for every {} of the same account, and for those that are shared.",
            seed.pick(THINGS)
        );
    }
    if seed.one_in(6) {
        let _ = write!(text, "\n\n| field | limit |\n|---|---|\n| name | 200 |\n| {thing} | {} |", seed.0.u32(1..900));
    }
    if seed.one_in(8) {
        let _ = write!(text, "\n\n```json\n{{ \"{deed}\": {{ \"## Not a header\": true }} }}\n```");
    }
    let scenarios = (0..=seed.0.usize(0..3)).map(|count| scenario(seed, count)).collect();
    Requirement { name: format!("{} {thing} {number}", title(deed)), text, scenarios }
}

fn scenario(seed: &mut Seed, count: usize) -> (String, String) {
    let (thing, deed) = (seed.pick(THINGS), seed.pick(DEEDS));
    let mut steps = format!("- **GIVEN** a {thing} that belongs to somebody\n- **WHEN** they {deed} it\n");
    let _ = writeln!(steps, "- **THEN** {}", seed.pick(OUTCOMES));
    if seed.one_in(2) {
        let _ = writeln!(steps, "- **AND** {}", seed.pick(OUTCOMES));
    }
    (format!("{} {thing} in case {}", title(deed), count + 1), steps)
}

fn capability(seed: &mut Seed, number: usize) -> Capability {
    let (area, thing) = (AREAS[number % AREAS.len()], seed.pick(THINGS).replace(' ', "-"));
    let id = match number % 3 {
        0 => format!("{area}-{thing}-{number}"),
        1 => format!("{area}/{thing}-{number}"),
        _ => format!("{area}/{}/{thing}-{number}", seed.pick(DEEDS)),
    };
    let many = 3 + seed.0.usize(0..5);
    Capability { id, requirements: (1..=many).map(|number| requirement(seed, number)).collect() }
}

fn main_spec(seed: &mut Seed, capability: &Capability) -> String {
    let mut out = format!("# {} Specification\n\n## Purpose\n", title(&capability.id));
    let _ = writeln!(out, "What is promised about every {}, {}.\n", seed.pick(THINGS), seed.pick(REASONS));
    out.push_str("## Requirements\n");
    for requirement in &capability.requirements {
        let _ = write!(out, "\n{}", requirement.block());
    }
    out
}

fn proposal(seed: &mut Seed, name: &str) -> String {
    let mut out = format!("# Change: {}\n\n## Why\n", title(&name.replace('-', " ")));
    let _ = writeln!(out, "People {} a {} by hand, {}. ", seed.pick(DEEDS), seed.pick(THINGS), seed.pick(REASONS));
    let _ = writeln!(out, "The last incident showed that this does not scale.\n\n## What Changes");
    for _ in 0..=seed.0.usize(1..4) {
        let _ = writeln!(out, "- {} the {}, {}", title(seed.pick(DEEDS)), seed.pick(THINGS), seed.pick(REASONS));
    }
    let _ = writeln!(out, "\n## Impact\n- Affected specs: {}\n- Affected code: `src/{}.ts`", name, seed.pick(AREAS));
    out
}

fn tasks(seed: &mut Seed, groups: usize) -> String {
    let mut out = String::from("# Tasks\n");
    for group in 1..=groups {
        let _ = writeln!(out, "\n## {group}. {} the {}", title(seed.pick(DEEDS)), seed.pick(THINGS));
        for task in 1..=2 + seed.0.usize(0..4) {
            let mark = if seed.one_in(2) { 'x' } else { ' ' };
            let _ = writeln!(out, "- [{mark}] {group}.{task} {} the {}", title(seed.pick(DEEDS)), seed.pick(THINGS));
        }
    }
    out
}

/// A delta to a capability that is there, of one of the usual kinds.
fn delta(seed: &mut Seed, capability: &Capability, kind: usize) -> String {
    let first = &capability.requirements[0];
    let last = &capability.requirements[capability.requirements.len() - 1];
    let added = requirement(seed, 90 + kind);
    let mut better = last.clone();
    better.text = format!("{}\nIt SHALL also {} the {}.", last.text, seed.pick(DEEDS), seed.pick(THINGS));
    better
        .scenarios
        .push(("Something more is done".to_owned(), "- **WHEN** more is asked\n- **THEN** more is done\n".to_owned()));
    match kind % 5 {
        0 => format!("## ADDED Requirements\n\n{}", added.block()),
        1 => format!("## MODIFIED Requirements\n\n{}", better.block()),
        2 => format!(
            "## REMOVED Requirements\n\n### Requirement: {}\n**Reason**: {}.\n**Migration**: none.\n",
            first.name,
            seed.pick(REASONS)
        ),
        3 => format!(
            "## RENAMED Requirements\n\n- FROM: `### Requirement: {}`\n- TO: `### Requirement: {} again`\n",
            first.name, first.name
        ),
        _ => format!(
            "# Delta\n\n## MODIFIED Requirements\n\n{}\n## ADDED Requirements\n\n{}",
            better.block(),
            added.block()
        ),
    }
}

/// A mistake that people make: the delta as it then is, and under which name below `specs/`.
fn spoilt(kind: usize, capability: &Capability, delta: &str) -> (String, String) {
    let own = format!("{}/spec.md", capability.id);
    let first = &capability.requirements[0];
    let text = match kind {
        0 => delta.replace("#### Scenario:", "**Scenario:**"),
        1 => delta.replace("## ADDED", "## Added").replace(" Requirements\n", " requirements:\n"),
        2 => return ("spec.md".to_owned(), delta.to_owned()),
        3 => return (format!("{}.md", capability.id), delta.to_owned()),
        4 => delta.replace("SHALL", "shall").replace("MUST", "must"),
        5 => delta.replace("### Requirement: ", "### Requirement: The unknown "),
        6 => format!("{delta}\n{}", delta.split_once("\n\n").map_or("", |(_, block)| block)),
        7 => format!("{delta}\n## RENAMED Requirements\n- FROM: `### Requirement: {}`\n", first.name),
        8 => format!(
            "{delta}\n## MODIFIED Requirements\n\n{}",
            Requirement { scenarios: vec![], ..first.clone() }.block()
        ),
        9 => format!("## ADDED Requirements\n\n### Overview\nAbout it.\n\n### Requirement:\n\n{delta}"),
        10 => format!("{delta}\n```\nnobody closes this\n\n## ADDED Requirements\n"),
        11 => format!("## Requirements\n\n{}", first.block()),
        12 => delta.replace("### Requirement", "###  requirement").replace("#### Scenario:", "#### "),
        13 => delta
            .replace("\nThe system", "\n**Owner**: somebody\n\n<!-- SHALL -->\nThe system")
            .replace(" SHALL ", " does "),
        14 => format!("\u{feff}{}", delta.replace('\n', "\r\n")),
        15 => String::new(),
        _ => format!("{delta}\n## REMOVED Requirements\n- `### Requirement: {}`\n- {}\n", first.name, first.name),
    };
    (own, text)
}

/// A classic product: capabilities in areas, so many changes, a history of archives; every third change has a mistake.
pub fn product(changes: usize) -> Files {
    let mut seed = Seed::new(7);
    let mut files = Files::new();
    let mut put = |path: String, text: String| files.push((path, text.into_bytes()));
    put("openspec/config.yaml".to_owned(), "schema: spec-driven\ncontext: |\n  TypeScript, one team.\n".to_owned());
    put("openspec/AGENTS.md".to_owned(), "# OpenSpec\n\nRead `openspec/project.md`.\n".to_owned());
    put("openspec/project.md".to_owned(), "# Project\n\nA shop.\n".to_owned());
    let capabilities: Vec<Capability> = (0..changes).map(|number| capability(&mut seed, number)).collect();
    for capability in &capabilities {
        put(format!("openspec/specs/{}/spec.md", capability.id), main_spec(&mut seed, capability));
    }
    for (number, capability) in capabilities.iter().enumerate() {
        let thing = seed.pick(THINGS).replace(' ', "-");
        let name = format!("{}-{thing}-{number}", seed.pick(DEEDS));
        let change = format!("openspec/changes/{name}");
        put(format!("{change}/proposal.md"), proposal(&mut seed, &name));
        put(format!("{change}/tasks.md"), tasks(&mut seed, 1 + number % 3));
        if number % 5 != 4 {
            put(
                format!("{change}/.openspec.yaml"),
                format!("schema: spec-driven\ncreated: 2025-0{}-1{}\n", 1 + number % 9, number % 9),
            );
        }
        if number % 4 == 0 {
            let why =
                format!("# Design\n\n## Context\n{}\n\n## Decisions\n- {}\n", seed.pick(OUTCOMES), seed.pick(REASONS));
            put(format!("{change}/design.md"), why);
        }
        let text = delta(&mut seed, capability, number);
        let (path, text) = match number % 3 {
            2 => spoilt((number / 3) % 17, capability, &text),
            _ => (format!("{}/spec.md", capability.id), text),
        };
        put(format!("{change}/specs/{path}"), text);
        if number % 7 == 3 {
            let fresh = Capability { id: format!("fresh/{name}"), requirements: vec![requirement(&mut seed, 1)] };
            let text = delta(&mut seed, &fresh, 0);
            put(
                format!("{change}/specs/{}/spec.md", fresh.id),
                format!("## Purpose\nNew, {}.\n\n{text}", seed.pick(REASONS)),
            );
        }
        if number % 6 == 1 {
            let old = format!("openspec/changes/archive/2024-1{}-0{}-{name}", number % 3, 1 + number % 9);
            put(format!("{old}/proposal.md"), proposal(&mut seed, &name));
            put(format!("{old}/tasks.md"), tasks(&mut seed, 2));
        }
    }
    files
}

/// Sentences in other languages, some without the English keyword.
const FOREIGN: &[(&str, &str, &str)] = &[
    (
        "Rechnung löschen",
        "Das System SHALL die Rechnung löschen, wenn niemand sie mehr braucht.",
        "Die Rechnung wird gelöscht",
    ),
    ("Größe ändern", "Das System muss die Größe ändern können.", "Größe geändert"),
    ("注文を取り消す", "システムは注文を取り消さなければならない (MUST)。", "取り消しが成功する"),
    ("会话过期", "系统必须在三十分钟后结束会话。", "会话结束"),
    ("Exportar el informe", "El sistema SHALL exportar el informe en un minuto.", "El informe está listo"),
    ("Créer un brouillon", "Le système MUST créer un brouillon à chaque saisie.", "Le brouillon est créé"),
    ("🐒 Affen zählen", "Der Zähler SHALL 🐒🐒🐒 zählen.", "Gezählt 🐒"),
    ("Отправить письмо", "Система SHALL отправить письмо.", "Письмо отправлено"),
];

fn foreign_block(number: usize) -> String {
    let (name, text, scenario) = FOREIGN[number % FOREIGN.len()];
    format!(
        "### Requirement: {name}\n{text}\n\n#### Scenario: {scenario}\n- **WHEN** 何か {number}\n- **THEN** {scenario}\n"
    )
}

const RAPID: &str = "name: rapid
version: 1
description: A plan, then what to do.
artifacts:
  - id: plan
    generates: plan.md
    description: The plan.
    template: plan.md
    requires: []
  - id: specs
    generates: specs/**/*.md
    description: What is promised.
    template: spec.md
    requires: [plan]
  - id: work
    generates: parts/*.md
    description: What to do.
    template: work.md
    requires: [specs]
apply:
  requires: [work]
  tracks: parts/*.md
";

/// A repository of many packages: a workflow of its own, files from Windows, texts in many languages, folders of teams.
pub fn monorepo() -> Files {
    let mut files = Files::new();
    let mut put = |path: &str, text: &str, crlf: bool| {
        let text = if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
        files.push((path.to_owned(), text.into_bytes()));
    };
    put(
        "openspec/config.yaml",
        "schema: rapid\ncontext: |\n  Many packages.\nrules:\n  plan:\n    - Kurz.\nx_team: web\n",
        true,
    );
    put("openspec/schemas/rapid/schema.yaml", RAPID, false);
    for template in ["plan", "spec", "work"] {
        put(&format!("openspec/schemas/rapid/templates/{template}.md"), "# Template\n", false);
    }
    for number in 0..24 {
        let (package, crlf) = (["web", "api", "cli", "docs"][number % 4], number % 2 == 0);
        let mut text = format!("# {package}\n\n## Purpose\n");
        text.push_str(match number % 6 {
            0 => "TBD - created by archiving change old-one. Update Purpose after archive.\n",
            1 => "todo\n",
            2 => "猴子在树上跳舞，每天都很快乐，没有人知道为什么，也没有人想知道，它们只是跳舞，一直跳到天黑，然后睡觉，明天再来一次。\n",
            3 => "Kurz.\n",
            _ => "Hier steht, was das Paket verspricht, in ganzen Sätzen und lang genug für jede Prüfung.\n",
        });
        text.push_str("\n## Requirements\n\n");
        for block in 0..3 {
            text.push_str(&foreign_block(number + block));
            text.push('\n');
        }
        match number % 8 {
            3 => text.push_str("### Hinweise\nNichts.\n"),
            5 => text.push_str(&format!("{}\n", foreign_block(number))),
            7 => text.push_str(&format!("## Anhang\n\n{}", foreign_block(number + 5))),
            _ => {}
        }
        let bom = if number % 5 == 0 { "\u{feff}" } else { "" };
        put(&format!("openspec/specs/packages/{package}/teil-{number}/spec.md"), &format!("{bom}{text}"), crlf);
    }
    for number in 0..36 {
        let (package, crlf) = (["web", "api", "cli", "docs"][number % 4], number % 3 == 0);
        let change =
            format!("openspec/changes/{package}-{}{number}", ["änderung-", "feature_", "Fix ", "更新-"][number / 9]);
        put(&format!("{change}/.openspec.yaml"), metadata(number), crlf);
        put(&format!("{change}/plan.md"), "# Plan\n\nErst denken.\n", crlf);
        let work = [
            "# Work\n- [ ] eins\n- [x] zwei\n",
            "# Work\n\n- eins\n- zwei\n",
            "## 1. Eins\n- [ ] 2.1 x\n",
            "Nichts zu tun.\n",
        ];
        put(&format!("{change}/parts/a.md"), work[number % 4], crlf);
        if number % 5 == 0 {
            put(&format!("{change}/tasks.md"), "## 1. Eins\n- [x] 3.1 Falsch\n- [ ] 3.1 Falsch\n", crlf);
        }
        let capability = format!("packages/{package}/teil-{}", number % 24);
        let block = foreign_block(number % 24 + number % 4);
        let text = match number % 9 {
            0 => format!("## MODIFIED Requirements\n\n{block}"),
            1 => format!("## ADDED Requirements\n\n{}", block.replace("Requirement: ", "Requirement: Neu ")),
            2 => format!("## REMOVED Requirements\n\n{}", block.lines().next().unwrap_or_default()),
            3 => {
                let from = block.lines().next().unwrap_or_default();
                format!("## RENAMED Requirements\nFROM: `{from}`\nTO: `{from} (neu)`\n")
            }
            4 => format!("## ADDED Requirements\n\n{}", block.to_uppercase()),
            5 => format!("## Hinzugefügte Anforderungen\n\n{block}"),
            6 => format!("## ADDED\u{a0}Requirements\n\n{block}"),
            7 => continue,
            _ => format!("<!-- ## ADDED Requirements -->\n\n## MODIFIED Requirements\n\n{block}\n\n{block}"),
        };
        put(&format!("{change}/specs/{capability}/spec.md"), &text, crlf);
    }
    for (team, name) in [("team-red", "one"), ("team-red", "two"), ("team-blue", "deep/three")] {
        put(&format!("openspec/changes/{team}/{name}/plan.md"), "# Plan\n", false);
    }
    files
}

fn metadata(number: usize) -> &'static str {
    [
        "schema: rapid\ncreated: 2025-03-04\n",
        "schema: spec-driven\nskip_specs: true\n",
        "schema: rapid\nx_priority: hoch\nskip_specs: \"true\"\n",
        "schema: rapid\n# skip_specs: true\n",
        "schema: rapido\nskip_specs: true\n",
        "schema: rapid\nskip_specs: false\nretire_capabilities: true\n",
        "schema: rapid\ncreated: 04.03.2025\nskip_specs: yes\n",
        "created: 2025-03-04\n",
        "schema: rapid\nskip_specs: true\nskip_specs: false\n",
        "{schema: rapid, skip_specs: true, affected_areas: [web, api]}\n",
        "schema: rapid\nskip_specs: true\n",
    ][number % 11]
}

/// A project whose gates stand in prose: requirements inside of proposals, a Status line, phases, archives of many kinds.
pub fn gated() -> Files {
    let mut seed = Seed::new(11);
    let mut files = Files::new();
    let mut put = |path: String, text: String| files.push((path, text.into_bytes()));
    let states = [
        "**Status:** Draft",
        "**Status**: Approved",
        "Status: In Progress",
        "**Status:** ✅ IMPLEMENTED - all of it",
        "**Status:** Identified",
        "**Status:** Needs Revision",
        "**Status**: Completed (2025-03-01)",
        "",
        "**Status:** draft",
        "> **Status:** Validation",
    ];
    for number in 0..38 {
        let name = format!("{}-{}-{number}", seed.pick(DEEDS), seed.pick(THINGS).replace(' ', "-"));
        let change = match number {
            33..36 => format!("openspec/changes/batch-2025/{name}"),
            _ => format!("openspec/changes/{name}"),
        };
        let asked = requirement(&mut seed, number);
        let text = format!(
            "# Proposal: {name}\n\n{}\n**Submitted By:** somebody\n**Complexity:** {}\n\n## Problem\n{}\n\n## Solution\n{}\n\n## Requirements\n\n{}\n## Dependencies\n- none\n\n## Risks\n- {}\n",
            states[number % states.len()],
            ["S", "M", "L"][number % 3],
            seed.pick(REASONS),
            seed.pick(OUTCOMES),
            asked.block(),
            seed.pick(OUTCOMES),
        );
        put(format!("{change}/proposal.md"), text);
        if number % 3 != 0 {
            let mut text = String::from("# Tasks\n\n## Phase 1: Begin\n");
            for _ in 0..3 {
                let _ = writeln!(text, "- [{}] {} it", if seed.one_in(2) { 'x' } else { ' ' }, title(seed.pick(DEEDS)));
            }
            text.push_str(
                ["", "\n## 2. Validation\n- [ ] 1.1 Run the tests\n", "\n## Validation\n1. Run the tests\n"]
                    [number % 3],
            );
            put(format!("{change}/tasks.md"), text);
        }
        if number % 9 == 1 {
            put(format!("{change}/pm-validation.md"), "# PM Validation\n\n**Verdict:** PASS\n".to_owned());
            put(
                format!("{change}/test-validation.md"),
                "# Test Validation\n\n| test | result |\n|---|---|\n".to_owned(),
            );
        }
        match number % 10 {
            2 => put(format!("{change}/specs/requirements.md"), format!("## ADDED Requirements\n\n{}", asked.block())),
            4 => put(format!("{change}/specs/core/spec.md"), format!("## Requirements\n\n{}", asked.block())),
            6 => put(format!("{change}/specs/core/spec.md"), format!("## ADDED Requirements\n\n{}", asked.block())),
            8 => put(format!("{change}/specs/notes.md"), "# Notes\n\nNothing.\n".to_owned()),
            _ => {}
        }
        if number % 4 == 0 {
            let old = ["2025-01-01", "2025-01-02-batch", "cleanup_20250103", "2025-01-04-one"][number / 4 % 4];
            put(
                format!("openspec/changes/archive/{old}/{name}/proposal.md"),
                "# Old\n\n**Status:** Archived\n".to_owned(),
            );
            put(format!("openspec/archive/{old}/{name}.md"), "# Old\n".to_owned());
        }
    }
    put("openspec/project.md".to_owned(), "# Project\n\nProposals are approved by the architect.\n".to_owned());
    put("openspec/changes/README.md".to_owned(), "# Changes\n".to_owned());
    files
}

/// Writes files below a folder.
pub fn put(folder: &Path, files: &Files) {
    for (path, bytes) in files {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
}
