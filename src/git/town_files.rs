//! The town's files as a commit has them: settings, charters, prompts, and every path there is.
//! Lives here: picking them out of a tree. Never here: the rules over them (see [`crate::town::check`]).

use super::files::{Content, Files};
use crate::town::check::{self, TownFiles};
use crate::town::limits::TOWN_FILE_BYTES;

/// The town's files of a commit.
#[must_use]
pub fn of(files: &Files<'_>) -> TownFiles {
    let mut found = TownFiles::default();
    for entry in files.entries() {
        if check::is_town_file(&entry.path) && entry.is_file() {
            let bytes = match files.content(entry, TOWN_FILE_BYTES as u64) {
                Content::Bytes(object) => object.data().to_vec(),
                // The check refuses it by its size.
                Content::TooLarge(_) => vec![b' '; TOWN_FILE_BYTES + 1],
                Content::Missing => continue,
            };
            found.files.push((entry.path.clone(), bytes));
        }
        found.all_paths.push(entry.path.clone());
    }
    found
}
