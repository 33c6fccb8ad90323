//! The templates of the workflows, and the one way in which a value gets into them.
//! Lives here: the template engine, the quoting. Never here: which values there are.
//!
//! GitHub writes `${{ }}` for its own expressions, so the tags here are `<{ }>`, `<% %>` and `<# #>`.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use super::pins::PINS;

/// The values of one workflow, by the name that its template uses.
pub(super) type Values = BTreeMap<&'static str, Value>;

/// The workflows and the parts that they include.
const TEMPLATES: [(&str, &str); 12] = [
    ("agent", include_str!("agent.yml.j2")),
    ("single", include_str!("single.yml.j2")),
    ("split", include_str!("split.yml.j2")),
    ("sync", include_str!("sync.yml.j2")),
    ("call", include_str!("call.j2")),
    ("keys", include_str!("keys.j2")),
    ("permissions", include_str!("permissions.j2")),
    ("checkout", include_str!("checkout.j2")),
    ("app", include_str!("app.j2")),
    ("action", include_str!("action.j2")),
    ("take_queue", include_str!("take_queue.j2")),
    ("keep_queue", include_str!("keep_queue.j2")),
];

/// A workflow that could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("render a workflow")]
pub struct RenderError(#[from] minijinja::Error);

/// Renders the template called `name`.
///
/// # Errors
/// [`RenderError`] where a value holds what no workflow may.
pub(super) fn render(name: &str, values: &Values) -> Result<String, RenderError> {
    let syntax = SyntaxConfig::builder()
        .block_delimiters("<%", "%>")
        .variable_delimiters("<{", "}>")
        .comment_delimiters("<#", "#>")
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    let mut env = Environment::new();
    env.set_syntax(syntax);
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_formatter(write);
    env.add_global("pins", Value::from(BTreeMap::from(PINS.map(|(name, pin)| (name, plain(pin))))));
    for (name, source) in TEMPLATES {
        env.add_template(name, source)?;
    }
    Ok(env.get_template(name)?.render(values)?)
}

/// A text of ours that is written as it is. Whatever comes from a file is a common value and gets quoted.
pub(super) fn plain(text: impl Into<String>) -> Value {
    Value::from_safe_string(text.into())
}

/// Writes a value: numbers as they are, and texts in double quotes, which mean the same to JSON and to every YAML.
///
/// Quotes do not keep GitHub from evaluating `${{ }}`, and no value of a workflow has a use for it: it is refused, and so
/// is whatever is not printable ASCII.
fn write(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let Some(text) = value.as_str().filter(|_| !value.is_safe()) else {
        return minijinja::escape_formatter(out, state, value);
    };
    if text.contains("${{") || !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Error::new(ErrorKind::InvalidOperation, "a value that no workflow may hold"));
    }
    let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    out.write_str(&quoted).map_err(Error::from)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<String, RenderError> {
        let mut env = Environment::new();
        env.set_formatter(write);
        Ok(env.render_str("{{ text }}", minijinja::context! { text })?)
    }

    #[test]
    fn texts_are_quoted_so_that_every_yaml_reads_them_back() {
        for text in ["", "on", "no", "1e3", "0x10", "null", "a: b #c", "- a", "\\n \"x\" 'y'", "*/4 & !tag %", "<b>"] {
            let yaml = written(text).unwrap();
            assert_eq!(serde_yaml::from_str::<String>(&yaml).unwrap(), text, "{yaml}");
            assert_eq!(serde_json::from_str::<String>(&yaml).unwrap(), text, "{yaml}");
        }
    }

    #[test]
    fn expressions_and_what_cannot_be_seen_are_refused() {
        for text in ["${{ github.token }}", "a\nb", "a\tb", "\u{85}", "caf\u{e9}", "\u{202e}x", "\u{0}"] {
            assert!(written(text).is_err(), "{text:?}");
        }
    }
}
