//! Ancestry as git sees it, and merges that no attribute can bend.

use proptest::prelude::*;

use super::*;
use crate::git::merge::Merged;
use crate::git::objects::{Author, NewCommit};

fn commit(repo: &Repo, parents: &[Oid], name: &str, seconds: i64) -> Oid {
    let author = Author { name: "Ada".into(), email: "ada@example.invalid".into() };
    repo.commit(repo.empty_tree().unwrap(), &NewCommit { parents, message: name, author: &author, seconds }).unwrap()
}

fn tree(repo: &Repo, files: &[(&str, &str)]) -> Oid {
    let file = |(path, text): &(&str, &str)| {
        let blob = repo.write_blob(text.as_bytes()).unwrap();
        ((*path).to_owned(), Some((crate::town::changeset::Mode::File, blob)))
    };
    repo.tree_with(None, &files.iter().map(file).collect()).unwrap()
}

#[test]
fn two_sides_merge_or_conflict_by_path() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    // An attribute of the checkout would make every conflict vanish, were it asked.
    box_.write("r", ".gitattributes", "* merge=union\n");
    box_.save("r", "attributes");
    let base = tree(&repo, &[(".gitattributes", "* merge=union\n"), ("a", "1\n2\n3\n"), ("b", "b\n")]);
    let ours = tree(&repo, &[(".gitattributes", "* merge=union\n"), ("a", "1\n2\nours\n"), ("b", "b\n")]);
    let theirs = tree(&repo, &[(".gitattributes", "* merge=union\n"), ("a", "1\n2\ntheirs\n"), ("b", "c\n")]);
    assert_eq!(repo.merge_trees(Some(base), ours, theirs).unwrap(), Merged::Conflicts(vec!["a".into()]));
    let top = tree(&repo, &[(".gitattributes", "* merge=union\n"), ("a", "top\n2\n3\n"), ("b", "c\n")]);
    let Merged::Clean(merged) = repo.merge_trees(Some(base), ours, top).unwrap() else { panic!("fits together") };
    assert_eq!(repo.read_path(merged, "a").unwrap().unwrap(), b"top\n2\nours\n");
    assert_eq!(repo.read_path(merged, "b").unwrap().unwrap(), b"c\n");
    assert_eq!(repo.merge_trees(Some(base), base, theirs).unwrap(), Merged::Clean(theirs));
    assert_eq!(repo.merge_trees(Some(base), ours, base).unwrap(), Merged::Clean(ours));
    // Deleted here and changed there; added differently on both sides; nothing in common.
    let gone = tree(&repo, &[(".gitattributes", "* merge=union\n"), ("b", "b\n")]);
    assert_eq!(repo.merge_trees(Some(base), gone, ours).unwrap(), Merged::Conflicts(vec!["a".into()]));
    let (one, two) = (tree(&repo, &[("x", "1\n"), ("y", "y\n")]), tree(&repo, &[("x", "2\n"), ("z", "z\n")]));
    assert_eq!(repo.merge_trees(None, one, two).unwrap(), Merged::Conflicts(vec!["x".into()]));
}

#[test]
fn the_merge_that_brought_a_head_in_is_found() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let root = commit(&repo, &[], "root", 1);
    let head = commit(&repo, &[root], "work", 2);
    let mut line = vec![root];
    for step in 0..20 {
        let parents = if step == 7 { vec![line[step], head] } else { vec![line[step]] };
        line.push(commit(&repo, &parents, &format!("main {step}"), 10 + i64::try_from(step).unwrap()));
    }
    let tip = line[20];
    assert_eq!(repo.first_parent_merge_of(head, tip, 100).unwrap(), Some(line[8]));
    assert_eq!(repo.first_parent_merge_of(head, tip, 13).unwrap(), Some(line[8]));
    assert_eq!(repo.first_parent_merge_of(head, tip, 5).unwrap(), None);
    assert_eq!(repo.first_parent_merge_of(head, line[7], 100).unwrap(), None);
    // A fast-forward brings a head in as itself; the root, too.
    assert_eq!(repo.first_parent_merge_of(line[3], tip, 100).unwrap(), Some(line[3]));
    assert_eq!(repo.first_parent_merge_of(root, tip, 100).unwrap(), Some(root));
    assert_eq!(repo.first_parent_merge_of(tip, tip, 100).unwrap(), Some(tip));
}

#[test]
fn agents_commits_are_recognised_and_those_that_a_human_touched_are_not() {
    use crate::git::propose::{Message, trailer, trailers};
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let root = box_.save("r", "root");
    let agent: crate::town::ids::AgentId = "chaostester".parse().unwrap();
    let message = Message {
        title: "Note what\nbreaks".into(),
        body: "Why it breaks.\r\n\r\nAgent: founderai".into(),
        agent: agent.clone(),
        run: crate::town::ids::RunId::from_parts(1_795_000_000_000, 7),
        base: crate::git::repo::id(root),
        change: Some("mend-it".into()),
    };
    let text = message.text();
    assert!(text.starts_with("Note what breaks\n\nWhy it breaks.\n\nAgent: founderai\n\nAgent: chaostester\nRun: "));
    let keys: Vec<String> = trailers(&text).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["Agent", "Run", "Base", "Change"]);
    assert_eq!(trailer(&text, "base").unwrap(), root.to_string());
    assert!(trailers("Agent: x").is_empty() && trailers("title\n\nsome words\nAgent: x").is_empty());

    let tree = repo.tree_of(root).unwrap();
    let made = repo.commit_of_agent(tree, &[root], &message, 1_795_000_000).unwrap();
    assert_eq!(
        box_.git("r", &["log", "-1", "--format=%(trailers:key=Agent,valueonly)", &made.to_string()]),
        "chaostester"
    );
    assert!(repo.is_agent_commit(made, &agent).unwrap());
    assert!(!repo.is_agent_commit(made, &"founderai".parse().unwrap()).unwrap());
    assert!(!repo.is_agent_commit(root, &agent).unwrap());
    box_.git("r", &["reset", "-q", "--hard", &made.to_string()]);
    box_.git("r", &["commit", "-q", "--amend", "--allow-empty", "--no-edit"]);
    assert!(!repo.is_agent_commit(box_.rev("r", "HEAD"), &agent).unwrap());
}

/// A random history: each commit names its parents among those before it, and a time that may lie.
fn graphs() -> impl Strategy<Value = Vec<(Vec<prop::sample::Index>, i64)>> {
    let parents = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    prop::collection::vec((parents, 0_i64..40), 2..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn ancestry_agrees_with_git(graph in graphs(), pick in any::<[prop::sample::Index; 2]>()) {
        let box_ = Sandbox::new();
        let repo = box_.init("r");
        let mut commits: Vec<Oid> = Vec::new();
        for (at, (parents, seconds)) in graph.iter().enumerate() {
            let mut chosen: Vec<Oid> = Vec::new();
            for parent in parents.iter().filter(|_| at > 0) {
                let parent = commits[parent.index(at)];
                if !chosen.contains(&parent) {
                    chosen.push(parent);
                }
            }
            commits.push(commit(&repo, &chosen, &at.to_string(), 1_000_000 + seconds));
        }
        let [one, two] = pick.map(|index| commits[index.index(commits.len())]);
        let (a, b) = (one.to_string(), two.to_string());
        let (ok, bases) = box_.try_git("r", &["merge-base", "--all", &a, &b]);
        let bases: Vec<&str> = if ok { bases.lines().collect() } else { Vec::new() };
        let found = repo.merge_base(one, two).unwrap();
        prop_assert_eq!(found.is_some(), !bases.is_empty());
        prop_assert!(found.is_none_or(|oid| bases.contains(&oid.to_string().as_str())));
        let (ancestor, _) = box_.try_git("r", &["merge-base", "--is-ancestor", &a, &b]);
        prop_assert_eq!(repo.is_ancestor(one, two).unwrap(), ancestor);
        let mut between = repo.commits_between(&[two], one).unwrap().iter().map(Oid::to_string).collect::<Vec<_>>();
        let listed = box_.git("r", &["rev-list", &a, &format!("^{b}")]);
        let mut listed: Vec<String> = listed.lines().map(str::to_owned).collect();
        between.sort();
        listed.sort();
        // Lying clocks may add a commit that is excluded, never leave one out.
        prop_assert!(listed.iter().all(|oid| between.contains(oid)), "{:?} {:?}", listed, between);
    }
}
