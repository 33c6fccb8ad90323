//! What an agent says to people and to other agents: a question that ends its run, posts and replies on the board.
//! Lives here: where a question can be seen, asking it, and what goes on record with the end of a run. Never here: what such
//! a call has to hold (see [`crate::town::board`]).

use super::checkpoint::ToHome;
use super::claim::Claim;
use super::deliver::Course;
use super::report::{Ending, Report};
use super::turn::{Turn, Turned};
use super::{Progress, RunError};
use crate::town::board::{self, Said};
use crate::town::decide::{self, Command, Saying};
use crate::town::event::Outcome as Ended;
use crate::town::outgoing::{self, Changes};
use crate::town::text;
use crate::town::transcript::Transcript;

impl Turn<'_> {
    /// What a question comes to: changed files are proposed with it, else it is asked on the open pull request. Nothing
    /// where no pull request would show it.
    pub(super) fn question(&self, transcript: &Transcript, question: &str) -> Option<Turned> {
        if self.workspace.changed().is_empty() {
            return self.claimed.stand.pull.map(|_| Turned::Asked(question.to_owned()));
        }
        let why = "the agent asks something before it goes on".to_owned();
        let Turned::Done { mut finish, partial } = self.landed(transcript, why) else { return None };
        finish.body = format!("### A question\n\n{question}\n\n### So far\n\n{}", finish.body);
        Some(Turned::Done { finish, partial })
    }
}

impl Course<'_> {
    /// Asks people on the agent's open pull request, and ends the run with it. Doing it twice asks once.
    pub(super) async fn ask_people(&mut self, question: &str, transcript: &Transcript) -> Result<Report, RunError> {
        let town = self.hands.journal.load()?.town;
        if let Err(frozen) = decide::frozen(&town) {
            return Ok(self.held(&frozen, transcript));
        }
        let open = town.open_pull(&self.charter.name).map(|open| open.number);
        let Some(number) = open.filter(|open| self.claimed.stand.pull == Some(*open)) else {
            return self.nothing("it asks something, and its pull request is not open any more".to_owned(), transcript);
        };
        let (mut words, changed) = outgoing::markdown(question, board::TEXT_BYTES, &self.hands.edge.secrets);
        self.report.reason = text::one_line(&words, 500);
        self.report.pull = Some(number);
        if self.writes_nothing() {
            self.report.outcome = Ending::Dry;
            return Ok(self.report.clone());
        }
        let (run, agent) = (self.claimed.run.run.clone(), self.charter.name.clone());
        // Before it is asked: whoever takes over a run that dies here has to know that it was this one.
        let (stand, tree) = (self.claimed.stand.clone(), self.tree()?);
        let workspace = self.last_tree.unwrap_or(tree);
        self.keeper.keep(&stand, workspace, transcript, (self.hands.edge.now)(), ToHome::Now)?;
        words.push_str(&format!(
            "\n\n---\n{agent}{}{run}`, and reads what you answer here when it runs again.{}\n",
            board::ASKS,
            note(&changed)
        ));
        match self.hands.forge.comment(number, &run, &words).await {
            Ok(()) => self.hands.edge.tell(&Progress::Asked { number }),
            Err(error) if error.is_unavailable() => {
                // The run stays in flight: whoever takes it over asks.
                self.report.outcome = Ending::Queued;
                self.report.reason = format!("its question waits: {error}");
                return Ok(self.report.clone());
            }
            Err(error) => return Err(error.into()),
        }
        let saying = Saying { run, agent, asked: Some((number, words)), board: Vec::new() };
        let reason = format!("it asks: {}", self.report.reason);
        self.end(Ended::Asked, reason, Some(number), transcript, vec![Command::Say(saying)])?;
        self.report.outcome = Ending::Asked;
        Ok(self.report.clone())
    }
}

/// What was said on the board in a run, as it may leave; nothing where nothing was.
pub(super) fn on_board(claimed: &Claim, transcript: &Transcript, known: &[String]) -> Option<Command> {
    let mut all = board::said(transcript);
    for said in &mut all {
        match said {
            Said::Post(post) => {
                let (title, changed) = outgoing::title(&post.title, known);
                let (body, more) = outgoing::markdown(&post.body, board::TEXT_BYTES, known);
                (post.title, post.body) = (title, format!("{body}{}", note(&changed.and(more))));
                for tag in &mut post.tags {
                    *tag = outgoing::title(tag, known).0;
                }
            }
            Said::Reply(reply) => {
                let (text, changed) = outgoing::markdown(&reply.text, board::TEXT_BYTES, known);
                reply.text = format!("{text}{}", note(&changed));
            }
        }
    }
    let (run, agent) = (claimed.run.run.clone(), transcript.agent.clone());
    (!all.is_empty()).then_some(Command::Say(Saying { run, agent, asked: None, board: all }))
}

fn note(changed: &Changes) -> String {
    if changed.is_empty() { String::new() } else { format!("\n\nChanged before this was sent: {changed}.") }
}
