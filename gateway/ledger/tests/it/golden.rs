//! The stored format of every event type, pinned. A file in `tests/golden` is never edited: what
//! was written once must be read for ever. A new type, or a new optional field, gets a new file.

use std::{collections::BTreeMap, collections::BTreeSet, fs, path::PathBuf};

use backstop_domain::{
    Act, AnsweredBy, Ask, AtDoor, AttemptEnded, AttemptResult, Basis, CallEvent, CallId, Cause,
    Compensation, ControlEvent, Criticality, Decision, Digest, Drawn, Effect, Ended, Envelope,
    Escalation, Estimate, Event, Face, FailureClass, Finding, ForkKind, Forked, FullLimit, Granted,
    Judged, Left, MicroMoney, Millis, Mode, Objection, OnExpiry, Opened, Outcome, Paid, PauseEnd,
    Paused, Priority, Purpose, QualityOf, Reason, Received, Requested, Resolution, Resolved,
    ReviewEvent, ReviewId, ReviewKind, ReviewSpec, RunEnd, RungRef, Sampled, Scored, ShadowResult,
    Show, Signal, SkipReason, Skipped, Source, Status, Stream, Subject, Usage, Verdict, canonical,
    effect_key,
    envelope::{CALL_TYPES, CONTROL_TYPES, REVIEW_TYPES},
    guard::Level,
};
use backstop_ledger::{Ledger, MemoryLedger, NewEvent, Transaction};
use serde_json::{Value, json};

use crate::{
    sqlite::Folder,
    stories::{START, accepted, answered, judged, new, started, subject},
};

fn human() -> Subject {
    Subject { source: Source::Human, digest: Digest::of(b"edited"), attempt: None, model: None }
}

fn full_received() -> CallEvent {
    CallEvent::CallReceived(Received {
        policy: "invoice-triage".into(),
        revision: Digest::of(b"revision"),
        caller: "billing".into(),
        tenant: Some("north".into()),
        key: Some("order-1".into()),
        fingerprint: Digest::of(b"body"),
        request: Digest::of(b"request"),
        tags: BTreeMap::from([("order".into(), "1".into()), ("ümlaut".into(), "\"é\"\n".into())]),
        traceparent: None,
        face: Face::Chat,
        criticality: Criticality::Critical,
        mode: Mode::Observe,
        deadline: Millis(START + 20_000),
        estimates: vec![Estimate {
            model: "small".into(),
            usage: Usage { input: 100, cached: 0, output: 50 },
            cost: MicroMoney(40),
        }],
        canary_of: None,
        level: Level::Normal,
        held_at_door: Some(AtDoor {
            class: FailureClass::Shed,
            reason: "brown-out".into(),
            until: Some(Millis(START + 500)),
        }),
    })
}

fn drawn_by_a_canary() -> CallEvent {
    let CallEvent::CallReceived(plain) = crate::stories::received("invoice-triage") else {
        unreachable!()
    };
    let canary_of = Some(Digest::of(b"base"));
    CallEvent::CallReceived(Received { canary_of, ..plain })
}

fn come_under_load() -> CallEvent {
    let CallEvent::CallReceived(plain) = crate::stories::received("invoice-triage") else {
        unreachable!()
    };
    CallEvent::CallReceived(Received { level: Level::Brownout, ..plain })
}

fn failed() -> CallEvent {
    CallEvent::AttemptEnded(AttemptEnded {
        attempt: 2,
        result: AttemptResult::Failed {
            class: FailureClass::Throttled,
            message: "429 from the provider".into(),
            status: Some(429),
            until: Some(Millis(START + 3_000)),
            raw: Some(Digest::of(b"slow down")),
        },
        took_ms: 40,
        usage: Usage::default(),
        cost: MicroMoney(0),
    })
}

fn full_finding() -> Finding {
    Finding {
        by: "rules.large-amount".into(),
        status: Status::Fail,
        class: Some(FailureClass::Rule),
        at: Some("/total".into()),
        message: "Over 10,000.".into(),
        evidence: Some("12000".into()),
        objection: Some(Objection {
            ladder: "rules.large-amount".into(),
            texts: vec![None, Some("Check the sum.".into())],
            excluded: vec!["ada".into()],
        }),
        also_review: Some("ap-audit".into()),
    }
}

fn full_judged() -> CallEvent {
    CallEvent::AnswerJudged(Judged {
        subject: subject(),
        shape: Some(FailureClass::Schema),
        findings: vec![Finding::plain("checks.secrets", Status::Skipped), full_finding()],
        signals: vec![
            Scored {
                name: "label".into(),
                value: Signal::from_millionths(913_000),
                accept: Signal::from_millionths(800_000),
                at: Some("/label".into()),
                note: String::new(),
            },
            Scored {
                name: "votes".into(),
                value: None,
                accept: None,
                at: None,
                note: "the model gave no log-probabilities".into(),
            },
        ],
        mended: vec!["code fence removed".into()],
        complete: true,
        writes: true,
        basis: Basis::default(),
    })
}

fn basis() -> Basis {
    let service = Paid {
        id: 0,
        asked: Some(Digest::of(b"texts")),
        attempts: vec![],
        said: Some(Digest::of(b"score")),
        failed: None,
    };
    let votes = Paid {
        id: 1,
        asked: Some(Digest::of(b"request")),
        attempts: vec![2, 3],
        said: None,
        failed: Some("no answer before the call's deadline".into()),
    };
    let drawn = Drawn {
        by: "rules.audit".into(),
        key: "00112233445566ff".into(),
        share_millionths: 20_000,
        taken: true,
    };
    let why = "its limit of 2 per day is reached for `c1`".into();
    let full = Some(FullLimit { tool: "issue_refund".into(), why });
    Basis { paid: vec![service, votes], drawn: vec![drawn], full }
}

fn judged_with_basis() -> CallEvent {
    let CallEvent::AnswerJudged(plain) = judged() else { unreachable!() };
    CallEvent::AnswerJudged(Judged { basis: basis(), ..plain })
}

fn decided(verdict: Verdict, act: Act) -> CallEvent {
    CallEvent::VerdictReached(Decision {
        verdict,
        because: vec!["rules.large-amount".into()],
        class: Some(FailureClass::Rule),
        spends: vec![RungRef { ladder: "on.schema".into(), rung: 0 }],
        skipped: vec![Skipped {
            rung: RungRef { ladder: "on.schema".into(), rung: 1 },
            why: SkipReason::NoModelLeft,
        }],
        overruled: vec!["rules.other".into()],
        renewed: Some(Millis(START + 60_000)),
        act,
    })
}

fn verdicts() -> Vec<(&'static str, CallEvent)> {
    let ask = Ask {
        model: "large".into(),
        purpose: Purpose::Repair,
        not_before: Some(Millis(START + 900)),
        tell: vec!["The total does not add up.".into()],
        doublings: 1,
    };
    let to = Escalation {
        due_ms: Some(3_600_000),
        priority: Priority::High,
        approvals: Some(2),
        blind: Some(true),
        show: Show::Paths(vec!["output.total".into()]),
        may_edit: Some(vec!["output.total".into()]),
        ..Escalation::to("ap-review".into())
    };
    let reasons = vec![Reason { by: "rules.large-amount".into(), text: "Over 10,000.".into() }];
    let review = ReviewSpec { to, reasons, excluded: vec!["ada".into()] };
    let mask = Act::Mask { checks: vec!["checks.iban".into()] };
    vec![
        ("begin", decided(Verdict::Accept, Act::Begin { model: "small".into() })),
        ("miss", decided(Verdict::NextModel, Act::Miss)),
        ("ask", decided(Verdict::Repair, Act::Ask(ask))),
        ("mask", decided(Verdict::Repair, mask)),
        ("fallback", decided(Verdict::Fallback, Act::Fallback)),
        ("review", decided(Verdict::Escalate, Act::Review { reviews: vec![review] })),
        ("end", decided(Verdict::Accept, Act::End(accepted()))),
    ]
}

fn full_ended() -> Ended {
    Ended {
        outcome: Outcome::Expired,
        answered_by: AnsweredBy::Model,
        answer: Some(Digest::of(b"answer")),
        cause: Cause {
            class: Some(FailureClass::LowConfidence),
            by: Some("review_expired".into()),
            text: "Nobody looked in time.".into(),
        },
        unreviewed: true,
        audits: vec!["ap-audit".into()],
    }
}

fn resolved(resolution: Resolution) -> CallEvent {
    CallEvent::ReviewResolved(Resolved {
        review: ReviewId::from("rev_1"),
        queue: "ap-review".into(),
        resolution,
        by: vec!["grace".into()],
        reason: Some("wrong-vendor: see the file".into()),
        undo_until: Some(Millis(START + 30_000)),
    })
}

fn resolutions() -> Vec<(&'static str, Resolution)> {
    vec![
        ("approved", Resolution::Approved { subject: human() }),
        ("edited", Resolution::Edited { subject: human() }),
        ("rejected", Resolution::Rejected),
        ("changes", Resolution::ChangesRequested { tell: "Name the vendor.".into() }),
        ("fallback", Resolution::FallbackChosen),
        ("expired", Resolution::Expired { action: OnExpiry::Approve }),
    ]
}

fn of_runs() -> Vec<(&'static str, CallEvent)> {
    let forked = Forked {
        from_run: 1,
        from_seq: 5,
        how: ForkKind::Rollback,
        state: "checking".into(),
        deadline: Millis(START + 90_000),
        reason: "the rate of that day was wrong".into(),
        by: "grace".into(),
    };
    let resumed = Forked { how: ForkKind::Resume, ..forked.clone() };
    let effect = effect_key(&CallId::from("call_1"), 1, 0);
    let nobody = RunEnd {
        run: 2,
        outcome: Outcome::Rejected,
        answered_by: AnsweredBy::Nobody,
        answer: None,
    };
    let released = Effect { key: effect.clone(), tool: "refund".into() };
    let compensation = Compensation { effect, tool: "refund".into(), by: "cancel-refund".into() };
    let until = Millis(START + 600_000);
    let paused = Paused { until, then: PauseEnd::Resume, reason: "the model is odd".into() };
    vec![
        ("rollback", CallEvent::RunForked(forked)),
        ("resume", CallEvent::RunForked(resumed)),
        ("", CallEvent::OutcomeRevised { from: RunEnd::of(1, &full_ended()), to: nobody }),
        ("", CallEvent::EffectsReleased { effects: vec![released] }),
        ("", CallEvent::CompensationRequested { compensations: vec![compensation] }),
        ("", CallEvent::CallPaused(paused)),
        ("", CallEvent::CallResumed { state: "attempting".into(), reason: None }),
        (
            "said",
            CallEvent::CallResumed {
                state: "attempting".into(),
                reason: Some("the model is well again".into()),
            },
        ),
    ]
}

fn call_examples() -> Vec<(&'static str, CallEvent)> {
    let requested = Requested {
        review: ReviewId::from("rev_1"),
        queue: "ap-review".into(),
        due: Millis(START + 3_600_000),
        subject: Some(Digest::of(b"answer")),
    };
    let blocked = CallEvent::AttemptBlocked {
        model: "small".into(),
        class: FailureClass::BreakerOpen,
        until: Some(Millis(START + 15_000)),
        reason: "availability breaker of small".into(),
    };
    let fallback = Subject {
        source: Source::Fallback,
        digest: Digest::of(b"fallback"),
        attempt: None,
        model: None,
    };
    let cached = Subject { source: Source::Cache, ..subject() };
    let mut examples = vec![
        ("full", full_received()),
        ("plain", crate::stories::received("invoice-triage")),
        ("canary", drawn_by_a_canary()),
        ("level", come_under_load()),
        ("", CallEvent::DuplicateJoined { request: "req_2".into() }),
        ("", CallEvent::RequestJudged { findings: vec![full_finding()], basis: Basis::default() }),
        ("basis", CallEvent::RequestJudged { findings: Vec::new(), basis: basis() }),
        ("hit", CallEvent::CacheLooked { hit: Some(cached) }),
        ("miss", CallEvent::CacheLooked { hit: None }),
        ("", started(1)),
        ("answered", answered(1)),
        ("failed", failed()),
        ("", blocked),
        ("full", full_judged()),
        ("plain", judged()),
        ("basis", judged_with_basis()),
        ("", CallEvent::AnswerMasked { subject: subject() }),
        ("", CallEvent::WaitEnded),
        ("", CallEvent::FallbackTaken { row: 1, subject: fallback.clone(), drawn: vec![] }),
        ("drawn", CallEvent::FallbackTaken { row: 1, subject: fallback, drawn: basis().drawn }),
        ("", CallEvent::FallbackFailed { reason: "no row matched".into(), drawn: vec![] }),
        ("drawn", CallEvent::FallbackFailed { reason: "no row".into(), drawn: basis().drawn }),
        ("", CallEvent::ReviewRequested(requested)),
        ("", CallEvent::DecisionUndone { review: ReviewId::from("rev_1") }),
        ("", CallEvent::InterimReleased { digest: Digest::of(b"fallback") }),
        ("full", CallEvent::CallEnded(full_ended())),
        ("plain", CallEvent::CallEnded(accepted())),
    ];
    examples.extend(of_runs());
    examples.extend(verdicts());
    examples.extend(resolutions().into_iter().map(|(name, what)| (name, resolved(what))));
    examples
}

fn full_opened() -> Opened {
    Opened {
        call: CallId::from("call_1"),
        generation: 1,
        policy: "invoice-triage".into(),
        queue: "ap-review".into(),
        kind: ReviewKind::Audit,
        reasons: vec![Reason { by: "rules.large-amount".into(), text: "Over 10,000.".into() }],
        subject: Some(Digest::of(b"answer")),
        due: Millis(START + 3_600_000),
        on_expiry: OnExpiry::Fallback,
        priority: Priority::High,
        approvals: 2,
        blind: true,
        excluded: vec!["ada".into()],
        may_edit: Some(vec!["output.total".into()]),
        show: Show::Weak,
        claim_ms: 600_000,
        undo_ms: 10_000,
        changes_left: 2,
        sampled: None,
    }
}

fn drawn_examples() -> [(&'static str, ReviewEvent); 3] {
    let drawn =
        |sampled| ReviewEvent::ReviewOpened(Opened { sampled: Some(sampled), ..full_opened() });
    [
        ("overlap", drawn(Sampled::Overlap { of: "rev_0".into() })),
        ("known", drawn(Sampled::Known { of: "rev_0".into() })),
        ("complaint", drawn(Sampled::Complaint)),
    ]
}

fn review_examples() -> Vec<(&'static str, ReviewEvent)> {
    let until = Millis(START + 600_000);
    let by = || String::from("grace");
    let vote = Resolution::Approved { subject: human() };
    let decided = ReviewEvent::ReviewDecided {
        by: vec![by()],
        resolution: Resolution::Edited { subject: human() },
        reason: Some("typo".into()),
        undo_until: Some(Millis(START + 10_000)),
    };
    let step = |priority, queue| ReviewEvent::ReviewStepTaken {
        step: 0,
        did: "told the lead".into(),
        priority,
        queue,
        notify: Vec::new(),
    };
    let telling = ReviewEvent::ReviewStepTaken {
        step: 1,
        did: "leads is to be told".into(),
        priority: None,
        queue: None,
        notify: vec!["leads".into()],
    };
    let over = ReviewEvent::ReviewHandedOver {
        by: by(),
        to: Some("ada".into()),
        queue: Some("fraud".into()),
        note: Some("Looks like fraud.".into()),
    };
    let aside = |until| ReviewEvent::ReviewSetAside { by: by(), until };
    let mut examples = vec![
        ("", ReviewEvent::ReviewOpened(full_opened())),
        ("", ReviewEvent::ReviewClaimed { by: by(), lease: 3, until }),
        ("", ReviewEvent::ReviewRenewed { lease: 3, until }),
        ("", ReviewEvent::ReviewReleased { lease: 3 }),
        ("", ReviewEvent::VoteCast { by: by(), vote, reason: Some("fine".into()) }),
        ("", decided),
        ("", ReviewEvent::ReviewUndone { by: by() }),
        ("", ReviewEvent::ReviewExpired { action: OnExpiry::Reject }),
        ("", ReviewEvent::ReviewWithdrawn { reason: "the caller cancelled".into() }),
        ("", ReviewEvent::ReviewCommented { by: by(), text: "Asked the vendor.".into() }),
        ("", step(None, None)),
        ("raised", step(Some(Priority::High), Some("leads".into()))),
        ("telling", telling),
        ("", aside(None)),
        ("snoozed", aside(Some(until))),
        ("", over),
    ];
    examples.extend(drawn_examples());
    examples
}

fn control_examples() -> Vec<(&'static str, ControlEvent)> {
    let breaker = ControlEvent::BreakerChanged {
        model: "small".into(),
        from: "closed".into(),
        to: "open".into(),
        reason: "5 failures in a row".into(),
        until: Some(Millis(START + 15_000)),
        quality_of: None,
    };
    let latch = ControlEvent::LatchChanged {
        provider: "acme".into(),
        until: Some(Millis(START + 60_000)),
        reason: "insufficient quota".into(),
    };
    let loaded = ControlEvent::RevisionLoaded {
        policy: "invoice-triage".into(),
        revision: Digest::of(b"revision"),
        sources: Some(Digest::of(b"sources")),
        draft: false,
    };
    let redelivered = ControlEvent::SubscriptionChanged {
        subscription: "warehouse".into(),
        to: "redelivered".into(),
        reason: "the warehouse lost a day".into(),
        from: Some(40),
        until: Some(90),
    };
    let acted = ControlEvent::OperatorActed {
        act: "pause".into(),
        target: "model/small".into(),
        reason: "bad answers since noon".into(),
        until: Some(Millis(START + 60_000)),
    };
    let erased = ControlEvent::BodiesErased {
        scope: "call".into(),
        target: "call_1".into(),
        calls: vec!["call_1".into()],
        digests: vec![Digest::of(b"request"), Digest::of(b"answer")],
        shared: 1,
        reason: "asked for by letter".into(),
    };
    let forgotten = ControlEvent::RetentionApplied {
        keys: 3,
        bodies: 12,
        bodies_before: Millis(START - 30),
        events_before: Millis(START - 400),
        labels_before: Millis(START - 2_500),
    };
    let viewed = ControlEvent::PageViewed {
        page: "review".into(),
        target: Some("rev_1".into()),
        masked: true,
    };
    let signed_in = ControlEvent::SignedIn { by: "password".into(), session: None, granted: None };
    let session = Some(Digest::of(b"session"));
    let in_session = ControlEvent::SignedIn { by: "key".into(), session, granted: None };
    let granted = ControlEvent::SignedIn { by: "oidc".into(), session, granted: Some(granted()) };
    let out = ControlEvent::SignedOut(None);
    let left = ControlEvent::SignedOut(Some(Left { session: Digest::of(b"session") }));
    let acts = [redelivered, erased, forgotten, acted, viewed, signed_in, out];
    let controls = [breaker, latch, loaded].into_iter().chain(acts);
    let plain = controls.map(|event| ("", event));
    let named =
        plain.chain([("quality", quality_example()), ("session", in_session), ("session", left)]);
    let named = named.chain([("granted", granted)]);
    named.chain(draft_examples()).chain(level_examples()).collect()
}

fn granted() -> Granted {
    Granted {
        roles: vec!["reviewer".into()],
        queues: vec!["ap-review".into()],
        teams: vec!["ap-automation".into()],
        skills: vec!["french".into()],
        sees_private: true,
    }
}

fn quality_example() -> ControlEvent {
    ControlEvent::BreakerChanged {
        model: "small".into(),
        from: "closed".into(),
        to: "open".into(),
        reason: "14 of its newest 30 answers were bad".into(),
        until: Some(Millis(START + 300_000)),
        quality_of: Some(QualityOf {
            policy: "invoice-triage".into(),
            revision: Digest::of(b"revision"),
        }),
    }
}

fn draft_examples() -> [(&'static str, ControlEvent); 3] {
    let revision = Digest::of(b"revision");
    let beside = ControlEvent::RevisionLoaded {
        policy: "invoice-triage".into(),
        revision,
        sources: Some(Digest::of(b"sources")),
        draft: true,
    };
    let returned = ControlEvent::CanaryReturned {
        policy: "invoice-triage".into(),
        revision,
        terms: Digest::of(b"terms"),
        reason: "31 of its newest 100 calls were put to a person".into(),
    };
    let flipped = ControlEvent::ShadowJudged {
        call: "call_1".into(),
        policy: "invoice-triage".into(),
        revision,
        result: ShadowResult::Flip,
        was: "accepted".into(),
        now: "in_review (ap-review)".into(),
        because: Some("`rules.large-amount` objects now".into()),
    };
    [("draft", beside), ("", returned), ("", flipped)]
}

fn level_examples() -> [(&'static str, ControlEvent); 2] {
    let rose = ControlEvent::LevelChanged {
        from: Level::Normal,
        to: Level::Brownout,
        reason: "places at 71%".into(),
        pinned_until: None,
    };
    let held = ControlEvent::LevelChanged {
        from: Level::Brownout,
        to: Level::Essential,
        reason: "the provider moves house".into(),
        pinned_until: Some(Millis(START + 3_600_000)),
    };
    [("", rose), ("pinned", held)]
}

fn examples() -> Vec<(Stream, &'static str, Event)> {
    let call = Stream::from("call/call_1");
    let review = Stream::from("review/rev_1");
    let control = Stream::from("control/gateway");
    let calls = call_examples().into_iter();
    let reviews = review_examples().into_iter();
    let controls = control_examples().into_iter();
    calls
        .map(|(name, event)| (call.clone(), name, Event::Call(event)))
        .chain(reviews.map(|(name, event)| (review.clone(), name, Event::Review(event))))
        .chain(controls.map(|(name, event)| (control.clone(), name, Event::Control(event))))
        .collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn path(kind: &str, name: &str) -> PathBuf {
    let dot = if name.is_empty() { "" } else { "." };
    folder().join(format!("{kind}{dot}{name}.json"))
}

/// The event as a ledger stores it: its envelope, and the body if that stands beside.
async fn stored(ledger: &dyn Ledger, stream: &Stream, event: &Event) -> Value {
    let id = "evt_1";
    let new = NewEvent { causation: Some("evt_0".into()), ..new(id, 7, event.clone()) };
    ledger.append(Transaction::one(stream.clone(), 0, vec![new]).hurried()).await.unwrap();
    let read = ledger.stream(stream, 0).await.unwrap().remove(0);
    assert_eq!(read.event.as_ref(), Ok(event));
    let beside = match read.envelope.body_digest {
        Some(digest) => ledger.body(digest).await.unwrap().unwrap().bytes,
        None => None,
    };
    let beside: Value = beside.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
    json!({ "envelope": read.envelope, "beside": beside })
}

#[test]
fn the_body_that_is_written_in_one_pass_is_that_of_the_tree() {
    for (_, name, event) in examples() {
        let body = event.body();
        let of_tree = (!body.is_null()).then(|| canonical(&body));
        assert_eq!(event.body_text(), of_tree, "{} {name}", event.name());
    }
}

#[tokio::test]
async fn every_type_is_stored_as_it_always_was() {
    let mut new_files = Vec::new();
    for (stream, name, event) in examples() {
        let found = stored(&MemoryLedger::new(), &stream, &event).await;
        let path = path(event.name(), name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let golden: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(found, golden, "{}", path.display());
            }
            Err(_) => {
                fs::create_dir_all(folder()).unwrap();
                let text = serde_json::to_string_pretty(&found).unwrap() + "\n";
                fs::write(&path, text).unwrap();
                new_files.push(path);
            }
        }
    }
    assert!(new_files.is_empty(), "written, look at them and add them: {new_files:?}");
}

#[tokio::test]
async fn sqlite_stores_what_memory_does() {
    let ledger = Folder::new();
    for (stream, name, event) in examples() {
        drop(fs::remove_dir_all(ledger.path()));
        let found = stored(&ledger.open(), &stream, &event).await;
        let golden = fs::read_to_string(path(event.name(), name)).unwrap();
        assert_eq!(found, serde_json::from_str::<Value>(&golden).unwrap());
    }
}

#[test]
fn every_golden_file_is_read_and_its_hash_holds() {
    let mut kinds = BTreeSet::new();
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let golden: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let envelope: Envelope = serde_json::from_value(golden["envelope"].clone()).unwrap();
        assert_eq!(envelope.computed_hash(), envelope.hash, "{}", path.display());
        let beside = golden["beside"].clone();
        if let Some(digest) = envelope.body_digest {
            assert_eq!(Digest::of_json(&beside), digest, "{}", path.display());
        }
        let body = envelope.body.unwrap_or(beside);
        let event =
            Event::read(&envelope.stream, &envelope.kind, envelope.version, body.clone()).unwrap();
        assert_eq!(event.body(), body, "{}", path.display());
        kinds.insert(envelope.kind);
    }
    for kind in CALL_TYPES.iter().chain(&REVIEW_TYPES).chain(&CONTROL_TYPES) {
        assert!(kinds.contains(*kind), "no golden file for `{kind}`");
    }
}
