//! Carrying out what comments ask of GitHub itself, and telling their writers whether they are followed.
//! Lives here: `/reject` closing a pull request, reactions to commands. Never here: what a command means (see
//! [`crate::town::slash`]), what it yields (see [`crate::town::decide`]).

use http::Method;
use serde_json::{Value, json};

use super::GithubForge;
use crate::forge::ForgeError;
use crate::town::decide;
use crate::town::envelope::natural_id;
use crate::town::fold::{PullState, Town};
use crate::town::sighting::{CommentKind, Seen, Sighting};
use crate::town::slash::{self, Slash};

/// Whether it is a comment that may carry a command.
pub(super) fn may_command(seen: &Sighting) -> bool {
    match &seen.what {
        Seen::Commented { comment: CommentKind::Talk, text, .. } | Seen::Replied { text, .. } => text.starts_with('/'),
        _ => false,
    }
}

/// Whether a pull request was closed for the very reason that a command gives: it came after the closing.
fn is_the_reason(town: &Town, seen: &Sighting, command: &Slash) -> bool {
    let Slash::Reject(reason, text) = command else { return false };
    let verdict = seen.what.pull().and_then(|number| town.pulls.get(&number)?.verdict.as_ref());
    verdict.is_some_and(|verdict| verdict.reason == Some(*reason) && verdict.text == *text)
}

impl GithubForge {
    /// Carries out what one comment asks for, before it is recorded. A comment that is recorded already, or stands on
    /// somebody's own pull request, is passed over.
    pub(super) async fn follow(&self, town: &Town, seen: &Sighting) -> Result<(), ForgeError> {
        let (id, said) = match &seen.what {
            Seen::Commented { comment: CommentKind::Talk, id, text, .. } | Seen::Replied { id, text, .. } => {
                (*id, text)
            }
            _ => return Ok(()),
        };
        if seen.what.pull().is_some_and(|number| !town.pulls.contains_key(&number)) {
            return Ok(());
        }
        let (on_pull, now) = (seen.what.pull().is_some(), self.client.now());
        if !on_pull && !decide::is_news(town, seen.at, now) {
            return Ok(());
        }
        let kind = if on_pull { "pull.commented" } else { "post.replied" };
        if town.knows(&natural_id(&format!("monkeytown.{kind}.v1"), &format!("comment/{id}")), seen.at) {
            return Ok(());
        }
        let content = match slash::parse(said, &seen.by, seen.role) {
            Ok(None) => return Ok(()),
            Ok(Some(command)) => {
                if let (Slash::Reject(..), Some(number)) = (&command, self.open_here(town, seen)) {
                    self.close_if_open(number).await?;
                }
                let is_done = decide::is_followed(town, seen, now) || is_the_reason(town, seen, &command);
                if is_done { "+1" } else { "confused" }
            }
            Err(why) => {
                tracing::warn!(by = seen.by, %why, "a command is not followed");
                "confused"
            }
        };
        let path = self.path(&format!("issues/comments/{id}/reactions"));
        let told: Result<Value, ForgeError> =
            self.client.write(Method::POST, &path, &json!({"content": content})).await;
        if let Err(error) = told {
            tracing::info!(%error, "no reaction could be left on the comment");
        }
        Ok(())
    }

    fn open_here(&self, town: &Town, seen: &Sighting) -> Option<u64> {
        let is_open = |number: &u64| town.pulls.get(number).is_some_and(|pull| pull.state == PullState::Open);
        seen.what.pull().filter(is_open)
    }

    /// A pull request that somebody merged meanwhile is not closed.
    async fn close_if_open(&self, number: u64) -> Result<(), ForgeError> {
        if self.pull(number).await?.state == "open" { self.close(number).await } else { Ok(()) }
    }

    /// What became of the pull request that somebody rejects, where it is closed already: people were faster than the
    /// comment's own payload, and their verdict comes first.
    pub(super) async fn earlier_verdict(&self, town: &Town, seen: &Sighting) -> Result<Option<Sighting>, ForgeError> {
        let Seen::Commented { comment: CommentKind::Talk, text, .. } = &seen.what else { return Ok(None) };
        let Some(number) = self.open_here(town, seen) else { return Ok(None) };
        if !matches!(slash::parse(text, &seen.by, seen.role), Ok(Some(Slash::Reject(..)))) {
            return Ok(None);
        }
        let pull = self.pull(number).await?;
        // A closing without a merge gets its reason from this very comment.
        if pull.merged_at.is_none() {
            return Ok(None);
        }
        let offered = town.pulls.get(&number).map(|known| &known.offer.head);
        Ok(self.place.verdict(&pull, offered, None, None))
    }
}
