//! The gate of a model: who is let out, what a result means to each guard, and what is reported.

use std::sync::Arc;

use backstop_domain::guard::{
    Amounts, BreakerRules, BreakerState, Cap, Hold, LimitRule, QualityRules, Quantity, Rate,
    RetryRules,
};
use backstop_domain::plan::Price;
use backstop_domain::{ControlEvent, Criticality, Digest, FailureClass, MicroMoney};
use backstop_upstream::simulated::{failed, text};
use backstop_upstream::{
    Asker, AttemptResult, Blocked, Failure, ModelGate, ModelGuards, Permit, ProviderGate, Purpose,
    Rating, Settle, Timer, Wish,
};

use crate::bench::{Hand, NOW};

const HOLD: u64 = 90_000;

struct Yard {
    clock: Hand,
    gate: Arc<ModelGate>,
    sibling: Arc<ModelGate>,
}

fn guards(name: &str) -> ModelGuards {
    ModelGuards {
        name: name.to_owned(),
        breaker: BreakerRules::default(),
        quality: QualityRules::default(),
        limits: vec![
            LimitRule {
                name: "tokens".to_owned(),
                quantity: Quantity::Tokens,
                cap: Cap::Rate(Rate::new(60_000, 60_000, 10_000).unwrap()),
            },
            LimitRule {
                name: "cost".to_owned(),
                quantity: Quantity::Cost,
                cap: Cap::Rate(Rate::new(60_000, 60_000, 10_000).unwrap()),
            },
            LimitRule {
                name: "at once".to_owned(),
                quantity: Quantity::Concurrency,
                cap: Cap::AtOnce(20),
            },
        ],
        retry: RetryRules::default(),
        hedge: None,
        price: Some(Price {
            input: MicroMoney(1_000_000),
            cached: MicroMoney(1_000_000),
            output: MicroMoney(2_000_000),
        }),
    }
}

/// Two models of one provider.
fn yard() -> Yard {
    let clock = Hand::new();
    let shared: Arc<Hand> = Arc::new(clock.clone());
    let provider = ProviderGate::new("openai", shared.clone());
    let gate = ModelGate::new(guards("small"), provider.clone(), shared.clone(), 7);
    let sibling = ModelGate::new(guards("large"), provider, shared, 8);
    Yard { clock, gate, sibling }
}

impl Yard {
    fn acquire(&self) -> Result<Permit, Box<Blocked>> {
        let cost = MicroMoney(1_000);
        let estimate = Amounts { requests: 1, tokens: 1_000, cost };
        self.gate.acquire(wish(estimate, Purpose::First))
    }

    fn ask(&self, result: &AttemptResult) {
        let unrated = self.acquire().unwrap().settle(result);
        assert!(unrated.is_none(), "nobody judges it");
    }

    /// An answer to a policy, which judges it.
    fn answer(&self, policy: &str) -> Result<Rating, Box<Blocked>> {
        let asker = Some(Asker { policy, revision: Digest::of(policy.as_bytes()) });
        let wish = Wish { asker, ..wish(Amounts::default(), Purpose::First) };
        Ok(self.gate.acquire(wish)?.settle(&text("fine")).unwrap())
    }

    fn remaining(&self) -> Vec<u64> {
        self.gate.snapshot().limits.iter().map(|(_, standing)| standing.remaining).collect()
    }
}

/// What nobody judges.
const fn wish(estimate: Amounts, purpose: Purpose) -> Wish<'static> {
    Wish {
        estimate,
        purpose,
        class: Criticality::Standard,
        hold_ms: HOLD,
        asker: None,
        left_ms: None,
        spares_probes: false,
    }
}

fn failure(class: FailureClass, change: impl FnOnce(&mut Failure)) -> AttemptResult {
    let mut failure = Failure::new(class, "as told");
    change(&mut failure);
    AttemptResult::Failed(failure)
}

#[test]
fn a_result_is_charged_by_its_settlement() {
    for (result, tokens, cost) in [
        (text("fine"), 15, 20),
        (failed(FailureClass::Overloaded), 1_000, 1_000),
        (failure(FailureClass::Overloaded, |failure| failure.settle = Settle::Half), 500, 500),
        (failure(FailureClass::Throttled, |failure| failure.settle = Settle::RequestOnly), 0, 0),
        (failure(FailureClass::Transport, |failure| failure.settle = Settle::Nothing), 0, 0),
    ] {
        let yard = yard();
        yard.ask(&result);
        assert_eq!(yard.remaining(), [10_000 - tokens, 10_000 - cost, 20], "{result:?}");
    }
}

#[test]
fn a_permit_that_nobody_settles_gives_its_place_back() {
    let yard = yard();
    let permits: Vec<Permit> = (0..10).map(|_| yard.acquire().unwrap()).collect();
    assert_eq!(yard.remaining(), [0, 0, 10]);
    drop(permits);
    assert_eq!(yard.remaining(), [0, 0, 20], "the tokens may have been used");
    let yard = self::yard();
    yard.acquire().unwrap().cancel();
    assert_eq!(yard.remaining(), [10_000, 10_000, 20]);
}

#[test]
fn a_limit_blocks_with_its_name_and_time_and_takes_no_probe_or_retry() {
    let yard = yard();
    let _held: Vec<Permit> = (0..10).map(|_| yard.acquire().unwrap()).collect();
    let blocked = yard.acquire().err().unwrap();
    assert_eq!(blocked.class, FailureClass::Limit);
    assert_eq!(blocked.until, Some(NOW.plus(1_000)));
    assert!(blocked.which.contains("`small`"), "{}", blocked.which);
    assert!(blocked.refused.is_some());
}

#[test]
fn five_failures_open_the_breaker_and_the_change_is_reported_once() {
    let yard = yard();
    for _ in 0..5 {
        yard.ask(&failed(FailureClass::Overloaded));
    }
    let blocked = yard.acquire().err().unwrap();
    assert_eq!(blocked.class, FailureClass::BreakerOpen);
    let until = blocked.until.unwrap().since(NOW);
    assert!((12_000..=18_000).contains(&until), "{until}");
    assert!(yard.sibling.acquire(wish(Amounts::default(), Purpose::First)).is_ok());
    let changes = yard.gate.take_changes();
    let [ControlEvent::BreakerChanged { model, from, to, .. }] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!((model.as_str(), from.as_str(), to.as_str()), ("small", "closed", "open"));
    assert!(yard.gate.take_changes().is_empty());

    yard.clock.turn(18_000);
    let probe = yard.acquire().unwrap();
    assert_eq!(yard.acquire().err().unwrap().class, FailureClass::BreakerOpen, "one probe");
    drop(probe);
    for _ in 0..3 {
        yard.ask(&text("well again"));
    }
    assert_eq!(yard.gate.snapshot().breaker, BreakerState::Closed);
}

#[test]
fn a_limit_that_refuses_does_not_use_up_the_probe() {
    let yard = yard();
    for _ in 0..5 {
        yard.ask(&failed(FailureClass::Overloaded));
    }
    yard.clock.turn(18_000);
    let large = Amounts { requests: 1, tokens: 20_000, cost: MicroMoney(0) };
    let blocked = yard.gate.acquire(wish(large, Purpose::First)).err().unwrap();
    assert_eq!(blocked.class, FailureClass::Limit);
    assert!(yard.acquire().is_ok(), "the next caller probes");
}

#[test]
fn a_429_holds_everybody_and_opens_nothing() {
    let yard = yard();
    for _ in 0..6 {
        let wait = |failure: &mut Failure| failure.retry_after_ms = Some(2_000);
        yard.ask(&failure(FailureClass::Throttled, wait));
        let blocked = yard.acquire().err().unwrap();
        assert_eq!(blocked.class, FailureClass::Throttled);
        let until = blocked.until.unwrap().since(backstop_upstream::Clock::now(&yard.clock));
        assert!((2_000..=2_200).contains(&until), "{until}");
        yard.clock.turn(2_200);
    }
    assert_eq!(yard.gate.snapshot().breaker, BreakerState::Closed);
}

/// Two of three models of a provider that fail like this until they are closed to everybody.
fn two_of_three_fail(yard: &Yard, result: &AttemptResult) -> Arc<ModelGate> {
    let clock: Arc<Hand> = Arc::new(yard.clock.clone());
    for gate in [&yard.gate, &yard.sibling] {
        while let Ok(permit) = gate.acquire(wish(Amounts::default(), Purpose::First)) {
            permit.settle(result);
        }
    }
    ModelGate::new(guards("third"), yard.gate.provider(), clock, 9)
}

#[test]
fn a_provider_that_cannot_be_reached_is_left_alone_before_each_of_its_models_found_out() {
    for result in [
        failed(FailureClass::Transport),
        failure(FailureClass::Timeout, |failure| failure.timer = Some(Timer::Connect)),
    ] {
        let yard = yard();
        let third = two_of_three_fail(&yard, &result);
        let blocked = third.acquire(wish(Amounts::default(), Purpose::First)).err().unwrap();
        assert_eq!(blocked.class, FailureClass::BreakerOpen);
        assert_eq!(blocked.which, "most models of provider `openai` cannot be reached");
        let until = blocked.until.unwrap();
        assert_eq!(third.snapshot().away, Some(until));
        third.hold(Hold::Closed, until);
        let asked = third.acquire(wish(Amounts::default(), Purpose::First));
        assert!(asked.is_ok(), "a person said that it is to be asked");
        third.release();
        yard.clock.turn(until.since(NOW));
        let probes = [&yard.gate, &yard.sibling]
            .map(|gate| gate.acquire(wish(Amounts::default(), Purpose::First)).is_ok());
        assert!(probes.contains(&true), "its own breaker sends the probe");
        assert!(third.acquire(wish(Amounts::default(), Purpose::First)).is_ok());
    }
}

#[test]
fn a_provider_that_answers_with_errors_can_be_reached() {
    let yard = yard();
    let errors = failure(FailureClass::Overloaded, |failure| failure.status = Some(503));
    let third = two_of_three_fail(&yard, &errors);
    assert!(third.acquire(wish(Amounts::default(), Purpose::First)).is_ok());
}

#[test]
fn whatever_comes_from_a_provider_shows_that_it_can_be_reached() {
    let yard = yard();
    let under_way = yard.gate.acquire(wish(Amounts::default(), Purpose::First)).unwrap();
    let third = two_of_three_fail(&yard, &failed(FailureClass::Transport));
    assert!(third.acquire(wish(Amounts::default(), Purpose::First)).is_err());
    under_way.settle(&text("late, but an answer"));
    assert!(third.acquire(wish(Amounts::default(), Purpose::First)).is_ok());
}

#[test]
fn a_spent_quota_rests_the_credential_for_every_model_that_uses_it() {
    let yard = yard();
    yard.ask(&failed(FailureClass::Quota));
    assert_eq!(yard.acquire().err().unwrap().class, FailureClass::Quota);
    let blocked = yard.sibling.acquire(wish(Amounts::default(), Purpose::First)).err().unwrap();
    assert_eq!(blocked.class, FailureClass::Quota);
    assert!(matches!(yard.gate.take_changes().as_slice(), [ControlEvent::LatchChanged { .. }]));
    yard.clock.turn(600_000);
    assert!(yard.acquire().is_ok());
}

#[test]
fn a_key_that_is_turned_down_twice_rests() {
    let yard = yard();
    let denied = failure(FailureClass::Misconfigured, |failure| failure.status = Some(401));
    yard.ask(&denied);
    yard.ask(&denied);
    assert_eq!(yard.acquire().err().unwrap().class, FailureClass::Misconfigured);
    let missing = failure(FailureClass::Misconfigured, |failure| failure.status = Some(404));
    let yard = self::yard();
    yard.ask(&missing);
    yard.ask(&missing);
    assert!(yard.acquire().is_ok(), "a model that is not there says nothing about the key");
}

#[test]
fn hurried_callers_cannot_close_the_model_for_everybody() {
    let yard = yard();
    for _ in 0..20 {
        yard.ask(&failure(FailureClass::Timeout, |failure| {
            failure.timer = Some(Timer::Total);
            failure.timing.total_ms = 10;
            failure.settle = Settle::RequestOnly;
        }));
        yard.ask(&failure(FailureClass::InvalidRequest, |failure| {
            failure.settle = Settle::RequestOnly;
        }));
    }
    assert_eq!(yard.gate.snapshot().breaker, BreakerState::Closed);
}

#[test]
fn retries_end_when_their_budget_does() {
    let yard = yard();
    let retry = || yard.gate.acquire(wish(Amounts::default(), Purpose::Retry));
    for _ in 0..3 {
        retry().unwrap().cancel();
    }
    let blocked = retry().err().unwrap();
    assert_eq!(blocked.class, FailureClass::Limit);
    assert!(blocked.which.contains("retry budget"), "{}", blocked.which);
    assert!(!yard.gate.may_retry(Purpose::Retry));
    assert!(yard.acquire().is_ok(), "first attempts go on");
}

#[test]
fn an_isolated_model_is_out_of_use_until_it_is_released() {
    let yard = yard();
    yard.gate.hold(Hold::Isolated, NOW.plus(60_000));
    let blocked = yard.acquire().err().unwrap();
    assert_eq!((blocked.class, blocked.until), (FailureClass::BreakerOpen, Some(NOW.plus(60_000))));
    yard.gate.release();
    assert!(yard.acquire().is_ok());
    assert_eq!(yard.gate.take_changes().len(), 2);
}

#[test]
fn bad_answers_close_a_model_for_the_policy_that_got_them_and_for_no_other() {
    let yard = yard();
    let mut changes = Vec::new();
    for _ in 0..30 {
        changes.extend(yard.answer("mail").unwrap().rate(true));
        assert!(yard.answer("invoices").unwrap().rate(false).is_empty());
    }
    let [ControlEvent::BreakerChanged { model, to, until, quality_of: Some(of), .. }] =
        changes.as_slice()
    else {
        panic!("{changes:?}")
    };
    assert_eq!((model.as_str(), to.as_str(), of.policy.as_str()), ("small", "open", "mail"));
    assert_eq!(*until, Some(NOW.plus(300_000)));
    let blocked = yard.answer("mail").err().unwrap();
    assert_eq!((blocked.class, blocked.until), (FailureClass::BreakerOpen, None));
    assert!(blocked.which.contains("`mail`"), "{}", blocked.which);
    assert!(yard.answer("invoices").is_ok());
    assert!(yard.acquire().is_ok(), "nor for what nobody judges");
    let snapshot = yard.gate.snapshot();
    assert_eq!((snapshot.breaker, snapshot.quality.len()), (BreakerState::Closed, 2));
}

#[test]
fn a_trial_that_another_guard_stops_is_for_the_next_caller() {
    let yard = yard();
    for _ in 0..30 {
        yard.answer("mail").unwrap().rate(true);
    }
    yard.clock.turn(300_000);
    for _ in 0..5 {
        yard.ask(&failed(FailureClass::Overloaded));
    }
    let blocked = yard.answer("mail").err().unwrap();
    assert!(!blocked.which.contains("quality"), "{}", blocked.which);
    yard.clock.turn(18_000);
    assert!(yard.answer("mail").is_ok(), "the trial was not spent");
    let blocked = yard.answer("mail").err().unwrap();
    assert!(blocked.which.contains("quality"), "one in twenty: {}", blocked.which);
}

#[test]
fn an_attempt_without_an_answer_says_nothing_about_quality() {
    let yard = yard();
    let asker = Some(Asker { policy: "mail", revision: Digest::of(b"mail") });
    let wish = Wish { asker, ..wish(Amounts::default(), Purpose::First) };
    let permit = yard.gate.acquire(wish).unwrap();
    assert!(permit.settle(&failed(FailureClass::Transport)).is_none());
}

#[test]
fn a_model_that_says_it_is_overloaded_gets_fewer_requests_at_once() {
    let yard = yard();
    yard.ask(&failed(FailureClass::Overloaded));
    let acquire = || yard.gate.acquire(wish(Amounts::default(), Purpose::First));
    let held: Vec<Permit> = (0..14).map(|_| acquire().unwrap()).collect();
    let blocked = acquire().err().unwrap();
    assert_eq!((blocked.class, blocked.until), (FailureClass::Limit, None));
    assert!(blocked.refused.is_some(), "it is a limit like any other");
    assert!(blocked.which.contains("lowered to 14 by overload"), "{}", blocked.which);
    for permit in held {
        permit.settle(&text("fine"));
    }
    assert_eq!(yard.gate.snapshot().at_once.map(|at_once| at_once.allowed), Some(14));
    // Twelve of fourteen are needed, and a full round of answers brings one more.
    for _ in 0..5 {
        let held: Vec<Permit> = (0..14).map(|_| acquire().unwrap()).collect();
        for permit in held {
            permit.settle(&text("fine"));
        }
    }
    let at_once = yard.gate.snapshot().at_once.unwrap();
    assert_eq!((at_once.held, at_once.allowed, at_once.most), (0, 15, 20));
}

/// One attempt of that class.
fn of(class: Criticality) -> Wish<'static> {
    Wish { class, ..wish(Amounts::default(), Purpose::First) }
}

/// As many of that class as get in.
fn crowd(gate: &Arc<ModelGate>, class: Criticality) -> Vec<Permit> {
    std::iter::from_fn(|| gate.acquire(of(class)).ok()).collect()
}

#[test]
fn a_crowd_at_a_model_leaves_critical_calls_their_half() {
    let gate = yard().gate;
    gate.called_by(Criticality::Critical);
    let sheddable = crowd(&gate, Criticality::Sheddable);
    let standard = crowd(&gate, Criticality::Standard);
    assert_eq!((sheddable.len(), standard.len()), (5, 5), "half of the half, and the rest of it");
    let blocked = gate.acquire(of(Criticality::Sheddable)).err().unwrap();
    assert_eq!((blocked.class, blocked.until), (FailureClass::Limit, None));
    assert_eq!(blocked.which, "limit `at once, 5 of 20 for sheddable calls` of `small`");
    let critical = crowd(&gate, Criticality::Critical);
    assert_eq!(critical.len(), 10);
    // What a call of one class gives back is for its own class again.
    drop((sheddable, critical));
    assert_eq!(crowd(&gate, Criticality::Standard).len(), 5);
    assert_eq!(crowd(&gate, Criticality::Critical).len(), 15);
    drop(standard);
}

#[test]
fn a_class_that_nobody_calls_a_model_by_keeps_no_places_there() {
    let gate = yard().gate;
    assert_eq!(crowd(&gate, Criticality::Sheddable).len(), 20);
    gate.called_by(Criticality::Standard);
    let held = crowd(&gate, Criticality::Sheddable);
    let blocked = gate.acquire(of(Criticality::Sheddable)).err().unwrap();
    assert!(blocked.which.contains("10 of 20 for sheddable calls"), "{}", blocked.which);
    assert_eq!(held.len(), 10);
    drop(held);
    assert_eq!(crowd(&gate, Criticality::Standard).len(), 20);
}

#[test]
fn what_overload_leaves_is_shared_out_alike_and_a_reload_forgets_nobody() {
    let gate = yard().gate;
    gate.called_by(Criticality::Critical);
    gate.acquire(of(Criticality::Critical)).unwrap().settle(&failed(FailureClass::Overloaded));
    let held = crowd(&gate, Criticality::Sheddable);
    let blocked = gate.acquire(of(Criticality::Sheddable)).err().unwrap();
    let told = "limit `at once, lowered to 14 by overload, 4 of 14 for sheddable calls` of `small`";
    assert_eq!((held.len(), blocked.which.as_str()), (4, told));
    gate.reload(guards("small"));
    assert!(gate.acquire(of(Criticality::Sheddable)).is_err());
    assert_eq!(crowd(&gate, Criticality::Critical).len(), 10);
}

#[test]
fn what_another_limit_refuses_holds_no_place() {
    let gate = yard().gate;
    let large = Amounts { tokens: 20_000, ..Amounts::default() };
    for _ in 0..30 {
        let blocked = gate.acquire(wish(large, Purpose::First)).err().unwrap();
        assert!(blocked.which.contains("tokens"), "{}", blocked.which);
    }
    assert_eq!(crowd(&gate, Criticality::Standard).len(), 20);
}

#[test]
fn a_thousand_at_once_never_hold_more_places_than_their_class_has() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    let gate = yard().gate;
    gate.called_by(Criticality::Critical);
    let classes = [Criticality::Sheddable, Criticality::Standard, Criticality::Critical];
    let (held, most) = (<[AtomicUsize; 3]>::default(), <[AtomicUsize; 3]>::default());
    let served = <[AtomicUsize; 3]>::default();
    std::thread::scope(|scope| {
        for number in 0..1_000 {
            let (at, gate) = (number % 3, &gate);
            let (held, most, served) = (&held[at], &most[at], &served[at]);
            scope.spawn(move || {
                while served.load(SeqCst) < 100 {
                    let Ok(permit) = gate.acquire(of(classes[at])) else {
                        std::thread::yield_now();
                        continue;
                    };
                    most.fetch_max(held.fetch_add(1, SeqCst) + 1, SeqCst);
                    std::thread::yield_now();
                    held.fetch_sub(1, SeqCst);
                    served.fetch_add(1, SeqCst);
                    permit.settle(&text("fine"));
                }
            });
        }
    });
    let [sheddable, standard, critical] = most.map(AtomicUsize::into_inner);
    assert!(sheddable <= 5 && standard <= 10 && critical <= 20);
    assert!(served.iter().all(|served| served.load(SeqCst) >= 100), "nobody starves");
    assert_eq!(crowd(&gate, Criticality::Critical).len(), 20, "every place came back");
}

#[test]
fn an_attempt_that_has_less_time_than_the_model_usually_takes_is_not_sent() {
    let yard = yard();
    let try_with = |left_ms: Option<u64>| {
        let wish = Wish { left_ms, ..wish(Amounts::default(), Purpose::First) };
        yard.gate.acquire(wish)
    };
    assert!(try_with(Some(0)).is_ok(), "nobody knows yet how long it takes");
    for _ in 0..10 {
        let permit = try_with(None).unwrap();
        yard.clock.turn(2_000);
        permit.settle(&text("fine"));
    }
    let blocked = try_with(Some(1_999)).err().unwrap();
    assert_eq!((blocked.class, blocked.refused), (FailureClass::Limit, None));
    assert_eq!(blocked.which, "`small` usually takes 2000 ms, and 1999 ms are left");
    assert!(try_with(Some(2_000)).is_ok() && try_with(None).is_ok());
}

#[test]
fn a_critical_call_with_another_way_leaves_the_probe_to_others() {
    let yard = yard();
    for _ in 0..5 {
        yard.ask(&failed(FailureClass::Overloaded));
    }
    yard.clock.turn(18_000);
    let spares = Wish { spares_probes: true, ..wish(Amounts::default(), Purpose::First) };
    assert_eq!(yard.gate.acquire(spares).err().unwrap().class, FailureClass::BreakerOpen);
    assert!(yard.acquire().is_ok(), "this one is the probe");
}

#[test]
fn an_isolation_ends_by_itself() {
    let yard = yard();
    yard.gate.hold(Hold::Isolated, NOW.plus(60_000));
    yard.clock.turn(60_000);
    assert!(yard.acquire().is_ok());
    assert_eq!(yard.gate.snapshot().breaker, BreakerState::HalfOpen);
}
