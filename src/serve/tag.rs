//! Entity tags (RFC 9110 section 8.8.3): answers that whoever asks has already.
//! Lives here: one comparison for all of them. Never here: what a tag is made of.

use axum::http::{HeaderMap, header};

/// Whether `If-None-Match` lists this tag, which stands in quotes, or `*`. The comparison is the weak one (RFC 9110 section
/// 13.1.2): a proxy that packs an answer makes its tag weak.
#[must_use]
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|known| {
        let strong = known.strip_prefix("W/").unwrap_or(known);
        known == "*" || strong == tag
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_weak_comparison_takes_lists_and_any() {
        let known = |said: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in said {
                headers.append(header::IF_NONE_MATCH, value.parse().unwrap());
            }
            is_known(&headers, "\"a:1\"")
        };
        for said in [&["\"a:1\""][..], &["W/\"a:1\""], &["*"], &["\"x\", W/\"a:1\""], &["\"x\"", "\"a:1\""]] {
            assert!(known(said), "{said:?}");
        }
        for said in [&[][..], &[""], &["a:1"], &["\"a:12\""], &["w/\"a:1\""], &["W/W/\"a:1\""], &["\"*\""]] {
            assert!(!known(said), "{said:?}");
        }
    }
}
