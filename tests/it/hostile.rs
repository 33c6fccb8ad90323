//! A repository that means harm: nothing of it executes, and no spelling of a path leaves what an agent owns.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::village::{Outcome, Village, finish, write};

/// Sets every trap that git knows; whoever springs one creates the canary.
fn set_traps(village: &Village) -> std::path::PathBuf {
    let canary = village.path("canary");
    let trap = village.path("trap.sh");
    fs::write(&trap, format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\nexit 0\n", canary.display())).unwrap();
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
    let trap = trap.to_str().unwrap();
    let git_dir = village.dir().join(".git");
    fs::create_dir_all(git_dir.join("hooks")).unwrap();
    for hook in [
        "applypatch-msg",
        "pre-applypatch",
        "post-applypatch",
        "pre-commit",
        "pre-merge-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "pre-rebase",
        "post-checkout",
        "post-merge",
        "pre-push",
        "post-rewrite",
        "pre-auto-gc",
        "reference-transaction",
        "post-index-change",
        "fsmonitor-watchman",
        "push-to-checkout",
    ] {
        fs::copy(trap, git_dir.join("hooks").join(hook)).unwrap();
    }
    let included = village.path("included.config");
    fs::write(&included, format!("[core]\n\tpager = {trap}\n\teditor = {trap}\n[diff]\n\texternal = {trap}\n"))
        .unwrap();
    for (key, value) in [
        ("filter.evil.smudge", trap),
        ("filter.evil.clean", trap),
        ("filter.evil.process", trap),
        ("filter.evil.required", "true"),
        ("diff.evil.textconv", trap),
        ("diff.evil.command", trap),
        ("merge.evil.driver", trap),
        ("core.fsmonitor", trap),
        ("core.sshCommand", trap),
        ("core.gitProxy", trap),
        ("core.askPass", trap),
        ("core.alternateRefsCommand", trap),
        ("credential.helper", &format!("!{trap}")),
        ("gpg.program", trap),
        ("commit.gpgSign", "true"),
        ("uploadpack.packObjectsHook", trap),
        ("remote.origin.uploadpack", trap),
        ("remote.origin.receivepack", trap),
        ("remote.origin.vcs", "evil"),
        ("includeIf.gitdir:/.path", included.to_str().unwrap()),
        ("alias.fetch", &format!("!{trap}")),
        ("gc.auto", "1"),
    ] {
        village.git(["config", key, value]);
    }
    fs::create_dir_all(git_dir.join("info")).unwrap();
    fs::write(git_dir.join("info/attributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
    canary
}

/// A town that carries attributes of its own, with the traps set after the last command of git's.
fn trapped(remote: bool) -> (Village, std::path::PathBuf) {
    let village = Village::small().file(".gitattributes", "* filter=evil diff=evil merge=evil\n").commit("Attributes");
    let village = if remote { village.remote() } else { village };
    let canary = set_traps(&village);
    (village, canary)
}

// covers: senses#nothing-runs-unless-a-person-configured-it
#[test]
fn nothing_of_the_repository_executes() {
    for remote in [false, true] {
        let (village, canary) = trapped(remote);
        let home = if remote { "remote" } else { "local" };
        village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
        let steps: [(&str, Vec<&str>); 9] = [
            ("init", vec!["init"]),
            ("check", vec!["check"]),
            ("senses", vec!["senses"]),
            ("gate", vec!["gate"]),
            ("run", vec![]),
            ("show", vec!["pulls", "show", "1", "--diff"]),
            ("merge", vec!["pulls", "merge", "1"]),
            ("log", vec!["log"]),
            ("verify", vec!["log", "verify"]),
        ];
        for (step, args) in steps {
            let said = if step == "run" { village.run("chaostester") } else { village.monkeytown(&args) };
            let sprung = fs::read_to_string(&canary).unwrap_or_default();
            assert_eq!(sprung, "", "{step} with a {home} home executed something: {said:#?}");
            assert!(said.code < 2, "{step}: {said:#?}");
        }
        assert_eq!(village.states(), [(1, "merged".to_owned())], "{home}");
        if !remote {
            let here = fs::read_to_string(village.dir().join("qa/links.md")).unwrap();
            assert_eq!(here, "The first link leads nowhere.\n", "written without a filter");
        }
        // The traps are real: git itself springs them.
        village.try_git(["status"]);
        assert!(canary.exists());
    }
}

/// One entry of a tree: mode, raw name, object.
type Entry<'a> = (&'a str, &'a str, &'a str);

/// A tree as no tool would write it: names are taken as they are.
fn tree(village: &Village, entries: &[Entry<'_>]) -> String {
    let mut bytes = Vec::new();
    for (mode, name, oid) in entries {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        for pair in oid.as_bytes().chunks(2) {
            bytes.push(u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
        }
    }
    village.git_with(["hash-object", "-t", "tree", "--literally", "-w", "--stdin"], &bytes)
}

fn blob(village: &Village, content: &str) -> String {
    village.git_with(["hash-object", "-w", "--stdin"], content.as_bytes())
}

/// A town in which `qa/kept.md` and `other.md` exist.
fn town() -> Village {
    let kept = "This file was here before and says which links lead nowhere.\n";
    Village::small().file("qa/kept.md", kept).file("other.md", "Not yours.\n").commit("Start")
}

/// Commits main's tree with `qa` replaced and further entries at the root, as the agent's branch, and lets the gate judge.
fn judged(village: &Village, below: &[Entry<'_>], beside: &[Entry<'_>]) -> Outcome {
    let kept = village.git(["rev-parse", "main:qa/kept.md"]);
    let mut entries = vec![("100644", "kept.md", kept.as_str())];
    entries.extend(below);
    let qa = tree(village, &entries);
    let rest = village.git(["ls-tree", "main"]);
    let mut root: Vec<Entry<'_>> = Vec::new();
    for line in rest.lines() {
        let (meta, name) = line.split_once('\t').unwrap();
        let mut meta = meta.split(' ');
        let (mode, oid) = (meta.next().unwrap(), meta.nth(1).unwrap());
        let replaced = name == "qa" || beside.iter().any(|(_, other, _)| *other == name);
        if !replaced {
            root.push((if mode == "040000" { "40000" } else { mode }, name, oid));
        }
    }
    root.push(("40000", "qa", &qa));
    root.extend(beside.iter().filter(|(_, _, oid)| !oid.is_empty()));
    let root = tree(village, &root);
    let commit = village.git(["commit-tree", &root, "-p", "main", "-m", "List what is broken"]);
    village.git(["update-ref", "refs/heads/agent/chaostester", &commit]);
    gate(village)
}

fn gate(village: &Village) -> Outcome {
    village.monkeytown(&["gate", "--agent", "chaostester", "--head", "agent/chaostester", "--json"])
}

/// The gate has to refuse, by a check that names the path.
#[track_caller]
fn refused(judged: &Outcome, check: &str, path: &str) {
    assert_eq!(judged.code, 1, "{path:?}: {judged:#?}");
    let findings = judged.json["findings"].as_array().unwrap();
    let named = |finding: &&Value| {
        finding["rule"] == check && finding["severity"] == "error" && finding["path"].as_str() == Some(path)
    };
    assert!(findings.iter().any(|finding| named(&finding)), "{check} does not name {path:?} in {judged:#?}");
}

#[test]
fn the_gate_lets_honest_work_through() {
    let village = town();
    let text = blob(&village, "The first link leads nowhere.\n");
    assert_eq!(judged(&village, &[("100644", "links.md", &text)], &[]).code, 0);
}

#[test]
fn no_spelling_of_a_path_leaves_what_the_agent_owns() {
    let village = town();
    let text = blob(&village, "The first link leads nowhere.\n");
    let inner = tree(&village, &[("100644", "other", &text)]);
    for (name, path) in [("..", "qa/../other"), (".", "qa/./other"), (".git", "qa/.git/other")] {
        refused(&judged(&village, &[("40000", name, &inner)], &[]), "safe-paths", path);
    }
    for (name, path) in [
        ("Kept.md", "qa/Kept.md"),
        ("trailing.", "qa/trailing."),
        ("trailing ", "qa/trailing "),
        ("con.txt", "qa/con.txt"),
        ("back\\slash", "qa/back\\slash"),
        ("stream:x", "qa/stream:x"),
    ] {
        refused(&judged(&village, &[("100644", name, &text)], &[]), "safe-paths", path);
    }
    // A folder without a name, for an absolute path or a doubled slash, is not even read.
    let etc = tree(&village, &[("40000", "etc", &inner)]);
    judged(&village, &[], &[("40000", "", &etc)]).says(2, "failed to parse tree");
    judged(&village, &[("40000", "", &inner)], &[]).says(2, "failed to parse tree");
    // Two spellings of one name, composed and decomposed.
    let twins = [("100644", "caf\u{e9}.md", text.as_str()), ("100644", "cafe\u{301}.md", text.as_str())];
    let both = judged(&village, &twins, &[]);
    assert_eq!(both.code, 1, "{both:#?}");
    assert!(both.stdout.contains("safe-paths"), "{both:#?}");
    // Twins of a folder count as well.
    refused(&judged(&village, &[], &[("40000", "QA", &inner)]), "stays-in-own-paths", "QA/other");
}

// covers: gate#agents-stay-in-their-own-paths
#[test]
fn what_others_own_is_neither_written_nor_taken_away() {
    let village = town();
    let text = blob(&village, "Mine now.\n");
    refused(&judged(&village, &[], &[("100644", "other.md", &text)]), "stays-in-own-paths", "other.md");
    refused(&judged(&village, &[], &[("100644", "other.md", "")]), "stays-in-own-paths", "other.md");
    // A rename counts on both ends: out of what is owned, and into it.
    let kept = village.git(["rev-parse", "main:qa/kept.md"]);
    refused(&judged(&village, &[], &[("100644", "moved.md", &kept)]), "stays-in-own-paths", "moved.md");
    let other = village.git(["rev-parse", "main:other.md"]);
    let taken = judged(&village, &[("100644", "other.md", &other)], &[("100644", "other.md", "")]);
    refused(&taken, "stays-in-own-paths", "other.md");
    // Its own charter and the town file are nobody's.
    let agents = tree(&village, &[("100644", "chaostester.md", &text)]);
    refused(&judged(&village, &[], &[("40000", "agents", &agents)]), "stays-in-own-paths", "agents/chaostester.md");
    let attributes = judged(&village, &[("100644", ".gitattributes", &text)], &[]);
    refused(&attributes, "stays-in-own-paths", "qa/.gitattributes");
}

#[test]
fn links_modules_and_programs_are_refused() {
    let village = town();
    let text = blob(&village, "The first link leads nowhere.\n");
    let target = blob(&village, "../other.md");
    let main = village.git(["rev-parse", "main"]);
    refused(&judged(&village, &[("120000", "link.md", &target)], &[]), "no-links-or-modules", "qa/link.md");
    refused(&judged(&village, &[("160000", "module", &main)], &[]), "no-links-or-modules", "qa/module");
    refused(&judged(&village, &[("100755", "run.sh", &text)], &[]), "no-links-or-modules", "qa/run.sh");
    // A folder that is a link on main leads nowhere: what is written stays below the agent's own path or is refused.
    let village = town();
    std::os::unix::fs::symlink("..", village.dir().join("qa/up")).unwrap();
    village.save("A link of a human's");
    village.says([write("qa/up/other.md", "Mine now.\n"), finish("Write through a link")]);
    let run = village.run("chaostester");
    assert_ne!(run.json["outcome"], "opened", "{run:#?}");
    assert_eq!(fs::read_to_string(village.dir().join("other.md")).unwrap(), "Not yours.\n");
    assert_eq!(village.show("main", "other.md"), "Not yours.");
}

// covers: gate#secrets-are-found-in-everything-that-would-be-pushed/added-in-one-commit-and-removed-in-the-next
#[test]
fn secrets_are_found_in_every_commit_and_disguise() {
    use std::fmt::Write as _;
    let key = ["AKIA", "Z7Q4M2XW", "P9LKD3RT"].concat();
    let long = ["ghp", "_", "a8Kd02mXw7Qp4Rt6", "Yz1Bn3Vc5Lj9Hg0FsE2u"].concat();
    let coded = {
        let text = format!("token = {long}\n");
        let village = Village::new();
        fs::write(village.path("plain"), text).unwrap();
        let output = std::process::Command::new("base64").arg("-w0").arg(village.path("plain")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (front, back) = long.split_at(20);
    let mut split = String::new();
    write!(split, "token = \"{front}\" +\n  \"{back}\"\n").unwrap();
    for (what, content) in [
        ("a key", format!("The key was {key} once.\n")),
        ("a token", format!("token = {long}\n")),
        ("a token in base64", format!("config: {coded}\n")),
        ("a token over two lines", split),
    ] {
        let village = town();
        village.git(["checkout", "-q", "-b", "agent/chaostester"]);
        village.put("qa/found.md", &content).save("Write down what was found");
        refused(&gate(&village), "no-secrets", "qa/found.md");
        // Taken out again in the next commit, it would still be pushed.
        village.put("qa/found.md", "Nothing to see.\n").save("Take it out again");
        let hidden = gate(&village);
        assert_eq!(hidden.code, 1, "{what}: {hidden:#?}");
        assert!(hidden.stdout.contains("no-secrets") && hidden.stdout.contains("qa/found.md"), "{what}: {hidden:#?}");
        for said in [&hidden.stdout, &hidden.stderr] {
            assert!(!said.contains(&key) && !said.contains(&long), "{what} is repeated in {said}");
        }
    }
}
