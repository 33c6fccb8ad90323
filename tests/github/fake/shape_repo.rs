//! The repository in JSON, with the many addresses that GitHub gives it.
//!
//! Lives here: the two forms of a repository. Never here: anything that lives in one.

use serde_json::{Value, json};

use super::shape::{merge, time, user};
use super::world::{Token, World};

/// Where a part of the repository stands below its address in the API, by the name of the field.
const PARTS: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

/// A name as a part of an address; `/` stays.
pub fn uri(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The repository as it stands in a pull request.
pub fn repository(world: &World) -> Value {
    let host = world.server.trim_start_matches("http://");
    let place = format!("{}/{}", world.owner, world.name);
    let open = world.entries.values().filter(|entry| entry.closed.is_none()).count();
    let mut repository = json!({
        "id": world.repo_id,
        "node_id": format!("R_{}", world.repo_id),
        "name": world.name,
        "full_name": place,
        "owner": user(world, &world.owner),
        "private": world.settings.private,
        "visibility": if world.settings.private { "private" } else { "public" },
        "html_url": world.html(),
        "url": world.api(),
        "git_url": format!("git://{host}/{place}.git"),
        "ssh_url": format!("git@{host}:{place}.git"),
        "clone_url": format!("{}.git", world.html()),
        "svn_url": world.html(),
    });
    let more = json!({
        "mirror_url": null, "homepage": null, "description": null, "language": null, "license": null,
        "fork": false, "is_template": false, "archived": false, "disabled": false, "topics": [],
        "forks_count": 0, "forks": 0, "stargazers_count": 0, "watchers_count": 0, "watchers": 0,
        "size": 1,
        "default_branch": world.default_branch,
        "open_issues_count": open, "open_issues": open,
        "has_issues": true, "has_projects": false, "has_wiki": false, "has_pages": false, "has_discussions": false,
        "has_downloads": true, "allow_forking": true, "web_commit_signoff_required": false,
        "pushed_at": time(world.created), "created_at": time(world.created), "updated_at": time(world.created),
    });
    let settings = json!({
        "allow_merge_commit": true, "allow_squash_merge": true, "allow_rebase_merge": true,
        "allow_auto_merge": false, "allow_update_branch": false,
        "delete_branch_on_merge": world.settings.delete_merged_branches,
        "custom_properties": {},
    });
    merge(&mut repository, more);
    merge(&mut repository, settings);
    for (name, rest) in PARTS {
        repository[*name] = format!("{}{rest}", world.api()).into();
    }
    repository
}

/// The repository as it answers for itself, to a token or to nobody.
pub fn full_repository(world: &World, token: Option<&Token>) -> Value {
    let mut repository = repository(world);
    merge(&mut repository, json!({ "subscribers_count": 0, "network_count": 0 }));
    if let Some(token) = token {
        let push = token.grants.contents;
        let may = json!({ "admin": false, "maintain": false, "push": push, "triage": push, "pull": true });
        merge(&mut repository, json!({ "permissions": may }));
    }
    repository
}
