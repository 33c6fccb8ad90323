//! What a command-line agent says at its end: the last JSON object in its output that is an answer.
//!
//! Lives here: finding it in hostile text, and the line by which the tool tells the brain of it, so that the transcript
//! alone says how a command ended. Never here: running the command (see the room `tools`), what follows (see `brain`).
//! Start with [`Said::in_output`].

use serde::{Deserialize, Serialize};
use serde_json::{Deserializer, Value};

use super::Finish;
use super::finish::reason;
use crate::town::text::{escape_invisible, one_line};

/// The call that runs a command-line agent. No model is offered it.
pub const AGENT: &str = "Agent";

/// Lines of an output in which an answer is looked for, from its end.
const LINES: usize = 2_000;
/// Bytes that an answer may have as the line of a result.
const BYTES: usize = 12_000;
/// What the line of a result has around the JSON.
const AROUND: (&str, &str) = ("[agent: ", "]");

/// How a command-line agent ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// It proposes its files.
    Finish(Finish),
    /// It found nothing to do, and why.
    Nothing(String),
    /// It ended well and gave no answer that can be used, and what is wrong with it.
    Unclear(String),
    /// Its time was up.
    Late,
    /// It failed, and how.
    Failed(String),
}

impl Said {
    /// The last answer in an output: an object with a title and a body, or with the reason why there is nothing to do. It may
    /// stand alone, in a block of Markdown, or in the field `result` of an object, as `claude -p --output-format json`
    /// writes it.
    #[must_use]
    pub fn in_output(output: &str) -> Self {
        let Some(answer) = objects(output).into_iter().rev().find(is_answer) else {
            return Self::Unclear("there is no JSON object with a title and a body, or with nothing, in it".to_owned());
        };
        if answer["is_error"] == true {
            return Self::Failed(format!("it reports an error: {}", one_line(&answer["result"].to_string(), 300)));
        }
        if let Some(text) = answer["result"].as_str().filter(|_| answer.get("title").is_none()) {
            let inner =
                objects(text).into_iter().rev().find(|object| is_answer(object) && object.get("result").is_none());
            return inner.map_or_else(
                || Self::Unclear("its result holds no JSON object with a title and a body, or with nothing".to_owned()),
                |inner| Self::of(&inner),
            );
        }
        Self::of(&answer)
    }

    fn of(answer: &Value) -> Self {
        let answer = visible(answer);
        let said = match answer.get("nothing") {
            Some(why) => reason(&serde_json::json!({"reason": why})).map(Self::Nothing),
            None => Finish::from_arguments(&answer).map(Self::Finish),
        };
        match said {
            Ok(said) if said.line().len() > BYTES => {
                Self::Unclear(format!("it has {} bytes in all; {BYTES} are allowed", said.line().len()))
            }
            Ok(said) => said,
            Err(why) => Self::Unclear(why.trim_end_matches('.').to_owned()),
        }
    }

    /// The last line of a result, by which the brain knows it again.
    #[must_use]
    pub fn line(&self) -> String {
        // A value made of texts has a form in JSON.
        format!("{}{}{}", AROUND.0, serde_json::to_string(self).unwrap_or_default(), AROUND.1)
    }

    /// Reads it out of a result.
    #[must_use]
    pub fn of_result(output: &str) -> Option<Self> {
        let line = output.lines().next_back()?.strip_prefix(AROUND.0)?.strip_suffix(AROUND.1)?;
        serde_json::from_str(line).ok()
    }
}

fn is_answer(object: &Value) -> bool {
    ["title", "nothing"].iter().any(|key| object.get(key).is_some())
        || (object["result"].is_string() && object["type"] == "result")
}

/// The objects in a text that are in no other one. A line opens at most two: at its first brace, and at the first that a
/// name follows. So the time stays within bounds whatever the text is.
fn objects(text: &str) -> Vec<Value> {
    let mut starts = Vec::new();
    let mut at = text.len();
    for line in text.split_inclusive('\n').rev().take(LINES) {
        at -= line.len();
        let found = [line.find("{\""), line.find('{')];
        starts.extend(found.into_iter().flatten().map(|place| at + place));
    }
    starts.sort_unstable();
    starts.dedup();
    let (mut objects, mut end) = (Vec::new(), 0);
    for start in starts {
        if start < end {
            continue;
        }
        let mut values = Deserializer::from_str(&text[start..]).into_iter::<Value>();
        if let Some(Ok(object @ Value::Object(_))) = values.next() {
            objects.push(object);
            end = start + values.byte_offset();
        }
    }
    objects
}

/// The answer with nothing in its texts that a reader cannot see.
fn visible(answer: &Value) -> Value {
    match answer {
        Value::String(text) => escape_invisible(&text.replace("\r\n", "\n")).0.into(),
        Value::Array(values) => values.iter().map(visible).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), visible(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ANSWER: &str = r#"{"title": "Mend the sum", "body": "It {was} wrong.", "evidence": ["a.sh:1"]}"#;

    fn finish() -> Said {
        let (title, body) = ("Mend the sum".to_owned(), "It {was} wrong.".to_owned());
        Said::Finish(Finish { title, body, evidence: vec!["a.sh:1".to_owned()], change: None })
    }

    #[test]
    fn the_last_answer_counts_wherever_it_stands() {
        let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(ANSWER).unwrap()).unwrap();
        let first = r#"{"title": "Something else", "body": "No."}"#;
        let wrapped = json!({"type": "result", "is_error": false, "result": format!("Done.\n```json\n{pretty}\n```")});
        for output in [
            ANSWER.to_owned(),
            pretty.clone(),
            format!("Let me {{see}}.\nResult: {ANSWER} done\n"),
            format!("```json\n{pretty}\n```\nThat was it.\n{{\"tokens\": 12}}\n"),
            format!("{first}\n{ANSWER}"),
            format!("{{ {{ [\n{{\"open\": \"\n{ANSWER}\r\n}}}}"),
            wrapped.to_string(),
            format!("{}\n{wrapped}\n", json!({"type": "system"})),
        ] {
            assert_eq!(Said::in_output(&output), finish(), "{output}");
        }
        assert_eq!(Said::in_output("{\"nothing\": \" all links hold \"}"), Said::Nothing("all links hold".to_owned()));
    }

    #[test]
    fn what_is_no_answer_is_said() {
        let large = json!({"title": "Mend the sum", "body": "x".repeat(20_000)}).to_string();
        for (output, part) in [
            ("", "no JSON object"),
            ("{\"tokens\": 3}", "no JSON object"),
            ("{\"title\": \"Mend\"", "no JSON object"),
            ("{\"title\": \"Mend the sum\"}", "missing field `body`"),
            ("{\"title\": \"wip\", \"body\": \"x\"}", "says nothing"),
            ("{\"title\": \"a\\nb\", \"body\": \"x\"}", "one line"),
            ("{\"nothing\": 3}", "takes a reason"),
            ("{\"type\": \"result\", \"result\": \"Done.\"}", "result holds no JSON"),
            (&large, "12000 are allowed"),
        ] {
            let said = Said::in_output(output);
            assert!(matches!(&said, Said::Unclear(why) if why.contains(part)), "{output}: {said:?}");
        }
        let failed = Said::in_output("{\"type\": \"result\", \"is_error\": true, \"result\": \"no credit\"}");
        assert!(matches!(&failed, Said::Failed(why) if why.contains("no credit")), "{failed:?}");
    }

    #[test]
    fn nothing_in_an_answer_is_hidden() {
        let said = Said::in_output("{\"title\": \"Mend \\u202ethe sum\", \"body\": \"\\u001b[2Jx\\r\\ny\"}");
        let Said::Finish(finish) = said else { panic!("{said:?}") };
        assert_eq!((finish.title.as_str(), finish.body.as_str()), ("Mend \\u{202E}the sum", "\\u{001B}[2Jx\ny"));
    }

    #[test]
    fn a_result_says_at_its_end_how_it_was() {
        for said in [finish(), Said::Nothing("why".into()), Said::Late, Said::Failed("a\n]".into())] {
            let output = format!("[agent: {{\"late\": 1}}]\nsome words\n[exit code 0]\n{}", said.line());
            assert_eq!(Said::of_result(&output), Some(said));
        }
        assert_eq!(Said::of_result("[agent: none]\n"), None);
        assert_eq!(Said::of_result(""), None);
    }

    proptest! {
        #[test]
        fn any_text_has_an_end(text in "[{}\"a:, \\[\\]\n\\\\]{0,300}") {
            let said = Said::in_output(&text);
            prop_assert!(matches!(said, Said::Unclear(_) | Said::Failed(_)));
            prop_assert_eq!(Said::of_result(&said.line()), Some(said));
        }
    }
}
