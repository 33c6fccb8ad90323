//! What of a spec would go unsaid if its file were deleted: everything but its title, its purpose, and the requirements with
//! their scenarios.
//! Lives here: the audit. Never here: whether a capability is retired (see `plan`).

use std::collections::HashSet;

use super::block::Block;
use super::js;
use super::lines::Lines;
use super::main_spec::Requirements;

/// The lines that a change which removes every requirement does not speak of. Each stands there once.
#[must_use]
pub fn lines(parts: &Requirements) -> Vec<String> {
    let mut found = Vec::new();
    above(&Lines::of(&parts.before), &mut found);
    for text in [&parts.preamble, &parts.after] {
        found.extend(text.split('\n').map(js::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    for block in &parts.blocks {
        found.extend(foreign(block).map(|(heading, _)| heading));
        Audit::new(&mut found).block(&block.lines());
    }
    let mut seen = HashSet::new();
    found.retain(|line| seen.insert(line.clone()));
    found
}

/// The first heading inside a block that is not one of its scenarios, and all that follows it.
#[must_use]
pub fn foreign(block: &Block) -> Option<(String, String)> {
    let file = block.lines();
    let (at, line) = file.open_lines(1..file.len()).find(|(_, line)| is_heading(line, 3))?;
    Some((js::trim(line).to_owned(), js::trim_end(&file.join(at..file.len())).to_owned()))
}

/// Up to three blanks may stand before whatever Markdown recognises at the beginning of a line.
fn indented(line: &str) -> Option<&str> {
    let bare = line.trim_start_matches(' ');
    (line.len() - bare.len() <= 3).then_some(bare)
}

/// Whether the line is a heading of level 1 to `deepest`, with or without a title.
fn is_heading(line: &str, deepest: usize) -> bool {
    indented(line).is_some_and(|line| {
        let bare = line.trim_start_matches('#');
        (1..=deepest).contains(&(line.len() - bare.len())) && (bare.is_empty() || bare.starts_with([' ', '\t']))
    })
}

/// Whether a line begins like `<h2`.
fn is_html_heading(line: &str) -> bool {
    let bytes = line.as_bytes();
    matches!(bytes, [b'<', b'h' | b'H', b'1'..=b'6', rest @ ..]
        if !rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'))
}

/// A line of `=` or `-`, which makes a heading of the line above it.
fn is_underline(line: &str) -> bool {
    indented(line).map(js::trim_end).is_some_and(|line| {
        !line.is_empty() && (line.bytes().all(|byte| byte == b'=') || line.bytes().all(|byte| byte == b'-'))
    })
}

/// What stands above the requirements and belongs neither to the title nor to the purpose.
fn above(file: &Lines<'_>, found: &mut Vec<String>) {
    let (mut in_purpose, mut titled, mut before) = (false, false, "");
    for at in 0..file.len() {
        let line = file.get(at);
        let last = std::mem::replace(&mut before, line);
        if js::is_blank(line) {
            before = "";
            continue;
        }
        let opens = if file.is_fenced(at) { Opens::Nothing } else { Opens::of(line, in_purpose.then_some(last)) };
        match opens {
            Opens::Purpose => in_purpose = true,
            Opens::Title if !titled && !in_purpose => titled = true,
            Opens::Nothing if in_purpose => {}
            Opens::Nothing => found.push(js::trim(line).to_owned()),
            Opens::Underlined => {
                found.push(js::trim(last).to_owned());
                in_purpose = false;
            }
            Opens::Section | Opens::Title => {
                found.push(js::trim(line).to_owned());
                in_purpose = false;
            }
        }
    }
}

/// What a line above the requirements begins.
enum Opens {
    Purpose,
    Section,
    Underlined,
    Title,
    Nothing,
}

impl Opens {
    fn of(line: &str, last: Option<&str>) -> Self {
        let Some(bare) = indented(line) else { return Self::Nothing };
        if let Some(title) = bare.strip_prefix("##").filter(|rest| rest.starts_with(js::is_space))
            && let core = js::trim(title)
            && (!core.is_empty() || title.chars().count() > 1)
            && !core.contains(js::ends_line)
        {
            return if core.eq_ignore_ascii_case("purpose") { Self::Purpose } else { Self::Section };
        }
        if last.is_some_and(|last| !js::is_blank(last)) && is_underline(line) {
            return Self::Underlined;
        }
        if is_html_heading(bare) {
            return Self::Section;
        }
        let is_title = bare.strip_prefix('#').is_some_and(|rest| {
            rest.starts_with(js::is_space) && !js::trim_start(rest).contains(js::ends_line) && rest.chars().count() > 1
        });
        if is_title { Self::Title } else { Self::Nothing }
    }
}

/// The reading of one block, line by line.
struct Audit<'f> {
    found: &'f mut Vec<String>,
    /// A scenario has begun.
    after_scenario: bool,
    /// The bullets of a scenario run on.
    in_scenario: bool,
    /// At least one of them was there.
    bullets: bool,
    /// The column where the text of the open item of a list begins.
    item: Option<usize>,
    /// The item's paragraph goes on where a line is not indented.
    paragraph: bool,
}

impl<'f> Audit<'f> {
    fn new(found: &'f mut Vec<String>) -> Self {
        Self { found, after_scenario: false, in_scenario: false, bullets: false, item: None, paragraph: false }
    }

    fn block(&mut self, file: &Lines<'_>) {
        for at in 0..file.len() {
            let line = file.get(at);
            if js::is_blank(line) {
                self.in_scenario &= !self.bullets;
                self.close();
            } else if at > 0 {
                self.line(line, file.is_fenced(at), (at > 1).then(|| file.get(at - 1)));
            }
        }
    }

    fn close(&mut self) {
        self.item = None;
        self.paragraph = false;
    }

    fn push(&mut self, line: &str) {
        self.found.push(js::trim(line).to_owned());
    }

    fn line(&mut self, line: &str, fenced: bool, last: Option<&str>) {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        let inside = self.item.filter(|item| column(&line[..blanks]) >= *item);
        let within = inside.map_or(line, |item| outdented(line, item));
        if fenced {
            // The fence belongs to the requirement, and ends a paragraph wherever it stands.
            self.item = inside;
            self.paragraph = false;
            return;
        }
        if let Some(last) = last.filter(|last| is_underline(within) && !js::is_blank(last)) {
            self.push(last);
            self.close();
            return;
        }
        let goes_on = inside.is_some() || self.paragraph && self.in_scenario && !interrupts(within);
        if goes_on && !is_heading(within, 6) && !is_html_heading(js::trim_start(within)) {
            self.paragraph = !interrupts(within);
            return;
        }
        let item = item(line);
        self.item = item.map(column);
        self.paragraph = item.is_some();
        self.own(line, item.is_some());
    }

    /// A line that continues nothing.
    fn own(&mut self, line: &str, is_item: bool) {
        if indented(line).is_some_and(is_named_scenario) {
            (self.after_scenario, self.in_scenario, self.bullets) = (true, true, false);
        } else if is_item && self.in_scenario {
            self.bullets = true;
        } else if self.after_scenario || !is_item && js::trim_start(line).starts_with(['|', '<']) {
            self.push(line);
        }
    }
}

fn is_named_scenario(line: &str) -> bool {
    line.strip_prefix("####")
        .filter(|rest| rest.starts_with(js::is_space))
        .is_some_and(|rest| js::strip_word(js::trim_start(rest), "Scenario:").is_some())
}

/// The column behind a text, with tabs to every fourth.
fn column(text: &str) -> usize {
    text.chars().fold(0, |column, c| column + if c == '\t' { 4 - column % 4 } else { 1 })
}

/// The line as an item of a list sees it whose text begins at a column.
fn outdented(line: &str, columns: usize) -> &str {
    let mut column = 0;
    let past = line.char_indices().find(|(_, c)| {
        if column >= columns {
            return true;
        }
        match c {
            ' ' => column += 1,
            '\t' => column += 4 - column % 4,
            _ => return true,
        }
        false
    });
    past.map_or("", |(at, _)| &line[at..])
}

/// The marker of a list at the beginning of a text: `-`, `*`, `+`, or up to nine digits with `.` or `)`. Its length.
fn marker(text: &str) -> Option<usize> {
    if text.starts_with(['-', '*', '+']) {
        return Some(1);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    ((1..=9).contains(&digits) && text[digits..].starts_with(['.', ')'])).then_some(digits + 1)
}

/// An item of a list: everything before its text. The blank behind the marker must be there.
fn item(line: &str) -> Option<&str> {
    let start = line.len() - js::trim_start(line).len();
    let end = start + marker(&line[start..])?;
    let text = line.len() - js::trim_start(&line[end..]).len();
    (text > end).then(|| &line[..text])
}

/// Whether a line begins something of its own rather than going on with a paragraph.
fn interrupts(line: &str) -> bool {
    let Some(bare) = indented(line) else { return false };
    let is_item = marker(bare).is_some_and(|end| bare.len() == end || bare[end..].starts_with([' ', '\t']));
    let marks = bare.bytes().filter(|byte| !matches!(byte, b' ' | b'\t'));
    let is_break = bare.starts_with(['-', '*', '_'])
        && marks.clone().count() >= 3
        && marks.clone().all(|byte| matches!(byte, b'-' | b'*' | b'_'));
    bare.starts_with(['>', '<', '|']) || is_item || is_break
}
