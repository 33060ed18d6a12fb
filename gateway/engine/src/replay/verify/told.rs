//! What was brought to a judgement then, handed in again; what was asked is made anew and compared.

use backstop_domain::{Basis, CallState, FullLimit, Paid};
use backstop_policy::judge::{PaidAsk, PaidResult, ToolUse};
use serde_json::Value;

use crate::replay::{
    hand::{Bring, Hand},
    unknown::Unknown,
};

/// What was brought to a judgement then, handed in again. What was asked is compared.
pub(super) struct Told<'a> {
    basis: &'a Basis,
    state: &'a CallState,
    again: Vec<Paid>,
}

impl<'a> Told<'a> {
    pub const fn of(basis: &'a Basis, state: &'a CallState) -> Self {
        Self { basis, state, again: Vec::new() }
    }

    /// The basis as the replay makes it; samples come from the record.
    pub fn basis(self) -> Basis {
        let (drawn, full) = (self.basis.drawn.clone(), self.basis.full.clone());
        Basis { paid: self.again, drawn, full }
    }
}

impl Bring for Told<'_> {
    fn paid(
        &mut self,
        hand: &Hand<'_>,
        ask: &PaidAsk,
        own: Option<&Value>,
    ) -> Result<Result<PaidResult, String>, Unknown> {
        let told = self.basis.paid.iter().find(|paid| paid.id == ask.id);
        let told = told.ok_or_else(|| {
            let what = "what services and models said to a judgement";
            Unknown::NotWritten { what: what.to_owned() }
        })?;
        let sent = told.attempts.first().and_then(|first| {
            let attempts = &self.state.attempts;
            attempts.iter().find(|attempt| attempt.started.attempt == *first)
        });
        // What was sent must be what was asked.
        let asked = sent.map_or(told.asked, |attempt| Some(attempt.started.request));
        let again = ask.ask.digest(own);
        let asked = if asked == told.asked { again } else { asked };
        self.again.push(Paid { asked, ..told.clone() });
        match (&told.failed, told.said) {
            (Some(why), _) => Ok(Err(why.clone())),
            (None, Some(said)) => hand.scored(said).map(Ok),
            (None, None) => hand.said(self.state, &ask.ask, &told.attempts),
        }
    }

    fn full(&mut self, uses: &[ToolUse]) -> Result<Option<FullLimit>, Unknown> {
        let full = self.basis.full.clone();
        Ok(full.filter(|full| uses.iter().any(|one| one.tool == full.tool)))
    }
}
