//! Words of a project inside of the tags that frame them for an agent, so that they cannot close a frame or forge another.
//! Lives here: taking the force out of those tags. Never here: which frames there are.

use super::js;

/// The tags of the frames.
const TAGS: [&str; 14] = [
    "artifact",
    "dependencies",
    "dependency",
    "description",
    "instruction",
    "output",
    "path",
    "project_context",
    "rules",
    "success_criteria",
    "task",
    "template",
    "unlocks",
    "warning",
];

/// A text without tags of the frames; all others stay, and so do lone angle brackets.
#[must_use]
pub fn inside(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match tag(rest) {
            Some(end) => {
                out.push_str(&format!("&lt;{}&gt;", &rest[1..end]));
                rest = &rest[end + 1..];
            }
            None => {
                out.push('<');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Where the tag of a frame ends that the text begins with.
fn tag(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('<')?;
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    let after = TAGS.iter().find_map(|tag| {
        js::strip_word(inner, tag).filter(|after| after.starts_with('>') || after.starts_with(js::is_space))
    })?;
    let end = after.find(['<', '>'])?;
    after[end..].starts_with('>').then(|| text.len() - after.len() + end)
}

/// A text as the value of an attribute.
#[must_use]
pub fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A text in one line, so that it cannot add an entry to the list that it stands in.
#[must_use]
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        if c.is_ascii_control() {
            if !in_run {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
        in_run = c.is_ascii_control();
    }
    js::trim(&out).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_of_the_frames_lose_their_force() {
        let table = [
            ("a <b> Result<T, E> && c", "a <b> Result<T, E> && c"),
            ("</template>", "&lt;/template&gt;"),
            ("<TASK>do</Task>", "&lt;TASK&gt;do&lt;/Task&gt;"),
            ("<task\nid=\"1\">", "&lt;task\nid=\"1\"&gt;"),
            ("<tasks>", "<tasks>"),
            ("<task", "<task"),
            ("<task <rules>", "<task &lt;rules&gt;"),
            ("< task>", "< task>"),
            ("<details>é</details>", "<details>é</details>"),
            ("<paté>", "<paté>"),
        ];
        for (text, wanted) in table {
            assert_eq!(inside(text), wanted, "{text}");
        }
        assert_eq!(attribute("a\"b<&>"), "a&quot;b&lt;&amp;&gt;");
        assert_eq!(line(" a\r\n\tb\u{7f} "), "a b");
    }

    #[test]
    fn many_open_tags_take_no_time() {
        let text = "<task ".repeat(100_000);
        assert_eq!(inside(&text), text);
    }
}
