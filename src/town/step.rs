//! What an agent tells while it runs. It is in no repository, and no other event may come from outside.
//! Lives here: the shape, what makes one, and what one has to be that somebody publishes. Never here: sending or receiving.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::envelope::{Actor, BadEvent, Envelope, Stamp};
use super::ids::{AgentId, RunId};
use super::limits::{EVENT_ID_BYTES, STEP_MINUTES, STEP_TEXT_CHARS, STEP_TOOL_CHARS};
use super::text;

/// The type of a step.
pub const STEP: &str = "monkeytown.run.step.v1";

/// The types that may be published: those that the journal never holds.
pub const EPHEMERAL: &[&str] = &[STEP];

/// What an agent is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It reads what happened.
    Perceive,
    /// It thinks.
    Decide,
    /// It uses a tool.
    Act,
    /// Its work is judged.
    Reflect,
}

/// Payload of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Whose run it is.
    pub agent: AgentId,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// What the agent is at.
    pub phase: Phase,
    /// The tool that it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// A few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Why an event is not relayed that somebody published.
#[derive(Debug, thiserror::Error)]
pub enum BadStep {
    /// It is none, or too long.
    #[error(transparent)]
    Event(#[from] BadEvent),
    /// Its payload has another shape.
    #[error("data is not that of {STEP}: {0}")]
    Data(serde_json::Error),
    /// A text in it is too long.
    #[error("data.{part} has {chars} characters, and may have {most}")]
    Words {
        /// Which.
        part: &'static str,
        /// How many it has.
        chars: usize,
        /// How many it may have.
        most: usize,
    },
    /// Its id is not one that this agent may give.
    #[error(
        "id is {id:?}: here it begins with {agent}/ and goes on with printable ASCII, {EVENT_ID_BYTES} bytes in all"
    )]
    Id {
        /// The id.
        id: String,
        /// Who speaks.
        agent: AgentId,
    },
    /// A type that is not published.
    #[error("type is {0:?}, and only {list} may be published: everything else comes out of the repository", list = EPHEMERAL.join(", "))]
    Kind(String),
    /// It says that it is of somebody or something else.
    #[error("{part} is {said:?}, and what {agent} tells has {wanted}")]
    Foreign {
        /// Which attribute.
        part: &'static str,
        /// What it is.
        said: String,
        /// Who speaks.
        agent: AgentId,
        /// What it should be.
        wanted: String,
    },
}

impl Step {
    /// The step as an event of its agent. What is too long in it is cut.
    ///
    /// # Errors
    /// [`BadEvent`] where it cannot be written.
    pub fn seal(mut self, stamp: &Stamp) -> Result<Envelope, BadEvent> {
        self.show(STEP_TOOL_CHARS, STEP_TEXT_CHARS);
        let millis = u64::try_from(stamp.time.timestamp_millis()).unwrap_or_default();
        let subject = self.run.as_ref().map_or_else(|| format!("agent/{}", self.agent), |run| format!("run/{run}"));
        Ok(Envelope {
            specversion: "1.0".to_owned(),
            id: format!("{}/{}", self.agent, ulid::Ulid::from_parts(millis, stamp.random)),
            kind: STEP.to_owned(),
            source: stamp.source.clone(),
            subject,
            time: stamp.time,
            actor: Actor::Agent(self.agent.clone()).to_string(),
            corr: self.run.clone(),
            cause: None,
            data: self.raw()?,
        })
    }

    /// Makes its words safe to show: one line each, in which nothing hides.
    fn show(&mut self, tool: usize, words: usize) {
        self.tool = self.tool.take().map(|said| text::one_line(&said, tool));
        self.text = self.text.take().map(|said| text::one_line(&said, words));
    }

    fn raw(&self) -> Result<Box<RawValue>, BadEvent> {
        let bad = |source| BadEvent::Payload { kind: STEP.to_owned(), source };
        serde_json::value::to_raw_value(self).map_err(bad)
    }

    fn check(&self) -> Result<(), BadStep> {
        let parts = [("tool", &self.tool, STEP_TOOL_CHARS), ("text", &self.text, STEP_TEXT_CHARS)];
        for (part, words, most) in parts {
            let chars = words.as_ref().map_or(0, |words| words.chars().count());
            if chars > most {
                return Err(BadStep::Words { part, chars, most });
            }
        }
        Ok(())
    }
}

/// A step that may be relayed.
#[derive(Debug)]
pub struct Admitted {
    /// Its id.
    pub id: String,
    /// The run that it is of.
    pub run: Option<RunId>,
    /// The event, written anew: nothing is in it but what was understood.
    pub json: Box<RawValue>,
}

/// Reads an event that `speaker` publishes in the town of this source.
///
/// Ids have a beginning of their own, so that none can be that of a recorded event: clients ask for what comes behind an id, and
/// take what has an id that they know for the same event.
///
/// Its words are shown: one line, what nobody sees escaped. A moment that is far from `now` is replaced by it, because what a
/// clock says that is wrong would stand first or last for ever. Who caused it is nothing that an agent may say.
///
/// # Errors
/// [`BadStep`] where it is no event, none that may be published, or not of who speaks.
pub fn admit(line: &str, source: &str, speaker: &AgentId, now: DateTime<Utc>) -> Result<Admitted, BadStep> {
    let mut event = Envelope::parse(line)?;
    if !EPHEMERAL.contains(&&*event.kind) {
        return Err(BadStep::Kind(text::one_line(&event.kind, 100)));
    }
    let foreign = |part: &'static str, said: &str, wanted: String| BadStep::Foreign {
        part,
        said: text::one_line(said, 100),
        agent: speaker.clone(),
        wanted,
    };
    if event.source != source {
        return Err(foreign("source", &event.source, source.to_owned()));
    }
    let actor = Actor::Agent(speaker.clone()).to_string();
    if event.actor != actor {
        return Err(foreign("actor", &event.actor, actor));
    }
    let own = event.id.strip_prefix(speaker.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let printable = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic());
    if event.id.len() > EVENT_ID_BYTES || !own.is_some_and(printable) {
        return Err(BadStep::Id { id: text::one_line(&event.id, 100), agent: speaker.clone() });
    }
    let mut step: Step = serde_json::from_str(event.data.get()).map_err(BadStep::Data)?;
    step.check()?;
    if step.agent != *speaker {
        return Err(foreign("data.agent", step.agent.as_str(), speaker.to_string()));
    }
    let about = step.run.as_ref().map(|run| format!("run/{run}"));
    let subjects = ["".to_owned(), format!("agent/{speaker}")].into_iter().chain(about);
    if !subjects.into_iter().any(|subject| subject == event.subject) {
        return Err(foreign("subject", &event.subject, format!("agent/{speaker}, or run/ and its data.run")));
    }
    if event.corr.is_some() && event.corr != step.run {
        let said = event.corr.as_ref().map_or("", |run| run.as_str());
        return Err(foreign("corr", said, "its data.run".to_owned()));
    }
    if event.time.signed_duration_since(now).abs() > TimeDelta::minutes(STEP_MINUTES) {
        event.time = now;
    }
    event.cause = None;
    // Escapes are longer than what they stand for; nothing is cut.
    step.show(usize::MAX, usize::MAX);
    event.data = step.raw()?;
    let json = event.json()?;
    Ok(Admitted { id: event.id, run: step.run, json })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RUN: &str = "01KAJ5V8T0000000000000000A";

    fn speaker() -> AgentId {
        "ada".parse().unwrap()
    }

    fn admit(line: &str) -> Result<Admitted, BadStep> {
        super::admit(line, "/towns/x", &speaker(), "2026-11-21T04:20:00Z".parse().unwrap())
    }

    fn event(change: impl FnOnce(&mut Value)) -> String {
        let mut event = json!({
            "specversion": "1.0", "id": "ada/1", "type": STEP, "source": "/towns/x", "subject": format!("run/{RUN}"),
            "time": "2026-11-21T04:20:00Z", "actor": "agent:ada", "corr": RUN,
            "data": {"agent": "ada", "run": RUN, "phase": "act", "tool": "Read"},
        });
        change(&mut event);
        event.to_string()
    }

    #[test]
    fn what_is_sealed_is_admitted() {
        let (agent, run) = (speaker(), RUN.parse().unwrap());
        let words = "x\n".repeat(400);
        let step = Step { agent, run: Some(run), phase: Phase::Decide, tool: None, text: Some(words) };
        let stamp = Stamp { time: "2026-11-21T04:20:00Z".parse().unwrap(), source: "/towns/x".to_owned(), random: 7 };
        let line = step.seal(&stamp).unwrap().line().unwrap();
        let admitted = admit(&line).unwrap();
        assert_eq!(admitted.json.get(), line);
        assert!(admitted.id.starts_with("ada/"));
    }

    #[test]
    fn nothing_but_what_was_understood_is_relayed() {
        let pretty = event(|event| event["spare"] = "x".into()).replace("\"phase\":", "\n\"phase\":  ");
        let admitted = admit(&pretty).unwrap();
        assert!(!admitted.json.get().contains('\n') && !admitted.json.get().contains("spare"), "{}", admitted.json);
    }

    #[test]
    fn what_hides_is_shown_and_what_an_agent_cannot_know_is_left_out() {
        let told = |change: &dyn Fn(&mut Value)| -> Value {
            serde_json::from_str(admit(&event(change)).unwrap().json.get()).unwrap()
        };
        let hidden = told(&|event| {
            event["data"]["text"] = "ok \u{202e}ko\u{7}\n\nnext".into();
            event["data"]["tool"] = "Re\u{200b}ad".into();
            event["cause"] = "\u{1b}[2J of another".into();
        });
        assert_eq!(hidden["data"]["text"], "ok \\u{202E}ko\\u{0007} next");
        assert_eq!((&hidden["data"]["tool"], hidden.get("cause")), (&"Re\\u{200B}ad".into(), None));
        // As long as may be, and all of it hides.
        let long = told(&|event| event["data"]["text"] = "\u{202e}".repeat(STEP_TEXT_CHARS).into());
        assert_eq!(long["data"]["text"], "\\u{202E}".repeat(STEP_TEXT_CHARS));
        let at = |time: &str| told(&|event| event["time"] = time.into())["time"].clone();
        for kept in ["2026-11-21T04:10:00Z", "2026-11-21T04:30:00Z"] {
            assert_eq!(at(kept), kept);
        }
        for far in ["2999-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-11-21T04:30:01Z", "2026-11-21T04:09:59Z"] {
            assert_eq!(at(far), "2026-11-21T04:20:00Z");
        }
    }

    #[test]
    fn what_is_not_the_speakers_own_step_is_refused() {
        let set = |at: &'static str, value: Value| event(move |event| *event.pointer_mut(at).unwrap() = value);
        let cases = [
            (set("/type", "monkeytown.pull.merged.v1".into()), "type is \"monkeytown.pull.merged.v1\""),
            (set("/type", "monkeytown.new.thing.v1".into()), "everything else comes out of the repository"),
            (set("/source", "/towns/y".into()), "source is \"/towns/y\""),
            (set("/actor", "agent:bob".into()), "actor is \"agent:bob\", and what ada tells has agent:ada"),
            (set("/actor", "human:ada".into()), "actor is"),
            (set("/id", "1".into()), "begins with ada/"),
            (set("/id", "ada/".into()), "begins with ada/"),
            (set("/id", "bob/1".into()), "begins with ada/"),
            (set("/id", "ada/\u{202e}".into()), "begins with ada/"),
            (set("/id", format!("ada/{}", "x".repeat(200)).into()), "begins with ada/"),
            (set("/subject", "agent/bob".into()), "subject is \"agent/bob\""),
            (set("/subject", "pull/3".into()), "subject is"),
            (set("/corr", "01KAJ5V8T0000000000000000B".into()), "corr is"),
            (set("/specversion", "0.3".into()), "only 1.0 is known"),
            (set("/data/agent", "bob".into()), "data.agent is \"bob\""),
            (set("/data/phase", "sleep".into()), "data is not that of"),
            (set("/data/tool", "x".repeat(65).into()), "data.tool has 65 characters, and may have 64"),
            (event(|event| event["data"]["prompt"] = "x".into()), "unknown field `prompt`"),
            (set("/data", "x".repeat(17_000).into()), "an event may have 16384"),
            ("[]".to_owned(), "not a CloudEvent"),
            (event(|_| {}).replacen('{', "{\"actor\":\"agent:ada\",", 1), "not a CloudEvent"),
        ];
        for (line, words) in cases {
            let error = admit(&line).unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
        assert!(admit(&event(|_| {})).is_ok());
    }
}
