//! `monkeytown openspec`: the spec commands with the arguments of the reference command, so that scripts may swap the program.
//! Lives here: that spelling, and the shapes of its older commands. Never here: what the commands do (see `spec`).
//!
//! The profile is always `openspec-1`, whatever the config says, and stores are not known.

pub mod nouns;

use clap::{Args as ClapArgs, Subcommand};

use super::Context;
use super::spec::desk::{self, Failure, Shape};
use super::spec::report::Format;
use super::spec::select::Kind;
use super::spec::validate::{self, Asked};
use super::spec::{archive, instructions, list, new, schemas, show, status};
use crate::town::spec::metadata::is_kebab;
use crate::town::spec::rules::Profile;

/// Read, judge and archive OpenSpec specs and changes, with the arguments of the reference command
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Takes the arguments of `openspec` 1.13, prints the same JSON with codes, files, lines and fixes besides, writes the same \
files, and exits with the same codes: 0 or 1, 1 also for a wrong call. Judged is by the profile openspec-1 whatever the \
config says. Not offered: stores, update, view, config, schema, doctor, context, workset, feedback, completion.
`monkeytown spec` has more: profiles, commits, sync, unarchive, next, adopt, trace, rules.")]
pub struct Args {
    /// Passed over: nothing is coloured
    #[arg(long, global = true)]
    no_color: bool,
    #[command(subcommand)]
    command: Command,
}

/// A root that is kept elsewhere, which is not known here.
#[derive(Debug, Default, ClapArgs)]
struct Store {
    /// Not known here: run the command in the store's folder
    #[arg(long, value_name = "ID", hide = true, allow_hyphen_values = true)]
    store: Option<String>,
    /// Not known here either
    #[arg(long, value_name = "PATH", hide = true, allow_hyphen_values = true)]
    store_path: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make openspec/ with its folders and a config
    Init(Init),
    /// List the changes, or the specs with --specs
    List(List),
    /// Print a change or a spec
    Show(Show),
    /// Judge changes and specs
    Validate(Validate),
    /// Say which artifacts of a change are written
    Status(Status),
    /// Tell who writes an artifact, does the work of a change or archives it what to know
    Instructions(Instructions),
    /// List the workflow schemas
    Schemas(Store),
    /// Say where the templates of a schema are
    Templates(schemas::TemplatesArgs),
    /// Merge a change into the main specs and move it to the archive
    Archive(Archive),
    /// Begin something
    #[command(subcommand)]
    New(New),
    /// Older commands for specs
    #[command(subcommand)]
    Spec(nouns::Spec),
    /// Older commands for changes
    #[command(subcommand)]
    Change(nouns::Change),
    /// What the reference does for other tools, for people at a terminal and for stores
    #[command(
        hide = true,
        aliases = ["view", "config", "schema", "store", "doctor", "context", "workset", "feedback", "completion"]
    )]
    Update(Absent),
}

/// Whatever a command would take that is not there.
#[derive(Debug, ClapArgs)]
struct Absent {
    /// Its words
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _words: Vec<String>,
}

#[derive(Debug, ClapArgs)]
struct Init {
    /// The folder that gets it
    path: Option<std::path::PathBuf>,
    /// Passed over: nothing is written for other tools
    #[arg(long, hide = true)]
    tools: Option<String>,
    /// Passed over
    #[arg(long, hide = true)]
    language: Option<String>,
    /// Passed over
    #[arg(long, hide = true)]
    force: bool,
    /// Passed over
    #[arg(long, hide = true)]
    profile: Option<String>,
    /// Passed over
    #[arg(long, hide = true)]
    no_animation: bool,
    /// Passed over
    #[arg(long, hide = true)]
    copilot_cloud: bool,
    /// Passed over
    #[arg(long, hide = true)]
    no_copilot_cloud: bool,
}

#[derive(Debug, ClapArgs)]
struct List {
    /// List the specs
    #[arg(long)]
    specs: bool,
    /// List the changes, as without it
    #[arg(long)]
    changes: bool,
    /// recent or name
    #[arg(long, default_value = "recent", allow_hyphen_values = true)]
    sort: String,
    #[command(flatten)]
    store: Store,
}

#[derive(Debug, ClapArgs)]
struct Show {
    /// The change's name or the spec's id
    #[arg(allow_hyphen_values = true)]
    item_name: Option<String>,
    /// change or spec
    #[arg(long = "type", value_name = "TYPE", allow_hyphen_values = true)]
    kind: Option<String>,
    #[command(flatten)]
    of_change: show::OfChange,
    #[command(flatten)]
    of_spec: show::OfSpec,
    /// Passed over: nothing is ever asked
    #[arg(long)]
    no_interactive: bool,
    #[command(flatten)]
    store: Store,
}

#[derive(Debug, ClapArgs)]
struct Validate {
    #[command(flatten)]
    selection: validate::Selection,
    /// change or spec
    #[arg(long = "type", value_name = "TYPE", allow_hyphen_values = true)]
    kind: Option<String>,
    /// Passed over: all processors work, whatever it says
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    concurrency: Option<String>,
    /// Passed over: nothing is ever asked
    #[arg(long)]
    no_interactive: bool,
    #[command(flatten)]
    store: Store,
}

#[derive(Debug, ClapArgs)]
struct Status {
    /// One change
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    change: Option<String>,
    /// Every open change
    #[arg(long)]
    all: bool,
    /// Look with this schema instead of the change's own
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    schema: Option<String>,
    #[command(flatten)]
    store: Store,
}

#[derive(Debug, ClapArgs)]
struct Instructions {
    #[command(flatten)]
    asked: instructions::Args,
    #[command(flatten)]
    store: Store,
}

#[derive(Debug, ClapArgs)]
struct Archive {
    /// The change's name
    change_name: Option<String>,
    /// Do it although tasks are open, main specs change, or nothing is checked
    #[arg(short, long)]
    yes: bool,
    /// Move the change, and leave the main specs alone
    #[arg(long)]
    skip_specs: bool,
    /// Do not validate the change and the merged specs; needs --yes
    #[arg(long)]
    no_validate: bool,
    #[command(flatten)]
    store: Store,
}

#[derive(Debug, Subcommand)]
enum New {
    /// Begin a change
    Change(NewChange),
}

#[derive(Debug, ClapArgs)]
struct NewChange {
    /// Its name
    name: String,
    /// Words about it for a README.md
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    description: Option<String>,
    /// What it is for, kept in its metadata
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    goal: Option<String>,
    /// The schema that it follows
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    schema: Option<String>,
    /// Not there any more
    #[arg(long, value_name = "ID", hide = true, allow_hyphen_values = true)]
    initiative: Option<String>,
    /// Not there any more
    #[arg(long, value_name = "NAMES", hide = true, allow_hyphen_values = true)]
    areas: Option<String>,
    #[command(flatten)]
    store: Store,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    match &args.command {
        Command::Init(args) => new::init(context, &new::InitArgs { path: args.path.clone() }),
        Command::List(args) => {
            let shape =
                || Shape::default().with(if args.specs { "specs" } else { "changes" }, [(); 0]).with("root", ());
            args.store.refuse(context, shape, || {
                let sort = if args.sort == "name" { list::Sort::Name } else { list::Sort::Recent };
                list::run(context, &list::Args { specs: args.specs, changes: false, sort })
            })
        }
        Command::Show(args) => args.store.refuse(context, Shape::default, || show_item(context, args)),
        Command::Validate(args) => args.store.refuse(context, Shape::default, || validate_items(context, args)),
        Command::Status(args) => {
            let batch = || Shape::default().with("changes", [(); 0]).with("root", ());
            let shape = || if args.all { batch() } else { Shape::default() };
            args.store.refuse(context, shape, || {
                let (change, schema) = (args.change.clone(), args.schema.clone());
                status::run(
                    context,
                    &status::Args { change, all: args.all, schema, write: false, knows_archive: false },
                )
            })
        }
        Command::Instructions(args) => {
            args.store.refuse(context, Shape::default, || instructions::run(context, &args.asked))
        }
        Command::Schemas(store) => {
            let shape = || Shape::default().with("schemas", [(); 0]).with("root", ());
            store.refuse(context, shape, || schemas::list(context))
        }
        Command::Templates(args) => schemas::templates(context, args),
        Command::Archive(args) => args.store.refuse(
            context,
            || Shape::default().with("archive", ()),
            || archive::answer(context, &archiving(args)),
        ),
        Command::New(New::Change(args)) => begin(context, args),
        Command::Spec(command) => nouns::spec(context, command),
        Command::Change(command) => nouns::change(context, command),
        Command::Update(_) => {
            let message = "this command of openspec is not offered here: it serves other tools, a terminal, or stores";
            let failure = Failure::new("command_not_offered", message);
            let fix = "monkeytown openspec --help lists what there is; `npx @fission-ai/openspec` has the rest";
            desk::end(context, Shape::default(), Err(failure.fix(fix)))
        }
    }
}

fn archiving(args: &Archive) -> archive::Asked {
    archive::Asked {
        name: args.change_name.clone().filter(|name| !name.is_empty()),
        yes: args.yes,
        dry_run: false,
        skips_specs: args.skip_specs,
        unchecked: args.no_validate,
        profile: Some(Profile::Openspec1),
        branch: None,
        anyway: None,
        in_place: true,
        local_day: true,
    }
}

impl Store {
    /// Goes on unless a store is asked for.
    fn refuse(
        &self,
        context: &Context,
        shape: impl FnOnce() -> Shape,
        go_on: impl FnOnce() -> anyhow::Result<u8>,
    ) -> anyhow::Result<u8> {
        let failure = match (&self.store, &self.store_path) {
            (None, None) => return go_on(),
            (_, Some(path)) => {
                let message = format!("--store-path {path} is not supported");
                Failure::new("store_path_not_supported", message)
                    .target("store.id")
                    .fix("run the command in the store's folder")
            }
            (Some(store), None) if !is_kebab(store) => {
                let message = format!("{store:?} cannot be the id of a store");
                Failure::new("invalid_store_id", message)
                    .target("store.id")
                    .fix("run the command in the store's folder")
            }
            (Some(store), None) => {
                let message = format!("there is no store {store:?}: stores are not known here");
                Failure::new("no_registered_stores", message)
                    .target("store.id")
                    .fix("run the command in the store's folder")
            }
        };
        desk::end(context, shape(), Err(failure))
    }
}

/// A type that nobody knows is passed over, as the reference does.
fn kind(written: Option<&String>) -> Option<Kind> {
    match written?.to_lowercase().as_str() {
        "change" => Some(Kind::Change),
        "spec" => Some(Kind::Spec),
        _ => None,
    }
}

fn begin(context: &Context, args: &NewChange) -> anyhow::Result<u8> {
    let shape = || Shape::default().with("change", ());
    let gone = [
        ("--initiative", &args.initiative, "initiative_option_removed"),
        ("--areas", &args.areas, "areas_option_removed"),
    ];
    if let Some((option, _, code)) = gone.into_iter().find(|(_, given, _)| given.is_some()) {
        let refused = new::well_named(&args.name)
            .and_then(|()| Err(Failure::new(code, format!("{option} is not there any more")).target("change.options")));
        return desk::end(context, shape(), refused);
    }
    args.store.refuse(context, shape, || {
        let (description, goal) = (args.description.clone(), args.goal.clone());
        let schema = args.schema.clone().filter(|name| !name.is_empty());
        new::run(context, &new::Args { name: args.name.clone(), description, goal, schema, plain: true })
    })
}

fn show_item(context: &Context, args: &Show) -> anyhow::Result<u8> {
    let args = show::Args {
        name: args.item_name.clone().filter(|name| !name.is_empty()),
        kind: kind(args.kind.as_ref()),
        of_change: args.of_change.clone(),
        of_spec: args.of_spec.clone(),
    };
    show::run(context, &args)
}

fn validate_items(context: &Context, args: &Validate) -> anyhow::Result<u8> {
    let mut selection = args.selection.clone();
    if selection.report.is_none() {
        // Only a report asks whether it is there at all.
        selection.name = selection.name.filter(|name| !name.is_empty());
    }
    let kind = kind(args.kind.as_ref());
    let asked = Asked { selection, kind, profile: Some(Profile::Openspec1), changed_since: None };
    validate::answer(context, &asked, if context.json { Format::Json } else { Format::Text })
}
