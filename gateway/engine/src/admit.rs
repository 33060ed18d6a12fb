//! The door: a request comes in, a call comes to be, or the caller learns why not.
//!
//! Order: pin the revision, idempotency, degradation, limits, a place, `call_received`. Who is
//! refused here has no call, binds no key and writes no row.

use std::{collections::BTreeMap, sync::Arc};

use backstop_domain::{
    Actor, ActorKind, CallEvent, CallId, CallState, Criticality, Digest, Estimate, Event, Face,
    Millis, Received,
    guard::{Amounts, Level},
};
use backstop_ledger::{KeyClaim, Scope};
use backstop_policy::Policy;
use serde_json::Value;

use crate::{
    engine::{Engine, Inner},
    keys::Hold,
    live::{Live, LiveCall, Stop},
    pinned::Pinned,
    rates::Rates,
};

/// A request, as the edge read it.
#[derive(Debug, Clone)]
pub struct Submit {
    /// Name of the policy.
    pub policy: String,
    /// Who asks.
    pub caller: Caller,
    /// Which face it came in by.
    pub face: Face,
    /// The input as sent: the chat body, for policies that pass it through.
    pub input: Value,
    /// The caller's messages beside it.
    pub messages: Vec<Value>,
    /// The chat body that is passed through, where the input is another thing.
    pub body: Option<Value>,
    /// Idempotency key, as sent.
    pub key: Option<String>,
    /// Digest of the request body in canonical JSON.
    pub fingerprint: Digest,
    /// What the caller sent along, echoed back.
    pub tags: BTreeMap<String, String>,
    /// A shorter deadline, in milliseconds from now.
    pub deadline_ms: Option<u64>,
    /// A lower class than the policy's.
    pub criticality: Option<Criticality>,
    /// The request's id.
    pub request_id: String,
    /// W3C `traceparent`.
    pub traceparent: Option<String>,
}

/// Who asks, as the gateway file knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// Its name; `local` on a loopback without keys.
    pub name: String,
    /// Its tenant.
    pub tenant: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// The person or team that owns it: may not decide on its calls.
    pub owner: Option<String>,
    /// Policies that it may call; `None` is all.
    pub policies: Option<Vec<String>>,
    /// Highest class that it may run under; `None` is critical.
    pub highest: Option<Criticality>,
}

/// A call that was admitted.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Its id.
    pub id: CallId,
    /// Whether an earlier request with the same key made it.
    pub joined: bool,
    /// How the caller stands under its limits; a joined request takes nothing and is told nothing.
    pub rates: Rates,
}

/// Why there is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No policy of that name.
    #[error("there is no policy `{name}`{}", did_you_mean(.like.as_deref()))]
    UnknownPolicy {
        /// As asked for.
        name: String,
        /// The nearest name that the caller may use.
        like: Option<String>,
    },
    /// The caller may not use that policy.
    #[error("caller `{caller}` may not use policy `{policy}`")]
    NotAllowed {
        /// The caller.
        caller: String,
        /// The policy.
        policy: String,
    },
    /// The input is not to its schema.
    #[error("the input does not fit policy `{policy}`")]
    InvalidInput {
        /// The policy.
        policy: String,
        /// What is wrong and where: JSON pointer and words.
        problems: Vec<(String, String)>,
    },
    /// The key belongs to a request with another body.
    #[error("idempotency key `{key}` was used with another body")]
    KeyReused {
        /// The key.
        key: String,
        /// The call that has it.
        call: CallId,
    },
    /// The key belongs to a call whose words were erased: it is neither told of nor made anew.
    #[error("the words of call `{call}`, which has this idempotency key, were erased")]
    Erased {
        /// The call.
        call: CallId,
    },
    /// A limit says no.
    #[error("{which}")]
    Limited {
        /// Which limit and whose, in words.
        which: String,
        /// When to try again, if known.
        until: Option<Millis>,
        /// The request is larger than the limit allows at all.
        never: bool,
        /// How the caller stands.
        rates: Rates,
    },
    /// Under its load the gateway takes no calls of that class, or has no place for one.
    #[error("{which}")]
    Shed {
        /// What is lacking, in words.
        which: String,
        /// When to try again, in milliseconds.
        after_ms: u64,
        /// What the gateway gives up.
        level: Level,
        /// How the caller stands.
        rates: Rates,
    },
    /// An operator holds the policy.
    #[error("policy `{policy}` is paused: {reason}")]
    Paused {
        /// The policy.
        policy: String,
        /// Why.
        reason: String,
        /// Until when, at most.
        until: Millis,
    },
    /// The gateway does not take calls now.
    #[error("{why}")]
    Unavailable {
        /// Why, in words.
        why: String,
    },
    /// The request cannot be written down.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl Engine {
    /// Admits a request, or joins it to the call that its key names. The call runs on its own from
    /// here; wait for it with [`Engine::wait`].
    ///
    /// # Errors
    /// [`Refused`]: there is no call then.
    pub async fn submit(&self, submit: Submit) -> Result<Admitted, Refused> {
        let policy = submit.policy.clone();
        let submitted = self.0.submit(submit).await;
        if let Err(refused) = &submitted {
            crate::seen::refused(&policy, refused);
        }
        submitted
    }
}

impl Inner {
    async fn submit(self: &Arc<Self>, submit: Submit) -> Result<Admitted, Refused> {
        let policy = self.pin(&submit)?;
        let claim = submit.key.clone().map(|key| KeyClaim {
            scope: Scope { caller: submit.caller.name.clone(), policy: policy.name.clone() },
            key,
            fingerprint: submit.fingerprint,
            call: self.ids.call(self.clock.now()),
        });
        let hold = match &claim {
            Some(claim) => match self.find_key(claim).await? {
                Key::Bound(id) => {
                    return Ok(Admitted { id, joined: true, rates: Rates::default() });
                }
                Key::Free(hold) => Some(hold),
            },
            None => None,
        };
        let admitted = self.admit(policy, submit, claim).await?;
        if let Some(hold) = hold {
            hold.keep();
        }
        Ok(admitted)
    }
}

/// What a key names.
enum Key {
    /// A call, in memory or on disk.
    Bound(CallId),
    /// Nothing: it is ours now.
    Free(Hold),
}

impl Inner {
    fn pin(&self, submit: &Submit) -> Result<Arc<Policy>, Refused> {
        if let Some(fault) = self.ledger.fault() {
            return Err(Refused::Unavailable { why: fault.to_string() });
        }
        if self.tasks.is_draining() {
            return Err(Refused::Unavailable { why: "the gateway is stopping".to_owned() });
        }
        let workspace = self.workspace.load();
        let name = &submit.policy;
        let Some(policy) = workspace.policies.get(name) else {
            let like = nearest(name, workspace.policies.keys());
            return Err(Refused::UnknownPolicy { name: name.clone(), like });
        };
        let caller = &submit.caller;
        if caller.policies.as_ref().is_some_and(|allowed| !allowed.contains(name)) {
            let (caller, policy) = (caller.name.clone(), name.clone());
            return Err(Refused::NotAllowed { caller, policy });
        }
        Ok(Arc::clone(policy))
    }

    /// The call that a key names already, in memory or on disk; else the key is ours now.
    async fn find_key(&self, claim: &KeyClaim) -> Result<Key, Refused> {
        loop {
            let theirs = match self.keys.hold(claim) {
                Ok(hold) => {
                    let bound = self.ledger.key(claim.scope.clone(), claim.key.clone()).await;
                    let Some(bound) = bound.map_err(Stop::from)? else {
                        return Ok(Key::Free(hold));
                    };
                    let erased = Refused::Erased { call: bound.call.clone() };
                    let same = self.same(claim, bound.call, bound.fingerprint);
                    return if bound.erased { same.and(Err(erased)) } else { same };
                }
                Err(theirs) => theirs,
            };
            if let Some(live) = self.live_call(&theirs.call) {
                return self.same(claim, theirs.call, live.fingerprint);
            }
            // Somebody is just admitting it, or it ended this moment: either settles the key.
            theirs.settled.cancelled().await;
        }
    }

    fn same(&self, claim: &KeyClaim, call: CallId, fingerprint: Digest) -> Result<Key, Refused> {
        if fingerprint == claim.fingerprint {
            Ok(Key::Bound(call))
        } else {
            Err(Refused::KeyReused { key: claim.key.clone(), call })
        }
    }

    async fn admit(
        self: &Arc<Self>,
        policy: Arc<Policy>,
        mut submit: Submit,
        claim: Option<KeyClaim>,
    ) -> Result<Admitted, Refused> {
        let started = crate::stages::stopwatch();
        let now = self.clock.now();
        let id = claim.as_ref().map_or_else(|| self.ids.call(now), |claim| claim.call.clone());
        let (own, drawn) = self.pinned(policy, &id, &mut submit, now)?;
        let canary_of = drawn.as_ref().map(|_| own.policy.plan.revision);
        let pinned = drawn.as_ref().unwrap_or(&own);
        let (estimates, rendered) = crate::estimate::per_model(&pinned.policy, &pinned.facts);
        let level = self.load.level();
        // The door is the policy's own, whichever revision answers.
        let let_in = self.let_in(&own, &submit, amounts(&estimates), level).await?;
        let Pinned { policy, facts, request } = drawn.unwrap_or(own);
        let received = Received {
            policy: policy.name.clone(),
            revision: policy.plan.revision,
            caller: submit.caller.name.clone(),
            tenant: submit.caller.tenant.clone(),
            key: submit.key.clone(),
            fingerprint: submit.fingerprint,
            request: request.digest(),
            tags: submit.tags.clone(),
            traceparent: submit.traceparent.clone(),
            face: submit.face,
            criticality: class(&policy, &submit),
            mode: policy.plan.mode,
            deadline: now.plus(deadline_ms(&policy, &submit)),
            estimates,
            canary_of,
            level,
            held_at_door: let_in.held,
        };
        let received = CallEvent::CallReceived(received);
        let state = CallState::fold(None, &received, now).map_err(Stop::from)?;
        let mut live = Live::new(policy, facts, state, (0, None));
        live.correlation = Some(submit.request_id.clone());
        live.traceparent = submit.traceparent.clone();
        live.started = started;
        live.rendered = rendered;
        live.owner = Some(submit.caller.owner.clone());
        (live.door, live.place) = (let_in.permits, let_in.place);
        live.stages.queue += let_in.waited;
        live.keep_body(request);
        if let Some(claim) = claim {
            live.claim(claim);
        }
        let actor =
            Actor { kind: ActorKind::Caller, id: submit.caller.name, via: Some("api".into()) };
        live.keep(&self.ids, now, actor, Event::Call(received));
        live.running = true;
        let call = Arc::new(LiveCall::new(id.clone(), live));
        self.live.lock().insert(id.clone(), Arc::clone(&call));
        self.tasks.start(Arc::clone(self).run(call));
        Ok(Admitted { id, joined: false, rates: let_in.rates })
    }
}

/// The policy's class, or a lower one that the caller asked for or is held to.
pub(crate) fn class(policy: &Policy, submit: &Submit) -> Criticality {
    let highest = submit.caller.highest.unwrap_or(Criticality::Critical);
    let asked = submit.criticality.unwrap_or(Criticality::Critical);
    policy.plan.criticality.min(highest).min(asked)
}

pub(crate) fn deadline_ms(policy: &Policy, submit: &Submit) -> u64 {
    submit.deadline_ms.map_or(policy.plan.deadline_ms, |asked| asked.min(policy.plan.deadline_ms))
}

/// What the call is expected to take, at most, of limits at the door.
fn amounts(estimates: &[Estimate]) -> Amounts {
    estimates.first().map_or_else(Amounts::default, |first| Amounts {
        requests: 1,
        tokens: first.usage.total(),
        cost: first.cost,
    })
}

fn did_you_mean(like: Option<&str>) -> String {
    like.map(|like| format!("; did you mean `{like}`?")).unwrap_or_default()
}

/// The nearest of these names, if it is near enough to be a slip.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
    let scored = names.map(|known| (strsim::jaro_winkler(name, known), known));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then(|| best.1.clone())
}
