//! The commits that agents make, and how they are recognised.
//! Lives here: the message with its trailers, the author of an agent's commit. Never here: publishing.

use git2::Oid;

use super::errors::GitError;
use super::objects::{Author, NewCommit};
use super::repo::Repo;
use crate::town::ids::{self, AgentId, RunId};

/// The domain of agents' addresses. It can never exist, so no mail goes astray and no account matches.
const DOMAIN: &str = "monkeytown.invalid";

/// What the commit of a run says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub title: String,
    /// What and why; may be empty.
    pub body: String,
    /// Who.
    pub agent: AgentId,
    /// In which run.
    pub run: RunId,
    /// The commit on main that the work was judged against.
    pub base: ids::Oid,
    /// The OpenSpec change that it belongs to.
    pub change: Option<String>,
}

impl Message {
    /// The message as it is stored: title, body, and our trailers as the last paragraph.
    #[must_use]
    pub fn text(&self) -> String {
        let title = one_line(&self.title);
        let body = self.body.replace("\r\n", "\n").replace(['\r', '\0'], "\n");
        let body = body.trim();
        let gap = if body.is_empty() { "" } else { "\n\n" };
        let mut text = format!("{title}{gap}{body}\n\nAgent: {}\nRun: {}\nBase: {}\n", self.agent, self.run, self.base);
        if let Some(change) = &self.change {
            text.push_str(&format!("Change: {}\n", one_line(change)));
        }
        text
    }
}

fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Who an agent's commits are by.
#[must_use]
pub fn author(agent: &AgentId) -> Author {
    Author { name: agent.to_string(), email: format!("{agent}@{DOMAIN}") }
}

/// The trailers of a message: the `Key: value` lines of its last paragraph, if it has no other lines.
#[must_use]
pub fn trailers(message: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = message.trim_end().lines().map(str::trim_end).collect();
    let start = lines.iter().rposition(|line| line.is_empty()).map_or(0, |blank| blank + 1);
    // The title is no trailer, even where it looks like one.
    let Some(last) = lines.get(start..).filter(|_| start > 0) else { return Vec::new() };
    let pair = |line: &&str| {
        let (key, value) = line.split_once(": ")?;
        let fits = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        fits.then(|| (key.to_owned(), value.trim().to_owned()))
    };
    let pairs: Option<Vec<_>> = last.iter().map(pair).collect();
    pairs.unwrap_or_default()
}

/// The value of one trailer; where it stands twice, the last one, which is what git itself takes.
#[must_use]
pub fn trailer(message: &str, key: &str) -> Option<String> {
    let same = |(name, _): &(String, String)| name.eq_ignore_ascii_case(key);
    trailers(message).into_iter().rev().find(same).map(|(_, value)| value)
}

impl Repo {
    /// Stores the commit of a run. No reference points to it yet.
    pub fn commit_of_agent(
        &self,
        tree: Oid,
        parents: &[Oid],
        message: &Message,
        seconds: i64,
    ) -> Result<Oid, GitError> {
        let author = author(&message.agent);
        self.commit(tree, &NewCommit { parents, message: &message.text(), author: &author, seconds })
    }

    /// The message of a commit.
    pub fn message_of(&self, commit: Oid) -> Result<String, GitError> {
        let commit = self.git().find_commit(commit).map_err(GitError::read(commit))?;
        Ok(String::from_utf8_lossy(commit.message_raw_bytes()).into_owned())
    }

    /// Whether a commit was made by this agent and by nobody after it: its trailer names the agent, and so do its
    /// author and its committer. A human who amends or rebases the commit becomes its committer, and it is theirs.
    pub fn is_agent_commit(&self, commit: Oid, agent: &AgentId) -> Result<bool, GitError> {
        let commit = self.git().find_commit(commit).map_err(GitError::read(commit))?;
        let address = author(agent).email;
        let by_agent = |email: &[u8]| email == address.as_bytes();
        let message = String::from_utf8_lossy(commit.message_raw_bytes());
        Ok(by_agent(commit.author().email_bytes())
            && by_agent(commit.committer().email_bytes())
            && trailer(&message, "Agent").as_deref() == Some(agent.as_str())
            && trailer(&message, "Run").is_some_and(|run| run.parse::<RunId>().is_ok()))
    }
}
