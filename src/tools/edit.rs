//! `Edit`: one text in a file becomes another: the exact one, or the only one that differs in white space.
//! Lives here: finding the place, and saying what stands there when it is not found. Never here: guessing; an edit that
//! does not match changes nothing.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::anchor::{self, Anchor};
use super::files::{relative, shown};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};
use crate::town::limits;
use crate::town::text::one_line;

/// Lines that are compared to find the nearest one.
const COMPARED_LINES: usize = 5_000;
/// Characters of each that are compared.
const COMPARED_CHARS: usize = 80;
/// How alike two lines must be for one to be worth naming.
const ALIKE: f64 = 0.6;

pub(super) struct Edit {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    file_path: String,
    old_string: String,
    new_string: String,
    #[serde(default)]
    replace_all: bool,
}

impl Edit {
    pub(super) fn new() -> Self {
        let fields = json!({
            "file_path": {"type": "string", "description": "Path from the root of the repository, one of yours."},
            "old_string": {"type": "string", "description": "The exact text to replace, with its indentation. Whole lines are also found where only white space differs."},
            "new_string": {"type": "string", "description": "What shall stand there instead."},
            "replace_all": {"type": "boolean", "description": "Replace every occurrence instead of exactly one."},
        });
        let text =
            "Replaces an exact text in one of your files. The text has to occur exactly once, or say replace_all.";
        Self { spec: spec("Edit", text, fields, &["file_path", "old_string", "new_string"]) }
    }
}

#[async_trait]
impl Tool for Edit {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let asked: Arguments = arguments(&self.spec, value)?;
        let path = relative(&asked.file_path);
        context.may_write(path)?;
        let text = context.text(path)?;
        let Some((new, places)) = replaced(path, &text, &asked)? else {
            let anchor = anchor::find(&text, &asked.old_string, &asked.new_string);
            let Some(Anchor { bytes, lines: (first, last), new }) = anchor else {
                let near = nearest(&text, &asked.old_string);
                return tell(format!("old_string does not occur in {}. {near}", shown(path)));
            };
            let new = format!("{}{new}{}", &text[..bytes.start], &text[bytes.end..]);
            fits(path, new.len() as u128)?;
            context.put(path, &new)?;
            let path = shown(path);
            return Ok(ToolOutput::changed(format!(
                "Changed lines {first} to {last} of {path}: they are old_string but for white space, and new_string was \
                 moved as far. Look at them if indentation matters."
            )));
        };
        context.put(path, &new)?;
        let places = if places == 1 { "1 place".to_owned() } else { format!("{places} places") };
        Ok(ToolOutput::changed(format!("Changed {places} in {}.", shown(path))))
    }
}

/// The text after the edit, and in how many places it differs; nothing where the old text does not occur.
fn replaced(path: &str, text: &str, asked: &Arguments) -> Result<Option<(String, usize)>, ToolError> {
    let path = shown(path);
    if asked.old_string.is_empty() {
        return tell("old_string is empty; use Write for a whole file.");
    }
    if asked.old_string == asked.new_string {
        return tell("old_string and new_string are the same.");
    }
    let (mut old, mut new) = (asked.old_string.clone(), asked.new_string.clone());
    // Lines are shown without their CR, so a text over several lines has to be found with it.
    if !text.contains(&old) && text.contains("\r\n") && !old.contains('\r') {
        (old, new) = (old.replace('\n', "\r\n"), new.replace("\r\n", "\n").replace('\n', "\r\n"));
    }
    let lines: Vec<usize> = line_numbers(text, &old);
    match lines.len() {
        0 => Ok(None),
        n if n > 1 && !asked.replace_all => {
            let shown: Vec<_> = lines.iter().take(5).map(ToString::to_string).collect();
            let more = if n > 5 { ", …" } else { "" };
            tell(format!(
                "old_string occurs {n} times in {path} (lines {}{more}). Give more of what stands around it, or say \
                 replace_all.",
                shown.join(", ")
            ))
        }
        n => {
            let size = text.len() as u128 + n as u128 * new.len() as u128 - n as u128 * old.len() as u128;
            fits(&path, size)?;
            Ok(Some((text.replace(&old, &new), n)))
        }
    }
}

fn fits(path: &str, size: u128) -> Result<(), ToolError> {
    if size > u128::from(limits::CHANGESET_BYTES) {
        let path = shown(path);
        return tell(format!("{path} would have {size} bytes; {} are allowed.", limits::CHANGESET_BYTES));
    }
    Ok(())
}

/// The line of each occurrence, found in one walk.
fn line_numbers(text: &str, wanted: &str) -> Vec<usize> {
    let (mut line, mut from) = (1, 0);
    text.match_indices(wanted)
        .map(|(at, _)| {
            line += text[from..at].matches('\n').count();
            from = at;
            line
        })
        .collect()
}

/// What stands nearest to a text that does not occur.
fn nearest(text: &str, wanted: &str) -> String {
    let Some(first) = wanted.lines().map(str::trim).find(|line| !line.is_empty()) else {
        return "It holds nothing but empty lines.".to_owned();
    };
    let lines = || text.lines().enumerate().take(COMPARED_LINES);
    let show = |at: usize, line: &str| format!("line {}: {:?}", at + 1, one_line(line, 160));
    if let Some((at, line)) = lines().find(|(_, line)| line.trim() == first) {
        return format!(
            "Its first line is there, but what surrounds it differs, perhaps in white space; {}.",
            show(at, line)
        );
    }
    let head = |line: &str| line.trim().chars().take(COMPARED_CHARS).collect::<String>();
    let first = head(first);
    let best = lines()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| (strsim::normalized_levenshtein(&head(line), &first), at, line))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    match best {
        Some((alike, at, line)) if alike >= ALIKE => format!("The nearest is {}.", show(at, line)),
        _ => "Nothing in it is like the first line of it; read the file again.".to_owned(),
    }
}
