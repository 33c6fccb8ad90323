//! Server-sent events: a stream of bytes cut into the data of its events.
//! Lives here: lines, fields, bounds (WHATWG HTML, section 9.2). Never here: what an event means.

/// The data of one event, in bytes; a reply is far smaller.
const EVENT_BYTES: usize = 2 * 1024 * 1024;

/// An event is larger than any reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream has more than {EVENT_BYTES} bytes")]
pub struct TooLarge;

/// Cuts a stream into events as its bytes come.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    started: bool,
}

impl Parser {
    /// Takes more bytes in, and gives the data of each event that they complete.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLarge> {
        let mut events = Vec::new();
        for &byte in bytes {
            if std::mem::take(&mut self.after_return) && byte == b'\n' {
                continue;
            }
            self.after_return = byte == b'\r';
            if byte == b'\n' || byte == b'\r' {
                events.extend(self.end_line());
                continue;
            }
            if self.line.len() + self.data.len() >= EVENT_BYTES {
                return Err(TooLarge);
            }
            self.line.push(byte);
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let first = !std::mem::replace(&mut self.started, true);
        let line = if first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then(|| String::from_utf8_lossy(&data).into_owned());
        }
        let value = match line.strip_prefix(b"data") {
            Some([]) => &[],
            Some([b':', b' ', rest @ ..] | [b':', rest @ ..]) => rest,
            // A comment, the event's name, an id: each event says in its data what it is.
            _ => return None,
        };
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        self.has_data = true;
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_are_cut_at_empty_lines_however_lines_end() {
        let text =
            "\u{feff}: hello\nevent: x\ndata: {\"a\":\r\ndata:1}\r\n\r\ndata\rid: 7\r\rdata: é\n\n\n\ndata: half";
        let all = Parser::default().push(text.as_bytes()).unwrap();
        assert_eq!(all, ["{\"a\":\n1}", "", "é"]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1024 * 1024];
        let results: Vec<_> = (0..4).map(|_| parser.push(&chunk)).collect();
        assert_eq!(results.last().unwrap(), &Err(TooLarge));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_come(text in "(data|:|x| |\r|\n|é){0,40}", cut in 1_usize..7) {
            let whole = Parser::default().push(text.as_bytes()).unwrap();
            let mut parser = Parser::default();
            let mut parts = Vec::new();
            for chunk in text.as_bytes().chunks(cut) {
                parts.extend(parser.push(chunk).unwrap());
            }
            prop_assert_eq!(whole, parts);
        }
    }
}
