//! What rules can say at each gate: about a draft, about what was made, about what was wanted, about its tests.
//! Lives here: the judgements. Never here: whose turn it is (see [`super`]).

use super::{Act, Case, verdict};
use crate::town::facts::{TestFacts, TestOutcome};
use crate::town::finding::Finding;
use crate::town::gate;
use crate::town::spec::block;
use crate::town::spec::delta::Delta;
use crate::town::spec::evidence;
use crate::town::spec::issue::Level;
use crate::town::spec::lifecycle::is_of_life;
use crate::town::spec::lines::Lines;
use crate::town::spec::project::Project;
use crate::town::spec::record::{Gate, Verdict, finding_of};
use crate::town::spec::rules::Profile;
use crate::town::spec::tasks::tasks;
use crate::town::spec::validate::Checker;
use crate::town::text::one_line;

/// Judges a draft: by every rule of the profile `gated`, the merge onto today's specs and the other open changes among them.
pub(super) fn draft(project: &Project<'_>, case: &Case<'_>) -> Act {
    let issues = Checker::new(project, Profile::Gated).change(case.name);
    let told = issues.iter().filter(|issue| issue.level > Level::Info && !is_of_life(issue.code));
    let mut findings: Vec<Finding> = told.take(150).map(finding_of).collect();
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
    evidence.push(format!("{}/tasks.md: {} tasks", case.folder, case.life.tasks.total));
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
pub(super) fn made(project: &Project<'_>, case: &Case<'_>, tests: Option<&TestFacts>) -> Result<Act, String> {
    let text = project.text(&format!("{}/tasks.md", case.folder)).unwrap_or_default();
    let tasks = tasks(&text);
    let done = tasks.iter().filter(|task| task.done).count();
    if let Some(task) = tasks.iter().find(|task| !task.done) {
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
    let proof = evidence::lines(project.tree(), &case.folder);
    let mut shown = Vec::new();
    for task in &tasks {
        let Some(line) = proof.iter().find(|line| evidence::shows(line, &task.text)) else {
            let task = one_line(&task.text, 80);
            return Err(format!("`{}` needs a mind: the task `{task}` is ticked, and nothing shows it", case.name));
        };
        shown.push(one_line(line, 400));
    }
    if let Some(finding) = suite(tests).err().filter(|finding| finding.rule != NO_COMMAND) {
        return Err(format!("`{}` cannot be handed over: {}", case.name, finding.message));
    }
    shown.extend(suite(tests).ok());
    let mind =
        "Every task is ticked and has a line that shows it. Whether that line tells the truth, rules cannot say.";
    Ok(verdict(case, Gate::Implement, Verdict::Done, Vec::new(), shown, mind))
}

/// Holds every scenario of a change against what was said to show it.
pub(super) fn wanted(project: &Project<'_>, case: &Case<'_>) -> Act {
    let proof = evidence::lines(project.tree(), &case.folder);
    let (mut findings, mut shown) = (Vec::new(), Vec::new());
    for delta in project.deltas(case.name) {
        let Ok(text) = project.text(&delta.path) else { continue };
        let read = Delta::of(&Lines::of(&text));
        for requirement in read.added.iter().chain(&read.modified) {
            let lines = requirement.lines();
            for scenario in block::scenarios(&lines, 0..lines.len()) {
                let line = requirement.line as usize + scenario.at;
                let name = one_line(&scenario.name, 100);
                match proof.iter().find(|line| evidence::shows(line, &scenario.name)) {
                    Some(proof) => shown.push(format!("{}:{line}: {name}: {}", delta.path, one_line(proof, 300))),
                    None => {
                        let why =
                            format!("nothing shows the scenario `{name}` of `{}`", one_line(&requirement.name, 100));
                        let fix =
                            format!("name it in {}/{} beside a test, a path or a commit", case.folder, evidence::FILE);
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

/// Whether a file holds tests, by its place or by what stands in it.
fn is_test(path: &str, text: &str) -> bool {
    let named = path.split(['/', '.', '_', '-']).any(|part| matches!(part, "test" | "tests" | "spec" | "specs"));
    let marks = ["#[test]", "#[tokio::test]", "def test_", "func Test", "@Test", "describe(", " it(", "\nit(", "test("];
    named || marks.iter().any(|mark| text.contains(mark))
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
