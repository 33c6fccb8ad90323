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
        let kind = if seen.what.pull().is_some() { "pull.commented" } else { "post.replied" };
        if town.knows(&natural_id(&format!("monkeytown.{kind}.v1"), &format!("comment/{id}")), seen.at) {
            return Ok(());
        }
        let content = match slash::parse(said, &seen.by, seen.role) {
            Ok(None) => return Ok(()),
            Ok(Some(command)) => {
                if let (Slash::Reject(..), Some(number)) = (&command, self.open_here(town, seen)) {
                    self.close_if_open(number).await?;
                }
                if decide::is_followed(town, seen) { "+1" } else { "confused" }
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
