//! `Grep`: lines by regular expression.
//! Lives here: the search and its bounds. Never here: backtracking; the engine is linear in the text.

use async_trait::async_trait;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::as_text;
use super::glob::folder;
use super::matcher::{COMPILED_BYTES, glob};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec};
use crate::town::changeset::Mode;
use crate::town::text::one_line;

/// Hits that are shown when nothing else is asked for.
const HITS: usize = 200;
/// Hits that are shown at the most.
const MAX_HITS: usize = 1_000;
/// Characters of one line that are shown.
const LINE_CHARS: usize = 300;
/// Files larger than this are passed over, in bytes.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// What one search reads at the most, in bytes.
const READ_BYTES: usize = 256 * 1024 * 1024;

pub(super) struct Grep {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    pattern: String,
    #[serde(default)]
    path: String,
    glob: Option<String>,
    #[serde(default)]
    output_mode: Shape,
    #[serde(default, rename = "-i")]
    ignore_case: bool,
    /// Line numbers are always shown; models that know Claude Code's Grep ask for them.
    #[serde(default, rename = "-n")]
    _numbers: bool,
    head_limit: Option<usize>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    #[default]
    Content,
    FilesWithMatches,
    Count,
}

impl Grep {
    pub(super) fn new() -> Self {
        let fields = json!({
            "pattern": {"type": "string", "description": "Regular expression, matched line by line; no look-around, no back-references."},
            "path": {"type": "string", "description": "File or folder to search; the whole repository without it."},
            "glob": {"type": "string", "description": "Search only files that match, for example *.rs."},
            "output_mode": {"type": "string", "enum": ["content", "files_with_matches", "count"]},
            "-i": {"type": "boolean", "description": "Ignore case."},
            "-n": {"type": "boolean", "description": "Line numbers; they are always shown."},
            "head_limit": {"type": "integer", "minimum": 1, "description": "Hits to show; 200 without it."},
        });
        let text = "Finds lines by regular expression and shows path:line: text. Binary and very large files are passed \
                    over, and it says so.";
        Self { spec: spec("Grep", text, fields, &["pattern"]) }
    }
}

/// What a search found and what it passed over.
#[derive(Default)]
struct Found {
    lines: Vec<String>,
    hits: usize,
    read: usize,
    passed_over: usize,
    stopped: bool,
}

impl Found {
    fn search(&mut self, path: &str, text: &str, regex: &Regex, mode: Shape, limit: usize) {
        let mut here = 0_usize;
        for (at, line) in text.lines().enumerate() {
            if !regex.is_match(line) {
                continue;
            }
            here += 1;
            self.hits += usize::from(mode == Shape::Content);
            if mode == Shape::Content && self.lines.len() < limit {
                self.lines.push(format!("{path}:{}: {}", at + 1, one_line(line, LINE_CHARS)));
            }
            if mode == Shape::FilesWithMatches {
                break;
            }
        }
        if here == 0 || mode == Shape::Content {
            return;
        }
        self.hits += 1;
        if self.lines.len() < limit {
            self.lines.push(if mode == Shape::Count { format!("{path}: {here}") } else { path.to_owned() });
        }
    }

    fn text(mut self, limit: usize) -> String {
        if self.lines.is_empty() {
            self.lines.push("No line matches.".to_owned());
        }
        if self.hits > limit {
            self.lines.push(format!("[{limit} of {} shown; use a narrower pattern]", self.hits));
        }
        if self.passed_over > 0 {
            self.lines.push(format!("[{} binary or very large files passed over]", self.passed_over));
        }
        if self.stopped {
            self.lines.push(format!("[stopped after {READ_BYTES} bytes; give a path or a glob]"));
        }
        self.lines.join("\n")
    }
}

#[async_trait]
impl Tool for Grep {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let asked: Arguments = arguments(&self.spec, value)?;
        let regex = RegexBuilder::new(&asked.pattern)
            .case_insensitive(asked.ignore_case)
            .size_limit(COMPILED_BYTES)
            .dfa_size_limit(COMPILED_BYTES)
            .build()
            .map_err(|e| ToolError::Arguments(format!("The pattern is no regular expression: {e}.")))?;
        let glob = asked.glob.as_deref().map(glob).transpose()?;
        let limit = asked.head_limit.unwrap_or(HITS).clamp(1, MAX_HITS);
        let place = folder(&asked.path);
        let paths = match context.files.size(place)? {
            Some(_) => vec![place.to_owned()],
            None => context.files.list(place)?,
        };
        let mut found = Found::default();
        for path in paths.iter().filter(|path| glob.as_ref().is_none_or(|glob| glob.is_match(path))) {
            if context.files.size(path)?.is_some_and(|size| size > FILE_BYTES) {
                found.passed_over += 1;
                continue;
            }
            let Some(blob) = context.files.read(path)? else { continue };
            if !matches!(blob.mode, Mode::File | Mode::Executable) {
                continue;
            }
            found.read += blob.bytes.len();
            if found.read > READ_BYTES {
                found.stopped = true;
                break;
            }
            match as_text(&blob.bytes) {
                Some(text) => found.search(path, text, &regex, asked.output_mode, limit),
                None => found.passed_over += 1,
            }
        }
        Ok(ToolOutput::seen(found.text(limit)))
    }
}
