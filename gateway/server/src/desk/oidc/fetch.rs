//! One request to the provider: to its own hosts, encrypted, no redirects, everything bounded. It
//! goes where deliveries may go: every address that a name stands for is looked at first.

use std::time::Duration;

use backstop_policy::gateway_file::{Oidc, network::is_this_machine};
use bytes::BytesMut;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde_json::Value;

use crate::deliver::{network, unreachable};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Longest time of a request, connection included.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Largest answer, in bytes: an ID token with a thousand groups has a tenth of it.
const BODY_MAX: usize = 512 * 1024;

/// Sends requests to one provider.
pub struct Fetch {
    client: Client,
    private_network: bool,
    hosts: Vec<String>,
}

impl Fetch {
    /// To the hosts of that provider.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn new(oidc: &Oidc) -> Result<Self, String> {
        let issuer: Url = oidc.issuer.parse().map_err(|_| "`oidc.issuer` is no address")?;
        let guarded = network::Guarded { private_network: oidc.private_network };
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(std::sync::Arc::new(guarded))
            .connect_timeout(CONNECT_MAX)
            .user_agent(concat!("backstop/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no client for `oidc`: {error}"))?;
        let hosts = oidc.hosts.iter().cloned().chain([place(&issuer)]).collect();
        Ok(Self { client, private_network: oidc.private_network, hosts })
    }

    /// An address that the provider names, if it may be used.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn allowed(&self, text: &str) -> Result<Url, String> {
        let shown = short(text);
        let url: Url = text.parse().map_err(|_| format!("`{shown}` is no address"))?;
        let here = url.scheme() == "http" && is_this_machine(url.as_str());
        if url.scheme() != "https" && !here {
            return Err(format!("`{shown}` is not encrypted"));
        }
        let place = place(&url);
        if !self.hosts.contains(&place) {
            return Err(format!("it names `{place}`; `hosts: [{place}]` of `oidc` allows it"));
        }
        network::literal(&url, self.private_network)?;
        Ok(url)
    }

    /// Reads an address that was [`Fetch::allowed`].
    pub fn get(&self, url: &Url) -> RequestBuilder {
        self.client.get(url.clone()).header("accept", "application/json")
    }

    /// Sends a form to an address that was [`Fetch::allowed`].
    pub fn post(&self, url: &Url, form: String) -> RequestBuilder {
        let request = self.client.post(url.clone()).header("accept", "application/json");
        request.header("content-type", "application/x-www-form-urlencoded").body(form)
    }
}

/// Sends a request once; its status and its JSON. What else it says is nobody's business.
///
/// # Errors
/// Why no such answer came.
pub async fn json(request: RequestBuilder) -> Result<(StatusCode, Value), String> {
    let reading = async {
        let mut answer = request.send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let mut bytes = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| unreachable(&error))? {
            if bytes.len() + piece.len() > BODY_MAX {
                return Err(format!("its answer is larger than {BODY_MAX} bytes"));
            }
            bytes.extend_from_slice(&piece);
        }
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok((status, value)),
            Err(_) => Err(format!("answered {}, and not in JSON", status.as_u16())),
        }
    };
    let late = || format!("no answer within {} s", ANSWER_MAX.as_secs());
    tokio::time::timeout(ANSWER_MAX, reading).await.unwrap_or_else(|_| Err(late()))
}

/// The beginning of what a provider says: the log has room for no more.
pub fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Host and port, as `hosts` has them: the port where it is not the usual one.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
