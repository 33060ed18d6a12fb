//! After a restart: what earlier calls took of the limits on tools, read back from the ledger, so
//! that a limit of two a day is not a limit of two per start.

use std::sync::Arc;

use backstop_domain::{CallState, Millis, Source, Stream};
use backstop_ledger::CallFilter;
use backstop_policy::{
    Answer, Policy,
    judge::{Facts, Given, Judging, ToolUse},
};

use crate::{
    engine::{Inner, fold},
    live::Stop,
};

/// How long before its release a call may have come in and still be found: reviews take days.
const OPEN_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;

impl Inner {
    /// Counts what was released within the windows of the policies in force.
    pub(crate) async fn remember_tools(&self) -> Result<(), Stop> {
        let now = self.clock.now();
        let policies: Vec<Arc<Policy>> = self.workspace.load().policies.values().cloned().collect();
        for policy in policies {
            let limits = policy.tools.listed().iter().flat_map(|tool| &tool.limits);
            let Some(window_ms) = limits.map(|limit| limit.window_ms).max() else { continue };
            let since = Millis(now.0.saturating_sub(window_ms.saturating_add(OPEN_MS_MAX)));
            self.remember_policy(&policy, since).await?;
        }
        Ok(())
    }

    async fn remember_policy(&self, policy: &Arc<Policy>, since: Millis) -> Result<(), Stop> {
        let mut filter = CallFilter {
            policy: Some(policy.name.clone()),
            since: Some(since),
            limit: 500,
            ..CallFilter::default()
        };
        loop {
            let page = self.ledger.calls(filter.clone()).await?;
            for call in &page.rows {
                let events = self.ledger.stream(&Stream::call(&call.id), 0).await?;
                let Ok(Some(state)) = fold(&events) else { continue };
                if state.ended().is_some_and(|ended| ended.answer.is_some()) {
                    let facts = self.facts_of(&call.id, policy, &state.received, state.received_at);
                    // A request that was erased can be counted no more.
                    let Ok(facts) = facts.await else { continue };
                    let uses = self.tools_of(&facts, &state).await?;
                    self.tool_limits.remember(&policy.name, &call.id, &uses, state.at);
                }
            }
            match page.next {
                Some(next) => filter.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// What the answer on the table, or the released one, takes of the limits on tools.
    pub(crate) async fn tools_of(
        &self,
        facts: &Facts,
        state: &CallState,
    ) -> Result<Vec<ToolUse>, Stop> {
        let released = state.ended().and_then(|ended| ended.answer);
        let shown = state.subject().map(|subject| subject.digest);
        let Some(digest) = released.or(shown) else { return Ok(Vec::new()) };
        let Some(bytes) = self.stored(digest).await? else { return Ok(Vec::new()) };
        let Ok(answer) = Answer::from_bytes(&bytes) else { return Ok(Vec::new()) };
        if !answer.calls_tools() {
            return Ok(Vec::new());
        }
        let given = Given::of(answer, Source::Model, None, None);
        Ok(Judging::of_answer(facts, given, &state.request_findings).tool_uses())
    }
}
