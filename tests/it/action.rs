//! Promise: the action takes a release only if it is what was released for that very commit, builds from source where there
//! is none, and hands its inputs to monkeytown without any shell looking at them.
//! Lives here: `scripts/install-action.sh` against a server on the loopback, with programs that only say what they were asked.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const ARCHIVE: &str = "monkeytown-v9.8.7-x86_64-unknown-linux-musl.tar.gz";

/// A release page: what it has is served, everything else is not found.
#[derive(Clone, Default)]
struct Releases {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    broken: Arc<Mutex<bool>>,
}

impl Releases {
    /// Starts to serve, and says where. The thread ends with the test's process.
    fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let releases = self.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let Some(first) = lines.next() else { continue };
                for _ in lines.by_ref().take_while(|line| !line.is_empty()) {}
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                let (status, body) = match releases.files.lock().unwrap().get(&path) {
                    _ if *releases.broken.lock().unwrap() => ("403 Forbidden", b"no".to_vec()),
                    Some(body) => ("200 OK", body.clone()),
                    None => ("404 Not Found", b"none".to_vec()),
                };
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        format!("http://{address}")
    }

    fn put(&self, name: &str, body: &[u8]) {
        self.files.lock().unwrap().insert(format!("/v9.8.7/{name}"), body.to_vec());
    }
}

/// A runner: its folders, the action's own folder, and the variables of the next step.
struct Runner {
    folder: TempDir,
    releases: Releases,
    variables: BTreeMap<String, String>,
}

impl Runner {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        for name in ["temp", "action/src", "action/target", "action/docs", "programs"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let cargo = "[package]\nname = \"monkeytown\"\nversion = \"9.8.7\"\nrust-version = \"1.95\"\n";
        fs::write(folder.path().join("action/Cargo.toml"), cargo).unwrap();
        fs::write(folder.path().join("action/src/main.rs"), "fn main() {}\n").unwrap();
        let releases = Releases::default();
        let mut variables: BTreeMap<String, String> = [
            ("RUNNER_OS", "Linux"),
            ("RUNNER_ARCH", "X64"),
            ("GITHUB_SERVER_URL", "https://github.invalid"),
            ("GITHUB_REPOSITORY", "an-octopus/town"),
            ("ACTION_REPOSITORY", "an-octopus/monkeytown"),
            ("ACTION_REF", COMMIT),
            ("VERSION", ""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        variables.insert("MONKEYTOWN_RELEASES".to_owned(), releases.serve());
        for (name, place) in [
            ("RUNNER_TEMP", "temp"),
            ("GITHUB_ACTION_PATH", "action"),
            ("GITHUB_OUTPUT", "output"),
            ("GITHUB_PATH", "path"),
        ] {
            variables.insert(name.to_owned(), at(place));
        }
        Self { folder, releases, variables }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that does what the shell script says.
    fn program(&self, name: &str, script: &str) {
        program(&self.path("programs").join(name), script);
    }

    /// A release whose binary prints its version.
    fn release(self, commit: &str) -> Self {
        self.release_as(commit, ARCHIVE, "monkeytown")
    }

    fn release_as(self, commit: &str, name: &str, binary: &str) -> Self {
        let packed = self.path("packed");
        fs::create_dir_all(&packed).unwrap();
        program(&packed.join(binary), "echo monkeytown 9.8.7");
        let archive = self.path(name);
        let tar = Command::new("tar").args(["-czf"]).arg(&archive).arg("-C").arg(&packed).arg(".").status().unwrap();
        assert!(tar.success());
        let bytes = fs::read(&archive).unwrap();
        fs::write(self.path("COMMIT"), format!("{commit}\n")).unwrap();
        let sums = Command::new("sha256sum").args([name, "COMMIT"]).current_dir(self.folder.path()).output().unwrap();
        assert!(sums.status.success());
        self.releases.put(name, &bytes);
        self.releases.put("COMMIT", &fs::read(self.path("COMMIT")).unwrap());
        self.releases.put("SHA256SUMS", &sums.stdout);
        self
    }

    fn step(&self, step: &str) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install-action.sh");
        let path = format!("{}:{}", self.path("programs").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.arg(script).arg(step).env_clear().env("PATH", path).envs(&self.variables).output().unwrap()
    }

    /// The step has to end with `code` and to say `words`.
    #[track_caller]
    fn says(&self, step: &str, code: i32, words: &str) -> String {
        let output = self.step(step);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words), "{words:?} is not in {text}");
        text
    }

    /// What the steps so far have put out, by name.
    fn outputs(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.path("output")).unwrap_or_default();
        text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    /// The next step is told what the plan said, as action.yml does it.
    fn planned(mut self) -> Self {
        for (name, value) in self.outputs() {
            self.variables.insert(name.to_uppercase(), value);
        }
        self
    }
}

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_release_of_the_very_commit_is_taken() {
    for reference in [COMMIT, "v9.8.7"] {
        let runner = Runner::new().set("ACTION_REF", reference).release(COMMIT);
        runner.says("plan", 0, "v9.8.7 as it was released");
        assert_eq!(runner.outputs()["how"], "release");
        let runner = runner.planned();
        runner.says("install", 0, "monkeytown 9.8.7");
        assert!(runner.path("temp/monkeytown-bin/monkeytown").is_file());
        assert!(fs::read_to_string(runner.path("path")).unwrap().ends_with("/monkeytown-bin\n"));
    }
}

#[test]
fn windows_gets_its_own_program() {
    let archive = "monkeytown-v9.8.7-x86_64-pc-windows-msvc.tar.gz";
    let runner = Runner::new().set("RUNNER_OS", "Windows").release_as(COMMIT, archive, "monkeytown.exe");
    // A folder as Windows names it: with a backslash in a name, some tools write a checksum in another way.
    let temp = runner.path("temp/D:\\a\\_temp");
    fs::create_dir_all(&temp).unwrap();
    let runner = runner.set("RUNNER_TEMP", temp.to_str().unwrap());
    runner.says("plan", 0, "v9.8.7 as it was released");
    let runner = runner.planned();
    assert_eq!(runner.variables["TARGET"], "x86_64-pc-windows-msvc");
    runner.says("install", 0, "monkeytown 9.8.7");
    assert!(temp.join("monkeytown-bin/monkeytown.exe").is_file());
    program(&temp.join("monkeytown-bin/monkeytown.exe"), "echo \"$* $MSYS_NO_PATHCONV\"");
    let runner = runner.set("COMMAND", "run").set("AGENT", "chaostester").set("TASK", "/say hello");
    let runner = ["BRAIN", "DRY_RUN", "ARGS", "TOKEN"].into_iter().fold(runner, |runner, name| runner.set(name, ""));
    runner.set("TOKEN_ENV", "GITHUB_TOKEN").says("run", 0, "run chaostester --task=/say hello 1");
}

#[test]
fn what_was_not_released_is_refused_and_removed() {
    let runner = Runner::new().release(COMMIT);
    runner.releases.put(ARCHIVE, b"something else");
    runner.says("plan", 0, "as it was released");
    let runner = runner.planned();
    let text = runner.says("install", 1, "is not what was released");
    assert!(text.contains("::error title=monkeytown::") && text.contains("do not use it"), "{text}");
    assert!(
        !runner.path(&format!("temp/{ARCHIVE}")).exists() && !runner.path("temp/monkeytown-bin/monkeytown").exists()
    );
    // A checksum that is missing, doubled or no checksum is none.
    for sums in ["", "abc  COMMIT\n", &format!("{0}  {ARCHIVE}\n{0}  {ARCHIVE}\n", "0".repeat(64))] {
        fs::write(runner.path("temp/monkeytown-sums"), sums).unwrap();
        runner.says("install", 1, "no one checksum");
    }
    // So is a commit that the checksums do not vouch for.
    let runner = Runner::new().release("f".repeat(40).as_str());
    runner.releases.put("COMMIT", format!("{COMMIT}\n").as_bytes());
    runner.says("plan", 1, "COMMIT is not what was released");
}

#[test]
fn without_a_release_it_is_built_from_source() {
    let other = "f".repeat(40);
    let cases = [
        (Runner::new(), "there is no release v9.8.7"),
        (Runner::new().release(&other), "v9.8.7 was made from another commit"),
        (Runner::new().release(COMMIT).set("ACTION_REPOSITORY", "").set("ACTION_REF", ""), "its own repository"),
        (Runner::new().release(COMMIT).set("ACTION_REF", "main"), "main is no release"),
        (Runner::new().release(COMMIT).set("VERSION", "source"), "what was asked for"),
    ];
    for (runner, why) in cases {
        runner.says("plan", 0, why);
        let outputs = runner.outputs();
        assert_eq!(outputs["how"], "source", "{why}");
        assert!(outputs["key"].starts_with("monkeytown-build.x86_64-unknown-linux-musl."), "{outputs:?}");
    }
}

#[test]
fn a_build_is_made_by_the_rust_that_cargo_toml_names_and_only_where_none_is_cached() {
    let runner = Runner::new().set("ACTION_REPOSITORY", "");
    runner.says("plan", 0, "built from source");
    runner.program("rustup", "echo \"rustup $*\"");
    runner.program("rustc", "echo 'rustc 1.9.5 (0000000 2016-01-01)'");
    runner.program(
        "cargo",
        "echo \"cargo $* by $RUSTUP_TOOLCHAIN\"\nmkdir -p \"$RUNNER_TEMP/monkeytown-build/release\"\n\
         printf '#!/bin/sh\\necho monkeytown built\\n' >\"$RUNNER_TEMP/monkeytown-build/release/monkeytown\"\n\
         chmod +x \"$RUNNER_TEMP/monkeytown-build/release/monkeytown\"",
    );
    let runner = runner.planned();
    let text = runner.says("install", 0, "monkeytown built");
    assert!(text.contains("rustup toolchain install 1.95") && text.contains("--locked"), "{text}");
    assert!(text.contains("by 1.95"), "{text}");
    let text = runner.says("install", 0, "monkeytown built");
    assert!(!text.contains("cargo"), "what the cache brought is not built again: {text}");
    fs::remove_dir_all(runner.path("temp/monkeytown-bin")).unwrap();
    runner.program("rustc", "echo 'rustc 1.95.2 (0000000 2026-01-01)'");
    let text = runner.says("install", 0, "monkeytown built");
    assert!(text.contains("cargo build") && !text.contains("rustup"), "the right Rust is there: {text}");
}

#[test]
fn the_key_of_a_build_changes_with_the_source_and_with_nothing_else() {
    let key = |runner: &Runner| {
        fs::write(runner.path("output"), "").unwrap();
        runner.says("plan", 0, "built from source");
        runner.outputs()["key"].clone()
    };
    let runner = Runner::new().set("ACTION_REPOSITORY", "");
    let first = key(&runner);
    fs::write(runner.path("action/docs/page.md"), "words").unwrap();
    fs::write(runner.path("action/target/built"), "bytes").unwrap();
    assert_eq!(key(&runner), first);
    fs::write(runner.path("action/src/main.rs"), "fn main() { }\n").unwrap();
    let second = key(&runner);
    assert_ne!(second, first);
    fs::rename(runner.path("action/src/main.rs"), runner.path("action/src/lib.rs")).unwrap();
    assert_ne!(key(&runner), second);
    // Nothing that is compiled in may be left out of the key.
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install-action.sh")).unwrap();
    for folder in ["./src", "./agents ", "./web", "Cargo"] {
        assert!(!script.contains(&format!("-path {folder}")), "{folder} is compiled in");
    }
}

#[test]
fn what_cannot_be_had_says_what_to_do() {
    let cases = [
        (
            Runner::new().set("RUNNER_OS", "Windows").set("RUNNER_ARCH", "ARM64"),
            2,
            "no monkeytown for Windows on ARM64",
        ),
        (Runner::new().set("RUNNER_OS", "Plan9"), 2, "no monkeytown for Plan9"),
        (Runner::new().set("RUNNER_ARCH", "RISCV"), 2, "no monkeytown for Linux on RISCV"),
        (Runner::new().set("VERSION", "latest"), 2, "latest is no release"),
        (Runner::new().set("VERSION", "../../evil"), 2, "is no release"),
        (Runner::new().set("VERSION", "9.8.7"), 2, "there is no release v9.8.7"),
    ];
    for (runner, code, words) in cases {
        runner.says("plan", code, words);
        assert!(!runner.outputs().contains_key("how"));
    }
    let runner = Runner::new().release(COMMIT);
    *runner.releases.broken.lock().unwrap() = true;
    runner.says("plan", 3, "HTTP 403");
    let runner = Runner::new().set("VERSION", "a\n::set-output name=x::y%0A");
    assert!(!runner.says("plan", 2, "is no release").contains("\n::set-output"));
}

#[test]
fn inputs_reach_the_command_as_they_are_and_the_token_only_by_its_variable() {
    let runner = Runner::new()
        .set("COMMAND", "run")
        .set("AGENT", "chaostester")
        .set("BRAIN", "")
        .set("TASK", "$(touch pwned) `id` \"; exit 7 #\n--dry-run")
        .set("DRY_RUN", "false")
        .set("ARGS", "--phase=claim\n--handover=/a folder/$HOME\n")
        .set("KEYS", "A_KEY=shush $(id)=\n\nB_KEY=\n")
        .set("TOKEN", "hush")
        .set("TOKEN_ENV", "TOWN_TOKEN");
    let folder = runner.path("bin");
    fs::create_dir_all(&folder).unwrap();
    program(
        &folder.join("monkeytown"),
        "for arg; do printf '<%s>' \"$arg\"; done; echo \" TOWN_TOKEN=$TOWN_TOKEN TOKEN=${TOKEN-none} $A_KEY ${B_KEY-none} ${KEYS-none}\"; exit 3",
    );
    let runner = runner.set("FOLDER", folder.to_str().unwrap());
    let text = runner.says("run", 3, "<run><chaostester><--task=$(touch pwned) `id` \"; exit 7 #\n--dry-run>");
    assert!(
        text.contains("<--phase=claim><--handover=/a folder/$HOME> TOWN_TOKEN=hush TOKEN=none shush $(id)= none none"),
        "{text}"
    );
    let runner = runner.set("COMMAND", "sync").set("ARGS", "").set("TOKEN", "");
    runner.says("run", 3, "<sync> TOWN_TOKEN= TOKEN=none");
    let runner = runner.set("COMMAND", "run").set("DRY_RUN", "true").set("TASK", "").set("BRAIN", "embedded");
    runner.says("run", 3, "<run><chaostester><--brain=embedded><--dry-run>");
    for (name, value, words) in [
        ("AGENT", "--help", "the agent is --help"),
        ("AGENT", "", "the agent is not named"),
        ("DRY_RUN", "perhaps", "write true or false"),
        ("COMMAND", "run; id", "is none"),
        ("COMMAND", "-C", "is none"),
        ("KEYS", "-----BEGIN", "a key has one line"),
    ] {
        let before = runner.variables[name].clone();
        let changed = Runner {
            folder: TempDir::new().unwrap(),
            releases: Releases::default(),
            variables: runner.variables.clone(),
        };
        changed.set(name, value).says("run", 2, words);
        assert_eq!(runner.variables[name], before);
    }
    let bad = runner.set("TOKEN", "hush").set("TOKEN_ENV", "BASH_ENV=x");
    assert!(!bad.says("run", 2, "no name of a variable").contains("hush"));
}
