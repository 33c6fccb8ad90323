//! The REST API: which answer a method and a path get, and what all answers share.
//!
//! Lives here: the table of routes, permissions, pages. Never here: what a route does (see `pulls` and `issues`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::reply::{Answer, Reply};
use super::world::{ACTIONS, Entry, Grants, Token, World};
use super::{issues, pulls, shape, shape_repo};

/// The longest body and title that GitHub takes, in characters.
pub const BODY: usize = 65_536;
const TITLE: usize = 256;

/// One request, taken apart.
pub struct Call<'w> {
    pub world: &'w mut World,
    pub method: &'w str,
    /// What stood before the path that routes know: nothing, or `/api/v3`.
    pub prefix: &'w str,
    /// The path below `/repos/<owner>/<name>`.
    pub rest: String,
    pub raw_query: &'w str,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    pub token: Option<Token>,
}

/// Answers one request.
pub fn answer(mut call: Call<'_>, path: &str) -> Answer {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let id = call.world.repo_id.to_string();
    match (call.method, parts.as_slice()) {
        ("GET", ["user"]) => myself(&call),
        (_, ["repos", owner, name, rest @ ..]) => {
            let same = owner.eq_ignore_ascii_case(&call.world.owner) && name.eq_ignore_ascii_case(&call.world.name);
            if same { call.in_repository(rest) } else { Err(Reply::not_found()) }
        }
        (_, ["repositories", known, rest @ ..]) if *known == id => call.in_repository(rest),
        _ => Err(Reply::not_found()),
    }
}

fn myself(call: &Call<'_>) -> Answer {
    let token = call.token.as_ref().ok_or_else(|| Reply::error(401, "Requires authentication"))?;
    if token.login == ACTIONS {
        return Err(Reply::error(403, "Resource not accessible by integration"));
    }
    Ok(Reply::json(200, shape::myself(call.world, &token.login)))
}

impl Call<'_> {
    fn in_repository(&mut self, rest: &[&str]) -> Answer {
        if self.world.settings.private && self.token.is_none() {
            return Err(Reply::not_found());
        }
        self.rest = rest.join("/");
        let method = self.method;
        match (method, rest) {
            ("GET", []) => Ok(Reply::json(200, shape_repo::full_repository(self.world, self.token.as_ref()))),
            ("GET", ["pulls"]) => pulls::list(self),
            ("POST", ["pulls"]) => pulls::create(self),
            ("GET", ["pulls", "comments"]) => pulls::line_comments(self),
            ("GET", ["pulls", n]) => pulls::get(self, number(n)?),
            ("PATCH", ["pulls", n]) => pulls::update(self, number(n)?),
            ("GET", ["pulls", n, "commits"]) => pulls::commits(self, number(n)?),
            ("GET", ["pulls", n, "files"]) => pulls::files(self, number(n)?),
            ("PUT", ["pulls", n, "merge"]) => pulls::merge(self, number(n)?),
            ("GET", ["pulls", n, "reviews"]) => pulls::reviews(self, number(n)?),
            ("POST", ["pulls", n, "reviews"]) => pulls::review(self, number(n)?),
            ("GET", ["issues"]) => issues::list(self),
            ("GET", ["issues", "comments"]) => issues::all_comments(self),
            (_, ["issues", "comments", id, "reactions", rest @ ..]) => {
                let on = issues::on_comment(self, number(id)?)?;
                issues::reactions(self, on, rest)
            }
            ("GET", ["issues", n]) => issues::get(self, number(n)?),
            ("PATCH", ["issues", n]) => issues::update(self, number(n)?),
            ("GET", ["issues", n, "comments"]) => issues::comments(self, number(n)?),
            ("POST", ["issues", n, "comments"]) => issues::comment(self, number(n)?),
            ("GET", ["issues", n, "labels"]) => issues::labels(self, number(n)?),
            ("POST", ["issues", n, "labels"]) => issues::add_labels(self, number(n)?),
            (_, ["issues", n, "reactions", rest @ ..]) => {
                let on = issues::on_issue(self, number(n)?)?;
                issues::reactions(self, on, rest)
            }
            _ => Err(Reply::not_found()),
        }
    }

    /// The login of whoever may write this: a known token with one of the permissions.
    pub fn writer(&self, may: impl Fn(&Grants) -> bool, needed: &str) -> Result<String, Reply> {
        let token = self.token.as_ref().ok_or_else(|| Reply::error(401, "Requires authentication"))?;
        if may(&token.grants) { Ok(token.login.clone()) } else { Err(Reply::forbidden(needed)) }
    }

    /// The same for what may be done with the permission for issues, or on pull requests with theirs.
    pub fn writer_on(&self, number: u64) -> Result<String, Reply> {
        let is_pull = self.world.entries[&number].pull.is_some();
        self.writer(|may| may.issues || (is_pull && may.pulls), "issues=write; pull_requests=write")
    }

    /// An issue or a pull request; what was deleted answers so.
    pub fn entry(&self, number: u64) -> Result<&Entry, Reply> {
        match self.world.entries.get(&number) {
            Some(entry) if entry.deleted => Err(Reply::error(410, "This issue was deleted")),
            Some(entry) => Ok(entry),
            None => Err(Reply::not_found()),
        }
    }

    /// A word of the query.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A text of the body; `null` counts as not there.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Reply> {
        match &self.body[name] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            other => {
                let message = format!("Invalid request.\n\nFor 'properties/{name}', {other} is not a string.");
                Err(Reply::error(422, &message))
            }
        }
    }

    /// Title and body of the body, within GitHub's limits.
    pub fn words(&self, resource: &str) -> Result<(Option<String>, Option<String>), Reply> {
        let too_long = |field: &str, limit: usize| {
            let message = format!("{field} is too long (maximum is {limit} characters)");
            Err(Reply::invalid(json!({
                "resource": resource, "code": "custom", "field": field, "message": message,
            })))
        };
        let (title, body) = (self.text("title")?, self.text("body")?);
        if title.is_some_and(|title| title.trim().is_empty()) {
            return Err(Reply::invalid_field(resource, "title", "missing_field"));
        }
        if title.is_some_and(|title| title.chars().count() > TITLE) {
            return too_long("title", TITLE);
        }
        if body.is_some_and(|body| body.chars().count() > BODY) {
            return too_long("body", BODY);
        }
        Ok((title.map(str::to_owned), body.map(str::to_owned)))
    }

    /// The part of a list that was asked for, with links to the others.
    pub fn page<T>(&self, all: &[T], show: impl Fn(&World, &T) -> Value) -> Reply {
        let asked = |name: &str| self.word(name).and_then(|word| word.parse::<usize>().ok()).filter(|n| *n > 0);
        let size = asked("per_page").unwrap_or(30).min(100);
        let page = asked("page").unwrap_or(1);
        let last = all.len().div_ceil(size).max(1);
        let from = (page - 1).saturating_mul(size).min(all.len());
        let shown = all[from..(from + size).min(all.len())].iter().map(|item| show(self.world, item));
        let reply = Reply::json(200, Value::Array(shown.collect()));
        let mut links = Vec::new();
        if page > 1 {
            links.push(self.link("prev", page.min(last + 1) - 1));
        }
        if page < last {
            links.extend([self.link("next", page + 1), self.link("last", last)]);
        }
        if page > 1 {
            links.push(self.link("first", 1));
        }
        if links.is_empty() { reply } else { reply.with("link", &links.join(", ")) }
    }

    /// GitHub names the repository by its id here: a client that builds the next address itself goes wrong.
    fn link(&self, rel: &str, page: usize) -> String {
        let others = self.raw_query.split('&').filter(|part| !part.is_empty() && !part.starts_with("page="));
        let query: Vec<String> = others.map(str::to_owned).chain([format!("page={page}")]).collect();
        let (server, prefix, id) = (&self.world.server, self.prefix, self.world.repo_id);
        format!("<{server}{prefix}/repositories/{id}/{}?{}>; rel=\"{rel}\"", self.rest, query.join("&"))
    }
}

fn number(text: &str) -> Result<u64, Reply> {
    text.parse().map_err(|_| Reply::not_found())
}
