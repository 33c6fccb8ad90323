//! The file map: how many, how large, of what kind.
//! Lives here: counting. Never here: reading contents beyond what the one pass hands in.

use std::collections::BTreeMap;

use super::activity::folder_of;
use crate::git::files::Entry;
use crate::town::changeset::Mode;
use crate::town::facts::{FileFacts, FileLine, Group};
use crate::town::ids::AgentId;

/// Source files with more lines than this are named.
const LONG: u64 = 500;
/// A file with more than [`LONG`] lines has at least this many bytes.
const LONG_BYTES: u64 = 1_000;
/// Names that one list holds.
const LISTED: usize = 10;
/// Links, submodules and executable files that are named.
const NAMED: usize = 20;

#[derive(Default)]
pub(super) struct Collector {
    facts: FileFacts,
    folders: BTreeMap<String, (usize, u64)>,
    kinds: BTreeMap<String, (usize, u64)>,
    owned: BTreeMap<String, (usize, u64)>,
    largest: Vec<FileLine>,
    long: Vec<FileLine>,
    depth: usize,
    pub(super) binary: usize,
}

impl Collector {
    /// Counts one entry; returns whether its content is wanted too.
    pub(super) fn entry(&mut self, entry: &Entry, size: Option<u64>, owner: Option<AgentId>) -> bool {
        let bytes = size.unwrap_or(0);
        let add = |groups: &mut BTreeMap<String, (usize, u64)>, name: String| {
            let group = groups.entry(name).or_default();
            *group = (group.0 + 1, group.1 + bytes);
        };
        if let Some(agent) = owner {
            add(&mut self.owned, agent.to_string());
            return false;
        }
        self.facts.count += 1;
        self.facts.bytes += bytes;
        self.facts.skipped += usize::from(size.is_none() && entry.mode != Mode::Module);
        add(&mut self.folders, folder_of(&entry.path));
        let depth = entry.path.split('/').count();
        if depth > self.depth {
            self.depth = depth;
            self.facts.deepest = Some(entry.path.clone());
        }
        let named = match entry.mode {
            Mode::File => None,
            Mode::Executable => Some(&mut self.facts.executable),
            Mode::Link => Some(&mut self.facts.links),
            Mode::Module => Some(&mut self.facts.modules),
        };
        if let Some(list) = named {
            if list.len() < NAMED {
                list.push(entry.path.clone());
            } else {
                self.facts.truncated += 1;
            }
        }
        if !entry.is_file() {
            return false;
        }
        let kind = kind_of(&entry.path);
        add(&mut self.kinds, kind.name());
        keep(&mut self.largest, FileLine { path: entry.path.clone(), number: bytes });
        match kind {
            Kind::Binary(_) => {
                self.binary += 1;
                false
            }
            Kind::Code(_) => bytes > LONG_BYTES,
            Kind::Text(_) => false,
            Kind::Unknown(_) => true,
        }
    }

    /// Counts the lines of a source file.
    pub(super) fn text(&mut self, path: &str, bytes: &[u8]) {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + usize::from(!bytes.ends_with(b"\n"));
        let lines = u64::try_from(lines).unwrap_or(u64::MAX);
        if lines > LONG && matches!(kind_of(path), Kind::Code(_)) {
            self.long.push(FileLine { path: path.to_owned(), number: lines });
        }
    }

    pub(super) fn finish(mut self, left_out: usize) -> FileFacts {
        self.facts.folders = grouped(self.folders, 15);
        self.facts.kinds = grouped(self.kinds, 15);
        self.facts.owned = grouped(self.owned, 50);
        rank(&mut self.largest);
        rank(&mut self.long);
        self.largest.truncate(LISTED);
        self.facts.more_long = self.long.len().saturating_sub(LISTED);
        self.long.truncate(LISTED);
        self.facts.largest = self.largest;
        self.facts.longest = self.long;
        self.facts.binary = self.binary;
        self.facts.skipped += left_out;
        self.facts
    }
}

/// Keeps the list of the largest short without sorting it at each step.
fn keep(list: &mut Vec<FileLine>, file: FileLine) {
    list.push(file);
    if list.len() > 1_000 {
        rank(list);
        list.truncate(LISTED);
    }
}

fn rank(list: &mut [FileLine]) {
    list.sort_by(|a, b| b.number.cmp(&a.number).then_with(|| a.path.cmp(&b.path)));
}

/// The largest groups; the rest is put together, so that the sum stays right.
fn grouped(groups: BTreeMap<String, (usize, u64)>, most: usize) -> Vec<Group> {
    let mut all: Vec<Group> = groups.into_iter().map(|(name, (count, bytes))| Group { name, count, bytes }).collect();
    all.sort_by(|a, b| (b.bytes, b.count).cmp(&(a.bytes, a.count)).then_with(|| a.name.cmp(&b.name)));
    if all.len() > most {
        let rest = all.split_off(most);
        let (count, bytes) = rest.iter().fold((0, 0), |sum, group| (sum.0 + group.count, sum.1 + group.bytes));
        all.push(Group { name: format!("({} others)", rest.len()), count, bytes });
    }
    all
}

/// What kind of file a name says it is.
enum Kind {
    Code(&'static str),
    Text(&'static str),
    Binary(String),
    Unknown(String),
}

impl Kind {
    fn name(&self) -> String {
        match self {
            Self::Code(name) | Self::Text(name) => (*name).to_owned(),
            Self::Binary(name) | Self::Unknown(name) => name.clone(),
        }
    }
}

fn kind_of(path: &str) -> Kind {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, ext)| ext.to_ascii_lowercase());
    let Some(extension) = extension else {
        return match name {
            "Makefile" | "Dockerfile" | "Justfile" | "justfile" => Kind::Code("Build scripts"),
            _ => Kind::Unknown("(no extension)".to_owned()),
        };
    };
    if let Some((_, language)) = CODE.iter().find(|(ext, _)| *ext == extension) {
        return Kind::Code(language);
    }
    if let Some((_, language)) = TEXT.iter().find(|(ext, _)| *ext == extension) {
        return Kind::Text(language);
    }
    if BINARY.contains(&extension.as_str()) {
        return Kind::Binary(format!(".{extension}"));
    }
    Kind::Unknown(format!(".{}", extension.chars().take(20).collect::<String>()))
}

const CODE: &[(&str, &str)] = &[
    ("rs", "Rust"),
    ("py", "Python"),
    ("js", "JavaScript"),
    ("mjs", "JavaScript"),
    ("cjs", "JavaScript"),
    ("jsx", "JavaScript"),
    ("ts", "TypeScript"),
    ("tsx", "TypeScript"),
    ("mts", "TypeScript"),
    ("go", "Go"),
    ("c", "C"),
    ("h", "C"),
    ("cc", "C++"),
    ("cpp", "C++"),
    ("cxx", "C++"),
    ("hpp", "C++"),
    ("hh", "C++"),
    ("cs", "C#"),
    ("java", "Java"),
    ("kt", "Kotlin"),
    ("kts", "Kotlin"),
    ("swift", "Swift"),
    ("rb", "Ruby"),
    ("php", "PHP"),
    ("scala", "Scala"),
    ("sh", "Shell"),
    ("bash", "Shell"),
    ("zsh", "Shell"),
    ("ps1", "PowerShell"),
    ("sql", "SQL"),
    ("lua", "Lua"),
    ("pl", "Perl"),
    ("pm", "Perl"),
    ("r", "R"),
    ("jl", "Julia"),
    ("ex", "Elixir"),
    ("exs", "Elixir"),
    ("erl", "Erlang"),
    ("hs", "Haskell"),
    ("ml", "OCaml"),
    ("clj", "Clojure"),
    ("dart", "Dart"),
    ("zig", "Zig"),
    ("vue", "Vue"),
    ("svelte", "Svelte"),
    ("css", "CSS"),
    ("scss", "CSS"),
    ("sass", "CSS"),
    ("less", "CSS"),
    ("html", "HTML"),
    ("htm", "HTML"),
    ("proto", "Protocol Buffers"),
    ("tf", "Terraform"),
    ("nix", "Nix"),
];

const TEXT: &[(&str, &str)] = &[
    ("md", "Markdown"),
    ("markdown", "Markdown"),
    ("rst", "reStructuredText"),
    ("adoc", "AsciiDoc"),
    ("txt", "Text"),
    ("json", "JSON"),
    ("yaml", "YAML"),
    ("yml", "YAML"),
    ("toml", "TOML"),
    ("xml", "XML"),
    ("csv", "CSV"),
    ("svg", "SVG"),
    ("lock", "Lock files"),
    ("ini", "INI"),
    ("cfg", "INI"),
];

const BINARY: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "avif", "bmp", "ico", "icns", "pdf", "zip", "gz", "xz", "bz2", "zst", "tar",
    "7z", "jar", "class", "exe", "dll", "so", "dylib", "a", "o", "wasm", "woff", "woff2", "ttf", "otf", "eot", "mp3",
    "mp4", "ogg", "wav", "webm", "mov", "avi", "flac", "bin", "dat", "db", "sqlite", "pyc", "parquet", "npy", "psd",
    "glb",
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::Sample;
    use super::*;
    use crate::town::charter::Sense;

    #[test]
    fn counts_the_project_and_agents_files_apart() {
        let sample = Sample::new();
        let long = "line of code\n".repeat(501);
        let exact = "line of code\n".repeat(500);
        let entries: &[(&[u8], &[u8], i32)] = &[
            (b"a/b/c/d.rs", long.as_bytes(), 0o100_644),
            (b"exact.rs", exact.as_bytes(), 0o100_644),
            (b"notes.md", long.as_bytes(), 0o100_644),
            (b"p.png", b"\0", 0o100_644),
            (b"blob", b"x\0y", 0o100_644),
            (b"run.sh", b"echo\n", 0o100_755),
            (b"loop", b"loop", 0o120_000),
            (b"mod", b"", 0o160_000),
            (b"na\xffme", b"x", 0o100_644),
            (b"qa/page.md", b"page", 0o100_644),
            (b"agents/memories/x-memory.json", b"{}", 0o100_644),
        ];
        let head = sample.commit_on("all", entries, &[]);
        let facts = sample.facts(head, None, &[Sense::Files]).files.unwrap();
        assert_eq!(facts.count, 9);
        assert_eq!(facts.longest, [FileLine { path: "a/b/c/d.rs".into(), number: 501 }]);
        assert_eq!(facts.deepest.as_deref(), Some("a/b/c/d.rs"));
        assert_eq!(
            (facts.links.as_slice(), facts.modules.as_slice()),
            (&["loop".to_owned()][..], &["mod".to_owned()][..])
        );
        assert_eq!(facts.executable, ["run.sh"]);
        assert_eq!(facts.binary, 2);
        assert_eq!(facts.largest[0].path, "a/b/c/d.rs");
        let owned: Vec<_> = facts.owned.iter().map(|g| (g.name.as_str(), g.count, g.bytes)).collect();
        assert_eq!(owned, [("chaostester", 1, 4), ("x", 1, 2)]);
        let folders: usize = facts.folders.iter().map(|group| group.count).sum();
        assert_eq!(folders, facts.count, "the folders add up");
        assert_eq!(facts, sample.facts(head, None, &[Sense::Files]).files.unwrap());
    }

    #[test]
    fn many_groups_keep_their_sum() {
        let groups = (0..40).map(|n| (format!("d{n:02}"), (1, n))).collect();
        let all = grouped(groups, 15);
        assert_eq!(all.len(), 16);
        assert_eq!(all.iter().map(|group| group.count).sum::<usize>(), 40);
        assert_eq!(all[15].name, "(25 others)");
    }
}
