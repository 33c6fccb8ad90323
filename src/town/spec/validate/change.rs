//! The rules of a change as a whole.
//! Lives here: what the reference checks beyond one delta, and the order in which all of it is reported. Never here: the rules of
//! one delta (see `delta`).

use std::borrow::Cow;

use super::super::delta::Delta;
use super::super::heading::Section;
use super::super::issue::{Issue, Level};
use super::super::lines::Lines;
use super::super::metadata::{self, Mark};
use super::super::plan_refusal::{Kind, Refusal};
use super::super::plan_update;
use super::super::project::{Project, SpecFile};
use super::super::rules;
use super::super::tree::{Fault, Node};
use super::Checker;
use super::careful;
use super::careful_delta;
use super::conflicts;
use super::delta::{self, Main};
use super::findings::{Findings, Place};
use super::proposal;
use super::siblings;
use super::tasks;

/// A delta that was read.
pub(super) struct Read<'t> {
    /// Its capability.
    pub(super) id: String,
    /// Where its issues are.
    pub(super) place: Place,
    pub(super) text: Cow<'t, str>,
    pub(super) delta: Delta,
}

/// Checks a change.
pub(super) fn check(checker: &Checker<'_, '_>, name: &str) -> Vec<Issue> {
    let mut findings = Findings::new(checker.profile);
    let project = checker.project;
    if let Some(nested) = project.nested(name) {
        findings.add(
            &rules::CHANGE_NESTED,
            Place::of("file", project.change_path(name)),
            format!("this is no change, it only wraps {}", nested.nested.join(", ")),
            &format!("move what it wraps up, for example to changes/{}", nested.nested[0].replace('/', "-")),
        );
        return findings.issues;
    }
    let after =
        if checker.is_careful() { checker.siblings().tree_before(project, name, checker.profile) } else { None };
    let later = after.as_ref().map(|tree| Project::new(tree, project.openspec()));
    let main = later.as_ref().unwrap_or(project);
    let mut change = Change { checker, main, name, findings, operations: 0, empty: Vec::new(), absent: Vec::new() };
    match change.deltas() {
        Ok(()) => {
            change.whole();
            change.findings.issues
        }
        Err(issue) => vec![*issue],
    }
}

/// What ends the reading of deltas early.
enum Stop {
    /// Nothing but this is reported.
    Whole(Box<Issue>),
    /// What was found so far stands; the reference gives up without a word where a file stands in the place of a folder.
    Rest,
}

struct Change<'c> {
    checker: &'c Checker<'c, 'c>,
    /// The project as it is when the change's turn comes.
    main: &'c Project<'c>,
    name: &'c str,
    findings: Findings,
    operations: usize,
    /// Deltas whose sections hold nothing, with those.
    empty: Vec<(Place, String)>,
    /// Deltas without a section.
    absent: Vec<Place>,
}

impl<'c> Change<'c> {
    fn project(&self) -> &'c Project<'c> {
        self.checker.project
    }

    /// Reads and checks every delta.
    ///
    /// # Errors
    /// What keeps the whole change from being checked.
    fn deltas(&mut self) -> Result<(), Box<Issue>> {
        let files = self.project().deltas(self.name);
        if let Some(file) = files.iter().find(|file| matches!(file.fault, Some(Fault::LeadsOut | Fault::Folder))) {
            return Err(self.unreadable(file));
        }
        if self.project().has_root_spec(self.name) {
            self.findings.add(
                &rules::DELTA_ROOT,
                Place::of("spec.md", format!("{}/specs/spec.md", self.project().change_path(self.name))),
                "a delta directly below specs/ belongs to no capability and is not read".to_owned(),
                "move it to specs/<capability>/spec.md",
            );
        }
        let mut read = Vec::new();
        for file in files {
            let place = Place::of(format!("{}/spec.md", file.id), file.path.clone());
            match self.project().text(&file.path) {
                Ok(text) => {
                    let lines = Lines::of(&text);
                    let delta = if self.checker.is_careful() { Delta::extended(&lines) } else { Delta::of(&lines) };
                    read.push(Read { id: file.id, place, text, delta });
                }
                Err(fault) => careful::unread(&mut self.findings, place, fault),
            }
        }
        for read in &read {
            match self.delta(read) {
                Ok(()) => {}
                Err(Stop::Rest) => return Ok(()),
                Err(Stop::Whole(issue)) => return Err(issue),
            }
        }
        self.refusals(&read);
        if self.findings.asks(&rules::SIBLING_OVERLAP) {
            let project = self.project();
            self.checker.siblings().check(&mut self.findings, project, self.name, &read);
        }
        Ok(())
    }

    fn delta(&mut self, read: &Read<'_>) -> Result<(), Stop> {
        let (place, delta) = (&read.place, &read.delta);
        if delta.operations() == 0 {
            if delta.sections.is_empty() {
                self.absent.push(place.clone());
            } else {
                let line = delta.sections.iter().map(|(_, line)| *line).min();
                self.empty.push((Place { line, ..place.clone() }, named(&delta.sections)));
            }
        }
        let words = &self.checker.words;
        self.operations += delta.added.len() + delta.modified.len();
        delta::check(&mut self.findings, place, delta, words);
        if !delta.modified.is_empty() {
            let main = self.main(&read.id)?;
            delta::against(&mut self.findings, place, delta, &main);
        }
        self.operations += delta.removed.len() + delta.renamed.len();
        conflicts::check(&mut self.findings, place, delta);
        if self.checker.is_careful() {
            let main = self.main.text(&self.main.spec_path(&read.id)).ok();
            careful_delta::check(&mut self.findings, place, &read.text, delta, main.as_deref(), words);
            if let Some(bytes) = self.project().tree().bytes(&place.file) {
                careful::bytes(&mut self.findings, &rules::DELTA_BYTES, place, bytes);
            }
        }
        Ok(())
    }

    /// The spec that a delta modifies. A link to it has to stay inside of its folder.
    fn main(&self, id: &str) -> Result<Main<'c>, Stop> {
        let path = self.main.spec_path(id);
        let folder = path.strip_suffix("spec.md").unwrap_or(&path);
        match self.main.tree().get(&path) {
            None if self.stands_below_file(&path) => Err(Stop::Rest),
            None => Ok(Main::Absent),
            Some(Node::LinkedFile { target, .. }) if !target.starts_with(folder) => {
                Err(Stop::Whole(self.leads_out(&path)))
            }
            Some(Node::LeadsOut | Node::Dangling | Node::LinkedFolder(_)) => Err(Stop::Whole(self.leads_out(&path))),
            Some(_) => Ok(self.main.text(&path).map_or(Main::Unreadable, Main::Text)),
        }
    }

    fn unreadable(&self, file: &SpecFile) -> Box<Issue> {
        if file.fault == Some(Fault::LeadsOut) {
            return self.leads_out(&file.path);
        }
        let (what, fix) = file.fault.unwrap_or(Fault::Failed).words();
        let mut findings = Findings::new(self.checker.profile);
        let message = format!("{}: {what}, so nothing of the change was checked", file.path);
        findings.add_as(Level::Error, &rules::CHANGE_UNREADABLE, Place::of("file", &file.path), message, fix);
        Box::new(findings.issues.remove(0))
    }

    fn leads_out(&self, path: &str) -> Box<Issue> {
        let mut findings = Findings::new(self.checker.profile);
        let message = format!("{path} is a link that leads out of its folder, so nothing of the change was checked");
        let fix = "put the file itself there in place of the link";
        findings.add_as(Level::Error, &rules::CHANGE_LEADS_OUT, Place::of("file", path), message, fix);
        Box::new(findings.issues.remove(0))
    }

    /// Deltas that archiving would refuse as things stand. One that is wrong by itself is not asked.
    fn refusals(&mut self, read: &[Read<'_>]) {
        let project = self.project();
        let is_wrong = |issue: &&Issue| issue.level == Level::Error;
        let mut reported: Vec<String> = self.findings.issues.iter().filter(is_wrong).map(|i| i.path.clone()).collect();
        reported.extend(self.absent.iter().map(|place| place.path.clone()));
        reported.extend(self.empty.iter().map(|(place, _)| place.path.clone()));
        let reported: std::collections::HashSet<&str> = reported.iter().map(String::as_str).collect();
        if let Some(issue) = read.iter().find_map(|read| self.lost_target(&project.spec_path(&read.id))) {
            self.findings.issues.push(issue);
            return;
        }
        for read in read.iter().filter(|read| !reported.contains(read.place.path.as_str())) {
            let Err(refusal) = self.merged(read) else { continue };
            // Those are about the main spec, whose line it is then.
            let is_main = matches!(refusal.kind, Kind::BrokenTarget | Kind::NotText);
            let file = if is_main { project.spec_path(&read.id) } else { read.place.file.clone() };
            self.findings.add(
                &rules::DELTA_REFUSED,
                Place { line: refusal.line, file, ..read.place.clone() },
                format!("archiving would refuse the delta: {}", refusal.message),
                &refusal.fix,
            );
        }
    }

    /// Tries to merge a delta: as the reference tries it, or else as it will be archived.
    fn merged(&self, read: &Read<'_>) -> Result<(), Refusal> {
        if self.checker.is_careful() {
            let delta = SpecFile { id: read.id.clone(), path: read.place.file.clone(), fault: None };
            return siblings::planned(self.main, self.name, &delta, self.checker.profile).map(|_| ());
        }
        let path = self.main.spec_path(&read.id);
        let target = match self.main.tree().get(&path).map(|_| self.main.text(&path)) {
            Some(Ok(text)) => Some(text),
            // Nothing is known of it, and nothing said.
            Some(Err(_)) => return Ok(()),
            None => None,
        };
        plan_update::check(&read.id, self.name, &read.text, &read.delta, target.as_deref())
    }

    /// A target that cannot be told: a link on the way leads out, or a file stands where a folder should.
    fn lost_target(&self, target: &str) -> Option<Issue> {
        let project = self.project();
        let specs = project.below("specs/");
        let leads_out = match project.tree().get(target) {
            Some(Node::LinkedFile { target, .. }) => !target.starts_with(&specs),
            Some(node) => matches!(node, Node::LeadsOut | Node::Dangling),
            None => false,
        };
        let why = match self.stands_below_file(target) {
            true => "stands below a file",
            false if leads_out => "is a link that leads out of specs/",
            false => return None,
        };
        let mut findings = Findings::new(self.checker.profile);
        findings.add(
            &rules::DELTA_UNCHECKED,
            Place::of("specs", target),
            format!("{target} {why}, so archiving the change could not be tried"),
            "put the file itself there",
        );
        findings.issues.pop()
    }

    /// Whether a file stands where one of the folders of a path should be.
    fn stands_below_file(&self, path: &str) -> bool {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        above.filter_map(|path| self.project().tree().get(path)).any(Node::is_file)
    }

    /// What the change is as a whole.
    fn whole(&mut self) {
        let folder = self.project().change_path(self.name);
        let unread = self.project().unread_deltas(self.name);
        for unread in &unread {
            self.findings.add(
                &rules::DELTA_UNREAD,
                Place::of(&unread.path, format!("{folder}/specs/{}", unread.path)),
                "the file holds a delta, and only files called spec.md in the folder of a capability are read"
                    .to_owned(),
                &format!("move its requirements to specs/{}", unread.expected),
            );
        }
        for (place, sections) in std::mem::take(&mut self.empty) {
            self.findings.add(
                &rules::DELTA_EMPTY_SECTIONS,
                place,
                format!("{sections} there, but no requirement below"),
                "write `### Requirement: <name>` below the heading",
            );
        }
        for place in std::mem::take(&mut self.absent) {
            self.findings.add(
                &rules::DELTA_NO_SECTIONS,
                place,
                "the file has none of the sections of a delta".to_owned(),
                "write `## ADDED Requirements` and the like, or keep notes outside of specs/",
            );
        }
        self.marker(&folder, unread.is_empty() && !self.project().has_root_spec(self.name));
        let project = self.project();
        tasks::check(&mut self.findings, project, self.name);
        proposal::check(&mut self.findings, project, self.name, self.operations);
    }

    /// Whether the change must hold deltas, and whether it does.
    fn marker(&mut self, folder: &str, is_all_read: bool) {
        let about = Place::of("file", folder);
        let metadata = format!("{folder}/{}", metadata::FILE);
        let marker = self.project().marker(self.name, Mark::SkipSpecs);
        if let Some(reason) = &marker.invalid_reason {
            self.findings.add(
                &rules::CHANGE_SKIP_METADATA,
                Place::of(metadata::FILE, &metadata),
                format!("skip_specs is set and does not count: {reason}"),
                "mend the file, so that skip_specs can be believed",
            );
        }
        let specs = format!("{folder}/specs");
        let is_contradicted = marker.declared && self.holds_anything(&specs);
        if is_contradicted {
            self.findings.add(
                &rules::CHANGE_SKIP_CONFLICT,
                about.clone(),
                "skip_specs says that no spec changes, and there are files below specs/".to_owned(),
                "delete skip_specs from .openspec.yaml, or those files",
            );
        }
        if self.operations > 0 || !is_all_read {
            return;
        }
        if !marker.declared {
            self.findings.add(
                &rules::CHANGE_NO_DELTAS,
                about,
                "the change says nothing about any requirement".to_owned(),
                "write specs/<capability>/spec.md with `## ADDED Requirements` and the like, or set `skip_specs: true` in \
                 .openspec.yaml where no requirement changes on purpose",
            );
        } else if !is_contradicted {
            self.findings.add(
                &rules::CHANGE_SKIPS_SPECS,
                Place::of("file", metadata),
                "skip_specs is set: the change needs no deltas".to_owned(),
                "",
            );
        }
    }

    /// Whether anything stands in the folder `specs`; what is no folder counts.
    fn holds_anything(&self, specs: &str) -> bool {
        match self.project().tree().get(specs) {
            None | Some(Node::Dangling) => false,
            Some(Node::Folder | Node::LinkedFolder(Some(_))) => self.project().has_any_file(specs),
            Some(_) => true,
        }
    }
}

/// The headings of the sections that are there, each once.
fn named(sections: &[(Section, u32)]) -> String {
    let words: Vec<String> =
        sections.iter().map(|(section, _)| format!("`## {} Requirements`", section.word())).collect();
    format!("{} {}", words.join(" and "), if words.len() == 1 { "is" } else { "are" })
}
