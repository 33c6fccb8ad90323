//! A webhook's payload, as `GITHUB_EVENT_PATH` holds it: what happened just now, without asking the API.
//! Lives here: which payloads mean something to a town. Never here: waiting for them, signatures.

use serde::Deserialize;
use serde_json::Value;

use super::sight::Place;
use super::wire::{Comment, Issue, Pull, Review, User};
use crate::forge::ForgeError;
use crate::town::fold::Town;
use crate::town::sighting::{Seen, Sighting};

/// The largest payload that is read, in bytes; GitHub itself sends none over 25 MB.
pub const PAYLOAD_BYTES: u64 = 26 * 1024 * 1024;

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    sender: Option<User>,
    #[serde(default)]
    repository: Option<super::wire::Repo>,
    #[serde(default)]
    pull_request: Option<Value>,
    #[serde(default)]
    issue: Option<Value>,
    #[serde(default)]
    comment: Option<Value>,
    #[serde(default)]
    review: Option<Value>,
}

/// What a payload says; nothing where it means nothing to a town.
///
/// # Errors
/// [`ForgeError::Invalid`] when it is no payload of GitHub's, or one of another repository.
pub fn sightings(place: &Place, town: &Town, event: &str, payload: &[u8]) -> Result<Vec<Sighting>, ForgeError> {
    let invalid = |why: String| ForgeError::Invalid(format!("the payload of {event}: {why}"));
    if payload.trim_ascii_start().first() != Some(&b'{') {
        return Err(invalid("it is no JSON object".to_owned()));
    }
    let payload: Payload = serde_json::from_slice(payload).map_err(|error| invalid(error.to_string()))?;
    let about = payload.repository.as_ref().map(|repo| repo.full_name.clone());
    if let Some(other) = about.as_ref().filter(|name| !name.eq_ignore_ascii_case(&place.repository)) {
        return Err(invalid(format!("it is about {other:?}, and this town is {}", place.repository)));
    }
    match meaning(place, town, event, payload).map_err(invalid)? {
        // Events of organisations and installations name no repository; those that mean something always do.
        Some(_) if about.is_none() => Err(invalid("it names no repository".to_owned())),
        found => Ok(found.unwrap_or_default()),
    }
}

/// What the events and actions that concern a town say; nothing for all others.
fn meaning(place: &Place, town: &Town, event: &str, payload: Payload) -> Result<Option<Vec<Sighting>>, String> {
    let action = payload.action.as_deref().unwrap_or_default();
    Ok(Some(match (event, action) {
        ("pull_request" | "pull_request_target", "closed" | "reopened") => {
            let pull: Pull = part(payload.pull_request, "pull_request")?;
            pull_request(place, town, &pull, action, payload.sender.as_ref())
        }
        ("issue_comment", "created") => {
            let issue: Issue = part(payload.issue, "issue")?;
            let comment: Comment = part(payload.comment, "comment")?;
            if issue.pull_request.is_some() {
                place.comment(issue.number, &comment).into_iter().collect()
            } else {
                let mut all = place.post(&issue);
                if !all.is_empty() {
                    all.extend(place.reply(issue.number, &comment));
                }
                all
            }
        }
        ("pull_request_review_comment", "created") => {
            let pull: Pull = part(payload.pull_request, "pull_request")?;
            let comment: Comment = part(payload.comment, "comment")?;
            place.comment(pull.number, &comment).into_iter().collect()
        }
        ("pull_request_review", "submitted") => {
            let pull: Pull = part(payload.pull_request, "pull_request")?;
            let review: Review = part(payload.review, "review")?;
            place.review(pull.number, &review).into_iter().collect()
        }
        ("issues", "opened" | "labeled" | "closed") => {
            let issue: Issue = part(payload.issue, "issue")?;
            let mut all = place.post(&issue);
            for sighting in &mut all {
                // A payload does not say who closed it; its sender did.
                if let (Seen::PostClosed { .. }, Some(sender)) = (&sighting.what, &payload.sender) {
                    sighting.by.clone_from(&sender.login);
                    sighting.role = place.role(&sender.login);
                }
            }
            all
        }
        _ => return Ok(None),
    }))
}

fn pull_request(place: &Place, town: &Town, pull: &Pull, action: &str, sender: Option<&User>) -> Vec<Sighting> {
    if !place.is_ours(pull) {
        return Vec::new();
    }
    if action == "reopened" {
        return vec![place.reopened(pull, sender)];
    }
    let offered = town.pulls.get(&pull.number).map(|known| &known.offer.head);
    // A payload of a list has no `merged_by`; the one who sent a closing did it.
    let mut verdict = place.verdict(pull, offered, sender, None);
    if let (Some(sighting), Some(sender)) = (&mut verdict, sender)
        && pull.merged_by.is_none()
    {
        sighting.by.clone_from(&sender.login);
        sighting.role = place.role(&sender.login);
    }
    verdict.into_iter().collect()
}

fn part<T: serde::de::DeserializeOwned>(value: Option<Value>, name: &str) -> Result<T, String> {
    let value = value.ok_or_else(|| format!("it has no `{name}`"))?;
    serde_json::from_value(value).map_err(|error| format!("`{name}`: {error}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "webhook_tests.rs"]
mod tests;
