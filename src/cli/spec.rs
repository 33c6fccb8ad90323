//! `monkeytown spec`.
//! Lives here: the arguments of our own spelling. Never here: what the commands do (see the files beside this one), or the
//! reference's spelling (see `openspec`).

pub mod adopt;
pub mod archive;
pub mod close;
pub mod commit;
pub mod desk;
pub mod instructions;
pub mod instructions_text;
pub mod list;
pub mod new;
pub mod next;
pub mod record;
pub mod report;
pub mod sarif;
pub mod schemas;
pub mod select;
pub mod show;
pub mod status;
pub mod sync;
pub mod trace;
pub mod unarchive;
pub mod validate;

use clap::{Args as ClapArgs, Subcommand};

use super::{Context, say};
use crate::town::spec::rules::{self, Profile, RULES};
use serde_json::json;

/// Read, judge and archive OpenSpec specs and changes, as the `openspec` command does and further
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The project is the nearest folder from here upwards whose openspec/ has specs/, changes/ or a config.yaml. \
Scripts that know the `openspec` command may call `monkeytown openspec …`, which takes its arguments.

Exit codes: 0 all is well · 1 something is invalid, or was refused with a reason · 2 the call was not understood
docs/openspec.md explains specs, changes, rules and gates.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make openspec/ with its folders and a config
    Init(new::InitArgs),
    /// List the changes, or the specs
    List(list::Args),
    /// Print a change or a spec
    Show(show::Args),
    /// Judge changes and specs by the rules
    Validate(validate::Args),
    /// Say how far changes are: what is written, what is next, what they wait for
    Status(status::Args),
    /// Tell who writes an artifact, does the work of a change or archives it what to know
    Instructions(instructions::Args),
    /// List the workflow schemas
    Schemas,
    /// Say where the templates of a schema are
    Templates(schemas::TemplatesArgs),
    /// Begin a change
    New(new::Args),
    /// Merge a change into the main specs and move it to the archive
    Archive(archive::Args),
    /// Close a change that will not be made
    Close(close::Args),
    /// Take an archived change back
    Unarchive(unarchive::Args),
    /// Merge a change into the main specs and leave it open
    Sync(sync::Args),
    /// Say which change comes next, and why
    Next(next::Args),
    /// Lift the requirements of a proposal into a delta
    Adopt(adopt::Args),
    /// Say which test or code covers which requirement
    Trace(trace::Args),
    /// Print the rules with their levels
    Rules {
        /// As the table of docs/openspec.md
        #[arg(long)]
        markdown: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    match &args.command {
        Command::Init(args) => new::init(context, args),
        Command::List(args) => list::run(context, args),
        Command::Show(args) => show::run(context, args),
        Command::Validate(args) => validate::run(context, args),
        Command::Status(args) => status::run(context, args),
        Command::Instructions(args) => instructions::run(context, args),
        Command::Schemas => schemas::list(context),
        Command::Templates(args) => schemas::templates(context, args),
        Command::New(args) => new::run(context, args),
        Command::Archive(args) => archive::run(context, args),
        Command::Close(args) => close::run(context, args),
        Command::Unarchive(args) => unarchive::run(context, args),
        Command::Sync(args) => sync::run(context, args),
        Command::Next(args) => next::run(context, args),
        Command::Adopt(args) => adopt::run(context, args),
        Command::Trace(args) => trace::run(context, args),
        Command::Rules { markdown } => rules(context, *markdown),
    }
}

fn rules(context: &Context, markdown: bool) -> anyhow::Result<u8> {
    if markdown {
        say::answer(rules::docs().trim_end());
        return Ok(0);
    }
    if context.json {
        let rules = RULES.iter().map(|rule| {
            let level = |profile: Profile| rule.level(profile);
            let levels = json!({"openspec-1": level(Profile::Openspec1), "ci": level(Profile::Ci), "gated": level(Profile::Gated)});
            json!({"code": rule.id, "levels": levels, "fixable": rule.is_fixable, "doc": rule.doc})
        });
        say::json(&json!({"rules": rules.collect::<Vec<_>>()}))?;
        return Ok(0);
    }
    say::answer(&format!("{:<36} {:<11} {:<8} {:<8} rule", "code", "openspec-1", "ci", "gated"));
    for rule in RULES {
        let [one, ci, gated] = Profile::ALL.map(|profile| rule.level(profile).map_or("-", report::word));
        say::answer(&format!("{:<36} {one:<11} {ci:<8} {gated:<8} {}", rule.id, rule.doc));
    }
    Ok(0)
}
