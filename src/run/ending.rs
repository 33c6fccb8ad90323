//! How a claimed run ends: published, with nothing to do, failed, or as a dry run; each is recorded, and reported. And how one
//! that died close to its end goes on.
//! Lives here: the records of an end, and what may still be published. Never here: what led to it (see [`super::deliver`]).

use git2::Oid;

use super::checkpoint::Checkpoint;
use super::deliver::Course;
use super::propose::{self, Ready};
use super::report::{Ending, Report};
use super::said;
use super::turn::{self, Turned};
use super::{Progress, RunError};
use crate::git::repo;
use crate::town::decide::{self, Command, Gated, Rejected};
use crate::town::event::{FailureKind, GateFailed, Outcome as Ended, RunFinished, RunProposed};
use crate::town::finding::Finding;
use crate::town::gate;
use crate::town::outgoing;
use crate::town::text;
use crate::town::transcript::Transcript;

impl Course<'_> {
    /// Goes on from the last recorded step of publishing, where there is one.
    pub(super) async fn published(&mut self, transcript: &Transcript) -> Result<Option<Report>, RunError> {
        if self.claimed.run.published.is_some() {
            // It died after its pull request was recorded: only the end is missing.
            self.account(transcript);
            return self.finish_published_with(transcript).map(Some);
        }
        let Some(proposed) = self.claimed.run.proposed.clone() else { return Ok(None) };
        if !self.still_fits(&proposed)? {
            return Ok(None);
        }
        self.publish(&proposed, self.claimed.stand.pull, transcript).await
    }

    /// Whether what was announced may be published as it is: it was made on the default branch as that is now, or has been
    /// pushed already, and the gate lets it through once more, since the announcement may have come from anywhere. Otherwise it
    /// is proposed anew from the checkpoint.
    fn still_fits(&self, proposed: &RunProposed) -> Result<bool, RunError> {
        let (house, home) = (self.hands.house, &self.hands.house.home);
        let head = repo::oid(&proposed.offer.head)?;
        if !home.repo.has(head) {
            return Ok(false);
        }
        let pushed = home.tip(&proposed.offer.branch)? == Some(head);
        let newest = home.main()?;
        if !pushed && self.claimed.checkpoint.is_some() && repo::id(newest) != proposed.offer.base {
            return Ok(false);
        }
        let stand = &self.claimed.stand;
        let at_home = home.tip(&proposed.offer.branch)?.map(repo::id);
        if !pushed && (stand.human && at_home != stand.branch_tip || !self.is_quiet(proposed)) {
            // Commits of people are theirs only where they are on the branch at home.
            return Ok(false);
        }
        let below = match stand.branch_tip.as_ref().filter(|_| stand.human) {
            Some(tip) => Some(repo::oid(tip)?),
            None => home.with_depth(|| home.repo.merge_base(head, newest))?,
        };
        let Some(below) = below.filter(|below| *below != head) else { return Ok(pushed) };
        let judged = propose::of_commits(house, &self.claimed.town, Some(self.charter), below, head, &[newest])?;
        let refused: Vec<Finding> = gate::judge(&judged).into_iter().filter(Finding::is_error).collect();
        for finding in &refused {
            tracing::error!(%finding, "what was announced does not pass the gate");
        }
        Ok(refused.is_empty())
    }

    /// Whether the words of an announcement are as the policy for what leaves lets them out.
    fn is_quiet(&self, proposed: &RunProposed) -> bool {
        let (offer, known) = (&proposed.offer, &self.hands.edge.secrets);
        outgoing::is_quiet(&offer.title, &offer.body, known)
    }

    pub(super) fn finish_published_with(&mut self, transcript: &Transcript) -> Result<Report, RunError> {
        let outcome = decide::outcome_of(&self.claimed.run);
        let number = self.claimed.run.published.as_ref().map(|published| published.pull);
        if let (None, Some(proposed)) = (&self.report.offer, &self.claimed.run.proposed) {
            self.report.offer = Some(proposed.offer.clone());
        }
        let title = self.report.offer.as_ref().map(|offer| offer.title.clone()).unwrap_or_default();
        let verb = if outcome == Ended::Opened { "opened" } else { "updated" };
        let reason = format!("pull request #{} {verb}", number.unwrap_or_default());
        self.end(outcome, reason, number, transcript, Vec::new())?;
        self.report.outcome = if outcome == Ended::Opened { Ending::Opened } else { Ending::Updated };
        self.report.pull = number;
        self.report.reason = title;
        Ok(self.report.clone())
    }

    /// The job that thinks was stopped: the run stays in flight, and whoever takes it over when its lease has run out goes on
    /// from this checkpoint.
    pub(super) async fn interrupted(mut self, checkpoint: &Checkpoint) -> Result<Report, RunError> {
        let transcript = self.transcript();
        if let Some(report) = self.published(&transcript).await? {
            return Ok(report);
        }
        self.account(&transcript);
        let is_home = self.keeper.adopt(checkpoint, None, (self.hands.edge.now)())?;
        self.report.outcome = if is_home { Ending::Interrupted } else { Ending::Queued };
        let until = chrono::DateTime::from_timestamp(self.claimed.run.lease_until, 0).unwrap_or_default();
        let until = until.format("%Y-%m-%d %H:%M UTC");
        let place = if is_home { "is kept" } else { "waits here" };
        self.report.reason =
            format!("the job that thinks was stopped; what it had {place}, and a run after {until} goes on from there");
        Ok(self.report.clone())
    }

    /// The town is frozen: the run stays in flight with what it has made, and whoever takes it over after a thaw goes on from
    /// its checkpoint.
    pub(super) fn held(&mut self, why: &Rejected, transcript: &Transcript) -> Report {
        self.account(transcript);
        self.report.outcome = Ending::Skipped;
        self.report.reason = format!("{why}; what the agent has made is kept, and goes out with a run after that");
        self.report.clone()
    }

    pub(super) fn nothing(&mut self, reason: String, transcript: &Transcript) -> Result<Report, RunError> {
        let reason = text::one_line(&reason, 500);
        self.report.reason.clone_from(&reason);
        if self.request.dry_run {
            self.report.outcome = Ending::Dry;
        }
        if self.writes_nothing() {
            return Ok(self.report.clone());
        }
        self.end(Ended::Nothing, format!("nothing to do: {reason}"), self.claimed.stand.pull, transcript, Vec::new())?;
        self.report.pull = self.claimed.stand.pull;
        self.report.outcome = Ending::Nothing;
        Ok(self.report.clone())
    }

    /// Records the end, and what it took. The transcript is kept under a reference of its own.
    pub(super) fn end(
        &mut self,
        outcome: Ended,
        reason: String,
        pull: Option<u64>,
        transcript: &Transcript,
        mut also: Vec<Command>,
    ) -> Result<(), RunError> {
        let run = &self.claimed.run;
        also.extend(turn::calls(&self.claimed, transcript));
        also.extend(said::on_board(&self.claimed, transcript, &self.hands.edge.secrets));
        also.extend(turn::usage(&self.claimed, &self.charter.name, transcript));
        let finished = RunFinished {
            run: run.run.clone(),
            agent: self.charter.name.clone(),
            outcome,
            reason,
            pull,
            partial: self.report.partial,
        };
        // The transcript is kept first: once the run is over, nothing would lead back to its checkpoint.
        let now = (self.hands.edge.now)();
        let kept = self.keeper.keep_transcript(transcript, now)?;
        self.hands.finish(finished, also)?;
        self.keeper.close(kept, true, now)
    }

    /// Records the failure; the work stays at the checkpoint for people to look at.
    pub(super) fn fail(
        &mut self,
        kind: FailureKind,
        reason: String,
        transcript: &Transcript,
    ) -> Result<Report, RunError> {
        let reason = text::one_line(&reason, 1_000);
        self.report.reason.clone_from(&reason);
        self.report.outcome = Ending::Failed;
        self.report.failure = Some(kind);
        if self.writes_nothing() {
            self.turned = Some(Turned::Failed { kind, reason });
            return Ok(self.report.clone());
        }
        let mut commands = turn::calls(&self.claimed, transcript);
        commands.extend(said::on_board(&self.claimed, transcript, &self.hands.edge.secrets));
        let metered = turn::usage(&self.claimed, &self.charter.name, transcript);
        // What a job spent that left nothing is not known: it counts in full.
        let in_full = || self.knows_nothing().then(|| turn::in_full(&self.claimed, &self.charter.name)).flatten();
        commands.extend(metered.or_else(in_full));
        commands.push(Command::Fail {
            run: self.claimed.run.run.clone(),
            agent: self.charter.name.clone(),
            kind,
            reason: reason.clone(),
        });
        let now = (self.hands.edge.now)();
        let kept = self.keeper.keep_transcript(transcript, now)?;
        self.hands.record(&commands)?;
        self.keeper.close(kept, false, now)?;
        self.hands.edge.tell(&Progress::Finished { outcome: reason });
        Ok(self.report.clone())
    }

    pub(super) fn record_refusal(&self, findings: &[Finding], tree: Oid, nth: usize) -> Result<(), RunError> {
        if self.writes_nothing() {
            return Ok(());
        }
        let shown = |finding: &Finding| text::one_line(&finding.to_string(), 300);
        let failed = GateFailed {
            run: self.claimed.run.run.clone(),
            nth: u32::try_from(nth).unwrap_or(u32::MAX),
            tree: repo::id(tree),
            findings: findings.iter().filter(|finding| finding.is_error()).map(shown).take(20).collect(),
            total: u32::try_from(findings.len()).unwrap_or(u32::MAX),
        };
        self.hands.record(&[Command::RecordGate(Gated::Failed(failed))])?;
        Ok(())
    }

    pub(super) fn dry(&mut self, ready: &Ready) -> Report {
        self.report.outcome = Ending::Dry;
        self.report.offer = Some(ready.offer.clone());
        self.report.reason.clone_from(&ready.offer.title);
        self.report.diff = Some(crate::town::changeset::unified(&ready.changes));
        self.report.clone()
    }
}
