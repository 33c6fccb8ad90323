//! The rules of OpenSpec, in one table: what each is called, how much it matters in each profile, and one line that says it.
//! Lives here: the table. `spec rules` prints it, the docs quote it. Never here: how a rule is checked (see `validate`).

use super::issue::Level;

/// Which set of levels applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// The verdicts of the reference, version 1.13.
    #[default]
    Openspec1,
    /// The same, and errors where the reference is silently wrong.
    Ci,
    /// The same again, with the life of a change and its gates.
    Gated,
}

impl Profile {
    /// All of them, from the mildest.
    pub const ALL: [Self; 3] = [Self::Openspec1, Self::Ci, Self::Gated];

    /// As it is written on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Openspec1 => "openspec-1",
            Self::Ci => "ci",
            Self::Gated => "gated",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id, for example `delta/no-sections`.
    pub id: &'static str,
    levels: [Option<Level>; 3],
    /// Whether a program can mend what it finds.
    pub is_fixable: bool,
    /// What it says, in one line.
    pub doc: &'static str,
}

impl Rule {
    /// How much it matters in a profile; `None` where it is not asked there.
    #[must_use]
    pub fn level(&self, profile: Profile) -> Option<Level> {
        self.levels[profile as usize]
    }

    /// The rule with this id.
    #[must_use]
    pub fn named(id: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.id == id)
    }
}

/// The rules as a table for the documentation.
#[must_use]
pub fn docs() -> String {
    let word = |level: Option<Level>| match level {
        Some(Level::Error) => "error",
        Some(Level::Warning) => "warning",
        Some(Level::Info) => "info",
        None => "",
    };
    let mut out =
        "| rule | `openspec-1` | `ci` | `gated` | what it asks for |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for rule in RULES {
        let [one, ci, gated] = rule.levels.map(word);
        out.push_str(&format!("| `{}` | {one} | {ci} | {gated} | {} |\n", rule.id, rule.doc));
    }
    out
}

const E: Option<Level> = Some(Level::Error);
const W: Option<Level> = Some(Level::Warning);
const I: Option<Level> = Some(Level::Info);
const N: Option<Level> = None;

/// A constant for every rule and the table of all: id, levels in `openspec-1`, `ci` and `gated`, whether it can be mended, doc line.
macro_rules! rules {
    ($($name:ident $id:literal [$one:ident $ci:ident $gated:ident] $fixable:literal $doc:literal)*) => {
        $(
            #[doc = $doc]
            pub const $name: Rule = Rule { id: $id, levels: [$one, $ci, $gated], is_fixable: $fixable, doc: $doc };
        )*
        /// Every rule, by subject.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    CHANGE_NO_DELTAS "change/no-deltas" [E E E] false
        "A change says what it does to at least one requirement, or sets skip_specs"
    CHANGE_NESTED "change/nested-folder" [E E E] false
        "A change is a folder directly below changes/, never a folder in a folder"
    CHANGE_SKIPS_SPECS "change/skip-specs-accepted" [I I I] false
        "The change sets skip_specs and so needs no deltas"
    CHANGE_SKIP_CONFLICT "change/skip-specs-conflict" [E E E] false
        "A change that sets skip_specs has nothing below specs/"
    CHANGE_SKIP_METADATA "change/skip-specs-bad-metadata" [E E E] false
        "skip_specs counts only where .openspec.yaml and its schema can be read"
    CHANGE_LEADS_OUT "change/leads-out" [E E E] false
        "A link below specs/ stays inside of the folder that it stands in"
    CHANGE_UNREADABLE "change/unreadable" [E E E] false
        "Every file below specs/ can be read"
    DELTA_ROOT "delta/root-level-spec" [E E E] false
        "A delta stands in the folder of a capability, not at specs/spec.md"
    DELTA_UNREAD "delta/unread-file" [E E E] false
        "Delta sections stand in files that are named spec.md"
    DELTA_NO_SECTIONS "delta/no-sections" [E E E] false
        "A delta has at least one of the four sections"
    DELTA_EMPTY_SECTIONS "delta/empty-sections" [E E E] false
        "The sections of a delta hold at least one requirement"
    DELTA_SKIPPED "delta/skipped-header" [I I I] true
        "A heading of level 3 in ADDED and MODIFIED is a requirement"
    DELTA_NAMELESS "delta/nameless-header" [I E E] false
        "A requirement has a name"
    DELTA_ORPHAN "delta/orphan-requirement" [W W W] false
        "A requirement stands in one of the four sections"
    DELTA_NO_TEXT "delta/missing-text" [E E E] false
        "An added or modified requirement has text below its heading"
    DELTA_HEADER_SHALL "delta/shall-only-in-header" [W W W] false
        "SHALL or MUST stands in the text, not only in the heading; an error where there is no text"
    DELTA_NO_SHALL "delta/missing-shall" [W W W] false
        "The text of a requirement says SHALL or MUST"
    DELTA_NO_SCENARIO "delta/missing-scenario" [E E E] false
        "An added or modified requirement has a scenario with steps"
    DELTA_DUPLICATE "delta/duplicate" [E E E] false
        "A section names a requirement once"
    DELTA_DUPLICATE_RENAME "delta/duplicate-rename" [E E E] false
        "A requirement is renamed once, and to a name of its own"
    DELTA_MODIFIED_REMOVED "delta/conflict-modified-removed" [E E E] false
        "A requirement is not both modified and removed"
    DELTA_MODIFIED_ADDED "delta/conflict-modified-added" [E E E] false
        "A requirement is not both modified and added"
    DELTA_ADDED_REMOVED "delta/conflict-added-removed" [E E E] false
        "A requirement is not both added and removed"
    DELTA_RENAMED_REMOVED "delta/conflict-renamed-removed" [E E E] false
        "A requirement is not both renamed and removed, however it is spelled"
    DELTA_OLD_NAME "delta/modified-uses-old-name" [E E E] true
        "A requirement that is renamed is modified under its new name"
    DELTA_RENAME_COLLIDES "delta/rename-to-collides-added" [E E E] false
        "No requirement is added under a name that another gets"
    DELTA_UNPAIRED "delta/unpaired-rename" [E E E] false
        "A FROM: is followed by its TO:"
    DELTA_SCENARIO_LOSS "delta/scenario-loss" [E E E] false
        "A modified requirement keeps the scenarios that it has"
    DELTA_MAIN_UNREADABLE "delta/main-spec-unreadable" [E E E] false
        "The spec that a delta modifies can be read"
    DELTA_REFUSED "delta/archive-would-refuse" [I E E] false
        "Archiving would accept the delta as things stand"
    DELTA_UNCHECKED "delta/archive-check-failed" [I E E] false
        "Whether archiving would accept the change can be found out"
    DELTA_OPEN_FENCE "delta/unclosed-fence" [N E E] true
        "A block of code is closed: all that follows would be hidden"
    DELTA_UNREAD_RENAME "delta/unread-rename" [N E E] true
        "Whatever looks like a rename is written so that it is one"
    DELTA_UNREAD_REMOVAL "delta/unread-removal" [N E E] true
        "Whatever looks like a removal is written so that it is one"
    DELTA_SCENARIO_RENAME "delta/scenario-rename" [N E E] false
        "A rename in RENAMED Scenarios names a modified requirement, a scenario of its spec and one of its new text"
    DELTA_COMMENTED "delta/commented-requirement" [N E E] false
        "No requirement stands in a comment: it would be merged"
    DELTA_COMMENTED_SHALL "delta/commented-shall" [N E E] false
        "SHALL or MUST does not stand in a comment alone"
    DELTA_UNSPACED "delta/unspaced-requirement" [N E E] true
        "A blank follows ###: without it one reader sees a requirement and the other does not"
    DELTA_DEEP_SCENARIO "delta/deep-scenario" [N E E] true
        "A scenario is a heading of level 4"
    DELTA_TITLE "delta/title-in-block" [N E E] false
        "No heading of level 1 stands in a requirement: merged, it would hide what follows from the checks"
    DELTA_NEAR "delta/near-duplicate" [N E E] false
        "No requirement is added under a name that differs from another only in case, blanks or the form of its letters"
    DELTA_BYTES "delta/not-utf8" [N E E] false
        "A delta is UTF-8: other bytes would be lost when it is merged"
    SIBLING_OVERLAP "sibling/overlap" [N E E] false
        "No two open changes work on one requirement, unless one depends on the other"
    SIBLING_ORDER "sibling/order" [N E E] false
        "What a change depends on exists, and does not depend on the change"
    TASKS_GROUP "tasks/group-mismatch" [W W W] true
        "A task's number begins with that of its group"
    TASKS_DUPLICATE "tasks/duplicate-id" [W W W] true
        "A task's number is its own"
    TASKS_NO_BOX "tasks/no-checkbox" [W W W] true
        "A list of tasks has boxes"
    TASKS_OPEN "tasks/archived-incomplete" [E E E] false
        "An archived change has no open task"
    TASKS_UNREADABLE "tasks/unreadable" [E E E] false
        "The tasks of an archived change can be read"
    SPEC_UNREADABLE "spec/unreadable" [E E E] false
        "A main spec can be read, and a link to it stays inside of its folder"
    SPEC_NO_PURPOSE "spec/missing-purpose" [E E E] false
        "A main spec has a section Purpose with text"
    SPEC_NO_SECTION "spec/missing-requirements" [E E E] false
        "A main spec has a section Requirements"
    SPEC_EMPTY "spec/no-requirements" [E E E] false
        "The section Requirements holds at least one"
    SPEC_NAMELESS "spec/empty-requirement" [E E E] false
        "A heading among the requirements has a title or text"
    SPEC_NO_SCENARIO "spec/requirement-no-scenario" [E E E] false
        "A requirement has a scenario with steps"
    SPEC_SCENARIO_HINT "spec/requirement-no-scenario-hint" [W W W] false
        "How a scenario is written, beside spec/requirement-no-scenario"
    SPEC_NO_TEXT "spec/missing-text" [E E E] false
        "A requirement has text below its heading"
    SPEC_HEADER_SHALL "spec/shall-only-in-header" [W W W] false
        "SHALL or MUST stands in the text, not only in the heading; an error where there is no text"
    SPEC_NO_SHALL "spec/missing-shall" [W W W] false
        "The text of a requirement says SHALL or MUST"
    SPEC_DELTA_HEADER "spec/delta-header" [E E E] false
        "A main spec has none of the sections of a delta"
    SPEC_OUTSIDE "spec/requirement-outside" [E E E] false
        "Requirements stand in the first section Requirements"
    SPEC_DUPLICATE "spec/duplicate-requirement" [E E E] false
        "A requirement's name is its own"
    SPEC_PLACEHOLDER "spec/purpose-placeholder" [W W W] false
        "The purpose is written, not TBD, TODO or what archiving put there"
    SPEC_BRIEF "spec/purpose-brief" [W W W] false
        "The purpose has at least 50 characters"
    SPEC_LONG "spec/requirement-too-long" [I I I] false
        "The text of a requirement has at most 500 characters"
    SPEC_OPEN_FENCE "spec/unclosed-fence" [N E E] true
        "A block of code is closed: all that follows is hidden"
    SPEC_COMMENTED "spec/commented-requirement" [N E E] false
        "No requirement stands in a comment: it counts"
    SPEC_COMMENTED_SHALL "spec/commented-shall" [N E E] false
        "SHALL or MUST does not stand in a comment alone"
    SPEC_STRAY "spec/stray-heading" [N E E] false
        "Every heading among the requirements is one: the checks count it, the merge does not"
    SPEC_HIDDEN "spec/hidden-requirement" [N E E] false
        "No requirement is hidden from the checks by a heading above it: the merge sees it"
    SPEC_SHADOWED "spec/shadowed-section" [N E E] false
        "Purpose and Requirements are headings of level 2, and no other has that title before them"
    SPEC_UNSPACED "spec/unspaced-requirement" [N E E] true
        "A blank follows ###: without it the merge sees a requirement and the checks do not"
    SPEC_DEEP_SCENARIO "spec/deep-scenario" [N E E] true
        "A scenario is a heading of level 4"
    SPEC_NEAR "spec/near-duplicate" [N E E] false
        "Names of requirements differ in more than case, blanks or the form of their letters"
    SPEC_BYTES "spec/not-utf8" [N E E] false
        "A main spec is UTF-8: other bytes would be lost when it is merged"
    GATE_RECORD "gate/bad-record" [N N E] false
        "Every file in gates/ is a record that can be read"
    GATE_SKIPPED "gate/skipped" [N N E] false
        "A gate speaks when the change stands before it"
    GATE_SELF "gate/self-approval" [N N E] false
        "Author, architect and validators are different, and nobody validates their own work"
    GATE_STALE "gate/stale-approval" [N N E] false
        "An approval is of the content that stands there now"
    GATE_PASS "gate/stale-pass" [N N E] false
        "Nothing is built for a change after a validator passed it"
    GATE_AUTHOR "gate/bad-author" [N N E] false
        "The author in .openspec.yaml is agent:NAME or human:LOGIN"
    GATE_EVIDENCE "gate/missing-evidence" [N N E] false
        "Whoever passes a change shows why, and whoever returns one says why"
    GATE_CONTRADICTION "gate/contradiction" [N N E] false
        "A verdict that passes a change lists no error"
    GATE_NUMBER "gate/same-number" [N N W] false
        "Only the two validators may have taken the same number"
    GATE_TASKS "gate/open-tasks" [N N E] false
        "A change that is handed to the validators has no open task"
    STATUS_UNKNOWN "status/unknown" [N N W] true
        "The Status: line says the name of a state"
    STATUS_DISAGREES "status/disagrees-with-events" [N N E] true
        "The Status: line says what the records say"
    TRACE_UNCOVERED "trace/uncovered" [N N W] false
        "A test or code says which requirement it covers, for every requirement and scenario"
    TRACE_UNKNOWN "trace/unknown-id" [N N E] false
        "A covers: tag names a requirement or scenario that there is"
    PROPOSAL_WHY "proposal/missing-why" [N W W] false
        "A proposal says why"
    PROPOSAL_WHAT "proposal/missing-what-changes" [N W W] false
        "A proposal says what changes"
    PROPOSAL_SHORT "proposal/why-too-short" [N W W] false
        "Why has at least 50 characters"
    PROPOSAL_LONG "proposal/why-too-long" [N W W] false
        "Why has at most 1000 characters"
    PROPOSAL_MANY "proposal/too-many-deltas" [N W W] false
        "A change does at most ten things to requirements"
}
