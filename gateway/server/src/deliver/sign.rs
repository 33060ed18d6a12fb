//! Signatures as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`, one for each
//! secret, so that a receiver may change to the next secret while the old one is still in use.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How every secret starts.
const PREFIX: &str = "whsec_";
/// Bytes of a key, at least.
const LEAST: usize = 24;
/// Bytes of a key, at most.
const MOST: usize = 64;
/// Secrets at one time, at most.
const SECRETS_MAX: usize = 4;

/// The keys that deliveries of one consumer are signed with, the newest first.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeys(Vec<Vec<u8>>);

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKeys({})", self.0.len())
    }
}

impl SigningKeys {
    /// Reads secrets as they are handed to receivers: `whsec_` and 24 to 64 bytes in base64.
    ///
    /// # Errors
    /// What is wrong, in words, without the secret.
    pub fn read<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let keys = secrets.into_iter().map(key).collect::<Result<Vec<_>, _>>()?;
        match keys.len() {
            0 => Err("there is no secret to sign with".to_owned()),
            1..=SECRETS_MAX => Ok(Self(keys)),
            more => Err(format!("{more} secrets at one time, at most {SECRETS_MAX}")),
        }
    }

    /// No key: what goes to people by an address that is a secret itself is not signed.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether there is nothing to sign with.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The header `webhook-signature` for that body, sent at that time in seconds.
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let signed = self.0.iter().filter_map(|key| {
            // HMAC takes keys of any length, so this gives a signature for every key.
            let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        });
        signed.collect::<Vec<_>>().join(" ")
    }
}

fn key(secret: &str) -> Result<Vec<u8>, String> {
    let mend = "`backstop subscriptions secret` makes one";
    let encoded = secret
        .trim()
        .strip_prefix(PREFIX)
        .ok_or_else(|| format!("a secret must start with `{PREFIX}`; {mend}"))?;
    let key = STANDARD
        .decode(encoded)
        .map_err(|_| format!("what follows `{PREFIX}` must be base64; {mend}"))?;
    if (LEAST..=MOST).contains(&key.len()) {
        return Ok(key);
    }
    Err(format!("a secret must hold {LEAST} to {MOST} bytes, this one has {}; {mend}", key.len()))
}

/// A secret of these bytes, as it is handed to a receiver.
pub fn secret(bytes: &[u8; 32]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that Standard Webhooks' own libraries are tested with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn signed(secrets: &[&str]) -> String {
        let keys = SigningKeys::read(secrets.iter().copied());
        let sign = |keys: SigningKeys| {
            keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#)
        };
        keys.map(sign).unwrap_or_else(|why| why)
    }

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        assert_eq!(signed(&[SECRET]), SIGNATURE);
    }

    #[test]
    fn while_a_secret_is_changed_both_sign() {
        let next = secret(&[7; 32]);
        let both = signed(&[&next, SECRET]);
        let (first, second) = both.split_once(' ').unwrap_or_default();
        assert_eq!((first, second), (signed(&[&next]).as_str(), SIGNATURE));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_without_being_quoted() {
        for bad in ["s3cret", "whsec_***", "whsec_c2hvcnQ=", ""] {
            let why = signed(&[bad]);
            assert!(why.contains("subscriptions secret"), "{bad}: {why}");
            assert!(bad.is_empty() || !why.contains(bad), "{why}");
        }
        assert!(signed(&[]).contains("no secret"));
        assert!(signed(&[SECRET; 5]).contains("at most 4"));
    }
}
