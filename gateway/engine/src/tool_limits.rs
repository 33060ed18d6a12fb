//! Limits on tools: how often, or how much, within a window. Reserved while an answer is judged,
//! kept when it is released, given back when it is not.

use std::{collections::HashMap, sync::Arc};

use backstop_domain::guard::{Amounts, Cap, LimitRule, Quantity, Rate};
use backstop_policy::judge::ToolUse;
use backstop_upstream::{Clock, LimitPermit, LimitSet};
use parking_lot::Mutex;

/// How long a reservation is held that nobody settles: reviews can take days.
const HOLD_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Every limit on a tool that was ever used, by policy and name.
pub(crate) struct ToolLimits {
    clock: Arc<dyn Clock>,
    sets: Mutex<HashMap<(String, String), Arc<LimitSet>>>,
}

impl ToolLimits {
    /// None used yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sets: Mutex::default() }
    }

    /// Reserves what an answer takes, or says which tool it denies and why.
    pub fn reserve(
        &self,
        policy: &str,
        uses: &[ToolUse],
    ) -> Result<Vec<LimitPermit>, (String, String)> {
        let mut permits = Vec::new();
        for one in uses {
            let amounts = Amounts { requests: 0, tokens: one.amount, ..Amounts::default() };
            let key = if one.key.is_empty() { "everybody" } else { one.key.as_str() };
            let taken = self.set(policy, one).acquire(&[Some(key)], amounts, HOLD_MS);
            match taken {
                Ok(permit) => permits.push(permit),
                Err(_) => {
                    permits.into_iter().for_each(LimitPermit::cancel);
                    let most = one.most;
                    let hours = one.window_ms / 3_600_000;
                    let why = format!("its limit of {most} in {hours} h is reached for `{key}`");
                    return Err((one.tool.clone(), why));
                }
            }
        }
        Ok(permits)
    }

    fn set(&self, policy: &str, one: &ToolUse) -> Arc<LimitSet> {
        let place = (policy.to_owned(), format!("{}/{}", one.tool, one.limit));
        // The whole window's worth may come at once: "2/day" means two, not one every half day.
        let cap = Rate::new(one.most, one.window_ms, one.most).map(Cap::Rate);
        let cap = cap.unwrap_or(Cap::AtOnce(0));
        let rule = LimitRule { name: one.limit.clone(), quantity: Quantity::Tokens, cap };
        let mut sets = self.sets.lock();
        let set = sets
            .entry(place)
            .or_insert_with(|| LimitSet::new(vec![rule.clone()], Arc::clone(&self.clock)));
        if set.rules().first() != Some(&rule) {
            set.reload(vec![rule]);
        }
        Arc::clone(set)
    }
}
