//! The two mutations that REST lacks: a pull request becomes a draft, and is ready for review.
//!
//! Lives here: as much GraphQL as these need, answering exactly the fields that were asked for. Never here: a query
//! language; anything else is refused in GraphQL's way, with status 200 and `errors`.

use serde_json::{Map, Value, json};

use super::reply::Reply;
use super::shape;
use super::world::{Token, World};

/// Answers one request.
pub fn answer(world: &mut World, token: Option<&Token>, body: &Value) -> Reply {
    let Some(token) = token else {
        return Reply::error(401, "This endpoint requires you to be authenticated.");
    };
    let query = body["query"].as_str().unwrap_or_default();
    let named = ["convertPullRequestToDraft", "markPullRequestReadyForReview"];
    let Some(mutation) = named.into_iter().find(|name| query.contains(name)) else {
        return refused(
            None,
            "undefinedField",
            "The fake knows convertPullRequestToDraft and \
                       markPullRequestReadyForReview, and nothing else",
        );
    };
    if !query.trim_start().starts_with("mutation") {
        return refused(None, "undefinedField", &format!("Field '{mutation}' doesn't exist on type 'Query'"));
    }
    let Some(id) = asked_id(query, &body["variables"]) else {
        let message = format!("Argument 'pullRequestId' on InputObject '{mutation}Input' is required");
        return refused(None, "missingRequiredInputObjectAttribute", &message);
    };
    let same = |entry: &&super::world::Entry| entry.pull.as_ref().is_some_and(|pull| shape::node(pull) == id);
    let Some((number, closed)) = world.entries.values().find(same).map(|entry| (entry.number, entry.closed.is_some()))
    else {
        let message = format!("Could not resolve to a node with the global id of '{id}'");
        return refused(Some(mutation), "NOT_FOUND", &message);
    };
    if !token.grants.pulls {
        return refused(Some(mutation), "FORBIDDEN", "Resource not accessible by integration");
    }
    if closed {
        return refused(Some(mutation), "UNPROCESSABLE", "Pull request is closed");
    }
    let draft = mutation == "convertPullRequestToDraft";
    if world.pull(number).draft == draft {
        let message = format!("Pull request is {} draft", if draft { "already a" } else { "not a" });
        return refused(Some(mutation), "UNPROCESSABLE", &message);
    }
    world.pull(number).draft = draft;
    world.touch(number);
    match selected(world, number, query) {
        Ok(pull) => Reply::json(200, json!({ "data": { mutation: { "pullRequest": pull } } })),
        Err(field) => {
            let message = format!("Field '{field}' doesn't exist on type 'PullRequest'");
            refused(None, "undefinedField", &message)
        }
    }
}

fn refused(mutation: Option<&str>, kind: &str, message: &str) -> Reply {
    let mut error = json!({ "type": kind, "message": message, "locations": [{ "line": 1, "column": 1 }] });
    let mut body = Map::new();
    if let Some(mutation) = mutation {
        error["path"] = json!([mutation]);
        body.insert("data".to_owned(), json!({ mutation: null }));
    }
    body.insert("errors".to_owned(), json!([error]));
    Reply::json(200, Value::Object(body))
}

/// The id of the pull request: written into the mutation, in a variable, or in a variable that is the whole input.
fn asked_id(query: &str, variables: &Value) -> Option<String> {
    let from_variables = variables["input"]["pullRequestId"].as_str().map(str::to_owned);
    let written = query.split_once("pullRequestId:").map(|(_, rest)| rest.trim_start());
    let written = written.and_then(|rest| match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').map(|(id, _)| id.to_owned()),
        None => {
            let name = rest.strip_prefix('$')?;
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            variables[&name[..end]].as_str().map(str::to_owned)
        }
    });
    from_variables.or(written)
}

/// The fields of `pullRequest { … }` that the mutation selects; an error is the first that the fake does not know.
fn selected(world: &World, number: u64, query: &str) -> Result<Value, String> {
    let entry = &world.entries[&number];
    let pull = entry.pull.as_ref().unwrap();
    let state = match (&pull.merged, &entry.closed) {
        (Some(_), _) => "MERGED",
        (None, Some(_)) => "CLOSED",
        (None, None) => "OPEN",
    };
    let known = json!({
        "id": shape::node(pull), "number": number, "isDraft": pull.draft, "state": state, "title": entry.title,
        "url": format!("{}/pull/{number}", world.html()), "headRefName": pull.branch, "headRefOid": pull.head,
        "__typename": "PullRequest",
    });
    // `pullRequestId` contains the word too; the block is the one with a brace.
    let rests = query.match_indices("pullRequest").map(|(at, word)| query[at + word.len()..].trim_start());
    let block = rests.filter_map(|rest| rest.strip_prefix('{')).next();
    let fields = block.and_then(|block| block.split_once('}')).map(|(fields, _)| fields).unwrap_or_default();
    let mut shown = Map::new();
    for field in fields.split([' ', '\n', '\t', ',']).filter(|field| !field.is_empty()) {
        let value = known.get(field).ok_or_else(|| field.to_owned())?;
        shown.insert(field.to_owned(), value.clone());
    }
    Ok(Value::Object(shown))
}
