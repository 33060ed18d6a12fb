//! What people are told: which reviews wait for them, and where. Never a word of what was asked or
//! answered; links open pages and change nothing. What was decided meanwhile is not told any more.

use std::{collections::BTreeMap, sync::Arc};

use backstop_domain::{Digest, Event, Millis, ReviewEvent, ReviewId};
use backstop_engine::Engine;
use backstop_ledger::{ReadFailed, ReviewSummary};
use serde_json::{Value, json};

use super::{
    Consumer,
    feed::Item,
    letter::{Letter, time},
    mail::MailServer,
};
use crate::{
    tongue::{Tongue, spoken},
    words,
};

/// Reviews that one message names; the others are only counted.
const NAMED_MAX: usize = 40;

/// How people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// The address at which they reach the desk, without a slash at its end; `None`: no links.
    pub desk: Option<String>,
    /// What comes within this time is one message, in milliseconds.
    pub digest_ms: u64,
    /// The server that takes it as mail; else the consumer's address takes it.
    pub mail: Option<MailServer>,
    /// The language that they read; `None` is English.
    pub tongue: Option<Arc<Tongue>>,
}

/// The consumer's name of an entry of `notify`. No subscription can have it: a name has no colon.
pub fn notifier(entry: &str) -> String {
    format!("notify:{entry}")
}

/// Whether that event says that those people are to be told.
pub(super) fn tells(item: &Item, consumer: &str) -> bool {
    match &item.recorded.event {
        Ok(Event::Review(ReviewEvent::ReviewStepTaken { notify, .. })) => {
            notify.iter().any(|entry| notifier(entry) == consumer)
        }
        _ => false,
    }
}

/// Writes one message about all of these; `None` if nothing of it waits any more.
///
/// # Errors
/// [`ReadFailed`] if the ledger cannot be read.
pub(super) async fn write(
    engine: &Engine,
    to: &Consumer,
    people: &People,
    items: &[Arc<Item>],
) -> Result<Option<Letter>, ReadFailed> {
    let now = engine.clock().now();
    let mut waiting: BTreeMap<ReviewId, ReviewSummary> = BTreeMap::new();
    for item in items {
        let Some(id) = item.recorded.envelope.stream.review_id() else { continue };
        let review = engine.ledger().review(&id).await?;
        if let Some(review) = review.filter(|review| review.phase.is_open() && now < review.due) {
            waiting.insert(id, review);
        }
    }
    let mut waiting: Vec<ReviewSummary> = waiting.into_values().collect();
    waiting.sort_by(|a, b| (a.due, &a.id).cmp(&(b.due, &b.id)));
    if waiting.is_empty() {
        return Ok(None);
    }
    let told = Told { engine, people, now, waiting };
    Ok(Some(spoken(people.tongue.clone(), async { told.letter(to, items) }).await))
}

/// The same for the same events; another one as soon as more go along.
fn id(items: &[Arc<Item>]) -> String {
    let ids: Vec<&str> = items.iter().map(|item| item.recorded.envelope.id.as_str()).collect();
    match *ids {
        [one] => one.to_owned(),
        _ => format!("dig_{}", Digest::of(ids.join(" ").as_bytes())),
    }
}

/// What there is to tell.
struct Told<'a> {
    engine: &'a Engine,
    people: &'a People,
    now: Millis,
    waiting: Vec<ReviewSummary>,
}

impl Told<'_> {
    fn letter(&self, to: &Consumer, items: &[Arc<Item>]) -> Letter {
        let subject = self.subject();
        let (body, content_type) = match &self.people.mail {
            Some(_) => (self.mail(), "text/plain"),
            None if to.keys.is_none() => {
                (json!({ "text": self.message() }).to_string(), "application/json")
            }
            None => (self.event().to_string(), "application/json"),
        };
        let body = body.into_bytes();
        Letter { id: id(items), body, content_type, subject, gap: false }
    }

    fn subject(&self) -> String {
        let mut queues: Vec<String> = Vec::new();
        for review in &self.waiting {
            let title = self.title(&review.queue);
            if !queues.contains(&title) {
                queues.push(title);
            }
        }
        words::reviews_wait(self.waiting.len(), &queues)
    }

    fn title(&self, queue: &str) -> String {
        let workspace = self.engine.workspace();
        let known = workspace.gateway.queues.get(queue);
        known.and_then(|queue| queue.title.clone()).unwrap_or_else(|| queue.to_owned())
    }

    fn link(&self, review: &ReviewSummary) -> Option<String> {
        self.people.desk.as_ref().map(|desk| format!("{desk}/reviews/{}", review.id))
    }

    /// Each review in a line or two, and how many are not named.
    fn lines(&self, bullet: &str) -> Vec<String> {
        let named = self.waiting.iter().take(NAMED_MAX).map(|review| {
            let title = self.title(&review.queue);
            let line =
                words::review_waits(&title, &review.policy, review.priority, review.due, self.now);
            let place = self.link(review).unwrap_or_else(|| review.id.to_string());
            format!("{bullet}{line}\n  {place}")
        });
        let mut lines: Vec<String> = named.collect();
        let more = self.waiting.len().saturating_sub(NAMED_MAX);
        if more > 0 {
            let place = self.people.desk.as_ref().map(|desk| format!("{desk}/reviews"));
            lines.push(words::and_more(more, place.as_deref()));
        }
        lines
    }

    /// As a mail.
    fn mail(&self) -> String {
        let gateway = self.engine.workspace().gateway.name.clone();
        let lines = self.lines("").join("\n\n");
        format!("{}\n\n{lines}\n\n-- \n{}\n", self.subject(), words::why_this_mail(&gateway))
    }

    /// As a line or more in a chat.
    fn message(&self) -> String {
        format!("{}\n{}", self.subject(), self.lines("\u{2022} ").join("\n"))
    }

    /// As a machine reads it, with the words beside.
    fn event(&self) -> Value {
        let reviews = self.waiting.iter().take(NAMED_MAX).map(|review| {
            json!({
                "review": review.id, "call": review.call, "policy": review.policy,
                "queue": review.queue, "priority": review.priority, "due": time(review.due),
                "link": self.link(review),
            })
        });
        let more = self.waiting.len().saturating_sub(NAMED_MAX);
        json!({
            "type": "reviews_waiting",
            "timestamp": time(self.now),
            "text": self.message(),
            "data": { "reviews": reviews.collect::<Vec<_>>(), "more": more },
        })
    }
}
