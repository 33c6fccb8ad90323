//! What the server says of its own paths: the document at `/openapi.json`, and every answer that any test here gets, held to it.
//! Lives here: judging one answer, and tests of the document. Never here: what a path answers (see `api`, `stream`, `verdicts`).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use monkeytown::serve::router;
use serde_json::{Value, json};

use crate::station::{Answer, Station};
use crate::village::{Village, finish, write};

/// The document, with shapes that allow nothing which they do not name.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = router::description();
    for schema in document["components"]["schemas"].as_object_mut().unwrap().values_mut() {
        close(schema);
    }
    document
});

fn close(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for many in ["oneOf", "anyOf"] {
        object.get_mut(many).and_then(Value::as_array_mut).into_iter().flatten().for_each(close);
    }
    let open = object.get("additionalProperties").is_some_and(|open| *open != json!(false));
    if !open && (object.contains_key("properties") || object.contains_key("allOf")) {
        object.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

/// What the document says of a method of a path.
fn said(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |known: &str| {
        let (known, asked): (Vec<&str>, Vec<&str>) = (known.split('/').collect(), path.split('/').collect());
        known.len() == asked.len() && known.iter().zip(&asked).all(|(k, a)| k == a || k.starts_with('{'))
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    // A path that is written out goes before one with a name in braces.
    let found = paths.get(path).or_else(|| paths.iter().find(|(known, _)| fits(known)).map(|(_, item)| item));
    found.and_then(|item| item.get(method))
}

fn validator(schema: &Value) -> Arc<Validator> {
    static MADE: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    let make = || {
        let whole = json!({"allOf": [schema], "components": DOCUMENT["components"]});
        Arc::new(jsonschema::draft202012::new(&whole).unwrap())
    };
    made.entry(schema.to_string()).or_insert_with(make).clone()
}

#[track_caller]
fn fits(schema: &Value, value: &Value, of: &str) {
    let found: Vec<String> =
        validator(schema).iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(found.is_empty(), "{of} is not what /openapi.json says: {found:#?}\n{value:#}");
}

/// Panics where an answer is none that the document knows.
#[track_caller]
pub fn hold(method: &str, path: &str, answer: &Answer) {
    let header = |name: &str| answer.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    // What the page is made of is not described, and what is refused before anybody looks at the path neither.
    let (Some(operation), Some(_)) = (said(method, path), header("x-request-id")) else { return };
    let of = format!("{method} {path} with {}", answer.status);
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{of} is not described: {answer:?}");
    for name in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name.to_ascii_lowercase()) {
        assert!(name == "x-next-offset" || header(&name).is_some(), "{of} lacks {name}: {answer:?}");
    }
    let Some(content) = response["content"].as_object() else {
        return assert_eq!(answer.body, "", "{of}");
    };
    let told = header("content-type").unwrap_or_default();
    let media = content.iter().find(|(media, _)| media.as_str() == told);
    let (_, media) = media.unwrap_or_else(|| panic!("{of}: {told} is not described"));
    if let Some(each) = media.get("x-itemSchema") {
        answer.body.lines().for_each(|line| fits(each, &serde_json::from_str(line).unwrap(), &of));
    } else if told.ends_with("json") {
        fits(&media["schema"], &answer.json(), &of);
    }
}

fn methods() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let of = |(path, item): (&'static String, &'static Value)| {
        let methods = item.as_object().unwrap();
        methods.iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    };
    paths.iter().flat_map(of).collect()
}

// covers: town-api#the-api-describes-itself/a-client-is-made-from-the-description
#[test]
fn the_description_is_served_with_a_tag_and_printed_by_the_command() {
    let village = Village::small();
    let station = Station::open(&village);
    let answer = station.get("/openapi.json", &[]);
    assert_eq!(answer.json(), router::description());
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let tag = answer.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    assert_eq!(station.get("/openapi.json", &[("if-none-match", tag)]).status, 304);
    let printed: Value = serde_json::from_str(&village.monkeytown(&["schema", "api"]).stdout).unwrap();
    assert_eq!(printed, router::description());
}

#[test]
fn every_reference_leads_somewhere_and_every_name_is_there_once() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member.as_str() {
                        Some(reference) if name == "$ref" => drop(found.insert(reference.to_owned())),
                        _ => references(member, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    references(&DOCUMENT, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
    }
    let ids: BTreeSet<&str> =
        methods().iter().map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), methods().len());
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        assert!(!name.ends_with(|end: char| end.is_ascii_digit()), "two types are called {name}");
        assert!(found.contains(&format!("#/components/schemas/{name}")), "nothing uses {name}");
        assert!(schema["description"].is_string(), "nothing is said of {name}");
        for (member, of) in schema["properties"].as_object().into_iter().flatten() {
            assert!(of["description"].is_string(), "nothing is said of {name}.{member}");
        }
    }
}

// covers: town-api#the-api-describes-itself/an-error-is-described
#[test]
fn every_path_that_is_described_is_there_and_takes_no_other_method() {
    let village = Village::small();
    village.says([write("qa/links.md", "One.\n"), finish("One")]);
    village.run("chaostester").ended(0, "opened");
    let station = Station::open(&village);
    for (path, method, operation) in methods() {
        let asked = path.replace("{number}", "1");
        let headers: Vec<(&str, &str)> = vec![("origin", "http://elsewhere.example")];
        // Whoever comes from a foreign page is told so before anything is looked at, at every path.
        let foreign =
            if method == "get" { station.get(&asked, &headers) } else { station.post(&asked, &headers, "{}") };
        foreign.is_problem(403, "wrong-origin");
        let other = if method == "get" { station.post(&asked, &[], "") } else { station.get(&asked, &[]) };
        if said(if method == "get" { "post" } else { "get" }, &asked).is_none() {
            other.is_problem(405, "method");
        }
        if method == "post" {
            let codes = operation["responses"]["403"]["content"]["application/problem+json"]["schema"].clone();
            let answer = station.post(&asked, &[], "{}");
            assert!(answer.status >= 400, "{asked}: {answer:?} and {codes}");
        } else if !matches!(path, "/events" | "/ws") {
            assert_eq!(station.get(&asked, &[]).status, 200, "{asked}");
        }
    }
    station.get("/ws", &[]).is_problem(426, "not-a-websocket");
    station.get("/api/nothing", &[]).is_problem(404, "not-found");
}

#[test]
fn every_code_of_a_problem_is_explained_in_the_docs() {
    let told = |page: &str| std::fs::read_to_string(format!("{}/docs/{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let rows = [told("api.md"), told("stream.md")].concat();
    let rows: Vec<&str> = rows.lines().filter(|line| line.starts_with("| ")).collect();
    let mut missing = BTreeSet::new();
    for (path, method, operation) in methods() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let schema = &response["content"]["application/problem+json"]["schema"];
            for code in schema["properties"]["code"]["enum"].as_array().into_iter().flatten() {
                let code = code.as_str().unwrap();
                let said = |row: &&str| {
                    let (first, rest) = row[2..].split_once('|').unwrap_or_default();
                    first.contains(status.as_str()) && rest.contains(&format!("`{code}`"))
                };
                if !rows.iter().any(said) {
                    missing.insert(format!("{status} {code} of {method} {path}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "no table of docs/api.md or docs/stream.md has {missing:#?}");
}

#[test]
fn what_comes_over_the_stream_is_what_is_described() {
    let village = Village::small();
    village.says([write("qa/links.md", "One.\n"), finish("One")]);
    village.run("chaostester").ended(0, "opened");
    let station = Station::open(&village);
    let shape = &said("get", "/events").unwrap()["responses"]["200"]["content"]["text/event-stream"]["x-itemSchema"];
    let mut seen = BTreeSet::new();
    for after in ["snapshot", "0", "never-heard-of"] {
        let mut ear = station.listen(&format!("after={after}"));
        for _ in 0..3 {
            let message = ear.next();
            fits(shape, &message, after);
            seen.insert(message["kind"].as_str().unwrap().to_owned());
            if message["kind"] == "snapshot" {
                break;
            }
        }
    }
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), ["event", "gap", "hello", "snapshot"]);
}
