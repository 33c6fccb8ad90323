//! A story of a town, told by the real program: each of its requests and each answer pass through Prism.

use std::collections::BTreeSet;

use crate::fake::{Method, Target};
use crate::prism::Prism;
use crate::runner::{Done, Job, Town, finish, nothing, write};

/// Every request of the program's, below the repository; a new one has to be added here, and the story has to need it.
const ROUTES: &[(&str, &str)] = &[
    ("GET", "/pulls"),
    ("POST", "/pulls"),
    ("GET", "/pulls/comments"),
    ("GET", "/pulls/N"),
    ("PATCH", "/pulls/N"),
    ("GET", "/pulls/N/reviews"),
    ("GET", "/issues"),
    ("GET", "/issues/N"),
    ("GET", "/issues/comments"),
    ("POST", "/issues/comments/N/reactions"),
    ("GET", "/issues/N/comments"),
    ("POST", "/issues/N/comments"),
    ("POST", "/issues/N/labels"),
    ("GET", "/issues/N/reactions"),
    ("POST", "/graphql"),
];

struct Story {
    town: Town,
    prism: Prism,
    pages: std::cell::Cell<u32>,
    /// Answers of 304 that were seen so far.
    unchanged: std::cell::Cell<usize>,
}

impl Story {
    fn begin() -> Self {
        let town = Town::of(&["chaostester", "madchimp"]);
        let prism = Prism::in_front_of(&town.hub);
        Self { town, prism, pages: std::cell::Cell::new(0), unchanged: std::cell::Cell::new(0) }
    }

    /// A job whose API is Prism.
    fn job(&self) -> Job<'_> {
        self.town.job().env("GITHUB_API_URL", self.prism.url())
    }

    /// A run that writes something new, four hours later.
    fn run(&self, agent: &str) -> Done {
        let page = self.pages.get() + 1;
        self.pages.set(page);
        self.town.later(240).says([
            write(&format!("{agent}/page-{page}.md"), &format!("What was seen on page {page}.\n")),
            finish(&format!("Say what is on page {page}")),
        ]);
        self.job().run(agent, &[])
    }

    #[track_caller]
    fn ran(&self, agent: &str, outcome: &str) {
        self.run(agent).ended(0, outcome);
        self.fine();
    }

    /// A sync, a minute later, and what it brought.
    #[track_caller]
    fn news(&self, wanted: &[&str]) {
        self.town.later(1);
        let done = self.job().monkeytown(&["sync", "--json"]);
        assert_eq!(done.code, 0, "{done:#?}");
        let news: Vec<&str> = done.json["news"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        assert_eq!(news, wanted);
        self.fine();
    }

    #[track_caller]
    fn fine(&self) {
        // A conditional request may always be answered by 304, also where the description does not list it.
        let all = self.town.hub.requests().iter().filter(|seen| seen.status == Some(304)).count();
        let unchanged = all - self.unchanged.replace(all);
        let is_status = |complaint: &String| complaint.contains("Unable to match the returned status code");
        let (status, others): (Vec<String>, Vec<String>) = self.prism.complaints().into_iter().partition(is_status);
        assert_eq!(others, Vec::<String>::new());
        assert!(status.len() <= unchanged, "{unchanged} answers of 304, and {status:#?}");
    }

    /// That Prism missed nothing but an answer that every operation may give and the description leaves out.
    #[track_caller]
    fn only_left_out(&self) {
        for complaint in self.prism.complaints() {
            assert!(complaint.contains("Unable to match the returned status code"), "{complaint}");
        }
    }

    /// What was asked of the API, each once, numbers as `N`.
    fn asked(&self) -> BTreeSet<(String, String)> {
        let place = format!("/repos/{}", self.town.hub.slug());
        let seen = self.town.hub.requests().into_iter();
        seen.filter(|seen| !seen.path.contains(".git/"))
            .map(|seen| {
                let path = seen.path.split('?').next().unwrap();
                let path = path.strip_prefix(&place).unwrap_or(path);
                let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                let parts: Vec<&str> = path.split('/').map(|part| if number(part) { "N" } else { part }).collect();
                (seen.method, parts.join("/"))
            })
            .collect()
    }
}

#[test]
fn every_request_of_a_towns_life_is_as_github_describes_it() {
    let story = Story::begin();
    opened_and_talked_about(&story);
    merged_in_every_way(&story);
    rejected_and_opened_again(&story);
    superseded(&story);
    let table = ROUTES.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(story.asked(), table, "what the program asked, and the table ROUTES");
    refused(&story);
    assert_eq!(story.asked(), table, "failures lead to no other requests");
    story.town.verify_ok();
}

fn opened_and_talked_about(story: &Story) {
    let hub = &story.town.hub;
    story.ran("chaostester", "opened");
    hub.comment(1, "ada", "Which page do you mean?");
    hub.review(1, "ada", "CHANGES_REQUESTED", "Say which line.");
    hub.review(1, "grace", "APPROVED", "");
    hub.review_comment(1, "grace", "chaostester/page-1.md", 1, "Is it the first?");
    let heart = hub.react(Target::Issue(1), "ada", "heart");
    let post = hub.open_issue("grace", "Look at the docs", "They are old.", &["monkeytown-board", "agent:madchimp"]);
    hub.comment(post, "ada", "The page on gates first.");
    hub.react(Target::Issue(post), "ada", "+1");
    story.town.later(1);
    let done = story.job().monkeytown(&["sync", "--json"]);
    assert_eq!(done.json["news"].as_array().map(Vec::len), Some(7), "{done:#?}");
    story.fine();
    hub.unreact(heart);
    // The post is known now, and so its reactions are asked for.
    story.news(&["ada reacted to post/issue-2 with +1", "ada took back heart from pull/1"]);
    // A person makes a draft of it, and the next run offers it again.
    hub.set_draft(1, true);
    hub.set_head_lag(2);
    story.ran("chaostester", "updated");
    assert!(!hub.pull(1).draft);
    let refused = hub.comment(1, "eve", "/freeze for fun");
    let paused = hub.comment(1, "grace", "/pause too loud");
    story.town.later(1);
    let done = story.job().monkeytown(&["sync", "--json"]);
    assert_eq!(done.json["news"].as_array().map(Vec::len), Some(3), "{done:#?}");
    story.fine();
    let told = |id| hub.reactions(Target::Comment(id)).remove(0).1;
    assert_eq!((told(refused), told(paused)), ("confused".to_owned(), "+1".to_owned()));
    hub.comment(1, "ada", "/resume");
    hub.close(post, "ada");
    story.town.later(240).says([nothing("all is said")]);
    story.job().run("chaostester", &[]).ended(0, "nothing");
    story.fine();
    assert_eq!(story.town.facts("post.closed").len(), 1);
}

fn merged_in_every_way(story: &Story) {
    let hub = &story.town.hub;
    for method in [Method::Merge, Method::Squash, Method::Rebase] {
        let number = hub.pulls().last().unwrap().number;
        hub.merge(number, "ada", method);
        story.news(&[&format!("ada merged #{number}")]);
        story.ran("chaostester", "opened");
    }
}

fn rejected_and_opened_again(story: &Story) {
    let hub = &story.town.hub;
    let number = hub.pulls().last().unwrap().number;
    hub.comment(number, "grace", "/reject low-value Nobody reads that");
    story.town.later(1);
    let done = story.job().monkeytown(&["sync", "--json"]);
    assert_eq!((done.code, hub.pull(number).state), (0, "closed"), "{done:#?}");
    story.fine();
    story.ran("chaostester", "opened");
    let number = hub.pulls().last().unwrap().number;
    hub.close(number, "ada");
    story.news(&[&format!("ada rejected #{number} as other")]);
    story.town.later(10);
    hub.reopen(number, "ada");
    story.town.later(1);
    story.ran("chaostester", "updated");
    assert_eq!(story.town.facts("pull.reopened").len(), 1);
}

fn superseded(story: &Story) {
    let hub = &story.town.hub;
    let old = hub.pulls().last().unwrap().number;
    hub.set_branch("trunk", "ada", &hub.tip("main").unwrap());
    let settings = "name: smalltown\nbranch: trunk\npeople: { ada: mayor, grace: citizen }\n";
    hub.commit_on_branch("trunk", "ada", ".monkeytown/town.yaml", settings);
    hub.set_branch("main", "ada", &hub.tip("trunk").unwrap());
    story.ran("chaostester", "opened");
    let new = hub.pulls().last().unwrap().number;
    assert_eq!((hub.pull(old).state, hub.pull(new).base.as_str()), ("closed", "trunk"));
}

fn refused(story: &Story) {
    let hub = &story.town.hub;
    // 403: the repository does not let its workflows open pull requests.
    hub.forbid_pull_creation(true);
    story.run("madchimp").says(2, "Allow GitHub Actions to create and approve pull requests");
    story.only_left_out();
    hub.forbid_pull_creation(false);
    // 422: somebody was faster; the answer that GitHub gives then, at the first try.
    let body = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom",
        "message":"A pull request already exists for acme:agent/madchimp."}],
        "documentation_url":"https://docs.github.com/rest/pulls/pulls#create-a-pull-request","status":"422"}"#;
    hub.fail_next("POST", "/repos/acme/smalltown/pulls", 422, body, 1);
    story.run("madchimp").says(1, "A pull request already exists");
    story.fine();
    // 404: a post that is gone is passed over, and so is what cannot be read at all.
    let post = hub.open_issue("grace", "A mistake", "", &["monkeytown-board"]);
    story.town.later(1);
    let done = story.job().monkeytown(&["sync", "--json"]);
    assert_eq!(done.code, 0, "{done:#?}");
    hub.delete_issue(post);
    story.news(&[]);
    let job = story.town.job_of(900, Some("nonsense")).env("GITHUB_API_URL", story.prism.url());
    assert_eq!(job.monkeytown(&["sync"]).code, 2);
    story.only_left_out();
    // After all that, the next run goes through.
    story.ran("madchimp", "opened");
    // And it is Prism whom the program asks: an answer that GitHub would not give does not get through to it.
    hub.fail_next("GET", "/repos/acme/smalltown/issues/comments", 200, r#"[{"id":1}]"#, 9);
    assert_eq!(story.job().monkeytown(&["sync"]).code, 3);
    let complaints = story.prism.complaints();
    assert!(complaints.iter().any(|complaint| complaint.contains("/issues/comments")), "{complaints:#?}");
}

#[test]
fn the_table_names_every_path_of_the_source() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/forge/github");
    let (mut found, mut places) = (BTreeSet::new(), 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for (at, call) in text.match_indices("self.path(") {
            places += 1;
            let rest = &text[at + call.len()..];
            let literal = rest.strip_prefix("&format!(").unwrap_or(rest).strip_prefix('"').expect("a literal path");
            let path = literal.split(['"', '?']).next().unwrap();
            let parts: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "N" } else { part }).collect();
            found.insert(format!("/{}", parts.join("/")));
        }
    }
    let table = ROUTES.iter().map(|(_, path)| (*path).to_owned()).filter(|path| path != "/graphql").collect();
    assert_eq!(found, table);
    assert!(places >= found.len());
}
