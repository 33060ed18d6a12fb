//! Keys of callers, reviewers, and of who is told.

use super::gateway::{LIMITS, SECRET, SETTING_HERE};
use super::{Names, Unit, Value, shapes};
use crate::gateway_file::{Format, MailTls, May, Payload, Role};
use crate::raw::Criticality;

const POLICIES: Value = Value::OneOrMany(&Value::Name(Names::Policy));
pub(super) const TEXTS: Value = Value::OneOrMany(&Value::Text);

const HASHES: Value = Value::OneOrMany(&Value::Like(
    "^sha256:[0-9a-fA-F]{64}$",
    "sha256:0000000000000000000000000000000000000000000000000000000000000000",
));

shapes! {
    /// Who may call.
    CALLER = "a caller" {
        /// Hashes of its keys, from `backstop key`; without any it can call only from this machine.
        "keys" => HASHES,
        /// The team behind it: its people (`teams` of a reviewer) and its callers may not review
        /// its calls.
        "owner" => Value::Text,
        /// The tenant it belongs to.
        "tenant" => Value::Text,
        /// The policies it may call; else all.
        "policies" => POLICIES,
        /// Its roles, for conditions: `caller.roles`.
        "roles" => TEXTS,
        /// What it may do beside calling.
        "may" => Value::List(&Value::Words(May::WORDS)),
        /// Limits on it.
        "limits" => LIMITS,
        /// The highest criticality its calls may have.
        "highest" = "standard" => Value::Words(Criticality::WORDS),
    }

    /// Who may decide.
    REVIEWER = "a reviewer" {
        /// Hashes of keys, from `backstop key`.
        "keys" => HASHES,
        /// The hash of a password: `"$argon2id$…"`.
        "password" => Value::Like("^[$][^$]*[$][^$]*[$]", "$argon2id$v=19$m=19456"),
        /// The name by which a single sign-on knows the person.
        "login" => Value::Text,
        /// What the person may do.
        "roles" = "viewer" => Value::OneOrMany(&Value::Words(Role::WORDS)),
        /// The queues the person works; else all that the skills allow.
        "queues" => Value::OneOrMany(&Value::Name(Names::Queue)),
        /// The teams the person belongs to: what a caller with such an `owner` asks, others decide.
        "teams" => TEXTS,
        /// What the person can do.
        "skills" => TEXTS,
        /// Whether private values are shown in clear.
        "sees_private" = "false" => Value::Bool,
    }

    /// A way to tell people. Links open pages, nothing more; no payload is sent.
    NOTIFY = "a way to notify" {
        /// The address that takes messages: a chat tool's incoming webhook, or a receiver of yours.
        "webhook" either => SETTING_HERE,
        /// What messages are signed with; several while a secret is being changed, the newest
        /// first. Without one they are what chat tools take, and the address itself is the secret.
        "secret" ["webhook"] => Value::OneOrMany(&Value::Map(&SECRET)),
        /// Whether that address may lie in a private network.
        "private_network" ["webhook"] = "false" => Value::Bool,
        /// A mail address; `mail` says which server takes it there.
        "email" either => Value::Text,
        /// What comes within this time is one message; else 10 minutes for mail, and at once for a
        /// webhook.
        "digest" => Value::Unit(Unit::Time),
        /// The language of its messages: `de` is that of `policies/words/de.json`; else English.
        "language" => Value::Like("^[a-z-]{2,12}$", "de"),
    }

    /// The mail server.
    MAIL = "`mail`" {
        /// Its host and port, such as `"mail.example.com:587"`.
        "smtp" required => SETTING_HERE,
        /// How the connection is encrypted; else by `starttls`, and at port 465 by `tls`.
        "tls" => Value::Words(MailTls::WORDS),
        /// The sender's address.
        "from" required => Value::Text,
        /// The name to sign in with; else the sender's address.
        "user" ["key"] => Value::Text,
        /// The password.
        "key" => Value::Map(&SECRET),
    }

    /// A consumer of events; deliveries are signed.
    SUBSCRIPTION = "a subscription" {
        /// Where deliveries go.
        "url" required => SETTING_HERE,
        /// What they are signed with; several while a secret is being changed, the newest first.
        "secret" required => Value::OneOrMany(&Value::Map(&SECRET)),
        /// The types of events; else all.
        "events" => Value::OneOrMany(&Value::Like("^[a-z_]+$", "call_received")),
        /// The policies; else all.
        "policies" => POLICIES,
        /// How much of an event is sent.
        "payload" = "thin" => Value::Words(Payload::WORDS),
        /// The envelope of a delivery.
        "format" = "webhook" => Value::Words(Format::WORDS),
        /// Whether it may lie in a private network.
        "private_network" = "false" => Value::Bool,
        /// Whether it is delivered to; a disabled one keeps its cursor.
        "enabled" = "true" => Value::Bool,
    }
}
