//! What happened in a recorded call, to be given again in order to whoever asks the same.

use std::collections::BTreeMap;

use backstop_domain::{
    AttemptEnded, AttemptStarted, CallEvent, Digest, FailureClass, FullLimit, Millis, Paid,
    Purpose, Resolved, ReviewId, Subject,
};

use super::record::RecordedCall;

/// What a request to a model came to.
pub(super) enum Happened<'r> {
    /// It was sent.
    Sent(&'r AttemptStarted, &'r AttemptEnded),
    /// A guard held it back: the class, for how many milliseconds if known, and which guard.
    Blocked(FailureClass, Option<u64>, &'r str),
}

/// One recorded request to a model.
struct Request<'r> {
    model: &'r str,
    happened: Happened<'r>,
    /// For how many milliseconds a failed one was to be left alone.
    wait_ms: Option<u64>,
    used: bool,
}

/// One recorded review.
pub(super) struct Review<'r> {
    /// Its id.
    pub id: &'r ReviewId,
    /// Its queue.
    pub queue: &'r str,
    /// What the person saw.
    pub subject: Option<Digest>,
    /// When it was opened.
    at: Millis,
    /// When it was due, in milliseconds from its opening.
    pub due_ms: u64,
    /// What was decided in the end, and after how many milliseconds; `None` while it is open.
    pub resolved: Option<(&'r Resolved, u64)>,
    used: bool,
}

/// Everything that a recorded call can give again.
pub(super) struct Pool<'r> {
    requests: Vec<Request<'r>>,
    /// What was asked in which run, and whether it was given again.
    paid: Vec<(u32, &'r Paid, bool)>,
    reviews: Vec<Review<'r>>,
    /// The kept answer that was found.
    pub hit: Option<&'r Subject>,
    /// The fallback that was taken, by row.
    pub fallback: Option<(u32, &'r Subject)>,
    /// Every answer that was judged, with the limit on a tool that had no room for it.
    pub judged: BTreeMap<Digest, Option<FullLimit>>,
    /// The record itself.
    pub record: &'r RecordedCall,
    /// Every attempt, by its run and its number there.
    attempts: BTreeMap<(u32, u32), (&'r AttemptStarted, Option<&'r AttemptEnded>)>,
}

impl<'r> Pool<'r> {
    /// What that call can give.
    pub fn of(record: &'r RecordedCall) -> Self {
        let mut pool = Self {
            requests: Vec::new(),
            paid: Vec::new(),
            reviews: Vec::new(),
            hit: None,
            fallback: None,
            judged: BTreeMap::new(),
            record,
            attempts: BTreeMap::new(),
        };
        for recorded in &record.events {
            if let Some(event) = recorded.as_call() {
                pool.take(event, recorded.envelope.at, recorded.envelope.run);
            }
        }
        pool
    }

    fn take(&mut self, event: &'r CallEvent, at: Millis, run: u32) {
        match event {
            CallEvent::CacheLooked { hit: Some(subject) } => self.hit = Some(subject),
            CallEvent::AttemptStarted(started) => {
                self.attempts.insert((run, started.attempt), (started, None));
            }
            CallEvent::AttemptEnded(ended) => self.ended(ended, at, run),
            CallEvent::AttemptBlocked { model, class, until, reason } if is_a_guards(*class) => {
                let wait = until.map(|until| until.since(at));
                let happened = Happened::Blocked(*class, wait, reason);
                self.requests.push(Request { model, happened, wait_ms: wait, used: false });
            }
            CallEvent::RequestJudged { basis, .. } => {
                self.paid.extend(basis.paid.iter().map(|paid| (run, paid, false)));
            }
            CallEvent::AnswerJudged(judged) => {
                self.paid.extend(judged.basis.paid.iter().map(|paid| (run, paid, false)));
                self.judged.insert(judged.subject.digest, judged.basis.full.clone());
            }
            CallEvent::FallbackTaken { row, subject, .. } => self.fallback = Some((*row, subject)),
            CallEvent::ReviewRequested(requested) => self.reviews.push(Review {
                id: &requested.review,
                queue: &requested.queue,
                subject: requested.subject,
                at,
                due_ms: requested.due.since(at),
                resolved: None,
                used: false,
            }),
            CallEvent::ReviewResolved(resolved) => {
                let review = self.reviews.iter_mut().find(|one| *one.id == resolved.review);
                if let Some(review) = review {
                    review.resolved = Some((resolved, at.since(review.at)));
                }
            }
            CallEvent::DecisionUndone { review } => {
                if let Some(review) = self.reviews.iter_mut().find(|one| one.id == review) {
                    review.resolved = None;
                }
            }
            _ => {}
        }
    }

    fn ended(&mut self, ended: &'r AttemptEnded, at: Millis, run: u32) {
        let Some((started, slot)) = self.attempts.get_mut(&(run, ended.attempt)) else { return };
        *slot = Some(ended);
        let started = *started;
        if started.purpose.is_answer() {
            let Some(started) = self.asked_as(started, run) else { return };
            let wait_ms = match &ended.result {
                backstop_domain::AttemptResult::Failed { until: Some(until), .. } => {
                    Some(until.since(at))
                }
                _ => None,
            };
            let happened = Happened::Sent(started, ended);
            self.requests.push(Request { model: &started.model, happened, wait_ms, used: false });
        }
    }

    /// What was asked when that attempt answers it. Of two side by side the one that is written
    /// last is what the first came to; `None`: it is not that one.
    fn asked_as(&self, started: &'r AttemptStarted, run: u32) -> Option<&'r AttemptStarted> {
        let mut asked = started;
        for ((of, number), (other, ended)) in &self.attempts {
            if *of != run || !other.purpose.is_answer() {
                continue;
            }
            if ended.is_none() {
                return None;
            }
            let first = other.purpose != Purpose::Hedge && *number < started.attempt;
            if started.purpose == Purpose::Hedge && first {
                asked = other;
            }
        }
        Some(asked)
    }

    /// What the next like request came to; the wait in milliseconds that was asked for.
    pub fn next(
        &mut self,
        model: &str,
        purpose: Purpose,
        request: Digest,
    ) -> Option<(&Happened<'r>, Option<u64>)> {
        let like = |one: &&mut Request<'r>| {
            let same = match &one.happened {
                Happened::Sent(started, _) => {
                    started.request == request && started.purpose == purpose
                }
                Happened::Blocked(..) => true,
            };
            !one.used && one.model == model && same
        };
        let found = self.requests.iter_mut().find(like)?;
        found.used = true;
        Some((&found.happened, found.wait_ms))
    }

    /// What came of the next thing that was asked alike, and in which run.
    pub fn paid(&mut self, asked: Digest) -> Option<(u32, &'r Paid)> {
        let mut unused = self.paid.iter_mut().filter(|(.., used)| !used);
        let (run, paid, used) = unused.find(|(_, paid, _)| paid.asked == Some(asked))?;
        *used = true;
        Some((*run, *paid))
    }

    /// An attempt by its run and its number there, if it ended.
    pub fn attempt(&self, run: u32, number: u32) -> Option<(&'r AttemptStarted, &'r AttemptEnded)> {
        let (started, ended) = self.attempts.get(&(run, number))?;
        Some((started, (*ended)?))
    }

    /// The review of that queue in which a person saw just that.
    pub fn review(&mut self, queue: &str, subject: Option<Digest>) -> Option<&Review<'r>> {
        let like =
            |one: &&mut Review<'r>| !one.used && one.queue == queue && one.subject == subject;
        let found = self.reviews.iter_mut().find(like)?;
        found.used = true;
        Some(found)
    }

    /// What people said of that answer, whatever queue they sat at; the last word counts.
    pub fn said_of(&self, answer: Digest) -> Option<&'r Resolved> {
        let of = self.reviews.iter().rev().filter(|one| one.subject == Some(answer));
        of.filter_map(|one| one.resolved).map(|(resolved, _)| resolved).next()
    }
}

/// Whether the class tells of limits, breakers and credentials, which were what they were then;
/// budget, deadline and prompt are the policy's own and come out anew.
const fn is_a_guards(class: FailureClass) -> bool {
    !matches!(class, FailureClass::Budget | FailureClass::Timeout | FailureClass::InvalidRequest)
}
