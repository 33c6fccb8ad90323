//! Facts about links in Markdown that lead nowhere.
//! Lives here: values and their compact Markdown. Never here: reading the repository.

use serde::{Deserialize, Serialize};

use super::{Brief, count_of};
use crate::town::ids::AgentId;
use crate::town::markdown::quoted;

/// Broken relative links, images and anchors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFacts {
    /// Broken links, by path and line.
    pub broken: Vec<BrokenLink>,
    /// Broken links that are not listed.
    pub truncated: usize,
    /// Markdown files that were read.
    pub pages: usize,
    /// Links inside the repository that were followed.
    pub checked: usize,
    /// Links that cannot be judged: into submodules, through links, or beyond the bound of one file.
    pub unchecked: usize,
    /// Markdown files that were not read.
    pub skipped: usize,
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkProblem {
    /// Nothing stands at the path.
    NoSuchPath,
    /// The path exists in another spelling of upper and lower case.
    WrongCase,
    /// The page has no such heading or anchor.
    NoSuchAnchor,
    /// The link leaves the repository.
    Outside,
    /// The link names nothing.
    Empty,
    /// The reference label is defined nowhere.
    UndefinedReference,
}

/// One broken link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BrokenLink {
    /// The Markdown file.
    pub path: String,
    /// Line, counted from 1.
    pub line: u32,
    /// The link as written.
    pub target: String,
    /// What is wrong.
    pub problem: LinkProblem,
    /// The nearest thing that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// The agent that owns the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AgentId>,
}

impl LinkFacts {
    /// The facts in at most `max_bytes` of Markdown.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let mut out = Brief::new(max_bytes);
        let broken = count_of(self.broken.len() + self.truncated, "broken link");
        let skipped =
            if self.skipped > 0 { format!(", {} not read", count_of(self.skipped, "file")) } else { String::new() };
        out.line(format!("{broken} of {} in {}{skipped}", self.checked, count_of(self.pages, "Markdown file")));
        for link in &self.broken {
            let place = quoted(&format!("{}:{}", link.path, link.line), 160);
            out.line(format!("- {place} {}", link.sentence()));
        }
        if self.truncated > 0 {
            out.line(format!("{} more are not listed.", self.truncated));
        }
        out.finish()
    }
}

impl BrokenLink {
    /// What is wrong, with the target and the suggestion.
    #[must_use]
    pub fn sentence(&self) -> String {
        let target = quoted(&self.target, 160);
        let hint =
            |word: &str| self.suggestion.as_ref().map_or_else(String::new, |s| format!("; {word} {}", quoted(s, 160)));
        match self.problem {
            LinkProblem::NoSuchPath => format!("links to {target}, which does not exist{}", hint("perhaps")),
            LinkProblem::WrongCase => format!("links to {target} in the wrong case{}", hint("it is spelt")),
            LinkProblem::NoSuchAnchor => format!("links to {target}, but there is no such anchor{}", hint("perhaps")),
            LinkProblem::Outside => format!("links to {target}, which is outside of the repository"),
            LinkProblem::Empty => "has a link without a target".to_owned(),
            LinkProblem::UndefinedReference => format!("uses the reference {target}, which is defined nowhere"),
        }
    }
}
