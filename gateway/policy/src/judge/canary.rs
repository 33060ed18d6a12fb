//! Which calls a policy's canary draws: by a key that sticks, as samples are drawn.

use backstop_checks::expression::Sampling;
use serde_json::Value;

use super::{Facts, formula, limits::as_key};
use crate::compiled::{Policy, StickTo};

/// What the draw is called beside the policy's rules, each of which draws for itself. No rule has
/// that name: theirs begin with `rules.`, `before.` or `tools.`.
const BY: &str = "canary";

impl Policy {
    /// Whether the policy's canary draws the call of these facts. The same key draws the same, and
    /// what a small share draws every larger one does.
    ///
    /// # Errors
    /// Why the key cannot be computed, in words: the call then stays with the policy.
    pub fn draws_canary(&self, facts: &Facts, salt: &[u8]) -> Result<bool, String> {
        let Some(canary) = &self.canary else { return Ok(false) };
        let view = facts.view();
        let text = |variable: &str, pointer: &str| {
            let value = view.variable(variable).and_then(|value| value.pointer(pointer));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let key = match &canary.stick_to {
            StickTo::Call => text("call", "/key"),
            StickTo::Caller => text("caller", "/name"),
            StickTo::Key(key) => as_key(&formula::value(key, &view, BY)?),
        };
        let sampling = Sampling::fresh(salt, &self.name, BY).map_err(|error| error.to_string())?;
        sampling.falls(&key, canary.share_millionths).map_err(|error| error.to_string())
    }
}
