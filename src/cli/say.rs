//! How commands speak: answers, findings, errors.
//! Lives here: printing that survives a closed pipe, masked and neutralised where a runner would obey it.
//! Never here: what is said.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use super::Context;
use crate::run::RunError;
use crate::town::finding::Finding;
use crate::town::text;

/// Prints a line of the answer, with whatever could move a terminal's cursor or hide made visible.
pub fn answer(line: &str) {
    raw(&text::escape_invisible(line).0);
}

/// Prints a line as it is: JSON has its own escapes. A reader that has gone away is no error of ours.
pub fn raw(line: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Prints the answer as JSON.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    raw(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints a line of the story.
pub fn story(context: &Context, line: &str) {
    let line = crate::town::secrets::mask(&text::escape_invisible(line).0, &context.secrets());
    let line = if context.env.is_actions() { text::neutralise_commands(&line) } else { line };
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints findings, and how many there are of each kind.
pub fn findings(findings: &[Finding]) {
    for finding in findings {
        answer(&text::neutralise_commands(&finding.to_string()));
    }
}

/// `1 item`, `2 items`.
#[must_use]
pub fn many(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// `3 errors, 1 warning`.
#[must_use]
pub fn count(findings: &[Finding]) -> String {
    use crate::town::finding::Severity;
    let many = |severity, name: &str| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        (count > 0).then(|| format!("{count} {name}{}", if count == 1 || name == "info" { "" } else { "s" }))
    };
    let parts: Vec<String> =
        [many(Severity::Error, "error"), many(Severity::Warning, "warning"), many(Severity::Info, "info")]
            .into_iter()
            .flatten()
            .collect();
    if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
}

/// Prints an error with its causes, and the findings that it carries.
pub fn error(context: &Context, error: &anyhow::Error) {
    let mut lines = vec![format!("error: {error}")];
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // A transparent error says the same as its source.
        if !said.contains(&cause) {
            lines.push(format!("  because: {cause}"));
            said = cause;
        }
    }
    if let Some(RunError::TownFiles { findings, .. }) = error.downcast_ref::<RunError>() {
        lines.extend(findings.iter().take(20).map(|finding| format!("  {finding}")));
    }
    for line in lines {
        story(context, &line);
    }
}

/// Whether stderr is a terminal that a person looks at.
#[must_use]
pub fn is_live(context: &Context) -> bool {
    io::stderr().is_terminal() && !context.env.is_ci() && context.env.get("TERM") != Some("dumb")
}

/// A duration for people: `3 m`, `2 h`, `5 d`.
#[must_use]
pub fn ago(seconds: i64) -> String {
    match seconds.max(0) {
        s if s < 60 => format!("{s} s"),
        s if s < 3_600 => format!("{} m", s / 60),
        s if s < 86_400 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_by_kind() {
        let findings = [Finding::error("a", "x"), Finding::warning("a", "x"), Finding::warning("a", "x")];
        assert_eq!(count(&findings), "1 error, 2 warnings");
        assert_eq!(count(&[]), "no findings");
    }

    #[test]
    fn durations_have_one_unit() {
        assert_eq!([0, 59, 60, 7_200, 200_000].map(ago), ["0 s", "59 s", "1 m", "2 h", "2 d"]);
    }
}
