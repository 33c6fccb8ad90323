//! The client against a server of a few lines: its cap, its clock, its pages, and where its token goes.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;

/// Answers each request on a connection of its own, by its number, and keeps what was asked.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: impl Fn(usize) -> String + Send + 'static) -> Self {
        Self::answering(move |number, _| answer(number))
    }

    /// The same with what was asked.
    fn answering(answer: impl Fn(usize, &str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = request(&mut stream);
                let number = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(request.clone());
                    kept.len() - 1
                };
                // A client that has gone away wants no answer.
                let _ = stream.write_all(answer(number, &request).as_bytes());
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The first lines of what was asked.
    fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|request| request.lines().next().unwrap().to_owned()).collect()
    }
}

fn request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        read.push(byte[0]);
    }
    let head = String::from_utf8(read).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Put together here, so that nothing in the tree looks like one.
fn token() -> String {
    ["ghs_", &"q".repeat(36)].concat()
}

fn moment(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 + minutes * 60, 0).unwrap()
}

fn client(url: &str) -> Client {
    Client::new(url, &token(), Box::new(|| moment(0))).unwrap()
}

thread_local! {
    /// One for each test: a connection lives as long as the runtime that it was made in.
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// A call, which goes nowhere where the cap stands in the way.
fn get(client: &Client, path: &str) -> Result<Value, ForgeError> {
    block_on(client.get(path))
}

#[test]
fn a_process_makes_a_thousand_calls_an_hour_and_no_more() {
    let now = Rc::new(Cell::new(moment(0)));
    let clock = Rc::clone(&now);
    // Nobody listens there: a call that was made would be unavailable.
    let client = Client::new("http://127.0.0.1:1", &token(), Box::new(move || clock.get())).unwrap();
    let until = |client: &Client| match client.count() {
        Err(ForgeError::RateLimited { what, until }) => {
            assert!(what.contains("1000 calls within an hour"), "{what}");
            until
        }
        other => panic!("{other:?}"),
    };
    client.count().unwrap();
    now.set(moment(30));
    for _ in 1..API_CALLS_PER_HOUR {
        client.count().unwrap();
    }
    assert_eq!(until(&client), moment(60));
    // That is too long to wait for, so the caller hears of it at once.
    assert!(matches!(get(&client, "/x"), Err(ForgeError::RateLimited { .. })));
    now.set(moment(59));
    assert_eq!(until(&client), moment(60));
    // The first call is an hour old, the others are not.
    now.set(moment(60));
    client.count().unwrap();
    assert_eq!(until(&client), moment(90));
    now.set(moment(90));
    client.count().unwrap();
}

#[test]
fn retries_are_calls_too() {
    let server = Server::start(|_| answer("503 Away", &[], ""));
    let client = client(&server.url);
    assert!(matches!(get(&client, "/x"), Err(ForgeError::Unavailable(_))));
    assert_eq!(server.lines().len(), 1 + RETRIES);
    assert_eq!(client.calls.borrow().len(), 1 + RETRIES);
    // What may have arrived is not sent again.
    let written: Result<Value, _> = block_on(client.write(http::Method::POST, "/x", &json!({})));
    assert!(matches!(written, Err(ForgeError::Unavailable(_))));
    assert_eq!(server.lines().len(), 2 + RETRIES);
}

#[test]
fn the_clock_is_the_newest_that_was_shown() {
    let dates = [
        "Sun, 01 Mar 2026 12:00:00 GMT",
        "Sun, 01 Mar 2026 12:05:00 GMT",
        "Sun, 01 Mar 2026 12:01:00 GMT",
        "yesterday",
    ];
    let server = Server::start(move |number| answer("200 OK", &[("date", dates[number])], "{}"));
    let client = client(&server.url);
    assert_eq!(client.clock(), None);
    for wanted in ["12:00", "12:05", "12:05", "12:05"] {
        get(&client, "/x").unwrap();
        assert_eq!(client.clock(), Some(format!("2026-03-01T{wanted}:00Z").parse().unwrap()));
    }
    // A failure shows the time as well.
    let server = Server::start(|_| answer("404 Not Found", &[("date", "Sun, 01 Mar 2026 12:00:00 GMT")], "{}"));
    let client = self::client(&server.url);
    get(&client, "/x").unwrap_err();
    assert!(client.clock().is_some());
}

/// What a list of three pages brings, where a next page is said to be at `next`.
fn listed(base: &str, next: &'static str) -> (Result<Vec<u64>, ForgeError>, Vec<String>) {
    let server = Server::start(move |number| {
        let link = format!("<{next}?page={}>; rel=\"next\", <{next}?page=3>; rel=\"last\"", number + 2);
        let links = [("link", link.as_str())];
        answer("200 OK", if number < 2 { &links } else { &[] }, &format!("[{number}]"))
    });
    let client = client(&format!("{}{base}", server.url));
    let list = block_on(client.list("/repos/acme/smalltown/pulls?state=all", |_: &u64| true));
    (list, server.lines())
}

#[test]
fn pages_are_followed_below_the_base_of_the_api() {
    for (base, next) in [
        ("", "https://api.github.com/repositories/1/pulls"),
        ("/", "http://127.0.0.1:9/repositories/1/pulls"),
        ("/api/v3", "https://git.example.com/api/v3/repositories/1/pulls"),
        ("/api/v3/", "http://127.0.0.1/api/v3/repositories/1/pulls"),
    ] {
        let (list, asked) = listed(base, next);
        assert_eq!(list.unwrap(), [0, 1, 2], "{base} {next}");
        let base = base.trim_end_matches('/');
        let wanted = [
            format!("get {base}/repos/acme/smalltown/pulls?state=all&per_page=100 http/1.1"),
            format!("get {base}/repositories/1/pulls?page=2 http/1.1"),
            format!("get {base}/repositories/1/pulls?page=3 http/1.1"),
        ];
        assert_eq!(asked, wanted);
    }
    // A page that cannot be found is no end of the list.
    for next in ["https://git.example.com/repositories/1/pulls", "https://git.example.com/api/v30/x", "no address"] {
        let (list, asked) = listed("/api/v3", next);
        let why = list.unwrap_err().to_string();
        assert!(why.contains("next page") && why.contains("/api/v3"), "{why}");
        assert_eq!(asked.len(), 1);
    }
}

#[test]
fn a_list_ends_where_nothing_more_is_wanted_or_as_much_as_is_read_at_once() {
    let server = Server::start(|number| {
        let link = format!("<http://127.0.0.1/x?page={}>; rel=\"next\"", number + 2);
        answer("200 OK", &[("link", &link)], &format!("[{number}]"))
    });
    let list = block_on(client(&server.url).list("/x", |number: &usize| *number < 2));
    assert_eq!((list.unwrap(), server.lines().len()), (vec![0, 1], 3));
    // Of a list without an end so much is read, and whoever asks is told.
    let long = block_on(client(&server.url).part("/x", |_: &usize| true, |_| true)).unwrap();
    assert_eq!((long.entries.len(), long.is_cut), (PAGES, true));
    assert_eq!(server.lines().len(), 3 + PAGES);
    // It ends where the next part can begin, or where nobody has the patience.
    let last = 3 + PAGES + PAGES + 7;
    let further = block_on(client(&server.url).part("/x", |_: &usize| true, |number| *number >= last)).unwrap();
    assert_eq!((further.entries.last(), further.is_cut), (Some(&last), true));
    let longest = block_on(client(&server.url).part("/x", |_: &usize| true, |_| false)).unwrap();
    assert_eq!((longest.entries.len(), longest.is_cut), (MOST_PAGES, true));
}

#[test]
fn graphql_is_beside_the_api() {
    for (base, wanted) in [("", "post /graphql http/1.1"), ("/api/v3", "post /api/graphql http/1.1")] {
        let server = Server::start(|_| answer("200 OK", &[], "{\"data\":1}"));
        let client = client(&format!("{}{base}", server.url));
        assert_eq!(block_on(client.graphql(&json!({"query": "q"}))).unwrap()["data"], 1);
        assert_eq!(server.lines(), [wanted]);
        assert!(server.asked()[0].ends_with("{\"query\":\"q\"}"));
    }
}

#[test]
fn the_token_goes_to_its_host_and_into_no_message() {
    let elsewhere = Server::start(|_| answer("200 OK", &[], "{}"));
    let away = format!("{}/y", elsewhere.url);
    let server = Server::start(move |number| match number {
        0 => answer("307 Temporary Redirect", &[("location", "/moved")], ""),
        1 => answer("200 OK", &[], "{}"),
        _ => answer("307 Temporary Redirect", &[("location", &away)], ""),
    });
    let client = client(&server.url);
    get(&client, "/x").unwrap();
    let bearer = format!("authorization: bearer {}\r\n", token());
    assert!(server.asked().iter().all(|request| request.contains(&bearer)), "a repository that moved is the same host");
    get(&client, "/x").unwrap();
    assert_eq!(elsewhere.lines(), ["get /y http/1.1"]);
    assert!(!elsewhere.asked()[0].contains("authorization"), "{:?}", elsewhere.asked());

    let silent = |text: String| assert!(!text.contains("qqqq"), "{text}");
    silent(format!("{client:?}"));
    let nobody = self::client("http://127.0.0.1:1");
    let written: Result<Value, _> = block_on(nobody.write(http::Method::POST, "/x", &json!({})));
    let failed = written.unwrap_err();
    assert!(matches!(failed, ForgeError::Unavailable(_)), "{failed:?}");
    silent(format!("{failed} {failed:?}"));
    let answers = [
        ("401 Unauthorized", "{\"message\":\"Bad credentials\"}"),
        ("403 Forbidden", "{}"),
        ("404 Not Found", "{}"),
        ("422 Unprocessable Entity", "{}"),
        ("200 OK", "<html>"),
    ];
    for (status, body) in answers {
        let server = Server::start(move |_| answer(status, &[], body));
        let failed = get(&self::client(&server.url), "/x").unwrap_err();
        silent(format!("{failed} {failed:?}"));
    }
    for url in ["", "api.github.com", "http://", "/api/v3", "http://[::1", "a b"] {
        let failed = Client::new(url, &token(), Box::new(|| moment(0))).unwrap_err();
        silent(format!("{failed} {failed:?}"));
        assert!(failed.to_string().contains("no address of an API"), "{url}: {failed}");
    }
}

#[test]
fn answers_have_an_end() {
    let server = Server::start(|_| answer("200 OK", &[], &format!("\"{}\"", "x".repeat(API_BYTES))));
    let failed = get(&client(&server.url), "/x").unwrap_err();
    assert!(failed.to_string().contains("more than 10485760 bytes"), "{failed}");
}

/// The word of a query in the first line of a request.
fn word(request: &str, name: &str) -> Option<usize> {
    let line = request.lines().next()?.split(' ').nth(1)?;
    line.split_once('?')?.1.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

#[test]
fn a_page_that_is_too_large_is_read_in_smaller_ones_and_each_entry_once() {
    // Of 130 entries the last 25 are as long as GitHub lets anybody write, and one is longer than that.
    let server = Server::answering(|_, request| {
        let (size, page) = (word(request, "per_page").unwrap(), word(request, "page").unwrap_or(1));
        let from = (page - 1) * size;
        let entry = |number: usize| {
            let long = if number == 127 { 9_000_000 } else { 400_000 };
            json!([number, "x".repeat(if number < 105 { 1 } else { long })])
        };
        let entries: Vec<Value> = (from..(from + size).min(130)).map(entry).collect();
        let link = format!("<http://127.0.0.1/x?state=all&per_page={size}&page={}>; rel=\"next\"", page + 1);
        let links = [("link", link.as_str())];
        answer("200 OK", if from + size < 130 { &links } else { &[] }, &Value::from(entries).to_string())
    });
    let list = block_on(client(&server.url).list("/x?state=all", |_: &(usize, String)| true)).unwrap();
    assert_eq!(list.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..130).collect::<Vec<_>>());
    let asked: Vec<_> = server.lines().iter().map(|line| (word(line, "per_page"), word(line, "page"))).collect();
    let large = [(100, None), (100, Some(2)), (20, Some(6)), (20, Some(7)), (5, Some(25)), (5, Some(26))];
    let single = (126..=130).map(|page| (1, Some(page)));
    assert_eq!(asked, large.into_iter().chain(single).map(|(size, page)| (Some(size), page)).collect::<Vec<_>>());
}
