//! `Grep`: lines by regular expression.
//! Lives here: the search and its bounds; the crates of `ripgrep` find the lines. Never here: backtracking; the engine
//! is linear in the text.

use std::io;

use async_trait::async_trait;
use grep_matcher::LineTerminator;
use grep_regex::{ErrorKind, RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkContextKind, SinkMatch};
use regex::RegexBuilder;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::as_text;
use super::glob::folder;
use super::matcher::glob;
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec};
use crate::town::changeset::Mode;
use crate::town::text::one_line;

/// Hits that are shown when nothing else is asked for.
const HITS: usize = 200;
/// Hits that are shown at the most.
const MAX_HITS: usize = 1_000;
/// Lines of context that are shown on either side of a hit at the most.
const MAX_AROUND: usize = 20;
/// After so many shown lines no further hit is shown: context multiplies what `MAX_HITS` allows.
const MAX_LINES: usize = 4_000;
/// Characters of one line that are shown.
const LINE_CHARS: usize = 300;
/// Files larger than this are passed over, in bytes.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// What one search reads at the most, in bytes.
const READ_BYTES: usize = 256 * 1024 * 1024;
/// Memory that a compiled pattern may take, in bytes.
const COMPILED_BYTES: usize = 2 * 1024 * 1024;

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
    #[serde(rename = "-A")]
    after: Option<usize>,
    #[serde(rename = "-B")]
    before: Option<usize>,
    #[serde(rename = "-C")]
    around: Option<usize>,
    head_limit: Option<usize>,
}

impl Arguments {
    /// Lines to show before and after a hit; only where lines are shown at all.
    fn context(&self) -> (usize, usize) {
        if self.output_mode != Shape::Content {
            return (0, 0);
        }
        let lines = |side: Option<usize>| side.or(self.around).unwrap_or(0);
        (lines(self.before), lines(self.after))
    }

    fn matcher(&self) -> Result<RegexMatcher, ToolError> {
        let wrong =
            |why: &dyn std::fmt::Display| ToolError::Arguments(format!("The pattern is no regular expression: {why}."));
        // `grep-regex` puts the pattern into a group: it would take `)(`, and its errors quote what nobody wrote.
        RegexBuilder::new(&self.pattern)
            .size_limit(COMPILED_BYTES)
            .case_insensitive(self.ignore_case)
            .build()
            .map_err(|e| wrong(&e))?;
        RegexMatcherBuilder::new()
            .case_insensitive(self.ignore_case)
            .size_limit(COMPILED_BYTES)
            .dfa_size_limit(COMPILED_BYTES)
            .multi_line(true)
            .crlf(true)
            .build(&self.pattern)
            .map_err(|e| match e.kind() {
                ErrorKind::NotAllowed(_) => ToolError::Arguments(
                    "The pattern asks for the end of a line as a character; it is matched line by line: use $ or two \
                     searches."
                        .into(),
                ),
                _ => wrong(&e),
            })
    }
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
            "-A": {"type": "integer", "minimum": 0, "maximum": MAX_AROUND, "description": "Lines to show after each hit."},
            "-B": {"type": "integer", "minimum": 0, "maximum": MAX_AROUND, "description": "Lines to show before each hit."},
            "-C": {"type": "integer", "minimum": 0, "maximum": MAX_AROUND, "description": "Lines to show on both sides of each hit."},
            "head_limit": {"type": "integer", "minimum": 1, "description": "Hits to show; 200 without it."},
        });
        let text = "Finds lines by regular expression and shows path:line: text, and context as path-line- text. Binary \
                    and very large files are passed over, and it says so.";
        Self { spec: spec("Grep", text, fields, &["pattern"]) }
    }
}

/// What a search found and what it passed over.
#[derive(Default)]
struct Found {
    lines: Vec<String>,
    /// Hits, or files where files are asked for.
    hits: usize,
    shown: usize,
    limit: usize,
    read: usize,
    passed_over: usize,
    stopped: bool,
}

impl Found {
    fn full(&self) -> bool {
        self.shown >= self.limit || self.lines.len() >= MAX_LINES
    }

    /// A line that stands for a whole file.
    fn file(&mut self, line: String) {
        self.hits += 1;
        if !self.full() {
            self.shown += 1;
            self.lines.push(line);
        }
    }

    fn text(mut self) -> String {
        if self.lines.is_empty() {
            self.lines.push("No line matches.".to_owned());
        }
        if self.hits > self.shown {
            self.lines.push(format!("[{} of {} shown; use a narrower pattern]", self.shown, self.hits));
        }
        if self.passed_over > 0 {
            self.lines.push(format!("[files passed over as binary, very large or not readable: {}]", self.passed_over));
        }
        if self.stopped {
            self.lines.push(format!("[stopped after {READ_BYTES} bytes; give a path or a glob]"));
        }
        self.lines.join("\n")
    }
}

/// Takes the lines of one file as the searcher comes upon them.
struct Page<'a> {
    found: &'a mut Found,
    path: &'a str,
    shape: Shape,
    /// Hits in this file.
    here: usize,
    /// The last hit is shown, so the lines after it are too.
    showing: bool,
    /// A line that does not follow upon the one before it is next.
    apart: bool,
}

impl Page<'_> {
    fn push(&mut self, mark: char, number: Option<u64>, line: &[u8]) {
        if std::mem::take(&mut self.apart) {
            self.found.lines.push("--".to_owned());
        }
        let line = one_line(&String::from_utf8_lossy(line), LINE_CHARS);
        self.found.lines.push(format!("{}{mark}{}{mark} {line}", self.path, number.unwrap_or_default()));
    }
}

impl Sink for Page<'_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, hit: &SinkMatch<'_>) -> Result<bool, io::Error> {
        self.here += 1;
        if self.shape == Shape::Content {
            self.found.hits += 1;
            self.showing = !self.found.full();
            if self.showing {
                self.found.shown += 1;
                self.push(':', hit.line_number(), hit.bytes());
            }
        }
        Ok(self.shape != Shape::FilesWithMatches)
    }

    fn context(&mut self, _: &Searcher, line: &SinkContext<'_>) -> Result<bool, io::Error> {
        let wanted = match line.kind() {
            SinkContextKind::Before => !self.found.full(),
            _ => self.showing,
        };
        if wanted {
            self.push('-', line.line_number(), line.bytes());
        }
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> Result<bool, io::Error> {
        self.apart = true;
        Ok(true)
    }
}

/// Searches files one after the other.
struct Search {
    searcher: Searcher,
    matcher: RegexMatcher,
    shape: Shape,
    grouped: bool,
    found: Found,
}

impl Search {
    fn new(asked: &Arguments) -> Result<Self, ToolError> {
        let (before, after) = asked.context();
        if before.max(after) > MAX_AROUND {
            return Err(ToolError::Arguments(format!("-A, -B and -C go up to {MAX_AROUND} lines.")));
        }
        let searcher = SearcherBuilder::new()
            .line_terminator(LineTerminator::crlf())
            .line_number(true)
            .before_context(before)
            .after_context(after)
            // What comes here is UTF-8 without a mark; nothing is guessed or recoded.
            .binary_detection(BinaryDetection::none())
            .bom_sniffing(false)
            .build();
        let limit = asked.head_limit.unwrap_or(HITS).clamp(1, MAX_HITS);
        let found = Found { limit, ..Found::default() };
        Ok(Self { searcher, matcher: asked.matcher()?, shape: asked.output_mode, grouped: before + after > 0, found })
    }

    fn text(&mut self, path: &str, text: &str) -> Result<(), ToolError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let apart = self.grouped && !self.found.lines.is_empty();
        let mut page = Page { found: &mut self.found, path, shape: self.shape, here: 0, showing: false, apart };
        self.searcher
            .search_slice(&self.matcher, text.as_bytes(), &mut page)
            .map_err(|e| ToolError::Fatal(format!("the search in {path}: {e}")))?;
        match (self.shape, page.here) {
            (Shape::Content, _) | (_, 0) => {}
            (Shape::Count, here) => self.found.file(format!("{path}: {here}")),
            (Shape::FilesWithMatches, _) => self.found.file(path.to_owned()),
        }
        Ok(())
    }

    /// Searches what stands at `path`; says whether there is room to read on.
    fn file(&mut self, context: &Context<'_>, path: &str) -> Result<bool, ToolError> {
        if context.size(path)?.is_some_and(|size| size > FILE_BYTES) {
            self.found.passed_over += 1;
            return Ok(true);
        }
        // A submodule, or a name that is not UTF-8.
        let Some(blob) = context.read(path)? else {
            self.found.passed_over += 1;
            return Ok(true);
        };
        if !matches!(blob.mode, Mode::File | Mode::Executable) {
            return Ok(true);
        }
        self.found.read += blob.bytes.len();
        if self.found.read > READ_BYTES {
            self.found.stopped = true;
            return Ok(false);
        }
        match as_text(&blob.bytes) {
            Some(text) => self.text(path, text)?,
            None => self.found.passed_over += 1,
        }
        Ok(true)
    }
}

#[async_trait]
impl Tool for Grep {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let asked: Arguments = arguments(&self.spec, value)?;
        let mut search = Search::new(&asked)?;
        let glob = asked.glob.as_deref().map(glob).transpose()?;
        let place = folder(&asked.path);
        let paths = match context.size(place)? {
            Some(_) => vec![place.to_owned()],
            None => context.list(place)?,
        };
        for path in paths.iter().filter(|path| glob.as_ref().is_none_or(|glob| glob.is_match(path))) {
            if !search.file(context, path)? {
                break;
            }
        }
        Ok(ToolOutput::seen(search.found.text()))
    }
}
