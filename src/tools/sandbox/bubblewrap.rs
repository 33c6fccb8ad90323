//! How bubblewrap is asked for namespaces: an empty root with the system's programs in it, read-only.
//! Lives here: its arguments. Never here: what is given up inside them (see `inside`).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Door, Order, place};

/// Where the worktree is, seen from inside.
pub(super) const WORK: &str = "/work";
/// Where temporary files are, seen from inside.
pub(super) const TEMP: &str = "/tmp";
/// Where this program is, seen from inside.
pub(super) const PROGRAM: &str = "/run/monkeytown";

/// Folders of programs and libraries, on all kinds of systems.
pub(super) const PROGRAMS: [&str; 9] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/gnu/store"];
/// Settings that programs need. Not all of `/etc`: there are passwords in it, and tokens in `/etc/gitconfig`.
pub(super) const SETTINGS: [&str; 24] = [
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/debian_version",
    "/etc/fonts",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/inputrc",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/terminfo",
    "/etc/timezone",
];

/// Bubblewrap's file, where distributions put it. The caller's `PATH` is not asked.
pub(super) fn program() -> Option<PathBuf> {
    ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap", "/run/current-system/sw/bin/bwrap"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

/// The arguments up to the program that runs inside.
pub(super) fn arguments(order: &Order) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut say = |words: &[&dyn AsRef<std::ffi::OsStr>]| {
        arguments.extend(words.iter().map(|word| word.as_ref().to_owned()));
    };
    // No process of bubblewrap's own is inside: it would not be behind the filter, and a command of the same user could
    // write into its memory.
    say(&[&"--as-pid-1"]);
    say(&[&"--die-with-parent", &"--new-session", &"--unshare-ipc", &"--unshare-pid", &"--unshare-net"]);
    say(&[&"--unshare-uts", &"--unshare-cgroup-try", &"--hostname", &"town", &"--cap-drop", &"ALL"]);
    if order.user.is_some() {
        // As root no user namespace is needed; the program inside becomes somebody else and gives these up too.
        for capability in ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"] {
            say(&[&"--cap-add", &capability]);
        }
    } else {
        say(&[&"--unshare-user"]);
    }
    let known = PROGRAMS.iter().chain(&SETTINGS).chain([&PROGRAM]).map(Path::new);
    for parent in parents(known) {
        say(&[&"--perms", &"0755", &"--dir", &parent]);
    }
    for path in PROGRAMS {
        match std::fs::read_link(path) {
            Ok(target) => say(&[&"--symlink", &target, &path]),
            Err(_) => say(&[&"--ro-bind-try", &path, &path]),
        }
    }
    for path in SETTINGS {
        say(&[&"--ro-bind-try", &path, &path]);
    }
    say(&[&"--proc", &"/proc", &"--dev", &"/dev"]);
    say(&[&"--bind", &order.temp, &TEMP, &"--bind", &place::shared_memory(&order.temp), &"/dev/shm"]);
    let readable = || order.readable.iter().filter(|path| !is_known(path));
    for parent in parents(readable().map(PathBuf::as_path)) {
        say(&[&"--perms", &"0755", &"--dir", &parent]);
    }
    for path in readable() {
        say(&[&"--ro-bind-try", path, path]);
    }
    say(&[&"--bind", &order.worktree, &WORK, &"--ro-bind", &order.program, &PROGRAM]);
    for door in &order.doors {
        say(&[&"--ro-bind", &door.socket, &Door::inside(door.port)]);
    }
    say(&[&"--remount-ro", &"/dev", &"--remount-ro", &"/", &"--chdir", &WORK, &"--"]);
    arguments
}

/// The folders on the way to paths. Where bubblewrap makes them unasked, nobody but root may go through.
fn parents<'a>(paths: impl Iterator<Item = &'a Path>) -> BTreeSet<&'a Path> {
    paths.flat_map(|path| path.ancestors().skip(1)).filter(|path| path.parent().is_some()).collect()
}

/// Whether a path is in a folder that is there anyway.
fn is_known(path: &Path) -> bool {
    PROGRAMS.iter().any(|known| path.starts_with(known))
}
