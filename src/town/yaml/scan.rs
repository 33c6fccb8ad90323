//! A look over YAML text before it is parsed: what may not stand in our files, with its line.
//! Lives here: anchors and aliases, tabs in indentation, document markers, depth. It knows quotes, comments and
//! block scalars, and where it is not sure it refuses. One pass, no recursion.
//! Never here: parsing (see [`super::node`]).

/// How deep mappings and lists may be nested.
pub(super) const DEPTH: usize = 64;

/// One thing that may not stand in the text, with its line, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// An anchor `&name` or an alias `*name`.
    Anchor(u32),
    /// A tab before the first character of a line.
    Tab(u32),
    /// A second document.
    Document(u32),
    /// Nesting beyond [`DEPTH`].
    Depth(u32),
}

/// Where the scan stands between two characters.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Inside {
    /// Outside of quotes and block scalars.
    #[default]
    Plain,
    /// Between `'` and `'`.
    Single,
    /// Between `"` and `"`.
    Double,
}

/// A block collection or scalar is right of this column; without one, it is the root.
type Column = Option<usize>;

#[derive(Default)]
struct Scan {
    inside: Inside,
    /// The last character belonged to an unquoted scalar, in which quotes and stars are text.
    plain: bool,
    /// The column that the further lines of the current scalar must be right of.
    parent: Column,
    /// The column of the first scalar in this line, which is a key once a colon follows.
    key: Column,
    /// Open `[` and `{`.
    flow: usize,
    /// The columns at which the open block collections began.
    columns: Vec<usize>,
    /// A block scalar is open: its text's column, once known.
    block: Option<Column>,
    content: bool,
    ended: bool,
    found: Vec<Refused>,
}

/// Goes over `text` and returns what may not stand there; the first of each kind is enough.
pub(super) fn scan(text: &str) -> Vec<Refused> {
    let mut scan = Scan::default();
    for (line, number) in text.split('\n').zip(1_u32..) {
        scan.line(line.trim_end_matches('\r').as_bytes(), number);
        // Too deep is the end of it: what follows could only cost time.
        if matches!(scan.found.last(), Some(Refused::Depth(_))) {
            break;
        }
    }
    scan.found
}

fn is_gap(byte: Option<&u8>) -> bool {
    byte.is_none_or(|byte| matches!(byte, b' ' | b'\t'))
}

impl Scan {
    fn refuse(&mut self, what: Refused) {
        let kind = std::mem::discriminant(&what);
        if !self.found.iter().any(|found| std::mem::discriminant(found) == kind) {
            self.found.push(what);
        }
    }

    fn line(&mut self, line: &[u8], number: u32) {
        if self.inside != Inside::Plain {
            return self.tokens(line, 0, number);
        }
        if self.marker(line, number) {
            return;
        }
        let indent = line.iter().take_while(|byte| **byte == b' ').count();
        let Some(start) = line.iter().position(|byte| !matches!(byte, b' ' | b'\t')) else { return };
        if self.in_block(indent) {
            return;
        }
        if line[indent] == b'\t' {
            self.refuse(Refused::Tab(number));
        }
        if line[start] == b'#' {
            self.plain = false;
            return;
        }
        if self.ended {
            self.refuse(Refused::Document(number));
        }
        self.content = true;
        if self.flow == 0 {
            // A further line of an unquoted scalar is text, whatever it begins with.
            self.plain &= self.parent.is_none_or(|parent| start > parent);
            if !self.plain {
                self.columns.truncate(self.columns.partition_point(|column| *column < start));
                (self.parent, self.key) = (self.columns.last().copied(), None);
            }
        }
        self.tokens(line, start, number);
    }

    /// Whether the line is a document marker, which ends whatever is open.
    fn marker(&mut self, line: &[u8], number: u32) -> bool {
        let end = line.starts_with(b"...") && is_gap(line.get(3));
        let start = line.starts_with(b"---") && is_gap(line.get(3));
        if !end && !start {
            return false;
        }
        if start && (self.content || self.ended) {
            self.refuse(Refused::Document(number));
        }
        let found = std::mem::take(&mut self.found);
        *self = Self { content: true, ended: end, found, ..Self::default() };
        if start {
            self.tokens(line, 3, number);
        }
        true
    }

    /// Whether a line with this indentation is text of the open block scalar.
    fn in_block(&mut self, indent: usize) -> bool {
        let Some(known) = self.block else { return false };
        let inside = match known {
            Some(column) => indent >= column,
            None => self.parent.is_none_or(|parent| indent > parent),
        };
        self.block = inside.then_some(Some(known.unwrap_or(indent)));
        inside
    }

    /// Goes over one line from `at` on.
    fn tokens(&mut self, line: &[u8], mut at: usize, number: u32) {
        while let Some(&byte) = line.get(at) {
            match self.inside {
                Inside::Single if byte == b'\'' && line.get(at + 1) == Some(&b'\'') => at += 1,
                Inside::Double if byte == b'\\' => at += 1,
                Inside::Single if byte == b'\'' => self.inside = Inside::Plain,
                Inside::Double if byte == b'"' => self.inside = Inside::Plain,
                Inside::Single | Inside::Double => {}
                Inside::Plain if matches!(byte, b' ' | b'\t') => {}
                // The parser takes `[#` for a comment, and `a#` for text.
                Inside::Plain if byte == b'#' && (!self.plain || at == 0 || is_gap(line.get(at - 1))) => {
                    self.plain = false;
                    return;
                }
                Inside::Plain if matches!(byte, b'|' | b'>') && !self.plain && self.flow == 0 => {
                    return self.header(line, at);
                }
                Inside::Plain => at = self.character(line, at, number),
            }
            if self.columns.len() + self.flow > DEPTH {
                return self.refuse(Refused::Depth(number));
            }
            at += 1;
        }
    }

    /// Takes one character outside of quotes; returns where the token that it begins ends.
    fn character(&mut self, line: &[u8], at: usize, number: u32) -> usize {
        let gap = is_gap(line.get(at + 1));
        let flow_next = matches!(line.get(at + 1), Some(b',' | b'[' | b']' | b'{' | b'}'));
        match line[at] {
            b'[' | b'{' if !self.plain || self.flow > 0 => {
                self.first(at);
                self.flow += 1;
                self.plain = false;
            }
            b']' | b'}' if self.flow > 0 => {
                self.flow -= 1;
                self.plain = false;
            }
            b',' if self.flow > 0 => self.plain = false,
            // After a quoted key, or before a bracket, a colon needs no space in a flow collection.
            b':' if gap || (self.flow > 0 && (!self.plain || flow_next)) => {
                if self.flow == 0 {
                    self.open(self.key.unwrap_or(at));
                }
                self.plain = false;
            }
            b'-' | b'?' if !self.plain && gap => {
                if self.flow == 0 {
                    self.open(at);
                }
            }
            mark @ (b'&' | b'*' | b'!') if !self.plain => {
                if mark != b'!' {
                    self.refuse(Refused::Anchor(number));
                }
                self.first(at);
                // A tag or an anchor stands before its node.
                let length = line[at..].iter().take_while(|byte| !is_gap(Some(byte))).count();
                return at + length.max(1) - 1;
            }
            quote @ (b'\'' | b'"') if !self.plain => {
                self.first(at);
                self.inside = if quote == b'"' { Inside::Double } else { Inside::Single };
            }
            _ if self.plain => {}
            _ => {
                self.first(at);
                self.plain = true;
            }
        }
        at
    }

    /// Remembers where the line's first node begins, in case that it turns out to be a key.
    fn first(&mut self, at: usize) {
        if self.flow == 0 && self.key.is_none() {
            self.key = Some(at);
        }
    }

    /// A block collection begins at this column, or goes on.
    fn open(&mut self, column: usize) {
        (self.parent, self.key) = (Some(column), None);
        if self.columns.last().is_none_or(|last| *last < column) {
            self.columns.push(column);
        }
    }

    /// The header of a block scalar: its text begins on the next line.
    fn header(&mut self, line: &[u8], at: usize) {
        let digit = line[at..].iter().take(3).find(|byte| matches!(byte, b'1'..=b'9'));
        self.block = Some(digit.map(|digit| self.parent.unwrap_or(0) + usize::from(digit - b'0')));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_has_its_line() {
        use Refused::{Anchor, Depth, Document, Tab};
        let deep = format!("a: {}", "[".repeat(10_000));
        let dashes = "- ".repeat(70);
        let stairs: String = (0..70).map(|n| format!("{}k:\n", " ".repeat(n))).collect();
        let cases: &[(&str, &[Refused])] = &[
            ("a: &x 1\nb: *x\n", &[Anchor(1)]),
            ("a: 1\n*x : 2\n", &[Anchor(2)]),
            ("a: [1, *x]\n", &[Anchor(1)]),
            ("a: {b: &c d}\n", &[Anchor(1)]),
            ("a: {\"b\":&c d}\n", &[Anchor(1)]),
            ("- - &a b\n", &[Anchor(1)]),
            ("a: !!str &x b\n", &[Anchor(1)]),
            ("a: |\n  text\nb: &x c\n", &[Anchor(3)]),
            ("- a: |\n    text\n  b: &x c\n", &[Anchor(3)]),
            ("- a: |\n  b: &x c\n", &[Anchor(2)]),
            ("a: |1\n  &x\n b: &x\nc: *x\n", &[Anchor(4)]),
            ("a: 'it''s &x'\nb: *x\n", &[Anchor(2)]),
            ("a: \"\\\"&x\"\nb: \"\n  *x\"\nc: &x\n", &[Anchor(4)]),
            ("a: b\n  'c\nd: &x e\n", &[Anchor(3)]),
            ("a:\n  b\n  'c\nd: &x e\n", &[Anchor(4)]),
            ("- b\n  'c\n- &x e\n", &[Anchor(3)]),
            ("a: [b\n  'c, *x]\n", &[Anchor(2)]),
            ("a: [b:'c, *x]\n", &[Anchor(1)]),
            ("a:\n\tb: 1\n", &[Tab(2)]),
            ("a: 1\n---\nb: 2\n", &[Document(2)]),
            ("a: 1\n...\nb: 2\n", &[Document(3)]),
            (&deep, &[Depth(1)]),
            (&dashes, &[Depth(1)]),
            (&stairs, &[Depth(65)]),
        ];
        for (text, expected) in cases {
            assert_eq!(scan(text), *expected, "{text:.80}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not_refused() {
        for text in [
            "---\na: 1\n...\n# bye\n",
            "a: R&D and 2 * 3 & more\n",
            "# &x *y\na: 1 # *z\n",
            "a: \"&x\"\nb: '*y'\nc: \"**/*.md\"\n",
            "a: |\n  &x\n  *y\n\n   \tz\nb: 1\n",
            "a: >-\n  &x\nb:\n  - |\n    *y\n",
            "a: what\n  *goes* on\n  'til here\n",
            "a:\n  - what\n    &goes on\n",
            "a: b\n\n  \"c\n",
            "a: x[[[[\n",
            "url: http://a/b?c&d=*e\n",
            "\t\n\n",
            "a: 1 \t # tab at the end\n",
        ] {
            assert_eq!(scan(text), [], "{text}");
        }
    }
}
