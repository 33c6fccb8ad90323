//! GitHub's pull requests, through its REST API.
//!
//! Lives here: opening, updating and finding pull requests, labels, and asking what people did. Every write is read
//! back, and found again by its branch, so that doing it twice does it once.
//! Never here: merging (people do), pushing branches (see [`crate::git`]). Start with [`GithubForge`].

pub mod client;
mod failure;
mod follow;
mod poll;
pub mod sight;
pub mod webhook;
pub mod wire;

use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::Method;
use serde_json::{Value, json};

use self::client::Client;
use self::sight::{AGENT_LABEL_PREFIX, Place};
use self::wire::Pull;
use super::{Forge, ForgeError, NewPull, PullView};
use crate::town::board::asks;
use crate::town::decide::{self, Command};
use crate::town::envelope::Stamp;
use crate::town::fold::{PullState, Town};
use crate::town::ids::{Oid, RunId};
use crate::town::limits::{BODY_BYTES, TITLE_CHARS};
use crate::town::sighting::Seen;
use crate::town::text;

/// The label of every pull request of a town's agent.
pub const PULL_LABEL: &str = "monkeytown";
/// Times that a pull request is read until it shows the head that was pushed: GitHub needs a moment.
const HEAD_READS: usize = 8;

/// The pull requests of one repository on GitHub.
pub struct GithubForge {
    client: Client,
    place: Place,
    base: String,
}

impl GithubForge {
    /// The forge of `place`, whose pull requests are offered to the branch `base`.
    #[must_use]
    pub fn new(client: Client, place: Place, base: &str) -> Self {
        Self { client, place, base: base.to_owned() }
    }

    /// Who is who, and which repository it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    fn path(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.place.repository)
    }

    fn owner(&self) -> &str {
        self.place.repository.split('/').next().unwrap_or_default()
    }

    /// The open pull requests of a branch of this repository, whatever they are offered to.
    async fn open_of(&self, branch: &str) -> Result<Vec<Pull>, ForgeError> {
        let head = format!("{}:{branch}", self.owner());
        let query = form(&[("state", "open"), ("head", &head)]);
        let all: Vec<Pull> = self.client.list(&self.path(&format!("pulls?{query}")), |_| true).await?;
        // GitHub passes over a filter that it does not understand.
        Ok(all.into_iter().filter(|pull| pull.head.branch == branch && self.place.is_ours(pull)).collect())
    }

    async fn pull(&self, number: u64) -> Result<Pull, ForgeError> {
        self.client.get(&self.path(&format!("pulls/{number}"))).await
    }

    /// Reads a pull request until it shows what was written, for a few seconds.
    async fn read_back(&self, number: u64, wanted: &NewPull) -> Result<Pull, ForgeError> {
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(4))
            .with_max_times(HEAD_READS)
            .build();
        loop {
            let pull = self.pull(number).await?;
            if pull.head.sha == wanted.offer.head.as_str() {
                return Ok(pull);
            }
            if pull.state != "open" {
                return Err(ForgeError::Conflict(format!("#{number} was closed meanwhile")));
            }
            let Some(wait) = waits.next() else {
                let (shown, head) = (&pull.head.sha, &wanted.offer.head);
                return Err(ForgeError::Unavailable(format!("#{number} still shows {shown} instead of {head}")));
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn create(&self, pull: &NewPull) -> Result<Pull, ForgeError> {
        let mut body = json!({
            "title": title(pull), "head": pull.offer.branch, "base": self.base, "body": body(pull),
            "draft": pull.offer.draft, "maintainer_can_modify": true,
        });
        let path = self.path("pulls");
        let made: Result<Pull, ForgeError> = self.client.write(Method::POST, &path, &body).await;
        match made {
            Err(ForgeError::Invalid(why))
                if pull.offer.draft && why.to_ascii_lowercase().contains("draft pull request") =>
            {
                // Some plans have no drafts; the body says that the work is partial.
                body["draft"] = Value::Bool(false);
                self.client.write(Method::POST, &path, &body).await
            }
            // It may have arrived, or have been there: the branch tells.
            Err(error @ (ForgeError::Unavailable(_) | ForgeError::Invalid(_))) => {
                match self.open_of(&pull.offer.branch).await {
                    Ok(open) => open.into_iter().find(|open| open.base.branch == self.base).ok_or(error),
                    Err(_) => Err(error),
                }
            }
            other => other,
        }
    }

    /// Gives a pull request its labels. They are for people: a token that may not write issues is no reason to fail.
    async fn label(&self, number: u64, pull: &NewPull) -> Result<(), ForgeError> {
        let labels = [PULL_LABEL.to_owned(), format!("{AGENT_LABEL_PREFIX}{}", pull.agent)];
        let path = self.path(&format!("issues/{number}/labels"));
        let done: Result<Value, ForgeError> = self.client.write(Method::POST, &path, &json!({"labels": labels})).await;
        match done {
            Ok(_) => Ok(()),
            Err(ForgeError::Forbidden { what, .. }) => {
                tracing::warn!(what, "the pull request stays without labels; the job needs `issues: write` for them");
                Ok(())
            }
            // A name that is too long for a label, or a repository without issues.
            Err(ForgeError::Invalid(what) | ForgeError::NotFound(what)) => {
                tracing::warn!(what, "the pull request stays without labels");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a draft of a pull request, or the other way round; only GraphQL can.
    async fn set_draft(&self, pull: &Pull, draft: bool) -> Result<(), ForgeError> {
        if pull.draft.unwrap_or_default() == draft {
            return Ok(());
        }
        let name = if draft { "convertPullRequestToDraft" } else { "markPullRequestReadyForReview" };
        let query =
            format!("mutation($id: ID!) {{ {name}(input: {{pullRequestId: $id}}) {{ pullRequest {{ isDraft }} }} }}");
        let body = json!({"query": query, "variables": {"id": pull.node_id}});
        let answer = self.client.graphql(&body).await?;
        match answer["errors"].as_array().filter(|errors| !errors.is_empty()) {
            None => Ok(()),
            Some(errors) => {
                // The body says what state the work is in, so this is no reason to stop.
                tracing::warn!(why = %errors[0]["message"], number = pull.number, "the draft state stays as it is");
                Ok(())
            }
        }
    }

    /// Says something on a pull request.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub async fn say(&self, number: u64, text: &str) -> Result<(), ForgeError> {
        let path = self.path(&format!("issues/{number}/comments"));
        let _: Value = self.client.write(Method::POST, &path, &json!({"body": text})).await?;
        Ok(())
    }

    /// Closes a pull request; one that is closed stays closed.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub async fn close(&self, number: u64) -> Result<(), ForgeError> {
        let path = self.path(&format!("pulls/{number}"));
        let closed: Pull = self.client.write(Method::PATCH, &path, &json!({"state": "closed"})).await?;
        if closed.state == "closed" {
            return Ok(());
        }
        Err(ForgeError::Conflict(format!("#{number} is {} after it was closed", closed.state)))
    }

    /// Closes what a newer pull request of the same branch stands for: one that was offered to another branch, as after the
    /// default branch got another name.
    async fn close_superseded(&self, branch: &str, keep: u64) -> Result<(), ForgeError> {
        // One without our label was opened by people.
        let ours = |open: &Pull| open.labels.iter().any(|label| label.name == PULL_LABEL);
        for old in self.open_of(branch).await?.into_iter().filter(|open| open.number != keep && ours(open)) {
            self.say(old.number, &format!("Superseded by #{keep}, which is offered to `{}`.", self.base)).await?;
            self.close(old.number).await?;
        }
        Ok(())
    }

    fn view(&self, pull: &Pull) -> Result<PullView, ForgeError> {
        let head = pull.head.sha.parse();
        Ok(PullView {
            number: pull.number,
            branch: pull.head.branch.clone(),
            head: head.map_err(|_| ForgeError::Refused(format!("{:?} is no commit", pull.head.sha)))?,
            title: pull.title.clone(),
            draft: pull.draft.unwrap_or_default(),
            url: Some(pull.html_url.clone()),
        })
    }

    /// What a webhook's payload says happened, as commands to record.
    ///
    /// # Errors
    /// [`ForgeError::Invalid`] for what is no payload of this repository, others where a `/reject` cannot be carried out.
    pub async fn observe_event(&self, town: &Town, event: &str, payload: &[u8]) -> Result<Vec<Command>, ForgeError> {
        let town = &of_here(town);
        let mut sightings = webhook::sightings(&self.place, town, event, payload)?;
        for sighting in &mut sightings {
            // The comment that gives the reason may have come first, and its own payload not yet, or never.
            if let Seen::Closed { number, reason: reason @ None } = &mut sighting.what
                && town.pulls.contains_key(number)
            {
                let after = poll::reasons_after(town, *number, sighting.at);
                *reason = self.reason_of(*number, &sighting.by, sighting.at, after).await?;
            }
        }
        let mut earlier = Vec::new();
        for sighting in &sightings {
            earlier.extend(self.earlier_verdict(town, sighting).await?);
        }
        Ok(earlier.into_iter().chain(sightings).map(|sighting| Command::Observe(Box::new(sighting))).collect())
    }

    /// Makes sure that no number is given twice in a town that had pull requests of its own before it came to GitHub.
    async fn numbers_are_ours(&self, town: &Town) -> Result<(), ForgeError> {
        let local = || town.pulls.values().filter(|pull| pull.url.is_none());
        let Some(last) = local().map(|pull| pull.number).max() else { return Ok(()) };
        if let Some(open) = local().find(|pull| pull.state == PullState::Open) {
            return Err(ForgeError::Numbers(format!(
                "#{} of {} is open in the journal, and its number means something else on GitHub; merge or reject it with \
                 `monkeytown pulls` while `forge: local` is set in .monkeytown/town.yaml",
                open.number, open.agent
            )));
        }
        let query = form(&[("state", "all"), ("sort", "created"), ("direction", "desc"), ("per_page", "1")]);
        let newest: Vec<wire::Issue> = self.client.get(&self.path(&format!("issues?{query}"))).await?;
        let newest = newest.first().map_or(0, |issue| issue.number);
        if newest >= last {
            return Ok(());
        }
        Err(ForgeError::Numbers(format!(
            "the journal has pull requests of its own up to #{last}, and GitHub is at #{newest}, so that a number would be given \
             twice; begin the town's journal anew by deleting the branch monkeytown/journal here and there, or open issues on \
             GitHub up to #{last}"
        )))
    }
}

/// The town without the pull requests of the local forge: their numbers mean something else on GitHub.
fn of_here(town: &Town) -> Town {
    let mut town = town.clone();
    town.pulls.retain(|_, pull| pull.url.is_some());
    town
}

/// A title that GitHub takes, on one line.
fn title(pull: &NewPull) -> String {
    text::one_line(&pull.offer.title, TITLE_CHARS)
}

/// A body that GitHub takes.
fn body(pull: &NewPull) -> String {
    text::truncate_middle(&pull.offer.body, BODY_BYTES)
}

/// A query of names and values (`application/x-www-form-urlencoded`).
fn form(pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    query.finish()
}

#[async_trait(?Send)]
impl Forge for GithubForge {
    fn name(&self) -> &'static str {
        "github"
    }

    fn remembers(&self) -> bool {
        true
    }

    async fn comment(&self, number: u64, run: &RunId, text: &str) -> Result<(), ForgeError> {
        let path = self.path(&format!("issues/{number}/comments"));
        let said: Vec<wire::Comment> = self.client.list(&path, |_| true).await?;
        // A run that died may have said it: each names itself. What people write counts for nothing here, or anybody could
        // silence a question.
        let ours = |comment: &wire::Comment| {
            let text = comment.body.as_deref().unwrap_or_default();
            wire::is_bot(comment.user.as_ref()) && asks(text).is_some_and(|line| line.contains(&format!("`{run}`")))
        };
        if said.iter().any(ours) {
            return Ok(());
        }
        self.say(number, text).await
    }

    async fn find(&self, branch: &str) -> Result<Option<PullView>, ForgeError> {
        let open = self.open_of(branch).await?;
        open.iter().find(|pull| pull.base.branch == self.base).map(|pull| self.view(pull)).transpose()
    }

    async fn open(&self, pull: &NewPull) -> Result<PullView, ForgeError> {
        let made = self.create(pull).await?;
        self.label(made.number, pull).await?;
        let seen = self.read_back(made.number, pull).await?;
        self.close_superseded(&pull.offer.branch, made.number).await?;
        self.view(&seen)
    }

    async fn update(&self, number: u64, pull: &NewPull) -> Result<PullView, ForgeError> {
        let now = self.pull(number).await?;
        if now.state != "open" {
            return Err(ForgeError::Conflict(format!("#{number} was closed meanwhile")));
        }
        if now.title != title(pull) || now.body.as_deref().unwrap_or_default() != body(pull) {
            let path = self.path(&format!("pulls/{number}"));
            let changes = json!({"title": title(pull), "body": body(pull)});
            let _: Pull = self.client.write(Method::PATCH, &path, &changes).await?;
        }
        self.set_draft(&now, pull.offer.draft).await?;
        self.label(number, pull).await?;
        let seen = self.read_back(number, pull).await?;
        // A process that died after it had opened this one may have left the older one open.
        self.close_superseded(&pull.offer.branch, number).await?;
        self.view(&seen)
    }

    async fn carry_out(&self, town: &Town, seen: &[Command]) -> Result<(), ForgeError> {
        let commands = |command: &Command| matches!(command, Command::Observe(seen) if follow::may_command(seen));
        if !seen.iter().any(commands) {
            return Ok(());
        }
        // Each is judged on the state that the ones before it leave, as it will be recorded.
        let mut town = of_here(town);
        let stamp = Stamp { time: self.client.now(), source: String::new(), random: 0 };
        for command in seen {
            if let Command::Observe(sighting) = command {
                self.follow(&town, sighting).await?;
            }
            // What cannot be recorded changes nothing.
            if let Ok((_, next)) = decide::decide_all(&town, std::slice::from_ref(command), &stamp) {
                town = next;
            }
        }
        Ok(())
    }

    async fn past(&self, branch: &str, head: &Oid) -> Result<Option<(PullView, Command)>, ForgeError> {
        let query = form(&[("state", "closed"), ("head", &format!("{}:{branch}", self.owner()))]);
        let all: Vec<Pull> = self.client.list(&self.path(&format!("pulls?{query}")), |_| true).await?;
        let ours = |pull: &&Pull| self.place.is_ours(pull) && pull.head.sha == head.as_str();
        let Some(found) = all.iter().filter(ours).max_by_key(|pull| pull.number) else { return Ok(None) };
        let whole = self.pull(found.number).await?;
        let (closed_by, reason) = self.closing(&whole, None).await?;
        let verdict = self.place.verdict(&whole, Some(head), closed_by.as_ref(), reason);
        Ok(match verdict {
            Some(verdict) => Some((self.view(&whole)?, Command::Observe(Box::new(verdict)))),
            None => None,
        })
    }

    async fn observe(&self, town: &Town) -> Result<Vec<Command>, ForgeError> {
        self.numbers_are_ours(town).await?;
        let seen = self.poll(&of_here(town)).await?;
        let observed = seen.sightings.into_iter().map(|sighting| Command::Observe(Box::new(sighting)));
        Ok(observed.chain(seen.cursor.map(|cursor| Command::Synced { cursor })).collect())
    }
}
