//! What the town's runs cost, and whether the journal holds what it says.
//! Lives here: `/api/ledger`. Never here: prices.

use schemars::JsonSchema;
use serde::Serialize;

use crate::git::home::Home;
use crate::git::journal::{Journal, JournalError, Tip};
use crate::town::fold::Town;

use super::desk::{Desk, Failure, lock};
use super::past::RunSum;

/// Runs that are told, newest first.
const RUNS: usize = 1_000;
/// How often the journal is looked at where it grows meanwhile.
const ATTEMPTS: u32 = 5;

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

/// The state as it was folded from the first event on, and what that check said.
pub type Verified = (Tip, Verify);

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

/// Folds on where the journal has grown since the last check, from its first event where that is not its past, and compares. Who
/// asks meanwhile waits for that check.
fn verify(desk: &Desk, home: &Home) -> Result<Verify, Failure> {
    let journal = Journal::told(home);
    let mut last = lock(&desk.verified);
    let mut folded = last.as_ref().map(|(tip, _)| tip.clone()).unwrap_or_default();
    for _ in 0..ATTEMPTS {
        let entries = desk.entries(&journal)?;
        // What did not hold is looked at again: it may have been put right meanwhile.
        if let Some((_, known)) = last.as_ref().filter(|(tip, known)| known.ok && tip.oid == entries.tip()) {
            return Ok(known.clone());
        }
        let Some(fresh) = journal.fold_up(folded, &entries)? else {
            folded = Tip::default();
            continue;
        };
        let same = match journal.load() {
            // More came in between: it is folded too.
            Ok(loaded) if loaded.oid != fresh.oid => None,
            Ok(loaded) => Some(loaded.at == fresh.at && loaded.town == fresh.town),
            // It is told as it is now, and it is not what was shown before.
            Err(JournalError::Rewritten { .. }) => Some(false),
            Err(error) => return Err(error.into()),
        };
        if let Some(same) = same {
            let made = Verify { ok: same, head: fresh.oid.map(|oid| oid.to_string()), seq: fresh.town.seq };
            *last = Some((fresh, made.clone()));
            return Ok(made);
        }
        folded = fresh;
    }
    Err(Failure::Moving)
}
