//! The one place that reads the environment and secret files, and draws new secrets.

use backstop_upstream::{SecretError, SecretRef, SecretSource};
use rand::Rng;
use secrecy::SecretString;

/// Secrets of this process and machine.
pub struct Machine;

/// An environment variable; `None` if it is not set or not UTF-8.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Bytes that nobody can guess.
#[expect(clippy::disallowed_methods, reason = "a new secret comes from chance alone")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

impl SecretSource for Machine {
    fn read(&self, place: &SecretRef) -> Result<SecretString, SecretError> {
        let text = match place {
            SecretRef::Env(name) => {
                variable(name).ok_or_else(|| SecretError::Missing(place.clone()))?
            }
            SecretRef::File(path) => std::fs::read_to_string(path)
                .map_err(|error| SecretError::Unreadable(place.clone(), error))?,
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(SecretError::Unusable(place.clone()));
        }
        Ok(SecretString::from(text.to_owned()))
    }
}
