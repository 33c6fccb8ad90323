//! A long journal in its order, of which no more than a block is held: it is a chain that leads from its end to its beginning.
//! Lives here: where it can be entered on the way, reading and folding it from one such place to the next. Never here: what is
//! kept of it.

use std::ops::ControlFlow;

use git2::Oid;

use super::codec::{self, Position};
use super::read::{self, At, Bulk, Commit, End, Step, Walk};
use super::{Journal, JournalError, Tip};

/// Commits between two places at which a journal is entered.
const BLOCK: u64 = 256;

/// Commits at which a journal can be entered, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    at: Vec<(Position, Oid)>,
    /// The newest commit.
    tip: Option<(Position, Oid)>,
    /// Whether they end before the journal does: a shallow clone has no more, or what comes then cannot be read.
    cut: bool,
}

impl Entries {
    /// The commit that they lead up to.
    #[must_use]
    pub fn tip(&self) -> Option<Oid> {
        self.tip.map(|(_, oid)| oid)
    }

    /// The ends of the blocks that hold what lies behind a place, oldest first.
    fn ends(&self, is_behind: impl Fn(&Position) -> bool) -> impl Iterator<Item = (Position, Oid)> + '_ {
        let first = self.at.partition_point(|(at, _)| !is_behind(at));
        let last = self.tip.filter(|(at, oid)| is_behind(at) && self.at.last().is_none_or(|(_, known)| known != oid));
        self.at[first..].iter().copied().chain(last)
    }
}

impl Journal<'_> {
    /// Where the journal as it is now can be entered. Of what is known already nothing is read again, and of no commit its events.
    ///
    /// # Errors
    /// When an object cannot be read, or is no commit of a journal.
    pub fn entries(&self, known: &Entries) -> Result<Entries, JournalError> {
        let Some(head) = self.head()? else { return Ok(Entries::default()) };
        if known.tip() == Some(head) && !known.cut {
            return Ok(known.clone());
        }
        let odb = self.git().odb().map_err(JournalError::ReadObject)?;
        let _bulk = Bulk::begin();
        let mut found = Entries::default();
        let mut next = Some(head);
        while let Some(oid) = next {
            if known.tip() == Some(oid) && !known.cut {
                found.at.extend(known.at.iter().rev());
                break;
            }
            let raw = match read::read_raw(&odb, oid) {
                Ok(Some(raw)) => raw,
                Err(error @ JournalError::ReadObject(_)) => return Err(error),
                Ok(None) if found.tip.is_none() => return Err(JournalError::Missing { oid: oid.to_string() }),
                Err(error) if found.tip.is_none() => return Err(error),
                // Who reads as far as that is told.
                Ok(None) | Err(_) => {
                    found.cut = true;
                    break;
                }
            };
            match codec::position(&raw.message) {
                Ok(at) => {
                    found.tip.get_or_insert((at, oid));
                    if at.height.is_multiple_of(BLOCK) {
                        found.at.push((at, oid));
                    }
                }
                Err(source) if found.tip.is_none() => return Err(read::damaged(oid, source)),
                Err(_) => {}
            }
            next = raw.parent;
        }
        found.at.reverse();
        Ok(found)
    }

    /// Hands on the commits that carry the events after `after`, oldest first, until `take` has enough.
    ///
    /// # Errors
    /// When an object cannot be read or a commit is damaged, as far as it was read.
    pub fn each_in_order(
        &self,
        entries: &Entries,
        after: u64,
        mut take: impl FnMut(Commit) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let mut below = after;
        for (end, oid) in entries.ends(|at| at.seq > after) {
            let stop = |_: Oid, at: At<'_>| at().is_some_and(|at| at.seq <= below);
            for commit in whole(read::walk(self.git(), oid, stop)?)? {
                if take(commit?).is_break() {
                    return Ok(());
                }
            }
            below = end.seq;
        }
        Ok(())
    }

    /// Folds on from a commit at which the state is known, up to the last entry. None where that does not continue it.
    ///
    /// # Errors
    /// As [`Journal::load`].
    pub fn fold_up(&self, from: Tip, entries: &Entries) -> Result<Option<Tip>, JournalError> {
        let reach = from.at.height;
        let mut tip = from;
        for (_, oid) in entries.ends(|at| at.height > reach) {
            let (seen, reach) = (tip.oid, tip.at.height);
            let stop = |oid: Oid, at: At<'_>| Some(oid) == seen || at().is_some_and(|at| at.height <= reach);
            let steps: Vec<Result<Step, JournalError>> = whole(read::steps(self.git(), oid, stop)?)?;
            if steps.first().and_then(|step| step.as_ref().ok()).is_some_and(|first| first.parent != seen) {
                return Ok(None);
            }
            tip = Self::fold_on(tip, steps)?;
        }
        Ok(Some(tip).filter(|tip| tip.oid == entries.tip()))
    }
}

/// What a walk brought, where it did not end at the border of a shallow clone.
fn whole<T>((found, end): Walk<T>) -> Result<Vec<Result<T, JournalError>>, JournalError> {
    match end {
        End::Shallow(oid) => Err(JournalError::Missing { oid: oid.to_string() }),
        End::Stop | End::Root => Ok(found),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::git::journal::chunks::tests::journal;
    use crate::git::journal::reference;
    use crate::git::repo::Repo;

    fn at(dir: &Path, tip: Oid) -> Repo {
        let repo = Repo::open(dir).unwrap();
        repo.git().reference(&reference(), tip, true, "test").unwrap();
        repo
    }

    /// The commits behind an event, as far as wanted.
    fn read(journal: &Journal<'_>, entries: &Entries, after: u64, most: usize) -> Result<Vec<Oid>, JournalError> {
        let mut found = Vec::new();
        journal.each_in_order(entries, after, |commit| {
            found.push(commit.oid);
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    fn lose(dir: &Path, oid: Oid) {
        let hex = oid.to_string();
        std::fs::remove_file(dir.join("objects").join(&hex[..2]).join(&hex[2..])).unwrap();
    }

    #[test]
    fn blocks_give_what_the_walk_gives() {
        let (dir, _, tip) = journal(2 * BLOCK + 50);
        let repo = at(dir.path(), tip);
        let journal = Journal::new(&repo, None);
        let entries = journal.entries(&Entries::default()).unwrap();
        assert_eq!((entries.at.len(), entries.tip()), (2, Some(tip)));
        for after in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 49, 2 * BLOCK + 50] {
            let walked: Vec<Oid> = journal.commits_after(after).unwrap().iter().map(|commit| commit.oid).collect();
            assert_eq!(read(&journal, &entries, after, usize::MAX).unwrap(), walked, "after {after}");
        }
        let (folded, anew) = (journal.fold_up(Tip::default(), &entries).unwrap().unwrap(), journal.refold().unwrap());
        assert_eq!((folded.oid, folded.at, &folded.town), (anew.oid, anew.at, &anew.town));
        let other = Tip { oid: Some(Oid::ZERO_SHA1), ..anew };
        assert!(journal.fold_up(other, &entries).unwrap().is_none(), "another history");
    }

    #[test]
    fn what_is_known_is_not_read_again_and_what_nobody_wants_not_at_all() {
        let (dir, _, tip) = journal(3 * BLOCK);
        let repo = at(dir.path(), tip);
        let whole = Journal::new(&repo, None).entries(&Entries::default()).unwrap();
        let chain: Vec<Oid> =
            Journal::new(&repo, None).commits_after(0).unwrap().iter().map(|commit| commit.oid).collect();
        let folded = |upto: usize| {
            let repo = at(dir.path(), chain[upto - 1]);
            let journal = Journal::new(&repo, None);
            (journal.entries(&Entries::default()).unwrap(), journal.refold().unwrap())
        };
        let (known, before) = folded(300);
        lose(dir.path(), chain[290]);
        let repo = at(dir.path(), tip);
        let journal = Journal::new(&repo, None);
        let grown = journal.entries(&known).unwrap();
        assert_eq!((&grown.at, grown.tip, grown.cut), (&whole.at, whole.tip, false));
        let after = journal.fold_up(before, &grown).unwrap().unwrap();
        assert_eq!((after.oid, after.at.seq), (Some(tip), 3 * BLOCK));
        assert_eq!(read(&journal, &grown, 10, 5).unwrap(), chain[10..15]);
        assert_eq!(read(&journal, &grown, 300, 500).unwrap(), chain[300..]);
        for missing in [read(&journal, &grown, 200, 100), read(&journal, &grown, 280, 1)] {
            assert!(matches!(missing, Err(JournalError::Missing { .. })), "{missing:?}");
        }
        let cut = journal.entries(&Entries::default()).unwrap();
        assert_eq!((cut.cut, cut.tip(), &cut.at[..]), (true, Some(tip), &whole.at[1..]));
        assert_eq!(read(&journal, &cut, 300, 500).unwrap(), chain[300..]);
    }
}
