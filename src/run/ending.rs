//! How a claimed run ends: published, with nothing to do, failed, or as a dry run; each is recorded, and reported.
//! Lives here: the records of an end. Never here: what led to it (see [`super::deliver`]).

use git2::Oid;

use super::deliver::Course;
use super::propose::Ready;
use super::report::{Ending, Report};
use super::turn::{self, Turned};
use super::{Progress, RunError};
use crate::git::repo;
use crate::town::decide::{self, Command, Gated};
use crate::town::event::{FailureKind, GateFailed, Outcome as Ended, RunFinished};
use crate::town::finding::Finding;
use crate::town::text;
use crate::town::transcript::Transcript;

impl Course<'_> {
    pub(super) fn finish_published_with(&mut self, transcript: &Transcript) -> Result<Report, RunError> {
        let outcome = decide::outcome_of(&self.claimed.run);
        let number = self.claimed.run.published.as_ref().map(|published| published.pull);
        if let (None, Some(proposed)) = (&self.report.offer, &self.claimed.run.proposed) {
            self.report.offer = Some(proposed.offer.clone());
        }
        let title = self.report.offer.as_ref().map(|offer| offer.title.clone()).unwrap_or_default();
        let verb = if outcome == Ended::Opened { "opened" } else { "updated" };
        let reason = format!("pull request #{} {verb}", number.unwrap_or_default());
        self.end(outcome, reason, number, transcript)?;
        self.report.outcome = if outcome == Ended::Opened { Ending::Opened } else { Ending::Updated };
        self.report.pull = number;
        self.report.reason = title;
        Ok(self.report.clone())
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
        self.end(Ended::Nothing, format!("nothing to do: {reason}"), self.claimed.stand.pull, transcript)?;
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
    ) -> Result<(), RunError> {
        let run = &self.claimed.run;
        let mut also = turn::calls(&self.claimed, transcript);
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
        if self.writes_nothing() {
            self.turned = Some(Turned::Failed { kind, reason });
            return Ok(self.report.clone());
        }
        let mut commands = turn::calls(&self.claimed, transcript);
        commands.extend(turn::usage(&self.claimed, &self.charter.name, transcript));
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
