//! Payloads by hand, small enough to see what each of them says, and payloads that nobody should send.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::town::event::ReviewState;
use crate::town::settings::Role;
use crate::town::sighting::CommentKind;

const OFFERED: &str = "1111111111111111111111111111111111111111";
const CHANGED: &str = "2222222222222222222222222222222222222222";
const MERGE: &str = "3333333333333333333333333333333333333333";

fn place() -> Place {
    let people = [("ada".to_owned(), Role::Mayor), ("grace".to_owned(), Role::Citizen)];
    Place { repository: "acme/smalltown".to_owned(), people: people.into_iter().collect() }
}

/// A town that knows of pull request 1.
fn town() -> Town {
    let pull = json!({
        "number": 1, "state": "open", "agent": "madchimp", "run": "01M7Y5A8C0HYXFBBEYYNYT65EM",
        "branch": "agent/madchimp", "head": OFFERED, "base": MERGE, "title": "Say it", "added": 1, "removed": 0,
        "opened_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z",
    });
    let mut town = Town::default();
    town.pulls.insert(1, serde_json::from_value(pull).unwrap());
    town
}

fn user(login: &str) -> Value {
    json!({"login": login, "type": if login.ends_with("[bot]") { "Bot" } else { "User" }})
}

fn pull() -> Value {
    let repo = json!({"full_name": "Acme/SmallTown"});
    json!({
        "number": 1, "state": "closed", "title": "Say it", "body": null, "html_url": "https://example.com/1",
        "head": {"sha": OFFERED, "ref": "agent/madchimp", "repo": repo}, "base": {"sha": MERGE, "ref": "main", "repo": repo},
        "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T14:00:00Z", "closed_at": "2026-03-01T13:00:00Z",
        "merged_at": null, "merge_commit_sha": MERGE,
    })
}

fn merged() -> Value {
    with(pull(), &[("merged_at", json!("2026-03-01T13:00:00Z")), ("merged_by", user("ada"))])
}

fn issue(labels: &[&str]) -> Value {
    let labels: Vec<Value> = labels.iter().map(|name| json!({"name": name})).collect();
    json!({
        "number": 7, "state": "open", "title": "Look", "body": "There.", "user": user("grace"), "labels": labels,
        "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:30:00Z", "closed_at": null,
    })
}

fn comment(by: &str) -> Value {
    json!({
        "id": 9, "user": user(by), "body": "So?", "created_at": "2026-03-01T12:10:00Z", "updated_at": "2026-03-01T12:20:00Z",
    })
}

fn review(state: &str, body: &str) -> Value {
    json!({"id": 5, "user": user("ada"), "body": body, "state": state, "submitted_at": "2026-03-01T12:10:00Z"})
}

fn with(mut value: Value, fields: &[(&str, Value)]) -> Value {
    for (name, field) in fields {
        value[*name] = field.clone();
    }
    value
}

fn payload(action: &str, parts: &[(&str, Value)]) -> Value {
    let whole = json!({"action": action, "repository": {"full_name": "acme/smalltown"}, "sender": user("grace")});
    with(whole, parts)
}

fn read(event: &str, payload: &Value) -> Vec<Sighting> {
    sightings(&place(), &town(), event, payload.to_string().as_bytes()).unwrap()
}

fn refused(event: &str, payload: &[u8]) -> String {
    match sightings(&place(), &town(), event, payload) {
        Err(ForgeError::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn moment(at: &str) -> chrono::DateTime<chrono::Utc> {
    format!("2026-03-01T{at}:00Z").parse().unwrap()
}

#[test]
fn a_merge_says_who_and_whether_people_changed_it() {
    let changed = with(merged(), &[("head", with(pull()["head"].clone(), &[("sha", json!(CHANGED))]))]);
    let without = with(merged(), &[("merged_by", Value::Null)]);
    let strange = with(merged(), &[("number", json!(2))]);
    for event in ["pull_request", "pull_request_target"] {
        for (pull, by, role, number, edited) in [
            (merged(), "ada", Role::Mayor, 1, false),
            (changed.clone(), "ada", Role::Mayor, 1, true),
            (without.clone(), "grace", Role::Citizen, 1, false),
            (strange.clone(), "ada", Role::Mayor, 2, false),
        ] {
            let what = Seen::Merged { number, commit: MERGE.parse().unwrap(), edited };
            let wanted = Sighting { at: moment("13:00"), by: by.to_owned(), role: Some(role), what };
            assert_eq!(read(event, &payload("closed", &[("pull_request", pull)])), [wanted]);
        }
    }
    let nobody = payload("closed", &[("pull_request", without), ("sender", Value::Null)]);
    assert_eq!((read("pull_request", &nobody)[0].by.as_str(), read("pull_request", &nobody)[0].role), ("ghost", None));
}

#[test]
fn a_closing_and_an_opening_are_their_senders() {
    let closed = payload("closed", &[("pull_request", pull())]);
    let what = Seen::Closed { number: 1, reason: None };
    let role = Some(Role::Citizen);
    assert_eq!(read("pull_request", &closed), [Sighting { at: moment("13:00"), by: "grace".to_owned(), role, what }]);
    let eve = with(closed, &[("sender", user("eve"))]);
    assert_eq!((read("pull_request", &eve)[0].by.as_str(), read("pull_request", &eve)[0].role), ("eve", None));
    let open = with(pull(), &[("state", json!("open")), ("closed_at", Value::Null)]);
    let what = Seen::Reopened { number: 1 };
    let wanted = Sighting { at: moment("14:00"), by: "grace".to_owned(), role, what };
    assert_eq!(read("pull_request", &payload("reopened", &[("pull_request", open.clone())])), [wanted]);
    // One that says that it was closed, and shows it open, contradicts itself.
    assert_eq!(read("pull_request", &payload("closed", &[("pull_request", open)])), []);
}

#[test]
fn forks_and_other_branches_are_nobodys_here() {
    let head = |name: &str, value: Value| with(pull(), &[("head", with(pull()["head"].clone(), &[(name, value)]))]);
    for foreign in [
        head("repo", json!({"full_name": "eve/smalltown"})),
        head("repo", Value::Null),
        head("ref", json!("ada/work")),
        head("ref", json!("xagent/madchimp")),
    ] {
        for action in ["closed", "reopened"] {
            assert_eq!(read("pull_request", &payload(action, &[("pull_request", foreign.clone())])), [], "{foreign}");
        }
    }
}

#[test]
fn what_programs_write_is_passed_over() {
    let on_pull = with(issue(&[]), &[("pull_request", json!({}))]);
    for bot in ["dependabot[bot]", "github-actions[bot]"] {
        let parts = [("issue", on_pull.clone()), ("comment", comment(bot))];
        assert_eq!(read("issue_comment", &payload("created", &parts)), []);
        let parts = [("pull_request", pull()), ("comment", comment(bot))];
        assert_eq!(read("pull_request_review_comment", &payload("created", &parts)), []);
        let parts = [("pull_request", pull()), ("review", with(review("approved", ""), &[("user", user(bot))]))];
        assert_eq!(read("pull_request_review", &payload("submitted", &parts)), []);
        let by_bot = with(issue(&["monkeytown-board"]), &[("user", user(bot))]);
        assert_eq!(read("issues", &payload("opened", &[("issue", by_bot)])), []);
        // Under a post of a person, the post stands alone.
        let parts = [("issue", issue(&["monkeytown-board"])), ("comment", comment(bot))];
        assert_eq!(read("issue_comment", &payload("created", &parts)).len(), 1);
    }
    // An app may be told by its type alone.
    let app = with(comment("helper"), &[("user", json!({"login": "helper", "type": "Bot"}))]);
    assert_eq!(read("issue_comment", &payload("created", &[("issue", on_pull), ("comment", app)])), []);
}

#[test]
fn comments_are_on_pull_requests_lines_or_posts() {
    let said = |what: Seen| Sighting { at: moment("12:10"), by: "ada".to_owned(), role: Some(Role::Mayor), what };
    let talk = |number: u64, comment: CommentKind| said(Seen::Commented { number, comment, id: 9, text: "So?".into() });
    let on_pull = with(issue(&[]), &[("number", json!(1)), ("pull_request", json!({}))]);
    let parts = [("issue", on_pull), ("comment", comment("ada"))];
    assert_eq!(read("issue_comment", &payload("created", &parts)), [talk(1, CommentKind::Talk)]);
    assert_eq!(read("issue_comment", &payload("edited", &parts)), []);
    for (line, shown) in [(json!(3), "docs/a.md:3"), (Value::Null, "docs/a.md")] {
        let line = with(comment("ada"), &[("path", json!("docs/a.md")), ("line", line)]);
        let parts = [("pull_request", pull()), ("comment", line)];
        let wanted = talk(1, CommentKind::Line(shown.to_owned()));
        assert_eq!(read("pull_request_review_comment", &payload("created", &parts)), [wanted]);
    }
    let parts = [("issue", issue(&["monkeytown-board"])), ("comment", comment("ada"))];
    let seen = read("issue_comment", &payload("created", &parts));
    assert!(matches!(seen[0].what, Seen::Posted { issue: 7, .. }), "{seen:?}");
    assert_eq!(seen[1..], [said(Seen::Replied { issue: 7, id: 9, text: "So?".to_owned() })]);
    let parts = [("issue", issue(&["bug"])), ("comment", comment("ada"))];
    assert_eq!(read("issue_comment", &payload("created", &parts)), [], "not on the board");
    // Long texts come through whole; what is recorded of them is cut where that is decided.
    let long = "x".repeat(5_000_000);
    let on_pull = with(issue(&[]), &[("pull_request", json!({}))]);
    let parts = [("issue", on_pull), ("comment", with(comment("ada"), &[("body", json!(long))]))];
    let seen = read("issue_comment", &payload("created", &parts)).remove(0).what;
    assert!(matches!(seen, Seen::Commented { text, .. } if text == long));
}

#[test]
fn reviews_that_say_something_are_seen() {
    for (state, body, wanted) in [
        ("approved", "", Some(ReviewState::Approved)),
        ("APPROVED", "Good.", Some(ReviewState::Approved)),
        ("changes_requested", "", Some(ReviewState::ChangesRequested)),
        ("dismissed", "", Some(ReviewState::Dismissed)),
        ("commented", "Hm.", Some(ReviewState::Commented)),
        ("commented", " \n", None),
        ("pending", "Hm.", None),
        ("of another kind", "Hm.", None),
    ] {
        let parts = [("pull_request", pull()), ("review", review(state, body))];
        let seen = read("pull_request_review", &payload("submitted", &parts));
        let what = |state| Seen::Reviewed { number: 1, id: 5, state, text: body.to_owned() };
        let sighting = |what| Sighting { at: moment("12:10"), by: "ada".to_owned(), role: Some(Role::Mayor), what };
        assert_eq!(seen, wanted.map(what).map(sighting).into_iter().collect::<Vec<_>>(), "{state} {body:?}");
    }
    let unsent = with(review("approved", ""), &[("submitted_at", Value::Null)]);
    let parts = [("pull_request", pull()), ("review", unsent)];
    assert_eq!(read("pull_request_review", &payload("submitted", &parts)), []);
}

#[test]
fn board_issues_are_posts_and_close() {
    let labels = ["monkeytown-board", "agent:madchimp", "agent:Not A Name", "docs"];
    let posted = Seen::Posted {
        issue: 7,
        audience: vec!["madchimp".parse().unwrap()],
        title: "Look".to_owned(),
        text: "There.".to_owned(),
        tags: vec!["docs".to_owned()],
        updated: moment("12:30"),
    };
    let role = Some(Role::Citizen);
    let posted = Sighting { at: moment("12:00"), by: "grace".to_owned(), role, what: posted };
    for action in ["opened", "labeled"] {
        assert_eq!(read("issues", &payload(action, &[("issue", issue(&labels))])), std::slice::from_ref(&posted));
        assert_eq!(read("issues", &payload(action, &[("issue", issue(&["docs"]))])), []);
    }
    let closed = with(issue(&labels), &[("state", json!("closed")), ("closed_at", json!("2026-03-01T12:30:00Z"))]);
    let closed = payload("closed", &[("issue", closed), ("sender", user("ada"))]);
    let what = Seen::PostClosed { issue: 7 };
    let end = Sighting { at: moment("12:30"), by: "ada".to_owned(), role: Some(Role::Mayor), what };
    assert_eq!(read("issues", &closed), [posted, end]);
}

#[test]
fn other_events_mean_nothing() {
    let whole = payload("opened", &[("pull_request", pull()), ("issue", issue(&["monkeytown-board"]))]);
    for event in ["push", "workflow_dispatch", "pull_request", "pull_request_review", "schedule", ""] {
        assert_eq!(read(event, &whole), [], "{event}");
    }
    assert_eq!(read("installation", &json!({"action": "created", "sender": user("ada")})), []);
    assert_eq!(read("schedule", &json!({"schedule": "20 */4 * * *"})), []);
    assert_eq!(read("workflow_dispatch", &json!({"inputs": null, "repository": {"full_name": "acme/smalltown"}})), []);
}

#[test]
fn what_is_no_payload_of_this_town_is_refused() {
    let other = payload("closed", &[("pull_request", pull()), ("repository", json!({"full_name": "acme/bigtown"}))]);
    assert!(
        refused("pull_request", other.to_string().as_bytes()).contains("\"acme/bigtown\", and this town is acme/s")
    );
    assert!(refused("push", other.to_string().as_bytes()).contains("acme/bigtown"));
    let none = payload("closed", &[("pull_request", pull()), ("repository", Value::Null)]);
    assert!(refused("pull_request", none.to_string().as_bytes()).contains("names no repository"));
    for (event, action, part) in [
        ("pull_request", "closed", "pull_request"),
        ("issue_comment", "created", "issue"),
        ("issues", "opened", "issue"),
        ("pull_request_review", "submitted", "pull_request"),
        ("pull_request_review_comment", "created", "pull_request"),
    ] {
        let why = refused(event, payload(action, &[]).to_string().as_bytes());
        assert!(why.contains(event) && why.contains(&format!("no `{part}`")), "{why}");
        let why = refused(event, payload(action, &[(part, json!({"number": "one"}))]).to_string().as_bytes());
        assert!(why.contains(&format!("`{part}`: ")), "{why}");
    }
    let deep = format!("{{\"issue\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for broken in ["", "null", "[]", "{", "{\"action\":7}", "\u{feff}{}", deep.as_str()] {
        assert!(refused("issues", broken.as_bytes()).starts_with("the payload of issues: "), "{broken:.20}");
    }
    refused("issues", b"\xff\xfe{}");
}

/// The payloads that mean something, each with its event.
fn meant() -> Vec<(&'static str, Value)> {
    let board = issue(&["monkeytown-board"]);
    let on_pull = with(issue(&[]), &[("pull_request", json!({}))]);
    vec![
        ("pull_request", payload("closed", &[("pull_request", pull())])),
        ("pull_request", payload("closed", &[("pull_request", merged())])),
        ("pull_request", payload("reopened", &[("pull_request", pull())])),
        ("issue_comment", payload("created", &[("issue", on_pull), ("comment", comment("ada"))])),
        ("issue_comment", payload("created", &[("issue", board.clone()), ("comment", comment("ada"))])),
        (
            "pull_request_review",
            payload("submitted", &[("pull_request", pull()), ("review", review("approved", "Good."))]),
        ),
        ("pull_request_review_comment", payload("created", &[("pull_request", pull()), ("comment", comment("ada"))])),
        ("issues", payload("closed", &[("issue", with(board, &[("state", json!("closed"))]))])),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("-9999-01-01T00:00:00Z")),
        Just(json!("9999-12-31T23:59:60Z")),
        Just(json!("agent/\u{202e}x")),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..6)
                .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Every place in a value, as pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, it)| places(it, &format!("{at}/{name}"), found)),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, it)| places(it, &format!("{at}/{n}"), found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_json_is_read_or_refused(value in any_json(), which in 0..8_usize) {
        let (event, _) = &meant()[which];
        // Nothing that is no payload of ours says anything.
        if let Ok(seen) = sightings(&place(), &town(), event, value.to_string().as_bytes()) {
            prop_assert!(seen.is_empty(), "{:?}", seen);
        }
    }

    #[test]
    fn payloads_with_a_part_of_another_kind_are_read_or_refused(
        which in 0..8_usize, at in any::<prop::sample::Index>(), other in any_json(),
    ) {
        let (event, mut payload) = meant().swap_remove(which);
        let mut all = Vec::new();
        places(&payload, "", &mut all);
        *payload.pointer_mut(at.get::<String>(&all)).unwrap() = other;
        if let Ok(seen) = sightings(&place(), &town(), event, payload.to_string().as_bytes()) {
            prop_assert!(seen.len() <= 2, "{:?}", seen);
        }
    }

    #[test]
    fn payloads_that_are_cut_or_have_a_wrong_byte_are_read_or_refused(
        which in 0..8_usize, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let (event, payload) = meant().swap_remove(which);
        let mut bytes = payload.to_string().into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let read = sightings(&place(), &town(), event, &bytes);
        prop_assert!(!cut || read.is_err());
    }
}

#[test]
fn payloads_that_mean_something_do() {
    for (event, payload) in meant() {
        assert!(!read(event, &payload).is_empty(), "{event}: {payload}");
    }
}
