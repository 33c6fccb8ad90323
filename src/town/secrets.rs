//! Secrets in text: keys, tokens and passwords that must never be pushed or shown.
//!
//! Lives here: what is scanned and how hits are reported and masked. The table of known forms is in `rules`, the
//! readings of encoded and split text in `views`. Never here: where the bytes come from, and never the secret
//! itself in a result.
//!
//! # Policy
//!
//! Caught:
//! - the well-known raw forms of the table (GitHub, AWS, Google, Slack, OpenAI, Anthropic, Stripe, npm, PyPI, …,
//!   private keys, JSON web tokens, passwords in URLs), anywhere, in binary files too;
//! - a value of high entropy that is assigned to a name such as `password`, `secret`, `token` or `api_key`, in quotes,
//!   or bare on a line of its own (not in lock files and not in binary files);
//! - the same known forms inside base64, standard or URL-safe, in a run of at least 40 characters, decoded once, at
//!   any alignment, wrapped lines joined;
//! - the same known forms split by a trailing backslash, or over string literals that stand beside each other or are
//!   concatenated by `+`, `.`, `..`, `||` or `&`, on one line or on several.
//!
//! Not caught: text that is encoded twice, compressed, encrypted, hexadecimal, UTF-16, percent-escaped or reversed; a
//! secret in pieces that a program puts together in another way (variables, comments between the pieces, arrays);
//! plain words used as a password; and values that are obviously an example: they contain `EXAMPLE`, `xxxx`,
//! `changeme`, `${…}`, `<…>` and the like, or consist of one or two different characters.

mod rules;
mod views;

use std::sync::LazyLock;

use base64::Engine as _;
use regex::bytes::Regex;

use self::rules::Scope;
use self::views::View;

/// The most hits that one scan reports; a file with that many is refused anyway.
const HITS: usize = 1_000;
/// The shortest known secret that is masked; a shorter one would mask ordinary words.
const MASK_BYTES: usize = 6;

/// One place that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretHit {
    /// Which known form it has.
    pub rule: &'static str,
    /// Where it starts, counted from 1.
    pub line: usize,
    /// The character of that line where it starts, counted from 1.
    pub column: usize,
    /// The line where it ends; a split or wrapped secret has several.
    pub end_line: usize,
    /// What may be shown of it: its first characters and its length.
    pub redacted: String,
}

/// A hit with its place in bytes.
struct Span {
    rule: &'static str,
    start: usize,
    end: usize,
    redacted: String,
}

/// Finds what looks like a secret in the content of the file at `path`; see the module for the policy.
///
/// Linear in the content; hits are in the order of the text, overlapping ones reported once.
#[must_use]
pub fn scan(path: &str, bytes: &[u8]) -> Vec<SecretHit> {
    let mut spans = spans(bytes, scope(path, bytes));
    spans.sort_by_key(|span| span.start);
    let mut hits = Vec::new();
    let (mut place, mut covered) = (Place::default(), 0);
    for span in spans {
        if span.start < covered {
            continue;
        }
        covered = span.end;
        place.advance(bytes, span.start);
        let end_line = place.line + bytes[span.start..span.end].iter().filter(|b| **b == b'\n').count();
        hits.push(SecretHit {
            rule: span.rule,
            line: place.line,
            column: place.column,
            end_line,
            redacted: span.redacted,
        });
        if hits.len() >= HITS {
            break;
        }
    }
    hits
}

/// Replaces every known secret of at least six bytes, and everything that [`scan`] would report, by `***`.
///
/// Known secrets are also found in base64 and as JSON escapes them, and each line of one of several lines.
#[must_use]
pub fn mask(text: &str, known: &[String]) -> String {
    let known = forms(known);
    let mut masked = mask_once(text, &known, true);
    // A replacement may only complete a known secret that itself holds asterisks; each round is shorter.
    while known.iter().any(|secret| masked.contains(secret.as_str())) {
        masked = mask_once(&masked, &known, false);
    }
    masked
}

fn mask_once(text: &str, known: &[String], scan: bool) -> String {
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    for secret in known {
        let mut from = 0;
        while let Some(at) = text[from..].find(secret.as_str()) {
            let start = from + at;
            match hidden.last_mut() {
                Some((_, end)) if *end >= start && *end <= start + secret.len() && from > 0 => {
                    *end = start + secret.len()
                }
                _ => hidden.push((start, start + secret.len())),
            }
            from = start + text[start..].chars().next().map_or(1, char::len_utf8);
        }
    }
    if scan {
        let scope = scope("", text.as_bytes());
        hidden.extend(spans(text.as_bytes(), scope).into_iter().map(|span| (span.start, span.end)));
    }
    hidden.sort_unstable();
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end) in hidden {
        // A hit is in bytes; whole characters go.
        let (start, end) = (text.floor_char_boundary(start), text.ceil_char_boundary(end));
        if start > done || (start == 0 && done == 0) {
            out.push_str(&text[done..start]);
            out.push_str("***");
        }
        done = done.max(end);
    }
    out.push_str(&text[done..]);
    out
}

/// The known secrets in the forms in which they may turn up, without those that are too short to mask.
fn forms(known: &[String]) -> Vec<String> {
    let mut forms = Vec::new();
    for secret in known {
        forms.push(secret.clone());
        forms.extend(secret.lines().map(|line| line.trim().to_owned()));
        if secret.len() >= MASK_BYTES {
            forms.push(base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret));
            forms.push(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret));
            forms.extend(serde_json::to_string(secret).ok().map(|json| json.trim_matches('"').to_owned()));
        }
    }
    forms.retain(|form| form.len() >= MASK_BYTES);
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Which rules fit a file: guesses by name only where people assign values by hand.
fn scope(path: &str, bytes: &[u8]) -> Scope {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_lock = name.ends_with(".lock") || matches!(name, "package-lock.json" | "pnpm-lock.yaml" | "go.sum");
    let is_binary = bytes[..bytes.len().min(8_000)].contains(&0);
    if is_lock || is_binary { Scope::Known } else { Scope::All }
}

fn spans(bytes: &[u8], scope: Scope) -> Vec<Span> {
    let mut spans = Vec::new();
    for (rule, start, end, value) in rules::find(bytes, scope, HITS) {
        let end = if rule == rules::PRIVATE_KEY { end_of_key(bytes, end) } else { end };
        spans.push(Span { rule, start, end, redacted: redact(value) });
    }
    for view in [views::joined(bytes), views::decoded(bytes)].into_iter().flatten() {
        from_view(&view, bytes, &mut spans);
    }
    spans
}

fn from_view(view: &View, bytes: &[u8], spans: &mut Vec<Span>) {
    for (rule, start, end, value) in rules::find(&view.bytes, Scope::Known, HITS) {
        if let Some((start, end)) = view.place(start, end, bytes) {
            spans.push(Span { rule, start, end, redacted: redact(value) });
        }
    }
}

/// The end of a private key whose start was found, so that masking hides all of it.
fn end_of_key(bytes: &[u8], from: usize) -> usize {
    static END: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?-u)-----END [A-Z ]{1,40}-----").ok());
    let reach = bytes.len().min(from + 64 * 1024);
    let found = END.as_ref().and_then(|end| end.find(&bytes[from..reach]));
    found.map_or_else(
        // A key without an end: everything that may still belong to it.
        || {
            let belongs = |b: &&u8| b.is_ascii_alphanumeric() || b"+/=\r\n \t\"',\\".contains(b);
            from + bytes[from..reach].iter().take_while(belongs).count()
        },
        |found| from + found.end(),
    )
}

/// What may be shown of a secret: never more than a quarter of it.
fn redact(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let length = text.chars().count();
    let head: String = text.chars().take(4.min(length / 4)).collect();
    format!("{head}… ({length} characters)")
}

/// A cursor that counts lines and characters, once over the whole text.
struct Place {
    offset: usize,
    line: usize,
    column: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self { offset: 0, line: 1, column: 1 }
    }
}

impl Place {
    fn advance(&mut self, bytes: &[u8], to: usize) {
        for byte in &bytes[self.offset..to] {
            if *byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else if byte & 0xC0 != 0x80 {
                self.column += 1;
            }
        }
        self.offset = to;
    }
}

#[cfg(test)]
mod tests;
