//! Which files of a change an artifact stands for: a path, or a pattern (see `glob`).
//! Lives here: finding them in the tree in memory, through links that stay in the change. Never here: what is in the files.

use std::collections::{BTreeSet, HashSet};

use super::glob::{self, Glob};
use super::tree::{self, Node, Tree};

/// Files and folders of a change that are looked at for one pattern, at the most: links may make many of few.
const ENTRIES: usize = 100_000;

/// Why an artifact's files cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A link among them leads out of the change, or the pattern itself does.
    #[error("{0} leads out of the change")]
    LeadsOut(String),
    /// A link among them leads nowhere.
    #[error("{0} is a symbolic link that leads nowhere")]
    Dangling(String),
    /// Links to folders lead to one another.
    #[error("{0} is a symbolic link to a folder that it is in itself")]
    Cycle(String),
    /// A file stands where a folder should.
    #[error("{0} is a file, and a folder is wanted there")]
    NoFolder(String),
    /// A folder on the way cannot be listed.
    #[error("{0} cannot be listed")]
    Unreadable(String),
    /// The pattern cannot be read.
    #[error("the pattern {0:?} cannot be read")]
    Pattern(String),
}

/// The files below the folder of a change that are there, by path.
///
/// # Errors
/// A path, a pattern or a link that leads out, or a pattern that cannot be read.
pub fn outputs(tree: &Tree, folder: &str, generates: &str) -> Result<Vec<String>, Fault> {
    let written = generates.replace('\\', "/");
    let is_pattern = glob::is_pattern(&written);
    let change = Place::of(tree, folder)?;
    let path = if is_pattern { &written } else { generates };
    let found = change.reach(&normal(path).ok_or_else(|| Fault::LeadsOut(generates.to_owned()))?, false)?;
    if !is_pattern {
        let is_file = found.as_ref().and_then(|path| tree.get(path)).is_some_and(Node::is_file);
        return Ok(found.filter(|_| is_file).into_iter().collect());
    }
    let unread = || Fault::Pattern(generates.to_owned());
    let (unwanted, wanted) = glob::distinct(glob::expand(&written).ok_or_else(unread)?);
    let unwanted = unwanted.iter().map(|pattern| Glob::of(&pattern[1..]).ok_or_else(unread));
    let unwanted = unwanted.collect::<Result<Vec<_>, _>>()?;
    let mut found = BTreeSet::new();
    for pattern in &wanted {
        let chosen = Chosen::of(pattern, &change)?;
        change.traverse(&chosen.folders(), &mut HashSet::new(), &mut Vec::new())?;
        let glob = Glob::of(&chosen.pattern).ok_or_else(unread)?;
        let mut fit = |path: &str, node: &str| -> Result<(), Fault> {
            if glob.matches(path) && !unwanted.iter().any(|glob| glob.matches(path)) {
                found.extend(change.file(node)?);
            }
            Ok(())
        };
        if !chosen.is_dynamic {
            if let Some(path) = change.reach(&chosen.pattern, false)? {
                fit(&chosen.pattern, &path)?;
            }
        } else if let Some(path) = change.reach(&chosen.base, true)? {
            change.at(path).walk(&chosen.base, &mut fit)?;
        }
    }
    Ok(found.into_iter().collect())
}

/// Folders, and how many parts of the pattern were left there.
type Places = HashSet<(String, usize)>;

/// One of the patterns that braces make.
struct Chosen {
    /// The folders before the first part that is a pattern.
    base: String,
    /// The whole, with those as they are meant.
    pattern: String,
    /// Whether any path but one can fit.
    is_dynamic: bool,
}

impl Chosen {
    fn of(written: &str, change: &Place<'_>) -> Result<Self, Fault> {
        let leads_out = || Fault::LeadsOut(written.to_owned());
        let mut text = written.to_owned();
        while text.contains("//") {
            text = text.replace("//", "/");
        }
        let (folders, rest) = glob::base(&text);
        let base = normal(&folders.join("/")).filter(|_| !text.starts_with('/')).ok_or_else(leads_out)?;
        // Where it begins there is a folder, or nothing.
        change.reach(&base, true)?;
        let pattern = if base.is_empty() { rest.to_owned() } else { format!("{base}/{rest}") };
        Ok(Self { is_dynamic: glob::is_dynamic(&pattern), base, pattern })
    }

    fn folders(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = self.pattern.split('/').collect();
        parts.pop();
        parts
    }
}

/// A path without `.`, `..` and doubled slashes; `None` where it leads out of where it begins.
fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A folder in the tree: of a change, or in one.
struct Place<'t> {
    tree: &'t Tree,
    /// Where it is found.
    path: String,
    /// Where the change is found, and where it really is.
    change: (String, String),
}

impl<'t> Place<'t> {
    fn of(tree: &'t Tree, folder: &str) -> Result<Self, Fault> {
        let real = tree.real(folder).ok_or_else(|| Fault::LeadsOut(folder.to_owned()))?;
        Ok(Self { tree, path: folder.to_owned(), change: (folder.to_owned(), real) })
    }

    fn at(&self, path: String) -> Self {
        Self { tree: self.tree, path, change: self.change.clone() }
    }

    /// Where what a link on the way leads to is found, which must be in the change.
    fn inside(&self, link: &str, target: Option<&str>) -> Result<String, Fault> {
        let (found, real) = &self.change;
        let below = target.and_then(|target| target.strip_prefix(real.as_str()));
        let below = below.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        below.map(|rest| format!("{found}{rest}")).ok_or_else(|| Fault::LeadsOut(link.to_owned()))
    }

    /// Where a path below leads, as far as it is there; `None` where it is not.
    fn reach(&self, path: &str, is_folder: bool) -> Result<Option<String>, Fault> {
        let mut at = self.path.clone();
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let next = format!("{at}/{part}");
            at = match self.tree.get(&next) {
                None => return Ok(None),
                Some(Node::Folder) => next,
                Some(Node::LinkedFolder(target)) => self.inside(&next, target.as_deref())?,
                Some(Node::LeadsOut) => return Err(Fault::LeadsOut(next)),
                Some(Node::Dangling) => return Err(Fault::Dangling(next)),
                Some(Node::Unreadable(tree::Fault::Folder)) if parts.peek().is_some() => {
                    return Err(Fault::Unreadable(next));
                }
                Some(_) if is_folder || parts.peek().is_some() => return Err(Fault::NoFolder(next)),
                Some(Node::LinkedFile { target, .. }) => self.inside(&next, Some(target))?,
                Some(Node::File(_) | Node::Other | Node::Unreadable(_)) => next,
            };
        }
        Ok(Some(at))
    }

    /// Where a file is found.
    fn file(&self, path: &str) -> Result<Option<String>, Fault> {
        match self.tree.get(path) {
            Some(Node::LinkedFile { target, .. }) => self.inside(path, Some(target)).map(Some),
            Some(Node::LeadsOut) => Err(Fault::LeadsOut(path.to_owned())),
            Some(node) if node.is_file() => Ok(Some(path.to_owned())),
            _ => Ok(None),
        }
    }

    /// Goes through all folders that a pattern's folders fit, so that no link on the way leads out.
    fn traverse(&self, parts: &[&str], seen: &mut Places, above: &mut Vec<(String, usize)>) -> Result<(), Fault> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        let here = (self.path.clone(), parts.len());
        if above.contains(&here) {
            return Err(Fault::Cycle(here.0));
        }
        if !seen.insert(here.clone()) {
            return Ok(());
        }
        above.push(here);
        match *part {
            "." => self.traverse(rest, seen, above)?,
            ".." => match self.path.rsplit_once('/').filter(|_| self.path != self.change.0) {
                Some((parent, _)) => self.at(parent.to_owned()).traverse(rest, seen, above)?,
                None => return Err(Fault::LeadsOut(format!("{}/..", self.path))),
            },
            "**" => {
                self.traverse(rest, seen, above)?;
                self.each_folder("*", parts, seen, above)?;
            }
            part => self.each_folder(part, rest, seen, above)?,
        }
        above.pop();
        Ok(())
    }

    fn each_folder(
        &self,
        part: &str,
        parts: &[&str],
        seen: &mut Places,
        above: &mut Vec<(String, usize)>,
    ) -> Result<(), Fault> {
        let fits = Glob::of(part).ok_or_else(|| Fault::Pattern(part.to_owned()))?;
        for (name, node) in self.tree.entries(&self.path).filter(|(name, _)| fits.matches(name)) {
            let path = format!("{}/{name}", self.path);
            let path = match node {
                Node::Folder => path,
                Node::LinkedFolder(target) => self.inside(&path, target.as_deref())?,
                _ => continue,
            };
            self.at(path).traverse(parts, seen, above)?;
        }
        Ok(())
    }

    /// Shows every file below with its path, which begins so, and where it is found.
    fn walk(&self, base: &str, show: &mut impl FnMut(&str, &str) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut left = ENTRIES;
        let begin = if base.is_empty() { String::new() } else { format!("{base}/") };
        let mut open = vec![(begin, vec![self.path.clone()])];
        while let Some((shown, above)) = open.pop() {
            let Some(folder) = above.last() else { continue };
            for (name, node) in self.tree.entries(folder) {
                left = left.checked_sub(1).ok_or_else(|| Fault::Cycle(folder.clone()))?;
                let (path, found) = (format!("{shown}{name}"), format!("{folder}/{name}"));
                let below = match node {
                    Node::Folder => found,
                    Node::LinkedFolder(target) => match self.inside(&found, target.as_deref()) {
                        Ok(below) => below,
                        Err(_) => continue,
                    },
                    _ => {
                        show(&path, &found)?;
                        continue;
                    }
                };
                if !above.contains(&below) {
                    open.push((format!("{path}/"), above.iter().cloned().chain([below]).collect()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for path in [
            "tasks.md",
            "specs/a/spec.md",
            "specs/a/b/notes.md",
            "specs/.x/spec.md",
            "specs/x.txt",
            "parts/1.md",
            "parts/2.md",
            "deep/.md",
            "a(b).md",
        ] {
            tree.put_file(&format!("c/{path}"), Vec::new());
        }
        tree.put("c/gone.md", Node::Dangling);
        tree.put("c/side", Node::LinkedFolder(Some("c/parts".into())));
        tree.put("c/linked.md", Node::LinkedFile { target: "c/parts/1.md".into(), bytes: Vec::new().into() });
        tree
    }

    #[test]
    fn patterns_name_the_files_that_are_there() {
        let tree = tree();
        let table: &[(&str, &[&str])] = &[
            ("tasks.md", &["tasks.md"]),
            ("./tasks.md", &["tasks.md"]),
            ("specs", &[]),
            ("none.md", &[]),
            ("linked.md", &["parts/1.md"]),
            ("specs/**/*.md", &["specs/a/b/notes.md", "specs/a/spec.md"]),
            ("**/spec.md", &["specs/a/spec.md"]),
            ("specs/*", &["specs/x.txt"]),
            ("*/{1,2}.md", &["parts/1.md", "parts/2.md"]),
            ("{parts/1,tasks}.md", &["parts/1.md", "tasks.md"]),
            ("parts/[!1].md", &["parts/2.md"]),
            ("parts/[0-1].md", &["parts/1.md"]),
            ("parts/?.md", &["parts/1.md", "parts/2.md"]),
            ("parts/@(1|3).md", &["parts/1.md"]),
            ("parts/!(1).md", &["parts/2.md"]),
            ("side/*.md", &["parts/1.md", "parts/2.md"]),
            ("docs/../parts/./1.md*", &["parts/1.md"]),
            ("specs//*", &["specs/x.txt"]),
            ("specs/", &[]),
            ("parts/*/", &[]),
            ("!parts/*.md", &[]),
            ("deep/*", &[]),
            ("deep/.*", &["deep/.md"]),
            ("a(b).md", &["a(b).md"]),
            ("{x}.md", &[]),
        ];
        for (pattern, wanted) in table {
            let found = outputs(&tree, "c", pattern).unwrap();
            let found: Vec<&str> = found.iter().map(|path| path.strip_prefix("c/").unwrap()).collect();
            assert_eq!(found, *wanted, "{pattern}");
        }
    }

    #[test]
    fn a_link_out_of_the_change_is_refused() {
        let mut tree = tree();
        tree.put("c/out.md", Node::LeadsOut);
        tree.put("c/other/x.md", Node::LinkedFile { target: "cx/1.md".into(), bytes: Vec::new().into() });
        for pattern in ["out.md", "*.md", "other/x.md", "other/*"] {
            assert!(matches!(outputs(&tree, "c", pattern), Err(Fault::LeadsOut(_))), "{pattern}");
        }
        assert!(outputs(&tree, "c", "parts/*").is_ok());
        for pattern in ["{tasks,../x}.md", "/tasks.m?", "../*.md", "*/../../*", "a/../../b.md"] {
            assert!(matches!(outputs(&tree, "c", pattern), Err(Fault::LeadsOut(_))), "{pattern}");
        }
        assert!(matches!(outputs(&tree, "c", "gone.md"), Err(Fault::Dangling(_))));
        for pattern in ["tasks.md/x.md", "tasks.md/*.md"] {
            assert!(matches!(outputs(&tree, "c", pattern), Err(Fault::NoFolder(_))), "{pattern}");
        }
    }

    #[test]
    fn a_link_to_a_folder_is_followed_inside_of_the_change() {
        let mut tree = tree();
        tree.put("c/loop", Node::LinkedFolder(Some("c".into())));
        assert!(matches!(outputs(&tree, "c", "**/*.md"), Err(Fault::Cycle(_))));
        assert_eq!(outputs(&tree, "c", "loop/tasks.m?"), Ok(vec!["c/tasks.md".to_owned()]));
        assert_eq!(outputs(&tree, "c", "loop/tasks.md"), Ok(vec!["c/tasks.md".to_owned()]));
        for target in [None, Some("d".into())] {
            tree.put("c/loop", Node::LinkedFolder(target));
            for pattern in ["**/*.md", "loop/x.md", "*/x.m?"] {
                assert!(matches!(outputs(&tree, "c", pattern), Err(Fault::LeadsOut(_))), "{pattern}");
            }
            assert!(outputs(&tree, "c", "*").is_ok());
        }
        // A change that is itself a link is there with all that is behind it.
        tree.put("l", Node::LinkedFolder(Some("beside/l".into())));
        tree.put_file("l/a/tasks.md", Vec::new());
        tree.put("l/b", Node::LinkedFolder(Some("beside/l/a".into())));
        for pattern in ["b/tasks.md", "b/*", "a/tasks.md"] {
            assert_eq!(outputs(&tree, "l", pattern), Ok(vec!["l/a/tasks.md".to_owned()]), "{pattern}");
        }
    }

    #[test]
    fn braces_without_end_are_refused() {
        let bomb = "{a,b}".repeat(20);
        assert_eq!(outputs(&tree(), "c", &bomb), Err(Fault::Pattern(bomb.clone())));
    }
}
