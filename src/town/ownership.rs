//! Who owns what, and the proof that nothing is owned twice.
//! Lives here: what an agent may write, what nobody may own, and the decision on the patterns that no two agents can
//! ever meet. Never here: the paths of one proposal (see the gate).
//!
//! The proof asks every pair of patterns that could meet at all: patterns are sorted by the literal folders they
//! begin with, so only those that begin alike (or with a star) are compared, and most of these are told apart by
//! their folders' ends. What is left is bounded by a budget; a town that exceeds it is refused, never believed.

use std::collections::BTreeMap;

use super::charter::Charter;
use super::finding::Finding;
use super::ids::AgentId;
use super::limits::TOWN_FILE;
use super::overlap::Overlap;
use super::pattern::Pattern;
use super::settings::Settings;
use super::text::one_line;

/// What nobody owns save by a grant, as patterns. The two of git count where a pattern names such a file or folder;
/// that `docs/**` would also take in `docs/.gitignore` is the gate's business, which refuses the path.
pub const RESERVED: &[&str] = &[TOWN_FILE, ".monkeytown/prompts/**", "agents/*.md", "**/.git*", "**/.git*/**"];

/// The rules of this file, each with what it means.
pub const RULES: &[(&str, &str)] = &[
    (OVERLAP, "Two agents' patterns can match the same path."),
    (GRANT, "A grant can match a path that another agent owns or is granted."),
    (MEMORY, "A pattern can match the memory file of another agent."),
    (RESERVED_PATH, "A pattern can match a path that nobody owns without a grant by name."),
    (GUARDED, "A pattern can match a path that `guarded` lists, without a grant by name."),
    (UNPROVED, "There is too much to compare, or too much was found, to finish the proof."),
];
const OVERLAP: &str = "ownership-overlap";
const GRANT: &str = "ownership-grant";
const MEMORY: &str = "ownership-memory";
const RESERVED_PATH: &str = "ownership-reserved";
const GUARDED: &str = "ownership-guarded";
const UNPROVED: &str = "ownership-unproved";

/// Steps that the whole proof may take: some seconds at the worst, and a large, honest town needs a hundredth.
const STEPS: u64 = 200_000_000;
/// Overlaps that are reported before the proof gives up.
const MOST_OVERLAPS: usize = 100;

/// A pattern with the place where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The pattern.
    pub pattern: Pattern,
    /// Its line, counted from 1, where it is known.
    pub line: Option<u32>,
}

/// What one file claims for one agent: a charter what it owns, or the town file what it grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The file that makes the claims.
    pub path: String,
    /// For whom.
    pub name: AgentId,
    /// What.
    pub claims: Vec<Claim>,
}

/// Everything that the agent may write: its own patterns, its memory, and what it was granted.
#[must_use]
pub fn owned(charter: &Charter, settings: &Settings) -> Vec<Pattern> {
    let mut owned = charter.owns.clone();
    owned.extend(charter.name.memory_path().parse::<Pattern>());
    owned.extend(settings.grants.get(&charter.name).into_iter().flatten().cloned());
    owned
}

/// Proves that no two agents can write the same path and that none owns what is reserved or guarded.
///
/// An empty answer is the proof; otherwise each finding names both places, both patterns and a path that they share.
#[must_use]
pub fn prove(charters: &[Owner], grants: &[Owner], guarded: &[Pattern]) -> Vec<Finding> {
    prove_within(STEPS, charters, grants, guarded)
}

fn prove_within(steps: u64, charters: &[Owner], grants: &[Owner], guarded: &[Pattern]) -> Vec<Finding> {
    let mut proof = Proof { findings: Vec::new(), steps };
    proof.forbidden(charters, grants, guarded);
    let memories: Vec<Pattern> = charters.iter().filter_map(|owner| owner.name.memory_path().parse().ok()).collect();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (owner, memory) in charters.iter().zip(&memories) {
        entries.push(Entry::new(owner, memory, None, Kind::Memory));
        entries.extend(owner.claims.iter().map(|c| Entry::new(owner, &c.pattern, c.line, Kind::Owned)));
    }
    for owner in grants {
        entries.extend(owner.claims.iter().map(|c| Entry::new(owner, &c.pattern, c.line, Kind::Granted)));
    }
    proof.disjoint(&mut entries);
    proof.findings
}

/// How a pattern came to its agent. The order says where an overlap is reported: at the last of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Memory,
    Owned,
    Granted,
}

/// One pattern with what the comparison needs of it, worked out once.
struct Entry<'a> {
    prefix: Vec<String>,
    shape: Shape,
    owner: &'a Owner,
    pattern: &'a Pattern,
    line: Option<u32>,
    kind: Kind,
}

impl<'a> Entry<'a> {
    fn new(owner: &'a Owner, pattern: &'a Pattern, line: Option<u32>, kind: Kind) -> Self {
        Self { prefix: pattern.folded_prefix(), shape: Shape::new(pattern), owner, pattern, line, kind }
    }

    /// `` `docs/**` of chaostester (agents/chaostester.md:5)``
    fn describe(&self) -> String {
        let (pattern, name) = (shown(self.pattern.as_str()), &self.owner.name);
        let place = match self.line {
            Some(line) => format!("{}:{line}", shown(&self.owner.path)),
            None => shown(&self.owner.path),
        };
        match self.kind {
            Kind::Memory => format!("the memory `{pattern}` of {name} ({place})"),
            Kind::Owned => format!("`{pattern}` of {name} ({place})"),
            Kind::Granted => format!("`{pattern}` granted to {name} ({place})"),
        }
    }
}

fn shown(text: &str) -> String {
    one_line(text, 160)
}

/// The work of one proof: what it found, and how far it may still go.
struct Proof {
    findings: Vec<Finding>,
    steps: u64,
}

impl Proof {
    /// Takes steps from the budget; `false` when it is used up.
    fn spend(&mut self, steps: u64) -> bool {
        let enough = self.steps >= steps;
        self.steps = self.steps.saturating_sub(steps);
        enough
    }

    fn give_up(&mut self, why: &str, remedy: &str) {
        self.findings.push(Finding::error(UNPROVED, why).at(TOWN_FILE).fix(remedy));
    }

    fn too_much(&mut self) {
        let remedy = "let patterns begin with a folder by name, and use fewer and shorter ones with stars";
        self.give_up("the patterns are too many or too involved to prove that no two can meet", remedy);
    }

    /// Looks for claims of what nobody owns without a grant.
    fn forbidden(&mut self, charters: &[Owner], grants: &[Owner], guarded: &[Pattern]) {
        let reserved: Vec<Pattern> = RESERVED.iter().filter_map(|text| text.parse().ok()).collect();
        let (git, reserved): (Vec<Pattern>, Vec<Pattern>) =
            reserved.into_iter().partition(|pattern| pattern.as_str().starts_with("**/.git"));
        let guarded: Vec<(&Pattern, Shape)> = guarded.iter().map(|pattern| (pattern, Shape::new(pattern))).collect();
        let reserved: Vec<(&Pattern, Shape)> = reserved.iter().map(|pattern| (pattern, Shape::new(pattern))).collect();
        let mut granted: BTreeMap<&AgentId, Vec<&Pattern>> = BTreeMap::new();
        for grant in grants {
            granted.entry(&grant.name).or_default().extend(grant.claims.iter().map(|claim| &claim.pattern));
        }
        for owner in charters {
            let granted = granted.get(&owner.name).map_or(&[][..], Vec::as_slice);
            for claim in &owner.claims {
                let allowed = |what: &Pattern| granted.iter().any(|g| g.contains(&claim.pattern) || g.contains(what));
                if let Some(witness) = names_git(&claim.pattern)
                    && !git.iter().any(allowed)
                {
                    let overlap = Overlap { witness, exact: true };
                    self.findings.push(forbidden(owner, claim, RESERVED_PATH, "what begins with `.git`", &overlap));
                }
                for (rule, patterns) in [(RESERVED_PATH, &reserved), (GUARDED, &guarded)] {
                    match self.first_meeting(claim, patterns, allowed) {
                        Err(OutOfSteps) => return self.too_much(),
                        Ok(None) => {}
                        Ok(Some((pattern, overlap))) => {
                            let what = format!("`{}`", shown(pattern.as_str()));
                            self.findings.push(forbidden(owner, claim, rule, &what, &overlap));
                        }
                    }
                }
            }
        }
    }

    /// The first of `patterns` that the claim meets and that is not allowed to it.
    fn first_meeting<'p>(
        &mut self,
        claim: &Claim,
        patterns: &[(&'p Pattern, Shape)],
        allowed: impl Fn(&Pattern) -> bool,
    ) -> Result<Option<(&'p Pattern, Overlap)>, OutOfSteps> {
        let shape = Shape::new(&claim.pattern);
        for (pattern, theirs) in patterns {
            if !self.spend(1) {
                return Err(OutOfSteps);
            }
            if !shape.may_meet(theirs) {
                continue;
            }
            if !self.spend(claim.pattern.overlap_cost(pattern)) {
                return Err(OutOfSteps);
            }
            if let Some(overlap) = claim.pattern.overlap(pattern)
                && !allowed(pattern)
            {
                return Ok(Some((pattern, overlap)));
            }
        }
        Ok(None)
    }

    /// Compares each pattern with those of other agents that begin with the same folders, or with a star.
    fn disjoint(&mut self, entries: &mut [Entry<'_>]) {
        entries.sort_by(|a, b| (&a.prefix, a.pattern, &a.owner.name).cmp(&(&b.prefix, b.pattern, &b.owner.name)));
        let mut found = 0;
        for (i, one) in entries.iter().enumerate() {
            // In this order, all whose folders begin with those of `one` follow it without a gap.
            let near = entries[i + 1..].iter().take_while(|other| other.prefix.starts_with(&one.prefix));
            for other in near {
                if !self.spend(1) {
                    return self.too_much();
                }
                if one.owner.name == other.owner.name || !one.shape.may_meet(&other.shape) {
                    continue;
                }
                if !self.spend(one.pattern.overlap_cost(other.pattern)) {
                    return self.too_much();
                }
                let Some(overlap) = one.pattern.overlap(other.pattern) else { continue };
                if found == MOST_OVERLAPS {
                    let why = format!("{MOST_OVERLAPS} overlaps were found, and no more were looked for");
                    return self.give_up(&why, "mend those that are named, then check again");
                }
                found += 1;
                self.findings.push(meeting(one, other, &overlap));
            }
        }
    }
}

/// The budget of the proof is used up.
struct OutOfSteps;

fn twin_note(overlap: &Overlap) -> &'static str {
    if overlap.exact { "" } else { ", on file systems that ignore case or Unicode form" }
}

fn placed(finding: Finding, path: &str, line: Option<u32>) -> Finding {
    let finding = finding.at(path);
    match line {
        Some(line) => finding.line(line),
        None => finding,
    }
}

fn forbidden(owner: &Owner, claim: &Claim, rule: &str, what: &str, overlap: &Overlap) -> Finding {
    let (pattern, witness, note) = (shown(claim.pattern.as_str()), shown(&overlap.witness), twin_note(overlap));
    let message = if rule == GUARDED {
        format!("{} owns `{pattern}`, and the town guards {what}: both match `{witness}`{note}", owner.name)
    } else {
        format!("{} owns `{pattern}`, and nobody owns {what}: both match `{witness}`{note}", owner.name)
    };
    let remedy =
        format!("narrow the pattern, or have a human list it under `grants: {{{}: […]}}` in {TOWN_FILE}", owner.name);
    placed(Finding::error(rule, message), &owner.path, claim.line).fix(remedy)
}

fn meeting(one: &Entry<'_>, other: &Entry<'_>, overlap: &Overlap) -> Finding {
    // Reported at the wider promise: a grant before what is owned, what is owned before a memory.
    let (first, last) =
        if (one.kind, &one.owner.name) <= (other.kind, &other.owner.name) { (one, other) } else { (other, one) };
    let (rule, remedy) = match (first.kind, last.kind) {
        (_, Kind::Granted) => (GRANT, "grant only paths that no other agent owns or is granted"),
        (Kind::Memory, _) => (MEMORY, "leave the memory files out of the pattern: each agent has its own by itself"),
        _ => (OVERLAP, "narrow one of the two patterns, so that each path has one owner"),
    };
    let (witness, note) = (shown(&overlap.witness), twin_note(overlap));
    let message = format!("{} and {} both match `{witness}`{note}", last.describe(), first.describe());
    placed(Finding::error(rule, message), &last.owner.path, last.line).fix(remedy)
}

/// A path by which the pattern asks for files or folders of git, if it does. A segment that begins with a star does
/// not ask for them; `.g*` and `.*` do.
fn names_git(pattern: &Pattern) -> Option<String> {
    let git: Pattern = ".git*".parse().ok()?;
    let segments: Vec<&str> = pattern.as_str().split('/').collect();
    let named = segments.iter().enumerate().filter(|(_, segment)| !segment.starts_with('*'));
    named.into_iter().find_map(|(at, segment)| {
        let name = segment.parse::<Pattern>().ok()?.overlap(&git)?.witness;
        let plain = |s: &&str| if *s == "**" { "x".to_owned() } else { s.replace('*', "x") };
        let before = segments[..at].iter().map(plain);
        let after = segments[at + 1..].iter().map(plain);
        Some(before.chain([name]).chain(after).collect::<Vec<String>>().join("/"))
    })
}

/// A pattern's segments as far as cheap comparison needs them. What is not ASCII counts as a star, because folding
/// it is the business of the real comparison.
#[derive(Debug)]
struct Shape {
    parts: Vec<Part>,
    endless: bool,
}

#[derive(Debug)]
enum Part {
    /// `**`
    Endless,
    /// A name in lower case.
    Name(String),
    /// What stands before the first star and after the last.
    Ends(String, String),
}

impl Shape {
    fn new(pattern: &Pattern) -> Self {
        let parts: Vec<Part> = pattern.as_str().split('/').map(Part::new).collect();
        Self { endless: parts.iter().any(|part| matches!(part, Part::Endless)), parts }
    }

    /// `false` only where the two can surely not match one path.
    fn may_meet(&self, other: &Self) -> bool {
        if !self.endless && !other.endless && self.parts.len() != other.parts.len() {
            return false;
        }
        let bounded = |(a, b): &(&Part, &Part)| !matches!((a, b), (Part::Endless, _) | (_, Part::Endless));
        let front = self.parts.iter().zip(&other.parts).take_while(bounded);
        let back = self.parts.iter().rev().zip(other.parts.iter().rev()).take_while(bounded);
        front.chain(back).all(|(a, b)| a.may_fit(b))
    }
}

impl Part {
    fn new(segment: &str) -> Self {
        if segment == "**" {
            return Self::Endless;
        }
        if !segment.is_ascii() {
            return Self::Ends(String::new(), String::new());
        }
        let segment = segment.to_ascii_lowercase();
        match (segment.split_once('*'), segment.rsplit_once('*')) {
            (Some((head, _)), Some((_, tail))) => Self::Ends(head.to_owned(), tail.to_owned()),
            _ => Self::Name(segment),
        }
    }

    fn may_fit(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Endless, _) | (_, Self::Endless) => true,
            (Self::Name(a), Self::Name(b)) => a == b,
            (Self::Name(name), Self::Ends(head, tail)) | (Self::Ends(head, tail), Self::Name(name)) => {
                name.starts_with(head.as_str()) && name.ends_with(tail.as_str())
            }
            (Self::Ends(head, tail), Self::Ends(head2, tail2)) => {
                (head.starts_with(head2.as_str()) || head2.starts_with(head.as_str()))
                    && (tail.ends_with(tail2.as_str()) || tail2.ends_with(tail.as_str()))
            }
        }
    }
}

#[cfg(test)]
#[path = "ownership_tests.rs"]
mod tests;
