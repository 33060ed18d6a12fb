//! Calls and reviews as tests tell them: real events, in an order that a gateway would write.

use std::collections::BTreeMap;

use backstop_domain::{
    Act, Actor, ActorKind, AnsweredBy, AttemptEnded, AttemptResult, AttemptStarted, CallEvent,
    CallId, Cause, ControlEvent, Criticality, Decision, Digest, Ended, Event, EventId, Face,
    Finding, Judged, MicroMoney, Millis, Mode, OnExpiry, Opened, Outcome, Priority, Purpose,
    Reason, Received, Requested, Resolution, Resolved, ReviewEvent, ReviewId, ReviewKind, Show,
    Source, Stream, Subject, Usage, Verdict,
};
use backstop_ledger::{Append, Body, KeyClaim, NewEvent, Scope, Transaction};

/// When every story starts.
pub const START: u64 = 1_763_800_000_000;

/// An event by the gateway at that many milliseconds into the story.
pub fn new(id: impl Into<String>, after_ms: u64, event: Event) -> NewEvent {
    NewEvent {
        id: EventId(id.into()),
        at: Millis(START + after_ms),
        actor: Actor::system("engine"),
        run: 1,
        causation: None,
        correlation: Some("req_1".into()),
        revision: Some(revision()),
        event,
    }
}

pub fn revision() -> Digest {
    Digest::of(b"revision")
}

pub fn scope() -> Scope {
    Scope { caller: "billing".into(), policy: "invoice-triage".into() }
}

pub fn claim(call: &str, key: &str, body: &str) -> KeyClaim {
    KeyClaim {
        scope: scope(),
        key: key.into(),
        fingerprint: Digest::of(body.as_bytes()),
        call: CallId::from(call),
    }
}

pub fn received(policy: &str) -> CallEvent {
    CallEvent::CallReceived(Received {
        policy: policy.into(),
        revision: revision(),
        caller: "billing".into(),
        tenant: None,
        key: Some("order-1".into()),
        fingerprint: Digest::of(b"body"),
        request: Digest::of(b"request"),
        tags: BTreeMap::from([("order".into(), "1".into())]),
        face: Face::Calls,
        criticality: Criticality::Standard,
        mode: Mode::Enforce,
        deadline: Millis(START + 20_000),
        estimates: Vec::new(),
        traceparent: None,
        canary_of: None,
        level: backstop_domain::guard::Level::Normal,
        held_at_door: None,
    })
}

pub fn started(attempt: u32) -> CallEvent {
    CallEvent::AttemptStarted(AttemptStarted {
        attempt,
        model: "small".into(),
        purpose: Purpose::Answer,
        request: Digest::of(b"sent"),
        estimate: Usage { input: 100, cached: 0, output: 50 },
        cost: MicroMoney(40),
    })
}

pub fn answered(attempt: u32) -> CallEvent {
    CallEvent::AttemptEnded(AttemptEnded {
        attempt,
        result: AttemptResult::Answered {
            raw: Digest::of(b"raw"),
            answer: Digest::of(b"answer"),
            finish: Some("stop".into()),
        },
        took_ms: 812,
        usage: Usage { input: 90, cached: 10, output: 20 },
        cost: MicroMoney(23),
    })
}

pub fn subject() -> Subject {
    Subject {
        source: Source::Model,
        digest: Digest::of(b"answer"),
        attempt: Some(1),
        model: Some("small".into()),
    }
}

pub fn judged() -> CallEvent {
    CallEvent::AnswerJudged(Judged {
        subject: subject(),
        shape: None,
        findings: vec![Finding::pass("schema"), Finding::pass("rules.large-amount")],
        signals: Vec::new(),
        mended: Vec::new(),
        complete: true,
        writes: false,
        basis: Default::default(),
    })
}

pub fn accepted() -> Ended {
    Ended {
        outcome: Outcome::Accepted,
        answered_by: AnsweredBy::Model,
        answer: Some(Digest::of(b"answer")),
        cause: Cause::default(),
        unreviewed: false,
        audits: Vec::new(),
    }
}

pub fn cancelled() -> Ended {
    Ended {
        outcome: Outcome::Cancelled,
        answered_by: AnsweredBy::Nobody,
        answer: None,
        ..accepted()
    }
}

pub fn verdict(verdict: Verdict, act: Act) -> CallEvent {
    CallEvent::VerdictReached(Decision {
        verdict,
        because: Vec::new(),
        class: None,
        spends: Vec::new(),
        skipped: Vec::new(),
        overruled: Vec::new(),
        renewed: None,
        act,
    })
}

/// Everything between the receipt of a call and its good end.
pub fn way_of_an_accepted_call() -> Vec<CallEvent> {
    vec![
        received("invoice-triage"),
        CallEvent::RequestJudged { findings: Vec::new(), basis: Default::default() },
        verdict(Verdict::Accept, Act::Begin { model: "small".into() }),
        CallEvent::CacheLooked { hit: None },
        started(1),
        answered(1),
        judged(),
        verdict(Verdict::Accept, Act::End(accepted())),
        CallEvent::CallEnded(accepted()),
    ]
}

/// The bodies that these stories name, which a gateway writes with the first event that does.
pub fn bodies() -> [Body; 4] {
    ["request", "sent", "raw", "answer"].map(|text| Body::new(text.into(), true))
}

/// The transaction that appends these events to that call, after that seq.
pub fn call_events(call: &str, after_seq: u64, events: Vec<CallEvent>) -> Transaction {
    let events = events.into_iter().zip(after_seq + 1..);
    let new = |(event, seq)| new(format!("evt_{call}_{seq}"), seq * 10, Event::Call(event));
    Transaction::one(Stream::call(&CallId::from(call)), after_seq, events.map(new).collect())
}

/// The transaction that appends these events to that review, after that seq.
pub fn review_events(review: &str, after_seq: u64, events: Vec<ReviewEvent>) -> Transaction {
    Transaction::of(vec![review_append(review, after_seq, events)])
}

pub fn review_append(review: &str, after_seq: u64, events: Vec<ReviewEvent>) -> Append {
    let events = events.into_iter().zip(after_seq + 1..);
    let new = |(event, seq)| new(format!("evt_{review}_{seq}"), seq * 10, Event::Review(event));
    let stream = Stream::review(&ReviewId::from(review));
    Append { stream, expected_seq: after_seq, after: None, events: events.map(new).collect() }
}

pub fn opened(call: &str, queue: &str, due_ms: u64) -> ReviewEvent {
    ReviewEvent::ReviewOpened(Opened {
        call: CallId::from(call),
        generation: 1,
        policy: "invoice-triage".into(),
        queue: queue.into(),
        kind: ReviewKind::Decision,
        reasons: vec![Reason { by: "rules.large-amount".into(), text: "Over 10,000.".into() }],
        subject: Some(Digest::of(b"answer")),
        due: Millis(START + due_ms),
        on_expiry: OnExpiry::Reject,
        priority: Priority::High,
        approvals: 1,
        blind: false,
        excluded: vec!["ada".into()],
        may_edit: None,
        show: Show::All,
        claim_ms: 600_000,
        undo_ms: 10_000,
        changes_left: 2,
        sampled: None,
    })
}

pub fn requested(review: &str, queue: &str, due_ms: u64) -> CallEvent {
    CallEvent::ReviewRequested(Requested {
        review: ReviewId::from(review),
        queue: queue.into(),
        due: Millis(START + due_ms),
        subject: Some(Digest::of(b"answer")),
    })
}

pub fn resolved(review: &str) -> CallEvent {
    CallEvent::ReviewResolved(Resolved {
        review: ReviewId::from(review),
        queue: "ap-review".into(),
        resolution: Resolution::Approved { subject: subject() },
        by: vec!["grace".into()],
        reason: Some("looks right".into()),
        undo_until: Some(Millis(START + 30_000)),
    })
}

pub fn operator(seq: u64, event: ControlEvent) -> Transaction {
    let actor = Actor { kind: ActorKind::Operator, id: "ada".into(), via: Some("cli".into()) };
    let new = NewEvent {
        actor,
        run: 0,
        revision: None,
        ..new(format!("evt_control_{seq}"), seq, Event::Control(event))
    };
    Transaction::one(Stream::control("gateway"), seq - 1, vec![new])
}

pub fn paused(reason: &str) -> ControlEvent {
    ControlEvent::OperatorActed {
        act: "pause".into(),
        target: "model/small".into(),
        reason: reason.into(),
        until: None,
    }
}
