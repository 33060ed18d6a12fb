//! Whom the provider means, and what they may do: the entry of the gateway file that has the name
//! as its `login`, else what the rows of `grants` add up to. Pure. Whom neither knows stays
//! outside.

use backstop_domain::Granted;
use backstop_policy::gateway_file::{EMAIL, Grant, Oidc, Role};

use super::{Refused, token::Claims};
use crate::{
    auth::{Credential, Keys, Person, Vouched},
    desk::session::stranger,
};

/// Longest name, in bytes.
const NAME_MAX: usize = 200;

/// Somebody who may come in.
#[derive(Debug, PartialEq, Eq)]
pub struct Came {
    /// Who.
    pub person: Person,
    /// By what.
    pub by: Credential,
    /// What was granted to them, if no entry says it.
    pub granted: Option<Granted>,
}

/// Who that is.
///
/// # Errors
/// Nobody here, and why.
pub fn known(oidc: &Oidc, keys: &Keys, claims: &Claims) -> Result<Came, Refused> {
    let name = name(oidc, claims)?;
    let by = match keys.vouched(oidc, &name) {
        Vouched::Known(person, by) => return Ok(Came { person, by, granted: None }),
        Vouched::Stranger(by) => by,
        Vouched::Taken => return Err(Refused::Taken(name)),
        Vouched::Outdated => return Err(Refused::NotBegun),
    };
    let fits: Vec<&Grant> = oidc.grants.iter().filter(|grant| applies(grant, claims)).collect();
    let granted = together(&fits).ok_or_else(|| Refused::NoRole(name.clone()))?;
    let person = stranger(&name, &granted).ok_or(Refused::NoRole(name))?;
    Ok(Came { person, by, granted: Some(granted) })
}

fn name(oidc: &Oidc, claims: &Claims) -> Result<String, Refused> {
    let claim = &oidc.name;
    let missing = || Refused::NoName(claim.clone());
    let name = claims.text(claim).filter(|name| !name.is_empty()).ok_or_else(missing)?;
    let by_mail = claim == EMAIL;
    if by_mail && !claims.email_is_verified() {
        return Err(Refused::Unverified);
    }
    // It stands in cookies and in the record, and no two may look alike.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".@_-+'|:".contains(&byte);
    if name.len() > NAME_MAX || !name.bytes().all(plain) {
        return Err(Refused::OddName(claim.clone()));
    }
    Ok(if by_mail { name.to_ascii_lowercase() } else { name.to_owned() })
}

fn applies(grant: &Grant, claims: &Claims) -> bool {
    let by_mail = grant.claim == EMAIL;
    if by_mail && !claims.email_is_verified() {
        return false;
    }
    let says = claims.texts(&grant.claim);
    let same = |one: &str, other: &str| match by_mail {
        true => one.eq_ignore_ascii_case(other),
        false => one == other,
    };
    grant.is.iter().any(|wanted| says.iter().any(|said| same(said, wanted)))
}

/// What rows add up to; `None` if there are none. Each adds, but queues: those of rows that let
/// somebody decide are never widened by a row that only lets them look.
fn together(rows: &[&Grant]) -> Option<Granted> {
    let decides =
        |row: &&&Grant| row.roles.iter().any(|role| matches!(role, Role::Reviewer | Role::Lead));
    let deciding: Vec<&Grant> = rows.iter().filter(decides).copied().collect();
    let of_queues = if deciding.is_empty() { rows } else { deciding.as_slice() };
    let everywhere = of_queues.iter().any(|row| row.queues.is_none());
    let queues = of_queues.iter().filter(|_| !everywhere).filter_map(|row| row.queues.as_ref());
    let roles: Vec<Role> = all(rows.iter().flat_map(|row| row.roles.iter().copied()));
    (!roles.is_empty()).then(|| Granted {
        roles: roles.into_iter().map(|role| role.name().to_owned()).collect(),
        queues: all(queues.flatten().cloned()),
        teams: all(rows.iter().flat_map(|row| row.teams.iter().cloned())),
        skills: all(rows.iter().flat_map(|row| row.skills.iter().cloned())),
        sees_private: rows.iter().any(|row| row.sees_private),
    })
}

/// Each once, in order.
fn all<T: Ord>(many: impl Iterator<Item = T>) -> Vec<T> {
    many.collect::<std::collections::BTreeSet<T>>().into_iter().collect()
}
