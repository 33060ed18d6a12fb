//! Who asks, and what they may do. One place for callers and people alike.
//!
//! Keys stand in the gateway file as SHA-256 digests of 32 random bytes, so nothing that could be
//! replayed is kept. Without any key the gateway serves the loopback only, and everybody there is
//! `local`.

mod known;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use backstop_domain::{Actor, ActorKind, review::Who};
use backstop_engine::Caller;
use backstop_policy::gateway_file::Role;

use crate::{app::App, problem::Problem};

pub use known::{Credential, Keys, Vouched};

/// Everything that a caller may be allowed to do beside calling (RULES.md section 5, `may`).
const ACTS: [&str; 5] = ["cancel", "replay", "rollback", "review", "operate"];

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
