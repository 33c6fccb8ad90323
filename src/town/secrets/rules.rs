//! The table of known forms of secrets.
//! Lives here: patterns, what makes a value strong, what makes it an obvious example. Never here: encodings.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// The longest value that is believed to be assigned as a secret, in bytes.
const LONGEST: usize = 512;
/// The rule whose hit goes on to the end of the key.
pub(super) const PRIVATE_KEY: &str = "private-key";

/// Which rules are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Only forms that are known by their shape alone.
    Known,
    /// Also guesses by the name that a value is assigned to.
    All,
}

/// One form of secret. The first group of the pattern, or else the whole match, is the value.
struct Rule {
    name: &'static str,
    /// A cheap pattern without which the other cannot match.
    hint: &'static str,
    pattern: &'static str,
    /// Whether a value that fits the pattern is strong enough to be meant.
    strong: fn(&[u8]) -> bool,
    scope: Scope,
}

const fn known(name: &'static str, hint: &'static str, pattern: &'static str) -> Rule {
    Rule { name, hint, pattern, strong: any, scope: Scope::Known }
}

const RULES: &[Rule] = &[
    known("github-token", r"gh[pousr]_", r"gh[pousr]_[A-Za-z0-9]{36,}"),
    known("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{50,}"),
    known("gitlab-token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    known("aws-access-key", "AKIA|ASIA", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    Rule {
        strong: mixed,
        ..known(
            "aws-secret-key",
            "(?i)aws",
            r#"(?i)\baws_?(?:secret)?_?(?:access)?_?key["']?[ \t]{0,8}(?:=>|:=|[:=])[ \t]{0,8}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+]|$)"#,
        )
    },
    known("google-api-key", "AIza", r"AIza[0-9A-Za-z_-]{35}"),
    known("google-client-secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    known("slack-token", "xox|xapp-", r"\b(?:xox[abeoprs]|xapp)-[0-9A-Za-z-]{20,}"),
    known("slack-webhook", r"hooks\.slack", r"hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,}"),
    known("anthropic-key", "sk-ant-", r"\bsk-ant-[A-Za-z0-9_-]{24,}"),
    Rule {
        strong: mixed,
        ..known("openai-key", "sk-", r"\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,})")
    },
    known("stripe-key", "k_live_", r"\b[sr]k_live_[0-9A-Za-z]{16,}"),
    known("npm-token", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    known("pypi-token", "pypi-", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    known("crates-io-token", "cio", r"\bcio[A-Za-z0-9]{32}\b"),
    known("hugging-face-token", "hf_", r"\bhf_[A-Za-z0-9]{34}"),
    known("sendgrid-key", r"SG\.", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    known("digitalocean-token", "dop_v1_", r"dop_v1_[a-f0-9]{64}"),
    known("age-secret-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    known(
        PRIVATE_KEY,
        "PRIVATE KEY",
        r#"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[\s"'`+,|]|\\[nr\\]?|(?:Proc-Type|DEK-Info|Version|Comment): ?[^\n\\]{1,80})*[A-Za-z0-9+/]{16}"#,
    ),
    known("json-web-token", "eyJ", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    Rule {
        strong: password,
        ..known("password-in-url", "://", r#"://[^\s/:@"'<>`\\]*:([^\s/@"'<>`\\]{3,})@[A-Za-z0-9\[]"#)
    },
    Rule { name: "assigned-secret", hint: NAMES, pattern: QUOTED, strong: assigned, scope: Scope::All },
    Rule { name: "assigned-secret", hint: NAMES, pattern: BARE, strong: bare, scope: Scope::All },
];

const NAMES: &str = "(?i)passw|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential";

const QUOTED: &str = r#"(?i)(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[a-z0-9_-]{0,24}["'\]]{0,2}[ \t]{0,8}(?::[ \t]{0,4}[a-z&<>'_. ]{1,40})?(?:=>|:=|[:=])[ \t]{0,8}["'`]([^"'`\s]{12,})["'`]"#;

const BARE: &str = r"(?im)^[ \t]*(?:export[ \t]+|-[ \t]+)?[a-z0-9_.-]{0,40}(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[a-z0-9_-]{0,24}[ \t]{0,8}[:=][ \t]{0,8}([a-z0-9+/_=.~!@#%^&*-]{16,})[ \t]*\r?$";

/// The rules, compiled. A pattern of the table that does not compile is a fault that the tests find.
struct Table {
    hints: RegexSet,
    patterns: Vec<(&'static Rule, Regex)>,
}

static TABLE: LazyLock<Option<Table>> = LazyLock::new(|| {
    let hints = RegexSetBuilder::new(RULES.iter().map(|rule| rule.hint)).unicode(false).build().ok()?;
    let compile = |rule: &'static Rule| Some((rule, RegexBuilder::new(rule.pattern).unicode(false).build().ok()?));
    Some(Table { hints, patterns: RULES.iter().map(compile).collect::<Option<_>>()? })
});

/// Finds at most `most` values per rule: the rule's name, where the value stands, and the value.
pub(super) fn find(bytes: &[u8], scope: Scope, most: usize) -> Vec<(&'static str, usize, usize, &[u8])> {
    let Some(table) = TABLE.as_ref() else { return Vec::new() };
    let mut found = Vec::new();
    for at in table.hints.matches(bytes) {
        let (rule, pattern) = &table.patterns[at];
        if rule.scope == Scope::All && scope == Scope::Known {
            continue;
        }
        let values = pattern.captures_iter(bytes).filter_map(|captures| captures.get(1).or_else(|| captures.get(0)));
        let strong = values.filter(|value| (rule.strong)(value.as_bytes()) && !is_example(value.as_bytes()));
        found.extend(strong.take(most).map(|value| (rule.name, value.start(), value.end(), value.as_bytes())));
    }
    found
}

/// Whether a value is obviously no secret: a placeholder, an example, a variable, or hardly any characters at all.
fn is_example(value: &[u8]) -> bool {
    const WORDS: [&str; 13] = [
        "example",
        "xxxx",
        "placeholder",
        "changeme",
        "change-me",
        "change_me",
        "your-",
        "your_",
        "redacted",
        "dummy",
        "***",
        "...",
        "insert",
    ];
    // The example that every introduction to JSON web tokens shows: {"sub":"1234567890
    const SHOWN_EVERYWHERE: &str = "eyjzdwiioiixmjm0nty3odkwi";
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    if WORDS.iter().any(|word| text.contains(word)) || text.contains(SHOWN_EVERYWHERE) {
        return true;
    }
    if text.contains("${") || text.contains("{{") || text.contains("$(") || text.starts_with(['$', '<', '%', '{']) {
        return true;
    }
    // What follows the known beginning decides: `ghp_aaaa…` is nobody's token.
    let body = text.rsplit(['_', '-']).find(|part| part.len() >= 8).unwrap_or(&text);
    let mut seen: Vec<u8> = body.bytes().collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() <= 2
}

fn any(_: &[u8]) -> bool {
    true
}

/// Letters and digits, well mixed, as a generated key has them.
fn mixed(value: &[u8]) -> bool {
    has(value, u8::is_ascii_digit) && has(value, u8::is_ascii_alphabetic) && entropy(value) >= 3.0
}

fn has(value: &[u8], is: fn(&u8) -> bool) -> bool {
    value.iter().any(is)
}

/// A password in a URL that is not the word for one.
fn password(value: &[u8]) -> bool {
    const WORDS: [&str; 14] = [
        "password", "passwd", "pass", "pwd", "secret", "token", "postgres", "root", "admin", "guest", "user", "test",
        "apikey", "key",
    ];
    let text = String::from_utf8_lossy(&value[..value.len().min(LONGEST)]).to_ascii_lowercase();
    !WORDS.contains(&text.as_str()) && !value.starts_with(b"//")
}

/// A value in quotes that nobody types by heart.
fn assigned(value: &[u8]) -> bool {
    if value.len() > LONGEST {
        return false;
    }
    let text = String::from_utf8_lossy(value);
    let is_place = text.contains("://") || text.starts_with(['/', '.', '#']) || text.contains('(');
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let cased = has(value, u8::is_ascii_uppercase) && has(value, u8::is_ascii_lowercase);
    !is_place && has(value, u8::is_ascii_alphabetic) && (digits >= 3 || (digits >= 1 && cased)) && entropy(value) >= 3.5
}

/// A value without quotes must be stronger: code looks like this too.
fn bare(value: &[u8]) -> bool {
    let cased = has(value, u8::is_ascii_uppercase) && has(value, u8::is_ascii_lowercase);
    let hexadecimal = value.len() >= 32 && value.iter().all(u8::is_ascii_hexdigit);
    assigned(value) && (cased || hexadecimal) && entropy(value) >= if hexadecimal { 3.0 } else { 3.7 }
}

/// Shannon's entropy in bits per byte.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        counts[usize::from(*byte)] += 1;
    }
    let total = value.len() as f64;
    counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / total).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(TABLE.is_some());
    }

    #[test]
    fn entropy_is_shannons() {
        assert!(entropy(b"aaaa").abs() < 1e-9);
        assert!((entropy(b"abcd") - 2.0).abs() < 1e-9);
    }
}
