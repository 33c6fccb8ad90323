//! A run over three jobs in folders of their own: only the first and the last hold a token, and the last one takes what the
//! middle one hands over as the text of a stranger.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::fake::Method;
use crate::runner::{Done, Town, asks, finish, nothing, write};
use crate::story::STORY;

pub const FIRST: &str = "The link in README.md leads nowhere.\n";

pub fn told() -> Town {
    let town = Town::of(&["chaostester"]);
    town.says([write("chaostester/links.md", FIRST), finish("List the broken link")]);
    town
}

/// One run of the workflow, with a look at what is handed over before it is published.
pub struct Split<'t> {
    town: &'t Town,
    run_id: u32,
    pub dir: PathBuf,
}

impl<'t> Split<'t> {
    pub fn begin(town: &'t Town, run_id: u32) -> Self {
        Self { town, run_id, dir: town.path(&format!("handover-{run_id}")) }
    }

    pub fn handover(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    pub fn claim(&self) -> Done {
        let job = self.town.job_of(self.run_id, Some(self.town.hub.token()));
        job.run("chaostester", &["--phase", "claim", "--handover", self.handover()])
    }

    /// Without any token: what it does not have it cannot give away.
    pub fn think(&self) -> Done {
        let job = self.town.job_of(self.run_id, None);
        job.run("chaostester", &["--phase", "think", "--handover", self.handover()])
    }

    pub fn publish(&self) -> Done {
        let job = self.town.job_of(self.run_id, Some(self.town.hub.token()));
        job.run("chaostester", &["--phase", "publish", "--handover", self.handover()])
    }
}

// covers: github#the-thinking-job-needs-no-token
#[test]
fn three_jobs_are_one_run() {
    let town = told();
    let split = Split::begin(&town, 70);
    split.claim().ended(0, "claimed");
    let before = town.hub.requests().len();
    split.think().ended(0, "thought");
    let asked: Vec<String> = town.hub.requests()[before..].iter().map(|seen| seen.path.clone()).collect();
    assert!(asked.iter().all(|path| !path.starts_with("/repos/") && !path.contains("receive-pack")), "{asked:?}");
    assert_eq!(town.states(), []);
    let done = split.publish();
    done.ended(0, "opened");
    assert_eq!((town.states(), town.hub.pull(1).title.as_str()), (vec![(1, "open")], "List the broken link"));
    assert_eq!(town.kinds(), STORY);
    town.verify_ok();
    // The job that publishes may run again, and does nothing twice.
    split.publish().ended(0, "skipped");
    assert_eq!(town.states(), [(1, "open")]);
}

#[test]
fn nothing_to_do_and_no_result_are_recorded_too() {
    let town = told();
    town.says([nothing("all links hold")]);
    let split = Split::begin(&town, 70);
    split.claim().ended(0, "claimed");
    split.think().ended(0, "thought");
    split.publish().ended(0, "nothing");

    town.later(240);
    let split = Split::begin(&town, 71);
    split.claim().ended(0, "claimed");
    // The thinking job was cancelled, or its runner died.
    split.publish().ended(1, "failed");
    let failed = town.facts("run.failed").remove(0);
    assert!(failed["reason"].as_str().unwrap().contains("without a result"), "{failed}");

    town.later(240).says([write("elsewhere/x.md", "x\n"), finish("Write elsewhere"), finish("Write elsewhere")]);
    let split = Split::begin(&town, 72);
    split.claim().ended(0, "claimed");
    split.think();
    let done = split.publish();
    assert_ne!(done.code, 101, "{done:#?}");
    assert_eq!(town.states(), []);
    town.verify_ok();
}

#[test]
fn the_world_moves_between_the_jobs() {
    let town = told();
    town.run("chaostester").ended(0, "opened");
    town.later(240).says([write("chaostester/more.md", "More of it.\n"), finish("List more")]);
    let split = Split::begin(&town, 70);
    split.claim().ended(0, "claimed");
    split.think().ended(0, "thought");
    town.hub.commit_on_branch("agent/chaostester", "ada", "chaostester/ada.md", "Ada was here.\n");
    town.hub.commit_on_branch("main", "ada", "README.md", "# smalltown\n\nIt grows.\n");
    split.publish().ended(0, "updated");
    let head = town.hub.pull(1).head;
    for (path, text) in [("ada.md", "Ada was here.\n"), ("links.md", FIRST), ("more.md", "More of it.\n")] {
        assert_eq!(town.hub.file(&head, &format!("chaostester/{path}")).as_deref(), Some(text), "{path}");
    }
    assert_eq!(town.hub.file(&head, "README.md").as_deref(), Some("# smalltown\n\nIt grows.\n"));
    town.verify_ok();
}

/// What becomes of an open pull request and its branch.
type Fate = (&'static str, fn(&Town));

#[test]
fn people_decide_while_it_thinks() {
    use crate::fake::Method;
    const BRANCH: &str = "agent/chaostester";
    let fates: [Fate; 6] = [
        ("merged", |town| drop(town.hub.merge(1, "ada", Method::Merge))),
        ("merged", |town| {
            town.hub.merge(1, "ada", Method::Merge);
            town.hub.delete_branch(BRANCH, "ada");
        }),
        ("merged", |town| {
            town.hub.merge(1, "ada", Method::Squash);
            town.hub.delete_branch(BRANCH, "ada");
        }),
        ("closed", |town| town.hub.close(1, "ada")),
        ("closed", |town| {
            town.hub.close(1, "ada");
            town.hub.delete_branch(BRANCH, "ada");
        }),
        // Somebody adds to it first, so that no reference leads to where the run began but through that commit.
        ("merged", |town| {
            town.hub.commit_on_branch(BRANCH, "ada", "chaostester/ada.md", "Ada was here.\n");
            town.hub.merge(1, "ada", Method::Squash);
            town.hub.delete_branch(BRANCH, "ada");
        }),
    ];
    // The default branch may have moved on between the opening and the claim, and between any two of the jobs.
    for (nth, (state, fate)) in fates.into_iter().enumerate() {
        let early: &[bool] = if [2, 4].contains(&nth) { &[true, false] } else { &[false] };
        for &early in early {
            let town = told();
            town.run("chaostester").ended(0, "opened");
            town.later(240).says([write("chaostester/more.md", "More of it.\n"), finish("List more")]);
            town.hub.commit_on_branch("main", "ada", "README.md", "# smalltown\n\nIt grows.\n");
            let split = Split::begin(&town, 70);
            split.claim().ended(0, "claimed");
            town.later(1);
            let decide = || {
                town.hub.commit_on_branch("main", "ada", "README.md", "# smalltown\n\nIt is large.\n");
                fate(&town);
            };
            if early {
                decide();
            }
            split.think().ended(0, "thought");
            if !early {
                decide();
            }
            split.publish().ended(0, "opened");
            assert_eq!(town.states(), [(1, state), (2, "open")], "{nth} {early}");
            let head = town.hub.pull(2).head;
            let read = |path: &str| town.hub.file(&head, path);
            assert_eq!(read("chaostester/more.md").as_deref(), Some("More of it.\n"), "{nth} {early}");
            assert_eq!(read("chaostester/links.md").is_some(), state == "merged", "{nth} {early}");
            assert_eq!(read("README.md").as_deref(), Some("# smalltown\n\nIt is large.\n"), "{nth} {early}");
            assert_eq!((town.facts("run.started").len(), town.facts("run.failed").len()), (2, 0), "{nth} {early}");
            town.verify_ok();
        }
    }
}

#[test]
fn a_branch_that_is_rewound_or_dead_is_no_tampering() {
    const BRANCH: &str = "agent/chaostester";
    // People rebase the open pull request while the agent thinks.
    let town = told();
    town.run("chaostester").ended(0, "opened");
    town.later(240).says([write("chaostester/more.md", "More of it.\n"), finish("List more")]);
    let split = Split::begin(&town, 70);
    split.claim().ended(0, "claimed");
    split.think().ended(0, "thought");
    let main = town.hub.commit_on_branch("main", "ada", "README.md", "# smalltown\n\nIt grows.\n");
    town.hub.set_branch("rebased", "ada", &main);
    let rebased = town.hub.commit_on_branch("rebased", "ada", "chaostester/links.md", FIRST);
    town.hub.set_branch(BRANCH, "ada", &rebased);
    split.publish().ended(0, "updated");
    let head = town.hub.pull(1).head;
    for (path, text) in [("links.md", FIRST), ("more.md", "More of it.\n")] {
        assert_eq!(town.hub.file(&head, &format!("chaostester/{path}")).as_deref(), Some(text), "{path}");
    }
    // What was rejected before is tidied away while the next one thinks.
    town.hub.close(1, "ada");
    town.later(240).says([write("chaostester/other.md", "Another one.\n"), finish("List another")]);
    town.sync();
    let split = Split::begin(&town, 71);
    split.claim().ended(0, "claimed");
    split.think().ended(0, "thought");
    town.hub.delete_branch(BRANCH, "ada");
    split.publish().ended(0, "opened");
    town.verify_ok();
}

#[test]
fn what_waited_is_published_by_the_job_that_claims() {
    let town = told();
    let queue = town.path("queue").to_str().unwrap().to_owned();
    let split = Split::begin(&town, 70);
    split.claim().ended(0, "claimed");
    split.think().ended(0, "thought");
    let job = town.job_of(70, Some(town.hub.token()));
    let publish = ["--phase", "publish", "--handover", split.handover(), "--queue", &queue];
    job.run_meanwhile("gated", "chaostester", &publish, || town.hub.down(true)).ended(3, "queued");
    town.hub.down(false);
    town.later(240);
    let job = town.job_of(71, Some(town.hub.token()));
    let next = Split::begin(&town, 71);
    let done = job.run("chaostester", &["--phase", "claim", "--handover", next.handover(), "--queue", &queue]);
    done.ended(0, "opened");
    assert_eq!((town.states(), town.facts("run.started").len()), (vec![(1, "open")], 1));
    town.verify_ok();
}

#[test]
fn a_job_that_is_run_again_pushes_nothing_into_a_frozen_town() {
    for announced in [true, false] {
        let town = told();
        let queue = town.path("queue").to_str().unwrap().to_owned();
        let split = Split::begin(&town, 70);
        split.claim().ended(0, "claimed");
        split.think().ended(0, "thought");
        let args = ["--phase", "publish", "--handover", split.handover(), "--queue", &queue];
        let publish = || town.job_of(70, Some(town.hub.token())).run("chaostester", &args);
        if announced {
            let job = town.job_of(70, Some(town.hub.token()));
            job.run_meanwhile("gated", "chaostester", &args, || town.hub.down(true)).ended(3, "queued");
            town.hub.down(false);
        }
        town.job().monkeytown(&["freeze", "--reason", "we move"]).says(0, "");
        publish().ended(0, "skipped").says(0, "we move").says(0, "is kept");
        assert_eq!((town.states(), town.hub.tip("agent/chaostester")), (vec![], None), "{announced}");
        assert_eq!(town.facts("run.proposed").len(), usize::from(announced));
        town.job().monkeytown(&["thaw", "--reason", "we are there"]).says(0, "");
        if announced {
            publish().ended(0, "opened");
        } else {
            // The artifacts are gone by now: its checkpoint is at home.
            town.later(240).says([nothing("asked anew"), nothing("asked anew")]);
            let later = Split::begin(&town, 71);
            later.claim().ended(0, "claimed");
            later.think().ended(0, "thought");
            later.publish().ended(0, "opened");
        }
        assert_eq!((town.states(), town.facts("run.started").len()), (vec![(1, "open")], 1), "{announced}");
        town.verify_ok();
    }
}

/// The bundle that was handed over.
fn bundle_in(dir: &Path) -> PathBuf {
    let names: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    let bundles: Vec<&PathBuf> = names.iter().filter(|path| path.extension().is_some_and(|e| e == "bundle")).collect();
    assert_eq!(bundles.len(), 1, "{bundles:?}");
    bundles[0].clone()
}

/// A clone in which somebody prepares what was handed over anew.
fn workshop(town: &Town, dir: &Path) -> PathBuf {
    let job = town.job();
    let bundle = bundle_in(dir);
    job.git(&["fetch", "-q", "--unshallow", "origin"]);
    job.git(&["fetch", "-q", bundle.to_str().unwrap(), "+refs/monkeytown/*:refs/monkeytown/*"]);
    job.dir.clone()
}

const REFERENCE: &str = "refs/monkeytown/checkpoints/chaostester";

/// Puts another tree in the place of the workspace, and says so in every other place too.
fn forge_workspace(town: &Town, dir: &Path, build: impl Fn(&Path) -> String) {
    let clone = workshop(town, dir);
    let git = |args: &[&str]| town.git(&clone, args);
    let workspace = build(&clone);
    let old = git(&["rev-parse", &format!("{REFERENCE}:workspace")]);
    let memo = git(&["show", &format!("{REFERENCE}:run.json")]).replace(&old, &workspace);
    fs::write(clone.join("run.json"), memo).unwrap();
    let memo = git(&["hash-object", "-w", "run.json"]);
    let part = |name: &str| git(&["rev-parse", &format!("{REFERENCE}:{name}")]);
    let (start, transcript) = (part("start"), part("transcript.json"));
    let lines = format!(
        "100644 blob {memo}\trun.json\n040000 tree {start}\tstart\n100644 blob {transcript}\ttranscript.json\n040000 tree {workspace}\tworkspace\n"
    );
    fs::write(clone.join("tree"), lines).unwrap();
    let tree = shell(town, &clone, "git mktree < tree");
    let commit = shell(
        town,
        &clone,
        &format!("git -c user.name=x -c user.email=x@example.invalid commit-tree {tree} -m forged"),
    );
    hand_over(town, &clone, dir, &commit);
}

/// Hands a commit over in the place of the one that was thought.
fn hand_over(town: &Town, clone: &Path, dir: &Path, commit: &str) {
    let git = |args: &[&str]| town.git(clone, args);
    git(&["update-ref", REFERENCE, commit]);
    fs::remove_file(bundle_in(dir)).unwrap();
    let bundle = dir.join(format!("thought-{commit}.bundle"));
    git(&["bundle", "create", "-q", bundle.to_str().unwrap(), REFERENCE, "^origin/main"]);
    let thought = fs::read_to_string(dir.join("thought.json")).unwrap();
    let mut thought: serde_json::Value = serde_json::from_str(&thought).unwrap();
    thought["checkpoint"] = commit.into();
    fs::write(dir.join("thought.json"), thought.to_string()).unwrap();
}

fn shell(town: &Town, dir: &Path, script: &str) -> String {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).current_dir(dir).env_clear();
    command.env("PATH", std::env::var("PATH").unwrap()).env("HOME", town.path("").to_str().unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A tree made of the workspace with one more entry, given as `mode type object\tname`.
fn tree_with(town: &Town, clone: &Path, entry: &str) -> String {
    fs::write(clone.join("entry"), format!("{entry}\n")).unwrap();
    shell(town, clone, &format!("(git ls-tree {REFERENCE}:workspace; cat entry) | git mktree"))
}

// covers: github#the-thinking-job-needs-no-token/a-tampered-bundle
#[test]
fn what_was_tampered_with_is_refused_and_nothing_is_pushed() {
    type Tamper = fn(&Town, &Path);
    let cases: [(&str, &str, Tamper); 11] = [
        ("a transcript that unpacks to too much", "has a file of more than 67108864 bytes", |town, dir| {
            let clone = workshop(town, dir);
            let script = format!(
                "blob=$( (git show {REFERENCE}:transcript.json; head -c 70000000 /dev/zero | tr '\\0' ' ') \
                 | git hash-object -w --stdin) && tree=$(git ls-tree {REFERENCE} \
                 | sed \"s/blob [0-9a-f]*\ttranscript/blob $blob\ttranscript/\" | git mktree) \
                 && git -c user.name=x -c user.email=x@example.invalid commit-tree $tree -m forged"
            );
            let commit = shell(town, &clone, &script);
            hand_over(town, &clone, dir, &commit);
            assert!(fs::metadata(bundle_in(dir)).unwrap().len() < 1_000_000);
        }),
        ("a file that unpacks to too much", "bytes of changes", |town, dir| {
            forge_workspace(town, dir, |clone| {
                let blob = shell(town, clone, "head -c 45000000 /dev/zero | tr '\\0' x | git hash-object -w --stdin");
                let entry = format!("100644 blob {blob}\tlarge.md");
                let inner = format!("(git ls-tree {REFERENCE}:workspace/chaostester; echo '{entry}') | git mktree");
                let inner = shell(town, clone, &inner);
                let outer = format!(
                    "git ls-tree {REFERENCE}:workspace | grep -v chaostester$ > rest; \
                     (cat rest; printf '040000 tree {inner}\\tchaostester\\n') | git mktree"
                );
                shell(town, clone, &outer)
            });
            assert!(fs::metadata(bundle_in(dir)).unwrap().len() < 1_000_000);
        }),
        ("a second reference", "it holds", |town, dir| {
            let clone = workshop(town, dir);
            let bundle = bundle_in(dir);
            town.git(&clone, &["update-ref", "refs/heads/main", "HEAD"]);
            fs::remove_file(&bundle).unwrap();
            town.git(&clone, &["bundle", "create", "-q", bundle.to_str().unwrap(), REFERENCE, "refs/heads/main"]);
        }),
        ("a reference of another name", "it holds", |town, dir| {
            let clone = workshop(town, dir);
            let bundle = bundle_in(dir);
            town.git(&clone, &["update-ref", "refs/heads/monkeytown/journal", REFERENCE]);
            fs::remove_file(&bundle).unwrap();
            town.git(&clone, &["bundle", "create", "-q", bundle.to_str().unwrap(), "refs/heads/monkeytown/journal"]);
        }),
        ("a .git in a tree", "hasDotgit", |town, dir| {
            forge_workspace(town, dir, |clone| {
                fs::write(clone.join("config"), "[core]\n\tfsmonitor = touch /tmp/owned\n").unwrap();
                let blob = town.git(clone, &["hash-object", "-w", "config"]);
                fs::write(clone.join("inner"), format!("100644 blob {blob}\tconfig\n")).unwrap();
                let inner = shell(town, clone, "git mktree < inner");
                tree_with(town, clone, &format!("040000 tree {inner}\t.git"))
            });
        }),
        ("a file outside of what the agent owns", "stays-in-own-paths", |town, dir| {
            forge_workspace(town, dir, |clone| {
                fs::write(clone.join("evil"), "evil\n").unwrap();
                let blob = town.git(clone, &["hash-object", "-w", "evil"]);
                tree_with(town, clone, &format!("100644 blob {blob}\tevil.md"))
            });
        }),
        ("a damaged pack", "thought-", |_, dir| {
            let bundle = bundle_in(dir);
            let mut bytes = fs::read(&bundle).unwrap();
            let at = bytes.len() - 30;
            bytes[at] ^= 0xff;
            fs::write(&bundle, bytes).unwrap();
        }),
        ("no bundle at all", "thought-", |_, dir| fs::remove_file(bundle_in(dir)).unwrap()),
        ("another run", "is in flight", |_, dir| {
            let path = dir.join("thought.json");
            let text = fs::read_to_string(&path).unwrap();
            let mut thought: serde_json::Value = serde_json::from_str(&text).unwrap();
            thought["run"] = "01M7Y5A8C0HYXFBBEYYNYT65EM".into();
            fs::write(&path, thought.to_string()).unwrap();
        }),
        ("a field that nobody knows", "unknown field", |_, dir| {
            let path = dir.join("thought.json");
            let text = fs::read_to_string(&path).unwrap().replacen('{', "{\"owns\": [\"**\"],", 1);
            fs::write(&path, text).unwrap();
        }),
        ("a file that is too large", "at most", |_, dir| {
            fs::write(dir.join("thought.json"), vec![b' '; 2 * 1024 * 1024]).unwrap();
        }),
    ];
    for (what, words, tamper) in cases {
        let town = told();
        let split = Split::begin(&town, 70);
        split.claim().ended(0, "claimed");
        split.think().ended(0, "thought");
        tamper(&town, &split.dir);
        let main = town.hub.tip("main");
        let done = split.publish();
        assert_eq!(done.code, 1, "{what}: {done:#?}");
        let failed = town.facts("run.failed").remove(0);
        let said = format!("{}{failed}", done.stderr);
        assert!(said.contains(words), "{what}: {words:?} is not in {said}");
        assert_eq!(town.states(), [], "{what}");
        assert_eq!(town.hub.tip("agent/chaostester"), None, "{what}");
        assert_eq!(town.hub.tip("main"), main, "{what}");
        town.verify_ok();
        // The next run begins anew.
        town.later(240);
        town.run("chaostester").ended(0, "opened");
    }
}

/// The variable PATH of a machine whose `git` says that it is an old one.
fn old_git(town: &Town) -> String {
    let path = std::env::var("PATH").unwrap();
    let real = shell(town, &town.path(""), "command -v git");
    let dir = town.path("old");
    fs::create_dir_all(&dir).unwrap();
    let text =
        format!("#!/bin/sh\nif [ \"$1\" = version ]; then echo git version 2.43.0; else exec {real} \"$@\"; fi\n");
    fs::write(dir.join("git"), text).unwrap();
    fs::set_permissions(dir.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{path}", dir.display())
}

#[test]
fn a_machine_that_cannot_check_a_bundle_takes_none_and_loses_none() {
    let town = told();
    let split = Split::begin(&town, 70);
    split.claim().ended(0, "claimed");
    split.think().ended(0, "thought");
    let queue = town.path("queue").to_str().unwrap().to_owned();
    let args = ["--phase", "publish", "--handover", split.handover(), "--queue", &queue];
    let job = || town.job_of(70, Some(town.hub.token()));
    job().env("PATH", &old_git(&town)).run("chaostester", &args).says(2, "git 2.43.0 does not check").says(2, "2.46");
    assert_eq!((town.facts("run.failed").len(), town.states()), (0, vec![]));
    job().run_meanwhile("gated", "chaostester", &args, || town.hub.down(true)).ended(3, "queued");
    town.hub.down(false);
    let waits = || fs::read(town.path("queue").join("queue.json")).unwrap();
    let before = waits();
    job().env("PATH", &old_git(&town)).run("chaostester", &args).says(2, "install git 2.46");
    assert_eq!(waits(), before);
    job().run("chaostester", &args).ended(0, "opened");
    town.verify_ok();
}

/// Lets the memo claim that people had put work on the branch, so that only what is new would be judged.
pub fn claim_that_people_were_there(town: &Town, dir: &Path) {
    forge_memo(town, dir, ("\"human\":false", "\"human\":true"));
}

/// Changes the memo of a handover.
fn forge_memo(town: &Town, dir: &Path, (was, is): (&str, &str)) {
    let clone = workshop(town, dir);
    let memo = town.git(&clone, &["show", &format!("{REFERENCE}:run.json")]);
    assert!(memo.contains(was), "{memo}");
    let memo = memo.replace(was, is);
    fs::write(clone.join("memo"), &memo).unwrap();
    let blob = town.git(&clone, &["hash-object", "-w", "memo"]);
    let tree = shell(
        town,
        &clone,
        &format!("git ls-tree {REFERENCE} | sed 's/blob [0-9a-f]*\trun.json/blob {blob}\trun.json/' | git mktree"),
    );
    let commit = shell(
        town,
        &clone,
        &format!("git -c user.name=x -c user.email=x@example.invalid commit-tree {tree} -m forged"),
    );
    hand_over(town, &clone, dir, &commit);
}

#[test]
fn where_a_run_began_is_not_taken_from_the_handover() {
    for forged in [("\"human\":false", "\"human\":true"), ("\"pull\":null", "\"pull\":4711")] {
        let town = told();
        let split = Split::begin(&town, 70);
        split.claim().ended(0, "claimed");
        split.think().ended(0, "thought");
        forge_memo(&town, &split.dir, forged);
        split.publish().says(1, "does not stand where the journal says");
        assert_eq!(town.states(), []);
        town.verify_ok();
    }
}

#[test]
fn a_question_is_asked_by_the_job_that_publishes_while_its_pull_request_is_open() {
    for merged in [false, true] {
        let town = told();
        town.run("chaostester").ended(0, "opened");
        town.later(240).says([asks("Which of both?")]);
        let split = Split::begin(&town, 70);
        split.claim().ended(0, "claimed");
        split.think().ended(0, "thought");
        if merged {
            town.hub.merge(1, "ada", Method::Merge);
        }
        split.publish().ended(0, if merged { "nothing" } else { "asked" });
        let asked = town.hub.comments(1).iter().filter(|(_, text)| text.contains("Which of both?")).count();
        assert_eq!((asked, town.facts("pull.commented").len()), (usize::from(!merged), usize::from(!merged)));
        town.verify_ok();
    }
}

#[test]
fn a_job_that_is_stopped_while_it_thinks_leaves_what_it_had() {
    let town = told();
    let split = Split::begin(&town, 70);
    split.claim().ended(0, "claimed");
    // The file is written, and the reply after that is not asked for any more.
    let job = town.job_of(70, None);
    job.halt_run_at("called", "chaostester", &["--phase", "think", "--handover", split.handover()]);
    split.publish().ended(1, "interrupted");
    assert_eq!((town.states(), town.facts("run.failed").len()), (vec![], 0), "the run is not over");

    // Its successor does not get to think at all: what the first one left is not lost with it.
    town.later(240);
    let second = Split::begin(&town, 71);
    second.claim().ended(0, "claimed");
    second.publish().ended(1, "interrupted");
    assert_eq!(town.facts("run.failed").len(), 0);

    // Whoever takes it over asks only for the rest; asked from the beginning, there would be nothing to do.
    town.later(240).says([nothing("asked anew"), finish("List the broken link")]);
    let later = Split::begin(&town, 72);
    later.claim().ended(0, "claimed");
    later.think().ended(0, "thought");
    later.publish().ended(0, "opened");
    assert_eq!((town.states(), town.hub.pull(1).title.as_str()), (vec![(1, "open")], "List the broken link"));
    let head = town.hub.pull(1).head;
    assert_eq!(town.hub.file(&head, "chaostester/links.md").as_deref(), Some(FIRST));
    assert_eq!(town.facts("run.started").len(), 1);
    town.verify_ok();
}
