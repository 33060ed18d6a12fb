//! The tokens of an answer as a provider reports them, laid along the answer's bytes.
//!
//! Tokens that do not spell the answer are refused: a probability must never be read off the
//! wrong place.

use core::ops::Range;

use serde::Deserialize;

use super::Missing;

/// One token of the answer (`choices[].logprobs.content[]` of the chat completions API).
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Token {
    /// Its text; where it is part of a character, `bytes` is what counts.
    pub token: String,
    /// Its bytes in UTF-8, if the provider gives them.
    #[serde(default)]
    pub bytes: Option<Vec<u8>>,
    /// Natural logarithm of its probability, at most 0.
    pub logprob: f64,
    /// The likeliest tokens at this place, mostly with this one among them; may be empty.
    #[serde(default)]
    pub top_logprobs: Vec<Alternative>,
}

/// A token that might have stood in the place of another.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Alternative {
    /// Its text.
    pub token: String,
    /// Its bytes in UTF-8, if the provider gives them.
    #[serde(default)]
    pub bytes: Option<Vec<u8>>,
    /// Natural logarithm of its probability.
    pub logprob: f64,
}

impl Token {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(self.token.as_bytes())
    }

    pub(super) fn probability(&self) -> f64 {
        self.logprob.exp().min(1.0)
    }
}

impl Alternative {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(self.token.as_bytes())
    }
}

/// Log-probabilities above this are no rounding errors any more.
const LOGPROB_MAX: f64 = 1e-3;

/// Each token with the bytes of `answer` that it spells.
///
/// White space that the provider cut from either end of the answer may stand in the tokens.
pub(super) fn aligned<'t>(
    answer: &str,
    tokens: &'t [Token],
) -> Result<Vec<(Range<usize>, &'t Token)>, Missing> {
    if tokens.is_empty() {
        return Err(Missing::because("the model gave no log-probabilities"));
    }
    if tokens.iter().any(|token| token.logprob.is_nan() || token.logprob > LOGPROB_MAX) {
        return Err(Missing::because("a log-probability is not a number up to 0"));
    }
    let spelled: Vec<u8> = tokens.iter().flat_map(Token::bytes).copied().collect();
    let cut = start_of(answer.as_bytes(), &spelled)
        .ok_or_else(|| Missing::because("the tokens do not spell the answer"))?;
    let mut at = 0;
    let mut out = Vec::with_capacity(tokens.len());
    for token in tokens {
        let end = at + token.bytes().len();
        let clamp = |byte: usize| byte.saturating_sub(cut).min(answer.len());
        out.push((clamp(at)..clamp(end), token));
        at = end;
    }
    Ok(out)
}

/// Where the answer starts in what the tokens spell, if only white space stands around it.
fn start_of(answer: &[u8], spelled: &[u8]) -> Option<usize> {
    let extra = spelled.len().checked_sub(answer.len())?;
    (0..=extra).take_while(|cut| *cut == 0 || is_space(spelled.get(..*cut))).find(|cut| {
        let end = cut + answer.len();
        spelled.get(*cut..end) == Some(answer) && is_space(spelled.get(end..))
    })
}

fn is_space(bytes: Option<&[u8]>) -> bool {
    bytes.is_some_and(|bytes| bytes.iter().all(u8::is_ascii_whitespace))
}
