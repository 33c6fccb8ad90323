//! Issues, comments, labels and reactions over REST.
//!
//! Lives here: one function for each route below `/issues`. Never here: how objects look (see `shape`).

use serde_json::{Value, json};

use super::pulls::{cannot_reopen, newest_first, reopen, since};
use super::reply::{Answer, Reply};
use super::rest::{BODY, Call};
use super::shape;
use super::world::{Comment, Entry, Target};

/// What one can react with, in the order in which GitHub counts them.
pub const CONTENTS: &[&str] = &["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"];

const RESOURCE: &str = "Issue";

/// `GET /issues`
pub fn list(call: &mut Call<'_>) -> Answer {
    let state = call.word("state").unwrap_or("open");
    let since = since(call);
    let labels: Vec<&str> = call.word("labels").map(|labels| labels.split(',').collect()).unwrap_or_default();
    let wanted = |entry: &&Entry| {
        let has = |label: &&str| entry.labels.iter().any(|known| known.eq_ignore_ascii_case(label.trim()));
        !entry.deleted
            && (state == "all" || (state == "open") == entry.closed.is_none())
            && since.is_none_or(|since| entry.updated >= since)
            && labels.iter().all(has)
            && call.word("creator").is_none_or(|creator| creator == entry.by)
    };
    let mut entries: Vec<&Entry> = call.world.entries.values().filter(wanted).collect();
    match call.word("sort") {
        Some("updated") => entries.sort_by_key(|entry| (entry.updated, entry.number)),
        Some("comments") => {
            let count = |entry: &Entry| call.world.comments.iter().filter(|one| one.number == entry.number).count();
            entries.sort_by_key(|entry| (count(entry), entry.number));
        }
        _ => entries.sort_by_key(|entry| (entry.created, entry.number)),
    }
    if newest_first(call, true) {
        entries.reverse();
    }
    Ok(call.page(&entries, |world, entry| shape::issue(world, entry)))
}

fn shown(call: &Call<'_>, number: u64) -> Answer {
    Ok(Reply::json(200, shape::issue(call.world, call.entry(number)?)))
}

/// `GET /issues/{n}`
pub fn get(call: &mut Call<'_>, number: u64) -> Answer {
    shown(call, number)
}

/// `PATCH /issues/{n}`
pub fn update(call: &mut Call<'_>, number: u64) -> Answer {
    call.entry(number)?;
    let by = call.writer_on(number)?;
    let (title, body) = call.words(RESOURCE)?;
    let reason = call.text("state_reason")?.map(str::to_owned);
    let state = call.text("state")?.map(str::to_owned);
    let labels = if call.body["labels"].is_null() { None } else { Some(names(&call.body["labels"])?) };
    let entry = call.entry(number)?;
    match state.as_deref() {
        Some("open") if entry.closed.is_some() => match &entry.pull {
            Some(pull) => {
                if let Some(why) = cannot_reopen(call.world, pull) {
                    let message = format!("state cannot be changed. {why}");
                    let error =
                        json!({ "resource": RESOURCE, "field": "state", "code": "invalid", "message": message });
                    return Err(Reply::invalid(error));
                }
                reopen(call.world, number);
            }
            None => {
                let entry = call.world.entry(number);
                (entry.closed, entry.reopened) = (None, true);
            }
        },
        Some("closed") => {
            let is_issue = entry.pull.is_none();
            let reason = reason.or(is_issue.then(|| "completed".to_owned()));
            call.world.close(number, &by, reason.as_deref());
        }
        Some("open") | None => {}
        Some(_) => return Err(Reply::invalid_field(RESOURCE, "state", "invalid")),
    }
    let entry = call.world.entry(number);
    entry.title = title.unwrap_or_else(|| entry.title.clone());
    entry.body = body.or_else(|| entry.body.take());
    if let Some(labels) = labels {
        entry.labels.clear();
        for label in labels {
            call.world.label(number, &label);
        }
    }
    call.world.touch(number);
    shown(call, number)
}

/// Names of labels: a list of texts, or of objects with a name.
fn names(labels: &Value) -> Result<Vec<String>, Reply> {
    let name = |label: &Value| label.as_str().or_else(|| label["name"].as_str()).map(str::to_owned);
    let listed = labels.as_array().and_then(|labels| labels.iter().map(name).collect::<Option<Vec<String>>>());
    let names = listed.ok_or_else(|| Reply::error(422, "Invalid request.\n\nFor 'properties/labels', no array."))?;
    if names.iter().any(|name| name.is_empty() || name.chars().count() > 50) {
        return Err(Reply::invalid_field("Label", "name", "invalid"));
    }
    Ok(names)
}

/// `GET /issues/{n}/labels`
pub fn labels(call: &mut Call<'_>, number: u64) -> Answer {
    let labels = shape::labels(call.world, call.entry(number)?, false);
    Ok(call.page(&labels, |_, label| label.clone()))
}

/// `POST /issues/{n}/labels`
pub fn add_labels(call: &mut Call<'_>, number: u64) -> Answer {
    call.entry(number)?;
    call.writer_on(number)?;
    // The list stands in an object, or alone.
    let labels = if call.body.is_array() { &call.body } else { &call.body["labels"] };
    for label in names(labels)? {
        call.world.label(number, &label);
    }
    Ok(Reply::json(200, shape::labels(call.world, call.entry(number)?, false).into()))
}

fn listed(call: &Call<'_>, wanted: impl Fn(&Comment) -> bool) -> Vec<Comment> {
    let since = since(call);
    let new = |comment: &&Comment| since.is_none_or(|since| comment.updated >= since);
    call.world.comments.iter().filter(new).filter(|comment| wanted(comment)).cloned().collect()
}

/// `GET /issues/comments`
pub fn all_comments(call: &mut Call<'_>) -> Answer {
    let mut comments = listed(call, |_| true);
    match call.word("sort") {
        Some("updated") => comments.sort_by_key(|comment| (comment.updated, comment.id)),
        _ => comments.sort_by_key(|comment| comment.id),
    }
    // The direction means nothing without an order.
    if call.word("sort").is_some() && newest_first(call, true) {
        comments.reverse();
    }
    Ok(call.page(&comments, shape::comment))
}

/// `GET /issues/{n}/comments`
pub fn comments(call: &mut Call<'_>, number: u64) -> Answer {
    call.entry(number)?;
    let comments = listed(call, |comment| comment.number == number);
    Ok(call.page(&comments, shape::comment))
}

/// `POST /issues/{n}/comments`
pub fn comment(call: &mut Call<'_>, number: u64) -> Answer {
    let locked = call.entry(number)?.locked;
    let by = call.writer_on(number)?;
    if locked {
        return Err(Reply::error(403, "Unable to create comment because issue is locked."));
    }
    let body = call.text("body")?.unwrap_or_default().to_owned();
    if body.trim().is_empty() {
        return Err(Reply::invalid_field("IssueComment", "body", "missing_field"));
    }
    if body.chars().count() > BODY {
        let message = format!("Body is too long (maximum is {BODY} characters)");
        return Err(Reply::invalid(json!({
            "resource": "IssueComment", "code": "unprocessable", "field": "data", "message": message,
        })));
    }
    let id = call.world.comment(number, &by, &body);
    let comment = call.world.comments.iter().find(|comment| comment.id == id).unwrap();
    Ok(Reply::json(201, shape::comment(call.world, comment)))
}

/// The comment that reactions are on.
pub fn on_comment(call: &Call<'_>, id: u64) -> Result<Target, Reply> {
    let known = call.world.comments.iter().any(|comment| comment.id == id);
    if known { Ok(Target::Comment(id)) } else { Err(Reply::not_found()) }
}

/// The issue or pull request that reactions are on.
pub fn on_issue(call: &Call<'_>, number: u64) -> Result<Target, Reply> {
    call.entry(number).map(|_| Target::Issue(number))
}

/// `GET` and `POST …/reactions`, `DELETE …/reactions/{id}`
pub fn reactions(call: &mut Call<'_>, on: Target, rest: &[&str]) -> Answer {
    let number = match on {
        Target::Issue(number) => number,
        Target::Comment(id) => call.world.comments.iter().find(|comment| comment.id == id).unwrap().number,
    };
    match (call.method, rest) {
        ("GET", []) => {
            let content = call.word("content");
            let wanted = |content: Option<&str>, has: &str| content.is_none_or(|content| content == has);
            let here = call.world.reactions.iter().filter(|reaction| reaction.on == on);
            let here: Vec<_> = here.filter(|reaction| wanted(content, &reaction.content)).collect();
            Ok(call.page(&here, |world, reaction| shape::reaction(world, reaction)))
        }
        ("POST", []) => {
            let by = call.writer_on(number)?;
            let content = call.text("content")?.unwrap_or_default().to_owned();
            if !CONTENTS.contains(&content.as_str()) {
                return Err(Reply::invalid_field("Reaction", "content", "invalid"));
            }
            let (id, new) = call.world.react(on, &by, &content);
            let reaction = call.world.reactions.iter().find(|reaction| reaction.id == id).unwrap();
            Ok(Reply::json(if new { 201 } else { 200 }, shape::reaction(call.world, reaction)))
        }
        ("DELETE", [id]) => {
            let by = call.writer_on(number)?;
            let known = call.world.reactions.iter().position(|one| one.on == on && one.id.to_string() == **id);
            let known = known.ok_or_else(Reply::not_found)?;
            if call.world.reactions[known].by != by {
                return Err(Reply::error(403, "You do not have permission to delete this reaction."));
            }
            call.world.reactions.remove(known);
            Ok(Reply::empty(204))
        }
        _ => Err(Reply::not_found()),
    }
}
