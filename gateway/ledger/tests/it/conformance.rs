//! What every ledger must do, whatever it stands on. SQLite and memory are held to it, and
//! Postgres will be: `make` gives a new, empty ledger each time.

use std::{collections::HashSet, future::Future, sync::Arc};

use backstop_domain::{CallEvent, CallId, Digest, Millis, Outcome, ReviewEvent, ReviewId, Stream};
use backstop_ledger::{
    Again, AppendError, Body, CallFilter, CallPhase, Committed, Delivery, DeliveryFilter,
    Durability, KeepingChange, KeyBinding, Ledger, Progress, Retention, ReviewFilter, ReviewPhase,
    Scope, Standing, Transaction, Unreadable,
};

use crate::stories::{
    START, accepted, answered, bodies, call_events, claim, opened, operator, paused, received,
    requested, resolved, review_append, review_events, scope, started, way_of_an_accepted_call,
};

pub type Any = Arc<dyn Ledger>;

/// Runs every story, each on its own ledger.
pub async fn hold_to_the_contract<F: Future<Output = Any>>(make: impl Fn() -> F) {
    what_was_appended_is_read_again_in_order(make().await).await;
    the_chain_binds_every_event(make().await).await;
    a_conflict_changes_nothing(make().await).await;
    a_writer_whose_write_was_refused_does_not_fit_by_chance(make().await).await;
    one_bad_transaction_does_not_spoil_its_neighbours(make().await).await;
    two_streams_move_together(make().await).await;
    a_hundred_first_requests_have_one_winner(make().await).await;
    nonsense_is_refused_with_a_reason(make().await).await;
    bodies_are_kept_once_and_byte_for_byte(make().await).await;
    the_watch_tells_of_every_commit(make().await).await;
    calls_are_listed_newest_first_in_pages(make().await).await;
    reviews_are_listed_due_first(make().await).await;
    open_sets_follow_the_events(make().await).await;
    keys_are_kept_from_the_end_of_the_call(make().await).await;
    a_sweep_knows_of_the_calls_that_ended_just_before_it(make().await).await;
    a_key_means_its_erased_call_until_its_time_is_over(make().await).await;
    erased_bodies_leave_their_envelopes(make().await).await;
    consumers_stand_where_they_were_left(make().await).await;
    a_step_of_a_consumer_and_its_events_stand_or_fall_together(make().await).await;
    only_what_no_other_call_uses_is_erased(make().await).await;
    what_is_held_stays(make().await).await;
    what_a_held_call_names_later_stays_too(make().await).await;
    what_a_call_named_while_its_hold_was_on_its_way_stays_too(make().await).await;
    events_compact_to_outcomes_and_decisions(make().await).await;
}

async fn committed(ledger: &Any, transaction: Transaction) -> Committed {
    ledger.append(transaction).await.unwrap()
}

fn call_stream(id: &str) -> Stream {
    Stream::call(&CallId::from(id))
}

async fn what_was_appended_is_read_again_in_order(ledger: Any) {
    let way = way_of_an_accepted_call();
    let (first, rest) = way.split_at(3);
    let one = committed(&ledger, call_events("a", 0, first.to_vec())).await;
    assert_eq!((one.first, one.last, &*one.seqs), (1, 3, &[3][..]));
    let two = committed(&ledger, call_events("a", 3, rest.to_vec())).await;
    assert_eq!((two.first, two.last), (4, way.len() as u64));
    let read = ledger.stream(&call_stream("a"), 0).await.unwrap();
    let events: Vec<_> = read.iter().filter_map(|one| one.as_call()).cloned().collect();
    assert_eq!(events, way);
    assert!(read.iter().zip(1..).all(|(one, seq)| one.envelope.seq == seq));
    let later = ledger.stream(&call_stream("a"), 6).await.unwrap();
    assert_eq!(later, read[6..]);
    let feed = ledger.feed(2, 3).await.unwrap();
    assert_eq!(feed, read[2..5]);
    assert!(ledger.stream(&call_stream("b"), 0).await.unwrap().is_empty());
    assert_eq!(ledger.position(), way.len() as u64);
}

async fn the_chain_binds_every_event(ledger: Any) {
    committed(&ledger, call_events("a", 0, way_of_an_accepted_call())).await;
    committed(&ledger, operator(1, paused(&"long ".repeat(3000)))).await;
    committed(&ledger, review_events("r", 0, vec![opened("a", "q", 9)])).await;
    let mut before = Digest::ZERO;
    for (one, position) in ledger.feed(0, 1000).await.unwrap().iter().zip(1..) {
        assert_eq!(one.envelope.position, position);
        assert_eq!(one.envelope.previous_hash, before);
        assert_eq!(one.envelope.computed_hash(), one.envelope.hash);
        assert!(one.event.is_ok());
        before = one.envelope.hash;
    }
}

async fn a_conflict_changes_nothing(ledger: Any) {
    committed(&ledger, call_events("a", 0, vec![received("p")])).await;
    let mut late = call_events("a", 0, vec![received("p")]).with_key(claim("a", "k", "b"));
    late = late.with_bodies([Body::new(b"never".to_vec(), false)]);
    let refused = ledger.append(late).await;
    let (expected, found) = (0, 1);
    assert_eq!(refused, Err(AppendError::Conflict { stream: call_stream("a"), expected, found }));
    assert_eq!(ledger.position(), 1);
    assert_eq!(ledger.key(scope(), "k".into()).await, Ok(None));
    assert_eq!(ledger.body(Digest::of(b"never")).await, Ok(None));
    let ahead = ledger.append(call_events("a", 5, vec![started(1)])).await;
    assert!(matches!(ahead, Err(AppendError::Conflict { expected: 5, found: 1, .. })));
}

/// A write is refused, and before its writer knows somebody else's comes in its place: by number
/// alone the writer's next one would fit.
async fn a_writer_whose_write_was_refused_does_not_fit_by_chance(ledger: Any) {
    committed(&ledger, call_events("a", 0, vec![received("p")])).await;
    let mut others = call_events("a", 1, vec![started(1)]);
    others.appends[0].events[0].id = "evt_of_another".into();
    committed(&ledger, others).await;
    let mut next = call_events("a", 2, vec![answered(1)]);
    next.appends[0].after = Some("evt_a_2".into());
    let refused = ledger.append(next.clone()).await;
    assert!(matches!(refused, Err(AppendError::Conflict { expected: 2, found: 2, .. })));
    let mut first = call_events("b", 0, vec![received("p")]);
    first.appends[0].after = Some("evt_b_0".into());
    assert!(matches!(ledger.append(first).await, Err(AppendError::Conflict { .. })));
    next.appends[0].after = Some("evt_of_another".into());
    committed(&ledger, next).await;
    assert_eq!(ledger.position(), 3);
}

async fn one_bad_transaction_does_not_spoil_its_neighbours(ledger: Any) {
    let good = ledger.append(call_events("a", 0, vec![received("p")]));
    let bad = ledger.append(call_events("a", 7, vec![started(1)]));
    let mut repeated = call_events("b", 0, vec![received("p")]);
    repeated.appends[0].events[0].id = "evt_a_1".into();
    let repeated = ledger.append(repeated);
    let next = ledger.append(call_events("a", 1, vec![started(1)]));
    assert_eq!(good.await.unwrap().seqs, [1]);
    assert!(matches!(bad.await, Err(AppendError::Conflict { .. })));
    assert_eq!(repeated.await, Err(AppendError::Repeated { id: "evt_a_1".into() }));
    let next = next.hurried_on(&ledger).await;
    assert_eq!((next.first, &*next.seqs), (2, &[2][..]));
    assert!(ledger.is_healthy());
}

/// Lets a riding transaction get its commit.
trait HurriedOn {
    async fn hurried_on(self, ledger: &Any) -> Committed;
}

impl HurriedOn for backstop_ledger::Pending {
    async fn hurried_on(self, ledger: &Any) -> Committed {
        committed(ledger, operator(1, paused("to make it commit"))).await;
        self.await.unwrap()
    }
}

async fn two_streams_move_together(ledger: Any) {
    committed(&ledger, call_events("a", 0, vec![received("p")])).await;
    let mut both = call_events("a", 1, vec![requested("r", "q", 500)]);
    both.appends.push(review_append("r", 0, vec![opened("a", "q", 500)]));
    let done = committed(&ledger, both.clone()).await;
    assert_eq!(done.seqs, [2, 1]);
    // The call has moved on; the review alone would fit, but they stand or fall together.
    both.appends[1] = review_append("r2", 0, vec![opened("a", "q", 500)]);
    assert!(ledger.append(both).await.is_err());
    assert_eq!(ledger.review(&ReviewId::from("r2")).await, Ok(None));
    let call = ledger.call(&CallId::from("a")).await.unwrap().unwrap();
    assert_eq!((call.phase, call.review), (CallPhase::InReview, Some(ReviewId::from("r"))));
}

async fn a_hundred_first_requests_have_one_winner(ledger: Any) {
    let mut racing = tokio::task::JoinSet::new();
    for n in 0..100 {
        let ledger = Arc::clone(&ledger);
        racing.spawn(async move {
            let call = format!("c{n}");
            let first = call_events(&call, 0, vec![received("invoice-triage")]);
            (call.clone(), ledger.append(first.with_key(claim(&call, "k", "body"))).await)
        });
    }
    let (mut winners, mut told) = (Vec::new(), HashSet::new());
    for (call, result) in racing.join_all().await {
        match result {
            Ok(_) => winners.push(call),
            Err(AppendError::KeyTaken { call, fingerprint }) => {
                assert_eq!(fingerprint, Digest::of(b"body"));
                told.insert(call.0);
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(told.into_iter().collect::<Vec<_>>(), winners);
    assert_eq!(ledger.position(), 1);
    let bound = ledger.key(scope(), "k".into()).await.unwrap().unwrap();
    let fingerprint = Digest::of(b"body");
    let call = CallId(winners[0].clone());
    assert_eq!(bound, KeyBinding { call, fingerprint, erased: false });
}

async fn nonsense_is_refused_with_a_reason(ledger: Any) {
    let refused = |transaction| {
        let ledger = Arc::clone(&ledger);
        async move { ledger.append(transaction).await.unwrap_err() }
    };
    assert!(matches!(refused(Transaction::of(vec![])).await, AppendError::Malformed(_)));
    let empty = Transaction::one(call_stream("a"), 0, vec![]);
    assert!(matches!(refused(empty).await, AppendError::Malformed(_)));
    let mut twice = call_events("a", 0, vec![received("p")]);
    twice.appends.push(twice.appends[0].clone());
    assert!(matches!(refused(twice).await, AppendError::Malformed(_)));
    let mut misplaced = call_events("a", 0, vec![received("p")]);
    misplaced.appends[0].stream = Stream::review(&ReviewId::from("r"));
    assert!(matches!(refused(misplaced).await, AppendError::Misplaced { .. }));
    let mut nameless = call_events("a", 0, vec![received("p")]);
    nameless.appends[0].stream = Stream::from("call/");
    assert!(matches!(refused(nameless).await, AppendError::Misplaced { .. }));
    let mut same_id = call_events("a", 0, vec![received("p"), started(1)]);
    same_id.appends[0].events[1].id = "evt_a_1".into();
    assert!(matches!(refused(same_id).await, AppendError::Repeated { .. }));
    let long = call_events("a", 0, vec![received("p")]);
    let long = long.with_key(claim("a", &"k".repeat(10_000), "b"));
    assert!(matches!(refused(long).await, AppendError::TooLarge { .. }));
    assert_eq!(ledger.position(), 0);
}

async fn bodies_are_kept_once_and_byte_for_byte(ledger: Any) {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let body = Body::new(bytes.clone(), true);
    let digest = body.digest();
    for call in ["a", "b"] {
        let first = call_events(call, 0, vec![received("p")]);
        committed(&ledger, first.with_bodies([body.clone(), body.clone()])).await;
    }
    let kept = ledger.body(digest).await.unwrap().unwrap();
    assert_eq!(kept.bytes, Some(bytes));
    assert!(kept.private);
}

async fn the_watch_tells_of_every_commit(ledger: Any) {
    let mut watch = ledger.watch();
    assert_eq!(*watch.borrow_and_update(), 0);
    let appended = committed(&ledger, call_events("a", 0, vec![received("p")]));
    let told = async {
        watch.changed().await.unwrap();
        *watch.borrow_and_update()
    };
    let (_, told) = tokio::join!(appended, told);
    assert_eq!((told, ledger.position()), (1, 1));
}

async fn calls_are_listed_newest_first_in_pages(ledger: Any) {
    for n in 0..7 {
        let policy = if n % 2 == 0 { "even" } else { "odd" };
        let mut transaction = call_events(&format!("c{n}"), 0, vec![received(policy)]);
        // Two calls of one millisecond, so that the cursor needs the id.
        transaction.appends[0].events[0].at = Millis(START + n / 2);
        committed(&ledger, transaction).await;
    }
    let mut ended = call_events("c4", 1, vec![CallEvent::CallEnded(accepted())]);
    ended.appends[0].events[0].at = Millis(START + 50);
    committed(&ledger, ended).await;
    let ids = |page: &backstop_ledger::CallsPage| {
        page.rows.iter().map(|row| row.id.0.clone()).collect::<Vec<_>>()
    };
    let mut filter = CallFilter { limit: 3, ..CallFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = ledger.calls(filter.clone()).await.unwrap();
        seen.extend(ids(&page));
        let Some(next) = page.next else { break };
        filter.after = Some(next);
    }
    assert_eq!(seen, ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]);
    let odd = CallFilter { policy: Some("odd".into()), ..CallFilter::default() };
    assert_eq!(ids(&ledger.calls(odd).await.unwrap()), ["c5", "c3", "c1"]);
    let ended = CallFilter { outcome: Some(Outcome::Accepted), limit: 1, ..CallFilter::default() };
    assert_eq!(ids(&ledger.calls(ended).await.unwrap()), ["c4"]);
    let named = ["c5", "c0", "unheard of"].map(CallId::from).to_vec();
    let named = CallFilter { ids: named, ..CallFilter::default() };
    assert_eq!(ids(&ledger.calls(named.clone()).await.unwrap()), ["c5", "c0"]);
    let even = CallFilter { policy: Some("even".into()), ..named };
    assert_eq!(ids(&ledger.calls(even).await.unwrap()), ["c0"]);
    let (since, until) = (Some(Millis(START + 1)), Some(Millis(START + 3)));
    let window = CallFilter { since, until, ..CallFilter::default() };
    assert_eq!(ids(&ledger.calls(window).await.unwrap()), ["c5", "c4", "c3", "c2"]);
    let admitted = CallFilter {
        phase: Some(CallPhase::Admitted),
        caller: Some("billing".into()),
        ..CallFilter::default()
    };
    assert_eq!(ledger.calls(admitted).await.unwrap().rows.len(), 6);
    let nobody = CallFilter { caller: Some("nobody".into()), ..CallFilter::default() };
    assert_eq!(ledger.calls(nobody).await.unwrap(), backstop_ledger::CallsPage::default());
}

async fn reviews_are_listed_due_first(ledger: Any) {
    committed(&ledger, call_events("a", 0, vec![received("p")])).await;
    for (id, queue, due) in [("r1", "q1", 300), ("r2", "q2", 100), ("r3", "q1", 200)] {
        committed(&ledger, review_events(id, 0, vec![opened("a", queue, due)])).await;
    }
    let until = Millis(START + 90);
    let claimed = ReviewEvent::ReviewClaimed { by: "grace".into(), lease: 4, until };
    committed(&ledger, review_events("r3", 1, vec![claimed])).await;
    let ids = |page: &backstop_ledger::ReviewsPage| {
        page.rows.iter().map(|row| row.id.0.clone()).collect::<Vec<_>>()
    };
    let all = ReviewFilter { limit: 2, ..ReviewFilter::default() };
    let page = ledger.reviews(all.clone()).await.unwrap();
    assert_eq!(ids(&page), ["r2", "r3"]);
    let page = ledger.reviews(ReviewFilter { after: page.next, ..all }).await.unwrap();
    assert_eq!((ids(&page), &page.next), (vec!["r1".into()], &None));
    let queue = ReviewFilter { queues: vec!["q1".into()], open: true, ..ReviewFilter::default() };
    assert_eq!(ids(&ledger.reviews(queue.clone()).await.unwrap()), ["r3", "r1"]);
    let held = ReviewFilter { holder: Some("grace".into()), ..queue.clone() };
    let page = ledger.reviews(held).await.unwrap();
    assert_eq!(ids(&page), ["r3"]);
    assert_eq!((page.rows[0].lease, page.rows[0].lease_until), (4, Some(until)));
    let free = ReviewFilter { phase: Some(ReviewPhase::Open), ..queue };
    assert_eq!(ids(&ledger.reviews(free).await.unwrap()), ["r1"]);
    let of_call = ReviewFilter { call: Some(CallId::from("a")), ..ReviewFilter::default() };
    assert_eq!(ledger.reviews(of_call).await.unwrap().rows.len(), 3);
}

async fn open_sets_follow_the_events(ledger: Any) {
    for call in ["a", "b"] {
        committed(&ledger, call_events(call, 0, vec![received("p")])).await;
    }
    let mut asked = call_events("a", 1, vec![requested("r", "q", 500)]);
    asked.appends.push(review_append("r", 0, vec![opened("a", "q", 500)]));
    committed(&ledger, asked).await;
    committed(&ledger, call_events("b", 1, vec![CallEvent::CallEnded(accepted())])).await;
    let open = ledger.open_calls().await.unwrap();
    assert_eq!(open.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["a"]);
    let waiting = ledger.open_reviews().await.unwrap();
    assert_eq!(waiting[0].because, ["rules.large-amount"]);
    assert_eq!(ledger.open_in_queue(&waiting[0].queue).await, Ok(1));
    assert_eq!(ledger.open_in_queue("another").await, Ok(0));
    let mut decided = call_events("a", 2, vec![resolved("r")]);
    let decision = ReviewEvent::ReviewDecided {
        by: vec!["grace".into()],
        resolution: backstop_domain::Resolution::Rejected,
        reason: None,
        undo_until: Some(Millis(START + 30_000)),
    };
    decided.appends.push(review_append("r", 1, vec![decision]));
    committed(&ledger, decided).await;
    assert_eq!(ledger.open_reviews().await, Ok(vec![]));
    assert_eq!(ledger.open_in_queue(&waiting[0].queue).await, Ok(0));
    let review = ledger.review(&ReviewId::from("r")).await.unwrap().unwrap();
    assert_eq!(
        (review.phase, review.decision.as_deref()),
        (ReviewPhase::Decided, Some("rejected"))
    );
    let call = ledger.call(&CallId::from("a")).await.unwrap().unwrap();
    let undo_until = Some(Millis(START + 30_000));
    assert_eq!((call.phase, call.undo_until), (CallPhase::Checking, undo_until));
    committed(&ledger, call_events("a", 3, vec![CallEvent::CallEnded(accepted())])).await;
    assert_eq!(ledger.open_calls().await, Ok(vec![]));
}

async fn keys_are_kept_from_the_end_of_the_call(ledger: Any) {
    for call in ["open", "old", "young"] {
        let first = call_events(call, 0, vec![received("p")]);
        committed(&ledger, first.with_key(claim(call, call, "body"))).await;
    }
    for (call, ended) in [("old", 1_000), ("young", 2_000)] {
        let mut end = call_events(call, 1, vec![CallEvent::CallEnded(accepted())]);
        end.appends[0].events[0].at = Millis(START + ended);
        committed(&ledger, end).await;
    }
    let before = Some(Millis(START + 2_000));
    let retention = Retention { keys_of_calls_ended_before: before, ..Retention::default() };
    assert_eq!(ledger.sweep(retention).await.unwrap().keys, 1);
    assert_eq!(ledger.key(scope(), "old".into()).await, Ok(None));
    for call in ["open", "young"] {
        assert!(ledger.key(scope(), call.into()).await.unwrap().is_some(), "{call}");
    }
}

async fn a_sweep_knows_of_the_calls_that_ended_just_before_it(ledger: Any) {
    // Both ride, so that they are committed along with the sweep.
    let first = call_events("a", 0, vec![received("p")]).with_key(claim("a", "key", "body"));
    let first = ledger.append(first.relaxed());
    let end = ledger.append(call_events("a", 1, vec![CallEvent::CallEnded(accepted())]).relaxed());
    let before = Some(Millis(START + 1_000_000));
    let retention = Retention { keys_of_calls_ended_before: before, ..Retention::default() };
    assert_eq!(ledger.sweep(retention).await.unwrap().keys, 1);
    assert!(first.await.is_ok() && end.await.is_ok());
    assert_eq!(ledger.key(scope(), "key".into()).await, Ok(None));
}

async fn a_key_means_its_erased_call_until_its_time_is_over(ledger: Any) {
    for call in ["a", "b"] {
        let whole = call_events(call, 0, way_of_an_accepted_call());
        committed(&ledger, whole.with_key(claim(call, call, "body"))).await;
    }
    let erase = |number| {
        let erase = KeepingChange::Erase { bodies: vec![], calls: vec![CallId::from("a")] };
        operator(number, paused("erase")).with_keeping([erase])
    };
    // Once or again, it means the same.
    for number in [1, 2] {
        committed(&ledger, erase(number)).await;
        let bound = ledger.key(scope(), "a".into()).await.unwrap().unwrap();
        let fingerprint = Digest::of(b"body");
        assert_eq!(bound, KeyBinding { call: CallId::from("a"), fingerprint, erased: true });
    }
    let again = call_events("c", 0, vec![received("p")]).with_key(claim("c", "a", "body"));
    let refused = ledger.append(again).await;
    assert!(matches!(&refused, Err(AppendError::KeyTaken { call, .. }) if call.as_str() == "a"));
    assert!(!ledger.key(scope(), "b".into()).await.unwrap().unwrap().erased);
    let elsewhere = Scope { caller: "another".into(), ..scope() };
    assert_eq!(ledger.key(elsewhere, "a".into()).await, Ok(None));
    let over =
        Retention { keys_of_calls_ended_before: Some(Millis(START * 2)), ..Retention::default() };
    assert_eq!(ledger.sweep(over).await.unwrap().keys, 2);
    assert_eq!(ledger.key(scope(), "a".into()).await, Ok(None));
    let free = call_events("d", 0, vec![received("p")]).with_key(claim("d", "a", "body"));
    committed(&ledger, free).await;
}

async fn erased_bodies_leave_their_envelopes(ledger: Any) {
    let bytes = Body::new(b"request".to_vec(), true);
    let ours = Body::new(b"policy files".to_vec(), false);
    let old = call_events("old", 0, way_of_an_accepted_call());
    let old = old.with_bodies([bytes.clone(), ours.clone()]);
    committed(&ledger, old).await;
    let all = Retention::all(Millis(START * 2));
    let mut young = call_events("young", 0, vec![received("p")]);
    young.appends[0].events[0].at = Millis(START + 5_000);
    committed(&ledger, young).await;
    let summary = ledger.call(&CallId::from("old")).await.unwrap();
    assert!(ledger.sweep(all).await.unwrap().bodies > 0);
    let kept = ledger.body(bytes.digest()).await.unwrap().unwrap();
    assert_eq!((kept.bytes, kept.private), (None, true));
    assert!(ledger.body(ours.digest()).await.unwrap().unwrap().bytes.is_some());
    let read = ledger.stream(&call_stream("old"), 0).await.unwrap();
    assert_eq!(read[0].event, Err(Unreadable::Erased));
    assert!(read.iter().all(|one| one.envelope.computed_hash() == one.envelope.hash));
    assert_eq!(ledger.call(&CallId::from("old")).await.unwrap(), summary);
    // An open call keeps everything, however old the cut.
    let young = ledger.stream(&call_stream("young"), 0).await.unwrap();
    assert!(young[0].event.is_ok());
    // What is needed again comes back.
    let again = call_events("again", 0, vec![received("p")]).with_bodies([bytes.clone()]);
    committed(&ledger, again).await;
    let back = ledger.body(bytes.digest()).await.unwrap().unwrap();
    assert_eq!(back.bytes.as_deref(), Some(&b"request"[..]));
}

fn delivery(position: u64, tries: u32, parked: Option<&str>) -> Delivery {
    Delivery {
        position,
        lane: "call/a".into(),
        tries,
        due: Millis(START + 5),
        parked: parked.map(Into::into),
        last: Some("answered 500".into()),
    }
}

fn standing(name: &str, cursor: u64) -> Standing {
    Standing { name: name.into(), cursor, ..Standing::default() }
}

async fn consumers_stand_where_they_were_left(ledger: Any) {
    assert_eq!(ledger.subscriptions().await, Ok(vec![]));
    let whole = Standing {
        settled: vec![9, 12],
        flying: vec![10],
        again: Some(Again { next: 2, until: 5 }),
        disabled: Some("by hand".into()),
        failing_since: Some(Millis(START)),
        gap: Some(1),
        delivered: 7,
        ..standing("warehouse", 8)
    };
    let put =
        vec![delivery(3, 2, None), delivery(4, 8, Some("answered 400")), delivery(7, 1, None)];
    let step = Progress { standing: whole.clone(), put, done: vec![] };
    let alone = committed(&ledger, Transaction::of(vec![]).with_progress(step)).await;
    assert_eq!((alone.first, alone.last, alone.seqs.len()), (1, 0, 0));
    let other = Progress { standing: standing("audit", 2), ..Progress::default() };
    committed(&ledger, Transaction::of(vec![]).with_progress(other)).await;
    assert_eq!(ledger.subscriptions().await, Ok(vec![standing("audit", 2), whole.clone()]));
    let wait = ledger.deliveries("warehouse", DeliveryFilter::default()).await.unwrap();
    assert_eq!(wait, [delivery(3, 2, None), delivery(7, 1, None)]);
    let parked = DeliveryFilter { parked: true, ..DeliveryFilter::default() };
    let parked = ledger.deliveries("warehouse", parked).await.unwrap();
    assert_eq!(parked, [delivery(4, 8, Some("answered 400"))]);
    assert_eq!(ledger.parked("warehouse").await, Ok(1));
    assert_eq!(ledger.parked("audit").await, Ok(0));
    let page = DeliveryFilter { after: 3, limit: 1, ..DeliveryFilter::default() };
    assert_eq!(ledger.deliveries("warehouse", page).await.unwrap(), [delivery(7, 1, None)]);
    assert_eq!(ledger.deliveries("audit", DeliveryFilter::default()).await, Ok(vec![]));
    let next = Standing { cursor: 20, ..whole };
    let step = Progress { standing: next, put: vec![delivery(3, 3, None)], done: vec![7, 99] };
    committed(&ledger, Transaction::of(vec![]).with_progress(step)).await;
    let wait = ledger.deliveries("warehouse", DeliveryFilter::default()).await.unwrap();
    assert_eq!(wait, [delivery(3, 3, None)]);
    assert_eq!(ledger.subscriptions().await.unwrap()[1].cursor, 20);
}

async fn a_step_of_a_consumer_and_its_events_stand_or_fall_together(ledger: Any) {
    let step = |cursor| Progress { standing: standing("s", cursor), ..Progress::default() };
    let late = call_events("a", 5, vec![started(1)]).with_progress(step(1));
    assert!(matches!(ledger.append(late).await, Err(AppendError::Conflict { .. })));
    assert_eq!(ledger.subscriptions().await, Ok(vec![]));
    committed(&ledger, call_events("a", 0, vec![received("p")]).with_progress(step(2))).await;
    assert_eq!(ledger.subscriptions().await, Ok(vec![standing("s", 2)]));
    assert_eq!(ledger.position(), 1);
}

/// Two calls that share their request, and of which the first has an answer too.
async fn two_calls(ledger: &Any) -> (Body, Body) {
    let (request, raw) = (Body::new(b"request".to_vec(), true), Body::new(b"raw".to_vec(), true));
    let a = call_events("a", 0, vec![received("p"), started(1), answered(1)]);
    let a = a.with_bodies([request.clone(), raw.clone()]).with_key(claim("a", "k", "body"));
    committed(ledger, a).await;
    let b = call_events("b", 0, vec![received("q")]).with_bodies([request.clone()]);
    committed(ledger, b).await;
    (request, raw)
}

async fn bytes(ledger: &Any, body: &Body) -> Option<Vec<u8>> {
    ledger.body(body.digest()).await.unwrap().unwrap().bytes
}

async fn only_what_no_other_call_uses_is_erased(ledger: Any) {
    let (request, raw) = two_calls(&ledger).await;
    let a = CallId::from("a");
    let found = ledger.bodies_of(vec![a.clone()]).await.unwrap();
    // The bodies of two events, and the answer as it came; the request is the other's too.
    assert_eq!((found.own.len(), found.shared, found.gone, found.all.len()), (3, 1, 0, 4));
    assert!(found.own.iter().any(|own| own.digest == raw.digest() && own.size == 3));
    let sizes = ledger.sizes().await.unwrap();
    assert_eq!((sizes["p"].calls, sizes["p"].events, sizes["q"].events), (1, 3, 1));
    assert!(sizes["p"].bytes > sizes["q"].bytes);
    // Used again between the look and the erasure: it stays.
    let mut late = call_events("c", 0, vec![received("r")]).with_bodies([raw.clone()]);
    late.appends[0].events[0].at = Millis(START + 77);
    committed(&ledger, late).await;
    let erase = KeepingChange::Erase { bodies: found.own, calls: vec![a.clone()] };
    committed(&ledger, operator(1, paused("erase")).with_keeping([erase])).await;
    assert!(bytes(&ledger, &raw).await.is_some() && bytes(&ledger, &request).await.is_some());
    let read = ledger.stream(&call_stream("a"), 0).await.unwrap();
    assert_eq!(read[0].event, Err(Unreadable::Erased));
    assert!(read[1].event.is_ok() && read[2].event.is_err());
    assert!(read.iter().all(|one| one.envelope.computed_hash() == one.envelope.hash));
    assert_eq!(ledger.bodies_of(vec![a]).await.unwrap().gone, 2);
    assert!(ledger.stream(&call_stream("b"), 0).await.unwrap()[0].event.is_ok());
}

async fn what_is_held_stays(ledger: Any) {
    let (request, raw) = two_calls(&ledger).await;
    for (call, seq) in [("a", 3), ("b", 1)] {
        committed(&ledger, call_events(call, seq, vec![CallEvent::CallEnded(accepted())])).await;
    }
    let call = CallId::from("b");
    let bodies = ledger.bodies_of(vec![call.clone()]).await.unwrap().all;
    let hold = KeepingChange::Hold { call: call.clone(), bodies };
    committed(&ledger, operator(1, paused("hold")).with_keeping([hold])).await;
    let all = Retention::all(Millis(START * 2));
    assert!(ledger.sweep(all).await.unwrap().bodies > 0);
    assert_eq!(bytes(&ledger, &raw).await, None);
    assert!(bytes(&ledger, &request).await.is_some());
    let b = ledger.stream(&call_stream("b"), 0).await.unwrap();
    assert!(b.iter().all(|one| one.event.is_ok()));
    committed(
        &ledger,
        operator(2, paused("release")).with_keeping([KeepingChange::Release { call }]),
    )
    .await;
    ledger.sweep(all).await.unwrap();
    assert_eq!(bytes(&ledger, &request).await, None);
}

async fn what_a_held_call_names_later_stays_too(ledger: Any) {
    let [request, sent, raw, answer] = bodies();
    let call = CallId::from("a");
    let first = call_events("a", 0, vec![received("p")]).with_bodies([request]);
    committed(&ledger, first).await;
    let known = ledger.bodies_of(vec![call.clone()]).await.unwrap().all;
    let hold = KeepingChange::Hold { call: call.clone(), bodies: known };
    committed(&ledger, operator(1, paused("hold")).with_keeping([hold])).await;
    let all = Retention::all(Millis(START * 2));
    ledger.sweep(all).await.unwrap();
    // It goes on, and ends.
    let ended = CallEvent::CallEnded(accepted());
    let rest = call_events("a", 1, vec![started(1), answered(1), ended]);
    committed(&ledger, rest.with_bodies([sent, raw.clone(), answer.clone()])).await;
    committed(&ledger, review_events("r", 0, vec![opened("a", "q", 500)])).await;
    let word = ReviewEvent::ReviewWithdrawn { reason: "the call was cancelled".into() };
    committed(&ledger, review_events("r", 1, vec![word])).await;
    ledger.sweep(all).await.unwrap();
    assert!(bytes(&ledger, &raw).await.is_some() && bytes(&ledger, &answer).await.is_some());
    for stream in [call_stream("a"), Stream::review(&ReviewId::from("r"))] {
        let read = ledger.stream(&stream, 0).await.unwrap();
        assert!(read.iter().all(|one| one.event.is_ok()), "{stream}");
    }
    let release = operator(2, paused("release")).with_keeping([KeepingChange::Release { call }]);
    committed(&ledger, release).await;
    ledger.sweep(all).await.unwrap();
    assert_eq!((bytes(&ledger, &raw).await, bytes(&ledger, &answer).await), (None, None));
}

async fn what_a_call_named_while_its_hold_was_on_its_way_stays_too(ledger: Any) {
    let [request, sent, raw, answer] = bodies();
    let call = CallId::from("a");
    let first = call_events("a", 0, vec![received("p")]).with_bodies([request.clone()]);
    committed(&ledger, first).await;
    // Somebody looks what there is to hold; it goes on, and a sweep looks at all that is held.
    let known = ledger.bodies_of(vec![call.clone()]).await.unwrap().all;
    let rest = call_events("a", 1, vec![started(1), answered(1)]);
    committed(&ledger, rest.with_bodies([sent, raw.clone(), answer])).await;
    let all = Retention::all(Millis(START * 2));
    ledger.sweep(all).await.unwrap();
    let hold = KeepingChange::Hold { call, bodies: known };
    committed(&ledger, operator(1, paused("hold")).with_keeping([hold])).await;
    committed(&ledger, call_events("a", 3, vec![CallEvent::CallEnded(accepted())])).await;
    ledger.sweep(all).await.unwrap();
    assert!(bytes(&ledger, &request).await.is_some() && bytes(&ledger, &raw).await.is_some());
}

async fn events_compact_to_outcomes_and_decisions(ledger: Any) {
    let request = Body::new(b"request".to_vec(), true);
    let way = call_events("a", 0, way_of_an_accepted_call()).with_bodies([request.clone()]);
    committed(&ledger, way).await;
    let readable = || async {
        let events = ledger.stream(&call_stream("a"), 0).await.unwrap();
        assert!(events.iter().all(|one| one.envelope.computed_hash() == one.envelope.hash));
        let read = events.into_iter().filter(|one| one.event.is_ok());
        read.map(|one| one.envelope.kind).collect::<Vec<_>>()
    };
    let (whole, end) = (readable().await, Some(Millis(START * 2)));
    let bodies = Retention { bodies_unused_since: end, ..Retention::default() };
    assert_eq!(ledger.sweep(bodies).await.unwrap().bodies, 1);
    assert_eq!(bytes(&ledger, &request).await, None);
    assert_eq!(readable().await, whole, "every event is still told");
    let events = Retention { events_unused_since: end, ..Retention::default() };
    assert!(ledger.sweep(events).await.unwrap().bodies > 0);
    let left = readable().await;
    assert!(!left.contains(&"call_received".to_owned()), "{left:?}");
    for kind in ["call_ended", "verdict_reached", "attempt_started"] {
        assert!(left.contains(&kind.to_owned()), "{kind}: {left:?}");
    }
    let labels = Retention { labels_unused_since: end, ..Retention::default() };
    assert!(ledger.sweep(labels).await.unwrap().bodies > 0);
    assert!(!readable().await.contains(&"call_ended".to_owned()));
}

/// What a ledger whose disk failed must do. `fail` makes the next commit fail.
pub async fn a_failed_commit_stops_the_ledger(ledger: Any, fail: impl FnOnce()) {
    committed(&ledger, call_events("a", 0, vec![received("p")])).await;
    fail();
    let first = ledger.append(call_events("b", 0, vec![received("p")])).await;
    assert!(matches!(first, Err(AppendError::Storage(_))), "{first:?}");
    assert!(!ledger.is_healthy());
    let after = ledger.append(call_events("c", 0, vec![received("p")])).await;
    assert!(matches!(after, Err(AppendError::Storage(_))), "{after:?}");
    assert_eq!(ledger.position(), 1);
    assert_eq!(ledger.stream(&call_stream("a"), 0).await.unwrap().len(), 1);
    assert!(ledger.stream(&call_stream("b"), 0).await.unwrap().is_empty());
}

#[test]
fn the_types_say_whether_a_transaction_is_awaited() {
    let rides = call_events("a", 1, vec![started(1)]);
    assert_eq!(rides.durability, Durability::Ride);
    assert_eq!(rides.hurried().durability, Durability::Await);
    let received = call_events("a", 0, vec![received("p"), started(1)]);
    assert_eq!(received.durability, Durability::Ride, "nobody is told of it by itself");
    let ended = call_events("a", 1, vec![started(1), CallEvent::CallEnded(accepted())]);
    assert_eq!(ended.durability, Durability::Await);
    assert_eq!(ended.relaxed().durability, Durability::Ride);
}
