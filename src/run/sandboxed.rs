//! What of a run happens in the sandbox: commands that a model chooses, and the town's command-line agent.
//! Lives here: which sandbox there is, and which tools need it. Never here: what keeps a command in (see the room `tools`).

use super::checkpoint::{Keeper, ToHome};
use super::claim::Claim;
use super::house::House;
use super::relay::Relay;
use super::stand::Stand;
use super::think::Thinker;
use super::turn::Turn;
use super::{Edge, Progress, RunError, workflow};
use crate::tools::sandbox::Sandbox;
use crate::tools::{self, Agent, Shell, ToolError, Toolbox};
use crate::town::charter::Charter;
use crate::town::network::Allow;
use crate::town::prices::Usd;
use crate::town::settings::Settings;
use crate::town::transcript::{CallResult, Entry, Spent, ToolCall, Transcript, Usage};
use crate::town::turn::AGENT;

/// The sandbox that this machine can enforce. That is only found out by trying.
///
/// # Errors
/// With why there is none, as `monkeytown doctor` says it.
pub(super) fn sandbox(edge: &Edge<'_>) -> Result<Sandbox, String> {
    let program = edge.program.as_ref().ok_or("this program does not know its own file, which makes the sandbox")?;
    let kind = Sandbox::choose(&Sandbox::probe(program)).map_err(|refusal| refusal.to_string())?;
    Ok(Sandbox::new(program.clone(), kind))
}

fn shell(edge: &Edge<'_>, settings: &Settings) -> Result<Shell, String> {
    Ok(Shell::new(sandbox(edge)?, edge.tools.clone(), Allow::of(&settings.network.allow)))
}

/// The tools that the charter gives; none where a command-line agent thinks, which has its own.
///
/// # Errors
/// [`RunError::Git`] when an object cannot be read.
pub(super) fn toolbox(
    edge: &Edge<'_>,
    charter: &Charter,
    thinker: &Thinker,
    house: &House,
    claimed: &Claim,
) -> Result<Toolbox, RunError> {
    let settings = &house.settings;
    if matches!(thinker, Thinker::Command(_)) {
        return Ok(tools::ends());
    }
    let allow = Allow::of(&settings.network.allow);
    let open = claimed.town.posts.iter().filter(|(_, post)| !post.closed && post.hidden.is_none());
    let posts = open.map(|(id, _)| id.clone()).collect();
    let shell = if *thinker == Thinker::Embedded || !charter.tools.iter().any(|name| name == tools::BASH) {
        Err("there is no sandbox for it".to_owned())
    } else {
        shell(edge, settings)
    };
    let mut toolbox = tools::table_with(&charter.tools, shell.as_ref().map_err(String::as_str).cloned(), posts, &allow);
    let keeper = workflow::keeper(edge, house, &charter.name, claimed)?;
    if keeper.has_gate() {
        toolbox.keep_gate(&keeper);
    }
    Ok(toolbox)
}

impl Turn<'_> {
    /// Makes the town's command-line agent ready, where it works in this run or did when the run was recorded. Where that
    /// needs a sandbox which is not there, the call says so.
    pub(super) fn hire(&mut self, thinker: &Thinker, transcript: &Transcript) {
        let (edge, settings) = (self.hands.edge, &self.hands.house.settings);
        let command = match thinker {
            Thinker::Command(command) => Some(&command.line),
            Thinker::Replay(_) => settings.brain.command.as_ref(),
            _ => None,
        };
        let (Some(command), Some(Entry::Briefing { system, user, .. })) = (command, transcript.entries.first()) else {
            return;
        };
        if let Ok(mut shell) = shell(edge, settings) {
            if let Some(relay) = &self.relay {
                shell = shell.with_door(relay.door(), Relay::variables());
            }
            let deadline = self.budget().deadline;
            self.toolbox.hire(Agent::new(shell, command, system, user, deadline));
        }
    }

    /// Makes a call. While a command-line agent works, the relay to its model is open, and what it used is in the transcript
    /// afterwards, whatever came of it.
    ///
    /// # Errors
    /// [`RunError`] when what it can cost cannot be written down before.
    pub(super) async fn call(
        &mut self,
        call: &ToolCall,
        stand: &Stand,
        transcript: &mut Transcript,
        keeper: &mut Keeper<'_>,
    ) -> Result<Result<CallResult, ToolError>, RunError> {
        let budget = self.budget();
        // Of what is in the transcript, and so of what is masked.
        self.hands.edge.tell(&Progress::Using { tool: call.name.clone() });
        if self.relay.is_none() || call.name != AGENT {
            return Ok(self.call_alone(call).await);
        }
        let left = Usd(self.may_spend.0.saturating_sub(transcript.cost_micros()));
        // Where the process is killed meanwhile, nobody knows how much of it was spent.
        transcript.asked = Spent::one(Usage::NONE, left.0);
        keeper.keep(stand, self.tree()?, transcript, budget.now, ToHome::Now)?;
        let tokens = budget.tokens.saturating_sub(transcript.usage().context());
        let most = (budget.deadline - budget.now).to_std().unwrap_or_default();
        let open = match self.relay.as_ref().map(|relay| relay.open(left, tokens, most)) {
            Some(Err(error)) => {
                transcript.asked = Spent::NONE;
                return Ok(Err(ToolError::Fatal(format!("the way to the model: {error}"))));
            }
            Some(Ok(open)) => Some(open),
            None => None,
        };
        let called = self.call_alone(call).await;
        transcript.asked = Spent::NONE;
        transcript.relayed = open.into_iter().fold(transcript.relayed, |sum, open| sum.plus(open.close()));
        Ok(called)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::run::think::CommandLine;

    // covers: command-agents#it-works-in-the-sandbox
    #[test]
    fn a_command_line_agent_without_a_sandbox_is_refused_with_the_reason() {
        let program = |path: Option<&str>| Edge {
            now: &|| chrono::DateTime::UNIX_EPOCH,
            random: &|| 0,
            scheduled: false,
            tools: Vec::new(),
            program: path.map(Into::into),
            keys: Vec::new(),
            secrets: Vec::new(),
            holder: None,
            holder_before: None,
            watch: &|_| {},
        };
        let agent = Thinker::Command(CommandLine { line: "agent".to_owned(), model: None });
        for (path, part) in [(None, "its own file"), (Some("/no/such/program"), "no sandbox can be enforced")] {
            let error = agent.ready(&program(path)).unwrap_err();
            assert!(matches!(error, RunError::NoBrain { .. }) && error.is_usage(), "{error:?}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
