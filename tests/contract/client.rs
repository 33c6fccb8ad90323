//! The real client and `emulate`, a GitHub that somebody else wrote: what it does with the fake, it does there.
//!
//! Not asked of `emulate`: opening for a branch that is not there, which it grants; drafts, since it has no GraphQL. Where
//! it is known to differ otherwise, [`DIFFERENT`] says how.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use monkeytown::forge::github::GithubForge;
use monkeytown::forge::github::client::Client as ApiClient;
use monkeytown::forge::github::sight::Place;
use monkeytown::forge::{Forge as _, NewPull, PullView};
use monkeytown::town::event::Offer;
use monkeytown::town::fold::Town;
use monkeytown::town::ids::RunId;
use serde_json::json;

use crate::emulate::{Emulate, OTHER_TOKEN, OWNER_TOKEN};
use crate::fake::{FakeGithub, Grants};
use crate::http::Client;

const REPOSITORY: &str = "acme/smalltown";

fn forge(url: &str, token: &str) -> GithubForge {
    let client = ApiClient::new(url, token, Box::new(Utc::now)).unwrap();
    GithubForge::new(client, Place { repository: REPOSITORY.to_owned(), people: BTreeMap::new() }, "main")
}

fn offer(branch: &str, head: &str, base: &str, title: &str) -> NewPull {
    let offer = json!({"branch": branch, "head": head, "base": base, "title": title, "body": "Because.", "added": 1, "removed": 0});
    let offer: Offer = serde_json::from_value(offer).unwrap();
    NewPull { run: "01M7Y5A8C0HYXFBBEYYNYT65EM".parse().unwrap(), agent: "ada".parse().unwrap(), offer }
}

/// How one of the two is spoken to.
struct Hub {
    url: String,
    owner: String,
    other: String,
    /// The head of the branch, and what it stands on.
    head: String,
    base: String,
}

fn ours(fake: &FakeGithub) -> Hub {
    fake.commit_on_branch("agent/ada", "acme", "notes/two.md", "Two.\n");
    Hub {
        url: fake.api_url(),
        owner: fake.add_token("owner", "acme", Grants::ALL),
        other: fake.add_token("other", "grace", Grants::READ),
        head: fake.tip("agent/ada").unwrap(),
        base: fake.tip("main").unwrap(),
    }
}

fn theirs(emulate: &Emulate) -> Hub {
    let api = Client::new(&format!("{}/repos/{REPOSITORY}", emulate.url()), Some(OWNER_TOKEN));
    let base = api.get("/git/ref/heads/main").json()["object"]["sha"].as_str().unwrap().to_owned();
    let branch = json!({ "ref": "refs/heads/agent/ada", "sha": base });
    assert_eq!(api.send_json("POST", "/git/refs", branch).status, 201);
    let file = json!({ "message": "Write notes/two.md", "content": "VHdvLgo=", "branch": "agent/ada" });
    assert_eq!(api.send_json("PUT", "/contents/notes/two.md", file).status, 201);
    let head = api.get("/git/ref/heads/agent/ada").json()["object"]["sha"].as_str().unwrap().to_owned();
    let (owner, other) = (OWNER_TOKEN.to_owned(), OTHER_TOKEN.to_owned());
    Hub { url: emulate.url().to_owned(), owner, other, head, base }
}

/// The steps in which `emulate` is no GitHub: what the client gets there, and why.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("observe a pull request", "Err(NotFound(\"GET /repos/acme/smalltown/issues/comments: 404", "it lists no comments"),
    (
        "open again",
        "Ok(\"#3 agent/ada Write two ",
        "it opens a second one for a branch, and the client closes the first",
    ),
    ("open without permission", "Ok(\"#4 agent/ada Write two ", "it lets everybody write"),
    ("comment with an unknown token", "Ok(())", "it lets everybody in"),
];

/// A town that knows of pull request 1.
fn town(hub: &Hub) -> Town {
    let pull = json!({
        "number": 1, "url": format!("{}/pull/1", hub.url), "state": "open", "agent": "ada",
        "run": "01M7Y5A8C0HYXFBBEYYNYT65EM", "branch": "agent/ada",
        "head": hub.head, "base": hub.base, "title": "Write two", "added": 1, "removed": 0,
        "opened_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    });
    let mut town = Town::default();
    town.pulls.insert(1, serde_json::from_value(pull).unwrap());
    town
}

/// What came back from each step, without what must differ.
async fn story(hub: &Hub) -> Vec<(&'static str, String)> {
    let forge = forge(&hub.url, &hub.owner);
    let first = offer("agent/ada", &hub.head, &hub.base, "Write two");
    let second = offer("agent/ada", &hub.head, &hub.base, "Write two\nand more");
    let shown = |view: PullView| {
        assert_eq!(view.head.as_str(), hub.head);
        format!("#{} {} {} draft={}", view.number, view.branch, view.title, view.draft)
    };
    let found = |view: Option<PullView>| view.map(shown);
    let mut told = Vec::new();
    let mut tell = |step: &'static str, said: String| told.push((step, said));
    tell("find nothing", format!("{:?}", forge.find("agent/ada").await.map(found)));
    tell("open", format!("{:?}", forge.open(&first).await.map(shown)));
    tell("find", format!("{:?}", forge.find("agent/ada").await.map(found)));
    tell("find another branch", format!("{:?}", forge.find("agent/ad").await.map(found)));
    tell("update", format!("{:?}", forge.update(1, &second).await.map(shown)));
    tell("find the update", format!("{:?}", forge.find("agent/ada").await.map(found)));
    tell("comment", format!("{:?}", forge.comment(1, &RunId::from_parts(0, 1), "Hello.").await));
    tell("observe nothing", format!("{:?}", forge.observe(&Town::default()).await));
    tell("observe a pull request", format!("{:?}", forge.observe(&town(hub)).await.map(|seen| seen.len())));
    tell("close", format!("{:?}", forge.close(1).await));
    tell("close again", format!("{:?}", forge.close(1).await));
    tell("find what is closed", format!("{:?}", forge.find("agent/ada").await.map(found)));
    tell("update what is closed", format!("{:?}", forge.update(1, &first).await.map(shown)));
    tell("close no such number", format!("{:?}", forge.close(99).await));
    tell("open the next", format!("{:?}", forge.open(&first).await.map(shown)));
    tell("open again", format!("{:?}", forge.open(&first).await.map(shown)));
    let stranger = self::forge(&hub.url, &hub.other);
    tell("open without permission", format!("{:?}", stranger.open(&first).await.map(shown)));
    let nobody = self::forge(&hub.url, "nonsense");
    tell("comment with an unknown token", format!("{:?}", nobody.comment(1, &RunId::from_parts(0, 1), "x").await));
    told
}

fn told(hub: &Hub) -> Vec<(&'static str, String)> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story(hub))
}

#[test]
fn the_client_gets_on_with_both() {
    let (fake, emulate) = (FakeGithub::start(), Emulate::start());
    let (here, there) = (told(&ours(&fake)), told(&theirs(&emulate)));
    let mut known = BTreeSet::new();
    for ((step, here), (_, there)) in here.iter().zip(&there) {
        match DIFFERENT.iter().find(|(name, ..)| name == step) {
            None => assert_eq!(here, there, "{step}: here, and in emulate"),
            Some((name, wanted, why)) => {
                known.insert(*name);
                assert!(there.starts_with(wanted), "{step} ({why}): {there}");
                assert_ne!(here, there, "{step}: emulate does as GitHub now; take it off DIFFERENT");
            }
        }
    }
    assert_eq!(known.len(), DIFFERENT.len());
    // What the fake says is what GitHub says, by its description and by what it is known to do.
    let of = |step: &str| here.iter().find(|(name, _)| *name == step).unwrap().1.as_str();
    assert_eq!(of("open again"), "Ok(\"#2 agent/ada Write two draft=false\")");
    assert!(of("open without permission").starts_with("Err(Forbidden"), "{here:#?}");
    assert!(of("comment with an unknown token").starts_with("Err(Unauthorized"), "{here:#?}");
    assert!(of("close no such number").starts_with("Err(NotFound"), "{here:#?}");
    assert!(of("observe a pull request").starts_with("Ok("), "{here:#?}");
    // The texts arrived, labels with them.
    for (api, token) in [(fake.api_url(), fake.read_token()), (emulate.url().to_owned(), OWNER_TOKEN)] {
        let api = Client::new(&format!("{api}/repos/{REPOSITORY}"), Some(token));
        assert_eq!(api.get("/issues/1/comments").json()[0]["body"], "Hello.");
        let pull = api.get("/pulls/1").json();
        assert_eq!((&pull["title"], &pull["body"]), (&json!("Write two and more"), &json!("Because.")));
        let labels: Vec<String> =
            pull["labels"].as_array().unwrap().iter().map(|label| label["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(labels, ["monkeytown", "agent:ada"]);
    }
}
