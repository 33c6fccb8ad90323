//! A text cut into lines, with the bytes where each stands and whether it is part of a fenced block of code.
//! Lives here: the one reading of a file that every rule starts from; it is linear, and nothing of the text is lost.
//! Never here: what a line means (see `heading`).

use std::ops::Range;

use super::js;

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The text ends there.
    None,
    /// Line feed.
    Lf,
    /// Carriage return and line feed.
    CrLf,
    /// Carriage return alone.
    Cr,
}

impl Ending {
    /// The characters of it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
            Self::Cr => "\r",
        }
    }
}

#[derive(Clone, Debug)]
struct Line {
    start: usize,
    end: usize,
    ending: Ending,
    fenced: bool,
}

/// The lines of one text. A text that ends with a line feed has an empty last line, as the reference counts.
#[derive(Clone, Debug)]
pub struct Lines<'t> {
    text: &'t str,
    bom: bool,
    /// Whether every line ends with a line feed, but for the last.
    fed: bool,
    lines: Vec<Line>,
    open: Option<usize>,
}

/// A fence that is open: its character, and how long it is.
type Fence = (char, usize);

impl<'t> Lines<'t> {
    /// Reads a text, once.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let bom = text.starts_with('\u{feff}');
        let mut start = if bom { '\u{feff}'.len_utf8() } else { 0 };
        let bytes = text.as_bytes();
        let mut lines = Vec::with_capacity(text.len() / 32 + 1);
        if !bytes.contains(&b'\r') {
            return Self::fed(text, bom, start, lines);
        }
        for (at, byte) in bytes.iter().enumerate().skip(start) {
            let ending = match byte {
                b'\n' if at > start && bytes[at - 1] == b'\r' => Ending::CrLf,
                b'\n' => Ending::Lf,
                b'\r' if bytes.get(at + 1) != Some(&b'\n') => Ending::Cr,
                _ => continue,
            };
            let end = if ending == Ending::CrLf { at - 1 } else { at };
            lines.push(Line { start, end, ending, fenced: false });
            start = at + 1;
        }
        lines.push(Line { start, end: text.len(), ending: Ending::None, fenced: false });
        let mut read = Self { text, bom, fed: false, lines, open: None };
        read.mask();
        read
    }

    /// Reads a text whose lines end at line feeds and nowhere else; a carriage return or a byte order mark is a character as
    /// any other. So the reference reads what it is about to write.
    #[must_use]
    pub fn by_feed(text: &'t str) -> Self {
        Self::fed(text, false, 0, Vec::new())
    }

    fn fed(text: &'t str, bom: bool, mut start: usize, mut lines: Vec<Line>) -> Self {
        for (at, _) in text.match_indices('\n') {
            lines.push(Line { start, end: at, ending: Ending::Lf, fenced: false });
            start = at + 1;
        }
        lines.push(Line { start, end: text.len(), ending: Ending::None, fenced: false });
        let mut read = Self { text, bom, fed: true, lines, open: None };
        read.mask();
        read
    }

    fn mask(&mut self) {
        let mut open: Option<(Fence, usize)> = None;
        for at in 0..self.lines.len() {
            let line = self.get(at);
            let fenced = match open {
                Some((fence, _)) => {
                    if closes(line, fence) {
                        open = None;
                    }
                    true
                }
                None => {
                    open = opens(line).map(|fence| (fence, at));
                    open.is_some()
                }
            };
            self.lines[at].fenced = fenced;
        }
        self.open = open.map(|(_, at)| at);
    }

    /// How many lines there are: at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether the text has nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.len() == 1 && self.get(0).is_empty()
    }

    /// Whether the text begins with a byte order mark, which is part of no line.
    #[must_use]
    pub fn has_bom(&self) -> bool {
        self.bom
    }

    /// Line `at`, counted from 0, without its ending. Empty beyond the end.
    #[must_use]
    pub fn get(&self, at: usize) -> &'t str {
        self.lines.get(at).map_or("", |line| &self.text[line.start..line.end])
    }

    /// The bytes of line `at` without its ending.
    #[must_use]
    pub fn span(&self, at: usize) -> Range<usize> {
        self.lines.get(at).map_or(self.text.len()..self.text.len(), |line| line.start..line.end)
    }

    /// How line `at` ends.
    #[must_use]
    pub fn ending(&self, at: usize) -> Ending {
        self.lines.get(at).map_or(Ending::None, |line| line.ending)
    }

    /// Whether line `at` is part of a fenced block of code, its fences included.
    #[must_use]
    pub fn is_fenced(&self, at: usize) -> bool {
        self.lines.get(at).is_some_and(|line| line.fenced)
    }

    /// The line of a fence that is never closed.
    #[must_use]
    pub fn unclosed(&self) -> Option<usize> {
        self.open
    }

    /// The lines outside of fences, each with its index.
    pub fn open_lines(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &'t str)> {
        range.filter(|at| !self.is_fenced(*at)).map(|at| (at, self.get(at)))
    }

    /// Lines `range`, joined by line feeds.
    #[must_use]
    pub fn join(&self, range: Range<usize>) -> String {
        if range.is_empty() {
            return String::new();
        }
        let span = self.span(range.start).start..self.span(range.end - 1).end;
        if self.fed && range.end <= self.len() {
            return self.text[span].to_owned();
        }
        let mut text = String::with_capacity(span.len());
        for at in range.clone() {
            if at > range.start {
                text.push('\n');
            }
            text.push_str(self.get(at));
        }
        text
    }

    /// The text again, byte for byte.
    #[must_use]
    pub fn print(&self) -> String {
        let mut text = String::with_capacity(self.text.len());
        if self.bom {
            text.push('\u{feff}');
        }
        for (at, line) in self.lines.iter().enumerate() {
            text.push_str(self.get(at));
            text.push_str(line.ending.text());
        }
        text
    }
}

fn run(line: &str) -> Option<(Fence, &str)> {
    let line = js::trim_start(line);
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let long = line.len() - line.trim_start_matches(mark).len();
    (long >= 3).then(|| ((mark, long), &line[long..]))
}

/// Any line that begins with three back-ticks or tildes opens a fence, whatever follows.
fn opens(line: &str) -> Option<Fence> {
    run(line).map(|(fence, _)| fence)
}

fn closes(line: &str, (mark, long): Fence) -> bool {
    run(line).is_some_and(|((other, length), rest)| other == mark && length >= long && js::is_blank(rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<(String, bool)> {
        let lines = Lines::of(text);
        (0..lines.len()).map(|at| (lines.get(at).to_owned(), lines.is_fenced(at))).collect()
    }

    #[test]
    fn lines_end_at_any_ending_and_fences_reach_to_one_that_closes_them() {
        let plain = |text: &str| (text.to_owned(), false);
        let code = |text: &str| (text.to_owned(), true);
        let table = [
            ("", vec![plain("")]),
            ("\u{feff}a\r\nb\rc\n", vec![plain("a"), plain("b"), plain("c"), plain("")]),
            ("\r\n\n\r\r\n", vec![plain(""), plain(""), plain(""), plain(""), plain("")]),
            (
                "```js\na\n~~~\n``\n````  \nb",
                vec![code("```js"), code("a"), code("~~~"), code("``"), code("````  "), plain("b")],
            ),
            (
                "  ~~~~\n~~~\n~~~~ x\n\t~~~~~\nb",
                vec![code("  ~~~~"), code("~~~"), code("~~~~ x"), code("\t~~~~~"), plain("b")],
            ),
            ("```inline``` text\nb", vec![code("```inline``` text"), code("b")]),
            ("a ```\nb", vec![plain("a ```"), plain("b")]),
        ];
        for (text, wanted) in table {
            assert_eq!(read(text), wanted, "{text:?}");
        }
        assert_eq!(Lines::of("a\n```\nb").unclosed(), Some(1));
    }

    proptest! {
        #[test]
        fn a_text_is_printed_as_it_was_read(text in "(\u{feff})?([ab`~# \r\n\u{2028}\u{85}é]|```|~~~~){0,60}") {
            let lines = Lines::of(&text);
            prop_assert_eq!(lines.print(), text.clone());
            for at in 0..lines.len() {
                prop_assert_eq!(&text[lines.span(at)], lines.get(at));
                for end in at..=lines.len() {
                    let joined: Vec<&str> = (at..end).map(|at| lines.get(at)).collect();
                    prop_assert_eq!(lines.join(at..end), joined.join("\n"));
                }
            }
        }
    }
}
