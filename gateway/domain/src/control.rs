//! What guards and operators did: facts that belong to no single call.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{CallId, Digest, Millis, guard::Level};

/// What happened to a model, a policy or the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "body", rename_all = "snake_case")]
pub enum ControlEvent {
    /// A breaker of a model went from one state to another.
    BreakerChanged {
        /// The model.
        model: String,
        /// `closed`, `open`, `half_open` or `isolated`.
        from: String,
        /// The same words.
        to: String,
        /// Why, in words.
        reason: String,
        /// When it is next tried, if it is open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Millis>,
        /// For whom: the quality breaker of that policy. Absent: the availability breaker, which
        /// is everybody's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quality_of: Option<QualityOf>,
    },
    /// A credential was latched by a quota or sign-in error, or let go again.
    LatchChanged {
        /// The provider whose credential it is.
        provider: String,
        /// Until when it is not used; `None`: it is free.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Millis>,
        /// Why, in words.
        reason: String,
    },
    /// A revision of a policy came into force, or beside it as a draft.
    RevisionLoaded {
        /// The policy.
        policy: String,
        /// Its revision.
        revision: Digest,
        /// Body digest of the files that it was compiled from, so that a call that is pinned to it
        /// can go on, and be replayed, after they changed on disk.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sources: Option<Digest>,
        /// It is a draft: judged beside the one in force, or answering a share of its calls.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        draft: bool,
    },
    /// A canary left its bounds and was taken back by itself: the policy in force answers all calls
    /// again. The same draft answers again only under other terms.
    CanaryReturned {
        /// The policy.
        policy: String,
        /// The draft's revision.
        revision: Digest,
        /// Digest of what the policy's file said of the canary: its share, key and bounds.
        terms: Digest,
        /// Which bound it left, in words.
        reason: String,
    },
    /// A draft was judged beside a call that had ended, on the same answers.
    ShadowJudged {
        /// The call.
        call: CallId,
        /// The policy.
        policy: String,
        /// The draft's revision.
        revision: Digest,
        /// What came of it.
        result: ShadowResult,
        /// How the call ended: an outcome.
        was: String,
        /// How it would have ended: an outcome, `in_review (QUEUE)`, or `unknown`.
        now: String,
        /// What makes it so, or why it cannot be known, in words; nothing if it is the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// A consumer of events was switched on or off, by an operator or by itself, or is given
    /// something again. It is never delivered to consumers: two that fail would feed each other.
    SubscriptionChanged {
        /// Its name in the gateway file.
        subscription: String,
        /// `enabled`, `disabled`, `redelivered`.
        to: String,
        /// Why, in words.
        reason: String,
        /// The first position of what is given again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
        /// The last one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
    },
    /// Bodies were erased because somebody asked for it. Their digests stay, so that it can be
    /// proven later which ones are gone and that nothing else was changed.
    BodiesErased {
        /// `call`, or `subject` for whatever a person or thing was called in several.
        scope: String,
        /// The call; for a subject the digest of what it was named by, never the name itself.
        target: String,
        /// The calls that they belonged to.
        calls: Vec<CallId>,
        /// The bodies.
        digests: Vec<Digest>,
        /// How many stay, because other calls use them too.
        shared: u64,
        /// Why, in words.
        reason: String,
    },
    /// What its time is over for was forgotten, as the files say. Envelopes and digests stay.
    RetentionApplied {
        /// Idempotency keys that are free again.
        keys: u64,
        /// Bodies that are gone.
        bodies: u64,
        /// Requests and answers may be gone that nothing used since this time.
        bodies_before: Millis,
        /// Words of events, likewise.
        events_before: Millis,
        /// Words of outcomes and decisions, likewise.
        labels_before: Millis,
    },
    /// The gateway gives up more or less under load than before, or an operator holds it at what
    /// it gives up.
    LevelChanged {
        /// From which level.
        from: Level,
        /// To which; the same if an operator holds it where it is.
        to: Level,
        /// Why, in words.
        reason: String,
        /// Until when an operator holds it there, whatever the load is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pinned_until: Option<Millis>,
    },
    /// An operator did something that is no other event.
    OperatorActed {
        /// What, in one word.
        act: String,
        /// To what.
        target: String,
        /// Why.
        reason: String,
        /// Until when, if it ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Millis>,
    },
    /// A person came to the desk; who stands in the envelope.
    SignedIn {
        /// By what: `key`, `password`, `login` or `oidc`.
        by: String,
        /// Digest of their session's id and of what they came in by: after a restart it shows that
        /// the session was theirs, and opens nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<Digest>,
        /// What they may do for as long as this session lasts, if no entry of the gateway file
        /// says it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        granted: Option<Granted>,
    },
    /// That person left it; an older record does not say by which session.
    SignedOut(Option<Left>),
    /// A person was shown something; who stands in the envelope.
    PageViewed {
        /// Which page: `queue review call overview policies quality`.
        page: String,
        /// Of what, if it is the page of one thing: its id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// Whether private places were hidden.
        #[serde(default)]
        masked: bool,
    },
}

/// What a person may do whom a provider of OpenID Connect vouched for, in the words of the gateway
/// file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Their roles.
    pub roles: Vec<String>,
    /// The queues that they work; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<String>,
    /// The teams that they belong to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// What they can judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// Whether private places are shown to them.
    #[serde(default)]
    pub sees_private: bool,
}

/// The session that a person left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Its digest, as the event of coming in has it.
    pub session: Digest,
}

/// Whose answers a quality breaker looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityOf {
    /// The policy.
    pub policy: String,
    /// The revision of it: another prompt or schema starts anew.
    pub revision: Digest,
}

/// What came of judging a draft beside a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShadowResult {
    /// The same end, with the same answer.
    Same,
    /// Another one.
    Flip,
    /// It cannot be known without asking again.
    Unknown,
}

impl ShadowResult {
    /// The word used in events and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Flip => "flip",
            Self::Unknown => "unknown",
        }
    }
}

impl ControlEvent {
    /// Name of the type, as stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BreakerChanged { .. } => "breaker_changed",
            Self::LatchChanged { .. } => "latch_changed",
            Self::RevisionLoaded { .. } => "revision_loaded",
            Self::SubscriptionChanged { .. } => "subscription_changed",
            Self::BodiesErased { .. } => "bodies_erased",
            Self::RetentionApplied { .. } => "retention_applied",
            Self::OperatorActed { .. } => "operator_acted",
            Self::CanaryReturned { .. } => "canary_returned",
            Self::ShadowJudged { .. } => "shadow_judged",
            Self::LevelChanged { .. } => "level_changed",
            Self::SignedIn { .. } => "signed_in",
            Self::SignedOut(_) => "signed_out",
            Self::PageViewed { .. } => "page_viewed",
        }
    }
}
