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
        let owner = self.domains.iter().find(|(_, owns)| owns.iter().any(|pattern| pattern.matches(path)));
        if let Some((agent, _)) = owner {
            return Some(agent.clone());
        }
        path.strip_prefix("agents/memories/")?.strip_suffix("-memory.json")?.parse().ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
