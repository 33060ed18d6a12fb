//! What guards and operators did: facts that belong to no single call.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{Digest, Millis};

/// What happened to a model, a policy or the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "body", rename_all = "snake_case")]
pub enum ControlEvent {
    /// A breaker went from one state to another.
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
    /// A revision of a policy came into force.
    RevisionLoaded {
        /// The policy.
        policy: String,
        /// Its revision.
        revision: Digest,
        /// Body digest of the files that it was compiled from, so that a call that is pinned to it
        /// can go on, and be replayed, after they changed on disk.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sources: Option<Digest>,
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
}

impl ControlEvent {
    /// Name of the type, as stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BreakerChanged { .. } => "breaker_changed",
            Self::LatchChanged { .. } => "latch_changed",
            Self::RevisionLoaded { .. } => "revision_loaded",
            Self::OperatorActed { .. } => "operator_acted",
        }
    }
}
