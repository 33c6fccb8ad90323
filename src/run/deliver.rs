//! A run from beginning to end: the ten steps in their order.
//! Lives here: the order, and what is done again when the world moved meanwhile. Never here: a step itself.

use git2::Oid;

use super::checkpoint::Keeper;
use super::claim::{self, Claim};
use super::house::House;
use super::propose::{Outcome, Proposer, Ready, Work};
use super::publish::{Hands, Published};
use super::report::{Ending, Report};
use super::stand::Stand;
use super::think::Thinker;
use super::turn::{self, Mission, Turn, Turned};
use super::{Edge, Progress, Request, RunError, SlotChoice};
use crate::forge::Forge;
use crate::git::journal::{Journal, JournalError};
use crate::git::merge::Merged;
use crate::git::repo;
use crate::town::charter::Charter;
use crate::town::decide::{self, Command, Gated};
use crate::town::event::{FailureKind, GateFailed, GatePassed, Outcome as Ended, RunFinished, RunProposed};
use crate::town::finding::Finding;
use crate::town::gate;
use crate::town::ids::AgentId;
use crate::town::transcript::{Entry, Transcript, Why};
use crate::town::{limits, text};

/// Times that the work is proposed again because somebody else moved the branch meanwhile.
const PROPOSALS: usize = 5;

/// Runs one agent once.
///
/// # Errors
/// [`RunError`] when the run could not come to an end that the journal knows; what a re-run continues from is kept.
pub async fn run(
    edge: &Edge<'_>,
    house: &House,
    journal: &Journal<'_>,
    forge: &dyn Forge,
    request: &Request,
) -> Result<Report, RunError> {
    let charter = house.charter(&request.agent)?;
    let thinker = Thinker::choose(request.brain.as_deref(), &house.settings.brain)?;
    let home = house.home.remote.as_ref().map_or_else(|| "this clone".to_owned(), |remote| remote.name.clone());
    edge.tell(&Progress::Opened { base: house.base.to_string(), home });
    let lock = format!("run-{}", charter.name);
    let Some(_alone) = house.home.repo.lock(&lock)? else {
        let reason = format!("another run of {} is alive in this clone", charter.name);
        return Ok(Report::new(&charter.name, Ending::Skipped, reason));
    };
    if request.dry_run {
        // Trees and commits are made all the same, to be judged; none of them may stay behind.
        house.home.repo.keep_objects_in_memory()?;
    }
    let news = claim::sync(edge, house, journal, forge, request.dry_run).await?;
    edge.tell(&Progress::Synced { news: news.sentences.clone(), online: news.online });
    let claimed = match claim::claim(edge, house, journal, charter, request, thinker.name()) {
        Ok(claimed) => claimed,
        Err(RunError::Rejected(rejected) | RunError::Journal(JournalError::Rejected(rejected)))
            if rejected.is_quiet() =>
        {
            let mut report = Report::new(&charter.name, Ending::Skipped, rejected.to_string());
            report.news = news.sentences;
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    let hands = Hands { edge, house, journal, forge };
    let keeper = Keeper::new(&house.home, &charter.name, &claimed.run.run, request.dry_run);
    let mut report = Report::new(&charter.name, Ending::Nothing, "");
    report.run = Some(claimed.run.run.clone());
    report.slot = Some(claimed.run.slot.clone());
    report.resumed = claimed.resumed;
    report.brain = thinker.name().to_owned();
    report.news = news.sentences;
    Course { hands, charter, claimed, keeper, thinker, request, report }.go().await
}

/// What an agent would be told if it ran now: the rules with the persona, and the facts. Nothing is written.
///
/// # Errors
/// As [`run`]; also where the agent could not run now.
pub async fn briefing(
    edge: &Edge<'_>,
    house: &House,
    journal: &Journal<'_>,
    forge: &dyn Forge,
    agent: &AgentId,
) -> Result<(String, String), RunError> {
    let charter = house.charter(agent)?;
    claim::sync(edge, house, journal, forge, true).await?;
    let request = Request { agent: agent.clone(), slot: SlotChoice::Auto, brain: None, task: None, dry_run: true };
    let thinker = Thinker::choose(None, &house.settings.brain)?;
    let claimed = claim::claim(edge, house, journal, charter, &request, thinker.name())?;
    let hands = Hands { edge, house, journal, forge };
    let mission = Mission { charter, claimed: &claimed, request: &request, thinker: &thinker };
    let mut transcript = Transcript::new(claimed.run.run.clone(), agent.clone());
    Turn::begin(&hands, mission, &claimed.stand, claimed.stand.tree()?, &mut transcript)?;
    match transcript.entries.first() {
        Some(Entry::Briefing { system, user, .. }) => Ok((system.clone(), user.clone())),
        _ => Err(RunError::Prompt("no briefing was rendered".to_owned())),
    }
}

/// A claimed run under way.
struct Course<'a> {
    hands: Hands<'a>,
    charter: &'a Charter,
    claimed: Claim,
    keeper: Keeper<'a>,
    thinker: Thinker,
    request: &'a Request,
    report: Report,
}

impl Course<'_> {
    async fn go(mut self) -> Result<Report, RunError> {
        if self.claimed.run.published.is_some() {
            // It died after its pull request was recorded: only the end is missing.
            return self.finish_published();
        }
        let mut transcript = match &self.claimed.checkpoint {
            Some(checkpoint) => checkpoint.transcript.clone(),
            None => Transcript::new(self.claimed.run.run.clone(), self.charter.name.clone()),
        };
        if let Some(proposed) = self.claimed.run.proposed.clone()
            && let Some(report) = self.publish(&proposed, self.claimed.stand.pull, &transcript).await?
        {
            return Ok(report);
        }
        let tree = match &self.claimed.checkpoint {
            Some(checkpoint) => checkpoint.workspace,
            None => self.claimed.stand.tree()?,
        };
        self.think(tree, &mut transcript).await
    }

    /// Steps 5 to 9: brief, turn, gate, propose, publish; the gate's findings go back to the brain.
    async fn think(&mut self, tree: Oid, transcript: &mut Transcript) -> Result<Report, RunError> {
        let mut stand = self.claimed.stand.clone();
        let (hands, charter, claimed) = (self.hands, self.charter, self.claimed.clone());
        let thinker = self.thinker.clone();
        let mission = Mission { charter, claimed: &claimed, request: self.request, thinker: &thinker };
        let mut turn = Turn::begin(&hands, mission, &stand, tree, transcript)?;
        let report = loop {
            let turned = turn.drive(&stand, transcript, &mut self.keeper).await?;
            self.account(transcript);
            let work = match turned {
                Turned::Nothing(reason) => break self.nothing(reason, transcript)?,
                Turned::Failed { kind, reason } => return self.fail(kind, reason, transcript),
                Turned::Done { finish, partial } => Work { tree: turn.tree()?, finish, partial },
            };
            match self.propose(&mut stand, work, transcript).await? {
                Next::End(report) => break *report,
                Next::Refused { findings, tree } => {
                    if let Some(report) = self.refused(findings, tree, transcript)? {
                        return Ok(report);
                    }
                }
            }
        };
        turn.finish()?;
        Ok(report)
    }

    /// Tells the brain what the gate said, or ends the run when it was told often enough.
    fn refused(
        &mut self,
        findings: Vec<Finding>,
        tree: Oid,
        transcript: &mut Transcript,
    ) -> Result<Option<Report>, RunError> {
        let is_told = |entry: &&Entry| matches!(entry, Entry::Note { why: Why::Gate, .. });
        let told = transcript.entries.iter().filter(is_told).count();
        self.record_refusal(&findings, tree, told + 1)?;
        if told < limits::GATE_RETRIES as usize && !self.report.partial {
            let note = Entry::Note { text: refusal(&findings), why: Why::Gate };
            if transcript.push(note).is_ok() {
                return Ok(None);
            }
        }
        self.report.findings = findings;
        let reason = format!("the gate refused its work {} times", told + 1);
        self.fail(FailureKind::Gate, reason, transcript).map(Some)
    }

    fn account(&mut self, transcript: &Transcript) {
        self.report.turns = transcript.turns();
        self.report.tokens = turn::tokens(transcript.usage());
    }

    /// Steps 7 to 9, again as long as somebody else moves the branch under us.
    async fn propose(&mut self, stand: &mut Stand, mut work: Work, transcript: &Transcript) -> Result<Next, RunError> {
        self.report.partial = work.partial.is_some();
        for _ in 0..PROPOSALS {
            let town = self.hands.journal.load()?.town;
            if stand.pull.is_some_and(|number| !town.open_pulls().any(|open| open.number == number)) {
                // People closed it since: what they decided is not offered to them again.
                self.stand_again(stand, &mut work)?;
            }
            let proposer = Proposer {
                edge: self.hands.edge,
                house: self.hands.house,
                charter: self.charter,
                town: &town,
                run: &self.claimed.run,
            };
            let outcome = proposer.propose(stand, &work)?;
            let ready = match outcome {
                Outcome::Nothing(reason) => return Ok(Next::End(Box::new(self.nothing(reason, transcript)?))),
                Outcome::Refused { findings, tree } => {
                    self.tell_gate(&findings, 0);
                    return Ok(Next::Refused { findings, tree });
                }
                Outcome::Ready(ready) => ready,
            };
            self.tell_gate(&ready.findings, ready.changes.len());
            self.report.findings.clone_from(&ready.findings);
            if self.request.dry_run {
                return Ok(Next::End(Box::new(self.dry(&ready))));
            }
            let now = (self.hands.edge.now)();
            self.keeper.keep_proposal(stand, work.tree, transcript, ready.head, now)?;
            let mut also = turn::calls(&self.claimed, transcript);
            also.push(Command::RecordGate(Gated::Passed(GatePassed {
                run: self.claimed.run.run.clone(),
                tree: repo::id(self.hands.house.home.repo.tree_of(ready.head)?),
                checks: u32::try_from(gate::CHECKS.len()).unwrap_or(u32::MAX),
                files: ready.offer.files,
                warnings: u32::try_from(ready.findings.len()).unwrap_or(u32::MAX),
            })));
            let proposed =
                self.hands.announce(&self.claimed.run, &self.charter.name, &ready.offer, ready.replaces, also)?;
            if let Some(report) = self.publish(&proposed, stand.pull, transcript).await? {
                return Ok(Next::End(Box::new(report)));
            }
            self.stand_again(stand, &mut work)?;
        }
        Err(RunError::Unsettled(self.charter.name.branch()))
    }

    fn tell_gate(&self, findings: &[Finding], files: usize) {
        self.hands.edge.tell(&Progress::Gated { findings: findings.to_vec(), files });
    }

    /// Moves the work onto what is there now: a newer branch of people, or the default branch after a verdict.
    fn stand_again(&self, stand: &mut Stand, work: &mut Work) -> Result<(), RunError> {
        let house = self.hands.house;
        house.home.refresh()?;
        let town = self.hands.journal.load()?.town;
        let newer = Stand::find(house, &town, &self.charter.name)?;
        let (from, to) = (stand.tree()?, newer.tree()?);
        let repo = &house.home.repo;
        work.tree = match repo.merge_trees(Some(from), work.tree, to)? {
            Merged::Clean(tree) => tree,
            Merged::Conflicts(paths) => {
                // What people pushed stays as it is; our version of those files is kept beside.
                let kept = format!("refs/monkeytown/kept/{}", self.claimed.run.run);
                let lost =
                    repo.commit_of_agent(work.tree, &[], &self.message(work)?, self.claimed.run.started.timestamp())?;
                house.home.keep(&kept, lost)?;
                work.partial =
                    Some(format!("people changed {} meanwhile; our version is kept in {kept}", paths.join(", ")));
                repo.yield_to(from, work.tree, to)?
            }
        };
        *stand = newer;
        Ok(())
    }

    fn message(&self, work: &Work) -> Result<crate::git::propose::Message, RunError> {
        Ok(crate::git::propose::Message {
            title: work.finish.title.clone(),
            body: work.finish.body.clone(),
            agent: self.charter.name.clone(),
            run: self.claimed.run.run.clone(),
            base: repo::id(self.hands.house.home.main()?),
            change: work.finish.change.clone(),
        })
    }

    /// Publishes what was made to update `pull`, or to open one; `None` means that the work has to be proposed again on
    /// what is there now.
    async fn publish(
        &mut self,
        proposed: &RunProposed,
        pull: Option<u64>,
        transcript: &Transcript,
    ) -> Result<Option<Report>, RunError> {
        self.report.offer = Some(proposed.offer.clone());
        match self.hands.publish(proposed, pull).await? {
            Published::Done { pull, .. } => {
                self.report.url.clone_from(&pull.url);
                let run = self.in_flight()?;
                self.claimed.run = run;
                self.account(transcript);
                self.finish_published_with(transcript).map(Some)
            }
            Published::Queued(why) => {
                let mut report = self.report.clone();
                report.outcome = Ending::Queued;
                report.reason = format!("{why}; the next run sends it");
                Ok(Some(report))
            }
            Published::Stale(why) => {
                tracing::info!(why, "proposing again");
                Ok(None)
            }
        }
    }

    fn in_flight(&self) -> Result<crate::town::fold::Run, RunError> {
        let town = self.hands.journal.load()?.town;
        let active = town.agents.get(&self.charter.name).and_then(|agent| agent.active.clone());
        active.filter(|run| run.run == self.claimed.run.run).ok_or_else(|| {
            decide::Rejected::NotInFlight { run: self.claimed.run.run.clone(), agent: self.charter.name.clone() }.into()
        })
    }

    fn finish_published(mut self) -> Result<Report, RunError> {
        let transcript = self.claimed.checkpoint.as_ref().map(|checkpoint| checkpoint.transcript.clone());
        let transcript =
            transcript.unwrap_or_else(|| Transcript::new(self.claimed.run.run.clone(), self.charter.name.clone()));
        self.account(&transcript);
        self.finish_published_with(&transcript)
    }

    fn finish_published_with(&mut self, transcript: &Transcript) -> Result<Report, RunError> {
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

    fn nothing(&mut self, reason: String, transcript: &Transcript) -> Result<Report, RunError> {
        let reason = text::one_line(&reason, 500);
        self.report.reason.clone_from(&reason);
        if self.request.dry_run {
            self.report.outcome = Ending::Dry;
            return Ok(self.report.clone());
        }
        self.end(Ended::Nothing, format!("nothing to do: {reason}"), self.claimed.stand.pull, transcript)?;
        self.report.pull = self.claimed.stand.pull;
        self.report.outcome = Ending::Nothing;
        Ok(self.report.clone())
    }

    /// Records the end, and what it took. The transcript is kept under a reference of its own.
    fn end(
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
    fn fail(&mut self, kind: FailureKind, reason: String, transcript: &Transcript) -> Result<Report, RunError> {
        let reason = text::one_line(&reason, 1_000);
        self.report.reason.clone_from(&reason);
        self.report.outcome = Ending::Failed;
        if self.request.dry_run {
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

    fn record_refusal(&self, findings: &[Finding], tree: Oid, nth: usize) -> Result<(), RunError> {
        if self.request.dry_run {
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

    fn dry(&mut self, ready: &Ready) -> Report {
        self.report.outcome = Ending::Dry;
        self.report.offer = Some(ready.offer.clone());
        self.report.reason.clone_from(&ready.offer.title);
        self.report.diff = Some(crate::town::changeset::unified(&ready.changes));
        self.report.clone()
    }
}

/// What a proposal came to.
enum Next {
    /// The run is over.
    End(Box<Report>),
    /// The gate refused it.
    Refused { findings: Vec<Finding>, tree: Oid },
}

/// What the brain is told when the gate refuses.
fn refusal(findings: &[Finding]) -> String {
    let mut out = "The gate refused the work. Mend each of these, then call Finish again:\n".to_owned();
    for finding in findings.iter().filter(|finding| finding.is_error()).take(40) {
        out.push_str(&format!("- {finding}\n"));
    }
    out
}
