//! `backstop head`: the end of the chain, signed, to be kept where whoever can change the ledger
//! cannot reach; and the check of such a head.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use backstop_domain::{Digest, Millis};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{args::Head, build};

/// Bytes of a key, at least.
const KEY_LEAST: usize = 32;

/// A signed head, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    position: u64,
    hash: Digest,
    /// When it was taken.
    at: Millis,
    /// HMAC-SHA256, in hexadecimal, over the line that [`Signed::line`] makes.
    signature: String,
}

impl Signed {
    /// What is signed.
    fn line(&self) -> String {
        format!("backstop-head-1 {} {} {}", self.position, self.hash, self.at.0)
    }

    fn mac(&self, key: &[u8]) -> Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
        mac.update(self.line().as_bytes());
        Ok(mac)
    }
}

/// Prints the signed head.
pub fn run(args: &Head) -> Result<ExitCode> {
    let key = key(&args.sign)?;
    let head = backstop_ledger::head(&args.data)?;
    let at = build::clock().now();
    let mut signed =
        Signed { position: head.position, hash: head.hash, at, signature: String::new() };
    let bytes = signed.mac(&key)?.finalize().into_bytes();
    signed.signature = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{}", serde_json::to_string_pretty(&signed)?);
    Ok(ExitCode::SUCCESS)
}

/// What the ledger lacks of a chain that once ended with the head in that file; `None`: nothing.
///
/// # Errors
/// The head is not signed with that key, or something cannot be read.
pub fn lacks(data: &Path, head: &Path, sign: &Path) -> Result<Option<backstop_ledger::Break>> {
    let text = std::fs::read_to_string(head)
        .with_context(|| format!("cannot read `{}`", head.display()))?;
    let signed: Signed = serde_json::from_str(&text)
        .with_context(|| format!("`{}` is no head of `backstop head`", head.display()))?;
    let claimed = bytes_of(&signed.signature).unwrap_or_default();
    if signed.mac(&key(sign)?)?.verify_slice(&claimed).is_err() {
        bail!("`{}` is not signed with the key in `{}`", head.display(), sign.display());
    }
    let kept = backstop_ledger::Head { position: signed.position, hash: signed.hash };
    Ok(backstop_ledger::lacks(data, kept)?)
}

fn key(path: &Path) -> Result<Vec<u8>> {
    let key = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if key.len() < KEY_LEAST {
        bail!(
            "`{}` must hold at least {KEY_LEAST} bytes; `head -c 32 /dev/urandom > FILE` makes \
             them",
            path.display()
        );
    }
    Ok(key)
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = hex.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| u8::try_from(pair.iter().fold(0, |sum, digit| sum * 16 + digit)).ok())
        .collect()
}
