//! The register: entries with numbers that last, those that are gone, and those that reviewers turned down.
//! Lives here: numbering, bounds and the reaction to verdicts. Never here: how a page looks.

use std::collections::{BTreeMap, BTreeSet};

use super::collect;
use super::entry::{Entry, Key};
use super::previous::{Dismissal, Limit, Previous};
use super::role::Role;
use super::verdict::{Rejection, rejections};
use crate::town::charter::Charter;
use crate::town::facts::Facts;

/// Entries that a page lists.
const ENTRIES: usize = 200;
/// Bytes that their rows may take together.
const ROW_BYTES: usize = 24 * 1024;
/// Dismissed entries that a page lists, and the bytes of their rows.
const DISMISSALS: usize = 60;
const DISMISSED_BYTES: usize = 8 * 1024;
/// Closed entries that a page lists, and the bytes of their rows.
const CLOSED: usize = 20;
const CLOSED_BYTES: usize = 4 * 1024;
/// Entries on a page that was too large.
const FEW: usize = 10;

/// An entry with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub number: u32,
    pub entry: Entry,
}

/// All that a page lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Register {
    /// Open entries, the most important first.
    pub open: Vec<Numbered>,
    /// Open entries that are not listed.
    pub more: usize,
    /// Turned down by reviewers and still there.
    pub dismissed: Vec<(Entry, Dismissal)>,
    /// Dismissed entries that are not listed.
    pub more_dismissed: usize,
    /// Gone, the latest first.
    pub closed: Vec<(Key, u32)>,
    /// How much of it humans want to see.
    pub limit: Limit,
    /// The number of the next new entry.
    pub next: u32,
    /// Numbers that were not on the earlier page.
    pub new: BTreeSet<u32>,
    /// Numbers that went to the closed ones this time.
    pub gone: BTreeSet<u32>,
    /// What was said to earlier proposals and which numbers each dismissed.
    pub answers: Vec<(Rejection, Vec<u32>)>,
}

struct Numbers<'a> {
    previous: &'a Previous,
    given: BTreeMap<Key, u32>,
    next: u32,
}

impl Numbers<'_> {
    fn of(&mut self, key: &Key) -> u32 {
        if let Some(number) = self.previous.number_of(key).or_else(|| self.given.get(key).copied()) {
            return number;
        }
        let number = self.next;
        self.next += 1;
        self.given.insert(key.clone(), number);
        number
    }
}

/// Puts the facts' entries into the register that `previous` began.
pub(super) fn register(charter: &Charter, role: &Role, facts: &Facts, previous: &Previous) -> Register {
    let entries = collect::entries(charter, role, facts);
    let mut numbers = Numbers { previous, given: BTreeMap::new(), next: previous.next };
    let mut dismissed: BTreeMap<Key, Dismissal> =
        entries.iter().filter_map(|e| Some((e.key.clone(), previous.dismissed.get(&e.key)?.clone()))).collect();
    // The numbers that a rejected page showed: those which the same facts give again.
    let shown: Vec<&Entry> = listed(entries.iter().filter(|e| !dismissed.contains_key(&e.key)), ENTRIES, ROW_BYTES);
    let ids: BTreeMap<u32, Key> = shown.iter().map(|entry| (numbers.of(&entry.key), entry.key.clone())).collect();
    let mut answers = Vec::new();
    let mut limit = previous.limit;
    for rejection in rejections(charter, facts) {
        limit = rejection.limit().unwrap_or(limit);
        let named = rejection.names(role, &ids, &entries);
        let mut moved = Vec::new();
        for key in named.into_iter().filter(|_| rejection.dismisses()) {
            let number = numbers.of(&key);
            let words = rejection.words.clone();
            moved.push(number);
            dismissed.entry(key).or_insert(Dismissal { number, words, pull: rejection.pull });
        }
        moved.sort_unstable();
        answers.push((rejection, moved));
    }
    let mut out = Register { limit, answers, ..Register::default() };
    open(&mut out, &entries, &dismissed, &mut numbers);
    set_aside(&mut out, entries.iter(), dismissed);
    close(&mut out, charter, facts, previous, &entries);
    let largest = |numbers: &mut dyn Iterator<Item = u32>| numbers.max().map_or(1, |number| number + 1);
    let listed = largest(&mut out.open.iter().map(|one| one.number));
    let aside = largest(&mut out.dismissed.iter().map(|(_, one)| one.number));
    out.next = previous.next.max(listed).max(aside);
    out
}

/// The first entries that fit into `count` rows of together `bytes` bytes.
fn listed<'e>(entries: impl Iterator<Item = &'e Entry>, count: usize, bytes: usize) -> Vec<&'e Entry> {
    let mut used = 0;
    entries
        .take(count)
        .take_while(|entry| {
            used += row_bytes(entry);
            used <= bytes
        })
        .collect()
}

fn row_bytes(entry: &Entry) -> usize {
    entry.identity().iter().map(String::len).sum::<usize>() + entry.remark_cell().len() + 40
}

fn open(out: &mut Register, entries: &[Entry], dismissed: &BTreeMap<Key, Dismissal>, numbers: &mut Numbers<'_>) {
    let left: Vec<&Entry> = entries.iter().filter(|entry| !dismissed.contains_key(&entry.key)).collect();
    let highest = left.iter().map(|entry| entry.severity).min();
    let chosen = match out.limit {
        Limit::None => listed(left.iter().copied(), ENTRIES, ROW_BYTES),
        Limit::Ten(_) => listed(left.iter().copied(), FEW, ROW_BYTES),
        Limit::Severe(_) => {
            listed(left.iter().copied().filter(|entry| Some(entry.severity) == highest), ENTRIES, ROW_BYTES)
        }
    };
    out.more = left.len() - chosen.len();
    for entry in chosen {
        let number = numbers.of(&entry.key);
        if !numbers.previous.open.contains_key(&entry.key) {
            out.new.insert(number);
        }
        out.open.push(Numbered { number, entry: entry.clone() });
    }
}

fn set_aside<'e>(
    out: &mut Register,
    entries: impl Iterator<Item = &'e Entry>,
    mut dismissed: BTreeMap<Key, Dismissal>,
) {
    let mut all: Vec<(Entry, Dismissal)> =
        entries.filter_map(|entry| Some((entry.clone(), dismissed.remove(&entry.key)?))).collect();
    all.sort_by_key(|(_, dismissal)| dismissal.number);
    let (count, mut used) = (all.len(), 0);
    for (entry, dismissal) in all.into_iter().take(DISMISSALS) {
        used += row_bytes(&entry) + dismissal.words.len();
        if used > DISMISSED_BYTES {
            break;
        }
        out.dismissed.push((entry, dismissal));
    }
    out.more_dismissed = count - out.dismissed.len();
}

/// What stood on the page and is not in the facts any more, where the facts are complete.
fn close(out: &mut Register, charter: &Charter, facts: &Facts, previous: &Previous, entries: &[Entry]) {
    let present: BTreeSet<&Key> = entries.iter().map(|entry| &entry.key).collect();
    let is_gone = |key: &Key| !present.contains(key) && collect::is_complete(key.kind, charter, facts);
    let mut gone: Vec<(Key, u32)> =
        previous.open.iter().filter(|(key, _)| is_gone(key)).map(|(key, number)| (key.clone(), *number)).collect();
    gone.sort_by_key(|(_, number)| *number);
    out.gone = gone.iter().map(|(_, number)| *number).collect();
    let earlier = previous.closed.iter().filter(|(key, _)| !present.contains(key)).cloned();
    let mut used = 0;
    let fits = |(key, _): &(Key, u32)| {
        used += key.path.len() + key.subject.len() + 60;
        used <= CLOSED_BYTES
    };
    out.closed = gone.into_iter().chain(earlier).take(CLOSED).take_while(fits).collect();
}
