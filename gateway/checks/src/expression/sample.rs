//! Stable samples: the same policy, rule and key always fall on the same side of a share.
//!
//! A keyed hash, so that a caller cannot choose a key that is never audited. Every draw is noted,
//! so that the ledger can record it and a replay can repeat it without the salt.

use std::cell::{Cell, RefCell};

use backstop_domain::Drawn;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::error::EvalError;

/// The share that everything falls into, in millionths.
const WHOLE: u32 = 1_000_000;

/// Draws samples for one rule of one policy: as recorded where they were drawn before, else anew.
#[derive(Debug, Default)]
pub struct Sampling {
    by: String,
    fresh: Option<Fresh>,
    recorded: Vec<Drawn>,
    drawn: RefCell<Vec<Drawn>>,
    lacked: Cell<bool>,
}

struct Fresh(Box<Hmac<Sha256>>);

/// The salt stays out of logs.
impl std::fmt::Debug for Fresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fresh")
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
        let fresh = Some(Fresh(Box::new(hash)));
        Ok(Self { fresh, ..Self::recorded(rule, Vec::new()) })
    }

    /// Repeats what was drawn before for `rule`; what was not recorded is an error.
    pub fn recorded(rule: &str, drawn: Vec<Drawn>) -> Self {
        Self { by: rule.to_owned(), recorded: drawn, ..Self::default() }
    }

    /// What was drawn before counts first.
    #[must_use]
    pub fn after(self, recorded: Vec<Drawn>) -> Self {
        Self { recorded, ..self }
    }

    /// What was drawn so far, each once, to be recorded with the judgement.
    pub fn drawn(&self) -> Vec<Drawn> {
        self.drawn.borrow().clone()
    }

    /// Whether something was to be drawn that is neither recorded nor can be drawn.
    pub const fn lacked(&self) -> bool {
        self.lacked.get()
    }

    /// Whether `key` falls into a share in millionths, drawn anew. It is not noted.
    ///
    /// # Errors
    /// When there is no salt to draw with.
    pub fn falls(&self, key: &str, share_millionths: u32) -> Result<bool, EvalError> {
        let fresh = self.fresh.as_ref();
        let fresh = fresh.ok_or_else(|| EvalError::new("there is nothing to draw with"))?;
        Ok(share_millionths == WHOLE || fresh.falls(key, share_millionths))
    }

    /// Whether `key` falls into `share`, which lies in 0 to 1.
    pub(super) fn draw(&self, key: &str, share: f64) -> Result<bool, EvalError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(EvalError::new(format!("a share lies between 0 and 1, not at {share}")));
        }
        let share_millionths = (share * 1e6).round() as u32;
        let digest: String =
            Sha256::digest(key).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let known = self.known(&digest, share_millionths);
        let taken = match (known, &self.fresh) {
            (Some(taken), _) => taken,
            (None, Some(fresh)) => fresh.falls(key, share_millionths),
            (None, None) => {
                self.lacked.set(true);
                return Err(EvalError::new("this sample was not recorded for this call"));
            }
        };
        let by = self.by.clone();
        let draw = Drawn { by, key: digest, share_millionths, taken };
        let mut drawn = self.drawn.borrow_mut();
        if !drawn.contains(&draw) {
            drawn.push(draw);
        }
        Ok(taken)
    }

    /// What earlier draws say: what fell into a share falls into every larger one, and what fell
    /// outside stays outside every smaller one.
    fn known(&self, key: &str, share: u32) -> Option<bool> {
        if matches!(share, 0 | WHOLE) {
            return Some(share == WHOLE);
        }
        let mut of_key = self.recorded.iter().filter(|drawn| drawn.by == self.by);
        let says = |drawn: &Drawn| {
            let decided = match drawn.taken {
                true => drawn.share_millionths <= share,
                false => drawn.share_millionths >= share,
            };
            decided && drawn.key == key
        };
        of_key.find(|drawn| says(drawn)).map(|drawn| drawn.taken)
    }
}

impl Fresh {
    fn falls(&self, key: &str, share_millionths: u32) -> bool {
        let mut hash = (*self.0).clone();
        hash.update(key.as_bytes());
        let bytes = hash.finalize().into_bytes();
        let top = bytes.iter().take(8).fold(0_u64, |top, byte| top << 8 | u64::from(*byte));
        u128::from(top) * 1_000_000 < u128::from(share_millionths) << 64
    }
}
