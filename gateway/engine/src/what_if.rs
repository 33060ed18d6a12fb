//! What would have changed how a call went on: the smallest changes, each proven by deciding again.
//!
//! Pure. The call is played again from its record, without a model and without the ledger. Where
//! that does not come to what was recorded, nothing is claimed. A claim is made only if the call,
//! with that one change, is decided otherwise, and with a change just short of it is not.

mod claims;
mod record;

use std::{collections::BTreeMap, sync::Arc};

use backstop_checks::Schema;
use backstop_domain::{CallEvent, CallId, Digest, Stream, Verdict};
use backstop_ledger::Recorded;
use backstop_policy::Policy;
use backstop_policy::tried::{Attempt, Played, Scene};
use serde_json::Value;

use crate::{engine::Engine, live::Stop};

pub use record::bodies;

/// What would have changed a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhatIf {
    /// These changes, the smallest first; empty if no single change was found.
    Flips(Vec<Flip>),
    /// It cannot be told, for that reason.
    Unknown(String),
}

impl WhatIf {
    /// As people read it, a line for each change; one line if there is none, or it cannot be told.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Flips(flips) if flips.is_empty() => {
                vec!["no single change was found that would have".to_owned()]
            }
            Self::Flips(flips) => flips.iter().map(ToString::to_string).collect(),
            Self::Unknown(why) => vec![format!("cannot be told: {why}")],
        }
    }
}

/// One change that would have led elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// What would have happened: `accepted`, `escalated to fraud`.
    pub result: String,
    /// The places that would have to differ, such as `output.total_cents`: what a policy calls
    /// private stands among them and must be hidden from those who may not see it.
    pub places: Vec<String>,
    /// How they would have to be: `above 5000`.
    pub how: String,
    /// As they were; empty where there is nothing to tell.
    pub was: String,
}

impl std::fmt::Display for Flip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let were = if self.places.len() > 1 { "were" } else { "was" };
        let places = self.places.join(" and ");
        write!(f, "would have been {} if {places} {were} {}", self.result, self.how)?;
        if self.was.is_empty() { Ok(()) } else { write!(f, " (it was {})", self.was) }
    }
}

/// Most changes that are told.
const FLIPS_MAX: usize = 5;

/// What would have changed the automatic part of a call, under the policy that it was pinned to.
/// `kept` holds the bodies that [`bodies`] names.
pub fn what_if(
    policy: &Arc<Policy>,
    events: &[Recorded],
    kept: &BTreeMap<Digest, Vec<u8>>,
) -> WhatIf {
    let record = match record::read(policy, events, kept) {
        Ok(record) => record,
        Err(why) => return WhatIf::Unknown(why),
    };
    let base = record.scene.clone().watch(policy);
    let again: Vec<Verdict> = base.verdicts.iter().map(|reached| reached.verdict).collect();
    if !again.starts_with(&record.verdicts) || record.verdicts.is_empty() {
        let why = "played again from its record it goes another way, because of something that \
                   only the live call knew";
        return WhatIf::Unknown(why.to_owned());
    }
    let ground = Ground { policy, scene: &record.scene, base: &base, upto: record.verdicts.len() };
    let mut flips: Vec<(u64, Flip)> = Vec::new();
    for claim in claims::claims(&ground) {
        if let Some(flip) = ground.proven(&claim)
            && !flips
                .iter()
                .any(|(_, known)| known.places == flip.places && known.result == flip.result)
        {
            flips.push((claim.distance, flip));
        }
    }
    flips.sort_by_key(|(distance, _)| *distance);
    WhatIf::Flips(flips.into_iter().map(|(_, flip)| flip).take(FLIPS_MAX).collect())
}

/// What claims are held against.
struct Ground<'a> {
    policy: &'a Arc<Policy>,
    scene: &'a Scene,
    base: &'a Played,
    /// How many verdicts were recorded: what follows upon them is made up.
    upto: usize,
}

impl Ground<'_> {
    /// The first verdict that differs from what happened, in words; `None` if none does.
    fn result(&self, other: &Played) -> Option<String> {
        let pairs = self.base.verdicts.iter().zip(&other.verdicts).take(self.upto);
        let first = pairs.into_iter().find(|(was, is)| was.verdict != is.verdict);
        let queue = other.queues.first().map(String::as_str);
        match first {
            Some((_, is)) => Some(in_words(is.verdict, queue)),
            None if self.base.queues.first() != other.queues.first() => {
                let escalates = |played: &Played| {
                    played.verdicts.iter().take(self.upto).any(|r| r.verdict == Verdict::Escalate)
                };
                escalates(other).then(|| in_words(Verdict::Escalate, queue))
            }
            None => None,
        }
    }

    /// Whether a changed call is still one to the schemas: what is not would be sent back for that
    /// alone, which tells nothing of the rules.
    fn fits(&self, scene: &Scene) -> bool {
        let output = |scene: &Scene| match scene.attempts.last() {
            Some(Attempt::Answers(answer, _)) => answer.first_value(true),
            _ => None,
        };
        let fits = |schema: Option<&Schema>, value: Option<Value>| {
            schema.zip(value).is_none_or(|(schema, value)| schema.is_valid(&value))
        };
        let (input_schema, output_schema) =
            (self.policy.input_schema(), self.policy.output_schema());
        fits(input_schema, Some(scene.input.clone()))
            && (fits(output_schema, output(scene)) || !fits(output_schema, output(self.scene)))
    }

    /// The claim as a flip, if deciding again bears it out.
    fn proven(&self, claim: &claims::Claim) -> Option<Flip> {
        let play = |change: &claims::Change| {
            let mut scene = self.scene.clone();
            (change.put_into(&mut scene) && self.fits(&scene)).then(|| scene.play(self.policy))
        };
        let far = self.result(&play(&claim.far)?)?;
        let near = match &claim.near {
            Some(near) => play(near).and_then(|played| self.result(&played)),
            None => None,
        };
        if near.is_some() {
            return None;
        }
        let result = claim.asked_next.clone().unwrap_or(far);
        let (places, how, was) = (claim.places.clone(), claim.how.clone(), claim.was.clone());
        Some(Flip { result, places, how, was })
    }
}

fn in_words(verdict: Verdict, queue: Option<&str>) -> String {
    match verdict {
        Verdict::Accept => "accepted".to_owned(),
        Verdict::Repair => "sent back for repair".to_owned(),
        Verdict::Retry => "asked again".to_owned(),
        Verdict::NextModel => "given to the next model".to_owned(),
        Verdict::Fallback => "answered by the fallback".to_owned(),
        Verdict::Escalate => format!("escalated to {}", queue.unwrap_or("a person")),
        Verdict::Reject => "refused".to_owned(),
    }
}

impl Engine {
    /// What would have changed a call; `None` if there is no such call.
    ///
    /// # Errors
    /// [`Stop`] if the ledger cannot be read.
    pub async fn what_if(&self, id: &CallId) -> Result<Option<WhatIf>, Stop> {
        let inner = &self.0;
        let events = inner.ledger.stream(&Stream::call(id), 0).await?;
        let received = events.iter().find_map(|recorded| match recorded.as_call() {
            Some(CallEvent::CallReceived(received)) => Some(received),
            _ => None,
        });
        let Some(received) = received else { return Ok(None) };
        let Some(policy) = inner.policy_of(&received.policy, received.revision).await? else {
            let why = "the policy revision that it is pinned to is gone".to_owned();
            return Ok(Some(WhatIf::Unknown(why)));
        };
        let mut kept = BTreeMap::new();
        for digest in bodies(&events) {
            if let Some(bytes) = inner.stored(digest).await? {
                kept.insert(digest, bytes);
            }
        }
        Ok(Some(what_if(&policy, &events, &kept)))
    }
}
