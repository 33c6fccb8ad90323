//! Reading a working directory as the check of the town's files wants it.
//! Lives here: a bounded walk that never leaves the directory. Never here: git, the rules.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::town::check::{self, TownFiles};
use crate::town::limits::TOWN_FILE_BYTES;

/// Paths that are listed at the most; more is no repository that a person works in.
const MOST_PATHS: usize = 500_000;
/// How deep folders may be nested.
const DEEPEST: usize = 64;

/// A file or folder that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("read {}", .path.display())]
pub struct ReadFiles {
    /// Which.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Reads a file that has at most so many bytes.
///
/// # Errors
/// What the system says; also where it is larger.
pub fn read_up_to(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

/// Reads the town's files below `root`, and lists every path. Links are listed and never followed; `.git` and the folders
/// that builds and package managers fill are passed over.
///
/// # Errors
/// [`ReadFiles`] naming the path.
pub fn read(root: &Path) -> Result<TownFiles, ReadFiles> {
    let mut found = TownFiles { files: Vec::new(), all_paths: Vec::new() };
    let mut open = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = open.pop() {
        let failed = |source| ReadFiles { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                let passed_over = matches!(name.as_str(), ".git" | "target" | "node_modules") || depth >= DEEPEST;
                if !passed_over {
                    open.push((entry.path(), format!("{path}/"), depth + 1));
                }
                continue;
            }
            if kind.is_file() && check::is_town_file(&path) {
                found.files.push((path.clone(), bytes(&entry.path())?));
            }
            if found.all_paths.len() < MOST_PATHS {
                found.all_paths.push(path);
            }
        }
    }
    found.files.sort();
    found.all_paths.sort();
    Ok(found)
}

/// One byte more than a town file may have is enough to see that it is too large.
fn bytes(path: &Path) -> Result<Vec<u8>, ReadFiles> {
    let failed = |source| ReadFiles { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(TOWN_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
