//! Whether a request is let in: by the level, by the limits, and by a place among the calls in
//! flight. A policy that names a ladder for it gets the call although the door is shut.

use std::time::Duration;

use backstop_domain::{
    AtDoor, Criticality, FailureClass, Millis, Plan, Received,
    guard::{Amounts, Level},
};
use backstop_policy::Policy;
use backstop_upstream::LimitPermit;

use crate::{
    admit::{Refused, Submit, class, deadline_ms},
    door::{Entered, Shut},
    engine::Inner,
    live::Live,
    pinned::Pinned,
    places::Place,
    rates::Rates,
};

/// When to try again for want of a place, in milliseconds.
const PLACE_AGAIN_MS: u64 = 1_000;
/// When to try again at latest, in milliseconds, whatever an operator has said.
const AGAIN_MAX_MS: u64 = 60_000;

/// What a call was let in with.
pub(crate) struct LetIn {
    /// Limits that it took.
    pub permits: Vec<LimitPermit>,
    /// Its place.
    pub place: Option<Place>,
    /// How the caller stands.
    pub rates: Rates,
    /// Why the door was shut, if it came in all the same.
    pub held: Option<AtDoor>,
    /// How long it waited for its place.
    pub waited: Duration,
}

/// The door is shut, and nothing is held.
struct No {
    which: String,
    until: Option<Millis>,
    by: By,
    /// The request is larger than the limit allows at all.
    never: bool,
    after_ms: u64,
    rates: Rates,
}

/// What shut the door.
enum By {
    /// A limit of the caller's or policy's.
    Limit,
    /// The gateway's load.
    Load,
    /// An operator, who holds the policy: why, and until when at most.
    Operator(String, Millis),
}

impl From<Shut> for Box<No> {
    fn from(shut: Shut) -> Self {
        let Shut { which, until, never, rates } = shut;
        Self::new(No { which, until, by: By::Limit, never, after_ms: 0, rates })
    }
}

impl No {
    fn by_load(which: String, after_ms: u64, rates: Rates) -> Box<Self> {
        Box::new(Self { which, until: None, by: By::Load, never: false, after_ms, rates })
    }
}

impl Inner {
    /// Lets a request in, or says why not.
    ///
    /// # Errors
    /// [`Refused`]: nothing is held then.
    pub(crate) async fn let_in(
        &self,
        own: &Pinned,
        submit: &Submit,
        amounts: Amounts,
        level: Level,
    ) -> Result<LetIn, Refused> {
        let mut waited = Duration::ZERO;
        match self.entered(own, submit, amounts, level, &mut waited).await {
            Ok((entered, place)) => {
                let rates = entered.rates;
                let (permits, place) = (entered.into_permits(), Some(place));
                Ok(LetIn { permits, place, rates, held: None, waited })
            }
            Err(no) => {
                let rates = no.rates;
                let held = Some(held(&own.policy, *no, level)?);
                Ok(LetIn { permits: Vec::new(), place: None, rates, held, waited })
            }
        }
    }

    async fn entered(
        &self,
        own: &Pinned,
        submit: &Submit,
        amounts: Amounts,
        level: Level,
        waited: &mut Duration,
    ) -> Result<(Entered, Place), Box<No>> {
        let class = class(&own.policy, submit);
        self.goes_on(&own.policy)?;
        self.admits(level, class)?;
        let entered = self.door.enter(&own.policy, &own.facts, submit, amounts)?;
        let tenant = tenant(submit.caller.tenant.as_deref(), &submit.caller.name);
        let left_ms = deadline_ms(&own.policy, submit);
        let asked = crate::stages::stopwatch();
        let place = self.door.places.place(class, tenant, amounts.tokens, left_ms).await;
        *waited = asked.elapsed();
        match place {
            Ok(place) => Ok((entered, place)),
            Err(none) => Err(No::by_load(none.0, PLACE_AGAIN_MS, entered.rates)),
        }
    }

    /// Whether no operator holds the policy.
    fn goes_on(&self, policy: &Policy) -> Result<(), Box<No>> {
        let Some(held) = self.pauses.of("policy", &policy.name, self.clock.now()) else {
            return Ok(());
        };
        let which = format!("policy `{}` is paused: {}", policy.name, held.reason);
        let (by, rates) = (By::Operator(held.reason, held.until), Rates::default());
        let no = No { which, until: Some(held.until), by, never: false, after_ms: 0, rates };
        Err(Box::new(no))
    }

    /// Whether calls of that class go on to a model at that level.
    fn admits(&self, level: Level, class: Criticality) -> Result<(), Box<No>> {
        if level.admits(class) {
            return Ok(());
        }
        crate::load::left_out("call", level);
        let which = not_admitted(level, class);
        Err(No::by_load(which, self.load.again_ms(self.clock.now()), Rates::default()))
    }

    /// A call that came in past a shut door holds no place: where its ladder leads to a model, it
    /// takes one now, or does not go there.
    pub(crate) fn place_for_model(&self, live: &mut Live) -> Result<(), String> {
        let received: &Received = &live.state.received;
        if received.held_at_door.is_none() || live.place.is_some() {
            return Ok(());
        }
        let (class, level) = (received.criticality, self.load.level());
        if !level.admits(class) {
            return Err(not_admitted(level, class));
        }
        let tenant = tenant(received.tenant.as_deref(), &received.caller);
        let place = self.door.places.place_now(class, tenant).map_err(|none| none.0)?;
        live.place = Some(place);
        Ok(())
    }
}

/// By whom places are shared out.
fn tenant<'a>(tenant: Option<&'a str>, caller: &'a str) -> &'a str {
    tenant.unwrap_or(caller)
}

fn not_admitted(level: Level, class: Criticality) -> String {
    let (level, class) = (level.name(), class.name());
    format!("the gateway is at level `{level}`, at which {class} calls reach no model")
}

/// A policy that names a ladder for it gets the call although the door is shut.
fn held(policy: &Policy, no: No, level: Level) -> Result<AtDoor, Refused> {
    let class = FailureClass::Shed;
    let No { which, until, by, never, after_ms, rates } = no;
    if policy.plan.ladders.contains_key(&Plan::class_ladder(class)) {
        return Ok(AtDoor { class, reason: which, until });
    }
    Err(match by {
        By::Limit => Refused::Limited { which, until, never, rates },
        By::Load => Refused::Shed { which, after_ms: after_ms.min(AGAIN_MAX_MS), level, rates },
        By::Operator(reason, until) => {
            Refused::Paused { policy: policy.name.clone(), reason, until }
        }
    })
}
