//! Files and folders below `openspec/` as they are written: none outside of the repository, none by half.
//! Lives here: whether a path stays inside, a file put in one rename, a folder moved, also to another file system. Never here: what
//! is written, and in which order (see `spec_apply`).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Why nothing may be written at a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Astray {
    /// A link on the way leads out.
    #[error("{link} leads outside of the repository; put a folder there instead of the link")]
    Out {
        /// The link, from the base folder.
        link: String,
    },
    /// A link on the way leads elsewhere inside, or nowhere; readers of OpenSpec do not follow it.
    #[error("{link} is a link; put the folder itself there")]
    Link {
        /// The link, from the base folder.
        link: String,
    },
}

/// Refuses a path with a link on the way to it. `openspec/` itself and its `specs` and `changes` may stand elsewhere in the
/// repository, as they may for those who read them.
///
/// # Errors
/// The link.
pub fn stays(base: &Path, openspec: &str, path: &str) -> Result<(), Astray> {
    let whole = fs::canonicalize(base).unwrap_or_else(|_| base.to_owned());
    let may_link = |part: &str| matches!(part.strip_prefix(openspec), Some("" | "/specs" | "/changes"));
    for (end, _) in path.match_indices('/') {
        let part = &path[..end];
        let place = base.join(part);
        if !fs::symlink_metadata(&place).is_ok_and(|found| found.is_symlink()) {
            continue;
        }
        let link = part.to_owned();
        let Ok(real) = fs::canonicalize(&place) else { return Err(Astray::Link { link }) };
        match real.strip_prefix(&whole) {
            Ok(inner) if inner.iter().all(|name| name != ".git") => {
                if !may_link(part) || !real.is_dir() {
                    return Err(Astray::Link { link });
                }
            }
            _ => return Err(Astray::Out { link }),
        }
    }
    Ok(())
}

/// Whether anything stands there, be it a link that leads nowhere.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Removes a file, a link or a folder with all that is in it; nothing where there is none.
///
/// # Errors
/// The system refuses.
pub fn clear(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Writes a file that is not there yet, down to the disk, or leaves none. No link is followed.
///
/// # Errors
/// It is there, or the system refuses.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    match file.write_all(bytes).and_then(|()| file.sync_all()) {
        Ok(()) => Ok(file),
        Err(error) => {
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}

/// A name beside a path that no reader of OpenSpec looks at.
fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".monkeytown-{word}"));
    path.with_file_name(name)
}

/// Brings the names in a folder down to the disk, where the system can; a file system that cannot is no reason to stop.
pub fn flush(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// Puts a file in its place in one rename, with the rights of the one that it replaces.
///
/// # Errors
/// The system refuses; what was there is there still.
pub fn put(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder)?;
    let new = beside(place, "new");
    clear(&new)?;
    let write = || {
        let file = write_new(&new, bytes)?;
        if let Ok(old) = fs::metadata(place) {
            file.set_permissions(old.permissions())?;
        }
        fs::rename(&new, place)
    };
    write().inspect_err(|_| _ = clear(&new))?;
    flush(folder);
    Ok(())
}

/// Moves a folder to a place where nothing stands.
///
/// # Errors
/// The system refuses; then it stands where it stood.
pub fn shift(source: &Path, place: &Path) -> io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder)?;
    match fs::rename(source, place) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => carry(source, place)?,
        moved => moved?,
    }
    flush(folder);
    source.parent().into_iter().for_each(flush);
    Ok(())
}

/// Moves a folder by copying it. Both ends change in one rename each, so that nobody sees half a folder.
fn carry(source: &Path, place: &Path) -> io::Result<()> {
    let (new, gone) = (beside(place, "new"), beside(source, "gone"));
    clear(&new)?;
    clear(&gone)?;
    let arrive = || {
        copy(source, &new)?;
        if !is_same(source, &new)? {
            return Err(io::Error::other("it was changed while it was copied"));
        }
        fs::rename(&new, place)
    };
    arrive().inspect_err(|_| _ = clear(&new))?;
    place.parent().into_iter().for_each(flush);
    fs::rename(source, &gone).inspect_err(|_| _ = clear(place))?;
    clear(&gone)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    if found.is_symlink() {
        return link(&fs::read_link(from)?, to);
    }
    if found.is_file() {
        fs::copy(from, to)?;
        return File::open(to)?.sync_all();
    }
    if !found.is_dir() {
        let what = format!("{} is neither a file nor a folder nor a link", from.display());
        return Err(io::Error::new(ErrorKind::Unsupported, what));
    }
    fs::create_dir(to)?;
    for name in names(from)? {
        copy(&from.join(&name), &to.join(&name))?;
    }
    flush(to);
    fs::set_permissions(to, found.permissions())
}

#[cfg(unix)]
fn link(target: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, to)
}

#[cfg(not(unix))]
fn link(_: &Path, to: &Path) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, format!("cannot copy the link {}", to.display())))
}

fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Whether two folders hold the same: names, bytes and where links lead.
///
/// # Errors
/// The system refuses.
pub fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let kinds = (fs::symlink_metadata(one)?.file_type(), fs::symlink_metadata(other)?.file_type());
    if kinds.0 != kinds.1 {
        return Ok(false);
    }
    if kinds.0.is_symlink() {
        return Ok(fs::read_link(one)? == fs::read_link(other)?);
    }
    if !kinds.0.is_dir() {
        return Ok(fs::read(one)? == fs::read(other)?);
    }
    let inside = names(one)?;
    if inside != names(other)? {
        return Ok(false);
    }
    for name in inside {
        if !is_same(&one.join(&name), &other.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(unix)]
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_on_the_way_is_refused() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let base = folder.path();
        for part in ["o/specs/a", "o/changes/x", "docs/archive", ".git/hooks"] {
            fs::create_dir_all(base.join(part)).unwrap();
        }
        symlink(outside.path(), base.join("o/specs/out")).unwrap();
        symlink(base.join("docs/archive"), base.join("o/changes/archive")).unwrap();
        symlink(base.join("nowhere"), base.join("o/changes/lost")).unwrap();
        let check = |path: &str| stays(base, "o", path);
        assert_eq!(check("o/specs/a/new/spec.md"), Ok(()));
        assert_eq!(check("o/specs/out"), Ok(()));
        assert_eq!(check("o/specs/out/spec.md"), Err(Astray::Out { link: "o/specs/out".to_owned() }));
        assert_eq!(check("o/changes/archive/x"), Err(Astray::Link { link: "o/changes/archive".to_owned() }));
        assert_eq!(check("o/changes/lost/x"), Err(Astray::Link { link: "o/changes/lost".to_owned() }));
        for (target, fits) in
            [(base.join("docs"), true), (outside.path().to_owned(), false), (base.join(".git"), false)]
        {
            clear(&base.join("o/specs")).unwrap();
            symlink(target, base.join("o/specs")).unwrap();
            assert_eq!(check("o/specs/hooks/spec.md").is_ok(), fits);
        }
        assert!(outside.path().exists());
    }

    #[test]
    fn a_folder_that_is_copied_arrives_whole_and_is_gone_before() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from/x"), folder.path().join("to/x"));
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::create_dir_all(folder.path().join("to")).unwrap();
        fs::write(from.join("deep/file"), b"\xff\0").unwrap();
        symlink("deep/file", from.join("link")).unwrap();
        // What an earlier try has left.
        fs::create_dir(folder.path().join("to/.x.monkeytown-new")).unwrap();
        fs::write(folder.path().join("from/.x.monkeytown-gone"), "").unwrap();
        carry(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("deep/file")).unwrap(), b"\xff\0");
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("deep/file"));
        assert_eq!(names(&folder.path().join("from")).unwrap().len(), 0);
        assert_eq!(names(&folder.path().join("to")).unwrap().len(), 1);
        // What cannot be copied stays where it is.
        let socket = std::os::unix::net::UnixListener::bind(to.join("socket")).unwrap();
        assert!(carry(&to, &from).is_err());
        drop(socket);
        assert_eq!((names(&folder.path().join("from")).unwrap().len(), to.join("deep/file").exists()), (0, true));
    }
}
