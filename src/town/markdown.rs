//! Markdown as the town reads and writes it: links and anchors of a text, and quoting what others wrote.
//! Lives here: pure functions over text. Never here: whether a link's target exists (see the senses), and no
//! rendering to HTML.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag, TagEnd};
use regex::Regex;

use super::text::one_line;

/// Links of one file that are read; a file with more is a generated index.
pub const MAX_LINKS: usize = 20_000;

/// One link or image with the line that it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Line, counted from 1.
    pub line: u32,
    /// Where it points, as written.
    pub target: String,
    /// Whether it is an image.
    pub image: bool,
}

/// What a Markdown text offers to links and what it links to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Every `#anchor` that a link may use.
    pub anchors: BTreeSet<String>,
    /// Links and images in order; code is not looked into.
    pub links: Vec<Link>,
    /// Reference labels (`[text][label]`) that nothing defines, with their line.
    pub undefined: Vec<(u32, String)>,
    /// Links beyond [`MAX_LINKS`].
    pub left_out: usize,
}

/// Reads the links and anchors of a Markdown text.
#[must_use]
pub fn outline(text: &str) -> Outline {
    let lines = LineStarts::of(text);
    let mut undefined = Vec::new();
    let mut note = |link: BrokenLink<'_>| {
        // `[a][b]` right behind a word is an index such as `x[i][j]`, not a reference.
        let indexed = text[..link.span.start].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == ']');
        if link.link_type == LinkType::Reference && !indexed && link.reference.chars().any(char::is_alphabetic) {
            undefined.push((lines.line(link.span.start), link.reference.to_string()));
        }
        None
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let options = options | Options::ENABLE_TASKLISTS | Options::ENABLE_GFM;
    let parser = Parser::new_with_broken_link_callback(text, options, Some(&mut note));
    let mut reader =
        Reader { lines: &lines, out: Outline::default(), slugs: Slugs::default(), heading: None, comment: false };
    for (event, range) in parser.into_offset_iter() {
        reader.event(event, range.start);
    }
    let mut out = reader.out;
    undefined.sort();
    undefined.dedup();
    out.undefined = undefined;
    out
}

struct Reader<'a> {
    lines: &'a LineStarts,
    out: Outline,
    slugs: Slugs,
    heading: Option<String>,
    comment: bool,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, at: usize) {
        match event {
            Event::Start(Tag::Heading { .. }) => self.heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                if let Some(text) = self.heading.take() {
                    let slug = self.slugs.next(&text);
                    self.out.anchors.insert(slug);
                    if let Some(plain) = without_shortcodes(&text) {
                        self.out.anchors.insert(slug_of(&plain));
                    }
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut self.heading {
                    heading.push_str(&text);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(heading) = &mut self.heading {
                    heading.push(' ');
                }
            }
            Event::Start(Tag::Link { dest_url, link_type, .. }) if link_type != LinkType::Email => {
                self.link(at, &dest_url, false);
            }
            Event::Start(Tag::Image { dest_url, .. }) => self.link(at, &dest_url, true),
            Event::Html(html) | Event::InlineHtml(html) => self.html(&html, at),
            _ => {}
        }
    }

    fn link(&mut self, at: usize, target: &str, image: bool) {
        if self.out.links.len() >= MAX_LINKS {
            self.out.left_out += 1;
            return;
        }
        self.out.links.push(Link { line: self.lines.line(at), target: target.to_owned(), image });
    }

    /// Anchors and links written as HTML; what stands in an HTML comment does not count.
    fn html(&mut self, html: &str, at: usize) {
        let mut rest = html;
        let mut offset = at;
        while !rest.is_empty() {
            let mark = if self.comment { "-->" } else { "<!--" };
            let (part, next) =
                rest.find(mark).map_or((rest, ""), |found| (&rest[..found], &rest[found + mark.len()..]));
            if !self.comment {
                self.tags(part, offset);
            }
            if part.len() < rest.len() {
                self.comment = !self.comment;
            }
            offset += rest.len() - next.len();
            rest = next;
        }
    }

    fn tags(&mut self, html: &str, at: usize) {
        #[allow(clippy::expect_used)]
        static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#"(?i)<(a|img|[a-z][a-z0-9]*)\b|\s(name|id|href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')"#)
                .expect("a constant pattern")
        });
        let mut tag = String::new();
        for found in ATTRIBUTE.captures_iter(html) {
            if let Some(name) = found.get(1) {
                tag = name.as_str().to_ascii_lowercase();
                continue;
            }
            let (Some(key), Some(value)) = (found.get(2), found.get(3).or_else(|| found.get(4))) else { continue };
            let place = at + value.start();
            match (tag.as_str(), key.as_str().to_ascii_lowercase().as_str()) {
                (_, "id") | ("a", "name") => {
                    self.out.anchors.insert(value.as_str().to_owned());
                }
                ("a", "href") => self.link(place, value.as_str(), false),
                ("img", "src") => self.link(place, value.as_str(), true),
                _ => {}
            }
        }
    }
}

/// GitHub numbers equal headings: `intro`, `intro-1`, `intro-2`.
#[derive(Default)]
struct Slugs {
    seen: BTreeMap<String, usize>,
}

impl Slugs {
    fn next(&mut self, heading: &str) -> String {
        let base = slug_of(heading);
        let mut slug = base.clone();
        while self.seen.contains_key(&slug) {
            let count = self.seen.entry(base.clone()).or_insert(0);
            *count += 1;
            slug = format!("{base}-{count}");
        }
        self.seen.insert(slug.clone(), 0);
        slug
    }
}

/// The anchor that GitHub gives a heading: lower case, letters, digits, `_` and `-` kept, blanks become `-`.
#[must_use]
pub fn slug_of(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// `:rocket: Launch` may be shown as a picture, which leaves nothing of itself in the anchor.
fn without_shortcodes(heading: &str) -> Option<String> {
    #[allow(clippy::expect_used)]
    static SHORTCODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r":[a-z0-9_+-]+:").expect("a constant pattern"));
    SHORTCODE.is_match(heading).then(|| SHORTCODE.replace_all(heading, "!").into_owned())
}

/// Where each line of a text begins.
pub struct LineStarts {
    starts: Vec<usize>,
}

impl LineStarts {
    /// Finds the lines of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The line, counted from 1, that holds byte `at`.
    #[must_use]
    pub fn line(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }
}

/// Decodes `%20` and the like; anything that is no valid escape stays as it is.
#[must_use]
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Quotes what somebody else wrote: one line of at most `max` characters in a code span, where neither
/// Markdown nor HTML, nor a mention or an issue number, means anything. Invisible characters become visible.
#[must_use]
pub fn quoted(text: &str, max: usize) -> String {
    fenced(&visible(text, max))
}

/// Like [`quoted`], for the cell of a table, where a bar would end the cell even in code.
#[must_use]
pub fn quoted_cell(text: &str, max: usize) -> String {
    fenced(&visible(text, max).replace('|', "\\|"))
}

fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if text.is_empty() {
        return "` `".to_owned();
    }
    // A blank on both sides keeps a back-tick at an end apart from the fence; Markdown takes the blanks away.
    let pad = if text.starts_with('`') || text.ends_with('`') || text.trim() != text { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// One line of at most `max` characters in which every invisible character is seen.
#[must_use]
pub fn visible(text: &str, max: usize) -> String {
    one_line(text, max)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn slugs_follow_github() {
        for (heading, slug) in [
            ("Hello, World!", "hello-world"),
            ("What's  new?", "whats--new"),
            ("C++ & Rust", "c--rust"),
            ("snake_case-and-dash", "snake_case-and-dash"),
            ("Über Ärger 2", "über-ärger-2"),
            ("日本語 見出し", "日本語-見出し"),
            ("!!!", ""),
        ] {
            assert_eq!(slug_of(heading), slug, "{heading}");
        }
    }

    #[test]
    fn equal_headings_are_numbered_even_around_a_taken_number() {
        let out = outline("# A\n# A\n# A 1\n# A\n");
        assert_eq!(out.anchors.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "a-1", "a-1-1", "a-2"]);
    }

    #[test]
    fn links_have_lines_and_code_has_none() {
        let text = "# T\r\n\r\n[a](x.md) ![b](y.png)\r\n\r\n`[no](no.md)`\r\n\r\n```\r\n[no](no.md)\r\n```\r\n[c][ref]\r\n\r\n[ref]: z.md#q\r\n";
        let out = outline(text);
        let seen: Vec<_> = out.links.iter().map(|l| (l.line, l.target.as_str(), l.image)).collect();
        assert_eq!(seen, [(3, "x.md", false), (3, "y.png", true), (10, "z.md#q", false)]);
    }

    #[test]
    fn html_anchors_and_links_count_unless_commented_out() {
        let text = "<a name=\"one\"></a>\n<h2 id='two'>x</h2>\n\n<!-- <a href=\"gone.md\"> -->\n\ntext <img src=\"p.png\"> end\n\n<!--\n<a id=\"three\">\n-->\n<a\n href=\"q.md\">q</a>\n";
        let out = outline(text);
        assert!(out.anchors.contains("one") && out.anchors.contains("two") && !out.anchors.contains("three"));
        let seen: Vec<_> = out.links.iter().map(|l| (l.line, l.target.as_str())).collect();
        assert_eq!(seen, [(6, "p.png"), (12, "q.md")]);
    }

    #[test]
    fn undefined_references_are_told_from_indexes() {
        let out = outline("see [the page][nowhere], x[i][j], [x] and [y][]\n");
        assert_eq!(out.undefined, [(1, "nowhere".to_owned())]);
    }

    #[test]
    fn code_in_a_heading_is_part_of_its_anchor_and_a_picture_word_is_not() {
        let out = outline("## The `run` [command](x.md)\n\n## :rocket: Launch\n");
        assert!(out.anchors.contains("the-run-command"), "{:?}", out.anchors);
        assert!(out.anchors.contains("rocket-launch") && out.anchors.contains("-launch"), "{:?}", out.anchors);
    }

    #[test]
    fn percent_escapes_decode_only_where_they_are_whole() {
        for (text, plain) in
            [("a%20b", "a b"), ("%", "%"), ("%zz", "%zz"), ("%C3%A4", "ä"), ("%ff", "%ff"), ("ä%2", "ä%2")]
        {
            assert_eq!(percent_decoded(text), plain);
        }
    }

    #[test]
    fn quoting_leaves_nothing_that_acts() {
        for (text, quote) in [
            ("plain", "`plain`"),
            ("a `b` c", "``a `b` c``"),
            ("`", "`` ` ``"),
            ("two\nlines\t end ", "`two lines end`"),
            ("right\u{202e}left", "`right\\u{202E}left`"),
            ("", "` `"),
            ("zero\u{200b}width", "`zero\\u{200B}width`"),
        ] {
            assert_eq!(quoted(text, 40), quote, "{text:?}");
        }
        assert_eq!(quoted("abcdef", 3), "`ab…`");
        assert_eq!(quoted_cell("a|b", 9), "`a\\|b`");
    }

    #[test]
    fn a_megabyte_of_brackets_is_read_in_bounded_time() {
        let out = outline(&"[".repeat(1_000_000));
        assert!(out.links.is_empty());
        assert!(outline(&"[a](b) ".repeat(MAX_LINKS + 5)).left_out == 5);
    }
}
