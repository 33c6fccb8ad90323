//! Templates that the repository may bring along, rendered so that none can hang or flood the process.
//! Lives here: the little of the template language that is allowed, and its bounds. Never here: what is rendered.
//!
//! Fuel alone does not bound memory: a few dozen doublings of a string cost a few dozen instructions. So the language is
//! cut down to what a prompt needs: printing, `if` and `for`, with nothing that builds a new value.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde::Serialize;

/// A template's source, in bytes.
const SOURCE_BYTES: usize = 64 * 1024;
/// What a template may render to, in bytes.
const OUTPUT_BYTES: usize = 2 * 1024 * 1024;
/// Instructions that a template may use.
const FUEL: u64 = 100_000;
/// The statements that a template may use.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Why a template does not render.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template {name}, line {line}: {why}")]
pub struct TemplateError {
    /// Which template.
    pub name: String,
    /// Where in it, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// Renders `source` with the fields of `context`.
///
/// # Errors
/// [`TemplateError`] with the line when the source uses what is not allowed, names what is not there, or costs too much.
pub fn render(name: &str, source: &str, context: impl Serialize) -> Result<String, TemplateError> {
    let fail = |line: usize, why: String| TemplateError { name: name.to_owned(), line: line.max(1), why };
    if source.len() > SOURCE_BYTES {
        return Err(fail(1, format!("it has {} bytes; {SOURCE_BYTES} are allowed", source.len())));
    }
    check(source).map_err(|(line, why)| fail(line, why))?;
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    let mut env = Environment::empty();
    env.set_syntax(syntax.map_err(|e| fail(1, e.to_string()))?);
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.add_filter("length", |value: Value| value.len().unwrap_or(0));
    let explain = |error: minijinja::Error| {
        let line = error.line().unwrap_or(1);
        let why = match error.kind() {
            ErrorKind::OutOfFuel => format!("it needs more than {FUEL} instructions"),
            ErrorKind::WriteFailure => format!("it renders to more than {OUTPUT_BYTES} bytes"),
            kind => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
        };
        fail(line, why)
    };
    let template = env.template_from_named_str(name, source).map_err(explain)?;
    let mut out = Bounded(Vec::new());
    template.render_captured_to(Value::from(Serde(&context)), &mut out).map_err(explain)?;
    String::from_utf8(out.0).map_err(|e| fail(1, e.to_string()))
}

/// A writer that is full at [`OUTPUT_BYTES`].
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_BYTES {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Finds the first thing in a template that is not allowed, with its line.
fn check(source: &str) -> Result<(), (usize, String)> {
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        let line = 1 + source[..source.len() - rest.len() + at].matches('\n').count();
        let inner = &rest[at + 1..];
        let (close, statement) = match inner.bytes().next() {
            Some(b'#') => {
                let Some(end) = inner.find("#}") else { return Ok(()) };
                rest = &inner[end + 2..];
                continue;
            }
            Some(b'{') => ("}}", false),
            Some(b'%') => ("%}", true),
            _ => {
                rest = inner;
                continue;
            }
        };
        let tag = &inner[1..];
        let end = check_tag(tag, close, statement).map_err(|why| (line, why))?;
        rest = &tag[end..];
    }
    Ok(())
}

/// Checks one tag and says where it ends.
fn check_tag(tag: &str, close: &str, statement: bool) -> Result<usize, String> {
    let mut bare = String::new();
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in tag.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if tag[at..].starts_with(close) => {
                check_words(&bare, statement)?;
                return Ok(at + close.len());
            }
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                bare.push(' ');
            }
            None if c.is_alphanumeric() || c.is_whitespace() || "_.|()<>=!-".contains(c) => bare.push(c),
            None => return Err(format!("{c:?} is not allowed in a tag; print, if and for are")),
        }
    }
    Err(format!("the tag is not closed by {close}"))
}

fn check_words(bare: &str, statement: bool) -> Result<(), String> {
    let words = || bare.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    if statement {
        let first = words().next().unwrap_or_default();
        if !STATEMENTS.contains(&first) {
            return Err(format!("the statement {first:?} is not allowed; {} are", STATEMENTS.join(", ")));
        }
    }
    match words().find(|word| *word == "recursive") {
        Some(_) => Err("a recursive loop is not allowed".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn why(source: &str) -> String {
        let context = json!({"name": "x", "list": vec!["y"; 1_000], "long": "z".repeat(10_000)});
        render("t", source, context).unwrap_err().to_string()
    }

    #[test]
    fn printing_conditions_and_loops_work() {
        let source = "Hi {{ name }}!\n{% for n in list %}\n- {{ n }}{% if not loop.last %};{% endif %}\n\n{% endfor %}\n\
                      {# a comment with ~ and * #}{% if list|length > 1 and name == '}}' %}odd{% else %}even{% endif %} { ~\n";
        let out = render("t", source, json!({"name": "ada", "list": [1, 2]})).unwrap();
        assert_eq!(out, "Hi ada!\n- 1;\n- 2\neven { ~\n");
    }

    #[test]
    fn what_could_flood_or_reach_out_is_refused_with_its_line() {
        let cases = [
            ("a\n{% set x = name ~ name %}", "line 2: '~'"),
            ("{% set x = name %}", "line 1: the statement \"set\""),
            ("\n\n{{ name * 100000 }}", "line 3: '*'"),
            ("{{ name + name }}", "'+'"),
            ("{{ [name] }}", "'['"),
            ("{% for a in list recursive %}{{ loop(a) }}{% endfor %}", "recursive loop"),
            ("{% include 'x' %}", "\"include\""),
            ("{% macro m() %}{% endmacro %}", "\"macro\""),
            ("{%- filter upper -%}x{% endfilter %}", "\"filter\""),
            ("{{ name", "is not closed"),
            ("{{ '\\'' ~ name }}", "'~'"),
        ];
        for (source, part) in cases {
            assert!(why(source).contains(part), "{source}: {}", why(source));
        }
    }

    #[test]
    fn fuel_and_output_are_bounded() {
        let nested = "{% for a in list %}{% for b in list %}{% for c in list %}x{% endfor %}{% endfor %}{% endfor %}";
        assert!(why(nested).contains("more than 100000 instructions"), "{}", why(nested));
        let flood = "{% for a in list %}{{ long }}{% endfor %}";
        assert!(why(flood).contains("renders to more than"), "{}", why(flood));
        assert!(why(&"x".repeat(70_000)).contains("70000 bytes"));
        assert!(!why(&"{% if name %}".repeat(4_000)).is_empty(), "deep nesting is an error and no crash");
        assert!(!why(&format!("{{{{ {}name }}}}", "(".repeat(20_000))).is_empty());
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        assert!(why("a\nb {{ nmae }}").contains("line 2: undefined value"), "{}", why("a\nb {{ nmae }}"));
        assert!(why("{% if name %}").contains("line 1: syntax error"), "{}", why("{% if name %}"));
        assert!(why("{{ name|upper }}").contains("unknown filter"), "{}", why("{{ name|upper }}"));
    }
}
