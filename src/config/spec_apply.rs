//! Doing to a working directory what a plan says, so that whatever kills the process on the way, the next run ends it.
//! Lives here: the staged copies with their journal, the renames, taking back what failed. Never here: what is written (see
//! [`crate::town::spec::plan`]).
//!
//! Everything is staged below `openspec/changes/`, under a name with a dot in front that no reader of OpenSpec looks at. The
//! rename of the journal is the moment that counts: before it nothing has happened, after it everything will. No lock stays
//! behind a process that died: the lock on the folder is the system's own.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Below `openspec/changes/`.
const STAGE: &str = ".monkeytown-archive";
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
        "an archive was interrupted, and {path} was changed since: bring it into the form that you want (what was to be written \
         stands in {stage}), then remove that folder and run it again"
    )]
    Interrupted {
        /// From the base folder.
        path: String,
        /// Where the staged files are.
        stage: String,
    },
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

/// What an earlier process was killed at, and is done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The change.
    pub name: String,
    /// The folder that it stands in now.
    pub to: String,
    /// Whether files were written or deleted.
    pub wrote: bool,
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
    _lock: Option<File>,
}

impl Bench {
    /// Opens the folder `base`, in which `openspec` is the path of that folder, waits for others, and ends what one of them was
    /// killed at, which comes back with it.
    ///
    /// # Errors
    /// What was begun cannot be ended.
    pub fn open(base: &Path, openspec: &str) -> Result<(Self, Option<Ended>), ApplyError> {
        let changes = base.join(openspec).join("changes");
        let lock = match File::open(&changes) {
            Ok(folder) if cfg!(unix) => {
                folder.lock().map_err(failed("wait for", &changes))?;
                Some(folder)
            }
            _ => None,
        };
        let bench = Self { base: base.to_owned(), openspec: openspec.to_owned(), _lock: lock };
        let ended = bench.recover()?;
        Ok((bench, ended))
    }

    fn stage(&self) -> PathBuf {
        self.base.join(&self.openspec).join("changes").join(STAGE)
    }

    fn recover(&self) -> Result<Option<Ended>, ApplyError> {
        let stage = self.stage();
        let Some(bytes) = read(&stage.join(JOURNAL))? else {
            // Staged, and never begun.
            return self.clear().map(|()| None);
        };
        let journal: Journal = match serde_json::from_slice(&bytes) {
            Ok(journal) => journal,
            Err(error) => return Err(failed("read", &stage.join(JOURNAL))(error.into())),
        };
        self.finish(&journal, &|_| {}).map_err(|error| match error {
            ApplyError::Changed { path } | ApplyError::Taken { path } => {
                ApplyError::Interrupted { path, stage: format!("{}/changes/{STAGE}", self.openspec) }
            }
            error => error,
        })?;
        self.clear()?;
        let to = journal.moves.map(|(_, to)| to).unwrap_or_default();
        Ok(Some(Ended { name: journal.name, to, wrote: !journal.files.is_empty() }))
    }

    fn clear(&self) -> Result<(), ApplyError> {
        let stage = self.stage();
        match fs::remove_dir_all(&stage) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", &stage)(error)),
            _ => Ok(()),
        }
    }

    /// Does the work for a change. `step` is told how far it is.
    ///
    /// # Errors
    /// It was not done. Where even taking it back failed, the next call of [`Bench::open`] ends it.
    pub fn apply(&self, work: &Work, name: &str, step: &dyn Fn(&str)) -> Result<(), ApplyError> {
        for file in &work.files {
            self.must_hold(&file.path, file.before.as_deref().map(print).as_deref())?;
        }
        if let Some((_, to)) = work.moves.as_ref().filter(|(_, to)| fs::symlink_metadata(self.base.join(to)).is_ok()) {
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
        let stage = self.stage();
        fs::create_dir_all(&stage).map_err(failed("make", &stage))?;
        let mut entries = Vec::new();
        for (at, file) in work.files.iter().enumerate() {
            if let Some(after) = &file.after {
                write(&stage.join(at.to_string()), after)?;
            }
            let print = |bytes: &Option<Arc<[u8]>>| bytes.as_deref().map(print);
            entries.push(Entry { path: file.path.clone(), before: print(&file.before), after: print(&file.after) });
        }
        let journal = Journal { version: 1, name: name.to_owned(), files: entries, moves: work.moves.clone() };
        let text = serde_json::to_vec(&journal).map_err(|error| failed("write", &stage)(error.into()))?;
        let (new, place) = (stage.join("new"), stage.join(JOURNAL));
        write(&new, &text)?;
        fs::rename(&new, &place).map_err(failed("write", &place))?;
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
            match entry.after {
                Some(_) => put(&self.stage().join(at.to_string()), &place)?,
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
        let there = fs::symlink_metadata(&place).is_ok();
        match fs::symlink_metadata(&source) {
            Err(error) if error.kind() == ErrorKind::NotFound && there => return Ok(()),
            Ok(_) if there => return Err(ApplyError::Taken { path: to.to_owned() }),
            _ => {}
        }
        let folder = place.parent().unwrap_or(&self.base);
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        fs::rename(&source, &place).map_err(failed("move", &source))
    }

    /// Deletes a file, and the folders above it that hold nothing then, up to `specs/`.
    fn take(&self, place: &Path) -> Result<(), ApplyError> {
        fs::remove_file(place).map_err(failed("delete", place))?;
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
                Some(before) => {
                    let staged = self.stage().join("before");
                    write(&staged, before)?;
                    put(&staged, &place)?;
                }
            }
        }
        match &work.moves {
            Some((from, to)) if fs::symlink_metadata(self.base.join(from)).is_err() => {
                self.shift(to, from)?;
                // Goes only where nothing else is in it.
                let _ = self.base.join(to).parent().map(fs::remove_dir);
                Ok(())
            }
            _ => Ok(()),
        }
    }
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
    let written = File::create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(failed("write", path))
}

/// Puts a staged file in its place, with the rights of the one that it replaces.
fn put(staged: &Path, place: &Path) -> Result<(), ApplyError> {
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder).map_err(failed("make", folder))?;
    if let Ok(old) = fs::metadata(place) {
        fs::set_permissions(staged, old.permissions()).map_err(failed("prepare", staged))?;
    }
    fs::rename(staged, place).map_err(failed("write", place))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn work(base: &Path) -> Work {
        let put = |path: &str, text: &str| {
            let place = base.join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, text).unwrap();
        };
        put("openspec/specs/a/spec.md", "old");
        put("openspec/specs/b/c/spec.md", "gone");
        put("openspec/changes/go/proposal.md", "p");
        let bytes = |text: &str| Some(Arc::from(text.as_bytes()));
        let file =
            |path: &str, before, after| FileWork { path: format!("openspec/specs/{path}/spec.md"), before, after };
        Work {
            files: vec![
                file("a", bytes("old"), bytes("new")),
                file("b/c", bytes("gone"), None),
                file("d/e", None, bytes("made")),
            ],
            moves: Some(("openspec/changes/go".to_owned(), "openspec/changes/archive/day-go".to_owned())),
        }
    }

    fn listed(base: &Path) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut open = vec![base.to_owned()];
        while let Some(folder) = open.pop() {
            let entries: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            let name = |path: &Path| path.strip_prefix(base).unwrap().to_string_lossy().replace('\\', "/");
            if entries.is_empty() {
                found.push(format!("{}/", name(&folder)));
            }
            for path in entries {
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(format!("{}={}", name(&path), fs::read_to_string(&path).unwrap()));
                }
            }
        }
        found.sort();
        found
    }

    const BEFORE: [&str; 3] =
        ["openspec/changes/go/proposal.md=p", "openspec/specs/a/spec.md=old", "openspec/specs/b/c/spec.md=gone"];
    const AFTER: [&str; 3] = [
        "openspec/changes/archive/day-go/proposal.md=p",
        "openspec/specs/a/spec.md=new",
        "openspec/specs/d/e/spec.md=made",
    ];

    /// A process that dies at a step: what it leaves behind is what a panic in that step leaves.
    #[test]
    fn whatever_step_it_dies_at_the_next_run_ends_it() {
        for at in ["staged", "moved", "written 0", "written 1", "written 2"] {
            let folder = tempfile::tempdir().unwrap();
            let base = folder.path().to_owned();
            let work = work(&base);
            let died = std::panic::catch_unwind(|| {
                let (bench, _) = Bench::open(&base, "openspec").unwrap();
                let _ = bench.apply(&work, "go", &|step| assert!(step != at));
            });
            assert!(died.is_err(), "{at}");
            let (_, ended) = Bench::open(&base, "openspec").unwrap();
            assert_eq!(ended.map(|ended| ended.name).as_deref(), Some("go"), "{at}");
            assert_eq!(listed(&base), AFTER, "{at}");
        }
    }

    #[test]
    fn before_the_journal_is_written_nothing_has_happened() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        let work = work(base);
        let stage = base.join("openspec/changes").join(STAGE);
        fs::create_dir_all(&stage).unwrap();
        fs::write(stage.join("0"), "ne").unwrap();
        let (bench, ended) = Bench::open(base, "openspec").unwrap();
        assert_eq!((ended, listed(base)), (None, BEFORE.map(str::to_owned).to_vec()));
        bench.apply(&work, "go", &|_| {}).unwrap();
        assert_eq!(listed(base), AFTER);
    }

    #[test]
    fn what_fails_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        let work = work(base);
        let (bench, _) = Bench::open(base, "openspec").unwrap();
        // Somebody edits a spec at the worst moment.
        let meddle = |step: &str| {
            if step == "written 0" {
                fs::write(base.join("openspec/specs/b/c/spec.md"), "mine").unwrap();
            }
        };
        let error = bench.apply(&work, "go", &meddle).unwrap_err();
        assert!(error.to_string().contains("b/c/spec.md was changed"), "{error}");
        assert_eq!(listed(base), BEFORE.map(|line| line.replace("=gone", "=mine")));
        let error = bench.apply(&work, "go", &|_| {}).unwrap_err();
        assert!(matches!(error, ApplyError::Changed { .. }), "{error}");
        fs::write(base.join("openspec/specs/b/c/spec.md"), "gone").unwrap();
        fs::create_dir_all(base.join("openspec/changes/archive/day-go")).unwrap();
        let error = bench.apply(&work, "go", &|_| {}).unwrap_err();
        assert!(matches!(error, ApplyError::Taken { .. }), "{error}");
    }

    #[test]
    fn what_was_interrupted_never_overwrites_what_came_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().to_owned();
        let work = work(&base);
        let died = std::panic::catch_unwind(|| {
            let (bench, _) = Bench::open(&base, "openspec").unwrap();
            let _ = bench.apply(&work, "go", &|step| assert!(step != "moved"));
        });
        assert!(died.is_err());
        fs::write(base.join("openspec/specs/a/spec.md"), "mine").unwrap();
        let error = Bench::open(&base, "openspec").unwrap_err();
        assert!(matches!(error, ApplyError::Interrupted { .. }), "{error}");
        assert_eq!(fs::read_to_string(base.join("openspec/specs/a/spec.md")).unwrap(), "mine");
        fs::remove_dir_all(base.join("openspec/changes").join(STAGE)).unwrap();
        assert!(Bench::open(&base, "openspec").is_ok());
    }
}
