//! Events reach consumers: each with its own cursor, in order within a call, at least once, and one
//! that fails holds up nobody. Told with receivers in this process and time turned by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backstop_domain::{Actor, ActorKind, ControlEvent, Event, Millis};
use backstop_ledger::{DeliveryFilter, Ledger, MemoryLedger};
use backstop_server::deliver::{
    Consumer, Courier, Deliveries, Denied, Going, Letter, Receipt, SigningKeys, Wanted, What,
    secret,
};
use backstop_tests::bench::{Bench, Setup, says};
use serde_json::{Value, json};

const POLICY: &str = "private: [input, output]\n";
/// Long enough for everything that is due at once.
const MOMENT: Duration = Duration::from_millis(500);
const DAY: Duration = Duration::from_secs(86_400);

/// What a receiver answers to a letter and its number, from 0.
type Script = dyn Fn(&Value, usize) -> Receipt + Send + Sync;

/// A receiver in this process.
struct Receiver {
    heard: Mutex<Vec<(Letter, Millis)>>,
    script: Box<Script>,
    takes: Duration,
}

impl Receiver {
    fn new(script: impl Fn(&Value, usize) -> Receipt + Send + Sync + 'static) -> Arc<Self> {
        Self::slow(Duration::ZERO, script)
    }

    fn slow(
        takes: Duration,
        script: impl Fn(&Value, usize) -> Receipt + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { heard: Mutex::default(), script: Box::new(script), takes })
    }

    fn fine() -> Arc<Self> {
        Self::new(|_, _| Receipt::Taken)
    }

    fn letters(&self) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|(letter, _)| serde_json::from_slice(&letter.body).unwrap()).collect()
    }

    fn positions(&self) -> Vec<u64> {
        self.letters().iter().map(position).collect()
    }

    fn times(&self) -> Vec<Millis> {
        self.heard.lock().unwrap().iter().map(|(_, at)| *at).collect()
    }
}

impl Courier for Receiver {
    fn take<'a>(&'a self, letter: &'a Letter, now: Millis) -> Going<'a> {
        Box::pin(async move {
            let number = {
                let mut heard = self.heard.lock().unwrap();
                heard.push((letter.clone(), now));
                heard.len() - 1
            };
            tokio::time::sleep(self.takes).await;
            (self.script)(&serde_json::from_slice(&letter.body).unwrap(), number)
        })
    }
}

fn position(letter: &Value) -> u64 {
    letter["data"]["position"].as_u64().unwrap()
}

fn refused() -> Receipt {
    Receipt::Refused("answered 500".to_owned())
}

/// A consumer of every event.
fn consumer(name: &str) -> Consumer {
    Consumer {
        name: name.to_owned(),
        url: "https://consumer.example/hook".parse().unwrap(),
        keys: SigningKeys::read([secret(&[7; 32]).as_str()]).unwrap(),
        wanted: Wanted::default(),
        full: false,
        cloud_events: false,
        private_network: false,
        enabled: true,
        people: None,
    }
}

/// A consumer of what calls come to.
fn ends(name: &str) -> Consumer {
    let types = Some(vec!["call_ended".to_owned()]);
    Consumer { wanted: Wanted { types, policies: None }, ..consumer(name) }
}

/// Starts deliveries to these receivers.
async fn deliver(bench: &Bench, to: &[(Consumer, &Arc<Receiver>)]) -> Deliveries {
    let couriers: BTreeMap<String, Arc<Receiver>> =
        to.iter().map(|(one, receiver)| (one.name.clone(), Arc::clone(receiver))).collect();
    let deliveries = Deliveries::by(bench.engine.clone(), move |one| {
        Ok(Arc::clone(&couriers[&one.name]) as Arc<dyn Courier>)
    });
    let consumers = to.iter().map(|(one, _)| one.clone()).collect();
    deliveries.put_in_force(consumers).await.unwrap();
    deliveries
}

async fn bench() -> Bench {
    Setup::policy(POLICY).model("small", [says("{\"label\":\"ham\"}")]).start().await
}

async fn later(time: Duration) {
    tokio::time::sleep(time).await;
}

async fn order(deliveries: &Deliveries, name: &str, what: What) -> Result<u64, Denied> {
    let actor = Actor { kind: ActorKind::Operator, id: "ada".to_owned(), via: None };
    deliveries.order(name, actor, "a test".to_owned(), what).await
}

fn standing(deliveries: &Deliveries, name: &str) -> backstop_server::deliver::Shown {
    let mut all = deliveries.all().into_iter();
    all.find(|(consumer, _)| consumer.name == name).unwrap().1
}

async fn told(ledger: &MemoryLedger, name: &str) -> Vec<String> {
    let stream = backstop_domain::Stream::control(&format!("subscription.{name}"));
    let events = ledger.stream(&stream, 0).await.unwrap();
    let changed = events.into_iter().filter_map(|one| match one.event {
        Ok(Event::Control(ControlEvent::SubscriptionChanged { to, .. })) => Some(to),
        _ => None,
    });
    changed.collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_call_comes_to_is_told_without_a_word_of_it() {
    let bench = bench().await;
    let receiver = Receiver::fine();
    let _deliveries = deliver(&bench, &[(consumer("warehouse"), &receiver)]).await;
    let call = bench.ask("the secret text").await;
    later(MOMENT).await;
    let letters = receiver.letters();
    let ended = letters.iter().find(|letter| letter["type"] == "call_ended").unwrap();
    assert_eq!(ended["data"]["call"], call.snapshot.id.as_str());
    assert_eq!(ended["data"]["policy"], "story");
    assert_eq!(ended["data"]["outcome"], "accepted");
    assert!(ended["timestamp"].as_str().unwrap().ends_with('Z'));
    let all = serde_json::to_string(&letters).unwrap();
    assert!(!all.contains("secret text") && !all.contains("ham"), "{all}");
    // Every event of the call, each once, in order.
    assert_eq!(letters.len(), call.events.len());
    assert!(receiver.positions().is_sorted());
    let heard = receiver.heard.lock().unwrap();
    assert!(heard.iter().all(|(letter, _)| letter.id.starts_with("evt_")));
}

#[tokio::test(start_paused = true)]
async fn a_full_letter_has_the_answer_with_its_private_places_masked() {
    let bench = bench().await;
    let receiver = Receiver::fine();
    let full = Consumer { full: true, cloud_events: true, ..ends("audit") };
    let _deliveries = deliver(&bench, &[(full, &receiver)]).await;
    bench.ask("the secret text").await;
    later(MOMENT).await;
    let letters = receiver.letters();
    let [ended] = &*letters else { panic!("{letters:?}") };
    assert_eq!(
        (&ended["specversion"], &ended["type"]),
        (&json!("1.0"), &json!("dev.backstop.call_ended"))
    );
    assert_eq!(ended["source"], "/backstop/stories");
    assert!(ended["sequence"].as_str().unwrap().len() == 20);
    assert_eq!(ended["data"]["answer"]["choices"][0]["text"], "[private]");
    let heard = receiver.heard.lock().unwrap();
    assert_eq!(heard[0].0.content_type, "application/cloudevents+json");
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_event_is_parked_and_holds_up_its_own_call_alone() {
    let bench = bench().await;
    // The first call's second event is poison.
    let poison = Arc::new(Mutex::new(0_u64));
    let bad = Arc::clone(&poison);
    let receiver = Receiver::new(move |letter, _| {
        if position(letter) == *bad.lock().unwrap() { refused() } else { Receipt::Taken }
    });
    let first = bench.ledger.position();
    *poison.lock().unwrap() = first + 2;
    let deliveries = deliver(&bench, &[(consumer("warehouse"), &receiver)]).await;
    let one = bench.ask("one").await;
    let two = bench.ask("two").await;
    later(MOMENT).await;
    let heard = receiver.positions();
    let ours = one.events.len() as u64;
    assert!(heard.contains(&(first + 1)) && !heard.contains(&(first + 3)), "{heard:?}");
    let theirs = heard.iter().filter(|position| **position > first + ours).count();
    assert_eq!(theirs, two.events.len(), "another call goes on");
    // Eight tries over hours, then it is parked, and its call goes on.
    later(2 * DAY).await;
    let tries = receiver.positions().iter().filter(|at| **at == first + 2).count();
    assert_eq!(tries, 8);
    assert!(receiver.positions().contains(&(first + ours)));
    let parked = DeliveryFilter { parked: true, ..DeliveryFilter::default() };
    let parked = bench.ledger.deliveries("warehouse", parked).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].tries, parked[0].parked.as_deref()), (8, Some("answered 500")));
    assert_eq!(standing(&deliveries, "warehouse").standing.disabled, None);
    // Mended and given again.
    *poison.lock().unwrap() = 0;
    assert_eq!(order(&deliveries, "warehouse", What::Parked(vec![])).await, Ok(1));
    later(MOMENT).await;
    assert_eq!(receiver.positions().last(), Some(&(first + 2)));
    assert_eq!(bench.ledger.parked("warehouse").await, Ok(0));
    assert_eq!(told(&bench.ledger, "warehouse").await, ["redelivered"]);
}

#[tokio::test(start_paused = true)]
async fn tries_grow_apart_and_keep_their_id() {
    let bench = bench().await;
    let receiver = Receiver::new(|_, number| if number < 3 { refused() } else { Receipt::Taken });
    let _deliveries = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    bench.ask("one").await;
    later(DAY).await;
    let times = receiver.times();
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1].since(pair[0]) / 1000).collect();
    let [first, second, third] = *pauses else { panic!("{pauses:?}") };
    assert!((4..=6).contains(&first) && (240..=360).contains(&second), "{pauses:?}");
    assert!((1440..=2160).contains(&third), "{pauses:?}");
    let heard = receiver.heard.lock().unwrap();
    assert!(heard.iter().all(|(letter, _)| *letter == heard[0].0), "the same bytes each time");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_consumer_keeps_its_place() {
    let bench = bench().await;
    let receiver = Receiver::fine();
    let deliveries = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    bench.ask("one").await;
    later(MOMENT).await;
    assert_eq!(order(&deliveries, "warehouse", What::Disable).await, Ok(0));
    let missed = [bench.ask("two").await, bench.ask("three").await];
    later(DAY).await;
    assert_eq!(receiver.letters().len(), 1);
    deliveries.stop().await;
    // It is still disabled in the next process.
    let deliveries = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    later(MOMENT).await;
    assert_eq!(receiver.letters().len(), 1);
    order(&deliveries, "warehouse", What::Enable).await.unwrap();
    later(MOMENT).await;
    let calls: Vec<Value> =
        receiver.letters().iter().map(|one| one["data"]["call"].clone()).collect();
    assert_eq!(calls[1..], missed.map(|told| json!(told.snapshot.id)));
    assert_eq!(told(&bench.ledger, "warehouse").await, ["disabled", "enabled"]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_is_left_alone() {
    let bench = bench().await;
    let receiver = Receiver::new(|_, _| Receipt::Gone);
    let deliveries = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    bench.ask("one").await;
    bench.ask("two").await;
    later(DAY).await;
    let heard = receiver.letters().len();
    assert!((1..=2).contains(&heard), "{heard}");
    let why = standing(&deliveries, "warehouse").standing.disabled.unwrap();
    assert!(why.contains("410"), "{why}");
    assert_eq!(told(&bench.ledger, "warehouse").await, ["disabled"]);
    assert!(bench.ledger.parked("warehouse").await == Ok(0), "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_time_gets_it() {
    let bench = bench().await;
    let receiver = Receiver::new(|_, number| match number {
        0 => Receipt::Busy { for_ms: Some(900_000), why: "answered 429".to_owned() },
        _ => Receipt::Taken,
    });
    let _deliveries = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    bench.ask("one").await;
    later(MOMENT).await;
    bench.ask("two").await;
    later(Duration::from_secs(880)).await;
    assert_eq!(receiver.letters().len(), 1, "nothing at all is sent meanwhile");
    later(Duration::from_secs(60)).await;
    assert_eq!(receiver.letters().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_dead_receiver_is_not_hammered_and_gets_everything_when_it_is_back() {
    let bench = bench().await;
    let alive = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let up = Arc::clone(&alive);
    let receiver = Receiver::new(move |_, _| {
        if up.load(std::sync::atomic::Ordering::SeqCst) { Receipt::Taken } else { refused() }
    });
    let deliveries = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    for number in 0..40 {
        bench.ask(&format!("{number}")).await;
    }
    later(Duration::from_secs(3600)).await;
    let heard = receiver.letters().len();
    assert!(heard < 60, "forty events, an hour, {heard} requests");
    assert_ne!(standing(&deliveries, "warehouse").breaker, "closed");
    alive.store(true, std::sync::atomic::Ordering::SeqCst);
    later(Duration::from_secs(3600)).await;
    let shown = standing(&deliveries, "warehouse");
    assert_eq!((shown.breaker, shown.standing.delivered, shown.waiting), ("closed", 40, 0));
    assert_eq!(bench.ledger.parked("warehouse").await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let bench = bench().await;
    let hung = Receiver::slow(DAY, |_, _| Receipt::Taken);
    let fine = Receiver::fine();
    let _deliveries = deliver(&bench, &[(ends("hung"), &hung), (ends("fine"), &fine)]).await;
    for number in 0..30 {
        bench.ask(&format!("{number}")).await;
    }
    later(MOMENT).await;
    assert_eq!(fine.letters().len(), 30);
    assert_eq!(hung.letters().len(), 16, "so many are on their way at one time");
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_nothing_is_missing_and_only_what_was_on_its_way_comes_twice() {
    let bench = bench().await;
    let receiver = Receiver::slow(Duration::from_secs(5), |_, _| Receipt::Taken);
    let first = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    let mut calls = Vec::new();
    for number in 0..40 {
        calls.push(bench.ask(&format!("{number}")).await.snapshot.id.0);
    }
    later(Duration::from_secs(7)).await;
    // The process dies: what it did not write down is gone, and its tasks are never told.
    drop(first);
    let before = receiver.letters().len();
    let again = Receiver::fine();
    let _second = deliver(&bench, &[(ends("warehouse"), &again)]).await;
    later(MOMENT).await;
    let mut heard: Vec<String> = receiver.letters()[..before]
        .iter()
        .chain(&again.letters())
        .map(|letter| letter["data"]["call"].as_str().unwrap().to_owned())
        .collect();
    let all = heard.len();
    heard.sort();
    heard.dedup();
    calls.sort();
    assert_eq!(heard, calls, "every end came");
    assert!(all - heard.len() <= 16, "{all} letters for {}", heard.len());
    assert!(bench.ledger.subscriptions().await.unwrap()[0].cursor > 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_consumer_whose_gateway_dies_at_once_misses_nothing_from_where_it_started() {
    let bench = bench().await;
    bench.ask("before").await;
    let start = bench.ledger.position();
    // The process dies before the consumer's task had a turn.
    let silent = Receiver::fine();
    drop(deliver(&bench, &[(ends("warehouse"), &silent)]).await);
    let placed = bench.ledger.subscriptions().await.unwrap();
    let places: Vec<u64> = placed.iter().map(|standing| standing.cursor).collect();
    assert_eq!(places, [start], "its place is on disk before anybody calls it in force");
    let calls = [bench.ask("one").await, bench.ask("two").await];
    assert_eq!(silent.letters().len(), 0);
    let receiver = Receiver::fine();
    let _second = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    later(MOMENT).await;
    let heard: Vec<Value> =
        receiver.letters().iter().map(|one| one["data"]["call"].clone()).collect();
    assert_eq!(heard, calls.map(|told| json!(told.snapshot.id)));
}

#[tokio::test(start_paused = true)]
async fn a_new_consumer_is_in_force_only_once_its_place_is_on_disk() {
    let bench = bench().await;
    bench.ledger.hold();
    let receiver = Receiver::fine();
    let to = [(ends("warehouse"), &receiver)];
    let mut starting = std::pin::pin!(deliver(&bench, &to));
    assert!(tokio::time::timeout(DAY, &mut starting).await.is_err(), "the disk is slow");
    bench.ledger.release();
    let _deliveries = starting.await;
    assert_eq!(bench.ledger.subscriptions().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_kills_the_gateway_is_parked_like_any_other_poison() {
    let bench = bench().await;
    // It never comes back: the process is gone each time.
    let receiver = Receiver::slow(100 * DAY, |_, _| Receipt::Taken);
    let mut life = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    bench.ask("poison").await;
    for _ in 0..8 {
        later(MOMENT).await;
        drop(life);
        life = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    }
    let waiting = bench.ledger.deliveries("warehouse", DeliveryFilter::default()).await.unwrap();
    let tries = waiting.first().map_or(0, |one| one.tries);
    assert_eq!(tries, 8, "every life counts as a try");
}

#[tokio::test(start_paused = true)]
async fn a_stretch_of_the_log_is_given_again_with_the_same_ids() {
    let bench = bench().await;
    let receiver = Receiver::fine();
    let deliveries = deliver(&bench, &[(ends("warehouse"), &receiver)]).await;
    for number in 0..5 {
        bench.ask(&format!("{number}")).await;
    }
    later(MOMENT).await;
    let before = receiver.positions();
    let (from, until) = (before[1], before[3]);
    let range = What::Range { from, until };
    assert_eq!(order(&deliveries, "warehouse", range).await, Ok(until - from + 1));
    later(MOMENT).await;
    assert_eq!(receiver.positions()[5..], before[1..=3]);
    let id = |place: usize| receiver.heard.lock().unwrap()[place].0.id.clone();
    assert_eq!(id(5), id(1));
    let nothing = What::Range { from: 1_000_000, until: 2_000_000 };
    assert!(matches!(order(&deliveries, "warehouse", nothing).await, Err(Denied::Unfit(_))));
    assert_eq!(order(&deliveries, "nobody", What::Enable).await, Err(Denied::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_stretch_that_is_given_again_is_given_to_its_end_although_the_gateway_dies_meanwhile() {
    // At once after the order was acknowledged, or while the first of it are on their way.
    for life in [Duration::ZERO, Duration::from_secs(7)] {
        let bench = bench().await;
        let fine = Receiver::fine();
        let first = deliver(&bench, &[(consumer("warehouse"), &fine)]).await;
        // More than is read of the log at once, so that some of it is not in memory yet.
        for number in 0..80 {
            bench.ask(&format!("{number}")).await;
        }
        later(MOMENT).await;
        first.stop().await;
        let mut before = fine.positions();
        before.sort_unstable();
        let stretch = before[5..before.len() - 5].to_vec();
        assert!(stretch.len() > 600, "{}", stretch.len());
        let slow = Receiver::slow(Duration::from_secs(5), |_, _| Receipt::Taken);
        let second = deliver(&bench, &[(consumer("warehouse"), &slow)]).await;
        let (from, until) = (stretch[0], stretch[stretch.len() - 1]);
        order(&second, "warehouse", What::Range { from, until }).await.unwrap();
        later(life).await;
        drop(second);
        let again = Receiver::fine();
        let _third = deliver(&bench, &[(consumer("warehouse"), &again)]).await;
        // What was on its way when it died has had a try, and is tried again a while later.
        later(DAY).await;
        let mut heard = [slow.positions(), again.positions()].concat();
        let all = heard.len();
        heard.sort_unstable();
        heard.dedup();
        assert_eq!(heard, stretch, "all of it, and nothing else");
        assert!(all - heard.len() <= 16, "{all} letters for {}", heard.len());
        let standing = bench.ledger.subscriptions().await.unwrap().remove(0);
        assert_eq!((standing.again, standing.cursor), (None, bench.ledger.position()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_consumer_starts_with_what_comes_and_hears_what_it_asked_for() {
    let bench = bench().await;
    bench.ask("before").await;
    let receiver = Receiver::fine();
    let wanted = Wanted {
        types: Some(vec!["call_received".to_owned(), "call_ended".to_owned()]),
        policies: Some(vec!["another".to_owned()]),
    };
    let other = Consumer { wanted, ..consumer("another") };
    let silent = Receiver::fine();
    let _deliveries = deliver(&bench, &[(ends("warehouse"), &receiver), (other, &silent)]).await;
    later(MOMENT).await;
    assert_eq!((receiver.letters().len(), silent.letters().len()), (0, 0));
    bench.ask("after").await;
    later(MOMENT).await;
    assert_eq!((receiver.letters().len(), silent.letters().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn two_failing_consumers_do_not_feed_each_other() {
    let bench = bench().await;
    let (one, two) = (Receiver::new(|_, _| Receipt::Gone), Receiver::fine());
    let deliveries = deliver(&bench, &[(consumer("one"), &one), (consumer("two"), &two)]).await;
    bench.ask("text").await;
    later(MOMENT).await;
    order(&deliveries, "one", What::Enable).await.unwrap();
    later(DAY).await;
    let kinds: Vec<Value> = two.letters().iter().map(|one| one["type"].clone()).collect();
    assert!(!kinds.contains(&json!("subscription_changed")), "{kinds:?}");
    assert_eq!(told(&bench.ledger, "one").await, ["disabled", "enabled", "disabled"]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_hears_that_an_outcome_was_revised_with_both_digests() {
    let answers = ["ham", "spam"].map(|word| says(&format!("{{\"label\":\"{word}\"}}")));
    let bench = Setup::policy("").model("small", answers).start().await;
    let receiver = Receiver::fine();
    let types = Some(vec!["call_ended".to_owned(), "outcome_revised".to_owned()]);
    let wanted = Wanted { types, policies: None };
    let one = Consumer { wanted, ..consumer("warehouse") };
    let _deliveries = deliver(&bench, &[(one, &receiver)]).await;
    let told = bench.ask("text").await;
    bench.roll_back(&told, 1).await.unwrap();
    later(MOMENT).await;
    let letters = receiver.letters();
    let kinds: Vec<&Value> = letters.iter().map(|letter| &letter["type"]).collect();
    assert_eq!(kinds, ["call_ended", "outcome_revised", "call_ended"]);
    let [first, revised, last] = [0, 1, 2].map(|place| &letters[place]["data"]);
    assert_eq!(revised["from"]["answer"], first["answer_digest"]);
    assert_eq!(revised["to"]["answer"], last["answer_digest"]);
    assert_ne!(first["answer_digest"], last["answer_digest"]);
}
