//! `monkeytown spec adopt`.
//! Lives here: reading a proposal, writing the delta that it holds. Never here: how requirements are lifted (see
//! `town::spec::adopt`).

use clap::Args as ClapArgs;
use serde::Serialize;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, RootOut, Shape};
use super::select;
use crate::config::spec_place;
use crate::town::spec::adopt;

/// Lift the requirements that a proposal holds in its text into a delta that adds them
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Reads `### Requirement:` blocks of proposal.md. Lines that begin with WHEN, THEN, GIVEN, AND or BUT in capitals become \
scenarios. The proposal stays as it is, and a delta that is there already is never overwritten.

Example:
  monkeytown spec adopt add-login --capability user-auth")]
pub struct Args {
    /// The change's name
    #[arg(value_name = "NAME")]
    name: String,
    /// The capability that gets the requirements; made of the change's name unless said otherwise
    #[arg(long, value_name = "ID")]
    capability: Option<String>,
    /// Print the delta, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Adopted {
    change: String,
    capability: String,
    path: String,
    requirements: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    adopt: &'a Adopted,
    root: RootOut,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    desk::within(context, Shape::default().with("adopt", ()), |desk| lift(context, desk, args))
}

fn refused(message: String, fix: &str) -> Failure {
    Failure::new("adopt_error", message).fix(fix)
}

fn lift(context: &Context, desk: &Desk, args: &Args) -> Result<u8, Failure> {
    let project = desk.project();
    if !project.has_change(&args.name) {
        let message = format!("there is no change `{}`", args.name.escape_debug());
        return Err(refused(message, &select::open_changes(&project)));
    }
    let capability = args.capability.clone().unwrap_or_else(|| adopt::slug(&args.name));
    if !adopt::is_capability(&capability) {
        return Err(refused(
            format!(
                "`{}` cannot be a capability: its folders are called by letters, digits, -, _ and .",
                capability.escape_debug()
            ),
            "Give one with --capability, such as user-auth.",
        ));
    }
    let proposal = format!("{}/proposal.md", project.change_path(&args.name));
    let text = project.text(&proposal).map_err(|fault| {
        let (why, fix) = fault.words();
        refused(format!("{proposal}: {why}"), fix)
    })?;
    let (delta, requirements) = adopt::delta(&text).map_err(|unfit| {
        let said: Vec<String> =
            unfit.iter().map(|unfit| format!("{proposal}:{}: `{}`: {}", unfit.line, unfit.name, unfit.why)).collect();
        refused(
            format!("not every requirement can be lifted\n  {}", said.join("\n  ")),
            "Mend these in the proposal, then run it again.",
        )
    })?;
    if requirements == 0 {
        return Err(refused(format!("{proposal} holds no `### Requirement:` of its own"), "Write the delta by hand."));
    }
    if let Ok(main) = project.text(&project.spec_path(&capability)) {
        let taken = adopt::taken(&delta, &main);
        if !taken.is_empty() {
            let message = format!("the spec {capability} has these already: {}", taken.join(", "));
            return Err(refused(message, "Choose another capability, or write them under MODIFIED by hand."));
        }
    }
    let path = format!("{}/specs/{capability}/spec.md", project.change_path(&args.name));
    if !args.dry_run {
        write(desk, &path, &delta)?;
    }
    let text = args.dry_run.then_some(delta);
    let adopted = Adopted { change: args.name.clone(), capability, path, requirements, text };
    answer(context, desk, &adopted)
}

fn write(desk: &Desk, path: &str, text: &str) -> Result<(), Failure> {
    desk.stays("adopt_error", path)?;
    let place = desk.on_disk(path);
    if spec_place::is_there(&place) {
        let message = format!("{path} is there already, and it is not written over");
        return Err(refused(message, "Move it away, or name another capability with --capability."));
    }
    spec_place::put(&place, text.as_bytes()).map_err(|error| desk::unwritten("adopt_error", "write", &place, &error))
}

fn answer(context: &Context, desk: &Desk, adopted: &Adopted) -> Result<u8, Failure> {
    if context.json {
        desk::json(&Answer { adopt: adopted, root: desk.root_out() })?;
        return Ok(0);
    }
    if let Some(text) = &adopted.text {
        say::answer(text.trim_end());
    } else {
        say::answer(&format!(
            "{}: {} lifted into {}",
            adopted.change,
            say::many(adopted.requirements, "requirement"),
            adopted.path
        ));
    }
    Ok(0)
}
