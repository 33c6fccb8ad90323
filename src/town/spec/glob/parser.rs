//! A pattern as nodes, read as the reference's library reads it, with all that it forgives.
//! Lives here: the nodes and the parser. Never here: what fits them (see `places`).

/// Groups in one another, at the most.
const DEPTH: usize = 8;

/// How often a group is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    Once,
    Maybe,
    Any,
    Many,
}

#[derive(Debug)]
pub(super) enum Node {
    Unit(u16),
    /// `?`; the first of a name is no dot.
    One {
        first: bool,
    },
    Star,
    /// Any number of folders, none of which begins with a dot.
    Deep,
    /// `/**/`: a slash, and any folders before another.
    Between,
    /// `**/` at the beginning.
    Before,
    /// `/**` at the end; the folder itself fits too.
    Below,
    NoDot,
    /// Something follows.
    More,
    Class {
        negated: bool,
        ranges: Vec<(u16, u16)>,
    },
    Group {
        choices: Vec<Vec<Node>>,
        times: Times,
    },
    Not {
        choices: Vec<Vec<Node>>,
        then: Vec<Node>,
        is_end: bool,
        deep: bool,
    },
}

pub(super) const SLASH: u16 = b'/' as u16;
pub(super) const DOT: u16 = b'.' as u16;

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Reads a pattern from its beginning to its end.
pub(super) struct Parser<'p> {
    text: &'p [u16],
    at: usize,
    is_simple: bool,
}

impl<'p> Parser<'p> {
    /// At the beginning of a pattern. A simple one is read without brackets.
    pub(super) fn new(text: &'p [u16], is_simple: bool) -> Self {
        Self { text, at: 0, is_simple }
    }

    /// Passes over some characters.
    pub(super) fn skip(&mut self, units: usize) {
        self.at += units;
    }

    /// The rest of the pattern; `None` where its groups are too deep.
    pub(super) fn whole(&mut self) -> Option<Vec<Vec<Node>>> {
        self.choices(self.at, 0)
    }

    fn peek(&self, ahead: usize) -> char {
        self.text.get(self.at + ahead).and_then(|unit| char::from_u32(u32::from(*unit))).unwrap_or('\0')
    }

    pub(super) fn starts(&self, text: &str) -> bool {
        text.bytes().enumerate().all(|(at, byte)| self.text.get(self.at + at) == Some(&u16::from(byte)))
    }

    fn is_closed(&self) -> bool {
        let mut depth = 0_usize;
        for unit in &self.text[self.at + 1..] {
            match *unit {
                40 => depth += 1,
                41 if depth == 0 => return true,
                41 => depth -= 1,
                _ => {}
            }
        }
        false
    }

    /// What stands between bars, up to the end of the group.
    fn choices(&mut self, start: usize, depth: usize) -> Option<Vec<Vec<Node>>> {
        if depth > DEPTH {
            return None;
        }
        let mut found = vec![Vec::new()];
        while self.at < self.text.len() {
            match self.peek(0) {
                ')' if depth > 0 => break,
                '|' if !self.is_simple => {
                    self.at += 1;
                    found.push(Vec::new());
                }
                _ => self.node(start, depth, found.last_mut()?)?,
            }
        }
        Some(found)
    }

    fn node(&mut self, start: usize, depth: usize, into: &mut Vec<Node>) -> Option<()> {
        let c = self.peek(0);
        let is_first = self.at == start || self.at.checked_sub(1).is_some_and(|at| self.text[at] == SLASH);
        let before = self.at.checked_sub(1).filter(|_| self.at > start || depth > 0).map_or(0, |at| self.text[at]);
        if "!*+?@".contains(c) && self.peek(1) == '(' && (c == '!' || self.peek(2) != '?') {
            self.at += 1;
            if self.is_closed() {
                return self.group(c, start, depth, into);
            }
            // What is never closed fits nothing, or is a character.
            if c != '@' {
                into.push(Node::Class { negated: false, ranges: Vec::new() });
            }
            into.push(Node::Unit(u16::from(b'(')));
            self.at += 1;
            return Some(());
        }
        let is_repeated = (c == '?' && before == 41) || (c == '+' && (matches!(before, 41 | 93) || depth > 0));
        if is_repeated && !into.is_empty() {
            let times = if c == '?' { Times::Maybe } else { Times::Many };
            let choices = vec![into.pop().into_iter().collect()];
            into.push(Node::Group { choices, times });
            self.at += 1;
            return Some(());
        }
        match c {
            '(' if self.is_closed() => return self.group('(', start, depth, into),
            '[' => return self.class(into),
            '*' => self.stars(start, depth, is_first, into),
            '{' if !self.text[self.at..].contains(&125) => {
                into.push(Node::Class { negated: false, ranges: Vec::new() });
                self.at += 1;
            }
            '?' if before != 40 || depth == 0 => {
                into.push(Node::One { first: is_first });
                self.at += 1;
            }
            _ => {
                into.push(Node::Unit(self.text[self.at]));
                self.at += 1;
            }
        }
        Some(())
    }

    fn group(&mut self, kind: char, start: usize, depth: usize, into: &mut Vec<Node>) -> Option<()> {
        if self.at.checked_sub(1) == Some(start) && kind != '(' {
            into.push(Node::More);
        }
        let open = self.at + 1;
        self.at = open;
        let choices = self.choices(usize::MAX, depth + 1)?;
        let inner = &self.text[open..self.at];
        let (deep, has_star) = (inner.len() > 1 && inner.contains(&SLASH), inner.contains(&42));
        self.at += 1;
        if kind != '!' {
            let times = match kind {
                '?' => Times::Maybe,
                '*' => Times::Any,
                '+' => Times::Many,
                _ => Times::Once,
            };
            into.push(Node::Group { choices, times });
            return Some(());
        }
        let rest = &self.text[self.at..];
        let is_end = deep || rest.iter().all(|unit| *unit == 41);
        let is_ending = rest.len() > 1 && rest[0] == DOT && !rest[1..].iter().any(|unit| [SLASH, DOT].contains(unit));
        let mut then = Vec::new();
        if !is_end && has_star && is_ending {
            let mut parser = Parser { text: rest, at: 0, is_simple: true };
            then = parser.choices(usize::MAX, depth + 1)?.into_iter().next()?;
        }
        into.push(Node::Not { choices, then, is_end, deep });
        Some(())
    }

    fn stars(&mut self, start: usize, depth: usize, is_first: bool, into: &mut Vec<Node>) {
        let begin = self.at;
        while self.peek(0) == '*' && !(self.at > begin && self.peek(1) == '(') {
            self.at += 1;
        }
        let many = self.at - begin;
        if depth > 0 && begin > 0 && many == 2 && self.text[begin - 1] == 40 && self.peek(0) == ')' {
            into.push(Node::Deep);
            return;
        }
        if begin == start && many == 2 && self.peek(0) == '.' && self.text.len() > self.at + 1 {
            let is_extension = self.text[self.at + 1..].iter().all(|unit| u8::try_from(*unit).is_ok_and(is_word));
            into.extend([Node::NoDot, if is_extension { Node::Deep } else { Node::Star }]);
            return;
        }
        let is_whole = is_first && many == 2 && [None, Some(&SLASH)].contains(&self.text.get(self.at));
        if !is_whole {
            if is_first {
                into.push(Node::NoDot);
                if many == 1 && self.peek(0) != '*' || (many == 3 && self.text.len() == 3) {
                    into.push(Node::More);
                }
            } else if begin > start && self.text[begin - 1] == DOT && (depth > 0 || begin.checked_sub(1) == Some(start))
            {
                into.push(Node::More);
            }
            into.push(Node::Star);
            return;
        }
        // Folders in a row are as good as one.
        while self.starts("/**") && [None, Some(&SLASH)].contains(&self.text.get(self.at + 3)) {
            self.at += 3;
        }
        let is_last = self.at == self.text.len();
        let is_slashed = matches!(into.last(), Some(Node::Unit(SLASH))) && into.len() > 1;
        let is_after_star = || matches!(into[..into.len() - 1].last(), Some(Node::Star | Node::Deep));
        if begin == start && !is_last && self.peek(0) == '/' {
            self.at += 1;
            into.push(Node::Before);
        } else if is_slashed && is_last && !is_after_star() {
            into.pop();
            into.push(Node::Below);
        } else if is_slashed && self.peek(0) == '/' {
            self.at += 1;
            into.pop();
            into.push(Node::Between);
        } else {
            into.push(Node::NoDot);
            into.push(Node::Deep);
        }
    }

    /// `[a-z]` and `[!a-z]`; a bracket that is never closed stands for itself. What has nothing special in it also means itself.
    fn class(&mut self, into: &mut Vec<Node>) -> Option<()> {
        let open = self.at;
        self.at += 1;
        let Some(end) = self.class_end() else {
            into.push(Node::Unit(u16::from(b'[')));
            return Some(());
        };
        let body: Vec<u16> = self.text[self.at..end].to_vec();
        let negated = body.first().is_some_and(|unit| [33, 94].contains(unit));
        let inner = &body[usize::from(negated)..];
        self.at = end + 1;
        let Some(ranges) = ranges(inner) else {
            // No class at all: nothing fits.
            into.push(Node::Class { negated: false, ranges: Vec::new() });
            return Some(());
        };
        let is_special =
            body.iter().any(|unit| u8::try_from(*unit).is_ok_and(|byte| b"-*+?.^${}(|)[]".contains(&byte)));
        let class = Node::Class { negated, ranges };
        if negated || is_special {
            into.push(class);
        } else {
            let itself = self.text[open..=end].iter().map(|unit| Node::Unit(*unit)).collect();
            into.push(Node::Group { choices: vec![itself, vec![class]], times: Times::Once });
        }
        Some(())
    }

    /// The bracket that closes a class. One directly behind the opening one closes nothing.
    fn class_end(&self) -> Option<usize> {
        let mut at = self.at;
        if self.text.get(at).is_some_and(|unit| [33, 94].contains(unit)) {
            at += 1;
        }
        let mut first = true;
        while let Some(unit) = self.text.get(at) {
            match *unit {
                93 if !first => return Some(at),
                91 if self.text.get(at + 1) == Some(&58) => {
                    if let Some((length, _)) = named_class(&self.text[at..]) {
                        at += length - 1;
                    }
                }
                _ => {}
            }
            first = false;
            at += 1;
        }
        None
    }
}

/// A class by name, such as `[:alpha:]`: its length, and what is in it.
fn named_class(text: &[u16]) -> Option<(usize, &'static str)> {
    const NAMED: [(&str, &str); 10] = [
        ("[:alnum:]", "azAZ09"),
        ("[:alpha:]", "azAZ"),
        ("[:blank:]", "  \t\t"),
        ("[:digit:]", "09"),
        ("[:lower:]", "az"),
        ("[:punct:]", "!/:@[`{~"),
        ("[:space:]", "  \t\r"),
        ("[:upper:]", "AZ"),
        ("[:word:]", "AZaz09__"),
        ("[:xdigit:]", "AFaf09"),
    ];
    let is_it = |name: &str| name.bytes().enumerate().all(|(at, byte)| text.get(at) == Some(&u16::from(byte)));
    NAMED.iter().find(|(name, _)| is_it(name)).map(|(name, ranges)| (name.len(), *ranges))
}

/// The ranges of a class; `None` where one of them runs backwards.
fn ranges(inner: &[u16]) -> Option<Vec<(u16, u16)>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(unit) = inner.get(at) {
        if let Some((length, named)) = named_class(&inner[at..]) {
            found.extend(named.as_bytes().chunks(2).map(|pair| (u16::from(pair[0]), u16::from(pair[1]))));
            at += length;
        } else if let (Some(45), Some(end)) = (inner.get(at + 1), inner.get(at + 2)) {
            if unit > end {
                return None;
            }
            found.push((*unit, *end));
            at += 3;
        } else {
            found.push((*unit, *unit));
            at += 1;
        }
    }
    Some(found)
}
