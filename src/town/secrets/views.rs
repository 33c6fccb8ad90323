//! Other readings of a text: split literals joined, base64 decoded. Each remembers where its bytes came from.
//! Lives here: the readings and the way back. Never here: what is a secret.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::bytes::Regex;

/// The shortest run of base64 that is decoded, in characters.
const RUN: usize = 40;
/// How far the surroundings of an encoded hit are counted to it, in bytes.
const REACH: usize = 4 * 1024;

/// A reading of a text.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// Where pieces of the reading start, and the byte of the text that each starts with.
    pieces: Vec<(usize, usize)>,
    encoded: bool,
}

impl View {
    /// The place in the text of a place in the reading, if the reading is needed to see it.
    pub(super) fn place(&self, start: usize, end: usize, text: &[u8]) -> Option<(usize, usize)> {
        let (first, from) = self.back(start);
        let (last, to) = self.back(end.saturating_sub(1));
        if !self.encoded {
            return (first != last).then_some((from.min(text.len()), (to + 1).min(text.len())));
        }
        let from = from.min(text.len());
        let to = (to + 1).clamp(from, text.len());
        let before = text[..from].iter().rev().take(REACH).take_while(|b| is_base64(**b)).count();
        let after = text[to..].iter().take(REACH).take_while(|b| is_base64(**b)).count();
        Some((from - before, to + after))
    }

    fn back(&self, offset: usize) -> (usize, usize) {
        let piece = self.pieces.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let Some((start, origin)) = self.pieces.get(piece) else { return (0, offset) };
        let inside = offset.saturating_sub(*start);
        (piece, origin + if self.encoded { inside * 4 / 3 } else { inside })
    }
}

/// What joins two halves of a text: a trailing backslash, or the gap between two string literals.
static JOINT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?-u)\\\r?\n[ \t]*|["'`][\s\\]*(?:\+|\.\.|\.|\|\||&)?[\s\\]*[rbfuRBFU]{0,2}["'`]"#).ok()
});

/// The text with split literals joined; nothing where none is split.
pub(super) fn joined(text: &[u8]) -> Option<View> {
    let mut view = View { bytes: Vec::new(), pieces: Vec::new(), encoded: false };
    let mut done = 0;
    for joint in JOINT.as_ref()?.find_iter(text) {
        view.pieces.push((view.bytes.len(), done));
        view.bytes.extend_from_slice(&text[done..joint.start()]);
        done = joint.end();
    }
    if done == 0 {
        return None;
    }
    view.pieces.push((view.bytes.len(), done));
    view.bytes.extend_from_slice(&text[done..]);
    Some(view)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Both alphabets become one before decoding, and a run that was cut anywhere still decodes.
const DECODER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Everything that long runs of base64 decode to, at each of the four alignments; nothing where there is none.
pub(super) fn decoded(text: &[u8]) -> Option<View> {
    let mut view = View { bytes: Vec::new(), pieces: Vec::new(), encoded: true };
    let mut at = 0;
    while at < text.len() {
        if !is_base64(text[at]) {
            at += 1;
            continue;
        }
        let run = Run::read(text, at);
        at = run.end;
        // Hexadecimal runs are hashes and object ids; they decode to noise.
        if run.symbols.len() >= RUN && !run.symbols.iter().all(u8::is_ascii_hexdigit) {
            for alignment in 0..4 {
                run.decode(alignment, &mut view);
            }
        }
    }
    (!view.bytes.is_empty()).then_some(view)
}

/// A run of base64, with wrapped lines joined.
struct Run {
    symbols: Vec<u8>,
    /// Which symbol each line starts with, and where that stands in the text.
    lines: Vec<(usize, usize)>,
    end: usize,
}

impl Run {
    fn read(text: &[u8], start: usize) -> Self {
        let mut run = Self { symbols: Vec::new(), lines: Vec::new(), end: start };
        loop {
            let length = text[run.end..].iter().take_while(|b| is_base64(**b)).count();
            run.lines.push((run.symbols.len(), run.end));
            run.symbols.extend(text[run.end..run.end + length].iter().map(|b| match b {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            }));
            run.end += length;
            let wrap = match &text[run.end..] {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                _ => 0,
            };
            let goes_on = text.get(run.end + wrap).is_some_and(|b| is_base64(*b));
            if length < RUN || wrap == 0 || !goes_on {
                return run;
            }
            run.end += wrap;
        }
    }

    fn decode(&self, alignment: usize, view: &mut View) {
        let symbols = &self.symbols[alignment..];
        // One symbol alone is no byte.
        let symbols = if symbols.len() % 4 == 1 { &symbols[..symbols.len() - 1] } else { symbols };
        let start = view.bytes.len();
        if DECODER.decode_vec(symbols, &mut view.bytes).is_err() {
            view.bytes.truncate(start);
            return;
        }
        for (symbol, origin) in &self.lines {
            let skipped = symbol.saturating_sub(alignment);
            let shift = alignment.saturating_sub(*symbol);
            view.pieces.push((start + skipped * 3 / 4, origin + shift));
        }
        view.bytes.push(b'\n');
    }
}
