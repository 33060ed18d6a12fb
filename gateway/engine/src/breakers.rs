//! Breakers held by hand: an operator takes a model out of use, or keeps it in use, for a time.
//!
//! The act is on disk before it takes effect, and it is what a restart or a reload finds again.

use backstop_domain::{Actor, ControlEvent, Event, Millis, Stream, guard::Hold};
use backstop_ledger::Recorded;

use crate::{
    engine::{Engine, Inner},
    live::Stop,
};

const ISOLATED: &str = "breaker_isolated";
const HELD_CLOSED: &str = "breaker_held_closed";
const RELEASED: &str = "breaker_released";

/// What an operator orders of a model's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerOrder {
    /// Hold it so, until then.
    Hold(Hold, Millis),
    /// Let go of it.
    Release,
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BreakerRefused {
    /// No model has that name.
    #[error("gateway.yaml has no model `{0}`")]
    Unknown(String),
    /// It cannot be written down, so it does not take effect.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl Engine {
    /// Holds a model's breaker by hand, or lets go of it. An isolation ends by itself: probes then
    /// decide.
    ///
    /// # Errors
    /// [`BreakerRefused`]; nothing has changed then.
    pub async fn order_breaker(
        &self,
        model: &str,
        order: BreakerOrder,
        actor: &Actor,
        reason: String,
    ) -> Result<(), BreakerRefused> {
        let inner = &self.0;
        let unknown = || BreakerRefused::Unknown(model.to_owned());
        let gate = inner.models.current(model).ok_or_else(unknown)?.gate;
        // In the order of the record, whoever else gives orders.
        let _alone = inner.changes.orders.lock().await;
        let (act, until) = match order {
            BreakerOrder::Hold(Hold::Isolated, until) => (ISOLATED, Some(until)),
            BreakerOrder::Hold(Hold::Closed, until) => (HELD_CLOSED, Some(until)),
            BreakerOrder::Release => (RELEASED, None),
        };
        let (act, target) = (act.to_owned(), model.to_owned());
        let acted = ControlEvent::OperatorActed { act, target, reason, until };
        inner.tell(&stream(model), actor, &acted).await?;
        match order {
            BreakerOrder::Hold(how, until) => gate.hold(how, until),
            BreakerOrder::Release => gate.release(),
        }
        inner.changes.take(gate.take_changes());
        Ok(())
    }
}

impl Inner {
    /// Holds every breaker as the ledger tells that operators left it.
    pub(crate) async fn hold_breakers(&self) -> Result<(), Stop> {
        let _alone = self.changes.orders.lock().await;
        let now = self.clock.now();
        for (name, upstream) in self.models.all() {
            let events = self.ledger.stream(&stream(&name), 0).await?;
            if let Some((how, until)) = events.iter().rev().find_map(ordered).flatten()
                && until > now
            {
                upstream.gate.hold(how, until);
                self.changes.take(upstream.gate.take_changes());
            }
        }
        Ok(())
    }
}

/// The inner `None`: it was let go of.
fn ordered(recorded: &Recorded) -> Option<Option<(Hold, Millis)>> {
    let Ok(Event::Control(ControlEvent::OperatorActed { act, until, .. })) = &recorded.event else {
        return None;
    };
    let how = match act.as_str() {
        ISOLATED => Hold::Isolated,
        HELD_CLOSED => Hold::Closed,
        RELEASED => return Some(None),
        _ => return None,
    };
    Some(until.map(|until| (how, until)))
}

fn stream(model: &str) -> Stream {
    Stream::control(&format!("model.{model}"))
}
