//! The same story told to the fake and to `emulate`: where both answer, they agree.
//!
//! `emulate` has no reactions, no GraphQL, no git over HTTP and no list of all comments. It opens a second pull request
//! for a branch, and one for a branch that is not there; its pull requests are no issues, and their lists of commits
//! begin too early. None of that is asked of it here. Where it is known to give another status than GitHub, by the
//! published description or because a merged pull request cannot be opened again, the step says which.

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
    /// The status of `emulate` where it is known to be another than GitHub's.
    there: Option<u16>,
}

fn step(
    who: Who,
    method: &'static str,
    path: &'static str,
    body: Option<Value>,
    same: &'static [&'static str],
) -> Step {
    Step { who, method, path, body, same, there: None }
}

impl Step {
    fn but_there(self, status: u16) -> Step {
        Step { there: Some(status), ..self }
    }
}

const PULL: &[&str] = &[
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
    "/mergeable",
    "/mergeable_state",
    "/auto_merge",
    "/milestone",
    "/assignees",
    "/merge_commit_sha",
];
const ISSUE: &[&str] = &[
    "/number",
    "/state",
    "/title",
    "/body",
    "/user/login",
    "/comments",
    "/closed_at",
    "/state_reason",
    "/locked",
    "/closed_by/login",
    "/labels/0/name",
    "/pull_request",
    "/author_association",
];

fn story() -> Vec<Step> {
    use Who::{Nobody, Other, Owner};
    let new = json!({ "title": "Write two", "body": "Because.", "head": "agent/ada", "base": "main" });
    let first = &["/0/number", "/0/state", "/0/title", "/1"];
    let closed = json!({ "state": "closed", "state_reason": "not_planned" });
    vec![
        step(Nobody, "GET", "", None, &["/name", "/full_name", "/private", "/default_branch", "/owner/login", "/fork"]),
        step(Owner, "POST", "/pulls", Some(new.clone()), PULL),
        step(Nobody, "POST", "/pulls", Some(new), &[]),
        step(Owner, "POST", "/pulls", Some(json!({ "head": "agent/ada", "base": "main" })), &[]),
        step(Owner, "GET", "/pulls/2", None, PULL),
        step(Owner, "GET", "/pulls?head=acme:agent/ada", None, first),
        step(Owner, "GET", "/pulls?head=acme:nowhere", None, &[""]),
        step(Owner, "GET", "/pulls?state=closed", None, &[""]),
        step(Owner, "PATCH", "/pulls/2", Some(json!({ "title": "Write it", "body": "So." })), PULL),
        step(Other, "POST", "/issues/1/comments", Some(json!({ "body": "Hello." })), &["/body", "/user/login"]),
        step(Owner, "GET", "/issues/1/comments", None, &["/0/body", "/0/user/login", "/1"]),
        step(Owner, "POST", "/issues/1/labels", Some(json!({ "labels": ["town"] })), &["/0/name", "/0/default", "/1"]),
        step(Owner, "GET", "/issues/1/labels", None, &["/0/name", "/1"]),
        step(Owner, "GET", "/issues?labels=town", None, first),
        step(Owner, "GET", "/issues/1", None, ISSUE),
        step(Owner, "PATCH", "/issues/1", Some(closed), &["/state", "/state_reason", "/closed_by/login"]),
        step(Owner, "PATCH", "/issues/1", Some(json!({ "state": "open" })), &["/state", "/closed_at"]),
        step(
            Other,
            "POST",
            "/pulls/2/reviews",
            Some(json!({ "event": "COMMENT", "body": "I see." })),
            &["/state", "/body"],
        )
        .but_there(201),
        step(Owner, "GET", "/pulls/2/reviews", None, &["/0/state", "/0/user/login", "/0/body", "/1"]),
        step(Owner, "PATCH", "/pulls/2", Some(json!({ "state": "closed" })), &["/state", "/merged"]),
        step(Owner, "PUT", "/pulls/2/merge", Some(json!({})), &["/message"]).but_there(422),
        step(Owner, "PATCH", "/pulls/2", Some(json!({ "state": "open" })), &["/state", "/closed_at"]),
        step(Owner, "PUT", "/pulls/2/merge", Some(json!({ "sha": "0".repeat(40) })), &[]).but_there(422),
        step(Owner, "PUT", "/pulls/2/merge", Some(json!({ "merge_method": "squash" })), &["/merged", "/message"]),
        step(Owner, "GET", "/pulls/2", None, &["/state", "/merged", "/merged_by/login", "/comments"]),
        step(Owner, "PUT", "/pulls/2/merge", Some(json!({})), &[]).but_there(422),
        step(Owner, "PATCH", "/pulls/2", Some(json!({ "state": "open" })), &[]).but_there(200),
        step(Owner, "GET", "/pulls/99", None, &["/message"]),
        step(Owner, "GET", "/issues/99", None, &["/message"]),
    ]
}

/// An issue, and a branch with one commit more than `main`, by the API alone.
fn begin(api: &Client) {
    assert_eq!(api.send_json("POST", "/issues", json!({ "title": "A question", "body": "Why?" })).status, 201);
    let tip = api.get("/git/ref/heads/main").json()["object"]["sha"].clone();
    assert_eq!(api.send_json("POST", "/git/refs", json!({ "ref": "refs/heads/agent/ada", "sha": tip })).status, 201);
    let file = json!({ "message": "Write notes/two.md", "content": "VHdvLgo=", "branch": "agent/ada" });
    assert_eq!(api.send_json("PUT", "/contents/notes/two.md", file).status, 201);
}

#[test]
fn two_fakes_tell_the_same_story() {
    let fake = FakeGithub::start();
    fake.commit_on_branch("agent/ada", "acme", "notes/two.md", "Two.\n");
    let (owner, other) = (fake.add_token("owner", "acme", Grants::ALL), fake.add_token("other", "grace", Grants::ALL));
    // In `emulate`, grace has nothing to do with the repository.
    fake.set_association("grace", "NONE");
    fake.open_issue("acme", "A question", "Why?", &[]);
    let emulate = Emulate::start();
    let at = |url: &str| format!("{url}/repos/acme/smalltown");
    begin(&Client::new(&at(emulate.url()), Some(OWNER_TOKEN)));
    let mut differences = Vec::new();
    for Step { who, method, path, body, same, there } in story() {
        let (ours, theirs) = match who {
            Who::Owner => (Some(owner.as_str()), Some(OWNER_TOKEN)),
            Who::Other => (Some(other.as_str()), Some(OTHER_TOKEN)),
            Who::Nobody => (None, None),
        };
        let body = body.map(|body| body.to_string());
        let ask =
            |url: &str, token: Option<&str>| Client::new(&at(url), token).send(method, path, &[], body.as_deref());
        let (ours, theirs) = (ask(&fake.api_url(), ours), ask(emulate.url(), theirs));
        if theirs.status != there.unwrap_or(ours.status) {
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
