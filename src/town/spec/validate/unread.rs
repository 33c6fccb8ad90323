//! Lines of RENAMED and REMOVED that look like operations and are none, so that what they ask for never happens.
//! Lives here: recognising them. Never here: reading the ones that are (see `delta`).

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::super::block::{Block, number};
use super::super::delta::{Delta, sections};
use super::super::heading::{self, Section};
use super::super::js;
use super::super::lines::Lines;
use super::super::rules;
use super::findings::{Findings, Place};

/// Labels of items that say something about an operation.
const LABELS: [&str; 8] = ["reason", "migration", "note", "notes", "impact", "why", "replaced by", "see"];

/// Checks one delta; `blocks` are the requirements of the spec that it is about.
pub(super) fn check(findings: &mut Findings, place: &Place, file: &Lines<'_>, delta: &Delta, blocks: &[Block]) {
    let lines = |named: &mut dyn Iterator<Item = u32>| named.collect::<HashSet<u32>>();
    let halves = delta.unpaired.iter().map(|(_, named)| named.line);
    let pairs = delta.renamed.iter().flat_map(|rename| [rename.from.line, rename.to.line]);
    let renames = lines(&mut halves.chain(pairs));
    let removals = lines(&mut delta.removed.iter().map(|named| named.line));
    let known: HashMap<String, &str> =
        blocks.iter().map(|block| (heading::folded(&block.name), block.name.as_str())).collect();
    for (title, _, body) in sections(file) {
        match Section::titled(title) {
            Some(Section::Renamed) => renamed(findings, place, file, body, &renames),
            Some(Section::Removed) => removed(findings, place, file, body, &removals, &known),
            _ => {}
        }
    }
}

fn renamed(findings: &mut Findings, place: &Place, file: &Lines<'_>, body: Range<usize>, read: &HashSet<u32>) {
    for (at, line) in file.open_lines(body).filter(|(at, _)| !read.contains(&number(*at))) {
        let Some(text) = Text::of(line) else { continue };
        let is_half = ["from", "to"].iter().any(|side| text.is_labelled(side));
        let has_arrow = ["->", "→", "=>"].iter().any(|arrow| line.contains(arrow));
        if is_half || has_arrow || text.is_requirement() || text.is_item_of_its_own() {
            findings.add(
                &rules::DELTA_UNREAD_RENAME,
                place.line(number(at)),
                format!("`{}` is read by nobody, and renames nothing", js::trim(line)),
                "write `- FROM: `### Requirement: <old name>`` and below it `- TO: `### Requirement: <new name>``",
            );
        }
    }
}

fn removed(
    findings: &mut Findings,
    place: &Place,
    file: &Lines<'_>,
    body: Range<usize>,
    read: &HashSet<u32>,
    known: &HashMap<String, &str>,
) {
    let mut is_below_heading = false;
    // Below a sentence a list explains; directly below a heading it may name more requirements.
    let mut is_explained = false;
    for (at, line) in file.open_lines(body) {
        if read.contains(&number(at)) {
            is_below_heading = heading::requirement(line).is_some();
            is_explained = false;
            continue;
        }
        let Some(text) = Text::of(line) else { continue };
        let is_heading = heading::level(line).is_some();
        let may_name = is_heading || text.is_item && !is_explained;
        is_explained |= !text.is_item;
        let name = known.get(&heading::folded(text.bare)).filter(|_| may_name);
        if text.is_requirement() || name.is_some() || (!is_below_heading && text.is_item_of_its_own()) {
            let name = name.map_or("<name>", |name| name);
            findings.add(
                &rules::DELTA_UNREAD_REMOVAL,
                place.line(number(at)),
                format!("`{}` is read by nobody, and removes nothing", js::trim(line)),
                &format!("write `### Requirement: {name}` on a line of its own"),
            );
        }
    }
}

/// A line without what it is dressed in.
struct Text<'t> {
    /// The words, without marker, emphasis, code and number signs.
    bare: &'t str,
    /// Whether a marker of a list stood before them.
    is_item: bool,
    /// Whether the line is indented, so that an item belongs to another.
    is_indented: bool,
}

impl<'t> Text<'t> {
    /// `None` where there is nothing.
    fn of(line: &'t str) -> Option<Self> {
        let core = js::trim_start(line);
        let is_indented = line.len() - core.len() > 1;
        let item = core.strip_prefix(['-', '*', '+']).filter(|rest| rest.starts_with(js::is_space));
        let number = || {
            let rest = core.trim_start_matches(|c: char| c.is_ascii_digit());
            rest.strip_prefix(['.', ')']).filter(|rest| rest.starts_with(js::is_space) && !core.starts_with(rest))
        };
        let item = item.or_else(number);
        let dress = |c: char| js::is_space(c) || matches!(c, '*' | '_' | '`' | '#' | '>' | '~' | '"');
        let bare = item.unwrap_or(core).trim_matches(dress);
        (!bare.is_empty()).then_some(Self { bare, is_item: item.is_some(), is_indented })
    }

    /// Whether it begins with a word and a colon, or with the word in emphasis.
    fn is_labelled(&self, label: &str) -> bool {
        js::strip_word(self.bare, label).is_some_and(|rest| {
            rest.trim_start_matches(|c: char| js::is_space(c) || matches!(c, '*' | '_' | '`')).starts_with(':')
        })
    }

    fn is_requirement(&self) -> bool {
        self.is_labelled("requirement")
    }

    /// Whether it is an item of a list that explains no other.
    fn is_item_of_its_own(&self) -> bool {
        self.is_item && !self.is_indented && !LABELS.iter().any(|label| self.is_labelled(label))
    }
}
