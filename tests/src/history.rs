//! What clients asked for and were told, in the order in which they saw it, and whether any gateway
//! that keeps its promises could have told them so. It knows nothing of the ledger.
//!
//! An act that was never answered, because the gateway died, may or may not have happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A call under that idempotency key, with that body.
    Call {
        /// The key.
        key: String,
        /// The body.
        body: String,
    },
    /// How a call stands, now or after a wait.
    Look {
        /// The call.
        call: String,
    },
    /// A new run of a call.
    Fork {
        /// The call.
        call: String,
    },
    /// The end of a call.
    Cancel {
        /// The call.
        call: String,
    },
    /// A word on a review.
    Decide {
        /// The review.
        review: String,
    },
    /// A word on a review, taken back.
    Undo {
        /// The review.
        review: String,
    },
    /// The words of a call are to go.
    Erase {
        /// The call.
        call: String,
    },
}

/// The answer of a call whose words were erased.
pub const ERASED: &str = "erased";

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// How a call stands.
    Seen(Seen),
    /// The act is done.
    Done {
        /// How the review is decided by now, if it is: by whom and what.
        decision: Option<String>,
    },
    /// No, and nothing has changed.
    Refused,
}

/// How a call stood when somebody was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The call.
    pub call: String,
    /// Its run.
    pub run: u64,
    /// Outcome and answer, once there is one.
    pub end: Option<(String, String)>,
}

/// Everything that was asked and told. Shared by all clients of one gateway, over all its lives.
#[derive(Debug, Default)]
pub struct History(Mutex<Vec<Line>>);

#[derive(Debug, Clone)]
enum Line {
    Asked(Act),
    Told(usize, Told),
    Heard { consumer: String, place: u64, event: String },
    Waited { what: String, longest: Duration, took: Duration },
}

/// The place of an act in the history.
#[derive(Debug, Clone, Copy)]
pub struct Ticket(usize);

/// What a history holds, for a figure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Acts.
    pub acts: usize,
    /// Of them, those that were answered.
    pub answered: usize,
    /// Acts that the gateway refused.
    pub refused: usize,
    /// Events that consumers were given.
    pub heard: usize,
    /// Waits that ended.
    pub waits: usize,
}

/// What a wait may last beyond what was asked for: a slow disk, and a machine that is.
pub const WAIT_SLACK: Duration = Duration::from_secs(120);

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acts, answered, refused, heard, waits } = self;
        write!(
            f,
            "{acts} acts, {answered} answered, {refused} of them refused; {heard} events heard, \
             {waits} waits ended"
        )
    }
}

/// What must hold of a call from here on, because somebody was told.
#[derive(Debug, Clone, Default)]
struct Floor {
    run: u64,
    ended: bool,
    ends: BTreeMap<u64, (String, String)>,
}

/// What is known of a review from what people were told.
#[derive(Debug, Clone, Default)]
struct Decided {
    decisions: BTreeSet<String>,
    undone: usize,
}

impl History {
    /// A client asks.
    ///
    /// # Panics
    /// Never: nobody panics while it is held.
    pub fn ask(&self, act: Act) -> Ticket {
        let mut lines = self.0.lock().unwrap();
        lines.push(Line::Asked(act));
        Ticket(lines.len() - 1)
    }

    /// The client is told.
    ///
    /// # Panics
    /// Never: nobody panics while it is held.
    pub fn tell(&self, ticket: Ticket, told: Told) {
        self.0.lock().unwrap().push(Line::Told(ticket.0, told));
    }

    /// A consumer of the feed is given an event, which stands at that place of it.
    ///
    /// # Panics
    /// Never: nobody panics while it is held.
    pub fn heard(&self, consumer: &str, place: u64, event: &str) {
        let (consumer, event) = (consumer.to_owned(), event.to_owned());
        self.0.lock().unwrap().push(Line::Heard { consumer, place, event });
    }

    /// Somebody waited, at most so long as they asked for, and was let go.
    ///
    /// # Panics
    /// Never: nobody panics while it is held.
    pub fn waited(&self, what: &str, longest: Duration, took: Duration) {
        let what = what.to_owned();
        self.0.lock().unwrap().push(Line::Waited { what, longest, took });
    }

    /// Whether a gateway that keeps its promises could have told all this.
    ///
    /// # Errors
    /// The first thing that it could not, in words.
    ///
    /// # Panics
    /// Never: nobody panics while it is held.
    pub fn check(&self) -> Result<Figures, String> {
        let lines = self.0.lock().unwrap().clone();
        let mut checker = Checker::default();
        for (place, line) in lines.iter().enumerate() {
            match line {
                Line::Asked(act) => checker.asked(place, act),
                Line::Told(asked, told) => {
                    let Line::Asked(act) = &lines[*asked] else {
                        return Err(format!("line {place} answers what is no question"));
                    };
                    checker
                        .told(*asked, act, told)
                        .map_err(|why| format!("line {place}: {why}"))?;
                }
                Line::Heard { consumer, place, event } => {
                    checker.heard(consumer, *place, event)?;
                }
                Line::Waited { what, longest, took } => {
                    checker.figures.waits += 1;
                    if *took > *longest + WAIT_SLACK {
                        return Err(format!("{what} was to wait {longest:?} and took {took:?}"));
                    }
                }
            }
        }
        checker.decided_once()?;
        Ok(checker.figures)
    }
}

#[derive(Default)]
struct Checker {
    figures: Figures,
    keys: BTreeMap<String, (String, String)>,
    floors: BTreeMap<String, Floor>,
    /// What held of a call when an act on it was asked for.
    then: BTreeMap<usize, BTreeMap<String, (u64, bool)>>,
    reviews: BTreeMap<String, Decided>,
    /// Calls whose words somebody wants to go.
    erasing: BTreeSet<String>,
    /// What each consumer was given, in order.
    heard: BTreeMap<String, Vec<String>>,
}

impl Checker {
    /// A consumer hears of everything in order; what it was given before it may be given again.
    fn heard(&mut self, consumer: &str, place: u64, event: &str) -> Result<(), String> {
        self.figures.heard += 1;
        let all = self.heard.entry(consumer.to_owned()).or_default();
        let next = all.len() as u64 + 1;
        if place == next {
            all.push(event.to_owned());
            return Ok(());
        }
        let before = place.checked_sub(1).and_then(|index| all.get(usize::try_from(index).ok()?));
        match before {
            Some(before) if before == event => Ok(()),
            Some(before) => Err(format!("{consumer} was given {before} at {place}, now {event}")),
            None => Err(format!("{consumer} was given {place} where {next} comes")),
        }
    }

    fn asked(&mut self, place: usize, act: &Act) {
        self.figures.acts += 1;
        let now = |floor: &Floor| (floor.run, floor.ended);
        let call = match act {
            Act::Call { key, .. } => self.keys.get(key).map(|(_, call)| call.clone()),
            Act::Look { call } | Act::Fork { call } | Act::Cancel { call } => Some(call.clone()),
            // It too may happen without a word.
            Act::Erase { call } => {
                self.erasing.insert(call.clone());
                None
            }
            Act::Decide { .. } => None,
            // It may happen without a word.
            Act::Undo { review } => {
                self.reviews.entry(review.clone()).or_default().undone += 1;
                None
            }
        };
        if let Some(call) = call {
            let floor = self.floors.get(&call).map(now).unwrap_or_default();
            self.then.insert(place, [(call, floor)].into());
        }
    }

    fn told(&mut self, asked: usize, act: &Act, told: &Told) -> Result<(), String> {
        self.figures.answered += 1;
        match (act, told) {
            (Act::Undo { review }, Told::Refused) => {
                self.figures.refused += 1;
                self.reviews.entry(review.clone()).or_default().undone -= 1;
            }
            (_, Told::Refused) => self.figures.refused += 1,
            (Act::Call { key, body }, Told::Seen(seen)) => {
                self.bound(key, body, &seen.call)?;
                self.seen(asked, seen)?;
            }
            (_, Told::Seen(seen)) => self.seen(asked, seen)?,
            (Act::Decide { review }, Told::Done { decision: Some(decision) }) => {
                let decided = self.reviews.entry(review.clone()).or_default();
                decided.decisions.insert(decision.clone());
            }
            (_, Told::Done { .. }) => {}
        }
        Ok(())
    }

    /// A key means one call and one body, also when the words of that call are gone.
    fn bound(&mut self, key: &str, body: &str, call: &str) -> Result<(), String> {
        let (first, same) =
            self.keys.entry(key.to_owned()).or_insert_with(|| (body.to_owned(), call.to_owned()));
        if same != call {
            return Err(format!("key {key} named {same} and names {call}"));
        }
        if first != body {
            return Err(format!("key {key} was taken with another body"));
        }
        Ok(())
    }

    /// A call only goes forward, and a run ends once.
    fn seen(&mut self, asked: usize, seen: &Seen) -> Result<(), String> {
        let Seen { call, run, end } = seen;
        let before = self.then.get(&asked).and_then(|then| then.get(call)).copied();
        let (least, ended) = before.unwrap_or_default();
        if *run < least || (*run == least && ended && end.is_none()) {
            let was = if ended { "ended" } else { "open" };
            return Err(format!("{call} was {was} in run {least}, is {end:?} in run {run}"));
        }
        let floor = self.floors.entry(call.clone()).or_default();
        if let Some(end) = end {
            let first = floor.ends.entry(*run).or_insert_with(|| end.clone());
            let gone = first.1 == ERASED || end.1 == ERASED;
            if gone && !self.erasing.contains(call) {
                return Err(format!("the words of {call} are gone, and nobody asked for that"));
            }
            if first.0 != end.0 || (first.1 != end.1 && !gone) {
                return Err(format!("run {run} of {call} ended as {first:?}, and as {end:?}"));
            }
            if first.1 == ERASED {
                first.1.clone_from(&end.1);
            }
        }
        if (*run, end.is_some()) > (floor.run, floor.ended) {
            (floor.run, floor.ended) = (*run, end.is_some());
        }
        Ok(())
    }

    /// Between two decisions of a review somebody takes one back; a second click is none.
    fn decided_once(&self) -> Result<(), String> {
        for (review, decided) in &self.reviews {
            let Decided { decisions, undone } = decided;
            if decisions.len() > 1 + undone {
                return Err(format!("{review} was decided {decisions:?}, undone {undone} times"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(key: &str, body: &str) -> Act {
        Act::Call { key: key.to_owned(), body: body.to_owned() }
    }

    fn seen(call: &str, run: u64, end: Option<&str>) -> Told {
        let end = end.map(|outcome| (outcome.to_owned(), "answer".to_owned()));
        Told::Seen(Seen { call: call.to_owned(), run, end })
    }

    fn told(lines: Vec<(Act, Told)>) -> Result<Figures, String> {
        let history = History::default();
        for (act, answer) in lines {
            let ticket = history.ask(act);
            history.tell(ticket, answer);
        }
        history.check()
    }

    #[test]
    fn a_key_that_names_two_calls_is_noticed() {
        told(vec![(call("k", "b"), seen("c1", 1, None)), (call("k", "b"), seen("c1", 1, None))])
            .unwrap();
        told(vec![(call("k", "b"), seen("c1", 1, None)), (call("k", "b"), seen("c2", 1, None))])
            .unwrap_err();
        told(vec![(call("k", "b"), seen("c1", 1, None)), (call("k", "d"), seen("c1", 1, None))])
            .unwrap_err();
    }

    #[test]
    fn an_outcome_that_is_gone_or_another_is_noticed() {
        let look = || Act::Look { call: "c1".to_owned() };
        let first = || (look(), seen("c1", 1, Some("accepted")));
        told(vec![first(), (look(), seen("c1", 1, None))]).unwrap_err();
        told(vec![first(), (look(), seen("c1", 1, Some("failed")))]).unwrap_err();
        told(vec![first(), (look(), seen("c1", 2, None)), first()]).unwrap_err();
        told(vec![first(), (look(), seen("c1", 2, None))]).unwrap();
    }

    #[test]
    fn words_that_are_gone_are_noticed_unless_somebody_asked_for_that() {
        let look = || Act::Look { call: "c1".to_owned() };
        let gone = |outcome: &str| {
            let end = Some((outcome.to_owned(), ERASED.to_owned()));
            Told::Seen(Seen { call: "c1".to_owned(), run: 1, end })
        };
        let first = || (look(), seen("c1", 1, Some("accepted")));
        let erase = || (Act::Erase { call: "c1".to_owned() }, Told::Done { decision: None });
        told(vec![first(), (look(), gone("accepted"))]).unwrap_err();
        told(vec![first(), erase(), (look(), gone("accepted"))]).unwrap();
        told(vec![first(), erase(), (look(), gone("failed"))]).unwrap_err();
        let named = |id: &str| (call("k", "b"), seen(id, 1, None));
        told(vec![named("c1"), erase(), named("c2")]).unwrap_err();
        let refused = || (call("k", "b"), Told::Refused);
        told(vec![named("c1"), erase(), refused(), refused()]).unwrap();
    }

    #[test]
    fn what_was_asked_before_may_still_be_answered_by_the_old_run() {
        let history = History::default();
        let early = history.ask(Act::Look { call: "c1".to_owned() });
        let fork = history.ask(Act::Fork { call: "c1".to_owned() });
        history.tell(fork, seen("c1", 2, None));
        history.tell(early, seen("c1", 1, Some("accepted")));
        history.check().unwrap();
    }

    #[test]
    fn a_gap_another_order_and_another_event_are_noticed_and_a_repeat_is_not() {
        let heard = |all: &[(u64, &str)]| {
            let history = History::default();
            all.iter().for_each(|(place, event)| history.heard("one", *place, event));
            history.check().map(|figures| figures.heard)
        };
        assert_eq!(heard(&[(1, "a"), (2, "b"), (1, "a"), (2, "b"), (3, "c")]), Ok(5));
        heard(&[(1, "a"), (3, "c")]).unwrap_err();
        heard(&[(2, "b"), (1, "a")]).unwrap_err();
        heard(&[(1, "a"), (2, "b"), (1, "b")]).unwrap_err();
    }

    #[test]
    fn a_wait_that_lasts_is_noticed() {
        let waited = |took: u64| {
            let history = History::default();
            history.waited("c1", Duration::from_secs(20), Duration::from_secs(took));
            history.check()
        };
        waited(139).unwrap();
        waited(141).unwrap_err();
    }

    #[test]
    fn a_review_that_two_people_decided_is_noticed_unless_one_took_it_back() {
        let decide = |by: &str| {
            let decision = Some(format!("{by} approve"));
            (Act::Decide { review: "r".to_owned() }, Told::Done { decision })
        };
        told(vec![decide("ada"), decide("ada")]).unwrap();
        told(vec![decide("ada"), decide("bob")]).unwrap_err();
        let undo = || Act::Undo { review: "r".to_owned() };
        told(vec![decide("ada"), (undo(), Told::Done { decision: None }), decide("bob")]).unwrap();
        told(vec![decide("ada"), (undo(), Told::Refused), decide("bob")]).unwrap_err();
    }
}
