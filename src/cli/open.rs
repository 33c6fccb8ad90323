//! Putting the rooms together for a command.
//! Lives here: the edge of a process, and the forge that the settings name. Never here: what is done with them.

use crate::brain::Key;
use crate::config::{self, Clock, GithubEnv};
use crate::forge::Forge;
use crate::forge::github::GithubForge;
use crate::forge::github::client::Client;
use crate::forge::github::sight::Place;
use crate::forge::local::LocalForge;
use crate::git::home::Home;
use crate::git::journal::{Journal, JournalError};
use crate::git::program::HttpToken;
use crate::git::repo::Repo;
use crate::run::house::House;
use crate::run::{Edge, Progress, RunError};
use crate::town::envelope::Stamp;
use crate::town::settings::{ForgeKind, GithubSettings, Provider, Settings};

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
        keys: keys(context, house),
        secrets: secrets(context, house),
        tools: context.env.tools(),
        program: context.env.executable().map(std::path::Path::to_path_buf),
        holder: context.env.github().run_id.map(|id| format!("actions-{id}")),
        holder_before: None,
        watch,
    }
}

/// The keys of the providers that a model may be asked at, as far as their variables are set.
fn keys(context: &Context, house: &House) -> Vec<(String, Key)> {
    let named = house.settings.brain.key_env.as_deref();
    let usual = [Provider::Openai, Provider::Anthropic].map(Provider::usual_key);
    let names = named.into_iter().chain(usual);
    names.filter_map(|name| Some((name.to_owned(), Key::new(context.env.secret(name)?.reveal())))).collect()
}

/// Values that must be masked wherever this process writes.
#[must_use]
pub fn secrets(context: &Context, house: &House) -> Vec<String> {
    let mut values = context.env.secrets(house.settings.brain.key_env.as_deref());
    values.extend(context.env.secret(&house.settings.github.token_env).map(|token| token.reveal().to_owned()));
    // The story is masked as well, by what only the settings name.
    context.secrets.borrow_mut().extend(values.iter().cloned());
    values
}

/// Opens the town in the folder of the command. Where its remote is on GitHub and a token is at hand, git uses that.
///
/// # Errors
/// As [`House::open`].
pub fn house(context: &Context, remote: Option<&str>) -> Result<House, RunError> {
    House::open(&context.dir, remote, &|settings| key(context, settings))
}

/// Opens the town on a remote as this clone knows it; only where that is too little is the remote asked.
///
/// # Errors
/// As [`House::open`].
pub fn known_house(context: &Context, remote: &str) -> Result<House, RunError> {
    House::known(&context.dir, remote, &|settings| key(context, settings)).or_else(|_| house(context, Some(remote)))
}

/// The token for the town's remote, where that is on GitHub and a token is at hand.
fn key(context: &Context, settings: Option<&Settings>) -> Option<HttpToken> {
    let github = settings.map(|settings| settings.github.clone()).unwrap_or_default();
    if settings.is_some_and(|settings| settings.forge == ForgeKind::Local) {
        return None;
    }
    let token = context.env.secret(&github.token_env)?;
    context.secrets.borrow_mut().push(token.reveal().to_owned());
    let host = server(&context.env.github(), &github);
    Some(HttpToken { host, token: token.reveal().to_owned() })
}

/// How a thread that only reads opens the repository: as it is here, without asking a remote.
pub fn opener(
    context: &Context,
    remote: Option<String>,
    branch: String,
) -> Box<dyn Fn() -> Result<Home, String> + Send + Sync> {
    let dir = context.dir.clone();
    Box::new(move || {
        let repo = Repo::open(&dir).map_err(|error| error.to_string())?;
        let remote = remote.as_deref().map(|name| repo.remote(name)).transpose().map_err(|error| error.to_string())?;
        Ok(Home { repo, remote, branch: branch.clone(), online: std::cell::Cell::new(false) })
    })
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

/// Where git and people find GitHub: as the runner says, or beside the API that the settings name.
fn server(env: &GithubEnv, settings: &GithubSettings) -> String {
    let Some(api) = settings.api_url.as_deref().map(|url| url.trim_end_matches('/')) else {
        return env.server_url.clone();
    };
    match api.strip_prefix("https://api.") {
        Some(host) if host == "github.com" || host.ends_with(TENANTS) => format!("https://{host}"),
        _ => api.strip_suffix("/api/v3").unwrap_or(api).to_owned(),
    }
}

/// Where the API of a server is, when nobody says.
fn api_of(server: &str) -> String {
    match server.strip_prefix("https://") {
        Some(host) if host == "github.com" || host.ends_with(TENANTS) => format!("https://api.{host}"),
        _ => format!("{server}/api/v3"),
    }
}

/// What the hosts of enterprises end with that GitHub itself serves, each with its API at a host of its own.
const TENANTS: &str = ".ghe.com";

/// `owner/name` out of the address of a remote on this server: HTTP, SSH, or the short form of SSH.
fn repository_of(url: &str, server: &str) -> Option<String> {
    let host = server.split_once("://").map_or(server, |(_, host)| host).trim_end_matches('/').to_ascii_lowercase();
    let bare = |authority: &str| authority.split(':').next().unwrap_or_default().to_owned();
    // SSH has a port of its own, and github.com one more name for who cannot reach that.
    let by_ssh = |authority: &str| match (bare(authority).as_str(), bare(&host).as_str()) {
        ("ssh.github.com", "github.com") => true,
        (one, other) => one == other,
    };
    let (scheme, rest) = url.split_once("://").map_or((None, url), |(scheme, rest)| (Some(scheme), rest));
    let (authority, path) = rest.split_once(if scheme.is_some() { '/' } else { ':' })?;
    let authority = authority.rsplit('@').next()?.to_ascii_lowercase();
    let same = match scheme.map(str::to_ascii_lowercase).as_deref() {
        None | Some("ssh") => by_ssh(&authority),
        Some("https") => authority.strip_suffix(":443").unwrap_or(&authority) == host,
        Some("http") => authority.strip_suffix(":80").unwrap_or(&authority) == host,
        Some(_) => authority == host,
    };
    let path = if same { path.strip_prefix('/').filter(|_| scheme.is_none()).unwrap_or(path) } else { return None };
    let path = path.strip_suffix('/').unwrap_or(path);
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, name) = path.split_once('/')?;
    (!owner.is_empty() && !name.is_empty() && !name.contains('/')).then(|| format!("{owner}/{name}"))
}

/// The forge that the settings name; with `auto` GitHub, where the town's home is there and a token is at hand.
///
/// # Errors
/// [`RunError::NoForge`] where that is not at hand.
pub fn forge<'a>(
    context: &Context,
    house: &'a House,
    journal: &'a Journal<'a>,
    source: &'a Source,
) -> Result<Box<dyn Forge + 'a>, RunError> {
    let local = house.settings.forge == ForgeKind::Local;
    if context.env.is_actions() && !local && house.home.remote.is_none() && !house.home.repo.facts()?.remotes.is_empty()
    {
        // What is done here would be gone with the runner, and said to be done.
        return Err(RunError::NoForge(format!(
            "the town is not on the remote's default branch, but on {} of this clone alone, which is gone when the job ends; \
             merge .monkeytown and agents to the default branch, or name the branch in .monkeytown/town.yaml (branch: …)",
            house.home.branch
        )));
    }
    Ok(match github(context, house, source)? {
        Some(github) => Box::new(github),
        None if lives_elsewhere(house, journal, source) => {
            return Err(RunError::NoForge(format!(
                "the pull requests of this town live on GitHub, and {} is not set; set it to a token that may read and write \
                 pull requests, or set `forge: local` in .monkeytown/town.yaml to leave GitHub",
                house.settings.github.token_env
            )));
        }
        None => Box::new(LocalForge::new(&house.home, journal, || source.stamp(&house.settings.name))),
    })
}

/// Whether the journal knows pull requests that have a page somewhere: numbers of our own must not be mixed with theirs.
fn lives_elsewhere(house: &House, journal: &Journal<'_>, source: &Source) -> bool {
    if house.settings.forge != ForgeKind::Auto || house.home.remote.is_none() {
        return false;
    }
    // What is wrong with the journal is said by whoever needs it next.
    let _ = journal.sync(&source.stamp(&house.settings.name));
    journal.load().is_ok_and(|tip| tip.town.pulls.values().any(|pull| pull.url.is_some()))
}

/// GitHub's forge, where the town's pull requests live there.
///
/// # Errors
/// [`RunError::NoForge`] with what is missing.
pub fn github(context: &Context, house: &House, source: &Source) -> Result<Option<GithubForge>, RunError> {
    let (settings, env) = (&house.settings, context.env.github());
    let server = server(&env, &settings.github);
    let of_remote = house.home.remote.as_ref().and_then(|remote| repository_of(&remote.url, &server));
    let of_runner = env.repository.clone().filter(|_| context.env.is_actions() && house.home.remote.is_some());
    let is_there = of_remote.is_some() || of_runner.is_some();
    let name = &settings.github.token_env;
    let token = context.env.secret(name);
    match settings.forge {
        ForgeKind::Local => return Ok(None),
        ForgeKind::Auto if !is_there || (token.is_none() && !context.env.is_actions()) => return Ok(None),
        ForgeKind::Auto | ForgeKind::Github => {}
    }
    let no_forge = |why: String| RunError::NoForge(why);
    let token = token.ok_or_else(|| {
        no_forge(format!(
            "the town's pull requests live on GitHub, and {name} is not set; in a workflow give it to the step (env: \
             {name}: ${{{{ github.token }}}}), elsewhere set it to a token, or set `forge: local` in .monkeytown/town.yaml"
        ))
    })?;
    let repository = settings.github.repository.clone().or(of_remote).or(of_runner).ok_or_else(|| {
        no_forge(format!(
            "which repository on {server} is this town's? its remote does not tell; set `github.repository: owner/name` \
             in .monkeytown/town.yaml"
        ))
    })?;
    let api = match (settings.github.api_url.clone(), env.api_url) {
        (Some(url), _) | (None, Some(url)) => url,
        (None, None) => api_of(&server),
    };
    let clock = source.clock;
    let client = Client::new(&api, token.reveal(), Box::new(move || clock.now())).map_err(RunError::Forge)?;
    let people = settings.people.iter().map(|(login, role)| (login.to_ascii_lowercase(), *role)).collect();
    Ok(Some(GithubForge::new(client, Place { repository, people }, &house.home.branch)))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "open_tests.rs"]
mod tests;
