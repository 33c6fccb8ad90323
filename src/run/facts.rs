//! Step 5, brief: from the state and the senses to what an agent is told.
//! Lives here: gathering. Never here: what a sense reads (see [`crate::senses`]), how a briefing is packed
//! (see [`super::brief`]).

use git2::Oid;

use super::house::House;
use super::publish::Hands;
use super::turn::Mission;
use super::{Edge, RunError, workflow};
use crate::git::workspace::Workspace;
use crate::senses;
use crate::tools::Toolbox;
use crate::town::briefing::{Briefing, LimitsLeft, OwnPull, PastVerdict, Quote, SenseText};
use crate::town::charter::Sense;
use crate::town::facts::{Facts, OpenPull, Outcome, ProposalFacts, Verdict};
use crate::town::fold::{Pull, PullState, Town};
use crate::town::ids::AgentId;
use crate::town::memory::Memory;
use crate::town::ownership;
use crate::town::pattern::Pattern;
use crate::town::spec::past::Past;

/// Verdicts that a briefing shows.
const VERDICTS: usize = 5;
/// Commits that the senses of history look back at; a shallow clone is deepened as far.
const HISTORY: u32 = 500;
/// Bytes of one sense before packing.
const SENSE_BYTES: usize = 24 * 1024;
/// Bytes of the memory before packing.
const MEMORY_BYTES: usize = 12 * 1024;

/// Who owns what, for counting by domain.
#[must_use]
pub fn domains(house: &House) -> Vec<(AgentId, Vec<Pattern>)> {
    house.charters.iter().map(|charter| (charter.name.clone(), ownership::owned(charter, &house.settings))).collect()
}

/// What the senses see for an agent at the base of the house.
///
/// # Errors
/// [`RunError::Senses`] when the base commit cannot be read.
pub fn gather(
    edge: &Edge<'_>,
    house: &House,
    town: &Town,
    agent: &AgentId,
    base: Oid,
    wanted: &[Sense],
) -> Result<Facts, RunError> {
    if wanted.contains(&Sense::Activity) || wanted.contains(&Sense::Todos) {
        house.home.ensure_history(base, HISTORY)?;
    }
    // A handle of its own: this one has seen where a shallow clone ended before it was deepened.
    let repo = house.home.repo.reopen()?;
    let since =
        town.last_base(agent).and_then(|oid| crate::git::repo::oid(oid).ok()).filter(|oid| house.home.repo.has(*oid));
    let past = if wanted.contains(&Sense::Specs) { workflow::past(house, town, None, base)? } else { Past::default() };
    let facts = senses::gather(&senses::Request {
        repo: repo.git(),
        base,
        since,
        domains: &domains(house),
        own: agent,
        wanted,
        test_command: house.settings.tests.as_ref(),
        environment: &edge.tools,
        proposals: proposals(town),
        past: &past,
        now: (edge.now)(),
    })?;
    Ok(facts)
}

/// Open pull requests and verdicts as the sense wants them.
#[must_use]
pub fn proposals(town: &Town) -> ProposalFacts {
    let mut facts = ProposalFacts::default();
    for pull in town.pulls.values() {
        match (&pull.verdict, pull.state) {
            (Some(verdict), _) => facts.verdicts.push(Verdict {
                agent: pull.agent.clone(),
                number: pull.number,
                outcome: if pull.state == PullState::Merged { Outcome::Merged } else { Outcome::Rejected },
                by: verdict.by.clone(),
                reason: verdict.reason.map(|reason| reason.code().to_owned()),
                text: Some(verdict.text.clone()).filter(|text| !text.is_empty()),
                at: verdict.at,
                content: None,
            }),
            (None, _) => facts.open.push(OpenPull {
                agent: pull.agent.clone(),
                number: pull.number,
                title: pull.offer.title.clone(),
                branch: pull.offer.branch.clone(),
                opened: pull.opened_at,
                files: pull.offer.paths.clone(),
            }),
        }
    }
    facts
}

/// Everything that the agent is told.
///
/// # Errors
/// [`RunError`] when the workspace cannot be read.
pub fn briefing(
    hands: &Hands<'_>,
    mission: Mission<'_>,
    facts: &Facts,
    workspace: &Workspace,
    toolbox: &Toolbox,
) -> Result<Briefing, RunError> {
    let (edge, house) = (hands.edge, hands.house);
    let Mission { charter, claimed, request, .. } = mission;
    let town = &claimed.town;
    let memory_path = charter.name.memory_path();
    let memory = workspace.read(&memory_path)?.map(|blob| Memory::parse(&memory_path, &blob.bytes).0);
    let remembered = memory.map(|memory| memory.list("", MEMORY_BYTES)).filter(|text| !text.is_empty());
    let texts = charter.senses.iter().filter(|sense| **sense != Sense::Files);
    Ok(Briefing {
        town: house.settings.name.clone(),
        agent: charter.name.clone(),
        description: charter.description.clone(),
        persona: charter.persona.clone(),
        owns: ownership::owned(charter, &house.settings),
        page: charter.page.clone(),
        tools: toolbox.lines(),
        absent_tools: toolbox.absent().to_vec(),
        now: (edge.now)(),
        base: format!("{} at {}", house.home.branch, claimed.run.base.short()),
        task: request.task.clone(),
        limits: LimitsLeft {
            turns: charter.limits.turns,
            minutes: charter.limits.minutes,
            files: charter.limits.files,
        },
        pull: town.open_pull(&charter.name).map(own_pull),
        verdicts: town.verdicts(&charter.name).into_iter().take(VERDICTS).filter_map(past_verdict).collect(),
        inbox: inbox(town, &charter.name),
        specs: workflow::case_files(hands, mission)?,
        memory: remembered.into_iter().map(|text| Quote { origin: memory_path.clone(), text }).collect(),
        facts: texts
            .filter_map(|sense| Some(SenseText { sense: *sense, text: facts.section(*sense, SENSE_BYTES)? }))
            .collect(),
        files: facts.section(Sense::Files, SENSE_BYTES),
    })
}

fn own_pull(pull: &Pull) -> OwnPull {
    let quote = |comment: &crate::town::fold::Comment| Quote {
        origin: format!("comment of {} on #{}, {}", comment.by, pull.number, comment.at.format("%Y-%m-%d")),
        text: comment.text.clone(),
    };
    OwnPull {
        number: pull.number,
        title: pull.offer.title.clone(),
        branch: pull.offer.branch.clone(),
        opened_at: pull.opened_at,
        files: pull.offer.paths.clone(),
        comments: pull.comments.iter().rev().map(quote).collect(),
    }
}

fn past_verdict(pull: &Pull) -> Option<PastVerdict> {
    let verdict = pull.verdict.as_ref()?;
    Some(PastVerdict {
        number: pull.number,
        title: pull.offer.title.clone(),
        outcome: if verdict.reason.is_some() { "rejected" } else { "merged" }.to_owned(),
        by: verdict.by.clone(),
        at: verdict.at,
        code: verdict.reason.map(|reason| reason.code().to_owned()),
        reason: Some(verdict.text.clone()).filter(|text| !text.is_empty()),
    })
}

/// What people wrote to the agent on the board, and on its closed pull requests, which nothing else would show.
fn inbox(town: &Town, agent: &AgentId) -> Vec<Quote> {
    let posts = town.posts_for(agent).into_iter().flat_map(|(id, post)| {
        let letter = Quote {
            origin: format!("post {id} of {}, {}", post.author, post.at.format("%Y-%m-%d")),
            text: format!("{}\n\n{}", post.title, post.body),
        };
        let reply = move |reply: &crate::town::fold::Comment| Quote {
            origin: format!("reply of {} to {id}", reply.by),
            text: reply.text.clone(),
        };
        std::iter::once(letter).chain(post.replies.iter().filter(|reply| reply.hidden.is_none()).map(reply))
    });
    let closed = town.verdicts(agent).into_iter().take(VERDICTS);
    let said = closed.flat_map(|pull| pull.comments.iter().rev().take(5).map(move |comment| (pull, comment)));
    let said = said.map(|(pull, comment)| Quote {
        origin: format!("comment of {} on #{} (closed)", comment.by, pull.number),
        text: comment.text.clone(),
    });
    posts.chain(said).collect()
}
