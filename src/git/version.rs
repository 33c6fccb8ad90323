//! Which `git` program there is on this machine.
//! Lives here: reading its version, and what needs a newer one. Never here: running it (see `program`).

/// A version of the `git` program, as far as we look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    major: u32,
    minor: u32,
}

/// The first version that checks the objects of a bundle when it fetches from one.
pub(super) const CHECKS_BUNDLES: Version = Version { major: 2, minor: 46 };

impl Version {
    /// Reads what `git version` prints; builds of Apple's, of Windows and before a release have more behind the numbers.
    pub fn parse(said: &str) -> Option<Self> {
        let number = said.trim().strip_prefix("git version ")?.split_whitespace().next()?;
        let mut parts = number.split(['.', '-']);
        let mut next = || parts.next()?.parse().ok();
        Some(Self { major: next()?, minor: next()? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_whoever_built_it() {
        let cases = [
            ("git version 2.39.5 (Apple Git-154)", (2, 39), false),
            ("git version 2.45.2", (2, 45), false),
            ("git version 1.99.0", (1, 99), false),
            ("git version 2.46.0.windows.1", (2, 46), true),
            ("git version 2.46.0-rc1", (2, 46), true),
            ("git version 2.46.0.rc0.12.gabcdef", (2, 46), true),
            ("git version 2.47.3\n", (2, 47), true),
            ("git version 2.100.1", (2, 100), true),
            ("git version 3.0", (3, 0), true),
        ];
        for (said, (major, minor), checks) in cases {
            let version = Version::parse(said).unwrap();
            assert_eq!((version, version >= CHECKS_BUNDLES), (Version { major, minor }, checks), "{said}");
        }
        for said in ["", "git", "git version", "git version two", "hub version 2.50.0", "git version 2"] {
            assert_eq!(Version::parse(said), None, "{said}");
        }
    }
}
