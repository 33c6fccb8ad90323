//! What must be the same in the answers of the two programs: all but wording, times, and what only ours says.
//!
//! Lives here: the differences between two answers, as sentences. Never here: running anything (see `programs`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::order;
use super::programs::Answer;

/// Keys whose text is each program's own, and those that depend on the clock: they must be there, with a value of that kind.
const OWN_WORDS: &[&str] =
    &["message", "fix", "warnings", "warning", "nextSteps", "constraints", "durationMs", "lastModified", "diff"];
/// Lists that the two sort by other rules of collation: what has the same name is compared.
const BY_NAME: &[&str] = &["items", "itemFindings", "changes", "specs", "nested"];

/// Whether a value is each program's own, by its key.
type IsOwn<'f> = &'f dyn Fn(&str, &Value) -> bool;

/// How the second answer differs from the first. More keys than the first has are no difference.
pub fn answers(reference: &Answer, ours: &Answer) -> Vec<String> {
    answers_but(reference, ours, &|_, _| false)
}

/// The same where still more is each program's own.
pub fn answers_but(reference: &Answer, ours: &Answer, is_own: IsOwn) -> Vec<String> {
    let mut differences = Vec::new();
    if reference.code != ours.code {
        differences.push(format!("exit code {:?}, ours {:?}", reference.code, ours.code));
    }
    match (reference.json(), ours.json()) {
        (Some(theirs), Some(mine)) => {
            values("", &theirs, &mine, is_own, &mut differences);
            differences.extend(order::differences(&reference.stdout, &ours.stdout));
        }
        (Some(_), None) => differences.push(format!("ours printed no JSON: {}{}", ours.stdout, ours.stderr)),
        // Where the reference prints prose, ours may do better.
        (None, _) => {}
    }
    differences
}

fn values(at: &str, theirs: &Value, mine: &Value, is_own: IsOwn, differences: &mut Vec<String>) {
    let key = at.rsplit('/').next().unwrap_or_default();
    if OWN_WORDS.contains(&key) || is_own(key, theirs) {
        if std::mem::discriminant(theirs) != std::mem::discriminant(mine) {
            differences.push(format!("{at}: another kind of value: {mine}"));
        }
        return;
    }
    match (theirs, mine) {
        (Value::Object(theirs), Value::Object(mine)) => {
            for (name, value) in theirs {
                match mine.get(name) {
                    Some(other) => values(&format!("{at}/{name}"), value, other, is_own, differences),
                    None => differences.push(format!("{at}/{name} is missing, the reference has {value}")),
                }
            }
        }
        (Value::Array(theirs), Value::Array(mine)) => {
            let (theirs, mine) = (sorted(key, theirs), sorted(key, mine));
            if theirs.len() != mine.len() {
                differences.push(format!("{at}: {} entries, ours {}", theirs.len(), mine.len()));
            }
            for (index, (one, other)) in theirs.into_iter().zip(mine).enumerate() {
                values(&format!("{at}/{index}"), one, other, is_own, differences);
            }
        }
        _ if theirs == mine => {}
        _ => differences.push(format!("{at}: {theirs}, ours {mine}")),
    }
}

/// A list by names where its order is not compared.
fn sorted<'v>(key: &str, list: &'v [Value]) -> Vec<&'v Value> {
    let mut list: Vec<&Value> = list.iter().collect();
    if BY_NAME.contains(&key) {
        list.sort_by_key(|entry| {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("type"), text("id"), text("name"), text("changeName"), entry.as_str().unwrap_or_default().to_owned())
        });
    }
    list
}

/// How the second folder differs from the first.
pub fn folders(reference: &BTreeMap<String, Option<Vec<u8>>>, ours: &BTreeMap<String, Option<Vec<u8>>>) -> Vec<String> {
    let shown = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let mut differences = Vec::new();
    // A refused archive of the reference leaves this folder behind, empty: see `bugs`, b13.
    let is_left = |path: &str| {
        path == "openspec/changes/archive"
            && !reference.keys().any(|other| other.starts_with("openspec/changes/archive/"))
    };
    for (path, bytes) in reference {
        match ours.get(path) {
            None if is_left(path) => {}
            None => differences.push(format!("{path} is missing")),
            Some(other) if other != bytes => {
                differences.push(format!("{path}: {:?}\n       ours: {:?}", shown(bytes), shown(other)));
            }
            Some(_) => {}
        }
    }
    differences
        .extend(ours.keys().filter(|path| !reference.contains_key(*path)).map(|path| format!("{path} is ours only")));
    differences
}

/// The items of a report of `validate`, by kind and name.
pub fn items(report: &Value) -> BTreeMap<(String, String), Value> {
    let items = report["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    items.iter().map(|item| ((text(item, "type"), text(item, "id")), item.clone())).collect()
}

/// How two items of `validate` differ: verdict, and level, path and line of each issue in order.
pub fn item(theirs: &Value, mine: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    values("", theirs, mine, &|_, _| false, &mut differences);
    differences
}
