//! What the fake knows: accounts, tokens, issues, pull requests, what was said about them, and what time it is.
//!
//! Lives here: the state and the questions about it that several answers need. Never here: HTTP, JSON (see `shape`),
//! or what changes when a branch moves (see `follow`).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, Utc};

use super::faults::Faults;
use super::git::{Bare, Signature};

/// The account behind `GITHUB_TOKEN`.
pub const ACTIONS: &str = "github-actions[bot]";

/// Somebody who acts.
#[derive(Clone, Debug)]
pub struct Account {
    pub login: String,
    pub id: u64,
    pub bot: bool,
    /// How close the account is to the repository, in GitHub's words.
    pub association: &'static str,
}

/// What a token may do. Reading is not refused to any token that the fake knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    pub contents: bool,
    pub pulls: bool,
    pub issues: bool,
    pub workflows: bool,
}

impl Grants {
    /// What a workflow gets with `contents`, `pull-requests` and `issues: write`.
    pub const WRITE: Grants = Grants { contents: true, pulls: true, issues: true, workflows: false };
    /// Everything, as the token of a person may.
    pub const ALL: Grants = Grants { workflows: true, ..Grants::WRITE };
    /// Nothing but reading.
    pub const READ: Grants = Grants { contents: false, pulls: false, issues: false, workflows: false };
}

/// A token that the fake knows.
#[derive(Clone, Debug)]
pub struct Token {
    pub secret: String,
    /// What it is called in the list of requests.
    pub label: String,
    pub login: String,
    pub grants: Grants,
}

/// Why and when something was closed.
#[derive(Clone, Debug)]
pub struct Closed {
    pub at: DateTime<Utc>,
    pub by: String,
    pub reason: Option<String>,
}

/// When, by whom and as which commit a pull request was merged.
#[derive(Clone, Debug)]
pub struct Merged {
    pub at: DateTime<Utc>,
    pub by: String,
    pub sha: String,
}

/// What makes an issue a pull request.
#[derive(Clone, Debug)]
pub struct Pull {
    pub id: u64,
    pub branch: String,
    pub base: String,
    pub head: String,
    /// Where the base stood when the pull request was opened, last pushed to or merged.
    pub base_sha: String,
    pub draft: bool,
    pub merged: Option<Merged>,
    /// The head that is still shown, and how many reads it is shown for.
    pub lag: Option<(String, u32)>,
}

/// An issue or a pull request: they share their numbers.
#[derive(Clone, Debug)]
pub struct Entry {
    pub number: u64,
    pub id: u64,
    pub title: String,
    pub body: Option<String>,
    pub by: String,
    pub labels: Vec<String>,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    pub closed: Option<Closed>,
    pub reopened: bool,
    pub locked: bool,
    pub deleted: bool,
    pub pull: Option<Pull>,
}

/// A comment on an issue or on a pull request as a whole.
#[derive(Clone, Debug)]
pub struct Comment {
    pub id: u64,
    pub number: u64,
    pub by: String,
    pub body: String,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
}

/// A review.
#[derive(Clone, Debug)]
pub struct Review {
    pub id: u64,
    pub number: u64,
    pub by: String,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED` or `PENDING`.
    pub state: String,
    pub body: String,
    pub commit: String,
    pub at: DateTime<Utc>,
}

/// A comment on a line of a pull request.
#[derive(Clone, Debug)]
pub struct LineComment {
    pub id: u64,
    pub review: u64,
    pub number: u64,
    pub by: String,
    pub path: String,
    pub line: u64,
    pub body: String,
    pub commit: String,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
}

/// What a reaction is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An issue or a pull request, by its number.
    Issue(u64),
    /// A comment, by its id.
    Comment(u64),
}

/// A reaction.
#[derive(Clone, Debug)]
pub struct Reaction {
    pub id: u64,
    pub on: Target,
    pub by: String,
    pub content: String,
    pub at: DateTime<Utc>,
}

/// A label of the repository.
#[derive(Clone, Debug)]
pub struct Label {
    pub id: u64,
    pub name: String,
    pub color: String,
    pub description: Option<String>,
}

/// A request as the fake received it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The label of the token, `unknown` for a token that the fake does not know.
    pub token: Option<String>,
    /// All headers but the one with the token, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// What was answered; `None` where the connection was cut.
    pub status: Option<u16>,
}

impl Seen {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What the owner of the repository set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether Actions may create and approve pull requests.
    pub actions_may_open: bool,
    pub private: bool,
    pub delete_merged_branches: bool,
    pub protected: BTreeSet<String>,
    /// How many reads of a pull request show the old head after its branch moved.
    pub head_lag: u32,
}

/// Everything.
pub struct World {
    /// `http://127.0.0.1:<port>`.
    pub server: String,
    pub owner: String,
    pub name: String,
    pub repo_id: u64,
    pub default_branch: String,
    pub bare: Bare,
    pub settings: Settings,
    pub faults: Faults,
    pub accounts: Vec<Account>,
    pub tokens: Vec<Token>,
    pub entries: BTreeMap<u64, Entry>,
    pub comments: Vec<Comment>,
    pub reviews: Vec<Review>,
    pub line_comments: Vec<LineComment>,
    pub reactions: Vec<Reaction>,
    pub labels: Vec<Label>,
    pub seen: Vec<Seen>,
    /// The branches as they were when the fake last looked.
    pub branches: BTreeMap<String, String>,
    pub clock: Option<DateTime<Utc>>,
    pub created: DateTime<Utc>,
    /// Requests that counted against the limit of each token since the window began.
    pub used: BTreeMap<String, (u64, i64)>,
    pub last_id: u64,
    pub last_number: u64,
}

impl World {
    /// A world with an owner and the Actions bot.
    pub fn new(server: String, owner: &str, name: &str, bare: Bare) -> World {
        let mut world = World {
            server,
            owner: owner.to_owned(),
            name: name.to_owned(),
            repo_id: 1_000_000,
            default_branch: "main".to_owned(),
            bare,
            settings: Settings {
                actions_may_open: true,
                private: false,
                delete_merged_branches: false,
                protected: BTreeSet::new(),
                head_lag: 0,
            },
            faults: Faults::default(),
            accounts: Vec::new(),
            tokens: Vec::new(),
            entries: BTreeMap::new(),
            comments: Vec::new(),
            reviews: Vec::new(),
            line_comments: Vec::new(),
            reactions: Vec::new(),
            labels: Vec::new(),
            seen: Vec::new(),
            branches: BTreeMap::new(),
            clock: None,
            created: DateTime::UNIX_EPOCH,
            used: BTreeMap::new(),
            last_id: 1_000_000,
            last_number: 0,
        };
        world.created = world.now();
        world.account(owner).association = "OWNER";
        *world.account(ACTIONS) = Account { login: ACTIONS.to_owned(), id: 41_898_282, bot: true, association: "NONE" };
        world
    }

    /// The moment: what the test set, or what the machine says.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.unwrap_or_else(Utc::now).trunc_subsecs(0)
    }

    /// An id that nothing else has.
    pub fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The account of that name, made when it is first heard of.
    pub fn account(&mut self, login: &str) -> &mut Account {
        if !self.accounts.iter().any(|account| account.login == login) {
            let bot = login.ends_with("[bot]");
            let (id, login) = (self.id(), login.to_owned());
            self.accounts.push(Account { login, id, bot, association: "COLLABORATOR" });
        }
        self.accounts.iter_mut().find(|account| account.login == login).unwrap()
    }

    /// The account of that name, which exists.
    pub fn known(&self, login: &str) -> &Account {
        self.accounts.iter().find(|account| account.login == login).unwrap_or_else(|| panic!("no account {login}"))
    }

    /// How an account signs commits.
    pub fn signature(&self, login: &str) -> Signature {
        let account = self.known(login);
        let email = format!("{}+{login}@users.noreply.github.com", account.id);
        Signature { name: login.to_owned(), email, at: self.now() }
    }

    /// The account behind a commit's e-mail address.
    pub fn account_of(&self, email: &str) -> Option<&Account> {
        let (id, _) = email.strip_suffix("@users.noreply.github.com")?.split_once('+')?;
        self.accounts.iter().find(|account| account.id.to_string() == id)
    }

    /// Makes a number for a new issue or pull request, and writes it down.
    pub fn enter(&mut self, by: &str, title: &str, body: Option<String>, pull: Option<Pull>) -> u64 {
        self.account(by);
        self.last_number += 1;
        let (number, id, now) = (self.last_number, self.id(), self.now());
        let entry = Entry {
            number,
            id,
            title: title.to_owned(),
            body,
            by: by.to_owned(),
            labels: Vec::new(),
            created: now,
            updated: now,
            closed: None,
            reopened: false,
            locked: false,
            deleted: false,
            pull,
        };
        self.entries.insert(number, entry);
        number
    }

    /// The issue or pull request of that number, which exists.
    pub fn entry(&mut self, number: u64) -> &mut Entry {
        self.entries.get_mut(&number).unwrap_or_else(|| panic!("no issue or pull request #{number}"))
    }

    /// Notes that something about an entry changed now.
    pub fn touch(&mut self, number: u64) {
        let now = self.now();
        self.entry(number).updated = now;
    }

    /// The pull request part of a number.
    pub fn pull(&mut self, number: u64) -> &mut Pull {
        self.entry(number).pull.as_mut().unwrap_or_else(|| panic!("#{number} is not a pull request"))
    }

    /// Numbers of the open pull requests.
    pub fn open_pulls(&self) -> Vec<u64> {
        let open = self.entries.values().filter(|entry| entry.pull.is_some() && entry.closed.is_none());
        open.map(|entry| entry.number).collect()
    }

    /// The open pull request from one branch into another.
    pub fn open_pull(&self, branch: &str, base: &str) -> Option<u64> {
        let is = |number: &u64| {
            let pull = self.entries[number].pull.as_ref().unwrap();
            pull.branch == branch && pull.base == base
        };
        self.open_pulls().into_iter().find(is)
    }

    /// Gives an entry a label; one that the repository does not have is made.
    pub fn label(&mut self, number: u64, name: &str) {
        let same = |known: &str| known.eq_ignore_ascii_case(name);
        if !self.labels.iter().any(|label| same(&label.name)) {
            let id = self.id();
            self.labels.push(Label { id, name: name.to_owned(), color: "ededed".to_owned(), description: None });
        }
        let name = self.labels.iter().find(|label| same(&label.name)).unwrap().name.clone();
        let entry = self.entry(number);
        if !entry.labels.contains(&name) {
            entry.labels.push(name);
            self.touch(number);
        }
    }

    /// Writes a comment.
    pub fn comment(&mut self, number: u64, by: &str, body: &str) -> u64 {
        self.account(by);
        let (id, now) = (self.id(), self.now());
        let (by, body) = (by.to_owned(), body.to_owned());
        self.comments.push(Comment { id, number, by, body, created: now, updated: now });
        self.touch(number);
        id
    }

    /// Writes a review.
    pub fn review(&mut self, number: u64, by: &str, state: &str, body: &str) -> u64 {
        self.account(by);
        let (id, at, commit) = (self.id(), self.now(), self.pull(number).head.clone());
        let (by, state, body) = (by.to_owned(), state.to_owned(), body.to_owned());
        self.reviews.push(Review { id, number, by, state, body, commit, at });
        self.touch(number);
        id
    }

    /// Adds a reaction, or finds the one that is there; says whether it is new.
    pub fn react(&mut self, on: Target, by: &str, content: &str) -> (u64, bool) {
        self.account(by);
        let known = self.reactions.iter().find(|old| old.on == on && old.by == by && old.content == content);
        if let Some(known) = known {
            return (known.id, false);
        }
        let (id, at) = (self.id(), self.now());
        self.reactions.push(Reaction { id, on, by: by.to_owned(), content: content.to_owned(), at });
        (id, true)
    }

    /// Closes an entry that is open.
    pub fn close(&mut self, number: u64, by: &str, reason: Option<&str>) {
        self.account(by);
        let at = self.now();
        let entry = self.entry(number);
        if entry.closed.is_none() {
            entry.closed = Some(Closed { at, by: by.to_owned(), reason: reason.map(str::to_owned) });
            entry.updated = at;
        }
    }

    /// The token with that secret.
    pub fn token(&self, secret: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.secret == secret)
    }
}
