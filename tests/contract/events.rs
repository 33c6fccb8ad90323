//! Every event that GitHub really sent, as `@octokit/webhooks-examples` keeps them: those that concern a town say what
//! their fields say, all others say nothing.
//!
//! None of the examples is about a branch of an agent or an issue of a board. So each is read as it is, and once more
//! with that changed.

use std::collections::BTreeMap;
use std::fs;

use monkeytown::forge::ForgeError;
use monkeytown::forge::github::sight::Place;
use monkeytown::forge::github::webhook;
use monkeytown::town::event::ReviewState;
use monkeytown::town::fold::Town;
use monkeytown::town::settings::Role;
use monkeytown::town::sighting::{CommentKind, Seen, Sighting};
use serde_json::{Value, json};

use crate::tools;

/// How often each kind has to be there, so that the tests cannot run empty. GitHub's own and its servers' are counted.
const CONCERN: &[(&str, &str, usize)] = &[
    ("pull_request", "closed", 2),
    ("pull_request", "reopened", 2),
    ("issue_comment", "created", 5),
    ("pull_request_review", "submitted", 3),
    ("pull_request_review_comment", "created", 3),
    ("issues", "opened", 4),
    ("issues", "labeled", 2),
];

/// Every example, by its event. No example of a closed issue is kept; see [`as_a_town_has_it`].
fn examples() -> Vec<(String, Value)> {
    let folder = tools().join("node_modules/@octokit/webhooks-examples");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let Ok(text) = fs::read(entry.unwrap().path().join("index.json")) else { continue };
        let kinds: Vec<Value> = serde_json::from_slice(&text).unwrap();
        for kind in kinds {
            let name = kind["name"].as_str().unwrap().to_owned();
            all.extend(kind["examples"].as_array().unwrap().iter().map(|example| (name.clone(), example.clone())));
        }
    }
    assert!(all.len() > 329, "only {} examples", all.len());
    all
}

fn place(repository: &str) -> Place {
    Place { repository: repository.to_owned(), people: BTreeMap::from([("codertocat".to_owned(), Role::Citizen)]) }
}

fn read(place: &Place, event: &str, payload: &Value) -> Result<Vec<Sighting>, ForgeError> {
    webhook::sightings(place, &Town::default(), event, payload.to_string().as_bytes())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn sighting(at: &Value, by: &Value, what: Seen) -> Sighting {
    let by = text(by);
    let role = (by == "Codertocat").then_some(Role::Citizen);
    Sighting { at: at.as_str().unwrap().parse().unwrap(), by, role, what }
}

/// What a payload says, by its fields alone. Every example was caused by a person.
fn expected(event: &str, payload: &Value) -> Vec<Sighting> {
    let (pull, issue, comment) = (&payload["pull_request"], &payload["issue"], &payload["comment"]);
    let number = pull["number"].as_u64();
    let labels: Vec<String> = issue["labels"].as_array().into_iter().flatten().map(|it| text(&it["name"])).collect();
    let posted = || {
        let tags = |label: &&String| *label != "monkeytown-board" && !label.starts_with("agent:");
        let what = Seen::Posted {
            issue: issue["number"].as_u64().unwrap(),
            audience: labels.iter().filter_map(|label| label.strip_prefix("agent:")?.parse().ok()).collect(),
            title: text(&issue["title"]),
            text: text(&issue["body"]),
            tags: labels.iter().filter(tags).cloned().collect(),
            updated: issue["updated_at"].as_str().unwrap().parse().unwrap(),
        };
        sighting(&issue["created_at"], &issue["user"]["login"], what)
    };
    let on_board = labels.iter().any(|label| label == "monkeytown-board");
    let said = |number, kind| Seen::Commented {
        number,
        comment: kind,
        id: comment["id"].as_u64().unwrap(),
        text: text(&comment["body"]),
    };
    let ours = pull["head"]["ref"].as_str().is_some_and(|branch| branch.starts_with("agent/"))
        && pull["head"]["repo"]["full_name"] == payload["repository"]["full_name"];
    match (event, payload["action"].as_str().unwrap_or_default()) {
        ("pull_request", "closed") if ours && pull["merged"] == true => {
            let commit = pull["merge_commit_sha"].as_str().unwrap().parse().unwrap();
            let what = Seen::Merged { number: number.unwrap(), commit, edited: false };
            vec![sighting(&pull["merged_at"], &pull["merged_by"]["login"], what)]
        }
        ("pull_request", "closed") if ours => {
            let what = Seen::Closed { number: number.unwrap(), reason: None };
            vec![sighting(&pull["closed_at"], &payload["sender"]["login"], what)]
        }
        ("pull_request", "reopened") if ours => {
            let what = Seen::Reopened { number: number.unwrap() };
            vec![sighting(&pull["updated_at"], &payload["sender"]["login"], what)]
        }
        ("issue_comment", "created") if !issue["pull_request"].is_null() => {
            let what = said(issue["number"].as_u64().unwrap(), CommentKind::Talk);
            vec![sighting(&comment["created_at"], &comment["user"]["login"], what)]
        }
        ("issue_comment", "created") if on_board => {
            let (issue, id) = (issue["number"].as_u64().unwrap(), comment["id"].as_u64().unwrap());
            let what = Seen::Replied { issue, id, text: text(&comment["body"]) };
            vec![posted(), sighting(&comment["created_at"], &comment["user"]["login"], what)]
        }
        ("pull_request_review_comment", "created") => {
            let path = text(&comment["path"]);
            let at = comment["line"].as_u64().map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
            let what = said(number.unwrap(), CommentKind::Line(at));
            vec![sighting(&comment["created_at"], &comment["user"]["login"], what)]
        }
        ("pull_request_review", "submitted") => {
            let review = &payload["review"];
            let state = match review["state"].as_str().unwrap() {
                "commented" if text(&review["body"]).is_empty() => return Vec::new(),
                "commented" => ReviewState::Commented,
                "approved" => ReviewState::Approved,
                "changes_requested" => ReviewState::ChangesRequested,
                other => panic!("no example was {other}"),
            };
            let id = review["id"].as_u64().unwrap();
            let what = Seen::Reviewed { number: number.unwrap(), id, state, text: text(&review["body"]) };
            vec![sighting(&review["submitted_at"], &review["user"]["login"], what)]
        }
        ("issues", "opened" | "labeled" | "closed") if on_board => {
            let closed = || {
                let what = Seen::PostClosed { issue: issue["number"].as_u64().unwrap() };
                sighting(&issue["closed_at"], &payload["sender"]["login"], what)
            };
            let is_closed = issue["state"] == "closed";
            [posted()].into_iter().chain(is_closed.then(closed)).collect()
        }
        _ => Vec::new(),
    }
}

fn concerns(event: &str, payload: &Value) -> bool {
    CONCERN.iter().any(|(name, action, _)| *name == event && payload["action"] == *action)
}

#[test]
fn every_example_says_what_its_fields_say() {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut elsewhere = 0;
    for (event, payload) in examples() {
        let action = text(&payload["action"]);
        let repository = payload["repository"]["full_name"].as_str();
        let here = place(repository.unwrap_or("acme/smalltown"));
        let seen = read(&here, &event, &payload);
        assert_eq!(seen.ok(), Some(expected(&event, &payload)), "{event} {action}");
        if repository.is_some() {
            let there = read(&place("acme/othertown"), &event, &payload);
            assert!(matches!(there, Err(ForgeError::Invalid(_))), "{event} {action} of another repository");
            elsewhere += 1;
        }
        *counts.entry((event, action)).or_default() += 1;
    }
    for (event, action, least) in CONCERN {
        let found = counts.get(&((*event).to_owned(), (*action).to_owned())).copied().unwrap_or_default();
        assert!(found >= *least, "{found} examples of {event} {action}");
    }
    assert!(elsewhere > 200, "{elsewhere} examples of a repository");
}

/// The same payload with what makes it one of a town: a branch of an agent, a label of the board; and what became of it.
fn as_a_town_has_it(event: &str, payload: &Value) -> Vec<(String, Value)> {
    let mut changed = payload.clone();
    let sender = payload["sender"].clone();
    if changed["pull_request"].is_object() {
        changed["pull_request"]["head"]["ref"] = json!("agent/x");
        let mut merged = changed.clone();
        let pull = &mut merged["pull_request"];
        pull["merged"] = json!(true);
        pull["merged_at"] = pull["closed_at"].clone();
        pull["merged_by"] = sender;
        let fork = {
            let mut fork = changed.clone();
            fork["pull_request"]["head"]["repo"]["full_name"] = json!("eve/Hello-World");
            fork
        };
        let is_closing = event == "pull_request" && payload["action"] == "closed";
        return [changed, fork]
            .into_iter()
            .chain(is_closing.then_some(merged))
            .map(|it| (event.to_owned(), it))
            .collect();
    }
    let on_pull = {
        let mut on_pull = payload.clone();
        on_pull["issue"]["pull_request"] =
            json!({"url": "https://api.github.com/repos/Codertocat/Hello-World/pulls/1"});
        (event.to_owned(), on_pull)
    };
    let mut labels = changed["issue"]["labels"].as_array().cloned().unwrap_or_default();
    labels.extend([json!({"name": "monkeytown-board"}), json!({"name": "agent:x"})]);
    changed["issue"]["labels"] = labels.into();
    let mut closed = changed.clone();
    closed["issue"]["state"] = json!("closed");
    closed["issue"]["closed_at"] = payload["issue"]["updated_at"].clone();
    closed["action"] = json!("closed");
    let closed = (event == "issues").then(|| (event.to_owned(), closed));
    [(event.to_owned(), changed), on_pull].into_iter().chain(closed).collect()
}

#[test]
fn every_example_of_a_towns_own_says_something() {
    let (mut spoke, mut kinds) = (0, std::collections::HashSet::new());
    for (event, payload) in examples().into_iter().filter(|(event, payload)| concerns(event, payload)) {
        let here = place(payload["repository"]["full_name"].as_str().unwrap());
        for (event, payload) in as_a_town_has_it(&event, &payload) {
            let seen = read(&here, &event, &payload).unwrap();
            assert_eq!(seen, expected(&event, &payload), "{event} {}", payload["action"]);
            spoke += seen.len();
            kinds.extend(seen.iter().map(|seen| std::mem::discriminant(&seen.what)));
            // One that somebody made worse on the way is refused, and nothing else happens.
            let part = if event.starts_with("pull_request") { "pull_request" } else { "issue" };
            let mut broken = payload.clone();
            broken[part]["number"] = json!("one");
            assert!(matches!(read(&here, &event, &broken), Err(ForgeError::Invalid(_))), "{event}");
        }
    }
    assert!(spoke > 40, "{spoke} sightings");
    // Merged, closed, reopened, commented, posted, replied, closed the post. No example of a review has words.
    assert!(kinds.len() >= 7, "{} kinds", kinds.len());
}
