//! Every route of the fake, good and bad, through Prism.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::fake::{ACTIONS, FakeGithub, Grants, Target};
use crate::http::{Client, Heard};
use crate::prism::Prism;

/// A town with a little of everything.
fn town() -> FakeGithub {
    let fake = FakeGithub::start();
    fake.set_now("2026-03-01T12:00:00Z".parse().unwrap());
    for branch in ["agent/ada", "agent/eve", "agent/kim"] {
        fake.commit_on_branch(branch, "ada", &format!("{branch}.md"), "One line.\n");
    }
    fake.commit_on_branch("agent/ada", ACTIONS, "a name with spaces & ünïcode.md", "Another.\n");
    by_a_stranger(&fake, "agent/ada");
    fake.open_pull("ada", "agent/ada", "Write one", "Because.");
    fake.open_issue("grace", "A question", "Why?", &["help wanted"]);
    fake.add_label(1, "town");
    fake.comment(1, "grace", "First.");
    let comment = fake.comment(2, "ada", "Second.");
    fake.react(Target::Comment(comment), "grace", "eyes");
    fake.react(Target::Issue(2), "grace", "+1");
    fake.review(1, "grace", "CHANGES_REQUESTED", "Not yet.");
    fake.review_comment(1, "grace", "agent/ada.md", 1, "Why?");
    fake
}

/// A commit by somebody whose address belongs to no account.
fn by_a_stranger(fake: &FakeGithub, branch: &str) {
    let mut git = Command::new("git");
    git.arg("-C").arg(fake.repository()).args(["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]);
    git.args(["commit-tree", "-m", "Say nothing", "-p", branch, &format!("{branch}^{{tree}}")]);
    let output = git.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fake.set_branch(branch, "ada", String::from_utf8(output.stdout).unwrap().trim());
}

/// The violations that Prism puts into a header, as messages.
fn violations(heard: &Heard) -> Vec<String> {
    let listed = serde_json::from_str(heard.header("sl-violations")).unwrap_or(Value::Null);
    listed.as_array().into_iter().flatten().map(Value::to_string).collect()
}

/// Sends requests through Prism and notes which operations were asked for.
struct Through {
    prism: Prism,
    asked: BTreeSet<(String, String)>,
}

impl Through {
    fn send(&mut self, token: Option<&str>, method: &str, path: &str, body: Option<Value>, status: u16) -> Heard {
        let path = path.replace("/R", "/repos/acme/smalltown");
        let body = body.map(|body| body.to_string());
        let heard = Client::new(self.prism.url(), token).send(method, &path, &[], body.as_deref());
        assert_eq!(heard.status, status, "{method} {path}: {}", heard.text);
        self.asked.insert((method.to_owned(), path.split('?').next().unwrap().to_owned()));
        // The description leaves out answers that every operation may give. They have the plain shape of an error.
        for violation in violations(&heard) {
            assert!(violation.contains("Unable to match the returned status code"), "{method} {path}: {violation}");
            assert!(matches!(status, 401 | 403 | 404 | 429), "{method} {path} may not answer {status}: {violation}");
            let error = heard.json();
            assert!(error["message"].is_string() && error["documentation_url"].is_string(), "{}", heard.text);
            assert_eq!(error["status"], status.to_string());
        }
        heard
    }
}

/// Whether a path is one of a template. Numbers and ids are digits: `/pulls/comments` is not a pull request.
fn is_at(path: &str, template: &str) -> bool {
    let (path, template): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
    let fits = |part: &str, name: &str| match name.strip_prefix('{') {
        Some(name) if name == "owner}" || name == "repo}" => true,
        Some(_) => part.bytes().all(|byte| byte.is_ascii_digit()),
        None => part == name,
    };
    path.len() == template.len() && path.iter().zip(&template).all(|(part, name)| fits(part, name))
}

#[test]
fn every_answer_is_as_github_describes_it() {
    let fake = town();
    let mut through = Through { prism: Prism::in_front_of(&fake), asked: BTreeSet::new() };
    reads(&fake, &mut through);
    writes(&fake, &mut through);
    refusals(&fake, &mut through);
    limits(&fake, &mut through);
    let description = through.prism.description();
    let mut left = Vec::new();
    for (template, operations) in description["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            let asked = |(known, path): &(String, String)| *known == method && is_at(path, template);
            if !through.asked.iter().any(asked) {
                left.push(format!("{method} {template}"));
            }
        }
    }
    assert_eq!(left, Vec::<String>::new(), "not asked for");
}

fn reads(fake: &FakeGithub, through: &mut Through) {
    let comment = through.send(None, "GET", "/R/issues/2/comments", None, 200).json()[0]["id"].clone();
    let grace = fake.add_token("grace", "grace", Grants::ALL);
    for path in [
        "/R",
        "/R/pulls",
        "/R/pulls?head=acme:agent/ada&state=all&sort=updated&direction=asc&per_page=100&page=1",
        "/R/pulls/1",
        "/R/pulls/1/commits",
        "/R/pulls/1/files",
        "/R/pulls/1/reviews",
        "/R/pulls/comments?since=2026-03-01T00:00:00Z",
        "/R/issues?labels=town&state=all&since=2026-03-01T00:00:00Z&sort=updated",
        "/R/issues/1",
        "/R/issues/2",
        "/R/issues/comments?sort=updated&direction=asc&since=2026-03-01T00:00:00Z",
        "/R/issues/1/comments",
        "/R/issues/2/labels",
        "/R/issues/2/reactions",
        &format!("/R/issues/comments/{comment}/reactions"),
        "/rate_limit",
        "/user",
    ] {
        let first = through.send(Some(&grace), "GET", path, None, 200);
        // Lists are not empty: an empty one holds nothing to any description.
        assert_ne!(first.json(), json!([]), "{path}");
        let again = path.replace("/R", "/repos/acme/smalltown");
        let known = [("if-none-match", first.header("etag"))];
        if path != "/rate_limit" {
            let again = Client::new(through.prism.url(), Some(&grace)).send("GET", &again, &known, None);
            assert_eq!(again.status, 304, "{path}");
        }
    }
}

fn writes(fake: &FakeGithub, through: &mut Through) {
    let token = Some(fake.token().to_owned());
    let token = token.as_deref();
    let new = |head: &str| Some(json!({ "title": "Write it", "body": "Because.", "head": head, "base": "main" }));
    let pull = through.send(token, "POST", "/R/pulls", new("agent/eve"), 201).json();
    let (number, node) = (pull["number"].as_u64().unwrap(), pull["node_id"].clone());
    let at = format!("/R/pulls/{number}");
    let update = json!({ "title": "Write it down", "body": "Because of that.", "base": "main" });
    through.send(token, "PATCH", &at, Some(update), 200);
    through.send(token, "POST", &format!("{at}/reviews"), Some(json!({ "event": "COMMENT", "body": "So." })), 200);
    through.send(token, "POST", &format!("{at}/reviews"), Some(json!({ "body": "Pending." })), 200);
    through.send(token, "GET", &format!("{at}/reviews"), None, 200);
    let query = "mutation($id: ID!) { convertPullRequestToDraft(input: {pullRequestId: $id}) { pullRequest { id } } }";
    let draft = json!({ "query": query, "variables": { "id": node } });
    assert!(through.send(token, "POST", "/graphql", Some(draft), 200).json()["errors"].is_null());
    through.send(token, "PUT", &format!("{at}/merge"), Some(json!({})), 405);
    through.send(token, "PATCH", &at, Some(json!({ "state": "closed" })), 200);
    through.send(token, "PATCH", &at, Some(json!({ "state": "open" })), 200);
    let comment = through.send(token, "POST", "/R/issues/1/comments", Some(json!({ "body": "Third." })), 201).json();
    through.send(token, "POST", "/R/issues/1/labels", Some(json!({ "labels": ["new here"] })), 200);
    let update = json!({ "title": "Another", "labels": ["town"], "state": "closed", "state_reason": "not_planned" });
    through.send(token, "PATCH", "/R/issues/2", Some(update), 200);
    through.send(token, "PATCH", "/R/issues/2", Some(json!({ "state": "open" })), 200);
    for place in ["/R/issues/1/reactions".to_owned(), format!("/R/issues/comments/{}/reactions", comment["id"])] {
        let eyes = Some(json!({ "content": "eyes" }));
        let reaction = through.send(token, "POST", &place, eyes.clone(), 201).json();
        through.send(token, "POST", &place, eyes, 200);
        through.send(token, "DELETE", &format!("{place}/{}", reaction["id"]), None, 204);
    }
    let stale = json!({ "sha": fake.tip("main") });
    through.send(token, "PUT", "/R/pulls/1/merge", Some(stale), 409);
    through.send(token, "PUT", "/R/pulls/1/merge", Some(json!({ "merge_method": "squash" })), 200);
    // What is merged or closed has more to say than what is open.
    for path in ["/R/pulls/1", "/R/pulls/1/commits", "/R/pulls/1/files", "/R/issues/1", "/R/pulls?state=all"] {
        through.send(token, "GET", path, None, 200);
    }
}

fn refusals(fake: &FakeGithub, through: &mut Through) {
    let (token, reader) = (fake.token().to_owned(), fake.read_token().to_owned());
    let new = |head: &str| Some(json!({ "title": "Write it", "head": head, "base": "main" }));
    let long = Some(json!({ "body": "x".repeat(65_537) }));
    let hello = Some(json!({ "body": "Hello." }));
    fake.delete_issue(fake.open_issue("grace", "A mistake", "", &[]));
    let gone = format!("/R/issues/{}", fake.pulls().len() + 2);
    for (who, method, path, body, status) in [
        (Some(&token), "POST", "/R/pulls", new("agent/eve"), 422),
        (Some(&token), "POST", "/R/pulls", new("nowhere"), 422),
        (Some(&token), "PATCH", "/R/pulls/1", Some(json!({ "state": "open" })), 422),
        (Some(&token), "PATCH", "/R/pulls/1", long.clone(), 422),
        (Some(&token), "POST", "/R/pulls/1/reviews", Some(json!({ "event": "COMMENT" })), 422),
        (Some(&token), "POST", "/R/issues/1/comments", long.clone(), 422),
        (Some(&token), "PATCH", "/R/issues/2", long, 422),
        (Some(&token), "GET", "/R/pulls/99", None, 404),
        (Some(&token), "GET", "/R/issues/99", None, 404),
        (Some(&token), "GET", "/R/issues/comments/99/reactions", None, 404),
        (Some(&token), "GET", "/repos/acme/othertown", None, 404),
        (Some(&token), "GET", gone.as_str(), None, 410),
        (Some(&token), "GET", "/user", None, 403),
        (Some(&reader), "POST", "/R/pulls", new("agent/kim"), 403),
        (Some(&reader), "PATCH", "/R/pulls/1", Some(json!({ "title": "Mine" })), 403),
        (Some(&reader), "POST", "/R/issues/2/comments", hello.clone(), 403),
        (Some(&reader), "PUT", "/R/pulls/3/merge", Some(json!({})), 403),
        (None, "POST", "/R/issues/2/comments", hello, 401),
        (Some(&"wrong".to_owned()), "GET", "/R/pulls", None, 401),
    ] {
        through.send(who.map(String::as_str), method, path, body, status);
    }
    fake.forbid_pull_creation(true);
    through.send(Some(&token), "POST", "/R/pulls", new("agent/kim"), 403);
}

fn limits(fake: &FakeGithub, through: &mut Through) {
    fake.secondary_limit(1, 30);
    let heard = through.send(None, "GET", "/R/pulls", None, 403);
    assert_eq!(heard.header("retry-after"), "30");
    fake.secondary_limit_429(1, 30);
    through.send(None, "GET", "/R/pulls", None, 429);
    fake.abuse(1);
    through.send(None, "GET", "/R/issues/1", None, 403);
    fake.primary_limit(fake.now().timestamp() + 60);
    let heard = through.send(None, "GET", "/R/pulls", None, 403);
    assert_eq!(heard.header("x-ratelimit-remaining"), "0");
    through.send(None, "GET", "/rate_limit", None, 200);
    fake.mend();
}

#[test]
fn prism_sees_what_is_wrong() {
    let fake = town();
    let prism = Prism::in_front_of(&fake);
    let client = Client::new(&format!("{}/repos/acme/smalltown", prism.url()), Some(fake.token()));
    assert_eq!(client.get("/pulls/1").status, 200);
    assert_eq!(prism.complaints(), Vec::<String>::new());
    // An answer without what GitHub's always have.
    fake.fail_next("GET", "/repos/acme/smalltown/pulls/1", 200, r#"{"number":1}"#, 1);
    let broken = client.get("/pulls/1");
    assert_eq!(broken.status, 500, "{}", broken.text);
    assert!(broken.text.contains("must have required property"), "{}", broken.text);
    // A request that GitHub would not take.
    let wrong = client.send_json("POST", "/pulls", json!({ "title": "No head", "base": "main" }));
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    assert_eq!(fake.pulls().len(), 1);
    assert!(prism.complaints().len() >= 2);
    assert_eq!(prism.complaints(), Vec::<String>::new());
}
