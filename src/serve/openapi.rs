//! The description of the server's paths as OpenAPI 3.1 has it.
//! Lives here: the table that every path goes through on its way into the router, and what becomes of it as a document. Never
//! here: what a path answers.
//!
//! A path cannot be served without being described: [`Paths`] takes both at once. Shapes come from the types that are written
//! (JSON Schema 2020-12, which OpenAPI 3.1.0 §4.8.24 builds on).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post};
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::{Shared, router};

/// The media type of JSON.
pub const JSON: &str = "application/json";
/// Where the shapes stand in the document.
const SCHEMAS: &str = "/components/schemas";
/// Codes of a problem, by status, that every path may answer with.
const ALWAYS: [(u16, &str); 4] = [(403, "wrong-origin"), (421, "wrong-host"), (429, "too-fast"), (431, "head-too-big")];

/// Makes the schema of a type.
type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What is said of one method of one path.
#[derive(Debug)]
pub struct Operation {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: &'static str,
    query: Option<Shape>,
    headers: Vec<(&'static str, &'static str, bool)>,
    bodies: Vec<(&'static str, Shape)>,
    answers: Vec<Answer>,
    problems: BTreeMap<u16, Vec<&'static str>>,
    security: Option<&'static str>,
}

/// One way in which it goes well.
#[derive(Debug)]
struct Answer {
    status: u16,
    description: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    content: Option<(&'static str, Content)>,
}

/// What is in an answer.
#[derive(Clone, Copy, Debug)]
enum Content {
    /// One value of this shape.
    Of(Shape),
    /// Text; each of its lines or messages has this shape.
    Each(Shape),
    /// Text for people, or in a format of its own.
    Text,
}

impl Operation {
    /// An operation by the name that clients give it.
    #[must_use]
    pub fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        let mut problems: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
        for (status, code) in ALWAYS {
            problems.entry(status).or_default().push(code);
        }
        Self {
            id,
            tag,
            summary,
            description: "",
            query: None,
            headers: Vec::new(),
            bodies: Vec::new(),
            answers: Vec::new(),
            problems,
            security: None,
        }
    }

    /// More words about it, in Markdown.
    #[must_use]
    pub const fn says(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// The members of this type are parameters of the query.
    #[must_use]
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// A header of the request.
    #[must_use]
    pub fn header(mut self, name: &'static str, description: &'static str, required: bool) -> Self {
        self.headers.push((name, description, required));
        self
    }

    /// A body that it takes.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self, media: &'static str) -> Self {
        self.bodies.push((media, SchemaGenerator::subschema_for::<T>));
        self
    }

    fn answer(mut self, status: u16, description: &'static str, content: Option<(&'static str, Content)>) -> Self {
        self.answers.push(Answer { status, description, headers: Vec::new(), content });
        self
    }

    /// It answers with JSON.
    #[must_use]
    pub fn json<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        let shape = Content::Of(SchemaGenerator::subschema_for::<T>);
        self.answer(status, description, Some((JSON, shape)))
    }

    /// It answers with a text of which each part is JSON.
    #[must_use]
    pub fn each<T: JsonSchema>(self, media: &'static str, description: &'static str) -> Self {
        let shape = Content::Each(SchemaGenerator::subschema_for::<T>);
        self.answer(200, description, Some((media, shape)))
    }

    /// It answers with text.
    #[must_use]
    pub fn text(self, media: &'static str, description: &'static str) -> Self {
        self.answer(200, description, Some((media, Content::Text)))
    }

    /// It answers with nothing but a status.
    #[must_use]
    pub fn bare(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, None)
    }

    /// The last answer has a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, description: &'static str) -> Self {
        if let Some(last) = self.answers.last_mut() {
            last.headers.push((name, description));
        }
        self
    }

    /// The last answer has an entity tag, and who has it already is told so.
    #[must_use]
    pub fn tagged(self) -> Self {
        let told = "entity tags of answers that are here already (RFC 9110 §13.1.2)";
        let tag = "changes only when the answer does (RFC 9110 §8.8.3)";
        self.with("ETag", tag).header("If-None-Match", told, false).bare(304, "nothing is new").with("ETag", tag)
    }

    /// It may fail so.
    #[must_use]
    pub fn fails(mut self, status: u16, codes: &[&'static str]) -> Self {
        self.problems.entry(status).or_default().extend(codes);
        self
    }

    /// It reads the repository, which may not be had.
    #[must_use]
    pub fn reads(self) -> Self {
        self.fails(503, &["unreadable", "ending"])
    }

    /// Who asks has to be known.
    #[must_use]
    pub const fn known_by(mut self, scheme: &'static str) -> Self {
        self.security = Some(scheme);
        self
    }
}

/// Paths with what serves them and what is said of them.
#[derive(Default)]
pub struct Paths {
    router: Router<Arc<Shared>>,
    said: BTreeMap<&'static str, BTreeMap<&'static str, Operation>>,
}

impl Paths {
    /// A path that is read.
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.route(path, "get", get(handler).options(router::permission), operation)
    }

    /// A path that something is sent to.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.route(path, "post", post(handler), operation)
    }

    fn route(
        mut self,
        path: &'static str,
        method: &'static str,
        routed: MethodRouter<Arc<Shared>>,
        operation: Operation,
    ) -> Self {
        self.said.entry(path).or_default().insert(method, operation);
        Self { router: self.router.route(path, routed), ..self }
    }

    /// No body may have more bytes.
    #[must_use]
    pub fn bounded(self, bytes: usize) -> Self {
        Self { router: self.router.layer(DefaultBodyLimit::max(bytes)), ..self }
    }

    /// These and others.
    #[must_use]
    pub fn merge(mut self, others: Self) -> Self {
        for (path, methods) in others.said {
            self.said.entry(path).or_default().extend(methods);
        }
        Self { router: self.router.merge(others.router), ..self }
    }

    /// What serves them, and the document.
    pub fn open(self) -> (Router<Arc<Shared>>, Value) {
        let document = document(&self.said);
        (self.router, document)
    }
}

/// Makes schemas of what is written and of what is read: a member that may be left out when it is read may be there always
/// when it is written.
struct Shapes {
    written: SchemaGenerator,
    read: SchemaGenerator,
}

impl Shapes {
    fn new() -> Self {
        let settings = |contract| {
            SchemaSettings::draft2020_12()
                .with(|settings| {
                    settings.definitions_path = SCHEMAS.into();
                    settings.contract = contract;
                    settings.meta_schema = None;
                })
                .into_generator()
        };
        Self { written: settings(Contract::Serialize), read: settings(Contract::Deserialize) }
    }

    fn all(mut self) -> Map<String, Value> {
        let mut all = self.read.take_definitions(true);
        all.extend(self.written.take_definitions(true));
        all
    }
}

fn document(said: &BTreeMap<&'static str, BTreeMap<&'static str, Operation>>) -> Value {
    let mut shapes = Shapes::new();
    let mut paths = Map::new();
    for (path, methods) in said {
        let mut item = Map::new();
        for (method, operation) in methods {
            item.insert((*method).to_owned(), described(path, operation, &mut shapes));
        }
        paths.insert((*path).to_owned(), Value::Object(item));
    }
    let bearer = |description: &str| json!({"type": "http", "scheme": "bearer", "description": description});
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "monkeytown serve",
            "summary": "What happens in a town, and what is known of it.",
            "description": "The event stream of a town and what its page asks. Limits, close codes and how to come back: \
                            `docs/stream.md`; who may decide in the page: `docs/api.md`. Every answer has `X-Request-Id`; \
                            errors are problem documents (RFC 9457).",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "stream", "description": "What happens, as it happens."},
            {"name": "town", "description": "What is known of the town."},
            {"name": "verdicts", "description": "What the person at the town's own machine decides in the page."},
            {"name": "operations", "description": "What whoever runs the server asks."},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": bearer("the secret that `POST /api/session` gives for the token of the printed address"),
                "publisher": bearer("a token of `monkeytown token`, or the one that GitHub Actions gives to a workflow"),
            },
            "schemas": shapes.all(),
        },
    })
}

fn described(path: &str, operation: &Operation, shapes: &mut Shapes) -> Value {
    let mut found = Map::new();
    let mut put = |name: &str, value: Value| found.insert(name.to_owned(), value);
    put("operationId", operation.id.into());
    put("tags", json!([operation.tag]));
    put("summary", operation.summary.into());
    if !operation.description.is_empty() {
        put("description", operation.description.into());
    }
    let parameters = parameters(path, operation, shapes);
    if !parameters.is_empty() {
        put("parameters", parameters.into());
    }
    if !operation.bodies.is_empty() {
        let bodies = operation.bodies.iter().map(|(media, shape)| {
            let schema: Schema = shape(&mut shapes.read);
            ((*media).to_owned(), json!({"schema": schema}))
        });
        put("requestBody", json!({"required": true, "content": bodies.collect::<Map<_, _>>()}));
    }
    put("responses", responses(operation, shapes));
    if let Some(scheme) = operation.security {
        put("security", json!([{ scheme: [] }]));
    }
    Value::Object(found)
}

/// Names in braces of the path, members of the query, headers.
fn parameters(path: &str, operation: &Operation, shapes: &mut Shapes) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut found: Vec<Value> = names
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "integer", "minimum": 1}}))
        .collect();
    if let Some(shape) = operation.query {
        let mut apart = shapes.read.clone();
        let mut schema: Value = shape(&mut apart).into();
        let name = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
        if let Some(made) = name.and_then(|name| apart.definitions().get(name)) {
            schema = made.clone();
        }
        for (name, member) in schema["properties"].as_object_mut().into_iter().flatten() {
            let description = member.as_object_mut().and_then(|member| member.remove("description"));
            // Whatever may be left out may be `null` where serde reads it, and a query cannot say that.
            if let Some(kinds) = member["type"].as_array_mut() {
                kinds.retain(|kind| kind != "null");
                member["type"] = kinds.first().cloned().unwrap_or_default();
            }
            found.push(json!({"name": name, "in": "query", "description": description, "schema": member}));
        }
    }
    found.extend(operation.headers.iter().map(|(name, description, required)| {
        json!({"name": name, "in": "header", "required": required, "description": description, "schema": {"type": "string"}})
    }));
    found
}

fn responses(operation: &Operation, shapes: &mut Shapes) -> Value {
    let mut found = Map::new();
    for answer in &operation.answers {
        let mut response = json!({"description": answer.description});
        if !answer.headers.is_empty() {
            let headers = answer.headers.iter().map(|(name, description)| {
                ((*name).to_owned(), json!({"description": description, "schema": {"type": "string"}}))
            });
            response["headers"] = Value::Object(headers.collect());
        }
        if let Some((media, content)) = answer.content {
            let mut body = json!({"schema": {"type": "string"}});
            match content {
                Content::Of(shape) => body["schema"] = shape(&mut shapes.written).into(),
                // What OpenAPI 3.2 calls `itemSchema`; 3.1 has no word for it.
                Content::Each(shape) => body["x-itemSchema"] = shape(&mut shapes.written).into(),
                Content::Text => {}
            }
            response["content"] = json!({ media: body });
        }
        found.insert(answer.status.to_string(), response);
    }
    let problem: Value = shapes.written.subschema_for::<Problem>().into();
    for (status, codes) in &operation.problems {
        let mut schema = problem.clone();
        schema["properties"] = json!({"code": {"enum": codes}, "status": {"const": status}});
        let (said, content) =
            (format!("`{}`", codes.join("`, `")), json!({"application/problem+json": {"schema": schema}}));
        found.insert(status.to_string(), json!({"description": said, "content": content}));
    }
    Value::Object(found)
}
