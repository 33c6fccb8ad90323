//! Shallow clones: the right answer, or the word that more history is needed.

use super::*;
use crate::git::remote::{Deepen, Remote};

/// A remote with ten commits on main and a branch from the third, and a clone of depth 1 of both.
fn shallow(box_: &Sandbox) -> (Repo, Vec<Oid>, Oid) {
    box_.with_remote();
    let mut line = vec![box_.rev("work", "main")];
    for step in 1..10 {
        box_.write("work", "n.txt", &step.to_string());
        line.push(box_.save("work", &format!("step {step}")));
    }
    box_.git("work", &["checkout", "-q", "-b", "side", &line[3].to_string()]);
    box_.write("work", "side.txt", "x");
    let side = box_.save("work", "side");
    box_.git("work", &["push", "-q", "origin", "main", "side"]);
    let url = format!("file://{}", box_.path("remote.git").display());
    box_.git(".", &["clone", "-q", "--depth=1", "--no-single-branch", &url, "shallow"]);
    (box_.open("shallow"), line, side)
}

const BOTH: [&str; 2] = ["+refs/heads/main:refs/remotes/origin/main", "+refs/heads/side:refs/remotes/origin/side"];

/// Moves the boundary, and lets the handle see it.
fn deepen(remote: &Remote, repo: &mut Repo, wanted: &[String], depth: Deepen) {
    remote.deepen(repo, wanted, depth, LIMIT).unwrap();
    repo.refresh().unwrap();
}

#[test]
fn what_lies_beyond_the_boundary_is_said_so_and_deepening_answers() {
    let box_ = Sandbox::new();
    let (mut repo, line, side) = shallow(&box_);
    let tip = line[9];
    assert!(repo.is_shallow() && repo.facts().unwrap().shallow);
    let unknown = [
        repo.merge_base(tip, side).unwrap_err(),
        repo.is_ancestor(side, tip).unwrap_err(),
        repo.is_ancestor(line[3], tip).unwrap_err(),
        repo.commits_between(&[tip], side).map(|_| ()).unwrap_err(),
        repo.parents(tip).unwrap_err(),
        repo.proposal(tip, side, &[tip]).unwrap_err(),
        repo.first_parent_merge_of(side, tip, 100).unwrap_err(),
    ];
    for error in unknown {
        assert!(error.needs_depth(), "{error}");
    }
    assert!(repo.is_ancestor(tip, tip).unwrap());
    assert_eq!(repo.merge_base(tip, tip).unwrap(), Some(tip));

    let remote = repo.remote("origin").unwrap();
    let wanted = BOTH.map(str::to_owned);
    deepen(&remote, &mut repo, &wanted, Deepen::By(3));
    assert!(repo.is_shallow());
    assert_eq!(repo.parents(tip).unwrap(), [line[8]]);
    assert!(repo.is_ancestor(line[8], tip).unwrap());
    // libgit2's own reading follows the moved boundary, too.
    assert_eq!(repo.git().find_commit(tip).unwrap().parent_count(), 1);
    deepen(&remote, &mut repo, &wanted, Deepen::By(5));
    assert_eq!(repo.merge_base(tip, side).unwrap(), Some(line[3]));
    assert!(!repo.is_ancestor(side, line[3]).unwrap());

    deepen(&remote, &mut repo, &wanted, Deepen::Full);
    assert!(!repo.is_shallow() && !repo.common_dir().join("shallow").exists());
    assert!(!repo.is_ancestor(side, tip).unwrap());
    assert_eq!(repo.commits_between(&[], tip).unwrap(), line);
    // What was whole stays whole.
    deepen(&remote, &mut repo, &wanted, Deepen::By(1));
    deepen(&remote, &mut repo, &wanted, Deepen::Full);
    assert!(!repo.is_shallow());
    box_.git("shallow", &["fsck", "--full", "--strict"]);
}

#[test]
fn new_work_on_a_shallow_tip_needs_no_more_history_and_can_be_pushed() {
    use crate::git::remote::PushSpec;
    let box_ = Sandbox::new();
    let (repo, line, _) = shallow(&box_);
    let tip = line[9];
    box_.write("shallow", "new.txt", "x");
    let work = box_.save("shallow", "work");
    assert_eq!(repo.merge_base(tip, work).unwrap(), Some(tip));
    assert!(repo.is_ancestor(tip, work).unwrap());
    assert!(!repo.is_ancestor(work, tip).unwrap());
    assert_eq!(repo.commits_between(&[tip], work).unwrap(), [work]);
    assert_eq!(repo.proposal(tip, work, &[tip]).unwrap().changes.len(), 1);
    let spec = PushSpec { local: Some(work), reference: "refs/heads/agent/a".into(), lease: Some(Oid::ZERO_SHA1) };
    repo.remote("origin").unwrap().push(&repo, &[spec], true, LIMIT).unwrap();
    assert_eq!(box_.open("remote.git").tip("refs/heads/agent/a").unwrap(), Some(work));
}

#[test]
fn a_branch_alone_is_fetched_at_depth_one_without_cutting_the_rest() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    for step in 1..5 {
        box_.write("work", "n.txt", &step.to_string());
        box_.save("work", &format!("step {step}"));
    }
    box_.git("work", &["push", "-q", "origin", "main:journal"]);
    box_.git(".", &["clone", "-q", "--single-branch", "-b", "main", "remote.git", "clone"]);
    let mut clone = box_.open("clone");
    let remote = clone.remote("origin").unwrap();
    let wanted = ["+refs/heads/journal:refs/remotes/origin/journal".to_owned()];
    deepen(&remote, &mut clone, &wanted, Deepen::Depth(1));
    let tip = repo.tip("refs/heads/main").unwrap().unwrap();
    assert_eq!(clone.tip("refs/remotes/origin/journal").unwrap(), Some(tip));
    assert_eq!(clone.boundary().unwrap().into_iter().collect::<Vec<_>>(), [tip]);
    assert!(clone.parents(tip).unwrap_err().needs_depth());
    box_.git("clone", &["fsck", "--full"]);
}

#[test]
fn a_linked_worktree_of_a_shallow_clone_knows_the_boundary() {
    let box_ = Sandbox::new();
    let (_, line, _) = shallow(&box_);
    box_.git("shallow", &["worktree", "add", "-q", "-b", "one", "../one"]);
    let one = box_.open("one");
    assert!(one.is_shallow());
    assert!(one.parents(line[9]).unwrap_err().needs_depth());
    assert_eq!(one.git().find_commit(line[9]).unwrap().parent_count(), 0);
}
