//! Signing in by a provider of OpenID Connect: who it is, and what people may do of whom it says
//! something. Nothing is asked of it here.

use super::network::{host, is_this_machine};
use super::people::Role;
use super::setting::{SecretRef, no_address};
use crate::decode::{Decode, Decoder, Fields, Name, OneOrMany};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::source::Spanned;
use crate::yaml::Node;

/// The claim that holds an e-mail address; it counts only beside `email_verified`.
pub const EMAIL: &str = "email";
/// Claims that people write themselves, or that several share: none of them says who somebody is.
///
/// Source: OpenID Connect Core 1.0, section 5.1.
const SHOWN: [&str; 7] =
    ["name", "given_name", "family_name", "middle_name", "nickname", "profile", "picture"];

/// A provider of OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oidc {
    /// What the desk calls it.
    pub title: String,
    /// Its issuer, letter by letter.
    pub issuer: String,
    /// The name by which it knows this gateway.
    pub client_id: String,
    /// The secret that belongs to that name.
    pub client_secret: SecretRef,
    /// What it is asked for; `openid` is among them.
    pub scopes: Vec<String>,
    /// The claim that names a person.
    pub name: String,
    /// What people may do who have no entry of their own.
    pub grants: Vec<Grant>,
    /// Further hosts at which it serves its tokens and keys, with a port where it is not the usual
    /// one.
    pub hosts: Vec<String>,
    /// Whether it may lie in a private network.
    pub private_network: bool,
}

/// What people may do of whom the provider says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The claim.
    pub claim: String,
    /// One of these must stand in it.
    pub is: Vec<String>,
    /// What they may do.
    pub roles: Vec<Role>,
    /// The queues they work; `None` is all that the skills allow.
    pub queues: Option<Vec<String>>,
    /// The teams they belong to.
    pub teams: Vec<String>,
    /// What they can do.
    pub skills: Vec<String>,
    /// Whether private values are shown in clear.
    pub sees_private: bool,
}

impl Decode for Oidc {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::OIDC, d)?;
        let title = fields.optional("title", d);
        let issuer = issuer(&mut fields, d);
        let client_id = fields.required("client_id", d);
        let client_secret = fields.required("client_secret", d);
        let scopes = scopes(&mut fields, d);
        let name = name(&mut fields, d);
        let grants = fields.all("grants", d);
        let hosts = hosts(&mut fields, d);
        let private_network = fields.or("private_network", false, d);
        fields.finish(d);
        let issuer = issuer?;
        let title = title.or_else(|| host(&issuer).map(str::to_owned)).unwrap_or_default();
        let (client_id, client_secret) = (client_id?, client_secret?);
        let oidc = Self {
            title,
            issuer,
            client_id,
            client_secret,
            scopes,
            name,
            grants,
            hosts,
            private_network,
        };
        Some(oidc)
    }
}

impl Decode for Grant {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::GRANT, d)?;
        let claim = fields.or("claim", "groups".to_owned(), d);
        let is: Option<OneOrMany<String>> = fields.required("is", d);
        let roles: Option<OneOrMany<Role>> = fields.required("roles", d);
        let queues: Option<OneOrMany<Name>> = fields.optional("queues", d);
        let teams = fields.all::<OneOrMany<_>>("teams", d).0;
        let skills = fields.all::<OneOrMany<_>>("skills", d).0;
        let sees_private = fields.or("sees_private", false, d);
        fields.finish(d);
        let queues = queues.map(|names| names.0.iter().map(|n| n.to_string()).collect());
        let (is, roles) = (is?.0, roles?.0);
        Some(Self { claim, is, roles, queues, teams, skills, sees_private })
    }
}

fn issuer(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<String> {
    let text: Spanned<String> = fields.required("issuer", d)?;
    let more = text.contains(['?', '#']);
    let more = more.then_some((Code::BadAddress, "an issuer has nothing behind `?` or `#`"));
    let wrong = no_address(&text).or(more).or_else(|| in_clear(&text));
    if let Some((code, say)) = wrong {
        let help = "write the issuer as the provider calls itself: `https://login.example.com`";
        return d.refuse(Problem::error(code, text.span, say).help(help));
    }
    Some(text.value)
}

/// Why no sign-in may pass through an address: everybody on the way could take it over.
pub(super) fn in_clear(address: &str) -> Option<(Code, &'static str)> {
    let clear = address.starts_with("http://") && !is_this_machine(address);
    clear.then_some((Code::BadAddress, "signing in needs `https://`, except on this machine"))
}

fn scopes(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Vec<String> {
    let mut scopes = vec!["openid".to_owned()];
    let Some(wanted) = fields.optional::<Vec<Spanned<String>>>("scopes", d) else {
        scopes.extend([EMAIL, "profile"].map(str::to_owned));
        return scopes;
    };
    for scope in wanted {
        if scope.is_empty() || scope.contains(char::is_whitespace) {
            let say = format!("`{}` is not a scope", scope.value);
            let help = "write each scope as an entry of its own: `[openid, email, groups]`";
            d.report.push(Problem::error(Code::BadName, scope.span, say).help(help));
        } else if !scopes.contains(&scope.value) {
            scopes.push(scope.value);
        }
    }
    scopes
}

fn hosts(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for host in fields.all::<OneOrMany<Spanned<String>>>("hosts", d).0 {
        let part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if host.is_empty() || !host.bytes().all(|byte| part(byte) || b".:-".contains(&byte)) {
            let say = format!("`{}` is not a host", host.value);
            let help = "write it in small letters, without `https://`: `oauth2.example.com`";
            d.report.push(Problem::error(Code::BadName, host.span, say).help(help));
        } else {
            hosts.push(host.value);
        }
    }
    hosts
}

fn name(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> String {
    let Some(name) = fields.optional::<Spanned<String>>("name", d) else {
        return EMAIL.to_owned();
    };
    if SHOWN.contains(&name.as_str()) {
        let say = format!("`{}` does not say who somebody is: people choose it", name.value);
        let help = "write a claim that belongs to one person: `email`, `sub`, `preferred_username`";
        d.report.push(Problem::error(Code::Refused, name.span, say).help(help));
    }
    name.value
}
