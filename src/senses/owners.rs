//! Which agent owns a path.
//! Lives here: the look-up that all senses share. Never here: the proof that no two agents own the same path.

use crate::town::ids::AgentId;
use crate::town::pattern::Pattern;

/// Agents with the patterns of what they own.
pub(crate) struct Owners<'a> {
    domains: &'a [(AgentId, Vec<Pattern>)],
}

impl<'a> Owners<'a> {
    pub(crate) const fn new(domains: &'a [(AgentId, Vec<Pattern>)]) -> Self {
        Self { domains }
    }

    /// The agent that owns `path`; an agent's memory belongs to it whether its charter says so or not.
    pub(crate) fn of(&self, path: &str) -> Option<AgentId> {
        let owner = self.domains.iter().find(|(_, owns)| owns.iter().any(|pattern| matches(pattern, path)));
        if let Some((agent, _)) = owner {
            return Some(agent.clone());
        }
        path.strip_prefix("agents/memories/")?.strip_suffix("-memory.json")?.parse().ok()
    }
}

/// Whether `pattern` matches `path`: literal segments, `*` within a segment, `**` for any number of segments.
fn matches(pattern: &Pattern, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.as_str().split('/').collect(), path.split('/').collect());
    wild(
        &pattern,
        &path,
        |segment| *segment == "**",
        |segment, name| {
            let (segment, name): (Vec<char>, Vec<char>) = (segment.chars().collect(), name.chars().collect());
            wild(&segment, &name, |c| *c == '*', |a, b| a == b)
        },
    )
}

/// Matches `text` against `pattern`, in which what `star` says stands for any number of items. Going back only to the
/// last star keeps it within the product of both lengths.
fn wild<P, T>(pattern: &[P], text: &[T], star: impl Fn(&P) -> bool, same: impl Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut t, mut back) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p).is_some_and(&star) {
            back = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|item| same(item, &text[t])) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = back {
            back = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(star)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_segment() {
        for (pattern, path, fits) in [
            ("docs/**", "docs/a/b.md", true),
            ("docs/**", "docsx/a", false),
            ("**/x.md", "a/b/x.md", true),
            ("**/x.md", "x.md", true),
            ("a/*.md", "a/b.md", true),
            ("a/*.md", "a/b/c.md", false),
            ("a/*b*c", "a/xbyyc", true),
            ("a/**/z", "a/b/z/c/z", true),
            ("a/**/z", "a/b/z/c", false),
        ] {
            assert_eq!(matches(&pattern.parse().unwrap(), path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn a_memory_belongs_to_its_agent() {
        let domains = vec![("a".parse().unwrap(), vec!["docs/**".parse().unwrap()])];
        let owners = Owners::new(&domains);
        assert_eq!(owners.of("docs/x.md").unwrap().as_str(), "a");
        assert_eq!(owners.of("agents/memories/bob-memory.json").unwrap().as_str(), "bob");
        assert_eq!(owners.of("agents/bob.md"), None);
        assert_eq!(owners.of("src/x.rs"), None);
    }
}
