//! A run from beginning to end: the ten steps in their order.
//! Lives here: the order, and what is done again when the world moved meanwhile. Never here: a step itself.

use git2::Oid;

use super::checkpoint::{Keeper, ToHome};
use super::claim::{self, Claim};
use super::house::House;
use super::propose::{Outcome, Proposer, Ready, Work};
use super::publish::{Hands, Published};
use super::report::{Cost, Ending, Report};
use super::stand::Stand;
use super::think::Thinker;
use super::turn::{self, Mission, Turn, Turned};
use super::{Edge, Progress, Request, RunError, SlotChoice};
use crate::forge::Forge;
use crate::git::journal::{Journal, JournalError};
use crate::git::repo::{self, LockGuard};
use crate::town::charter::Charter;
use crate::town::decide::{self, Command, Gated, Rejected};
use crate::town::event::{FailureKind, GatePassed, RunProposed};
use crate::town::finding::Finding;
use crate::town::gate;
use crate::town::ids::AgentId;
use crate::town::limits;
use crate::town::transcript::{Entry, Transcript, Why};

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
    match start(Hands { edge, house, journal, forge }, request, Phase::Whole).await? {
        Started::Over(report) => Ok(*report),
        Started::Claimed(course) => course.go().await,
    }
}

/// What came of the first three steps.
pub(super) enum Started<'a> {
    /// The run is over before it began.
    Over(Box<Report>),
    /// The slot is ours.
    Claimed(Box<Course<'a>>),
}

/// Steps 1 to 3: open, sync, claim.
pub(super) async fn start<'a>(hands: Hands<'a>, request: &'a Request, phase: Phase) -> Result<Started<'a>, RunError> {
    let Hands { edge, house, journal, forge } = hands;
    let charter = house.charter(&request.agent)?;
    let thinker = Thinker::choose(request.brain.as_deref(), charter, &house.settings.brain)?;
    if phase == Phase::Whole {
        thinker.ready(edge)?;
    }
    edge.tell(&Progress::Opened { base: house.base.to_string(), home: house.home_name() });
    let lock = format!("run-{}", charter.name);
    let Some(alone) = house.home.repo.lock(&lock)? else {
        let reason = format!("another run of {} is alive in this clone", charter.name);
        return Ok(Started::Over(Box::new(Report::new(&charter.name, Ending::Skipped, reason))));
    };
    if request.dry_run {
        // Trees and commits are made all the same, to be judged; none of them may stay behind.
        house.home.repo.keep_objects_in_memory()?;
    }
    let news = claim::sync(edge, house, journal, forge, request.dry_run).await?;
    edge.tell(&Progress::Synced { news: news.sentences.clone(), online: news.online });
    let claimed = match claim::claim(edge, house, journal, charter, request, &thinker) {
        Ok(claimed) => claimed,
        Err(RunError::Rejected(rejected) | RunError::Journal(JournalError::Rejected(rejected)))
            if rejected.is_quiet() =>
        {
            let mut report = Report::new(&charter.name, Ending::Skipped, rejected.to_string());
            report.news = news.sentences;
            return Ok(Started::Over(Box::new(report)));
        }
        Err(error) => return Err(error),
    };
    let mut course = Course::new(hands, charter, claimed, thinker, request, phase);
    course.alone = Some(alone);
    course.report.news = news.sentences;
    Ok(Started::Claimed(Box::new(course)))
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
    let thinker = Thinker::choose(None, charter, &house.settings.brain)?;
    let claimed = claim::claim(edge, house, journal, charter, &request, &thinker)?;
    let hands = Hands { edge, house, journal, forge };
    let mission = Mission { charter, claimed: &claimed, request: &request, thinker: &thinker };
    let mut transcript = Transcript::new(claimed.run.run.clone(), agent.clone());
    Turn::begin(&hands, mission, &claimed.stand, claimed.stand.tree()?, &mut transcript)?;
    match transcript.entries.first() {
        Some(Entry::Briefing { system, user, .. }) => Ok((system.clone(), user.clone())),
        _ => Err(RunError::Prompt("no briefing was rendered".to_owned())),
    }
}

/// Which part of a run this process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// All of it.
    Whole,
    /// Only the claim.
    Claim,
    /// Only the thinking: nothing is written but in this clone.
    Think,
    /// Only the publishing of what was thought elsewhere: nothing thinks.
    Publish,
}

/// A claimed run under way.
pub(super) struct Course<'a> {
    pub(super) hands: Hands<'a>,
    pub(super) charter: &'a Charter,
    pub(super) claimed: Claim,
    pub(super) keeper: Keeper<'a>,
    pub(super) thinker: Thinker,
    pub(super) request: &'a Request,
    pub(super) report: Report,
    phase: Phase,
    /// Held as long as the run is alive in this clone.
    alone: Option<LockGuard>,
    /// How the thinking ended, and the tree that it left.
    pub(super) turned: Option<Turned>,
    pub(super) last_tree: Option<Oid>,
}

impl<'a> Course<'a> {
    pub(super) fn new(
        hands: Hands<'a>,
        charter: &'a Charter,
        claimed: Claim,
        thinker: Thinker,
        request: &'a Request,
        phase: Phase,
    ) -> Self {
        let house = hands.house;
        let keeper = Keeper::new(&house.home, &charter.name, &claimed.run.run, request.dry_run);
        let mut report = Report::new(&charter.name, Ending::Nothing, "");
        report.run = Some(claimed.run.run.clone());
        report.slot = Some(claimed.run.slot.clone());
        report.resumed = claimed.resumed;
        report.brain = thinker.name();
        Self {
            hands,
            charter,
            claimed,
            keeper,
            thinker,
            request,
            report,
            phase,
            alone: None,
            turned: None,
            last_tree: None,
        }
    }

    pub(super) async fn go(mut self) -> Result<Report, RunError> {
        let mut transcript = self.transcript();
        if let Some(report) = self.published(&transcript).await? {
            return Ok(report);
        }
        let tree = self.tree()?;
        self.think(tree, &mut transcript).await
    }

    /// The transcript as far as it goes.
    pub(super) fn transcript(&self) -> Transcript {
        match &self.claimed.checkpoint {
            Some(checkpoint) => checkpoint.transcript.clone(),
            None => Transcript::new(self.claimed.run.run.clone(), self.charter.name.clone()),
        }
    }

    /// The tree that the workspace has at the beginning.
    pub(super) fn tree(&self) -> Result<Oid, RunError> {
        match &self.claimed.checkpoint {
            Some(checkpoint) => Ok(checkpoint.workspace),
            None => self.claimed.stand.tree(),
        }
    }

    /// Publishes what was thought elsewhere: the gate judges it here, and nobody is asked to mend it.
    pub(super) async fn conclude(mut self, turned: Turned) -> Result<Report, RunError> {
        let transcript = self.transcript();
        if let Some(report) = self.published(&transcript).await? {
            return Ok(report);
        }
        self.account(&transcript);
        let (finish, partial) = match turned {
            Turned::Nothing(reason) => return self.nothing(reason, &transcript),
            Turned::Asked(question) => return self.ask_people(&question, &transcript).await,
            Turned::Failed { kind, reason } => return self.fail(kind, reason, &transcript),
            Turned::Done { finish, partial } => (finish, partial),
        };
        let mut stand = self.claimed.stand.clone();
        let work = Work { tree: self.tree()?, finish, partial };
        match self.propose(&mut stand, work, &transcript).await? {
            Next::End(report) => Ok(*report),
            Next::Refused { findings, tree } => {
                self.record_refusal(&findings, tree, 1)?;
                self.report.findings = findings;
                self.fail(
                    FailureKind::Gate,
                    "the gate refused its work where it was to be published".to_owned(),
                    &transcript,
                )
            }
        }
    }

    /// Steps 5 and 6 and the judgement of the gate, in a process that writes nothing but in this clone. Says how it ended,
    /// with the tree of the workspace in the last checkpoint.
    pub(super) async fn think_only(mut self) -> Result<(Report, Turned), RunError> {
        let mut transcript = self.transcript();
        let tree = self.tree()?;
        let mut report = self.think(tree, &mut transcript).await?;
        let stand = self.claimed.stand.clone();
        let turned = self.turned.take().unwrap_or_else(|| Turned::Failed {
            kind: FailureKind::NoResult,
            reason: "the thinking ended without a result".to_owned(),
        });
        // The transcript may have grown since the last checkpoint, or there was none.
        let workspace = self.last_tree.unwrap_or(tree);
        self.keeper.keep(&stand, workspace, &transcript, (self.hands.edge.now)(), ToHome::InTurn)?;
        report.outcome = Ending::Thought;
        Ok((report, turned))
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
            self.last_tree = Some(turn.tree()?);
            self.turned = Some(turned.clone());
            let work = match turned {
                Turned::Nothing(reason) => break self.nothing(reason, transcript)?,
                Turned::Asked(question) => break self.ask_people(&question, transcript).await?,
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

    pub(super) fn account(&mut self, transcript: &Transcript) {
        self.report.turns = transcript.turns();
        self.report.tokens = turn::tokens(transcript.usage());
        self.report.cost_micros = transcript.cost_micros();
    }

    /// Steps 7 to 9, again as long as somebody else moves the branch under us.
    async fn propose(&mut self, stand: &mut Stand, mut work: Work, transcript: &Transcript) -> Result<Next, RunError> {
        self.report.partial = work.partial.is_some();
        for _ in 0..PROPOSALS {
            if self.phase != Phase::Think && !self.request.dry_run {
                // What people merged while the agent was at work is below it, not beside it.
                self.hands.house.home.refresh()?;
            }
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
                cost: Cost::of(transcript),
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
            if self.phase == Phase::Think {
                self.report.offer = Some(ready.offer.clone());
                return Ok(Next::End(Box::new(self.report.clone())));
            }
            let proposed = match self.announce(stand, work.tree, *ready, transcript)? {
                Announced::Proposed(proposed) => proposed,
                Announced::Held(report) => return Ok(Next::End(report)),
            };
            if let Some(report) = self.publish(&proposed, stand.pull, transcript).await? {
                return Ok(Next::End(Box::new(report)));
            }
            self.stand_again(stand, &mut work)?;
        }
        Err(RunError::Unsettled(self.charter.name.branch()))
    }

    /// Step 8: what is kept and recorded before anything is pushed.
    fn announce(
        &mut self,
        stand: &Stand,
        tree: Oid,
        ready: Ready,
        transcript: &Transcript,
    ) -> Result<Announced, RunError> {
        let now = (self.hands.edge.now)();
        self.keeper.keep_proposal(stand, tree, transcript, ready.head, now)?;
        let mut also = turn::calls(&self.claimed, transcript);
        also.push(Command::RecordGate(Gated::Passed(GatePassed {
            run: self.claimed.run.run.clone(),
            tree: repo::id(self.hands.house.home.repo.tree_of(ready.head)?),
            checks: u32::try_from(gate::CHECKS.len()).unwrap_or(u32::MAX),
            files: ready.offer.files,
            warnings: u32::try_from(ready.findings.len()).unwrap_or(u32::MAX),
        })));
        let (run, name) = (&self.claimed.run, &self.charter.name);
        match self.hands.announce(run, name, &ready.offer, ready.replaces, also) {
            Ok(proposed) => Ok(Announced::Proposed(Box::new(proposed))),
            // The town was frozen while the agent was at work.
            Err(RunError::Journal(JournalError::Rejected(why @ Rejected::Frozen { .. }))) => {
                self.report.offer = Some(ready.offer);
                Ok(Announced::Held(Box::new(self.held(&why, transcript))))
            }
            Err(error) => Err(error),
        }
    }

    fn tell_gate(&self, findings: &[Finding], files: usize) {
        self.hands.edge.tell(&Progress::Gated { findings: findings.to_vec(), files });
    }

    /// Publishes what was made to update `pull`, or to open one; `None` means that the work has to be proposed again on
    /// what is there now.
    pub(super) async fn publish(
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
            Published::Held(why) => Ok(Some(self.held(&why, transcript))),
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

    /// Whether this process publishes for a job that left nothing to read.
    pub(super) fn knows_nothing(&self) -> bool {
        self.phase == Phase::Publish && self.claimed.checkpoint.is_none()
    }

    /// A dry run, and one that only thinks, leave the journal alone.
    pub(super) fn writes_nothing(&self) -> bool {
        self.request.dry_run || self.phase == Phase::Think
    }
}

/// What came of announcing a proposal.
enum Announced {
    /// The journal has it; it may be pushed.
    Proposed(Box<RunProposed>),
    /// It waits.
    Held(Box<Report>),
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
