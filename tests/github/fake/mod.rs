//! A GitHub of our own for tests: stateful, on a port of this machine, over a real repository.
//!
//! Lives here: the handle, [`FakeGithub`]: where the fake is reached, with which tokens, what time it is there and what
//! goes wrong; what people do is in `acts`. Never here: tests, and anything of monkeytown's own code, since both are
//! held to the same description of GitHub from two sides. Start with [`FakeGithub::start`].
#![allow(dead_code, unused_imports, reason = "each test target uses its part of the kit")]

mod acts;
mod faults;
mod follow;
mod git;
mod graphql;
mod issues;
mod pulls;
mod reply;
mod rest;
mod server;
mod shape;
mod shape_repo;
mod smart;
mod world;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use chrono::{DateTime, Utc};
use tempfile::TempDir;
use tokio::sync::oneshot;

use self::faults::Act;
use self::git::Bare;
use self::reply::Reply;
use self::server::Shared;
use self::world::{Token, World};

pub use self::acts::PullState;
pub use self::faults::Cut;
pub use self::follow::Method;
pub use self::world::{ACTIONS, Grants, Seen, Target};

/// Whose repository it is, and what it is called.
pub const OWNER: &str = "acme";
pub const NAME: &str = "smalltown";

/// A running fake. It stops when this is dropped.
pub struct FakeGithub {
    shared: Shared,
    server: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    actions: String,
    reader: String,
    folder: TempDir,
}

impl FakeGithub {
    /// Starts one whose repository has a first commit on `main`.
    pub fn start() -> FakeGithub {
        let fake = FakeGithub::empty();
        fake.commit_on_branch("main", OWNER, "README.md", "# smalltown\n");
        fake
    }

    /// Starts one with the branches of a repository on this machine, and its default branch.
    pub fn start_from(repository: &Path) -> FakeGithub {
        let fake = FakeGithub::empty();
        let mut world = fake.world();
        world.bare.take(repository);
        world.branches = world.bare.branches();
        let head = world.bare.head_of(repository);
        world.bare.git(&["symbolic-ref", "HEAD", &format!("refs/heads/{head}")]);
        world.default_branch = head;
        drop(world);
        fake
    }

    /// Starts one whose repository has no commit yet.
    pub fn empty() -> FakeGithub {
        let folder = tempfile::tempdir().unwrap();
        let bare = Bare::create(folder.path(), OWNER, NAME);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let shared: Shared = Arc::new(Mutex::new(World::new(server.clone(), OWNER, NAME, bare)));
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || server::run(listener, served, stopped));
        let (stop, thread) = (Some(stop), Some(thread));
        let (actions, reader) = (String::new(), String::new());
        let mut fake = FakeGithub { shared, server, stop, thread, actions, reader, folder };
        fake.actions = fake.add_token("actions", ACTIONS, Grants::WRITE);
        fake.reader = fake.add_token("reader", ACTIONS, Grants::READ);
        fake
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.lock().unwrap()
    }

    // --- Where it is ---

    /// What `GITHUB_API_URL` would say. The same API also answers below `/api/v3`.
    pub fn api_url(&self) -> String {
        self.server.clone()
    }

    /// What `GITHUB_API_URL` would say on a GitHub Enterprise Server.
    pub fn enterprise_api_url(&self) -> String {
        format!("{}/api/v3", self.server)
    }

    /// What `GITHUB_SERVER_URL` would say.
    pub fn server_url(&self) -> String {
        self.server.clone()
    }

    /// Where git finds the repository.
    pub fn clone_url(&self) -> String {
        format!("{}/{OWNER}/{NAME}.git", self.server)
    }

    /// What `GITHUB_REPOSITORY` would say.
    pub fn slug(&self) -> String {
        format!("{OWNER}/{NAME}")
    }

    /// The bare repository itself, for a test that looks behind the server.
    pub fn repository(&self) -> PathBuf {
        self.world().bare.dir.clone()
    }

    // --- Who asks ---

    /// The token of a workflow that may write contents, pull requests and issues, and no workflows.
    pub fn token(&self) -> &str {
        &self.actions
    }

    /// The token of a workflow that may only read.
    pub fn read_token(&self) -> &str {
        &self.reader
    }

    /// Another token; `label` is what [`FakeGithub::requests`] calls it.
    pub fn add_token(&self, label: &str, login: &str, grants: Grants) -> String {
        let mut world = self.world();
        world.account(login);
        let kind = if login.ends_with("[bot]") { "ghs" } else { "ghp" };
        // Put together here, so that nothing in the tree looks like one.
        let secret = format!("{kind}_{}{:04}", "x".repeat(32), world.tokens.len());
        let token = Token { secret: secret.clone(), label: label.to_owned(), login: login.to_owned(), grants };
        world.tokens.push(token);
        secret
    }

    // --- What time it is, and what was asked ---

    /// Sets the clock, which stands still from then on. Until it is set the fake has the machine's.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.world().clock = Some(now);
    }

    /// The moment that the fake has.
    pub fn now(&self) -> DateTime<Utc> {
        self.world().now()
    }

    /// Every request since the start or since they were last forgotten, git's too.
    pub fn requests(&self) -> Vec<Seen> {
        self.world().seen.clone()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.world().seen.clear();
    }

    // --- What goes wrong ---

    /// Whether everything answers 503, git too.
    pub fn down(&self, down: bool) {
        self.world().faults.down = down;
    }

    /// Whether every connection is closed before anything is answered.
    pub fn unreachable(&self, unreachable: bool) {
        self.world().faults.unreachable = unreachable;
    }

    /// The next `times` REST requests meet the secondary limit with status 403.
    pub fn secondary_limit(&self, times: u32, retry_after_secs: u64) {
        self.world().faults.secondary(403, times, Some(retry_after_secs));
    }

    /// The same with status 429.
    pub fn secondary_limit_429(&self, times: u32, retry_after_secs: u64) {
        self.world().faults.secondary(429, times, Some(retry_after_secs));
    }

    /// The next `times` REST requests meet the detection of abuse, which names no moment to come back.
    pub fn abuse(&self, times: u32) {
        self.world().faults.abuse(times);
    }

    /// The primary limit is used up until that moment, in seconds since 1970.
    pub fn primary_limit(&self, reset_epoch: i64) {
        self.world().faults.primary = Some(reset_epoch);
    }

    /// The next `times` pushes are cut at that point.
    pub fn die_mid_push(&self, cut: Cut, times: u32) {
        self.world().faults.cut(cut, times);
    }

    /// The next `times` requests with that method (`*` for any) and a path that begins so (without `/api/v3`) have no
    /// effect and get this answer: JSON where `body` is some, plain text otherwise.
    pub fn fail_next(&self, method: &str, path_prefix: &str, status: u16, body: &str, times: u32) {
        let is_json = serde_json::from_str::<serde_json::Value>(body).is_ok();
        let kind = if is_json { "application/json; charset=utf-8" } else { "text/html; charset=utf-8" };
        let reply = Box::new(Reply::text(status, kind, body));
        self.world().faults.plan(method, path_prefix, Act::Answer(reply), times);
    }

    /// The next `times` such requests have their effect, and the connection closes before the answer.
    pub fn drop_response(&self, method: &str, path_prefix: &str, times: u32) {
        self.world().faults.plan(method, path_prefix, Act::Drop, times);
    }

    /// Takes all of these faults away.
    pub fn mend(&self) {
        self.world().faults.clear();
    }

    // --- What the owner set ---

    /// Whether Actions are forbidden to create and approve pull requests.
    pub fn forbid_pull_creation(&self, forbidden: bool) {
        self.world().settings.actions_may_open = !forbidden;
    }

    /// Nobody may push to this branch; merging pull requests stays possible.
    pub fn protect(&self, branch: &str) {
        self.world().settings.protected.insert(branch.to_owned());
    }

    /// Whether the repository is private: nothing is shown without a token then.
    pub fn private(&self, private: bool) {
        self.world().settings.private = private;
    }

    /// Whether a merge deletes the merged branch.
    pub fn delete_merged_branches(&self, delete: bool) {
        self.world().settings.delete_merged_branches = delete;
    }

    /// After a branch moves, this many reads of its pull request show the old head.
    pub fn set_head_lag(&self, reads: u32) {
        self.world().settings.head_lag = reads;
    }

    /// How close an account is to the repository: `OWNER`, `MEMBER`, `COLLABORATOR`, `CONTRIBUTOR` or `NONE`. Accounts
    /// that nothing was said about are collaborators, the bot is `NONE`.
    pub fn set_association(&self, login: &str, association: &'static str) {
        self.world().account(login).association = association;
    }
}

impl Drop for FakeGithub {
    fn drop(&mut self) {
        // The server may have ended by itself, with a panic that the test has seen.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
