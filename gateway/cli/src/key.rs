//! `backstop key`: a key for a caller or a reviewer, and the hash that stands in gateway.yaml; or
//! the hash of a reviewer's password.

use std::{io::Read, process::ExitCode};

use anyhow::{Result, bail};
use argon2::{Argon2, PasswordHasher as _};
use backstop_domain::Digest;

use crate::{args::Key, secrets};

/// Letters of a key: no two look alike.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// Makes a key, or hashes one.
pub fn run(args: &Key) -> Result<ExitCode> {
    if args.password {
        let mut password = String::new();
        std::io::stdin().read_line(&mut password)?;
        println!("{}", slow_hash(password.trim_end_matches(['\r', '\n']))?);
        return Ok(ExitCode::SUCCESS);
    }
    match args.hash.as_deref() {
        None => {
            let key = fresh();
            println!("key   {key}");
            println!("hash  {}", hash(&key));
            println!();
            println!("Give the key to its owner: it is shown this once and kept nowhere.");
            println!(
                "Put the hash under `keys:` of a caller or reviewer in policies/gateway.yaml."
            );
        }
        Some("-") => {
            let mut key = String::new();
            std::io::stdin().read_to_string(&mut key)?;
            println!("{}", hash(strong(key.trim())?));
        }
        Some(key) => println!("{}", hash(strong(key)?)),
    }
    Ok(ExitCode::SUCCESS)
}

/// 256 random bits behind a prefix that secret scanners can know.
fn fresh() -> String {
    let bytes: [u8; 52] = secrets::random();
    let letters = bytes
        .iter()
        .map(|byte| char::from(LETTERS.get(usize::from(byte & 31)).copied().unwrap_or(b'a')));
    format!("bsk_{}", letters.collect::<String>())
}

/// SHA-256, as the gateway file has it. No salt and no slow hash: the key itself is random.
fn hash(key: &str) -> String {
    format!("sha256:{}", Digest::of(key.as_bytes()))
}

/// Argon2id with a salt of its own: whoever gets the file must try each password slowly.
fn slow_hash(password: &str) -> Result<String> {
    if password.chars().count() < 12 {
        bail!("a password needs at least 12 characters; several words are easy to keep in mind");
    }
    let salt: [u8; 16] = secrets::random();
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    Ok(hash.map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?.to_string())
}

/// A key that somebody thought up can be guessed from its hash.
fn strong(key: &str) -> Result<&str> {
    if key.len() < 24 {
        bail!("a key needs at least 24 characters; `backstop key` makes one");
    }
    Ok(key)
}
