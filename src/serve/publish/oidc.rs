//! Tokens that GitHub gives to workflows (OpenID Connect): a workflow of the town speaks for the agent that it is called after.
//! Lives here: reading a token, its signature, its claims. Never here: fetching keys (see [`super::keys`]), and any algorithm but
//! RS256: what a token says of its algorithm is compared and never followed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::keys::{Keys, NoKey};
use crate::town::ids::AgentId;
use crate::town::workflows::{FOLDER, RUN};

/// Who issues GitHub's tokens.
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";
/// Seconds that two clocks may differ by.
const SKEW: i64 = 60;

/// What a token of a workflow has to be.
pub struct Oidc {
    /// The issuer's keys.
    pub keys: Keys,
    /// For whom it is made.
    pub audience: String,
    /// `owner/name` of the repository whose workflows speak.
    pub repository: String,
    /// Its default branch.
    pub branch: String,
}

/// Why a token is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    /// It is none, or not signed by the issuer, or not for here and now.
    #[error("the workflow's token is not taken: {0}")]
    Invalid(String),
    /// It is good, and of a workflow that speaks for nobody here.
    #[error("the workflow speaks for no agent here: {0}")]
    Foreign(String),
    /// The issuer's keys cannot be had.
    #[error(transparent)]
    Keys(NoKey),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<serde_json::Value>,
}

/// What is read of a token.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    iat: i64,
    repository: String,
    #[serde(rename = "ref")]
    reference: String,
    workflow_ref: String,
    #[serde(default)]
    job_workflow_ref: Option<String>,
    #[serde(default)]
    event_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Oidc {
    /// Whom a token speaks for at this moment.
    ///
    /// # Errors
    /// `BadToken`.
    pub async fn speaker(&self, token: &str, now: DateTime<Utc>) -> Result<AgentId, BadToken> {
        let invalid = |why: &str| BadToken::Invalid(why.to_owned());
        let parts: Vec<&str> = token.split('.').collect();
        let [head, body, signature] = parts.as_slice() else { return Err(invalid("it has not three parts")) };
        let header: Header = decoded(head).ok_or_else(|| invalid("its header cannot be read"))?;
        if header.alg != "RS256" {
            return Err(invalid("it is not signed with RS256"));
        }
        if header.crit.is_some() {
            return Err(invalid("it asks for extensions that are not known here"));
        }
        let name = header.kid.ok_or_else(|| invalid("it does not name its key"))?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid("its signature cannot be read"))?;
        let key = self.keys.key(&name).await.map_err(|error| match error {
            NoKey::Unknown(_) => BadToken::Invalid(error.to_string()),
            NoKey::Unreachable(_) => BadToken::Keys(error),
        })?;
        if !key.verifies(&token.as_bytes()[..head.len() + 1 + body.len()], &signature) {
            return Err(invalid("its signature is wrong"));
        }
        let claims: Claims = decoded(body).ok_or_else(|| invalid("it lacks claims of a workflow"))?;
        self.is_for_here_and_now(&claims, now.timestamp()).map_err(|why| invalid(&why))?;
        self.agent(&claims).map_err(BadToken::Foreign)
    }

    fn is_for_here_and_now(&self, claims: &Claims, now: i64) -> Result<(), String> {
        if claims.iss.trim_end_matches('/') != self.keys.issuer() {
            return Err(format!("iss is {:?}", claims.iss));
        }
        let audience = match &claims.aud {
            Audience::One(one) => *one == self.audience,
            Audience::Several(several) => several.contains(&self.audience),
        };
        if !audience {
            return Err(format!("aud is not {:?}", self.audience));
        }
        if now >= claims.exp.saturating_add(SKEW) {
            return Err("it has expired".to_owned());
        }
        let early = |moment: i64| now < moment.saturating_sub(SKEW);
        if early(claims.iat) || claims.nbf.is_some_and(early) {
            return Err("it is of the future; compare the clocks".to_owned());
        }
        Ok(())
    }

    /// The agent whose own workflow on the default branch has the token.
    fn agent(&self, claims: &Claims) -> Result<AgentId, String> {
        if !claims.repository.eq_ignore_ascii_case(&self.repository) {
            return Err(format!("repository is {:?}, and this town's is {:?}", claims.repository, self.repository));
        }
        let branch = format!("refs/heads/{}", self.branch);
        if claims.reference != branch {
            return Err(format!("ref is {:?}, and it has to be {branch:?}", claims.reference));
        }
        // Such a run is on the default branch, and may work with what a stranger proposes.
        if let Some(event) = claims.event_name.as_deref().filter(|event| event.starts_with("pull_request")) {
            return Err(format!("it was started by {event}"));
        }
        let file = |said: &str| {
            let (path, at) = said.rsplit_once('@').filter(|(_, at)| *at == branch)?;
            let (repository, file) = path.split_once(&format!("/{FOLDER}"))?;
            let stem = file.strip_suffix(".yml").filter(|stem| !stem.contains('/'))?;
            let ours = repository.eq_ignore_ascii_case(&self.repository);
            (ours && at == branch).then(|| stem.to_owned())
        };
        let other =
            |name: &str, said: &str| format!("{name} is {said:?}, which is no workflow of this town on {branch}");
        let stem = file(&claims.workflow_ref).ok_or_else(|| other("workflow_ref", &claims.workflow_ref))?;
        // The job is of that file, or of the one that all agents share; not of somebody else's.
        if let Some(job) = &claims.job_workflow_ref
            && file(job).is_none_or(|of_job| of_job != RUN && of_job != stem)
        {
            return Err(other("job_workflow_ref", job));
        }
        stem.parse().map_err(|_| format!("{stem:?} is no agent"))
    }
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
