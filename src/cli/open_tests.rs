//! Which repository an address means, and where GitHub is.

use super::*;

#[test]
fn the_repository_is_read_out_of_every_form_of_address() {
    let cases = [
        ("https://github.com", "https://github.com/acme/smalltown", Some("acme/smalltown")),
        ("https://github.com", "https://github.com/acme/smalltown.git", Some("acme/smalltown")),
        ("https://github.com", "https://github.com/acme/smalltown/", Some("acme/smalltown")),
        ("https://github.com/", "https://GitHub.com/Acme/SmallTown.git", Some("Acme/SmallTown")),
        ("https://github.com", "HTTPS://github.com/acme/smalltown", Some("acme/smalltown")),
        ("https://github.com", "https://somebody@github.com/acme/smalltown", Some("acme/smalltown")),
        ("https://github.com", "https://github.com:443/acme/smalltown", Some("acme/smalltown")),
        ("https://github.com", "git://github.com/acme/smalltown.git", Some("acme/smalltown")),
        ("https://github.com", "ssh://git@github.com/acme/smalltown.git", Some("acme/smalltown")),
        ("https://github.com", "SSH://git@github.com:22/acme/smalltown.git", Some("acme/smalltown")),
        ("https://github.com", "ssh://git@ssh.github.com:443/acme/smalltown.git", Some("acme/smalltown")),
        ("https://github.com", "git@github.com:acme/smalltown.git", Some("acme/smalltown")),
        ("https://github.com", "git@GITHUB.com:/acme/smalltown", Some("acme/smalltown")),
        ("https://github.com", "github.com:acme/small.town", Some("acme/small.town")),
        // A server with a port: HTTP must have the same, SSH has one of its own.
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000/acme/smalltown.git", Some("acme/smalltown")),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3001/acme/smalltown.git", None),
        ("https://git.example.com:8443", "ssh://git@git.example.com:2222/acme/smalltown", Some("acme/smalltown")),
        ("https://git.example.com:8443", "git@git.example.com:acme/smalltown", Some("acme/smalltown")),
        ("https://git.example.com:8443", "https://git.example.com/acme/smalltown", None),
        // Other hosts, and what only looks alike.
        ("https://github.com", "https://gitlab.com/acme/smalltown", None),
        ("https://github.com", "https://github.com.example.com/acme/smalltown", None),
        ("https://github.com", "https://github.com@example.com/acme/smalltown", None),
        ("https://github.com", "https://example.com/github.com/acme/smalltown", None),
        ("https://github.com", "git@example.com:acme/smalltown.git", None),
        ("https://git.example.com", "git@ssh.github.com:acme/smalltown.git", None),
        // No `owner/name`.
        ("https://github.com", "https://github.com/acme", None),
        ("https://github.com", "https://github.com/acme/.git", None),
        ("https://github.com", "https://github.com/acme/group/smalltown", None),
        ("https://github.com", "https://github.com//smalltown", None),
        ("https://github.com", "https://github.com", None),
        ("https://github.com", "git@github.com:smalltown", None),
        // No address at all.
        ("https://github.com", "/home/ada/smalltown", None),
        ("https://github.com", "../smalltown.git", None),
        ("https://github.com", "file:///github.com/acme/smalltown", None),
        ("https://github.com", "C:\\towns\\smalltown", None),
        ("https://github.com", "", None),
    ];
    for (server, url, wanted) in cases {
        assert_eq!(repository_of(url, server).as_deref(), wanted, "{url} on {server}");
    }
}

fn runner_of(server: &str) -> GithubEnv {
    GithubEnv { repository: None, api_url: None, server_url: server.to_owned(), event_name: None, run_id: None }
}

#[test]
fn the_server_is_where_the_runner_says_or_beside_the_api() {
    let here = "https://git.example.com";
    let cases = [
        (None, "https://github.com", "https://github.com"),
        (None, here, here),
        (Some("https://api.github.com"), "https://github.com", "https://github.com"),
        (Some("https://api.github.com/"), "https://github.com", "https://github.com"),
        // A town on github.com, worked on by a runner of another server: that one must not get the token.
        (Some("https://api.github.com"), here, "https://github.com"),
        (Some("https://git.example.com/api/v3"), "https://github.com", here),
        (Some("https://git.example.com/api/v3/"), "https://github.com", here),
        (Some("https://git.example.com:8443/api/v3"), here, "https://git.example.com:8443"),
        (Some("https://api.acme.ghe.com"), "https://github.com", "https://acme.ghe.com"),
        (Some("http://127.0.0.1:3000"), here, "http://127.0.0.1:3000"),
    ];
    for (api, runner, wanted) in cases {
        let env = runner_of(runner);
        let settings = GithubSettings { api_url: api.map(str::to_owned), ..GithubSettings::default() };
        assert_eq!(server(&env, &settings), wanted, "{api:?} on a runner of {runner}");
    }
    for (server, api) in [
        ("https://github.com", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://git.example.com", "https://git.example.com/api/v3"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000/api/v3"),
    ] {
        assert_eq!(api_of(server), api);
        let settings = GithubSettings { api_url: Some(api.to_owned()), ..GithubSettings::default() };
        assert_eq!(self::server(&runner_of("https://example.com"), &settings), server, "there and back");
    }
}
