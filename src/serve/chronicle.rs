//! All of history in its order, read out of git piece by piece: recorded events, and the commits of the default branch among them.
//! Lives here: where each of them stands, and reading on. Never here: what a commit is told as (see [`super::landed`]), the ring.
//!
//! Where they stand takes some bytes for each commit. The events themselves are read when it is their turn, so that a history of
//! any length is told without being held. What a stream wrote down of where commits stand is its own business, and not looked at:
//! two clones tell the same.

use std::collections::HashSet;
use std::sync::Arc;

use git2::Oid;
use serde::Serialize;

use crate::git::errors::GitError;
use crate::git::home::Home;
use crate::git::journal::read::{self, Commit, End};
use crate::git::journal::{Journal, JournalError};

use super::api::desk::Failure;
use super::ring::Offset;
use super::{landed, offset, relay};

/// Bytes after which a piece ends. A commit of the journal is told whole, and commits of the default branch some at a time.
pub const PIECE: usize = 256 * 1024;
/// Commits of the default branch that are read at one time.
const AT_ONCE: usize = 512;

/// What history is told of: the newest commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Of the journal.
    pub journal: Option<Oid>,
    /// Of the default branch; none where there is none.
    pub main: Option<Oid>,
}

impl Heads {
    /// Those of this moment.
    ///
    /// # Errors
    /// [`Failure`] when one of the two references cannot be read: a history without its commits would look whole.
    pub fn now(home: &Home) -> Result<Self, Failure> {
        Ok(Self { journal: Journal::told(home).head()?, main: home.tip(&home.branch)? })
    }
}

/// Where everything stands; the events themselves are in git.
#[derive(Debug)]
pub struct Chronicle {
    source: String,
    /// Commits of the journal, and where the first event of each stands.
    recorded: Vec<(Offset, Oid)>,
    /// Commits of the default branch.
    landed: Vec<(Offset, Oid)>,
}

impl Chronicle {
    /// Looks through the history that ends at these commits; `source` is the town as a URI reference.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be read, or is not whole in this clone.
    pub fn of(home: &Home, heads: Heads, source: &str) -> Result<Self, Failure> {
        let told = match heads.journal {
            Some(tip) => recorded(home, tip)?,
            None => Vec::new(),
        };
        let found = match heads.main {
            Some(tip) => landed::unknown(&home.repo, tip, &HashSet::new(), relay::COMMITS)?.0,
            None => Vec::new(),
        };
        let timed = found.into_iter().map(|oid| Ok((oid, home.repo.time_of(oid)?.unwrap_or_default())));
        let timed = timed.collect::<Result<Vec<_>, GitError>>()?;
        let ends = told.iter().filter_map(|one| Some((one.time?, one.last)));
        let landed = relay::sort_in(ends, timed, 0).into_iter().map(|(oid, place)| (place, oid)).collect();
        let recorded = told.into_iter().map(|one| (offset::of_seq(one.first), one.oid)).collect();
        Ok(Self { source: source.to_owned(), recorded, landed })
    }

    /// Where the last commit of the default branch stands.
    #[must_use]
    pub fn last_landed(&self) -> Option<Offset> {
        self.landed.last().map(|(place, _)| *place)
    }

    /// Where the default branch stood at a place; none before its first commit.
    ///
    /// # Errors
    /// [`Failure::NotFound`] before the oldest commit that this clone has, where that is not the first.
    pub fn stood(&self, home: &Home, at: Offset) -> Result<Option<Oid>, Failure> {
        let until = self.landed.partition_point(|(place, _)| *place <= at);
        match (self.landed[..until].last(), self.landed.first()) {
            (None, Some((place, oldest))) if !home.repo.is_first(*oldest)? => Err(Failure::NotFound(format!(
                "where the default branch stood at {at} is not known: the oldest commit that is known here stands at {place}"
            ))),
            (found, _) => Ok(found.map(|(_, oid)| *oid)),
        }
    }
}

/// A commit of the journal as far as it says where things stand.
struct Entry {
    oid: Oid,
    /// The numbers of its first event and of its last.
    first: u64,
    last: u64,
    time: Option<chrono::DateTime<chrono::Utc>>,
}

/// The commits of the journal, oldest first. All of them are decoded: what is damaged is found before anything is told.
fn recorded(home: &Home, tip: Oid) -> Result<Vec<Entry>, JournalError> {
    let each = |commit: Commit| Entry {
        oid: commit.oid,
        first: commit.first_seq(),
        last: commit.at.seq,
        time: commit.events.last().map(|event| event.time),
    };
    match read::walk_to(home.repo.git(), tip, |_, _| false, each)? {
        (_, End::Shallow(oid)) => Err(JournalError::Missing { oid: oid.to_string() }),
        (commits, _) => commits.into_iter().collect(),
    }
}

/// One who reads a chronicle from its beginning.
#[derive(Debug)]
pub struct Reader {
    chronicle: Arc<Chronicle>,
    /// Commits of the journal and of the default branch that were read.
    recorded: usize,
    landed: usize,
}

impl Reader {
    /// One who has read nothing yet.
    #[must_use]
    pub const fn new(chronicle: Arc<Chronicle>) -> Self {
        Self { chronicle, recorded: 0, landed: 0 }
    }

    /// The next lines, each an event with its place as JSON; none at the end.
    ///
    /// # Errors
    /// [`Failure`] when git has it no more.
    pub fn more(&mut self, home: &Home) -> Result<Vec<Vec<u8>>, Failure> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while bytes < PIECE {
            let before = lines.len();
            let (recorded, landed) =
                (self.chronicle.recorded.get(self.recorded), self.chronicle.landed.get(self.landed));
            match (recorded.copied(), landed.copied()) {
                (None, None) => break,
                (Some((place, oid)), next) if next.is_none_or(|(next, _)| next > place) => {
                    self.recorded += 1;
                    events(home, place, oid, &mut lines)?;
                }
                (next, _) => self.commits(home, next.map_or(Offset::MAX, |(place, _)| place), &mut lines)?,
            }
            bytes += lines[before..].iter().map(|line| line.len() + 1).sum::<usize>();
        }
        Ok(lines)
    }

    /// The next commits of the default branch that stand before a place.
    fn commits(&mut self, home: &Home, before: Offset, lines: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
        let next = self.chronicle.landed[self.landed..].iter().take_while(|(place, _)| *place < before).take(AT_ONCE);
        let (places, oids): (Vec<Offset>, Vec<Oid>) = next.copied().unzip();
        self.landed += oids.len();
        let read = landed::read_all(&home.repo, &oids, &self.chronicle.source)?;
        for (place, one) in places.into_iter().zip(read) {
            lines.push(line(place, None, &one.json)?);
        }
        Ok(())
    }
}

/// The events of a commit of the journal, the first of which stands here.
fn events(home: &Home, place: Offset, oid: Oid, lines: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
    let commit = read::decode(oid, &read::raw(home.repo.git(), oid)?)?;
    for (event, seq) in commit.events.iter().zip(offset::seq_of(place)..) {
        lines.push(line(offset::of_seq(seq), Some(seq), event)?);
    }
    Ok(())
}

/// One line of history.
fn line(place: Offset, seq: Option<u64>, event: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Line<'a, E> {
        offset: String,
        seq: Option<u64>,
        event: &'a E,
    }
    serde_json::to_vec(&Line { offset: place.to_string(), seq, event })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;
    use std::fs;

    use super::*;
    use crate::git::repo::Repo;

    #[test]
    fn a_branch_that_is_not_there_is_none_and_one_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init(folder.path()).unwrap();
        let repo = Repo::open(folder.path()).unwrap();
        let main = repo.common_dir().join("refs/heads/main");
        let home = Home { repo, remote: None, branch: "main".to_owned(), online: Cell::new(true) };
        assert_eq!(Heads::now(&home).unwrap(), Heads { journal: None, main: None });
        fs::write(main, "neither a commit nor a name\n").unwrap();
        let error = Heads::now(&home).unwrap_err();
        assert!(matches!(error, Failure::Git(GitError::ReadReference { .. })), "{error}");
    }
}
