//! The provider, as it describes itself, and what is asked of it: where to sign in, an ID token for
//! a code, and its keys.

use backstop_domain::Millis;
use backstop_policy::gateway_file::Oidc;
use reqwest::{RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{
    Refused,
    attempt::Attempt,
    fetch::{Fetch, json, short},
    kept::Kept,
    keys::{Algorithm, Key, KeySet},
    token::{Claims, Expected, Token},
};
use crate::desk::session::Sessions;

/// Where a provider describes itself (OpenID Connect Discovery 1.0, section 4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The provider of a gateway file.
pub struct Provider {
    /// Its entry.
    pub oidc: Oidc,
    secret: SecretString,
    back: String,
    fetch: Fetch,
    about: Kept<About>,
    keys: Kept<KeySet>,
}

/// What a provider says of itself.
#[derive(Debug)]
pub struct About {
    sign_in: Url,
    token: Url,
    keys: Url,
    /// Where people sign out of it, too.
    sign_out: Option<Url>,
    algorithms: Vec<Algorithm>,
    /// It takes the secret in the body alone.
    secret_in_body: bool,
    /// It always says who it is when it sends somebody back (RFC 9207).
    names_itself: bool,
}

impl Provider {
    /// The provider of that entry, whose people come back to the desk at `public`.
    ///
    /// # Errors
    /// Why it cannot be asked, in words.
    pub fn new(oidc: &Oidc, secret: SecretString, public: &str) -> Result<Self, String> {
        Ok(Self {
            oidc: oidc.clone(),
            secret,
            back: format!("{public}/sign-in/oidc/return"),
            fetch: Fetch::new(oidc)?,
            about: Kept::default(),
            keys: Kept::default(),
        })
    }

    /// Whether it is the same, asked in the same way.
    pub fn is_as(&self, other: &Self) -> bool {
        let secret = self.secret.expose_secret() == other.secret.expose_secret();
        self.oidc == other.oidc && self.back == other.back && secret
    }

    /// Whether people reach the desk by an encrypted way.
    pub fn is_encrypted(&self) -> bool {
        self.back.starts_with("https://")
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// The provider is away.
    pub async fn about(&self, now: Millis) -> Result<std::sync::Arc<About>, Refused> {
        let about = self.about.get(now, async {
            let issuer = self.oidc.issuer.trim_end_matches('/');
            let place = self.fetch.allowed(&format!("{issuer}{WELL_KNOWN}"))?;
            let document = answered(json(self.fetch.get(&place)).await?)?;
            self.read(&document)
        });
        about.await.map_err(Refused::Away)
    }

    fn read(&self, document: &Value) -> Result<About, String> {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let list = |name: &str| {
            let list = document.get(name)?.as_array()?.iter();
            Some(list.filter_map(Value::as_str).collect::<Vec<_>>())
        };
        if text("issuer") != Some(self.oidc.issuer.as_str()) {
            let named = short(text("issuer").unwrap_or_default());
            return Err(format!(
                "calls itself `{named}`; `oidc.issuer` must say so letter by letter"
            ));
        }
        let place = |name: &str| {
            let named = text(name).ok_or_else(|| format!("does not say its `{name}`"))?;
            self.fetch.allowed(named).map_err(|why| format!("`{name}`: {why}"))
        };
        // Left out they are what every provider must be able to do.
        let signs = list("id_token_signing_alg_values_supported").unwrap_or(vec!["RS256"]);
        let algorithms: Vec<_> = signs.into_iter().filter_map(Algorithm::parse).collect();
        if algorithms.is_empty() {
            return Err("signs by none of RS256, ES256 and EdDSA".to_owned());
        }
        let takes = list("token_endpoint_auth_methods_supported").unwrap_or_default();
        let (basic, post) = ("client_secret_basic", "client_secret_post");
        let names_itself = document.get("authorization_response_iss_parameter_supported");
        Ok(About {
            sign_in: place("authorization_endpoint")?,
            token: place("token_endpoint")?,
            keys: place("jwks_uri")?,
            sign_out: place("end_session_endpoint").ok(),
            algorithms,
            secret_in_body: takes.contains(&post) && !takes.contains(&basic),
            names_itself: names_itself.and_then(Value::as_bool) == Some(true),
        })
    }

    /// Where a browser goes to sign in.
    pub fn door(&self, about: &About, attempt: &Attempt, sessions: &Sessions) -> Url {
        let mut door = about.sign_in.clone();
        door.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.oidc.client_id)
            .append_pair("redirect_uri", &self.back)
            .append_pair("scope", &self.oidc.scopes.join(" "))
            .append_pair("state", &attempt.state(sessions))
            .append_pair("nonce", &attempt.nonce(sessions))
            .append_pair("code_challenge", &attempt.challenge(sessions))
            .append_pair("code_challenge_method", "S256");
        door
    }

    /// Where a browser goes to sign out of the provider, too, if it is known.
    pub async fn way_out(&self) -> Option<Url> {
        let about = self.about.there().await?;
        let mut out = about.sign_out.clone()?;
        let desk = self.back.trim_end_matches("/oidc/return");
        out.query_pairs_mut()
            .append_pair("client_id", &self.oidc.client_id)
            .append_pair("post_logout_redirect_uri", desk);
        Some(out)
    }

    /// Whether an answer is from this provider, as far as it says (RFC 9207).
    pub fn is_from(&self, about: &About, issuer: Option<&str>) -> bool {
        issuer.map_or(!about.names_itself, |issuer| issuer == self.oidc.issuer)
    }

    /// What the provider says of whoever brought that code, believed.
    ///
    /// # Errors
    /// Nobody came, or nobody whom we may believe; and why.
    pub async fn claims(
        &self,
        about: &About,
        code: &str,
        attempt: &Attempt,
        sessions: &Sessions,
        now: Millis,
    ) -> Result<Claims, Refused> {
        let text = self.id_token(about, code, &attempt.verifier(sessions)).await?;
        let token = Token::read(&text)?;
        if !about.algorithms.contains(&token.algorithm) {
            return Err("the ID token is signed in another way than the provider publishes".into());
        }
        let key = self.key(about, &token, now).await?;
        let claims = token.signed_by(&key)?;
        let (issuer, client_id) = (&self.oidc.issuer, &self.oidc.client_id);
        claims.hold(&Expected { issuer, client_id, nonce: &attempt.nonce(sessions), now })?;
        Ok(claims)
    }

    async fn id_token(&self, about: &About, code: &str, verifier: &str) -> Result<String, Refused> {
        let request = self.exchange(about, code, verifier);
        let (status, answer) = json(request).await.map_err(Refused::Away)?;
        if !status.is_success() {
            return Err(Refused::Declined(word(answer.get("error").and_then(Value::as_str))));
        }
        let token = answer.get("id_token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or(Refused::Untrusted("the provider gave no ID token"))
    }

    /// Asks for what a code stands for, with our secret where the provider takes it.
    fn exchange(&self, about: &About, code: &str, verifier: &str) -> RequestBuilder {
        let (id, secret) = (self.oidc.client_id.as_str(), self.secret.expose_secret());
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.back)
            .append_pair("code_verifier", verifier);
        if about.secret_in_body {
            form.append_pair("client_id", id).append_pair("client_secret", secret);
            return self.fetch.post(&about.token, form.finish());
        }
        // Each part is coded before they are joined (RFC 6749, section 2.3.1).
        let coded = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        let request = self.fetch.post(&about.token, form.finish());
        request.basic_auth(coded(id), Some(coded(secret)))
    }

    /// The key that a token names. One that nobody knows is looked for once a minute at most.
    async fn key(&self, about: &About, token: &Token<'_>, now: Millis) -> Result<Key, Refused> {
        let find = |set: &KeySet| set.find(token.algorithm, token.key.as_deref()).cloned();
        let ask = || async { KeySet::read(&answered(json(self.fetch.get(&about.keys)).await?)?) };
        if let Some(key) = find(&*self.keys.get(now, ask()).await.map_err(Refused::Away)?) {
            return Ok(key);
        }
        let anew = self.keys.anew(now, ask()).await.map_err(Refused::Away)?;
        // Somebody else may have asked meanwhile.
        let set = match anew {
            Some(set) => set,
            None => self.keys.get(now, ask()).await.map_err(Refused::Away)?,
        };
        find(&set).ok_or(Refused::Untrusted("the ID token names a key that the provider has not"))
    }
}

fn answered((status, document): (StatusCode, Value)) -> Result<Value, String> {
    if status.is_success() { Ok(document) } else { Err(format!("answered {}", status.as_u16())) }
}

/// A provider's word for an error, if it is one: it is shown, so it is no text of its choice.
pub fn word(error: Option<&str>) -> String {
    let plain = |text: &&str| {
        text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    error.filter(plain).filter(|text| !text.is_empty()).unwrap_or("error").to_owned()
}
