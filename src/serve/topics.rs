//! What filters look at of each frame: read once, when the frame comes in, and kept small beside it.
//! Lives here: types and agents by number, and where a frame has its subject. Never here: what a filter wants (see
//! [`super::filter`]).
//!
//! Most frames are of few types and few agents, so a frame is marked with the number of a topic that many share, and a topic is
//! forgotten with the last frame of it. Subjects are as many as frames: they are read where they lie.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::frame::{self, About, Heard};

/// What one frame is about, in 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    topic: u32,
    /// Where the frame has its subject, and how long that is.
    at: u16,
    length: u16,
}

/// The frames that are everybody's, and those that no filter lets through.
const EVERYBODY: u32 = u32::MAX;
const NOBODY: u32 = u32::MAX - 1;

/// What many frames have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Topic {
    /// The type.
    pub kind: Box<str>,
    /// The agents whose it is.
    pub agents: Vec<Box<str>>,
    /// The subject, where it cannot be read in the frame as it lies there.
    subject: Option<Box<str>>,
}

/// What is known of a frame.
#[derive(Clone, Copy, Debug)]
pub enum Known<'t> {
    /// A hole is everybody's.
    Everybody,
    /// What cannot be read gets through no filter.
    Nobody,
    /// An event of this topic.
    Of(&'t Topic),
}

/// The topics of the frames that are in the ring.
#[derive(Debug, Default)]
pub struct Topics {
    numbers: HashMap<Arc<Topic>, u32>,
    /// By number, with how many frames are of each.
    topics: Vec<(Arc<Topic>, usize)>,
    free: Vec<u32>,
}

impl Topics {
    /// Reads what a frame is about.
    pub fn enter(&mut self, frame: &[u8]) -> Mark {
        let json = frame::payload(frame);
        if frame::is_gap(json) {
            return Mark { topic: EVERYBODY, at: 0, length: 0 };
        }
        let Ok(heard) = serde_json::from_slice::<Heard<'_>>(json) else {
            return Mark { topic: NOBODY, at: 0, length: 0 };
        };
        let about = heard.event;
        let place = match &about.subject {
            subject if subject.is_empty() => Some((0, 0)),
            Cow::Borrowed(subject) => place(frame, subject),
            // Written otherwise in the frame, with escapes.
            Cow::Owned(_) => None,
        };
        let (at, length) = place.unwrap_or_default();
        let subject = place.is_none().then(|| about.subject.as_ref().into());
        let topic = Topic { kind: about.kind.as_ref().into(), agents: agents(&about), subject };
        Mark { topic: self.number(topic), at, length }
    }

    fn number(&mut self, topic: Topic) -> u32 {
        if let Some(number) = self.numbers.get(&topic) {
            if let Some((_, frames)) = self.topics.get_mut(*number as usize) {
                *frames += 1;
            }
            return *number;
        }
        let topic = Arc::new(topic);
        let number = match self.free.pop() {
            Some(number) => {
                self.topics[number as usize] = (topic.clone(), 1);
                number
            }
            None => {
                let Some(next) = u32::try_from(self.topics.len()).ok().filter(|next| *next < NOBODY) else {
                    return NOBODY;
                };
                self.topics.push((topic.clone(), 1));
                next
            }
        };
        self.numbers.insert(topic, number);
        number
    }

    /// A frame with this mark has left the ring.
    pub fn leave(&mut self, mark: Mark) {
        let Some((topic, frames)) = self.topics.get_mut(mark.topic as usize) else { return };
        *frames = frames.saturating_sub(1);
        if *frames == 0 {
            self.numbers.remove(topic);
            *topic = Arc::default();
            self.free.push(mark.topic);
        }
    }

    /// What is known of a frame with this mark.
    #[must_use]
    pub fn known(&self, mark: Mark) -> Known<'_> {
        match self.topics.get(mark.topic as usize) {
            Some((topic, _)) => Known::Of(topic),
            None if mark.topic == EVERYBODY => Known::Everybody,
            None => Known::Nobody,
        }
    }

    /// How many topics there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

impl Topic {
    /// The subject of a frame of this topic; `read` reads a part of the frame.
    pub fn subject<'f>(&'f self, mark: Mark, read: impl FnOnce(usize, usize) -> Cow<'f, [u8]>) -> Cow<'f, [u8]> {
        match &self.subject {
            Some(subject) => Cow::Borrowed(subject.as_bytes()),
            None => read(usize::from(mark.at), usize::from(mark.length)),
        }
    }
}

/// Where a subject lies in its frame; `None` where it is too far away to be pointed at.
fn place(frame: &[u8], subject: &str) -> Option<(u16, u16)> {
    let at = subject.as_ptr().addr().checked_sub(frame.as_ptr().addr())?;
    Some((u16::try_from(at).ok()?, u16::try_from(subject.len()).ok()?))
}

/// An event is an agent's where the agent did it, where it is about the agent, or where its payload says whose it is.
fn agents(about: &About<'_>) -> Vec<Box<str>> {
    let of_payload = about.data.agent.as_ref().and_then(serde_json::Value::as_str);
    let all = [about.actor.strip_prefix("agent:"), about.subject.strip_prefix("agent/"), of_payload];
    let mut agents: Vec<Box<str>> = all.into_iter().flatten().map(Box::from).collect();
    agents.sort();
    agents.dedup();
    agents
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn frame(event: &serde_json::Value) -> Vec<u8> {
        frame::text(
            serde_json::json!({"kind": "event", "offset": "1", "seq": null, "event": event}).to_string().as_bytes(),
        )
    }

    fn subject_of(topics: &Topics, mark: Mark, frame: &[u8]) -> String {
        let Known::Of(topic) = topics.known(mark) else { panic!("{mark:?}") };
        let read = |at: usize, length: usize| Cow::Owned(frame[at..at + length].to_vec());
        String::from_utf8(topic.subject(mark, read).into_owned()).unwrap()
    }

    #[test]
    fn frames_that_are_alike_share_a_topic_and_it_goes_with_the_last_of_them() {
        assert_eq!(size_of::<Mark>(), 8, "for each of 1,000,000 frames");
        let mut topics = Topics::default();
        let mut marks = Vec::new();
        for n in 0..100 {
            let event = serde_json::json!({
                "type": "a", "subject": format!("commit/{n}"), "actor": format!("human:{n}"), "data": {"agent": "ada"},
            });
            let frame = frame(&event);
            marks.push(topics.enter(&frame));
            assert_eq!(subject_of(&topics, marks[n], &frame), format!("commit/{n}"));
        }
        assert_eq!(topics.len(), 1, "neither subjects nor humans make another one");
        marks.iter().skip(1).for_each(|mark| topics.leave(*mark));
        assert!(matches!(topics.known(marks[0]), Known::Of(topic) if *topic.kind == *"a"));
        topics.leave(marks[0]);
        assert!(topics.is_empty());
        let other = topics.enter(&frame(&serde_json::json!({"type": "b"})));
        assert_eq!((other.topic, topics.topics.len()), (0, 1), "its number is taken again");
    }

    #[test]
    fn a_subject_is_known_however_it_is_written_and_wherever_it_stands() {
        let long = "x".repeat(70_000);
        let far = serde_json::json!({"type": "a", "id": long, "subject": "pull/3"});
        for (event, subject) in [
            (serde_json::json!({"type": "a", "subject": "say \"hi\"\n"}), "say \"hi\"\n"),
            (serde_json::json!({"type": "a", "subject": long}), long.as_str()),
            (far, "pull/3"),
            (serde_json::json!({"type": "a"}), ""),
        ] {
            let (mut topics, frame) = (Topics::default(), frame(&event));
            let mark = topics.enter(&frame);
            assert_eq!(subject_of(&topics, mark, &frame), subject);
        }
    }

    #[test]
    fn a_hole_is_everybodys_and_what_cannot_be_read_nobodys() {
        let mut topics = Topics::default();
        let hole = topics.enter(&frame::text(br#"{"kind":"gap","from":"1","to":"2","reason":"evicted"}"#));
        assert!(matches!(topics.known(hole), Known::Everybody));
        let odd = topics.enter(&frame::text(b"no json"));
        assert!(matches!(topics.known(odd), Known::Nobody));
        topics.leave(hole);
        topics.leave(odd);
        assert!(topics.is_empty());
    }
}
