//! In which network an address lies: the internet, one at home, or none. Pure; nothing is resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network that an address lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// On the internet.
    Public,
    /// On this machine or in a network of somebody's own.
    Private,
    /// Nowhere that a request can be sent to.
    Nowhere,
}

/// Where that address lies. An IPv6 address that carries an IPv4 one lies where that lies.
pub fn of(address: IpAddr) -> Network {
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Network {
    match address.octets() {
        [0, ..] | [224..=255, ..] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Network::Nowhere
        }
        [10 | 127, ..]
        | [100, 64..=127, ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [192, 0, 0, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..] => Network::Private,
        _ => Network::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Network {
    let tail = |segments: [u16; 2]| {
        let [a, b] = segments.map(u16::to_be_bytes);
        of_v4(Ipv4Addr::new(a[0], a[1], b[0], b[1]))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Network::Nowhere,
        [0, 0, 0, 0, 0, 0, 0, 1] => Network::Private,
        // Mapped, compatible, translated (NAT64) and tunnelled (6to4) IPv4.
        [0, 0, 0, 0, 0, 0xffff | 0, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => tail([a, b]),
        [0x2002, a, b, ..] => tail([a, b]),
        [0x64, 0xff9b, ..] | [0xfc00..=0xfdff, ..] | [0xfe80..=0xfeff, ..] => Network::Private,
        [0x100, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0xff00..=0xffff, ..] => {
            Network::Nowhere
        }
        // Protocol assignments, Teredo among them: it hides an address that is not its own.
        [0x2001, 0..=0x1ff, ..] => Network::Nowhere,
        _ => Network::Public,
    }
}

/// The host of an address in text, if it lies at home as it is written: no delivery goes there
/// without leave. Other spellings, and names, are looked at when the connection is made.
pub fn private_host(url: &str) -> Option<&str> {
    let host = host(url)?;
    let private = host.parse().is_ok_and(|address| of(address) == Network::Private);
    (is_localhost(host) || private).then_some(host)
}

/// The host of an address in text.
pub fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let place = rest.split(['/', '?', '#']).next()?;
    match place.strip_prefix('[') {
        Some(inner) => inner.split(']').next(),
        None => place.split(':').next(),
    }
}

/// Whether an address in text is one of this machine's own.
pub fn is_this_machine(url: &str) -> bool {
    host(url).is_some_and(|host| {
        is_localhost(host) || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn network(text: &str) -> Network {
        of(text.parse().unwrap())
    }

    #[test]
    fn what_lies_on_the_internet_is_reached() {
        let all = ["1.1.1.1", "100.63.0.1", "172.32.0.1", "223.255.255.1", "2606:4700::1111"];
        for text in all.into_iter().chain(["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"])
        {
            assert_eq!(network(text), Network::Public, "{text}");
        }
    }

    #[test]
    fn what_lies_at_home_is_known_in_every_spelling() {
        let v4 = ["10.1.2.3", "127.0.0.1", "127.9.9.9", "100.64.0.1", "169.254.169.254"];
        let more = ["172.16.0.1", "172.31.255.255", "192.168.0.1", "198.18.0.1", "192.0.0.8"];
        let v6 = ["::1", "fc00::1", "fdff::1", "fe80::1", "fec0::1", "64:ff9b:1::1"];
        let carried = ["::ffff:127.0.0.1", "::ffff:a00:1", "::10.0.0.1", "2002:7f00:1::"];
        let nat = ["64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254"];
        for text in v4.into_iter().chain(more).chain(v6).chain(carried).chain(nat) {
            assert_eq!(network(text), Network::Private, "{text}");
        }
    }

    #[test]
    fn what_lies_nowhere_is_never_reached() {
        let v4 = ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1"];
        let v6 = ["::", "ff02::1", "2001:db8::1", "100::1", "2001::1", "::ffff:0.0.0.0"];
        for text in v4.into_iter().chain(v6) {
            assert_eq!(network(text), Network::Nowhere, "{text}");
        }
    }

    #[test]
    fn an_address_at_home_is_seen_as_it_is_written() {
        for (url, host) in [
            ("http://127.0.0.1:9/hook", Some("127.0.0.1")),
            ("https://[::1]/x", Some("::1")),
            ("http://localhost:9", Some("localhost")),
            ("http://chat.localhost/in", Some("chat.localhost")),
            ("https://10.0.0.5?x=1", Some("10.0.0.5")),
            ("https://chat.example.com/hook", None),
            ("https://1.1.1.1/hook", None),
            ("chat.example.com", None),
        ] {
            assert_eq!(private_host(url), host, "{url}");
        }
    }
}
