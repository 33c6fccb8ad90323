//! What rules can say at each gate: about a draft, about what was made, about what was wanted, about its tests.
//! Lives here: the judgements. Never here: whose turn it is (see [`super`]).

use super::{Act, Case, Desk, verdict};
use crate::town::facts::{TestFacts, TestOutcome};
use crate::town::finding::Finding;
use crate::town::gate;
use crate::town::spec::block;
use crate::town::spec::content;
use crate::town::spec::delta::Delta;
use crate::town::spec::evidence::{self, Proof};
use crate::town::spec::issue::{Issue, Level};
use crate::town::spec::lifecycle::is_of_life;
use crate::town::spec::lines::Lines;
use crate::town::spec::project::Project;
use crate::town::spec::record::{Gate, Record, Verdict, finding_of};
use crate::town::spec::rules::{Profile, Rule};
use crate::town::spec::trace::{self, Row, Trace};
use crate::town::spec::validate::Checker;
use crate::town::text::one_line;

/// What rules have against a change, its life aside.
fn told(project: &Project<'_>, case: &Case<'_>) -> Vec<Issue> {
    let mut issues = Checker::new(project, Profile::Gated).change(case.name);
    issues.retain(|issue| issue.level > Level::Info && !is_of_life(issue.code));
    issues
}

/// Whether a change was returned for what rules found, and rules find nothing any more: what was in its way is gone without an edit
/// of it. What a mind returned, a mind takes up again.
pub(super) fn is_mended(project: &Project<'_>, case: &Case<'_>) -> bool {
    let returned = case.life.last(Gate::Architect).filter(|record| record.verdict == Verdict::NeedsRevision);
    let by_rules = |findings: &[Finding]| {
        !findings.is_empty() && findings.iter().all(|finding| Rule::named(&finding.rule).is_some())
    };
    returned.is_some_and(|record| by_rules(&record.findings)) && told(project, case).is_empty()
}

/// Judges a draft: by every rule of the profile `gated`, the merge onto today's specs and the other open changes among them.
pub(super) fn draft(project: &Project<'_>, case: &Case<'_>) -> Act {
    let mut findings: Vec<Finding> = told(project, case).iter().take(150).map(finding_of).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mind = "Rules judged the form: that the deltas can be read, fit the main specs and collide with no other open change. \
                Whether the problem exists here, the design is the smallest, and the tasks suffice, they cannot say.";
    let mut evidence = vec![format!("{}/proposal.md: the draft at {}", case.folder, case.life.content_hash)];
    for delta in project.deltas(case.name) {
        let Ok(text) = project.text(&delta.path) else { continue };
        let read = Delta::of(&Lines::of(&text));
        evidence.push(format!(
            "{}: {} added, {} modified, {} removed, {} renamed; no rule of the profile gated is broken",
            delta.path,
            read.added.len(),
            read.modified.len(),
            read.removed.len(),
            read.renamed.len()
        ));
    }
    for path in content::task_files(project, &case.folder) {
        evidence.push(format!("{path}: of {} tasks in all", case.life.tasks.total));
    }
    // Strict: what is only a warning to others is a reason to write it anew before days are spent on it.
    if !findings.is_empty() {
        return verdict(case, Gate::Architect, Verdict::NeedsRevision, findings, Vec::new(), mind);
    }
    verdict(case, Gate::Architect, Verdict::Approved, findings, evidence, mind)
}

/// Hands a change over whose every task is ticked and shown.
///
/// # Errors
/// What needs a mind.
pub(super) fn made(desk: &Desk<'_>, project: &Project<'_>, case: &Case<'_>) -> Result<Act, String> {
    let tasks = content::tasks(project, &case.folder);
    let done = tasks.iter().filter(|(_, task)| task.done).count();
    if let Some((_, task)) = tasks.iter().find(|(_, task)| !task.done) {
        let next = one_line(&task.text, 80);
        return Err(format!(
            "`{}` needs a mind: {done} of {} tasks are done, and the next is `{next}`",
            case.name,
            tasks.len()
        ));
    }
    if tasks.is_empty() {
        return Err(format!("`{}` needs a mind: it has no tasks that say what is to be done", case.name));
    }
    if let Some(record) = returned(case) {
        return Err(format!("`{}` needs a mind: {} returned it, and nobody has answered that", case.name, record.path));
    }
    let proof = Proof::of(project, &case.folder, &case.life, desk.paths);
    let mut shown = Vec::new();
    let texts = || tasks.iter().map(|(_, task)| task.text.as_str());
    for (task, line) in texts().zip(proof.of_tasks(texts())) {
        let Some(line) = line else {
            let task = one_line(task, 80);
            return Err(format!("`{}` needs a mind: the task `{task}` is ticked, and nothing shows it", case.name));
        };
        shown.push(one_line(line, 400));
    }
    let tests = desk.tests;
    if let Some(finding) = suite(tests).err().filter(|finding| finding.rule != NO_COMMAND) {
        return Err(format!("`{}` cannot be handed over: {}", case.name, finding.message));
    }
    shown.extend(suite(tests).ok());
    let mind =
        "Every task is ticked and has a line that shows it. Whether that line tells the truth, rules cannot say.";
    Ok(verdict(case, Gate::Implement, Verdict::Done, Vec::new(), shown, mind))
}

/// The record by which a validator returned a change that its implementer has said nothing of since.
fn returned<'c>(case: &'c Case<'_>) -> Option<&'c Record> {
    let counting = case.life.steps.iter().rev().filter(|step| step.counts).map(|step| &step.record);
    counting.take_while(|record| record.gate != Gate::Implement).find(|record| record.verdict == Verdict::Fail)
}

/// The tests and the code that say that they cover a scenario of a change, as places.
fn covering(rows: &[Row], file: &str, line: u32) -> Option<String> {
    let row = rows.iter().find(|row| row.place.file == file && row.place.line == line)?;
    let places: Vec<String> =
        row.covered_by.iter().take(5).map(|place| format!("{}:{}", place.file, place.line)).collect();
    (!places.is_empty()).then(|| format!("covered by {}", places.join(", ")))
}

/// Holds every scenario of a change against what was said to show it.
pub(super) fn wanted(desk: &Desk<'_>, project: &Project<'_>, case: &Case<'_>) -> Act {
    let proof = Proof::of(project, &case.folder, &case.life, desk.paths);
    let rows = Trace::of(trace::rows_of(project, case.name), desk.tags.to_vec()).rows;
    let (mut findings, mut shown) = (Vec::new(), Vec::new());
    for delta in project.deltas(case.name) {
        let Ok(text) = project.text(&delta.path) else { continue };
        let read = Delta::of(&Lines::of(&text));
        for requirement in read.added.iter().chain(&read.modified) {
            let lines = requirement.lines();
            for scenario in block::scenarios(&lines, 0..lines.len()) {
                let line = requirement.line + block::number(scenario.at) - 1;
                let name = one_line(&scenario.name, 100);
                let said = proof.of_name(&scenario.name).next().map(str::to_owned);
                match covering(&rows, &delta.path, line).or(said) {
                    Some(proof) => shown.push(format!("{}:{line}: {name}: {}", delta.path, one_line(&proof, 300))),
                    None => {
                        let why =
                            format!("nothing shows the scenario `{name}` of `{}`", one_line(&requirement.name, 100));
                        let fix = format!(
                            "say in a comment of the test that shows it which id it covers (`monkeytown spec trace` prints the \
                             ids), or name it in {}/{} beside a command, a path that is there or a commit",
                            case.folder,
                            evidence::FILE
                        );
                        findings
                            .push(Finding::error("scenario-without-evidence", why).at(&delta.path).line(line).fix(fix));
                    }
                }
            }
        }
    }
    let mind = "Rules saw that each scenario has a line that shows it. Whether the person with the problem would go away content, \
                they cannot say.";
    if !findings.is_empty() {
        findings.truncate(150);
        return verdict(case, Gate::Pm, Verdict::Fail, findings, Vec::new(), mind);
    }
    if shown.is_empty() {
        shown.push(format!("{}/proposal.md: the change adds and modifies no scenario", case.folder));
    }
    shown.truncate(150);
    verdict(case, Gate::Pm, Verdict::Pass, findings, shown, mind)
}

const NO_COMMAND: &str = "no-test-command";

/// What the project's tests say: a line of evidence, or what is wrong.
fn suite(tests: Option<&TestFacts>) -> Result<String, Finding> {
    let Some((command, run)) = tests.and_then(|tests| Some((tests.command.as_ref()?, tests.run.as_ref()?))) else {
        let fix = "name the command under `tests` in .monkeytown/town.yaml";
        return Err(Finding::error(NO_COMMAND, "no test command is configured").fix(fix));
    };
    let command = one_line(command, 100);
    if run.is_green() {
        let counts = run.summary.as_ref().map(|sum| format!(", {} passed, {} skipped", sum.passed, sum.skipped));
        return Ok(format!("`{command}`: exit 0{}", counts.unwrap_or_default()));
    }
    let how = match &run.outcome {
        TestOutcome::Exited { code } => format!("ends with exit code {code}"),
        TestOutcome::Killed => "was ended by a signal".to_owned(),
        TestOutcome::TimedOut { minutes } => format!("does not end within {minutes} minutes"),
        TestOutcome::NotRun { why } => format!("could not be run: {}", one_line(why, 200)),
    };
    let failed = run.summary.iter().flat_map(|sum| &sum.failures).take(5).map(|name| one_line(name, 80));
    let failed: Vec<String> = failed.collect();
    let failed = if failed.is_empty() { String::new() } else { format!("; failed: {}", failed.join(", ")) };
    Err(Finding::error("tests-fail", format!("`{command}` {how}{failed}"))
        .fix("mend what fails, then hand it over again"))
}

/// Whether a file holds tests, by its place or by what stands in it. Prose is none wherever it stands, and a specification is no test.
fn is_test(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    if matches!(ending, "md" | "txt" | "rst" | "adoc") {
        return false;
    }
    let by_place = path.split(['/', '.', '_', '-']).any(|part| matches!(part, "test" | "tests"));
    let by_name = [".spec", "_spec", "-spec"].iter().any(|end| stem.ends_with(end));
    let marks = ["#[test]", "#[tokio::test]", "def test_", "func Test", "@Test", "describe(", "it(", "test("];
    let is_word = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    by_place || by_name || marks.iter().any(|mark| text.match_indices(mark).any(|(at, _)| is_word(at)))
}

/// Judges the tests of a change: that they pass, that there are some, and that nothing it touched is a stub.
pub(super) fn tested(case: &Case<'_>, tests: Option<&TestFacts>, touched: &[(String, String)]) -> Act {
    let (mut findings, mut shown) = (Vec::new(), Vec::new());
    match suite(tests) {
        Ok(line) => shown.push(line),
        Err(finding) => findings.push(finding),
    }
    let files: Vec<&str> =
        touched.iter().filter(|(path, text)| is_test(path, text)).map(|(path, _)| path.as_str()).collect();
    if files.is_empty() {
        let why = match touched.len() {
            0 => format!("no commit names the change `{}`, so nobody knows which tests are its own", case.name),
            count => format!("none of the {count} files that commits of the change touched holds a test"),
        };
        let fix = format!("add tests in a commit with the trailer `Change: {}`", case.name);
        findings.push(Finding::error("no-test-for-change", why).fix(fix));
    }
    shown.extend(files.iter().take(20).map(|path| format!("{path}: tests that the change touched")));
    for (path, text) in touched {
        findings.extend(gate::not_done(path, text).into_iter().take(20));
    }
    let mind = "Rules saw the suite pass, tests among the files of the change, and no stub in them. Whether each test can fail, a \
                mutation of the code would have to show.";
    if findings.is_empty() {
        return verdict(case, Gate::Test, Verdict::Pass, findings, shown, mind);
    }
    findings.truncate(150);
    verdict(case, Gate::Test, Verdict::Fail, findings, Vec::new(), mind)
}
