//! What leaves the town in an agent's words: one policy for titles, bodies, commit messages, questions and posts.
//! Lives here: what loses its power, and the list of what was changed. Never here: what is a secret (see
//! [`super::secrets`]), sending.
//!
//! A text may tell people anything. It may not do anything: notify somebody, close an issue, load a picture from somewhere,
//! hide a part of itself, or give a command to whatever reads comments.

use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};
use regex::{Captures, Regex};

use super::text::{escape_invisible, longest_run, one_line, truncate_middle};
use super::{limits, secrets};

/// Times that a text is looked at again after it was changed; one that is still not quiet is set as code.
const PASSES: usize = 4;

/// Backticks in a row that a text may have, and as many as are left together where it has more: a piece of code between very
/// many would be none for some readers.
const TICKS: usize = 24;
const TOGETHER: usize = 16;

/// Something that was changed in a text before it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A secret was masked.
    Secret,
    /// A character that nobody sees was spelled out.
    Invisible,
    /// A name that would have been notified was set as code.
    Mention,
    /// A reference that would have closed an issue, or left a trace in another repository, was set as code.
    Reference,
    /// HTML, which can hide text, is shown as it is written.
    Html,
    /// A picture became a link.
    Picture,
    /// A line that looked like a command is none any more.
    Command,
    /// The middle was left out.
    Cut,
}

impl Change {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Secret => ("secret masked", "secrets masked"),
            Self::Invisible => ("invisible character spelled out", "invisible characters spelled out"),
            Self::Mention => ("mention set as code", "mentions set as code"),
            Self::Reference => ("reference set as code", "references set as code"),
            Self::Html => ("piece of HTML shown as text", "pieces of HTML shown as text"),
            Self::Picture => ("picture made a link", "pictures made links"),
            Self::Command => ("command quoted", "commands quoted"),
            Self::Cut => ("cut in the middle", "cuts in the middle"),
        }
    }
}

/// What was changed, each kind with how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(Vec<(Change, usize)>);

impl Changes {
    fn note(&mut self, change: Change, count: usize) {
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == change) {
            Some((_, sum)) => *sum += count,
            None => self.0.push((change, count)),
        }
        self.0.sort_unstable();
    }

    /// Whether the text left as it was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With those of another text.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (change, count) in other.0 {
            self.note(change, count);
        }
        self
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (change, count)) in self.0.iter().enumerate() {
            let (one, many) = change.words();
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {}", if *count == 1 { one } else { many })?;
        }
        Ok(())
    }
}

/// A text of several lines in Markdown, of at most `most` bytes, as it may leave.
#[must_use]
pub fn markdown(text: &str, most: usize, known: &[String]) -> (String, Changes) {
    let mut changes = Changes::default();
    let mut text = common(&text.replace("\r\n", "\n"), known, &mut changes);
    text = without_walls(&text);
    let mut passes = 0;
    loop {
        let edits = edits(&text);
        if edits.is_empty() {
            break;
        }
        if passes == PASSES {
            text = fenced(&text, most);
            break;
        }
        passes += 1;
        for (change, ..) in &edits {
            changes.note(*change, 1);
        }
        text = apply(&text, edits);
    }
    if text.len() > most {
        changes.note(Change::Cut, 1);
        let cut = truncate_middle(&text, most);
        // The cut may have taken the end of a fence away.
        text = if edits(&cut).is_empty() { cut } else { fenced(&cut, most) };
    }
    (text, changes)
}

/// A text with gaps in long rows of backticks.
fn without_walls(text: &str) -> String {
    if longest_run(text, '`') <= TICKS {
        return text.to_owned();
    }
    let (mut out, mut run) = (String::with_capacity(text.len() + text.len() / TOGETHER), 0);
    for sign in text.chars() {
        run = if sign == '`' { run + 1 } else { 0 };
        if run > TOGETHER {
            out.push(' ');
            run = 1;
        }
        out.push(sign);
    }
    out
}

/// Whether a title and a text are as this policy lets them out.
#[must_use]
pub fn is_quiet(title: &str, text: &str, known: &[String]) -> bool {
    let secret = |text: &str| secrets::mask(text, known) != text;
    let loud = CLOSING.is_match(title) || MENTION.is_match(title);
    !loud && !secret(title) && !secret(text) && edits(text).is_empty()
}

/// A text that does not come to rest, which nobody writes by accident, as code and nothing else.
fn fenced(text: &str, most: usize) -> String {
    let text = &text.replace(&"`".repeat(TOGETHER), &format!("{} ", "`".repeat(TOGETHER - 1)));
    let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
    let room = most.saturating_sub(2 * fence.len() + "text\n\n".len());
    format!("{fence}text\n{}\n{fence}", truncate_middle(text, room))
}

/// A title: one line without any markup.
#[must_use]
pub fn title(text: &str, known: &[String]) -> (String, Changes) {
    let mut changes = Changes::default();
    let text = common(text, known, &mut changes);
    let text = powerless(&text, &mut changes);
    let line = one_line(&text, limits::TITLE_CHARS);
    if line.ends_with('…') && !text.trim_end().ends_with('…') {
        changes.note(Change::Cut, 1);
    }
    (line, changes)
}

/// A text of several lines that is no Markdown, such as a commit's message, where nothing is code.
#[must_use]
pub fn plain(text: &str, most: usize, known: &[String]) -> (String, Changes) {
    let mut changes = Changes::default();
    let text = common(&text.replace("\r\n", "\n"), known, &mut changes);
    (truncate_middle(&powerless(&text, &mut changes), most), changes)
}

/// Without mentions and without references that close.
fn powerless(text: &str, changes: &mut Changes) -> String {
    changes.note(Change::Reference, CLOSING.find_iter(text).count());
    let text = CLOSING.replace_all(text, |found: &Captures<'_>| {
        let number = found.name("number").or_else(|| found.name("linked")).map_or("", |number| number.as_str());
        format!("{}{}number {number}", &found[1], &found[2])
    });
    changes.note(Change::Mention, MENTION.find_iter(&text).count());
    MENTION.replace_all(&text, "${before}${name}").into_owned()
}

fn common(text: &str, known: &[String], changes: &mut Changes) -> String {
    const MASK: &str = "***";
    let masked = secrets::mask(text, known);
    changes.note(Change::Secret, masked.matches(MASK).count().saturating_sub(text.matches(MASK).count()));
    let (shown, hidden) = escape_invisible(&masked);
    changes.note(Change::Invisible, hidden);
    shown
}

type Edit = (Change, Range<usize>, String);

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// A name that GitHub would notify, at the beginning of a word. A backslash before it changes nothing.
static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?P<before>^|[^A-Za-z0-9\\])(?P<mention>\\?@+(?P<name>[A-Za-z0-9][A-Za-z0-9-]*(?:/[A-Za-z0-9._-]*[A-Za-z0-9_-])?))",
    )
});
/// A letter or sign that is spelled otherwise, which is read as itself.
static SPELLED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)&(?:#[0-9]+|#x[0-9a-f]+|commat|num|sol|colon);?"));
/// A word that closes the issue behind it when the text reaches the default branch.
static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(:?\s+)(?P<issue>(?:[\w.-]+/[\w.-]+)?(?:#|\bGH-)(?P<number>\d+)|https?://\S+/(?:issues|pull)/(?P<linked>\d+))",
    )
});
/// An issue of another repository, which would show there who spoke of it.
static ELSEWHERE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|[^\w`/.-])(?P<issue>[\w.-]+/[\w.-]+#\d+)"));
/// A line that whatever reads comments could obey.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^[ \t>]*(?:[-*+] )?(?P<slash>/)[A-Za-z]"));

/// An address whose path may hold an at sign that is nobody's name.
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"https?://[A-Za-z0-9.-]+\.[A-Za-z]{2,}(?::\d+)?/[^\s<>()\[\]"'`*]*"#));

/// What has to be changed in a text, from its beginning to its end and without overlaps.
fn edits(text: &str) -> Vec<Edit> {
    let (code, mut edits) = parsed(text);
    let fence = "`".repeat((longest_run(text, '`') + 1).min(TICKS));
    let addresses: Vec<Range<usize>> = ADDRESS.find_iter(text).map(|found| found.range()).collect();
    let quiet = |range: &Range<usize>| code.iter().any(|code| code.start <= range.start && range.end <= code.end);
    let mut every = |change: Change, pattern: &Regex, group: &str, with: &dyn Fn(&str) -> String| {
        let found = pattern.captures_iter(text).filter_map(|found: Captures<'_>| Some(found.name(group)?.range()));
        let inside = |range: &Range<usize>| {
            change == Change::Mention
                && addresses.iter().any(|address| address.start < range.start && range.end <= address.end)
        };
        edits.extend(
            found
                .filter(|range| !quiet(range) && !inside(range))
                .map(|range| (change, range.clone(), with(&text[range]))),
        );
    };
    let as_code = |found: &str| format!("{fence}{}{fence}", found.trim_start_matches('\\'));
    every(Change::Mention, &MENTION, "mention", &as_code);
    every(Change::Reference, &CLOSING, "issue", &as_code);
    every(Change::Reference, &ELSEWHERE, "issue", &as_code);
    every(Change::Command, &COMMAND, "slash", &|_| "\\/".to_owned());
    edits.extend(SPELLED.find_iter(text).map(|found| found.range()).filter(|range| !quiet(range)).map(|range| {
        let shown = format!("&amp;{}", &text[range.start + 1..range.end]);
        (Change::Html, range, shown)
    }));
    edits.sort_by_key(|(change, range, _)| (range.start, *change));
    let mut end = 0;
    edits.retain(|(_, range, _)| {
        let apart = range.start >= end;
        end = if apart { range.end } else { end };
        apart
    });
    edits
}

/// Where a text is code, and its HTML and pictures.
fn parsed(text: &str) -> (Vec<Range<usize>>, Vec<Edit>) {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let options = options | Options::ENABLE_TASKLISTS | Options::ENABLE_GFM;
    let (mut code, mut edits) = (Vec::new(), Vec::new());
    let mut block = None;
    let parser = Parser::new_ext(text, options);
    // What a link refers to is not shown, whatever it says.
    let hidden = parser.reference_definitions().iter().map(|(_, definition)| definition.span.start);
    edits.extend(hidden.map(|at| (Change::Html, at..at, "\\".to_owned())));
    for (event, range) in parser.into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_)) => block = Some(range.start),
            Event::End(TagEnd::CodeBlock) => code.extend(block.take().map(|start| start..range.end)),
            Event::Code(_) => code.push(range),
            Event::Start(Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. }) => code.push(range),
            // Where a link leads is an address and no text.
            Event::Start(Tag::Link { link_type: LinkType::Inline, .. }) => {
                code.extend(text[range.clone()].rfind("](").map(|at| range.start + at..range.end));
            }
            Event::Html(_) | Event::InlineHtml(_) => {
                let signs = text[range.clone()].match_indices('<').map(|(at, _)| range.start + at);
                edits.extend(signs.map(|at| (Change::Html, at..at + 1, "&lt;".to_owned())));
            }
            Event::Start(Tag::Image { .. }) if text[range.clone()].starts_with('!') => {
                edits.push((Change::Picture, range.start..range.start + 1, String::new()));
            }
            _ => {}
        }
    }
    (code, edits)
}

fn apply(text: &str, edits: Vec<Edit>) -> String {
    let mut out = String::with_capacity(text.len() + edits.len() * 4);
    let mut from = 0;
    for (_, range, with) in edits {
        out.push_str(&text[from..range.start]);
        out.push_str(&with);
        from = range.end;
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(text: &str) -> (String, String) {
        let (text, changes) = markdown(text, 10_000, &["hush-hush-hush".to_owned()]);
        (text, changes.to_string())
    }

    // covers: outgoing#words-have-no-effect
    #[test]
    fn what_could_do_something_only_says_it() {
        let cases = [
            ("Plain *text*, `@bob` and #12.", "Plain *text*, `@bob` and #12.", ""),
            ("Ask @bob or @org/team.", "Ask `@bob` or `@org/team`.", "2 mentions set as code"),
            ("me@example.org, \\@bob", "me@example.org, `@bob`", "1 mention set as code"),
            ("_@bob_ .@bob 请@bob", "_`@bob`_ .`@bob` 请`@bob`", "3 mentions set as code"),
            ("&#64;bob &commat;bob", "&amp;#64;bob &amp;commat;bob", "2 pieces of HTML shown as text"),
            ("fixes &num;12 &amp; a", "fixes &amp;num;12 &amp; a", "1 piece of HTML shown as text"),
            ("[a](https://x.example/@types/node)", "[a](https://x.example/@types/node)", ""),
            ("<https://x.example/@bob> https://x.example/@bob", "<https://x.example/@bob> https://x.example/@bob", ""),
            ("[a](https://x.example/)@bob", "[a](https://x.example/)`@bob`", "1 mention set as code"),
            ("@@bob", "`@@bob`", "1 mention set as code"),
            ("[//]: # (read me)", "\\[//]: # (read me)", "1 piece of HTML shown as text"),
            ("a ` @bob", "a ` ``@bob``", "1 mention set as code"),
            ("This fixes #12, closes: o/r#3.", "This fixes `#12`, closes: `o/r#3`.", "2 references set as code"),
            (
                "Resolves\nhttps://x.example/o/r/issues/4",
                "Resolves\n`https://x.example/o/r/issues/4`",
                "1 reference set as code",
            ),
            ("See #12 and o/r#12.", "See #12 and `o/r#12`.", "1 reference set as code"),
            ("a <!-- hidden --> b", "a &lt;!-- hidden --> b", "1 piece of HTML shown as text"),
            (
                "<details>\n@bob\n</details>",
                "&lt;details>\n`@bob`\n&lt;/details>",
                "1 mention set as code, 2 pieces of HTML shown as text",
            ),
            ("![x](https://t.example/?q=1)", "[x](https://t.example/?q=1)", "1 picture made a link"),
            ("!![x](y)", "[x](y)", "2 pictures made links"),
            ("/merge\n> /freeze now\n a/b", "\\/merge\n> \\/freeze now\n a/b", "2 commands quoted"),
            ("```sh\n/bin/ls @bob <b>\n```", "```sh\n/bin/ls @bob <b>\n```", ""),
            ("say hush-hush-hush\u{202E}", "say ***\\u{202E}", "1 secret masked, 1 invisible character spelled out"),
            ("a\r\nb", "a\nb", ""),
        ];
        for (text, wanted, changes) in cases {
            assert_eq!(sent(text), (wanted.to_owned(), changes.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_title_is_one_plain_line() {
        let cases = [
            ("Fix the link\nthat @bob saw", "Fix the link that bob saw", "1 mention set as code"),
            ("Mend @@count", "Mend count", "1 mention set as code"),
            ("A `@bob` and .@ada", "A `bob` and .ada", "2 mentions set as code"),
            ("Fixes #12: the link", "Fixes number 12: the link", "1 reference set as code"),
            ("Mend src/lib.rs", "Mend src/lib.rs", ""),
        ];
        for (text, wanted, changes) in cases {
            let (line, changed) = title(text, &[]);
            assert_eq!((line.as_str(), changed.to_string().as_str()), (wanted, changes), "{text:?}");
        }
        let (line, changed) = title(&"long ".repeat(40), &[]);
        assert!(line.chars().count() <= limits::TITLE_CHARS && changed.to_string() == "1 cut in the middle");
    }

    #[test]
    fn so_many_backticks_that_nobody_takes_them_for_code_are_parted() {
        for ticks in [17, 24, 25, 80] {
            let (text, _) = sent(&format!("{} @bob", "`".repeat(ticks)));
            assert!(longest_run(&text, '`') <= TICKS && is_quiet("", &text, &[]), "{ticks}: {text}");
            assert_eq!(markdown(&text, 10_000, &[]), (text.clone(), Changes::default()), "{ticks}");
        }
    }

    #[test]
    fn a_commit_has_no_code() {
        let said = "Why\n\n```\nFixes #12 @bob\nresolves https://x.example/o/r/issues/4\n```";
        let (text, changes) = plain(said, 1_000, &[]);
        assert_eq!(text, "Why\n\n```\nFixes number 12 bob\nresolves number 4\n```");
        assert_eq!(changes.to_string(), "1 mention set as code, 2 references set as code");
    }

    #[test]
    fn what_is_cut_is_still_quiet() {
        let fenced = format!("```\n{}\n```\n{}\n@bob", "x\n".repeat(40), "y ".repeat(400));
        let (text, changes) = markdown(&fenced, 300, &[]);
        assert!(text.len() <= 300 && edits(&text).is_empty(), "{text}");
        assert!(changes.to_string().contains("1 cut in the middle"), "{changes}");
    }

    proptest! {
        // covers: outgoing#words-have-no-effect
        #[test]
        fn nothing_is_left_to_change(text in "([@/<>!\\[\\]()`\\\\#&; \n*-]|bob|fixes|o/r|&#64;|<b>|<!--|-->|\\$|12|```){0,24}") {
            let (once, _) = markdown(&text, 10_000, &[]);
            prop_assert!(edits(&once).is_empty(), "{:?} {:?}", once, edits(&once));
            let again = markdown(&once, 10_000, &[]).0;
            prop_assert_eq!(again, once);
        }
    }
}
