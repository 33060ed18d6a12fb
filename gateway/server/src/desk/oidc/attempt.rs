//! One try to sign in: it begins in a browser and ends there, once, within ten minutes. All of it
//! is in a signed cookie of that browser; what the provider is sent follows from it and tells
//! nothing of it.

use std::collections::HashMap;

use axum::http::HeaderMap;
use backstop_domain::Millis;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::Refused;
use crate::desk::{
    session::{Sessions, same},
    visitor::cookie,
};

/// Longest time from the page where it begins to the way back, in milliseconds.
const LONGEST_MS: u64 = 10 * 60_000;
/// Most tries that came back within that time.
const USED_MAX: usize = 100_000;
/// Longest place to go to afterwards; it lies in the cookie.
const TO_MAX: usize = 1_024;

/// One try to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    id: String,
    began: Millis,
    /// Where to go afterwards; empty for the first page.
    pub to: String,
}

impl Attempt {
    /// One that begins now. `id` is nobody's to guess.
    pub fn begin(id: String, began: Millis, to: String) -> Self {
        let to = if to.len() > TO_MAX { String::new() } else { to };
        Self { id, began, to }
    }

    /// What the provider gives back, so that we know which try it is.
    pub fn state(&self, sessions: &Sessions) -> String {
        sessions.mac("oidc state", &self.id)
    }

    /// What must stand in the ID token, so that it is for this try.
    pub fn nonce(&self, sessions: &Sessions) -> String {
        sessions.mac("oidc nonce", &self.id)
    }

    /// What proves to the provider that a code was asked for by us in this try.
    pub fn verifier(&self, sessions: &Sessions) -> String {
        sessions.mac("oidc verifier", &self.id)
    }

    /// What the provider is told of that beforehand (RFC 7636, S256).
    pub fn challenge(&self, sessions: &Sessions) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier(sessions)))
    }

    /// The cookie, as the browser is told of it.
    pub fn cookie(&self, sessions: &Sessions, encrypted: bool) -> String {
        let to = URL_SAFE_NO_PAD.encode(&self.to);
        let value = sessions.signed("oidc", &format!("{}~{}~{to}", self.id, self.began.0));
        said(&name(&self.state(sessions), encrypted), &value, LONGEST_MS / 1_000, encrypted)
    }

    /// The one that came back: it began in that browser, not too long ago.
    ///
    /// # Errors
    /// [`Refused::NotBegun`].
    pub fn taken_up(
        sent: &HeaderMap,
        state: &str,
        sessions: &Sessions,
        encrypted: bool,
        now: Millis,
    ) -> Result<Self, Refused> {
        let read = || {
            let value = cookie(sent, &name(state, encrypted))?;
            let mut parts = sessions.unsigned("oidc", value)?.split('~');
            let (id, began, to) = (parts.next()?, parts.next()?, parts.next()?);
            let to = String::from_utf8(URL_SAFE_NO_PAD.decode(to).ok()?).ok()?;
            Some(Self { id: id.to_owned(), began: Millis(began.parse().ok()?), to })
        };
        let attempt = read().ok_or(Refused::NotBegun)?;
        // Which tries were used a process does not know of those before it.
        let fresh = attempt.began >= sessions.since() && now.since(attempt.began) < LONGEST_MS;
        let ours = same(&attempt.state(sessions), state);
        if fresh && ours { Ok(attempt) } else { Err(Refused::NotBegun) }
    }
}

/// The header that takes the cookie of that try away again.
pub fn forgotten(state: &str, encrypted: bool) -> String {
    said(&name(state, encrypted), "", 0, encrypted)
}

/// Each try has a cookie of its own: two pages of one browser do not get in each other's way.
fn name(state: &str, encrypted: bool) -> String {
    // The prefix keeps neighbours under the same domain from setting it (RFC 6265bis).
    let host = if encrypted { "__Host-" } else { "" };
    let plain = |letter: &char| letter.is_ascii_hexdigit();
    let which: String = state.chars().filter(plain).take(16).collect();
    format!("{host}backstop_oidc_{which}")
}

fn said(name: &str, value: &str, seconds: u64, encrypted: bool) -> String {
    let secure = if encrypted { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// Tries that came back.
#[derive(Default)]
pub struct Used(Mutex<HashMap<String, Millis>>);

impl Used {
    /// Uses that try up.
    ///
    /// # Errors
    /// [`Refused::Used`] if it was; [`Refused::Busy`] if there are too many to know.
    pub fn use_up(&self, attempt: &Attempt, now: Millis) -> Result<(), Refused> {
        let mut used = self.0.lock();
        if used.contains_key(&attempt.id) {
            return Err(Refused::Used);
        }
        if used.len() >= USED_MAX {
            used.retain(|_, began| now.since(*began) < LONGEST_MS);
        }
        if used.len() >= USED_MAX {
            return Err(Refused::Busy);
        }
        used.insert(attempt.id.clone(), attempt.began);
        Ok(())
    }
}
