//! What the town's runs cost, and whether the journal holds what it says.
//! Lives here: `/api/ledger`. Never here: prices.

use git2::Oid;
use schemars::JsonSchema;
use serde::Serialize;

use crate::git::home::Home;
use crate::git::journal::Journal;
use crate::town::fold::Town;

use super::desk::{Desk, Failure, lock};
use super::past::RunSum;

/// Runs that are told, newest first.
const RUNS: usize = 1_000;

/// Money, as far as there is any.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ledger {
    /// What this is and what it is not.
    note: &'static str,
    /// Accounts; none, since the town keeps no accounts yet.
    balances: Vec<Balance>,
    /// Sums over all history.
    totals: Totals,
    /// Runs, newest first, at most 1,000.
    runs: Vec<RunSum>,
    /// How many the stream knows; older ones are in the totals alone.
    run_count: usize,
    /// Where those are that are not among the runs; null where all are.
    pub rest: Option<String>,
    /// Whether the journal folds to the state that is shown.
    verify: Verify,
}

/// An account.
#[derive(Debug, Serialize, JsonSchema)]
struct Balance {
    /// Its name.
    account: String,
    /// What is in it, in thousandths.
    amount_m: i64,
}

/// Sums over all history.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Spending")]
struct Totals {
    /// Runs that began.
    runs: u64,
    /// Those of them that failed.
    failed: u64,
    /// Tokens that they used.
    tokens: u64,
    /// In millionths of a US dollar.
    cost_micros: u64,
    /// On the last day on which anything was spent.
    spent_last_day_micros: u64,
}

/// The last check of the journal.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Verify {
    /// Whether every event, folded anew from the first, gives the state that was shown at `head`.
    ok: bool,
    /// The newest commit of the journal that was checked.
    head: Option<String>,
    /// Its last event.
    seq: u64,
}

/// A check that was made.
pub type Verified = (Option<Oid>, Verify);

/// `GET /api/ledger`.
///
/// # Errors
/// [`Failure`] when the journal cannot be read.
pub fn ledger(desk: &Desk, home: &Home, town: &Town) -> Result<Ledger, Failure> {
    let (runs, run_count) = {
        let past = lock(&desk.past);
        (past.runs.iter().rev().take(RUNS).cloned().collect::<Vec<_>>(), past.runs.len())
    };
    let last = runs.last().filter(|_| run_count > runs.len());
    let rest = last.map(|last| format!("/api/runs?after={}&limit={RUNS}", last.run));
    Ok(Ledger {
        note: "what runs cost at the prices of the settings; accounts and transfers are not kept yet",
        balances: Vec::new(),
        totals: Totals {
            runs: town.totals.runs,
            failed: town.totals.failed,
            tokens: town.totals.tokens,
            cost_micros: town.totals.cost_micros,
            spent_last_day_micros: town.spent.cost_micros,
        },
        runs,
        run_count,
        rest,
        verify: verify(desk, home)?,
    })
}

/// Folds the journal anew where it has grown since, and compares. Who asks meanwhile waits for that check.
fn verify(desk: &Desk, home: &Home) -> Result<Verify, Failure> {
    let journal = Journal::told(home);
    let head = journal.head()?;
    let mut last = lock(&desk.verified);
    if let Some((_, known)) = last.as_ref().filter(|(known, _)| *known == head) {
        return Ok(known.clone());
    }
    let (fresh, loaded) = (journal.refold()?, journal.load()?);
    let same = loaded.at == fresh.at && loaded.town == fresh.town;
    let made = Verify { ok: same, head: fresh.oid.map(|oid| oid.to_string()), seq: fresh.town.seq };
    *last = Some((fresh.oid, made.clone()));
    Ok(made)
}
