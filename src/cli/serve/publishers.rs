//! Who may publish at a server: the part of its arguments that says so.
//! Lives here: reading the file of tokens, what a workflow has to be. Never here: judging a token (see `serve::publish`).

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Usage;
use crate::config::files::read_up_to;
use crate::run::house::House;
use crate::serve::publish::{FILE_BYTES, ISSUER, Keys, Oidc, PAUSE, Publishers, Tokens};
use crate::town::limits::PUBLISHED_BY_ONE;

/// Who may publish what running agents tell.
#[derive(Clone, Debug, Args)]
pub struct Publishing {
    /// A file outside of the repository with a line for each agent that may publish, as `monkeytown token` prints it
    #[arg(long, value_name = "FILE")]
    publish_tokens: Option<PathBuf>,
    /// Events that one agent may publish in a second; as many at once
    #[arg(long, value_name = "N", default_value_t = usual())]
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

const fn usual() -> NonZeroU32 {
    match NonZeroU32::new(PUBLISHED_BY_ONE) {
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
        let tokens = self.publish_tokens.as_deref().map(|path| tokens(path, house)).transpose()?.unwrap_or_default();
        let oidc = self.oidc_audience.clone().zip(self.oidc_repository.clone());
        let oidc = oidc.map(|(audience, repository)| -> anyhow::Result<Oidc> {
            let keys = Keys::new(&self.oidc_issuer, PAUSE).map_err(|why| Usage(format!("--oidc-issuer: {why}")))?;
            Ok(Oidc { keys, audience, repository, branch: house.home.branch.clone() })
        });
        Ok(Publishers::new(tokens, oidc.transpose()?, self.publish_rate))
    }
}

fn tokens(path: &Path, house: &House) -> anyhow::Result<Tokens> {
    let bad = |why: String| Usage(format!("--publish-tokens {}: {why}", path.display()));
    let real = path.canonicalize().map_err(|error| bad(error.to_string()))?;
    let repo = &house.home.repo;
    let below = |folder: &Path| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder));
    if repo.workdir().is_some_and(below) && !below(repo.common_dir()) {
        let why = "it is in the repository, where agents read it; keep it elsewhere, such as in /etc/monkeytown";
        return Err(bad(why.to_owned()).into());
    }
    let bytes = read_up_to(&real, FILE_BYTES).map_err(|error| bad(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| bad("it is no text".to_owned()))?;
    let tokens = Tokens::read(&text).map_err(|error| bad(error.to_string()))?;
    if tokens.is_empty() {
        return Err(bad("it has no line; make one with `monkeytown token AGENT`".to_owned()).into());
    }
    Ok(tokens)
}
