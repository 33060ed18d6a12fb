//! An ID token: who signed it, for whom, for which try and until when. Pure: it asks nobody.
//!
//! Source: OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725. Claims can be read only of a token
//! whose signature held, and believed only once [`Claims::hold`] has said so.

use backstop_domain::Millis;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::keys::{Algorithm, Key};
use crate::desk::session::same;

/// How far the provider's clock and ours may lie apart, in seconds.
const LEEWAY_S: u64 = 30;
/// Largest token, in bytes.
const TOKEN_MAX: usize = 256 * 1024;

/// What is wrong with a token, in words for the log.
pub type Wrong = &'static str;

/// A token as it came: nothing of it is believed.
pub struct Token<'t> {
    /// How it says that it is signed.
    pub algorithm: Algorithm,
    /// The key that it names.
    pub key: Option<String>,
    signed: &'t str,
    signature: Vec<u8>,
    claims: &'t str,
}

impl<'t> Token<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// It is no token that we could believe.
    pub fn read(text: &'t str) -> Result<Self, Wrong> {
        if text.len() > TOKEN_MAX {
            return Err("the ID token is too large");
        }
        let (signed, signature) = text.rsplit_once('.').ok_or("the ID token has no signature")?;
        let (head, claims) = signed.split_once('.').ok_or("the ID token has no claims")?;
        let head = object(head).ok_or("the ID token has no readable head")?;
        if head.contains_key("crit") {
            return Err("the ID token wants something that we do not know (`crit`)");
        }
        let named = head.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm =
            Algorithm::parse(named).ok_or("the ID token is not signed by RS256, ES256 or EdDSA")?;
        let signature = URL_SAFE_NO_PAD.decode(signature);
        let signature = signature.map_err(|_| "the signature of the ID token is not readable")?;
        let key = head.get("kid").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { algorithm, key, signed, signature, claims })
    }

    /// Its claims, if that key signed them.
    ///
    /// # Errors
    /// It did not.
    pub fn signed_by(&self, key: &Key) -> Result<Claims, Wrong> {
        if !key.signed(self.signed.as_bytes(), &self.signature) {
            return Err("the ID token is not signed by the provider's key");
        }
        object(self.claims).map(Claims).ok_or("the claims of the ID token are not readable")
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// What a token must say to be for us, now.
pub struct Expected<'a> {
    /// By whom.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// In which try.
    pub nonce: &'a str,
    /// When.
    pub now: Millis,
}

/// What the provider says of somebody.
#[derive(Debug, Clone)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Whether they are for us, now.
    ///
    /// # Errors
    /// What does not fit.
    pub fn hold(&self, expected: &Expected<'_>) -> Result<(), Wrong> {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str);
        if text("iss") != Some(expected.issuer) {
            return Err("the ID token is from another issuer");
        }
        let audience: Vec<&str> = match self.0.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !audience.contains(&expected.client_id) {
            return Err("the ID token is for another client (`aud`)");
        }
        let party = self.0.get("azp").map(|party| party.as_str().unwrap_or_default());
        let needed = audience.len() > 1;
        if party.map_or(needed, |party| party != expected.client_id) {
            return Err("the ID token was given to another client (`azp`)");
        }
        if !text("nonce").is_some_and(|nonce| same(expected.nonce, nonce)) {
            return Err("the ID token is for another sign-in (`nonce`)");
        }
        if text("sub").is_none_or(str::is_empty) {
            return Err("the ID token is about nobody (`sub`)");
        }
        self.is_now(expected.now.0 / 1_000)
    }

    fn is_now(&self, now_s: u64) -> Result<(), Wrong> {
        // Seconds; some write a part of one, too.
        let at = |name: &str| match self.0.get(name) {
            None => Ok(None),
            Some(value) => {
                let parts = || value.as_f64().filter(|at| (0.0..1e15).contains(at));
                let whole = value.as_u64().or_else(|| parts().map(|at| at as u64));
                whole.map(Some).ok_or("a time in the ID token is not readable")
            }
        };
        let (soon, late) = (now_s.saturating_add(LEEWAY_S), now_s.saturating_sub(LEEWAY_S));
        match at("exp")? {
            None => return Err("the ID token does not say until when it holds (`exp`)"),
            Some(until) if until <= late => return Err("the ID token has expired (`exp`)"),
            Some(_) => {}
        }
        match at("iat")? {
            None => return Err("the ID token does not say when it was made (`iat`)"),
            Some(made) if made > soon => {
                return Err("the ID token was made later than now (`iat`)");
            }
            Some(_) => {}
        }
        if at("nbf")?.is_some_and(|from| from > soon) {
            return Err("the ID token does not hold yet (`nbf`)");
        }
        Ok(())
    }

    /// The texts in a claim: one, or a list of them. `a.b` is a claim of that name, else `b` in
    /// `a`.
    pub fn texts(&self, claim: &str) -> Vec<&str> {
        match self.get(claim) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The text in a claim, if it is one alone.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.get(claim)?.as_str()
    }

    /// Whether the provider has made sure that the e-mail address is theirs. Some say so as text.
    pub fn email_is_verified(&self) -> bool {
        match self.0.get("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    fn get(&self, claim: &str) -> Option<&Value> {
        if let Some(value) = self.0.get(claim) {
            return Some(value);
        }
        let (first, rest) = claim.split_once('.')?;
        rest.split('.').try_fold(self.0.get(first)?, |value, name| value.get(name))
    }
}

/// Claims that a test makes up, as if they were signed.
#[cfg(test)]
pub fn made_up(claims: Value) -> Claims {
    match claims {
        Value::Object(claims) => Claims(claims),
        _ => Claims(Map::new()),
    }
}
