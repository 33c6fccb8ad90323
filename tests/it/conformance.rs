//! Promise: what comes in at the WebSocket is taken as RFC 6455 says, however it is cut.
//! Lives here: frames and handshakes, and what has to come back. Never here: limits of our own but the length of a message
//! (see [`crate::stream_limits`]).

use std::io::{Read as _, Write as _};

use monkeytown::serve::{close, frame};

use crate::station::{Station, closed, masked, rest};
use crate::village::Village;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;
/// The bit of the last piece, which the five above have.
const FIN: u8 = 0x80;
/// The longest message that is taken.
const LONGEST: usize = 16 * 1024;

/// Frames that come in, what they are called, and what has to come back.
struct Row {
    name: String,
    bytes: Vec<u8>,
    back: Back,
}

/// What comes back: the payloads of pongs, and the code of the close; none where that has no payload.
type Back = (Vec<Vec<u8>>, Option<u16>);

/// Nothing is wrong: what follows is heard.
fn fine(name: impl Into<String>, frames: &[Vec<u8>]) -> Row {
    ponged(name, frames, &[])
}

/// Nothing is wrong, and these are the answers to pings.
fn ponged(name: impl Into<String>, frames: &[Vec<u8>], pongs: &[&[u8]]) -> Row {
    let pongs = pongs.iter().copied().chain([STILL]).map(<[u8]>::to_vec).collect();
    Row { name: name.into(), bytes: frames.concat(), back: (pongs, Some(1000)) }
}

/// It ends with this code, and what follows is not heard.
fn ends(name: impl Into<String>, frames: &[Vec<u8>], code: u16) -> Row {
    Row { name: name.into(), bytes: frames.concat(), back: (Vec::new(), Some(code)) }
}

fn broken(name: impl Into<String>, frames: &[Vec<u8>]) -> Row {
    ends(name, frames, close::PROTOCOL)
}

/// The ping that follows every row, and the close after it.
const STILL: &[u8] = b"still here";

fn text(payload: &[u8]) -> Vec<u8> {
    masked(TEXT, payload)
}

/// A message in pieces.
fn pieces(kind: u8, payloads: &[&[u8]]) -> Vec<u8> {
    let last = payloads.len() - 1;
    let piece = |(at, payload): (usize, &&[u8])| {
        let (kind, fin) = (if at == 0 { kind & !FIN } else { 0 }, if at == last { FIN } else { 0 });
        masked(kind | fin, payload)
    };
    payloads.iter().enumerate().flat_map(piece).collect()
}

fn closing(code: u16, reason: &[u8]) -> Vec<u8> {
    masked(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// §5.2: the length of a payload in each of its three shapes, and the mask.
fn framing() -> Vec<Row> {
    let mut rows = Vec::new();
    for (kind, name) in [(TEXT, "text"), (BINARY, "binary")] {
        for length in [0, 1, 125, 126, 127, 128, 255, 256, LONGEST - 1, LONGEST] {
            rows.push(fine(format!("{name} of {length}"), &[masked(kind, &vec![b'a'; length])]));
        }
        for length in [LONGEST + 1, 65_535, 65_536] {
            rows.push(ends(format!("{name} of {length}"), &[masked(kind, &vec![b'a'; length])], close::TOO_BIG));
        }
    }
    // Frames whose payload never comes: the length alone is enough.
    for (name, length) in [("most", u64::MAX), ("top bit", 1 << 63), ("4 GiB", 1 << 32)] {
        let header = [&[TEXT, 0xFF], &length.to_be_bytes()[..], &[1, 2, 3, 4]].concat();
        rows.push(ends(format!("64-bit length: {name}"), &[header], close::TOO_BIG));
    }
    let half = vec![b'a'; LONGEST / 2];
    rows.extend([
        fine("so much in pieces", &[pieces(TEXT, &[&half, &half])]),
        ends("one byte more in pieces", &[pieces(TEXT, &[&half, &half, b"a"])], close::TOO_BIG),
        ends(
            "one byte more, and the end is not there",
            &[masked(0x01, &half), masked(0x00, &[0; LONGEST])],
            close::TOO_BIG,
        ),
        fine("several", &[text(b"a"), masked(BINARY, &[0xFF]), text(b"")]),
        fine("masked with nothing", &[vec![TEXT, 0x82, 0, 0, 0, 0, b'h', b'i']]),
        broken("unmasked text", &[frame::text(b"hello")]),
        broken("unmasked and empty", &[frame::text(b"")]),
        broken("unmasked binary", &[vec![BINARY, 1, 0]]),
        broken("unmasked ping", &[frame::PING.to_vec()]),
        broken("unmasked close", &[frame::close(1000, "")]),
        broken("unmasked after masked", &[text(b"a"), frame::text(b"b")]),
    ]);
    rows
}

/// §5.5.2, §5.5.3: a pong has the payload of its ping, and nobody has to have asked for one.
fn pings() -> Vec<Row> {
    let (many, long) = ((0..10).map(|at| vec![b'p', at]).collect::<Vec<_>>(), [0xFE; 125]);
    let sent: Vec<Vec<u8>> = many.iter().map(|payload| masked(PING, payload)).collect();
    let answers: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    vec![
        ponged("empty ping", &[masked(PING, b"")], &[b""]),
        ponged("ping", &[masked(PING, b"hello")], &[b"hello"]),
        ponged("ping of any bytes", &[masked(PING, &[0, 0xFF, 0xFE, 0xC0])], &[&[0, 0xFF, 0xFE, 0xC0]]),
        ponged("ping of 125", &[masked(PING, &long)], &[&long]),
        broken("ping of 126", &[masked(PING, &[0; 126])]),
        broken("pong of 126", &[masked(PONG, &[0; 126])]),
        fine("pong that nobody asked for", &[masked(PONG, b"")]),
        fine("pong with a payload", &[masked(PONG, b"hello")]),
        ponged("pong, and then a ping", &[masked(PONG, b"a"), masked(PING, b"b")], &[b"b"]),
        ponged("ten pings", &sent, &answers),
        broken("fragmented ping", &[masked(PING & !FIN, b"")]),
        broken("fragmented pong", &[masked(PONG & !FIN, b"a"), masked(FIN, b"b")]),
    ]
}

/// §5.2: bits and opcodes that no extension gives a meaning.
fn reserved() -> Vec<Row> {
    let mut rows = Vec::new();
    for bits in 1..8_u8 {
        for kind in [TEXT, BINARY, PING, PONG, CLOSE] {
            let wrong = masked(kind | bits << 4, b"");
            rows.push(broken(format!("reserved bits {bits} of {kind:#x}"), &[text(b"fine"), wrong]));
        }
        let within = [masked(0x01, b"a"), masked(FIN | bits << 4, b"b")];
        rows.push(broken(format!("reserved bits {bits} of a piece"), &within));
    }
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        for payload in [&b""[..], b"hello"] {
            let wrong = masked(FIN | opcode, payload);
            rows.push(broken(format!("opcode {opcode:#x} with {} bytes", payload.len()), &[text(b"fine"), wrong]));
        }
        let within = [masked(0x01, b"a"), masked(FIN | opcode, b"")];
        rows.push(broken(format!("opcode {opcode:#x} between pieces"), &within));
    }
    rows
}

/// §5.4: messages in pieces.
fn fragments() -> Vec<Row> {
    let ping = |payload: &[u8]| masked(PING, payload);
    let (first, more, last) = (masked(0x01, b"fragment1"), masked(0x00, b"fragment2"), masked(FIN, b"fragment3"));
    vec![
        fine("two pieces", &[first.clone(), last.clone()]),
        fine("three pieces", &[first.clone(), more.clone(), last.clone()]),
        fine("empty pieces", &[pieces(TEXT, &[b"", b"", b""]), pieces(BINARY, &[b"", b"a", b""])]),
        fine("binary in pieces", &[pieces(BINARY, &[&[0xFF], &[0xFE]])]),
        fine("one message after another", &[first.clone(), last.clone(), text(b"a"), first.clone(), last.clone()]),
        ponged("ping between", &[first.clone(), ping(b"a"), last.clone()], &[b"a"]),
        ponged("pings between", &[first.clone(), ping(b"a"), more.clone(), ping(b"b"), last.clone()], &[b"a", b"b"]),
        fine("pong between", &[first.clone(), masked(PONG, b"a"), last.clone()]),
        broken("the rest of nothing", std::slice::from_ref(&last)),
        broken("a piece of nothing", std::slice::from_ref(&more)),
        broken("a rest too much", &[first.clone(), last.clone(), last.clone()]),
        broken("a piece after a whole", &[text(b"a"), more.clone(), last.clone()]),
        broken("text between", &[first.clone(), text(b"a"), last.clone()]),
        broken("binary between", &[first.clone(), masked(BINARY, b"a"), last.clone()]),
        broken("another beginning", &[first.clone(), first.clone(), last.clone()]),
        Row {
            back: (vec![b"a".to_vec()], Some(close::PROTOCOL)),
            ..broken("ping, and then text between", &[first.clone(), ping(b"a"), text(b"b")])
        },
        Row { back: (Vec::new(), Some(1000)), ..fine("a close between", &[first, closing(1000, b"")]) },
    ]
}

/// §8.1: a text is UTF-8, as a whole and not piece by piece.
fn texts() -> Vec<Row> {
    let good: [&[u8]; 14] = [
        b"\0",
        b"\x7F",
        b"\xC2\x80",
        b"\xDF\xBF",
        b"\xE0\xA0\x80",
        b"\xED\x9F\xBF",
        b"\xEE\x80\x80",
        b"\xEF\xBF\xBD",
        b"\xEF\xBF\xBE",
        b"\xEF\xBB\xBFa",
        b"\xF0\x90\x80\x80",
        b"\xF0\x9F\x90\x92",
        b"\xF4\x8F\xBF\xBF",
        "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!".as_bytes(),
    ];
    let bad: [&[u8]; 22] = [
        b"\x80",
        b"\xBF",
        b"\xC0\xAF",
        b"\xC1\xBF",
        b"\xC2",
        b"\xC2a",
        b"\xE0\x80\xAF",
        b"\xE0\x9F\xBF",
        b"\xE2\x82",
        b"\xE2\x82a",
        b"\xED\xA0\x80",
        b"\xED\xAF\xBF\xED\xBF\xBF",
        b"\xED\xBF\xBF",
        b"\xF0\x80\x80\xAF",
        b"\xF0\x8F\xBF\xBF",
        b"\xF0\x9F\x92",
        b"\xF4\x90\x80\x80",
        b"\xF5\x80\x80\x80",
        b"\xF8\x88\x80\x80\x80",
        b"\xFC\x84\x80\x80\x80\x80",
        b"\xFE",
        b"\xFF",
    ];
    let mut rows = Vec::new();
    for payload in good {
        rows.push(fine(format!("{payload:x?}"), &[text(payload)]));
        let bytes: Vec<&[u8]> = payload.chunks(1).collect();
        rows.push(fine(format!("{payload:x?} in pieces of a byte"), &[pieces(TEXT, &bytes)]));
    }
    for payload in bad {
        rows.push(ends(format!("{payload:x?}"), &[text(payload)], close::NO_TEXT));
        rows.push(ends(format!("{payload:x?} among others"), &[text(&[b"a", payload, b"z"].concat())], close::NO_TEXT));
        let bytes: Vec<&[u8]> = payload.chunks(1).collect();
        rows.push(ends(format!("{payload:x?} in pieces of a byte"), &[pieces(TEXT, &bytes)], close::NO_TEXT));
        rows.push(fine(format!("{payload:x?} as binary"), &[masked(BINARY, payload)]));
        rows.push(ends(format!("{payload:x?} as a reason"), &[closing(1000, payload)], close::NO_TEXT));
    }
    rows
}

/// §5.5.1, §7.4: a close is answered, with its code where that is one; what comes after it is not heard.
fn closes() -> Vec<Row> {
    let answered =
        |name: String, frames: &[Vec<u8>], code: Option<u16>| Row { back: (Vec::new(), code), ..fine(name, frames) };
    let mut rows = Vec::new();
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        rows.push(answered(format!("close {code}"), &[closing(code, b"")], Some(code)));
        rows.push(answered(format!("close {code} with a reason"), &[closing(code, "f\u{fc}r".as_bytes())], Some(code)));
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        rows.push(broken(format!("close {code}"), &[closing(code, b"")]));
        rows.push(broken(format!("close {code} with a reason"), &[closing(code, b"why")]));
    }
    let (plain, longest) = (closing(1000, b""), vec![b'r'; 123]);
    rows.extend([
        answered("close without a code".to_owned(), &[masked(CLOSE, b"")], None),
        broken("close with half a code", &[masked(CLOSE, &[3])]),
        answered("the longest reason".to_owned(), &[closing(1000, &longest)], Some(1000)),
        broken("a reason of one byte more", &[closing(1000, &[&longest[..], b"r"].concat())]),
        broken("fragmented close", &[masked(CLOSE & !FIN, &1000_u16.to_be_bytes())]),
        answered("text after close".to_owned(), &[plain.clone(), text(b"a")], Some(1000)),
        answered("ping after close".to_owned(), &[plain.clone(), masked(PING, b"a")], Some(1000)),
        answered("close after close".to_owned(), &[plain.clone(), closing(1001, b"")], Some(1000)),
        answered("nonsense after close".to_owned(), &[plain, vec![0xFF; 100]], Some(1000)),
        Row {
            back: (vec![b"a".to_vec()], Some(1001)),
            ..fine("ping, close", &[masked(PING, b"a"), closing(1001, b"")])
        },
        answered("text, close".to_owned(), &[text(b"a"), closing(1001, b"")], Some(1001)),
    ]);
    rows
}

/// What came back until the server closed the connection: pongs and a close, beside what everybody is told.
fn back(frames: &[Vec<u8>]) -> Back {
    let (last, before) = frames.split_last().unwrap();
    let code = if last[..] == [CLOSE, 0] { None } else { Some(closed(frames).0) };
    let told = before.iter().filter(|frame| frame[0] != TEXT);
    let pong = |frame: &Vec<u8>| {
        assert_eq!(frame[0], PONG, "{frame:?}");
        frame::payload(frame).to_vec()
    };
    (told.map(pong).collect(), code)
}

/// Tries each row of a group: at once, together with the handshake, and byte by byte where it is not long.
fn hold(section: &str, rows: &[Row]) {
    let village = Village::small();
    let station = Station::open(&village);
    for Row { name, bytes, back: wanted } in rows {
        let bytes = [bytes.clone(), masked(PING, STILL), closing(1000, b"")].concat();
        let mut whole = station.raw("");
        // Who is let go early may find the rest not taken.
        let _ = whole.write_all(&bytes);
        assert_eq!(back(&rest(&mut whole)), *wanted, "{section}: {name}");
        let mut early = station.raw_with("", &bytes);
        assert_eq!(back(&rest(&mut early)), *wanted, "{section}: {name}, with the handshake");
        if bytes.len() < 1_024 {
            let mut slow = station.raw("");
            slow.set_nodelay(true).unwrap();
            for byte in bytes {
                let _ = slow.write_all(&[byte]);
            }
            assert_eq!(back(&rest(&mut slow)), *wanted, "{section}: {name}, byte by byte");
        }
    }
    station.close();
}

// covers: event-stream#each-limit-is-enforced-and-named/a-message-is-too-big
#[test]
fn lengths_and_masks() {
    hold("§5.2", &framing());
}

#[test]
fn pings_and_pongs() {
    hold("§5.5.2", &pings());
}

// covers: event-stream#each-limit-is-enforced-and-named/a-frame-breaks-the-protocol
#[test]
fn reserved_bits_and_opcodes() {
    hold("§5.2", &reserved());
}

#[test]
fn messages_in_pieces() {
    hold("§5.4", &fragments());
}

// covers: event-stream#each-limit-is-enforced-and-named/a-frame-breaks-the-protocol
#[test]
fn texts_are_utf_8() {
    hold("§8.1", &texts());
}

#[test]
fn closes_and_their_codes() {
    hold("§7.4", &closes());
}

/// A request to open a WebSocket, from its first line on.
struct Shake {
    first: &'static str,
    headers: Vec<(&'static str, &'static str)>,
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

impl Shake {
    fn usual() -> Self {
        let headers = vec![
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
        ];
        Self { first: "GET /ws HTTP/1.1", headers }
    }

    /// The usual one, with another value of a header; none leaves it out.
    fn with(name: &str, value: Option<&'static str>) -> Self {
        let mut shake = Self::usual();
        match value {
            None => shake.headers.retain(|(known, _)| *known != name),
            Some(value) => {
                shake.headers.iter_mut().filter(|(known, _)| *known == name).for_each(|header| header.1 = value)
            }
        }
        shake
    }

    fn and(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn first(first: &'static str) -> Self {
        Self { first, ..Self::usual() }
    }

    /// The head of the answer.
    fn answer(&self, station: &Station) -> String {
        let mut request = format!("{}\r\nhost: {}\r\n", self.first, station.address);
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = crate::station::connect(station.address);
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).unwrap() == 0 {
                break;
            }
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    }
}

/// §4.2: who is let in, and what others are answered.
#[test]
fn handshakes() {
    let village = Village::small();
    let station = Station::open(&village);
    let usual = Shake::usual;
    let lower = |shake: Shake| Shake {
        headers: shake.headers.iter().map(|(name, value)| (&*name.to_ascii_lowercase().leak(), *value)).collect(),
        ..shake
    };
    let cases = [
        ("as in §1.3", usual(), 101),
        ("names in lower case", lower(usual()), 101),
        ("upgrade in other case", Shake::with("Upgrade", Some("WebSocket")), 101),
        ("connection in other case", Shake::with("Connection", Some("keep-alive, UPGRADE")), 101),
        ("two headers of a connection", usual().and("Connection", "keep-alive"), 101),
        ("an extension is offered", usual().and("Sec-WebSocket-Extensions", "permessage-deflate"), 101),
        ("a protocol is offered", usual().and("Sec-WebSocket-Protocol", "chat, superchat"), 101),
        ("no upgrade", Shake::with("Upgrade", None), 426),
        ("another upgrade", Shake::with("Upgrade", Some("h2c")), 426),
        ("no connection", Shake::with("Connection", None), 426),
        ("another connection", Shake::with("Connection", Some("keep-alive")), 426),
        ("HTTP/1.0", Shake::first("GET /ws HTTP/1.0"), 426),
        ("no version", Shake::with("Sec-WebSocket-Version", None), 400),
        ("version 8", Shake::with("Sec-WebSocket-Version", Some("8")), 400),
        ("version 130", Shake::with("Sec-WebSocket-Version", Some("130")), 400),
        ("no key", Shake::with("Sec-WebSocket-Key", None), 400),
        ("an empty key", Shake::with("Sec-WebSocket-Key", Some("")), 400),
        ("two keys", usual().and("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEA=="), 400),
        ("the key twice", usual().and("Sec-WebSocket-Key", KEY), 400),
        ("a key of 15 bytes", Shake::with("Sec-WebSocket-Key", Some("AQIDBAUGBwgJCgsMDQ4P")), 400),
        ("a key of 17 bytes", Shake::with("Sec-WebSocket-Key", Some("AQIDBAUGBwgJCgsMDQ4PEBE=")), 400),
        ("a key that is not base64", Shake::with("Sec-WebSocket-Key", Some("?QIDBAUGBwgJCgsMDQ4PEA==")), 400),
        ("POST", Shake::first("POST /ws HTTP/1.1"), 405),
        ("HEAD", Shake::first("HEAD /ws HTTP/1.1"), 426),
    ];
    for (name, shake, status) in cases {
        let answer = shake.answer(&station);
        assert_eq!(answer.split(' ').nth(1), Some(&*status.to_string()), "{name}: {answer}");
        let accepted = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n";
        assert_eq!(answer.contains(accepted), status == 101, "{name}: {answer}");
        assert!(!answer.contains("sec-websocket-extensions") && !answer.contains("sec-websocket-protocol"), "{answer}");
        let of_version = name.contains("version");
        assert_eq!(answer.contains("sec-websocket-version: 13\r\n"), of_version, "{name}: {answer}");
        assert_eq!(answer.contains("upgrade: websocket\r\n"), matches!(status, 101 | 426), "{name}: {answer}");
    }
    station.close();
}
