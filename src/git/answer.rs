//! Reading what the `git` program answered.
//! Lives here: its porcelain lines and exit codes as data, and the few texts (in the C locale) where git gives
//! nothing better. Never here: what is done about an answer.

use git2::Oid;

use super::errors::RemoteFailure;
use super::program::Output;

/// The longest text of a remote that we repeat, in characters.
const DETAIL_CHARS: usize = 400;

/// One line of `git push --porcelain`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PushLine {
    /// `!` rejected, `=` up to date, others say how it moved.
    pub flag: char,
    /// The name on the remote.
    pub reference: String,
    /// `[rejected] (stale info)` and the like.
    pub summary: String,
}

/// The lines of a push that speak of references.
pub(super) fn push_lines(stdout: &str) -> Vec<PushLine> {
    let line = |line: &str| {
        let mut fields = line.splitn(3, '\t');
        let flag = fields.next().and_then(|flag| flag.chars().next())?;
        let (_, reference) = fields.next()?.rsplit_once(':')?;
        let summary = fields.next()?.to_owned();
        Some(PushLine { flag, reference: reference.to_owned(), summary })
    };
    stdout.lines().filter_map(line).collect()
}

/// The reference that made a push fail, and why. One that only fell with the others is named last.
pub(super) fn first_rejection(lines: &[PushLine], stderr: &str) -> Option<(String, RemoteFailure)> {
    let rejected: Vec<&PushLine> = lines.iter().filter(|line| line.flag == '!').collect();
    let collateral = |line: &&&PushLine| line.summary.contains("atomic push failed");
    let culprit = rejected.iter().find(|line| !collateral(line)).or_else(|| rejected.first())?;
    Some((culprit.reference.clone(), rejection(&culprit.summary, stderr)))
}

fn rejection(summary: &str, stderr: &str) -> RemoteFailure {
    let reason = summary.rsplit_once('(').map_or(summary, |(_, reason)| reason.trim_end_matches(')')).trim();
    let detail = tidy(reason);
    // `[rejected]` is our own git's judgement: the reference is not where it must be.
    if summary.starts_with("[rejected]") {
        return RemoteFailure::Raced(detail);
    }
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if has(&["currently checked out"]) {
        return RemoteFailure::Refused(
            "the branch is checked out in that repository and git does not move it under its user; push to a bare \
             repository, or there: git config receive.denyCurrentBranch updateInstead"
                .to_owned(),
        );
    }
    if has(&["failed to update ref", "cannot lock ref", "fetch first", "non-fast-forward", "atomic transaction failed"])
    {
        // Nearly always somebody held or moved the reference; a folder in the place of a name stays in the way.
        let blocked = stderr.contains("exists; cannot create");
        return if blocked { RemoteFailure::Refused(tidy(stderr)) } else { RemoteFailure::Raced(detail) };
    }
    // What the other side says in its own words is most often the only way to know what to do.
    let detail = match remote_says(stderr) {
        Some(said) if !said.contains(&detail) => tidy(&format!("{detail}: {said}")),
        Some(said) => said,
        None => detail,
    };
    if has(&[
        "declined",
        "denied",
        "denying",
        "prohibited",
        "protected",
        "permission",
        "not allowed to",
        "refusing to allow",
    ]) {
        return RemoteFailure::Denied(detail);
    }
    RemoteFailure::Refused(detail)
}

/// The lines that the remote itself wrote.
fn remote_says(stderr: &str) -> Option<String> {
    let line = |line: &str| line.strip_prefix("remote:").map(|said| said.trim().to_owned());
    let said: Vec<String> = stderr.lines().filter_map(line).filter(|said| !said.is_empty()).collect();
    (!said.is_empty()).then(|| tidy(&said.join(" ")))
}

/// Why a program failed that said nothing about single references.
pub(super) fn failure(output: &Output) -> RemoteFailure {
    let said = output.stderr.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let detail = tidy(&output.stderr);
    if has(&["[rejected]", "non-fast-forward", "cannot lock ref"]) {
        return RemoteFailure::Raced(detail);
    }
    // Some hosts say "not found" for what one may not see; that stays unavailable, as the repository may be gone.
    let denied = ["permission denied", "authentication failed", "could not read username", "could not read password"];
    let denied_by_host =
        ["returned error: 401", "returned error: 403", "host key verification failed", "access denied"];
    if has(&denied) || has(&denied_by_host) {
        return RemoteFailure::Denied(detail);
    }
    RemoteFailure::Unavailable(detail)
}

/// The name of a reference, or the id of a commit, that the remote does not have or does not give, when that is why a fetch
/// failed.
pub(super) fn missing_reference(stderr: &str) -> Option<String> {
    let said = ["couldn't find remote ref ", "not our ref ", "unadvertised object "];
    let named = |line: &str| said.iter().find_map(|said| line.split_once(said)).map(|(_, name)| name.trim().to_owned());
    stderr.lines().find_map(named)
}

/// The references that `ls-remote` listed; peeled tags are left out.
pub(super) fn listed(stdout: &str) -> impl Iterator<Item = (&str, Oid)> {
    stdout.lines().filter_map(split_listed).filter(|(name, _)| !name.ends_with("^{}"))
}

/// What `ls-remote --symref` says that HEAD is.
pub(super) fn symbolic_head(stdout: &str) -> Option<String> {
    let line = stdout.lines().find_map(|line| line.strip_prefix("ref: refs/heads/"))?;
    line.strip_suffix("\tHEAD").map(str::to_owned)
}

fn split_listed(line: &str) -> Option<(&str, Oid)> {
    let (oid, name) = line.split_once('\t')?;
    Some((name, Oid::from_str(oid).ok()?))
}

/// The text of a remote for a person: on one line, bounded, without control characters and without credentials.
fn tidy(text: &str) -> String {
    let useful = |line: &&str| !line.is_empty() && !line.starts_with("hint:");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(useful).collect();
    let joined = without_credentials(&lines.join("; "));
    joined.chars().filter(|c| !c.is_control()).take(DETAIL_CHARS).collect()
}

fn without_credentials(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find(|c: char| c == '/' || c.is_whitespace() || c == '\'').unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(sign) => {
                clean.push_str("***");
                &after[sign..]
            }
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_is_told_apart_by_its_reason() {
        type Kind = fn(String) -> RemoteFailure;
        let cases: [(&str, Kind); 8] = [
            ("[rejected] (non-fast-forward)", RemoteFailure::Raced),
            ("[rejected] (fetch first)", RemoteFailure::Raced),
            ("[rejected] (stale info)", RemoteFailure::Raced),
            ("[remote rejected] (failed to update ref)", RemoteFailure::Raced),
            ("[remote rejected] (pre-receive hook declined)", RemoteFailure::Denied),
            ("[remote rejected] (protected branch hook declined)", RemoteFailure::Denied),
            ("[remote rejected] (deletion prohibited)", RemoteFailure::Denied),
            ("[remote rejected] (shallow update)", RemoteFailure::Refused),
        ];
        for (summary, kind) in cases {
            let reason = summary.rsplit_once('(').unwrap().1.trim_end_matches(')');
            assert_eq!(rejection(summary, ""), kind(reason.to_owned()), "{summary}");
        }
    }

    #[test]
    fn the_culprit_of_an_atomic_push_is_named_not_its_companion() {
        let lines = push_lines(
            "To /x\n!\ta:refs/heads/a\t[rejected] (atomic push failed)\n!\tb:refs/heads/b\t[rejected] (stale info)\nDone\n",
        );
        assert_eq!(lines.len(), 2);
        let (reference, kind) = first_rejection(&lines, "").unwrap();
        assert_eq!((reference.as_str(), kind), ("refs/heads/b", RemoteFailure::Raced("stale info".into())));
    }

    #[test]
    fn credentials_in_urls_are_never_repeated() {
        let said =
            "fatal: unable to access 'https://me:word@example.invalid/x.git/': no; see https://example.invalid/y";
        let clean = tidy(said);
        assert!(!clean.contains("word") && clean.contains("https://***@example.invalid/x.git"), "{clean}");
        assert!(clean.contains("https://example.invalid/y"));
    }

    #[test]
    fn a_missing_reference_is_read_from_what_git_says() {
        assert_eq!(
            missing_reference("fatal: couldn't find remote ref refs/heads/x\n").as_deref(),
            Some("refs/heads/x")
        );
        assert_eq!(missing_reference("fatal: no"), None);
    }
}
