//! The page, from inside the program.
//! Lives here: finding a file of it, its type and how long it may be kept. Never here: what the page does (see `web/`), and how it
//! is built (see `build.rs`).

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// What `build.rs` built.
pub struct Page {
    /// Its files; none where it could not be built.
    pub files: &'static [Asset],
    /// Why it could not be built.
    pub missing: &'static str,
}

/// A file of the page.
pub struct Asset {
    /// Its path below the page, as in `assets/index-Bx3.js`.
    pub path: &'static str,
    /// What stands in it.
    pub bytes: &'static [u8],
    /// The same packed, where that saves something.
    pub gzip: Option<&'static [u8]>,
}

/// The page that this program carries.
pub const PAGE: Page = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What the page says of how it is served, and what it says where nobody answers it.
const SERVED: &str = r#"<meta name="monkeytown" content="served""#;
const STATIC: &str = r#"<meta name="monkeytown" content="static""#;

/// What the page may do, wherever it is. A header adds whom it may ask, and that nobody frames it; both hold where both say something.
pub const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; \
                          require-trusted-types-for 'script'";

/// What is shown where the program was built without the page.
const PLAIN: &str = include_str!("plain.html");

/// Names of the contents, in the order of the files.
static TAGS: LazyLock<Vec<String>> =
    LazyLock::new(|| PAGE.files.iter().map(|file| blake3::hash(file.bytes).to_hex()[..32].to_owned()).collect());

impl Asset {
    /// Its content type.
    fn kind(&self) -> &'static str {
        match self.path.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("json" | "map") => "application/json",
            Some("svg") => "image/svg+xml",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }

    /// A name with a hash of what stands in the file stands for nothing else, ever.
    fn caching(&self) -> &'static str {
        if self.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
    }
}

/// Answers with a file of the page. The page has its places behind `#`, so that every other path is a mistake.
#[must_use]
pub fn answer(path: &str, headers: &HeaderMap) -> Response {
    let name = match path.strip_prefix('/') {
        Some("" | "index.html") => "index.html",
        Some(name) => name,
        None => path,
    };
    match PAGE.files.iter().zip(TAGS.iter()).find(|(file, _)| file.path == name) {
        Some((file, tag)) => sent(file, tag, headers),
        None if name == "index.html" => plain(PAGE.missing),
        None => Problem::not_found(format!("no {path} here")).into_response(),
    }
}

/// What all files of the page weigh as they go over the wire, in bytes; none where the program has no page.
#[must_use]
pub fn weight() -> Option<usize> {
    weight_of(PAGE.files)
}

fn weight_of(files: &[Asset]) -> Option<usize> {
    (!files.is_empty()).then(|| files.iter().map(|file| file.gzip.unwrap_or(file.bytes).len()).sum())
}

/// The files of the page for a host that only hands them out, with their paths. Such a host packs for itself.
#[must_use]
pub fn exported() -> Vec<(&'static str, Cow<'static, [u8]>)> {
    if PAGE.files.is_empty() {
        return vec![("index.html", Cow::Owned(explained(PAGE.missing).into_bytes()))];
    }
    // Such a host may send no header, so the page says itself what it may do. A server of ours names those of its town in a header,
    // and a page that named none would not ask them.
    let alone =
        format!(r#"<meta http-equiv="Content-Security-Policy" content="{POLICY}; connect-src 'self'" />{STATIC}"#);
    let told = |file: &'static Asset| match std::str::from_utf8(file.bytes) {
        Ok(text) if file.path == "index.html" => Cow::Owned(text.replacen(SERVED, &alone, 1).into_bytes()),
        _ => Cow::Borrowed(file.bytes),
    };
    PAGE.files.iter().map(|file| (file.path, told(file))).collect()
}

/// The plain page, with the reason why it is so plain.
fn plain(why: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
    (StatusCode::OK, kind, explained(why)).into_response()
}

fn explained(why: &str) -> String {
    let escaped = why.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    PLAIN.replace("{{why}}", &escaped)
}

fn sent(file: &Asset, tag: &str, headers: &HeaderMap) -> Response {
    let packed = file.gzip.filter(|_| takes_gzip(headers));
    // What is packed differs in its bytes, and so in its name.
    let tag = if packed.is_some() { format!("\"{tag}-gzip\"") } else { format!("\"{tag}\"") };
    let unchanged = super::tag::is_known(headers, &tag);
    let body = if unchanged { &[] } else { packed.unwrap_or(file.bytes) };
    let mut response = body.into_response();
    let told = response.headers_mut();
    if unchanged {
        told.remove(header::CONTENT_TYPE);
    } else {
        told.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind()));
    }
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static(file.caching()));
    if file.gzip.is_some() {
        told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if packed.is_some() && !unchanged {
        told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        told.insert(header::ETAG, tag);
    }
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response
}

/// The parts of a header with commas.
fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Whether the client unpacks gzip, and did not say that it would rather not.
fn takes_gzip(headers: &HeaderMap) -> bool {
    listed(headers, header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::town::limits;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    const FILE: Asset = Asset { path: "assets/a-1.js", bytes: b"plain", gzip: Some(b"packed") };

    #[test]
    fn a_hashed_file_is_kept_for_ever_and_sent_packed_to_who_takes_it() {
        let got = sent(&FILE, "t", &headers(&[(header::ACCEPT_ENCODING, "br, gzip;q=0.5")]));
        assert_eq!(got.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(got.headers()[header::ETAG], "\"t-gzip\"");
        assert_eq!(got.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        for refused in ["gzip;q=0", "br", "", "gzip; q=0.0", "xgzip"] {
            let got = sent(&FILE, "t", &headers(&[(header::ACCEPT_ENCODING, refused)]));
            assert!(!got.headers().contains_key(header::CONTENT_ENCODING), "{refused}");
            assert_eq!(got.headers()[header::VARY], "accept-encoding");
        }
    }

    #[test]
    fn the_page_weighs_what_goes_over_the_wire() {
        let small = Asset { path: "assets/b-1.css", bytes: b"small", gzip: None };
        assert_eq!(weight_of(&[FILE, small]), Some("packed".len() + "small".len()));
        assert_eq!(weight_of(&[]), None);
        assert!(weight().is_none_or(|bytes| bytes <= limits::PAGE_BYTES), "{:?} bytes are too many", weight());
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let asked = [(header::ACCEPT_ENCODING, "gzip"), (header::IF_NONE_MATCH, "\"x\", W/\"t-gzip\"")];
        let got = sent(&FILE, "t", &headers(&asked));
        assert_eq!(got.status(), StatusCode::NOT_MODIFIED);
        assert!(!got.headers().contains_key(header::CONTENT_ENCODING) && got.headers().contains_key(header::ETAG));
        // The bytes that it has are the packed ones, and now it wants the others.
        assert_eq!(sent(&FILE, "t", &headers(&asked[1..])).status(), StatusCode::OK);
    }

    #[test]
    fn a_path_that_is_no_file_is_not_the_page() {
        for path in ["/nope", "/assets/../index.html", "//index.html", "/index.html.gz", "/assets/"] {
            assert_eq!(answer(path, &HeaderMap::new()).status(), StatusCode::NOT_FOUND, "{path}");
        }
        let page = answer("/", &HeaderMap::new());
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    }

    #[test]
    fn an_exported_page_is_told_that_nobody_answers_it() {
        let files = exported();
        let text =
            |path: &str| String::from_utf8(files.iter().find(|(name, _)| *name == path).unwrap().1.to_vec()).unwrap();
        let index = text("index.html");
        assert_eq!((index.matches(STATIC).count(), index.contains(SERVED)), (PAGE.files.len().min(1), false));
        let policy = format!("content=\"{POLICY}; connect-src 'self'\"");
        assert_eq!(index.matches(&policy).count(), PAGE.files.len().min(1));
        let served = PAGE.files.iter().find(|file| file.path == "index.html");
        assert!(served.is_none_or(|file| !String::from_utf8_lossy(file.bytes).contains("Content-Security-Policy")));
        for file in PAGE.files.iter().filter(|file| file.path != "index.html") {
            assert!(files.iter().any(|(path, bytes)| *path == file.path && **bytes == *file.bytes), "{}", file.path);
        }
    }

    #[test]
    fn the_plain_page_says_why_it_is_plain() {
        assert!(PLAIN.contains("{{why}}"));
        assert_eq!(PAGE.missing.is_empty(), !PAGE.files.is_empty());
    }
}
