//! What a page says: its bytes made text, and HTML made readable.
//! Lives here: which kinds are text, the encoding, bounds on what HTML may do. Never here: where a page comes from.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use tokio::sync::oneshot;

/// Columns of text made of HTML; a paragraph is one line up to here.
const WIDTH: usize = 120;
/// How deep elements may lie in one another: what is made of them goes as deep into the stack.
const DEPTH: usize = 200;
/// Bytes in which HTML names its encoding, as browsers look for it.
const HEAD_BYTES: usize = 1024;

/// Whether text is to be expected.
///
/// # Errors
/// With what comes instead.
pub(super) fn readable(kind: &str) -> Result<(), String> {
    let kind = essence(kind);
    let (class, detail) = kind.split_once('/').unwrap_or((&kind, ""));
    let application = ["json", "xml", "xhtml+xml", "javascript", "yaml", "x-yaml", "toml", "x-ndjson", "x-sh"];
    let structured = ["+json", "+xml", "+yaml"].iter().any(|end| detail.ends_with(end));
    // Without a word about it the bytes themselves tell.
    if kind.is_empty() || class == "text" || (class == "application" && (structured || application.contains(&detail))) {
        return Ok(());
    }
    Err(format!("it is {}, and only text is shown", crate::town::text::one_line(&kind, 60)))
}

/// The text of a page, of which the end may be `cut` off. HTML has so much `time` to become text.
///
/// # Errors
/// With why it has none.
pub(super) async fn text(bytes: Vec<u8>, kind: &str, cut: bool, time: Duration) -> Result<String, String> {
    let html = matches!(essence(kind).as_str(), "text/html" | "application/xhtml+xml");
    let text = decode(&bytes, kind, html, cut);
    if text.contains('\0') {
        return Err(format!("it is binary ({} bytes), and only text is shown", bytes.len()));
    }
    if !html {
        return Ok(text);
    }
    // With each tag a parser of HTML looks through all elements that are open. Nobody waits longer than is sensible for a page
    // that makes use of it, and the thread ends with the piece that it is at.
    let given_up = GivenUp::default();
    let input = Input { text: Cursor::new(text.into_bytes()), given_up: Arc::clone(&given_up.0) };
    let (send, receive) = oneshot::channel();
    let work = move || drop(send.send(plain(input)));
    std::thread::Builder::new().name("html".to_owned()).spawn(work).map_err(|error| error.to_string())?;
    match tokio::time::timeout(time, receive).await {
        Ok(read) => read.map_err(|_| "its HTML cannot be read".to_owned())?,
        Err(_) => Err("its HTML takes too long to read".to_owned()),
    }
}

/// Says so to the thread when nobody waits for it any more.
#[derive(Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// HTML that breaks off when nobody waits for it any more.
struct Input {
    text: Cursor<Vec<u8>>,
    given_up: Arc<AtomicBool>,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given_up.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.text.read(buffer)
    }
}

fn plain(html: Input) -> Result<String, String> {
    let failed = |error| format!("its HTML cannot be read: {error}");
    let config = html2text::config::plain().no_table_borders();
    let dom = config.parse_html(html).map_err(failed)?;
    let mut level = vec![dom.document.clone()];
    for _ in 0..DEPTH {
        level = level.iter().flat_map(|node| node.children.borrow().clone()).collect();
    }
    if !level.is_empty() {
        return Err(format!("its elements lie more than {DEPTH} deep in one another"));
    }
    let tree = config.dom_to_render_tree(&dom).map_err(failed)?;
    config.render_to_string(tree, WIDTH).map_err(failed)
}

/// The kind without its parameters.
fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// By its first bytes, by what was said of it, by what HTML says itself, as UTF-8, or as what everybody wrote before.
fn decode(bytes: &[u8], kind: &str, html: bool, cut: bool) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    let said = kind.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        name.trim().eq_ignore_ascii_case("charset").then(|| Encoding::for_label(value.as_bytes()))?
    });
    let own = || Some(bytes).filter(|_| html).and_then(of_html);
    let guess =
        || if std::str::from_utf8(if cut { whole(bytes) } else { bytes }).is_ok() { UTF_8 } else { WINDOWS_1252 };
    said.or_else(own).unwrap_or_else(guess).decode_without_bom_handling(bytes).0.into_owned()
}

/// The bytes without a character that was cut off at their end.
fn whole(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

/// The encoding that HTML names in its head.
fn of_html(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_BYTES)]).to_ascii_lowercase();
    let (_, rest) = head.split_once("charset")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).next()?;
    // It was read as bytes, so it is none of two bytes for a character.
    Encoding::for_label(name.as_bytes()).map(|encoding| if encoding.is_ascii_compatible() { encoding } else { UTF_8 })
}
