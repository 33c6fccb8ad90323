//! Several brains of which the first that can answers.
//! Lives here: going on to the next one. Never here: why one cannot (see `failure`).

use async_trait::async_trait;

use super::{Brain, BrainError, Request};
use crate::town::transcript::Reply;

/// Several brains in their order.
pub struct Fallbacks {
    brains: Vec<Box<dyn Brain>>,
    /// The one that is asked; those before it have failed, and are not asked again in this run.
    at: usize,
}

impl Fallbacks {
    /// The first of them, and behind it the others.
    #[must_use]
    pub fn new(first: Box<dyn Brain>, others: Vec<Box<dyn Brain>>) -> Self {
        Self { brains: std::iter::once(first).chain(others).collect(), at: 0 }
    }
}

#[async_trait]
impl Brain for Fallbacks {
    fn name(&self) -> String {
        self.brains[self.at].name()
    }

    async fn reply(&mut self, request: &Request<'_>) -> Result<Reply, BrainError> {
        loop {
            let failure = match self.brains[self.at].reply(request).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            // What may have been paid for goes back to whoever keeps the money first.
            let elsewhere = !failure.is_charged()
                && (failure.is_temporary()
                    || matches!(failure, BrainError::Auth { .. } | BrainError::UnknownModel { .. }));
            if !elsewhere || self.at + 1 >= self.brains.len() {
                return Err(failure);
            }
            self.at += 1;
            tracing::warn!(%failure, next = self.brains[self.at].name(), "asking another model");
        }
    }
}
