//! What the tools of agents may reach: the hosts that `network.allow` lists, and the addresses that nobody reaches by a name.
//! Lives here: reading an entry of the list, and whether a host, or an address that a name led to, is allowed. Never here:
//! looking a name up, connecting.
//! Start with [`Allow::permits`] and [`Allow::reaches`]: the one is asked before a name is looked up, the other after it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

/// The port of an entry that names none, which is that of https.
pub const USUAL_PORT: u16 = 443;

/// The hosts that may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    entries: Vec<Entry>,
}

/// One entry of the list: `host`, `*.host` or a literal address, and a port where it is not 443.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    host: Place,
    /// Whether it stands for every name below the host, and not for the host.
    below: bool,
    port: u16,
}

/// A host in its only spelling: lower case, names of other scripts as `xn--…`, no dot at the end, and an IPv4 address
/// never inside an IPv6 one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A name.
    Name(String),
    /// A literal address.
    Address(IpAddr),
}

impl Allow {
    /// The hosts of a list. What is no host allows nothing; the rule `settings-network` finds it.
    #[must_use]
    pub fn of(list: &[String]) -> Self {
        Self { entries: list.iter().filter_map(|text| entry(text).ok()).collect() }
    }

    /// Whether nothing may be reached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the list names this host with this port. A literal address is allowed only where it stands in the list
    /// itself. A name that is allowed may still lead to an address that is not: ask [`Self::reaches`] for each.
    #[must_use]
    pub fn permits(&self, host: &str, port: u16) -> bool {
        place(host).is_ok_and(|host| self.entries.iter().any(|entry| entry.port == port && entry.covers(&host)))
    }

    /// Whether a connection may go to an address that an allowed name led to: one of the public internet, or one that
    /// the list names itself. Without this a name would open the machine's own services, its network, and the address
    /// where a cloud hands out its keys.
    #[must_use]
    pub fn reaches(&self, address: IpAddr, port: u16) -> bool {
        let address = Place::Address(address.to_canonical());
        matches!(address, Place::Address(address) if is_public(address))
            || self.entries.iter().any(|entry| entry.port == port && entry.covers(&address))
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, entry) in self.entries.iter().enumerate() {
            write!(f, "{}{entry}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Entry {
    fn covers(&self, host: &Place) -> bool {
        match (&self.host, host) {
            (Place::Name(listed), Place::Name(asked)) if self.below => {
                asked.strip_suffix(listed.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (listed, asked) => listed == asked,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.host)?;
        if self.port == USUAL_PORT { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Reads an entry of the list.
///
/// # Errors
/// With what is wrong with it.
pub fn entry(text: &str) -> Result<Entry, &'static str> {
    let (below, rest) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
    if rest.parse::<Ipv6Addr>().is_ok() {
        // Its last group would be read as a port, or a port as its last group.
        return Err("an IPv6 address stands in brackets here");
    }
    let after = rest.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match rest[after..].find(':') {
        Some(at) => (&rest[..after + at], port(&rest[after + at + 1..])?),
        None => (rest, USUAL_PORT),
    };
    let host = place(host)?;
    match &host {
        // One star over a whole top-level domain would allow half of the internet.
        Place::Name(name) if below && !name.contains('.') => Err("a star stands below a whole top-level domain"),
        Place::Address(_) if below => Err("a star stands before an address"),
        _ => Ok(Entry { host, below, port }),
    }
}

fn port(text: &str) -> Result<u16, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| digits && port > 0).ok_or("the port is no number from 1 to 65535")
}

/// Brings a host into its only spelling, in which it can be compared. An IPv6 address may stand in brackets or not.
///
/// # Errors
/// With what is wrong with it.
pub fn place(host: &str) -> Result<Place, &'static str> {
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return Ok(Place::Address(IpAddr::V6(address).to_canonical()));
    }
    // What a browser would decode or leave out is refused instead: nobody has to write a host like that.
    let odd = |c: char| c.is_whitespace() || c.is_control() || "%/\\?#@*\"'<>^`{|}".contains(c);
    if host.is_empty() || host.len() > 1_000 || host.contains(odd) {
        return Err("it is no host name");
    }
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) => Ok(Place::Address(IpAddr::V4(address))),
        Ok(Host::Ipv6(address)) => Ok(Place::Address(IpAddr::V6(address).to_canonical())),
        Ok(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            if is_name(name) { Ok(Place::Name(name.to_owned())) } else { Err("it is no host name") }
        }
        Err(_) => Err("it is no host name"),
    }
}

fn is_name(name: &str) -> bool {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(fits)
}

/// Whether an address belongs to the public internet: not to this machine, a private network, a link, a cloud's own
/// services, a group, a test, or nobody.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    /// The registry of special addresses (RFC 6890 and later), and the address of Azure's own services.
    const SPECIAL: &[([u8; 4], u32)] = &[
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([168, 63, 129, 16], 32),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 3),
    ];
    let within = |(net, bits): &([u8; 4], u32)| (address.to_bits() ^ u32::from_be_bytes(*net)) >> (32 - bits) == 0;
    !SPECIAL.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        // A network that has only IPv6 reaches IPv4 through this prefix.
        let [[g, h], [i, j]] = [g.to_be_bytes(), h.to_be_bytes()];
        return is_public_v4(Ipv4Addr::new(g, h, i, j));
    }
    let tunnel = a == 0x2002 || (a == 0x2001 && b < 0x200);
    let example = (a == 0x2001 && b == 0xdb8) || (a == 0x3fff && b < 0x1000);
    a & 0xe000 == 0x2000 && !tunnel && !example
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn allow(list: &[&str]) -> Allow {
        Allow::of(&list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_host_is_allowed_in_each_of_its_spellings_and_nothing_beside_it() {
        let list =
            allow(&["docs.example", "*.example.com", "Bücher.example", "alt.example:8443", "10.0.0.5", "[::1]:80"]);
        let cases = [
            ("docs.example", 443, true),
            ("DOCS.example.", 443, true),
            ("docs.example..", 443, false),
            ("docs.example", 80, false),
            ("www.docs.example", 443, false),
            ("evildocs.example", 443, false),
            ("docs.example.evil.example", 443, false),
            ("a.example.com", 443, true),
            ("a.B.example.com", 443, true),
            ("example.com", 443, false),
            (".example.com", 443, false),
            ("evilexample.com", 443, false),
            ("xn--bcher-kva.example", 443, true),
            ("BÜCHER.example", 443, true),
            ("bucher.example", 443, false),
            ("alt.example", 8443, true),
            ("alt.example", 443, false),
            ("10.0.0.5", 443, true),
            ("10.0.0.6", 443, false),
            ("167772165", 443, true),
            ("::ffff:10.0.0.5", 443, true),
            ("[::1]", 80, true),
            ("::1", 80, true),
            ("[0:0::1]", 80, true),
            ("::1", 443, false),
            ("docs.example@evil.example", 443, false),
            ("docs.example/", 443, false),
            ("docs%2eexample", 443, false),
            ("docs.example\0", 443, false),
            ("do\u{ad}cs.example", 443, true),
            ("", 443, false),
            ("*.example.com", 443, false),
        ];
        for (host, port, expected) in cases {
            assert_eq!(list.permits(host, port), expected, "{host:?} {port}");
        }
        let said = "docs.example, *.example.com, xn--bcher-kva.example, alt.example:8443, 10.0.0.5, [::1]:80";
        assert_eq!(list.to_string(), said);
        assert!(!allow(&[]).permits("docs.example", 443) && allow(&[]).is_empty());
    }

    #[test]
    fn what_is_no_entry_allows_nothing_and_says_why() {
        let long = format!("{}.example", "a".repeat(64));
        let cases = [
            ("", "no host"),
            ("*", "no host"),
            ("*.", "no host"),
            ("*.com", "top-level"),
            ("*.1.2.3.4", "address"),
            ("a.*.com", "no host"),
            ("https://docs.example", "port"),
            ("docs.example/api", "no host"),
            ("docs.example:", "port"),
            ("docs.example:0", "port"),
            ("docs.example:+443", "port"),
            ("docs.example:65536", "port"),
            ("::1", "brackets"),
            ("fd00::7:443", "brackets"),
            ("[::1", "port"),
            ("user@docs.example", "no host"),
            ("two words", "no host"),
            ("-a.example", "no host"),
            ("1.2.3.256", "no host"),
            (&long, "no host"),
        ];
        for (text, why) in cases {
            let said = entry(text).map(|entry| entry.to_string());
            assert!(said.as_ref().is_err_and(|said| said.contains(why)), "{text:?}: {said:?}");
        }
        assert!(allow(&["*.com", "docs.example:0"]).is_empty());
    }

    #[test]
    fn a_name_leads_to_the_public_internet_or_to_an_address_that_is_listed() {
        let list = allow(&["intranet.example", "10.0.0.5", "[fd00::7]:8443"]);
        let public = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"];
        for address in public {
            assert!(list.reaches(address.parse().unwrap(), 443), "{address}");
        }
        let special = [
            "0.0.0.0",
            "10.0.0.6",
            "100.100.100.200",
            "127.0.0.1",
            "127.9.9.9",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ];
        for address in special {
            assert!(!list.reaches(address.parse().unwrap(), 443), "{address}");
        }
        assert!(list.reaches("10.0.0.5".parse().unwrap(), 443));
        assert!(!list.reaches("10.0.0.5".parse().unwrap(), 80), "listed with another port");
        assert!(list.reaches("fd00::7".parse().unwrap(), 8443));
        assert!(allow(&["1.1.1.1"]).reaches("9.9.9.9".parse().unwrap(), 80));
    }
}
