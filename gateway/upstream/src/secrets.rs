//! Where keys come from: an environment variable or a file, never the rules file itself.
//!
//! This room asks for a secret by its place; it reads no environment of its own.

use std::path::PathBuf;

use secrecy::SecretString;

/// The place of a secret, as written in the gateway file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `{env: NAME}`.
    Env(String),
    /// `{file: path}`.
    File(PathBuf),
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable `{name}`"),
            Self::File(path) => write!(f, "file `{}`", path.display()),
        }
    }
}

/// A secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nothing stands there.
    #[error("{0} is not set; set it, or take the key out of the gateway file")]
    Missing(SecretRef),
    /// It cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(SecretRef, std::io::Error),
    /// It is empty or holds what no header can hold.
    #[error("{0} holds no usable secret: it is empty or has control characters")]
    Unusable(SecretRef),
}

/// Reads secrets. The edge implements it.
pub trait SecretSource: Send + Sync {
    /// The secret at that place, without the line end that files carry.
    ///
    /// # Errors
    /// [`SecretError`], if there is none that can be used.
    fn read(&self, place: &SecretRef) -> Result<SecretString, SecretError>;
}
