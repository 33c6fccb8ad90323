//! The town as files, for a host that runs nothing: the page, what the API answers, and all of history.
//! Lives here: which files there are, all of one moment of the repository. Never here: what an answer says (see [`super::api`]),
//! how a folder changes (see [`folder`]).

pub mod folder;

use std::borrow::Cow;
use std::sync::Arc;

use git2::Oid;
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::config::parallel;
use crate::git::journal::Journal;
use crate::town::envelope::Envelope;
use crate::town::fold::Town;

use super::api::desk::{Desk, Failure, TownNow, lock};
use super::api::parts::PART;
use super::api::{self, about, agents, ledger, past, pulls, specs};
use super::chronicle::{Chronicle, Heads, Reader};
use super::hub::Standing;
use super::{About, assets, offset, relay};

use self::folder::{Folder, FolderError};

/// How often the repository is read where it changes meanwhile.
const ATTEMPTS: u32 = 5;
/// Recorded events between two states that are written: so many the page folds, and no more, to show any moment. It asks for them
/// by these numbers (`BLOCK` of its time machine).
const STATES: u64 = 5_000;

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The history cannot be read, or an answer cannot be worked out.
    #[error(transparent)]
    Answer(#[from] Failure),
    /// The folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The repository never stood still.
    #[error("the repository changed each of the {ATTEMPTS} times that it was read; try again when less happens in it")]
    Moving,
}

impl ExportError {
    /// Whether the same may go well later.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Moving | Self::Folder(FolderError::Busy(_)))
    }
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The journal's newest commit.
    pub head: Option<String>,
    /// Its last event.
    pub seq: u64,
    /// The default branch's newest commit.
    pub main: String,
    /// Files that were written.
    pub files: usize,
    /// Bytes in them.
    pub bytes: u64,
}

/// A moment of the repository: what must be the same before and after it was read.
#[derive(Debug, PartialEq, Eq)]
struct Moment {
    journal: Option<Oid>,
    main: Oid,
    tips: String,
}

/// Writes a town into a folder that is not in its place yet. `step` hears what was done.
///
/// # Errors
/// [`ExportError`]; nothing has changed for who reads the folder then.
pub fn write(desk: &Desk, about: &About, folder: &mut Folder, step: &dyn Fn(&str)) -> Result<Exported, ExportError> {
    for _ in 0..ATTEMPTS {
        folder.clear()?;
        if let Some(done) = once(desk, about, folder, step)? {
            return Ok(done);
        }
    }
    Err(ExportError::Moving)
}

/// Reads and writes once; `None` where the repository changed meanwhile.
fn once(desk: &Desk, about: &About, folder: &mut Folder, step: &dyn Fn(&str)) -> Result<Option<Exported>, ExportError> {
    let (now, tip, before) = desk.with(|home| {
        let tip = relay::tip(&Journal::told(home))?;
        let now = desk.town(home)?;
        let before = Moment { journal: tip.oid, main: now.main, tips: api::tips(home, &tip.town)? };
        Ok((now, tip, before))
    })?;
    let heads = Heads { journal: before.journal, main: Some(before.main) };
    let chronicle = desk.with(|home| Chronicle::of(home, heads, &about.source))?;
    let newest = chronicle.last_landed().unwrap_or_default().max(offset::of_seq(tip.town.seq));
    let lines = history(desk, chronicle)?;
    step("read");
    let head = tip.oid.map(|oid| oid.to_string());
    let standing = Standing { epoch: epoch(&before), offset: newest, town: Arc::new(tip.town), head: head.clone() };
    page(folder)?;
    step("page");
    months(desk, folder, &lines)?;
    states(folder, &standing, &lines)?;
    answers(desk, about, folder, &now, &standing)?;
    step("answers");
    let after = desk.with(|home| {
        let journal = Journal::told(home).head()?;
        Ok(Moment { journal, main: home.main()?, tips: api::tips(home, &standing.town)? })
    })?;
    if after != before {
        return Ok(None);
    }
    let (files, bytes) = folder.written();
    Ok(Some(Exported { head, seq: standing.town.seq, main: now.main.to_string(), files, bytes }))
}

/// The life of a stream is named by what it begins with. That of an export is what it was made from, so that the same repository
/// gives the same bytes.
fn epoch(moment: &Moment) -> String {
    let of = format!("{:?} {}", moment.journal, moment.main);
    blake3::hash(of.as_bytes()).to_hex()[..20].to_owned()
}

/// All lines of history, as `/api/export` has them. The desk sees them too, as it sees those of a stream.
fn history(desk: &Desk, chronicle: Chronicle) -> Result<Vec<Vec<u8>>, Failure> {
    let (mut reader, mut lines, mut past) = (Reader::new(Arc::new(chronicle)), Vec::new(), past::Past::default());
    loop {
        let more = desk.with(|home| reader.more(home))?;
        if more.is_empty() {
            break;
        }
        more.iter().for_each(|line| past.see(line));
        lines.extend(more);
    }
    *lock(&desk.past) = past;
    Ok(lines)
}

/// The page, told that nobody answers it.
fn page(folder: &mut Folder) -> Result<(), FolderError> {
    assets::exported().into_iter().try_for_each(|(path, bytes): (&str, Cow<'_, [u8]>)| folder.put(path, &bytes))
}

/// History, a file for each month, and several for one that is long.
fn months(desk: &Desk, folder: &mut Folder, lines: &[Vec<u8>]) -> Result<(), FolderError> {
    let mut begin = 0;
    let chunks = lock(&desk.past).chunks(PART);
    for (chunk, end) in chunks {
        let mut bytes = Vec::new();
        for line in lines.get(begin..end).unwrap_or_default() {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        folder.put(&format!("history/{}.ndjson", chunk.name), &bytes)?;
        begin = end;
    }
    Ok(())
}

/// Earlier states, as `/api/state?at=` has them.
fn states(folder: &mut Folder, standing: &Standing, lines: &[Vec<u8>]) -> Result<(), ExportError> {
    let last = standing.town.seq.saturating_sub(1) / STATES * STATES;
    let mut town = Town::default();
    for line in lines {
        if town.seq == last {
            break;
        }
        let Ok(past::Line { event, seq: Some(_) }) = serde_json::from_slice(line) else { continue };
        let envelope: Envelope = serde_json::from_str(event.get()).map_err(Failure::from)?;
        town.fold_on([&envelope]);
        if town.seq.is_multiple_of(STATES) {
            let (state, offset) = (to_raw_value(&town).map_err(Failure::from)?, offset::of_seq(town.seq));
            folder
                .put(&format!("states/{}.json", town.seq), &api::placed(&standing.epoch, offset, town.seq, &state))?;
        }
    }
    Ok(())
}

/// What the API answers, where the page looks for it.
fn answers(
    desk: &Desk,
    about: &About,
    folder: &mut Folder,
    now: &Arc<TownNow>,
    standing: &Standing,
) -> Result<(), ExportError> {
    let town = &standing.town;
    let state = to_raw_value(&**town).map_err(Failure::from)?;
    folder.put("state.json", &api::placed(&standing.epoch, standing.offset, town.seq, &state))?;
    let (main, world) = (Some(now.main), now.world.clone());
    let here = about::Here { main, world, local: false, limits: serde_json::json!({}) };
    put(folder, "town.json", &about::described(about, standing, here))?;
    let index = lock(&desk.past).index();
    put(folder, "history/index.json", &index)?;
    put(folder, "agents.json", &desk.with(|home| agents::agents(desk, home, now))?)?;
    put(folder, "specs.json", &desk.with(|home| specs::specs(home, now, town))?)?;
    let mut ledger = desk.with(|home| ledger::ledger(desk, home, town))?;
    // Here nobody answers with pages; what runs did is in the files of history.
    ledger.rest = ledger.rest.map(|_| "history/".to_owned());
    put(folder, "ledger.json", &ledger)?;
    put(folder, "pulls.json", &desk.with(|home| pulls::pulls(desk, home, now, town))?)?;
    let numbers: Vec<u64> = town.pulls.keys().copied().collect();
    // Differences are long; so many are held at one time.
    for some in numbers.chunks(64) {
        let each = |number: &u64| {
            desk.with(|home| {
                let page = pulls::page(desk, home, now, town, *number)?;
                Ok(serde_json::to_vec(&page)?)
            })
        };
        for (number, made) in some.iter().zip(parallel::map(some, 1, each)) {
            folder.put(&format!("pulls/{number}.json"), &made?)?;
        }
    }
    Ok(())
}

fn put(folder: &mut Folder, path: &str, value: &impl Serialize) -> Result<(), ExportError> {
    Ok(folder.put(path, &serde_json::to_vec(value).map_err(Failure::from)?)?)
}
