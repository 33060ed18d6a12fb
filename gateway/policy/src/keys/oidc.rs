//! Keys of signing in by a provider of OpenID Connect.

use super::gateway::SECRET;
use super::people::TEXTS;
use super::{Names, Value, shapes};
use crate::gateway_file::Role;

shapes! {
    /// A provider of OpenID Connect that signs people in at the desk. `http.public` must say where
    /// people reach it: the provider sends them back to `/sign-in/oidc/return` there.
    OIDC = "`oidc`" {
        /// What the desk calls it: `Sign in with Acme`; else its host.
        "title" => Value::Text,
        /// The provider's issuer, letter by letter as it calls itself, such as
        /// `https://login.example.com/realms/staff`.
        "issuer" required => Value::Text,
        /// The name by which the provider knows this gateway.
        "client_id" required => Value::Text,
        /// The secret that belongs to that name.
        "client_secret" required => Value::Map(&SECRET),
        /// What the provider is asked for; `openid` always.
        "scopes" = "[openid, email, profile]" => Value::List(&Value::Like("^[^ ]+$", "groups")),
        /// The claim of the ID token that names a person, the same one for ever and nobody else. An
        /// e-mail address counts only if the provider has verified it.
        "name" = "email" => Value::Text,
        /// What people may do who are in no entry of `reviewers` with that name as its `login`.
        /// Every row that fits adds; whom none fits stays outside.
        "grants" => Value::List(&Value::Map(&GRANT)),
        /// Further hosts at which the provider serves its tokens and keys; else the issuer's alone.
        "hosts" => Value::OneOrMany(&Value::Like("^[a-z0-9.:-]+$", "oauth2.example.com")),
        /// Whether it may lie in a private network, this machine too.
        "private_network" = "false" => Value::Bool,
    }

    /// What people may do of whom the provider says something.
    GRANT = "a grant" {
        /// The claim of the ID token; `realm.roles` is `roles` in `realm`.
        "claim" = "groups" => Value::Text,
        /// What must stand in that claim, or among its list: one of these.
        "is" required => TEXTS,
        /// What the person may do.
        "roles" required => Value::OneOrMany(&Value::Words(Role::WORDS)),
        /// The queues the person works; else all that the skills allow.
        "queues" => Value::OneOrMany(&Value::Name(Names::Queue)),
        /// The teams the person belongs to: what a caller with such an `owner` asks, others decide.
        "teams" => TEXTS,
        /// What the person can do.
        "skills" => TEXTS,
        /// Whether private values are shown in clear.
        "sees_private" = "false" => Value::Bool,
    }
}
