//! What a command writes, of which the beginning and the end are kept.
//! Lives here: reading a pipe within bounds. Never here: what is shown of it.

use std::collections::VecDeque;
use std::io::Read;

/// Output with its middle left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// All bytes that were written.
    pub total: u64,
}

impl Captured {
    /// The beginning, as text.
    #[must_use]
    pub fn head(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.head)
    }

    /// Bytes that are not kept.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// All of it as text, with a note where the middle is missing.
    #[must_use]
    pub fn text(&self) -> String {
        let mut bytes = self.head.clone();
        let left_out = self.left_out();
        if left_out > 0 {
            bytes.extend(format!("\n[… {left_out} bytes left out …]\n").into_bytes());
        }
        bytes.extend(&self.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn take(&mut self, bytes: &[u8], kept: usize) {
        self.total += bytes.len() as u64;
        let half = kept / 2;
        let first = bytes.len().min(half.saturating_sub(self.head.len()));
        self.head.extend(&bytes[..first]);
        self.tail.extend(&bytes[first..]);
        let over = self.tail.len().saturating_sub(kept - half);
        self.tail.drain(..over);
    }
}

/// Reads to the end, keeps `kept` bytes, and calls `flooded` once when more than `limit` have come.
pub(super) fn capture(
    mut reader: impl Read,
    kept: usize,
    limit: u64,
    mut flooded: impl FnMut(),
) -> std::io::Result<Captured> {
    let mut captured = Captured::default();
    let mut buffer = vec![0; 64 * 1024];
    let mut told = false;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(captured),
            Ok(count) => captured.take(&buffer[..count], kept),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if captured.total > limit && !told {
            told = true;
            flooded();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_left_out_and_counted() {
        let text: String = (0..100).map(|n| format!("{n:02}")).collect();
        let mut told = 0;
        let captured = capture(text.as_bytes(), 20, 150, || told += 1).unwrap();
        assert_eq!(captured.text(), "0001020304\n[… 180 bytes left out …]\n9596979899");
        assert_eq!((captured.total, captured.left_out(), told), (200, 180, 1));
    }

    #[test]
    fn short_output_is_whole() {
        let captured = capture(&b"one\ntwo\n"[..], 20, 150, || panic!("no flood")).unwrap();
        assert_eq!((captured.text().as_str(), captured.left_out()), ("one\ntwo\n", 0));
        assert_eq!(capture(&b""[..], 20, 150, || ()).unwrap().text(), "");
    }
}
