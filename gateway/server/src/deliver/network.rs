//! Which addresses a delivery may go to, and a question to a provider that signs people in. A name
//! is resolved once per connection, every address that comes back is looked at, and the connection
//! goes to those very ones: a name that answers differently the next time changes nothing.

use std::net::{IpAddr, SocketAddr};

use backstop_policy::gateway_file::network::{Network, of};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether deliveries may go to that address.
///
/// # Errors
/// Why not, in words.
pub fn allowed(address: IpAddr, private_network: bool) -> Result<(), String> {
    match of(address) {
        Network::Public => Ok(()),
        Network::Private if private_network => Ok(()),
        Network::Private => Err(format!(
            "{address} lies in a private network; `private_network: true` allows it by name"
        )),
        Network::Nowhere => Err(format!("{address} is no address of a receiver")),
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

    #[test]
    fn what_lies_at_home_needs_leave_and_what_lies_nowhere_gets_none() {
        for text in ["127.0.0.1", "10.1.2.3", "::1", "::ffff:127.0.0.1"] {
            let address: IpAddr = text.parse().unwrap();
            assert!(allowed(address, false).unwrap_err().contains("private_network"));
            assert_eq!(allowed(address, true), Ok(()));
        }
        for text in ["0.0.0.0", "224.0.0.1", "192.0.2.1", "::"] {
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
