//! Pull requests and reviews over REST.
//!
//! Lives here: one function for each route below `/pulls`. Never here: how objects look (see `shape`), or what a moved
//! branch does (see `follow`).

use chrono::{DateTime, Utc};
use serde_json::json;

use super::follow::Method;
use super::reply::{Answer, Reply};
use super::rest::Call;
use super::shape;
use super::world::{ACTIONS, Entry, Pull, World};

const RESOURCE: &str = "PullRequest";
const WRITE: &str = "pull_requests=write";

/// The moment that `since` names.
pub fn since(call: &Call<'_>) -> Option<DateTime<Utc>> {
    call.word("since")?.parse().ok()
}

/// Whether a list goes from the newest to the oldest.
pub fn newest_first(call: &Call<'_>, otherwise: bool) -> bool {
    call.word("direction").map_or(otherwise, |direction| direction == "desc")
}

/// `GET /pulls`
pub fn list(call: &mut Call<'_>) -> Answer {
    let state = call.word("state").unwrap_or("open").to_owned();
    // A head without its owner is not an error: GitHub does not filter then.
    let head = call.word("head").and_then(|head| head.split_once(':'));
    let head = head.map(|(owner, branch)| (owner.to_owned(), branch.to_owned()));
    let base = call.word("base").map(str::to_owned);
    let wanted = |world: &World, entry: &Entry, pull: &Pull| {
        let open = entry.closed.is_none();
        (state == "all" || (state == "open") == open)
            && head.as_ref().is_none_or(|(owner, branch)| *owner == world.owner && *branch == pull.branch)
            && base.as_ref().is_none_or(|base| *base == pull.base)
    };
    let world = &*call.world;
    let pulls =
        world.entries.values().filter(|entry| entry.pull.as_ref().is_some_and(|pull| wanted(world, entry, pull)));
    let mut pulls: Vec<(Entry, String)> = pulls.map(|entry| (entry.clone(), String::new())).collect();
    let sort = call.word("sort").unwrap_or("created");
    match sort {
        "updated" => pulls.sort_by_key(|(entry, _)| (entry.updated, entry.number)),
        _ => pulls.sort_by_key(|(entry, _)| (entry.created, entry.number)),
    }
    if newest_first(call, sort == "created") {
        pulls.reverse();
    }
    for (entry, head) in &mut pulls {
        *head = shown_head(call.world, entry.number);
    }
    Ok(call.page(&pulls, |world, (entry, head)| shape::pull_in_list(world, entry, head)))
}

/// The head that a read shows; a read that shows an old one counts.
fn shown_head(world: &mut World, number: u64) -> String {
    let pull = world.pull(number);
    match &mut pull.lag {
        Some((old, left)) => {
            let old = old.clone();
            *left -= 1;
            if *left == 0 {
                pull.lag = None;
            }
            old
        }
        None => pull.head.clone(),
    }
}

fn entry_of<'c>(call: &'c Call<'_>, number: u64) -> Result<(&'c Entry, &'c Pull), Reply> {
    let entry = call.entry(number)?;
    Ok((entry, entry.pull.as_ref().ok_or_else(Reply::not_found)?))
}

fn shown(call: &mut Call<'_>, status: u16, number: u64) -> Answer {
    let head = shown_head(call.world, number);
    Ok(Reply::json(status, shape::pull(call.world, &call.world.entries[&number], &head)))
}

/// `GET /pulls/{n}`
pub fn get(call: &mut Call<'_>, number: u64) -> Answer {
    entry_of(call, number)?;
    shown(call, 200, number)
}

/// `POST /pulls`
pub fn create(call: &mut Call<'_>) -> Answer {
    let by = call.writer(|may| may.pulls, WRITE)?;
    if by == ACTIONS && !call.world.settings.actions_may_open {
        return Err(Reply::error(403, "GitHub Actions is not permitted to create or approve pull requests."));
    }
    let (title, body) = call.words(RESOURCE)?;
    let title = title.ok_or_else(|| Reply::invalid_field(RESOURCE, "title", "missing_field"))?;
    let needed = |field: &str| -> Result<String, Reply> {
        let word = call.text(field)?.filter(|word| !word.is_empty());
        Ok(word.ok_or_else(|| Reply::invalid_field(RESOURCE, field, "missing_field"))?.to_owned())
    };
    let (head, base) = (needed("head")?, needed("base")?);
    let branch = match head.split_once(':') {
        Some((owner, branch)) if owner.eq_ignore_ascii_case(&call.world.owner) => branch.to_owned(),
        Some(_) => return Err(Reply::invalid_field(RESOURCE, "head", "invalid")),
        None => head,
    };
    let draft = call.body["draft"].as_bool().unwrap_or(false);
    let number = open(call.world, &by, &branch, &base, &title, body, draft)?;
    shown(call, 201, number)
}

/// Opens a pull request, or says as GitHub does why there will be none.
pub fn open(
    world: &mut World,
    by: &str,
    branch: &str,
    base: &str,
    title: &str,
    body: Option<String>,
    draft: bool,
) -> Result<u64, Reply> {
    let base_sha = world.bare.tip(base).ok_or_else(|| Reply::invalid_field(RESOURCE, "base", "invalid"))?;
    let head = world.bare.tip(branch).ok_or_else(|| Reply::invalid_field(RESOURCE, "head", "invalid"))?;
    if world.open_pull(branch, base).is_some() {
        let message = format!("A pull request already exists for {}:{branch}.", world.owner);
        return Err(Reply::invalid_because(RESOURCE, &message));
    }
    if world.bare.merge_base(&base_sha, &head).is_none() {
        let message = format!("The {branch} branch has no history in common with {base}");
        return Err(Reply::invalid_because(RESOURCE, &message));
    }
    if world.bare.is_ancestor(&head, &base_sha) {
        return Err(Reply::invalid_because(RESOURCE, &format!("No commits between {base} and {branch}")));
    }
    let id = world.id();
    let (branch, base) = (branch.to_owned(), base.to_owned());
    let pull = Pull { id, branch, base, head: head.clone(), base_sha, draft, merged: None, lag: None };
    let number = world.enter(by, title, body, Some(pull));
    world.bare.set(&format!("refs/pull/{number}/head"), &head);
    Ok(number)
}

/// `PATCH /pulls/{n}`
pub fn update(call: &mut Call<'_>, number: u64) -> Answer {
    entry_of(call, number)?;
    let by = call.writer(|may| may.pulls, WRITE)?;
    let (title, body) = call.words(RESOURCE)?;
    let base = call.text("base")?.map(str::to_owned);
    let state = call.text("state")?.map(str::to_owned);
    let (entry, pull) = entry_of(call, number)?;
    let refused = |field: &str, message: &str| {
        let error = json!({ "resource": RESOURCE, "field": field, "code": "invalid", "message": message });
        Err(Reply::invalid(error))
    };
    if let Some(base) = &base {
        if entry.closed.is_some() && *base != pull.base {
            return refused("base", "Cannot change the base branch of a closed pull request.");
        }
        if call.world.bare.tip(base).is_none() {
            return Err(Reply::invalid_field(RESOURCE, "base", "invalid"));
        }
    }
    match state.as_deref() {
        Some("open") if entry.closed.is_some() => {
            if let Some(why) = cannot_reopen(call.world, pull) {
                return refused("state", &format!("state cannot be changed. {why}"));
            }
            reopen(call.world, number);
        }
        Some("closed") => call.world.close(number, &by, None),
        Some("open") | None => {}
        Some(_) => return Err(Reply::invalid_field(RESOURCE, "state", "invalid")),
    }
    let world = &mut *call.world;
    let base_sha = base.as_ref().and_then(|base| world.bare.tip(base));
    let entry = world.entry(number);
    entry.title = title.unwrap_or_else(|| entry.title.clone());
    entry.body = body.or_else(|| entry.body.take());
    if let (Some(base), Some(sha)) = (base, base_sha) {
        let pull = entry.pull.as_mut().unwrap();
        (pull.base, pull.base_sha) = (base, sha);
    }
    world.touch(number);
    shown(call, 200, number)
}

/// What GitHub says where a closed pull request cannot be opened again.
pub fn cannot_reopen(world: &World, pull: &Pull) -> Option<String> {
    let branch = &pull.branch;
    if pull.merged.is_some() {
        return Some("The pull request is already merged.".to_owned());
    }
    if world.open_pull(branch, &pull.base).is_some() {
        return Some(format!("There is already an open pull request from {}:{branch} to {}.", world.owner, pull.base));
    }
    let Some(tip) = world.bare.tip(branch) else {
        return Some(format!("The {branch} branch has been deleted."));
    };
    if !world.bare.is_ancestor(&pull.head, &tip) {
        return Some(format!("The {branch} branch was force-pushed or recreated."));
    }
    let base = world.bare.tip(&pull.base);
    if base.is_none_or(|base| world.bare.is_ancestor(&tip, &base)) {
        return Some(format!("There are no new commits on the {branch} branch."));
    }
    None
}

/// Opens a closed pull request again, at where its branch is now.
pub fn reopen(world: &mut World, number: u64) {
    let branch = world.pull(number).branch.clone();
    let tip = world.bare.tip(&branch).unwrap();
    let entry = world.entry(number);
    (entry.closed, entry.reopened) = (None, true);
    entry.pull.as_mut().unwrap().head = tip;
    world.touch(number);
}

/// `GET /pulls/{n}/commits`
pub fn commits(call: &mut Call<'_>, number: u64) -> Answer {
    let (entry, pull) = entry_of(call, number)?;
    let commits = call.world.bare.commits(&call.world.base_of(entry), &pull.head);
    Ok(call.page(&commits, shape::commit))
}

/// `GET /pulls/{n}/files`
pub fn files(call: &mut Call<'_>, number: u64) -> Answer {
    let (entry, pull) = entry_of(call, number)?;
    let from = call.world.bare.merge_base(&call.world.base_of(entry), &pull.head);
    let files = from.map(|from| call.world.bare.changes(&from, &pull.head)).unwrap_or_default();
    Ok(call.page(&files, |world, file| shape::file(world, file, &pull.head)))
}

/// `PUT /pulls/{n}/merge`
pub fn merge(call: &mut Call<'_>, number: u64) -> Answer {
    let (_, pull) = entry_of(call, number)?;
    let head = pull.head.clone();
    let by = call.writer(|may| may.contents, "contents=write")?;
    if call.text("sha")?.is_some_and(|sha| sha != head) {
        return Err(Reply::error(409, "Head branch was modified. Review and try the merge again."));
    }
    let method = match call.text("merge_method")?.unwrap_or("merge") {
        "merge" => Method::Merge,
        "squash" => Method::Squash,
        "rebase" => Method::Rebase,
        _ => return Err(Reply::invalid_field(RESOURCE, "merge_method", "invalid")),
    };
    let title = call.text("commit_title")?.map(str::to_owned);
    let message = call.text("commit_message")?.unwrap_or_default().to_owned();
    let message = title.map(|title| (title, message));
    match call.world.merge(number, &by, method, message) {
        Ok(sha) => {
            let body = json!({ "sha": sha, "merged": true, "message": "Pull Request successfully merged" });
            Ok(Reply::json(200, body))
        }
        Err(why) => Err(Reply::error(405, &why)),
    }
}

/// `GET /pulls/{n}/reviews`
pub fn reviews(call: &mut Call<'_>, number: u64) -> Answer {
    entry_of(call, number)?;
    let reviews: Vec<_> = call.world.reviews.iter().filter(|review| review.number == number).collect();
    Ok(call.page(&reviews, |world, review| shape::review(world, review)))
}

/// `POST /pulls/{n}/reviews`
pub fn review(call: &mut Call<'_>, number: u64) -> Answer {
    let author = entry_of(call, number)?.0.by.clone();
    let by = call.writer(|may| may.pulls, WRITE)?;
    let body = call.words("PullRequestReview")?.1.unwrap_or_default();
    let refused = |message: &str| {
        let body = json!({
            "message": "Unprocessable Entity", "errors": [message], "documentation_url": "https://docs.github.com/rest",
            "status": "422",
        });
        Err(Reply::json(422, body))
    };
    let state = match call.text("event")? {
        None => "PENDING",
        Some("COMMENT") => "COMMENTED",
        Some("APPROVE") => "APPROVED",
        Some("REQUEST_CHANGES") => "CHANGES_REQUESTED",
        Some(_) => return refused("Variable $event of type PullRequestReviewEvent was provided invalid value"),
    };
    if by == ACTIONS && state == "APPROVED" && !call.world.settings.actions_may_open {
        return refused("GitHub Actions is not permitted to approve pull requests.");
    }
    if by == author && state == "APPROVED" {
        return refused("Review Can not approve your own pull request");
    }
    if by == author && state == "CHANGES_REQUESTED" {
        return refused("Review Can not request changes on your own pull request");
    }
    if body.is_empty() && matches!(state, "COMMENTED" | "CHANGES_REQUESTED") {
        return refused("Review Can't be blank");
    }
    let id = call.world.review(number, &by, state, &body);
    let review = call.world.reviews.iter().find(|review| review.id == id).unwrap();
    Ok(Reply::json(200, shape::review(call.world, review)))
}

/// `GET /pulls/comments`
pub fn line_comments(call: &mut Call<'_>) -> Answer {
    let since = since(call);
    let comments = call.world.line_comments.iter().filter(|comment| since.is_none_or(|since| comment.updated >= since));
    let mut comments: Vec<_> = comments.collect();
    match call.word("sort") {
        Some("updated") => comments.sort_by_key(|comment| (comment.updated, comment.id)),
        _ => comments.sort_by_key(|comment| comment.id),
    }
    if call.word("sort").is_some() && newest_first(call, true) {
        comments.reverse();
    }
    Ok(call.page(&comments, |world, comment| shape::line_comment(world, comment)))
}
