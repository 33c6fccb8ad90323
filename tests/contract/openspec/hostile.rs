//! A project that nobody would write: every spelling that one reader forgives and another does not, put together by chance from a
//! seed.
//!
//! Lives here: what stands in it. Never here: what anybody makes of it. Start with [`project`].

use super::trees::Files;

const CAPABILITIES: [&str; 6] = ["cap0", "cap1", "cap2", "area/cap3", "area/sub/cap4", "new"];
const NAMES: [&str; 22] = [
    "R1",
    "R2",
    "R3",
    "R4",
    "R1",
    "R2",
    "New1",
    "New2",
    "r1",
    "R  2",
    "R1 #",
    "R1 # #",
    "R1\t##",
    "R1\u{a0}##",
    "R\u{e9}",
    "Re\u{301}",
    "C#",
    "It SHALL go",
    "\u{130}x",
    "a\u{2028}b",
    "",
    "`",
];
const BLANKS: [&str; 10] = [" ", " ", " ", " ", "  ", "\t", "\u{a0}", "\u{feff}", "\u{85}", "\u{2028}"];
const STEPS: [&str; 4] = ["- **WHEN** a", "- **THEN** b", "", "text"];
const NOISE: [&str; 34] = [
    "```",
    "~~~",
    "````",
    "  ```",
    "\u{feff}```",
    "```inline``` x",
    "<!--",
    "-->",
    "# Title",
    "## ",
    "##  ",
    "###  ",
    "### ",
    "####",
    "### Notes",
    "## Notes",
    "### Requirement:",
    "### Requirement",
    "##### Scenario: deep",
    "### Requirements",
    "# Purpose",
    "   # x",
    "**Priority**: MUST",
    "**a*b**: x",
    "the MUST_",
    "\u{e9}MUST",
    "- SHALL",
    "\u{2028}",
    "\u{85}",
    "FROM: R1",
    "**FROM:** R1",
    "## ADDED  Requirements",
    "## added requirements",
    "## Purpose",
];
const TASKS: [&str; 30] = [
    "## 1. One",
    "## 2. Two",
    "## 01. One",
    "## Two",
    "##",
    "##\t3. X",
    "   ## 1. x",
    "    ## 1. x",
    "## 1.x",
    "- [ ] 1.1 a",
    "- [x] 1.2 b",
    "- [ ] 2.1 c",
    "* [X] 2.1a d",
    "+ [] 01.1 e",
    "1. [~] 1.1. f",
    "12) [ x ] 2.10 g",
    "- [ab] 1.3",
    "- [A](u) 1.4",
    "- [ ](u) 1.5",
    "- [\u{1f435}] 1.6",
    "\t- [ ] 1.7",
    "- item",
    "  + item",
    "    - item",
    "1) item",
    "---",
    "```",
    "<!-- x",
    "-->",
    "- - -",
];
const METADATA: [&str; 16] = [
    "schema: spec-driven\n",
    "schema: spec-driven\nskip_specs: true\n",
    "skip_specs: true\n",
    "schema: nope\nskip_specs: true\n",
    "schema: spec-driven\nskip_specs: yes\n",
    "schema: spec-driven\nskip_specs: false\n",
    "{{{\nskip_specs: true",
    "schema: spec-driven\ncreated: 2026-01-02\nretire_capabilities: true\n",
    "schema: mine\n",
    "schema: broken\nskip_specs: true\n",
    "schema: spec-driven.yaml\n",
    "",
    "- list",
    "schema: spec-driven\ncreated: tomorrow\nskip_specs: true\n",
    "schema: 5\nskip_specs: true",
    "\"skip_specs\": true\nschema: [",
];

struct Chance(fastrand::Rng);

impl Chance {
    fn pick(&mut self, list: &[&'static str]) -> &'static str {
        list[self.0.usize(..list.len())]
    }

    /// The usual, or now and then one of the others.
    fn mostly(&mut self, usual: &'static str, others: &[&'static str]) -> &'static str {
        if self.one_in(8) { self.pick(others) } else { usual }
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.0.usize(..many) == 0
    }

    fn many(&mut self, most: usize) -> usize {
        self.0.usize(..=most)
    }

    fn requirement(&mut self) -> String {
        let marks = self.mostly("###", &["##", "####", " ###", "#####"]);
        let word = self.mostly("Requirement:", &["requirement:", "REQUIREMENT:", "Requirement", "Requirement :"]);
        let close = self.mostly("", &[" #", " ###", "\t##", "\u{a0}##", "##"]);
        let (blank, other) = (self.mostly(" ", &["", "  ", "\t", "\u{a0}"]), self.pick(&BLANKS));
        format!("{marks}{blank}{word}{other}{}{close}{}", self.pick(&NAMES), self.mostly("", &BLANKS))
    }

    fn block(&mut self, lines: &mut Vec<String>) {
        lines.push(self.requirement());
        if !self.one_in(8) {
            lines.push("It SHALL do so.".to_owned());
        }
        self.noise(lines, 9);
        for _ in 0..self.many(3) {
            let marks = self.mostly("####", &["###", "#####", "##", " ####", "######"]);
            let word = self.mostly("Scenario:", &["scenario:", "", "Scenario"]);
            let name = self.pick(&["one", "two", "three", "one ##", ""]);
            lines.push(format!("{marks}{}{word} {name}", self.mostly(" ", &BLANKS)));
            for _ in 0..self.many(2) {
                lines.push(self.pick(&STEPS).to_owned());
            }
            self.noise(lines, 12);
        }
    }

    fn noise(&mut self, lines: &mut Vec<String>, seldom: usize) {
        if self.one_in(seldom) {
            lines.push(self.pick(&NOISE).to_owned());
        }
    }

    fn section(&mut self, lines: &mut Vec<String>) {
        let kind = self.0.usize(..4);
        let word = ["ADDED", "MODIFIED", "REMOVED", "RENAMED"][kind];
        let title = self.mostly(
            " Requirements",
            &[" requirements", "  Requirements", " Requirements ##", " Requirements: ", " Requirement"],
        );
        lines.push(format!("##{}{word}{title}{}", self.mostly(" ", &BLANKS), self.mostly("", &BLANKS)));
        for _ in 0..=self.many(2) {
            match kind {
                0 | 1 => self.block(lines),
                2 => {
                    let marker = self.pick(&["", "", "- ", "* ", "+ `", " - ", "-", "1. "]);
                    lines.push(format!("{marker}{}", self.requirement()));
                }
                _ => {
                    for side in ["FROM:", "TO:"] {
                        if !self.one_in(12) {
                            let marker = self.pick(&["- ", "* ", "+ ", "", "  - "]);
                            let (open, close) = (self.pick(&["`", "`", ""]), self.pick(&["`", "`", "", "` ", "``"]));
                            lines.push(format!(
                                "{marker}{side}{}{open}{}{close}",
                                self.pick(&BLANKS),
                                self.requirement()
                            ));
                        }
                        self.noise(lines, 20);
                    }
                }
            }
            self.noise(lines, 15);
        }
    }

    fn delta(&mut self) -> String {
        let mut lines = Vec::new();
        self.noise(&mut lines, 10);
        for _ in 0..=self.many(2) {
            self.section(&mut lines);
        }
        self.ended(&lines)
    }

    fn main_spec(&mut self) -> String {
        let purpose = self.mostly(
            "What the monkeys of this town are promised, in a sentence.",
            &[
                "Short.",
                "TBD",
                "todo: x",
                "Todo el mundo",
                "",
                "TBD - created by archiving change c. Update Purpose after archive.",
            ],
        );
        let mut lines = vec![
            "# Title".to_owned(),
            self.mostly("## Purpose", &["##  purpose", "# Purpose", " ## Purpose"]).to_owned(),
        ];
        lines.push(purpose.to_owned());
        self.noise(&mut lines, 6);
        lines.push(
            self.mostly("## Requirements", &["## REQUIREMENTS ", "### Requirements", "## Requirements:"]).to_owned(),
        );
        for name in ["R1", "R2", "R3"] {
            if self.one_in(5) {
                self.block(&mut lines);
            } else {
                lines.extend([
                    format!("### Requirement: {name}"),
                    "It SHALL.".to_owned(),
                    "#### Scenario: one".to_owned(),
                    "- x".to_owned(),
                ]);
            }
            self.noise(&mut lines, 8);
        }
        self.ended(&lines)
    }

    fn tasks(&mut self) -> String {
        let count = self.many(9);
        let lines: Vec<String> = (0..count).map(|_| self.pick(&TASKS).to_owned()).collect();
        self.ended(&lines)
    }

    /// The lines with one of the endings, and a byte order mark now and then.
    fn ended(&mut self, lines: &[String]) -> String {
        let ending = self.mostly("\n", &["\r\n", "\r", "\n\r"]);
        format!("{}{}{}", self.mostly("", &["\u{feff}"]), lines.join(ending), self.mostly(ending, &["", "\n\n"]))
    }
}

/// So many changes of a few specs.
pub fn project(seed: u64, changes: usize) -> Files {
    let mut chance = Chance(fastrand::Rng::with_seed(seed));
    let mut files: Vec<(String, String)> = vec![
        ("schemas/broken/schema.yaml".to_owned(), "name: broken\nartifacts: 3\n".to_owned()),
        (
            "schemas/mine/schema.yaml".to_owned(),
            "name: mine\nversion: 1\nartifacts:\n  - id: todo\n    generates: todo.md\n    description: d\n    template: t.md\n    requires: []\n\
             apply:\n  requires: [todo]\n  tracks: todo.md\n"
                .to_owned(),
        ),
    ];
    files.extend(CAPABILITIES[..5].iter().map(|id| (format!("specs/{id}/spec.md"), chance.main_spec())));
    files.extend((0..changes / 4).map(|number| (format!("specs/more/cap{number}/spec.md"), chance.main_spec())));
    for number in 0..changes {
        let folder = format!("changes/c{number}");
        let folder = if chance.one_in(40) { format!("{folder}/inner") } else { folder };
        let mut put = |path: String, text: String| files.push((format!("{folder}/{path}"), text));
        put("proposal.md".to_owned(), "## Why\nx\n".to_owned());
        if chance.one_in(4) {
            put(".openspec.yaml".to_owned(), chance.pick(&METADATA).to_owned());
        }
        if !chance.one_in(9) {
            put(format!("specs/{}/spec.md", chance.pick(&CAPABILITIES)), chance.delta());
        }
        for path in
            ["specs/area/other/spec.md", "specs/README.md", "specs/cap0/notes.MD", "specs/spec.md", "specs/.x/spec.md"]
        {
            if chance.one_in(25) {
                put(path.to_owned(), chance.delta());
            }
        }
        for path in ["tasks.md", "todo.md"] {
            if chance.one_in(2) {
                put(path.to_owned(), chance.tasks());
            }
        }
    }
    files.into_iter().map(|(path, text)| (format!("openspec/{path}"), text.into_bytes())).collect()
}
