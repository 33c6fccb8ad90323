//! What validation says, written for people, for programs, for a runner of GitHub and as SARIF.
//! Lives here: the shapes. Never here: the verdicts (see `validate`).

use clap::ValueEnum;
use serde::Serialize;

use super::super::{Context, say};
use super::desk::{self, Failure, RootOut};
use super::sarif;
use super::select::Kind;
use super::validate::Item;
use crate::town::spec::issue::{Issue, Level};
use crate::town::text;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// The reference's shape, with code, file, line, column and fix.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

/// Everything that was judged.
pub struct Report {
    /// By id.
    pub items: Vec<Item>,
    /// The kinds that were asked for.
    pub kinds: Vec<Kind>,
    /// The scope, where only items with findings are wanted.
    pub findings: Option<&'static str>,
    /// Whether warnings count.
    pub is_strict: bool,
    /// The root as answers name it.
    pub root: RootOut,
}

#[derive(Serialize)]
struct Count {
    items: usize,
    passed: usize,
    failed: usize,
}

impl Count {
    fn of<'i>(items: impl Iterator<Item = &'i Item>) -> Self {
        let (mut all, mut passed) = (0, 0);
        for item in items {
            all += 1;
            passed += usize::from(item.valid);
        }
        Self { items: all, passed, failed: all - passed }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    totals: Count,
    by_type: ByType,
}

#[derive(Serialize)]
struct ByType {
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<Count>,
}

#[derive(Serialize)]
struct Full<'r> {
    items: &'r [Item],
    summary: Summary,
    version: &'static str,
    root: &'r RootOut,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    kind: &'static str,
    version: &'static str,
    scope: &'static str,
    returned_items: usize,
    total_items: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Findings<'r> {
    report: About,
    item_findings: Vec<&'r Item>,
    summary: Summary,
    root: &'r RootOut,
}

impl Report {
    /// How many items are invalid.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.items.iter().filter(|item| !item.valid).count()
    }

    fn summary(&self) -> Summary {
        let of = |kind: Kind| {
            self.kinds.contains(&kind).then(|| Count::of(self.items.iter().filter(|item| item.kind == kind)))
        };
        let by_type = ByType { change: of(Kind::Change), spec: of(Kind::Spec) };
        Summary { totals: Count::of(self.items.iter()), by_type }
    }

    fn with_findings(&self) -> Vec<&Item> {
        self.items.iter().filter(|item| !item.issues.is_empty()).collect()
    }
}

/// Prints the answer.
///
/// # Errors
/// A failure when it cannot be written.
pub fn print(context: &Context, report: &Report, format: Format) -> Result<(), Failure> {
    match format {
        Format::Text => text(report),
        Format::Github => github(report),
        Format::Sarif => desk::json(&sarif::of(&report.items))?,
        Format::Json => match report.findings {
            None => desk::json(&Full {
                items: &report.items,
                summary: report.summary(),
                version: "1.0",
                root: &report.root,
            })?,
            Some(scope) => {
                let found = report.with_findings();
                let about = About {
                    kind: "validation-findings",
                    version: "1.0",
                    scope,
                    returned_items: found.len(),
                    total_items: report.items.len(),
                };
                desk::json(&Findings {
                    report: about,
                    item_findings: found,
                    summary: report.summary(),
                    root: &report.root,
                })?;
            }
        },
    }
    if context.env.is_actions() && format == Format::Text && report.failed() > 0 {
        say::story(context, "--format github writes these as annotations");
    }
    Ok(())
}

/// A level in lower case.
#[must_use]
pub fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "info",
    }
}

fn place(issue: &Issue) -> String {
    let mut place = issue.file.clone();
    for number in [issue.line, issue.column].into_iter().flatten() {
        place.push_str(&format!(":{number}"));
    }
    place
}

fn text(report: &Report) {
    for found in report.items.iter().filter(|item| report.findings.is_none() || !item.issues.is_empty()) {
        item(found.kind, &found.id, found.valid, &found.issues);
    }
    totals(report);
}

/// Prints one verdict with its reasons.
pub fn item(kind: Kind, id: &str, valid: bool, issues: &[Issue]) {
    let sign = if valid { "✓" } else { "✗" };
    line(&format!("{sign} {}/{id}", kind.name()));
    for issue in issues {
        line(&format!("  {}: {} {}: {}", place(issue), word(issue.level), issue.code, issue.message));
        if let Some(fix) = &issue.fix {
            line(&format!("    fix: {fix}"));
        }
    }
}

fn line(text: &str) {
    say::answer(&text::neutralise_commands(text));
}

fn totals(report: &Report) {
    let count = Count::of(report.items.iter());
    let strict = if report.is_strict { " (warnings count)" } else { "" };
    let items = say::many(count.items, "item");
    line(&format!("{items}: {} passed, {} failed{strict}", count.passed, count.failed));
}

/// Commands that a runner turns into annotations beside the lines.
fn github(report: &Report) {
    for issue in report.items.iter().flat_map(|item| &item.issues) {
        let command = match issue.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "notice",
        };
        let mut properties = format!("file={}", text::escape_property(&issue.file));
        for (name, number) in [("line", issue.line), ("col", issue.column)] {
            if let Some(number) = number {
                properties.push_str(&format!(",{name}={number}"));
            }
        }
        let message =
            issue.fix.as_ref().map_or_else(|| issue.message.clone(), |fix| format!("{}; {fix}", issue.message));
        let (title, message) = (text::escape_property(issue.code), text::escape_data(&message));
        say::answer(&format!("::{command} {properties},title={title}::{message}"));
    }
    totals(report);
}
