//! `monkeytown spec trace`.
//! Lives here: which files are looked through, and how the matrix is printed. Never here: ids, tags and gaps (see
//! `town::spec::trace`).

use clap::Args as ClapArgs;
use serde_json::json;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, Shape, Without};
use super::report;
use crate::config::texts::{self, Passed};
use crate::town::limits::TEXT_FILES;
use crate::town::spec::issue::Level;
use crate::town::spec::rules::Profile;
use crate::town::spec::trace::{self, Row, Tag, Trace};
use crate::town::spec::tree::Archive;

/// Say which test or code covers which requirement
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A comment of any kind says `covers: <capability>#<requirement>` or `covers: <capability>#<requirement>/<scenario>`, \
with the ids that this command prints: `+` before what a tag names, `-` before what none does. Looked through are the \
text files of the repository outside of openspec/, save Markdown. Exit code 1 says that a tag names nothing, and with \
--strict that something is covered by nothing.")]
pub struct Args {
    /// Only this capability, by the id of its spec
    #[arg(value_name = "CAPABILITY")]
    capability: Option<String>,
    /// Gaps make the command fail too
    #[arg(long)]
    strict: bool,
    /// Print only what is covered by nothing, and tags that name nothing
    #[arg(long)]
    gaps: bool,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    desk::end(context, Shape::default().with("rows", json!([])).with("root", json!(null)), answer(context, args))
}

fn answer(context: &Context, args: &Args) -> Result<u8, Failure> {
    let desk = Desk::open(context, Without::Fail, Archive::Names)?;
    let project = desk.project();
    if let Some(id) = args.capability.as_ref().filter(|id| !project.specs().iter().any(|spec| spec.id == **id)) {
        let failure = Failure::new("unknown_item", format!("there is no spec {id:?}"));
        return Err(failure.fix("monkeytown spec list --specs prints the ids"));
    }
    let (tags, passed) = tags(&desk)?;
    let mut trace = Trace::of(trace::rows(&project), tags);
    if let Some(id) = &args.capability {
        trace.keep(id);
    }
    let findings = trace.findings(Profile::Gated);
    let rows: Vec<&Row> = trace.rows.iter().filter(|row| !args.gaps || !row.is_covered).collect();
    let fails = findings.iter().any(|finding| args.strict || finding.level == Level::Error);
    if context.json {
        let count = |scenarios: bool, covered: bool| {
            let of_kind = trace.rows.iter().filter(|row| row.is_scenario() == scenarios && row.change.is_none());
            of_kind.filter(|row| !covered || row.is_covered).count()
        };
        let counts = |scenarios| json!({"total": count(scenarios, false), "covered": count(scenarios, true)});
        let answer = Shape::default()
            .with("rows", &rows)
            .with("findings", &findings)
            .with("summary", json!({"requirements": counts(false), "scenarios": counts(true)}))
            .with("unread", json!({"files": passed.unread, "isCut": passed.is_cut}))
            .with("root", desk.root_out());
        desk::json(&answer)?;
        return Ok(u8::from(fails));
    }
    for row in &rows {
        say::answer(&line(row));
    }
    for finding in findings.iter().filter(|finding| finding.level == Level::Error) {
        let place = format!("{}:{}", finding.file, finding.line.unwrap_or(1));
        say::answer(&format!("{place}: {}: {} [{}]", report::word(finding.level), finding.message, finding.code));
    }
    let covered = trace.rows.iter().filter(|row| row.is_covered).count();
    say::story(context, &format!("{covered} of {} requirements and scenarios are covered", trace.rows.len()));
    if passed.unread > 0 {
        let message = format!("{} files were not looked through: larger than 1 MiB, or not to be read", passed.unread);
        say::story(context, &format!("warning: {message}"));
    }
    if passed.is_cut {
        let message = format!("there are more than {TEXT_FILES} files; tags in the rest of them were not looked for");
        say::story(context, &format!("warning: {message}"));
    }
    Ok(u8::from(fails))
}

/// The tags in the texts of a root.
///
/// # Errors
/// It cannot be listed.
pub fn tags(desk: &Desk) -> Result<(Vec<Tag>, Passed), Failure> {
    let openspec = desk.root.openspec();
    let mut tags = Vec::new();
    let is_wanted = |path: &str| trace::is_looked_through(path, &openspec);
    let passed = texts::each(&desk.root.base, is_wanted, |path, text| tags.extend(trace::tags(path, text)))?;
    Ok((tags, passed))
}

/// One line of the matrix.
fn line(row: &Row) -> String {
    let mark = if row.is_covered { '+' } else { '-' };
    let indent = if row.is_scenario() { "  " } else { "" };
    let places: Vec<String> = row.covered_by.iter().map(|place| format!("{}:{}", place.file, place.line)).collect();
    let change = row.change.as_ref().map(|change| format!(" (change {change})")).unwrap_or_default();
    format!("{mark} {indent}{}{change}  {}", row.id, places.join(" ")).trim_end().to_owned()
}
