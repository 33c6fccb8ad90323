//! Reading a working directory as OpenSpec wants it: the nearest root, and the files below its `openspec/`.
//! Lives here: a bounded walk that leaves nothing, and follows links to folders only where the reference does: to `specs`, to
//! `changes`, to a change and to its `specs`. Never here: what the files mean.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use super::Env;
use super::files::{ReadFiles, read_up_to};
use super::parallel;
use crate::town::limits::{SPEC_DEPTH, SPEC_FILE_BYTES, SPEC_FILES, SPEC_OTHER_BYTES, SPEC_TREE_BYTES};
use crate::town::spec::project::Standing;
use crate::town::spec::schemas::NoTemplate;
use crate::town::spec::tree::{Archive, Fault, Node, Tree, is_followed};

/// A folder that holds `openspec/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The folder, without links on the way to it.
    pub path: PathBuf,
    /// Whether it was found; else it is the folder where the search began.
    pub is_found: bool,
    /// The folder of the repository around it, or itself where there is none.
    pub base: PathBuf,
}

impl Root {
    /// The nearest folder from `start` upwards whose `openspec/` makes it a root; without one, `start` itself.
    #[must_use]
    pub fn nearest(start: &Path) -> Self {
        let start = fs::canonicalize(start).unwrap_or_else(|_| start.to_owned());
        let found = start.ancestors().find(|folder| standing(folder).is_root());
        Self { is_found: found.is_some(), ..Self::at(found.unwrap_or(&start)) }
    }

    /// The root at a folder, whatever stands there.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        let path = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let base = path.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&path).to_owned();
        Self { path, is_found: true, base }
    }

    /// The path of `openspec/` from the base.
    #[must_use]
    pub fn openspec(&self) -> String {
        let below = self.path.strip_prefix(&self.base).unwrap_or(Path::new(""));
        slashed(&below.join("openspec"))
    }
}

fn slashed(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// What stands below a folder's `openspec/`.
fn standing(folder: &Path) -> Standing {
    let openspec = folder.join("openspec");
    if !openspec.is_dir() {
        return Standing::default();
    }
    // A folder with metadata of a store is a store of its own, and none of this project's.
    let is_planning = |name: &str| {
        let folder = openspec.join(name);
        folder.is_dir() && !folder.join(".openspec-store/store.yaml").exists()
    };
    Standing {
        has_planning: is_planning("specs") || is_planning("changes"),
        has_config: ["config.yaml", "config.yml"].iter().any(|name| openspec.join(name).exists()),
    }
}

/// Reads the files below a root's `openspec/`. What cannot be read stands in the tree as such.
///
/// # Errors
/// `openspec/` itself cannot be listed, or holds more than is read.
pub fn read(root: &Root, archive: Archive) -> Result<Tree, ReadFiles> {
    let openspec = root.openspec();
    let mut tree = Tree::default();
    let mut open = vec![(root.path.join("openspec"), openspec.clone())];
    if !open[0].0.is_dir() {
        return Ok(tree);
    }
    tree.put(&openspec, Node::Folder);
    let (bytes, files) = (AtomicU64::new(0), AtomicUsize::new(0));
    let walk = Walk { base: &root.base, openspec: &openspec, bytes, files, archive };
    // Level by level: the folders of one can be read beside each other.
    for depth in 0.. {
        let read = parallel::map(&open, SHARE, |(folder, path)| walk.folder(folder, path, depth));
        open.clear();
        for listed in read {
            let listed = listed?;
            listed.nodes.into_iter().for_each(|(path, node)| tree.put(&path, node));
            open.extend(listed.folders);
        }
        if open.is_empty() {
            break;
        }
    }
    Ok(tree)
}

/// Folders that one thread reads at a time.
const SHARE: usize = 16;
/// What a buffer for files begins with, in bytes; most of them are smaller.
const BUFFER: usize = 16 * 1024;

struct Walk<'r> {
    base: &'r Path,
    openspec: &'r str,
    bytes: AtomicU64,
    files: AtomicUsize,
    archive: Archive,
}

/// What stands in one folder.
#[derive(Default)]
struct Listed {
    nodes: Vec<(String, Node)>,
    /// Folders in it that are to be read, each with its path in the tree.
    folders: Vec<(PathBuf, String)>,
}

impl Walk<'_> {
    fn folder(&self, folder: &Path, path: &str, depth: usize) -> Result<Listed, ReadFiles> {
        let failed = |source| ReadFiles { path: folder.to_owned(), source };
        let mut listed = Listed::default();
        let entries = match fs::read_dir(folder) {
            Ok(entries) if depth < SPEC_DEPTH => entries,
            Err(source) if depth == 0 => return Err(failed(source)),
            _ => {
                listed.nodes.push((path.to_owned(), Node::Unreadable(Fault::Folder)));
                return Ok(listed);
            }
        };
        let mut buffer = Vec::with_capacity(BUFFER);
        for entry in entries.flatten() {
            if self.files.fetch_add(1, Ordering::Relaxed) >= SPEC_FILES {
                let more = format!("there are more than {SPEC_FILES} files; take out what is no spec and no change");
                return Err(failed(io::Error::other(more)));
            }
            self.entry(&entry, path, depth, &mut buffer, &mut listed);
        }
        Ok(listed)
    }

    fn entry(&self, entry: &fs::DirEntry, path: &str, depth: usize, buffer: &mut Vec<u8>, listed: &mut Listed) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = format!("{path}/{name}");
        let Ok(kind) = entry.file_type() else { return };
        // What stands above this is where a project may link to: its specs or changes kept elsewhere in the repository.
        let is_top = depth == 0 && kind.is_symlink() && matches!(name.as_str(), "specs" | "changes");
        let node = if kind.is_dir() || (is_top && self.leads_to_folder_inside(&entry.path())) {
            if self.is_entered(&below, depth) {
                listed.folders.push((entry.path(), below.clone()));
            }
            Node::Folder
        } else if kind.is_symlink() {
            let node = self.link(&entry.path(), buffer);
            if let Node::LinkedFolder(Some(target)) = &node
                && is_followed(self.openspec, &below, target)
            {
                listed.folders.push((self.base.join(&**target), below.clone()));
            }
            node
        } else if kind.is_file() {
            self.file(&entry.path(), &name, buffer)
        } else {
            return;
        };
        listed.nodes.push((below, node));
    }

    /// Other folders than those that are read are listed, and so are archived changes where only their names are asked for.
    fn is_entered(&self, path: &str, depth: usize) -> bool {
        let inner = &path[self.openspec.len() + 1..];
        let is_read = matches!(inner.split('/').next(), Some("specs" | "changes" | "schemas"));
        let is_archived = inner.strip_prefix("changes/archive/").is_some();
        self.archive == Archive::Whole || if is_read { !is_archived } else { depth == 0 }
    }

    fn leads_to_folder_inside(&self, link: &Path) -> bool {
        fs::canonicalize(link).is_ok_and(|target| target.is_dir() && target.starts_with(self.base))
    }

    fn link(&self, link: &Path, buffer: &mut Vec<u8>) -> Node {
        let Ok(target) = fs::canonicalize(link) else { return Node::Dangling };
        let Ok(of_target) = fs::metadata(&target) else { return Node::Dangling };
        match target.strip_prefix(self.base) {
            inside if of_target.is_dir() => Node::LinkedFolder(inside.ok().map(|inside| slashed(inside).into())),
            _ if !of_target.is_file() => Node::Dangling,
            Err(_) => Node::LeadsOut,
            Ok(inside) => match self.bytes(&target, buffer) {
                Ok(bytes) => Node::LinkedFile { target: slashed(inside).into(), bytes },
                Err(fault) => Node::Unreadable(fault),
            },
        }
    }

    fn file(&self, path: &Path, name: &str, buffer: &mut Vec<u8>) -> Node {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_read = ["md", "yaml", "yml"].iter().any(|known| extension.eq_ignore_ascii_case(known));
        if !is_read && fs::metadata(path).is_ok_and(|file| file.len() > SPEC_OTHER_BYTES) {
            return Node::Other;
        }
        self.bytes(path, buffer).map_or_else(Node::Unreadable, Node::File)
    }

    /// Reads a file with as few calls as it takes, by way of a buffer: there may be thousands.
    fn bytes(&self, path: &Path, buffer: &mut Vec<u8>) -> Result<Arc<[u8]>, Fault> {
        let most = SPEC_FILE_BYTES.min(SPEC_TREE_BYTES.saturating_sub(self.bytes.load(Ordering::Relaxed)));
        buffer.clear();
        let file = fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(buffer));
        let read = file.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Fault::Denied,
            _ => Fault::Failed,
        })?;
        if read as u64 > most {
            return Err(Fault::TooLarge);
        }
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(Arc::from(buffer.as_slice()))
    }
}

/// When a file below a folder was last changed; the folder's own time where it has none.
#[must_use]
pub fn modified(folder: &Path) -> SystemTime {
    let mut latest: Option<SystemTime> = None;
    let mut open = vec![(folder.to_owned(), 0)];
    let mut left = SPEC_FILES;
    while let Some((folder, depth)) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if left == 0 {
                break;
            }
            left -= 1;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if depth < SPEC_DEPTH {
                    open.push((entry.path(), depth + 1));
                }
                continue;
            }
            let time = fs::metadata(entry.path()).and_then(|file| file.modified()).ok();
            latest = latest.max(time);
        }
    }
    let own = || fs::metadata(folder).and_then(|folder| folder.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    latest.unwrap_or_else(own)
}

/// Where the reference keeps a user's schemas.
fn user_folder(env: &Env) -> Option<PathBuf> {
    let set = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("openspec/schemas"))
}

/// The user's schemas: names and texts of `<name>/schema.yaml` in their folder.
#[must_use]
pub fn user_schemas(env: &Env) -> Vec<(String, String)> {
    let Some(folder) = user_folder(env) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(SPEC_FILES) {
        let path = entry.path().join("schema.yaml");
        if let Ok(bytes) = read_up_to(&path, SPEC_FILE_BYTES) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            found.push((entry.file_name().to_string_lossy().into_owned(), text));
        }
    }
    found.sort();
    found
}

/// Where a template of a user's schema really is, which must be below the schema's own `templates/`.
///
/// # Errors
/// It is not there, or leads out.
pub fn user_template(env: &Env, schema: &str, file: &str) -> Result<PathBuf, NoTemplate> {
    let folder = user_folder(env).unwrap_or_default().join(schema).join("templates");
    let path = folder.join(file);
    let missing = || NoTemplate::Missing(path.display().to_string());
    let found = fs::canonicalize(&path).map_err(|_| missing())?;
    let inside = fs::canonicalize(&folder).is_ok_and(|folder| found.starts_with(folder));
    if inside { Ok(found) } else { Err(NoTemplate::LeadsOut(path.display().to_string())) }
}

/// Its text; what is not UTF-8 becomes U+FFFD.
///
/// # Errors
/// It is not there, leads out or cannot be read.
pub fn user_template_text(env: &Env, schema: &str, file: &str) -> Result<String, NoTemplate> {
    let path = user_template(env, schema, file)?;
    let bytes = read_up_to(&path, SPEC_FILE_BYTES).map_err(|_| NoTemplate::Unreadable(path.display().to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
