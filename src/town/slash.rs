//! Commands that people write on the first line of a comment: `/reject CODE text` and its kin.
//! Lives here: the grammar, which is strict, and who may use which. Never here: what follows from one
//! (see [`super::decide`]).
//!
//! ```text
//! comment = "/" word *( SP word ) [ LF anything ]      ; the first line only, and it begins with the slash
//! /reject CODE [text]      citizen     closes the pull request with a reason
//! /pause [agent:NAME] reason    citizen     the agent starts no run
//! /resume [agent:NAME] [reason] citizen     it runs again
//! /freeze reason           citizen     nothing starts and nothing is pushed
//! /thaw reason             mayor       the town goes on
//! ```

use super::event::Reason;
use super::ids::AgentId;
use super::settings::Role;

/// Every command: its name, what follows it, and who may use it.
pub const COMMANDS: &[(&str, &str, Role)] = &[
    ("reject", "CODE [text]", Role::Citizen),
    ("pause", "[agent:NAME] reason", Role::Citizen),
    ("resume", "[agent:NAME] [reason]", Role::Citizen),
    ("freeze", "reason", Role::Citizen),
    ("thaw", "reason", Role::Mayor),
];

/// A command as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slash {
    /// Close the pull request, for this reason.
    Reject(Reason, String),
    /// Pause an agent: the named one, or the one whose pull request it is.
    Pause(Option<AgentId>, String),
    /// Let it run again.
    Resume(Option<AgentId>, String),
    /// Freeze the town.
    Freeze(String),
    /// Thaw it.
    Thaw(String),
}

/// Why a command is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSlash {
    /// There is no such command.
    #[error("there is no command /{name}; there are {}", names())]
    Unknown {
        /// What was written.
        name: String,
    },
    /// The command is there, and what follows it is not what it takes.
    #[error("/{name} takes {takes}: {why}")]
    Usage {
        /// The command.
        name: &'static str,
        /// What it takes.
        takes: &'static str,
        /// What is wrong.
        why: String,
    },
    /// This person may not use it.
    #[error("/{name} needs a {needs:?} among `people` in .monkeytown/town.yaml, and {by} is {is}")]
    NotAllowed {
        /// The command.
        name: &'static str,
        /// Who wrote it.
        by: String,
        /// What they are.
        is: String,
        /// What is needed.
        needs: Role,
    },
}

fn names() -> String {
    COMMANDS.iter().map(|(name, ..)| format!("/{name}")).collect::<Vec<_>>().join(", ")
}

/// The longest first line that is read as a command, in bytes.
const LINE_BYTES: usize = 2_000;

/// The command on the first line of a comment, if it begins with one. Paths such as `/etc/hosts` are no commands.
///
/// # Errors
/// [`BadSlash`] where it looks like a command and is none, or `by` may not use it.
pub fn parse(text: &str, by: &str, role: Option<Role>) -> Result<Option<Slash>, BadSlash> {
    let line = text.lines().next().unwrap_or_default().trim_end();
    let Some(rest) = line.strip_prefix('/').filter(|_| line.len() <= LINE_BYTES) else { return Ok(None) };
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Ok(None);
    }
    let Some((name, takes, needs)) = COMMANDS.iter().find(|(name, ..)| *name == word) else {
        return Err(BadSlash::Unknown { name: word.to_owned() });
    };
    if role.is_none_or(|role| role < *needs) {
        let is = role.map_or_else(|| "not among them".to_owned(), |role| format!("a {role:?}"));
        return Err(BadSlash::NotAllowed { name, by: by.to_owned(), is, needs: *needs });
    }
    let usage = |why: String| BadSlash::Usage { name, takes, why };
    let rest = rest.trim();
    let reason = |rest: &str| match rest {
        "" => Err(usage("it needs a reason".to_owned())),
        reason => Ok(reason.to_owned()),
    };
    Ok(Some(match *name {
        "reject" => {
            let (code, why) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let known = Reason::ALL.into_iter().find(|reason| reason.code() == code);
            let codes = || Reason::ALL.map(Reason::code).join(", ");
            let known = known.ok_or_else(|| usage(format!("{code:?} is none of {}", codes())))?;
            Slash::Reject(known, why.trim().to_owned())
        }
        "pause" => {
            let (agent, rest) = agent(rest).map_err(usage)?;
            Slash::Pause(agent, reason(rest)?)
        }
        "resume" => {
            let (agent, rest) = agent(rest).map_err(usage)?;
            Slash::Resume(agent, rest.to_owned())
        }
        "freeze" => Slash::Freeze(reason(rest)?),
        _ => Slash::Thaw(reason(rest)?),
    }))
}

/// An `agent:NAME` at the beginning, and what follows it.
fn agent(rest: &str) -> Result<(Option<AgentId>, &str), String> {
    let Some(named) = rest.strip_prefix("agent:") else { return Ok((None, rest)) };
    let (name, rest) = named.split_once(char::is_whitespace).unwrap_or((named, ""));
    let agent = name.parse::<AgentId>().map_err(|error| format!("agent:{name}: {error}"))?;
    Ok((Some(agent), rest.trim_start()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_mayor(text: &str) -> Result<Option<Slash>, BadSlash> {
        parse(text, "ada", Some(Role::Mayor))
    }

    #[test]
    fn commands_are_read_from_the_first_line_only() {
        let agent = Some("madchimp".parse().unwrap());
        let cases = [
            ("/reject wrong it leads somewhere", Slash::Reject(Reason::Wrong, "it leads somewhere".into())),
            ("/reject low-value", Slash::Reject(Reason::LowValue, String::new())),
            ("/reject too-large  \r\nplease split", Slash::Reject(Reason::TooLarge, String::new())),
            ("/pause too loud", Slash::Pause(None, "too loud".into())),
            ("/pause agent:madchimp too loud", Slash::Pause(agent.clone(), "too loud".into())),
            ("/resume agent:madchimp", Slash::Resume(agent, String::new())),
            ("/freeze we move house", Slash::Freeze("we move house".into())),
            ("/thaw all is well", Slash::Thaw("all is well".into())),
        ];
        for (text, wanted) in cases {
            assert_eq!(by_mayor(text), Ok(Some(wanted)), "{text:?}");
        }
        let none = [
            "",
            "hello",
            " /reject wrong",
            "see\n/freeze now",
            "/etc/hosts is odd",
            "/",
            "//",
            "/ reject",
            "/Reject wrong",
        ];
        for text in none {
            assert_eq!(by_mayor(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_command_says_why() {
        let cases = [
            ("/merge", "there is no command /merge; there are /reject"),
            ("/reject", "\"\" is none of duplicate, wrong"),
            ("/reject because I say so", "\"because\" is none of"),
            ("/freeze", "it needs a reason"),
            ("/pause agent:Mad..Chimp x", "agent:Mad..Chimp"),
            ("/pause agent:madchimp", "it needs a reason"),
        ];
        for (text, words) in cases {
            let said = by_mayor(text).unwrap_err().to_string();
            assert!(said.contains(words), "{text:?}: {said}");
        }
    }

    #[test]
    fn each_command_needs_its_role() {
        for (name, _, needs) in COMMANDS {
            let text = format!("/{name} wrong or not");
            for role in [None, Some(Role::Witness), Some(Role::Citizen), Some(Role::Mayor)] {
                let allowed = role >= Some(*needs);
                let refused = matches!(parse(&text, "eve", role), Err(BadSlash::NotAllowed { .. }));
                assert_eq!(refused, !allowed, "{text} by {role:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,200}", slash in "/[a-z]{0,8} ?(agent:)?\\PC{0,60}") {
            let _ = by_mayor(&text);
            if let Ok(Some(_)) = parse(&slash, "eve", None) {
                prop_assert!(false, "nobody may do anything without a role");
            }
        }
    }
}
