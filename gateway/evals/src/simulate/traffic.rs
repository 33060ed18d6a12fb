//! Callers of a simulation: when they come, what they do when they get no answer, and what each
//! saw in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use backstop_domain::{AnsweredBy, Criticality, Digest, Face, Outcome};
use backstop_engine::{Caller, Engine, Refused, Submit};
use backstop_policy::Policy;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::Play;
use super::reply::Reply;
use super::scenario::{AFTER, CALM, Manners, Scenario};

/// How many callers there are, each with a name and a tenant of its own.
const CALLERS: u64 = 20;
/// What a pushing caller waits before it asks again.
const PUSH: Duration = Duration::from_millis(200);
/// How often a polite caller comes back to a shut door.
const COMES_BACK: u32 = 2;

/// One request that somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub at: Duration,
    /// It came on top of the usual ones, and may be shed.
    pub extra: bool,
    pub number: u64,
}

/// How it ended for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Accepted,
    Fallback,
    Person,
    Door,
    No,
}

/// What became of one request, all its tries together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub arrival: Arrival,
    pub end: End,
    /// From the first try to the last answer.
    pub took: Duration,
    pub calls: u32,
    pub attempts: u32,
    /// Why there is no answer, in words.
    pub why: Option<String>,
    /// A call that was taken and came to no rest in time: there must be none.
    pub hung: bool,
}

/// Everybody who comes, in order: `rate` usual requests a second, at random.
pub(super) fn arrivals(scenario: &Scenario, play: Play) -> Vec<Arrival> {
    let Play { rate, crowd, seed, .. } = play;
    let crowd = crowd.unwrap_or(scenario.burst);
    let mut dice = SmallRng::seed_from_u64(seed);
    let mut all = Vec::new();
    let whole = CALM + scenario.lasts + AFTER;
    let mut stream = |from: Duration, until: Duration, rate: f64, extra: bool| {
        let mut at = from;
        loop {
            let chance: f64 = dice.random_range(f64::MIN_POSITIVE..1.0);
            at += Duration::from_secs_f64(-chance.ln() / rate);
            if at >= until {
                break;
            }
            all.push(Arrival { at, extra, number: 0 });
        }
    };
    stream(Duration::ZERO, whole, rate, false);
    if crowd > 0 {
        stream(CALM, CALM + scenario.lasts, rate * f64::from(crowd), true);
    }
    all.sort_by_key(|arrival| arrival.at);
    for (number, arrival) in (0..).zip(&mut all) {
        arrival.number = number;
    }
    all
}

/// One caller with one request, until it has an answer or gives up.
pub(super) async fn ask(
    engine: &Engine,
    policy: &Policy,
    reply: &Reply,
    manners: Manners,
    arrival: Arrival,
) -> Seen {
    let began = engine.clock().now();
    let mut seen = Seen {
        arrival,
        end: End::No,
        took: Duration::ZERO,
        calls: 0,
        attempts: 0,
        why: None,
        hung: false,
    };
    let mut tries = 0;
    loop {
        let again = once(engine, policy, reply, &mut seen, tries).await;
        let most = match manners {
            Manners::Polite => COMES_BACK,
            Manners::Pushing(most) => most,
        };
        let wait = match (seen.end, manners) {
            (End::Door, Manners::Polite) => again,
            (End::Door | End::No, Manners::Pushing(_)) => Some(PUSH),
            _ => None,
        };
        let Some(wait) = wait.filter(|_| tries < most) else { break };
        tries += 1;
        tokio::time::sleep(wait).await;
    }
    seen.took = Duration::from_millis(engine.clock().now().since(began));
    seen
}

/// One try. Tells after what time the door said to come back.
async fn once(
    engine: &Engine,
    policy: &Policy,
    reply: &Reply,
    seen: &mut Seen,
    tries: u32,
) -> Option<Duration> {
    let now = engine.clock().now();
    let admitted = match engine.submit(submit(policy, reply, seen.arrival, tries)).await {
        Ok(admitted) => admitted,
        Err(Refused::Limited { until, which, .. }) => {
            (seen.end, seen.why) = (End::Door, Some(without_names(&which)));
            return Some(until.map_or(PUSH, |until| Duration::from_millis(until.since(now))));
        }
        Err(Refused::Unavailable { why }) => {
            (seen.end, seen.why) = (End::Door, Some(why));
            return Some(PUSH);
        }
        Err(refused) => {
            (seen.end, seen.why) = (End::No, Some(refused.to_string()));
            return None;
        }
    };
    seen.calls += 1;
    let longest = Duration::from_millis(policy.plan.deadline_ms) + Duration::from_secs(60);
    let found = engine.wait(&admitted.id, longest).await.ok().flatten();
    let Some(state) = found.map(|found| found.state) else {
        seen.hung = true;
        return None;
    };
    seen.attempts += u32::try_from(state.attempts.len()).unwrap_or(u32::MAX);
    seen.why = None;
    seen.end = match state.ended() {
        Some(ended) => match (ended.outcome, ended.answered_by) {
            (Outcome::Accepted | Outcome::Observed, _) => End::Accepted,
            (Outcome::Fallback, _) | (_, AnsweredBy::Rule) => End::Fallback,
            _ => {
                seen.why = Some(format!("{}: {}", ended.outcome.name(), ended.cause.text));
                End::No
            }
        },
        None if state.state_name() == "in_review" => End::Person,
        None => {
            seen.hung = true;
            End::No
        }
    };
    None
}

/// A refusal without the name in backquotes that differs from caller to caller.
fn without_names(which: &str) -> String {
    let parts = which
        .split(" of `caller-")
        .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
    parts.collect::<Vec<_>>().join(" of a caller").replace("of a caller`", "of a caller")
}

fn submit(policy: &Policy, reply: &Reply, arrival: Arrival, tries: u32) -> Submit {
    let scene = &reply.scene;
    let input = reply.input(policy, arrival.number);
    let fingerprint = Digest::of_json(&input);
    let who = arrival.number % CALLERS;
    Submit {
        policy: policy.name.clone(),
        caller: Caller {
            name: format!("caller-{who}"),
            tenant: Some(format!("tenant-{who}")),
            roles: scene.caller.roles.clone(),
            ..Caller::default()
        },
        face: Face::Calls,
        input,
        messages: scene.messages.clone(),
        body: scene.body.clone(),
        key: Some(format!("simulated-{}-{tries}", arrival.number)),
        fingerprint,
        tags: BTreeMap::new(),
        deadline_ms: None,
        criticality: arrival.extra.then_some(Criticality::Sheddable),
        request_id: "simulate".to_owned(),
        traceparent: None,
    }
}
