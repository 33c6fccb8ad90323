//! The demo's display: a line per agent that lives while it works; plain lines where nobody watches a terminal.
//! Lives here: drawing. Never here: what is drawn.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::{run as run_command, say};
use crate::run::{Ending, Progress, Report};
use crate::town::text;

/// The display.
pub struct Show {
    live: Option<MultiProgress>,
}

/// The line of one agent.
pub struct Line {
    name: String,
    bar: Option<ProgressBar>,
}

impl Show {
    /// A display; `live` where a person looks at a terminal.
    pub fn new(live: bool) -> Self {
        Self { live: live.then(MultiProgress::new) }
    }

    /// Says something between the lines.
    pub fn say(&self, text: &str) {
        match &self.live {
            Some(live) => live.suspend(|| say::answer(text)),
            None => say::answer(text),
        }
    }

    /// Begins the line of an agent.
    pub fn begin(&self, name: &str) -> Line {
        let bar = self.live.as_ref().map(|live| {
            let bar = live.add(ProgressBar::new_spinner().with_prefix(format!("{name:<18}")));
            let style = ProgressStyle::with_template("{spinner:.yellow} {prefix:.bold} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(80));
            bar
        });
        Line { name: name.to_owned(), bar }
    }
}

impl Line {
    /// Shows what happens now.
    pub fn step(&self, progress: &Progress) {
        let Some(line) = run_command::line(progress) else { return };
        let line = text::one_line(&line, 200);
        match &self.bar {
            Some(bar) => bar.set_message(line),
            None => say::answer(&format!("{:<18} {line}", self.name)),
        }
    }

    /// Shows how it ended.
    pub fn end(&self, report: &Report) {
        let said = outcome(report);
        let Some(bar) = &self.bar else {
            say::answer(&format!("{:<18} {said}\n", self.name));
            return;
        };
        let colour = match report.outcome {
            Ending::Opened | Ending::Updated => "green",
            Ending::Failed => "red",
            _ => "dim",
        };
        let style = ProgressStyle::with_template(&format!("{{prefix:.bold}} {{wide_msg:.{colour}}}"));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.finish_with_message(said);
    }

    /// Ends the line of a run that broke.
    pub fn broke(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

fn outcome(report: &Report) -> String {
    let title = report.offer.as_ref().map(|offer| text::one_line(&offer.title, 90)).unwrap_or_default();
    match (report.outcome, report.pull) {
        (Ending::Opened, Some(number)) => format!("=> pull request #{number}: {title}"),
        (Ending::Updated, Some(number)) => format!("=> pull request #{number} updated: {title}"),
        (Ending::Nothing, _) => format!("=> nothing to do: {}", text::one_line(&report.reason, 110)),
        _ => format!("=> {}", text::one_line(&report.sentence(), 110)),
    }
}
