//! History as files: where one ends and the next begins.
//! Lives here: cutting lines by month and length. Never here: writing the files (see `serve::export`).

use chrono::{DateTime, Datelike as _};

use super::past::Chunk;

/// What a file of history may have. A line that is longer than that stands alone.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Lines.
    pub lines: u64,
    /// Bytes, those that end the lines among them.
    pub bytes: u64,
}

/// As much as a browser reads at once without anybody waiting, and far less than any host refuses.
pub const PART: Most = Most { lines: 5_000, bytes: 4 << 20 };

/// What is looked at of a line.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Its place in the journal; 0 where it has none.
    pub seq: u64,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// Its length with what ends it.
    pub bytes: u64,
}

/// The files of all lines, each with the number of lines up to its end: a month that fits is one file. An event whose clock was
/// behind belongs to the month that was on.
#[must_use]
pub fn parts(lines: impl IntoIterator<Item = Cut>, most: Most) -> Vec<(Chunk, usize)> {
    let mut parts: Vec<(Chunk, usize)> = Vec::new();
    let (mut latest, mut bytes, mut month, mut number) = (i64::MIN, 0, None, 1);
    for (line, end) in lines.into_iter().zip(1..) {
        latest = latest.max(line.at);
        let moment = DateTime::from_timestamp_millis(latest).unwrap_or_default();
        let (begun, now) = (month, Some((moment.year(), moment.month())));
        let is_full =
            parts.last().is_some_and(|(part, _)| part.events >= most.lines || bytes + line.bytes > most.bytes);
        if begun != now || is_full {
            number = if begun == now { number + 1 } else { 1 };
            let part = if number > 1 { format!(".{number}") } else { String::new() };
            let name = format!("{:04}-{:02}{part}", moment.year(), moment.month());
            parts.push((Chunk { name, first: 0, last: 0, events: 0 }, end));
            (month, bytes) = (now, 0);
        }
        let Some((part, up_to)) = parts.last_mut() else { continue };
        *up_to = end;
        part.events += 1;
        bytes += line.bytes;
        if line.seq > 0 {
            part.first = if part.first == 0 { line.seq } else { part.first };
            part.last = line.seq;
        }
    }
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A line of ten bytes.
    fn line(seq: u64, date: &str) -> Cut {
        let at = DateTime::parse_from_rfc3339(&format!("{date}T12:00:00Z")).unwrap().timestamp_millis();
        Cut { seq, at, bytes: 10 }
    }

    /// Name, first, last, lines, and lines up to the end.
    fn cut(lines: &[Cut], most: Most) -> Vec<(String, u64, u64, u64, usize)> {
        let parts = parts(lines.iter().copied(), most);
        parts.into_iter().map(|(part, end)| (part.name, part.first, part.last, part.events, end)).collect()
    }

    fn part(name: &str, first: u64, last: u64, events: u64, end: usize) -> (String, u64, u64, u64, usize) {
        (name.to_owned(), first, last, events, end)
    }

    fn november(count: u64) -> Vec<Cut> {
        (1..=count).map(|seq| line(seq, "2026-11-05")).collect()
    }

    #[test]
    fn a_month_that_fits_is_one_file_and_one_line_more_is_another() {
        let most = Most { lines: 3, bytes: 1_000 };
        assert_eq!(cut(&november(3), most), [part("2026-11", 1, 3, 3, 3)]);
        assert_eq!(cut(&november(4), most), [part("2026-11", 1, 3, 3, 3), part("2026-11.2", 4, 4, 1, 4)]);
        let names: Vec<_> = cut(&november(31), most).into_iter().map(|part| part.0).collect();
        assert_eq!((names.len(), names[9].as_str(), names[10].as_str()), (11, "2026-11.10", "2026-11.11"));
    }

    #[test]
    fn bytes_are_counted_too() {
        let most = Most { lines: 100, bytes: 30 };
        assert_eq!(cut(&november(3), most), [part("2026-11", 1, 3, 3, 3)]);
        assert_eq!(cut(&november(4), most), [part("2026-11", 1, 3, 3, 3), part("2026-11.2", 4, 4, 1, 4)]);
        let most = Most { lines: 100, bytes: 29 };
        assert_eq!(cut(&november(3), most), [part("2026-11", 1, 2, 2, 2), part("2026-11.2", 3, 3, 1, 3)]);
    }

    #[test]
    fn a_line_that_is_longer_than_a_file_stands_alone() {
        let most = Most { lines: 100, bytes: 25 };
        let mut lines = november(4);
        lines[1].bytes = 70;
        let wanted = [part("2026-11", 1, 1, 1, 1), part("2026-11.2", 2, 2, 1, 2), part("2026-11.3", 3, 4, 2, 4)];
        assert_eq!(cut(&lines, most), wanted);
        assert_eq!(cut(&lines[1..2], most), [part("2026-11", 2, 2, 1, 1)], "no file is empty");
    }

    #[test]
    fn each_month_begins_anew_and_one_where_nothing_happened_has_no_file() {
        let most = Most { lines: 2, bytes: 1_000 };
        let lines: Vec<Cut> = (1..=3)
            .map(|seq| line(seq, "2026-11-30"))
            .chain((4..=5).map(|seq| line(seq, "2027-01-01")))
            // Its clock was behind.
            .chain([line(6, "2026-12-31"), line(7, "2027-01-02")])
            .collect();
        let wanted = [
            part("2026-11", 1, 2, 2, 2),
            part("2026-11.2", 3, 3, 1, 3),
            part("2027-01", 4, 5, 2, 5),
            part("2027-01.2", 6, 7, 2, 7),
        ];
        assert_eq!(cut(&lines, most), wanted);
        assert_eq!(cut(&[], most), []);
    }

    #[test]
    fn commits_have_no_number() {
        let most = Most { lines: 2, bytes: 1_000 };
        // Three before the first event, and one between two.
        let lines: Vec<Cut> = [0, 0, 0, 1, 0, 2].map(|seq| line(seq, "2026-11-05")).into();
        let wanted = [part("2026-11", 0, 0, 2, 2), part("2026-11.2", 1, 1, 2, 4), part("2026-11.3", 2, 2, 2, 6)];
        assert_eq!(cut(&lines, most), wanted);
    }
}
