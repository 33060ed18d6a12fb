//! What an attempt asks of a model's gate, and what it is told when the gate stays shut.

use backstop_domain::guard::Amounts;
use backstop_domain::{Criticality, FailureClass, Millis};

use crate::adapters::limit_set::Refused;
use crate::adapters::quality::Asker;

/// What an attempt is to the retry budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A first attempt: it earns.
    First,
    /// A retry: it spends.
    Retry,
    /// A retry of sheddable work: it leaves half of the budget to others.
    SheddableRetry,
    /// A second request beside the first: it spends, and has a budget of its own too.
    Hedge,
}

/// One attempt that asks for leave.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// What it is estimated to take.
    pub estimate: Amounts,
    /// What it is to the retry budget.
    pub purpose: Purpose,
    /// The class of its call.
    pub class: Criticality,
    /// Milliseconds after which a permit that nobody settled gives its places back: the deadline
    /// and a minute.
    pub hold_ms: u64,
    /// Whose quality breaker it passes; `None` for what is judged by nobody, such as a vote.
    pub asker: Option<Asker<'a>>,
    /// Milliseconds that are left to it, if it is one that the call can do without: it is not sent
    /// if the model usually takes longer. `None`: it is sent anyway, as the first of a call is.
    pub left_ms: Option<u64>,
    /// Whether it leaves probes of a model that failed to other calls: it is critical, and another
    /// model is left to it.
    pub spares_probes: bool,
}

/// A guard of ours does not let an attempt out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The branch that a policy takes: `quota misconfigured throttled breaker_open limit`.
    pub class: FailureClass,
    /// When it may be tried again, if known.
    pub until: Option<Millis>,
    /// Which guard, whose, and why, in words.
    pub which: String,
    /// The limit, if it was one.
    pub refused: Option<Refused>,
}

pub(crate) fn blocked(class: FailureClass, until: Option<Millis>, which: String) -> Box<Blocked> {
    Box::new(Blocked { class, until, which, refused: None })
}
