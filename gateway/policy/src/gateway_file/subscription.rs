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
pub enum Notify {
    /// A message to a chat tool's incoming webhook.
    Webhook(Setting),
    /// A mail.
    Email {
        /// To whom.
        to: String,
        /// What comes within this time is one mail, in milliseconds; default 10 min.
        digest_ms: u64,
    },
}

impl Decode for Notify {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::NOTIFY, d)?;
        let way = match fields.one_of(d) {
            Some("webhook") => address(&mut fields, "webhook", d).map(Self::Webhook),
            Some(_) => {
                let digest_ms = fields.or("digest", Time(600_000), d).ms();
                mail_address(&mut fields, "email", d).map(|to| Self::Email { to, digest_ms })
            }
            None => None,
        };
        fields.finish(d);
        way
    }
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

/// The mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its host and port, such as `mail.example.com:587`.
    pub smtp: Setting,
    /// The sender's address.
    pub from: String,
    /// The password.
    pub key: Option<SecretRef>,
}

impl Decode for Mail {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::MAIL, d)?;
        let smtp = fields.required("smtp", d);
        let from = mail_address(&mut fields, "from", d);
        let key = fields.optional("key", d);
        fields.finish(d);
        Some(Self { smtp: smtp?, from: from?, key })
    }
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
