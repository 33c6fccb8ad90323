//! What makes a repository a town: the shipped charters, a first town file, the folders of OpenSpec.
//! Lives here: the contents, the plan which of them a repository lacks, and what a person does next. Never here:
//! writing files (`monkeytown init` does, and only where nothing stands).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use super::limits::TOWN_FILE;
use super::path::fold;
use super::text::{is_invisible, one_line};

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../agents/", $name, ".md")))),*]
    };
}

/// The nine monkeys: name and charter.
pub const MONKEYS: &[(&str, &str)] = shipped![
    "bananaeconomist",
    "chaosarchitect",
    "chaostester",
    "founderai",
    "junglesecurity",
    "madchimp",
    "monkeybuilder",
    "primatedesigner",
    "simianresearcher",
];

/// The roles of the OpenSpec workflow: name and charter.
pub const OPENSPEC: &[(&str, &str)] = shipped![
    "architect",
    "architecture-skeptic",
    "feature-implementer",
    "orchestrator",
    "pm-validator",
    "research-skeptic",
    "super-alignment-researcher",
    "test-validator",
];

/// A town's name in characters, at the most; a folder's name may be longer.
const NAME_CHARS: usize = 64;
/// The town file up to the name's value, and from there on.
const TOWN_HEAD: &str = include_str!("starter/town_head.yaml");
const TOWN_TAIL: &str = include_str!("starter/town_tail.yaml");
const OPENSPEC_CONFIG: &str = "\
# How changes are written here. Read by `openspec` and by `monkeytown spec`.
schema: spec-driven
";

/// Which agents a town begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Set {
    /// The nine monkeys.
    #[default]
    Monkeys,
    /// The roles of the OpenSpec workflow.
    Openspec,
    /// Both.
    All,
}

impl Set {
    /// The charters of the set: name and content.
    pub fn charters(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let (monkeys, openspec): (&[_], &[_]) = match self {
            Self::Monkeys => (MONKEYS, &[]),
            Self::Openspec => (&[], OPENSPEC),
            Self::All => (MONKEYS, OPENSPEC),
        };
        monkeys.iter().chain(openspec).copied()
    }

    const fn has_openspec(self) -> bool {
        matches!(self, Self::Openspec | Self::All)
    }
}

/// One file that a new town needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StarterFile {
    /// Where it belongs.
    pub path: String,
    /// What it says.
    pub content: String,
    /// Whether something stands there already, on some file system at least: then nothing is written.
    pub exists: bool,
}

/// What a town needs, by path, with what stands already marked. `existing` are all paths of the repository.
#[must_use]
pub fn plan(existing: &BTreeSet<String>, town_name: &str, set: Set) -> Vec<StarterFile> {
    let mut wanted: BTreeMap<String, String> = BTreeMap::from([(TOWN_FILE.to_owned(), town_file(town_name))]);
    wanted.extend(set.charters().map(|(name, text)| (format!("agents/{name}.md"), text.to_owned())));
    if set.has_openspec() {
        wanted.insert("openspec/config.yaml".to_owned(), OPENSPEC_CONFIG.to_owned());
        for folder in ["openspec/specs/", "openspec/changes/"] {
            // git keeps no empty folder; one that holds something needs no help.
            let keep = format!("{folder}.gitkeep");
            if existing.contains(&keep) || !existing.iter().any(|path| path.starts_with(folder)) {
                wanted.insert(keep, String::new());
            }
        }
    }
    // Where case is ignored, writing `agents/x.md` would overwrite `Agents/X.md`.
    let taken: HashSet<String> = existing.iter().map(|path| fold(path)).collect();
    let file = |(path, content): (String, String)| {
        let exists = taken.contains(&fold(&path));
        StarterFile { path, content, exists }
    };
    wanted.into_iter().map(file).collect()
}

/// The first town file, with the name in it.
fn town_file(name: &str) -> String {
    let name = one_line(name, NAME_CHARS);
    let name = if name.is_empty() { "town" } else { &name };
    format!("{TOWN_HEAD}name: {}\n{TOWN_TAIL}", quoted(name))
}

/// A text as a double-quoted YAML scalar: whatever could end it, hide in it or not stand in YAML is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || is_invisible(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What a person does after the files were written, for the terminal. `branch` is the default branch, where known.
#[must_use]
pub fn next_steps(files: &[StarterFile], branch: Option<&str>) -> String {
    let written: Vec<&StarterFile> = files.iter().filter(|file| !file.exists).collect();
    let folders: BTreeSet<&str> = written.iter().filter_map(|file| file.path.split('/').next()).collect();
    let agents: Vec<&str> = files.iter().filter_map(agent).collect();
    let first = ["chaostester", "orchestrator"].into_iter().find(|name| agents.contains(name));
    let first = first.or_else(|| agents.first().copied()).unwrap_or("<agent>");
    let mut steps: Vec<(String, &str)> = Vec::new();
    if !folders.is_empty() {
        let list = folders.into_iter().collect::<Vec<_>>().join(" ");
        steps.push((format!("git add {list}"), "after you read it; change what does not fit"));
        steps.push((
            "git commit -m \"Make this repository a town\"".to_owned(),
            "runs read charters from the default branch only",
        ));
    }
    steps.push(("monkeytown check".to_owned(), "proves that no path has two owners"));
    steps.push((format!("monkeytown run {first} --dry-run"), "shows the work, and publishes nothing"));
    steps.push((format!("monkeytown run {first}"), "opens a pull request, if there is something to say"));
    let width = steps.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    let place = branch.map_or(String::new(), |branch| format!(" (on {})", one_line(branch, 80)));
    let mut text = format!("Next{place}:\n");
    for (at, (command, why)) in (1..).zip(&steps) {
        _ = writeln!(text, "  {at}. {command:width$}  # {why}");
    }
    text
}

fn agent(file: &StarterFile) -> Option<&str> {
    file.path.strip_prefix("agents/")?.strip_suffix(".md")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::town::check::{TownFiles, check, is_town_file};
    use crate::town::settings::{self, Settings};

    const SETS: [(Set, usize, usize); 3] = [(Set::Monkeys, 9, 10), (Set::Openspec, 8, 12), (Set::All, 17, 21)];

    fn parsed(name: &str) -> Settings {
        let (settings, findings) = settings::parse(TOWN_FILE, town_file(name).as_bytes());
        assert_eq!(findings, [], "{name:?}");
        settings.unwrap()
    }

    // covers: town-files#a-repository-becomes-a-town-without-losing-anything/a-first-town
    #[test]
    fn an_empty_repository_becomes_a_town_that_passes_the_check() {
        for (set, charters, files) in SETS {
            let plan = plan(&BTreeSet::new(), "banana town", set);
            assert_eq!(plan.len(), files, "{set:?}");
            assert!(plan.iter().all(|file| !file.exists));
            let all_paths = plan.iter().map(|file| file.path.clone()).collect();
            let read = plan.into_iter().filter(|file| is_town_file(&file.path));
            let files = read.map(|file| (file.path, file.content.into_bytes())).collect();
            let checked = check(&TownFiles { files, all_paths });
            assert_eq!(checked.findings, [], "{set:?}");
            assert_eq!(checked.charters.len(), charters, "{set:?}");
            assert_eq!(checked.settings.unwrap().name, "banana town");
        }
    }

    #[test]
    fn every_shipped_charter_is_in_a_set() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("agents");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut on_disk: Vec<String> = names.filter(|name| is_town_file(&format!("agents/{name}"))).collect();
        on_disk.sort();
        let mut shipped: Vec<String> = Set::All.charters().map(|(name, _)| format!("{name}.md")).collect();
        shipped.sort();
        assert_eq!(shipped, on_disk);
    }

    #[test]
    fn names_are_quoted_whatever_the_folder_is_called() {
        for (name, expected) in [
            ("my \"town\": x", "my \"town\": x"),
            ("", "town"),
            (" \t ", "town"),
            ("Größe 木 🐒", "Größe 木 🐒"),
            ("a\\b", "a\\b"),
            ("# no comment", "# no comment"),
            ("{a: [b]}", "{a: [b]}"),
            ("*x &y !z", "*x &y !z"),
            ("no", "no"),
            ("42", "42"),
            ("two\nlines", "two lines"),
            ("---", "---"),
        ] {
            assert_eq!(parsed(name).name, expected);
        }
        assert!(parsed(&"x".repeat(10_000)).name.chars().count() <= NAME_CHARS);
        for hidden in ["a\u{202e}b", "\u{feff}a", "a\u{0}b", "a\u{85}b\u{2028}c", "a\u{7f}"] {
            let name = parsed(hidden).name;
            assert!(!name.chars().any(|c| c.is_control() || is_invisible(c)), "{hidden:?} became {name:?}");
        }
    }

    #[test]
    fn the_town_file_says_the_defaults() {
        let default: Settings = serde_json::from_str(r#"{"name": "x"}"#).unwrap();
        assert_eq!(parsed("x"), default);
    }

    /// The keys that are shown as comments are valid ones: without the comment signs the file still parses.
    #[test]
    fn every_key_is_shown_and_what_is_commented_out_is_valid() {
        let text = town_file("x").replace("#? ", "");
        let (settings, findings) = settings::parse(TOWN_FILE, text.as_bytes());
        assert_eq!(findings, []);
        let shown = serde_json::to_value(settings.unwrap()).unwrap();
        let schema = serde_json::to_value(schemars::schema_for!(Settings)).unwrap();
        for key in schema["properties"].as_object().unwrap().keys() {
            assert!(shown.get(key).is_some(), "{key} is not shown");
        }
        for key in schema["$defs"]["BrainSettings"]["properties"].as_object().unwrap().keys() {
            assert!(shown["brain"].get(key).is_some(), "brain.{key} is not shown");
        }
    }

    // covers: town-files#a-repository-becomes-a-town-without-losing-anything/a-file-is-there-already
    #[test]
    fn what_stands_is_reported_and_never_planned_over() {
        let existing = ["Agents/ChaosTester.md", TOWN_FILE, "openspec/specs/auth/spec.md", "openspec/changes/.gitkeep"];
        let existing: BTreeSet<String> = existing.map(str::to_owned).into();
        let plan = plan(&existing, "x", Set::All);
        let stands: Vec<&str> = plan.iter().filter(|file| file.exists).map(|file| file.path.as_str()).collect();
        assert_eq!(stands, [TOWN_FILE, "agents/chaostester.md", "openspec/changes/.gitkeep"]);
        assert!(!plan.iter().any(|file| file.path == "openspec/specs/.gitkeep"));
    }

    #[test]
    fn the_next_steps_fit_the_plan() {
        let monkeys = plan(&BTreeSet::new(), "x", Set::Monkeys);
        let text = next_steps(&monkeys, Some("main"));
        assert!(text.starts_with("Next (on main):\n  1. git add .monkeytown agents "), "{text}");
        assert!(text.contains("monkeytown run chaostester --dry-run"), "{text}");
        let openspec = next_steps(&plan(&BTreeSet::new(), "x", Set::Openspec), None);
        assert!(openspec.contains("git add .monkeytown agents openspec"), "{openspec}");
        assert!(openspec.contains("run orchestrator"), "{openspec}");
        let paths = monkeys.into_iter().map(|file| file.path).collect();
        let nothing = next_steps(&plan(&paths, "x", Set::Monkeys), None);
        assert!(nothing.starts_with("Next:\n  1. monkeytown check "), "{nothing}");
    }
}
