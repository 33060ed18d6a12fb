//! Which addresses a delivery may go to. A consumer's address is resolved once per connection,
//! every address that comes back is looked at, and the connection goes to those very ones: a name
//! that answers differently the next time changes nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Where an address lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On the internet.
    Public,
    /// On this machine or in a network of somebody's own.
    Private,
    /// Nowhere that a request can be sent to.
    Nowhere,
}

/// Where that address lies. An IPv6 address that carries an IPv4 one lies where that lies.
pub fn of(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [0, ..] | [224..=255, ..] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Reach::Nowhere
        }
        [10 | 127, ..]
        | [100, 64..=127, ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [192, 0, 0, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..] => Reach::Private,
        _ => Reach::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Reach {
    let tail = |segments: [u16; 2]| {
        let [a, b] = segments.map(u16::to_be_bytes);
        of_v4(Ipv4Addr::new(a[0], a[1], b[0], b[1]))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Nowhere,
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        // Mapped, compatible, translated (NAT64) and tunnelled (6to4) IPv4.
        [0, 0, 0, 0, 0, 0xffff | 0, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => tail([a, b]),
        [0x2002, a, b, ..] => tail([a, b]),
        [0x64, 0xff9b, ..] | [0xfc00..=0xfdff, ..] | [0xfe80..=0xfeff, ..] => Reach::Private,
        [0x100, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0xff00..=0xffff, ..] => {
            Reach::Nowhere
        }
        // Protocol assignments, Teredo among them: it hides an address that is not its own.
        [0x2001, 0..=0x1ff, ..] => Reach::Nowhere,
        _ => Reach::Public,
    }
}

/// Whether deliveries may go to that address.
///
/// # Errors
/// Why not, in words.
pub fn allowed(address: IpAddr, private_network: bool) -> Result<(), String> {
    match of(address) {
        Reach::Public => Ok(()),
        Reach::Private if private_network => Ok(()),
        Reach::Private => Err(format!(
            "{address} lies in a private network; `private_network: true` allows it by name"
        )),
        Reach::Nowhere => Err(format!("{address} is no address of a receiver")),
    }
}

/// Whether a host that is written as an address may be delivered to; names are looked at when they
/// are resolved.
///
/// # Errors
/// Why not, in words.
pub fn literal(url: &reqwest::Url, private_network: bool) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse().map_or(Ok(()), |address| allowed(address, private_network))
}

/// Resolves names, and refuses a name of which any address may not be delivered to.
#[derive(Debug, Clone, Copy)]
pub struct Guarded {
    /// Whether private networks are allowed.
    pub private_network: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let private_network = self.private_network;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            for address in &found {
                allowed(address.ip(), private_network)
                    .map_err(|why| format!("`{}`: {why}", name.as_str()))?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn reach(text: &str) -> Reach {
        of(text.parse().unwrap())
    }

    #[test]
    fn what_lies_on_the_internet_is_reached() {
        let all = ["1.1.1.1", "100.63.0.1", "172.32.0.1", "223.255.255.1", "2606:4700::1111"];
        for text in all.into_iter().chain(["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"])
        {
            assert_eq!(reach(text), Reach::Public, "{text}");
        }
    }

    #[test]
    fn what_lies_at_home_needs_leave_in_every_spelling() {
        let v4 = ["10.1.2.3", "127.0.0.1", "127.9.9.9", "100.64.0.1", "169.254.169.254"];
        let more = ["172.16.0.1", "172.31.255.255", "192.168.0.1", "198.18.0.1", "192.0.0.8"];
        let v6 = ["::1", "fc00::1", "fdff::1", "fe80::1", "fec0::1", "64:ff9b:1::1"];
        let carried = ["::ffff:127.0.0.1", "::ffff:a00:1", "::10.0.0.1", "2002:7f00:1::"];
        let nat = ["64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254"];
        for text in v4.into_iter().chain(more).chain(v6).chain(carried).chain(nat) {
            assert_eq!(reach(text), Reach::Private, "{text}");
            let address: IpAddr = text.parse().unwrap();
            assert!(allowed(address, false).unwrap_err().contains("private_network"));
            assert_eq!(allowed(address, true), Ok(()));
        }
    }

    #[test]
    fn what_lies_nowhere_is_never_reached() {
        let v4 = ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1"];
        let v6 = ["::", "ff02::1", "2001:db8::1", "100::1", "2001::1", "::ffff:0.0.0.0"];
        for text in v4.into_iter().chain(v6) {
            assert_eq!(reach(text), Reach::Nowhere, "{text}");
            assert!(allowed(text.parse().unwrap(), true).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_in_the_url_is_looked_at_without_a_name() {
        for url in ["http://127.0.0.1:9/", "http://[::1]/x", "http://0x7f.1/", "http://2130706433/"]
        {
            let url = url.parse().unwrap();
            assert!(literal(&url, false).is_err(), "{url}");
            assert_eq!(literal(&url, true), Ok(()), "{url}");
        }
        assert_eq!(literal(&"https://example.com/".parse().unwrap(), false), Ok(()));
    }

    #[tokio::test]
    async fn a_name_is_refused_for_where_it_leads() {
        let guarded = Guarded { private_network: false };
        let refused = guarded.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(refused.to_string().contains("private network"), "{refused}");
        let guarded = Guarded { private_network: true };
        assert!(guarded.resolve("localhost".parse().unwrap()).await.unwrap().next().is_some());
    }
}
