//! Writing and reading git's objects without a working tree and without an index.
//! Lives here: blobs, trees built from changes, commits with a given time, looking up one path.
//! Never here: comparing trees (`changes`), references (`branch`).

use std::collections::BTreeMap;

use git2::{ErrorCode, ObjectType, Oid, Signature, Time, Tree};

use super::errors::GitError;
use super::repo::Repo;
use crate::town::changeset::Mode;

/// The deepest nesting of folders that is followed. Git itself gives up not far beyond it.
pub(super) const DEPTH: usize = 512;
/// The most paths that one tree may list; a tree can name itself so often that no memory would hold them.
pub(super) const PATHS: usize = 1_000_000;
/// Id of the tree without entries.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// What a path shall be; `None` removes the file.
pub type TreeChange = Option<(Mode, Oid)>;

/// Who wrote a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// A name for people.
    pub name: String,
    /// An address, or what looks like one.
    pub email: String,
}

/// Everything about a new commit but its content.
#[derive(Clone, Debug)]
pub struct NewCommit<'a> {
    /// The commits before it.
    pub parents: &'a [Oid],
    /// The message as it shall be stored.
    pub message: &'a str,
    /// Who wrote it; also who commits it.
    pub author: &'a Author,
    /// Seconds since 1970, in UTC.
    pub seconds: i64,
}

impl Repo {
    /// From here on this handle keeps new objects in memory: they can be read back through it, and nobody else ever
    /// sees them.
    pub fn keep_objects_in_memory(&self) -> Result<(), GitError> {
        // Above both of git's own places, whose priorities are 1 and 2.
        let add = |odb: git2::Odb<'_>| odb.add_new_mempack_backend(1_000).map(|_| ());
        self.git().odb().and_then(add).map_err(GitError::write("memory"))
    }

    /// Stores a blob.
    pub fn write_blob(&self, bytes: &[u8]) -> Result<Oid, GitError> {
        self.git().blob(bytes).map_err(GitError::write("blob"))
    }

    /// Reads a blob.
    pub fn read_blob(&self, oid: Oid) -> Result<Vec<u8>, GitError> {
        Ok(self.git().find_blob(oid).map_err(GitError::read(oid))?.content().to_vec())
    }

    /// The size of a blob in bytes, without reading it.
    pub fn blob_size(&self, oid: Oid) -> Result<u64, GitError> {
        let header = self.git().odb().and_then(|odb| odb.read_header(oid)).map_err(GitError::read(oid))?;
        Ok(header.0 as u64)
    }

    /// The tree of a commit.
    pub fn tree_of(&self, commit: Oid) -> Result<Oid, GitError> {
        self.git().find_commit(commit).map(|commit| commit.tree_id()).map_err(GitError::read(commit))
    }

    /// Whether nothing came before a commit. Where a shallow clone ends, something did.
    pub fn is_first(&self, commit: Oid) -> Result<bool, GitError> {
        match self.parents(commit) {
            Ok(parents) => Ok(parents.is_empty()),
            Err(GitError::NeedsDepth { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The tree without entries, stored so that it can be built upon.
    pub fn empty_tree(&self) -> Result<Oid, GitError> {
        let builder = self.git().treebuilder(None).map_err(GitError::write("tree"))?;
        builder.write().map_err(GitError::write("tree"))
    }

    /// What stands at `path` in a tree: its kind and its object. Folders and missing paths are `None`.
    pub fn entry(&self, tree: Oid, path: &str) -> Result<Option<(Mode, Oid)>, GitError> {
        Ok(self.lookup(tree, path)?.and_then(|(mode, oid)| Some((mode?, oid))))
    }

    /// Like [`Repo::entry`], but a folder is found too, as an entry without a file's mode.
    pub(super) fn lookup(&self, tree: Oid, path: &str) -> Result<Option<(Option<Mode>, Oid)>, GitError> {
        let mut at = tree;
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            let folder = self.find_tree(at)?;
            let Some(entry) = folder.get_name_bytes(segment.as_bytes()) else { return Ok(None) };
            let mode = mode_of(entry.filemode());
            if segments.peek().is_none() {
                return Ok(Some((mode, entry.id())));
            }
            if mode.is_some() {
                return Ok(None);
            }
            at = entry.id();
        }
        Ok(None)
    }

    /// The content of the file at `path` of a tree.
    pub fn read_path(&self, tree: Oid, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        match self.entry(tree, path)? {
            Some((Mode::Module, _)) | None => Ok(None),
            Some((_, oid)) => self.read_blob(oid).map(Some),
        }
    }

    /// Every path of a tree, sorted. Bytes that are not UTF-8 are shown as `\xNN`.
    pub fn paths(&self, tree: Oid) -> Result<Vec<String>, GitError> {
        let mut paths: Vec<String> = self.files(tree)?.into_iter().map(|(path, _, _)| show(&path)).collect();
        paths.sort();
        Ok(paths)
    }

    /// Every file of a tree with the bytes of its path, in the tree's own order.
    pub(super) fn files(&self, tree: Oid) -> Result<Vec<(Vec<u8>, Mode, Oid)>, GitError> {
        let mut listing = Listing::default();
        self.collect(tree, 0, &mut listing)?;
        Ok(listing.files)
    }

    fn collect(&self, tree: Oid, depth: usize, listing: &mut Listing) -> Result<(), GitError> {
        check_depth(depth)?;
        // Folders without a file count as well, as they do where trees are compared.
        listing.folders += 1;
        check_count(listing.folders)?;
        for entry in self.find_tree(tree)?.iter() {
            let length = listing.prefix.len();
            listing.prefix.extend_from_slice(entry.name_bytes());
            match mode_of(entry.filemode()) {
                Some(mode) => listing.files.push((listing.prefix.clone(), mode, entry.id())),
                None => {
                    listing.prefix.push(b'/');
                    self.collect(entry.id(), depth + 1, listing)?;
                }
            }
            listing.prefix.truncate(length);
            check_count(listing.files.len())?;
        }
        Ok(())
    }

    pub(super) fn find_tree(&self, oid: Oid) -> Result<Tree<'_>, GitError> {
        match self.git().find_tree(oid) {
            Ok(tree) => Ok(tree),
            // The empty tree is known to git without being stored.
            Err(_) if oid.to_string() == EMPTY_TREE => {
                let oid = self.empty_tree()?;
                self.git().find_tree(oid).map_err(GitError::read(oid))
            }
            Err(source) => Err(GitError::ReadObject { oid, source }),
        }
    }

    /// The tree that `changes` make of `base`. Only the folders of changed paths are read and written.
    ///
    /// A file replaces a folder of its name and a folder a file; removing what is not there (or is a folder)
    /// changes nothing; folders that become empty go.
    pub fn tree_with(&self, base: Option<Oid>, changes: &BTreeMap<String, TreeChange>) -> Result<Oid, GitError> {
        let mut root = Folder::default();
        for (path, change) in changes {
            root.plan(path, *change)?;
        }
        match self.build(base, &root)? {
            Some(tree) => Ok(tree),
            None => self.empty_tree(),
        }
    }

    /// Builds one folder; `None` when nothing is left in it.
    fn build(&self, base: Option<Oid>, folder: &Folder) -> Result<Option<Oid>, GitError> {
        let base = base.map(|oid| self.find_tree(oid)).transpose()?;
        let mut builder = self.git().treebuilder(base.as_ref()).map_err(GitError::write("tree"))?;
        for (name, node) in &folder.entries {
            let old = builder.get(name.as_str()).map_err(GitError::write("tree"))?;
            let old = old.map(|entry| (mode_of(entry.filemode()), entry.id()));
            let new = match (node.change, &node.folder) {
                (Some(Some((mode, oid))), _) => Some((raw_mode(mode), oid)),
                (_, Some(inner)) => {
                    let below = old.and_then(|(mode, oid)| mode.is_none().then_some(oid));
                    match self.build(below, inner)? {
                        Some(tree) => Some((0o040_000, tree)),
                        // Removing below a file leaves the file, unless it is removed itself.
                        None if node.change.is_none() && below.is_none() => continue,
                        None => None,
                    }
                }
                _ if old.is_some_and(|(mode, _)| mode.is_none()) => continue,
                _ => None,
            };
            match new {
                Some((mode, oid)) => builder.insert(name.as_str(), oid, mode).map(|_| ()),
                None if old.is_some() => builder.remove(name.as_str()),
                None => Ok(()),
            }
            .map_err(GitError::write("tree"))?;
        }
        if builder.is_empty() {
            return Ok(None);
        }
        builder.write().map(Some).map_err(GitError::write("tree"))
    }

    /// Stores a commit that no reference points to yet. The same arguments give the same id.
    pub fn commit(&self, tree: Oid, new: &NewCommit<'_>) -> Result<Oid, GitError> {
        let failed = GitError::write("commit");
        let store = || -> Result<Oid, git2::Error> {
            let who = Signature::new(&new.author.name, &new.author.email, &Time::new(new.seconds, 0))?;
            let tree = self.git().find_tree(tree)?;
            let parents = new.parents.iter().map(|oid| self.git().find_commit(*oid)).collect::<Result<Vec<_>, _>>()?;
            self.git().commit(None, &who, &who, new.message, &tree, &parents.iter().collect::<Vec<_>>())
        };
        store().map_err(failed)
    }

    /// Whether an object is stored here.
    #[must_use]
    pub fn has(&self, oid: Oid) -> bool {
        self.git().odb().is_ok_and(|odb| odb.exists(oid))
    }

    /// Whether `oid` is a commit that is stored here.
    pub fn is_commit(&self, oid: Oid) -> Result<bool, GitError> {
        match self.git().find_object(oid, None) {
            Ok(object) => Ok(object.kind() == Some(ObjectType::Commit)),
            Err(e) if e.code() == ErrorCode::NotFound => Ok(false),
            Err(source) => Err(GitError::ReadObject { oid, source }),
        }
    }
}

/// The files of a tree as far as they are listed.
#[derive(Default)]
struct Listing {
    /// The path so far.
    prefix: Vec<u8>,
    /// Folders that were looked into.
    folders: usize,
    files: Vec<(Vec<u8>, Mode, Oid)>,
}

/// The changes planned for one folder.
#[derive(Default)]
struct Folder {
    entries: BTreeMap<String, Node>,
}

#[derive(Default)]
struct Node {
    change: Option<TreeChange>,
    folder: Option<Folder>,
}

impl Folder {
    fn plan(&mut self, path: &str, change: TreeChange) -> Result<(), GitError> {
        let mut folder = self;
        let mut segments = path.split('/').enumerate().peekable();
        while let Some((depth, segment)) = segments.next() {
            check_depth(depth)?;
            if matches!(segment, "" | "." | "..") || segment.eq_ignore_ascii_case(".git") || segment.contains('\0') {
                return Err(GitError::bad_path(path, "a path has plain names between slashes"));
            }
            let node = folder.entries.entry(segment.to_owned()).or_default();
            let last = segments.peek().is_none();
            let clash = if last { node.has_writes() } else { matches!(node.change, Some(Some(_))) };
            if clash && change.is_some() {
                return Err(GitError::bad_path(path, "it cannot be a file and a folder at once"));
            }
            if last {
                node.change = Some(change);
                return Ok(());
            }
            folder = node.folder.get_or_insert_default();
        }
        Ok(())
    }

    fn has_writes(&self) -> bool {
        self.entries.values().any(|node| matches!(node.change, Some(Some(_))) || node.has_writes())
    }
}

impl Node {
    fn has_writes(&self) -> bool {
        self.folder.as_ref().is_some_and(Folder::has_writes)
    }
}

pub(super) fn check_depth(depth: usize) -> Result<(), GitError> {
    if depth < DEPTH { Ok(()) } else { Err(GitError::TooDeep { limit: DEPTH }) }
}

pub(super) fn check_count(count: usize) -> Result<(), GitError> {
    if count <= PATHS {
        return Ok(());
    }
    Err(GitError::TooLarge { what: "the number of files".to_owned(), size: count as u64, limit: PATHS as u64 })
}

/// The kind of a tree entry; `None` for a folder.
pub(super) fn mode_of(raw: i32) -> Option<Mode> {
    match raw & 0o170_000 {
        0o040_000 => None,
        0o120_000 => Some(Mode::Link),
        0o160_000 => Some(Mode::Module),
        _ if raw & 0o111 != 0 => Some(Mode::Executable),
        _ => Some(Mode::File),
    }
}

/// How git writes a kind into a tree.
pub(super) const fn raw_mode(mode: Mode) -> i32 {
    match mode {
        Mode::File => 0o100_644,
        Mode::Executable => 0o100_755,
        Mode::Link => 0o120_000,
        Mode::Module => 0o160_000,
    }
}

/// A path for people and for the gate: bytes that are not UTF-8 as `\xNN`.
pub(super) fn show(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}
