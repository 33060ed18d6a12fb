//! Who asks, and what they may do. One place for callers and people alike.
//!
//! Keys stand in the gateway file as SHA-256 digests of 32 random bytes, so nothing that could be
//! replayed is kept. Without any key the gateway serves the loopback only, and everybody there is
//! `local`.

use std::collections::HashMap;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use backstop_domain::{Actor, ActorKind, Criticality, review::Who};
use backstop_engine::Caller;
use backstop_policy::{Gateway, gateway_file::Role};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::{app::App, problem::Problem};

/// Everything that a caller may be allowed to do beside calling (RULES.md section 5, `may`).
const ACTS: [&str; 5] = ["cancel", "replay", "rollback", "review", "operate"];

/// Every key, by the digest of what is sent.
#[derive(Debug, Default)]
pub struct Keys {
    known: arc_swap::ArcSwap<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<[u8; 32], Identity>,
    people: HashMap<String, Member>,
}

/// A person, and by what they are known.
#[derive(Debug)]
struct Member {
    person: Person,
    keys: Vec<[u8; 32]>,
    password: Option<String>,
    login: Option<String>,
}

impl Member {
    fn credentials(&self) -> Vec<Credential> {
        let keys = self.keys.iter().copied().map(Credential::Key);
        let password = self.password.clone().map(Credential::Password);
        keys.chain(password).chain(self.login.as_ref().map(|_| Credential::Login)).collect()
    }
}

/// By what a person came in. A session holds only for as long as their entry still has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A key, by its digest.
    Key([u8; 32]),
    /// A password, by its hash.
    Password(String),
    /// A proxy that signs people in.
    Login,
}

impl Credential {
    /// The word in the record.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Password(_) => "password",
            Self::Login => "login",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Somebody on this machine, where no keys are in use.
    Local,
    /// A workflow.
    Caller {
        /// Who it is.
        caller: Caller,
        /// What it may do beside calling.
        may: Vec<String>,
    },
    /// A person.
    Person(Person),
}

/// A person at the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name in the gateway file.
    pub name: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Queues that they work; empty for all.
    pub queues: Vec<String>,
    /// The teams that they belong to.
    pub teams: Vec<String>,
    /// What they can judge.
    pub skills: Vec<String>,
    /// Whether private places are shown to them.
    pub sees_private: bool,
}

impl Keys {
    /// The keys of that gateway file.
    pub fn of(gateway: &Gateway) -> Self {
        let keys = Self::default();
        keys.reload(gateway);
        keys
    }

    /// Takes over the people and keys of another gateway file; they are always live.
    pub fn reload(&self, gateway: &Gateway) {
        let mut known = Known::default();
        for (name, caller) in &gateway.callers {
            let identity = Identity::Caller {
                caller: Caller {
                    name: name.clone(),
                    tenant: caller.tenant.clone(),
                    roles: caller.roles.clone(),
                    owner: caller.owner.clone(),
                    policies: caller.policies.clone(),
                    highest: Some(criticality(caller.highest)),
                },
                may: caller.may.iter().map(|may| may.name().to_owned()).collect(),
            };
            for key in &caller.keys {
                known.keys.insert(key.0, identity.clone());
            }
        }
        for (name, person) in &gateway.reviewers {
            let identity = Identity::Person(Person {
                name: name.clone(),
                roles: person.roles.clone(),
                queues: person.queues.clone().unwrap_or_default(),
                teams: person.teams.clone(),
                skills: person.skills.clone(),
                sees_private: person.sees_private,
            });
            for key in &person.keys {
                known.keys.insert(key.0, identity.clone());
            }
            let Identity::Person(who) = identity else { continue };
            let member = Member {
                person: who,
                keys: person.keys.iter().map(|key| key.0).collect(),
                password: person.password.clone(),
                login: person.login.clone(),
            };
            known.people.insert(name.clone(), member);
        }
        self.known.store(std::sync::Arc::new(known));
    }

    /// Whether anybody must say who they are: a key is in use, or a person can sign in.
    pub fn in_use(&self) -> bool {
        let known = self.known.load();
        let signs_in = |member: &Member| member.password.is_some() || member.login.is_some();
        !known.keys.is_empty() || known.people.values().any(signs_in)
    }

    /// The person of that key.
    pub fn person_by_key(&self, sent: &str) -> Option<(Person, Credential)> {
        let Identity::Person(person) = self.find(sent)? else { return None };
        Some((person, Credential::Key(Sha256::digest(sent.as_bytes()).into())))
    }

    /// The person whom a proxy knows by that name.
    pub fn person_by_login(&self, login: &str) -> Option<Person> {
        let known = self.known.load();
        let mut members = known.people.values();
        let member = members.find(|member| member.login.as_deref() == Some(login))?;
        Some(member.person.clone())
    }

    /// The hash of that person's password.
    pub fn password_of(&self, name: &str) -> Option<String> {
        self.known.load().people.get(name)?.password.clone()
    }

    /// The person of that name, if their entry still has what they came in by.
    pub fn still(&self, name: &str, by: &Credential) -> Option<Person> {
        let known = self.known.load();
        let member = known.people.get(name)?;
        member.credentials().contains(by).then(|| member.person.clone())
    }

    /// By what that person can come in.
    pub fn credentials(&self, name: &str) -> Vec<Credential> {
        let known = self.known.load();
        known.people.get(name).map(Member::credentials).unwrap_or_default()
    }

    /// Whether a person of that name may decide in a queue that asks for those skills.
    pub fn can_work(&self, name: &str, queue: &str, skills: &[String]) -> bool {
        let known = self.known.load();
        let member = known.people.get(name);
        member.is_some_and(|member| Identity::Person(member.person.clone()).works(queue, skills))
    }

    /// Everybody who may decide in a queue that asks for those skills, and is not excluded, by
    /// name.
    pub fn who_works(&self, queue: &str, skills: &[String], excluded: &[String]) -> Vec<String> {
        let known = self.known.load();
        let mut names: Vec<String> = known
            .people
            .values()
            .map(|member| Identity::Person(member.person.clone()))
            .filter(|person| person.works(queue, skills) && !person.who().is_among(excluded))
            .map(|person| person.name().to_owned())
            .collect();
        names.sort();
        names
    }

    fn find(&self, sent: &str) -> Option<Identity> {
        let digest: [u8; 32] = Sha256::digest(sent.as_bytes()).into();
        let known = self.known.load();
        let (key, identity) = known.keys.get_key_value(&digest)?;
        // The map has compared digests already; this keeps the last comparison free of timing.
        bool::from(key.ct_eq(&digest)).then(|| identity.clone())
    }
}

impl FromRequestParts<App> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if !app.keys.in_use() {
            return Ok(Self::Local);
        }
        let sent = sent_key(&parts.headers).ok_or_else(|| {
            let detail = "send your key as `Authorization: Bearer KEY`";
            Problem::new(StatusCode::UNAUTHORIZED, "no_key", detail)
        })?;
        app.keys.find(sent).ok_or_else(|| {
            let detail = "this key is not known; `backstop key` makes one";
            Problem::new(StatusCode::UNAUTHORIZED, "invalid_api_key", detail)
        })
    }
}

const fn criticality(word: backstop_policy::raw::Criticality) -> Criticality {
    match word {
        backstop_policy::raw::Criticality::Critical => Criticality::Critical,
        backstop_policy::raw::Criticality::Standard => Criticality::Standard,
        backstop_policy::raw::Criticality::Sheddable => Criticality::Sheddable,
    }
}

fn sent_key(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.or_else(|| headers.get("x-api-key").and_then(|value| value.to_str().ok()))
}

impl Identity {
    /// As events name them.
    pub fn actor(&self, via: &str) -> Actor {
        let (kind, id) = match self {
            Self::Local => (ActorKind::Operator, "local"),
            Self::Caller { caller, .. } => (ActorKind::Caller, caller.name.as_str()),
            Self::Person(person) => (ActorKind::Reviewer, person.name.as_str()),
        };
        Actor { kind, id: id.to_owned(), via: Some(via.to_owned()) }
    }

    /// The caller to whose own calls they are held; `None`: they see all.
    pub fn only_own(&self) -> Option<String> {
        match self {
            Self::Local | Self::Person(_) => None,
            Self::Caller { caller, may } => {
                (!may.iter().any(|act| act == "operate")).then(|| caller.name.clone())
            }
        }
    }

    /// Whether they may work that queue.
    pub fn works(&self, queue: &str, skills: &[String]) -> bool {
        match self {
            Self::Local => true,
            Self::Caller { may, .. } => may.iter().any(|act| act == "review"),
            Self::Person(person) => {
                let decides =
                    person.roles.iter().any(|role| matches!(role, Role::Reviewer | Role::Lead));
                let here = person.queues.is_empty() || person.queues.iter().any(|q| q == queue);
                decides && here && skills.iter().all(|skill| person.skills.contains(skill))
            }
        }
    }

    /// Whether private places are shown to them.
    pub fn sees_private(&self) -> bool {
        match self {
            Self::Local => true,
            Self::Caller { may, .. } => may.iter().any(|act| act == "operate"),
            Self::Person(person) => person.sees_private,
        }
    }

    /// Whether they may look into reviews of that queue: their own, or every one for auditors and
    /// those who lead.
    pub fn looks_into(&self, queue: &str) -> bool {
        let Self::Person(person) = self else { return self.sees_reviews() };
        let all = person.roles.iter().any(|role| matches!(role, Role::Auditor | Role::Lead));
        all || person.queues.is_empty() || person.queues.iter().any(|own| own == queue)
    }

    /// Whether they see every call: whoever leads, operates or audits. Other people see those that
    /// they are asked about.
    pub fn oversees(&self) -> bool {
        let Self::Person(person) = self else { return self.operates() };
        let over = |role: &Role| matches!(role, Role::Lead | Role::Operator | Role::Auditor);
        person.roles.iter().any(over)
    }

    /// Whether they may look at reviews at all.
    pub fn sees_reviews(&self) -> bool {
        match self {
            Self::Local | Self::Person(_) => true,
            Self::Caller { may, .. } => may.iter().any(|act| act == "review" || act == "operate"),
        }
    }

    /// Whether they lead: they hand reviews over that others hold.
    pub fn leads(&self) -> bool {
        match self {
            Self::Local => true,
            Self::Caller { .. } => false,
            Self::Person(person) => person.roles.contains(&Role::Lead),
        }
    }

    /// As reviews know whoever wants to decide.
    pub fn who(&self) -> Who<'_> {
        let teams = match self {
            Self::Local => &[],
            Self::Caller { caller, .. } => caller.owner.as_slice(),
            Self::Person(person) => &*person.teams,
        };
        Who { name: self.name(), teams }
    }

    /// The name by which events and reviews know them.
    pub fn name(&self) -> &str {
        match self {
            Self::Local => "local",
            Self::Caller { caller, .. } => &caller.name,
            Self::Person(person) => &person.name,
        }
    }

    /// Whether they may run the gateway.
    pub fn operates(&self) -> bool {
        match self {
            Self::Local => true,
            Self::Caller { may, .. } => may.iter().any(|act| act == "operate"),
            Self::Person(person) => person.roles.contains(&Role::Operator),
        }
    }
}

/// Whether they may do that to a call.
///
/// # Errors
/// [`Problem`] if `callers.<name>.may` does not say so.
pub fn allowed(identity: &Identity, act: &str) -> Result<(), Problem> {
    debug_assert!(ACTS.contains(&act));
    let fine = match identity {
        Identity::Local => true,
        Identity::Caller { may, .. } => may.iter().any(|one| one == act || one == "operate"),
        // Who leads may have a call decided again; all else is for who runs the gateway.
        Identity::Person(person) => {
            let leads = person.roles.contains(&Role::Lead);
            identity.operates() || (leads && ["replay", "rollback"].contains(&act))
        }
    };
    if fine {
        return Ok(());
    }
    let detail = format!("this key may not `{act}`; `may: [{act}]` in gateway.yaml allows it");
    Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail))
}
