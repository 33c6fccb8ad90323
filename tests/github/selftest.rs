//! The fake holds what it promises over REST and GraphQL, told in tables.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::fake::{ACTIONS, FakeGithub, Grants, Method, Target};
use crate::http::{Client, Heard};

const NOON: &str = "2026-03-01T12:00:00Z";

fn at(moment: &str) -> DateTime<Utc> {
    moment.parse().unwrap()
}

/// A fake at noon whose branch `agent/ada` is one commit ahead of `main`.
fn fake() -> FakeGithub {
    let fake = FakeGithub::start();
    fake.set_now(at(NOON));
    fake.commit_on_branch("agent/ada", "ada", "notes/one.md", "One line.\n");
    fake
}

/// Its repository, asked by the workflow.
fn client(fake: &FakeGithub) -> Client {
    Client::new(&format!("{}/repos/{}", fake.api_url(), fake.slug()), Some(fake.token()))
}

fn new_pull(head: &str) -> Value {
    json!({ "title": "Write one", "body": "Because.", "head": head, "base": "main" })
}

fn numbers(heard: &Heard) -> Vec<u64> {
    heard.json().as_array().unwrap().iter().map(|item| item["number"].as_u64().unwrap()).collect()
}

fn texts(heard: &Heard) -> Vec<String> {
    heard.json().as_array().unwrap().iter().map(|item| item["body"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_pull_request_is_opened_once_and_found_again() {
    let fake = fake();
    let client = client(&fake);
    let opened = client.send_json("POST", "/pulls", new_pull("agent/ada"));
    assert_eq!(opened.status, 201, "{}", opened.text);
    let pull = opened.json();
    assert_eq!(pull["user"]["login"], ACTIONS);
    assert_eq!(pull["user"]["type"], "Bot");
    assert_eq!(pull["head"]["sha"], json!(fake.tip("agent/ada")));
    assert_eq!((&pull["commits"], &pull["additions"], &pull["changed_files"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!((&pull["mergeable"], &pull["mergeable_state"]), (&json!(true), &json!("clean")));
    for (query, found) in [
        ("?head=acme:agent/ada", vec![1]),
        ("?head=acme:agent/ada&state=closed", vec![]),
        ("?head=other:agent/ada", vec![]),
        // A head without an owner does not filter.
        ("?head=nothing", vec![1]),
        ("?base=main&state=all", vec![1]),
        ("?base=other", vec![]),
    ] {
        assert_eq!(numbers(&client.get(&format!("/pulls{query}"))), found, "{query}");
    }
    // The same API below the path of a GitHub Enterprise Server.
    let enterprise = Client::new(&fake.enterprise_api_url(), Some(fake.token()));
    assert_eq!(enterprise.get("/repos/acme/smalltown/pulls/1").json()["number"], 1);
}

#[test]
fn what_github_refuses_is_refused_with_its_words() {
    let fake = fake();
    fake.set_branch("same", "ada", &fake.tip("main").unwrap());
    let client = client(&fake);
    assert_eq!(client.send_json("POST", "/pulls", new_pull("agent/ada")).status, 201);
    let long = "x".repeat(65_537);
    let with = |field: &str, value: Value| {
        let mut pull = new_pull("agent/ada");
        pull[field] = value;
        pull
    };
    let cases = [
        ("a second one", new_pull("agent/ada"), "A pull request already exists for acme:agent/ada."),
        ("the owner named", new_pull("acme:agent/ada"), "A pull request already exists for acme:agent/ada."),
        ("no such branch", new_pull("nowhere"), r#""code":"invalid","field":"head""#),
        ("a fork", new_pull("other:agent/ada"), r#""code":"invalid","field":"head""#),
        ("nothing to merge", new_pull("same"), "No commits between main and same"),
        ("no such base", with("base", json!("nowhere")), r#""code":"invalid","field":"base""#),
        ("no title", with("title", Value::Null), r#""code":"missing_field","field":"title""#),
        ("a long body", with("body", json!(long)), "body is too long (maximum is 65536 characters)"),
        ("a number for a title", with("title", json!(7)), "is not a string"),
    ];
    for (what, body, words) in cases {
        let heard = client.send_json("POST", "/pulls", body);
        assert_eq!(heard.status, 422, "{what}: {}", heard.text);
        assert!(heard.text.contains(words), "{what}: {}", heard.text);
    }
    assert_eq!(fake.pulls().len(), 1);
    // As many characters as are allowed, which may be more bytes.
    let most = json!({ "body": "ä".repeat(65_536) });
    assert_eq!(client.send_json("PATCH", "/pulls/1", most).status, 200);
    assert_eq!(client.send("POST", "/pulls", &[], Some("{")).status, 400);
}

#[test]
fn who_may_do_what() {
    let fake = fake();
    let pull = fake.open_pull("ada", "agent/ada", "Write one", "");
    let issue = fake.open_issue("grace", "A question", "Why?", &[]);
    let base = format!("{}/repos/{}", fake.api_url(), fake.slug());
    let pulls_only = fake.add_token("pulls", ACTIONS, Grants { pulls: true, ..Grants::READ });
    let nobody = Client::new(&base, None);
    let wrong = Client::new(&base, Some("wrong"));
    let reader = Client::new(&base, Some(fake.read_token()));
    let puller = Client::new(&base, Some(&pulls_only));
    let comment = json!({ "body": "Hello." });
    let (on_pull, on_issue) = (format!("/issues/{pull}/comments"), format!("/issues/{issue}/comments"));
    for (who, client, path, status) in [
        ("nobody", &nobody, &on_pull, 401),
        ("a wrong token", &wrong, &on_pull, 401),
        ("a reader", &reader, &on_pull, 403),
        ("one for pull requests", &puller, &on_pull, 201),
        ("one for pull requests, on an issue", &puller, &on_issue, 403),
    ] {
        assert_eq!(client.send_json("POST", path, comment.clone()).status, status, "{who}");
    }
    let refused = reader.send_json("PATCH", &format!("/pulls/{pull}"), json!({ "title": "Mine" }));
    assert_eq!(refused.header("x-accepted-github-permissions"), "pull_requests=write");
    assert_eq!(refused.json()["message"], "Resource not accessible by integration");
    assert_eq!(wrong.get("/pulls").json()["message"], "Bad credentials");
    assert_eq!(nobody.get("/pulls").status, 200);
    fake.private(true);
    assert_eq!(nobody.get("/pulls").status, 404);
    assert_eq!(reader.get("/pulls").status, 200);
    fake.forbid_pull_creation(true);
    let heard = client(&fake).send_json("POST", "/pulls", new_pull("agent/ada"));
    assert_eq!(heard.status, 403);
    assert_eq!(heard.json()["message"], "GitHub Actions is not permitted to create or approve pull requests.");
    // Every request is on the list, with the name of its token and without the token.
    let seen = fake.requests();
    assert_eq!(seen[0].token, None);
    assert_eq!(seen[1].token.as_deref(), Some("unknown"));
    assert_eq!(seen[3].token.as_deref(), Some("pulls"));
    assert_eq!((seen[3].status, seen[3].body.as_str()), (Some(201), r#"{"body":"Hello."}"#));
    assert!(seen.iter().all(|seen| seen.header("authorization").is_none()));
}

#[test]
fn what_is_not_there_is_not_found() {
    let fake = fake();
    let issue = fake.open_issue("grace", "A question", "Why?", &[]);
    let client = client(&fake);
    for path in
        ["/pulls/9", "/pulls/x", &format!("/pulls/{issue}"), "/issues/9", "/nothing", "/issues/comments/5/reactions"]
    {
        let heard = client.get(path);
        assert_eq!((heard.status, heard.json()["message"].as_str()), (404, Some("Not Found")), "{path}");
    }
    assert_eq!(Client::new(&fake.api_url(), None).get("/repos/acme/othertown").status, 404);
    fake.delete_issue(issue);
    assert_eq!(client.get(&format!("/issues/{issue}")).status, 410);
    fake.lock(fake.open_issue("grace", "Another", "", &[]));
    assert_eq!(client.send_json("POST", "/issues/2/comments", json!({ "body": "Hello." })).status, 403);
}

#[test]
fn an_unchanged_answer_costs_nothing() {
    let fake = fake();
    fake.open_pull("ada", "agent/ada", "Write one", "");
    let client = client(&fake);
    let first = client.get("/pulls/1");
    let tag = first.header("etag").to_owned();
    assert_eq!(first.header("x-ratelimit-remaining"), "999");
    assert_eq!(first.header("date"), "Sun, 01 Mar 2026 12:00:00 GMT");
    let again = client.send("GET", "/pulls/1", &[("if-none-match", &tag)], None);
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("x-ratelimit-remaining"), "999");
    fake.retitle(1, "Write two");
    let changed = client.send("GET", "/pulls/1", &[("if-none-match", &tag)], None);
    assert_eq!((changed.status, changed.header("x-ratelimit-remaining")), (200, "998"));
    assert_ne!(changed.header("etag"), tag);
}

#[test]
fn long_lists_come_in_pages() {
    let fake = fake();
    for n in 1..=7 {
        fake.open_issue("grace", &format!("Question {n}"), "", &["help"]);
    }
    let client = client(&fake);
    let query = "/issues?labels=help&sort=updated&direction=asc&per_page=3";
    let mut all = Vec::new();
    let mut page = client.get(query);
    assert!(page.header("link").contains("page=3>; rel=\"last\""), "{}", page.header("link"));
    loop {
        all.extend(numbers(&page));
        let next = page.header("link").split(", ").find(|link| link.ends_with("rel=\"next\"")).map(str::to_owned);
        let Some(next) = next else { break };
        // The address is the server's own: it names the repository by its id.
        let address = next.trim_start_matches('<').split_once('>').unwrap().0.to_owned();
        page = Client::new(&address, Some(fake.token())).get("");
    }
    assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
    assert!(page.header("link").contains("rel=\"first\""));
    assert_eq!(numbers(&client.get("/issues?per_page=2")), [7, 6]);
}

#[test]
fn a_merge_is_a_real_commit() {
    for (method, parents, message) in [
        (Method::Merge, 2, "Merge pull request #1 from acme/agent/ada\n\nWrite one"),
        (Method::Squash, 1, "Write one (#1)\n\nBecause."),
        (Method::Rebase, 1, "Write notes/one.md"),
    ] {
        let fake = fake();
        fake.commit_on_branch("main", "grace", "other.md", "Another.\n");
        let client = client(&fake);
        assert_eq!(client.send_json("POST", "/pulls", new_pull("agent/ada")).status, 201);
        fake.protect("main");
        let sha = fake.merge(1, "grace", method);
        assert_eq!(fake.tip("main"), Some(sha.clone()), "{method:?}");
        assert_eq!(fake.file("main", "notes/one.md").as_deref(), Some("One line.\n"));
        let repository = git2::Repository::open(fake.repository()).unwrap();
        let commit = repository.find_commit(sha.parse().unwrap()).unwrap();
        assert_eq!((commit.parent_count(), commit.message().unwrap().trim_end()), (parents, message), "{method:?}");
        let pull = client.get("/pulls/1").json();
        assert_eq!(pull["merged"], true);
        assert_eq!(pull["merged_by"]["login"], "grace");
        assert_eq!(pull["merge_commit_sha"], json!(sha));
        assert_eq!((&pull["commits"], &pull["changed_files"]), (&json!(1), &json!(1)), "{method:?}");
        assert_eq!(client.get("/issues/1").json()["closed_by"]["login"], "grace");
        assert_eq!(fake.pull(1).state, "merged");
        let reopened = client.send_json("PATCH", "/pulls/1", json!({ "state": "open" }));
        assert_eq!(reopened.status, 422, "{method:?}: {}", reopened.text);
    }
}

#[test]
fn a_merge_over_the_api_looks_first() {
    let fake = fake();
    let client = client(&fake);
    client.send_json("POST", "/pulls", new_pull("agent/ada"));
    let stale = client.send_json("PUT", "/pulls/1/merge", json!({ "sha": fake.tip("main") }));
    assert_eq!(stale.status, 409, "{}", stale.text);
    fake.commit_on_branch("main", "grace", "notes/one.md", "Something else.\n");
    assert_eq!(client.get("/pulls/1").json()["mergeable_state"], "dirty");
    assert_eq!(client.send_json("PUT", "/pulls/1/merge", json!({})).status, 405);
    fake.commit_on_branch("main", "grace", "notes/one.md", "One line.\n");
    let merged = client.send_json("PUT", "/pulls/1/merge", json!({ "merge_method": "squash", "commit_title": "So" }));
    assert_eq!((merged.status, &merged.json()["merged"]), (200, &json!(true)), "{}", merged.text);
    assert_eq!(client.send_json("PUT", "/pulls/1/merge", json!({})).status, 405);
}

#[test]
fn a_closed_pull_request_opens_again_only_where_it_can() {
    let fake = fake();
    let client = client(&fake);
    let open = json!({ "state": "open" });
    client.send_json("POST", "/pulls", new_pull("agent/ada"));
    assert_eq!(client.send_json("PATCH", "/pulls/1", json!({ "state": "closed" })).json()["state"], "closed");
    assert_eq!(fake.pull(1).closed_by.as_deref(), Some(ACTIONS));
    client.send_json("POST", "/pulls", new_pull("agent/ada"));
    assert_eq!(client.send_json("PATCH", "/pulls/1", open.clone()).status, 422);
    fake.close(2, "grace");
    assert_eq!(client.send_json("PATCH", "/pulls/1", open.clone()).json()["state"], "open");
    // Deleting the branch closes it, and it stays so.
    fake.delete_branch("agent/ada", "grace");
    assert_eq!((fake.pull(1).state, fake.pull(1).closed_by.as_deref()), ("closed", Some("grace")));
    let gone = client.send_json("PATCH", "/pulls/1", open);
    assert!(gone.text.contains("The agent/ada branch has been deleted."), "{}", gone.text);
    assert_eq!(client.get("/pulls/1/commits").json().as_array().unwrap().len(), 1);
}

#[test]
fn comments_and_reactions_are_found_by_what_is_new() {
    let fake = fake();
    let client = client(&fake);
    let pull = fake.open_pull("ada", "agent/ada", "Write one", "");
    let first = fake.comment(pull, "grace", "First.");
    fake.set_now(at("2026-03-01T13:00:00Z"));
    fake.comment(pull, "ada", "Second.");
    let sorted = "/issues/comments?sort=updated&direction=asc";
    assert_eq!(texts(&client.get(sorted)), ["First.", "Second."]);
    assert_eq!(texts(&client.get(&format!("{sorted}&since=2026-03-01T12:30:00Z"))), ["Second."]);
    fake.set_now(at("2026-03-01T14:00:00Z"));
    fake.edit_comment(first, "First, after all.");
    assert_eq!(texts(&client.get(sorted)), ["Second.", "First, after all."]);
    assert_eq!(texts(&client.get("/issues/1/comments")), ["First, after all.", "Second."]);
    // A reaction exists once for each account and content.
    let place = format!("/issues/comments/{first}/reactions");
    assert_eq!(client.send_json("POST", &place, json!({ "content": "eyes" })).status, 201);
    let again = client.send_json("POST", &place, json!({ "content": "eyes" }));
    assert_eq!(again.status, 200);
    assert_eq!(client.send_json("POST", &place, json!({ "content": "banana" })).status, 422);
    let hers = fake.react(Target::Comment(first), "grace", "+1");
    assert_eq!(client.get("/issues/1/comments").json()[0]["reactions"]["total_count"], 2);
    assert_eq!(client.send("DELETE", &format!("{place}/{hers}"), &[], None).status, 403);
    assert_eq!(client.send("DELETE", &format!("{place}/{}", again.json()["id"]), &[], None).status, 204);
    assert_eq!(client.get(&place).json()[0]["user"]["login"], "grace");
    fake.unreact(hers);
    assert_eq!(client.get(&place).json(), json!([]));
}

#[test]
fn reviews_and_labels() {
    let fake = fake();
    let client = client(&fake);
    client.send_json("POST", "/pulls", new_pull("agent/ada"));
    fake.review(1, "grace", "CHANGES_REQUESTED", "Not yet.");
    fake.review_comment(1, "ada", "notes/one.md", 1, "Why?");
    let states: Vec<Value> =
        client.get("/pulls/1/reviews").json().as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, ["CHANGES_REQUESTED", "COMMENTED"]);
    assert_eq!(client.get("/pulls/comments?since=2026-03-01T12:00:00Z").json()[0]["body"], "Why?");
    assert_eq!(client.get("/pulls/comments?since=2026-03-01T12:00:01Z").json(), json!([]));
    for (body, status) in [
        (json!({ "event": "COMMENT", "body": "I looked." }), 200),
        (json!({ "event": "COMMENT" }), 422),
        (json!({ "event": "APPROVE" }), 422),
    ] {
        assert_eq!(client.send_json("POST", "/pulls/1/reviews", body.clone()).status, status, "{body}");
    }
    assert_eq!(client.send_json("POST", "/issues/1/labels", json!({ "labels": ["town", "Town"] })).status, 200);
    assert_eq!(fake.labels(1), ["town"]);
    assert_eq!(client.send_json("PATCH", "/issues/1", json!({ "labels": [] })).status, 200);
    assert_eq!(client.get("/issues/1/labels").json(), json!([]));
    // An issue has a reason for being closed.
    let issue = fake.open_issue("grace", "A question", "Why?", &["help"]);
    let closed = client.send_json("PATCH", &format!("/issues/{issue}"), json!({ "state": "closed" })).json();
    assert_eq!((&closed["state_reason"], &closed["closed_by"]["login"]), (&json!("completed"), &json!(ACTIONS)));
    assert_eq!(numbers(&client.get("/issues?state=all&labels=help")), [issue]);
}

#[test]
fn drafts_change_over_graphql_alone() {
    let fake = fake();
    let client = client(&fake);
    let mut pull = new_pull("agent/ada");
    pull["draft"] = json!(true);
    let opened = client.send_json("POST", "/pulls", pull).json();
    assert_eq!((&opened["draft"], &opened["mergeable_state"]), (&json!(true), &json!("draft")));
    client.send_json("PATCH", "/pulls/1", json!({ "draft": false }));
    assert!(fake.pull(1).draft);
    let root = Client::new(&fake.api_url(), Some(fake.token()));
    let ready = "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft number } } }";
    let ask = |query: &str, id: &Value| {
        root.send_json("POST", "/graphql", json!({ "query": query, "variables": { "id": id } }))
    };
    let heard = ask(ready, &opened["node_id"]).json();
    let expected =
        json!({ "data": { "markPullRequestReadyForReview": { "pullRequest": { "isDraft": false, "number": 1 } } } });
    assert_eq!(heard, expected);
    assert!(!fake.pull(1).draft);
    for (query, id, words) in [
        (ready, json!("PR_0"), "Could not resolve to a node"),
        (ready, opened["node_id"].clone(), "not a draft"),
        ("query { viewer { login } }", Value::Null, "and nothing else"),
        (&ready.replace("number", "banana"), opened["node_id"].clone(), "not a draft"),
    ] {
        let heard = ask(query, &id);
        assert_eq!(heard.status, 200);
        assert!(heard.json()["errors"][0]["message"].as_str().unwrap().contains(words), "{}", heard.text);
    }
    let draft = ready.replace("markPullRequestReadyForReview", "convertPullRequestToDraft");
    ask(&draft, &opened["node_id"]);
    assert!(fake.pull(1).draft);
}

#[test]
fn what_goes_wrong_on_purpose() {
    let fake = fake();
    let client = client(&fake);
    fake.secondary_limit(1, 30);
    fake.secondary_limit_429(1, 60);
    fake.abuse(1);
    for (status, after) in [(403, "30"), (429, "60"), (403, "")] {
        let heard = client.get("/pulls");
        assert_eq!((heard.status, heard.header("retry-after")), (status, after), "{}", heard.text);
    }
    let reset = at(NOON).timestamp() + 60;
    fake.primary_limit(reset);
    let limited = client.get("/pulls");
    assert_eq!((limited.status, limited.header("x-ratelimit-remaining")), (403, "0"));
    assert_eq!(limited.header("x-ratelimit-reset"), reset.to_string());
    let root = Client::new(&fake.api_url(), Some(fake.token()));
    assert_eq!(root.get("/rate_limit").json()["rate"]["remaining"], 0);
    fake.set_now(at("2026-03-01T12:01:00Z"));
    assert_eq!(client.get("/pulls").status, 200);
    fake.fail_next("POST", "/repos/acme/smalltown/pulls", 502, "Bad Gateway", 1);
    assert_eq!(client.get("/pulls").status, 200);
    assert_eq!(client.send_json("POST", "/pulls", new_pull("agent/ada")).status, 502);
    assert_eq!(fake.pulls(), []);
    // The effect is there, the answer is not.
    fake.drop_response("POST", "/repos/acme/smalltown/pulls", 1);
    let dropped = client.try_send("POST", "/pulls", &[], Some(&new_pull("agent/ada").to_string()));
    assert!(dropped.is_none());
    assert_eq!(fake.pulls().len(), 1);
    assert_eq!(fake.requests().last().unwrap().status, None);
    fake.down(true);
    assert_eq!(client.get("/pulls").status, 503);
    fake.unreachable(true);
    assert!(client.try_send("GET", "/pulls", &[], None).is_none());
    fake.mend();
    assert_eq!(numbers(&client.get("/pulls")), [1]);
    // GitHub wants to know what asks.
    assert_eq!(client.send("GET", "/pulls", &[("user-agent", "")], None).status, 403);
}

#[test]
fn octocrab_reads_it() {
    let fake = fake();
    let pull = fake.open_pull("ada", "agent/ada", "Write one", "Because.");
    fake.comment(pull, "grace", "Good.");
    fake.review(pull, "grace", "APPROVED", "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let octocrab = octocrab::Octocrab::builder();
        let octocrab =
            octocrab.base_uri(fake.api_url()).unwrap().personal_token(fake.token().to_owned()).build().unwrap();
        let (owner, name) = ("acme", "smalltown");
        let pulls = octocrab.pulls(owner, name);
        let listed = pulls.list().head("acme:agent/ada").send().await.unwrap();
        assert_eq!(listed.items[0].number, pull);
        assert_eq!(pulls.get(pull).await.unwrap().head.sha, fake.tip("agent/ada").unwrap());
        assert_eq!(pulls.list_reviews(pull).send().await.unwrap().items.len(), 1);
        let comments = octocrab.issues(owner, name).list_comments(pull).send().await.unwrap();
        assert_eq!(comments.items[0].body.as_deref(), Some("Good."));
        let again = pulls.create("Write one", "agent/ada", "main").send().await.unwrap_err();
        let octocrab::Error::GitHub { source, .. } = again else { panic!("{again:?}") };
        assert_eq!(source.status_code.as_u16(), 422);
    });
}
