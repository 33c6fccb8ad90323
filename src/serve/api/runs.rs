//! What runs came to and what they cost, newest first.
//! Lives here: `GET /api/runs`, which runs it names, and where its next page begins. Never here: adding up what a run cost (see
//! [`super::past`]).

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::serve::Shared;
use crate::serve::filter::{self, BadFilter};
use crate::serve::openapi::{Operation, Paths};
use crate::serve::problem::Problem;
use crate::town::limits::FILTER_NAME_BYTES;

use super::desk::{Document, Failure, lock};
use super::past::RunSum;
use super::{tagged, worked_out};

/// Runs of one answer, at the most and where nobody says.
const MOST: usize = 1_000;
const USUAL: usize = 100;
/// What may become of a run.
const OUTCOMES: [&str; 7] = ["opened", "updated", "nothing", "asked", "failed", "expired", "running"];

/// The path.
pub fn paths() -> Paths {
    let runs = Operation::new("town", "runs", "What runs came to and what they cost, newest first")
        .says(
            "In the order in which they began. As far back as the stream goes; what is older has its events in `/api/export`. \
             `next` is what to ask for with `after=` for the page behind this one.",
        )
        .reads()
        .query::<Asked>()
        .json::<Runs>(200, "a page of runs")
        .tagged()
        .fails(400, &["bad-request"]);
    Paths::default().get("/api/runs", self::runs, runs)
}

/// Which runs are wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Asked {
    /// Agents, with commas.
    agent: Option<String>,
    /// What became of them, with commas: `opened`, `updated`, `nothing`, `asked`, `failed`, `expired`, `running`.
    outcome: Option<String>,
    /// The id of a run: those that began before it.
    after: Option<String>,
    /// Runs in one answer, 1 to 1,000; 100 where it is left out.
    limit: Option<usize>,
}

/// A page of runs.
#[derive(Debug, Serialize, JsonSchema)]
struct Runs {
    /// How many there are of these agents and outcomes, on all pages.
    count: u64,
    /// Those of this page, newest first.
    runs: Vec<RunSum>,
    /// What to ask for with `after=`; null on the last page.
    next: Option<String>,
}

impl From<BadFilter> for Failure {
    fn from(bad: BadFilter) -> Self {
        Self::Bad(bad.to_string())
    }
}

/// `GET /api/runs?agent=&outcome=&after=&limit=`.
async fn runs(
    State(shared): State<Arc<Shared>>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(bad) => return Problem::bad_request(bad.body_text()).into_response(),
    };
    let made = worked_out(shared, move |shared| {
        let page = {
            let mut past = lock(&shared.desk.past);
            past.keep_up(&shared.hub);
            page(past.runs.iter(), &asked)?
        };
        Ok(Document::new(serde_json::to_vec(&page)?))
    });
    match made.await {
        Ok(document) => tagged(&headers, &document.tag, || document.bytes),
        Err(problem) => problem.into_response(),
    }
}

/// The page that is asked for, of runs in the order in which they began.
fn page<'r>(runs: impl DoubleEndedIterator<Item = &'r RunSum> + Clone, asked: &Asked) -> Result<Runs, Failure> {
    let most = asked.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&most) {
        return Err(Failure::Bad(format!("limit={most}: an answer has 1 to {MOST} runs")));
    }
    let agents = filter::names("agent", asked.agent.as_deref())?;
    let outcomes = filter::names("outcome", asked.outcome.as_deref())?;
    if let Some(unknown) = outcomes.iter().find(|outcome| !OUTCOMES.contains(&outcome.as_str())) {
        return Err(Failure::Bad(format!("outcome={unknown:?}: it is one of {}", OUTCOMES.join(", "))));
    }
    let is_in = |names: &[String], name: &str| names.is_empty() || names.iter().any(|known| known == name);
    let fits = |run: &&RunSum| is_in(&agents, &run.agent) && is_in(&outcomes, &run.outcome);
    let mut older = runs.clone().rev();
    if let Some(after) = asked.after.as_deref()
        && !older.any(|run| run.run == after)
    {
        let after: String = after.chars().take(FILTER_NAME_BYTES).collect();
        return Err(Failure::Bad(format!("after={after:?}: no such run is known here; begin without after=")));
    }
    let count = runs.filter(fits).count() as u64;
    let mut older = older.filter(fits);
    let page: Vec<RunSum> = older.by_ref().take(most).cloned().collect();
    let next = older.next().and(page.last()).map(|last| last.run.clone());
    Ok(Runs { count, runs: page, next })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Nine runs of three agents, by turns; every second one failed.
    fn runs() -> Vec<RunSum> {
        let run = |nth: usize| RunSum {
            agent: ["ada", "bob", "cy"][nth % 3].to_owned(),
            run: nth.to_string(),
            outcome: if nth % 2 == 1 { "failed" } else { "opened" }.to_owned(),
            ..RunSum::default()
        };
        (0..9).map(run).collect()
    }

    fn asked(agent: &str, outcome: &str, after: &str, limit: usize) -> Asked {
        let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Asked { agent: said(agent), outcome: said(outcome), after: said(after), limit: Some(limit) }
    }

    /// Ids of all pages of this length, a space between two runs and a bar between two pages.
    fn pages(agent: &str, outcome: &str, limit: usize) -> (u64, String) {
        let (all, mut after, mut told) = (runs(), String::new(), Vec::new());
        loop {
            let page = page(all.iter(), &asked(agent, outcome, &after, limit)).unwrap();
            told.push(page.runs.iter().map(|run| run.run.as_str()).collect::<Vec<_>>().join(" "));
            match page.next {
                Some(next) => after = next,
                None => return (page.count, told.join("|")),
            }
        }
    }

    #[test]
    fn pages_meet_without_a_gap_and_none_is_empty_but_the_only_one() {
        let told = |agent, outcome, limit| pages(agent, outcome, limit);
        assert_eq!(told("", "", 4), (9, "8 7 6 5|4 3 2 1|0".to_owned()));
        assert_eq!(told("", "", 3), (9, "8 7 6|5 4 3|2 1 0".to_owned()));
        assert_eq!(told("bob", "", 2), (3, "7 4|1".to_owned()));
        assert_eq!(told("bob, cy", "failed", 2), (3, "7 5|1".to_owned()));
        assert_eq!(told("", "opened,failed", 9), (9, "8 7 6 5 4 3 2 1 0".to_owned()));
        assert_eq!(told("nobody", "", 9), (0, String::new()));
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let refused = |asked: Asked| page(runs().iter(), &asked).unwrap_err().to_string();
        assert_eq!(refused(asked("", "", "", 0)), "limit=0: an answer has 1 to 1000 runs");
        assert_eq!(refused(asked("", "", "", 1_001)), "limit=1001: an answer has 1 to 1000 runs");
        assert!(refused(asked("", "won", "", 1)).starts_with("outcome=\"won\": it is one of opened, "));
        assert!(refused(asked("", "", "12", 1)).contains("no such run is known here"));
        assert!(refused(asked("a,,b", "", "", 1)).contains("agent= has \"\""));
    }

    #[test]
    fn every_outcome_that_the_past_tells_can_be_asked_for() {
        use crate::town::event::Outcome;
        for outcome in [Outcome::Opened, Outcome::Updated, Outcome::Nothing, Outcome::Asked] {
            let name = serde_json::to_value(outcome).unwrap();
            assert!(OUTCOMES.contains(&name.as_str().unwrap()), "{name}");
        }
    }
}
