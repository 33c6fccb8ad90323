//! The sandbox under attack: each attempt to get out is made for real, under both kinds of it.
//! Lives here: the attempts and how to tell that one succeeded; `docs/security.md` lists them. Never here: the tool Bash
//! (see [`crate::shell`]).

use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard};

use monkeytown::tools::sandbox::{Ended, Kind, Limits, Outcome, Place, Sandbox, Spec};
use monkeytown::town::network::Allow;
use tempfile::TempDir;

/// What a command prints when it got out.
const OUT: &str = "ESCAPED";

pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_monkeytown"))
}

/// The kinds that are tried: both, unless whoever starts the tests says that one cannot be had.
pub fn kinds() -> Vec<Kind> {
    let without = std::env::var("MONKEYTOWN_TEST_WITHOUT").unwrap_or_default();
    let (tried, skipped): (Vec<_>, Vec<_>) = Kind::ALL.into_iter().partition(|kind| !without.contains(kind.name()));
    skipped.iter().for_each(|kind| eprintln!("skipped: {} cannot be had here", kind.name()));
    tried
}

/// What is worth having outside, and who is worth hurting.
struct World {
    dir: TempDir,
    /// A random word that stands only outside.
    canary: String,
    victim: Child,
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let canary = format!("canary-{:x}", monkeytown::config::random());
        for folder in ["home", "repo/.git/hooks", "outside"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for file in ["home/token", "repo/.git/config", "outside/file"] {
            fs::write(dir.path().join(file), &canary).unwrap();
        }
        // Like the parent, it has a key in its environment and belongs to the same user.
        let mut victim = Command::new("cat");
        victim.env("KEY", &canary).stdin(Stdio::piped()).stdout(Stdio::piped());
        let victim = victim.spawn().unwrap();
        Self { dir, canary, victim }
    }

    fn path(&self, below: &str) -> String {
        self.dir.path().join(below).to_str().unwrap().to_owned()
    }

    /// A command with the names of this world in it.
    fn command(&self, text: &str) -> String {
        let pairs = [
            ("{canary}", self.canary.clone()),
            ("{home}", self.path("home")),
            ("{outside}", self.path("outside")),
            ("{repo}", self.path("repo")),
            ("{victim}", self.victim.id().to_string()),
            ("{parent}", std::process::id().to_string()),
        ];
        pairs.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// Everything outside is as it was, and everybody lives.
    fn is_whole(&mut self) {
        for file in ["home/token", "repo/.git/config", "outside/file"] {
            let path = self.dir.path().join(file);
            assert_eq!(fs::read_to_string(&path).unwrap(), self.canary, "{file} was written");
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
            assert_eq!(mode, 0o644, "{file} has another mode: {mode:o}");
        }
        for folder in ["repo/.git/hooks", "outside"] {
            let names: Vec<_> = fs::read_dir(self.dir.path().join(folder)).unwrap().collect();
            assert_eq!(names.len(), usize::from(folder == "outside"), "something new is in {folder}: {names:?}");
        }
        assert_eq!(self.victim.try_wait().unwrap(), None, "the victim is dead");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.victim.stdin.take());
        let _ = self.victim.wait();
    }
}

pub fn small() -> Limits {
    Limits { seconds: 20, memory: 256 << 20, processes: 48, output: 8 << 20, ..Limits::default() }
}

/// An ordinary user's processes are all counted together: while a test makes as many as it can, no other runs a command.
static CROWD: RwLock<()> = RwLock::new(());

/// Waits until nobody makes a crowd, and keeps it so.
pub fn no_crowd() -> RwLockReadGuard<'static, ()> {
    CROWD.read().unwrap_or_else(PoisonError::into_inner)
}

fn spec<'a>(command: &'a str, place: &'a Place, environment: &'a [(String, String)], limits: Limits) -> Spec<'a> {
    static NOTHING: LazyLock<Allow> = LazyLock::new(Allow::default);
    Spec { command, input: "", place, environment, readable: &[], network: &NOTHING, doors: &[], limits }
}

fn run_in(kind: Kind, place: &Place, command: &str, limits: Limits) -> Outcome {
    let environment = [("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned())];
    let spec = spec(command, place, &environment, limits);
    Sandbox::new(program(), kind).run(&spec).unwrap_or_else(|error| panic!("{}: {error:?}", kind.name()))
}

fn run(kind: Kind, command: &str, limits: Limits) -> Outcome {
    let _quiet = no_crowd();
    run_in(kind, &Place::new().unwrap(), command, limits)
}

/// Makes an attempt under both kinds. The command must come to its end, so that it was really made.
#[track_caller]
fn contained(attempt: &str) -> Vec<(Kind, String)> {
    let mut seen = Vec::new();
    for kind in kinds() {
        let mut world = World::new();
        let command = format!("{}\necho THE END", world.command(attempt));
        let outcome = run(kind, &command, small());
        let text = outcome.output.text();
        assert!(text.contains("THE END"), "{}: it was not tried: {:?} {text}", kind.name(), outcome.report);
        assert!(!text.contains(OUT), "{}: it got out: {text}", kind.name());
        assert!(!text.contains(&world.canary), "{}: it read what is outside: {text}", kind.name());
        assert_eq!(outcome.report.left, 0);
        world.is_whole();
        seen.push((kind, text));
    }
    seen
}

/// The same for a program in Python, which has the C library at hand. `refused(name, result)` is for calls that must fail.
#[track_caller]
fn contained_python(attempt: &str) -> Vec<(Kind, String)> {
    let head = "import ctypes, os, socket, sys\nlibc = ctypes.CDLL(None, use_errno=True)\n\
                def refused(name, result):\n    print(name, 'ESCAPED' if result >= 0 else os.strerror(ctypes.get_errno()))\n\
                def tried(name, call):\n    try:\n        call()\n        print(name, 'ESCAPED')\n    except OSError as e:\n        print(name, e.strerror)\n";
    let seen = contained(&format!(
        "cat >attempt.py <<'END'\n{head}{attempt}\nprint('TRIED')\nEND\nABOVE=$PPID python3 attempt.py 2>&1"
    ));
    for (kind, text) in &seen {
        assert!(text.contains("TRIED"), "{}: the program failed: {text}", kind.name());
    }
    seen
}

// covers: sandbox#nothing-outside-is-written-or-read/keys-are-looked-for
#[test]
fn a01_reading_a_parents_environment() {
    contained(
        "cat /proc/{victim}/environ /proc/{parent}/environ /proc/$PPID/environ /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -a canary",
    );
}

// covers: sandbox#nothing-outside-is-written-or-read/keys-are-looked-for
#[test]
fn a02_finding_a_key_in_the_own_environment() {
    for (_, text) in contained("echo path $PATH; env") {
        assert!(text.contains("path /usr/local/bin"), "{text}");
        let known = [
            "HOME",
            "PATH",
            "PWD",
            "TMPDIR",
            "CARGO_TARGET_DIR",
            "CARGO_NET_OFFLINE",
            "LANG",
            "TERM",
            "SHLVL",
            "_",
            "OLDPWD",
        ];
        for line in text.lines().filter(|line| line.contains('=')) {
            let name = line.split('=').next().unwrap();
            assert!(known.contains(&name), "{name} got in");
        }
    }
}

#[test]
fn a03_reading_passwords_and_tokens_of_the_machine() {
    contained(
        "for f in /etc/shadow /etc/sudoers /etc/gitconfig /root/.netrc /root/.gitconfig; do cat $f && echo ESCAPED; done 2>/dev/null",
    );
}

// covers: sandbox#nothing-outside-is-written-or-read/keys-are-looked-for
#[test]
fn a04_reading_a_home_folder() {
    contained("cat {home}/token; ls {home}; cp -r {home} . ; cat home/token; ls /root /home/* && echo ESCAPED");
}

// covers: sandbox#nothing-outside-is-written-or-read
#[test]
fn a05_writing_outside() {
    contained(
        "echo x >{outside}/new; echo x >>{outside}/file; mkdir {outside}/d; rm -f {outside}/file; : >{outside}/file; truncate -s 0 {outside}/file; \
         for d in / /usr/bin /etc /var/tmp /run /dev; do touch $d/town-escape && echo ESCAPED; done",
    );
}

// covers: sandbox#nothing-outside-is-written-or-read
#[test]
fn a06_writing_into_the_real_git_folder() {
    contained(
        "printf '#!/bin/sh\\n' >{repo}/.git/hooks/post-commit; git config --file {repo}/.git/config core.fsmonitor evil; echo x >{repo}/.git/config",
    );
}

// covers: sandbox#nothing-outside-is-written-or-read/keys-are-looked-for
#[test]
fn a07_reading_a_token_in_gits_configuration() {
    contained("cat {repo}/.git/config; git config --file {repo}/.git/config --list; git -C {repo} log");
}

#[test]
fn a08_going_through_a_symbolic_link() {
    contained(
        "ln -s {outside} l; echo x >l/new; ln -s {home}/token t; cat t; echo x >t; ln -sfn / r; cat r{home}/token",
    );
}

#[test]
fn a09_going_through_a_hard_link() {
    contained("ln {home}/token h && cat h; echo x >>h2; ln h2 {outside}/h2; ln {outside}/file h3 && echo x >h3");
}

#[test]
fn a10_moving_files_across_the_border() {
    contained("echo x >f; mv f {outside}/f; mv {home}/token stolen; cat stolen; mv {outside} here");
}

#[test]
fn a11_changing_modes_and_owners_outside() {
    contained_python(
        "for path in ['{outside}/file', '{home}/token', '{repo}/.git/config']:\n\
         \x20   for mode in [0o4777, 0o777, 0o666, 0, 0o2755]:\n        tried('chmod', lambda: os.chmod(path, mode))\n\
         \x20   tried('chown', lambda: os.chown(path, os.getuid(), os.getgid()))\n\
         \x20   tried('xattr', lambda: os.setxattr(path, 'user.x', b'1'))",
    );
}

#[test]
fn a12_becoming_root() {
    contained_python(
        "tried('setuid', lambda: os.setuid(0))\ntried('setgroups', lambda: os.setgroups([0]))\n\
         tried('setresuid', lambda: os.setresuid(0, 0, 0))\nprint('uid', os.getuid())\n\
         import subprocess\nfor c in (['sudo', '-n', 'true'], ['su', '-c', 'true'], ['mount', '-t', 'tmpfs', 'x', '/tmp']):\n\
         \x20   try:\n        if subprocess.run(c, stdin=subprocess.DEVNULL, timeout=10).returncode == 0: print('ESCAPED', c)\n    except OSError: pass\n\
         ",
    );
}

#[test]
fn a13_mounting() {
    contained_python(
        "refused('tmpfs', libc.mount(b'x', b'/tmp', b'tmpfs', 0, None))\nrefused('bind', libc.mount(b'/', b'.', None, 4096, None))\n\
         refused('umount', libc.umount2(b'/proc', 2))\nrefused('chroot', libc.chroot(b'.'))\n\
         refused('open_tree', libc.syscall(428, -100, b'/', 1))\nrefused('fsopen', libc.syscall(430, b'tmpfs', 0))\n\
         refused('move_mount', libc.syscall(429, -100, b'/', -100, b'.', 0))",
    );
}

#[test]
fn a14_making_namespaces() {
    contained_python(
        "for flag in [0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000, 0x4000000, 0x2000000]:\n\
         \x20   refused('unshare', libc.unshare(flag))\n\
         import signal\nrefused('clone3', libc.syscall(435, ctypes.create_string_buffer(b'\\0' * 88), 88))\n\
         refused('setns', libc.setns(0, 0))",
    );
    contained("unshare -Ur true && echo ESCAPED; unshare -m true && echo ESCAPED; unshare -Urn id && echo ESCAPED");
}

#[test]
fn a15_tracing_a_process() {
    contained_python(
        "for pid in [{victim}, {parent}, os.getppid(), 1]:\n\
         \x20   refused('attach', libc.ptrace(16, pid, 0, 0))\n    refused('seize', libc.ptrace(0x4206, pid, 0, 0))",
    );
}

// covers: sandbox#nothing-outside-is-written-or-read/keys-are-looked-for
#[test]
fn a16_reading_a_processs_memory() {
    contained_python(
        "class V(ctypes.Structure): _fields_ = [('b', ctypes.c_void_p), ('l', ctypes.c_size_t)]\n\
         buf = ctypes.create_string_buffer(8)\nlocal = V(ctypes.addressof(buf), 8)\n\
         for pid in [{victim}, {parent}, 1, int(os.environ['ABOVE'])]:\n\
         \x20   refused('readv', libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(local), 1, 0))\n\
         \x20   refused('writev', libc.process_vm_writev(pid, ctypes.byref(local), 1, ctypes.byref(local), 1, 0))\n\
         \x20   for f in ['mem', 'maps', 'environ', 'cmdline']:\n\
         \x20       if pid not in (1, int(os.environ['ABOVE'])) or f == 'mem': tried(f'{pid} {f}', lambda: open(f'/proc/{pid}/{f}', 'r+b' if f == 'mem' else 'rb'))\n\
         \x20   refused('getfd', libc.syscall(438, 0, 0, 0))",
    );
}

#[test]
fn a17_connecting_by_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    contained_python(&format!(
        "tried('v4', lambda: socket.create_connection(('127.0.0.1', {port}), 2))\n\
         tried('v6', lambda: socket.create_connection(('::1', {port}), 2))\n\
         tried('out', lambda: socket.create_connection(('1.1.1.1', 443), 2))\n\
         tried('dns', lambda: socket.getaddrinfo('example.com', 443))"
    ));
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn a18_sending_by_udp() {
    let host = UdpSocket::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let port = host.local_addr().unwrap().port();
    contained_python(&format!(
        "try:\n    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))\nexcept OSError as e: print(e)\n\
         for family, kind in [(17, 3), (16, 3), (40, 1), (38, 5), (2, 3)]:\n\
         \x20   try:\n        s = socket.socket(family, kind)\n        print('family', family, 'ESCAPED' if family in (17, 40, 38, 2) else 'own')\n    except OSError as e: print(family, e)"
    ));
    assert!(host.recv(&mut [0; 8]).is_err(), "a datagram came out");
}

#[test]
fn a19_talking_to_a_socket_of_the_session() {
    let name = format!("town-{:x}", monkeytown::config::random());
    let abstract_one = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = dir.path().join("bus");
    let file_one = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    contained_python(&format!(
        "tried('abstract', lambda: socket.socket(socket.AF_UNIX).connect('\\0{name}'))\n\
         tried('file', lambda: socket.socket(socket.AF_UNIX).connect('{}'))",
        path.display()
    ));
    for listener in [abstract_one, file_one] {
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "somebody connected");
    }
}

#[test]
fn a20_opening_memory_and_disks() {
    contained_python(
        "for path in ['/dev/mem', '/dev/kmem', '/dev/port', '/dev/kmsg', '/dev/sda', '/dev/vda', '/dev/nvme0n1', '/proc/kcore', '/dev/fuse', '/dev/kvm', '/dev/net/tun']:\n\
         \x20   tried(path, lambda: os.open(path, os.O_RDONLY))\n\
         import stat\ntried('mknod', lambda: os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(254, 0)))\n\
         tried('mknod', lambda: os.mknod('mem', 0o600 | stat.S_IFCHR, os.makedev(1, 1)))",
    );
}

// covers: sandbox#limits-end-a-command-with-all-that-it-started/a-fork-bomb
#[test]
fn a21_a_fork_bomb() {
    let _alone = CROWD.write().unwrap_or_else(PoisonError::into_inner);
    let run = |kind, command: &str, limits| run_in(kind, &Place::new().unwrap(), command, limits);
    for kind in kinds() {
        let limits = Limits { seconds: 5, ..small() };
        let outcome = run(kind, "bomb() { bomb | bomb & }; bomb 2>/dev/null; while :; do :; done", limits);
        let ended = &outcome.report.ended;
        assert!(matches!(ended, Ended::Time | Ended::Processes | Ended::Exited { .. }), "{kind:?} {ended:?}");
        assert_eq!(outcome.report.left, 0, "{kind:?}");
        // The system itself refuses the one that is too many.
        let many = "python3 -c \"import os,time\nn=0\ntry:\n  while n < 1000:\n    if os.fork() == 0: time.sleep(30); os._exit(0)\n    n += 1\nexcept OSError: pass\nprint('forked', n)\"";
        let text = run(kind, many, Limits { processes: 40, ..small() });
        let count: Option<usize> =
            text.output.text().lines().find_map(|line| line.strip_prefix("forked ")?.parse().ok());
        assert!(
            count.is_some_and(|n| n <= 40) || text.report.ended == Ended::Processes,
            "{kind:?}: {:?} {count:?}",
            text.report
        );
        assert_eq!(text.report.left, 0);
    }
}

// covers: sandbox#limits-end-a-command-with-all-that-it-started
#[test]
fn a22_taking_all_memory() {
    for kind in kinds() {
        let one = run(kind, "python3 -c \"x = bytearray(1 << 30); print('ESCAPED')\"", small());
        assert!(!one.output.text().contains(OUT), "{kind:?}: {}", one.output.text());
        // Several processes, each within its own limit.
        let many = "for i in 1 2 3 4 5 6; do python3 -c \"x = bytearray(b'1' * (100 << 20)); import time; time.sleep(15); print('ESCAPED')\" & done; wait";
        let outcome = run(kind, many, small());
        assert_eq!(outcome.report.ended, Ended::Memory, "{kind:?}: {}", outcome.output.text());
    }
}

// covers: sandbox#limits-end-a-command-with-all-that-it-started
#[test]
fn a23_endless_output_and_files() {
    for kind in kinds() {
        let outcome = run(kind, "yes", small());
        assert_eq!(outcome.report.ended, Ended::Output, "{kind:?}");
        assert!(outcome.output.text().len() < 40_000 && outcome.output.left_out() > 0, "{kind:?}");
        let large = run(kind, "head -c 3000000 /dev/zero >f; ls -l f", Limits { file: 1 << 20, ..small() });
        assert!(large.output.text().contains(" 1048576 "), "{kind:?}: {}", large.output.text());
    }
}

/// Whether any process has these words in its command line.
fn anybody(words: &str) -> bool {
    let lines = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let mut text = Vec::new();
        fs::File::open(entry.ok()?.path().join("cmdline")).ok()?.read_to_end(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text).replace('\0', " "))
    });
    lines.filter(|line| line.starts_with("sleep")).any(|line| line.contains(words))
}

// covers: sandbox#limits-end-a-command-with-all-that-it-started
#[test]
fn a24_staying_behind() {
    for (at, kind) in kinds().into_iter().enumerate() {
        let seconds = format!("9{at}{:06}", std::process::id());
        let command = format!(
            "(setsid nohup sleep {seconds} >/dev/null 2>&1 &); python3 -c \"import os\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0: os.execvp('sleep', ['sleep', '{seconds}'])\"; trap '' TERM HUP INT; echo done"
        );
        let outcome = run(kind, &command, small());
        assert!(outcome.output.text().contains("done"), "{}", outcome.output.text());
        assert_eq!((outcome.report.ended.clone(), outcome.report.left), (Ended::Exited { code: 0 }, 0), "{kind:?}");
        assert!(!anybody(&seconds), "{kind:?}: it is still there");
        let limits = Limits { seconds: 1, ..small() };
        assert_eq!(run(kind, "trap '' TERM; sleep 3600 & wait", limits).report.ended, Ended::Time, "{kind:?}");
    }
}

#[test]
fn a25_killing_who_watches() {
    contained(
        "for p in {victim} {parent} $PPID; do kill -9 $p 2>/dev/null && [ $p != 1 ] && [ -e /proc/$p/stat ] && echo killed $p; done; kill -STOP {victim} && echo ESCAPED; true",
    );
    for kind in kinds() {
        let mut world = World::new();
        run(kind, "trap '' TERM; kill -TERM -1; kill -9 -1", small());
        world.is_whole();
    }
    contained_python(
        "import resource\ntried('prlimit', lambda: resource.prlimit({victim}, resource.RLIMIT_CPU, (0, 0)))\ntried('prlimit', lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)))",
    );
}

#[test]
fn a26_parts_of_the_kernel_that_nobody_needs() {
    contained_python(
        "buf = ctypes.create_string_buffer(256)\n\
         refused('io_uring', libc.syscall(425, 8, buf))\n\
         import platform\nx = platform.machine() == 'x86_64'\n\
         for name, a, b in [('bpf', 321, 280), ('perf_event_open', 298, 241), ('userfaultfd', 323, 282), ('keyctl', 250, 219), ('add_key', 248, 217), ('kexec', 246, 104), ('init_module', 175, 105), ('open_by_handle_at', 304, 265), ('reboot', 169, 142), ('syslog', 103, 116), ('kcmp', 312, 272)]:\n\
         \x20   refused(name, libc.syscall(a if x else b, 0, buf, 0, 0, 0))\n\
         if x: refused('x32', libc.syscall(0x40000000 + 521, 16, {victim}, 0, 0))\n\
         if x: refused('x32', libc.syscall(0x40000000 + 41, 2, 1, 0))",
    );
}

#[test]
fn a29_leaving_a_link_for_the_next_command_where_something_is_mounted() {
    for kind in kinds() {
        let (_quiet, place) = (no_crowd(), Place::new().unwrap());
        let swap = "for d in $TMPDIR /tmp; do rm -rf $d/shm; ln -s / $d/shm; done; readlink $TMPDIR/shm";
        let first = run_in(kind, &place, swap, small()).output.text();
        assert!(first.contains('/'), "{first}");
        let then =
            "ls -d /dev/shm && for f in etc usr proc; do test -e /dev/shm/$f && echo ESCAPED; done; echo THE END";
        let second = run_in(kind, &place, then, small()).output.text();
        assert!(second.contains("THE END") && !second.contains("ESCAPED"), "{}: {second}", kind.name());
    }
}

#[test]
fn a30_outliving_the_first_thread_of_a_process() {
    for kind in kinds() {
        let marker = format!("outlives-{}-{}", kind.name(), std::process::id());
        let script = "import ctypes, threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\nctypes.CDLL(None).pthread_exit(None)";
        let outcome = run(kind, &format!("python3 -c '{script}' {marker} & sleep 0.5; echo THE END"), small());
        assert!(outcome.output.text().contains("THE END"), "{}", outcome.output.text());
        assert_eq!(outcome.report.left, 0);
        // Of a process whose first thread has ended, only the others say what it is.
        let tasks =
            fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read_dir(entry.path().join("task")).ok());
        let alive = tasks.flatten().flatten().filter(|task| {
            fs::read(task.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&marker))
        });
        assert_eq!(alive.count(), 0, "{}", kind.name());
    }
}

#[test]
fn ordinary_work_is_possible() {
    for kind in kinds() {
        let place = Place::new().unwrap();
        fs::write(place.worktree().join("a.txt"), "one\n").unwrap();
        let work = "set -e; cat a.txt; cat /etc/passwd >/dev/null; mkdir d; echo two >d/b.txt; chmod 755 d/b.txt; mv d/b.txt c.txt; ln -s c.txt l; cat l; \
                    echo $HOME >/dev/null; mktemp >/dev/null; echo x >$HOME/x; git init -q . && git add -A && git -c user.name=a -c user.email=a@b commit -qm x; \
                    (sleep 0.01; echo late) & wait; python3 -c 'import socket; a, b = socket.socketpair(); a.send(b\"pair\"); print(b.recv(9))'; exit 7";
        let _quiet = no_crowd();
        let outcome = run_in(kind, &place, work, small());
        let text = outcome.output.text();
        assert_eq!(outcome.report.ended, Ended::Exited { code: 7 }, "{kind:?}: {text}");
        for words in ["one\n", "two\n", "late\n", "pair"] {
            assert!(text.contains(words), "{kind:?}: {text}");
        }
        assert_eq!(fs::read_to_string(place.worktree().join("c.txt")).unwrap(), "two\n");
    }
}

#[test]
fn a_toolchain_in_a_home_folder_can_be_used_and_nothing_beside_it() {
    if !kinds().contains(&Kind::Bubblewrap) {
        return;
    }
    let home = TempDir::new().unwrap();
    fs::create_dir_all(home.path().join(".tools/bin")).unwrap();
    fs::write(home.path().join(".tools/token"), "canary").unwrap();
    let tool = home.path().join(".tools/bin/tool");
    fs::write(&tool, "#!/bin/sh\necho the tool works\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let (_quiet, place) = (no_crowd(), Place::new().unwrap());
    let command = format!("{}; cat {}; echo x >>{0}", tool.display(), home.path().join(".tools/token").display());
    let spec = Spec { readable: &[home.path().join(".tools/bin")], ..spec(&command, &place, &[], small()) };
    let text = Sandbox::new(program(), Kind::Bubblewrap).run(&spec).unwrap().output.text();
    assert!(text.contains("the tool works") && !text.contains("canary"), "{text}");
    assert_eq!(fs::read_to_string(&tool).unwrap(), "#!/bin/sh\necho the tool works\n");
}

// covers: sandbox#no-command-without-a-sandbox
#[test]
fn what_cannot_be_enforced_is_an_error_and_runs_nothing() {
    let place = Place::new().unwrap();
    let spec = spec("touch ran", &place, &[], small());
    let missing = Sandbox::new(Path::new("/no/such/program").to_owned(), Kind::Landlock).run(&spec).unwrap_err();
    assert!(missing.to_string().contains("supervisor"), "{missing}");
    assert!(!place.worktree().join("ran").exists());
}

#[test]
fn the_doctor_says_what_can_be_enforced() {
    let _quiet = no_crowd();
    let village = crate::village::Village::new();
    let said = village.monkeytown(&["doctor", "--json"]);
    assert_eq!(said.code, 0, "{said:#?}");
    for kind in kinds() {
        assert_eq!(said.json[kind.name()]["works"], true, "{said:#?}");
    }
    assert_eq!(said.json["sandbox"], kinds()[0].name());
    village.monkeytown(&["doctor"]).says(0, "Commands of agents run in a sandbox made by");
    assert_eq!(said.json["network_allow"]["works"], kinds()[0].has_network(), "{said:#?}");
}
