//! Checks that machines can still read what they read: YAML, JSON, TOML, front matter, memory files.
//! Lives here: which file is judged by which reader. Never here: what the content means.

use super::PER_FILE;
use super::work::{Work, Written, at};
use super::yaml::{self, Fault};
use crate::town::finding::Finding;
use crate::town::limits::FRONT_MATTER_BYTES;
use crate::town::memory::Memory;
use crate::town::text::one_line;

pub(super) const PARSES: &str = "parses";

/// Larger files are data, and not read.
const LARGEST: usize = 1 << 20;

type Reader = fn(&str) -> Result<(), Fault>;

pub(super) fn parses(work: &Work<'_>) -> Vec<Finding> {
    work.written().iter().filter_map(judge).collect()
}

fn judge(file: &Written<'_>) -> Option<Finding> {
    let (format, reader) = reader(file)?;
    if file.bytes.len() > LARGEST {
        return None;
    }
    let read = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => reader(text.strip_prefix('\u{FEFF}').unwrap_or(text)),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
            Err(Fault { line: Some(line), why: "it is not UTF-8".to_owned() })
        }
    };
    let fault = read(file.bytes).err()?;
    // What nobody could read before is not broken by this proposal.
    if file.old().is_some_and(|old| old.len() <= LARGEST && read(old).is_err()) {
        return None;
    }
    let mut finding = at(PARSES, file.path, format!("not {format}: {}", fault.why));
    finding.line = fault.line.and_then(|line| u32::try_from(line).ok());
    Some(finding.fix(format!("make it valid {format}")))
}

fn reader(file: &Written<'_>) -> Option<(&'static str, Reader)> {
    let name = file.name().to_ascii_lowercase();
    let (_, extension) = name.rsplit_once('.')?;
    match extension {
        "yaml" | "yml" if !is_template(file) => Some(("YAML", yaml::check)),
        "json" | "webmanifest" | "geojson" if !may_hold_comments(file.path, &name) => Some(("JSON", json)),
        "toml" => Some(("TOML", toml)),
        "md" | "mdx" | "markdown" if without_bom(file.bytes).starts_with(b"---") => {
            Some(("front matter", front_matter))
        }
        _ => None,
    }
}

fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Templates of charts and the like become YAML only when they are filled in.
fn is_template(file: &Written<'_>) -> bool {
    let braces = file.bytes.windows(2).any(|pair| pair == b"{{" || pair == b"{%");
    braces && file.path.split('/').any(|segment| segment == "templates")
}

/// Files named `.json` whose readers allow comments.
fn may_hold_comments(path: &str, name: &str) -> bool {
    let config = name.starts_with("tsconfig") || name.starts_with("jsconfig") || name.starts_with(".");
    config || matches!(name, "devcontainer.json" | "api-extractor.json" | "deno.json") || path.contains(".vscode/")
}

fn json(text: &str) -> Result<(), Fault> {
    let read = serde_json::from_str::<serde::de::IgnoredAny>(text);
    read.map(|_| ()).map_err(|error| {
        let message = error.to_string();
        let why = message.split(" at line ").next().unwrap_or_default();
        Fault { line: Some(error.line().max(1)), why: one_line(why, 200) }
    })
}

fn toml(text: &str) -> Result<(), Fault> {
    toml::from_str::<toml::Table>(text).map(|_| ()).map_err(|error| {
        let start = error.span().map(|span| span.start.min(text.len()));
        let line = start.map(|start| text.as_bytes()[..start].iter().filter(|b| **b == b'\n').count() + 1);
        Fault { line, why: one_line(error.message(), 200) }
    })
}

/// Judges what stands between `---` at the very start and the next `---`; text without it has no front matter.
fn front_matter(text: &str) -> Result<(), Fault> {
    let mut lines = text.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| line.trim_end() == "---") else { return Ok(()) };
    let body = &text[first.len()..];
    let mut length = 0;
    for (number, line) in lines.enumerate() {
        if matches!(line.trim_end(), "---" | "...") {
            // The first line of the front matter is the second of the file.
            return yaml::check(&body[..length])
                .map_err(|fault| Fault { line: fault.line.map(|line| line + 1), ..fault });
        }
        length += line.len();
        if length > FRONT_MATTER_BYTES {
            let why = format!("it has more than {FRONT_MATTER_BYTES} bytes");
            return Err(Fault { line: Some(number + 2), why });
        }
    }
    // A rule across the page looks the same; a key after it does not.
    let starts_with_key = body.lines().next().is_some_and(|line| {
        line.split_once(':')
            .is_some_and(|(key, _)| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)))
    });
    if starts_with_key {
        return Err(Fault { line: Some(1), why: "it has no end: `---` on a line of its own".to_owned() });
    }
    Ok(())
}

pub(super) fn memory_valid(work: &Work<'_>) -> Vec<Finding> {
    let memories = work.written().iter().filter(|file| {
        let segments: Vec<&str> = file.path.split('/').collect();
        matches!(segments.as_slice(), ["agents", "memories", name] if name.ends_with("-memory.json"))
    });
    let judged = memories.flat_map(|file| {
        let (_, mut findings) = Memory::parse(file.path, file.bytes);
        findings.truncate(PER_FILE);
        findings
    });
    judged.collect()
}
