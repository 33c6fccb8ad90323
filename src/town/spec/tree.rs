//! The files below `openspec/`, held in memory: from a working directory, from a commit, or from a commit with a proposal on it.
//! Lives here: looking things up. Never here: reading files, or what OpenSpec makes of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether archived changes are in a tree, or only their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// Their folders stand in the tree, with nothing in them.
    Names,
    /// All of it.
    Whole,
}

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No permission.
    Denied,
    /// Larger than what is read.
    TooLarge,
    /// A symbolic link that leads to where it may not.
    LeadsOut,
    /// A folder whose entries cannot be listed.
    Folder,
    /// Anything else.
    Failed,
}

impl Fault {
    /// What is wrong, and what to do about it.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Denied => ("it may not be read", "give the file's owner the right to read it"),
            Self::TooLarge => ("it is larger than what is read", "split it, or take it out of openspec/"),
            Self::LeadsOut => {
                ("it is a symbolic link that leads out of its folder", "put the file itself there in place of the link")
            }
            Self::Folder => ("the folder cannot be listed", "give the folder's owner the right to list it"),
            Self::Failed => ("it cannot be read", "look at the file and its disk"),
        }
    }
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file with its bytes.
    File(Arc<[u8]>),
    /// A folder; one without entries stands here too.
    Folder,
    /// A file whose bytes nobody asks for, so that they were not read.
    Other,
    /// A symbolic link to a file inside of the tree's root.
    LinkedFile {
        /// The file's path in the tree, or beside it.
        target: Arc<str>,
        /// The file's bytes.
        bytes: Arc<[u8]>,
    },
    /// A symbolic link to a folder: where that really is, or nothing where it leads out of the tree's root. Where a change or its
    /// `specs` is such a link, what is behind it stands below it; nothing else behind one was read.
    LinkedFolder(Option<Arc<str>>),
    /// A symbolic link that leads nowhere.
    Dangling,
    /// A symbolic link to something outside of the tree's root. Nothing behind it was read.
    LeadsOut,
    /// It is there and cannot be read.
    Unreadable(Fault),
}

impl Node {
    /// The bytes of a file, linked or not.
    #[must_use]
    pub fn bytes(&self) -> Option<&Arc<[u8]>> {
        match self {
            Self::File(bytes) | Self::LinkedFile { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// Whether it is a symbolic link, wherever that leads.
    #[must_use]
    pub fn is_link(&self) -> bool {
        matches!(self, Self::LinkedFile { .. } | Self::LinkedFolder(_) | Self::Dangling | Self::LeadsOut)
    }

    /// Whether a file is there, readable or not, linked or not.
    #[must_use]
    pub fn is_file(&self) -> bool {
        match self {
            Self::File(_) | Self::Other | Self::LinkedFile { .. } => true,
            Self::Unreadable(fault) => *fault != Fault::Folder,
            Self::Folder | Self::LinkedFolder(_) | Self::Dangling | Self::LeadsOut => false,
        }
    }
}

/// Whether what is behind a link to a folder is read: that of a change, or of its `specs`, as the reference reads it. Not where the
/// link stands in that folder itself.
#[must_use]
pub fn is_followed(openspec: &str, link: &str, target: &str) -> bool {
    let inner: Vec<&str> = link.get(openspec.len() + 1..).unwrap_or_default().split('/').collect();
    let is_above = target.is_empty() || link.strip_prefix(target).is_some_and(|rest| rest.starts_with('/'));
    !is_above && matches!(inner[..], ["changes", _] | ["changes", _, "specs"])
}

/// Paths with `/` between their parts, from the root that holds `openspec/`, each with what stands there. Every folder on the
/// way to a file has a node of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    /// Puts a node, and the folders above it.
    pub fn put(&mut self, path: &str, node: Node) {
        if path.rsplit_once('/').is_some_and(|(above, _)| !self.nodes.contains_key(above)) {
            for (at, _) in path.match_indices('/') {
                self.nodes.entry(path[..at].to_owned()).or_insert(Node::Folder);
            }
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// Puts a file.
    pub fn put_file(&mut self, path: &str, bytes: impl Into<Arc<[u8]>>) {
        self.put(path, Node::File(bytes.into()));
    }

    /// Takes a node away with all below it. Folders that are empty then stay.
    pub fn remove(&mut self, path: &str) {
        self.nodes.remove(path);
        let below: Vec<String> = self.below(path).map(|(found, _)| found.to_owned()).collect();
        for found in below {
            self.nodes.remove(&found);
        }
    }

    /// What stands at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// The bytes of the file at a path, linked or not.
    #[must_use]
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.get(path).and_then(Node::bytes).map(|bytes| &**bytes)
    }

    /// The text of the file at a path; what is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        let lossy = |bytes| match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        };
        self.bytes(path).map(lossy)
    }

    /// Whether a folder stands at a path.
    #[must_use]
    pub fn is_folder(&self, path: &str) -> bool {
        matches!(self.get(path), Some(Node::Folder))
    }

    /// A path without the links to folders on its way; `None` where one of them leads out of the root.
    #[must_use]
    pub fn real(&self, path: &str) -> Option<String> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let mut links = ends.filter_map(|end| match self.get(&path[..end]) {
            Some(Node::LinkedFolder(target)) => Some((end, target)),
            _ => None,
        });
        match links.next_back() {
            None => Some(path.to_owned()),
            Some((end, target)) => target.as_ref().map(|target| format!("{target}{}", &path[end..])),
        }
    }

    /// Everything below a folder at any depth, by path.
    pub fn below<'t>(&'t self, folder: &str) -> impl Iterator<Item = (&'t str, &'t Node)> + use<'t> {
        let prefix = format!("{folder}/");
        self.nodes
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, node)| (path.as_str(), node))
    }

    /// The entries of a folder: names and nodes, by name.
    pub fn entries<'t>(&'t self, folder: &str) -> impl Iterator<Item = (&'t str, &'t Node)> + use<'t> {
        let skip = folder.len() + 1;
        self.below(folder).filter_map(move |(path, node)| {
            let name = path.get(skip..)?;
            (!name.contains('/')).then_some((name, node))
        })
    }

    /// Paths of what is no folder and stands in only one of the two trees, or is another thing in the other.
    pub fn differences<'t>(&'t self, other: &'t Self) -> impl Iterator<Item = &'t str> {
        let is_leaf = |(_, node): &(&str, &Node)| !matches!(node, Node::Folder);
        let gone = self.iter().filter(is_leaf).filter(|(path, node)| other.get(path) != Some(node));
        let new = other.iter().filter(is_leaf).filter(|(path, _)| self.get(path).is_none());
        gone.chain(new).map(|(path, _)| path)
    }

    /// All paths with what stands there.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }
}
