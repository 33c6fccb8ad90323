//! The files that tools see: the base with the run's own changes on top.
//! Lives here: looking a path up for a tool, and which paths a tool may write. Never here: how files are stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Context, ToolError, tell};
use crate::town::changeset::{Blob, Mode};
use crate::town::limits;
use crate::town::path::problems;
use crate::town::pattern::Pattern;
use crate::town::text::one_line;

/// The largest file that a tool takes into memory, in bytes.
const FILE_BYTES: u64 = 2 * limits::CHANGESET_BYTES;

/// Files by path.
#[derive(Clone, Debug, Default)]
pub struct Files {
    files: BTreeMap<String, Blob>,
}

impl Files {
    /// Files that exist in memory alone.
    #[must_use]
    pub fn in_memory(files: impl IntoIterator<Item = (String, Blob)>) -> Self {
        Self { files: files.into_iter().collect() }
    }

    /// What stands at `path`; folders are `None`.
    ///
    /// # Errors
    /// [`ToolError::Fatal`] when the store cannot be read.
    pub fn read(&self, path: &str) -> Result<Option<Blob>, ToolError> {
        Ok(self.files.get(path).cloned())
    }

    /// The size of the file at `path` in bytes, without reading it.
    ///
    /// # Errors
    /// [`ToolError::Fatal`] when the store cannot be read.
    pub fn size(&self, path: &str) -> Result<Option<u64>, ToolError> {
        Ok(self.files.get(path).map(|blob| blob.bytes.len() as u64))
    }

    /// Every path in the folder `under`, at any depth, sorted; every path where it is empty.
    ///
    /// # Errors
    /// [`ToolError::Fatal`] when the store cannot be read.
    pub fn list(&self, under: &str) -> Result<Vec<String>, ToolError> {
        let prefix = if under.is_empty() { String::new() } else { format!("{under}/") };
        let below = self.files.range(prefix.clone()..).map(|(path, _)| path);
        Ok(below.take_while(|path| path.starts_with(&prefix)).cloned().collect())
    }

    /// Puts `bytes` at `path`; an executable file stays one.
    ///
    /// # Errors
    /// [`ToolError::Fatal`] when the store cannot be written.
    pub fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), ToolError> {
        let mode = self.files.get(path).map_or(Mode::File, |blob| blob.mode);
        self.files.insert(path.to_owned(), Blob { mode, bytes: Arc::from(bytes) });
        Ok(())
    }

    /// Takes the file at `path` away.
    ///
    /// # Errors
    /// [`ToolError::Fatal`] when the store cannot be written.
    pub fn delete(&mut self, path: &str) -> Result<(), ToolError> {
        self.files.remove(path);
        Ok(())
    }

    /// Puts what stands at `from` at `to` instead.
    ///
    /// # Errors
    /// [`ToolError::Fatal`] when the store cannot be written.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), ToolError> {
        if let Some(blob) = self.files.remove(from) {
            self.files.insert(to.to_owned(), blob);
        }
        Ok(())
    }
}

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

impl Context<'_> {
    /// The plain file at `path`, or what to tell.
    pub(super) fn file(&self, path: &str) -> Result<Blob, ToolError> {
        if let Some(size) = self.files.size(path)?.filter(|&size| size > FILE_BYTES) {
            return tell(format!("{} has {size} bytes; tools take up to {FILE_BYTES}.", shown(path)));
        }
        let Some(blob) = self.files.read(path)? else {
            return tell(self.missing(path)?);
        };
        match blob.mode {
            Mode::File | Mode::Executable => Ok(blob),
            Mode::Link => {
                let target = one_line(&String::from_utf8_lossy(&blob.bytes), 200);
                tell(format!("{} is a symbolic link to {target}; links are not followed.", shown(path)))
            }
            Mode::Module => tell(format!("{} is a submodule; its files are not here.", shown(path))),
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
    fn missing(&self, path: &str) -> Result<String, ToolError> {
        if path.starts_with('/') {
            return Ok(format!("{} is absolute; give paths relative to the root of the repository.", shown(path)));
        }
        if path.is_empty() || !self.files.list(path.trim_end_matches('/'))?.is_empty() {
            return Ok(format!("{} is a folder; list it with Glob.", shown(path)));
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let mut same: Vec<_> =
            self.files.list("")?.into_iter().filter(|other| other.rsplit('/').next() == Some(name)).collect();
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

    /// Whether `path` is free of what stands in the way of a file there: a folder of that name, a file among its folders,
    /// a link or a submodule.
    pub(super) fn may_stand(&self, path: &str) -> Result<(), ToolError> {
        if let Some(blob) = self.files.read(path)?
            && !matches!(blob.mode, Mode::File | Mode::Executable)
        {
            return tell(format!("{} is a link or a submodule and cannot be written.", shown(path)));
        }
        if !self.files.list(path)?.is_empty() {
            return tell(format!("{} is a folder.", shown(path)));
        }
        for (at, _) in path.match_indices('/') {
            if self.files.read(&path[..at])?.is_some() {
                return tell(format!("{} is a file, so nothing can stand below it.", shown(&path[..at])));
            }
        }
        Ok(())
    }

    /// Writes `text` at `path` where that is allowed and possible.
    pub(super) fn put(&mut self, path: &str, text: &str) -> Result<(), ToolError> {
        if text.len() as u64 > limits::CHANGESET_BYTES {
            let limit = limits::CHANGESET_BYTES;
            return tell(format!("{} would have {} bytes; {limit} are allowed.", shown(path), text.len()));
        }
        self.files.write(path, text.as_bytes())
    }
}

/// The text of a file; nothing where it is binary.
pub(super) fn as_text(bytes: &[u8]) -> Option<&str> {
    let head = &bytes[..bytes.len().min(8 * 1024)];
    if head.contains(&0) { None } else { std::str::from_utf8(bytes).ok() }
}
