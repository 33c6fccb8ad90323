//! Putting the rooms together for a command.
//! Lives here: the edge of a process, and the forge that the settings name. Never here: what is done with them.

use crate::config::{self, Clock};
use crate::forge::Forge;
use crate::forge::local::LocalForge;
use crate::git::journal::{Journal, JournalError};
use crate::run::house::House;
use crate::run::{Edge, Progress, RunError};
use crate::town::envelope::Stamp;
use crate::town::settings::ForgeKind;

use super::{Context, say};

/// The clock and the randomness of this process.
pub struct Source {
    clock: Clock,
}

impl Source {
    /// Reads which clock it is.
    ///
    /// # Errors
    /// When `MONKEYTOWN_NOW` is set and no moment.
    pub fn new(context: &Context) -> anyhow::Result<Self> {
        Ok(Self { clock: context.env.clock()? })
    }

    /// The moment that it is.
    #[must_use]
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    /// The stamp for one append in the town of this name.
    #[must_use]
    pub fn stamp(&self, town: &str) -> Stamp {
        Stamp { time: self.now(), source: crate::run::source_of(town), random: config::random() }
    }
}

/// The edge of a run: `now` and `watch` come from the caller.
#[must_use]
pub fn edge<'a>(
    context: &Context,
    house: &House,
    now: &'a dyn Fn() -> chrono::DateTime<chrono::Utc>,
    watch: &'a dyn Fn(&Progress),
) -> Edge<'a> {
    Edge {
        now,
        random: &config::random,
        scheduled: context.env.is_scheduled(),
        secrets: context.env.secrets(house.settings.brain.key_env.as_deref()),
        path: context.env.path().to_owned(),
        watch,
    }
}

/// Opens the town in the folder of the command.
///
/// # Errors
/// As [`House::open`].
pub fn house(context: &Context, remote: Option<&str>) -> Result<House, RunError> {
    House::open(&context.dir, remote)
}

/// Joins the journal here with the remote's, and says what no longer fits.
///
/// # Errors
/// As [`Journal::sync`].
pub fn sync(context: &Context, journal: &Journal<'_>, stamp: &Stamp) -> Result<(), JournalError> {
    for line in journal.sync(stamp)?.sentences() {
        say::story(context, &format!("news: {line}"));
    }
    Ok(())
}

/// The forge that the settings name.
///
/// # Errors
/// [`RunError::NoForge`] where that is not at hand.
pub fn forge<'a>(
    house: &'a House,
    journal: &'a Journal<'a>,
    source: &'a Source,
) -> Result<Box<dyn Forge + 'a>, RunError> {
    match house.settings.forge {
        ForgeKind::Auto | ForgeKind::Local => {
            Ok(Box::new(LocalForge::new(&house.home, journal, || source.stamp(&house.settings.name))))
        }
        ForgeKind::Github => Err(RunError::NoForge(
            "forge: github is not supported by this version; set `forge: local` in .monkeytown/town.yaml".to_owned(),
        )),
    }
}

/// A runtime for the asynchronous rooms: one thread is enough for one run.
///
/// # Errors
/// When the system gives none.
pub fn block_on<T>(future: impl std::future::Future<Output = T>) -> anyhow::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}

/// Who gives a verdict at this machine: what git calls the user here.
#[must_use]
pub fn me(house: &House) -> String {
    house.home.repo.user().map_or_else(|| "somebody".to_owned(), |(name, _)| name)
}
