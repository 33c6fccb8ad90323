//! Tokens of agents that publish. Only their hashes are kept, so that who reads the file can speak for nobody.
//! Lives here: making one, the file of hashes, finding whose a token is. Never here: reading the file.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use subtle::{Choice, ConstantTimeEq as _};

use crate::town::ids::AgentId;

/// What each token begins with, so that it is recognised where it should not be.
const PREFIX: &str = "mtp_";
/// Bytes of the file, at the most.
pub const FILE_BYTES: u64 = 256 * 1024;

type Hash = [u8; 32];

/// Who may publish with a token.
#[derive(Debug, Default)]
pub struct Tokens(Vec<(AgentId, Hash)>);

/// A line of the file that says nothing of use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}: {why}; a line is an agent's name and 64 hexadecimal digits, as `monkeytown token AGENT` prints it"
)]
pub struct BadTokens {
    /// Which.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl Tokens {
    /// Reads the file: a line for each token, empty ones and what begins with `#` passed over. An agent may have several.
    ///
    /// # Errors
    /// [`BadTokens`] with the line.
    pub fn read(text: &str) -> Result<Self, BadTokens> {
        let mut tokens = Vec::new();
        for (line, said) in (1..).zip(text.lines()) {
            let bad = |why: &str| BadTokens { line, why: why.to_owned() };
            let words: Vec<&str> = said.split_whitespace().collect();
            match words.as_slice() {
                [] => {}
                [comment, ..] if comment.starts_with('#') => {}
                [agent, hash] => {
                    let agent = agent.parse::<AgentId>().map_err(|error| bad(&error.to_string()))?;
                    tokens.push((agent, unhex(hash).ok_or_else(|| bad("the hash is none"))?));
                }
                other => return Err(bad(&format!("it has {} words", other.len()))),
            }
        }
        Ok(Self(tokens))
    }

    /// Whose token this is. All are compared, and each in the same time.
    #[must_use]
    pub fn agent_of(&self, token: &str) -> Option<&AgentId> {
        let hash = hash(token);
        let mut found = None;
        for (agent, known) in &self.0 {
            let same: Choice = known.ct_eq(&hash);
            if bool::from(same) {
                found = Some(agent);
            }
        }
        found
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A token out of randomness, and the hash of it for the file.
#[must_use]
pub fn token(random: &str) -> (String, String) {
    let token = format!("{PREFIX}{random}");
    let hash = hex(&hash(&token));
    (token, hash)
}

fn hash(token: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Hash> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_agents_and_nobody_elses() {
        let ((one, first), (two, second), (other, _)) = (token("one"), token("two"), token("three"));
        let file = format!("# who speaks\n\nada {first}\r\n  bob\t{}\nada {}\n", second.to_uppercase(), "0".repeat(64));
        let tokens = Tokens::read(&file).unwrap();
        let of = |token: &str| tokens.agent_of(token).map(AgentId::as_str);
        assert_eq!((of(&one), of(&two)), (Some("ada"), Some("bob")));
        for wrong in [&*other, "", &first, &one[..one.len() - 1], &format!("{one} ")] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert!(!file.contains(&one[4..]), "the file does not hold it");
    }

    #[test]
    fn a_line_that_says_nothing_of_use_is_named() {
        let hash = "0".repeat(64);
        for (line, why) in [
            ("ada".to_owned(), "it has 1 words"),
            (format!("ada {hash} x"), "it has 3 words"),
            (format!("Ada {hash}"), "lower-case"),
            (format!("ada {}", &hash[1..]), "the hash is none"),
            (format!("ada +{}", &hash[1..]), "the hash is none"),
            (format!("ada {}é", &hash[2..]), "the hash is none"),
        ] {
            let error = Tokens::read(&format!("# x\n{line}\n")).unwrap_err();
            assert!(error.line == 2 && error.why.contains(why), "{error}");
        }
    }
}
