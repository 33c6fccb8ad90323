//! Boxes in a list of tasks, counted as the reference counts them.
//! Lives here: what is a task, and whether it is done. Never here: which files hold tasks (see `project`).

use super::js;

/// One line with a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Whether the box holds an `x` of either case.
    pub done: bool,
    /// What stands behind the box.
    pub text: String,
    /// Counted from 1, by line feeds.
    pub line: u32,
    /// Where the box's bracket opens, in bytes from the beginning of the file.
    pub at: usize,
}

/// How many tasks there are, and how many are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Boxes.
    pub total: usize,
    /// Boxes with an `x`.
    pub completed: usize,
}

/// The tasks of a file, in order; fences and comments do not hide any.
#[must_use]
pub fn tasks(text: &str) -> Vec<Task> {
    let mut found = Vec::new();
    let mut start = 0;
    for (number, line) in (1..).zip(text.split('\n')) {
        if let Some((at, done, said)) = task(line) {
            found.push(Task { done, text: said.to_owned(), line: number, at: start + at });
        }
        start += line.len() + 1;
    }
    found
}

/// Counts without keeping.
#[must_use]
pub fn progress(text: &str) -> Progress {
    let mut progress = Progress::default();
    for (_, done, _) in text.split('\n').filter_map(task) {
        progress.total += 1;
        progress.completed += usize::from(done);
    }
    progress
}

/// A marker of a list, a box with at most one character in it, and the rest. A box that begins a link is none, unless it is
/// empty but for blanks.
fn task(line: &str) -> Option<(usize, bool, &str)> {
    let rest = js::trim_start(line);
    let rest = match rest.strip_prefix(['-', '*', '+']) {
        Some(rest) => rest,
        None => {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if !(1..=9).contains(&digits) {
                return None;
            }
            rest[digits..].strip_prefix(['.', ')'])?
        }
    };
    let rest = js::trim_start(rest);
    let at = line.len() - rest.len();
    let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
    let mut marks = js::trim(inner).chars();
    let mark = marks.next();
    // Its patterns see halves of characters beyond U+FFFF, which are then two marks.
    if marks.next().is_some() || mark.is_some_and(|mark| mark.len_utf16() > 1) {
        return None;
    }
    let is_link = after.starts_with(['(', '[']);
    if is_link && (mark.is_some() || inner.is_empty()) {
        return None;
    }
    let said = js::trim_start(after);
    let said = said.split(js::ends_line).next().unwrap_or_default();
    Some((at, mark.is_some_and(|mark| mark.eq_ignore_ascii_case(&'x')), js::trim(said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_with_one_mark_is_a_task() {
        let table: &[(&str, Option<(bool, &str)>)] = &[
            ("- [ ] open", Some((false, "open"))),
            ("- [x] done", Some((true, "done"))),
            ("  * [X]done", Some((true, "done"))),
            ("+ [ x ] padded", Some((true, "padded"))),
            ("- [] empty", Some((false, "empty"))),
            ("- [~] other", Some((false, "other"))),
            ("12. [ ] counted", Some((false, "counted"))),
            ("1)[x]", Some((true, ""))),
            ("1234567890. [ ] too long", None),
            ("- [ab] two", None),
            ("- [A](https://example.com)", None),
            ("- [A][1]", None),
            ("- [](x)", None),
            ("- [ ](x)", Some((false, "(x)"))),
            ("- [x](y)", None),
            ("- [🚀] beyond", None),
            ("- [é] within", Some((false, "within"))),
            ("-[ ] tight", Some((false, "tight"))),
            ("[ ] no marker", None),
            ("- [ ] a\r", Some((false, "a"))),
            ("- [ ] a\u{2028}b", Some((false, "a"))),
            ("\u{feff}- [ ] mark of the file", Some((false, "mark of the file"))),
            ("- [ open", None),
        ];
        for (line, wanted) in table {
            let found = tasks(line);
            let found = found.first().map(|task| (task.done, task.text.as_str()));
            assert_eq!(found, *wanted, "{line:?}");
        }
    }

    #[test]
    fn tasks_know_where_they_stand() {
        let text = "# T\n\n- [x] a\n```\n  - [ ] b\n```\n";
        let found = tasks(text);
        assert_eq!(found.iter().map(|task| task.line).collect::<Vec<_>>(), [3, 5]);
        assert!(found.iter().all(|task| text[task.at..].starts_with('[')));
        assert_eq!(progress(text), Progress { total: 2, completed: 1 });
    }
}
