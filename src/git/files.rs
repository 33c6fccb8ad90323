//! One commit's tree, read without a checkout: every path in one walk, contents on demand.
//! Lives here: reading straight from the object database; works on bare repositories and never touches the
//! index, attributes, filters or the file system. Never here: writing, the overlay of a run.

use git2::{ObjectType, Odb, OdbObject, Oid, Repository};

use super::errors::GitError;
use crate::town::changeset::Mode;

/// Entries that one walk lists at the most; a tree that names itself ten times per level ends here.
pub const MAX_ENTRIES: usize = 500_000;
/// Folders in folders that a walk enters.
pub const MAX_DEPTH: usize = 128;

/// One entry of the tree: a file, a link or a submodule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path; bytes that are not UTF-8 are shown as `\xNN`.
    pub path: String,
    /// The object; for a submodule the commit it stands at.
    pub oid: Oid,
    /// What kind of entry it is.
    pub mode: Mode,
    raw: Option<Vec<u8>>,
}

impl Entry {
    /// The path's bytes as git stores them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.path.as_bytes())
    }

    /// Whether the entry has content of its own (a file, executable or not).
    #[must_use]
    pub const fn is_file(&self) -> bool {
        matches!(self.mode, Mode::File | Mode::Executable)
    }
}

/// What reading one entry gave.
pub enum Content<'a> {
    /// The content, borrowed from the object database.
    Bytes(OdbObject<'a>),
    /// The content is larger than asked for; its size.
    TooLarge(u64),
    /// The object is not here (a partial clone) or not a blob (a submodule).
    Missing,
}

/// All entries of one commit's tree, sorted by path.
pub struct Files<'r> {
    odb: Odb<'r>,
    entries: Vec<Entry>,
    left_out: usize,
}

impl<'r> Files<'r> {
    /// Walks the tree of `commit`.
    ///
    /// # Errors
    /// When the commit, its tree or the object database cannot be read. A missing subtree is counted, not fatal.
    pub fn open(repo: &'r Repository, commit: Oid) -> Result<Self, GitError> {
        let tree = repo.find_commit(commit).map(|commit| commit.tree_id());
        let tree = tree.map_err(GitError::read(commit))?;
        let mut files = Self { odb: repo.odb().map_err(GitError::read(commit))?, entries: Vec::new(), left_out: 0 };
        repo.find_tree(tree).map_err(GitError::read(commit))?;
        files.walk(repo, tree, "");
        Ok(files)
    }

    /// Walks one folder of a tree, which need not have a commit. No folder there means no entries.
    ///
    /// # Errors
    /// When the tree or the object database cannot be read. A missing subtree is counted, not fatal.
    pub fn below(repo: &'r Repository, tree: Oid, folder: &str) -> Result<Self, GitError> {
        let mut files = Self { odb: repo.odb().map_err(GitError::read(tree))?, entries: Vec::new(), left_out: 0 };
        let root = repo.find_tree(tree).map_err(GitError::read(tree))?;
        if let Some(entry) = root.get_name(folder).filter(|entry| entry.kind() == Some(ObjectType::Tree)) {
            files.walk(repo, entry.id(), &format!("{folder}/"));
        }
        Ok(files)
    }

    /// An explicit stack instead of recursion: the depth of a tree is the author's choice.
    fn walk(&mut self, repo: &Repository, root: Oid, below: &str) {
        let (mut stack, mut folders) = (vec![(root, below.as_bytes().to_vec(), 0)], 0);
        while let Some((oid, prefix, depth)) = stack.pop() {
            folders += 1;
            if folders > MAX_ENTRIES {
                self.left_out += 1 + stack.len();
                break;
            }
            let Ok(tree) = repo.find_tree(oid) else {
                self.left_out += 1;
                continue;
            };
            for item in &tree {
                if self.entries.len() >= MAX_ENTRIES || depth >= MAX_DEPTH || stack.len() >= MAX_ENTRIES {
                    self.left_out += 1;
                    continue;
                }
                let mut path: Vec<u8> = prefix.clone();
                path.extend_from_slice(item.name_bytes());
                match item.kind() {
                    Some(ObjectType::Tree) => {
                        path.push(b'/');
                        stack.push((item.id(), path, depth + 1));
                    }
                    _ => self.entries.push(entry(path, item.id(), item.filemode())),
                }
            }
        }
        self.entries.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.bytes().cmp(b.bytes())));
    }

    /// Every entry, sorted by path.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries and folders the walk did not list because of its bounds or missing objects.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// The entry at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok().map(|at| &self.entries[at])
    }

    /// Every entry below the folder `path` (without a final slash; empty means the root).
    #[must_use]
    pub fn under(&self, path: &str) -> &[Entry] {
        if path.is_empty() {
            return &self.entries;
        }
        let prefix = format!("{path}/");
        let from = self.entries.partition_point(|entry| entry.path < prefix);
        let count = self.entries[from..].partition_point(|entry| entry.path.starts_with(&prefix));
        &self.entries[from..from + count]
    }

    /// Whether `path` is a folder of this tree.
    #[must_use]
    pub fn is_folder(&self, path: &str) -> bool {
        !self.under(path).is_empty()
    }

    /// The size of an entry's content without reading it; `None` for submodules and missing objects.
    #[must_use]
    pub fn size(&self, entry: &Entry) -> Option<u64> {
        if entry.mode == Mode::Module {
            return None;
        }
        self.odb.read_header(entry.oid).ok().filter(|(_, kind)| *kind == ObjectType::Blob).map(|(size, _)| size as u64)
    }

    /// Reads an entry's content unless it is larger than `limit` bytes.
    #[must_use]
    pub fn content(&self, entry: &Entry, limit: u64) -> Content<'_> {
        match self.size(entry) {
            None => Content::Missing,
            Some(size) if size > limit => Content::TooLarge(size),
            Some(_) => self.odb.read(entry.oid).map_or(Content::Missing, Content::Bytes),
        }
    }

    /// Reads the file at `path` unless it is missing, no file, or larger than `limit` bytes.
    #[must_use]
    pub fn read(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let entry = self.get(path).filter(|entry| entry.is_file())?;
        match self.content(entry, limit) {
            Content::Bytes(object) => Some(object.data().to_vec()),
            Content::TooLarge(_) | Content::Missing => None,
        }
    }

    /// Reads the file at `path` as text: no byte order mark, bytes that are not UTF-8 replaced.
    #[must_use]
    pub fn read_text(&self, path: &str, limit: u64) -> Option<String> {
        self.read(path, limit).map(|bytes| text_of(&bytes))
    }
}

/// The text of `bytes` without a byte order mark, bytes that are not UTF-8 replaced.
#[must_use]
pub fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned()
}

/// Whether `bytes` look binary, by git's own rule: a NUL in the first 8,000 bytes.
#[must_use]
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(8_000).any(|byte| *byte == 0)
}

fn entry(path: Vec<u8>, oid: Oid, filemode: i32) -> Entry {
    let mode = match filemode {
        0o120_000 => Mode::Link,
        0o160_000 => Mode::Module,
        mode if mode & 0o111 != 0 => Mode::Executable,
        _ => Mode::File,
    };
    match String::from_utf8(path) {
        Ok(path) => Entry { path, oid, mode, raw: None },
        Err(wrong) => {
            let raw = wrong.into_bytes();
            Entry { path: shown(&raw), oid, mode, raw: Some(raw) }
        }
    }
}

/// A path for people: its UTF-8 as it is, any other byte as `\xNN`.
#[must_use]
pub fn shown(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tree(repo: &Repository, entries: &[(&[u8], Oid, i32)]) -> Oid {
        let mut builder = repo.treebuilder(None).unwrap();
        for (name, oid, mode) in entries {
            builder.insert(*name, *oid, *mode).unwrap();
        }
        builder.write().unwrap()
    }

    fn commit(repo: &Repository, root: Oid) -> Oid {
        let who = git2::Signature::new("A", "a@example.org", &git2::Time::new(1_700_000_000, 0)).unwrap();
        repo.commit(None, &who, &who, "one", &repo.find_tree(root).unwrap(), &[]).unwrap()
    }

    #[test]
    fn lists_every_entry_of_a_bare_repository_sorted_by_path() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(dir.path()).unwrap();
        let blob = repo.blob(b"hello").unwrap();
        let sub = tree(&repo, &[(b"z.txt", blob, 0o100_644), (b"run.sh", blob, 0o100_755)]);
        let module = Oid::from_bytes(&[7; 20]).unwrap();
        let root = tree(
            &repo,
            &[
                (b"a.b", blob, 0o100_644),
                (b"a", sub, 0o040_000),
                (b"link", blob, 0o120_000),
                (b"mod", module, 0o160_000),
                (b"\xff.bin", blob, 0o100_644),
            ],
        );
        let files = Files::open(&repo, commit(&repo, root)).unwrap();
        let seen: Vec<_> = files.entries().iter().map(|e| (e.path.as_str(), e.mode)).collect();
        assert_eq!(
            seen,
            [
                ("\\xff.bin", Mode::File),
                ("a.b", Mode::File),
                ("a/run.sh", Mode::Executable),
                ("a/z.txt", Mode::File),
                ("link", Mode::Link),
                ("mod", Mode::Module),
            ]
        );
        assert_eq!(files.entries()[0].bytes(), b"\xff.bin");
        assert_eq!(files.read("a/z.txt", 5).as_deref(), Some(&b"hello"[..]));
        assert_eq!(files.read("a/z.txt", 4), None, "larger than the limit");
        assert_eq!(files.read("link", 100), None, "a link is no file");
        assert_eq!(files.read("nowhere", 100), None);
        assert!(files.is_folder("a") && !files.is_folder("a.b") && files.is_folder(""));
        assert_eq!(files.size(files.get("mod").unwrap()), None);
        assert_eq!(files.left_out(), 0);
    }

    #[test]
    fn a_tree_that_names_its_child_again_and_again_ends_at_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(dir.path()).unwrap();
        let mut oid = repo.blob(b"bomb").unwrap();
        let mut mode = 0o100_644;
        for _ in 0..9 {
            let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
            let entries: Vec<_> = names.iter().map(|name| (name.as_bytes(), oid, mode)).collect();
            oid = tree(&repo, &entries);
            mode = 0o040_000;
        }
        let files = Files::open(&repo, commit(&repo, oid)).unwrap();
        assert!(files.entries().len() <= MAX_ENTRIES);
        assert!(files.left_out() > 0);
    }

    #[test]
    fn an_empty_tree_has_no_entries_and_a_wrong_commit_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(dir.path()).unwrap();
        let root = tree(&repo, &[]);
        let files = Files::open(&repo, commit(&repo, root)).unwrap();
        assert!(files.entries().is_empty() && !files.is_folder(""));
        assert!(Files::open(&repo, root).is_err(), "a tree is no commit");
    }

    #[test]
    fn text_loses_its_byte_order_mark_and_binary_is_a_nul() {
        assert_eq!(text_of(b"\xef\xbb\xbfhi\xff"), "hi\u{fffd}");
        assert!(is_binary(b"ab\0c") && !is_binary(b"abc"));
        assert_eq!(shown(b"a\xc3\xa4\xff"), "aä\\xff");
    }
}
