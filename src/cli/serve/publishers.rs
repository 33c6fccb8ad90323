//! Who may publish at a server: the part of its arguments that says so.
//! Lives here: reading the file of tokens, what a workflow has to be. Never here: judging a token (see `serve::publish`).

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Usage;
use crate::config::files::read_up_to;
use crate::run::house::House;
use crate::serve::publish::{FILE_BYTES, ISSUER, Keys, LOOK, Oidc, PAUSE, Publishers, Read, Roll, Tokens, Unread};
use crate::town::limits::PUBLISHED_BY_ONE;

/// Who may publish what running agents tell.
#[derive(Clone, Debug, Args)]
pub struct Publishing {
    /// A file outside of the repository with a line for each agent that may publish, as `monkeytown token` prints it
    #[arg(long, value_name = "FILE")]
    publish_tokens: Option<PathBuf>,
    /// The lines of such a file, from a command that serves by the way.
    #[arg(skip)]
    pub lines: String,
    /// Events that one agent may publish in a second; as many at once
    #[arg(long, value_name = "N", default_value_t = rate(PUBLISHED_BY_ONE))]
    publish_rate: NonZeroU32,
    /// Let the workflows of agents publish whose tokens GitHub made for this audience
    #[arg(long, value_name = "AUDIENCE", requires = "oidc_repository")]
    oidc_audience: Option<String>,
    /// The repository on GitHub whose workflows these are, as `owner/name`
    #[arg(long, value_name = "OWNER/NAME", requires = "oidc_audience", value_parser = repository)]
    oidc_repository: Option<String>,
    /// Who makes these tokens, for GitHub Enterprise
    #[arg(long, value_name = "URL", default_value = ISSUER, requires = "oidc_audience")]
    oidc_issuer: String,
}

/// So many a second, and one at the least.
pub(super) const fn rate(a_second: u32) -> NonZeroU32 {
    match NonZeroU32::new(a_second) {
        Some(rate) => rate,
        None => NonZeroU32::MIN,
    }
}

fn repository(text: &str) -> Result<String, String> {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match text.split_once('/') {
        Some((owner, name)) if plain(owner) && plain(name) => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is no repository, such as owner/name")),
    }
}

impl Publishing {
    /// Reads who may publish in the town of this house.
    ///
    /// # Errors
    /// [`Usage`] where a file or an address is of no use.
    pub fn read(&self, house: &House) -> anyhow::Result<Publishers> {
        let roll = match self.publish_tokens.as_deref() {
            None => Roll::from(Tokens::read(&self.lines)?),
            Some(path) => {
                let bad = |why: Unread| Usage(format!("--publish-tokens {}: {why}", path.display()));
                Roll::open(reader(path.to_owned(), house), LOOK).map_err(bad)?
            }
        };
        let oidc = self.oidc_audience.clone().zip(self.oidc_repository.clone());
        let oidc = oidc.map(|(audience, repository)| -> anyhow::Result<Oidc> {
            let keys = Keys::new(&self.oidc_issuer, PAUSE).map_err(|why| Usage(format!("--oidc-issuer: {why}")))?;
            Ok(Oidc { keys, audience, repository, branch: house.home.branch.clone() })
        });
        Ok(Publishers::new(roll, oidc.transpose()?, self.publish_rate))
    }
}

/// What reads the file of tokens, each time from where the path leads then.
fn reader(path: PathBuf, house: &House) -> Read {
    let repo = &house.home.repo;
    let (workdir, git) = (repo.workdir().map(Path::to_owned), repo.common_dir().to_owned());
    Box::new(move || {
        let real = path.canonicalize().map_err(unread)?;
        let below = |folder: &Path| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder));
        if workdir.as_deref().is_some_and(below) && !below(&git) {
            let why = "it is in the repository, where agents read it; keep it elsewhere, such as in /etc/monkeytown";
            return Err(Unread::Withdrawn(why.to_owned()));
        }
        // A pipe would be waited for.
        if !real.metadata().map_err(unread)?.is_file() {
            let why = "it is no file; name one with lines of `monkeytown token AGENT`";
            return Err(Unread::Withdrawn(why.to_owned()));
        }
        read_up_to(&real, FILE_BYTES).map_err(unread)
    })
}

/// Who takes the file away, or the right to read it, withdraws what is in it; where the system is in trouble, nobody meant that.
fn unread(error: std::io::Error) -> Unread {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Unread::Withdrawn("it is not there; make it of lines that `monkeytown token AGENT` prints".to_owned())
        }
        ErrorKind::PermissionDenied => Unread::Withdrawn(format!("{error}; let the server's user read it")),
        ErrorKind::FileTooLarge => Unread::Damaged(format!("{error}; take lines out of it")),
        _ => Unread::Damaged(format!("it cannot be read: {error}")),
    }
}
