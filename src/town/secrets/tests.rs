//! Cases and properties of the secret scanner. Secret-like text is put together at run time, so that no scanner
//! trips over this file.

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

/// Forty characters that look generated.
const BODY: &str = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6kL9n";

fn github() -> String {
    format!("ghp{}{}", "_", &BODY[..36])
}

fn rules_in(path: &str, text: &str) -> Vec<&'static str> {
    scan(path, text.as_bytes()).into_iter().map(|hit| hit.rule).collect()
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(rules_in("a.txt", text), expected, "{text}");
}

#[test]
fn raw_forms_are_found() {
    let long = format!("{BODY}{BODY}");
    let cases = [
        (github(), "github-token"),
        (format!("github{}{}", "_pat_", &long[..60]), "github-token"),
        (format!("gl{}{}", "pat-", &BODY[..20]), "gitlab-token"),
        (format!("AK{}{}", "IA", "Q3EGH5JK7MN2PR4T"), "aws-access-key"),
        (format!("aws_secret_access_key = {BODY}"), "aws-secret-key"),
        (format!("AI{}{}", "za", &BODY[..35]), "google-api-key"),
        (format!("xo{}{}", "xb-", "123456789012-abcdefABCDEF"), "slack-token"),
        (format!("sk-{}{BODY}", "ant-api03-"), "anthropic-key"),
        (format!("sk-{}{BODY}", "proj-"), "openai-key"),
        (format!("sk{}{BODY}", "-"), "openai-key"),
        (format!("sk{}{}", "_live_", &BODY[..24]), "stripe-key"),
        (format!("npm{}{}", "_", &BODY[..36]), "npm-token"),
        (format!("py{}{long}", "pi-"), "pypi-token"),
        (format!("hf{}{}", "_", &BODY[..34]), "hugging-face-token"),
        (format!("-----BEGIN RSA {} KEY-----\nMIIEpAIBAAKCAQEA7\n", "PRIVATE"), "private-key"),
        (format!("\"-----BEGIN {} KEY-----\\nMIIEvQIBADANBgkqhk\"", "PRIVATE"), "private-key"),
        (format!("ey{}.ey{}.{}", "JhbGciOiJIUzI1NiJ9", "JpZCI6InNvbWVib2R5In0", &BODY[..30]), "json-web-token"),
        (format!("https://mona:{}@git.invalid/x", "hunter2"), "password-in-url"),
        (format!("redis://:{}@cache.invalid", "s3cr3tpw"), "password-in-url"),
        (format!("api_key = \"{}\"", &BODY[..24]), "assigned-secret"),
        (format!("const TOKEN: &str = \"{}\";", &BODY[..24]), "assigned-secret"),
        (format!("export DB_PASSWORD={}", &BODY[..24]), "assigned-secret"),
        (format!("{{\"password\": \"{}\"}}", "p4ssW0rd!xyzAB"), "assigned-secret"),
    ];
    for (text, rule) in cases {
        check(&text, &[rule]);
    }
}

#[test]
fn examples_and_ordinary_text_are_left_alone() {
    let cases = [
        format!("AK{}IOSFODNN7EXAMPLE", "IA"),
        format!("ghp{}{}", "_", "x".repeat(36)),
        format!("ghp{}{}", "_", "a".repeat(40)),
        "api_key = \"${API_KEY}\"".to_owned(),
        "password: \"<your password here>\"".to_owned(),
        "token = \"YOUR-TOKEN-GOES-HERE-12345\"".to_owned(),
        "https://user:password@host.invalid".to_owned(),
        "https://user:${PASSWORD}@host.invalid".to_owned(),
        "postgres://app:app@localhost/app?x=y@z".replace("app:app", "postgres:postgres"),
        "let token = lexer.next_token_with_position_v2(input);".to_owned(),
        "token = self.parser_state_number_12.current".to_owned(),
        "secretary: \"Somebody-With-A-Long-Name\"".to_owned(),
        "risk-assessment-of-the-whole-undertaking-and-its-parts".to_owned(),
        "a PEM file starts with -----BEGIN PRIVATE KEY----- and ends".to_owned(),
        format!("checksum = \"{}\"", "0123456789abcdef".repeat(4)),
        "token_url = \"https://login.invalid/oauth2/v2.0/token\"".to_owned(),
    ];
    for text in cases {
        check(&text, &[]);
    }
    let lock = format!("token = \"{}\"", &BODY[..24]);
    assert_eq!(rules_in("Cargo.lock", &lock), [""; 0]);
}

#[test]
fn encoded_secrets_are_found() {
    let token = github();
    check(&format!("data: {}", STANDARD.encode(&token)), &["github-token"]);
    check(
        &format!("https://x.invalid/{}", URL_SAFE_NO_PAD.encode(format!("{{\"t\":\"{token}\"}}"))),
        &["github-token"],
    );
    // Wrapped at 64 columns, the secret across the wrap.
    let text = STANDARD.encode(format!("{}{token} and more text", "some words before it ".repeat(2)));
    let wrapped: Vec<String> = text.as_bytes().chunks(64).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
    let hits = scan("a.txt", format!("first\n{}\n", wrapped.join("\r\n")).as_bytes());
    assert_eq!(hits.iter().map(|hit| hit.rule).collect::<Vec<_>>(), ["github-token"]);
    assert!(hits[0].line >= 2 && hits[0].redacted.starts_with("ghp_…"), "{hits:?}");
    // Encoded twice is beyond the policy.
    check(&STANDARD.encode(STANDARD.encode(&token)), &[]);
}

#[test]
fn split_secrets_are_found() {
    let token = github();
    let (head, tail) = token.split_at(12);
    for text in [
        format!("x = \"{head}\"\n    \"{tail}\"\n"),
        format!("x = \"{head}\" +\n    \"{tail}\"\n"),
        format!("x = '{head}'\r\n    + '{tail}'\r\n"),
        format!("x = \"{head}\" . \"{tail}\""),
        format!("x = \"{head}\" \\\n b\"{tail}\""),
        format!("x={head}\\\n{tail}\n"),
    ] {
        let hits = scan("a.py", text.as_bytes());
        assert_eq!(hits.len(), 1, "{text}");
        assert_eq!((hits[0].rule, hits[0].line), ("github-token", 1), "{text}");
        assert_eq!(hits[0].end_line, 1 + usize::from(text.trim_end().contains('\n')), "{text}");
    }
    check(&format!("[\"{head}\", \"{tail}\"]"), &[]);
}

#[test]
fn a_hit_says_where_and_not_what() {
    let token = github();
    let hits = scan("a.txt", format!("one\nä {token}\n").as_bytes());
    let expected = SecretHit {
        rule: "github-token",
        line: 2,
        column: 3,
        end_line: 2,
        redacted: "ghp_… (40 characters)".to_owned(),
    };
    assert_eq!(hits, [expected]);
}

#[test]
fn hostile_content_is_only_content() {
    let huge_line = "eyJ".repeat(200_000);
    check(&huge_line, &[]);
    check(&"\"".repeat(100_000), &[]);
    let mut binary = vec![0_u8; 1000];
    binary.extend(github().into_bytes());
    binary.extend([0xFF; 100]);
    assert_eq!(scan("a.bin", &binary).len(), 1);
    let many = format!("{} ", github()).repeat(HITS + 50);
    assert_eq!(scan("a.txt", many.as_bytes()).len(), HITS);
}

// covers: outgoing#secrets-are-masked
#[test]
fn masks_what_is_known_and_what_is_found() {
    let known = ["hunter22".to_owned(), "short".to_owned(), "line one!\nline two!".to_owned()];
    let cases = [
        ("the password is hunter22.".to_owned(), "the password is ***.".to_owned()),
        ("short words stay".to_owned(), "short words stay".to_owned()),
        ("line two!".to_owned(), "***".to_owned()),
        (format!("x{}y", STANDARD.encode("hunter22").trim_end_matches('=')), "x***y".to_owned()),
        (format!("a {} b", github()), "a *** b".to_owned()),
        ("hunter22hunter22".to_owned(), "***".to_owned()),
    ];
    for (text, expected) in cases {
        assert_eq!(mask(&text, &known), expected);
    }
    let key = format!("-----BEGIN {0} KEY-----\n{BODY}\n{BODY}\n-----END {0} KEY-----\nafter", "PRIVATE");
    assert_eq!(mask(&key, &[]), "***\nafter");
}

proptest! {
    #[test]
    fn no_known_secret_survives(
        secrets in prop::collection::vec("[a-z*é]{6,9}", 1..4),
        parts in prop::collection::vec(("[a-z* é\n]{0,8}", 0_usize..4), 0..8),
    ) {
        let mut text = String::new();
        for (word, at) in &parts {
            text.push_str(word);
            text.push_str(&secrets[at % secrets.len()]);
        }
        let masked = mask(&text, &secrets);
        for secret in &secrets {
            prop_assert!(!masked.contains(secret.as_str()), "{masked:?} shows {secret:?}");
        }
    }

    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = (scan("a", &bytes), mask(&String::from_utf8_lossy(&bytes), &[]));
    }
}
