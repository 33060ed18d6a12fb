//! Stable samples: the same policy, rule and key always fall on the same side of a share.
//!
//! A keyed hash, so that a caller cannot choose a key that is never audited. Every draw is noted,
//! so that the ledger can record it and a replay can repeat it without the salt.

use std::cell::RefCell;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::error::EvalError;

/// One draw, as recorded. It holds no float and not the key itself, which may be private.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Drawn {
    /// First 16 hexadecimal digits of the key's SHA-256.
    pub key: String,
    /// The share, in millionths.
    pub share_millionths: u32,
    /// Whether the key fell into the share.
    pub taken: bool,
}

/// Draws samples for one rule of one policy, or repeats recorded ones.
#[derive(Debug)]
pub struct Sampling {
    source: Source,
    drawn: RefCell<Vec<Drawn>>,
}

enum Source {
    Fresh(Box<Hmac<Sha256>>),
    Recorded(Vec<Drawn>),
}

/// The salt stays out of logs.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fresh(_) => f.write_str("Fresh"),
            Self::Recorded(drawn) => f.debug_tuple("Recorded").field(drawn).finish(),
        }
    }
}

impl Sampling {
    /// Draws anew for `rule` of `policy` under the gateway's secret `salt`.
    ///
    /// # Errors
    /// When the salt cannot be used as a key.
    pub fn fresh(salt: &[u8], policy: &str, rule: &str) -> Result<Self, EvalError> {
        let mut hash = <Hmac<Sha256> as KeyInit>::new_from_slice(salt)
            .map_err(|_| EvalError::new("the salt for samples cannot be used"))?;
        for part in [policy, rule] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Ok(Self { source: Source::Fresh(Box::new(hash)), drawn: RefCell::default() })
    }

    /// Repeats what was drawn before; a draw that was not recorded is an error.
    pub fn recorded(drawn: Vec<Drawn>) -> Self {
        Self { source: Source::Recorded(drawn), drawn: RefCell::default() }
    }

    /// What was drawn so far, each once, to be recorded with the finding.
    pub fn drawn(&self) -> Vec<Drawn> {
        self.drawn.borrow().clone()
    }

    /// Whether `key` falls into `share`, which lies in 0 to 1.
    pub(super) fn draw(&self, key: &str, share: f64) -> Result<bool, EvalError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(EvalError::new(format!("a share lies between 0 and 1, not at {share}")));
        }
        let share_millionths = (share * 1e6).round() as u32;
        let digest: String =
            Sha256::digest(key).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let taken = match &self.source {
            Source::Fresh(hash) => {
                let mut hash = (**hash).clone();
                hash.update(key.as_bytes());
                let bytes = hash.finalize().into_bytes();
                let top = bytes.iter().take(8).fold(0_u64, |top, byte| top << 8 | u64::from(*byte));
                u128::from(top) * 1_000_000 < u128::from(share_millionths) << 64
            }
            Source::Recorded(drawn) => drawn
                .iter()
                .find(|d| d.key == digest && d.share_millionths == share_millionths)
                .map(|d| d.taken)
                .ok_or_else(|| EvalError::new("this sample was not recorded for this call"))?,
        };
        let draw = Drawn { key: digest, share_millionths, taken };
        let mut drawn = self.drawn.borrow_mut();
        if !drawn.contains(&draw) {
            drawn.push(draw);
        }
        Ok(taken)
    }
}
