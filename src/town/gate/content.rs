//! Checks about what is in a file, whatever its format: size, secrets, conflict markers, invisible characters.
//! Lives here: rules over bytes and lines. Never here: formats.

use std::collections::{HashMap, HashSet};

use super::PER_FILE;
use super::work::{Work, Written, at, is_file, lines, standing};
use crate::town::finding::Finding;
use crate::town::limits::{BODY_BYTES, CHANGESET_BYTES, FILE_LINES, TITLE_CHARS};
use crate::town::secrets::{SecretHit, scan};
use crate::town::text::{count_invisible, escape_invisible};

pub(super) const SIZE: &str = "size";
pub(super) const SECRETS: &str = "no-secrets";
pub(super) const CONFLICTS: &str = "no-conflict-markers";
pub(super) const INVISIBLE: &str = "no-invisible-text";

const WITHDRAW: &str = "take it out, and withdraw the secret where it was issued";

pub(super) fn size(work: &Work<'_>) -> Vec<Finding> {
    let proposal = work.proposal;
    let mut findings = Vec::new();
    let files = proposal.changes.len();
    if proposal.agent.is_some() && files > proposal.max_files as usize {
        let message = format!("{files} files change; the limit is {}", proposal.max_files);
        findings.push(Finding::error(SIZE, message).fix("propose the most valuable part, and the rest in a later run"));
    }
    let bytes: u64 = work.written().iter().map(|file| file.bytes.len() as u64).sum();
    if bytes > CHANGESET_BYTES {
        let message = format!("{bytes} bytes are written; the limit is {CHANGESET_BYTES}");
        findings.push(Finding::error(SIZE, message).fix("leave generated and binary files out"));
    }
    findings.extend(work.texts().filter_map(lines_of));
    let title = proposal.title.chars().count();
    if title > TITLE_CHARS {
        let message = format!("the title has {title} characters; the limit is {TITLE_CHARS}");
        findings.push(Finding::error(SIZE, message).fix("say it shorter; details belong in the body"));
    }
    if proposal.body.len() > BODY_BYTES {
        let message = format!("the body has {} bytes; the limit is {BODY_BYTES}", proposal.body.len());
        findings.push(Finding::error(SIZE, message).fix("shorten the body"));
    }
    findings
}

/// A file that was too long before may be edited, but not outgrow the limit by what is added.
fn lines_of(file: &Written<'_>) -> Option<Finding> {
    let count = |bytes: &[u8]| lines(bytes).count() - usize::from(bytes.is_empty() || bytes.ends_with(b"\n"));
    let now = count(file.bytes);
    if now <= FILE_LINES {
        return None;
    }
    let written = if file.old().map_or(0, count) > FILE_LINES { file.added().count() } else { now };
    let message = format!("{now} lines; the limit is {FILE_LINES}");
    (written > FILE_LINES).then(|| at(SIZE, file.path, message).fix("split the file"))
}

pub(super) fn no_secrets(work: &Work<'_>) -> Vec<Finding> {
    let proposal = work.proposal;
    let mut findings = Vec::new();
    for (what, text) in [("title", &proposal.title), ("body", &proposal.body)] {
        let hits = scan("", text.as_bytes()).into_iter().take(PER_FILE);
        findings.extend(hits.map(|hit| {
            let message = format!("the pull request's {what} holds {}", describe(&hit));
            Finding::error(SECRETS, message).fix(WITHDRAW)
        }));
    }
    for change in &proposal.changes {
        let hits = scan("", change.path.as_bytes()).into_iter().take(1);
        findings.extend(hits.map(|hit| {
            let shown = crate::town::secrets::mask(&change.path, &[]);
            at(SECRETS, &shown, format!("the path holds {}", describe(&hit))).fix(WITHDRAW)
        }));
    }
    for file in work.written() {
        let hits = new_hits(scan(file.path, file.bytes), || file.standing());
        let found = hits.into_iter().take(PER_FILE);
        findings.extend(found.map(|hit| at(SECRETS, file.path, describe(&hit)).line(hit.line).fix(WITHDRAW)));
    }
    findings.extend(links(work));
    findings.extend(hidden(work));
    findings
}

/// The hits of which at least one line is new; `standing` says for every line whether it was there before.
fn new_hits(mut hits: Vec<SecretHit>, standing: impl FnOnce() -> Vec<bool>) -> Vec<SecretHit> {
    if !hits.is_empty() {
        let standing = standing();
        hits.retain(|hit| !standing[hit.line - 1..hit.end_line].iter().all(|stood| *stood));
    }
    hits
}

fn describe(hit: &SecretHit) -> String {
    format!("what looks like a secret: {} {}", hit.rule, hit.redacted)
}

/// A link is refused anyway; its target must not be shown by accident either.
fn links<'a>(work: &'a Work<'_>) -> impl Iterator<Item = Finding> + 'a {
    let links = work.proposal.changes.iter().filter(|change| !is_file(change.after.as_ref()));
    links.filter_map(|change| {
        let hit = scan("", &change.after.as_ref()?.bytes).into_iter().next()?;
        Some(at(SECRETS, &change.path, describe(&hit)).fix(WITHDRAW))
    })
}

/// Blobs that the final tree does not show are pushed all the same.
fn hidden(work: &Work<'_>) -> Vec<Finding> {
    let mut seen: HashSet<(&str, &[u8])> = work.written().iter().map(|file| (file.path, file.bytes)).collect();
    let changes = work.proposal.changes.iter();
    let base: HashMap<&str, &[u8]> =
        changes.filter_map(|change| Some((change.path.as_str(), &*change.before.as_ref()?.bytes))).collect();
    let mut findings = Vec::new();
    for blob in &work.proposal.hidden {
        let commit = blob.commit.short();
        if !seen.insert((&blob.path, &blob.bytes)) {
            continue;
        }
        if blob.bytes.len() as u64 > CHANGESET_BYTES {
            let message =
                format!("commit {commit} holds {} bytes here; the limit is {CHANGESET_BYTES}", blob.bytes.len());
            findings.push(at(SECRETS, &blob.path, message).fix("rewrite the commits without it"));
            continue;
        }
        // What stands in the file on the base has been pushed long ago.
        let hits = new_hits(scan(&blob.path, &blob.bytes), || {
            let stood = base.get(blob.path.as_str()).map(|bytes| lines(bytes).collect()).unwrap_or_default();
            standing(&blob.bytes, &stood)
        });
        findings.extend(hits.into_iter().take(PER_FILE).map(|hit| {
            let message = format!("commit {commit} holds {} (line {} there)", describe(&hit), hit.line);
            at(SECRETS, &blob.path, message)
                .fix("rewrite the commits without it, and withdraw the secret where it was issued")
        }));
    }
    findings
}

pub(super) fn no_conflict_markers(work: &Work<'_>) -> Vec<Finding> {
    let is_marker = |line: &str| {
        ["<<<<<<<", ">>>>>>>", "|||||||"]
            .iter()
            .any(|marker| line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
    };
    let mut findings = Vec::new();
    for file in work.texts() {
        for (number, _) in file.added().filter(|(_, line)| is_marker(line)).take(PER_FILE) {
            findings.push(
                at(CONFLICTS, file.path, "a conflict marker")
                    .line(number)
                    .fix("decide the conflict; a marker that is shown as an example is indented"),
            );
        }
    }
    findings
}

pub(super) fn no_invisible_text(work: &Work<'_>) -> Vec<Finding> {
    let proposal = work.proposal;
    let mut findings = Vec::new();
    for (what, text) in [("title", &proposal.title), ("body", &proposal.body)] {
        let count = count_invisible(text);
        if count > 0 {
            let message = format!("the pull request's {what} holds {}", invisible(text, count));
            findings.push(Finding::error(INVISIBLE, message).fix("write what a reader can see"));
        }
    }
    for file in work.texts() {
        let found = file.added().filter_map(|(number, line)| {
            // A byte order mark at the very start is a habit of some editors, not a hiding place.
            let line = if number == 1 { line.strip_prefix('\u{FEFF}').unwrap_or(&line) } else { &line };
            let count = count_invisible(line);
            (count > 0).then(|| at(INVISIBLE, file.path, invisible(line, count)).line(number))
        });
        findings.extend(found.take(PER_FILE).map(|finding| finding.fix("remove them, or write them as escapes")));
    }
    findings
}

fn invisible(text: &str, count: usize) -> String {
    let shown = escape_invisible(text).0;
    let first = shown.split("\\u{").skip(1).find_map(|rest| {
        let code = u32::from_str_radix(rest.split('}').next()?, 16).ok()?;
        text.contains(char::from_u32(code)?).then_some(code)
    });
    let first = first.map(|code| format!(" (the first is U+{code:04X})")).unwrap_or_default();
    if count == 1 { format!("1 invisible character{first}") } else { format!("{count} invisible characters{first}") }
}
