//! A second request beside one that is late: the first answer that will do is the call's answer.
//!
//! An answer will do if nothing that is free objects to it: its shape, the checks, the rules. The
//! other request is then given up, and charged as if it had been answered. Which of the two counts
//! stands in the record by order: the one that counts is written last.

use std::borrow::Cow;

use backstop_domain::{Source, Verdict, call::affordable, call::verdict_on};
use backstop_policy::{
    Answer,
    judge::{Given, Judging},
};
use futures_util::future::{Either, select};

use crate::{
    attempt::{Asking, Begun, Over},
    engine::Inner,
    live::{Live, LiveCall, Stop},
};

impl Inner {
    /// Sends an attempt, and a second one beside it if that is late and its model's entry says so.
    /// What is over, in the order in which it is to be written. `None`: the call was cancelled.
    ///
    /// # Errors
    /// [`Stop`] if the second one cannot be written down.
    pub(crate) async fn send_or_hedge(
        &self,
        call: &LiveCall,
        live: &mut Live,
        begun: Begun,
    ) -> Result<Option<Vec<Over>>, Stop> {
        let Some((after, again)) = begun.hedge().filter(|_| live.policy.plan.repeatable) else {
            return Ok(self.send(call, begun).await.map(|over| vec![over]));
        };
        let first = begun.given_up();
        let mut sent = Box::pin(self.send(call, begun));
        tokio::select! {
            over = &mut sent => return Ok(over.map(|over| vec![over])),
            () = tokio::time::sleep(after) => {}
        }
        let Some(begun) = self.begin_hedge(call, live, again).await? else {
            return Ok(sent.await.map(|over| vec![over]));
        };
        let second = begun.given_up();
        let (early, other, lost, won) = match select(sent, Box::pin(self.send(call, begun))).await {
            Either::Left((over, other)) => (over, other, second, "first"),
            Either::Right((over, other)) => (over, other, first, "second"),
        };
        let Some(early) = early else { return Ok(None) };
        if self.will_do(live, &early) {
            crate::seen::hedged(early.model(), won);
            // Dropped, it is cancelled; what it reserved of the model's limits stays charged.
            drop(other);
            return Ok(Some(vec![lost.over(early.number()), early]));
        }
        let Some(late) = other.await else { return Ok(None) };
        crate::seen::hedged(late.model(), "neither");
        let late_counts = late.answer().is_some() || early.answer().is_none();
        Ok(Some(if late_counts { vec![early, late] } else { vec![late, early] }))
    }

    /// `None`: the load, the budget, or a guard of the model does not allow it.
    async fn begin_hedge(
        &self,
        call: &LiveCall,
        live: &mut Live,
        again: Asking,
    ) -> Result<Option<Begun>, Stop> {
        let level = self.load.level();
        if !level.has_extras() {
            crate::load::left_out("hedge", level);
            return Ok(None);
        }
        let now = self.clock.now();
        if affordable(&live.policy.plan, &live.state, &again.model, 1, now).is_err() {
            return Ok(None);
        }
        Ok(self.begin(call, live, again).await?.ok())
    }

    /// Whether nothing that is free objects to what came.
    fn will_do(&self, live: &mut Live, over: &Over) -> bool {
        let Some(provided) = over.answer() else { return false };
        let Ok(answer) = Answer::from_completion(&provided.body) else { return false };
        self.progress(live);
        let given = Given {
            answer,
            source: Source::Model,
            attempt: Some(over.number()),
            model: Some(over.model().to_owned()),
            raw: Some(Cow::Borrowed(&provided.body)),
        };
        let judging = Judging::of_answer(&live.facts, given, &live.state.request_findings);
        let findings = judging.findings();
        verdict_on(&live.policy.plan, &live.state, &findings, Source::Model) == Verdict::Accept
    }
}
