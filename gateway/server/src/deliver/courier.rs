//! Takes a letter to its receiver: one signed POST, no redirects, everything bounded. It says how
//! that went and never tries twice.

use std::{error::Error as _, future::Future, pin::Pin, time::Duration};

use backstop_domain::Millis;
use reqwest::{Client, StatusCode, header::HeaderMap};

use super::{Consumer, letter::Letter, network, schedule};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest wait for an answer, connection included.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// What is read of an answer's body, so that the connection can be used again, in bytes.
const BODY_MAX: usize = 16 * 1024;
/// Longest reading of an answer's body.
const READING_MAX: Duration = Duration::from_secs(1);

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// The receiver has it.
    Taken,
    /// The receiver is gone for good.
    Gone,
    /// The receiver wants to be left alone for a while.
    Busy {
        /// For how long, if it said so, in milliseconds.
        for_ms: Option<u64>,
        /// In words.
        why: String,
    },
    /// It did not take it; why, in words.
    Refused(String),
}

/// A delivery on its way.
pub type Going<'a> = Pin<Box<dyn Future<Output = Receipt> + Send + 'a>>;

/// Takes letters somewhere.
pub trait Courier: Send + Sync {
    /// Takes one letter, once.
    fn take<'a>(&'a self, letter: &'a Letter, now: Millis) -> Going<'a>;
}

/// Takes letters to an HTTP address.
pub struct HttpCourier {
    client: Client,
    consumer: Consumer,
}

impl HttpCourier {
    /// A courier to that consumer.
    ///
    /// # Errors
    /// The reason, in words, if no client can be made.
    pub fn new(consumer: &Consumer) -> Result<Self, String> {
        let guarded = network::Guarded { private_network: consumer.private_network };
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(std::sync::Arc::new(guarded))
            .connect_timeout(CONNECT_MAX)
            .pool_max_idle_per_host(super::worker::AT_ONCE)
            .user_agent(concat!("backstop/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no client for `{}`: {error}", consumer.name))?;
        Ok(Self { client, consumer: consumer.clone() })
    }

    async fn post(&self, letter: &Letter, now: Millis) -> Receipt {
        let url = &self.consumer.url;
        if let Err(why) = network::literal(url, self.consumer.private_network) {
            return Receipt::Refused(why);
        }
        let timestamp = now.0 / 1000;
        let mut request = self
            .client
            .post(url.clone())
            .header("content-type", letter.content_type)
            .header("webhook-id", &letter.id)
            .header("webhook-timestamp", timestamp)
            .body(letter.body.clone());
        if !self.consumer.keys.is_none() {
            let signature = self.consumer.keys.sign(&letter.id, timestamp, &letter.body);
            request = request.header("webhook-signature", signature);
        }
        match tokio::time::timeout(ANSWER_MAX, request.send()).await {
            Err(_) => Receipt::Refused(format!("no answer within {} s", ANSWER_MAX.as_secs())),
            Ok(Err(error)) => Receipt::Refused(unreachable(&error)),
            Ok(Ok(answer)) => {
                let receipt = receipt(answer.status(), answer.headers(), now);
                drain(answer).await;
                receipt
            }
        }
    }
}

impl Courier for HttpCourier {
    fn take<'a>(&'a self, letter: &'a Letter, now: Millis) -> Going<'a> {
        Box::pin(self.post(letter, now))
    }
}

/// What a status means.
pub fn receipt(status: StatusCode, headers: &HeaderMap, now: Millis) -> Receipt {
    let why = format!("answered {}", status.as_u16());
    match status {
        status if status.is_success() => Receipt::Taken,
        StatusCode::GONE => Receipt::Gone,
        StatusCode::TOO_MANY_REQUESTS => Receipt::Busy { for_ms: asked(headers, now), why },
        // Others may ask for time too; without a word about it they simply failed.
        status if status.is_server_error() && asked(headers, now).is_some() => {
            Receipt::Busy { for_ms: asked(headers, now), why }
        }
        status if status.is_redirection() => {
            Receipt::Refused(format!("{why}; redirects are not followed"))
        }
        _ => Receipt::Refused(why),
    }
}

/// How long the receiver asks us to wait: seconds, or an HTTP date.
fn asked(headers: &HeaderMap, now: Millis) -> Option<u64> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let seconds = text.parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1000));
    let date = || {
        let at = httpdate::parse_http_date(text).ok()?;
        let at = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Millis(u64::try_from(at.as_millis()).ok()?).since(now))
    };
    seconds.or_else(date).map(|ms| ms.min(schedule::ASKED_MAX_MS))
}

/// Reads what little there is, so that the connection can be used again; else it is dropped. What
/// it says is nobody's business: the status said all.
async fn drain(mut answer: reqwest::Response) {
    let reading = async {
        let mut read = 0;
        while let Ok(Some(piece)) = answer.chunk().await {
            read += piece.len();
            if read > BODY_MAX {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(READING_MAX, reading).await;
}

/// Why no answer came, without the address: it may hold what is nobody's business.
pub(crate) fn unreachable(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut last = None;
    while let Some(error) = cause {
        last = Some(error.to_string());
        cause = error.source();
    }
    format!("cannot be reached: {}", last.unwrap_or_else(|| "no cause given".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, after: Option<&'static str>) -> Receipt {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert("retry-after", reqwest::header::HeaderValue::from_static(after));
        }
        receipt(StatusCode::from_u16(status).unwrap_or_default(), &headers, Millis(0))
    }

    #[test]
    fn only_a_success_is_taken_and_only_410_is_gone() {
        for status in [200, 201, 202, 204] {
            assert_eq!(told(status, None), Receipt::Taken, "{status}");
        }
        assert_eq!(told(410, None), Receipt::Gone);
        for status in [301, 302, 307, 308, 400, 401, 404, 500, 502, 503] {
            assert!(matches!(told(status, None), Receipt::Refused(_)), "{status}");
        }
        assert!(matches!(told(302, None), Receipt::Refused(why) if why.contains("redirects")));
    }

    #[test]
    fn a_receiver_may_ask_for_time_in_both_forms_and_not_for_ever() {
        let busy = |receipt| match receipt {
            Receipt::Busy { for_ms, .. } => for_ms,
            other => Some(u64::from(other == Receipt::Taken)),
        };
        assert_eq!(busy(told(429, None)), None);
        assert_eq!(busy(told(429, Some("120"))), Some(120_000));
        assert_eq!(busy(told(503, Some("7"))), Some(7_000));
        assert_eq!(busy(told(429, Some("Thu, 01 Jan 1970 00:01:00 GMT"))), Some(60_000));
        assert_eq!(busy(told(429, Some("99999999"))), Some(schedule::ASKED_MAX_MS));
        assert_eq!(busy(told(429, Some("soon"))), None);
    }
}
