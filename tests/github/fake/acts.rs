//! What people do in the browser, and what a test reads from behind the server.
//!
//! Lives here: the part of the handle that acts for people. Each act goes by the rules of the API, and one that GitHub
//! would refuse fails the test. Never here: requests.

use super::follow::Method;
use super::pulls;
use super::world::{Closed, Entry, LineComment, Target, World};
use super::{FakeGithub, git};

/// A pull request as it is, whatever reads still show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullState {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub by: String,
    pub branch: String,
    pub base: String,
    pub head: String,
    pub draft: bool,
    /// `open`, `closed` or `merged`.
    pub state: &'static str,
    /// Who closed or merged it.
    pub closed_by: Option<String>,
    /// The commit of the merge.
    pub merge_sha: Option<String>,
    pub labels: Vec<String>,
    /// The texts of its comments.
    pub comments: Vec<String>,
}

fn state(world: &World, entry: &Entry) -> PullState {
    let pull = entry.pull.as_ref().unwrap();
    let comments = world.comments.iter().filter(|comment| comment.number == entry.number);
    PullState {
        number: entry.number,
        title: entry.title.clone(),
        body: entry.body.clone().unwrap_or_default(),
        by: entry.by.clone(),
        branch: pull.branch.clone(),
        base: pull.base.clone(),
        head: pull.head.clone(),
        draft: pull.draft,
        state: match (&pull.merged, &entry.closed) {
            (Some(_), _) => "merged",
            (None, Some(_)) => "closed",
            (None, None) => "open",
        },
        closed_by: entry.closed.as_ref().map(|closed| closed.by.clone()),
        merge_sha: pull.merged.as_ref().map(|merged| merged.sha.clone()),
        labels: entry.labels.clone(),
        comments: comments.map(|comment| comment.body.clone()).collect(),
    }
}

impl FakeGithub {
    // --- Pull requests ---

    /// All pull requests, in the order of their numbers.
    pub fn pulls(&self) -> Vec<PullState> {
        let world = self.world();
        let pulls = world.entries.values().filter(|entry| entry.pull.is_some());
        pulls.map(|entry| state(&world, entry)).collect()
    }

    /// One pull request.
    pub fn pull(&self, number: u64) -> PullState {
        self.pulls()
            .into_iter()
            .find(|pull| pull.number == number)
            .unwrap_or_else(|| panic!("no pull request #{number}"))
    }

    /// Opens a pull request for a branch into the default branch.
    pub fn open_pull(&self, by: &str, branch: &str, title: &str, body: &str) -> u64 {
        let mut world = self.world();
        let base = world.default_branch.clone();
        pulls::open(&mut world, by, branch, &base, title, Some(body.to_owned()), false)
            .unwrap_or_else(|refused| panic!("{}", String::from_utf8_lossy(&refused.body)))
    }

    /// Adds so many pull requests of other people that look like this one, closed just now.
    pub fn crowd(&self, like: u64, count: u64) {
        let mut world = self.world();
        let now = world.now();
        let mut entry = world.entry(like).clone();
        (entry.created, entry.updated) = (now, now);
        entry.closed = Some(Closed { at: now, by: entry.by.clone(), reason: None });
        entry.pull.as_mut().unwrap().branch = "work".to_owned();
        for _ in 0..count {
            world.last_number += 1;
            let (number, id) = (world.last_number, world.id());
            world.entries.insert(number, Entry { number, id, ..entry.clone() });
        }
    }

    /// Merges a pull request; the commit that its base stands at afterwards.
    pub fn merge(&self, number: u64, by: &str, method: Method) -> String {
        self.world().merge(number, by, method, None).unwrap_or_else(|why| panic!("#{number}: {why}"))
    }

    /// Closes an issue or a pull request.
    pub fn close(&self, number: u64, by: &str) {
        let mut world = self.world();
        let is_issue = world.entry(number).pull.is_none();
        world.close(number, by, is_issue.then_some("completed"));
    }

    /// Opens a closed issue or pull request again.
    pub fn reopen(&self, number: u64, by: &str) {
        let mut world = self.world();
        world.account(by);
        let entry = world.entry(number).clone();
        match &entry.pull {
            Some(pull) => {
                if let Some(why) = pulls::cannot_reopen(&world, pull) {
                    panic!("#{number}: {why}");
                }
                pulls::reopen(&mut world, number);
            }
            None => {
                let entry = world.entry(number);
                (entry.closed, entry.reopened) = (None, true);
                world.touch(number);
            }
        }
    }

    /// Gives a pull request another title.
    pub fn retitle(&self, number: u64, title: &str) {
        let mut world = self.world();
        world.entry(number).title = title.to_owned();
        world.touch(number);
    }

    /// Makes a pull request a draft, or ready.
    pub fn set_draft(&self, number: u64, draft: bool) {
        let mut world = self.world();
        world.pull(number).draft = draft;
        world.touch(number);
    }

    /// Reviews a pull request: `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`. The id of the review.
    pub fn review(&self, number: u64, by: &str, state: &str, body: &str) -> u64 {
        self.world().review(number, by, state, body)
    }

    /// Comments on a line of a pull request, which also makes a review. The id of the comment.
    pub fn review_comment(&self, number: u64, by: &str, path: &str, line: u64, body: &str) -> u64 {
        let mut world = self.world();
        let review = world.review(number, by, "COMMENTED", "");
        let (id, now, commit) = (world.id(), world.now(), world.pull(number).head.clone());
        let (by, path, body) = (by.to_owned(), path.to_owned(), body.to_owned());
        let comment = LineComment { id, review, number, by, path, line, body, commit, created: now, updated: now };
        world.line_comments.push(comment);
        id
    }

    // --- Issues and what is said ---

    /// Opens an issue; its number.
    pub fn open_issue(&self, by: &str, title: &str, body: &str, labels: &[&str]) -> u64 {
        let mut world = self.world();
        let number = world.enter(by, title, Some(body.to_owned()), None);
        for label in labels {
            world.label(number, label);
        }
        number
    }

    /// Deletes an issue: it answers 410 from now on.
    pub fn delete_issue(&self, number: u64) {
        self.world().entry(number).deleted = true;
    }

    /// Locks a conversation.
    pub fn lock(&self, number: u64) {
        self.world().entry(number).locked = true;
    }

    /// Gives an issue or a pull request a label.
    pub fn add_label(&self, number: u64, label: &str) {
        self.world().label(number, label);
    }

    /// Takes a label away.
    pub fn remove_label(&self, number: u64, label: &str) {
        let mut world = self.world();
        world.entry(number).labels.retain(|known| known != label);
        world.touch(number);
    }

    /// The labels of an issue or a pull request.
    pub fn labels(&self, number: u64) -> Vec<String> {
        self.world().entry(number).labels.clone()
    }

    /// Comments on an issue or a pull request; the id of the comment.
    pub fn comment(&self, number: u64, by: &str, text: &str) -> u64 {
        self.world().comment(number, by, text)
    }

    /// The comments on an issue or a pull request: who, and what.
    pub fn comments(&self, number: u64) -> Vec<(String, String)> {
        let world = self.world();
        let here = world.comments.iter().filter(|comment| comment.number == number);
        here.map(|comment| (comment.by.clone(), comment.body.clone())).collect()
    }

    /// Changes a comment.
    pub fn edit_comment(&self, id: u64, text: &str) {
        let mut world = self.world();
        let now = world.now();
        let comment = world.comments.iter_mut().find(|comment| comment.id == id).expect("the comment exists");
        (comment.body, comment.updated) = (text.to_owned(), now);
    }

    /// Deletes a comment, with its reactions.
    pub fn delete_comment(&self, id: u64) {
        let mut world = self.world();
        world.comments.retain(|comment| comment.id != id);
        world.reactions.retain(|reaction| reaction.on != Target::Comment(id));
    }

    /// Reacts; the id of the reaction.
    pub fn react(&self, on: Target, by: &str, content: &str) -> u64 {
        self.world().react(on, by, content).0
    }

    /// Takes a reaction back.
    pub fn unreact(&self, id: u64) {
        self.world().reactions.retain(|reaction| reaction.id != id);
    }

    /// The reactions on something: who, and with what.
    pub fn reactions(&self, on: Target) -> Vec<(String, String)> {
        let world = self.world();
        let here = world.reactions.iter().filter(|reaction| reaction.on == on);
        here.map(|reaction| (reaction.by.clone(), reaction.content.clone())).collect()
    }

    // --- Branches ---

    /// Commits one file on a branch; a branch that is not there begins at the default branch. The commit.
    pub fn commit_on_branch(&self, branch: &str, by: &str, path: &str, content: &str) -> String {
        self.commit_change(branch, by, path, Some(content.as_bytes()))
    }

    /// Commits the removal of one file.
    pub fn remove_on_branch(&self, branch: &str, by: &str, path: &str) -> String {
        self.commit_change(branch, by, path, None)
    }

    fn commit_change(&self, branch: &str, by: &str, path: &str, content: Option<&[u8]>) -> String {
        let mut world = self.world();
        world.account(by);
        let parent = world.bare.tip(branch).or_else(|| world.bare.tip(&world.default_branch));
        let tree = world.bare.tree_with(parent.as_deref(), path, content);
        let signature: git::Signature = world.signature(by);
        let parents: Vec<&str> = parent.as_deref().into_iter().collect();
        let verb = if content.is_some() { "Write" } else { "Remove" };
        let sha = world.bare.commit(&tree, &parents, &format!("{verb} {path}\n"), &signature, &signature);
        world.bare.set(&format!("refs/heads/{branch}"), &sha);
        world.follow(by);
        sha
    }

    /// Puts a branch somewhere else, as a forced push does.
    pub fn set_branch(&self, branch: &str, by: &str, sha: &str) {
        let mut world = self.world();
        world.bare.set(&format!("refs/heads/{branch}"), sha);
        world.follow(by);
    }

    /// Deletes a branch.
    pub fn delete_branch(&self, branch: &str, by: &str) {
        let mut world = self.world();
        world.bare.remove(&format!("refs/heads/{branch}"));
        world.follow(by);
    }

    /// Where a branch stands.
    pub fn tip(&self, branch: &str) -> Option<String> {
        self.world().bare.tip(branch)
    }

    /// What a file says on a branch or in a commit.
    pub fn file(&self, at: &str, path: &str) -> Option<String> {
        self.world().bare.file(at, path)
    }
}
