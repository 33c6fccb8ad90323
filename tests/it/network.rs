//! The network that `network.allow` opens, under attack: what is listed is reached, and nothing beside it.
//! Lives here: the attempts that need a way out, numbered on from [`crate::sandbox`]; `docs/security.md` lists them. Never
//! here: what the list means (see `town::network`).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use monkeytown::tools::sandbox::{Kind, Outcome, PROXY_PORT, Place, Sandbox, Spec};
use monkeytown::town::network::Allow;

use crate::sandbox::{kinds, no_crowd, program, small};

/// A server outside; what each connection says first is told.
struct Server {
    port: u16,
    heads: Receiver<String>,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, heads) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let send = send.clone();
                std::thread::spawn(move || drop(send.send(serve(stream))));
            }
        });
        Self { port, heads }
    }

    /// Nobody came.
    #[track_caller]
    fn is_untouched(&self) {
        assert_eq!(self.heads.try_recv().ok(), None, "somebody connected");
    }
}

/// Reads a head, answers, and waits for the other side to go.
fn serve(mut stream: TcpStream) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap_or(0) > 2 {}
    let body = "this is outside";
    let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nkeep-alive: x\r\n\r\n{body}", body.len());
    let _ = reader.read_to_string(&mut String::new());
    head
}

fn run(kind: Kind, allow: &[String], command: &str) -> Outcome {
    let (_quiet, place) = (no_crowd(), Place::new().unwrap());
    let environment = [("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())];
    let spec = Spec {
        command,
        input: "",
        place: &place,
        environment: &environment,
        readable: &[],
        network: &Allow::of(allow),
        doors: &[],
        limits: small(),
    };
    Sandbox::new(program(), kind).run(&spec).unwrap()
}

/// Runs a program in Python that has a way to say things to the proxy; it must come to its end.
#[track_caller]
fn python(allow: &[String], attempt: &str) -> Option<(String, Vec<String>)> {
    if !kinds().contains(&Kind::Bubblewrap) {
        return None;
    }
    let head = "import os, socket\n\
                def say(text, more=b''):\n    s = socket.create_connection(('127.0.0.1', PROXY), 5)\n    s.settimeout(5)\n\
                \x20   s.sendall(text.encode())\n    said = b''\n    try:\n        while True:\n            part = s.recv(4096)\n            said += part\n\
                \x20           if not part: break\n            if more and b'\\r\\n\\r\\n' in said: s.sendall(more); more = b''\n\
                \x20           if b'outside' in said: break\n    except OSError as e: said += str(e).encode()\n    s.close()\n    print(repr(text[:40]), said.decode(), flush=True)\n";
    let program = format!("{}{attempt}\nprint('THE END')", head.replace("PROXY", &PROXY_PORT.to_string()));
    let outcome =
        run(Kind::Bubblewrap, allow, &format!("cat >attempt.py <<'END'\n{program}\nEND\npython3 attempt.py 2>&1"));
    let text = outcome.output.text();
    assert!(text.contains("THE END"), "it was not tried: {:?} {text}", outcome.report);
    Some((text, outcome.network))
}

fn listed(server: &Server) -> Vec<String> {
    vec![format!("127.0.0.1:{}", server.port), "allowed.invalid".to_owned()]
}

// covers: sandbox#the-network-is-a-list-of-names
#[test]
fn what_is_listed_is_reached_plain_and_through_a_tunnel() {
    let server = Server::new();
    let port = server.port;
    let attempt = format!(
        "say('GET http://127.0.0.1:{port}/a?b HTTP/1.1\\r\\nHost: elsewhere\\r\\nProxy-Authorization: x\\r\\nConnection: x-one\\r\\nX-One: 1\\r\\nX-Two: 2\\r\\n\\r\\n')\n\
         say('CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\nHost: elsewhere\\r\\n\\r\\n', b'GET /tunnel HTTP/1.1\\r\\n\\r\\n')\n\
         print(sorted((k, v) for k, v in os.environ.items() if 'proxy' in k.lower() or 'OFFLINE' in k))"
    );
    let Some((text, network)) = python(&listed(&server), &attempt) else { return };
    assert_eq!(text.matches("this is outside").count(), 2, "{text}");
    // What the server says of its connection to us is no business of the command's; in a tunnel nothing is changed.
    assert_eq!(text.matches("keep-alive: x").count(), 1, "{text}");
    let plain = server.heads.recv().unwrap().to_lowercase();
    assert!(plain.starts_with("get /a?b http/1.1") && plain.contains(&format!("host: 127.0.0.1:{port}")), "{plain}");
    assert!(plain.contains("x-two: 2") && !plain.contains("x-one") && !plain.contains("proxy-"), "{plain}");
    assert!(server.heads.recv().unwrap().starts_with("GET /tunnel"), "the tunnel changes nothing");
    for name in ["HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
        assert!(text.contains(&format!("('{name}', 'http://127.0.0.1:{PROXY_PORT}')")), "{text}");
    }
    assert!(text.contains("('no_proxy', 'localhost,127.0.0.1,::1')") && text.contains("'CARGO_NET_OFFLINE', 'false'"));
    assert_eq!(network, Vec::<String>::new());
}

// covers: sandbox#the-network-is-a-list-of-names/a-host-that-is-not-listed
#[test]
fn a31_reaching_a_host_that_is_not_listed() {
    let server = Server::new();
    let attempt = "say('CONNECT evil.invalid:443 HTTP/1.1\\r\\n\\r\\n')\nsay('CONNECT evil.invalid:443 HTTP/1.1\\r\\n\\r\\n')\n\
                   say('GET http://evil.invalid/ HTTP/1.1\\r\\nHost: evil.invalid\\r\\n\\r\\n')\n\
                   say('CONNECT x.allowed.invalid:443 HTTP/1.1\\r\\n\\r\\n')";
    let Some((text, network)) = python(&listed(&server), attempt) else { return };
    assert_eq!(text.matches("HTTP/1.1 403").count(), 4, "{text}");
    assert!(
        text.contains("evil.invalid:443 is not reached from here: network.allow in .monkeytown/town.yaml"),
        "{text}"
    );
    assert_eq!(network, ["network refused: evil.invalid:443 (2 times), evil.invalid:80, x.allowed.invalid:443"]);
}

#[test]
fn a32_reaching_this_machine_by_its_addresses() {
    let (server, other) = (Server::new(), Server::new());
    let port = other.port;
    let places =
        ["127.0.0.1", "[::1]", "0.0.0.0", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0x7f000001"];
    let attempts: String =
        places.iter().map(|place| format!("say('CONNECT {place}:{port} HTTP/1.1\\r\\n\\r\\n')\n")).collect();
    let direct = format!(
        "try:\n    socket.create_connection(('127.0.0.1', {port}), 2)\n    print('ESCAPED')\nexcept OSError as e: print(e)"
    );
    let Some((text, _)) = python(&listed(&server), &format!("{attempts}{direct}")) else { return };
    assert_eq!(text.matches("HTTP/1.1 403").count(), places.len(), "{text}");
    assert!(!text.contains("ESCAPED"), "{text}");
    other.is_untouched();
}

#[test]
fn a33_reaching_another_port_of_a_host_that_is_listed() {
    let (server, other) = (Server::new(), Server::new());
    let attempt = format!(
        "say('CONNECT 127.0.0.1:22 HTTP/1.1\\r\\n\\r\\n')\nsay('CONNECT 127.0.0.1:{} HTTP/1.1\\r\\n\\r\\n')\n\
         say('CONNECT allowed.invalid:22 HTTP/1.1\\r\\n\\r\\n')\nsay('GET http://allowed.invalid/ HTTP/1.1\\r\\n\\r\\n')",
        other.port
    );
    let Some((text, _)) = python(&listed(&server), &attempt) else { return };
    assert_eq!(text.matches("HTTP/1.1 403").count(), 4, "{text}");
    other.is_untouched();
}

#[test]
fn a34_smuggling_a_place_past_the_list() {
    let (server, other) = (Server::new(), Server::new());
    let (port, to) = (server.port, other.port);
    let attempts = [
        // The target counts, and no header.
        format!("say('CONNECT 127.0.0.1:{to} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n')"),
        format!("say('GET http://127.0.0.1:{to}/ HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n')"),
        // What stands before an @ is no host.
        format!("say('CONNECT 127.0.0.1:{port}@127.0.0.1:{to} HTTP/1.1\\r\\n\\r\\n')"),
        format!("say('GET http://127.0.0.1:{port}@127.0.0.1:{to}/ HTTP/1.1\\r\\n\\r\\n')"),
        format!("say('GET / HTTP/1.1\\r\\nHost: 127.0.0.1:{to}\\r\\n\\r\\n')"),
        format!("say('GET ftp://127.0.0.1:{port}/ HTTP/1.1\\r\\n\\r\\n')"),
        "say('CONNECT 127.0.0.1 HTTP/1.1\\r\\n\\r\\n')".to_owned(),
        "say('\\0\\x16\\x03\\x01' * 50)".to_owned(),
        // A second request behind the first, in the open and in a body of two lengths.
        format!(
            "say('GET http://127.0.0.1:{port}/one HTTP/1.1\\r\\n\\r\\nGET http://127.0.0.1:{to}/ HTTP/1.1\\r\\n\\r\\n')"
        ),
        format!(
            "say('POST http://127.0.0.1:{port}/two HTTP/1.1\\r\\nContent-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET http://127.0.0.1:{to}/ HTTP/1.1\\r\\n\\r\\n')"
        ),
    ];
    let Some((text, _)) = python(&listed(&server), &attempts.join("\n")) else { return };
    other.is_untouched();
    for (from, status) in [
        ("'CONNECT 127.0.0.1:", "403"),
        ("'GET / HTTP", "400"),
        ("'GET ftp:", "400"),
        ("'CONNECT 127.0.0.1 HTTP", "400"),
    ] {
        let line = text.lines().find(|line| line.contains(from)).unwrap_or_else(|| panic!("{from}: {text}"));
        assert!(line.contains(status), "{line}");
    }
    assert!(server.heads.try_iter().all(|head| head.matches("HTTP/1.1").count() == 1), "one request each");
}

#[test]
fn a35_using_the_door_for_something_else() {
    let server = Server::new();
    let attempt = "print(sorted(os.listdir('/run')))\n\
                   for call in [lambda: os.unlink('/run/door-3128'), lambda: os.rename('/run/door-3128', '/tmp/d'), lambda: os.chmod('/run/door-3128', 0o777), lambda: open('/run/door-3128', 'w'), lambda: os.link('/run/door-3128', '/tmp/l'), lambda: os.listdir('/run/door-3128/..//doors')]:\n\
                   \x20   try:\n        call()\n        print('ESCAPED')\n    except OSError as e: print(e)\n\
                   s = socket.socket(socket.AF_UNIX)\ns.connect('/run/door-3128')\n\
                   s.sendall(b'CONNECT evil.invalid:443 HTTP/1.1\\r\\n\\r\\n')\nprint(s.recv(999))";
    let Some((text, _)) = python(&listed(&server), attempt) else { return };
    assert!(text.contains("['door-3128', 'monkeytown']") && text.contains("HTTP/1.1 403"), "{text}");
    assert!(!text.contains("ESCAPED"), "{text}");
}

// covers: sandbox#the-network-is-a-list-of-names
#[test]
fn a36_leading_a_listed_name_to_this_machine() {
    let server = Server::new();
    // Whoever owns a name says where it leads; this one leads here on every machine.
    let attempt = format!(
        "say('CONNECT localhost:{0} HTTP/1.1\\r\\n\\r\\n', b'GET / HTTP/1.1\\r\\n\\r\\n')\nsay('GET http://LocalHost.:{0}/ HTTP/1.1\\r\\n\\r\\n')",
        server.port
    );
    let Some((text, network)) = python(&[format!("localhost:{}", server.port)], &attempt) else { return };
    assert_eq!(text.matches("the name leads to no public address").count(), 2, "{text}");
    assert!(network[0].starts_with("network refused: "), "{network:?}");
    server.is_untouched();
}

#[test]
fn a37_keeping_the_proxy_busy() {
    let server = Server::new();
    let attempt = format!(
        "held = []\nfor n in range(120):\n    try:\n        s = socket.create_connection(('127.0.0.1', {PROXY_PORT}), 5)\n        s.sendall(b'CONNECT 127.0.0.1:{0} HTTP/1.1\\r\\n\\r\\n' if n < 20 else b'GET ' + b'a' * 100)\n        held.append(s)\n    except OSError as e: pass\n\
         print('held', len(held) > 20, held[0].recv(99))\nheld[0].sendall(b'HELD open\\r\\n\\r\\n')\nprint(held[0].recv(99))",
        server.port
    );
    let Some((text, _)) = python(&listed(&server), &attempt) else { return };
    assert!(text.contains("held True b'HTTP/1.1 200"), "{text}");
    // With the command its tunnels end, or the server would not say what it heard.
    assert!((0..20).map(|_| server.heads.recv().unwrap()).any(|head| head.starts_with("HELD open")));
}

// covers: sandbox#the-network-is-a-list-of-names
#[test]
fn without_a_list_there_is_no_way_out_and_under_landlock_there_is_none_either() {
    let server = Server::new();
    let command = "env | grep -i -e proxy -e OFFLINE; ls /run; echo THE END";
    for kind in kinds() {
        let none = run(kind, &[], command);
        assert!(none.output.text().contains("CARGO_NET_OFFLINE=true") && !none.output.text().contains("PROXY"));
        assert!(!none.output.text().contains("door") && none.network.is_empty(), "{}", none.output.text());
    }
    if kinds().contains(&Kind::Landlock) {
        let asked = run(Kind::Landlock, &listed(&server), command);
        assert!(!asked.output.text().contains("PROXY") && asked.output.text().contains("THE END"));
        assert_eq!(asked.network, ["no network: under Landlock there are no sockets, so network.allow has no effect"]);
    }
}
