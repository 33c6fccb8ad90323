//! The files that tools see: the base with the run's own changes on top.
//! Lives here: looking a path up for a tool, and which paths a tool may write. Never here: how files are stored (see
//! [`crate::git::workspace`]).

use super::{Context, ToolError, tell};
use crate::git::GitError;
use crate::town::changeset::{Blob, Mode};
use crate::town::limits;
use crate::town::path::problems;
use crate::town::pattern::Pattern;
use crate::town::text::one_line;

/// The largest file that a tool takes into memory, in bytes.
const FILE_BYTES: u64 = 2 * limits::CHANGESET_BYTES;

/// A path as a brain gave it, relative to the root: a leading `./` is dropped and nothing else is repaired.
pub(super) fn relative(path: &str) -> &str {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    path
}

/// How a path reads in an answer.
pub(super) fn shown(path: &str) -> String {
    one_line(path, 200)
}

/// What a brain is told, and what ends the run: it can do something about a path, and nothing about a broken store.
fn explain(error: GitError) -> ToolError {
    match error {
        GitError::BadPath { path, why } => ToolError::Tell(format!("{} cannot be used: {why}.", shown(&path))),
        GitError::TooLarge { what, size, limit } => {
            ToolError::Tell(format!("{what}: {size} are too many; {limit} are allowed."))
        }
        other => ToolError::Fatal(format!("the run's files: {}", chain(&other))),
    }
}

/// An error with its causes, which do not stand in its own text.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |all, cause| format!("{all}: {cause}"))
}

/// A path that could be one. Git's own calls take no NUL.
fn plain(path: &str) -> Result<&str, ToolError> {
    if path.contains('\0') { tell(format!("{} is no path.", shown(path))) } else { Ok(path) }
}

impl Context<'_> {
    /// What stands at `path`; folders and submodules are `None`.
    pub(super) fn read(&self, path: &str) -> Result<Option<Blob>, ToolError> {
        self.files.read(plain(path)?).map_err(explain)
    }

    /// The size of the file at `path` in bytes, without reading it.
    pub(super) fn size(&self, path: &str) -> Result<Option<u64>, ToolError> {
        self.files.size(plain(path)?).map_err(explain)
    }

    /// Every path in a folder, at any depth, sorted; every path where it is empty.
    pub(super) fn list(&self, folder: &str) -> Result<Vec<String>, ToolError> {
        self.files.list(folder).map_err(explain)
    }

    /// Takes the file at `path` away; says whether there was one.
    pub(super) fn delete(&mut self, path: &str) -> Result<bool, ToolError> {
        self.files.delete(path).map_err(explain)
    }

    /// Puts what stands at `from` at `to` instead, where nothing may stand.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Result<(), ToolError> {
        self.files.rename(from, to).map_err(explain)
    }

    /// The plain file at `path`, or what to tell.
    pub(super) fn file(&self, path: &str) -> Result<Blob, ToolError> {
        if let Some(size) = self.size(path)?.filter(|&size| size > FILE_BYTES) {
            return tell(format!("{} has {size} bytes; tools take up to {FILE_BYTES}.", shown(path)));
        }
        let Some(blob) = self.read(path)? else {
            return tell(self.missing(path)?);
        };
        match blob.mode {
            Mode::File | Mode::Executable => Ok(blob),
            Mode::Link => {
                let target = one_line(&String::from_utf8_lossy(&blob.bytes), 200);
                tell(format!("{} is a symbolic link to {target}; links are not followed.", shown(path)))
            }
            Mode::Module => tell(self.missing(path)?),
        }
    }

    /// The text of the file at `path`, or what to tell.
    pub(super) fn text(&self, path: &str) -> Result<String, ToolError> {
        let blob = self.file(path)?;
        match as_text(&blob.bytes) {
            Some(text) => Ok(text.to_owned()),
            None => tell(format!("{} is binary ({} bytes); only text can be shown.", shown(path), blob.bytes.len())),
        }
    }

    /// Why nothing can be read at `path`.
    pub(super) fn missing(&self, path: &str) -> Result<String, ToolError> {
        if path.starts_with('/') {
            return Ok(format!("{} is absolute; give paths relative to the root of the repository.", shown(path)));
        }
        if path.is_empty() || !self.list(path.trim_end_matches('/'))?.is_empty() {
            return Ok(format!("{} is a folder; list it with Glob.", shown(path)));
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let mut same: Vec<_> =
            self.list("")?.into_iter().filter(|other| other.rsplit('/').next() == Some(name)).collect();
        same.truncate(3);
        let hint = if same.is_empty() { String::new() } else { format!(" Do you mean {}?", same.join(" or ")) };
        Ok(format!("There is no file {}.{hint}", shown(path)))
    }

    /// Whether the agent may write at `path`; the error names what it owns.
    pub(super) fn may_write(&self, path: &str) -> Result<(), ToolError> {
        let found = problems(path);
        if let Some(problem) = found.first() {
            return tell(format!("{} cannot be written: the path {problem}.", shown(path)));
        }
        if self.owns.iter().any(|pattern| pattern.matches(path)) {
            return Ok(());
        }
        let owned: Vec<_> = self.owns.iter().map(Pattern::as_str).collect();
        let owned = if owned.is_empty() { "no paths".to_owned() } else { owned.join(", ") };
        tell(format!(
            "{} is not yours. You own {owned}. Describe what is wrong elsewhere in your own files.",
            shown(path)
        ))
    }

    /// Writes `text` at `path` where that is possible.
    pub(super) fn put(&mut self, path: &str, text: &str) -> Result<(), ToolError> {
        if text.len() as u64 > limits::CHANGESET_BYTES {
            let limit = limits::CHANGESET_BYTES;
            return tell(format!("{} would have {} bytes; {limit} are allowed.", shown(path), text.len()));
        }
        self.files.write(path, text.as_bytes()).map_err(explain)
    }

    /// Puts what a command left at `path` there.
    pub(super) fn put_as(&mut self, path: &str, bytes: &[u8], executable: bool) -> Result<(), ToolError> {
        self.files.write_as(path, bytes, Some(executable)).map_err(explain)
    }
}

/// The text of a file; nothing where it is binary.
pub(super) fn as_text(bytes: &[u8]) -> Option<&str> {
    let head = &bytes[..bytes.len().min(8 * 1024)];
    if head.contains(&0) { None } else { std::str::from_utf8(bytes).ok() }
}
