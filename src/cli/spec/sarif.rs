//! Issues as SARIF 2.1.0, which code hosts and editors read.
//! Lives here: that shape. Never here: which issues there are.

use serde_json::{Value, json};

use super::validate::Item;
use crate::town::spec::issue::{Issue, Level};
use crate::town::spec::rules::{Profile, RULES};

/// The log of one run.
#[must_use]
pub fn of(items: &[Item]) -> Value {
    let results = items.iter().flat_map(|item| item.issues.iter().map(move |issue| result(item, issue)));
    let rules = RULES.iter().map(|rule| {
        let level = rule.level(Profile::Openspec1).or(rule.level(Profile::Gated)).map_or("none", level);
        json!({"id": rule.id, "shortDescription": {"text": rule.doc}, "defaultConfiguration": {"level": level}})
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "monkeytown",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "note",
    }
}

fn result(item: &Item, issue: &Issue) -> Value {
    let mut place = json!({"artifactLocation": {"uri": uri(&issue.file), "uriBaseId": "%SRCROOT%"}});
    if let Some(line) = issue.line {
        place["region"] = json!({"startLine": line});
        if let Some(column) = issue.column {
            place["region"]["startColumn"] = json!(column);
        }
    }
    let text = issue.fix.as_ref().map_or_else(|| issue.message.clone(), |fix| format!("{}\n{fix}", issue.message));
    let mut result = json!({
        "ruleId": issue.code,
        "level": level(issue.level),
        "message": {"text": text},
        "locations": [{
            "physicalLocation": place,
            "logicalLocations": [{"fullyQualifiedName": format!("{}/{}", item.kind.name(), item.id)}],
        }],
    });
    if let Some(index) = RULES.iter().position(|rule| rule.id == issue.code) {
        result["ruleIndex"] = json!(index);
    }
    result
}

/// A path as the relative address that it is.
fn uri(path: &str) -> String {
    let mut written = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                written.push(char::from(byte))
            }
            byte => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::select::Kind;
    use super::*;

    #[test]
    fn an_issue_is_a_result_that_leads_to_its_rule_and_its_line() {
        let issue = Issue {
            level: Level::Info,
            path: "a/spec.md".to_owned(),
            message: "says".to_owned(),
            line: Some(3),
            column: None,
            code: RULES[1].id,
            file: "openspec/specs/a b/spec.md".to_owned(),
            fix: Some("do".to_owned()),
        };
        let item = Item { id: "x".to_owned(), kind: Kind::Change, valid: true, issues: vec![issue], duration_ms: 0 };
        let log = of(&[item]);
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), RULES.len());
        let result = &run["results"][0];
        assert_eq!(
            (&result["level"], &result["ruleIndex"], &result["message"]["text"]),
            (&json!("note"), &json!(1), &json!("says\ndo"))
        );
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "openspec/specs/a%20b/spec.md");
        assert_eq!(place["region"], json!({"startLine": 3}));
    }
}
