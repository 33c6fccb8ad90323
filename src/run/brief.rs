//! From a briefing to the two prompts that a brain reads.
//! Lives here: the built-in templates, the town's own in their place, and the fit into a number of tokens. Never here:
//! what a briefing contains (see [`crate::town::briefing`]).

use serde::Serialize;

use super::template::{self, TemplateError};
use crate::town::briefing::{Briefing, Selection, ToolLine};
use crate::town::text::{escape_invisible, one_line, truncate_middle};
use crate::town::transcript::{BYTES_PER_TOKEN, Entry};

const SYSTEM: &str = include_str!("prompts/system.md.j2");
const BRIEFING: &str = include_str!("prompts/briefing.md.j2");

/// Where a town's own system template stands.
pub const SYSTEM_PATH: &str = ".monkeytown/prompts/system.md.j2";
/// Where a town's own briefing template stands.
pub const BRIEFING_PATH: &str = ".monkeytown/prompts/briefing.md.j2";

/// A town's own templates, read from its base commit; the built-in ones stand in for what is not there.
#[derive(Clone, Debug, Default)]
pub struct Prompts {
    /// The content of [`SYSTEM_PATH`].
    pub system: Option<String>,
    /// The content of [`BRIEFING_PATH`].
    pub briefing: Option<String>,
}

/// A briefing that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The rules and the persona.
    pub system: String,
    /// The task and the facts.
    pub user: String,
    /// Tokens of both, estimated as UTF-8 bytes over [`BYTES_PER_TOKEN`], rounded up.
    pub estimated: u64,
    /// Names of sections that are shown in part.
    pub shortened: Vec<String>,
    /// Names of sections that are not shown.
    pub left_out: Vec<String>,
}

impl From<Packed> for Entry {
    fn from(packed: Packed) -> Self {
        Self::Briefing { system: packed.system, user: packed.user, tokens_estimated: packed.estimated }
    }
}

/// Why there is no briefing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BriefError {
    /// A template does not render.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What an agent must know does not fit, however short.
    #[error(
        "the rules, the persona and what must be known do not fit into {tokens} tokens; give the agent more context"
    )]
    TooSmall {
        /// The room that there was.
        tokens: u64,
    },
}

#[derive(Serialize)]
struct SystemContext<'a> {
    agent: &'a str,
    town: String,
    description: String,
    persona: String,
    owns: Vec<String>,
    page: Option<String>,
    tools: Vec<ToolLine>,
    absent_tools: Vec<String>,
}

#[derive(Serialize)]
struct UserContext<'a> {
    agent: &'a str,
    town: String,
    now: String,
    base: String,
    #[serde(flatten)]
    selection: &'a Selection,
}

/// Renders `briefing` into at most `tokens` tokens, by the estimate that [`Packed::estimated`] names.
///
/// # Errors
/// [`BriefError::Template`] with the line when a template does not render, [`BriefError::TooSmall`] when not even the
/// shortest form fits.
pub fn pack(briefing: &Briefing, tokens: u64, prompts: &Prompts) -> Result<Packed, BriefError> {
    let room = usize::try_from(tokens.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX);
    let too_small = || BriefError::TooSmall { tokens };
    // Rules and persona may fill three fifths; facts have the rest and whatever is left over.
    let system = system(briefing, room / 5 * 3, prompts)?.ok_or_else(too_small)?;
    let for_user = room.saturating_sub(system.len());
    let mut for_sections = for_user.saturating_sub(user(briefing, &nothing_shown(briefing), prompts)?.len());
    // A town's own template may cost more per section than assumed, so the room is narrowed until it fits.
    for _ in 0..12 {
        let selection = briefing.select(for_sections);
        let user = user(briefing, &selection, prompts)?;
        if user.len() <= for_user {
            let estimated = (system.len() as u64 + user.len() as u64).div_ceil(BYTES_PER_TOKEN);
            let Selection { shortened, left_out, .. } = selection;
            return Ok(Packed { system, user, estimated, shortened, left_out });
        }
        for_sections = for_sections.saturating_sub((user.len() - for_user).max(for_sections / 8));
    }
    Err(too_small())
}

/// The selection whose frame is the largest: every name in the closing note, nothing above it.
fn nothing_shown(briefing: &Briefing) -> Selection {
    let names = briefing.section_names();
    Selection { sections: Vec::new(), shortened: names.clone(), left_out: vec![names.concat()] }
}

/// The system prompt, the persona cut in the middle where the whole exceeds `room`; nothing when that does not help.
fn system(briefing: &Briefing, room: usize, prompts: &Prompts) -> Result<Option<String>, BriefError> {
    let (persona, _) = escape_invisible(briefing.persona.trim());
    let source = prompts.system.as_deref().unwrap_or(SYSTEM);
    let mut keep = persona.len();
    for _ in 0..12 {
        let context = SystemContext {
            agent: briefing.agent.as_str(),
            town: one_line(&briefing.town, 100),
            description: one_line(&briefing.description, 1_000),
            persona: truncate_middle(&persona, keep),
            owns: briefing.owns.iter().map(|pattern| one_line(pattern.as_str(), 200)).collect(),
            page: briefing.page.as_ref().map(|page| one_line(page, 200)),
            tools: briefing.tools.clone(),
            absent_tools: briefing.absent_tools.iter().map(|name| one_line(name, 100)).collect(),
        };
        let rendered = template::render(SYSTEM_PATH, source, context)?;
        if rendered.len() <= room {
            return Ok(Some(rendered));
        }
        if keep == 0 {
            break;
        }
        keep = keep.saturating_sub((rendered.len() - room).max(keep / 8));
    }
    Ok(None)
}

fn user(briefing: &Briefing, selection: &Selection, prompts: &Prompts) -> Result<String, BriefError> {
    let context = UserContext {
        agent: briefing.agent.as_str(),
        town: one_line(&briefing.town, 100),
        now: briefing.now.format("%Y-%m-%d %H:%M UTC").to_string(),
        base: one_line(&briefing.base, 200),
        selection,
    };
    let source = prompts.briefing.as_deref().unwrap_or(BRIEFING);
    Ok(template::render(BRIEFING_PATH, source, context)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::town::briefing::tests::full;

    /// The full briefing with much more of everything than 8k tokens hold.
    fn heavy() -> Briefing {
        let mut briefing = full();
        let filler = |text: &str| (1..=1_500).map(|n| format!("filler {n}: {text}\n")).collect::<String>();
        briefing.facts[0].text = filler("a commit");
        briefing.facts[1].text = filler("docs/page.md leads nowhere");
        briefing.files = Some(filler("src/file.rs"));
        briefing.memory[0].text = filler("noted");
        briefing
    }

    #[test]
    fn the_prompts_at_32k() {
        let packed = pack(&full(), 32_000, &Prompts::default()).unwrap();
        insta::assert_snapshot!("system", packed.system);
        insta::assert_snapshot!("briefing_32k", packed.user);
        assert!(packed.left_out.is_empty() && packed.shortened.is_empty());
    }

    #[test]
    fn the_briefing_at_8k() {
        let packed = pack(&heavy(), 8_000, &Prompts::default()).unwrap();
        assert!(packed.estimated <= 8_000, "{}", packed.estimated);
        // The long runs say nothing in a snapshot; where they are cut does.
        let mut shown: Vec<_> =
            packed.user.lines().map(|l| if l.contains("filler") { "(filler)" } else { l }).collect();
        shown.dedup();
        insta::assert_snapshot!("briefing_8k", shown.join("\n"));
    }

    #[test]
    fn the_smallest_room_has_the_whole_rules_and_a_short_persona() {
        let mut briefing = full();
        briefing.persona = "Look closely. ".repeat(4_000);
        let packed = pack(&briefing, 8_000, &Prompts::default()).unwrap();
        assert!(packed.estimated <= 8_000);
        assert!(packed.system.contains("bytes left out") && packed.system.contains("End with a call"));
        assert!(packed.user.contains("One weakness at a time."));
        assert_eq!(pack(&briefing, 500, &Prompts::default()), Err(BriefError::TooSmall { tokens: 500 }));
    }

    #[test]
    fn a_town_may_bring_its_own_templates() {
        let own = Prompts {
            system: Some("Be {{ agent }}.\n{{ persona }}".into()),
            briefing: Some("{% for s in sections %}{{ s.text }}{{ s.text }}{% endfor %}".into()),
        };
        let packed = pack(&heavy(), 8_000, &own).unwrap();
        assert!(packed.system.starts_with("Be chaostester.\n"));
        assert!(packed.estimated <= 8_000, "a template that prints everything twice has to fit too");
        let broken = Prompts { system: Some("Be\n{{ agnet }}".into()), briefing: None };
        let error = pack(&full(), 8_000, &broken).unwrap_err().to_string();
        assert!(error.starts_with("template .monkeytown/prompts/system.md.j2, line 2: "), "{error}");
    }

    #[test]
    fn an_agent_without_paths_is_told_so() {
        let briefing = Briefing { owns: vec![], page: None, absent_tools: vec![], ..full() };
        let packed = pack(&briefing, 32_000, &Prompts::default()).unwrap();
        assert!(packed.system.contains("none: you read and think"), "{}", packed.system);
        assert!(!packed.system.contains("Not available"), "{}", packed.system);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_packed_briefing_fits(tokens in 4_000_u64..40_000, repeat in 0_usize..400) {
            let mut briefing = heavy();
            briefing.persona = "Walk\u{202e} softly. ".repeat(repeat);
            briefing.verdicts = vec![briefing.verdicts[0].clone(); repeat / 8];
            let packed = pack(&briefing, tokens, &Prompts::default()).unwrap();
            prop_assert!(packed.estimated <= tokens);
            let hidden = |text: &str| text.chars().any(|c| c == '\u{202e}');
            prop_assert!(!hidden(&packed.user) && !hidden(&packed.system));
            for name in &packed.left_out {
                prop_assert!(packed.user.contains(name.as_str()));
            }
        }
    }
}
