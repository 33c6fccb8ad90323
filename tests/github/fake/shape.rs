//! How GitHub writes things down: every object of the API with all the fields that its description requires.
//!
//! Lives here: from the state to JSON. Never here: which object is asked for, or whether it may be seen.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::git::{Changed, Commit, Signature};
use super::shape_repo::{repository, uri};
use super::world::{Account, Comment, Entry, Label, LineComment, Pull, Reaction, Review, Target, World};

/// A moment as the API writes it.
pub fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn time_of(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| Value::String(time(at)))
}

impl World {
    /// The address of the repository in the API.
    pub fn api(&self) -> String {
        format!("{}/repos/{}/{}", self.server, self.owner, self.name)
    }

    /// The address of the repository for people.
    pub fn html(&self) -> String {
        format!("{}/{}/{}", self.server, self.owner, self.name)
    }

    fn html_of(&self, number: u64) -> String {
        let kind = if self.entries[&number].pull.is_some() { "pull" } else { "issues" };
        format!("{}/{kind}/{number}", self.html())
    }
}

/// An account.
pub fn user(world: &World, login: &str) -> Value {
    account(world, world.known(login))
}

fn account(world: &World, account: &Account) -> Value {
    let server = &world.server;
    let name = uri(&account.login);
    let api = format!("{server}/users/{name}");
    let html = match account.login.strip_suffix("[bot]") {
        Some(app) => format!("{server}/apps/{app}"),
        None => format!("{server}/{name}"),
    };
    json!({
        "login": account.login,
        "id": account.id,
        "node_id": format!("U_{}", account.id),
        "avatar_url": format!("{server}/avatars/u/{}?v=4", account.id),
        "gravatar_id": "",
        "url": api,
        "html_url": html,
        "followers_url": format!("{api}/followers"),
        "following_url": format!("{api}/following{{/other_user}}"),
        "gists_url": format!("{api}/gists{{/gist_id}}"),
        "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{api}/subscriptions"),
        "organizations_url": format!("{api}/orgs"),
        "repos_url": format!("{api}/repos"),
        "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"),
        "type": if account.bot { "Bot" } else { "User" },
        "user_view_type": "public",
        "site_admin": false,
    })
}

/// The account that asks, about itself.
pub fn myself(world: &World, login: &str) -> Value {
    let mut me = user(world, login);
    let more = json!({
        "name": null, "company": null, "blog": "", "location": null, "email": null, "hireable": null, "bio": null,
        "public_repos": 1, "public_gists": 0, "followers": 0, "following": 0,
        "created_at": time(world.created), "updated_at": time(world.created), "user_view_type": "private",
        "private_gists": 0, "total_private_repos": 0, "owned_private_repos": 0, "disk_usage": 0, "collaborators": 0,
        "two_factor_authentication": true,
    });
    merge(&mut me, more);
    me
}

/// Adds the fields of one object to another.
pub fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// A label. A label that nobody described has no description, save where the description of the API insists on one.
pub fn label(world: &World, label: &Label, described: bool) -> Value {
    let description = label.description.clone().or(described.then(String::new));
    json!({
        "id": label.id,
        "node_id": format!("LA_{}", label.id),
        "url": format!("{}/labels/{}", world.api(), uri(&label.name)),
        "name": label.name,
        "color": label.color,
        "default": false,
        "description": description,
    })
}

/// The labels of an entry.
pub fn labels(world: &World, entry: &Entry, described: bool) -> Vec<Value> {
    let of = |name: &String| world.labels.iter().find(|label| label.name == *name).unwrap();
    entry.labels.iter().map(|name| label(world, of(name), described)).collect()
}

/// How many reactions of each kind there are at a place of the API; nobody reacts to comments on lines here.
fn rollup(world: &World, place: &str, on: Option<Target>) -> Value {
    let mut counts = Map::new();
    counts.insert("url".to_owned(), format!("{}/{place}/reactions", world.api()).into());
    let here = || world.reactions.iter().filter(|reaction| Some(reaction.on) == on);
    counts.insert("total_count".to_owned(), here().count().into());
    for content in super::issues::CONTENTS {
        let count = here().filter(|reaction| reaction.content == *content).count();
        counts.insert((*content).to_owned(), count.into());
    }
    Value::Object(counts)
}

/// A reaction.
pub fn reaction(world: &World, reaction: &Reaction) -> Value {
    json!({
        "id": reaction.id,
        "node_id": format!("REA_{}", reaction.id),
        "user": user(world, &reaction.by),
        "content": reaction.content,
        "created_at": time(reaction.at),
    })
}

/// An issue, or a pull request as one.
pub fn issue(world: &World, entry: &Entry) -> Value {
    let number = entry.number;
    let api = format!("{}/issues/{number}", world.api());
    let state_reason = match &entry.closed {
        Some(closed) => closed.reason.clone(),
        None => entry.reopened.then(|| "reopened".to_owned()),
    };
    let mut issue = json!({
        "id": entry.id,
        "node_id": format!("I_{}", entry.id),
        "url": api,
        "repository_url": world.api(),
        "labels_url": format!("{api}/labels{{/name}}"),
        "comments_url": format!("{api}/comments"),
        "events_url": format!("{api}/events"),
        "html_url": world.html_of(number),
        "timeline_url": format!("{api}/timeline"),
        "number": number,
        "state": if entry.closed.is_some() { "closed" } else { "open" },
        "state_reason": state_reason,
        "title": entry.title,
        "body": entry.body,
        "user": user(world, &entry.by),
        "author_association": world.known(&entry.by).association,
        "labels": labels(world, entry, false),
        "assignee": null, "assignees": [], "milestone": null,
        "locked": entry.locked, "active_lock_reason": null,
        "comments": world.comments.iter().filter(|comment| comment.number == number).count(),
        "created_at": time(entry.created),
        "updated_at": time(entry.updated),
        "closed_at": time_of(entry.closed.as_ref().map(|closed| closed.at)),
        "closed_by": entry.closed.as_ref().map(|closed| user(world, &closed.by)),
        "performed_via_github_app": null,
        "reactions": rollup(world, &format!("issues/{number}"), Some(Target::Issue(number))),
    });
    if let Some(pull) = &entry.pull {
        let html = world.html_of(number);
        let link = json!({
            "url": format!("{}/pulls/{number}", world.api()),
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "merged_at": time_of(pull.merged.as_ref().map(|merged| merged.at)),
        });
        merge(&mut issue, json!({ "pull_request": link, "draft": pull.draft }));
    }
    issue
}

/// A comment on an issue or a pull request.
pub fn comment(world: &World, comment: &Comment) -> Value {
    let api = world.api();
    json!({
        "id": comment.id,
        "node_id": format!("IC_{}", comment.id),
        "url": format!("{api}/issues/comments/{}", comment.id),
        "html_url": format!("{}#issuecomment-{}", world.html_of(comment.number), comment.id),
        "issue_url": format!("{api}/issues/{}", comment.number),
        "body": comment.body,
        "user": user(world, &comment.by),
        "author_association": world.known(&comment.by).association,
        "created_at": time(comment.created),
        "updated_at": time(comment.updated),
        "performed_via_github_app": null,
        "reactions": rollup(world, &format!("issues/comments/{}", comment.id), Some(Target::Comment(comment.id))),
    })
}

/// A review.
pub fn review(world: &World, review: &Review) -> Value {
    let pull = format!("{}/pulls/{}", world.api(), review.number);
    let html = format!("{}#pullrequestreview-{}", world.html_of(review.number), review.id);
    let mut shown = json!({
        "id": review.id,
        "node_id": format!("PRR_{}", review.id),
        "user": user(world, &review.by),
        "body": review.body,
        "state": review.state,
        "html_url": html,
        "pull_request_url": pull,
        "_links": { "html": { "href": html }, "pull_request": { "href": pull } },
        "commit_id": review.commit,
        "author_association": world.known(&review.by).association,
    });
    if review.state != "PENDING" {
        merge(&mut shown, json!({ "submitted_at": time(review.at) }));
    }
    shown
}

/// A comment on a line.
pub fn line_comment(world: &World, comment: &LineComment) -> Value {
    let api = format!("{}/pulls/comments/{}", world.api(), comment.id);
    let html = format!("{}#discussion_r{}", world.html_of(comment.number), comment.id);
    let pull = format!("{}/pulls/{}", world.api(), comment.number);
    json!({
        "id": comment.id,
        "node_id": format!("PRRC_{}", comment.id),
        "url": api,
        "html_url": html,
        "pull_request_url": pull,
        "_links": { "self": { "href": api }, "html": { "href": html }, "pull_request": { "href": pull } },
        "pull_request_review_id": comment.review,
        "diff_hunk": format!("@@ -0,0 +1,{} @@", comment.line),
        "path": comment.path,
        "position": comment.line, "original_position": comment.line,
        "line": comment.line, "original_line": comment.line, "side": "RIGHT",
        "start_line": null, "original_start_line": null, "start_side": null,
        "subject_type": "line",
        "commit_id": comment.commit,
        "original_commit_id": comment.commit,
        "user": user(world, &comment.by),
        "body": comment.body,
        "author_association": world.known(&comment.by).association,
        "created_at": time(comment.created),
        "updated_at": time(comment.updated),
        "reactions": rollup(world, &format!("pulls/comments/{}", comment.id), None),
    })
}

fn side(world: &World, branch: &str, sha: &str) -> Value {
    json!({
        "label": format!("{}:{branch}", world.owner),
        "ref": branch,
        "sha": sha,
        "user": user(world, &world.owner),
        "repo": repository(world),
    })
}

/// A pull request as it stands in a list, with the head that is to be shown.
pub fn pull_in_list(world: &World, entry: &Entry, head: &str) -> Value {
    let mut pull = pull_common(world, entry, head);
    merge(&mut pull, json!({ "labels": labels(world, entry, true) }));
    pull
}

fn pull_common(world: &World, entry: &Entry, head: &str) -> Value {
    let pull = entry.pull.as_ref().unwrap();
    let number = entry.number;
    let api = format!("{}/pulls/{number}", world.api());
    let issue = format!("{}/issues/{number}", world.api());
    let html = world.html_of(number);
    let statuses = format!("{}/statuses/{head}", world.api());
    let comment = format!("{}/pulls/comments{{/number}}", world.api());
    let links = json!({
        "self": { "href": api },
        "html": { "href": html },
        "issue": { "href": issue },
        "comments": { "href": format!("{issue}/comments") },
        "review_comments": { "href": format!("{api}/comments") },
        "review_comment": { "href": comment },
        "commits": { "href": format!("{api}/commits") },
        "statuses": { "href": statuses },
    });
    let state = if entry.closed.is_some() { "closed" } else { "open" };
    let merged = pull.merged.as_ref();
    let mut shown = json!({
        "url": api,
        "id": pull.id,
        "node_id": node(pull),
        "html_url": html,
        "diff_url": format!("{html}.diff"),
        "patch_url": format!("{html}.patch"),
        "issue_url": issue,
        "commits_url": format!("{api}/commits"),
        "review_comments_url": format!("{api}/comments"),
        "review_comment_url": comment,
        "comments_url": format!("{issue}/comments"),
        "statuses_url": statuses,
        "number": number,
        "state": state,
        "locked": entry.locked, "active_lock_reason": null,
        "title": entry.title,
        "user": user(world, &entry.by),
        "body": entry.body,
        "labels": labels(world, entry, false),
    });
    let more = json!({
        "milestone": null, "assignee": null, "assignees": [], "requested_reviewers": [], "requested_teams": [],
        "created_at": time(entry.created),
        "updated_at": time(entry.updated),
        "closed_at": time_of(entry.closed.as_ref().map(|closed| closed.at)),
        "merged_at": time_of(merged.map(|merged| merged.at)),
        "merge_commit_sha": merged.map(|merged| merged.sha.clone()),
        "head": side(world, &pull.branch, head),
        "base": side(world, &pull.base, &pull.base_sha),
        "_links": links,
        "author_association": world.known(&entry.by).association,
        "auto_merge": null,
        "draft": pull.draft,
    });
    merge(&mut shown, more);
    shown
}

/// The id of a pull request in GraphQL.
pub fn node(pull: &Pull) -> String {
    format!("PR_{}", pull.id)
}

/// A pull request with everything, with the head that is to be shown.
pub fn pull(world: &World, entry: &Entry, head: &str) -> Value {
    let pull = entry.pull.as_ref().unwrap();
    let mut shown = pull_common(world, entry, head);
    let base = world.base_of(entry);
    let changes = world.bare.merge_base(&base, head).map(|from| world.bare.changes(&from, head)).unwrap_or_default();
    let open = entry.closed.is_none();
    let mergeable = open.then(|| world.bare.merge_tree(None, &base, head).is_some());
    let mergeable_state = match mergeable {
        Some(true) if pull.draft => "draft",
        Some(true) => "clean",
        Some(false) => "dirty",
        None => "unknown",
    };
    let more = json!({
        "merged": pull.merged.is_some(),
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": mergeable_state,
        "merged_by": pull.merged.as_ref().map(|merged| user(world, &merged.by)),
        "comments": world.comments.iter().filter(|comment| comment.number == entry.number).count(),
        "review_comments": world.line_comments.iter().filter(|comment| comment.number == entry.number).count(),
        "maintainer_can_modify": false,
        "commits": world.bare.commits(&base, head).len(),
        "additions": changes.iter().map(|change| change.additions).sum::<u64>(),
        "deletions": changes.iter().map(|change| change.deletions).sum::<u64>(),
        "changed_files": changes.len(),
    });
    merge(&mut shown, more);
    shown
}

fn signature(by: &Signature) -> Value {
    json!({ "name": by.name, "email": by.email, "date": time(by.at) })
}

/// A commit of a pull request.
pub fn commit(world: &World, commit: &Commit) -> Value {
    let api = |sha: &str| format!("{}/commits/{sha}", world.api());
    let html = |sha: &str| format!("{}/commit/{sha}", world.html());
    let by = |who: &Signature| world.account_of(&who.email).map(|found| account(world, found));
    let parents = commit.parents.iter().map(|sha| json!({ "sha": sha, "url": api(sha), "html_url": html(sha) }));
    json!({
        "sha": commit.sha,
        "node_id": format!("C_{}", commit.sha),
        "url": api(&commit.sha),
        "html_url": html(&commit.sha),
        "comments_url": format!("{}/comments", api(&commit.sha)),
        "commit": {
            "url": format!("{}/git/commits/{}", world.api(), commit.sha),
            "author": signature(&commit.author),
            "committer": signature(&commit.committer),
            "message": commit.message,
            "comment_count": 0,
            "tree": { "sha": commit.tree, "url": format!("{}/git/trees/{}", world.api(), commit.tree) },
            "verification": {
                "verified": false, "reason": "unsigned", "payload": null, "signature": null, "verified_at": null,
            },
        },
        "author": by(&commit.author),
        "committer": by(&commit.committer),
        "parents": parents.collect::<Vec<_>>(),
    })
}

/// A changed file of a pull request.
pub fn file(world: &World, changed: &Changed, head: &str) -> Value {
    let path = uri(&changed.path);
    let mut file = json!({
        "sha": changed.blob,
        "filename": changed.path,
        "status": changed.status,
        "additions": changed.additions,
        "deletions": changed.deletions,
        "changes": changed.additions + changed.deletions,
        "blob_url": format!("{}/blob/{head}/{path}", world.html()),
        "raw_url": format!("{}/raw/{head}/{path}", world.html()),
        "contents_url": format!("{}/contents/{path}?ref={head}", world.api()),
    });
    if let Some(patch) = &changed.patch {
        merge(&mut file, json!({ "patch": patch }));
    }
    if let Some(before) = &changed.before {
        merge(&mut file, json!({ "previous_filename": before }));
    }
    file
}
