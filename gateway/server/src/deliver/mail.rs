//! Takes letters to people by mail: one server, one message at a time, encrypted unless the file
//! says otherwise. It says how that went and never tries twice.

use std::time::Duration;

use backstop_domain::Millis;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};

use super::{
    courier::{Courier, Going, Receipt},
    letter::Letter,
};

/// Longest wait for one step of the conversation.
const STEP_MAX: Duration = Duration::from_secs(20);
/// Longest time of all of it.
const ALL_MAX: Duration = Duration::from_secs(60);

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// In clear at first, encrypted before anything is said; a server that cannot is left alone.
    StartTls,
    /// From the first byte.
    Tls,
    /// Not at all.
    Off,
}

/// The mail server, and for whom its messages are.
#[derive(Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: Security,
    /// Name and password to sign in with, if it wants any.
    pub credentials: Option<(String, String)>,
    /// The sender's address.
    pub from: String,
    /// The receiver's address.
    pub to: String,
}

impl std::fmt::Debug for MailServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MailServer({}:{})", self.host, self.port)
    }
}

/// Takes letters to a mail server.
pub struct MailCourier {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailbox,
    domain: String,
}

impl MailCourier {
    /// A courier to that server.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn new(server: &MailServer) -> Result<Self, String> {
        let MailServer { host, port, .. } = server;
        let here = ["localhost", "127.0.0.1", "::1"].contains(&host.as_str());
        if server.security == Security::Off && server.credentials.is_some() && !here {
            return Err(format!(
                "the password for `{host}` would be sent in clear: remove `tls: off` of `mail`"
            ));
        }
        let tls = || {
            let parameters = TlsParameters::new(host.clone());
            parameters.map_err(|error| format!("no encrypted way to `{host}`: {error}"))
        };
        let tls = match server.security {
            Security::StartTls => Tls::Required(tls()?),
            Security::Tls => Tls::Wrapper(tls()?),
            Security::Off => Tls::None,
        };
        let from = mailbox(&server.from)?;
        let domain = from.email.domain().to_owned();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone())
            .port(*port)
            .tls(tls)
            .timeout(Some(STEP_MAX))
            .hello_name(ClientId::Domain(domain.clone()));
        if let Some((name, password)) = &server.credentials {
            builder = builder.credentials(Credentials::new(name.clone(), password.clone()));
        }
        Ok(Self { transport: builder.build(), from, to: mailbox(&server.to)?, domain })
    }

    async fn send(&self, letter: &Letter, now: Millis) -> Receipt {
        let message = match self.message(letter, now) {
            Ok(message) => message,
            Err(error) => return Receipt::Refused(format!("not sent: {error}")),
        };
        match tokio::time::timeout(ALL_MAX, self.transport.send(message)).await {
            Ok(Ok(_)) => Receipt::Taken,
            Ok(Err(error)) => Receipt::Refused(told(&error)),
            Err(_) => Receipt::Refused(format!("not taken within {} s", ALL_MAX.as_secs())),
        }
    }

    fn message(&self, letter: &Letter, now: Millis) -> Result<Message, String> {
        let text = String::from_utf8_lossy(&letter.body).into_owned();
        // The same at every try, so that a mailbox can tell the second copy from another message.
        let id = format!("<{}@{}>", letter.id, self.domain);
        Message::builder()
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(letter.subject.clone())
            .date(std::time::UNIX_EPOCH + Duration::from_millis(now.0))
            .message_id(Some(id))
            // Nobody's "I am away" shall come back (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(|error| error.to_string())
    }
}

impl Courier for MailCourier {
    fn take<'a>(&'a self, letter: &'a Letter, now: Millis) -> Going<'a> {
        Box::pin(self.send(letter, now))
    }
}

fn mailbox(address: &str) -> Result<Mailbox, String> {
    let parsed = address.parse();
    parsed.map(|email| Mailbox::new(None, email)).map_err(|_| format!("`{address}` is no address"))
}

/// Why it was not taken. What the server said beside its code can quote an address.
fn told(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("answered {code}"),
        None => format!("cannot be reached: {error}"),
    }
}
