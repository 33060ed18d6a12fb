//! Callers and reviewers: who may ask, who may decide. Keys stand here only as hashes.

use super::limits;
use crate::decode::{Decode, Decoder, Fields, Name, OneOrMany, words};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::raw::{Criticality, Limit};
use crate::source::Spanned;
use crate::yaml::Node;

/// The SHA-256 of a key, as `backstop key` writes it: `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// Reads a hash.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:")?;
        let mut hash = [0; 32];
        if digits.len() != 64 || !digits.is_ascii() {
            return None;
        }
        for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            let pair = digits.get(at..at + 2)?;
            // `from_str_radix` would also read a sign.
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl Decode for KeyHash {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, d)?;
        Self::parse(&text).or_else(|| {
            let say = "this is not the hash of a key";
            let help = "`backstop key` makes a key and prints its hash: `sha256:` and 64 digits";
            // Whoever pastes the key itself must not see it printed again.
            let code = if text.starts_with("sha256:") { Code::BadHash } else { Code::Secret };
            d.refuse(Problem::error(code, node.span, say).help(help))
        })
    }
}

words! {
    /// What a caller may do beside calling.
    pub enum May: "what a caller may do" {
        /// End own calls.
        Cancel = "cancel",
        /// Run recorded calls again.
        Replay = "replay",
        /// Take a call back to a checkpoint.
        Rollback = "rollback",
        /// Decide reviews by API.
        Review = "review",
        /// Pause, resume, isolate.
        Operate = "operate",
    }
}

words! {
    /// What a person may do.
    pub enum Role: "a role" {
        /// Look.
        Viewer = "viewer",
        /// Decide.
        Reviewer = "reviewer",
        /// Decide, hand over and reorder.
        Lead = "lead",
        /// Pause, resume, isolate.
        Operator = "operator",
        /// See everything, decide nothing.
        Auditor = "auditor",
    }
}

/// Who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Hashes of its keys; without any it can call only from this machine.
    pub keys: Vec<KeyHash>,
    /// The team behind it: its people may not review its calls.
    pub owner: Option<String>,
    /// The tenant it belongs to.
    pub tenant: Option<String>,
    /// The policies it may call; `None` is all.
    pub policies: Option<Vec<String>>,
    /// Its roles, for conditions (`caller.roles`).
    pub roles: Vec<String>,
    /// What it may do beside calling.
    pub may: Vec<May>,
    /// Limits on it.
    pub limits: Vec<Limit>,
    /// The highest criticality its calls may have; default standard.
    pub highest: Criticality,
}

impl Decode for Caller {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::CALLER, d)?;
        let policies: Option<OneOrMany<Name>> = fields.optional("policies", d);
        let caller = Self {
            keys: fields.all::<OneOrMany<_>>("keys", d).0,
            owner: fields.optional("owner", d),
            tenant: fields.optional("tenant", d),
            policies: policies.map(|names| names.0.iter().map(|n| n.to_string()).collect()),
            roles: fields.all::<OneOrMany<_>>("roles", d).0,
            may: fields.all("may", d),
            limits: limits(&mut fields, "limits", d),
            highest: fields.or("highest", Criticality::Standard, d),
        };
        fields.finish(d);
        Some(caller)
    }
}

/// Who may decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewer {
    /// Hashes of keys.
    pub keys: Vec<KeyHash>,
    /// Hash of a password, in the PHC form `$argon2id$…`.
    pub password: Option<String>,
    /// The name by which a single sign-on knows the person.
    pub login: Option<String>,
    /// The queues the person works; `None` is all that the skills allow.
    pub queues: Option<Vec<String>>,
    /// The teams the person belongs to: what their callers ask, others decide.
    pub teams: Vec<String>,
    /// What the person can do.
    pub skills: Vec<String>,
    /// What the person may do; default viewer.
    pub roles: Vec<Role>,
    /// Whether private values are shown in clear.
    pub sees_private: bool,
}

impl Decode for Reviewer {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::REVIEWER, d)?;
        let queues: Option<OneOrMany<Name>> = fields.optional("queues", d);
        let reviewer = Self {
            keys: fields.all::<OneOrMany<_>>("keys", d).0,
            password: password(&mut fields, d),
            login: fields.optional("login", d),
            queues: queues.map(|names| names.0.iter().map(|n| n.to_string()).collect()),
            teams: fields.all::<OneOrMany<_>>("teams", d).0,
            skills: fields.all::<OneOrMany<_>>("skills", d).0,
            roles: fields.or("roles", OneOrMany(vec![Role::Viewer]), d).0,
            sees_private: fields.or("sees_private", false, d),
        };
        fields.finish(d);
        Some(reviewer)
    }
}

fn password(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<String> {
    let hash: Spanned<String> = fields.optional("password", d)?;
    if hash.starts_with('$') && hash.matches('$').count() >= 3 {
        return Some(hash.value);
    }
    let say = "a password stands in the file";
    let help = "write the hash that `backstop key` prints for it, in quotes: \"$argon2id$…\"";
    d.refuse(Problem::error(Code::Secret, hash.span, say).help(help))
}
