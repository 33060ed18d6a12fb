//! Delivery of events to consumers that have an address. The log is the outbox: each consumer has a
//! cursor of its own, lanes that keep the order within a call, a breaker, a schedule of tries, and
//! parked events. At least once, with an id that stays the same. One task per consumer; none of
//! them, and no call, waits for another. People who are to be told are consumers like any other,
//! in digests and in words.

mod courier;
mod feed;
mod landing;
mod lanes;
mod letter;
mod mail;
pub(crate) mod network;
mod notice;
mod orders;
mod reading;
mod saving;
mod schedule;
mod sign;
mod worker;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use backstop_domain::{Actor, Millis};
use backstop_engine::Engine;
use parking_lot::Mutex;
use reqwest::Url;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

pub(crate) use self::courier::unreachable;
pub use self::{
    courier::{Courier, Going, HttpCourier, Receipt},
    feed::{Feed, Wanted},
    letter::{Letter, time},
    mail::{MailCourier, MailServer, Security},
    notice::{People, notifier},
    orders::{Denied, What},
    sign::{SigningKeys, secret},
    worker::Shown,
};
use self::{feed::Item, orders::Order, worker::Worker};

/// Longest wait for a task that was told to stop.
const STOP_MAX: Duration = Duration::from_secs(5);
/// Orders that may wait for one task.
const ORDERS_MAX: usize = 8;

/// A consumer of events, as the gateway file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// Where deliveries go.
    pub url: Url,
    /// What they are signed with.
    pub keys: SigningKeys,
    /// Which events.
    pub wanted: Wanted,
    /// Whether bodies are sent too.
    pub full: bool,
    /// Whether the envelope is CloudEvents'.
    pub cloud_events: bool,
    /// Whether it may lie in a private network.
    pub private_network: bool,
    /// Whether anything is delivered.
    pub enabled: bool,
    /// How people are told, if people read what it gets; else it is a machine.
    pub people: Option<People>,
}

impl Consumer {
    /// Whether that event is for it. What happened to subscriptions is for nobody: two that fail
    /// would feed each other for ever.
    fn wants(&self, item: &Item) -> bool {
        let kind = item.recorded.envelope.kind.as_str();
        if self.people.is_some() {
            return notice::tells(item, &self.name);
        }
        kind != "subscription_changed" && self.wanted.takes(kind, item.about.policy.as_deref())
    }

    /// Says in the log that it is delivered to, or that nothing will ever arrive there.
    fn introduce(&self) {
        let (subscription, format, host) = (&self.name, self.format(), self.host());
        match self.undeliverable() {
            Some(why) => tracing::error!(subscription, host, why, "nothing is delivered there"),
            None => tracing::info!(subscription, format, host, "is delivered to"),
        }
    }

    /// Why nothing is delivered to it, if its address says so already.
    pub fn undeliverable(&self) -> Option<String> {
        let by_mail = self.people.as_ref().is_some_and(|people| people.mail.is_some());
        (!by_mail).then(|| network::literal(&self.url, self.private_network).err()).flatten()
    }

    /// The machine that takes it.
    pub fn host(&self) -> Option<&str> {
        let mail = self.people.as_ref().and_then(|people| people.mail.as_ref());
        mail.map(|server| server.host.as_str()).or_else(|| self.url.host_str())
    }

    /// What it gets, in a word.
    pub const fn format(&self) -> &'static str {
        match &self.people {
            Some(People { mail: Some(_), .. }) => "mail",
            Some(_) => "message",
            None if self.cloud_events => "cloudevents",
            None => "webhook",
        }
    }
}

/// Makes the courier that goes to a consumer.
type Couriers = dyn Fn(&Consumer) -> Result<Arc<dyn Courier>, String> + Send + Sync;

/// Every consumer's task. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Deliveries(Arc<Inner>);

struct Inner {
    engine: Engine,
    feed: Arc<Feed>,
    couriers: Box<Couriers>,
    running: Mutex<BTreeMap<String, Running>>,
    /// One change of the set at a time.
    changing: tokio::sync::Mutex<()>,
}

struct Running {
    consumer: Arc<Consumer>,
    orders: mpsc::Sender<Order>,
    shown: Arc<Mutex<Shown>>,
    task: JoinHandle<()>,
}

/// Whoever is not told to stop first ends at once, as in a crash; nothing is lost by that.
impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Deliveries {
    /// Deliveries over HTTP and by mail; none yet.
    pub fn over(engine: Engine) -> Self {
        Self::by(engine, |consumer| match &consumer.people {
            Some(People { mail: Some(server), .. }) => {
                let courier = MailCourier::new(server);
                courier.map(|courier| Arc::new(courier) as Arc<dyn Courier>)
            }
            _ => HttpCourier::new(consumer).map(|courier| Arc::new(courier) as Arc<dyn Courier>),
        })
    }

    /// Deliveries by other couriers.
    pub fn by(
        engine: Engine,
        couriers: impl Fn(&Consumer) -> Result<Arc<dyn Courier>, String> + Send + Sync + 'static,
    ) -> Self {
        let feed = Arc::new(Feed::new(Arc::clone(engine.ledger())));
        let (running, changing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { engine, feed, couriers: Box::new(couriers), running, changing }))
    }

    /// The log as consumers read it.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    /// From here on delivers to these consumers and no others. Those that stay as they were are not
    /// disturbed; the places of all others are kept.
    ///
    /// # Errors
    /// Why one of them cannot be delivered to; the others are.
    pub async fn put_in_force(&self, consumers: Vec<Consumer>) -> Result<(), String> {
        let _one_at_a_time = self.0.changing.lock().await;
        let over: Vec<String> = {
            let running = self.0.running.lock();
            let stays = |name: &String, now: &Running| {
                consumers.iter().any(|one| one.name == *name && *one == *now.consumer)
            };
            let over = running.iter().filter(|(name, now)| !stays(name, now));
            over.map(|(name, _)| name.clone()).collect()
        };
        for name in &over {
            self.stop_one(name).await;
        }
        let mut failed = Vec::new();
        for consumer in consumers {
            let changed = over.contains(&consumer.name);
            if !self.0.running.lock().contains_key(&consumer.name)
                && let Err(why) = self.start_one(consumer, changed).await
            {
                failed.push(why);
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }

    /// Stops every task; places are kept.
    pub async fn stop(&self) {
        let _one_at_a_time = self.0.changing.lock().await;
        let names: Vec<String> = self.0.running.lock().keys().cloned().collect();
        for name in names {
            self.stop_one(&name).await;
        }
    }

    /// Starts one. `changed`: it was just mended, so what failed before is tried at once.
    async fn start_one(&self, consumer: Consumer, changed: bool) -> Result<(), String> {
        let name = consumer.name.clone();
        let courier = (self.0.couriers)(&consumer)?;
        consumer.introduce();
        let consumer = Arc::new(consumer);
        let shown = Arc::<Mutex<Shown>>::default();
        let worker = Worker::load(
            self.0.engine.clone(),
            Arc::clone(&self.0.feed),
            Arc::clone(&consumer),
            courier,
            Arc::clone(&shown),
        );
        let mut worker = worker.await.map_err(|halt| format!("subscription `{name}`: {halt}"))?;
        if changed {
            worker.start_afresh();
        }
        let (orders, given) = mpsc::channel(ORDERS_MAX);
        let task = crate::tasks::owned(worker.run(given));
        self.0.running.lock().insert(name, Running { consumer, orders, shown, task });
        Ok(())
    }

    async fn stop_one(&self, name: &str) {
        let Some(mut running) = self.0.running.lock().remove(name) else { return };
        // Nobody can give orders any more: the task comes to its end.
        running.orders = mpsc::channel(1).0;
        if tokio::time::timeout(STOP_MAX, &mut running.task).await.is_err() {
            tracing::warn!(subscription = name, "deliveries did not stop in time");
        }
    }

    /// Every consumer, with what may be seen of it, by name.
    pub fn all(&self) -> Vec<(Arc<Consumer>, Shown)> {
        let running = self.0.running.lock();
        let one = |one: &Running| (Arc::clone(&one.consumer), one.shown.lock().clone());
        running.values().map(one).collect()
    }

    /// Gives an order; how many events it concerns, once it is on disk.
    ///
    /// # Errors
    /// [`Denied`]: nothing has changed.
    pub async fn order(
        &self,
        name: &str,
        actor: Actor,
        reason: String,
        what: What,
    ) -> Result<u64, Denied> {
        let orders = self.0.running.lock().get(name).map(|running| running.orders.clone());
        let orders = orders.ok_or(Denied::Unknown)?;
        let (answer, done) = oneshot::channel();
        let gone = || Denied::Failed("deliveries have stopped".to_owned());
        orders.send(Order { actor, reason, what, answer }).await.map_err(|_| gone())?;
        done.await.map_err(|_| gone())?
    }

    /// Numbers that are read, not counted. A consumer is late when its oldest event has used up
    /// half of the time after which retention may take bodies.
    pub fn gauges(&self, now: Millis) {
        let end = self.0.engine.ledger().position();
        let kept_ms = self.0.engine.workspace().gateway.store.retain.bodies_ms;
        for (consumer, shown) in self.all() {
            let labels = [("subscription", consumer.name.clone())];
            let lag = end.saturating_sub(shown.cursor);
            let late = is_late(&shown, now, kept_ms);
            let on = consumer.enabled && shown.standing.disabled.is_none();
            metrics::gauge!("backstop_subscription_lag", &labels).set(lag as f64);
            metrics::gauge!("backstop_subscription_late", &labels).set(f64::from(u8::from(late)));
            metrics::gauge!("backstop_subscription_on", &labels).set(f64::from(u8::from(on)));
        }
    }
}

/// Whether retention may soon reach what a consumer was not given yet.
pub fn is_late(shown: &Shown, now: Millis, kept_ms: u64) -> bool {
    shown.oldest.is_some_and(|oldest| now.since(oldest) > kept_ms / 2)
}
