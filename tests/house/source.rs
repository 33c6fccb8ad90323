//! Reading Rust sources without a compiler, as far as the house rules need it.
//! Lives here: which files there are, which of them are tests, and their code without comments and literals.
//! Never here: the rules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub struct Source {
    /// Its path from the root of the repository, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
    /// The same length, with comments and the insides of literals blanked.
    pub code: String,
    /// For each line whether it is compiled for tests only.
    pub test_lines: Vec<bool>,
    /// Whether the whole file is.
    pub is_test: bool,
}

impl Source {
    /// The lines of code with their numbers, from 1, and whether they are test code.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        self.code.lines().zip(&self.test_lines).enumerate().map(|(index, (line, test))| (index + 1, line, *test))
    }

    /// The room: the folder below `src/`, or the file's name for `lib.rs` and `main.rs`.
    pub fn room(&self) -> &str {
        self.path.strip_prefix("src/").and_then(|rest| rest.split('/').next()).unwrap_or_default()
    }

    /// How many modules deep the file's own module lies: `src/git/mod.rs` is 1, `src/git/journal/read.rs` is 3.
    pub fn depth(&self) -> usize {
        let parts = self.path.split('/').count() - 1;
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder of the repository, in order.
pub fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// Every source below a folder, taken apart.
pub fn sources(folder: &str) -> Vec<Source> {
    let read = |path: &String| fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let texts: Vec<(String, String)> = files(folder).into_iter().map(|path| (path.clone(), read(&path))).collect();
    let of_library = if folder == "src" { compiled("src/lib.rs") } else { BTreeMap::new() };
    let is_test = |path: &str| folder != "src" || of_library.get(path).copied().unwrap_or(false);
    texts
        .into_iter()
        .map(|(path, text)| {
            let code = blank(&text);
            let is_test = is_test(&path);
            let test_lines = if is_test { vec![true; code.lines().count()] } else { test_lines(&code) };
            Source { path, text, code, test_lines, is_test }
        })
        .collect()
}

/// A module that a file declares in a file of its own.
pub struct Declared {
    /// Where it may stand, from the root of the repository.
    pub files: Vec<String>,
    /// Whether it is compiled for tests only.
    pub is_test: bool,
}

/// The modules that a file declares.
pub fn modules(path: &str, text: &str) -> Vec<Declared> {
    let here = Path::new(path);
    let stem = here.file_stem().unwrap().to_string_lossy();
    let folder = here.parent().unwrap();
    let below = if matches!(&*stem, "mod" | "lib" | "main") { folder.to_path_buf() } else { folder.join(&*stem) };
    let mut found = Vec::new();
    let (mut is_test, mut beside) = (false, None);
    // What an attribute names stands in a literal, so the text is read beside the code.
    for (line, said) in blank(text).lines().map(str::trim).zip(text.lines().map(str::trim)) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[cfg(test)]");
            beside = said.strip_prefix("#[path = \"").and_then(|said| said.strip_suffix("\"]")).or(beside);
        } else if !line.is_empty() {
            let name = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod "));
            let visible = |before: &str| before.is_empty() || before.starts_with("pub");
            if let Some((_, name)) = name.filter(|(before, _)| visible(before)) {
                let files = match beside {
                    Some(file) => vec![folder.join(file)],
                    None => vec![below.join(format!("{name}.rs")), below.join(name).join("mod.rs")],
                };
                let files = files.iter().map(|file| file.to_string_lossy().replace('\\', "/")).collect();
                found.push(Declared { files, is_test });
            }
            (is_test, beside) = (false, None);
        }
    }
    found
}

/// Every file that is compiled when `entry` is, with whether it is for tests only.
pub fn compiled(entry: &str) -> BTreeMap<String, bool> {
    let mut reached = BTreeMap::new();
    let mut open = vec![(entry.to_owned(), false)];
    while let Some((path, is_test)) = open.pop() {
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        for module in modules(&path, &text) {
            let file = module.files.iter().find(|file| root().join(file).is_file());
            let file = file.unwrap_or_else(|| panic!("{path} declares a module that is at none of {:?}", module.files));
            open.push((file.clone(), is_test || module.is_test));
        }
        reached.insert(path, is_test);
    }
    reached
}

/// Which lines belong to an item behind `#[cfg(test)]`.
fn test_lines(code: &str) -> Vec<bool> {
    let mut flags = Vec::new();
    let (mut gated, mut inside, mut depth) = (false, false, 0_i64);
    for line in code.lines() {
        gated |= !inside && line.trim_start().starts_with("#[cfg(test)]");
        let (opens, closes) = (count(line, '{'), count(line, '}'));
        if gated && opens > 0 {
            (gated, inside, depth) = (false, true, 0);
        }
        flags.push(gated || inside);
        gated &= !line.trim_end().ends_with(';');
        if inside {
            depth += opens - closes;
            inside = depth > 0;
        }
    }
    flags
}

/// How often a character stands in a line.
pub fn count(line: &str, wanted: char) -> i64 {
    i64::try_from(line.matches(wanted).count()).unwrap()
}

/// The text with comments and the insides of literals replaced by spaces; line feeds stay where they are.
pub fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none does.
fn literal(chars: &[char], at: usize) -> usize {
    let is = |offset: usize, wanted: char| chars.get(at + offset) == Some(&wanted);
    let word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    if is(0, '/') && is(1, '/') {
        return (at..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len());
    }
    if is(0, '/') && is(1, '*') {
        return block_comment(chars, at);
    }
    if is(0, '"') {
        return string(chars, at);
    }
    if is(0, 'r') && !word_before || is(0, 'r') && at > 0 && chars[at - 1] == 'b' {
        let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
        if chars.get(at + 1 + hashes) == Some(&'"') {
            return raw_string(chars, at + 2 + hashes, hashes);
        }
    }
    if is(0, '\'') {
        // `'x'` and `'\n'` are literals, `'a` is a lifetime.
        if is(1, '\\') {
            return (at + 3..chars.len()).find(|i| chars[*i] == '\'').map_or(chars.len(), |i| i + 1);
        }
        if is(2, '\'') {
            return at + 3;
        }
    }
    at
}

fn block_comment(chars: &[char], at: usize) -> usize {
    let (mut depth, mut i) = (0, at);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn string(chars: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn raw_string(chars: &[char], from: usize, hashes: usize) -> usize {
    let closes =
        |i: &usize| chars[*i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (from..chars.len()).find(closes).map_or(chars.len(), |i| i + 1 + hashes)
}
