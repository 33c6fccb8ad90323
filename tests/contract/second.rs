//! The same story told to the fake and to `emulate`: where both answer, they agree.
//!
//! `emulate` has no reactions, no GraphQL and no git over HTTP, and it opens a second pull request for a branch as well
//! as one for a branch that is not there. None of that is asked of it here.

use serde_json::{Value, json};

use crate::emulate::{Emulate, OTHER_TOKEN, OWNER_TOKEN};
use crate::fake::{FakeGithub, Grants};
use crate::http::Client;

/// Who asks.
enum Who {
    Owner,
    Other,
    Nobody,
}

/// One request, and which parts of the answer must be the same.
struct Step {
    who: Who,
    method: &'static str,
    path: &'static str,
    body: Option<Value>,
    same: &'static [&'static str],
}

fn step(
    who: Who,
    method: &'static str,
    path: &'static str,
    body: Option<Value>,
    same: &'static [&'static str],
) -> Step {
    Step { who, method, path, body, same }
}

fn story() -> Vec<Step> {
    use Who::{Nobody, Other, Owner};
    let new = json!({ "title": "Write two", "body": "Because.", "head": "agent/ada", "base": "main" });
    let pull = &[
        "/number",
        "/state",
        "/title",
        "/body",
        "/user/login",
        "/user/type",
        "/head/ref",
        "/head/label",
        "/base/ref",
        "/draft",
        "/locked",
        "/merged",
        "/merged_at",
        "/closed_at",
        "/comments",
        "/author_association",
        "/labels",
    ];
    let issue = &["/number", "/state", "/title", "/user/login", "/comments", "/closed_at", "/state_reason", "/locked"];
    let first = &["/0/number", "/0/state", "/0/title", "/1"];
    vec![
        step(Nobody, "GET", "", None, &["/name", "/full_name", "/private", "/default_branch", "/owner/login", "/fork"]),
        step(Owner, "POST", "/pulls", Some(new.clone()), pull),
        step(Nobody, "POST", "/pulls", Some(new), &[]),
        step(Owner, "POST", "/pulls", Some(json!({ "head": "agent/ada", "base": "main" })), &["/message"]),
        step(Owner, "GET", "/pulls/1", None, pull),
        step(Owner, "GET", "/pulls?head=acme:agent/ada", None, first),
        step(Owner, "GET", "/pulls?head=acme:nowhere", None, &[""]),
        step(Owner, "GET", "/pulls?state=closed", None, &[""]),
        step(Owner, "PATCH", "/pulls/1", Some(json!({ "title": "Write it", "body": "So." })), pull),
        step(Other, "POST", "/issues/1/comments", Some(json!({ "body": "Hello." })), &["/body", "/user/login"]),
        step(Owner, "GET", "/issues/1/comments", None, &["/0/body", "/0/user/login", "/1"]),
        step(Owner, "GET", "/issues/comments?sort=updated&direction=asc", None, &["/0/body", "/1"]),
        step(Owner, "POST", "/issues/1/labels", Some(json!({ "labels": ["town"] })), &["/0/name", "/0/default", "/1"]),
        step(Owner, "GET", "/issues/1/labels", None, &["/0/name", "/1"]),
        step(Owner, "GET", "/issues?labels=town", None, first),
        step(Owner, "GET", "/issues/1", None, issue),
        step(
            Other,
            "POST",
            "/pulls/1/reviews",
            Some(json!({ "event": "COMMENT", "body": "I see." })),
            &["/state", "/body"],
        ),
        step(Owner, "GET", "/pulls/1/reviews", None, &["/0/state", "/0/user/login", "/0/body", "/1"]),
        step(Owner, "PATCH", "/pulls/1", Some(json!({ "state": "closed" })), &["/state", "/merged"]),
        step(Owner, "PUT", "/pulls/1/merge", Some(json!({})), &[]),
        step(Owner, "PATCH", "/pulls/1", Some(json!({ "state": "open" })), &["/state", "/closed_at"]),
        step(Owner, "PUT", "/pulls/1/merge", Some(json!({ "merge_method": "squash" })), &["/merged", "/message"]),
        step(Owner, "GET", "/pulls/1", None, &["/state", "/merged", "/merged_by/login"]),
        step(Owner, "PUT", "/pulls/1/merge", Some(json!({})), &[]),
        step(Owner, "GET", "/pulls/99", None, &["/message"]),
        step(Owner, "GET", "/issues/99", None, &["/message"]),
    ]
}

/// A branch with one commit more than `main`, by the API alone.
fn branch_in(api: &Client) {
    let tip = api.get("/git/ref/heads/main").json()["object"]["sha"].clone();
    assert_eq!(api.send_json("POST", "/git/refs", json!({ "ref": "refs/heads/agent/ada", "sha": tip })).status, 201);
    let file = json!({ "message": "Write", "content": "VHdvLgo=", "branch": "agent/ada" });
    assert_eq!(api.send_json("PUT", "/contents/notes/two.md", file).status, 201);
}

#[test]
fn two_fakes_tell_the_same_story() {
    let fake = FakeGithub::start();
    fake.commit_on_branch("agent/ada", "acme", "notes/two.md", "Two.\n");
    let (owner, other) = (fake.add_token("owner", "acme", Grants::ALL), fake.add_token("other", "grace", Grants::ALL));
    // In `emulate`, grace has nothing to do with the repository.
    fake.set_association("grace", "NONE");
    let emulate = Emulate::start();
    let at = |url: &str| format!("{url}/repos/acme/smalltown");
    branch_in(&Client::new(&at(emulate.url()), Some(OWNER_TOKEN)));
    let mut differences = Vec::new();
    for Step { who, method, path, body, same } in story() {
        let (ours, theirs) = match who {
            Who::Owner => (Some(owner.as_str()), Some(OWNER_TOKEN)),
            Who::Other => (Some(other.as_str()), Some(OTHER_TOKEN)),
            Who::Nobody => (None, None),
        };
        let body = body.map(|body| body.to_string());
        let ask =
            |url: &str, token: Option<&str>| Client::new(&at(url), token).send(method, path, &[], body.as_deref());
        let (ours, theirs) = (ask(&fake.api_url(), ours), ask(emulate.url(), theirs));
        if ours.status != theirs.status {
            differences
                .push(format!("{method} {path}: {} here, {} there: {}", ours.status, theirs.status, theirs.text));
        }
        let (ours, theirs) = (ours.json(), theirs.json());
        for place in same {
            let (ours, theirs) = (ours.pointer(place), theirs.pointer(place));
            if ours != theirs {
                differences.push(format!("{method} {path} at {place}: {ours:?} here, {theirs:?} there"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
