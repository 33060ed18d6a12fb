//! Who is told: people by mail or webhook, machines by signed deliveries of events.

use backstop_domain::envelope::{CALL_TYPES, CONTROL_TYPES, REVIEW_TYPES};

use super::setting::{SecretRef, Setting, address};
use crate::decode::{Decode, Decoder, Fields, Name, OneOrMany, words};
use crate::diagnostics::{Code, Problem, suggest};
use crate::keys;
use crate::source::Spanned;
use crate::units::Time;
use crate::yaml::Node;

/// A way to tell people. Links open pages, nothing more; no payload is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Where messages go.
    pub to: NotifyTo,
    /// What comes within this time is one message, in milliseconds; default 10 min for mail, and at
    /// once for a webhook.
    pub digest_ms: u64,
    /// The language of its messages, a file of `policies/words/`; `None` is English.
    pub language: Option<String>,
}

/// Where messages to people go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyTo {
    /// To an address that takes them.
    Webhook {
        /// The address.
        url: Setting,
        /// What they are signed with, the newest first; none for a chat tool, which cannot check.
        secrets: Vec<SecretRef>,
        /// Whether it may lie in a private network.
        private_network: bool,
    },
    /// By mail, to that address.
    Email(String),
}

impl Decode for Notify {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::NOTIFY, d)?;
        let digest: Option<Time> = fields.optional("digest", d);
        let language: Option<Spanned<String>> = fields.optional("language", d);
        let language = language.and_then(|code| spoken(code, d));
        let (to, usual_ms) = match fields.one_of(d) {
            Some("webhook") => {
                let secrets = fields.all::<OneOrMany<_>>("secret", d).0;
                let private_network = fields.or("private_network", false, d);
                let url = address(&mut fields, "webhook", d);
                (url.map(|url| NotifyTo::Webhook { url, secrets, private_network }), 0)
            }
            Some(_) => (mail_address(&mut fields, "email", d).map(NotifyTo::Email), 600_000),
            None => (None, 0),
        };
        fields.finish(d);
        Some(Self { to: to?, digest_ms: digest.map_or(usual_ms, Time::ms), language })
    }
}

/// A language that the workspace has.
fn spoken(code: Spanned<String>, d: &mut Decoder<'_>) -> Option<String> {
    let path = format!("policies/words/{}.json", code.value);
    if d.sources.find(&path).is_some() {
        return Some(code.value);
    }
    let say = format!("the workspace does not speak `{}`: there is no `{path}`", code.value);
    let help = "leave `language` out for English, or start that file with `{}`";
    d.refuse(Problem::error(Code::MissingFile, code.span, say).help(help))
}

fn mail_address(fields: &mut Fields<'_>, key: &'static str, d: &mut Decoder<'_>) -> Option<String> {
    let text: Spanned<String> = fields.required(key, d)?;
    let inside = text
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if inside && !text.contains(char::is_whitespace) {
        return Some(text.value);
    }
    let say = format!("`{}` is not a mail address", text.value);
    d.refuse(Problem::error(Code::BadAddress, text.span, say))
}

words! {
    /// How the connection to the mail server is encrypted.
    pub enum MailTls: "a way to encrypt" {
        /// In clear at first, encrypted before anything is said.
        StartTls = "starttls",
        /// From the first byte.
        Tls = "tls",
        /// Not at all: only for a server of your own network, and never with a password unless it
        /// is this machine.
        Off = "off",
    }
}

/// The mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its host and port, such as `mail.example.com:587`.
    pub smtp: Setting,
    /// How the connection is encrypted; `None` is by the port: `tls` at 465, else `starttls`.
    pub tls: Option<MailTls>,
    /// The sender's address.
    pub from: String,
    /// The name to sign in with; `None` is the sender's address.
    pub user: Option<String>,
    /// The password.
    pub key: Option<SecretRef>,
}

impl Decode for Mail {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::MAIL, d)?;
        let smtp: Option<Spanned<Setting>> = fields.required("smtp", d);
        if let Some(Spanned { value: Setting::Text(text), span }) = &smtp
            && host_and_port(text).is_none()
        {
            let say = format!("`{text}` is not a host and its port");
            let help = "write such as `\"mail.example.com:587\"`, or `{env: NAME}`";
            d.report.push(Problem::error(Code::BadAddress, *span, say).help(help));
        }
        let tls = fields.optional("tls", d);
        let from = mail_address(&mut fields, "from", d);
        let user = fields.optional("user", d);
        let key = fields.optional("key", d);
        fields.finish(d);
        Some(Self { smtp: smtp?.value, tls, from: from?, user, key })
    }
}

/// The two parts of `mail.example.com:587`.
pub fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let whole = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b".-:_".contains(&byte);
    (!whole.is_empty() && whole.bytes().all(fine)).then_some((whole, port))
}

words! {
    /// How much of an event is sent.
    pub enum Payload: "a payload" {
        /// Ids and states.
        Thin = "thin",
        /// Bodies too.
        Full = "full",
    }
}

words! {
    /// The envelope of a delivery.
    pub enum Format: "a format" {
        /// Standard Webhooks.
        Webhook = "webhook",
        /// CloudEvents 1.0.
        CloudEvents = "cloudevents",
    }
}

/// A consumer of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Where deliveries go.
    pub url: Setting,
    /// What they are signed with; several while a secret is being changed, the newest first.
    pub secrets: Vec<SecretRef>,
    /// The types of events; `None` is all.
    pub events: Option<Vec<String>>,
    /// The policies; `None` is all.
    pub policies: Option<Vec<String>>,
    /// How much is sent; default thin.
    pub payload: Payload,
    /// The envelope; default webhook.
    pub format: Format,
    /// Whether it may lie in a private network.
    pub private_network: bool,
    /// Whether it is delivered to; a disabled one keeps its cursor.
    pub enabled: bool,
}

impl Decode for Subscription {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::SUBSCRIPTION, d)?;
        let url = address(&mut fields, "url", d);
        let secrets: Option<OneOrMany<SecretRef>> = fields.required("secret", d);
        let events: Option<OneOrMany<Spanned<String>>> = fields.optional("events", d);
        let policies: Option<OneOrMany<Name>> = fields.optional("policies", d);
        let payload = fields.or("payload", Payload::Thin, d);
        let format = fields.or("format", Format::Webhook, d);
        let private_network = fields.or("private_network", false, d);
        let enabled = fields.or("enabled", true, d);
        fields.finish(d);
        let policies = policies.map(|names| names.0.iter().map(|n| n.to_string()).collect());
        let events = events.map(|events| {
            let events = events.0.into_iter();
            events.filter_map(|kind| event_type(kind, d)).collect()
        });
        let (url, secrets) = (url?, secrets?.0);
        Some(Self { url, secrets, events, policies, payload, format, private_network, enabled })
    }
}

/// A type of event that there is.
fn event_type(kind: Spanned<String>, d: &mut Decoder<'_>) -> Option<String> {
    let known = || CALL_TYPES.into_iter().chain(REVIEW_TYPES).chain(CONTROL_TYPES);
    if known().any(|one| one == kind.value) {
        return Some(kind.value);
    }
    let say = format!("there is no event type `{}`", kind.value);
    let help = suggest::did_you_mean(&kind.value, known());
    d.report.push(Problem::error(Code::UnknownWord, kind.span, say).help_if(help));
    None
}
