//! Everybody whom the gateway file knows, and by what: keys, passwords, a proxy's or a provider's
//! word. Also who may be somebody without standing there.

use std::collections::{HashMap, HashSet};

use backstop_domain::{Criticality, Digest};
use backstop_engine::Caller;
use backstop_policy::{
    Gateway,
    gateway_file::{EMAIL, Oidc},
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::{Identity, Person};

/// Every key, by the digest of what is sent.
#[derive(Debug, Default)]
pub struct Keys {
    known: arc_swap::ArcSwap<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<[u8; 32], Identity>,
    people: HashMap<String, Member>,
    callers: HashSet<String>,
    /// The provider of OpenID Connect: its [`tag`].
    provider: Option<String>,
}

impl Known {
    /// Stands for that provider, with all that it opens now, and the name by which it knows
    /// somebody.
    fn vouched(&self, name: &str) -> Option<Credential> {
        let provider = self.provider.as_ref()?;
        Some(Credential::Provider(Digest::of(format!("{provider} {name}").as_bytes())))
    }

    /// By what a person of the file can come in.
    fn credentials(&self, member: &Member) -> Vec<Credential> {
        let keys = member.keys.iter().copied().map(Credential::Key);
        let password = member.password.clone().map(Credential::Password);
        let login = member.login.as_deref();
        let vouched = login.and_then(|login| self.vouched(login));
        let login = login.map(|_| Credential::Login);
        keys.chain(password).chain(login).chain(vouched).collect()
    }

    /// Whether that is the name of somebody in the file, whoever vouches for it.
    fn is_taken(&self, name: &str) -> bool {
        let mut taken = self.people.keys().chain(&self.callers);
        name == "local" || taken.any(|one| one.eq_ignore_ascii_case(name))
    }
}

/// A person, and by what they are known.
#[derive(Debug)]
struct Member {
    person: Person,
    keys: Vec<[u8; 32]>,
    password: Option<String>,
    login: Option<String>,
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
    /// The provider of OpenID Connect: it, all that it opened then, and as whom it knows them.
    Provider(Digest),
}

impl Credential {
    /// The word in the record.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Password(_) => "password",
            Self::Login => "login",
            Self::Provider(_) => "oidc",
        }
    }
}

/// Whom a provider means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    /// A person of the file, who has that name as their `login`.
    Known(Person, Credential),
    /// Somebody without an entry.
    Stranger(Credential),
    /// Nobody: it is the name of somebody in the file who does not say so.
    Taken,
    /// Nobody: that provider, as it was asked, is not the file's any more.
    Outdated,
}

/// A provider and all that it opens, in a form that no two share.
fn tag(oidc: &Oidc) -> String {
    format!("{oidc:?}")
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
        let mut known = Known {
            callers: gateway.callers.keys().cloned().collect(),
            // Whatever in it changes: who came in by it comes in by it anew.
            provider: gateway.oidc.as_ref().map(tag),
            ..Known::default()
        };
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
        let people = known.people.values().any(signs_in);
        !known.keys.is_empty() || people || known.provider.is_some()
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

    /// Whom that provider means by that name.
    pub fn vouched(&self, oidc: &Oidc, name: &str) -> Vouched {
        let known = self.known.load();
        if known.provider.as_ref() != Some(&tag(oidc)) {
            return Vouched::Outdated;
        }
        let same = |login: &str| match oidc.name == EMAIL {
            true => login.eq_ignore_ascii_case(name),
            false => login == name,
        };
        let mut members = known.people.values();
        let member = members.find(|member| member.login.as_deref().is_some_and(same));
        let login = member.and_then(|member| member.login.as_deref());
        match (member, known.vouched(login.unwrap_or(name))) {
            (_, None) => Vouched::Outdated,
            (Some(member), Some(by)) => Vouched::Known(member.person.clone(), by),
            (None, Some(_)) if known.is_taken(name) => Vouched::Taken,
            (None, Some(by)) => Vouched::Stranger(by),
        }
    }

    /// Whether somebody without an entry still is who came in by that.
    pub fn still_vouched(&self, name: &str, by: &Credential) -> bool {
        let known = self.known.load();
        !known.is_taken(name) && known.vouched(name).as_ref() == Some(by)
    }

    /// The hash of that person's password.
    pub fn password_of(&self, name: &str) -> Option<String> {
        self.known.load().people.get(name)?.password.clone()
    }

    /// The person of that name, if their entry still has what they came in by.
    pub fn still(&self, name: &str, by: &Credential) -> Option<Person> {
        let known = self.known.load();
        let member = known.people.get(name)?;
        known.credentials(member).contains(by).then(|| member.person.clone())
    }

    /// By what somebody of that name can come in.
    pub fn credentials(&self, name: &str) -> Vec<Credential> {
        let known = self.known.load();
        match known.people.get(name) {
            Some(member) => known.credentials(member),
            None if known.is_taken(name) => Vec::new(),
            None => known.vouched(name).into_iter().collect(),
        }
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

    /// Whose key that is.
    pub(super) fn find(&self, sent: &str) -> Option<Identity> {
        let digest: [u8; 32] = Sha256::digest(sent.as_bytes()).into();
        let known = self.known.load();
        let (key, identity) = known.keys.get_key_value(&digest)?;
        // The map has compared digests already; this keeps the last comparison free of timing.
        bool::from(key.ct_eq(&digest)).then(|| identity.clone())
    }
}

const fn criticality(word: backstop_policy::raw::Criticality) -> Criticality {
    match word {
        backstop_policy::raw::Criticality::Critical => Criticality::Critical,
        backstop_policy::raw::Criticality::Standard => Criticality::Standard,
        backstop_policy::raw::Criticality::Sheddable => Criticality::Sheddable,
    }
}
