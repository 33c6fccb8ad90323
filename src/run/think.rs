//! What thinks in a run: which brain, and how the embedded one is given its page.
//! Lives here: choosing it from arguments, charter and settings. Never here: a brain.

use std::path::Path;

use super::RunError;
use crate::brain::{Brain, Embedded, PageOutcome, Replay, Scripted};
use crate::town::charter::Charter;
use crate::town::facts::Facts;
use crate::town::page::{self, PageResult};
use crate::town::settings::{BrainSettings, Provider};

/// What shall think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thinker {
    /// No model.
    Embedded,
    /// The replies of a script.
    Scripted(String),
    /// The replies of a recorded transcript.
    Replay(String),
}

impl Thinker {
    /// Chooses from the argument, else from the town's settings.
    ///
    /// # Errors
    /// [`RunError::NoBrain`] when it is none that there is.
    pub fn choose(given: Option<&str>, settings: &BrainSettings) -> Result<Self, RunError> {
        let chosen = Self::named(given, settings)?;
        // A file that cannot be read is found out before a slot is claimed for it.
        let (file, opened) = match &chosen {
            Self::Embedded => return Ok(chosen),
            Self::Scripted(file) => (file, Scripted::open(Path::new(file)).map(|_| ())),
            Self::Replay(file) => (file, Replay::open(Path::new(file)).map(|_| ())),
        };
        let unusable = |error| RunError::NoBrain { given: file.clone(), why: super::publish::chain(&error) };
        opened.map_err(unusable)?;
        Ok(chosen)
    }

    fn named(given: Option<&str>, settings: &BrainSettings) -> Result<Self, RunError> {
        let Some(given) = given else {
            let script = || {
                settings.script.clone().ok_or_else(|| RunError::NoBrain {
                    given: "script".to_owned(),
                    why: "brain.script in .monkeytown/town.yaml names no file".to_owned(),
                })
            };
            return match settings.provider {
                Provider::Embedded => Ok(Self::Embedded),
                Provider::Scripted => Ok(Self::Scripted(script()?)),
                Provider::Replay => Ok(Self::Replay(script()?)),
            };
        };
        match given.split_once(':') {
            None if given == "embedded" => Ok(Self::Embedded),
            Some(("scripted", file)) if !file.is_empty() => Ok(Self::Scripted(file.to_owned())),
            Some(("replay", file)) if !file.is_empty() => Ok(Self::Replay(file.to_owned())),
            _ => Err(RunError::NoBrain {
                given: given.to_owned(),
                why: "use embedded, scripted:FILE or replay:FILE".to_owned(),
            }),
        }
    }

    /// Its name for the journal.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Scripted(_) => "scripted",
            Self::Replay(_) => "replay",
        }
    }

    /// The brain, told what it needs; `replies` have been used before an interruption.
    ///
    /// # Errors
    /// [`RunError::Brain`] when a file cannot be read.
    pub fn brain(
        &self,
        charter: &Charter,
        facts: &Facts,
        existing: Option<&str>,
        replies: usize,
    ) -> Result<Box<dyn Brain>, RunError> {
        Ok(match self {
            Self::Embedded => {
                let outcome = outcome(charter, facts, existing);
                Box::new(Embedded::new(move || outcome.clone()))
            }
            Self::Scripted(file) => {
                let mut brain = Scripted::open(Path::new(file))?;
                brain.skip(replies);
                Box::new(brain)
            }
            Self::Replay(file) => {
                let mut brain = Replay::open(Path::new(file))?;
                brain.skip(replies);
                Box::new(brain)
            }
        })
    }
}

fn outcome(charter: &Charter, facts: &Facts, existing: Option<&str>) -> PageOutcome {
    let Some(path) = &charter.page else {
        return PageOutcome::Unchanged(
            "its charter names no page, and without a model it keeps nothing else".to_owned(),
        );
    };
    match page::page(charter, facts, existing) {
        PageResult::Unchanged(reason) => PageOutcome::Unchanged(reason),
        PageResult::Update { content, title, body, evidence } => {
            PageOutcome::Update { path: path.clone(), content, title, body, evidence }
        }
    }
}
