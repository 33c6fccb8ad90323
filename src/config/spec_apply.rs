//! Doing to a working directory what a plan says, so that whatever kills the process on the way, the next run ends it.
//! Lives here: the staged copies with their journal, the renames, taking back what failed. Never here: what is written (see
//! [`crate::town::spec::plan`]).
//!
//! Everything is staged in the private folder of the repository, which no commit can bring; without a repository below
//! `openspec/changes/`, under a name with a dot in front that no reader of OpenSpec looks at. The rename of the journal is the
//! moment that counts: before it nothing has happened, after it everything will. Whoever wrote a journal, nothing outside of
//! `openspec/` is touched for it. No lock stays behind a process that died: the lock on the folder is the system's own.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::spec_place::{self, Astray, is_there};

/// Below `openspec/changes/`.
const STAGE: &str = ".monkeytown-archive";
/// How a journal is written. Another way gets another number.
const VERSION: u32 = 1;
const JOURNAL: &str = "journal.json";

/// One file to write or to delete.
#[derive(Clone, Debug)]
pub struct FileWork {
    /// From the base folder.
    pub path: String,
    /// What must stand there now. `None` where nothing may.
    pub before: Option<Arc<[u8]>>,
    /// What shall stand there. `None` deletes the file, and folders above it that are empty then.
    pub after: Option<Arc<[u8]>>,
}

/// All that is done in one go.
#[derive(Clone, Debug)]
pub struct Work {
    /// The files.
    pub files: Vec<FileWork>,
    /// A folder to move, and where to.
    pub moves: Option<(String, String)>,
}

/// Why it was not done. Nothing has changed then, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A file is not what the plan was made for.
    #[error("{path} was changed in the meantime; nothing was written, run it again")]
    Changed {
        /// From the base folder.
        path: String,
    },
    /// What an earlier process left half done cannot be ended without losing something.
    #[error(
        "an earlier run was interrupted and cannot be ended: {why}. Bring the files into the form that you want (what was to be \
         written stands in {}), then remove that folder and run it again", .stage.display()
    )]
    Interrupted {
        /// What is in the way.
        why: String,
        /// Where the staged files are.
        stage: PathBuf,
    },
    /// The way to what is to be written leads elsewhere.
    #[error("{0}; nothing was written")]
    Astray(#[from] Astray),
    /// Something stands where the folder is to go.
    #[error("{path} is there already; nothing was written")]
    Taken {
        /// From the base folder.
        path: String,
    },
    /// The system refused.
    #[error("{what} {}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It failed, and so did taking it back.
    #[error("{first}; taking it back failed too ({second}). Run the same command again: it goes on from here")]
    Stuck {
        /// What failed first.
        first: Box<ApplyError>,
        /// What failed then.
        second: Box<ApplyError>,
    },
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ApplyError {
    move |source| ApplyError::Io { what, path: path.to_owned(), source }
}

/// What is written down before anything is done.
#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    version: u32,
    name: String,
    files: Vec<Entry>,
    moves: Option<(String, String)>,
}

/// What an earlier process was killed at, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The change.
    pub name: String,
    /// The folder that it stands in now; `None` where it was not moved.
    pub to: Option<String>,
    /// Whether files were written or deleted.
    pub wrote: bool,
    /// Whether it was given up, because the folders are not as it left them.
    pub is_dropped: bool,
}

impl Ended {
    /// It, as a sentence.
    #[must_use]
    pub fn said(&self) -> String {
        let name = self.name.escape_debug();
        match self.is_dropped {
            false => format!("an earlier run for `{name}` was interrupted; it was ended now"),
            true => format!(
                "an earlier run for `{name}` was interrupted; the change is not where it was then, so that run was given up. \
                 Look at what it may have written"
            ),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    path: String,
    before: Option<String>,
    after: Option<String>,
}

fn print(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// One working directory, which nobody else archives in as long as this lives.
#[derive(Debug)]
pub struct Bench {
    base: PathBuf,
    openspec: String,
    stage: PathBuf,
    _lock: Option<File>,
}

impl Bench {
    /// Opens the folder `base`, in which `openspec` is the path of that folder, waits for others, and ends what one of them was
    /// killed at, which comes back with it. `private` is a folder that no commit can write to, where there is one.
    ///
    /// # Errors
    /// What was begun cannot be ended.
    pub fn open(base: &Path, openspec: &str, private: Option<&Path>) -> Result<(Self, Option<Ended>), ApplyError> {
        let changes = base.join(openspec).join("changes");
        let stage = match private {
            Some(private) => {
                let whole = base.join(openspec);
                private.join("archive").join(print(whole.as_os_str().as_encoded_bytes()))
            }
            None => {
                spec_place::stays(base, openspec, &format!("{openspec}/changes/{STAGE}/{JOURNAL}"))?;
                changes.join(STAGE)
            }
        };
        let bench =
            Self { base: base.to_owned(), openspec: openspec.to_owned(), _lock: locked(&changes, private)?, stage };
        let ended = bench.recover()?;
        Ok((bench, ended))
    }

    fn recover(&self) -> Result<Option<Ended>, ApplyError> {
        let stuck = |why: String| ApplyError::Interrupted { why, stage: self.stage.clone() };
        let told = |error: ApplyError| match error {
            ApplyError::Changed { path } => stuck(format!("{path} was changed since")),
            ApplyError::Taken { path } => stuck(format!("{path} is there already")),
            ApplyError::Astray(astray) => stuck(astray.to_string()),
            ApplyError::Io { what, path, source } => stuck(format!("cannot {what} {}: {source}", path.display())),
            error => error,
        };
        let Some(bytes) = read(&self.stage.join(JOURNAL)).map_err(told)? else {
            // Staged, and never begun.
            return self.clear().map(|()| None);
        };
        let journal: Journal =
            serde_json::from_slice(&bytes).map_err(|error| stuck(format!("its journal cannot be read: {error}")))?;
        self.sound(&journal).map_err(stuck)?;
        self.stay(journal.files.iter().map(|entry| &entry.path), journal.moves.as_ref()).map_err(told)?;
        let is_dropped = self.is_stale(&journal).map_err(told)?;
        if !is_dropped {
            self.fits(&journal).and_then(|()| self.finish(&journal, &|_| {})).map_err(told)?;
        }
        self.clear()?;
        let to = journal.moves.map(|(_, to)| to).filter(|_| !is_dropped);
        let wrote = !is_dropped && !journal.files.is_empty();
        Ok(Some(Ended { name: journal.name, to, wrote, is_dropped }))
    }

    /// Whether a journal is one that this program could have written here.
    fn sound(&self, journal: &Journal) -> Result<(), String> {
        let Journal { version, name, files, moves } = journal;
        if *version != VERSION {
            return Err(format!("its journal has the version {version}, and only {VERSION} is known here"));
        }
        let openspec = &self.openspec;
        let is_below = |path: &str, folder: &str| {
            let mut parts =
                path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).map(|rest| rest.split('/'));
            let is_fine = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
            parts.as_mut().is_some_and(|parts| parts.all(is_fine))
        };
        let specs = format!("{openspec}/specs");
        if let Some(entry) = files.iter().find(|entry| !is_below(&entry.path, &specs)) {
            return Err(format!("its journal names {:?}, which is not below {specs}/", entry.path));
        }
        match moves {
            Some((from, to)) => {
                let open = format!("{openspec}/changes");
                let is_own = *from == format!("{open}/{name}")
                    && is_below(from, &open)
                    && !name.contains('/')
                    && name != "archive";
                let fits =
                    is_own && is_below(to, openspec) && to != from && !is_below(to, from) && !is_below(to, &specs);
                if fits { Ok(()) } else { Err(format!("its journal moves {from:?} to {to:?}, which no archive does")) }
            }
            None => Ok(()),
        }
    }

    /// Whether the folders are not as any moment of the move leaves them: another branch was checked out since, or the change was
    /// brought back beside its copy.
    fn is_stale(&self, journal: &Journal) -> Result<bool, ApplyError> {
        let Some((from, to)) = &journal.moves else { return Ok(false) };
        let (source, place) = (self.base.join(from), self.base.join(to));
        match (is_there(&source), is_there(&place)) {
            (false, false) => Ok(true),
            (true, true) => spec_place::is_same(&source, &place).map_err(failed("compare", &place)),
            _ => Ok(false),
        }
    }

    /// Refuses to begin with what cannot be gone through to the end.
    fn fits(&self, journal: &Journal) -> Result<(), ApplyError> {
        for (at, entry) in journal.files.iter().enumerate() {
            if read(&self.base.join(&entry.path))?.as_deref().map(print) != entry.after {
                self.must_hold(&entry.path, entry.before.as_deref())?;
                self.after(at, entry)?;
            }
        }
        Ok(())
    }

    /// What is staged for a file.
    fn after(&self, at: usize, entry: &Entry) -> Result<Option<Vec<u8>>, ApplyError> {
        let staged = self.stage.join(at.to_string());
        let Some(wanted) = &entry.after else { return Ok(None) };
        let bytes = read(&staged)?.filter(|bytes| print(bytes) == *wanted);
        let lost = || failed("use", &staged)(io::Error::new(ErrorKind::InvalidData, "it is not what was staged"));
        bytes.map(Some).ok_or_else(lost)
    }

    fn stay<'p>(
        &self,
        mut files: impl Iterator<Item = &'p String>,
        moves: Option<&(String, String)>,
    ) -> Result<(), ApplyError> {
        let check = |path: &String| spec_place::stays(&self.base, &self.openspec, path);
        files.try_for_each(check)?;
        if let Some((from, to)) = moves {
            check(from).and_then(|()| check(to))?;
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), ApplyError> {
        spec_place::clear(&self.stage).map_err(failed("remove", &self.stage))
    }

    /// Does the work for a change. `step` is told how far it is.
    ///
    /// # Errors
    /// It was not done. Where even taking it back failed, the next call of [`Bench::open`] ends it.
    pub fn apply(&self, work: &Work, name: &str, step: &dyn Fn(&str)) -> Result<(), ApplyError> {
        self.stay(work.files.iter().map(|file| &file.path), work.moves.as_ref())?;
        for file in &work.files {
            self.must_hold(&file.path, file.before.as_deref().map(print).as_deref())?;
        }
        if let Some((_, to)) = work.moves.as_ref().filter(|(_, to)| is_there(&self.base.join(to))) {
            return Err(ApplyError::Taken { path: to.clone() });
        }
        let journal = self.staged(work, name)?;
        step("staged");
        if let Err(first) = self.finish(&journal, step) {
            return match self.undo(work).and_then(|()| self.clear()) {
                Ok(()) => Err(first),
                Err(second) => Err(ApplyError::Stuck { first: Box::new(first), second: Box::new(second) }),
            };
        }
        self.clear()
    }

    /// Writes the new files beside the old ones, and then the journal.
    fn staged(&self, work: &Work, name: &str) -> Result<Journal, ApplyError> {
        let stage = &self.stage;
        fs::create_dir_all(stage).map_err(failed("make", stage))?;
        let mut entries = Vec::new();
        for (at, file) in work.files.iter().enumerate() {
            if let Some(after) = &file.after {
                write(&stage.join(at.to_string()), after)?;
            }
            let print = |bytes: &Option<Arc<[u8]>>| bytes.as_deref().map(print);
            entries.push(Entry { path: file.path.clone(), before: print(&file.before), after: print(&file.after) });
        }
        let journal = Journal { version: VERSION, name: name.to_owned(), files: entries, moves: work.moves.clone() };
        let text = serde_json::to_vec(&journal).map_err(|error| failed("write", stage)(error.into()))?;
        let (new, place) = (stage.join("new"), stage.join(JOURNAL));
        write(&new, &text)?;
        fs::rename(&new, &place).map_err(failed("write", &place))?;
        spec_place::flush(stage);
        Ok(journal)
    }

    /// Goes through the journal; what is done already stays as it is.
    fn finish(&self, journal: &Journal, step: &dyn Fn(&str)) -> Result<(), ApplyError> {
        if let Some((from, to)) = &journal.moves {
            self.shift(from, to)?;
            step("moved");
        }
        for (at, entry) in journal.files.iter().enumerate() {
            let place = self.base.join(&entry.path);
            if read(&place)?.as_deref().map(print) == entry.after {
                continue;
            }
            self.must_hold(&entry.path, entry.before.as_deref())?;
            match self.after(at, entry)? {
                Some(bytes) => put(&place, &bytes)?,
                None => self.take(&place)?,
            }
            step(&format!("written {at}"));
        }
        Ok(())
    }

    fn must_hold(&self, path: &str, before: Option<&str>) -> Result<(), ApplyError> {
        if read(&self.base.join(path))?.as_deref().map(print).as_deref() == before {
            return Ok(());
        }
        Err(ApplyError::Changed { path: path.to_owned() })
    }

    fn shift(&self, from: &str, to: &str) -> Result<(), ApplyError> {
        let (source, place) = (self.base.join(from), self.base.join(to));
        match (is_there(&source), is_there(&place)) {
            (false, true) => Ok(()),
            (true, true) => Err(ApplyError::Taken { path: to.to_owned() }),
            _ => spec_place::shift(&source, &place).map_err(failed("move", &source)),
        }
    }

    /// Deletes a file, and the folders above it that hold nothing then, up to `specs/`.
    fn take(&self, place: &Path) -> Result<(), ApplyError> {
        fs::remove_file(place).map_err(failed("delete", place))?;
        place.parent().into_iter().for_each(spec_place::flush);
        let top = self.base.join(&self.openspec).join("specs");
        for folder in place.ancestors().skip(1).take_while(|folder| folder.starts_with(&top) && *folder != top) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Takes back whatever of the work was done.
    fn undo(&self, work: &Work) -> Result<(), ApplyError> {
        for file in work.files.iter().rev() {
            let place = self.base.join(&file.path);
            let now = read(&place)?;
            if now.as_deref() == file.before.as_deref() || now.as_deref() != file.after.as_deref() {
                continue;
            }
            match &file.before {
                None => self.take(&place)?,
                Some(before) => put(&place, before)?,
            }
        }
        match &work.moves {
            Some((from, to)) if !is_there(&self.base.join(from)) => {
                self.shift(to, from)?;
                // Goes only where nothing else is in it.
                let _ = self.base.join(to).parent().map(fs::remove_dir);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Waits until nobody else writes below the folder. The lock is the system's own and goes with the process that holds it; it is on
/// the folder itself, and where a system does not lock folders on a file that stays behind empty, outside of the project.
fn locked(changes: &Path, private: Option<&Path>) -> Result<Option<File>, ApplyError> {
    let file = if cfg!(unix) {
        match File::open(changes) {
            Ok(folder) => folder,
            // There is nothing to write to; whoever tries is told so there.
            Err(_) => return Ok(None),
        }
    } else {
        let whole = fs::canonicalize(changes).unwrap_or_else(|_| changes.to_owned());
        let folder = private.map_or_else(tempfile::env::temp_dir, |private| private.join("archive"));
        let place = folder.join(format!("{}.lock", print(whole.as_os_str().as_encoded_bytes())));
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        let opened = File::options().create(true).truncate(false).write(true).open(&place);
        opened.map_err(failed("open", &place))?
    };
    file.lock().map_err(failed("wait for", changes))?;
    Ok(Some(file))
}

/// The bytes of a file; nothing where there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, ApplyError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ApplyError> {
    spec_place::write_new(path, bytes).map(|_| ()).map_err(failed("write", path))
}

fn put(place: &Path, bytes: &[u8]) -> Result<(), ApplyError> {
    spec_place::put(place, bytes).map_err(failed("write", place))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
